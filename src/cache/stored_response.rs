//! One stored response: the head as clients get it, the body, and how long it serves.
//!
//! Whatever can be prepared when storing is prepared here: an answer from store copies a head and shares bytes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::cache::disk::{About, Head};
use crate::cache::freshness::{Freshness, Lifetime};
use crate::cache::representation::{Received, Representation};
use crate::clock::Reading;

/// A whole answer of the portal, kept.
#[derive(Debug)]
pub struct StoredResponse {
    status: StatusCode,
    fields: HeaderMap,
    body: Representation,
    about: About,
    born: Born,
    lifetime: Lifetime,
    /// Somebody has said that it is of yesterday: it is stale now.
    purged: AtomicBool,
    /// The second of this process in which its use was noted last.
    noted: AtomicU64,
}

/// When a response was received, in terms of this process.
#[derive(Clone, Copy, Debug)]
struct Born {
    /// The monotonic hand when it came here.
    here_since: Duration,
    /// How old it was then (RFC 9111 section 4.2.3: corrected_initial_age). Not zero if another process has stored it.
    age_then: Duration,
    /// By the wall clock, for processes to come.
    stored_at: Timestamp,
}

/// The wall clock may go back this far between two processes without making a response suspect.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);

impl StoredResponse {
    /// Keeps an answer whose last byte has just arrived. `fields` are those of clients.
    pub fn new(status: StatusCode, fields: &HeaderMap, body: Representation, about: About, now: Reading, lifetime: Lifetime) -> Self {
        let born = Born { here_since: now.elapsed, age_then: Duration::ZERO, stored_at: now.now };
        Self {
            status,
            fields: of_its_own(fields),
            body,
            about,
            born,
            lifetime,
            purged: AtomicBool::new(false),
            noted: AtomicU64::new(now.elapsed.as_secs()),
        }
    }

    /// Takes over what a disk has kept. Its age is the wall clock's affair, since it may be of another process; if that clock says that the response
    /// is of the future, nobody knows its age, and it is not fresh.
    pub fn from_disk(head: Head, received: Received, about: About, now: Reading, lifetime: Lifetime, purged: bool) -> Self {
        let age = now.now.duration_since(head.stored_at);
        let age_then = if age < -SKEW { lifetime.fresh } else { Duration::try_from(age).unwrap_or_default() };
        let born = Born { here_since: now.elapsed, age_then, stored_at: head.stored_at };
        let body = Representation::known(received, head.coding, head.identity_len, head.digest, head.links);
        Self {
            status: head.status,
            fields: head.fields,
            body,
            about,
            born,
            lifetime,
            purged: AtomicBool::new(purged),
            noted: AtomicU64::new(now.elapsed.as_secs()),
        }
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
            stored_at: self.born.stored_at,
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

    /// Current age (RFC 9111 section 4.2.3): the portal is an origin server and sends no `Age`. Since it came here it is measured on the
    /// monotonic hand, so that a wall clock that jumps makes nothing older or younger.
    pub fn age(&self, elapsed: Duration) -> Duration {
        self.born.age_then.saturating_add(elapsed.saturating_sub(self.born.here_since))
    }

    /// Whether it may answer now.
    pub fn freshness(&self, elapsed: Duration) -> Freshness {
        match Freshness::of(self.age(elapsed), self.lifetime) {
            Freshness::Fresh { .. } if self.purged.load(Ordering::Acquire) => Freshness::of(self.lifetime.fresh, self.lifetime),
            freshness => freshness,
        }
    }

    /// Bytes of memory it accounts for.
    pub fn weight(&self) -> usize {
        let head: usize = self.fields.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD).sum();
        size_of::<Self>() + head + self.about.weight() + self.body.weight()
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

    const LIFETIME: Lifetime = Lifetime { fresh: Duration::from_secs(600), stale: Duration::from_secs(60) };

    fn about() -> About {
        About { portal: "box".to_owned(), dataset: None, family: "records", target: "/x".to_owned() }
    }

    fn stored(clock: &Clock, fields: &HeaderMap) -> StoredResponse {
        let body = Bytes::from_static(b"a");
        let inspected = Inspection::of(&body, None);
        let body = Representation::new(Received::Bytes(body), Coding::Identity, &inspected);
        StoredResponse::new(StatusCode::OK, fields, body, about(), clock.read(), LIFETIME)
    }

    fn found_again(head: Head, clock: &Clock) -> StoredResponse {
        StoredResponse::from_disk(head, Received::Bytes(Bytes::from_static(b"a")), about(), clock.read(), LIFETIME, false)
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
            assert_eq!((again.age(elapsed), again.freshness(elapsed)), (age, freshness), "{now}");
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
        assert_eq!(stored.freshness(Duration::ZERO), Freshness::Stale { by: Duration::ZERO });
    }
}
