//! Facets: how they are asked for, and the counts of their values.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::run::matching;
use super::{Refinements, Setting};
use crate::simulator::odsql::tree::Condition;
use crate::simulator::table::{Kind, Table};
use crate::simulator::value::Value;

/// A value of a facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetValue {
    /// How it is called.
    pub name: String,
    /// How it is chosen: for dates the path from the year down.
    pub path: String,
    /// Rows that have it.
    pub count: usize,
    /// Whether it is chosen, ruled out, or just shown.
    pub state: &'static str,
    /// The values below it, once it is chosen.
    pub below: Vec<FacetValue>,
}

/// A facet as it is asked for: `name`, or `facet(name="name", disjunctive=true, sort="-count", limit=10)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FacetAsked {
    /// The field.
    pub name: String,
    /// Whether several of its values may be chosen.
    pub disjunctive: bool,
    /// The order of its values, if one is wished.
    pub sort: Option<Sort>,
    /// How many values are wanted at most.
    pub limit: Option<usize>,
}

/// An order of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By number of rows, or by name.
    by_count: bool,
    /// Whether the name is a number.
    numbers: bool,
    /// From the end.
    reversed: bool,
}

impl FacetAsked {
    /// Reads the value of a parameter `facet`; none if it is no facet.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some(inside) = text.strip_prefix("facet(") else {
            let name = text.strip_prefix("default.").unwrap_or(text);
            return (!text.contains(['(', ')', '"'])).then(|| Self { name: name.to_owned(), ..Self::default() });
        };
        let mut asked = Self::default();
        for argument in arguments(inside.strip_suffix(')')?) {
            let (name, value) = argument.split_once('=')?;
            let value = value.trim().trim_matches(['"', '\'']);
            match name.trim() {
                "name" => asked.name = value.strip_prefix("default.").unwrap_or(value).to_owned(),
                "disjunctive" => asked.disjunctive = value.eq_ignore_ascii_case("true"),
                "sort" => asked.sort = Some(Sort::read(value)?),
                "limit" => asked.limit = Some(value.parse().ok()?),
                // No field here has levels within its values but the dates, and they are told so anyhow.
                "hierarchical" | "separator" => {}
                _ => return None,
            }
        }
        (!asked.name.is_empty()).then_some(asked)
    }
}

/// The arguments of a function, cut at the commas outside quotes.
fn arguments(text: &str) -> Vec<&str> {
    let mut quote = None;
    text.split(move |c: char| {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
        c == ',' && quote.is_none()
    })
    .collect()
}

impl Sort {
    /// `count` has the most frequent first, `alphanum` and `num` the least; with `-` it is the other way round.
    fn read(text: &str) -> Option<Self> {
        let (name, reversed) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let (by_count, numbers) = match name {
            "count" => (true, false),
            "alphanum" => (false, false),
            "num" => (false, true),
            _ => return None,
        };
        Some(Self { by_count, numbers, reversed })
    }

    fn apply(self, values: &mut [FacetValue]) {
        let number = |value: &FacetValue| value.name.parse::<f64>().unwrap_or(f64::INFINITY);
        match (self.by_count, self.numbers) {
            (true, _) => values.sort_by_key(|value| Reverse(value.count)),
            (_, true) => values.sort_by(|a, b| number(a).total_cmp(&number(b))),
            _ => values.sort_by(|a, b| a.name.cmp(&b.name)),
        }
        if self.reversed {
            values.reverse();
        }
    }
}

/// Counts the facets of one question.
pub struct Counter<'a> {
    table: &'a Table,
    stated: &'a [Condition],
    refinements: &'a Refinements,
    setting: &'a Setting,
    /// The rows of the answer.
    rows: Vec<u32>,
}

impl<'a> Counter<'a> {
    /// Of the rows in which `stated` holds, and what the refinements choose among them.
    pub fn new(table: &'a Table, stated: &'a [Condition], refinements: &'a Refinements, setting: &'a Setting) -> Self {
        let counter = Self { table, stated, refinements, setting, rows: Vec::new() };
        Self { rows: counter.rows(refinements), ..counter }
    }

    fn rows(&self, refinements: &Refinements) -> Vec<u32> {
        let chosen = refinements.conditions(&self.table.schema, &self.setting.zone);
        matching(self.table, &[self.stated, &chosen].concat(), self.setting)
    }

    /// The values of one facet. Where several may be chosen, a choice leaves the others to choose from; elsewhere it leaves itself alone.
    pub fn values(&self, column: usize, asked: &FacetAsked) -> Vec<FacetValue> {
        let of = |pairs: &[(usize, String)]| -> Vec<String> {
            pairs.iter().filter(|(at, _)| *at == column).map(|(_, value)| value.clone()).collect()
        };
        let chosen = of(&self.refinements.refined);
        let open = !chosen.is_empty() && self.refinements.is_disjunctive(column, &self.table.schema);
        let others = if open { Some(self.rows(&self.refinements.beside(column))) } else { None };
        let rows = others.as_deref().unwrap_or(&self.rows);
        let mut values = count(self.table, rows, column, &chosen, &of(&self.refinements.excluded), self.setting);
        if let Some(sort) = asked.sort {
            sort.apply(&mut values);
        }
        values.truncate(asked.limit.unwrap_or(usize::MAX));
        values
    }
}

/// The values of one facet among these rows, most frequent first; those of dates in their own order.
fn count(table: &Table, rows: &[u32], column: usize, chosen: &[String], ruled_out: &[String], setting: &Setting) -> Vec<FacetValue> {
    let dated = matches!(table.schema.fields[column].kind, Kind::Date | Kind::Moment);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let value = table.value(*row as usize, column);
        for path in paths(&value, chosen, setting) {
            *counts.entry(path).or_default() += 1;
        }
    }
    let same = |a: &str, b: &str| a.replace('-', "/") == b.replace('-', "/");
    let state = |path: &str| {
        let leads = |known: &String| same(known, path) || (dated && known.replace('-', "/").starts_with(&format!("{path}/")));
        if chosen.iter().any(leads) {
            "refined"
        } else if ruled_out.iter().any(|known| same(known, path)) {
            "excluded"
        } else {
            "displayed"
        }
    };
    let value = |path: &str, count: usize| FacetValue {
        name: if dated { path.rsplit('/').next().unwrap_or(path).to_owned() } else { path.to_owned() },
        path: path.to_owned(),
        count,
        state: state(path),
        below: Vec::new(),
    };
    if dated {
        return nested(&counts, "", &value);
    }
    let mut values: Vec<FacetValue> = counts.iter().map(|(path, count)| value(path, *count)).collect();
    values.sort_by_key(|value| Reverse(value.count));
    values
}

/// The values that a row counts for. A date counts for its year, and within a chosen year for its month, and so on.
fn paths(value: &Value<'_>, chosen: &[String], setting: &Setting) -> Vec<String> {
    let day = match value {
        Value::Null => return Vec::new(),
        Value::Date(date) => *date,
        Value::Moment(moment) => setting.zone.to_datetime(*moment).date(),
        Value::List(_) => return value.parts().into_iter().map(str::to_owned).collect(),
        other => return vec![other.plain(&setting.zone)],
    };
    let year = format!("{:04}", day.year());
    let month = format!("{year}/{:02}", day.month());
    let mut paths = vec![year.clone()];
    if chosen.iter().any(|path| path.starts_with(&year)) {
        paths.push(month.clone());
    }
    if chosen.iter().any(|path| path.replace('-', "/").starts_with(&month)) {
        paths.push(format!("{month}/{:02}", day.day()));
    }
    paths
}

/// The counts whose path is one step below `parent`, each with what is below it.
fn nested(counts: &BTreeMap<String, usize>, parent: &str, value: &impl Fn(&str, usize) -> FacetValue) -> Vec<FacetValue> {
    let below = |path: &&String| match path.strip_prefix(parent) {
        Some(rest) => {
            !rest.trim_start_matches('/').is_empty()
                && !rest.trim_start_matches('/').contains('/')
                && (parent.is_empty() || rest.starts_with('/'))
        }
        None => false,
    };
    let values = counts.keys().filter(below).map(|path| FacetValue { below: nested(counts, path, value), ..value(path, counts[path]) });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_facet_is_a_name_or_a_function_with_options_in_any_order() {
        let plain = |name: &str| Some(FacetAsked { name: name.to_owned(), ..FacetAsked::default() });
        assert_eq!(FacetAsked::read(" zones "), plain("zones"));
        assert_eq!(FacetAsked::read("facet(name='zones')"), plain("zones"));
        assert_eq!(FacetAsked::read("default.publisher"), plain("publisher"));
        let asked = FacetAsked::read("facet( disjunctive = True, name=\"a,b\", limit=3, sort=\"-alphanum\")").unwrap();
        assert_eq!((asked.name.as_str(), asked.disjunctive, asked.limit), ("a,b", true, Some(3)));
        assert_eq!(asked.sort, Some(Sort { by_count: false, numbers: false, reversed: true }));
        for text in ["facet(zones", "facet(name=)", "facet(name=\"a\", colour=1)", "facet(name=\"a\", limit=x)", "count(a)"] {
            assert_eq!(FacetAsked::read(text), None, "{text}");
        }
    }
}
