//! How many calls a day may go into audits, and when the next one is due.
//!
//! Pure. A day is a UTC day, as the portal's own. Audits are spread over it: what is to be found out is not found out sooner by asking all at once.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What was spent, and when. Kept on disk: a restart is no new day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// The day that `calls` is of.
    pub day: Option<jiff::civil::Date>,
    /// Calls of that day.
    pub calls: u32,
    /// When the last audit began.
    pub last: Option<Timestamp>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Spent {
    /// Calls that went into audits today.
    pub fn today(&self, now: Timestamp) -> u32 {
        if self.day == Some(day(now)) { self.calls } else { 0 }
    }

    /// When the next audit may begin, if `daily` calls a day may be made; none for never. The first one has its time like any other: a start is
    /// no reason for a call.
    pub fn due(&self, daily: u32, now: Timestamp) -> Option<Timestamp> {
        if daily == 0 {
            return None;
        }
        // None has been made, or the clock has gone back since: it counts from now.
        let spread = match self.last {
            Some(last) if last <= now => last,
            _ => now,
        };
        let spread = spread.checked_add(DAY / daily).unwrap_or(Timestamp::MAX);
        if self.today(now) < daily { Some(spread) } else { Some(spread.max(tomorrow(now))) }
    }

    /// An audit begins.
    pub fn begin(&mut self, now: Timestamp) {
        self.last = Some(now);
    }

    /// A call left for one.
    pub fn spend(&mut self, now: Timestamp) {
        self.calls = self.today(now).saturating_add(1);
        self.day = Some(day(now));
    }
}

fn day(now: Timestamp) -> jiff::civil::Date {
    TimeZone::UTC.to_datetime(now).date()
}

fn tomorrow(now: Timestamp) -> Timestamp {
    let midnight = day(now).tomorrow().and_then(|date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)));
    midnight.unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn they_are_spread_over_the_day() {
        let mut now = at("2026-03-01T00:00:00Z");
        let mut spent = Spent::default();
        spent.begin(now);
        let mut made = 0;
        while now < at("2026-03-02T00:00:00Z") {
            if spent.due(10, now).is_some_and(|due| due <= now) {
                spent.begin(now);
                spent.spend(now);
                made += 1;
            }
            now += Duration::from_secs(60);
        }
        assert_eq!((made, spent.today(now), spent.today(at("2026-03-01T23:00:00Z"))), (9, 0, 9));
        assert_eq!(spent.due(10, now), Some(at("2026-03-02T00:00:00Z")));
    }

    #[test]
    fn what_one_audit_spends_is_missing_to_the_others_of_its_day() {
        let mut spent = Spent::default();
        let now = at("2026-03-01T10:00:00Z");
        spent.begin(now);
        (0..10).for_each(|_| spent.spend(now));
        assert_eq!(spent.due(10, now), Some(at("2026-03-02T00:00:00Z")));
    }

    #[test]
    fn none_are_made_where_none_are_wanted_and_a_clock_that_went_back_does_not_stop_them() {
        let now = at("2026-03-01T10:00:00Z");
        assert_eq!(Spent::default().due(0, now), None);
        let mut spent = Spent::default();
        spent.begin(at("2027-03-01T10:00:00Z"));
        assert_eq!(spent.due(10, now), Some(at("2026-03-01T12:24:00Z")));
    }
}
