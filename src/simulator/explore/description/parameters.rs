//! The parameters, each described once.

use serde_json::{Value as Json, json};

use crate::simulator::explore::catalog_export::{LISTED, PROFILES};
use crate::simulator::explore::export::DATASET_FORMATS;
use crate::simulator::language::LANGUAGES;

/// A parameter, by its name among the components.
pub fn parameter(key: &str, old: bool) -> Json {
    let text = || json!({"type": "string"});
    let flag = |default: bool| json!({"type": "boolean", "default": default});
    let number = |default: i64, least: i64| json!({"type": "integer", "default": default, "minimum": least});
    let one_of = |names: &[&str]| json!({"type": "string", "enum": names});
    let one_or = |names: &[&str], default: &str| json!({"type": "string", "enum": names, "default": default});
    let profiles: Vec<&str> = PROFILES.iter().map(|format| &format[4..]).collect();
    let (name, schema, description) = match key {
        "select" => (key, text(), "What is told of each row: fields, expressions, aggregates; everything if it is absent."),
        "where" => (key, text(), "A condition that rows have to meet."),
        "group_by" => (key, text(), "Expressions of which every combination of values becomes one row."),
        "order_by" => (key, text(), "Expressions to sort by, each ascending unless `desc` follows."),
        "limit" => (key, json!({"type": "integer", "default": 10, "minimum": -1, "maximum": 100}), "How many rows at most."),
        "limit_export" => ("limit", number(-1, -1), "How many rows at most; -1 is all of them."),
        "offset" => (key, number(0, 0), "How many rows are passed over first."),
        "refine" => (key, text(), "`facet:value`: only rows with this value. May be repeated."),
        "exclude" => (key, text(), "`facet:value`: only rows without this value. May be repeated."),
        "facet" => (key, text(), "A facet whose values are counted. May be repeated."),
        "lang" => (key, one_of(&LANGUAGES), "The language of labels and dates."),
        "timezone" => (key, json!({"type": "string", "default": "UTC"}), "The zone that instants are told in."),
        "include_links" => (key, flag(false), "Adds the addresses of what belongs to a row."),
        "include_app_metas" => (key, flag(false), "Adds what the portal itself notes about a row."),
        "delimiter" => (key, one_or(&[";", ",", "\t", "|"], ";"), "Stands between two values."),
        "list_separator" => (key, json!({"type": "string", "default": ","}), "Stands between the parts of one value."),
        "quote_all" => (key, flag(false), "Puts every value in quotes."),
        "with_bom" => (key, flag(!old), "Begins the file with a byte order mark."),
        "include_exports" => (key, one_of(&DATASET_FORMATS), "The formats to tell of, separated by commas; all if it is absent."),
        "use_labels_in_exports" => (key, flag(true), "Tells of exports with labels for headings."),
        "use_labels" => (key, flag(false), "Labels instead of technical names."),
        "compressed" => (key, flag(false), "Compresses the file with gzip."),
        "epsg" => (key, json!({"type": "integer", "enum": [4326, 3857, 2154], "default": 4326}), "The system of the coordinates."),
        "parquet_compression" => (key, one_or(&["snappy", "zstd"], "snappy"), "How columns are compressed."),
        "name_field" => (key, text(), "The field that names a way point."),
        "description_field_list" => (key, text(), "The fields that describe a way point, separated by commas."),
        "use_extension" => (key, flag(!old), "Puts values in elements of their own instead of the description."),
        "dataset_id" => (key, text(), "The id of a dataset."),
        "record_id" => (key, text(), "The id of a record."),
        "attachment_id" => (key, text(), "The id of an attachment."),
        "format-catalog" => ("format", one_of(&LISTED), "A format of the catalogue."),
        "format-datasets" => ("format", one_of(&DATASET_FORMATS), "A format of datasets."),
        "dcat_ap_format" => (key, one_of(&profiles), "A profile of DCAT."),
        _ => (key, text(), ""),
    };
    let in_path = matches!(name, "dataset_id" | "record_id" | "attachment_id" | "format" | "dcat_ap_format");
    let mut parameter = json!({"name": name, "in": if in_path { "path" } else { "query" }, "description": description, "schema": schema});
    if in_path {
        parameter["required"] = json!(true);
    }
    parameter
}
