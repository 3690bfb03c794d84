use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::super::members::{self, Members};
use super::*;
use crate::request::endpoint::classify;

fn at(path: &str, query: &str, media: &'static str) -> Option<Positions> {
    let mut fields = HeaderMap::new();
    if !media.is_empty() {
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    }
    positions(&classify(path).unwrap(), query, &fields)
}

const JSON: &str = "application/json; charset=utf-8";

#[test]
fn every_answer_of_explore_has_its_table() {
    let old: &[(&str, &str, Option<Members>)] = &[
        ("", "", Some(members::LINKS)),
        ("/catalog", "", Some(members::LINKS)),
        ("/swagger.json", "", Some(members::DESCRIPTION)),
        ("/catalog/datasets", "limit=3", Some(members::CATALOG_V2_0)),
        ("/catalog/datasets/x", "", Some(members::DATASET_V2_0)),
        ("/catalog/datasets/x/records", "group_by=", Some(members::RECORDS_V2_0)),
        ("/catalog/datasets/x/records", "group_by=a", Some(members::LINKS)),
        ("/catalog/datasets/x/records/y", "", Some(members::RECORD_V2_0)),
        ("/catalog/datasets/x/aggregates", "", Some(members::LINKS)),
    ];
    let new: &[(&str, &str, Option<Members>)] = &[
        ("/catalog/datasets", "limit=3", Some(members::CATALOG_V2_1)),
        ("/catalog/datasets", "group_by=a", Some(members::LINKS)),
        ("/catalog/datasets/x", "", Some(members::DATASET_V2_1)),
        ("/catalog/assets", "", Some(members::CATALOG_V2_1)),
        ("/catalog/datasets/x/records", "where=include_links", Some(members::RECORDS_V2_1)),
        ("/catalog/datasets/x/records", "include_links=true&limit=1", Some(members::RECORDS_V2_1_LINKED)),
        ("/catalog/datasets/x/records", "group_by=a", None),
        ("/catalog/datasets/x/records", "group_by=a&include_links=true", Some(members::GROUPS_V2_1_LINKED)),
        ("/catalog/datasets/x/records/y", "", Some(members::RECORD_V2_1)),
        ("/catalog/datasets/x/records/y", "include_links=true", Some(members::RECORD_V2_1_LINKED)),
    ];
    let both: &[(&str, &str, Option<Members>)] = &[
        ("/catalog/facets", "", Some(members::LINKS)),
        ("/catalog/exports", "", Some(members::LINKS)),
        ("/catalog/metadata_templates", "", Some(members::TEMPLATES)),
        ("/catalog/datasets/x/facets", "", Some(members::LINKS)),
        ("/catalog/datasets/x/exports", "", Some(members::LINKS)),
        ("/catalog/datasets/x/attachments", "", Some(members::ATTACHMENTS)),
    ];
    for (bases, tables) in [(&["/api/explore/v2.0", "/api/v2"][..], [old, both]), (&["/api/explore/v2.1"], [new, both])] {
        for (base, (path, query, table)) in bases.iter().flat_map(|base| tables.concat().into_iter().map(move |row| (base, row))) {
            let path = format!("{base}{path}");
            let expected = table.map(Positions::Json);
            assert_eq!(at(&path, query, JSON), expected, "{path}?{query}");
            assert_eq!(at(&path, query, ""), expected, "{path}?{query}, without a media type");
            assert_eq!(at(&path, query, "text/html"), None, "{path}?{query}");
        }
    }
}

#[test]
fn exports_of_the_catalogue_for_other_catalogues_have_links_and_others_are_data() {
    for (format, media, expected) in [
        ("dcat", "application/rdf+xml", Some(Positions::Xml)),
        ("dcat_ap_benap", "application/rdf+xml; charset=utf-8", Some(Positions::Xml)),
        ("rdf", "text/xml", Some(Positions::Xml)),
        ("dublin_core", "application/xml", Some(Positions::Xml)),
        ("rss", "application/rss+xml", Some(Positions::Xml)),
        ("sitemap", "Application/XML", Some(Positions::Xml)),
        ("ttl", "text/turtle", Some(Positions::Turtle)),
        ("ttl", "application/octet-stream", Some(Positions::Turtle)),
        ("data.json", "application/json", Some(Positions::Json(members::DATA_JSON))),
        ("rdf", "application/json", None),
        ("rdf", "text/html", None),
        ("data.json", "text/html", None),
        ("ttl", "application/json", None),
        ("json", JSON, None),
        ("csv", "text/csv", None),
        ("xlsx", "", None),
    ] {
        for base in ["/api/explore/v2.1", "/api/explore/v2.0", "/api/v2"] {
            assert_eq!(at(&format!("{base}/catalog/exports/{format}"), "", media), expected, "{base} {format} {media}");
        }
    }
}

#[test]
fn data_files_and_consoles_have_no_links() {
    for format in ["csv", "json", "jsonl", "geojson", "jsonld", "rdfxml", "turtle", "n3", "parquet"] {
        for media in ["", JSON, "application/rdf+xml", "text/turtle"] {
            assert_eq!(at(&format!("/api/explore/v2.1/catalog/datasets/x/exports/{format}"), "include_links=true", media), None);
        }
    }
    for path in [
        "/api/explore/v2.1/catalog/datasets/x/attachments/y",
        "/api/explore/v2.1/console",
        "/api/datasets/1.0/x",
        "/api/datasets/1.0/search",
        "/api/datasets/1.0/x/records/y",
        "/api/datasets/1.0/x/files/y",
        "/api/records/1.0/search",
        "/api/records/1.0/analyze",
        "/api/records/1.0/download",
        "/explore/dataset/x/download",
        "/api/odata/x",
        "/api/tpf/x",
    ] {
        for media in ["", JSON, "text/html", "text/csv"] {
            assert_eq!(at(path, "", media), None, "{path} {media}");
        }
    }
}

#[test]
fn feeds_of_v1_have_links() {
    for (path, media) in
        [("/api/datasets/1.0/search", "application/rss+xml"), ("/api/records/1.0/search", "application/atom+xml; charset=utf-8")]
    {
        assert_eq!(at(path, "format=rss", media), Some(Positions::Xml));
    }
    assert_eq!(at("/api/records/1.0/download", "", "text/xml"), None);
}
