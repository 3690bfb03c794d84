//! Which answers carry links, and in which syntax.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::members::{self, Members};
use crate::request::endpoint::{ApiVersion, Endpoint, Family};

/// Where one kind of answer carries absolute links to the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Strings at these paths.
    Json(Members),
    /// `rdf:about`, `rdf:resource`, `href`, `url`, and the texts of `link`, `guid`, `loc`, `url`, `accessURL` and the like.
    Xml,
    /// IRIs.
    Turtle,
}

/// Where answers of `endpoint` to the canonical `query` with these `fields` carry links, if anywhere. None also where they do not lead to
/// what is mirrored, or where the format is data: exports of records, downloads, files, consoles.
///
/// v1 has none in JSON (the records it was seen to answer name files without an address); its feeds do.
pub fn positions(endpoint: &Endpoint, query: &str, fields: &HeaderMap) -> Option<Positions> {
    let media = Media::of(fields);
    if endpoint.family() == Family::CatalogExport {
        return exported(endpoint.format()?, media);
    }
    match endpoint.version() {
        ApiVersion::V2_0 | ApiVersion::V2_1 if matches!(media, Media::Json | Media::Unstated) => {
            explored(endpoint, query).map(Positions::Json)
        }
        ApiVersion::V1 if media == Media::Xml && matches!(endpoint.family(), Family::Catalog | Family::Records) => Some(Positions::Xml),
        _ => None,
    }
}

/// The catalogue in a format for other catalogues. An answer of another kind than the format (an error, a page) has none.
fn exported(format: &str, media: Media) -> Option<Positions> {
    let (positions, expected) = match format {
        "data.json" => (Positions::Json(members::DATA_JSON), Media::Json),
        "ttl" => (Positions::Turtle, Media::Turtle),
        "rdf" | "dcat" | "dublin_core" | "rss" | "sitemap" => (Positions::Xml, Media::Xml),
        _ if format.starts_with("dcat_ap_") => (Positions::Xml, Media::Xml),
        _ => return None,
    };
    (media == expected || matches!(media, Media::Unstated | Media::Other)).then_some(positions)
}

fn explored(endpoint: &Endpoint, query: &str) -> Option<Members> {
    let old = endpoint.version() == ApiVersion::V2_0;
    let grouped = names(query, "group_by");
    // Whatever it says, which only the portal knows how to read.
    let linked = names(query, "include_links");
    Some(match endpoint.family() {
        Family::Catalog if grouped => members::LINKS,
        Family::Catalog if old => members::CATALOG_V2_0,
        Family::Catalog | Family::Assets => members::CATALOG_V2_1,
        Family::Dataset if old => members::DATASET_V2_0,
        Family::Dataset => members::DATASET_V2_1,
        Family::Records if old && grouped => members::LINKS,
        Family::Records if old => members::RECORDS_V2_0,
        Family::Records if grouped && linked => members::GROUPS_V2_1_LINKED,
        // Groups are scalars.
        Family::Records if grouped => return None,
        Family::Records if linked => members::RECORDS_V2_1_LINKED,
        Family::Records => members::RECORDS_V2_1,
        Family::Record if old => members::RECORD_V2_0,
        Family::Record if linked => members::RECORD_V2_1_LINKED,
        Family::Record => members::RECORD_V2_1,
        Family::AttachmentList => members::ATTACHMENTS,
        Family::MetadataTemplates => members::TEMPLATES,
        Family::ApiDescription => members::DESCRIPTION,
        Family::Navigation
        | Family::CatalogFacets
        | Family::Facets
        | Family::CatalogExportList
        | Family::ExportList
        | Family::CatalogAggregates
        | Family::Aggregates => members::LINKS,
        _ => return None,
    })
}

/// Whether a canonical query says something by a parameter of this name, of which nothing needs to be encoded.
fn names(query: &str, name: &str) -> bool {
    query.split('&').filter_map(|pair| pair.split_once('=')).any(|(known, value)| known == name && !value.is_empty())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Unstated,
    Json,
    Xml,
    Turtle,
    Html,
    Other,
}

impl Media {
    fn of(fields: &HeaderMap) -> Self {
        let Some(value) = fields.get(CONTENT_TYPE) else { return Self::Unstated };
        let value = value.as_bytes();
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        match essence.as_slice() {
            b"text/html" | b"application/xhtml+xml" => Self::Html,
            b"application/json" => Self::Json,
            b"application/xml" | b"text/xml" => Self::Xml,
            b"text/turtle" | b"application/turtle" | b"application/x-turtle" | b"text/n3" | b"text/rdf+n3" => Self::Turtle,
            essence if essence.ends_with(b"+json") => Self::Json,
            essence if essence.ends_with(b"+xml") => Self::Xml,
            _ => Self::Other,
        }
    }
}
