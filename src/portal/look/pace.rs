//! When a look may be made, and how: pure arithmetic on the monotonic hand.
//!
//! A look that fails is tried again after a minute, then after twice as long each time, up to fifteen. A portal that refuses one way of looking is
//! asked in the other; one that refuses both is left alone for an hour. What a day allows is shared out by stretching how long a look is
//! relied on.

use std::time::Duration;

use serde::Serialize;

/// After the first failure.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// After many.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// After the portal has refused every way.
const REFUSED_WAIT: Duration = Duration::from_secs(3600);
/// While pages are what works, the export, which costs one call, is tried again this often.
const EXPORT_AGAIN: Duration = Duration::from_secs(24 * 3600);
/// A portal that let us look before must refuse this often in a row until it is taken at its word.
const REFUSALS: u32 = 2;

/// One way of reading the whole catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// One call: the catalogue's export.
    Export,
    /// A call for each hundred datasets.
    Pages,
}

/// How versions are learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// From the catalogue's export.
    Export,
    /// From its pages.
    Pages,
    /// Not at all: lifetimes decide.
    Lifetimes,
}

impl From<Way> for Mode {
    fn from(way: Way) -> Self {
        match way {
            Way::Export => Self::Export,
            Way::Pages => Self::Pages,
        }
    }
}

/// What a day still allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Calls of looks per day.
    pub of_day: u64,
    /// Calls of looks today.
    pub used: u64,
    /// Time to the end of the day.
    pub left_of_day: Duration,
}

impl Allowance {
    pub fn left(&self) -> u64 {
        self.of_day.saturating_sub(self.used)
    }

    /// How long the look that is made now must be relied on, so that those that are left after it cover the rest of the day, if each costs
    /// `calls`. None if not even this one is left.
    pub fn interval(&self, calls: u64) -> Option<Duration> {
        let looks = u32::try_from(self.left().checked_div(calls.max(1))?).unwrap_or(u32::MAX);
        self.left_of_day.checked_div(looks)
    }
}

/// What looks so far have taught about looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    mode: Mode,
    /// What the last whole look took, or would have.
    calls: u64,
    failures: u32,
    refusals: u32,
    not_before: Option<Duration>,
    /// Since when it waits, if that is for a failure.
    began_to_wait: Option<Duration>,
    export_again: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { mode: Mode::Export, calls: 1, failures: 0, refusals: 0, not_before: None, began_to_wait: None, export_again: None }
    }
}

impl Pace {
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What a look takes, as far as is known.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Whether the last look brought nothing.
    pub fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// How long no look is to be made.
    pub fn wait(&self, elapsed: Duration) -> Option<Duration> {
        self.not_before?.checked_sub(elapsed).filter(|left| !left.is_zero())
    }

    /// The ways to try, one after the other.
    pub fn ways(&self, elapsed: Duration) -> [Way; 2] {
        let export_first = self.mode != Mode::Pages || self.export_again.is_some_and(|at| elapsed >= at);
        if export_first { [Way::Export, Way::Pages] } else { [Way::Pages, Way::Export] }
    }

    /// A look has read the catalogue this way with so many calls.
    pub fn succeeded(&mut self, way: Way, calls: u64, elapsed: Duration) {
        let in_force = match way {
            Way::Export => None,
            // A try that came to nothing ends the day of waiting as well.
            Way::Pages => self.export_again.filter(|at| elapsed < *at).or_else(|| elapsed.checked_add(EXPORT_AGAIN)),
        };
        *self = Self { mode: way.into(), calls: calls.max(1), export_again: in_force, ..Self::default() };
    }

    /// A look has brought nothing, for now.
    pub fn failed(&mut self, elapsed: Duration) {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(4)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(elapsed.saturating_add(wait));
        self.began_to_wait = Some(elapsed);
    }

    /// The portal refuses every way. Whether that is believed: `known` says that it has let us look before.
    pub fn refused(&mut self, known: bool, elapsed: Duration) -> bool {
        self.refusals = self.refusals.saturating_add(1);
        if known && self.refusals < REFUSALS && self.mode != Mode::Lifetimes {
            self.failed(elapsed);
            return false;
        }
        self.mode = Mode::Lifetimes;
        (self.failures, self.export_again, self.began_to_wait) = (0, None, None);
        self.not_before = Some(elapsed.saturating_add(REFUSED_WAIT));
        true
    }

    /// A look turns out to take so many calls.
    pub fn costs(&mut self, calls: u64) {
        self.calls = calls.max(1);
    }

    /// No call was granted.
    pub fn not_granted(&mut self, elapsed: Duration) {
        self.not_before = Some(elapsed.saturating_add(FIRST_WAIT));
        self.began_to_wait = Some(elapsed);
    }

    /// The portal was down and was seen to work again at `recovered`: what failed before that says nothing of the next look.
    pub fn recovered(&mut self, recovered: Duration) {
        if self.began_to_wait.take_if(|began| *began <= recovered).is_some() {
            (self.failures, self.not_before) = (0, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn failures_are_tried_again_after_one_minute_to_fifteen() {
        let (mut pace, mut now, mut waits) = (Pace::default(), minutes(7), Vec::new());
        assert_eq!(pace.wait(now), None);
        for _ in 0..7 {
            pace.failed(now);
            let wait = pace.wait(now).unwrap();
            waits.push(wait.as_secs() / 60);
            now += wait;
            assert_eq!(pace.wait(now), None);
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
        pace.succeeded(Way::Export, 1, now);
        pace.failed(now);
        assert_eq!(pace.wait(now), Some(minutes(1)), "from the beginning");
    }

    #[test]
    fn a_portal_that_works_again_is_looked_at_at_once_and_one_that_refuses_is_left_alone() {
        let mut pace = Pace::default();
        pace.failed(minutes(10));
        pace.failed(minutes(11));
        pace.recovered(minutes(9));
        assert_eq!(pace.wait(minutes(11)), Some(minutes(2)), "it failed after that");
        pace.recovered(minutes(12));
        assert_eq!((pace.wait(minutes(12)), pace.has_failed()), (None, false));
        pace.not_granted(minutes(12));
        pace.recovered(minutes(12));
        assert_eq!(pace.wait(minutes(12)), None);
        pace.refused(false, minutes(13));
        pace.recovered(minutes(14));
        assert_eq!(pace.wait(minutes(14)), Some(minutes(59)));
    }

    #[test]
    fn an_hour_of_failures_has_at_most_a_dozen_looks() {
        let (mut pace, mut now, mut looks) = (Pace::default(), Duration::ZERO, 0);
        while now <= minutes(60) {
            if pace.wait(now).is_none() {
                looks += 1;
                pace.failed(now);
            }
            now += Duration::from_millis(250);
        }
        assert!((2..=12).contains(&looks), "{looks}");
    }

    #[test]
    fn what_worked_last_is_tried_first_and_the_export_once_a_day() {
        let mut pace = Pace::default();
        let export_first = [Way::Export, Way::Pages];
        assert_eq!(pace.ways(minutes(0)), export_first);
        pace.succeeded(Way::Pages, 4, minutes(10));
        assert_eq!((pace.mode(), pace.calls(), pace.ways(minutes(11))), (Mode::Pages, 4, [Way::Pages, Way::Export]));
        pace.succeeded(Way::Pages, 4, minutes(1000));
        assert_eq!(pace.ways(minutes(10 + 24 * 60) - Duration::from_nanos(1)), [Way::Pages, Way::Export]);
        assert_eq!(pace.ways(minutes(10 + 24 * 60)), export_first);
        pace.succeeded(Way::Pages, 4, minutes(10 + 24 * 60));
        assert_eq!(pace.ways(minutes(10 + 24 * 60)), [Way::Pages, Way::Export], "it was tried, and is left alone for another day");
        pace.succeeded(Way::Export, 1, minutes(10 + 48 * 60));
        assert_eq!((pace.mode(), pace.calls(), pace.ways(minutes(99_999))), (Mode::Export, 1, export_first));
    }

    #[test]
    fn a_portal_that_refuses_is_asked_again_after_an_hour() {
        let mut pace = Pace::default();
        assert!(pace.refused(false, minutes(1)));
        assert_eq!((pace.mode(), pace.wait(minutes(1))), (Mode::Lifetimes, Some(minutes(60))));
        assert!(pace.refused(true, minutes(61)), "it is taken at its word already");
        assert_eq!(pace.wait(minutes(61)), Some(minutes(60)));
        pace.succeeded(Way::Export, 1, minutes(121));
        assert_eq!((pace.mode(), pace.wait(minutes(121))), (Mode::Export, None));
    }

    #[test]
    fn one_refusal_by_a_portal_that_let_us_look_before_is_a_failure() {
        let mut pace = Pace::default();
        pace.succeeded(Way::Export, 1, minutes(0));
        assert!(!pace.refused(true, minutes(5)));
        assert_eq!((pace.mode(), pace.wait(minutes(5))), (Mode::Export, Some(minutes(1))));
        assert!(pace.refused(true, minutes(6)));
        assert_eq!(pace.mode(), Mode::Lifetimes);
        pace.succeeded(Way::Export, 1, minutes(66));
        assert!(!pace.refused(true, minutes(71)), "the count begins anew");
    }

    #[test]
    fn the_interval_lets_a_day_fit() {
        let day = Allowance { of_day: 300, used: 0, left_of_day: minutes(24 * 60) };
        assert_eq!(day.interval(1), Some(Duration::from_secs(288)));
        assert_eq!(day.interval(4), Some(Duration::from_secs(1152)));
        assert_eq!(Allowance { used: 298, ..day }.interval(1), Some(minutes(12 * 60)));
        assert_eq!(Allowance { used: 298, ..day }.interval(3), None);
        assert_eq!(Allowance { used: 301, ..day }.interval(1), None);
        assert_eq!(Allowance { of_day: 0, ..day }.interval(1), None);
    }

    #[test]
    fn a_day_of_looks_each_made_when_the_last_is_no_longer_relied_on_stays_within_the_allowance_and_covers_the_day() {
        const DAY: Duration = minutes(24 * 60);
        let bound = minutes(5);
        for (of_day, calls) in [(300, 1), (300, 4), (10, 1), (7, 3), (4, 4), (1, 1), (5000, 1)] {
            // Asked for a sixtieth early, as the exchange does.
            let (mut now, mut used, mut covered, mut turn) = (Duration::ZERO, 0, Duration::ZERO, 0_u32);
            while now < DAY {
                let allowance = Allowance { of_day, used, left_of_day: DAY - now };
                if allowance.left() < calls {
                    break;
                }
                used += calls;
                turn += 1;
                let relied = bound.max(allowance.interval(calls).unwrap());
                covered = now + relied;
                now += relied - relied / 60;
                assert!(turn <= 300 || of_day == 5000);
            }
            assert!(used <= of_day, "{of_day} {calls}: {used}");
            assert!(covered >= DAY, "{of_day} {calls}: {covered:?}");
        }
    }
}
