//! Writes the rows of an export piece by piece, in the formats that are texts. Memory does not grow with the number of rows.
//!
//! What the rows are is [`source`]'s matter, and the same for [`parquet`] and [`workbook`], which are no texts.

pub mod csv;
pub mod parquet;
pub mod places;
pub mod source;
pub mod workbook;

pub use self::csv::Csv;

use serde_json::{Map, Value as Json, json};

use self::places::Gpx;
use self::source::{Place, Source};
use super::answer::{Answer, Body, JSON};
use super::json;
use super::projection::Projection;
use super::query::Setting;
use super::query::run::Selection;
use super::table::Table;
use super::value::Value;

/// Bytes after which a piece is sent.
const PIECE: usize = 32 * 1024;

/// Rows that repeat are kept as text up to so many bytes; beyond it they are written anew in each round.
const KEPT: usize = 4 * 1024 * 1024;

/// A format of rows.
#[derive(Clone, Debug)]
pub enum Writer {
    /// One array of objects.
    Json,
    /// An object a line.
    Lines,
    /// A collection of features.
    GeoJson(Projection),
    /// Separated values.
    Csv(Csv),
    /// Way points.
    Gpx(Gpx),
    /// Place marks, in a folder of this name.
    Kml(String),
}

impl Writer {
    fn content_type(&self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Lines => "application/jsonl; charset=utf-8",
            Self::GeoJson(_) => "application/geo+json; charset=utf-8",
            Self::Csv(_) => "text/csv; charset=utf-8",
            Self::Gpx(_) => "application/gpx+xml; charset=utf-8",
            Self::Kml(_) => "application/vnd.google-earth.kml+xml; charset=utf-8",
        }
    }

    fn open(&self, out: &mut Vec<u8>, source: &Source) {
        match self {
            Self::Json => out.push(b'['),
            Self::Lines => {}
            Self::GeoJson(projection) => places::open_collection(out, *projection),
            Self::Csv(csv) => {
                out.extend(csv.start());
                csv.line(out, source.headings().iter().cloned());
            }
            Self::Gpx(_) => places::open_gpx(out),
            Self::Kml(name) => places::open_kml(out, name),
        }
    }

    fn between(&self) -> &'static [u8] {
        match self {
            Self::Json | Self::GeoJson(_) => b",",
            Self::Lines | Self::Csv(_) | Self::Gpx(_) | Self::Kml(_) => b"",
        }
    }

    fn row(&self, out: &mut Vec<u8>, source: &Source, values: &[Value<'_>]) {
        match self {
            Self::Json => json::append(out, &Json::Object(object(source, values))),
            Self::Lines => {
                json::append(out, &Json::Object(object(source, values)));
                out.push(b'\n');
            }
            Self::GeoJson(projection) => {
                let geometry = places::first(values).map(|point| json!({"type": "Point", "coordinates": projection.project(point)}));
                json::append(out, &json!({"type": "Feature", "geometry": geometry, "properties": object(source, values)}));
            }
            Self::Csv(csv) => csv.line(out, values.iter().map(|value| csv.cell(value, source.setting()))),
            Self::Gpx(gpx) => gpx.way_point(out, source, values),
            Self::Kml(_) => places::place_mark(out, source, values),
        }
    }

    fn close(&self) -> &'static [u8] {
        match self {
            Self::Json => b"]",
            Self::GeoJson(_) => b"]}",
            Self::Lines | Self::Csv(_) => b"",
            Self::Gpx(_) => b"</gpx>\n",
            Self::Kml(_) => b"</Folder></Document></kml>\n",
        }
    }
}

fn object(source: &Source, values: &[Value<'_>]) -> Map<String, Json> {
    source.headings().iter().cloned().zip(values.iter().map(|value| value.json(source.zone()))).collect()
}

/// The pieces of an export.
#[derive(Debug)]
pub struct Rows {
    source: Source,
    writer: Writer,
    place: Place,
    written: u64,
    state: State,
    kept: Kept,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unstarted,
    Underway,
    Ended,
}

/// The text of the first round, for the later ones: rows one after the other, each with its end and where its id stands.
#[derive(Debug, Default)]
struct Kept {
    text: Vec<u8>,
    rows: Vec<(usize, usize)>,
    too_long: bool,
}

impl Rows {
    /// The rows of `selection` over `table`, headed by labels instead of names if so wished.
    pub fn new(table: Table, selection: Selection, setting: Setting, writer: Writer, labels: bool) -> Self {
        Self::of(Source::new(table, selection, setting, labels), writer)
    }

    /// The rows of a source.
    pub fn of(source: Source, writer: Writer) -> Self {
        Self { source, writer, place: Place::default(), written: 0, state: State::Unstarted, kept: Kept::default() }
    }

    /// What the rows are.
    pub fn into_source(self) -> Source {
        self.source
    }

    /// An answer that is made of them.
    pub fn answer(self) -> Answer {
        Answer::new(self.writer.content_type(), Body::Pieces(Box::new(self)))
    }

    fn write_row(&mut self, out: &mut Vec<u8>) {
        if self.place != Place::default() {
            out.extend_from_slice(self.writer.between());
        }
        let start = out.len();
        if self.place.round > 0 && !self.kept.too_long {
            self.kept.append(out, self.place.at, self.source.id(self.place));
        } else {
            self.writer.row(out, &self.source, &self.source.values(self.place));
            if self.source.repeats() && !self.kept.too_long {
                self.kept.keep(&out[start..], self.source.id(self.place));
            }
        }
        self.place = self.source.behind(self.place);
    }
}

impl Kept {
    fn keep(&mut self, row: &[u8], id: Option<String>) {
        if self.text.len() + row.len() > KEPT {
            *self = Self { too_long: true, ..Self::default() };
            return;
        }
        // The id is the last value of a row in every format. A format that leaves a row out has none of it.
        let id = id.unwrap_or_default().into_bytes();
        let at = (0..row.len()).rev().find(|at| row[*at..].starts_with(&id)).unwrap_or(row.len());
        let start = self.text.len();
        self.text.extend_from_slice(row);
        self.rows.push((self.text.len(), start + at));
    }

    fn append(&self, out: &mut Vec<u8>, row: usize, id: Option<String>) {
        let start = if row == 0 { 0 } else { self.rows[row - 1].0 };
        let (end, at) = self.rows[row];
        let to = out.len() + (at - start);
        out.extend_from_slice(&self.text[start..end]);
        if let Some(id) = id.filter(|_| at < end) {
            out[to..to + id.len()].copy_from_slice(id.as_bytes());
        }
    }
}

impl Iterator for Rows {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.state == State::Ended {
            return None;
        }
        let mut out = Vec::with_capacity(PIECE + PIECE / 4);
        if self.state == State::Unstarted {
            self.state = State::Underway;
            self.writer.open(&mut out, &self.source);
        }
        let ended = loop {
            let ended = self.source.has_ended(self.place, self.written + out.len() as u64);
            if ended || out.len() >= PIECE {
                break ended;
            }
            self.write_row(&mut out);
        };
        if ended {
            self.state = State::Ended;
            out.extend_from_slice(self.writer.close());
        }
        self.written += out.len() as u64;
        Some(out)
    }
}
