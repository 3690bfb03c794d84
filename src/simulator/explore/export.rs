//! Exports: everything that matches, made row by row while it is sent.

use serde_json::{Value as Json, json};

use super::Question;
use crate::simulator::answer::{Answer, Body, JSON};
use crate::simulator::catalogue::Dataset;
use crate::simulator::foreign;
use crate::simulator::json;
use crate::simulator::query::run::Selection;
use crate::simulator::query::{Bounds, Query};
use crate::simulator::refusal::Refusal;
use crate::simulator::rows::{Csv, Rows, Writer};
use crate::simulator::table::Table;

/// Formats of datasets, in the order in which they are listed.
const DATASET_FORMATS: [&str; 15] =
    ["csv", "json", "jsonl", "geojson", "parquet", "xlsx", "fgb", "gpx", "jsonld", "kml", "n3", "ov2", "rdfxml", "shp", "turtle"];

/// Formats of the catalogue.
const CATALOG_FORMATS: [&str; 11] = ["csv", "json", "data.json", "rdf", "ttl", "dublin_core", "dcat", "rss", "sitemap", "xlsx", "jsonl"];

impl Question<'_> {
    /// The formats of a dataset, or of the catalogue.
    pub(super) fn export_list(&self, id: Option<&str>) -> Answer {
        let at = |below: &str| match id {
            Some(id) => self.dataset_href(id, &format!("/exports{below}")),
            None => self.href(&format!("/catalog/exports{below}")),
        };
        let formats: &[&str] = if id.is_some() { &DATASET_FORMATS } else { &CATALOG_FORMATS };
        let mut links = vec![Self::link("self", at(""))];
        links.extend(formats.iter().map(|format| Self::link(format, at(&format!("/{format}")))));
        Answer::json(&json!({"links": links}))
    }

    pub(super) fn export(&self, dataset: &Dataset, format: &str) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let query = Query::read(self.parameters(), &table.schema, &self.setting, Bounds::Export)?;
        self.exported(table, &query, dataset.id(), format, &DATASET_FORMATS)
    }

    pub(super) fn catalog_export(&self, format: &str) -> Result<Answer, Refusal> {
        let visible = self.visible();
        let table = self.metadata().table(&visible);
        let query = Query::read(self.parameters(), &table.schema, &self.setting, Bounds::Export)?;
        if !query.select.is_empty() || !query.groups.is_empty() || !matches!(format, "json" | "jsonl" | "csv") {
            return self.exported(table, &query, "datasets", format, &CATALOG_FORMATS);
        }
        // Without a selection the catalogue is exported with all its metadata, which are no table.
        let selection = Selection::new(&table, &query, &self.setting);
        let chosen: Vec<Json> =
            (0..selection.len()).filter_map(|at| selection.row(at)).map(|row| self.metadata().describe(&visible[row])).collect();
        let (content_type, body) = match format {
            "json" => (JSON, json::line(&Json::Array(chosen))),
            "jsonl" => (
                "application/jsonl; charset=utf-8",
                chosen.iter().flat_map(|object| [json::line(object), b"\n".to_vec()].concat()).collect(),
            ),
            _ => ("text/csv; charset=utf-8", self.metadata_csv(&chosen)?),
        };
        Ok(attached(Answer::new(content_type, Body::Whole(body)), "datasets", format))
    }

    /// One line a dataset, one column a metadatum, named `template.name`.
    fn metadata_csv(&self, datasets: &[Json]) -> Result<Vec<u8>, Refusal> {
        let csv = Csv::read(self.parameters(), !self.base.is_old())?;
        let mut out = csv.start();
        let flat = |dataset: &Json| -> Vec<(String, Json)> {
            let mut columns = Vec::new();
            for template in ["dcat", "default", "custom"] {
                let metas = dataset["metas"][template].as_object().into_iter().flatten();
                columns.extend(metas.map(|(name, value)| (format!("{template}.{name}"), value.clone())));
            }
            columns.push(("datasetid".to_owned(), dataset["dataset_id"].clone()));
            columns
        };
        if let Some(first) = datasets.first() {
            csv.line(&mut out, flat(first).into_iter().map(|(name, _)| name));
        }
        for dataset in datasets {
            csv.line(&mut out, flat(dataset).into_iter().map(|(_, value)| csv.metadatum(&value)));
        }
        Ok(out)
    }

    fn exported(&self, table: Table, query: &Query, name: &str, format: &str, known: &[&str]) -> Result<Answer, Refusal> {
        if !known.contains(&format) && format != "xls" && !format.starts_with("dcat_ap") {
            let expected = format!("one of {}", known.join(", "));
            return Err(Refusal::Parameter { name: "format", found: format.to_owned(), expected });
        }
        let (content_type, writer) = match format {
            "json" => (Some(JSON), Writer::Json),
            "jsonl" => (Some("application/jsonl; charset=utf-8"), Writer::Lines),
            "geojson" => (Some("application/geo+json; charset=utf-8"), Writer::GeoJson),
            "csv" => (Some("text/csv; charset=utf-8"), Writer::Csv(Csv::read(self.parameters(), !self.base.is_old())?)),
            _ => (None, Writer::Lines),
        };
        let selection = Selection::new(&table, query, &self.setting);
        let rows = Rows::new(table, selection, self.setting.clone(), writer, self.parameters().flag("use_labels", false));
        let answer = match content_type {
            Some(content_type) => Answer::new(content_type, Body::Pieces(Box::new(rows))),
            None if foreign::TABLES.contains(&format) => foreign::rows(rows, format, self.parameters()),
            None => foreign::question(self.target, format, &self.href("/catalog")),
        };
        Ok(attached(answer, name, format))
    }
}

/// Names the file that an export is saved as.
fn attached(answer: Answer, name: &str, format: &str) -> Answer {
    answer.with("Content-Disposition", format!("attachment; filename=\"{name}.{format}\""))
}
