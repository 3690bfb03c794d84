//! `/api/v1/audit`: what the audit has found, an audit now, and what an operator has looked at switched on again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refused::{Refused, bad_request, pages};
use crate::audit::finding::{Finding, Switch};
use crate::audit::report::{Audited, Report};
use crate::audit::{accept, run_now};
use crate::exchange::Mirror;
use crate::portal::Portal;

/// `GET /api/v1/audit`
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// One per portal, the default first.
    pub portals: Vec<PortalAudit>,
}

/// The audit of one portal.
#[derive(Clone, Debug, Serialize)]
pub struct PortalAudit {
    /// Its name.
    pub portal: String,
    /// All of it.
    #[serde(flatten)]
    pub audit: Report,
}

/// `POST /api/v1/audit`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Now {
    /// The portal's name. Default: the first one.
    portal: Option<String>,
}

/// `POST /api/v1/audit/accept`: exactly one of the first two.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    /// What is to be on again, by its name.
    switch: Option<String>,
    /// Everything.
    #[serde(default)]
    all: bool,
    /// The portal's name. Default: all of them.
    portal: Option<String>,
}

/// What is on again.
#[derive(Clone, Debug, Serialize)]
pub struct Accepting {
    /// What was off, and why.
    pub accepted: Vec<Finding>,
}

pub(super) async fn report(State(mirror): State<Arc<Mirror>>) -> Json<AuditReport> {
    let now = mirror.clock.now();
    let of = |portal: &Arc<Portal>| PortalAudit { portal: portal.name.clone(), audit: portal.audit.report(now) };
    Json(AuditReport { portals: mirror.portals.iter().map(of).collect() })
}

pub(super) async fn run(
    State(mirror): State<Arc<Mirror>>,
    fields: HeaderMap,
    Json(request): Json<Value>,
) -> Result<Json<Audited>, Refused> {
    pages(&fields, "an audit")?;
    let Now { portal } = serde_json::from_value(request).map_err(|error| bad_request(format!("{error}; write {{}} or \"portal\"")))?;
    let chosen = named(&mirror, portal.as_deref())?;
    let portal = chosen.first().expect("there is at least one portal");
    Ok(Json(run_now(&mirror, portal).await))
}

pub(super) async fn accepting(
    State(mirror): State<Arc<Mirror>>,
    fields: HeaderMap,
    Json(request): Json<Value>,
) -> Result<Json<Accepting>, Refused> {
    const ONE_OF: &str = "write one of \"switch\" or \"all\": true, and perhaps \"portal\"";
    pages(&fields, "this")?;
    let request: Accepted = serde_json::from_value(request).map_err(|error| bad_request(format!("{error}; {ONE_OF}")))?;
    let switch = match (&request.switch, request.all) {
        (Some(name), false) => Some(Switch::parse(name).ok_or_else(|| bad_request(format!("nothing is called {name:?}; {ONE_OF}")))?),
        (None, true) => None,
        _ => return Err(bad_request(ONE_OF)),
    };
    let mut accepted = Vec::new();
    for portal in named(&mirror, request.portal.as_deref())? {
        accepted.extend(accept(&mirror, &portal, switch.as_ref()).await);
    }
    if accepted.is_empty() && switch.is_some() {
        return Err(bad_request("that is not off; GET /api/v1/audit lists what is"));
    }
    Ok(Json(Accepting { accepted }))
}

/// The portal of this name, or all of them.
fn named(mirror: &Mirror, name: Option<&str>) -> Result<Vec<Arc<Portal>>, Refused> {
    let chosen: Vec<Arc<Portal>> = mirror.portals.iter().filter(|portal| name.is_none_or(|name| portal.name == name)).cloned().collect();
    if chosen.is_empty() { Err(bad_request(format!("no portal is called {:?}", name.unwrap_or_default()))) } else { Ok(chosen) }
}
