//! What the outcome of a fill means to each of those who waited for it.

use http::Version;

use super::Mirror;
use super::answered::{Answered, Asker, Failure};
use super::fetch::Outcome;
use crate::cache::fill::Waiter;
use crate::error::Error;
use crate::response::cache_status::{CacheStatus, Fwd};
use crate::team::TeamId;

impl Mirror {
    /// A fill has an outcome: its answer, or whatever it ended with; nothing, if that is a body that cannot be read from its beginning.
    pub(super) async fn answer(
        &self,
        asker: Asker<'_>,
        outcome: Outcome,
        waiter: Waiter<Outcome, TeamId>,
        fwd: Fwd,
        led: bool,
    ) -> Option<Result<Answered, Failure>> {
        match outcome {
            Outcome::Arriving(large) if asker.head.version < Version::HTTP_11 => {
                Some(self.once_whole(asker, &large, waiter, fwd, led).await)
            }
            outcome => self.told(asker, outcome, fwd, led).await,
        }
    }

    /// What an outcome means to a client; nothing, if it is a body that is broken already, or whose beginning is gone.
    pub(super) async fn told(&self, asker: Asker<'_>, outcome: Outcome, fwd: Fwd, led: bool) -> Option<Result<Answered, Failure>> {
        Some(match outcome {
            Outcome::Found { stored, ttl, confirmed } => {
                Ok(self.serve_stored(asker, &stored, CacheStatus::Hit { ttl }, confirmed, 0).await)
            }
            Outcome::Whole { response, stored } => {
                let status = CacheStatus::Forwarded {
                    fwd,
                    status: response.status().as_u16(),
                    stored: stored.is_ok(),
                    collapsed: !led,
                    detail: stored.err().map(|why| why.token()),
                };
                Ok(self.serve_stored(asker, &response, status, false, u8::from(led)).await)
            }
            Outcome::Arriving(large) => match (self.read_along(asker, &large, fwd, led), large.failure()) {
                (Some(answered), _) => Ok(answered),
                // It has failed all who waited for it, as any other fill does. Asking again would be a call for each of them.
                (None, Some(error)) => Err(Failure { error: Error::Origin(error), cost: u8::from(led) }),
                (None, None) => return None,
            },
            // Whoever joined after the decision was not asked, and joins again.
            Outcome::Refused(refused) => Err(Error::Refused(refused.of(asker.client.team)?).into()),
            Outcome::KeyRejected(wait) => Err(Error::KeyRejected { wait }.into()),
            Outcome::Failed(error) => Err(Failure { cost: u8::from(led && error.is_charged()), error: Error::Origin(error) }),
        })
    }
}
