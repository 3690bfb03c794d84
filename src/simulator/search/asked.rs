//! What the parameters of v1 ask of a table: conditions, order, columns and page.

use super::Question;
use crate::simulator::odsql::parser::{Context, Item};
use crate::simulator::odsql::tree::{Condition, Expression};
use crate::simulator::odsql::{Fault, v1};
use crate::simulator::query::facets::{Counter, FacetAsked, FacetValue};
use crate::simulator::query::run::matching;
use crate::simulator::query::{Query, Refinements};
use crate::simulator::refusal::Refusal;
use crate::simulator::table::{Kind, Schema, Table};
use serde_json::{Value as Json, json};

/// Rows that a search reaches.
const REACH: usize = 10_000;

/// The page of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows wanted at most.
    pub rows: usize,
    /// Rows skipped.
    pub start: usize,
}

/// Which rows are meant.
#[derive(Debug)]
pub struct Filter {
    /// All of them must hold.
    stated: Vec<Condition>,
    /// Facet values that were chosen or ruled out.
    refinements: Refinements,
}

/// A search.
#[derive(Debug)]
pub struct Asked {
    /// Which rows are meant.
    filter: Filter,
    /// Keys of the order, and whether they descend.
    pub order: Vec<(Expression, bool)>,
    /// The columns that are wanted.
    pub columns: Vec<usize>,
}

impl Page {
    /// Reads `rows` and `start`.
    ///
    /// # Errors
    ///
    /// If either is no number, or the page lies beyond what a search reaches.
    pub fn read(question: &Question<'_>) -> Result<Self, Refusal> {
        let number = |name: &'static str, default: usize| {
            let Some(text) = question.parameters().given(name) else { return Ok(default) };
            let refused = || Refusal::Parameter { name, found: text.to_owned(), expected: format!("0 <= {name} <= {REACH}") };
            text.trim().parse().ok().filter(|number| *number <= REACH).ok_or_else(refused)
        };
        let page = Self { rows: number("rows", 10)?, start: number("start", 0)? };
        if page.rows + page.start > REACH {
            let found = (page.rows + page.start).to_string();
            return Err(Refusal::Parameter { name: "start + rows", found, expected: format!("start + rows <= {REACH}") });
        }
        Ok(page)
    }
}

impl Filter {
    /// Reads the conditions, refinements and geographical filters.
    ///
    /// # Errors
    ///
    /// What is wrong with the first bad parameter.
    pub fn read(question: &Question<'_>, schema: &Schema) -> Result<Self, Refusal> {
        let parameters = question.parameters();
        let refinements = refinements(question, schema)?;
        let mut stated = Vec::new();
        if let Some(text) = parameters.given("q") {
            let context = Context { schema, zone: &question.setting.zone, now: question.setting.now, names: Vec::new() };
            let refused = |fault| Refusal::Clause { clause: "q", text: text.to_owned(), fault };
            stated.push(v1::condition(text, &context).map_err(refused)?);
        }
        let filters =
            [("geofilter.distance", v1::within as fn(_, &str) -> _), ("geofilter.polygon", v1::inside), ("geofilter.bbox", v1::between)];
        for (name, read) in filters {
            for text in parameters.all(name).filter(|text| !text.is_empty()) {
                let place = schema.fields.iter().position(|field| field.kind == Kind::Point);
                let condition = place.and_then(|place| read(Expression::Field(place), text));
                let expected = || "latitudes and longitudes, of a dataset with places".to_owned();
                stated.push(condition.ok_or_else(|| Refusal::Parameter { name, found: text.to_owned(), expected: expected() })?);
            }
        }
        Ok(Self { stated, refinements })
    }

    /// Everything that must hold.
    pub fn conditions(&self, question: &Question<'_>, schema: &Schema) -> Vec<Condition> {
        let mut conditions = self.refinements.conditions(schema, &question.setting.zone);
        conditions.extend(self.stated.iter().cloned());
        conditions
    }

    /// The rows that are meant.
    pub fn rows(&self, question: &Question<'_>, table: &Table) -> Vec<u32> {
        matching(table, &self.conditions(question, &table.schema), &question.setting)
    }
}

impl Asked {
    /// Reads everything but the page.
    ///
    /// # Errors
    ///
    /// What is wrong with the first bad parameter.
    pub fn read(question: &Question<'_>, schema: &Schema) -> Result<Self, Refusal> {
        let parameters = question.parameters();
        let filter = Filter::read(question, schema)?;
        let mut order = Vec::new();
        for key in listed(parameters.given("sort")) {
            // The reverse of most APIs: a bare name descends.
            let (name, descending) = key.strip_prefix('-').map_or((key, true), |name| (name, false));
            order.push((Expression::Field(column("sort", name, schema)?), descending));
        }
        let mut columns = listed(parameters.given("fields")).map(|name| column("fields", name, schema)).collect::<Result<Vec<_>, _>>()?;
        if columns.is_empty() {
            columns = (0..schema.fields.len()).collect();
        }
        Ok(Self { filter, order, columns })
    }

    /// The same question for the engine; without a page it is about all rows.
    pub fn query(&self, question: &Question<'_>, schema: &Schema, page: Option<Page>) -> Query {
        let item = |at: &usize| Item::Named(schema.fields[*at].name.to_owned(), Expression::Field(*at));
        Query {
            select: self.columns.iter().map(item).collect(),
            conditions: self.filter.conditions(question, schema),
            groups: Vec::new(),
            order: self.order.clone(),
            offset: page.map_or(0, |page| page.start),
            limit: page.map(|page| page.rows),
        }
    }

    /// `facet_groups`: the values of the facets that were asked for, if any were. A facet that the table does not have, or that has no
    /// value here, is left out.
    pub fn facet_groups(&self, question: &Question<'_>, table: &Table) -> Option<Json> {
        let columns: Vec<usize> = question.parameters().all("facet").filter_map(|name| table.schema.position(name)).collect();
        question.parameters().given("facet")?;
        let counter = Counter::new(table, &self.filter.stated, &self.filter.refinements, &question.setting);
        let groups = columns.into_iter().filter_map(|column| {
            let values = counter.values(column, &FacetAsked::default());
            (!values.is_empty())
                .then(|| json!({"name": table.schema.fields[column].name, "facets": values.iter().map(facet).collect::<Vec<_>>()}))
        });
        Some(groups.collect())
    }
}

fn facet(value: &FacetValue) -> Json {
    let mut shown = json!({"name": value.name, "path": value.path, "count": value.count, "state": value.state});
    if !value.below.is_empty() {
        shown["facets"] = value.below.iter().map(facet).collect();
    }
    shown
}

/// `refine.F`, `exclude.F` and `disjunctive.F=true`.
fn refinements(question: &Question<'_>, schema: &Schema) -> Result<Refinements, Refusal> {
    let read = |clause: &'static str, prefix| -> Result<Vec<(usize, String)>, Refusal> {
        let pairs = question.parameters().under(prefix).filter(|(_, value)| !value.is_empty());
        pairs.map(|(name, value)| Ok((column(clause, name, schema)?, value.to_owned()))).collect()
    };
    let disjunctive = read("disjunctive", "disjunctive.")?;
    Ok(Refinements {
        refined: read("refine", "refine.")?,
        excluded: read("exclude", "exclude.")?,
        disjunctive: disjunctive.into_iter().filter(|(_, value)| value == "true").map(|(column, _)| column).collect(),
    })
}

fn listed(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

fn column(clause: &'static str, name: &str, schema: &Schema) -> Result<usize, Refusal> {
    let unknown = || Refusal::Clause { clause, text: name.to_owned(), fault: Fault::UnknownField(name.to_owned()) };
    schema.position(name).ok_or_else(unknown)
}
