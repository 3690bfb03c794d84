//! Whose request it is, as far as it has turned out: for answers of our own, which can be due at any point of the way.

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, Response};

use super::Mirror;
use crate::budget::Why;
use crate::error::Error;
use crate::portal::Portal;
use crate::request::question::Question;
use crate::team::TeamId;

/// What is known of the sender of a request.
#[derive(Debug, Default)]
pub(super) struct Whose {
    party: Option<(Arc<Portal>, TeamId)>,
    keyed: bool,
}

impl Whose {
    /// It asks this portal, for this team.
    pub(super) fn is_of(&mut self, portal: &Arc<Portal>, team: TeamId) {
        self.party = Some((Arc::clone(portal), team));
    }

    /// It asks this.
    pub(super) fn asks(&mut self, question: &Question) {
        self.keyed = question.is_keyed();
    }

    /// The answer to a request that ended with `error`: in its sender's language, and with what its team may still spend. A key of the portal has an
    /// account of its own, of which the portal tells.
    pub(super) fn told(&self, mirror: &Mirror, request: &HeaderMap, error: Error, cost: u8) -> Response<Body> {
        let now = mirror.clock.now();
        let to = mirror.house.addressee(request, self.party.as_ref().map(|(_, team)| *team), now);
        let opens = match &error {
            Error::Refused(refused) if matches!(refused.why, Why::Guaranteed | Why::Pace) => Some(refused.until),
            _ => None,
        };
        let mut response = error.into_response(&to, cost);
        if let Some((portal, team)) = self.party.as_ref().filter(|_| !self.keyed) {
            let limits = mirror.budget.rate_limits(&portal.name, *team);
            match opens {
                Some(opens) => portal.rate_limits.write_refused(response.headers_mut(), limits, now, opens),
                None => portal.rate_limits.write(response.headers_mut(), *team, limits, now),
            }
        }
        response
    }
}
