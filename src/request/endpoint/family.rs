//! The names of what can be asked: API versions, endpoint families, classes of lifetime.

use std::fmt;

/// Which of the portal's APIs an endpoint belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApiVersion {
    /// Search API v1, whose answers echo the request's parameters.
    V1,
    /// Explore API v2.0 and its alias `/api/v2`, whose answers echo them in `links`.
    V2_0,
    /// Explore API v2.1.
    V2_1,
    /// OData, WFS, CSW, TPF, and the downloads and files of the portal's pages.
    Other,
}

impl ApiVersion {
    /// Every one.
    pub const ALL: &[Self] = &[Self::V1, Self::V2_0, Self::V2_1, Self::Other];

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|version| version.name() == name)
    }

    /// A short stable name: `v1`, `v2.0`, `v2.1` or `other`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2_0 => "v2.0",
            Self::V2_1 => "v2.1",
            Self::Other => "other",
        }
    }
}

/// The portal's own data, or one of the two sets that every portal of the platform carries beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `catalog`: the portal's datasets.
    Catalog,
    /// `monitoring`: the portal's usage.
    Monitoring,
    /// `opendatasoft`: the public datasets of all portals.
    Opendatasoft,
}

impl Source {
    pub(super) fn from_segment(segment: &str) -> Option<Self> {
        match segment {
            "catalog" => Some(Self::Catalog),
            "monitoring" => Some(Self::Monitoring),
            "opendatasoft" => Some(Self::Opendatasoft),
            _ => None,
        }
    }
}

macro_rules! families {
    ($($(#[$doc:meta])* $family:ident = $name:literal, $class:ident;)*) => {
        /// What kind of answer an endpoint gives, across API versions. A bounded set, fit for labels.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Family {
            $($(#[$doc])* $family,)*
        }

        impl Family {
            /// Every family.
            pub const ALL: &[Self] = &[$(Self::$family,)*];

            /// The family of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|family| family.name() == name)
            }

            /// A short stable name in lower case with hyphens.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$family => $name,)*
                }
            }

            /// Which configured freshness lifetime applies.
            pub fn lifetime_class(self) -> LifetimeClass {
                match self {
                    $(Self::$family => LifetimeClass::$class,)*
                }
            }
        }
    };
}

families! {
    /// The links from which an Explore API is discovered.
    Navigation = "navigation", Page;
    /// `swagger.json`.
    ApiDescription = "api-description", Page;
    /// The HTML console of an API.
    Console = "console", Page;
    /// The list of datasets.
    Catalog = "catalog", Catalog;
    /// Facets of the list of datasets.
    CatalogFacets = "catalog-facets", Catalog;
    /// Aggregates over the list of datasets (v2.0).
    CatalogAggregates = "catalog-aggregates", Catalog;
    /// The formats that the list of datasets can be exported in.
    CatalogExportList = "catalog-export-list", Catalog;
    /// An export of the list of datasets.
    CatalogExport = "catalog-export", Catalog;
    /// The catalogue of assets (v2.1, undocumented).
    Assets = "assets", Catalog;
    /// Metadata templates.
    MetadataTemplates = "metadata-templates", Catalog;
    /// The metadata of one dataset.
    Dataset = "dataset", Dataset;
    /// Records of one dataset; in v1 of one or several.
    Records = "records", Records;
    /// One record.
    Record = "record", Records;
    /// Facets of a dataset's records.
    Facets = "facets", Records;
    /// Aggregates over a dataset's records (v2.0).
    Aggregates = "aggregates", Records;
    /// Aggregates over records (v1).
    Analyze = "analyze", Records;
    /// Clusters, polygons and boxes around records (v1).
    Geo = "geo", Records;
    /// The formats that a dataset can be exported in.
    ExportList = "export-list", Dataset;
    /// An export of a dataset's records.
    Export = "export", Export;
    /// A download of a dataset's records: v1, or behind the dataset's page.
    Download = "download", Export;
    /// The list of a dataset's attachments.
    AttachmentList = "attachment-list", Dataset;
    /// An attachment of a dataset (v2.x).
    Attachment = "attachment", Attachment;
    /// An attachment, image or file of a dataset or record (v1 and pages).
    File = "file", Attachment;
    /// Open Data Protocol.
    OData = "odata", Default;
    /// Web Feature Service.
    Wfs = "wfs", Default;
    /// Catalogue Service for the Web.
    Csw = "csw", Default;
    /// Triple Pattern Fragments.
    Tpf = "tpf", Default;
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which field of [`config::Lifetimes`](crate::config::Lifetimes) applies to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LifetimeClass {
    /// `default`
    Default,
    /// `catalog`
    Catalog,
    /// `dataset`
    Dataset,
    /// `records`
    Records,
    /// `export`
    Export,
    /// `attachment`
    Attachment,
    /// `page`
    Page,
}
