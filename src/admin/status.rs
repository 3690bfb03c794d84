//! `GET /api/v1/status`: how it stands with each portal, on one page: how the catalogue is looked at, which versions are not what they should be,
//! what audits have switched off, and what the guard has noticed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;

use crate::audit::report::Report;
use crate::exchange::Mirror;
use crate::portal::Portal;
use crate::portal::guard::GuardReport;
use crate::portal::look::{self, LookReport};
use crate::portal::versions::{Dataset, Dates, Table};

/// Datasets that each list names.
const NAMED: usize = 20;

/// `GET /api/v1/status`
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Of this server.
    pub version: &'static str,
    /// What time it is here.
    pub now: Timestamp,
    /// One per portal, the default first.
    pub portals: Vec<PortalStatus>,
}

/// How it stands with one portal.
#[derive(Clone, Debug, Serialize)]
pub struct PortalStatus {
    /// Its name.
    pub portal: String,
    /// Its origin.
    pub url: String,
    /// How its catalogue is looked at.
    pub look: LookReport,
    /// What it states.
    pub versions: VersionsReport,
    /// What was held against it.
    pub audit: Report,
    /// What its datasets have lost.
    pub guard: GuardReport,
}

/// What is known of the versions of one portal's datasets.
#[derive(Clone, Debug, Serialize)]
pub struct VersionsReport {
    /// Datasets known.
    pub datasets: usize,
    /// Those whose version is hard to believe, and not believed yet.
    pub suspect: Named,
    /// Those that the last looks have not found, and that may be gone.
    pub missing: Named,
    /// Those that the portal has withdrawn.
    pub withdrawn: Named,
    /// Those whose version is not relied on, because an audit has found that it says nothing.
    pub unreliable: Named,
}

/// Some datasets: how many, and the first of them by name.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// How many.
    pub count: usize,
    /// At most twenty.
    pub first: Vec<String>,
}

impl Named {
    fn of(mut ids: Vec<&str>) -> Self {
        ids.sort_unstable();
        Self { count: ids.len(), first: ids.into_iter().take(NAMED).map(str::to_owned).collect() }
    }
}

impl VersionsReport {
    fn of(table: &Table) -> Self {
        let named = |is: fn(&Dataset) -> bool| Named::of(table.datasets().filter(|(_, dataset)| is(dataset)).map(|(id, _)| id).collect());
        Self {
            datasets: table.datasets().count(),
            suspect: named(|dataset| [&dataset.data, &dataset.metadata].iter().any(|Dates { suspect, .. }| suspect.is_some())),
            missing: named(|dataset| dataset.missing.is_some()),
            withdrawn: named(|dataset| dataset.withdrawn.is_some()),
            unreliable: named(|dataset| dataset.unreliable),
        }
    }
}

pub(super) async fn status(State(mirror): State<Arc<Mirror>>) -> Json<Status> {
    let now = mirror.clock.now();
    let of = |portal: &Arc<Portal>| PortalStatus {
        portal: portal.name.clone(),
        url: portal.url.as_str().trim_end_matches('/').to_owned(),
        look: look::report(&mirror, portal),
        versions: VersionsReport::of(&portal.versions.table()),
        audit: portal.audit.report(now),
        guard: portal.guard.report(),
    };
    Json(Status { version: env!("CARGO_PKG_VERSION"), now, portals: mirror.portals.iter().map(of).collect() })
}
