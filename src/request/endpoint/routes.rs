//! The allow-list: every path that is mirrored, as patterns over decoded segments.

use super::{ApiVersion, Endpoint, Family, NotMirrored, Source, path};

/// The endpoint with these segments.
pub(super) fn find(segments: &[&str]) -> Result<Endpoint, NotMirrored> {
    let route = match segments {
        ["api", "explore", "v2.1", rest @ ..] => explore(ApiVersion::V2_1, rest)?,
        ["api", "explore", "v2.0", rest @ ..] | ["api", "v2", rest @ ..] => explore(ApiVersion::V2_0, rest)?,
        ["api", "datasets", "1.0", rest @ ..] => datasets_v1(rest)?,
        ["api", "records", "1.0", operation] => records_v1(operation)?,
        ["api", "v1", "console", rest @ ..] => console_v1(rest)?,
        ["api", "odata", rest @ ..] => odata(rest)?,
        ["api", "wfs"] => Route::new(ApiVersion::Other, Family::Wfs),
        ["api", "csw"] => Route::new(ApiVersion::Other, Family::Csw),
        ["api", "tpf", id] => Route::new(ApiVersion::Other, Family::Tpf).of(id)?,
        // `/api/push/…` writes, and whatever the portal adds is unknown until it is added here.
        ["api", ..] => return Err(NotMirrored::UnknownUri),
        ["api-console", "explore", "v2.1"] => Route::new(ApiVersion::V2_1, Family::Console).with_slash(),
        ["api-console", "explore", "v2.0"] => Route::new(ApiVersion::V2_0, Family::Console).with_slash(),
        ["explore", "dataset", id, "download"] => Route::new(ApiVersion::Other, Family::Download).of(id)?,
        ["explore", "dataset", id, "files", _, "300" | "download"] => Route::new(ApiVersion::Other, Family::File).of(id)?.with_slash(),
        _ => return Err(NotMirrored::Elsewhere),
    };
    Ok(Endpoint {
        version: route.version,
        family: route.family,
        source: route.source,
        dataset: route.dataset.map(str::to_owned),
        format: route.format.map(str::to_owned),
        path: path::spelled(segments, route.trailing_slash),
    })
}

struct Route<'a> {
    version: ApiVersion,
    family: Family,
    source: Option<Source>,
    dataset: Option<&'a str>,
    format: Option<&'a str>,
    /// Only the path with a trailing slash has been seen to work (the portal's own pages and widgets).
    trailing_slash: bool,
}

impl<'a> Route<'a> {
    fn new(version: ApiVersion, family: Family) -> Self {
        Self { version, family, source: None, dataset: None, format: None, trailing_slash: false }
    }

    fn of(self, id: &'a str) -> Result<Self, NotMirrored> {
        if is_dataset_id(id) { Ok(Self { dataset: Some(id), ..self }) } else { Err(NotMirrored::UnknownUri) }
    }

    fn about(self, source: Source) -> Self {
        Self { source: Some(source), ..self }
    }

    fn in_format(self, format: &'a str, known: fn(&str) -> bool) -> Result<Self, NotMirrored> {
        if known(format) { Ok(Self { format: Some(format), ..self }) } else { Err(NotMirrored::UnknownUri) }
    }

    fn with_slash(self) -> Self {
        Self { trailing_slash: true, ..self }
    }
}

fn explore<'a>(version: ApiVersion, rest: &[&'a str]) -> Result<Route<'a>, NotMirrored> {
    let route = |family| Route::new(version, family);
    match rest {
        [] => return Ok(route(Family::Navigation)),
        ["swagger.json"] => return Ok(route(Family::ApiDescription)),
        ["console"] => return Ok(route(Family::Console)),
        // Style sheets and scripts of the console are files of the web site.
        ["console", ..] => return Err(NotMirrored::Elsewhere),
        _ => {}
    }
    let (source, rest) = rest.split_first().ok_or(NotMirrored::UnknownUri)?;
    let source = Source::from_segment(source).ok_or(NotMirrored::UnknownUri)?;
    let route = match rest {
        [] => route(Family::Navigation),
        ["datasets"] => route(Family::Catalog),
        ["facets"] => route(Family::CatalogFacets),
        // v2.1 merged aggregates into records and answers 410.
        ["aggregates"] if version == ApiVersion::V2_0 => route(Family::CatalogAggregates),
        ["exports"] => route(Family::CatalogExportList),
        ["exports", format] => route(Family::CatalogExport).in_format(format, is_catalog_format)?,
        ["assets" | "metadata_templates", ..] => extras(version, rest)?,
        ["datasets", id, rest @ ..] => of_dataset(version, rest)?.of(id)?,
        _ => return Err(NotMirrored::UnknownUri),
    };
    Ok(route.about(source))
}

fn of_dataset<'a>(version: ApiVersion, rest: &[&'a str]) -> Result<Route<'a>, NotMirrored> {
    let route = |family| Route::new(version, family);
    Ok(match rest {
        [] => route(Family::Dataset),
        ["records"] => route(Family::Records),
        ["records", _] => route(Family::Record),
        ["facets"] => route(Family::Facets),
        ["aggregates"] if version == ApiVersion::V2_0 => route(Family::Aggregates),
        ["attachments"] => route(Family::AttachmentList),
        ["attachments", _] => route(Family::Attachment),
        // Where the file fields of records lead (docs/portal.md#files).
        ["files", _] => route(Family::File),
        ["exports"] => route(Family::ExportList),
        ["exports", format] => route(Family::Export).in_format(format, is_dataset_format)?,
        _ => return Err(NotMirrored::UnknownUri),
    })
}

fn extras<'a>(version: ApiVersion, rest: &[&str]) -> Result<Route<'a>, NotMirrored> {
    match rest {
        ["assets"] | ["assets", _] | ["assets", _, "facets" | "records"] if version == ApiVersion::V2_1 => {
            Ok(Route::new(version, Family::Assets))
        }
        ["metadata_templates"] | ["metadata_templates", _] | ["metadata_templates", _, _] => {
            Ok(Route::new(version, Family::MetadataTemplates))
        }
        _ => Err(NotMirrored::UnknownUri),
    }
}

fn datasets_v1<'a>(rest: &[&'a str]) -> Result<Route<'a>, NotMirrored> {
    let route = |family| Route::new(ApiVersion::V1, family);
    match rest {
        ["search"] => Ok(route(Family::Catalog)),
        [id] => route(Family::Dataset).of(id),
        [id, "records", _] => route(Family::Record).of(id),
        [id, "attachments" | "alternative_exports" | "files" | "images", _] => route(Family::File).of(id),
        _ => Err(NotMirrored::UnknownUri),
    }
}

fn records_v1<'a>(operation: &str) -> Result<Route<'a>, NotMirrored> {
    let family = match operation {
        "search" => Family::Records,
        "analyze" => Family::Analyze,
        "download" => Family::Download,
        "geocluster" | "geopolygon" | "boundingbox" | "geopreview" => Family::Geo,
        _ => return Err(NotMirrored::UnknownUri),
    };
    Ok(Route::new(ApiVersion::V1, family))
}

fn console_v1<'a>(rest: &[&str]) -> Result<Route<'a>, NotMirrored> {
    match rest {
        [] | ["datasets" | "records", "1.0", "search" | "lookup" | "analyze" | "download" | "geocluster"] => {
            Ok(Route::new(ApiVersion::V1, Family::Console).with_slash())
        }
        _ => Err(NotMirrored::Elsewhere),
    }
}

fn odata<'a>(rest: &[&'a str]) -> Result<Route<'a>, NotMirrored> {
    let route = Route::new(ApiVersion::Other, Family::OData);
    match rest {
        [] | ["$metadata"] => Ok(route),
        [id] | [id, "$count"] => route.of(id),
        _ => Err(NotMirrored::UnknownUri),
    }
}

/// Letters, digits, `-`, `_` and `.`, and for datasets of another portal `@` with its domain. What else a path may hold
/// in this place, no portal has ever named a dataset, so it is answered without a call.
fn is_dataset_id(segment: &str) -> bool {
    segment.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@'))
}

fn is_dataset_format(format: &str) -> bool {
    matches!(
        format,
        "csv"
            | "fgb"
            | "geojson"
            | "gpx"
            | "ical"
            | "json"
            | "jsonl"
            | "jsonld"
            | "kml"
            | "mvt"
            | "n3"
            | "ov2"
            | "parquet"
            | "rdfxml"
            | "shp"
            | "turtle"
            | "xls"
            | "xlsx"
    )
}

fn is_catalog_format(format: &str) -> bool {
    let country_profile = |suffix: &str| !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_lowercase());
    matches!(format, "csv" | "data.json" | "dcat" | "dublin_core" | "json" | "rdf" | "rss" | "sitemap" | "ttl" | "xls" | "xlsx")
        || format.strip_prefix("dcat_ap_").is_some_and(country_profile)
}
