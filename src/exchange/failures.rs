//! Questions whose fill has failed: for a while no call is made for them.
//!
//! A question that the portal fails to answer is asked by as many clients as before, and each would pay for the same failure. So after a failed
//! fill there is none for that key for 2 s, then for twice as long each time, up to five minutes; meanwhile its askers get the stale answer, or
//! are told of the failure again, at no cost. (A 200 that cannot be right is worse than a stale answer, and better than none.) A fill that succeeds ends it. What the whole portal suffers from is the budget's breaker's business;
//! this is about what one question meets.
//!
//! Bounded: what failed longest ago is forgotten first, and then costs one call more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;

use crate::cache::key::CacheKey;
use crate::origin;

/// The first wait; it doubles with each failure…
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// …up to this. A question that has been left alone for so long begins anew.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// Questions that are remembered.
const MAX_KEYS: usize = 2_048;

/// How a fill failed.
#[derive(Clone, Debug)]
pub enum Failed {
    /// The call brought nothing whole.
    Call(Arc<origin::Error>),
    /// The answer has this status: a 5xx, or the 200 of an answer that cannot be right.
    Answer(StatusCode),
}

/// The questions that failed lately.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<CacheKey, Standing>>);

#[derive(Debug)]
struct Standing {
    times: u32,
    /// On the monotonic hand.
    until: Duration,
    failed: Failed,
}

impl Failures {
    fn standing(&self) -> MutexGuard<'_, HashMap<CacheKey, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the last fill of `key` failed, and for how long there is no other, if that is so. `elapsed` is the monotonic hand.
    pub fn of(&self, key: &CacheKey, elapsed: Duration) -> Option<(Failed, Duration)> {
        let standing = self.standing();
        let Standing { until, failed, .. } = standing.get(key)?;
        let left = until.checked_sub(elapsed).filter(|left| !left.is_zero())?;
        Some((failed.clone(), left))
    }

    /// The fill of `key` has failed, or it has not.
    pub fn note(&self, key: &CacheKey, failed: Option<Failed>, elapsed: Duration) {
        let mut standing = self.standing();
        let Some(failed) = failed else {
            standing.remove(key);
            return;
        };
        let before = standing.get(key).filter(|before| before.until.saturating_add(LONGEST_WAIT) > elapsed);
        let times = before.map_or(0, |before| before.times);
        if standing.len() >= MAX_KEYS && !standing.contains_key(key) {
            let oldest = standing.iter().min_by_key(|(_, standing)| standing.until).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| standing.remove(&oldest));
        }
        let wait = FIRST_WAIT.saturating_mul(1 << times.min(8)).min(LONGEST_WAIT);
        standing.insert(key.clone(), Standing { times: times.saturating_add(1), until: elapsed.saturating_add(wait), failed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key::Partition;
    use crate::request::endpoint::classify;
    use crate::request::query::{RawQuery, RuleSwitches, canonicalise};

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn key(number: usize) -> CacheKey {
        let endpoint = classify("/api/explore/v2.1/catalog/datasets/x/records").unwrap();
        let raw = RawQuery::parse(&format!("limit={number}")).unwrap();
        let query = canonicalise(&endpoint, raw, &RuleSwitches::default()).unwrap().query;
        CacheKey::new("box", "https://portal.example", &Partition::Anonymous, &endpoint, &query, None, &[])
    }

    fn failed() -> Option<Failed> {
        Some(Failed::Answer(StatusCode::BAD_GATEWAY))
    }

    #[test]
    fn each_failure_in_a_row_doubles_the_wait_from_two_seconds_to_five_minutes() {
        let (failures, mut now) = (Failures::default(), s(100));
        let mut waits = Vec::new();
        for _ in 0..10 {
            failures.note(&key(1), failed(), now);
            let (_, wait) = failures.of(&key(1), now).unwrap();
            waits.push(wait.as_secs());
            assert!(failures.of(&key(2), now).is_none(), "another question is another matter");
            now += wait;
            assert!(failures.of(&key(1), now).is_none(), "then one may try");
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn a_fill_that_succeeds_and_a_long_rest_begin_anew() {
        let failures = Failures::default();
        let wait = |now| failures.of(&key(1), now).map(|(_, wait)| wait);
        for now in [0, 2] {
            failures.note(&key(1), failed(), s(now));
        }
        assert_eq!(wait(s(2)), Some(s(4)));
        failures.note(&key(1), None, s(6));
        failures.note(&key(1), failed(), s(7));
        assert_eq!(wait(s(7)), Some(s(2)));
        failures.note(&key(1), failed(), s(9 + 299));
        assert_eq!(wait(s(308)), Some(s(4)));
        failures.note(&key(1), failed(), s(312 + 300));
        assert_eq!(wait(s(612)), Some(s(2)));
    }

    #[test]
    fn of_too_many_the_one_that_may_be_tried_first_is_forgotten() {
        let failures = Failures::default();
        for number in 0..MAX_KEYS + 10 {
            failures.note(&key(number), failed(), s(number as u64 / 100));
        }
        assert_eq!(failures.standing().len(), MAX_KEYS);
        assert!(failures.standing().contains_key(&key(MAX_KEYS + 9)));
    }
}
