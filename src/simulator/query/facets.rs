//! Counts the values of facets.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Setting;
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

/// The values of one facet among these rows, most frequent first; those of dates in their own order.
pub fn count(table: &Table, rows: &[u32], column: usize, chosen: &[String], ruled_out: &[String], setting: &Setting) -> Vec<FacetValue> {
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
