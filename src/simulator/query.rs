//! A question to a table: its clauses, read from the parameters, with the portal's bounds.

pub mod facets;
pub mod run;

use self::facets::FacetAsked;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::odsql::condition::condition;
use super::odsql::parser::{Context, Item, group_by, order_by, select};
use super::odsql::tree::{Comparison, Condition, Expression};
use super::odsql::{Fault, dates, v1};
use super::refusal::Refusal;
use super::table::{Kind, Schema};
use super::target::Parameters;
use super::value::Value;

/// What a question is read and answered with, besides its parameters.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The zone of dates.
    pub zone: TimeZone,
    /// The language of words.
    pub lang: &'static str,
    /// What `now()` is.
    pub now: Timestamp,
    /// Whether v2.0 asks: parts of dates are texts there, and null is no group.
    pub old: bool,
    /// Whether rows come in the reverse order: a lie.
    pub reversed: bool,
}

impl Setting {
    /// The setting that the parameters ask for.
    ///
    /// # Errors
    ///
    /// If the time zone is unknown.
    pub fn new(parameters: &Parameters, lang: &'static str, now: Timestamp, old: bool) -> Result<Self, Refusal> {
        let name = parameters.given("timezone").unwrap_or("UTC");
        let zone = if name == "UTC" { Ok(TimeZone::UTC) } else { TimeZone::get(name) };
        let zone =
            zone.map_err(|_| Refusal::Parameter { name: "timezone", found: name.to_owned(), expected: "a valid timezone".to_owned() })?;
        Ok(Self { zone, lang, now, old, reversed: false })
    }
}

/// How many rows may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// A page of at most 100 within the first 10,000; of groups, 20,000.
    Page,
    /// Everything.
    Export,
}

/// Facet values that were chosen or ruled out.
#[derive(Clone, Debug, Default)]
pub struct Refinements {
    /// Chosen: column and value.
    pub refined: Vec<(usize, String)>,
    /// Ruled out.
    pub excluded: Vec<(usize, String)>,
    /// Columns whose chosen values mean "any of them", by the request's own wish.
    pub disjunctive: Vec<usize>,
}

/// A question to a table.
#[derive(Clone, Debug)]
pub struct Query {
    /// The selected items; none means all fields.
    pub select: Vec<Item>,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// Names and expressions of groups.
    pub groups: Vec<(String, Expression)>,
    /// Keys of the order, and whether they descend.
    pub order: Vec<(Expression, bool)>,
    /// Rows skipped.
    pub offset: usize,
    /// Rows wanted at most; none means all.
    pub limit: Option<usize>,
}

impl Query {
    /// Reads the clauses of a v2.x question.
    ///
    /// # Errors
    ///
    /// What is wrong with the first bad parameter, in the portal's words.
    pub fn read(parameters: &Parameters, schema: &Schema, setting: &Setting, bounds: Bounds) -> Result<Self, Refusal> {
        let mut context = Context { schema, zone: &setting.zone, now: setting.now, names: Vec::new() };
        let at = |clause, text: &str| {
            let text = text.to_owned();
            move |fault| Refusal::Clause { clause, text, fault }
        };
        let groups = match parameters.given("group_by") {
            Some(text) => group_by(text, &context).map_err(at("group_by", text))?,
            None => Vec::new(),
        };
        context.names = groups.iter().enumerate().map(|(key, (name, _))| (name.clone(), Expression::GroupKey(key))).collect();
        let mut items = Vec::new();
        for text in parameters.all("select").filter(|text| !text.trim().is_empty()) {
            for mut item in select(text, &context).map_err(at("select", text))? {
                if let Item::Named(_, expression) = &mut item {
                    keyed(expression, &groups);
                }
                items.push(item);
            }
        }
        let mut conditions = conditions(parameters, schema, setting)?;
        for item in &items {
            if let Item::Named(name, expression) = item {
                context.names.push((name.clone(), expression.clone()));
            }
        }
        let mut order = Vec::new();
        if let Some(text) = parameters.given("order_by") {
            order = order_by(text, &context).map_err(at("order_by", text))?;
            order.iter_mut().for_each(|(expression, _)| keyed(expression, &groups));
        }
        conditions.extend(Refinements::read(parameters, schema)?.conditions(schema, &setting.zone));
        let (offset, limit) = window(parameters, bounds, !groups.is_empty())?;
        Ok(Self { select: items, conditions, groups, order, offset, limit })
    }
}

/// The conditions of `where`, all of them, and of `qv1`.
///
/// # Errors
///
/// If one cannot be read.
pub fn conditions(parameters: &Parameters, schema: &Schema, setting: &Setting) -> Result<Vec<Condition>, Refusal> {
    let context = Context { schema, zone: &setting.zone, now: setting.now, names: Vec::new() };
    let mut conditions = Vec::new();
    for text in parameters.all("where") {
        conditions.push(condition(text, &context).map_err(|fault| Refusal::Clause { clause: "where", text: text.to_owned(), fault })?);
    }
    for text in parameters.all("qv1") {
        conditions.push(v1::condition(text, &context).map_err(|fault| Refusal::Clause { clause: "qv1", text: text.to_owned(), fault })?);
    }
    Ok(conditions)
}

impl Refinements {
    /// Reads `refine`, `exclude` and `facet=facet(name="…",disjunctive=true)`.
    ///
    /// # Errors
    ///
    /// If a field is unknown or a value is missing.
    pub fn read(parameters: &Parameters, schema: &Schema) -> Result<Self, Refusal> {
        let read = |name: &'static str| -> Result<Vec<(usize, String)>, Refusal> {
            parameters.all(name).filter(|text| !text.trim().is_empty()).map(|text| refinement(name, text, schema)).collect()
        };
        let facets = parameters.all("facet").filter_map(FacetAsked::read).filter(|facet| facet.disjunctive);
        Ok(Self {
            refined: read("refine")?,
            excluded: read("exclude")?,
            disjunctive: facets.filter_map(|facet| schema.position(&facet.name)).collect(),
        })
    }

    /// Whether several chosen values of the facet mean any of them.
    pub fn is_disjunctive(&self, column: usize, schema: &Schema) -> bool {
        schema.fields[column].disjunctive || self.disjunctive.contains(&column)
    }

    /// The same without the chosen values of one facet.
    pub fn beside(&self, column: usize) -> Self {
        let mut others = self.clone();
        others.refined.retain(|(at, _)| *at != column);
        others
    }

    /// What the chosen and excluded values state.
    pub fn conditions(&self, schema: &Schema, zone: &TimeZone) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let mut columns: Vec<usize> = self.refined.iter().map(|(column, _)| *column).collect();
        columns.dedup();
        columns.sort_unstable();
        columns.dedup();
        for column in columns {
            let chosen = self.refined.iter().filter(|(at, _)| *at == column).map(|(_, value)| has(column, value, schema, zone)).collect();
            conditions.push(if self.is_disjunctive(column, schema) { Condition::Or(chosen) } else { Condition::And(chosen) });
        }
        conditions.extend(self.excluded.iter().map(|(column, value)| Condition::Not(Box::new(has(*column, value, schema, zone)))));
        conditions
    }
}

/// `facet:value`, the value with or without quotes.
fn refinement(clause: &'static str, text: &str, schema: &Schema) -> Result<(usize, String), Refusal> {
    let refused = |fault| Refusal::Clause { clause, text: text.to_owned(), fault };
    let Some((name, value)) = text.split_once(':') else {
        return Err(refused(Fault::Syntax { unexpected: "end of text".to_owned(), position: text.chars().count() }));
    };
    let name = name.trim().trim_matches('`');
    let column = schema.position(name.strip_prefix("default.").unwrap_or(name));
    let column = column.ok_or_else(|| refused(Fault::UnknownField(name.to_owned())))?;
    let value = value.trim();
    let quoted = value.len() >= 2 && (value.starts_with('"') && value.ends_with('"') || value.starts_with('\'') && value.ends_with('\''));
    let value = if quoted { value[1..value.len() - 1].replace("\\\"", "\"").replace("\\'", "'") } else { value.to_owned() };
    Ok((column, value))
}

/// The condition that a field has a facet value. A date has the years, months and days that it lies in.
pub fn has(column: usize, value: &str, schema: &Schema, zone: &TimeZone) -> Condition {
    let wanted = match schema.fields[column].kind {
        Kind::Date | Kind::Moment => dates::span(value, zone).map_or(Value::Null, Value::Span),
        _ => Value::owned(value.to_owned()),
    };
    Condition::Compare(Box::new((Expression::Field(column), Comparison::Equal, Expression::Constant(wanted))))
}

/// Puts the key in the place of every expression that the groups are made by.
fn keyed(expression: &mut Expression, groups: &[(String, Expression)]) {
    if let Some(key) = groups.iter().position(|(_, group)| group == expression) {
        *expression = Expression::GroupKey(key);
        return;
    }
    match expression {
        Expression::Call(_, arguments) => arguments.iter_mut().for_each(|argument| keyed(argument, groups)),
        Expression::Arithmetic(_, sides) => {
            keyed(&mut sides.0, groups);
            keyed(&mut sides.1, groups);
        }
        _ => {}
    }
}

/// `offset` and `limit`, within the portal's bounds.
fn window(parameters: &Parameters, bounds: Bounds, grouped: bool) -> Result<(usize, Option<usize>), Refusal> {
    let number = |name: &'static str, expected: String, default: i64, least: i64, most: i64| -> Result<i64, Refusal> {
        let Some(text) = parameters.first(name) else { return Ok(default) };
        match text.trim().parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(Refusal::Parameter { name, found: text.to_owned(), expected }),
        }
    };
    if bounds == Bounds::Export {
        let limit = number("limit", "-1 <= limit".to_owned(), -1, -1, i64::MAX)?;
        let offset = number("offset", "0 <= offset".to_owned(), 0, 0, i64::MAX)?;
        return Ok((offset as usize, usize::try_from(limit).ok()));
    }
    let (most, reach) = if grouped { (20_000, 20_000) } else { (100, 10_000) };
    let limit = number("limit", format!("-1 <= limit <= {most}"), 10, -1, most)?;
    let offset = number("offset", "0 <= offset".to_owned(), 0, 0, i64::MAX)?;
    // What -1 does on a page is not documented; as much as a page may hold is the mildest reading.
    let limit = if limit < 0 { most } else { limit };
    if offset.saturating_add(limit) > reach {
        let found = offset.saturating_add(limit).to_string();
        return Err(Refusal::Parameter { name: "offset + limit", found, expected: format!("offset + limit <= {reach}") });
    }
    Ok((offset as usize, Some(limit as usize)))
}
