//! Which of the portal's endpoints a path names, if any: the first stage of an exchange.
//!
//! An allow-list. What is on it is mirrored; what else lies under `/api/` is answered here with the portal's own 404,
//! so that guesses cost nothing; everything else is the portal's web site, to which the client is sent. The path is
//! matched decoded and once, and the path that is sent upstream is written anew from what was matched, so two readings
//! of one path cannot drift apart.

mod family;
mod path;
mod routes;
#[cfg(test)]
mod tests;

use http::Method;

pub use family::{ApiVersion, Family, LifetimeClass, Source};
pub use path::PathFault;

/// One of the portal's endpoints, with the names that its path carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    version: ApiVersion,
    family: Family,
    source: Option<Source>,
    dataset: Option<String>,
    format: Option<String>,
    path: String,
}

/// Why a path is not mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMirrored {
    /// Nobody means such a path: 400.
    Malformed(PathFault),
    /// Under `/api/`, but no endpoint: 404 in the shape of the portal's `NotFoundURI`, without a call.
    UnknownUri,
    /// A page of the portal's web site or a file of its consoles: 307 to the portal.
    Elsewhere,
}

/// The endpoint that `path`, the path of a request target as it was received, names.
///
/// With and without a trailing slash is the same endpoint; the portal's own client writes one, its documentation does not.
///
/// # Errors
///
/// [`NotMirrored`], which says what to answer instead.
pub fn classify(path: &str) -> Result<Endpoint, NotMirrored> {
    let segments = path::segments(path).map_err(NotMirrored::Malformed)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    routes::find(&segments)
}

impl Endpoint {
    /// The API it belongs to. `/api/v2` is [`ApiVersion::V2_0`], though its [`path`](Self::path) stays its own.
    pub fn version(&self) -> ApiVersion {
        self.version
    }

    /// The kind of answer it gives.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Whose datasets an Explore endpoint is about; none outside the Explore API and for its descriptions.
    pub fn source(&self) -> Option<Source> {
        self.source
    }

    /// The id of the dataset that the path names, decoded. v1 searches name theirs in the query: see
    /// [`Canonical::dataset`](super::query::Canonical::dataset).
    pub fn dataset(&self) -> Option<&str> {
        self.dataset.as_deref()
    }

    /// The format of an export.
    pub fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    /// The path that is keyed and sent upstream: one spelling for all spellings of it.
    ///
    /// It has no trailing slash except where only paths with one have been seen to work. `/api/v2` and
    /// `/api/explore/v2.0` are one API, but the links in their answers carry the base path that was asked, so they stay
    /// apart.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Which configured freshness lifetime applies.
    pub fn lifetime_class(&self) -> LifetimeClass {
        self.family.lifetime_class()
    }

    /// Whether `method` may be used here: GET, HEAD and OPTIONS everywhere, POST where the portal documents it for reading.
    pub fn allows(&self, method: &Method) -> bool {
        *method == Method::GET || *method == Method::HEAD || *method == Method::OPTIONS || (*method == Method::POST && self.reads_by_post())
    }

    /// The value of `Allow` for a 405.
    pub fn allowed_methods(&self) -> &'static str {
        if self.reads_by_post() { "GET, HEAD, OPTIONS, POST" } else { "GET, HEAD, OPTIONS" }
    }

    /// v1 takes its parameters as a form too, for queries that are too long for a URL; CSW takes XML. Nothing else reads by POST.
    fn reads_by_post(&self) -> bool {
        match (self.version, self.family) {
            (ApiVersion::V1, Family::Catalog | Family::Records | Family::Analyze | Family::Download) => true,
            (ApiVersion::V1, Family::Geo) => self.path.ends_with("/geocluster"),
            (_, Family::Csw) => true,
            _ => false,
        }
    }

    /// The request fields, besides `Accept-Language`, by which the portal chooses among answers: part of the key and
    /// sent upstream, in this order. In lower case.
    pub fn selecting_fields(&self) -> &'static [&'static str] {
        match self.family {
            Family::OData => &[
                "accept",
                "dataserviceversion",
                "maxdataserviceversion",
                "mindataserviceversion",
                "odata-maxversion",
                "odata-minversion",
                "odata-version",
            ],
            Family::Tpf => &["accept"],
            _ => &[],
        }
    }
}
