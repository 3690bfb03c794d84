//! Collapsed forwarding: one fill per key, whatever the number of askers (RFC 9111 section 4).
//!
//! The first asker of a key is handed a [`Lead`] and gives it to a task of its own; all of them, the first included, hold a [`Waiter`].
//! So no client can cancel, slow down or poison a fill: a client that leaves drops a waiter and nothing else. A lead that is dropped
//! without an outcome (its task panicked or was aborted) wakes every waiter with [`Lost`], and one of them leads anew. A fill whose answer is
//! still arriving announces it, and can be joined until its lead is dropped.
//!
//! What a fill does, and what its outcome means to a client, is the exchange's business.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The fills under way.
#[derive(Debug)]
pub struct Fills<K, O>(Arc<Mutex<HashMap<K, UnderWay<O>>>>);

#[derive(Clone, Debug)]
struct UnderWay<O> {
    outcome: watch::Sender<Option<O>>,
    /// Somebody was answered from a stale response and counts on this fill without waiting for it.
    promised: Arc<AtomicBool>,
    /// Cancelled when the fill is over.
    over: CancellationToken,
}

/// What an asker of a key gets.
#[derive(Debug)]
pub struct Joined<K: Eq + Hash + Clone, O> {
    /// Hears of the outcome.
    pub waiter: Waiter<O>,
    /// For the first asker alone: the right and the duty to run the fill.
    pub lead: Option<Lead<K, O>>,
}

/// One asker's ear on a fill. Dropped, it is an asker less.
#[derive(Debug)]
pub struct Waiter<O> {
    outcome: watch::Receiver<Option<O>>,
    promised: Arc<AtomicBool>,
}

/// The right to run the fill of one key. Held by one task at a time.
#[derive(Debug)]
pub struct Lead<K: Eq + Hash + Clone, O> {
    key: K,
    fill: UnderWay<O>,
    fills: Fills<K, O>,
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

impl<K, O> Clone for Fills<K, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, O> Default for Fills<K, O> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, O> Fills<K, O> {
    fn under_way(&self) -> MutexGuard<'_, HashMap<K, UnderWay<O>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone, O: Clone> Fills<K, O> {
    /// Joins the fill of `key`, if one is under way.
    pub fn join_under_way(&self, key: &K) -> Option<Waiter<O>> {
        self.under_way().get(key).map(UnderWay::waiter)
    }

    /// Joins the fill of `key`, or starts one.
    ///
    /// Whoever gets the lead must look into the store once more before it calls: a fill that ended between this asker's look-up and now
    /// has stored its answer.
    pub fn join(&self, key: &K) -> Joined<K, O> {
        let mut under_way = self.under_way();
        if let Some(fill) = under_way.get(key) {
            return Joined { waiter: fill.waiter(), lead: None };
        }
        let fill = UnderWay { outcome: watch::Sender::new(None), promised: Arc::default(), over: CancellationToken::new() };
        let waiter = fill.waiter();
        under_way.insert(key.clone(), fill.clone());
        Joined { waiter, lead: Some(Lead { key: key.clone(), fill, fills: self.clone() }) }
    }
}

impl<K: Eq + Hash, O> Fills<K, O> {
    /// Waits until the fill of `key` that is under way, if there is one, is over.
    pub async fn over(&self, key: &K) {
        let over = self.under_way().get(key).map(|fill| fill.over.clone());
        if let Some(over) = over {
            over.cancelled().await;
        }
    }
}

impl<O> UnderWay<O> {
    fn waiter(&self) -> Waiter<O> {
        Waiter { outcome: self.outcome.subscribe(), promised: Arc::clone(&self.promised) }
    }
}

impl<O: Clone> Waiter<O> {
    /// The fill's outcome.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the fill ended without one; the asker may join again.
    pub async fn outcome(&mut self) -> Result<O, Lost> {
        let told = self.outcome.wait_for(Option::is_some).await.map_err(|_| Lost)?;
        told.clone().ok_or(Lost)
    }

    /// Stops waiting, but wants the fill to be done all the same.
    pub fn leave_it_running(self) {
        // Before the receiver is dropped, so that whoever sees no waiter left sees the promise.
        self.promised.store(true, Ordering::Release);
    }
}

impl<K: Eq + Hash + Clone, O> Lead<K, O> {
    /// The key that is being filled.
    pub fn key(&self) -> &K {
        &self.key
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

impl<K: Eq + Hash + Clone, O> Drop for Lead<K, O> {
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
mod tests {
    use super::*;

    type Of = Fills<&'static str, u32>;

    #[tokio::test]
    async fn the_first_asker_leads_and_all_hear_the_outcome() {
        let fills = Of::default();
        let mut first = fills.join(&"a");
        let mut second = fills.join(&"a");
        assert!(first.lead.is_some() && second.lead.is_none());
        assert!(fills.join(&"b").lead.is_some(), "another key has a fill of its own");
        first.lead.take().unwrap().finish(7);
        assert_eq!(first.waiter.outcome().await, Ok(7));
        assert_eq!(second.waiter.outcome().await, Ok(7));
        assert!(fills.join(&"a").lead.is_some(), "a fill that has ended is not joined");
    }

    #[tokio::test]
    async fn a_lead_that_panics_wakes_the_waiters_and_one_of_them_leads_anew() {
        let fills = Of::default();
        let Joined { mut waiter, lead } = fills.join(&"a");
        let mut other = fills.join(&"a").waiter;
        let task = tokio::spawn(async move {
            let _lead = lead;
            panic!("as a fill might");
        });
        assert_eq!(waiter.outcome().await, Err(Lost));
        assert_eq!(other.outcome().await, Err(Lost));
        assert!(task.await.is_err());
        let led = [fills.join(&"a"), fills.join(&"a")].iter().filter(|joined| joined.lead.is_some()).count();
        assert_eq!(led, 1);
    }

    #[tokio::test]
    async fn what_is_announced_is_heard_by_all_until_the_lead_is_dropped() {
        let fills = Of::default();
        let Joined { mut waiter, lead } = fills.join(&"a");
        let lead = lead.unwrap();
        lead.announce(7);
        assert_eq!(waiter.outcome().await, Ok(7));
        let mut late = fills.join(&"a");
        assert!(late.lead.is_none());
        assert!(futures_util::poll!(std::pin::pin!(lead.heard())).is_pending());
        drop(waiter);
        assert!(futures_util::poll!(std::pin::pin!(lead.heard())).is_pending());
        let mut over = std::pin::pin!(fills.over(&"a"));
        assert!(futures_util::poll!(&mut over).is_pending());
        let ended = lead.end();
        over.await;
        fills.over(&"a").await;
        assert_eq!(late.waiter.outcome().await, Ok(7), "it joined in time");
        let mut heard = std::pin::pin!(ended.heard());
        assert!(futures_util::poll!(&mut heard).is_pending());
        drop(late);
        heard.await;
        assert!(fills.join(&"a").lead.is_some());
    }

    #[tokio::test]
    async fn a_fill_is_abandoned_only_when_the_last_waiter_has_left() {
        let fills = Of::default();
        let Joined { waiter, lead } = fills.join(&"a");
        let lead = lead.unwrap();
        let follower = fills.join(&"a").waiter;
        drop(waiter);
        let mut abandoned = std::pin::pin!(lead.abandoned());
        assert!(futures_util::poll!(&mut abandoned).is_pending());
        drop(follower);
        abandoned.await;
        assert!(fills.under_way().is_empty());
    }

    #[tokio::test]
    async fn a_fill_that_was_promised_goes_on_without_waiters() {
        let fills = Of::default();
        let Joined { waiter, lead } = fills.join(&"a");
        let lead = lead.unwrap();
        waiter.leave_it_running();
        assert!(futures_util::poll!(std::pin::pin!(lead.abandoned())).is_pending());
        assert!(fills.join(&"a").lead.is_none(), "and can still be joined");
    }

    #[tokio::test]
    async fn dropping_a_lead_after_another_fill_of_the_key_began_leaves_that_one_alone() {
        let fills = Of::default();
        let Joined { waiter, lead } = fills.join(&"a");
        let old = lead.unwrap();
        drop(waiter);
        old.abandoned().await;
        let new = fills.join(&"a");
        drop(old);
        assert!(fills.join(&"a").lead.is_none());
        drop(new);
    }
}
