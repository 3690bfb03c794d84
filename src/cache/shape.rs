//! The shape of an answer that is made of rows: how many there are, and which fields they have. And what a new answer has lost of it.
//!
//! Pure. A portal that publishes a dataset without a column, or without a row, answers 200 all the same, and its answer is stored, because it
//! is the portal's; but somebody should hear of it. Only where rows are: v2.1 and v2.0 records, v1 records, and exports in JSON, GeoJSON, JSON lines
//! and CSV. What cannot be read has no shape, and loses nothing.

mod csv;
mod json;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::request::endpoint::{ApiVersion, Family};
use crate::request::query::RawQuery;
use crate::request::question::Question;

/// Rows from which on a field that v1 leaves out of each of them is a field that is gone. v1 leaves fields out where they are null, so with few rows it
/// may be these; ten are the page that it gives by itself.
const ENOUGH_ROWS: usize = 10;

/// The shape of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its rows.
    pub rows: usize,
    /// Fields, with the number of rows that have them.
    fields: BTreeMap<String, usize>,
    /// Whether a field that is null is left out.
    leaves_nulls_out: bool,
}

/// What a new answer has lost, compared with the one before it. Never nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Fields that no row has any more.
    pub fields: Vec<String>,
    /// All rows: how many there were.
    pub rows: Option<usize>,
}

/// Rows in the making.
#[derive(Debug, Default)]
struct Rows {
    rows: usize,
    fields: BTreeMap<String, usize>,
}

impl Rows {
    /// A row with these fields, each named once.
    fn add<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>) {
        self.rows += 1;
        for field in fields {
            match self.fields.get_mut(field) {
                Some(rows) => *rows += 1,
                None => {
                    self.fields.insert(field.to_owned(), 1);
                }
            }
        }
    }
}

impl Shape {
    /// Of the answer to `question` whose body without its coding is `identity`; none if it is not made of rows that can be read.
    pub fn of(question: &Question, identity: &[u8]) -> Option<Self> {
        let endpoint = &question.endpoint;
        let query = || RawQuery::parse(question.query.query.text()).unwrap_or_default();
        let (rows, leaves_nulls_out) = match (endpoint.version(), endpoint.family(), endpoint.format()) {
            (ApiVersion::V2_1, Family::Records, _) => (json::results(identity)?, false),
            (ApiVersion::V2_0, Family::Records, _) => (json::wrapped_records(identity)?, false),
            (ApiVersion::V1, Family::Records, _) => (json::records(identity)?, true),
            (ApiVersion::V2_0 | ApiVersion::V2_1, Family::Export, Some("json")) => (json::array(identity)?, false),
            (ApiVersion::V2_0 | ApiVersion::V2_1, Family::Export, Some("jsonl")) => (json::lines(identity)?, false),
            (ApiVersion::V2_0 | ApiVersion::V2_1, Family::Export, Some("geojson")) => (json::features(identity)?, false),
            (ApiVersion::V2_0 | ApiVersion::V2_1, Family::Export, Some("csv")) => {
                let delimiter = query().values("delimiter").next().and_then(|text| text.bytes().next()).unwrap_or(b';');
                (csv::table(identity, delimiter)?, false)
            }
            _ => return None,
        };
        Some(Self { rows: rows.rows, fields: rows.fields, leaves_nulls_out })
    }

    /// What `new` has lost of it, if anything.
    pub fn lost(&self, new: &Self) -> Option<Lost> {
        if new.rows == 0 {
            return (self.rows > 0).then(|| Lost { fields: Vec::new(), rows: Some(self.rows) });
        }
        let counts = |rows: usize| {
            if self.leaves_nulls_out { rows == self.rows && self.rows >= ENOUGH_ROWS && new.rows >= ENOUGH_ROWS } else { true }
        };
        let gone = self.fields.iter().filter(|(name, rows)| counts(**rows) && !new.fields.contains_key(*name));
        let fields: Vec<String> = gone.map(|(name, _)| name.clone()).collect();
        (!fields.is_empty()).then_some(Lost { fields, rows: None })
    }

    /// The names of its fields.
    pub fn fields(&self) -> BTreeSet<&str> {
        self.fields.keys().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::request::query::RuleSwitches;
    use crate::request::question::{Asked, Understood};

    const V21: &str = "/api/explore/v2.1/catalog/datasets/x/records";
    const V20: &str = "/api/explore/v2.0/catalog/datasets/x/records";
    const V1: &str = "/api/records/1.0/search/?dataset=x";

    fn question(target: &str) -> Question {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = Asked {
            portal: "box",
            origin: "http://portal.example",
            same_as_anonymous: &[],
            method: &Method::GET,
            path,
            query,
            fields: &HeaderMap::new(),
            content: None,
            is_form: false,
        };
        match Question::understand(asked, &RuleSwitches::default()) {
            Ok(Understood::Question(question)) => *question,
            other => panic!("{target}: {other:?}"),
        }
    }

    fn shape(target: &str, body: &str) -> Option<Shape> {
        Shape::of(&question(target), body.as_bytes())
    }

    fn export(format: &str) -> String {
        format!("/api/explore/v2.1/catalog/datasets/x/exports/{format}")
    }

    #[test]
    fn every_kind_of_answer_made_of_rows_has_its_rows_and_fields() {
        for (target, body) in [
            (V21, r#"{"total_count": 2, "results": [{"a": 1, "b": {"c": 2}}, {"a": null, "b": NaN}]}"#),
            (
                V20,
                r#"{"links": [], "records": [{"links": [], "record": {"id": "1", "fields": {"a": 1}}}, {"record": {"fields": {"b": [1]}}}]}"#,
            ),
            (V20, r#"{"links": [], "records": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}"#),
            (
                V1,
                r#"{"nhits": 2, "parameters": {"z": 1}, "records": [{"datasetid": "x", "fields": {"a": 1, "b": -Infinity}}, {"fields": {"a": 1}}]}"#,
            ),
            (&export("json"), r#"[{"a": 1, "b": "NaN"}, {"a": 2, "b": "\"NaN"}]"#),
            (&export("jsonl"), "{\"a\": 1, \"b\": 2}\n{\"a\": NaN, \"b\": 2}\n"),
            (
                &export("geojson"),
                r#"{"type": "FeatureCollection", "features": [{"geometry": null, "properties": {"a": 1, "b": 2}}, {"properties": {}}]}"#,
            ),
            (&export("csv"), "\u{feff}a;b\r\n1;\"x\r\n;\"\"y\"\r\n;\r\n"),
            (&format!("{}?delimiter=,", export("csv")), "a,\"b\"\n1,2\n3,4"),
        ] {
            let shape = shape(target, body).unwrap_or_else(|| panic!("{target}: {body}"));
            assert_eq!((shape.rows, shape.fields()), (2, BTreeSet::from(["a", "b"])), "{target}: {body}");
        }
    }

    #[test]
    fn what_has_no_rows_or_cannot_be_read_has_no_shape() {
        for (target, body) in [
            (V21, ""),
            (V21, r#"{"results": [{"a": 1}"#),
            (V21, r#"{"results": "none"}"#),
            (V21, r#"{"total_count": 1}"#),
            (V1, "\u{0}"),
            (&export("csv"), ""),
            (&export("parquet"), "PAR1"),
            ("/api/explore/v2.1/catalog/datasets/x", r#"{"results": [{"a": 1}]}"#),
            ("/api/explore/v2.1/catalog/datasets/x/facets", r#"{"results": [{"a": 1}]}"#),
        ] {
            assert_eq!(shape(target, body), None, "{target}: {body}");
        }
        // Nor what no parser should follow to its bottom.
        assert_eq!(shape(V21, &format!("{{\"results\": {}", "[".repeat(100_000))), None);
    }

    #[test]
    fn a_field_that_no_row_has_any_more_and_rows_that_are_all_gone_are_lost() {
        let lost = |before: &str, after: &str| {
            let answer = |rows: &str| shape(V21, &format!("{{\"results\": [{rows}]}}")).unwrap();
            answer(before).lost(&answer(after))
        };
        let fields = |fields: &[&str]| Some(Lost { fields: fields.iter().map(|name| (*name).to_owned()).collect(), rows: None });
        assert_eq!(lost(r#"{"a": 1, "b": 2}"#, r#"{"a": 1, "b": null}"#), None);
        assert_eq!(lost(r#"{"a": 1, "b": 2}"#, r#"{"a": 1}"#), fields(&["b"]));
        assert_eq!(lost(r#"{"a": 1}, {"b": 2}"#, r#"{"c": 1}"#), fields(&["a", "b"]));
        assert_eq!(lost(r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#), None, "a new one is no loss");
        assert_eq!(lost(r#"{"a": 1}, {"a": 2}"#, ""), Some(Lost { fields: Vec::new(), rows: Some(2) }));
        assert_eq!(lost("", ""), None);
        assert_eq!(lost("", r#"{"a": 1}"#), None);
        assert_eq!(lost(r#"{"a": 1}, {"a": 2}"#, r#"{"a": 1}"#), None, "fewer rows are rows");
    }

    #[test]
    fn v1_which_leaves_nulls_out_loses_only_what_every_one_of_many_rows_had() {
        let answer = |rows: usize, of: fn(usize) -> &'static str| {
            let rows: Vec<String> = (0..rows).map(|row| format!("{{\"fields\": {}}}", of(row))).collect();
            shape(V1, &format!("{{\"records\": [{}]}}", rows.join(","))).unwrap()
        };
        let both = |_| r#"{"a": 1, "b": 2}"#;
        let one = |_| r#"{"a": 1}"#;
        let mostly = |row| if row == 3 { r#"{"a": 1}"# } else { r#"{"a": 1, "b": 2}"# };
        assert_eq!(answer(10, both).lost(&answer(10, one)).unwrap().fields, ["b"]);
        assert_eq!(answer(9, both).lost(&answer(20, one)), None);
        assert_eq!(answer(20, both).lost(&answer(9, one)), None);
        assert_eq!(answer(20, mostly).lost(&answer(20, one)), None, "it was null before");
        assert_eq!(answer(3, both).lost(&answer(0, one)).unwrap().rows, Some(3));
    }
}
