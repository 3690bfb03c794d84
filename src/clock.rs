//! The time that everything else is told.
//!
//! Freshness and quota functions take `now` as an argument; whoever calls them reads it here, once. Two readings exist because the
//! budget needs both: the wall clock says which UTC day it is, and the monotonic one says whether the wall clock can be believed.
//! Waiting and time-outs use tokio's time instead, which tests pause.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A source of wall-clock and monotonic time. Clones share it.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { start: Instant },
    Manual(Arc<Mutex<Reading>>),
}

/// One look at both hands of the clock, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock. It may jump, in either direction.
    pub now: Timestamp,
    /// Time since the clock was made. It never goes back, whatever the wall clock does.
    pub elapsed: Duration,
}

impl Clock {
    /// The operating system's clock.
    pub fn system() -> Self {
        Self(Source::System { start: Instant::now() })
    }

    /// A clock that stands still at `now` until [`advance`](Self::advance) or [`leap`](Self::leap) moves it. For tests and simulations.
    pub fn manual(now: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(Reading { now, elapsed: Duration::ZERO }))))
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.read().now
    }

    /// Wall clock and monotonic time in one look.
    pub fn read(&self) -> Reading {
        match &self.0 {
            Source::System { start } => Reading { now: Timestamp::now(), elapsed: start.elapsed() },
            Source::Manual(reading) => *reading.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Lets `by` pass on both hands.
    ///
    /// # Panics
    ///
    /// If this is the system's clock, or the wall clock would leave the years that a [`Timestamp`] has.
    pub fn advance(&self, by: Duration) {
        let mut reading = self.hands();
        reading.now += by;
        reading.elapsed += by;
    }

    /// Moves the wall clock alone, as an operator or a bad time server does.
    ///
    /// # Panics
    ///
    /// If this is the system's clock, or the wall clock would leave the years that a [`Timestamp`] has.
    pub fn leap(&self, by: SignedDuration) {
        self.hands().now += by;
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, Reading> {
        match &self.0 {
            Source::System { .. } => panic!("only a manual clock can be moved"),
            Source::Manual(reading) => reading.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_moves_the_wall_clock_alone() {
        let clock = Clock::manual("2026-03-01T10:00:00Z".parse().unwrap());
        let shared = clock.clone();
        clock.advance(Duration::from_secs(5));
        clock.leap(SignedDuration::from_hours(-1));
        assert_eq!(shared.read(), Reading { now: "2026-03-01T09:00:05Z".parse().unwrap(), elapsed: Duration::from_secs(5) });
    }
}
