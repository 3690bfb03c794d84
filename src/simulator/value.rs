//! One value of a field, and how it is compared and printed.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use super::files;

/// Parts of a multivalued text are stored in one string with this between them.
pub const PART: char = '\u{1f}';

/// A point on the globe, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// East is positive.
    pub lon: f64,
    /// North is positive.
    pub lat: f64,
}

/// A stretch of time that a literal such as `2025`, `2025/10` or `2025-10-01` names; empty (start = end) for an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// First and one past the last civil moment, for fields of type date.
    pub civil: (DateTime, DateTime),
    /// The same on the time line, for fields of type datetime.
    pub instants: (Timestamp, Timestamp),
}

/// A value of a field or of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Double(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A multivalued text: parts with [`PART`] between them.
    List(Cow<'a, str>),
    /// A day.
    Date(Date),
    /// An instant.
    Moment(Timestamp),
    /// A place.
    Point(Point),
    /// A file, as [`files::value`] writes it; in a column only its name.
    File(Cow<'a, str>),
    /// A date written in a query.
    Span(Span),
}

impl<'a> Value<'a> {
    /// A text that lives elsewhere.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A text of its own.
    pub fn owned(text: String) -> Value<'static> {
        Value::Text(Cow::Owned(text))
    }

    /// The parts of a multivalued text; one for any other text, none otherwise.
    pub fn parts(&self) -> Vec<&str> {
        match self {
            Self::List(text) => text.split(PART).collect(),
            Self::Text(text) => vec![text],
            _ => Vec::new(),
        }
    }

    /// Detaches the value from the table it was read from.
    pub fn detach(self) -> Value<'static> {
        match self {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::List(text) => Value::List(Cow::Owned(text.into_owned())),
            Value::Null => Value::Null,
            Value::Bool(b) => Value::Bool(b),
            Value::Int(i) => Value::Int(i),
            Value::Double(d) => Value::Double(d),
            Value::Date(d) => Value::Date(d),
            Value::Moment(m) => Value::Moment(m),
            Value::Point(p) => Value::Point(p),
            Value::File(file) => Value::File(Cow::Owned(file.into_owned())),
            Value::Span(s) => Value::Span(s),
        }
    }

    /// The value as a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Double(d) => Some(*d),
            _ => None,
        }
    }

    /// Order of two values, as `<`, `=` and `>` see it; none where one is null or they cannot be compared.
    ///
    /// A date in a query that names a stretch of time is equal to all that lies in it, and lies before or after the rest.
    pub fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        use Value::{Bool, Date, Int, Moment, Span, Text};
        match (self, other) {
            (Text(a), Text(b)) => Some(a.as_ref().cmp(b.as_ref())),
            (Int(a), Int(b)) => Some(a.cmp(b)),
            (Bool(a), Bool(b)) => Some(a.cmp(b)),
            (Date(a), Date(b)) => Some(a.cmp(b)),
            (Moment(a), Moment(b)) => Some(a.cmp(b)),
            (Moment(a), Span(s)) => Some(within(a, &s.instants)),
            (Date(a), Span(s)) => Some(within(&a.to_datetime(jiff::civil::Time::midnight()), &s.civil)),
            (Span(_), Moment(_) | Date(_)) => other.compare(self).map(Ordering::reverse),
            (Moment(a), Date(b)) => Some(a.cmp(&midnight(*b))),
            (Date(a), Moment(b)) => Some(midnight(*a).cmp(b)),
            // A code such as "075" may be written without quotes, and a number with them.
            (Text(text), number) | (number, Text(text)) if number.number().is_some() => {
                let order = match text.parse::<f64>() {
                    Ok(parsed) => parsed.partial_cmp(&number.number()?),
                    Err(_) => Some(text.as_ref().cmp(number.plain(&TimeZone::UTC).as_str())),
                };
                if matches!(self, Text(_)) { order } else { order.map(Ordering::reverse) }
            }
            (Bool(b), Text(text)) => b.to_string().as_str().partial_cmp(text.as_ref()),
            (a, b) => a.number()?.partial_cmp(&b.number()?),
        }
    }

    /// Order for `order_by`: nulls last whichever the direction.
    pub fn sort(&self, other: &Value<'_>, descending: bool) -> Ordering {
        match (self, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Greater,
            (_, Value::Null) => Ordering::Less,
            (Value::List(a), Value::List(b)) => directed(a.cmp(b), descending),
            (a, b) => directed(a.compare(b).unwrap_or(Ordering::Equal), descending),
        }
    }

    /// The value as the JSON of v2.x has it.
    pub fn json(&self, zone: &TimeZone) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(i) => json!(i),
            Self::Double(d) => json!(d),
            Self::Text(text) => Json::String(text.as_ref().to_owned()),
            Self::List(_) => Json::Array(self.parts().into_iter().map(|part| Json::String(part.to_owned())).collect()),
            Self::Point(p) => json!({"lon": p.lon, "lat": p.lat}),
            Self::File(file) => files::described(file),
            Self::Date(_) | Self::Moment(_) | Self::Span(_) => Json::String(self.plain(zone)),
        }
    }

    /// The value as text: in CSV, as the name of a facet, or where it is joined with others.
    pub fn plain(&self, zone: &TimeZone) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(b) => b.to_string(),
            Self::Int(i) => i.to_string(),
            Self::Double(d) => json!(d).to_string(),
            Self::Text(text) => text.as_ref().to_owned(),
            Self::List(text) => text.replace(PART, ","),
            Self::Date(date) => date.to_string(),
            Self::Moment(moment) => iso(*moment, zone),
            Self::Span(span) => iso(span.instants.0, zone),
            Self::File(file) => files::address(file),
            Self::Point(p) => format!("{}, {}", json!(p.lat), json!(p.lon)),
        }
    }
}

fn directed(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

fn within<T: Ord>(value: &T, (start, end): &(T, T)) -> Ordering {
    if value < start {
        Ordering::Less
    } else if value == start || value < end {
        Ordering::Equal
    } else {
        Ordering::Greater
    }
}

fn midnight(date: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `2023-02-03T23:00:00+00:00`, with six decimals of a second where there are any, in `zone`.
pub fn iso(moment: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(moment);
    let local = offset.to_datetime(moment);
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    );
    let micros = local.subsec_nanosecond() / 1000;
    if micros != 0 {
        let _ = write!(text, ".{micros:06}");
    }
    let minutes = offset.seconds() / 60;
    let _ = write!(text, "{}{:02}:{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_printed_in_the_zone_that_was_asked_for() {
        let moment: Timestamp = "2023-02-03T23:00:00Z".parse().unwrap();
        assert_eq!(iso(moment, &TimeZone::UTC), "2023-02-03T23:00:00+00:00");
        assert_eq!(iso(moment, &TimeZone::get("Europe/Paris").unwrap()), "2023-02-04T00:00:00+01:00");
        let moment: Timestamp = "2025-09-18T08:35:17.505Z".parse().unwrap();
        assert_eq!(iso(moment, &TimeZone::UTC), "2025-09-18T08:35:17.505000+00:00");
    }

    #[test]
    fn nulls_come_last_in_both_directions() {
        assert_eq!(Value::Null.sort(&Value::Int(1), false), Ordering::Greater);
        assert_eq!(Value::Null.sort(&Value::Int(1), true), Ordering::Greater);
        assert_eq!(Value::Int(1).sort(&Value::Int(2), true), Ordering::Greater);
    }

    #[test]
    fn codes_may_be_written_as_numbers_and_numbers_as_text() {
        assert_eq!(Value::text("198100125").compare(&Value::Int(198_100_125)), Some(Ordering::Equal));
        assert_eq!(Value::Int(306).compare(&Value::text("306")), Some(Ordering::Equal));
        assert_eq!(Value::Int(5).compare(&Value::Null), None);
    }
}
