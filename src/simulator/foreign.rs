//! Formats that this portal does not write. An answer in one of them has the right type, but holds the rows as lines of JSON, or, for a
//! format that describes rather than lists, nothing but the question.

use serde_json::json;

use super::answer::{Answer, Body};
use super::json;
use super::others::escape;
use super::rows::Rows;
use super::target::{Parameters, Target};

/// Formats that are made of rows.
pub const TABLES: [&str; 8] = ["fgb", "gpx", "kml", "ov2", "parquet", "shp", "xls", "xlsx"];

/// Options of these formats, and what they are where nobody says so.
const OPTIONS: [(&str, &str); 7] = [
    ("compressed", "false"),
    ("epsg", "4326"),
    ("parquet_compression", ""),
    ("name_field", ""),
    ("description_field_list", ""),
    ("use_extension", ""),
    ("use_labels", "false"),
];

fn content_type(format: &str) -> &'static str {
    match format {
        "parquet" => "application/parquet; charset=utf-8",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xls" => "application/vnd.ms-excel",
        "fgb" => "application/octet-stream; charset=utf-8",
        "data.json" | "jsonld" => "application/json; charset=utf-8",
        "ttl" | "turtle" | "n3" => "text/turtle; charset=utf-8",
        "shp" => "application/zip",
        "rss" => "application/rss+xml; charset=utf-8",
        "atom" => "application/atom+xml; charset=utf-8",
        "rdf" | "rdfxml" => "application/rdf+xml",
        "kml" | "gpx" | "sitemap" | "dublin_core" => "application/xml; charset=utf-8",
        format if format.starts_with("dcat") => "application/rdf+xml",
        _ => "application/octet-stream",
    }
}

fn is_xml(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.ends_with("xml"))
}

/// Rows in one of [`TABLES`]. Options differ in the answer where they differ in the question.
pub fn rows(rows: Rows, format: &str, parameters: &Parameters) -> Answer {
    let content_type = content_type(format);
    let stated = OPTIONS.iter().filter_map(|(name, default)| {
        let value = parameters.given(name).filter(|value| value != default)?;
        Some(format!(" {name}={value}"))
    });
    let title = format!("{format}{}", stated.collect::<String>());
    let xml = is_xml(content_type);
    let (start, end) = if xml {
        (format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rows title=\"{}\">\n", escape(&title)), "</rows>\n")
    } else {
        (format!("{title}\n"), "")
    };
    // A piece holds whole lines, so a character is never cut.
    let rows = rows.map(move |piece| if xml { escape(&String::from_utf8_lossy(&piece)).into_bytes() } else { piece });
    let pieces = std::iter::once(start.into_bytes()).chain(rows).chain(std::iter::once(end.into()));
    Answer::new(content_type, Body::Pieces(Box::new(pieces)))
}

/// The question, in a format that carries addresses of the portal: here that of its catalogue, `home`.
pub fn question(target: &Target, format: &str, home: &str) -> Answer {
    let content_type = content_type(format);
    let about = target.sorted_text();
    let body = if content_type.starts_with("application/json") {
        json::line(&json!({"about": about, "home": home}))
    } else if is_xml(content_type) {
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<about href=\"{}\">{}</about>\n", escape(home), escape(&about)).into_bytes()
    } else if content_type.starts_with("text/turtle") {
        format!("<{home}> <http://purl.org/dc/terms/description> {} .\n", json!(about)).into_bytes()
    } else {
        about.into_bytes()
    };
    Answer::new(content_type, Body::Whole(body))
}
