//! Writes the rows of a selection piece by piece, in the formats of exports. Memory does not grow with the number of rows.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::json;
use super::query::Setting;
use super::query::run::Selection;
use super::refusal::Refusal;
use super::table::Table;
use super::target::Parameters;
use super::value::{PART, Value};

/// Bytes after which a piece is sent.
const PIECE: usize = 32 * 1024;

/// A format of rows.
#[derive(Clone, Debug)]
pub enum Writer {
    /// One array of objects.
    Json,
    /// An object a line.
    Lines,
    /// A collection of features.
    GeoJson,
    /// Separated values.
    Csv(Csv),
}

/// How separated values are written.
#[derive(Clone, Debug)]
pub struct Csv {
    delimiter: char,
    list_separator: String,
    quote_all: bool,
    bom: bool,
}

impl Csv {
    /// Reads the options. A byte order mark is written by default from v2.1 on.
    ///
    /// # Errors
    ///
    /// If the delimiter is not one of those that the portal has.
    pub fn read(parameters: &Parameters, bom: bool) -> Result<Self, Refusal> {
        let delimiter = parameters.first("delimiter").filter(|text| !text.is_empty()).unwrap_or(";");
        let one = delimiter.chars().next().filter(|c| delimiter.len() == 1 && matches!(c, ';' | ',' | '\t' | '|'));
        let refused = || Refusal::Parameter { name: "delimiter", found: delimiter.to_owned(), expected: "one of ; , | tab".to_owned() };
        Ok(Self {
            delimiter: one.ok_or_else(refused)?,
            list_separator: parameters.first("list_separator").filter(|text| !text.is_empty()).unwrap_or(",").to_owned(),
            quote_all: parameters.flag("quote_all", false),
            bom: parameters.flag("with_bom", bom),
        })
    }

    /// The options of v1: a delimiter, and lists joined by `;`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_v1(parameters: &Parameters) -> Result<Self, Refusal> {
        let delimiter = parameters.given("csv_separator").unwrap_or(";").to_owned();
        let as_v2 = Parameters(vec![("delimiter".to_owned(), delimiter), ("list_separator".to_owned(), ";".to_owned())]);
        Self::read(&as_v2, false)
    }

    /// What stands before the first line.
    pub fn start(&self) -> Vec<u8> {
        if self.bom { "\u{feff}".into() } else { Vec::new() }
    }

    /// Appends a line.
    pub fn line(&self, out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                out.push(self.delimiter as u8);
            }
            if self.quote_all || cell.contains([self.delimiter, '"', '\n', '\r']) {
                out.push(b'"');
                out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
                out.push(b'"');
            } else {
                out.extend_from_slice(cell.as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// A metadatum as a cell.
    pub fn metadatum(&self, value: &Json) -> String {
        match value {
            Json::Null => String::new(),
            Json::String(text) => text.clone(),
            Json::Array(parts) => parts.iter().map(|part| self.metadatum(part)).collect::<Vec<_>>().join(&self.list_separator),
            other => other.to_string(),
        }
    }

    fn cell(&self, value: &Value<'_>, setting: &Setting) -> String {
        match value {
            Value::List(text) => text.replace(PART, &self.list_separator),
            other => other.plain(&setting.zone),
        }
    }
}

/// The pieces of an export.
#[derive(Debug)]
pub struct Rows {
    table: Table,
    selection: Selection,
    setting: Setting,
    writer: Writer,
    headings: Arc<[String]>,
    next: usize,
    started: bool,
    finished: bool,
}

impl Rows {
    /// The rows of `selection` over `table`, headed by labels instead of names if so wished.
    pub fn new(table: Table, selection: Selection, setting: Setting, writer: Writer, labels: bool) -> Self {
        let heading = |name: &String| match table.schema.position(name) {
            Some(at) if labels => {
                let field = &table.schema.fields[at];
                (if setting.lang == "en" { field.label_en } else { field.label }).to_owned()
            }
            _ => name.clone(),
        };
        let headings = selection.names.iter().map(heading).collect();
        Self { table, selection, setting, writer, headings, next: 0, started: false, finished: false }
    }

    fn object(&self, values: &[Value<'_>]) -> Map<String, Json> {
        self.headings.iter().cloned().zip(values.iter().map(|value| value.json(&self.setting.zone))).collect()
    }

    fn write_row(&self, out: &mut Vec<u8>, at: usize) {
        let values = self.selection.values(&self.table, &self.setting, at);
        match &self.writer {
            Writer::Json => {
                out.extend_from_slice(if at == 0 { b"" } else { b"," });
                json::append(out, &Json::Object(self.object(&values)));
            }
            Writer::Lines => {
                json::append(out, &Json::Object(self.object(&values)));
                out.push(b'\n');
            }
            Writer::GeoJson => {
                let point = values.iter().find_map(|value| match value {
                    Value::Point(point) => Some(json!({"type": "Point", "coordinates": [point.lon, point.lat]})),
                    _ => None,
                });
                out.extend_from_slice(if at == 0 { b"" } else { b"," });
                json::append(out, &json!({"type": "Feature", "geometry": point, "properties": self.object(&values)}));
            }
            Writer::Csv(csv) => csv.line(out, values.iter().map(|value| csv.cell(value, &self.setting))),
        }
    }
}

impl Iterator for Rows {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.finished {
            return None;
        }
        let mut out = Vec::with_capacity(PIECE + PIECE / 4);
        if !self.started {
            self.started = true;
            match &self.writer {
                Writer::Json => out.push(b'['),
                Writer::Lines => {}
                Writer::GeoJson => out.extend_from_slice(br#"{"type": "FeatureCollection", "features": ["#),
                Writer::Csv(csv) => {
                    out.extend(csv.start());
                    csv.line(&mut out, self.headings.iter().cloned());
                }
            }
        }
        while out.len() < PIECE && self.next < self.selection.len() {
            self.write_row(&mut out, self.next);
            self.next += 1;
        }
        if self.next == self.selection.len() {
            self.finished = true;
            out.extend_from_slice(match self.writer {
                Writer::Json => b"]",
                Writer::GeoJson => b"]}",
                Writer::Lines | Writer::Csv(_) => b"",
            });
        }
        Some(out)
    }
}
