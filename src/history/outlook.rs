//! How long the day's calls will last: from the pace of the last hours. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::counts::Hour;

/// Seconds of one measure of the pace,
const MEASURE: i64 = 300;
/// and how many of them are looked back on: two hours.
const MEASURES: usize = 24;
/// Less than this says nothing of a pace.
const LEAST: i64 = 2 * MEASURE;

/// When the calls of the day will be spent, if clients go on as they do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// When nothing will be left for teams.
    pub until: Timestamp,
    /// Calls by which the pace is reckoned,
    pub calls: u64,
    /// and the seconds in which they left.
    pub over_s: u64,
    /// The same in words.
    pub text: String,
}

/// Calls of teams at one portal in the last hours.
#[derive(Clone, Debug)]
pub struct Pace {
    /// A ring: the measure with number `n` is at `n % MEASURES`.
    measures: [u64; MEASURES],
    /// The number of the newest.
    newest: i64,
    /// Since when calls are counted, in seconds.
    since: i64,
}

impl Pace {
    /// Nothing is known before `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { measures: [0; MEASURES], newest: now.as_second().div_euclid(MEASURE), since: now.as_second() }
    }

    /// Takes over what an earlier process has counted: the calls of an hour are taken as spread over as much of it as is past.
    pub fn recall(&mut self, hour: Hour, calls: u64, now: Timestamp) {
        let (begin, end) = (hour.begin().as_second(), now.as_second().min(hour.begin().as_second() + Hour::SECONDS));
        let (first, last) = (begin.div_euclid(MEASURE), (end - 1).div_euclid(MEASURE));
        if first > last || last > self.newest {
            return;
        }
        let number = (last - first + 1) as u64;
        for (place, measure) in (first..=last).enumerate() {
            if self.holds(measure) {
                // Their sum is the hour's calls, to the last one.
                let share = calls * (place as u64 + 1) / number - calls * place as u64 / number;
                self.measures[measure.rem_euclid(MEASURES as i64) as usize] += share;
                self.since = self.since.min(measure * MEASURE);
            }
        }
    }

    /// A call of a team.
    pub fn count(&mut self, now: Timestamp) {
        let measure = now.as_second().div_euclid(MEASURE);
        self.turn(measure);
        // A clock that went back for long has its calls counted where they are looked at.
        let measure = if self.holds(measure) { measure } else { self.newest };
        self.measures[measure.rem_euclid(MEASURES as i64) as usize] += 1;
    }

    /// The call was none.
    pub fn take_back(&mut self, at: Timestamp) {
        let measure = at.as_second().div_euclid(MEASURE);
        if self.holds(measure) {
            let of = &mut self.measures[measure.rem_euclid(MEASURES as i64) as usize];
            *of = of.saturating_sub(1);
        }
    }

    fn holds(&self, measure: i64) -> bool {
        measure <= self.newest && measure > self.newest - MEASURES as i64
    }

    fn turn(&mut self, measure: i64) {
        let steps = (measure - self.newest).clamp(0, MEASURES as i64);
        for step in 0..steps {
            self.measures[(measure - step).rem_euclid(MEASURES as i64) as usize] = 0;
        }
        self.newest = self.newest.max(measure);
    }

    /// Until when `left` calls will do, if that is before the end of the day; nothing also if too little is known of the pace.
    pub fn outlook(&mut self, left: u64, resets_at: Timestamp, now: Timestamp) -> Option<Outlook> {
        self.turn(now.as_second().div_euclid(MEASURE));
        let calls: u64 = self.measures.iter().sum();
        let begin = self.since.max((self.newest - MEASURES as i64 + 1) * MEASURE);
        let over = now.as_second() - begin;
        if calls == 0 || left == 0 || over < LEAST {
            return None;
        }
        let lasts = u128::from(left) * over.unsigned_abs() as u128 / u128::from(calls);
        let until = now.checked_add(SignedDuration::from_secs(i64::try_from(lasts).ok()?)).ok().filter(|until| *until < resets_at)?;
        let minutes = (over + 30) / 60;
        let text = format!(
            "at this rate until {} UTC: {calls} calls of teams in the last {} h {:02} min, {left} left for them",
            until.strftime("%H:%M"),
            minutes / 60,
            minutes % 60
        );
        Some(Outlook { until, calls, over_s: over.unsigned_abs(), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-02T{text}Z").parse().unwrap()
    }

    const MIDNIGHT: &str = "2026-03-03T00:00:00Z";

    fn reset() -> Timestamp {
        MIDNIGHT.parse().unwrap()
    }

    #[test]
    fn a_pace_that_spends_the_day_is_told_with_how_it_was_reckoned() {
        let mut pace = Pace::new(at("08:00:00"));
        for minute in 0..120 {
            pace.count(at(&format!("{:02}:{:02}:00", 8 + minute / 60, minute % 60)));
        }
        let outlook = pace.outlook(330, reset(), at("10:00:00")).unwrap();
        // The window begins with a whole measure: 5 calls of 08:00 to 08:05 are not in it.
        assert_eq!((outlook.calls, outlook.over_s), (115, 6_900));
        assert_eq!(outlook.until, at("15:30:00"));
        assert_eq!(outlook.text, "at this rate until 15:30 UTC: 115 calls of teams in the last 1 h 55 min, 330 left for them");
        assert_eq!(pace.outlook(10_000, reset(), at("10:00:00")), None, "the day suffices");
        assert_eq!(pace.outlook(0, reset(), at("10:00:00")), None, "it is spent already, and that is said elsewhere");
    }

    #[test]
    fn little_time_says_nothing_and_what_is_long_ago_is_forgotten() {
        let mut pace = Pace::new(at("08:00:00"));
        for _ in 0..100 {
            pace.count(at("08:01:00"));
        }
        assert_eq!(pace.outlook(10, reset(), at("08:05:00")), None);
        assert!(pace.outlook(10, reset(), at("08:20:00")).is_some());
        assert_eq!(pace.outlook(10, reset(), at("10:30:00")), None, "nobody calls any more");
    }

    #[test]
    fn an_earlier_process_is_remembered_by_its_hours() {
        let mut pace = Pace::new(at("10:30:00"));
        pace.recall(Hour::of(at("09:00:00")), 120, at("10:30:00"));
        pace.recall(Hour::of(at("10:00:00")), 61, at("10:30:00"));
        pace.recall(Hour::of(at("11:00:00")), 1_000, at("10:30:00"));
        assert_eq!(pace.measures.iter().sum::<u64>(), 181);
        let outlook = pace.outlook(181, reset(), at("10:30:00")).unwrap();
        assert_eq!((outlook.over_s, outlook.until), (5_400, at("12:00:00")));
    }

    #[test]
    fn a_call_that_was_none_is_taken_back() {
        let mut pace = Pace::new(at("08:00:00"));
        pace.count(at("08:10:00"));
        pace.count(at("08:20:00"));
        pace.take_back(at("08:10:00"));
        assert_eq!(pace.measures.iter().sum::<u64>(), 1);
        // However far the clock leaps.
        pace.count(at("23:00:00"));
        pace.count(at("01:00:00"));
        pace.take_back(at("08:20:00"));
        assert_eq!(pace.measures.iter().sum::<u64>(), 2);
    }
}
