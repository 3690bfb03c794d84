//! The admin listener: the operator's API. Nothing here makes a call, save an audit that is asked for.

mod audit;
mod explain;
mod purge;
mod refused;
mod report;
mod status;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;

use crate::budget::Report;
use crate::cache::disk::Usage;
use crate::cache::store::Disk;
use crate::exchange::Mirror;
use crate::history::outlook::Outlook;
use crate::portal::Portal;

/// `GET /api/v1/budget`
#[derive(Clone, Debug, Serialize)]
pub struct BudgetReport {
    /// One per portal, the default first.
    pub portals: Vec<PortalBudget>,
}

/// The budget of one portal.
#[derive(Clone, Debug, Serialize)]
pub struct PortalBudget {
    /// What is left of it.
    #[serde(flatten)]
    pub budget: Report,
    /// Until when that will do, if not until the end of the day.
    pub outlook: Option<Outlook>,
}

/// `GET /readyz`
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// Whether the server does its work: its listeners are up, or this would not be answered, and the ledger can be written.
    pub ready: bool,
    /// Whether the last write to the ledger succeeded. While not, no call leaves.
    pub ledger_writable: bool,
    /// How the disk store is. Without it the server does its work all the same, with what memory holds.
    pub disk: Disk,
}

/// `GET /api/v1/store`
#[derive(Clone, Debug, Serialize)]
pub struct StoreReport {
    /// How the disk store is.
    pub disk: Disk,
    /// What it holds; none if there is to be none.
    pub usage: Option<Usage>,
}

/// The routes of the admin listener.
pub fn router(mirror: Arc<Mirror>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .route("/api/v1/budget", get(budget))
        .route("/api/v1/budget/report", get(report::report))
        .route("/api/v1/budget/explain", get(explain::explain))
        .route("/api/v1/store", get(store))
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/audit", get(audit::report).post(audit::run))
        .route("/api/v1/audit/accept", post(audit::accepting))
        .route("/api/v1/purge", post(purge::purge))
        .with_state(mirror)
}

async fn readiness(State(mirror): State<Arc<Mirror>>) -> (StatusCode, Json<Readiness>) {
    let writable = mirror.budget.writable();
    let status = if writable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: writable, ledger_writable: writable, disk: mirror.store.disk() }))
}

async fn store(State(mirror): State<Arc<Mirror>>) -> Json<StoreReport> {
    Json(StoreReport { disk: mirror.store.disk(), usage: mirror.store.usage() })
}

async fn budget(State(mirror): State<Arc<Mirror>>) -> Json<BudgetReport> {
    let of = |portal: &Arc<Portal>| {
        let budget = mirror.budget.report(&portal.name);
        PortalBudget { outlook: mirror.history.outlook(&budget), budget }
    };
    Json(BudgetReport { portals: mirror.portals.iter().map(of).collect() })
}
