//! Answers a question: the rows that match, ordered or grouped, and what is printed of them.

use std::cmp::Ordering;
use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::{Query, Setting};
use crate::simulator::odsql::evaluate::Scope;
use crate::simulator::odsql::parser::Item;
use crate::simulator::odsql::tree::{Condition, Expression};
use crate::simulator::table::{Schema, Table};
use crate::simulator::value::Value;

/// The rows that a question selects, ready to be read one by one.
#[derive(Debug)]
pub struct Selection {
    /// Rows or groups that match, before offset and limit.
    pub total: usize,
    /// Names of the columns.
    pub names: Vec<String>,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    /// Rows of the table, and what is read in each.
    Plain { rows: Vec<u32>, expressions: Vec<Expression> },
    /// Groups, already evaluated.
    Groups(Vec<Vec<Value<'static>>>),
}

/// How values are read in this setting.
pub fn scope<'t>(table: &'t Table, setting: &'t Setting) -> Scope<'t> {
    Scope { table, zone: &setting.zone, lang: setting.lang, text_dates: setting.old }
}

/// The rows in which all conditions hold.
pub fn matching(table: &Table, conditions: &[Condition], setting: &Setting) -> Vec<u32> {
    let scope = scope(table, setting);
    (0..table.len()).filter(|row| conditions.iter().all(|condition| scope.holds(condition, *row))).map(|row| row as u32).collect()
}

impl Selection {
    /// Runs the question over the table.
    pub fn new(table: &Table, query: &Query, setting: &Setting) -> Self {
        let rows = matching(table, &query.conditions, setting);
        if query.groups.is_empty() { Self::plain(table, query, setting, rows) } else { Self::grouped(table, query, setting, &rows) }
    }

    fn plain(table: &Table, query: &Query, setting: &Setting, mut rows: Vec<u32>) -> Self {
        let scope = scope(table, setting);
        let total = rows.len();
        order(&mut rows, &query.order, &scope);
        if setting.reversed {
            rows.reverse();
        }
        let (names, mut expressions): (Vec<String>, Vec<Expression>) = projection(&query.select, &table.schema).into_iter().unzip();
        // An aggregate without groups is one value, repeated on every row of the page.
        for expression in expressions.iter_mut().filter(|expression| expression.is_aggregate()) {
            *expression = Expression::Constant(scope.group_value(expression, &rows, &[]));
        }
        let rows = window(rows, query);
        Self { total, names, rows: Rows::Plain { rows, expressions } }
    }

    fn grouped(table: &Table, query: &Query, setting: &Setting, rows: &[u32]) -> Self {
        let scope = scope(table, setting);
        let mut groups = groups(query, &scope, rows);
        groups.sort_by(|(a, _), (b, _)| {
            a.iter().zip(b).map(|(a, b)| null_first(a, b)).find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
        });
        if !query.order.is_empty() {
            groups.sort_by_cached_key(|(keys, rows)| {
                let values = query.order.iter().map(|(expression, descending)| (scope.group_value(expression, rows, keys), *descending));
                SortKey(values.collect())
            });
        }
        if setting.reversed {
            groups.reverse();
        }
        let total = groups.len();
        let mut names: Vec<String> = query.groups.iter().map(|(name, _)| name.clone()).collect();
        let mut expressions: Vec<Expression> = (0..names.len()).map(Expression::GroupKey).collect();
        for item in &query.select {
            if let Item::Named(name, expression) = item
                && !names.contains(name)
            {
                names.push(name.clone());
                expressions.push(expression.clone());
            }
        }
        let values = window(groups, query)
            .into_iter()
            .map(|(keys, rows)| expressions.iter().map(|expression| dated(scope.group_value(expression, &rows, &keys), setting)).collect())
            .collect();
        Self { total, names, rows: Rows::Groups(values) }
    }

    /// Rows on the page.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Plain { rows, .. } => rows.len(),
            Rows::Groups(groups) => groups.len(),
        }
    }

    /// The values of the row at this place of the page, in the order of the names.
    pub fn values<'t>(&self, table: &'t Table, setting: &'t Setting, at: usize) -> Vec<Value<'t>> {
        match &self.rows {
            Rows::Plain { rows, expressions } => {
                let scope = scope(table, setting);
                expressions.iter().map(|expression| scope.value(expression, rows[at] as usize)).collect()
            }
            Rows::Groups(groups) => groups[at].clone(),
        }
    }

    /// The table's column that this column is as it stands, if it is one.
    pub fn field(&self, column: usize) -> Option<usize> {
        match &self.rows {
            Rows::Plain { expressions, .. } => match expressions[column] {
                Expression::Field(field) => Some(field),
                _ => None,
            },
            Rows::Groups(_) => None,
        }
    }

    /// The table's row at this place of the page, if these are rows.
    pub fn row(&self, at: usize) -> Option<usize> {
        match &self.rows {
            Rows::Plain { rows, .. } => Some(rows[at] as usize),
            Rows::Groups(_) => None,
        }
    }
}

/// v2.0 prints the dates of groups as milliseconds.
fn dated(value: Value<'static>, setting: &Setting) -> Value<'static> {
    match value {
        Value::Moment(moment) if setting.old => Value::Int(moment.as_millisecond()),
        Value::Date(date) if setting.old => {
            TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_or(Value::Null, |at| Value::Int(at.as_millisecond()))
        }
        other => other,
    }
}

fn groups(query: &Query, scope: &Scope<'_>, rows: &[u32]) -> Vec<(Vec<Value<'static>>, Vec<u32>)> {
    let mut known: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<(Vec<Value<'static>>, Vec<u32>)> = Vec::new();
    for row in rows {
        // A row with several values of a field belongs to the group of each.
        let mut keys: Vec<Vec<Value<'static>>> = vec![Vec::new()];
        for (_, expression) in &query.groups {
            let value = scope.value(expression, *row as usize).detach();
            let values = match &value {
                Value::List(_) => value.parts().into_iter().map(|part| Value::owned(part.to_owned())).collect(),
                _ => vec![value],
            };
            keys = keys.iter().flat_map(|key| values.iter().map(|value| key.iter().cloned().chain([value.clone()]).collect())).collect();
        }
        for key in keys {
            if scope.text_dates && key.contains(&Value::Null) {
                continue;
            }
            let name = key.iter().map(|value| format!("{}{}", u8::from(*value == Value::Null), value.plain(&TimeZone::UTC))).collect();
            let at = *known.entry(name).or_insert(groups.len());
            if at == groups.len() {
                groups.push((key, Vec::new()));
            }
            groups[at].1.push(*row);
        }
    }
    groups
}

/// What a plain question prints: names and expressions.
fn projection(items: &[Item], schema: &Schema) -> Vec<(String, Expression)> {
    let field = |at: usize| (schema.fields[at].name.to_owned(), Expression::Field(at));
    let all = || (0..schema.fields.len()).map(field);
    let matches = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    let mut chosen: Vec<(String, Expression)> = Vec::new();
    // `exclude(…)` alone takes away from everything.
    if items.iter().all(|item| matches!(item, Item::Exclude(_))) {
        chosen.extend(all());
    }
    for item in items {
        match item {
            Item::All => chosen.extend(all()),
            Item::Include(pattern) => chosen.extend(all().filter(|(name, _)| matches(pattern, name))),
            Item::Exclude(pattern) => chosen.retain(|(name, _)| !matches(pattern, name)),
            Item::Named(name, expression) => chosen.push((name.clone(), expression.clone())),
        }
    }
    // A JSON object has a member once.
    let mut seen = std::collections::HashSet::new();
    chosen.retain(|(name, _)| seen.insert(name.clone()));
    chosen
}

fn window<T>(rows: Vec<T>, query: &Query) -> Vec<T> {
    rows.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect()
}

fn order(rows: &mut [u32], keys: &[(Expression, bool)], scope: &Scope<'_>) {
    if !keys.is_empty() {
        rows.sort_by_cached_key(|row| {
            SortKey(keys.iter().map(|(expression, descending)| (scope.value(expression, *row as usize), *descending)).collect())
        });
    }
}

/// Values to be compared in turn, and whether each descends.
struct SortKey<'a>(Vec<(Value<'a>, bool)>);

impl PartialEq for SortKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SortKey<'_> {}

impl PartialOrd for SortKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let orders = self.0.iter().zip(&other.0).map(|((a, descending), (b, _))| a.sort(b, *descending));
        orders.into_iter().find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
    }
}

/// Groups that nobody ordered come by their keys, the one without a value first, as recorded.
fn null_first(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (a, b) => a.sort(b, false),
    }
}
