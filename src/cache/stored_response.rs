//! One stored response: the head as clients get it, the body, and how long it serves.
//!
//! Whatever can be prepared when storing is prepared here: an answer from store copies a head and shares bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};

use crate::cache::disk::{About, Head};
use crate::cache::freshness::{Freshness, Lifetime};
use crate::cache::partition::Generation;
use crate::cache::representation::{Received, Representation};
use crate::cache::validation::Digest;
use crate::clock::{Moment, Reading};
use crate::portal::versions::{Answered, Basis, Stamp, Standing};
use crate::response::version::VersionFields;

/// A whole answer of the portal, kept.
#[derive(Debug)]
pub struct StoredResponse {
    status: StatusCode,
    fields: HeaderMap,
    body: Representation,
    about: About,
    asked: Asked,
    version_fields: VersionFields,
    completed: Moment,
    same_bytes: bool,
    max_age: Option<Duration>,
    lifetime: Lifetime,
    /// Of the partition that it is kept in, if a key unlocked it.
    apart: Option<Arc<Generation>>,
    /// Somebody has said that it is of yesterday: it is stale now.
    purged: AtomicBool,
    /// The second of this process in which its use was noted last.
    noted: AtomicU64,
    /// How often it answered by itself.
    hits: AtomicU32,
}

/// What was known when the call of an answer left.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When that was.
    pub at: Moment,
    /// What its freshness stands on.
    pub basis: Basis,
    /// What the table of versions stated; none if it was empty.
    pub stamp: Option<Stamp>,
}

/// What is found out about an answer when it is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// How long it serves.
    pub lifetime: Lifetime,
    /// The portal's own freshness lifetime, if it stated one.
    pub max_age: Option<Duration>,
    /// Its bytes are those of the version before.
    pub same_bytes: bool,
}

/// What was asked for more often than this since it was stored is worth a call before anybody asks again.
const POPULAR: u32 = 8;

/// The wall clock may go back this far between two processes without making a response suspect.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);

impl StoredResponse {
    /// Keeps an answer whose last byte has just arrived. `fields` are those of clients.
    pub fn new(
        status: StatusCode,
        fields: &HeaderMap,
        body: Representation,
        about: About,
        asked: Asked,
        judged: Judged,
        now: Reading,
    ) -> Self {
        let Judged { lifetime, max_age, same_bytes } = judged;
        Self {
            status,
            fields: of_its_own(fields),
            body: body.with_codings(fields),
            about,
            version_fields: VersionFields::of(&asked),
            asked,
            completed: Moment::at(now),
            same_bytes,
            max_age,
            lifetime,
            apart: None,
            purged: AtomicBool::new(false),
            noted: AtomicU64::new(now.elapsed.as_secs()),
            hits: AtomicU32::new(0),
        }
    }

    /// Takes over what a disk has kept. Its age is the wall clock's affair, since it may be of another process; if that clock says that the response
    /// is of the future, nobody knows its age, and it is not fresh.
    pub fn from_disk(head: Head, received: Received, about: About, basis: Basis, now: Reading, lifetime: Lifetime, purged: bool) -> Self {
        let recalled = |wall: jiff::Timestamp| {
            let moment = Moment::recalled(wall, now);
            let unknown = now.now.duration_since(wall) < -SKEW;
            if unknown { moment.aged(lifetime.fresh.max(lifetime.unmoved)) } else { moment }
        };
        let asked = Asked { at: recalled(head.asked_at), basis, stamp: head.stamp };
        let body = Representation::known(received, head.coding, head.identity_len, head.digest, head.links).with_codings(&head.fields);
        Self {
            status: head.status,
            fields: head.fields,
            body,
            about,
            version_fields: VersionFields::of(&asked),
            asked,
            completed: recalled(head.stored_at),
            same_bytes: head.same_bytes,
            max_age: head.max_age,
            lifetime,
            apart: None,
            purged: AtomicBool::new(purged),
            noted: AtomicU64::new(now.elapsed.as_secs()),
            hits: AtomicU32::new(0),
        }
    }

    /// Keeps it in a partition: it is of use for as long as that stands.
    #[must_use]
    pub fn kept_apart(self, partition: Option<Arc<Generation>>) -> Self {
        Self { apart: partition, ..self }
    }

    /// Whether a key unlocked it, so that it is not everybody's.
    pub fn is_apart(&self) -> bool {
        self.apart.is_some()
    }

    /// Whether the key that unlocked it would not do so any more, for all that is known.
    pub fn is_lost(&self, elapsed: Duration) -> bool {
        // A refusal is no less true for it.
        let dataset = self.about.dataset.as_deref().filter(|_| self.status == StatusCode::OK);
        self.apart.as_ref().is_some_and(|partition| partition.has_lost(dataset, self.asked.at, elapsed))
    }

    /// What a disk keeps of it beside the body.
    pub fn head(&self) -> Head {
        Head {
            status: self.status,
            fields: self.fields.clone(),
            coding: self.body.coding(),
            identity_len: self.body.identity_len(),
            digest: self.body.digest(),
            links: self.body.links(),
            asked_at: self.asked.at.wall(),
            stored_at: self.completed.wall(),
            stamp: self.asked.stamp.clone(),
            same_bytes: self.same_bytes,
            max_age: self.max_age,
        }
    }

    /// The portal's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The head as clients get it, save what depends on the moment.
    pub fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    /// The body.
    pub fn body(&self) -> &Representation {
        &self.body
    }

    /// What it is an answer to.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How long it answers.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// What was known when its call left.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// What clients are told of its version.
    pub fn version_fields(&self) -> &VersionFields {
        &self.version_fields
    }

    /// What the versions are asked about it.
    pub fn answered(&self) -> Answered<'_> {
        Answered {
            status: self.status,
            stamp: self.asked.stamp.as_ref(),
            asked: self.asked.at,
            completed: self.completed,
            same_bytes: self.same_bytes,
        }
    }

    /// Whether an answer to the same question, with this stamp and digest, has the bytes of the version before its own: where only the version moved,
    /// the portal may not be done yet.
    pub fn has_bytes_of(&self, stamp: Option<&Stamp>, digest: Digest) -> bool {
        let version = |stamp: &Stamp| match self.asked.basis {
            Basis::Metadata => (stamp.data.clone(), Some(stamp.metadata.clone())),
            _ => (stamp.data.clone(), None),
        };
        let same_version = self.asked.stamp.as_ref().map(version) == stamp.map(version);
        self.body.digest() == digest && (!same_version || self.same_bytes)
    }

    /// Makes it stale, for all who hold it.
    pub fn purge(&self) {
        self.purged.store(true, Ordering::Release);
    }

    /// Whether the disk is to hear that it was used: once a minute, so that a hit costs no more than a look at a number, and what is hot in memory
    /// does not grow old on disk.
    pub fn is_used_again(&self, elapsed: Duration) -> bool {
        let noted = self.noted.load(Ordering::Relaxed);
        let now = elapsed.as_secs();
        now >= noted.saturating_add(60) && self.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// When its last byte arrived, on the wall clock.
    pub fn stored_at(&self) -> jiff::Timestamp {
        self.completed.wall()
    }

    /// Current age (RFC 9111 section 4.2.3): the portal is an origin server and sends no `Age`. From when its call left: it may be of that instant.
    pub fn age(&self, elapsed: Duration) -> Duration {
        self.asked.at.age(elapsed)
    }

    /// Whether it may answer now, by what the versions say of it.
    pub fn freshness(&self, standing: Standing, elapsed: Duration) -> Freshness {
        match Freshness::of(self.age(elapsed), self.lifetime, standing) {
            Freshness::Fresh { .. } | Freshness::Unchecked { .. } if self.purged.load(Ordering::Acquire) => {
                Freshness::of(self.age(elapsed), self.lifetime, Standing::Moved { by: Duration::ZERO })
            }
            freshness => freshness,
        }
    }

    /// Counts a hit. Whether that makes it popular, which it becomes once.
    pub fn becomes_popular(&self) -> bool {
        // It may wrap around, and be found popular again.
        self.hits.fetch_add(1, Ordering::Relaxed) == POPULAR
    }

    /// Bytes of memory it accounts for.
    pub fn weight(&self) -> usize {
        let head: usize = self.fields.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD).sum();
        size_of::<Self>() + head + self.about.weight() + self.version_fields.weight() + self.body.weight()
    }
}

/// The same fields in bytes of their own. As received, each value is a window into the buffer that the whole head, and often the body, was
/// read into, and keeps all of it.
fn of_its_own(fields: &HeaderMap) -> HeaderMap {
    let mut own = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let mut copy = HeaderValue::from_bytes(value.as_bytes()).expect("it was a field's value");
        copy.set_sensitive(value.is_sensitive());
        own.append(name.clone(), copy);
    }
    own
}

/// What a field costs in a `HeaderMap` beside its text: a bucket, an index slot and the value's own header.
const FIELD_OVERHEAD: usize = 96;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::cache::inspection::Inspection;
    use crate::cache::representation::Coding;
    use crate::clock::Clock;

    const LIFETIME: Lifetime = Lifetime { fresh: Duration::from_secs(600), unmoved: Duration::ZERO, stale: Duration::from_secs(60) };

    fn about() -> About {
        About { portal: "box".to_owned(), dataset: None, family: "records", target: "/x".to_owned() }
    }

    fn stored(clock: &Clock, fields: &HeaderMap) -> StoredResponse {
        let body = Bytes::from_static(b"a");
        let inspected = Inspection::of(&body, None);
        let body = Representation::new(Received::Bytes(body), Coding::Identity, &inspected);
        let asked = Asked { at: Moment::at(clock.read()), basis: Basis::Lifetime, stamp: None };
        StoredResponse::new(StatusCode::OK, fields, body, about(), asked, Judged { lifetime: LIFETIME, ..Judged::default() }, clock.read())
    }

    fn found_again(head: Head, clock: &Clock) -> StoredResponse {
        StoredResponse::from_disk(head, Received::Bytes(Bytes::from_static(b"a")), about(), Basis::Lifetime, clock.read(), LIFETIME, false)
    }

    fn clock(now: &str) -> Clock {
        Clock::manual(now.parse().unwrap())
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_stored_head_keeps_nothing_of_the_buffer_it_was_read_into() {
        let buffer = Bytes::from(b"application/json and whatever else was read with it".to_vec());
        let value = HeaderValue::from_maybe_shared(buffer.slice(..16)).unwrap();
        let fields = HeaderMap::from_iter([(http::header::CONTENT_TYPE, value)]);
        let stored = stored(&clock("2026-03-01T10:00:00Z"), &fields);
        drop(fields);
        assert_eq!(stored.fields()[http::header::CONTENT_TYPE], "application/json");
        assert!(buffer.is_unique());
    }

    #[test]
    fn age_is_measured_on_the_monotonic_hand_and_never_below_zero() {
        let clock = clock("2026-03-01T10:00:00Z");
        clock.advance(s(10));
        let stored = stored(&clock, &HeaderMap::new());
        assert_eq!(stored.age(s(9)), Duration::ZERO);
        clock.leap(jiff::SignedDuration::from_hours(-5));
        clock.advance(s(7));
        assert_eq!(stored.age(clock.read().elapsed), s(7));
    }

    #[test]
    fn another_process_goes_on_counting_where_the_wall_clock_says() {
        let first = clock("2026-03-01T10:00:00Z");
        let head = stored(&first, &HeaderMap::new()).head();
        for (now, age, freshness) in [
            ("2026-03-01T10:05:00Z", s(300), Freshness::Fresh { ttl: s(300) }),
            ("2026-03-01T10:10:30Z", s(630), Freshness::Stale { by: s(30) }),
            ("2026-03-01T12:00:00Z", s(7200), Freshness::Expired),
            ("2026-03-01T09:59:59Z", s(0), Freshness::Fresh { ttl: s(600) }),
            // The wall clock was put back meanwhile: nobody knows how old it is.
            ("2026-03-01T08:00:00Z", s(600), Freshness::Stale { by: s(0) }),
        ] {
            let second = clock(now);
            let again = found_again(head.clone(), &second);
            let elapsed = second.read().elapsed;
            assert_eq!((again.age(elapsed), again.freshness(Standing::NotVersioned, elapsed)), (age, freshness), "{now}");
            second.advance(s(5));
            assert_eq!(again.age(second.read().elapsed), age + s(5));
            assert_eq!(again.head().stored_at, head.stored_at);
        }
    }

    #[test]
    fn what_is_purged_is_stale_at_once() {
        let clock = clock("2026-03-01T10:00:00Z");
        let stored = stored(&clock, &HeaderMap::new());
        stored.purge();
        assert_eq!(stored.freshness(Standing::NotVersioned, Duration::ZERO), Freshness::Stale { by: Duration::ZERO });
    }
}
