//! Collapsed forwarding: one fill per key, whatever the number of askers (RFC 9111 section 4).
//!
//! The first asker of a key is handed a [`Lead`] and gives it to a task of its own; all of them, the first included, hold a [`Waiter`].
//! So no client can cancel, slow down or poison a fill: a client that leaves drops a waiter and nothing else. A lead that is dropped
//! without an outcome (its task panicked or was aborted) wakes every waiter with [`Lost`], and one of them leads anew. A fill whose answer is
//! still arriving announces it, and can be joined until its lead is dropped. A lead knows who waits at this moment, in order of arrival: one of
//! them pays.
//!
//! What a fill does, and what its outcome means to a client, is the exchange's business.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The fills under way: by key, with their outcome, and with what is known of each who waits for it.
#[derive(Debug)]
pub struct Fills<K, O, A>(Arc<Mutex<HashMap<K, UnderWay<O, A>>>>);

#[derive(Debug)]
struct UnderWay<O, A> {
    outcome: watch::Sender<Option<O>>,
    /// Somebody was answered from a stale response and counts on this fill without waiting for it.
    promised: Arc<AtomicBool>,
    askers: Arc<Askers<A>>,
    /// Cancelled when the fill is over.
    over: CancellationToken,
}

/// What an asker of a key gets.
#[derive(Debug)]
pub struct Joined<K: Eq + Hash + Clone, O, A> {
    /// Hears of the outcome.
    pub waiter: Waiter<O, A>,
    /// For the first asker alone: the right and the duty to run the fill.
    pub lead: Option<Lead<K, O, A>>,
}

/// One asker's ear on a fill. Dropped, it is an asker less.
#[derive(Debug)]
pub struct Waiter<O, A> {
    outcome: watch::Receiver<Option<O>>,
    promised: Arc<AtomicBool>,
    askers: Arc<Askers<A>>,
    /// Its place among the askers; none for what asks for its own sake.
    place: Option<u64>,
}

/// Who counts on a fill.
#[derive(Debug)]
struct Askers<A>(Mutex<Arrivals<A>>);

/// By their places in the order of arrival.
#[derive(Debug)]
struct Arrivals<A> {
    last: u64,
    /// Those who wait: no more than there are clients with a request under way.
    waiting: BTreeMap<u64, A>,
    /// Those who left it running, each once, however often it did: no more than there are different ones.
    left: BTreeMap<u64, A>,
}

/// The right to run the fill of one key. Held by one task at a time.
#[derive(Debug)]
pub struct Lead<K: Eq + Hash + Clone, O, A> {
    key: K,
    fill: UnderWay<O, A>,
    fills: Fills<K, O, A>,
}

/// A fill that is over, for as long as somebody who joined it may not have heard what was announced.
#[derive(Debug)]
pub struct Ended<O>(watch::Sender<Option<O>>);

impl<O> Ended<O> {
    /// Waits until all who joined have done with the outcome what they wanted, or have left.
    pub async fn heard(self) {
        self.0.closed().await;
    }
}

/// The fill ended without an outcome: its task panicked or was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the fill ended without an outcome")]
pub struct Lost;

impl<K, O, A> Clone for Fills<K, O, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, O, A> Default for Fills<K, O, A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<O, A> Clone for UnderWay<O, A> {
    fn clone(&self) -> Self {
        let Self { outcome, promised, askers, over } = self;
        Self { outcome: outcome.clone(), promised: Arc::clone(promised), askers: Arc::clone(askers), over: over.clone() }
    }
}

impl<A> Askers<A> {
    fn none() -> Self {
        Self(Mutex::new(Arrivals { last: 0, waiting: BTreeMap::new(), left: BTreeMap::new() }))
    }

    fn list(&self) -> MutexGuard<'_, Arrivals<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, asker: A) -> u64 {
        let mut list = self.list();
        list.last += 1;
        let place = list.last;
        list.waiting.insert(place, asker);
        place
    }
}

impl<A: PartialEq> Arrivals<A> {
    /// The asker in `place` waits no longer, but counts on the fill. Of equal ones that do, the place of the first remains; one that still
    /// waits is no reason to forget this one, for it may leave.
    fn leave(&mut self, place: u64) {
        let Some(asker) = self.waiting.remove(&place) else { return };
        match self.left.iter().find(|(_, other)| **other == asker).map(|(other, _)| *other) {
            Some(other) if other < place => {}
            other => {
                other.map(|other| self.left.remove(&other));
                self.left.insert(place, asker);
            }
        }
    }

    /// Each once, in order of arrival.
    fn distinct(&self) -> Vec<A>
    where
        A: Clone,
    {
        let mut first: Vec<(u64, &A)> = Vec::new();
        for (place, asker) in self.waiting.iter().chain(&self.left) {
            match first.iter_mut().find(|(_, known)| *known == asker) {
                Some((known, _)) => *known = (*known).min(*place),
                None => first.push((*place, asker)),
            }
        }
        first.sort_unstable_by_key(|(place, _)| *place);
        first.into_iter().map(|(_, asker)| asker.clone()).collect()
    }
}

impl<K, O, A> Fills<K, O, A> {
    fn under_way(&self) -> MutexGuard<'_, HashMap<K, UnderWay<O, A>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone, O: Clone, A> Fills<K, O, A> {
    /// Whether a fill of `key` is under way.
    pub fn is_under_way(&self, key: &K) -> bool {
        self.under_way().contains_key(key)
    }

    /// Joins the fill of `key`, if one is under way.
    pub fn join_under_way(&self, key: &K, asker: A) -> Option<Waiter<O, A>> {
        self.under_way().get(key).map(|fill| fill.waiter(Some(asker)))
    }

    /// Joins the fill of `key`, or starts one. Without an `asker` it is for its own sake, and nobody pays.
    ///
    /// Whoever gets the lead must look into the store once more before it calls: a fill that ended between this asker's look-up and now
    /// has stored its answer.
    pub fn join(&self, key: &K, asker: Option<A>) -> Joined<K, O, A> {
        match self.join_if(key, asker, || Ok::<(), Infallible>(())) {
            Ok(joined) => joined,
            Err(never) => match never {},
        }
    }

    /// The same for an asker that can always join, and that leads only if it may: it is asked while nobody else can begin or end a fill.
    ///
    /// # Errors
    ///
    /// What `may_lead` says.
    pub fn join_if<E>(&self, key: &K, asker: Option<A>, may_lead: impl FnOnce() -> Result<(), E>) -> Result<Joined<K, O, A>, E> {
        let mut under_way = self.under_way();
        if let Some(fill) = under_way.get(key) {
            return Ok(Joined { waiter: fill.waiter(asker), lead: None });
        }
        may_lead()?;
        let askers = Arc::new(Askers::none());
        let fill = UnderWay { outcome: watch::Sender::new(None), promised: Arc::default(), askers, over: CancellationToken::new() };
        let waiter = fill.waiter(asker);
        under_way.insert(key.clone(), fill.clone());
        Ok(Joined { waiter, lead: Some(Lead { key: key.clone(), fill, fills: self.clone() }) })
    }
}

impl<K: Eq + Hash, O, A> Fills<K, O, A> {
    /// Waits until the fill of `key` that is under way, if there is one, is over.
    pub async fn over(&self, key: &K) {
        let over = self.under_way().get(key).map(|fill| fill.over.clone());
        if let Some(over) = over {
            over.cancelled().await;
        }
    }
}

impl<O, A> UnderWay<O, A> {
    fn waiter(&self, asker: Option<A>) -> Waiter<O, A> {
        let place = asker.map(|asker| self.askers.enter(asker));
        Waiter { outcome: self.outcome.subscribe(), promised: Arc::clone(&self.promised), askers: Arc::clone(&self.askers), place }
    }
}

impl<O: Clone, A> Waiter<O, A> {
    /// The fill's outcome.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the fill ended without one; the asker may join again.
    pub async fn outcome(&mut self) -> Result<O, Lost> {
        let told = self.outcome.wait_for(Option::is_some).await.map_err(|_| Lost)?;
        told.clone().ok_or(Lost)
    }

    /// Stops waiting, but wants the fill to be done all the same, and is one of those who may pay for it.
    pub fn leave_it_running(mut self)
    where
        A: PartialEq,
    {
        // Before the receiver is dropped, so that whoever sees no waiter left sees the promise.
        self.promised.store(true, Ordering::Release);
        if let Some(place) = self.place.take() {
            self.askers.list().leave(place);
        }
    }
}

impl<O, A> Drop for Waiter<O, A> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.askers.list().waiting.remove(&place);
        }
    }
}

impl<K: Eq + Hash + Clone, O, A> Lead<K, O, A> {
    /// The key that is being filled.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Who waits at this moment, or left it running: each of them once, in order of arrival.
    pub fn askers(&self) -> Vec<A>
    where
        A: Clone + PartialEq,
    {
        self.fill.askers.list().distinct()
    }

    /// Tells everybody, whoever joins later too, and goes on: the outcome is something that all can share while it comes.
    pub fn announce(&self, outcome: O) {
        self.fill.outcome.send_replace(Some(outcome));
    }

    /// Waits until all who waited have heard what was announced and have done with it what they wanted, or have left.
    pub async fn heard(&self) {
        self.fill.outcome.closed().await;
    }

    /// Whether somebody counts on the fill without waiting for it.
    pub fn is_promised(&self) -> bool {
        self.fill.promised.load(Ordering::Acquire)
    }

    /// Takes the fill off the list after an announcement: nobody can join it any more. What is to be found in the store must be there already.
    pub fn end(self) -> Ended<O> {
        Ended(self.fill.outcome.clone())
    }

    /// Ends the fill and tells everybody. What is to be found in the store must be there already.
    pub fn finish(self, outcome: O) {
        // Taken off the list first, so that an asker who comes now reads the store instead of joining a fill that has ended.
        self.fills.under_way().remove(&self.key);
        self.fill.outcome.send_replace(Some(outcome));
    }

    /// Waits until nobody is interested in the outcome any more, and then takes the fill off the list, so that nobody can join it.
    ///
    /// Never resolves once somebody counts on the fill without waiting.
    pub async fn abandoned(&self) {
        while !self.fill.promised.load(Ordering::Acquire) {
            self.fill.outcome.closed().await;
            let mut under_way = self.fills.under_way();
            // Under the lock nobody can join; somebody may have joined before it was taken.
            if self.fill.outcome.receiver_count() == 0 && !self.fill.promised.load(Ordering::Acquire) {
                under_way.remove(&self.key);
                return;
            }
        }
        std::future::pending().await
    }
}

impl<K: Eq + Hash + Clone, O, A> Drop for Lead<K, O, A> {
    fn drop(&mut self) {
        self.fill.over.cancel();
        let mut under_way = self.fills.under_way();
        // After `finish` or `abandoned` the entry is gone, or is another fill's.
        if under_way.get(&self.key).is_some_and(|fill| fill.outcome.same_channel(&self.fill.outcome)) {
            under_way.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;
