//! Slices: what the rows are told apart by, and the rows of each.

use std::cmp::Ordering;
use std::collections::HashMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use crate::simulator::odsql::Fault;
use crate::simulator::refusal::Refusal;
use crate::simulator::table::{Kind, Schema, Table};
use crate::simulator::target::Parameters;
use crate::simulator::value::Value;

/// A part of a date. Those before `Minute` that follow one another are each finer than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Week,
    Weekday,
    Yearday,
}

const PARTS: [(&str, Part); 8] = [
    ("year", Part::Year),
    ("month", Part::Month),
    ("day", Part::Day),
    ("hour", Part::Hour),
    ("minute", Part::Minute),
    ("week", Part::Week),
    ("weekday", Part::Weekday),
    ("yearday", Part::Yearday),
];

/// From the coarsest to the finest.
const LADDER: [Part; 5] = [Part::Year, Part::Month, Part::Day, Part::Hour, Part::Minute];

/// What rows are told apart by.
#[derive(Debug)]
pub struct Slicing {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    column: usize,
    field: &'static str,
    /// Of a date. Without parts it is the value as it stands.
    parts: Vec<Part>,
}

/// The rows of one slice.
#[derive(Debug)]
pub struct Slice {
    /// What they have in common: the values and parts of all keys in turn.
    pub values: Vec<Value<'static>>,
    /// The rows.
    pub rows: Vec<u32>,
}

impl Part {
    fn read(name: &'static str, text: &str) -> Result<Self, Refusal> {
        let expected = || PARTS.map(|(known, _)| known).join(", ");
        let known = PARTS.iter().find(|(known, _)| *known == text).map(|(_, part)| *part);
        known.ok_or_else(|| Refusal::Parameter { name, found: text.to_owned(), expected: format!("one of {}", expected()) })
    }

    fn name(self) -> &'static str {
        PARTS.iter().find(|(_, part)| *part == self).map_or("", |(name, _)| name)
    }

    fn of(self, at: DateTime) -> i64 {
        match self {
            Self::Year => i64::from(at.year()),
            Self::Month => i64::from(at.month()),
            Self::Day => i64::from(at.day()),
            Self::Hour => i64::from(at.hour()),
            Self::Minute => i64::from(at.minute()),
            Self::Week => i64::from(at.date().iso_week_date().week()),
            Self::Weekday => i64::from(at.weekday().to_monday_zero_offset()),
            Self::Yearday => i64::from(at.date().day_of_year()),
        }
    }
}

impl Slicing {
    /// Reads every `x`, and for dates `precision` and `periodic`.
    ///
    /// # Errors
    ///
    /// If there is none, a field is unknown, or a part of a date is.
    pub fn read(parameters: &Parameters, schema: &Schema) -> Result<Self, Refusal> {
        let precision = parameters.given("precision").map(|text| Part::read("precision", text)).transpose()?;
        let periodic = parameters.given("periodic").map(|text| Part::read("periodic", text)).transpose()?;
        let mut keys: Vec<Key> = Vec::new();
        for text in parameters.all("x").map(str::trim).filter(|text| !text.is_empty()) {
            let unknown = || Refusal::Clause { clause: "x", text: text.to_owned(), fault: Fault::UnknownField(text.to_owned()) };
            if let Some(column) = schema.position(text) {
                let field = schema.fields[column];
                let parts = match field.kind {
                    Kind::Date => parts(precision, periodic, Part::Day),
                    Kind::Moment => parts(precision, periodic, Part::Minute),
                    _ => Vec::new(),
                };
                keys.push(Key { column, field: field.name, parts });
                continue;
            }
            let (name, part) = text.rsplit_once('.').ok_or_else(unknown)?;
            let column = schema.position(name).ok_or_else(unknown)?;
            let field = schema.fields[column];
            if !matches!(field.kind, Kind::Date | Kind::Moment) {
                return Err(unknown());
            }
            let part = Part::read("x", part)?;
            match keys.iter_mut().find(|key| key.column == column && !key.parts.is_empty()) {
                Some(key) => key.parts.push(part),
                None => keys.push(Key { column, field: field.name, parts: vec![part] }),
            }
        }
        if keys.is_empty() {
            let expected = "the name of a field".to_owned();
            return Err(Refusal::Parameter { name: "x", found: "nothing".to_owned(), expected });
        }
        Ok(Self { keys })
    }

    /// Where the values of `field` or `field.part` stand among those of a slice.
    pub fn position(&self, name: &str) -> Option<(usize, usize)> {
        let mut start = 0;
        for key in &self.keys {
            let end = start + key.parts.len().max(1);
            if name == key.field {
                return Some((start, end));
            }
            let part = name.strip_prefix(key.field).and_then(|rest| rest.strip_prefix('.'));
            if let Some(at) = part.and_then(|part| key.parts.iter().position(|known| known.name() == part)) {
                return Some((start + at, start + at + 1));
            }
            start = end;
        }
        None
    }

    /// The rows by slice. A row without a value is in none, one with several in each.
    pub fn cut(&self, table: &Table, rows: Vec<u32>, zone: &TimeZone) -> Vec<Slice> {
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut slices: Vec<Slice> = Vec::new();
        for row in rows {
            let mut combined: Vec<Vec<Value<'static>>> = vec![Vec::new()];
            for key in &self.keys {
                let values = key.values(&table.value(row as usize, key.column), zone);
                combined = combined.iter().flat_map(|one| values.iter().map(|more| [one.as_slice(), more].concat())).collect();
            }
            for values in combined {
                let name = values.iter().map(|value| value.plain(&TimeZone::UTC)).collect::<Vec<_>>().join("\u{1e}");
                let at = *known.entry(name).or_insert(slices.len());
                if at == slices.len() {
                    slices.push(Slice { values, rows: Vec::new() });
                }
                slices[at].rows.push(row);
            }
        }
        slices
    }

    /// The value of `x`: of one field as it stands, of several an object; and so of the parts of a date.
    pub fn shown(&self, slice: &Slice, zone: &TimeZone) -> Json {
        let mut rest = slice.values.as_slice();
        let mut fields: Vec<(&str, Json)> = Vec::new();
        for key in &self.keys {
            let (values, others) = rest.split_at(key.parts.len().max(1));
            rest = others;
            let object = || -> Map<String, Json> {
                key.parts.iter().zip(values).map(|(part, value)| (part.name().to_owned(), value.json(zone))).collect()
            };
            let value = if key.parts.is_empty() { values[0].json(zone) } else { Json::Object(object()) };
            fields.push((key.field, value));
        }
        if fields.len() == 1 {
            return fields.remove(0).1;
        }
        Json::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The names of the columns of `x` in a table.
    pub fn headings(&self) -> Vec<String> {
        let several = self.keys.len() > 1;
        let of = |key: &Key| -> Vec<String> {
            let name = if several { format!("x.{}", key.field) } else { "x".to_owned() };
            if key.parts.is_empty() { vec![name] } else { key.parts.iter().map(|part| format!("{name}.{}", part.name())).collect() }
        };
        self.keys.iter().flat_map(of).collect()
    }
}

impl Key {
    /// What one row is told apart by: nothing, one value, or several.
    fn values(&self, value: &Value<'_>, zone: &TimeZone) -> Vec<Vec<Value<'static>>> {
        let at = match value {
            Value::Null => return Vec::new(),
            Value::Date(date) => Some(date.at(0, 0, 0, 0)),
            Value::Moment(moment) => Some(zone.to_datetime(*moment)),
            _ => None,
        };
        match (at, value) {
            (Some(at), _) => vec![self.parts.iter().map(|part| Value::Int(part.of(at))).collect()],
            (None, Value::List(_)) => value.parts().into_iter().map(|part| vec![Value::owned(part.to_owned())]).collect(),
            (None, value) => vec![vec![value.clone().detach()]],
        }
    }
}

impl Slice {
    /// The order of two slices by their values from one place to before another.
    pub fn compare(&self, other: &Self, from: usize, to: usize) -> Ordering {
        let to = to.min(self.values.len());
        let orders = self.values[from..to].iter().zip(&other.values[from..to]).map(|(a, b)| a.sort(b, false));
        orders.into_iter().find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
    }
}

/// The parts that a date is told apart by. By default its day; a precision begins at the year, a period at itself, so that
/// `periodic=month` puts the Mays of all years together. A field is never finer than `finest`.
fn parts(precision: Option<Part>, periodic: Option<Part>, finest: Part) -> Vec<Part> {
    let rung = |part: Part| LADDER.iter().position(|known| *known == part);
    let last = rung(finest).unwrap_or(0);
    match (periodic.unwrap_or(Part::Year), precision) {
        (Part::Week, _) => vec![Part::Week],
        (Part::Weekday, _) => vec![Part::Weekday],
        (Part::Yearday, _) => vec![Part::Yearday],
        (Part::Year, Some(part @ (Part::Week | Part::Weekday | Part::Yearday))) => vec![Part::Year, part],
        (from, precision) => {
            let from = rung(from).unwrap_or(0);
            // A period alone is as fine as itself.
            let default = if periodic.is_some_and(|part| part != Part::Year) { from } else { rung(Part::Day).unwrap_or(0) };
            let to = precision.and_then(rung).unwrap_or(default).clamp(from, last.max(from));
            LADDER[from..=to].to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Part::{Day, Hour, Minute, Month, Week, Weekday, Year};
    use super::*;

    #[test]
    fn a_precision_begins_at_the_year_and_a_period_at_itself() {
        assert_eq!(parts(None, None, Minute), [Year, Month, Day]);
        assert_eq!(parts(Some(Month), None, Minute), [Year, Month]);
        assert_eq!(parts(Some(Week), None, Minute), [Year, Week]);
        assert_eq!(parts(Some(Month), Some(Year), Minute), [Year, Month]);
        assert_eq!(parts(None, Some(Month), Minute), [Month]);
        assert_eq!(parts(Some(Day), Some(Month), Minute), [Month, Day]);
        assert_eq!(parts(Some(Hour), Some(Weekday), Minute), [Weekday]);
        assert_eq!(parts(Some(Hour), None, Day), [Year, Month, Day]);
        assert_eq!(parts(Some(Year), Some(Day), Day), [Day]);
    }
}
