//! The partitions of what keys of the portals have unlocked: which of them stand.
//!
//! Each key has a part of the store to itself ([`Partition::Key`](super::key::Partition)), in memory and never on disk. What is stored there holds the
//! partition's [`Generation`], and is of no use to anybody once that is over: because the portal has refused the key, or because more keys came
//! than are kept. So a partition is dropped at once, and nothing is walked.
//!
//! A partition begins with the first answer that its key unlocks. An invented key unlocks nothing, and leaves no more here than a note for a
//! minute that the portal refused it. All of it is bounded.
//!
//! Pure but for the locks: what an answer says of its key is read by the exchange.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cache::freshness::Lifetime;
use crate::clock::Moment;
use crate::request::credential::Fingerprint;

/// Keys that have a partition, of all portals together. The next one takes the place of the oldest.
const MOST_PARTITIONS: usize = 1_024;
/// Keys of which is known that they were refused.
const MOST_REFUSED: usize = 4_096;
/// For how long a key that was refused is not tried again.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// Datasets that one key was told are gone; with more than that its whole partition goes.
const MOST_WITHDRAWN: usize = 64;
/// The longest that an answer in a partition is fresh: nothing tells when what a key may see has changed,
const LONGEST_FRESH: Duration = Duration::from_secs(10 * 60);
/// and that it is served stale.
const LONGEST_STALE: Duration = Duration::from_secs(60 * 60);
/// Places in which refusals are noted for the calls that are under way.
const PLACES: usize = 256;

/// The partitions of all portals.
#[derive(Debug)]
pub struct Partitions {
    inner: Mutex<Inner>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Inner {
    standing: Ring<Arc<Generation>>,
    /// Until when each is not tried again, on the monotonic hand.
    refused: Ring<Duration>,
    /// When a key of this place was last refused, on the monotonic hand. A key that shares its place with another may have an answer the less
    /// stored, and nothing worse.
    dropped: [Option<Duration>; PLACES],
}

/// One life of a partition, from the first answer that its key unlocks until the portal refuses it.
#[derive(Debug, Default)]
pub struct Generation {
    over: AtomicBool,
    /// The datasets that the portal said are gone, and when, on the monotonic hand.
    withdrawn: Mutex<Vec<(String, Duration)>>,
}

/// A key at a portal.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The portal's name.
    pub portal: &'a str,
    /// The key.
    pub key: &'a Fingerprint,
}

impl Default for Partitions {
    fn default() -> Self {
        let inner = Inner { standing: Ring::of(MOST_PARTITIONS), refused: Ring::of(MOST_REFUSED), dropped: [None; PLACES] };
        Self { inner: Mutex::new(inner), hasher: RandomState::new() }
    }
}

impl Partitions {
    /// The partition in which an answer is kept whose call left at `asked`; none if the key was refused since then. One that is not there begins
    /// with an answer that was `unlocked`, and with no other.
    pub fn admit(&self, holder: Holder<'_>, unlocked: bool, asked: Moment, elapsed: Duration) -> Option<Arc<Generation>> {
        let name = holder.name();
        let mut inner = self.inner();
        if inner.dropped[self.place(&name)].is_some_and(|dropped| asked.age(elapsed) >= elapsed.saturating_sub(dropped)) {
            return None;
        }
        if let Some(generation) = inner.standing.get(&name) {
            return Some(Arc::clone(generation));
        }
        unlocked.then(|| {
            let generation = Arc::<Generation>::default();
            if let Some(oldest) = inner.standing.insert(name, Arc::clone(&generation)) {
                oldest.end();
            }
            generation
        })
    }

    /// The portal has refused the key: its partition is over. If it did not know the key at all, that is `remembered`.
    pub fn refuse(&self, holder: Holder<'_>, remembered: bool, elapsed: Duration) {
        let name = holder.name();
        let mut inner = self.inner();
        inner.dropped[self.place(&name)] = Some(elapsed);
        if let Some(generation) = inner.standing.remove(&name) {
            generation.end();
        }
        if remembered {
            inner.refused.insert(name, elapsed.saturating_add(REFUSED_FOR));
        }
    }

    /// For how long the key is not to be tried, if the portal has just refused it.
    pub fn refused_for(&self, holder: Holder<'_>, elapsed: Duration) -> Option<Duration> {
        let mut inner = self.inner();
        let name = holder.name();
        let left = inner.refused.get(&name)?.saturating_sub(elapsed);
        if left.is_zero() {
            inner.refused.remove(&name);
        }
        (!left.is_zero()).then_some(left)
    }

    /// The portal has told the holder of the key that a dataset is gone.
    pub fn withdraw(&self, holder: Holder<'_>, dataset: &str, elapsed: Duration) {
        let generation = self.inner().standing.get(&holder.name()).cloned();
        if let Some(generation) = generation {
            generation.withdraw(dataset, elapsed);
        }
    }

    fn place(&self, name: &str) -> usize {
        (self.hasher.hash_one(name) % PLACES as u64) as usize
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generation {
    /// Whether an answer about `dataset` whose call left at `asked` is of no use any more: the partition is over, or the dataset is gone.
    pub fn has_lost(&self, dataset: Option<&str>, asked: Moment, elapsed: Duration) -> bool {
        let gone = |id: &str| {
            let withdrawn = self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner);
            withdrawn.iter().any(|(gone, at)| gone == id && asked.age(elapsed) >= elapsed.saturating_sub(*at))
        };
        self.over.load(Ordering::Acquire) || dataset.is_some_and(gone)
    }

    /// Whether the partition is over.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    fn withdraw(&self, dataset: &str, elapsed: Duration) {
        let mut withdrawn = self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing that was asked for before lives any more.
        let is_over = |at: Duration| elapsed.saturating_sub(at) > LONGEST_FRESH + LONGEST_STALE;
        withdrawn.retain(|(id, at)| id != dataset && !is_over(*at));
        if withdrawn.len() < MOST_WITHDRAWN {
            withdrawn.push((dataset.to_owned(), elapsed));
        } else {
            self.end();
        }
    }
}

impl Holder<'_> {
    /// No portal has a slash in its name.
    fn name(&self) -> String {
        format!("{}/{}", self.portal, self.key.as_str())
    }
}

/// How long an answer serves in a partition that would serve so long for everybody.
pub fn lifetime(configured: Lifetime) -> Lifetime {
    let fresh = configured.fresh.min(LONGEST_FRESH);
    Lifetime { fresh, unmoved: fresh, stale: configured.stale.min(LONGEST_STALE) }
}

/// The youngest entries, so many at most.
#[derive(Debug)]
struct Ring<V> {
    most: usize,
    /// With the places in which they came.
    entries: HashMap<String, (u64, V)>,
    /// The names of these entries and of no others, so that whoever comes and goes takes one place and not all.
    order: BTreeMap<u64, String>,
    last: u64,
}

impl<V> Ring<V> {
    fn of(most: usize) -> Self {
        Self { most, entries: HashMap::new(), order: BTreeMap::new(), last: 0 }
    }

    fn get(&self, name: &str) -> Option<&V> {
        self.entries.get(name).map(|(_, value)| value)
    }

    fn remove(&mut self, name: &str) -> Option<V> {
        let (place, value) = self.entries.remove(name)?;
        self.order.remove(&place);
        Some(value)
    }

    /// Takes in one that is not there, or anew; what has to leave for it is given back.
    fn insert(&mut self, name: String, value: V) -> Option<V> {
        self.remove(&name);
        let oldest = if self.order.len() < self.most { None } else { self.order.pop_first() };
        let left = oldest.and_then(|(_, oldest)| self.entries.remove(&oldest));
        self.last += 1;
        self.order.insert(self.last, name.clone());
        self.entries.insert(name, (self.last, value));
        left.map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::request::credential::Credential;

    fn key(text: &str) -> Fingerprint {
        Credential::of_key(&crate::config::Secret::new(text)).unwrap().fingerprint().unwrap().clone()
    }

    fn clock() -> Clock {
        let clock = Clock::manual("2026-03-01T10:00:00Z".parse().unwrap());
        clock.advance(s(3600));
        clock
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// An answer whose call leaves and comes back now.
    fn admitted(partitions: &Partitions, key: &Fingerprint, unlocked: bool, clock: &Clock) -> Option<Arc<Generation>> {
        let now = clock.read();
        partitions.admit(Holder { portal: "box", key }, unlocked, Moment::at(now), now.elapsed)
    }

    #[test]
    fn a_partition_begins_with_what_its_key_unlocks_and_ends_when_the_key_is_refused() {
        let (partitions, clock, key) = (Partitions::default(), clock(), key("k"));
        assert!(admitted(&partitions, &key, false, &clock).is_none(), "a refusal unlocks nothing");
        let first = admitted(&partitions, &key, true, &clock).unwrap();
        assert!(Arc::ptr_eq(&first, &admitted(&partitions, &key, false, &clock).unwrap()));
        let elsewhere = Holder { portal: "other", key: &key };
        partitions.refuse(elsewhere, true, clock.read().elapsed);
        assert!(!first.is_over(), "another portal knows other keys");
        let holder = Holder { portal: "box", key: &key };
        partitions.refuse(holder, false, clock.read().elapsed);
        assert!(first.is_over() && partitions.refused_for(holder, clock.read().elapsed).is_none());
        clock.advance(s(1));
        let second = admitted(&partitions, &key, true, &clock).unwrap();
        assert!(!second.is_over() && first.is_over(), "what was stored before stays lost");
    }

    #[test]
    fn an_answer_that_was_asked_for_before_its_key_was_refused_is_not_kept() {
        let (partitions, clock, key) = (Partitions::default(), clock(), key("k"));
        let holder = Holder { portal: "box", key: &key };
        let asked = Moment::at(clock.read());
        clock.advance(s(5));
        partitions.refuse(holder, false, clock.read().elapsed);
        clock.advance(s(5));
        assert!(partitions.admit(holder, true, asked, clock.read().elapsed).is_none());
        assert!(admitted(&partitions, &key, true, &clock).is_some(), "the portal takes the key again");
    }

    #[test]
    fn a_key_that_the_portal_does_not_know_is_not_tried_for_a_minute() {
        let (partitions, clock, key) = (Partitions::default(), clock(), key("k"));
        let holder = Holder { portal: "box", key: &key };
        partitions.refuse(holder, true, clock.read().elapsed);
        clock.advance(s(59));
        assert_eq!(partitions.refused_for(holder, clock.read().elapsed), Some(s(1)));
        clock.advance(s(1));
        assert_eq!(partitions.refused_for(holder, clock.read().elapsed), None);
    }

    #[test]
    fn a_dataset_that_is_gone_takes_along_what_was_asked_for_before_and_nothing_else() {
        let (partitions, clock, key) = (Partitions::default(), clock(), key("k"));
        let holder = Holder { portal: "box", key: &key };
        let generation = admitted(&partitions, &key, true, &clock).unwrap();
        let before = Moment::at(clock.read());
        clock.advance(s(1));
        partitions.withdraw(holder, "gone", clock.read().elapsed);
        clock.advance(s(1));
        let now = clock.read();
        assert!(generation.has_lost(Some("gone"), before, now.elapsed));
        assert!(!generation.has_lost(Some("gone"), Moment::at(now), now.elapsed), "it is back");
        assert!(!generation.has_lost(Some("other"), before, now.elapsed) && !generation.has_lost(None, before, now.elapsed));
        for dataset in 0..MOST_WITHDRAWN {
            partitions.withdraw(holder, &dataset.to_string(), clock.read().elapsed);
        }
        assert!(generation.is_over(), "more than can be told apart");
    }

    #[test]
    fn however_many_keys_come_little_is_kept_and_what_has_to_leave_is_over() {
        let (partitions, clock) = (Partitions::default(), clock());
        let first = admitted(&partitions, &key("first"), true, &clock).unwrap();
        for number in 0..3 * MOST_REFUSED {
            let key = key(&number.to_string());
            assert!(admitted(&partitions, &key, false, &clock).is_none());
            partitions.refuse(Holder { portal: "box", key: &key }, true, clock.read().elapsed);
        }
        let kept = |partitions: &Partitions| {
            let inner = partitions.inner();
            (inner.standing.entries.len(), inner.standing.order.len(), inner.refused.entries.len(), inner.refused.order.len())
        };
        assert_eq!(kept(&partitions), (1, 1, MOST_REFUSED, MOST_REFUSED), "invented keys have no partition");
        assert!(!first.is_over(), "and cost no other its own");
        clock.advance(s(1));
        let generations: Vec<_> =
            (0..2 * MOST_PARTITIONS).map(|number| admitted(&partitions, &key(&number.to_string()), true, &clock).unwrap()).collect();
        assert_eq!((kept(&partitions).0, kept(&partitions).1), (MOST_PARTITIONS, MOST_PARTITIONS));
        assert!(first.is_over() && generations[0].is_over() && !generations[2 * MOST_PARTITIONS - 1].is_over());
    }

    #[test]
    fn a_key_that_is_refused_and_taken_again_and_again_costs_no_other_its_partition() {
        let (partitions, clock, restless) = (Partitions::default(), clock(), key("restless"));
        let other = admitted(&partitions, &key("other"), true, &clock).unwrap();
        for _ in 0..2 * MOST_REFUSED {
            assert!(admitted(&partitions, &restless, true, &clock).is_some());
            partitions.refuse(Holder { portal: "box", key: &restless }, true, clock.read().elapsed);
            clock.advance(s(1));
        }
        assert!(!other.is_over());
        let inner = partitions.inner();
        assert_eq!((inner.standing.order.len(), inner.refused.order.len()), (1, 1), "one name each, however often it came");
    }

    #[test]
    fn what_a_key_unlocked_lives_ten_minutes_and_an_hour_at_most() {
        let long = Lifetime { fresh: s(86_400), unmoved: s(86_400), stale: s(604_800) };
        assert_eq!(lifetime(long), Lifetime { fresh: s(600), unmoved: s(600), stale: s(3600) });
        let brief = Lifetime { fresh: s(30), unmoved: s(30), stale: s(0) };
        assert_eq!(lifetime(brief), brief);
    }
}
