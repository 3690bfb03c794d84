//! The pace of refreshes: so many under way at once, and so many begun in a minute, whatever has gone stale.
//!
//! A dataset that moves may make ten thousand answers stale in one instant. Each has its stale answer to fall back on; what is asked for most comes
//! first by itself, because it is asked for first.

use std::collections::VecDeque;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What paces the refreshes of one portal or of several. Clones share it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    at_once: Arc<Semaphore>,
    per_minute: usize,
    taken: Mutex<Taken>,
}

/// What is taken of the last minute.
#[derive(Debug, Default)]
struct Taken {
    /// When refreshes began, on the monotonic hand.
    begun: VecDeque<Duration>,
    /// Turns that wait to begin: each will, at a time that nobody knows yet.
    waiting: usize,
}

/// The right to begin one refresh. Dropped, it is left to others.
#[derive(Debug)]
pub struct Turn(Arc<Inner>);

/// A refresh under way.
#[derive(Debug)]
pub struct UnderWay(#[allow(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

const MINUTE: Duration = Duration::from_secs(60);

impl Pace {
    /// At most `at_once` at a time, and `per_minute` in any minute.
    pub fn new(at_once: NonZeroUsize, per_minute: NonZeroU32) -> Self {
        let at_once = Arc::new(Semaphore::new(at_once.get().min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { at_once, per_minute: per_minute.get() as usize, taken: Mutex::default() }))
    }

    /// A turn, if one is left in this minute. `elapsed` is the monotonic hand.
    pub fn turn(&self, elapsed: Duration) -> Option<Turn> {
        let mut taken = self.0.taken();
        while taken.begun.front().is_some_and(|first| elapsed.saturating_sub(*first) >= MINUTE) {
            taken.begun.pop_front();
        }
        (taken.begun.len() + taken.waiting < self.0.per_minute).then(|| {
            taken.waiting += 1;
            Turn(Arc::clone(&self.0))
        })
    }
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Waits until few enough are under way, and counts from then: what the portal sees of a minute is when calls leave, not when they were
    /// wished for. `elapsed` reads the monotonic hand.
    pub async fn begin(self, elapsed: impl Fn() -> Duration) -> UnderWay {
        // Never closed; if it were, there would be nothing to wait for.
        let place = Arc::clone(&self.0.at_once).acquire_owned().await.ok();
        self.0.taken().begun.push_back(elapsed());
        UnderWay(place)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // It has begun, and is counted as that, or never will.
        let mut taken = self.0.taken();
        taken.waiting = taken.waiting.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(at_once: usize, per_minute: u32) -> Pace {
        Pace::new(NonZeroUsize::new(at_once).unwrap(), NonZeroU32::new(per_minute).unwrap())
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn no_minute_has_more_turns_than_it_may_have() {
        let pace = pace(1, 3);
        let mut taken: Vec<u64> = Vec::new();
        for second in 0..600 {
            if let Some(turn) = pace.turn(s(second)) {
                turn.begin(|| s(second)).await;
                taken.push(second);
            }
        }
        assert_eq!(taken[..5], [0, 1, 2, 60, 61]);
        assert!(taken.windows(4).all(|window| window[3] - window[0] >= 60), "{taken:?}");
        assert_eq!(taken.len(), 30);
    }

    #[tokio::test]
    async fn those_under_way_are_waited_for() {
        let pace = pace(2, 100);
        let [one, two, three] = [(); 3].map(|()| pace.turn(s(0)).unwrap());
        let (first, _second) = (one.begin(|| s(0)).await, two.begin(|| s(0)).await);
        let mut third = std::pin::pin!(three.begin(|| s(0)));
        assert!(futures_util::poll!(&mut third).is_pending());
        drop(first);
        third.await;
    }

    #[tokio::test]
    async fn a_refresh_that_had_to_wait_counts_from_when_it_began() {
        let pace = pace(1, 3);
        let [one, two, three] = [(); 3].map(|()| pace.turn(s(0)).unwrap());
        for turn in [one, two, three] {
            drop(turn.begin(|| s(50)).await);
        }
        assert!(pace.turn(s(60)).is_none(), "three calls have left since");
        assert!(pace.turn(s(110)).is_some());
    }

    #[test]
    fn a_turn_that_is_not_taken_is_left_to_others() {
        let pace = pace(1, 1);
        let turn = pace.turn(s(0)).unwrap();
        assert!(pace.turn(s(90)).is_none(), "it may still begin");
        drop(turn);
        assert!(pace.turn(s(90)).is_some());
    }
}
