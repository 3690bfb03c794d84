//! Downloads: everything that matches, made while it is sent.

use serde_json::Value as Json;

use super::Question;
use super::asked::Asked;
use super::records::Shown;
use crate::simulator::answer::{Answer, Body, JSON};
use crate::simulator::catalogue::Dataset;
use crate::simulator::foreign;
use crate::simulator::json;
use crate::simulator::query::Setting;
use crate::simulator::query::run::Selection;
use crate::simulator::refusal::Refusal;
use crate::simulator::rows::{Rows, Writer};
use crate::simulator::table::Table;

/// Bytes after which a piece is sent.
const PIECE: usize = 32 * 1024;

/// Formats of a download, as a refusal lists them.
const FORMATS: [&str; 8] = ["csv", "json", "jsonp", "geojson", "geojsonp", "xlsx", "shp", "kml"];

/// What a download of records is made of.
struct Pieces {
    dataset: Dataset,
    table: Table,
    columns: Vec<usize>,
    setting: Setting,
    features: bool,
    rows: Vec<usize>,
    next: usize,
    finished: bool,
}

impl Question<'_> {
    /// All rows that match, however many.
    pub(super) fn download(&self, dataset: &Dataset, default: &str) -> Result<Answer, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let asked = Asked::read(self, &table.schema)?;
        let selection = Selection::new(&table, &asked.query(self, &table.schema, None), &self.setting);
        let format = self.format(default);
        let labels = self.parameters().flag("use_labels_for_header", false);
        let answer = match format {
            "json" | "geojson" => {
                let rows = (0..selection.len()).filter_map(|at| selection.row(at)).collect();
                let (dataset, setting) = (dataset.clone(), self.setting.clone());
                let features = format == "geojson";
                self.pieces(Pieces { dataset, table, columns: asked.columns, setting, features, rows, next: 0, finished: false })?
            }
            "csv" => self.csv(table, selection, labels)?,
            _ if foreign::TABLES.contains(&format) => {
                let rows = Rows::new(table, selection, self.setting.clone(), Writer::Lines, labels);
                foreign::rows(rows, format, self.parameters())
            }
            _ => return Err(self.unknown_format(default, &FORMATS)),
        };
        Ok(answer.with("Content-Disposition", format!("attachment; filename=\"{}.{format}\"", dataset.id())))
    }

    /// JSON piece by piece, inside a call for JSONP. Indented JSON is made at once.
    fn pieces(&self, pieces: Pieces) -> Result<Answer, Refusal> {
        if self.parameters().flag("pretty_print", false) {
            let whole: Json = serde_json::from_slice(&Body::Pieces(Box::new(pieces)).collect()).unwrap_or_default();
            return self.json(&whole);
        }
        let Some(callback) = self.callback()? else { return Ok(Answer::new(JSON, Body::Pieces(Box::new(pieces)))) };
        let (start, end) = (format!("{callback}(").into_bytes(), b");".to_vec());
        let wrapped = std::iter::once(start).chain(pieces).chain(std::iter::once(end));
        Ok(Answer::new(super::JSONP, Body::Pieces(Box::new(wrapped))))
    }
}

impl Iterator for Pieces {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.finished {
            return None;
        }
        let mut out = Vec::with_capacity(PIECE + PIECE / 4);
        if self.next == 0 {
            out.extend_from_slice(if self.features { br#"{"type": "FeatureCollection", "features": ["# } else { b"[" });
        }
        let shown = Shown { dataset: &self.dataset, table: &self.table, columns: &self.columns, zone: &self.setting.zone };
        while out.len() < PIECE && self.next < self.rows.len() {
            let row = self.rows[self.next];
            out.extend_from_slice(if self.next == 0 { b"" } else { b", " });
            json::append(&mut out, &if self.features { shown.feature(row) } else { shown.record(row) });
            self.next += 1;
        }
        if self.next == self.rows.len() {
            self.finished = true;
            out.extend_from_slice(if self.features { b"]}" } else { b"]" });
        }
        Some(out)
    }
}
