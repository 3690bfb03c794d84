//! Requests that ask more of a cache than what it would give by itself, as far as they may ([`crate::request::directives`]).

use std::sync::Arc;

use super::Mirror;
use super::answered::{Answered, Asker, Failure};
use super::fetch::{self, Occasion};
use crate::cache::fill::Lost;
use crate::cache::key::CacheKey;
use crate::cache::lookup::Lookup;
use crate::error::Error;
use crate::request::directives::Decision;
use crate::response::cache_status::{CacheStatus, Fwd, WhyStale};

impl Mirror {
    /// Does what the directives have decided of what was found.
    pub(super) async fn directed(
        self: &Arc<Self>,
        asker: Asker<'_>,
        key: &CacheKey,
        decision: Decision,
        lookup: Lookup,
    ) -> Result<Answered, Failure> {
        match (decision, lookup) {
            (Decision::GatewayTimeout, _) => Err(Error::OnlyIfCached.into()),
            (Decision::ServeStale, Lookup::Stale { stored, by } | Lookup::Unchecked { stored, by }) => {
                Ok(self.serve_stored(asker, &stored, CacheStatus::Stale { by, why: WhyStale::MaxStale }, false, 0).await)
            }
            (Decision::PassUnstored, _) => {
                self.may_lead(asker, key)?;
                let answer = fetch::alone(self, asker).await?;
                self.passed(asker, answer).await
            }
            // The others are decided of what is not there.
            (Decision::Forward | Decision::ServeStale | Decision::Ordinary, lookup) => self.force(asker, key, lookup).await,
        }
    }

    /// Makes a call although something is stored, or joins the one under way, and waits for it to its end. If it brings nothing better, what is
    /// stored is served as it would have been without directives.
    async fn force(self: &Arc<Self>, asker: Asker<'_>, key: &CacheKey, lookup: Lookup) -> Result<Answered, Failure> {
        let fwd = match &lookup {
            Lookup::Fresh { .. } => Fwd::Request,
            Lookup::Unchecked { .. } | Lookup::Stale { .. } => Fwd::Stale,
            Lookup::Miss => Fwd::UriMiss,
        };
        let (mut waiter, led) = match self.join_or_lead(asker, key, Occasion::Forced, || self.may_lead(asker, key)) {
            Ok(joined) => joined,
            Err(error) => {
                let why = if matches!(error, Error::TooFast { .. }) { WhyStale::TooFast } else { WhyStale::FailedBefore };
                return self.unforced(asker, key, why, error.into()).await;
            }
        };
        let outcome = waiter.outcome().await;
        let charged = match &outcome {
            Ok(outcome) => led.is_some() && outcome.is_charged(),
            Err(Lost) => led.as_ref().is_some_and(|charged| charged.yet()),
        };
        let (why, failure) = match outcome {
            Ok(outcome) => match (outcome.worse_than_stale(asker.client.team), lookup.is_miss()) {
                (Some(why), false) => (why, None),
                _ => match self.answer(asker, outcome, waiter, fwd, led.is_some()).await {
                    Some(Ok(answered)) => return Ok(answered),
                    Some(Err(failure)) => (WhyStale::FillFailed { status: None }, Some(failure)),
                    None => (WhyStale::FillFailed { status: None }, None),
                },
            },
            Err(Lost) => (WhyStale::FillFailed { status: None }, None),
        };
        let failure = failure.unwrap_or(Failure { error: Error::Lost, cost: 0 });
        self.unforced(asker, key, why, Failure { cost: u8::from(charged), ..failure }).await
    }

    /// What is stored, as it would have been served without directives; `failure`, if nothing is.
    async fn unforced(&self, asker: Asker<'_>, key: &CacheKey, why: WhyStale, failure: Failure) -> Result<Answered, Failure> {
        let cost = failure.cost;
        // Meanwhile its dataset may have moved, or may have been withdrawn.
        match self.look_up(asker.portal, asker.question, key).await {
            Lookup::Fresh { stored, ttl, confirmed } => {
                Ok(self.serve_stored(asker, &stored, CacheStatus::Hit { ttl }, confirmed, cost).await)
            }
            Lookup::Unchecked { stored, by } | Lookup::Stale { stored, by } if by < stored.lifetime().stale => {
                Ok(self.serve_stored(asker, &stored, CacheStatus::Stale { by, why }, false, cost).await)
            }
            _ => Err(failure),
        }
    }
}
