//! Records, one or a page of them, and aggregates.

use serde_json::{Map, Value as Json, json};

use super::Question;
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::odsql::Fault;
use crate::simulator::query::run::Selection;
use crate::simulator::query::{Bounds, Query};
use crate::simulator::refusal::Refusal;
use crate::simulator::table::Table;
use crate::simulator::target::encode;
use crate::simulator::value::iso;

impl Question<'_> {
    pub(super) fn records(&self, dataset: &Dataset) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let query = Query::read(self.parameters(), &table.schema, &self.setting, Bounds::Page)?;
        let selection = Selection::new(&table, &query, &self.setting);
        let path = format!("/catalog/datasets/{}/records", encode(dataset.id()));
        if self.base.is_old() {
            return Ok(self.old_records(dataset, &table, &query, &selection, &path));
        }
        let linked = self.parameters().flag("include_links", false);
        let results: Vec<Json> = (0..selection.len())
            .map(|at| {
                let mut object = self.object(&table, &selection, at);
                if let Some(row) = selection.row(at) {
                    self.decorate(&mut object, dataset, row);
                }
                Json::Object(object)
            })
            .collect();
        let mut body = json!({"total_count": selection.total, "results": results});
        if linked {
            body["_links"] = self.page_links(&path, selection.total, query.offset, query.limit.unwrap_or(0));
        }
        Ok(Answer::json(&body))
    }

    pub(super) fn record(&self, dataset: &Dataset, id: &str) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let row = dataset.row_of(id).ok_or_else(|| Refusal::NotFound { what: "record", id: id.to_owned() })?;
        let mut query = Query::read(&self.parameters().only("select"), &table.schema, &self.setting, Bounds::Export)?;
        (query.offset, query.limit) = (row, Some(1));
        let selection = Selection::new(&table, &query, &self.setting);
        if self.base.is_old() {
            return Ok(Answer::json(&self.old_record(dataset, &table, &selection, 0)));
        }
        let mut object = self.object(&table, &selection, 0);
        self.decorate(&mut object, dataset, row);
        Ok(Answer::json(&Json::Object(object)))
    }

    /// v2.0 only: `{"aggregations": […]}`, of the records or of the catalogue.
    pub(super) fn aggregates(&self, id: Option<&str>) -> Result<Answer, Refusal> {
        let table = match id {
            Some(id) => self.dataset(id)?.table(self.caller.keyed())?,
            None => self.metadata().table(&self.visible()),
        };
        let query = Query::read(self.parameters(), &table.schema, &self.setting, Bounds::Export)?;
        if query.select.is_empty() && query.groups.is_empty() {
            let fault = Fault::Meaning("an aggregation is required".to_owned());
            return Err(Refusal::Clause { clause: "select", text: String::new(), fault });
        }
        let query = if query.groups.is_empty() { Query { limit: Some(1), ..query } } else { query };
        let selection = Selection::new(&table, &query, &self.setting);
        let aggregations: Vec<Json> = (0..selection.len()).map(|at| Json::Object(self.object(&table, &selection, at))).collect();
        Ok(Answer::json(&json!({"aggregations": aggregations})))
    }

    /// A row of a selection as a flat object.
    pub(super) fn object(&self, table: &Table, selection: &Selection, at: usize) -> Map<String, Json> {
        let values = selection.values(table, &self.setting, at);
        selection.names.iter().cloned().zip(values.iter().map(|value| value.json(&self.setting.zone))).collect()
    }

    /// What `include_app_metas` and `include_links` add to a record.
    fn decorate(&self, object: &mut Map<String, Json>, dataset: &Dataset, row: usize) {
        let id = dataset.record_id(row);
        if self.parameters().flag("include_app_metas", false) {
            let size = size(object);
            object.insert("_id".to_owned(), json!(id));
            object.insert("_timestamp".to_owned(), json!(iso(dataset.record_timestamp(), &self.setting.zone)));
            object.insert("_size".to_owned(), json!(size));
        }
        if self.parameters().flag("include_links", false) {
            object.insert("_links".to_owned(), self.record_links(dataset.id(), &id));
        }
    }

    fn old_records(&self, dataset: &Dataset, table: &Table, query: &Query, selection: &Selection, path: &str) -> Answer {
        let links = self.page_links(path, selection.total, query.offset, query.limit.unwrap_or(0));
        if !query.groups.is_empty() {
            let records: Vec<Json> = (0..selection.len()).map(|at| Json::Object(self.object(table, selection, at))).collect();
            return Answer::json(&json!({"links": links, "records": records}));
        }
        let records: Vec<Json> = (0..selection.len()).map(|at| self.old_record(dataset, table, selection, at)).collect();
        Answer::json(&json!({"total_count": selection.total, "links": links, "records": records}))
    }

    fn old_record(&self, dataset: &Dataset, table: &Table, selection: &Selection, at: usize) -> Json {
        let id = dataset.record_id(selection.row(at).unwrap_or(0));
        let fields = self.object(table, selection, at);
        let record = json!({
            "id": id,
            "timestamp": dataset.record_timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "size": size(&fields),
            "fields": fields,
        });
        json!({"links": self.record_links(dataset.id(), &id), "record": record})
    }
}

/// Bytes of the texts in a record: what the portal's `record_size` is about.
fn size(fields: &Map<String, Json>) -> usize {
    fields.values().map(|value| value.as_str().map_or(8, str::len)).sum()
}
