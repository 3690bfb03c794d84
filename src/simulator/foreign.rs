//! Formats that this portal does not write. An answer in one of them has the right type, but holds the rows as lines of JSON, or, for a
//! format that describes rather than lists, nothing but the question. Which are written after all, API v1 learns here too.

use ::parquet::basic::Compression;
use serde_json::json;

use super::answer::{Answer, Body};
use super::json;
use super::others::escape;
use super::rows::places::Gpx;
use super::rows::{Rows, Writer, parquet, workbook};
use super::target::{Parameters, Target};

/// Formats that are made of rows.
pub const TABLES: [&str; 8] = ["fgb", "gpx", "kml", "ov2", "parquet", "shp", "xls", "xlsx"];

/// Options of these formats, and what they are where nobody says so.
const OPTIONS: [(&str, &str); 2] = [("epsg", "4326"), ("use_labels", "false")];

fn content_type(format: &str) -> &'static str {
    match format {
        "xls" => "application/vnd.ms-excel",
        "fgb" => "application/octet-stream; charset=utf-8",
        "jsonld" => "application/ld+json; charset=utf-8",
        "turtle" | "n3" => "text/turtle; charset=utf-8",
        "shp" => "application/zip",
        "rdfxml" => "application/rdf+xml",
        _ => "application/octet-stream",
    }
}

/// Rows in one of [`TABLES`]. Options differ in the answer where they differ in the question.
pub fn rows(rows: Rows, format: &str, parameters: &Parameters) -> Answer {
    match format {
        "gpx" => return Rows::of(rows.into_source(), Writer::Gpx(Gpx::default())).answer(),
        "kml" => return Rows::of(rows.into_source(), Writer::Kml("rows".to_owned())).answer(),
        "parquet" => return parquet::answer(rows.into_source(), Compression::SNAPPY),
        "xlsx" => return workbook::answer(rows.into_source()),
        _ => {}
    }
    let stated = OPTIONS.iter().filter_map(|(name, default)| {
        let value = parameters.given(name).filter(|value| value != default)?;
        Some(format!(" {name}={value}"))
    });
    let title = format!("{format}{}\n", stated.collect::<String>());
    let pieces = std::iter::once(title.into_bytes()).chain(rows);
    Answer::new(content_type(format), Body::Pieces(Box::new(pieces)))
}

/// The question, in a format that carries addresses of the portal: here that of its catalogue, `home`.
pub fn question(target: &Target, format: &str, home: &str) -> Answer {
    let content_type = content_type(format);
    let about = target.sorted_text();
    let body = match format {
        "jsonld" => json::line(&json!({"@id": home, "about": about})),
        "rdfxml" => {
            let description =
                format!("<rdf:Description rdf:about=\"{}\"><about xmlns=\"urn:preau:\">{}</about>", escape(home), escape(&about));
            let rdf = "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"";
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF {rdf}>{description}</rdf:Description></rdf:RDF>\n").into_bytes()
        }
        "turtle" | "n3" => format!("<{home}> <http://purl.org/dc/terms/description> {} .\n", json!(about)).into_bytes(),
        _ => about.into_bytes(),
    };
    Answer::new(content_type, Body::Whole(body))
}
