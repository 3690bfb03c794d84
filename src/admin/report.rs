//! `GET /api/v1/budget/report?day=&team=&portal=`: who spent what on a day, and what could be done about it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use jiff::tz::TimeZone;

use super::refused::{Refused, bad_request, unavailable};
use crate::exchange::Mirror;
use crate::history::report::{Query, Report};

pub(super) async fn report(State(mirror): State<Arc<Mirror>>, RawQuery(query): RawQuery) -> Result<Json<Report>, Refused> {
    let mut wanted = Query { day: TimeZone::UTC.to_datetime(mirror.clock.now()).date(), portal: None, team: None };
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "day" => wanted.day = value.parse().map_err(|_| bad_request("write the day as 2026-03-02"))?,
            "portal" if mirror.portals.iter().any(|portal| portal.name == *value) => wanted.portal = Some(value.into_owned()),
            "portal" => return Err(bad_request(format!("no portal is called {value:?}"))),
            // One that is not in the configuration any more may have a history.
            "team" => wanted.team = Some(value.into_owned()),
            _ => return Err(bad_request(format!("{name:?} is not known here; there are day, portal and team"))),
        }
    }
    mirror.history.report(wanted).await.map(Json).map_err(|error| unavailable(error.to_string()))
}
