//! Facets of a dataset and of the catalogue.

use serde_json::{Value as Json, json};

use super::Question;
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::odsql::Fault;
use crate::simulator::query::facets::{FacetValue, count};
use crate::simulator::query::run::matching;
use crate::simulator::query::{Refinements, conditions, facet_name};
use crate::simulator::refusal::Refusal;
use crate::simulator::table::Table;

impl Question<'_> {
    pub(super) fn facets(&self, dataset: &Dataset) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let links = json!([
            Self::link("self", self.dataset_href(dataset.id(), "/facets")),
            Self::link("dataset", self.dataset_href(dataset.id(), "")),
        ]);
        Ok(Answer::json(&json!({"links": links, "facets": self.facet_list(&table)?})))
    }

    pub(super) fn catalog_facets(&self) -> Result<Answer, Refusal> {
        let links = json!([Self::link("self", self.href("/catalog/facets")), Self::link("source", self.href("/catalog"))]);
        Ok(Answer::json(&json!({"links": links, "facets": self.facet_list(&self.metadata().table(&self.visible()))?})))
    }

    fn facet_list(&self, table: &Table) -> Result<Vec<Json>, Refusal> {
        let schema = &table.schema;
        let refinements = Refinements::read(self.parameters(), schema)?;
        let mut stated = conditions(self.parameters(), schema, &self.setting)?;
        stated.extend(refinements.conditions(schema, &self.setting.zone));
        let rows = matching(table, &stated, &self.setting);
        let mut asked = Vec::new();
        for text in self.parameters().all("facet").filter(|text| !text.trim().is_empty()) {
            let name = facet_name(text).unwrap_or_default();
            let unknown = || Refusal::Clause { clause: "facet", text: text.to_owned(), fault: Fault::UnknownField(name.clone()) };
            asked.push(schema.position(&name).ok_or_else(unknown)?);
        }
        if asked.is_empty() {
            asked = (0..schema.fields.len()).filter(|at| schema.fields[*at].facet).collect();
        }
        let of = |pairs: &[(usize, String)], column| {
            pairs.iter().filter(|(at, _)| *at == column).map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let facet = |column: usize| {
            let values = count(table, &rows, column, &of(&refinements.refined, column), &of(&refinements.excluded, column), &self.setting);
            json!({"name": schema.fields[column].name, "facets": values.iter().map(value).collect::<Vec<_>>()})
        };
        Ok(asked.into_iter().map(facet).collect())
    }
}

fn value(facet: &FacetValue) -> Json {
    let mut shown = json!({"name": facet.name, "count": facet.count, "state": facet.state, "value": facet.path});
    if !facet.below.is_empty() {
        shown["facets"] = Json::Array(facet.below.iter().map(value).collect());
    }
    shown
}
