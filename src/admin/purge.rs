//! `POST /api/v1/purge`: stored responses of one URL, dataset or family, or all of a portal, made stale, removed, or counted.
//!
//! A purge costs nothing by itself. What it makes stale is fetched again when it is asked for, and still answers, labelled, if the budget or
//! the portal is not there; what it removes must be fetched before it answers again. So `count` tells beforehand what may have to be paid.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use url::Url;

use super::refused::{Refused, bad_request, pages};
use crate::cache::disk::{Mode, Which};
use crate::exchange::Mirror;
use crate::portal::{Chosen, Portal};
use crate::request::endpoint::Family;
use crate::request::question::{Asked, Question, Understood};

/// What is to be purged, and how: exactly one of the first four.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// All answers to this target, whatever their language, written as any client may write it.
    url: Option<String>,
    /// All answers made of this dataset's records or metadata.
    dataset: Option<String>,
    /// All answers of this endpoint family.
    family: Option<String>,
    /// All answers of the portal.
    #[serde(default)]
    all: bool,
    /// The portal's name. Default: that of the URL, else the first one.
    portal: Option<String>,
    /// Default: soft.
    #[serde(default)]
    mode: Wanted,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    /// Nothing is done.
    Count,
    /// Stale from now on.
    #[default]
    Soft,
    /// Removed.
    Hard,
}

impl From<Wanted> for Mode {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Count => Self::Count,
            Wanted::Soft => Self::Soft,
            Wanted::Hard => Self::Hard,
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    portal: String,
    mode: Wanted,
    /// Stored responses that it concerns.
    entries: u64,
    /// Bytes of their bodies.
    bytes: u64,
    /// Calls that it costs at most to have them again: one each, when it is asked for.
    calls: u64,
}

type Answer<T> = Result<Json<T>, Refused>;

const ONE_OF: &str = "write one of \"url\", \"dataset\", \"family\" or \"all\": true, and perhaps \"portal\" and \"mode\"";

/// Purges. No page in a browser may.
pub(super) async fn purge(State(mirror): State<Arc<Mirror>>, fields: HeaderMap, Json(request): Json<serde_json::Value>) -> Answer<Report> {
    pages(&fields, "a purge")?;
    let request: Request = serde_json::from_value(request).map_err(|error| bad_request(format!("{error}; {ONE_OF}")))?;
    let named = match &request.portal {
        None => None,
        Some(name) => Some(
            mirror
                .portals
                .iter()
                .find(|portal| portal.name == *name)
                .ok_or_else(|| bad_request(format!("no portal is called {name:?}")))?,
        ),
    };
    let portal = || Arc::clone(named.or_else(|| mirror.portals.iter().next()).expect("there is at least one portal"));
    let (portal, which) = match (request.url, request.dataset, request.family, request.all) {
        (Some(url), None, None, false) => url_of(&mirror, named, &url).map_err(bad_request)?,
        (None, Some(id), None, false) => (portal(), Which::Dataset { portal: portal().name.clone(), id }),
        (None, None, Some(name), false) => {
            if !Family::ALL.iter().any(|family| family.name() == name) {
                let known: Vec<_> = Family::ALL.iter().map(|family| family.name()).collect();
                return Err(bad_request(format!("no family is called {name:?}; there are {}", known.join(", "))));
            }
            (portal(), Which::Family { portal: portal().name.clone(), name })
        }
        (None, None, None, true) => (portal(), Which::All { portal: portal().name.clone() }),
        _ => return Err(bad_request(ONE_OF)),
    };
    let purged = mirror.store.purge(which, request.mode.into()).await;
    tracing::info!(portal = portal.name, mode = ?request.mode, entries = purged.entries, bytes = purged.bytes, "purged");
    Ok(Json(Report {
        portal: portal.name.clone(),
        mode: request.mode,
        entries: purged.entries,
        bytes: purged.bytes,
        calls: purged.entries,
    }))
}

/// The portal and the target that a client's URL is about: with or without scheme and host, in any spelling.
fn url_of(mirror: &Mirror, named: Option<&Arc<Portal>>, url: &str) -> Result<(Arc<Portal>, Which), String> {
    let (host, target) = match Url::parse(url) {
        Ok(url) => (url.host_str().unwrap_or_default().to_owned(), url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()),
        Err(_) => (String::new(), url.to_owned()),
    };
    let target: PathAndQuery =
        target.parse().map_err(|_| "the URL is none; write it percent-encoded, such as /api/explore/v2.1/catalog/datasets".to_owned())?;
    let Chosen { portal, path, .. } = match named {
        Some(portal) => Chosen { portal, prefix: "", path: target.path() },
        None => mirror.portals.choose(&host, target.path()),
    };
    let asked = Asked {
        portal: &portal.name,
        origin: portal.url.as_str(),
        same_as_anonymous: &portal.same_as_anonymous,
        method: &Method::GET,
        path,
        query: target.query().unwrap_or_default(),
        fields: &HeaderMap::new(),
        content: None,
        is_form: false,
    };
    match Question::understand(asked, &portal.rules).map_err(|fault| fault.to_string())? {
        Understood::Question(question) => {
            let target = question.query.query.target(&question.endpoint);
            Ok((Arc::clone(portal), Which::Url { portal: portal.name.clone(), target }))
        }
        Understood::Elsewhere => Err("this page is the portal's and is not stored here".to_owned()),
    }
}
