//! Which UTC day the portal counts a call on.
//!
//! The portal's day ends at 00:00 UTC by the portal's clock. [`Calendar`] holds the ledger's day against both hands of our clock and
//! against what the portal's answers say, and tells on which days a call may be counted. It is pure: the time is an argument.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Reading;

/// Smallest distance that is assumed between the portal's clock and ours.
const LEAST_SKEW: Duration = Duration::from_secs(2);
/// A larger distance is no skew: one of the clocks is wrong.
const LARGEST_SKEW: SignedDuration = SignedDuration::from_secs(300);
/// How far the wall clock may run from the monotonic one before it is disbelieved: a step of this size is within the skew…
const HANDS_APART: Duration = Duration::from_secs(2);
/// …and a crystal that is disciplined by a time server may drift by one part in this many.
const DRIFT_DIVISOR: u32 = 5_000;
/// A `Date` has whole seconds.
const DATE_RESOLUTION: Duration = Duration::from_secs(1);
/// A `Date` may be written this long after the call was counted.
const LATE_DATE: Duration = Duration::from_secs(120);

/// A UTC day, as a number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Day(pub i64);

impl Day {
    const SECONDS: i64 = 86_400;

    /// The day that `at` lies in.
    pub fn of(at: Timestamp) -> Self {
        // `as_second` truncates towards zero, which is the wrong second before 1970.
        let floor = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
        Self(floor.div_euclid(Self::SECONDS))
    }

    /// The day that ends exactly at `at`, if one does.
    pub fn ending_at(at: Timestamp) -> Option<Self> {
        (at.subsec_nanosecond() == 0 && at.as_second().rem_euclid(Self::SECONDS) == 0).then(|| Self(at.as_second() / Self::SECONDS - 1))
    }

    /// Its last instant, which is the first of the next day.
    pub fn end(self) -> Timestamp {
        self.0
            .checked_add(1)
            .and_then(|next| next.checked_mul(Self::SECONDS))
            .and_then(|s| Timestamp::from_second(s).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Its first instant.
    pub fn begin(self) -> Timestamp {
        self.0.checked_mul(Self::SECONDS).and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(Timestamp::MIN)
    }

    /// How much of it has passed at `now`: nothing if it is still to come.
    pub fn elapsed(self, now: Timestamp) -> Duration {
        Duration::try_from(now.duration_since(self.begin())).unwrap_or_default()
    }

    /// The day after.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// How many days lie between, whichever is earlier.
    pub fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

/// `at + by`, or the last instant there is.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at - by`, or the first instant there is.
pub(super) fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Both hands of the clock, the wall clock as corrected by the portal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub now: Timestamp,
    pub elapsed: Duration,
}

/// What a look at the clock brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Still the same day.
    Same,
    /// A new day has begun by both hands; the one before was this.
    NewDay(Day),
    /// The hands disagree: the day is not known any more.
    Doubt,
}

/// What an answer's `X-RateLimit-Reset` did to the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is the present day. If the day was not known, now it is.
    Confirmed,
    /// It is a neighbouring day, which the skew or the time under way explains; nothing follows for the present one.
    Nearby,
    /// It contradicts our clock: the day is not known any more, another answer decides.
    Doubt,
}

/// The ledger's day and how well it is known.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    /// The ledger's day.
    today: Day,
    /// The latest day that the clock has shown since its hands last disagreed.
    reached: Day,
    /// The day before, if today began by both hands while the day was known.
    continued: Option<Day>,
    known: bool,
    anchor: Reading,
    correction: SignedDuration,
    skew: Duration,
}

impl Calendar {
    /// The calendar at boot: the day of the clock, or the ledger's last one if that is later.
    pub fn new(reading: Reading, last: Option<Day>) -> Self {
        let reached = Day::of(reading.now);
        let today = last.map_or(reached, |last| last.max(reached));
        Self { today, reached, continued: None, known: false, anchor: reading, correction: SignedDuration::ZERO, skew: LEAST_SKEW }
    }

    pub fn today(&self) -> Day {
        self.today
    }

    /// The day that today is the continuation of, without a doubt in between.
    pub fn continued(&self) -> Option<Day> {
        self.continued
    }

    /// Whether an answer has decided the day, or both hands have since one did.
    pub fn known(&self) -> bool {
        self.known
    }

    /// The distance assumed between the portal's clock and ours.
    pub fn skew(&self) -> Duration {
        self.skew
    }

    /// How far the portal's clock is ahead of ours, where ours cannot be right.
    pub fn correction(&self) -> SignedDuration {
        self.correction
    }

    /// The time that the budget reckons with.
    pub fn moment(&self, reading: Reading) -> Moment {
        Moment { now: reading.now.checked_add(self.correction).unwrap_or(reading.now), elapsed: reading.elapsed }
    }

    /// Looks at the clock.
    pub fn tick(&mut self, reading: Reading) -> Turn {
        if self.hands_disagree(reading) {
            self.doubt(reading);
            return Turn::Doubt;
        }
        let shown = Day::of(self.moment(reading).now);
        if shown <= self.reached {
            return Turn::Same;
        }
        self.reached = shown;
        if shown <= self.today {
            return Turn::Same;
        }
        let before = std::mem::replace(&mut self.today, shown);
        self.continued = self.known.then_some(before);
        self.anchor = reading;
        Turn::NewDay(before)
    }

    /// Whether [`tick`](Self::tick) would change anything.
    pub fn would_turn(&self, reading: Reading) -> bool {
        self.hands_disagree(reading) || Day::of(self.moment(reading).now) > self.reached
    }

    /// The days that a call counts on which is with the portal at `now`, as far as the clocks can tell: the same twice, or two neighbours.
    pub fn window(&self, now: Timestamp) -> [Day; 2] {
        [Day::of(earlier(now, self.skew)), Day::of(later(now, self.skew))]
    }

    /// How far the portal's clock is ahead, at least, by the `Date` of an answer to a call that departed `took` ago. The portal wrote it
    /// at an unknown moment in between, in whole seconds, so the distance is known as an interval, and its end next to zero is taken.
    pub fn measure(&self, date: Timestamp, took: Duration, now: Timestamp) -> SignedDuration {
        let least = date.duration_since(now);
        let most = later(date, DATE_RESOLUTION).duration_since(earlier(now, took));
        if least > SignedDuration::ZERO {
            least
        } else if most < SignedDuration::ZERO {
            most
        } else {
            SignedDuration::ZERO
        }
    }

    /// Whether an answer may be right that counts the call on `day`: our clock is at most a day off, or the portal's own `Date` says the same.
    pub fn believable(&self, day: Day, date: Option<Timestamp>, now: Timestamp) -> bool {
        day.distance(Day::of(now)) <= 1 || date.is_some_and(|date| dated(date, day))
    }

    /// Remembers the largest distance measured, if it is small enough to be skew. A `Date` has whole seconds, so it may be one more.
    pub fn note_skew(&mut self, ahead: Option<SignedDuration>) {
        if let Some(ahead) = ahead.filter(|ahead| !ahead.is_zero() && ahead.abs() <= LARGEST_SKEW) {
            self.skew = self.skew.max(ahead.unsigned_abs().saturating_add(DATE_RESOLUTION));
        }
    }

    /// An answer says that the call was counted on `day`. `since` is when the call was reserved, `ahead` what its `Date` measured.
    pub fn hear(&mut self, day: Day, since: Timestamp, ahead: Option<SignedDuration>, reading: Reading) -> Heard {
        let now = self.moment(reading).now;
        let present = Day::of(now);
        // A `Date` that contradicts the reset is nobody's clock.
        let ahead = ahead.filter(|ahead| now.checked_add(*ahead).is_ok_and(|at| dated(at, day)));
        let skewed = ahead.filter(|ahead| ahead.abs() > LARGEST_SKEW);
        if skewed.is_none() {
            self.note_skew(ahead);
            if day == present {
                self.confirm(day, reading);
                return Heard::Confirmed;
            }
            if self.window(now).contains(&day) || (day < present && day >= Day::of(earlier(since, self.skew))) {
                return Heard::Nearby;
            }
        }
        if self.known {
            self.doubt(reading);
            return Heard::Doubt;
        }
        // Nothing was known, so the portal decides. Its `Date` says how far our clock is off; without one, only the date can be put right.
        self.correction += skewed.unwrap_or_else(|| SignedDuration::from_hours((day.0 - present.0) * 24));
        self.confirm(Day::of(self.moment(reading).now), reading);
        Heard::Confirmed
    }

    /// Opens the day by our own clock and ledger, because answers tell nothing. A ledger that is a day ahead may be right and the clock
    /// behind; one that is further ahead is not believed for ever.
    pub fn assume(&mut self, reading: Reading) {
        let shown = Day::of(self.moment(reading).now);
        let day = if self.today == shown.next() { self.today } else { shown };
        self.confirm(day, reading);
    }

    fn confirm(&mut self, day: Day, reading: Reading) {
        self.known = true;
        if self.today != day {
            self.continued = None;
        }
        self.today = day;
        self.reached = day;
        self.anchor = reading;
    }

    fn doubt(&mut self, reading: Reading) {
        self.known = false;
        self.continued = None;
        self.correction = SignedDuration::ZERO;
        self.skew = LEAST_SKEW;
        self.anchor = reading;
        self.reached = Day::of(reading.now);
    }

    fn hands_disagree(&self, reading: Reading) -> bool {
        let monotonic = reading.elapsed.saturating_sub(self.anchor.elapsed);
        let wall = reading.now.duration_since(self.anchor.now);
        let Ok(passed) = SignedDuration::try_from(monotonic) else { return true };
        (wall - passed).unsigned_abs() > HANDS_APART + monotonic / DRIFT_DIVISOR
    }
}

/// Whether an answer written at `date` can be to a call counted on `day`.
fn dated(date: Timestamp, day: Day) -> bool {
    Day::of(date) == day || Day::of(earlier(date, LATE_DATE)) == day
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn reading(now: &str, elapsed: u64) -> Reading {
        Reading { now: at(now), elapsed: Duration::from_secs(elapsed) }
    }

    fn open(now: &str) -> Calendar {
        let mut calendar = Calendar::new(reading(now, 0), None);
        calendar.assume(reading(now, 0));
        calendar
    }

    #[test]
    fn days_end_at_midnight_utc_also_before_1970() {
        assert_eq!(Day::of(at("1970-01-01T23:59:59.999Z")), Day(0));
        assert_eq!(Day::of(at("1969-12-31T23:59:59.999Z")), Day(-1));
        assert_eq!(Day::of(at("1969-12-31T00:00:00Z")), Day(-1));
        assert_eq!(Day::ending_at(at("1970-01-02T00:00:00Z")), Some(Day(0)));
        assert_eq!(Day::ending_at(at("1970-01-02T00:00:01Z")), None);
        assert_eq!(Day(0).end(), at("1970-01-02T00:00:00Z"));
        assert_eq!(Day(i64::MAX).end(), Timestamp::MAX);
    }

    #[test]
    fn a_new_day_begins_once_both_hands_have_passed_midnight() {
        let mut calendar = open("2026-03-01T23:59:50Z");
        let first = calendar.today();
        assert_eq!(calendar.tick(reading("2026-03-01T23:59:59Z", 9)), Turn::Same);
        assert_eq!(calendar.tick(reading("2026-03-02T00:00:00Z", 10)), Turn::NewDay(first));
        assert_eq!((calendar.today(), calendar.continued(), calendar.known()), (first.next(), Some(first), true));
    }

    #[test]
    fn a_leap_of_the_wall_clock_opens_no_day() {
        for leapt in ["2026-03-02T12:00:05Z", "2026-03-01T11:00:05Z", "2027-03-01T12:00:05Z"] {
            let mut calendar = open("2026-03-01T12:00:00Z");
            let today = calendar.today();
            assert_eq!(calendar.tick(reading(leapt, 5)), Turn::Doubt, "{leapt}");
            assert_eq!((calendar.today(), calendar.known()), (today, false));
            // It still does not, however long nobody answers, until the clock itself shows the next midnight.
            assert_eq!(calendar.tick(reading(leapt, 5)), Turn::Same);
        }
    }

    #[test]
    fn many_small_leaps_add_up_to_doubt() {
        let mut calendar = open("2026-03-01T12:00:00Z");
        assert_eq!(calendar.tick(reading("2026-03-01T12:00:01.5Z", 0)), Turn::Same);
        assert_eq!(calendar.tick(reading("2026-03-01T12:00:03Z", 0)), Turn::Doubt);
    }

    #[test]
    fn a_call_within_the_skew_of_midnight_counts_on_both_days() {
        let calendar = open("2026-03-01T12:00:00Z");
        let (first, second) = (calendar.today(), calendar.today().next());
        assert_eq!(calendar.window(at("2026-03-01T23:59:57.9Z")), [first, first]);
        assert_eq!(calendar.window(at("2026-03-01T23:59:58Z")), [first, second]);
        assert_eq!(calendar.window(at("2026-03-02T00:00:01.9Z")), [first, second]);
        assert_eq!(calendar.window(at("2026-03-02T00:00:02Z")), [second, second]);
    }

    #[test]
    fn the_date_of_a_slow_answer_is_no_skew() {
        let calendar = open("2026-03-01T12:00:00Z");
        let measure = |date: &str, took| calendar.measure(at(date), Duration::from_secs(took), at("2026-03-01T12:00:00Z"));
        assert_eq!(measure("2026-03-01T11:59:30Z", 60), SignedDuration::ZERO);
        assert_eq!(measure("2026-03-01T12:00:07Z", 60), SignedDuration::from_secs(7));
        assert_eq!(measure("2026-03-01T11:59:50Z", 1), SignedDuration::from_secs(-8));
    }

    #[test]
    fn a_measured_skew_widens_the_window() {
        let mut calendar = open("2026-03-01T12:00:00Z");
        let (today, now) = (calendar.today(), reading("2026-03-01T12:00:00Z", 0));
        assert_eq!(calendar.hear(today, now.now, Some(SignedDuration::from_secs(-40)), now), Heard::Confirmed);
        assert_eq!(calendar.window(at("2026-03-02T00:00:40Z")), [today, today.next()]);
        assert_eq!(calendar.window(at("2026-03-02T00:00:41Z")), [today.next(), today.next()]);
    }

    #[test]
    fn an_answer_of_the_day_before_decides_nothing() {
        let mut calendar = Calendar::new(reading("2026-03-01T23:59:50Z", 0), None);
        let first = calendar.today();
        let late = reading("2026-03-02T00:00:30Z", 40);
        calendar.tick(late);
        assert_eq!(calendar.hear(first, at("2026-03-01T23:59:50Z"), None, late), Heard::Nearby);
        assert!(!calendar.known());
    }

    #[test]
    fn the_portal_decides_the_day_when_nothing_is_known() {
        let wrong = reading("2026-03-02T13:00:00Z", 0);
        let mut calendar = Calendar::new(wrong, None);
        let portals = Day(calendar.today().0 - 1);
        let ahead = SignedDuration::from_hours(-25);
        assert_eq!(calendar.hear(portals, wrong.now, Some(ahead), wrong), Heard::Confirmed);
        assert_eq!((calendar.today(), calendar.moment(wrong).now), (portals, at("2026-03-01T12:00:00Z")));
        // Midnight comes by the portal's clock.
        assert_eq!(calendar.tick(reading("2026-03-03T00:59:59Z", 12 * 3600 - 1)), Turn::Same);
        assert_eq!(calendar.tick(reading("2026-03-03T01:00:00Z", 12 * 3600)), Turn::NewDay(portals));
    }

    #[test]
    fn a_day_that_is_known_is_not_moved_by_one_answer() {
        let mut calendar = open("2026-03-01T12:00:00Z");
        let (today, now) = (calendar.today(), reading("2026-03-01T12:00:00Z", 0));
        assert_eq!(calendar.hear(today.next(), now.now, None, now), Heard::Doubt);
        assert_eq!((calendar.today(), calendar.known()), (today, false));
        assert_eq!(calendar.hear(today, now.now, None, now), Heard::Confirmed);
        assert_eq!((calendar.today(), calendar.known()), (today, true));
    }
}
