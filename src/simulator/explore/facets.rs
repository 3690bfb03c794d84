//! Facets of a dataset and of the catalogue.

use serde_json::{Value as Json, json};

use super::Question;
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::odsql::Fault;
use crate::simulator::query::facets::{Counter, FacetAsked, FacetValue};
use crate::simulator::query::{Refinements, conditions};
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
        let stated = conditions(self.parameters(), schema, &self.setting)?;
        let mut asked = Vec::new();
        for text in self.parameters().all("facet").filter(|text| !text.trim().is_empty()) {
            let refused = |fault| Refusal::Clause { clause: "facet", text: text.to_owned(), fault };
            let facet = FacetAsked::read(text).ok_or_else(|| refused(Fault::Meaning("Invalid facet".to_owned())))?;
            let column = schema.position(&facet.name).ok_or_else(|| refused(Fault::UnknownField(facet.name.clone())))?;
            asked.push((column, facet));
        }
        if asked.is_empty() {
            asked = (0..schema.fields.len()).filter(|at| schema.fields[*at].facet).map(|at| (at, FacetAsked::default())).collect();
        }
        let counter = Counter::new(table, &stated, &refinements, &self.setting);
        let facet = |(column, asked): (usize, FacetAsked)| {
            let values = counter.values(column, &asked);
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
