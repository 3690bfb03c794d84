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

/// A moment that outlives the process: kept by the wall clock, and measured by the monotonic hand from when this process knew of it, so that a
/// wall clock that jumps makes nothing older or younger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The monotonic hand when this process knew of it.
    here_since: Duration,
    /// How long ago it was then. Not zero if another process has seen it.
    age_then: Duration,
    /// When it was, for processes to come.
    wall: Timestamp,
}

impl Moment {
    /// Now.
    pub fn at(now: Reading) -> Self {
        Self { here_since: now.elapsed, age_then: Duration::ZERO, wall: now.now }
    }

    /// One that another process has seen at `wall`. If that is still to come, the wall clock was put back meanwhile, and nobody knows how long ago
    /// it was: no time, then.
    pub fn recalled(wall: Timestamp, now: Reading) -> Self {
        Self { here_since: now.elapsed, age_then: Duration::try_from(now.now.duration_since(wall)).unwrap_or_default(), wall }
    }

    /// The same moment, `by` longer ago than it seems.
    pub fn aged(self, by: Duration) -> Self {
        Self { age_then: self.age_then.saturating_add(by), ..self }
    }

    /// How long ago it is. `elapsed` is the monotonic hand.
    pub fn age(&self, elapsed: Duration) -> Duration {
        self.age_then.saturating_add(elapsed.saturating_sub(self.here_since))
    }

    /// When it was, by the wall clock.
    pub fn wall(&self) -> Timestamp {
        self.wall
    }
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

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_moment_grows_older_by_the_monotonic_hand_alone() {
        let clock = Clock::manual("2026-03-01T10:00:00Z".parse().unwrap());
        clock.advance(s(100));
        let moment = Moment::at(clock.read());
        assert_eq!(moment.age(s(100)), s(0));
        assert_eq!(moment.age(s(99)), s(0), "never of the future");
        clock.leap(SignedDuration::from_hours(-30));
        clock.advance(s(7));
        assert_eq!(moment.age(clock.read().elapsed), s(7));
        assert_eq!(moment.wall(), "2026-03-01T10:01:40Z".parse().unwrap());
    }

    #[test]
    fn a_moment_of_another_process_is_as_old_as_the_wall_clock_says_once() {
        let clock = Clock::manual("2026-03-01T10:00:00Z".parse().unwrap());
        clock.advance(s(50));
        let wall = "2026-03-01T09:59:50Z".parse().unwrap();
        let moment = Moment::recalled(wall, clock.read());
        clock.leap(SignedDuration::from_hours(5));
        clock.advance(s(10));
        assert_eq!(moment.age(clock.read().elapsed), s(70));
        assert_eq!(moment.wall(), wall, "and is written down as it was");
        assert_eq!(moment.aged(s(30)).age(clock.read().elapsed), s(100));
    }

    #[test]
    fn a_moment_that_is_still_to_come_is_no_time_ago() {
        let clock = Clock::manual("2026-03-01T10:00:00Z".parse().unwrap());
        let moment = Moment::recalled("2026-03-01T12:00:00Z".parse().unwrap(), clock.read());
        clock.advance(s(3));
        assert_eq!(moment.age(clock.read().elapsed), s(3));
    }
}
