//! Runs a tree over the rows of a table.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::dates;
use super::geometry::metres;
use super::tree::{Aggregate, Arithmetic, Comparison, Condition, Expression, Function};
use crate::simulator::dice::mix;
use crate::simulator::table::Table;
use crate::simulator::value::{PART, Value};

/// What values depend on besides the row.
#[derive(Clone, Debug)]
pub struct Scope<'t> {
    /// The rows.
    pub table: &'t Table,
    /// The zone that parts of dates are taken in.
    pub zone: &'t TimeZone,
    /// The language of `date_format`.
    pub lang: &'t str,
    /// Parts of dates are texts in v2.0 and numbers in v2.1.
    pub text_dates: bool,
}

impl<'t> Scope<'t> {
    /// The value of an expression in one row. Aggregates and keys of groups have none.
    pub fn value(&self, expression: &Expression, row: usize) -> Value<'t> {
        match expression {
            Expression::Constant(value) => value.clone(),
            Expression::Field(column) => self.table.value(row, *column),
            Expression::Call(Function::Random, arguments) => {
                let seed = self.value(&arguments[0], row).number().unwrap_or_default();
                Value::Int((mix(mix(seed.to_bits()) ^ row as u64) >> 1) as i64)
            }
            Expression::Call(function, arguments) => {
                let values: Vec<Value<'t>> = arguments.iter().map(|argument| self.value(argument, row)).collect();
                self.call(*function, values)
            }
            Expression::Arithmetic(operation, sides) => arithmetic(*operation, &self.value(&sides.0, row), &self.value(&sides.1, row)),
            Expression::Aggregate(..) | Expression::GroupKey(_) => Value::Null,
        }
    }

    /// The value of an expression for a group of rows with these keys. What is neither key nor aggregate is null.
    pub fn group_value(&self, expression: &Expression, rows: &[u32], keys: &[Value<'static>]) -> Value<'static> {
        match expression {
            Expression::Constant(value) => value.clone(),
            Expression::GroupKey(key) => keys.get(*key).cloned().unwrap_or(Value::Null),
            Expression::Aggregate(aggregate, inner) => self.aggregate(*aggregate, inner.as_deref(), rows),
            Expression::Arithmetic(operation, sides) => {
                arithmetic(*operation, &self.group_value(&sides.0, rows, keys), &self.group_value(&sides.1, rows, keys))
            }
            Expression::Call(function, arguments) if *function != Function::Random => {
                let values = arguments.iter().map(|argument| self.group_value(argument, rows, keys)).collect();
                self.call(*function, values).detach()
            }
            Expression::Call(..) | Expression::Field(_) => Value::Null,
        }
    }

    fn aggregate(&self, aggregate: Aggregate, inner: Option<&Expression>, rows: &[u32]) -> Value<'static> {
        let Some(inner) = inner else { return Value::Int(rows.len() as i64) };
        let values = rows.iter().map(|row| self.value(inner, *row as usize)).filter(|value| *value != Value::Null);
        match aggregate {
            Aggregate::Count => Value::Int(values.count() as i64),
            Aggregate::CountDistinct => Value::Int(values.map(|value| value.plain(&TimeZone::UTC)).collect::<HashSet<_>>().len() as i64),
            Aggregate::Min => {
                values.reduce(|a, b| if b.sort(&a, false) == Ordering::Less { b } else { a }).map_or(Value::Null, Value::detach)
            }
            Aggregate::Max => {
                values.reduce(|a, b| if b.sort(&a, false) == Ordering::Greater { b } else { a }).map_or(Value::Null, Value::detach)
            }
            Aggregate::Sum => {
                let numbers: Vec<Value<'_>> = values.filter(|value| value.number().is_some()).collect();
                let sum: f64 = numbers.iter().filter_map(Value::number).sum();
                let whole = numbers.iter().all(|value| matches!(value, Value::Int(_)));
                if numbers.is_empty() {
                    Value::Null
                } else if whole {
                    Value::Int(sum as i64)
                } else {
                    Value::Double(sum)
                }
            }
            Aggregate::Avg => {
                let numbers: Vec<f64> = values.filter_map(|value| value.number()).collect();
                if numbers.is_empty() { Value::Null } else { Value::Double(numbers.iter().sum::<f64>() / numbers.len() as f64) }
            }
            Aggregate::Percentile(percent) => {
                percentile(values.filter_map(|value| value.number()).collect(), percent).map_or(Value::Null, Value::Double)
            }
        }
    }

    fn call(&self, function: Function, mut values: Vec<Value<'t>>) -> Value<'t> {
        let first = values.first().cloned().unwrap_or(Value::Null);
        if function == Function::IfNull {
            return if first == Value::Null { values.pop().unwrap_or(Value::Null) } else { first };
        }
        if first == Value::Null {
            return Value::Null;
        }
        let part = |part: fn(&DateTime) -> i64| match self.civil(&first) {
            Some(at) if self.text_dates => Value::owned(part(&at).to_string()),
            Some(at) => Value::Int(part(&at)),
            None => Value::Null,
        };
        match function {
            Function::Length => match &first {
                Value::Text(text) => Value::Int(text.chars().count() as i64),
                _ => Value::Null,
            },
            Function::Lower => Value::owned(first.plain(self.zone).to_lowercase()),
            Function::Upper => Value::owned(first.plain(self.zone).to_uppercase()),
            Function::Year => part(|at| i64::from(at.year())),
            Function::Month => part(|at| i64::from(at.month())),
            Function::Day => part(|at| i64::from(at.day())),
            Function::Hour => part(|at| i64::from(at.hour())),
            Function::Minute => part(|at| i64::from(at.minute())),
            Function::Second => part(|at| i64::from(at.second())),
            Function::DateFormat => match (self.civil(&first), values.get(1)) {
                (Some(at), Some(Value::Text(pattern))) => Value::owned(dates::print(at, pattern, self.lang)),
                _ => Value::Null,
            },
            Function::Distance => match (&first, values.get(1)) {
                (Value::Point(a), Some(Value::Point(b))) => Value::Double(metres(*a, *b)),
                _ => Value::Null,
            },
            Function::Range => match (first.number(), values.get(1).and_then(Value::number)) {
                (Some(number), Some(step)) if step > 0.0 => {
                    let from = (number / step).floor() * step;
                    Value::owned(format!("[{from}, {}[", from + step))
                }
                _ => Value::Null,
            },
            Function::IfNull | Function::Random => Value::Null,
        }
    }

    /// A date or instant as the calendar and clock of the zone show it.
    fn civil(&self, value: &Value<'_>) -> Option<DateTime> {
        match value {
            Value::Date(date) => Some(date.at(0, 0, 0, 0)),
            Value::Moment(moment) => Some(self.zone.to_datetime(*moment)),
            Value::Span(span) => Some(span.civil.0),
            _ => None,
        }
    }

    /// Whether a condition holds in a row. A comparison with null never does.
    pub fn holds(&self, condition: &Condition, row: usize) -> bool {
        match condition {
            Condition::And(sides) => sides.iter().all(|side| self.holds(side, row)),
            Condition::Or(sides) => sides.iter().any(|side| self.holds(side, row)),
            Condition::Not(inner) => !self.holds(inner, row),
            Condition::Compare(comparison) => {
                let (left, how, right) = comparison.as_ref();
                compares(&self.value(left, row), *how, &self.value(right, row))
            }
            Condition::Like(Expression::Field(column), needle) => {
                self.table.folded(row, *column).is_some_and(|text| needle.found_in(std::iter::once(text)))
            }
            Condition::Like(expression, needle) => match self.value(expression, row) {
                Value::Null => false,
                value => needle.found_in(std::iter::once(super::fold(&value.plain(self.zone)).as_str())),
            },
            Condition::IsNull(expression) => self.value(expression, row) == Value::Null,
            Condition::Is(expression, truth) => match self.value(expression, row) {
                Value::Bool(value) => value == *truth,
                Value::Int(number) => (number != 0) == *truth,
                _ => false,
            },
            Condition::OneOf(expression, choices) => {
                let value = self.value(expression, row);
                choices.iter().any(|choice| compares(&value, Comparison::Equal, &self.value(choice, row)))
            }
            Condition::Search(columns, needle) => needle.found_in(columns.iter().filter_map(|column| self.table.folded(row, *column))),
            Condition::StartsWith(columns, start) => columns.iter().any(|column| match self.table.value(row, *column) {
                Value::Null => false,
                value => value.plain(self.zone).starts_with(start),
            }),
            Condition::Near(expression, centre, distance) => match self.value(expression, row) {
                Value::Point(place) => metres(place, *centre) <= *distance,
                _ => false,
            },
            Condition::Inside(expression, shape) => match self.value(expression, row) {
                Value::Point(place) => shape.contains(place),
                _ => false,
            },
        }
    }
}

/// The number that this per cent of the numbers do not exceed; none of none.
pub fn percentile(mut numbers: Vec<f64>, percent: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let at = (percent / 100.0 * (numbers.len().saturating_sub(1)) as f64).round() as usize;
    numbers.get(at).copied()
}

fn compares(left: &Value<'_>, how: Comparison, right: &Value<'_>) -> bool {
    if let (Value::List(parts), Value::Text(text)) | (Value::Text(text), Value::List(parts)) = (left, right) {
        let held = parts.split(PART).any(|part| part == text);
        return match how {
            Comparison::Equal => held,
            Comparison::Different => !held,
            _ => false,
        };
    }
    let Some(order) = left.compare(right) else { return false };
    match how {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::Different => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::AtMost => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::AtLeast => order != Ordering::Less,
    }
}

fn arithmetic(operation: Arithmetic, left: &Value<'_>, right: &Value<'_>) -> Value<'static> {
    if let (Value::Text(a), Arithmetic::Plus, Value::Text(b)) = (left, operation, right) {
        return Value::Text(Cow::Owned(format!("{a}{b}")));
    }
    let (Some(a), Some(b)) = (left.number(), right.number()) else { return Value::Null };
    let result = match operation {
        Arithmetic::Plus => a + b,
        Arithmetic::Minus => a - b,
        Arithmetic::Times => a * b,
        Arithmetic::Over if b == 0.0 => return Value::Null,
        Arithmetic::Over => a / b,
    };
    let whole = matches!((left, right), (Value::Int(_), Value::Int(_))) && operation != Arithmetic::Over;
    if whole && result.abs() < 9e15 { Value::Int(result as i64) } else { Value::Double(result) }
}
