//! Records: a search, one record, and how v1 shows them.

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

use super::Question;
use super::asked::{Asked, Page};
use super::echo::echo;
use crate::simulator::answer::{Answer, Body};
use crate::simulator::catalogue::Dataset;
use crate::simulator::others::escape;
use crate::simulator::query::run::Selection;
use crate::simulator::refusal::Refusal;
use crate::simulator::rows::{Csv, Rows, Writer};
use crate::simulator::table::{Kind, Table};
use crate::simulator::value::{PART, Value};

/// Formats of a search.
const FORMATS: [&str; 7] = ["json", "jsonp", "geojson", "geojsonp", "csv", "rss", "atom"];

/// Records as v1 shows them.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Whose records they are.
    pub dataset: &'a Dataset,
    /// Its rows.
    pub table: &'a Table,
    /// The fields that are wanted.
    pub columns: &'a [usize],
    /// The zone of dates.
    pub zone: &'a TimeZone,
}

impl Question<'_> {
    pub(super) fn records(&self, dataset: &Dataset) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let page = Page::read(self)?;
        let asked = Asked::read(self, &table.schema)?;
        let selection = Selection::new(&table, &asked.query(self, &table.schema, Some(page)), &self.setting);
        let format = self.format("json");
        let rows = (0..selection.len()).filter_map(|at| selection.row(at));
        let shown = Shown { dataset, table: &table, columns: &asked.columns, zone: &self.setting.zone };
        match format {
            "json" => {
                let records: Vec<Json> = rows.map(|row| shown.record(row)).collect();
                let parameters = echo(self.parameters(), page, format);
                let mut body = json!({"nhits": selection.total, "parameters": parameters, "records": records});
                if let Some(groups) = asked.facet_groups(self, &table) {
                    body["facet_groups"] = groups;
                }
                self.json(&body)
            }
            "geojson" => self.json(&json!({
                "type": "FeatureCollection",
                "features": rows.map(|row| shown.feature(row)).collect::<Vec<_>>(),
            })),
            "csv" => self.csv(table, selection, false),
            "rss" | "atom" => Ok(feed(format, dataset.id(), rows.map(|row| dataset.record_id(row)))),
            _ => Err(self.unknown_format("json", &FORMATS)),
        }
    }

    pub(super) fn one_record(&self, dataset: &Dataset, id: &str) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let row = dataset.row_of(id).ok_or_else(|| Refusal::NotFound { what: "record", id: id.to_owned() })?;
        let columns: Vec<usize> = (0..table.schema.fields.len()).collect();
        let shown = Shown { dataset, table: &table, columns: &columns, zone: &self.setting.zone };
        self.json(&shown.record(row))
    }

    pub(super) fn csv(&self, table: Table, selection: Selection, labels: bool) -> Result<Answer, Refusal> {
        let writer = Writer::Csv(Csv::read_v1(self.parameters())?);
        let rows = Rows::new(table, selection, self.setting.clone(), writer, labels);
        Ok(Answer::new("text/csv; charset=utf-8", Body::Pieces(Box::new(rows))))
    }
}

impl Shown<'_> {
    /// A record: fields without a value are absent, several values are one text.
    pub fn record(&self, row: usize) -> Json {
        let mut record = json!({
            "datasetid": self.dataset.id(),
            "recordid": self.dataset.record_id(row),
            "fields": self.fields(row),
        });
        if let Some(geometry) = geometry(self.table, row) {
            record["geometry"] = geometry;
        }
        record["record_timestamp"] = json!(self.dataset.record_timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        record
    }

    fn fields(&self, row: usize) -> Map<String, Json> {
        let present = self.columns.iter().filter_map(|column| match self.table.value(row, *column) {
            Value::Null => None,
            value => Some((self.table.schema.fields[*column].name.to_owned(), self.plain(&value))),
        });
        present.collect()
    }

    fn plain(&self, value: &Value<'_>) -> Json {
        match value {
            Value::List(text) => json!(text.replace(PART, ";")),
            Value::Point(point) => json!([point.lat, point.lon]),
            other => other.json(self.zone),
        }
    }

    /// The record as a feature.
    pub fn feature(&self, row: usize) -> Json {
        json!({"type": "Feature", "geometry": geometry(self.table, row), "properties": self.fields(row)})
    }
}

/// The first place of a record.
fn geometry(table: &Table, row: usize) -> Option<Json> {
    let columns = (0..table.schema.fields.len()).filter(|at| table.schema.fields[*at].kind == Kind::Point);
    columns.map(|column| table.value(row, column)).find_map(|value| match value {
        Value::Point(point) => Some(json!({"type": "Point", "coordinates": [point.lon, point.lat]})),
        _ => None,
    })
}

/// A feed with an entry for each id.
pub(super) fn feed(format: &str, title: &str, ids: impl Iterator<Item = String>) -> Answer {
    let (root, entry) = if format == "rss" { ("rss", "item") } else { ("feed", "entry") };
    let entries: String = ids.map(|id| format!("<{entry}><title>{}</title></{entry}>\n", escape(&id))).collect();
    let text = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{root}><title>{}</title>\n{entries}</{root}>\n", escape(title));
    Answer::text(&format!("application/{format}+xml; charset=utf-8"), text)
}
