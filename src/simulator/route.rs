//! Which endpoint a path is, and the family that it is counted under.

/// The version of the Explore API, by the base path it was called at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// `/api/explore/v2.1`
    V21,
    /// `/api/explore/v2.0`
    V20,
    /// `/api/v2`, another name of v2.0.
    V2,
}

impl Base {
    /// The path.
    pub fn path(self) -> &'static str {
        match self {
            Self::V21 => "/api/explore/v2.1",
            Self::V20 => "/api/explore/v2.0",
            Self::V2 => "/api/v2",
        }
    }

    /// Whether it is the deprecated version.
    pub fn is_old(self) -> bool {
        self != Self::V21
    }
}

/// An endpoint of the Explore API. Texts are ids and formats as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explore {
    /// `/`, `/catalog`
    Navigation,
    /// `/swagger.json`
    Description,
    /// `/console`
    Console,
    /// `/catalog/datasets`
    Datasets,
    /// `/catalog/datasets/{id}`
    Dataset(String),
    /// `/catalog/facets`
    CatalogFacets,
    /// `/catalog/exports`
    CatalogExports,
    /// `/catalog/exports/{format}`
    CatalogExport(String),
    /// `/catalog/aggregates`, `/catalog/datasets/{id}/aggregates`
    Aggregates(Option<String>),
    /// `…/records`
    Records(String),
    /// `…/records/{id}`
    Record(String, String),
    /// `…/facets`
    Facets(String),
    /// `…/exports`
    Exports(String),
    /// `…/exports/{format}`
    Export(String, String),
    /// `…/attachments`
    Attachments(String),
    /// `…/attachments/{id}`
    Attachment(String, String),
    /// `/catalog/assets…`, `/catalog/metadata_templates…`
    Other,
}

/// An endpoint of API v1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// `/api/datasets/1.0/search`
    Datasets,
    /// `/api/datasets/1.0/{id}`
    Dataset(String),
    /// `/api/datasets/1.0/{id}/records/{id}`
    Record(String, String),
    /// `/api/records/1.0/search`
    Records,
    /// `/api/records/1.0/download`, `/explore/dataset/{id}/download`
    Download(Option<String>),
    /// `/api/records/1.0/analyze`
    Analyze,
    /// `/api/records/1.0/geocluster` and its kin.
    Geo(Geo),
    /// `/api/datasets/1.0/{id}/attachments/{id}` and its kin, `/explore/dataset/{id}/files/{id}/{size}`
    File(String, Filed, String),
}

/// What is told of the places of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Geo {
    /// `geocluster`: places that are near each other on a map.
    Clusters,
    /// `geopolygon`: places that are the same.
    Polygons,
    /// `boundingbox`: the rectangle around them.
    BoundingBox,
    /// `geopreview`: the places alone, as a map shows them.
    Preview,
}

/// Where a file of a dataset is filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filed {
    /// Among its attachments.
    Attachments,
    /// Among its alternative exports.
    AlternativeExports,
    /// Among the images of its description.
    Images,
    /// In a field of a record.
    Records,
    /// There too, and a small picture of it is wanted.
    Thumbnails,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The Explore API.
    Explore(Base, Explore),
    /// API v1.
    Search(Search),
    /// `/api/odata…`
    OData,
    /// `/api/wfs`
    Wfs,
    /// `/api/csw`
    Csw,
    /// `/api/tpf/{id}`
    Tpf,
    /// An API console.
    Console,
    /// Any page.
    Page,
    /// Inside `/api/`, but nothing.
    Unknown,
}

/// The families, as calls are counted and faults are set under.
pub const FAMILIES: [&str; 26] = [
    "navigation",
    "catalog",
    "catalog-facets",
    "catalog-export-list",
    "catalog-export",
    "dataset",
    "records",
    "record",
    "facets",
    "aggregates",
    "export-list",
    "export",
    "attachments",
    "attachment",
    "analyze",
    "download",
    "geo",
    "file",
    "odata",
    "wfs",
    "csw",
    "tpf",
    "console",
    "api-description",
    "page",
    "other",
];

impl Route {
    /// The endpoint of these decoded segments.
    pub fn of(segments: &[&str]) -> Self {
        match segments {
            ["api", "explore", "v2.1", rest @ ..] => Self::explore(Base::V21, rest),
            ["api", "explore", "v2.0", rest @ ..] => Self::explore(Base::V20, rest),
            ["api", "v2", rest @ ..] => Self::explore(Base::V2, rest),
            ["api", "datasets" | "records", "1.0", ..] => Self::search(segments),
            ["explore", "dataset", id, "download"] => Self::Search(Search::Download(Some((*id).to_owned()))),
            ["explore", "dataset", id, "files", file, size @ ("300" | "download")] => {
                let filed = if *size == "300" { Filed::Thumbnails } else { Filed::Records };
                Self::Search(Search::File((*id).to_owned(), filed, (*file).to_owned()))
            }
            ["api", "odata", ..] => Self::OData,
            ["api", "wfs"] => Self::Wfs,
            ["api", "csw"] => Self::Csw,
            ["api", "tpf", _] => Self::Tpf,
            ["api", "v1", "console", ..] | ["api-console", ..] => Self::Console,
            ["api", ..] => Self::Unknown,
            _ => Self::Page,
        }
    }

    fn explore(base: Base, rest: &[&str]) -> Self {
        let owned = |text: &str| text.to_owned();
        let endpoint = match rest {
            [] => Explore::Navigation,
            ["swagger.json"] => Explore::Description,
            ["console"] => Explore::Console,
            ["catalog" | "monitoring" | "opendatasoft", rest @ ..] => match rest {
                [] => Explore::Navigation,
                ["datasets"] => Explore::Datasets,
                ["facets"] => Explore::CatalogFacets,
                ["exports"] => Explore::CatalogExports,
                ["exports", format] => Explore::CatalogExport(owned(format)),
                ["aggregates"] => Explore::Aggregates(None),
                ["assets" | "metadata_templates", ..] => Explore::Other,
                ["datasets", id] => Explore::Dataset(owned(id)),
                ["datasets", id, "aggregates"] => Explore::Aggregates(Some(owned(id))),
                ["datasets", id, "records"] => Explore::Records(owned(id)),
                ["datasets", id, "records", record] => Explore::Record(owned(id), owned(record)),
                ["datasets", id, "facets"] => Explore::Facets(owned(id)),
                ["datasets", id, "exports"] => Explore::Exports(owned(id)),
                ["datasets", id, "exports", format] => Explore::Export(owned(id), owned(format)),
                ["datasets", id, "attachments"] => Explore::Attachments(owned(id)),
                ["datasets", id, "attachments", attachment] => Explore::Attachment(owned(id), owned(attachment)),
                ["datasets", id, "files", file] => return Self::Search(Search::File(owned(id), Filed::Records, owned(file))),
                _ => return Self::Unknown,
            },
            _ => return Self::Unknown,
        };
        Self::Explore(base, endpoint)
    }

    fn search(segments: &[&str]) -> Self {
        let owned = |text: &str| text.to_owned();
        Self::Search(match &segments[1..] {
            ["datasets", _, "search"] => Search::Datasets,
            ["datasets", _, id] => Search::Dataset(owned(id)),
            ["datasets", _, id, "records", record] => Search::Record(owned(id), owned(record)),
            ["datasets", _, id, "attachments", file] => Search::File(owned(id), Filed::Attachments, owned(file)),
            ["datasets", _, id, "alternative_exports", file] => Search::File(owned(id), Filed::AlternativeExports, owned(file)),
            ["datasets", _, id, "images", file] => Search::File(owned(id), Filed::Images, owned(file)),
            ["datasets", _, id, "files", file] => Search::File(owned(id), Filed::Records, owned(file)),
            ["records", _, "search"] => Search::Records,
            ["records", _, "download"] => Search::Download(None),
            ["records", _, "analyze"] => Search::Analyze,
            ["records", _, "geocluster"] => Search::Geo(Geo::Clusters),
            ["records", _, "geopolygon"] => Search::Geo(Geo::Polygons),
            ["records", _, "boundingbox"] => Search::Geo(Geo::BoundingBox),
            ["records", _, "geopreview"] => Search::Geo(Geo::Preview),
            _ => return Self::Unknown,
        })
    }

    /// One of [`FAMILIES`].
    pub fn family(&self) -> &'static str {
        match self {
            Self::Explore(_, explore) => match explore {
                Explore::Navigation => "navigation",
                Explore::Description => "api-description",
                Explore::Console => "console",
                Explore::Datasets => "catalog",
                Explore::Dataset(_) => "dataset",
                Explore::CatalogFacets => "catalog-facets",
                Explore::CatalogExports => "catalog-export-list",
                Explore::CatalogExport(_) => "catalog-export",
                Explore::Aggregates(_) => "aggregates",
                Explore::Records(_) => "records",
                Explore::Record(..) => "record",
                Explore::Facets(_) => "facets",
                Explore::Exports(_) => "export-list",
                Explore::Export(..) => "export",
                Explore::Attachments(_) => "attachments",
                Explore::Attachment(..) => "attachment",
                Explore::Other => "other",
            },
            Self::Search(search) => match search {
                Search::Datasets => "catalog",
                Search::Dataset(_) => "dataset",
                Search::Record(..) => "record",
                Search::Records => "records",
                Search::Download(_) => "download",
                Search::Analyze => "analyze",
                Search::Geo(_) => "geo",
                Search::File(..) => "file",
            },
            Self::OData => "odata",
            Self::Wfs => "wfs",
            Self::Csw => "csw",
            Self::Tpf => "tpf",
            Self::Console => "console",
            Self::Page => "page",
            Self::Unknown => "other",
        }
    }

    /// Whether the endpoint reads a POST as it reads a GET.
    pub fn takes_post(&self) -> bool {
        matches!(
            self,
            Self::Search(Search::Datasets | Search::Records | Search::Download(_) | Search::Analyze | Search::Geo(_)) | Self::Csw
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::target::Target;

    #[test]
    fn every_family_is_listed_and_a_trailing_slash_makes_no_difference() {
        for (path, family) in [
            ("/api/explore/v2.1/catalog/datasets/a/records/?limit=1", "records"),
            ("/api/v2/catalog/datasets/a/exports/json/", "export"),
            ("/api/explore/v2.0/catalog/exports/csv", "catalog-export"),
            ("/api/records/1.0/search/", "records"),
            ("/api/datasets/1.0/a", "dataset"),
            ("/explore/dataset/a/download", "download"),
            ("/api/v1/console/records", "console"),
            ("/api/nothing", "other"),
            ("/pages/accueil/", "page"),
        ] {
            let route = Route::of(&Target::parse(path).path());
            assert_eq!(route.family(), family, "{path}");
            assert!(FAMILIES.contains(&family));
        }
    }
}
