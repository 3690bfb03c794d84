//! Analyses: the rows that match in slices, one for each value of `x`, and for each slice a value of every series `y.S.…`.
//!
//! Nothing of the order of parameters shows: series are told by name, and slices by value where no order is asked for.

mod formula;
pub(super) mod series;
mod slices;

use std::cmp::Ordering;

use serde_json::{Map, Value as Json, json};

use self::series::{Amount, Series};
use self::slices::{Slice, Slicing};
use super::Question;
use super::asked::Filter;
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::refusal::Refusal;
use crate::simulator::rows::Csv;

/// Points that the portal gives at most, whatever is asked for. An answer that was cut here says so in a field.
pub const MOST_POINTS: usize = 10_000;

/// One point: a slice, and the value of every series in it.
struct Point {
    slice: Slice,
    amounts: Vec<Option<Amount>>,
}

/// A key of the order.
enum Key {
    /// The values of `x` from this one to before that one.
    X(usize, usize),
    /// The series at this place.
    Series(usize),
}

impl Question<'_> {
    pub(super) fn analyze(&self, dataset: &Dataset) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let filter = Filter::read(self, &table.schema)?;
        let slicing = Slicing::read(self.parameters(), &table.schema)?;
        let series = Series::read_all(self.parameters(), &table.schema)?;
        let order = order(self.parameters().given("sort"), &slicing, &series)?;
        let wanted = self.most("maxpoints")?.unwrap_or(usize::MAX);

        let slices = slicing.cut(&table, filter.rows(self, &table), &self.setting.zone);
        let amounts = |rows: &[u32]| series.iter().map(|series| series.amount(&table, rows)).collect();
        let mut points: Vec<Point> = slices.into_iter().map(|slice| Point { amounts: amounts(&slice.rows), slice }).collect();
        points.sort_by(|a, b| compare(a, b, &order).then_with(|| a.slice.compare(&b.slice, 0, usize::MAX)));
        let truncated = points.len().min(wanted) > MOST_POINTS;
        points.truncate(wanted.min(MOST_POINTS));
        accumulate(&mut points, &series);

        let answer = match self.format("json") {
            "json" => self.json(&points.iter().map(|point| self.point(point, &slicing, &series)).collect())?,
            "csv" => {
                let csv = Csv::read_v1(self.parameters())?;
                let mut text = csv.start();
                csv.line(&mut text, slicing.headings().into_iter().chain(series.iter().flat_map(Series::headings)));
                for point in &points {
                    let x = point.slice.values.iter().map(|value| value.plain(&self.setting.zone));
                    let y = series.iter().zip(&point.amounts).flat_map(|(series, amount)| series.cells(amount.as_ref()));
                    csv.line(&mut text, x.chain(y));
                }
                Answer::text("text/csv; charset=utf-8", String::from_utf8_lossy(&text))
            }
            _ => return Err(self.unknown_format("json", &["json", "jsonp", "csv"])),
        };
        Ok(if truncated { answer.with("ODS-Analyze-Truncated", "true") } else { answer })
    }

    /// A number of things wanted at most. Zero, like silence, means all: the vendor's widgets write it so.
    pub(super) fn most(&self, name: &'static str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.parameters().given(name) else { return Ok(None) };
        let number = text.trim().parse::<usize>();
        let number = number.map_err(|_| Refusal::Parameter { name, found: text.to_owned(), expected: "a positive integer".to_owned() })?;
        Ok((number > 0).then_some(number))
    }

    fn point(&self, point: &Point, slicing: &Slicing, series: &[Series]) -> Json {
        let mut shown = Map::new();
        shown.insert("x".to_owned(), slicing.shown(&point.slice, &self.setting.zone));
        for (series, amount) in series.iter().zip(&point.amounts) {
            // Without a value there is no member: the vendor's charts expect that.
            if let Some(amount) = amount {
                shown.insert(series.name.clone(), amount.json());
            }
        }
        Json::Object(shown)
    }
}

/// Keys of `sort`, and whether each descends: a bare `x` or series does, `x.field.part` does not, as charts over time need it.
fn order(text: Option<&str>, slicing: &Slicing, series: &[Series]) -> Result<Vec<(Key, bool)>, Refusal> {
    let refused = |key: &str| Refusal::Parameter { name: "sort", found: key.to_owned(), expected: "x or the name of a series".to_owned() };
    let keys = text.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|key| !key.is_empty());
    let read = |key: &str| {
        let (name, bare) = key.strip_prefix('-').map_or((key, true), |name| (name, false));
        if name == "x" {
            return Ok((Key::X(0, usize::MAX), bare));
        }
        if let Some(at) = series.iter().position(|series| series.name == name.strip_prefix("y.").unwrap_or(name)) {
            return Ok((Key::Series(at), bare));
        }
        let (from, to) = name.strip_prefix("x.").and_then(|name| slicing.position(name)).ok_or_else(|| refused(key))?;
        Ok((Key::X(from, to), !bare))
    };
    keys.map(read).collect()
}

fn compare(a: &Point, b: &Point, order: &[(Key, bool)]) -> Ordering {
    let keys = order.iter().map(|(key, descending)| {
        let order = match key {
            Key::X(from, to) => a.slice.compare(&b.slice, *from, *to),
            Key::Series(at) => match (rank(a, *at), rank(b, *at)) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                // Without a value last, whichever the direction.
                (a, b) => return b.is_some().cmp(&a.is_some()),
            },
        };
        if *descending { order.reverse() } else { order }
    });
    keys.into_iter().find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
}

fn rank(point: &Point, series: usize) -> Option<f64> {
    point.amounts[series].as_ref().and_then(Amount::rank)
}

/// Makes each value of a cumulative series the sum of itself and all before it.
fn accumulate(points: &mut [Point], series: &[Series]) {
    for (at, _) in series.iter().enumerate().filter(|(_, series)| series.cumulative) {
        let mut sum = 0.0;
        for point in points.iter_mut() {
            if let Some(Amount::Number(number)) = &mut point.amounts[at] {
                sum += *number;
                *number = sum;
            }
        }
    }
}

/// Least and greatest value of every series, as clusters tell them.
pub(super) fn spread<'a>(series: &[Series], all: impl Iterator<Item = &'a [Option<Amount>]> + Clone) -> Json {
    let of = |at: usize| {
        let values = all.clone().filter_map(|amounts| amounts[at].as_ref().and_then(Amount::rank));
        let (min, max) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
        (min <= max).then(|| json!({"max": series::number(max), "min": series::number(min)}))
    };
    let spreads = series.iter().enumerate().filter_map(|(at, series)| Some((series.name.clone(), of(at)?)));
    Json::Object(spreads.collect())
}
