//! Dates in queries: how they are written, what stretch of time they name, and how patterns print them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::simulator::value::Span;

/// The stretch of time that `text` names in `zone`: `2025`, `2025/10`, `2025-10-01`, or an instant with or without an offset.
pub fn span(text: &str, zone: &TimeZone) -> Option<Span> {
    let text = text.trim();
    if let Ok(instant) = text.replace(' ', "T").parse::<Timestamp>() {
        let civil = TimeZone::UTC.to_datetime(instant);
        return Some(Span { civil: (civil, civil), instants: (instant, instant) });
    }
    let normal = text.replace('/', "-");
    let parts: Vec<&str> = normal.split('-').collect();
    let number = |at: usize| parts.get(at).and_then(|part| part.parse::<i8>().ok());
    let year = || parts[0].parse::<i16>().ok().filter(|year| (0..=9999).contains(year) && parts[0].len() == 4);
    let (start, end) = match parts.len() {
        1 => {
            let start = first(year()?, 1, 1)?;
            (start, start.checked_add(1.year()).ok()?)
        }
        2 => {
            let start = first(year()?, number(1)?, 1)?;
            (start, start.checked_add(1.month()).ok()?)
        }
        3 if parts[2].len() <= 2 => {
            let start = first(year()?, number(1)?, number(2)?)?;
            (start, start.checked_add(1.day()).ok()?)
        }
        _ => {
            let instant = normal.replace(' ', "T").parse::<DateTime>().ok()?;
            (instant, instant)
        }
    };
    let instant = |civil: DateTime| zone.to_timestamp(civil).ok();
    Some(Span { civil: (start, end), instants: (instant(start)?, instant(end)?) })
}

fn first(year: i16, month: i8, day: i8) -> Option<DateTime> {
    jiff::civil::Date::new(year, month, day).ok().map(|date| date.at(0, 0, 0, 0))
}

const MONTHS_FR: [&str; 12] =
    ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"];
const MONTHS_EN: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS_FR: [&str; 7] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"];
const DAYS_EN: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A date printed by a pattern of `date_format`. Words are French, or English where `lang` is `en`.
pub fn print(at: DateTime, pattern: &str, lang: &str) -> String {
    let english = lang == "en";
    let (months, days) = if english { (MONTHS_EN, DAYS_EN) } else { (MONTHS_FR, DAYS_FR) };
    let month = months[at.month() as usize - 1];
    let weekday = at.weekday().to_monday_zero_offset() as usize;
    let short = |word: &str| word.chars().take(3).collect::<String>();
    let week = at.date().iso_week_date();
    let mut printed = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            let quoted = &rest[1..];
            let end = quoted.find('\'').unwrap_or(quoted.len());
            printed.push_str(if end == 0 { "'" } else { &quoted[..end] });
            rest = quoted.get(end + 1..).unwrap_or("");
            continue;
        }
        let length = rest.chars().take_while(|other| *other == c).count();
        match (c, length) {
            ('y' | 'Y', 1 | 2) => printed.push_str(&format!("{:02}", at.year() % 100)),
            ('y' | 'Y', _) => printed.push_str(&format!("{:04}", at.year())),
            ('x', 1 | 2) => printed.push_str(&format!("{:02}", week.year() % 100)),
            ('x', _) => printed.push_str(&format!("{:04}", week.year())),
            ('M', 1) => printed.push_str(&at.month().to_string()),
            ('M', 2) => printed.push_str(&format!("{:02}", at.month())),
            ('M', 3) => printed.push_str(&short(month)),
            ('M', _) => printed.push_str(month),
            ('E', 4..) => printed.push_str(days[weekday]),
            ('E', _) => printed.push_str(&short(days[weekday])),
            ('e', _) => printed.push_str(&(weekday + 1).to_string()),
            ('w', _) => printed.push_str(&format!("{:0length$}", week.week())),
            ('d', _) => printed.push_str(&format!("{:0length$}", at.day())),
            ('D', _) => printed.push_str(&format!("{:0length$}", at.date().day_of_year())),
            ('H', _) => printed.push_str(&format!("{:0length$}", at.hour())),
            ('m', _) => printed.push_str(&format!("{:0length$}", at.minute())),
            ('s', _) => printed.push_str(&format!("{:0length$}", at.second())),
            _ => printed.extend(std::iter::repeat_n(c, length)),
        }
        rest = &rest[c.len_utf8() * length..];
    }
    printed
}

/// The instant that `now(…)` names: singular names set a part, plural ones move it, the last one wins.
pub fn now(now: Timestamp, arguments: &[(String, i64)], zone: &TimeZone) -> Option<Timestamp> {
    let mut at = zone.to_datetime(now);
    for (name, amount) in arguments {
        let part = i8::try_from(*amount).ok();
        at = match name.as_str() {
            "year" => at.with().year(i16::try_from(*amount).ok()?).build().ok()?,
            "month" => at.with().month(part?).build().ok()?,
            "day" => at.with().day(part?).build().ok()?,
            "hour" => at.with().hour(part?).build().ok()?,
            "minute" => at.with().minute(part?).build().ok()?,
            "second" => at.with().second(part?).subsec_nanosecond(0).build().ok()?,
            "microsecond" => at.with().subsec_nanosecond(i32::try_from(amount.checked_mul(1000)?).ok()?).build().ok()?,
            "weekday" => {
                let today = i64::from(at.weekday().to_monday_zero_offset());
                at.checked_add((i64::from(part?) - today).days()).ok()?
            }
            // `try_…`, because the amount is whatever the client wrote.
            "years" => at.checked_add(jiff::Span::new().try_years(*amount).ok()?).ok()?,
            "months" => at.checked_add(jiff::Span::new().try_months(*amount).ok()?).ok()?,
            "weeks" => at.checked_add(jiff::Span::new().try_weeks(*amount).ok()?).ok()?,
            "days" => at.checked_add(jiff::Span::new().try_days(*amount).ok()?).ok()?,
            "hours" => at.checked_add(jiff::Span::new().try_hours(*amount).ok()?).ok()?,
            "minutes" => at.checked_add(jiff::Span::new().try_minutes(*amount).ok()?).ok()?,
            "seconds" => at.checked_add(jiff::Span::new().try_seconds(*amount).ok()?).ok()?,
            _ => return None,
        };
    }
    zone.to_timestamp(at).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_short_date_names_the_whole_stretch() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let year = span("2025", &paris).unwrap();
        assert_eq!(year.instants.0.to_string(), "2024-12-31T23:00:00Z");
        assert_eq!(year.instants.1.to_string(), "2025-12-31T23:00:00Z");
        let day = span("2025/10/01", &TimeZone::UTC).unwrap();
        assert_eq!(day.instants.0.to_string(), "2025-10-01T00:00:00Z");
        let instant = span("2025-10-01T02:00:00+02:00", &paris).unwrap();
        assert_eq!(instant.instants.0, instant.instants.1);
        assert_eq!(instant.instants.0.to_string(), "2025-10-01T00:00:00Z");
        assert!(span("demain", &paris).is_none());
        assert!(span("2025-13", &paris).is_none());
    }

    #[test]
    fn a_pattern_prints_in_the_language_asked_for() {
        let at = date(2025, 8, 5).at(7, 3, 0, 0);
        assert_eq!(print(at, "EEEE d MMMM yyyy", "fr"), "mardi 5 août 2025");
        assert_eq!(print(at, "MMM yy, HH'h'mm", "en"), "Aug 25, 07h03");
        assert_eq!(print(at, "''yy", "fr"), "'25");
    }

    #[test]
    fn now_sets_singular_parts_and_adds_plural_ones() {
        let at: Timestamp = "2025-10-15T12:34:56Z".parse().unwrap();
        let moved = now(at, &[("day".into(), 1), ("months".into(), -1)], &TimeZone::UTC).unwrap();
        assert_eq!(moved.to_string(), "2025-09-01T12:34:56Z");
        assert!(now(at, &[("fortnight".into(), 1)], &TimeZone::UTC).is_none());
    }
}
