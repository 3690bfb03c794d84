//! What the admin API says to a request that it does not take.

use axum::Json;
use http::header::ORIGIN;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

/// What was wrong with the request.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    error: String,
}

/// A refusal: its status, and why.
pub(super) type Refused = (StatusCode, Json<Fault>);

/// 400.
pub(super) fn bad_request(error: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, Json(Fault { error: error.into() }))
}

/// 503.
pub(super) fn unavailable(error: impl Into<String>) -> Refused {
    (StatusCode::SERVICE_UNAVAILABLE, Json(Fault { error: error.into() }))
}

/// Refuses what a page in a browser sends. That the content type must be JSON's, a page on another origin cannot send without asking first, and
/// nobody answers it; but one whose name was made to lead to this address is of this origin, for its browser.
///
/// # Errors
///
/// 403, if there is an `Origin`. `what` is what was asked for.
pub(super) fn pages(fields: &HeaderMap, what: &str) -> Result<(), Refused> {
    if fields.contains_key(ORIGIN) {
        let error = format!("{what} is for programs, not for pages in a browser");
        return Err((StatusCode::FORBIDDEN, Json(Fault { error })));
    }
    Ok(())
}
