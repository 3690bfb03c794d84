//! The catalogue: pages of datasets, one dataset, and its attachments.

use serde_json::{Value as Json, json};

use super::Question;
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::files;
use crate::simulator::query::run::Selection;
use crate::simulator::query::{Bounds, Query};
use crate::simulator::refusal::Refusal;
use crate::simulator::route::Filed;

impl Question<'_> {
    pub(super) fn datasets(&self) -> Result<Answer, Refusal> {
        let visible = self.visible();
        let table = self.metadata().table(&visible);
        let query = Query::read(self.parameters(), &table.schema, &self.setting, Bounds::Page)?;
        let selection = Selection::new(&table, &query, &self.setting);
        let limit = query.limit.unwrap_or(0);
        let page = || self.page_links("/catalog/datasets", selection.total, query.offset, limit);
        let whole = query.select.is_empty() && query.groups.is_empty();
        let entry = |at: usize| match selection.row(at) {
            Some(row) if whole => self.metadata().describe(&visible[row]),
            _ => Json::Object(self.object(&table, &selection, at)),
        };
        if self.base.is_old() {
            let wrap = |at: usize| match selection.row(at) {
                Some(row) => json!({"links": self.dataset_links(visible[row].id()), "dataset": entry(at)}),
                None => entry(at),
            };
            let datasets: Vec<Json> = (0..selection.len()).map(wrap).collect();
            return Ok(Answer::json(&json!({"total_count": selection.total, "links": page(), "datasets": datasets})));
        }
        let linked = self.parameters().flag("include_links", false);
        let results = (0..selection.len()).map(|at| {
            let mut entry = entry(at);
            if let (true, Some(row)) = (linked, selection.row(at)) {
                entry["_links"] = self.dataset_links(visible[row].id());
            }
            entry
        });
        let mut body = json!({"total_count": selection.total, "results": results.collect::<Vec<_>>()});
        if linked {
            body["_links"] = page();
        }
        Ok(Answer::json(&body))
    }

    pub(super) fn one_dataset(&self, dataset: &Dataset) -> Result<Answer, Refusal> {
        let mut object = self.metadata().describe(dataset);
        if self.parameters().given("select").is_some() {
            let table = self.metadata().table(std::slice::from_ref(dataset));
            let query = Query::read(&self.parameters().only("select"), &table.schema, &self.setting, Bounds::Export)?;
            object = Json::Object(self.object(&table, &Selection::new(&table, &query, &self.setting), 0));
        }
        if self.base.is_old() {
            return Ok(Answer::json(&json!({"links": self.dataset_links(dataset.id()), "dataset": object})));
        }
        if self.parameters().flag("include_links", false) {
            object["_links"] = self.dataset_links(dataset.id());
        }
        Ok(Answer::json(&object))
    }

    /// Attachments with their absolute addresses.
    pub(super) fn attachments(&self, dataset: &Dataset) -> Answer {
        let metadata = self.metadata();
        let href = |id: &str| self.dataset_href(dataset.id(), &format!("/attachments/{id}"));
        let list: Vec<Json> = files::attachments(dataset)
            .iter()
            .map(|file| json!({"href": href(file.id), "metas": metadata.attachment(dataset, file)}))
            .collect();
        let links = [Self::link("self", self.dataset_href(dataset.id(), "/attachments"))];
        Answer::json(&json!({"links": links, "attachments": list}))
    }

    pub(super) fn attachment(&self, dataset: &Dataset, id: &str) -> Result<Answer, Refusal> {
        let missing = || Refusal::NotFound { what: "attachment", id: id.to_owned() };
        files::find(dataset, Filed::Attachments, id).map(Answer::file).ok_or_else(missing)
    }
}
