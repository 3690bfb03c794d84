//! `GET /api/v1/budget/explain`: who may spend what of a portal's day, now or at another time, and why not.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use jiff::Timestamp;
use url::form_urlencoded;

use super::refused::{Refused, bad_request};
use crate::budget::Explanation;
use crate::exchange::Mirror;

/// What is to be explained.
#[derive(Debug, Default)]
struct Wanted {
    /// The portal's name. Default: the first one.
    portal: Option<String>,
    /// One team alone. Default: all.
    team: Option<String>,
    /// The instant. Default: now.
    at: Option<Timestamp>,
}

impl Wanted {
    fn read(query: &str) -> Result<Self, String> {
        let mut wanted = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "portal" => wanted.portal = Some(value.into_owned()),
                "team" => wanted.team = Some(value.into_owned()),
                "at" => {
                    let at = value.parse().map_err(|_| format!("{value:?} is no time; write it as 2026-03-01T14:30:00Z"))?;
                    wanted.at = Some(at);
                }
                _ => return Err(format!("{name:?} is unknown; there are portal, team and at")),
            }
        }
        Ok(wanted)
    }
}

/// Explains. Nothing is spent.
pub(super) async fn explain(State(mirror): State<Arc<Mirror>>, RawQuery(query): RawQuery) -> Result<Json<Explanation>, Refused> {
    let wanted = Wanted::read(query.as_deref().unwrap_or_default()).map_err(bad_request)?;
    let mut portals = mirror.portals.iter();
    let portal = match &wanted.portal {
        None => portals.next().expect("there is at least one portal"),
        Some(name) => portals.find(|portal| portal.name == *name).ok_or_else(|| bad_request(format!("no portal is called {name:?}")))?,
    };
    let mut explanation = mirror.budget.explain(&portal.name, wanted.at);
    if let Some(name) = &wanted.team {
        let known: Vec<String> = explanation.teams.iter().map(|team| team.team.clone()).collect();
        explanation.teams.retain(|team| team.team == *name);
        if explanation.teams.is_empty() {
            return Err(bad_request(format!("no team is called {name:?}; there are {}", known.join(", "))));
        }
    }
    Ok(Json(explanation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_explained_is_read_from_the_query() {
        let wanted = Wanted::read("portal=a&team=b%20c&at=2026-03-01T14:30:00Z").unwrap();
        assert_eq!((wanted.portal.as_deref(), wanted.team.as_deref()), (Some("a"), Some("b c")));
        assert_eq!(wanted.at, Some("2026-03-01T14:30:00Z".parse().unwrap()));
        assert!(Wanted::read("").unwrap().at.is_none());
        assert!(Wanted::read("at=noon").unwrap_err().contains("no time"));
        assert!(Wanted::read("teams=b").unwrap_err().contains("unknown"));
    }
}
