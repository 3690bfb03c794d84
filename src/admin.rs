//! The admin listener: the operator's API. Nothing here makes a call or says anything about a portal's state.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;

use crate::budget::Report;
use crate::exchange::Mirror;

/// `GET /api/v1/budget`
#[derive(Clone, Debug, Serialize)]
pub struct BudgetReport {
    /// One per portal, the default first.
    pub portals: Vec<Report>,
}

/// `GET /readyz`
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// Whether the server does its work: its listeners are up, or this would not be answered, and the ledger can be written.
    pub ready: bool,
    /// Whether the last write to the ledger succeeded. While not, no call leaves.
    pub ledger_writable: bool,
}

/// The routes of the admin listener.
pub fn router(mirror: Arc<Mirror>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
        .route("/api/v1/budget", get(budget))
        .with_state(mirror)
}

async fn readiness(State(mirror): State<Arc<Mirror>>) -> (StatusCode, Json<Readiness>) {
    let writable = mirror.budget.writable();
    let status = if writable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: writable, ledger_writable: writable }))
}

async fn budget(State(mirror): State<Arc<Mirror>>) -> Json<BudgetReport> {
    Json(BudgetReport { portals: mirror.portals.iter().map(|portal| mirror.budget.report(&portal.name)).collect() })
}
