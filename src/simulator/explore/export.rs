//! Exports: everything that matches, made row by row while it is sent.

use serde_json::json;

use super::Question;
use super::catalog_export::LISTED;
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::foreign;
use crate::simulator::projection::Projection;
use crate::simulator::query::run::Selection;
use crate::simulator::query::{Bounds, Query};
use crate::simulator::refusal::Refusal;
use crate::simulator::rows::places::Gpx;
use crate::simulator::rows::source::Source;
use crate::simulator::rows::{Csv, Rows, Writer, parquet, workbook};
use crate::simulator::table::Table;

/// Formats of datasets, in the order in which they are listed.
pub(super) const DATASET_FORMATS: [&str; 15] =
    ["csv", "json", "jsonl", "geojson", "parquet", "xlsx", "fgb", "gpx", "jsonld", "kml", "n3", "ov2", "rdfxml", "shp", "turtle"];

impl Question<'_> {
    /// The formats of a dataset, or of the catalogue.
    pub(super) fn export_list(&self, id: Option<&str>) -> Answer {
        let at = |below: &str| match id {
            Some(id) => self.dataset_href(id, &format!("/exports{below}")),
            None => self.href(&format!("/catalog/exports{below}")),
        };
        let formats: &[&str] = if id.is_some() { &DATASET_FORMATS } else { &LISTED };
        let mut links = vec![Self::link("self", at(""))];
        links.extend(formats.iter().map(|format| Self::link(format, at(&format!("/{format}")))));
        Answer::json(&json!({"links": links}))
    }

    pub(super) fn export(&self, dataset: &Dataset, format: &str) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let query = Query::read(self.parameters(), &table.schema, &self.setting, Bounds::Export)?;
        if !DATASET_FORMATS.contains(&format) && format != "xls" {
            return Err(unknown(format, &DATASET_FORMATS));
        }
        let answer = self.rows(table, &query, format, Some(dataset))?;
        // A file that is compressed is one, whatever the connection does; its name ends as the portal documents it.
        if self.parameters().flag("compressed", false) {
            let file = Answer::new("application/gzip", answer.body.gzip());
            return Ok(attached(file, dataset.id(), &format!("{format}.gzip")));
        }
        Ok(attached(answer, dataset.id(), format))
    }

    /// The rows of a table in a format that is made of rows, or in one that is not.
    pub(super) fn rows(&self, table: Table, query: &Query, format: &str, dataset: Option<&Dataset>) -> Result<Answer, Refusal> {
        let parameters = self.parameters();
        let selection = Selection::new(&table, query, &self.setting);
        let names = selection.names.clone();
        let mut source = Source::new(table, selection, self.setting.clone(), parameters.flag("use_labels", false));
        // A question with a limit has said how many rows it wants.
        if let (Some(dataset), None) = (dataset, query.limit) {
            source = source.swollen(dataset);
        }
        let writer = match format {
            "json" => Writer::Json,
            "jsonl" => Writer::Lines,
            "geojson" => Writer::GeoJson(Projection::read(parameters)?),
            "csv" => Writer::Csv(Csv::read(parameters, !self.base.is_old())?),
            "gpx" => Writer::Gpx(Gpx::read(parameters, &names, !self.base.is_old())?),
            "kml" => Writer::Kml(dataset.map_or("datasets", Dataset::id).to_owned()),
            "parquet" => return Ok(parquet::answer(source, parquet::compression(parameters)?)),
            "xlsx" => return Ok(workbook::answer(source)),
            _ if foreign::TABLES.contains(&format) => return Ok(foreign::rows(Rows::of(source, Writer::Lines), format, parameters)),
            _ => return Ok(foreign::question(self.target, format, &self.href("/catalog"))),
        };
        Ok(Rows::of(source, writer).answer())
    }
}

/// Names the file that an export is saved as.
pub(super) fn attached(answer: Answer, name: &str, format: &str) -> Answer {
    answer.with("Content-Disposition", format!("attachment; filename=\"{name}.{format}\""))
}

/// There is no such format.
pub(super) fn unknown(format: &str, known: &[&str]) -> Refusal {
    Refusal::Parameter { name: "format", found: format.to_owned(), expected: format!("one of {}", known.join(", ")) }
}

/// The media type of a format, as descriptions of the catalogue tell it.
pub(super) fn media_type(format: &str) -> &'static str {
    match format {
        "csv" => "text/csv",
        "json" => "application/json",
        "jsonl" => "application/jsonl",
        "geojson" => "application/geo+json",
        "jsonld" => "application/ld+json",
        "gpx" => "application/gpx+xml",
        "kml" => "application/vnd.google-earth.kml+xml",
        "n3" => "text/n3",
        "parquet" => "application/parquet",
        "rdfxml" => "application/rdf+xml",
        "shp" => "application/zip",
        "turtle" => "text/turtle",
        "xlsx" => workbook::CONTENT_TYPE,
        _ => "application/octet-stream",
    }
}
