//! Overflow: what the anonymous account has no call left for is asked with a key of the organisation's own, if the asker's team may.
//!
//! It comes after all else: what is stored fresh, and what can be asked anonymously, costs no account anything. It comes before a stale answer is
//! served for want of calls, because a fresh one can be had. The answer is kept in the key's partition, where the next asker of such a team
//! finds it.

use std::sync::Arc;

use http::StatusCode;

use super::Mirror;
use super::answered::{Answered, Asker, Failure};
use crate::audit::Written;
use crate::error::Error;
use crate::response::cache_status::{CacheStatus, WhyStale};

impl Mirror {
    /// What came of a question, or better, if that was for want of calls: what comes of it with one of the keys that the asker's team may use.
    ///
    /// # Errors
    ///
    /// What it failed with before, if no key brings an answer.
    pub(super) async fn or_overflow(
        self: &Arc<Self>,
        asker: Asker<'_>,
        written: Written<'_>,
        first: Result<Answered, Failure>,
    ) -> Result<Answered, Failure> {
        if asker.question.is_keyed() || !wants_calls(&first) {
            return first;
        }
        let portal = asker.portal;
        let mut spent = 0;
        for account in portal.accounts.open_to(asker.client.team) {
            let question = asker.question.clone().asked_with(account.credential.clone(), &portal.name, portal.url.as_str());
            let outcome = self.ask(Asker { question: &question, ..asker }, written).await;
            match outcome {
                Ok(answered) if is_better(&answered, &first) => {
                    tracing::debug!(portal = portal.name, account = account.name, cost = answered.cost, "asked with an account of our own");
                    return Ok(answered.having_cost(spent));
                }
                Ok(Answered { cost, .. }) | Err(Failure { cost, .. }) => spent = spent.max(cost),
            }
        }
        first.map(|answered| answered.having_cost(spent)).map_err(|failure| Failure { cost: failure.cost.max(spent), ..failure })
    }
}

/// Whether all that was missing were calls.
fn wants_calls(first: &Result<Answered, Failure>) -> bool {
    match first {
        Ok(Answered { status: CacheStatus::Stale { why: WhyStale::Refused(why), .. }, .. }) => why.is_want_of_calls(),
        Ok(_) => false,
        Err(Failure { error: Error::Refused(refused), .. }) => refused.why.is_want_of_calls(),
        Err(_) => false,
    }
}

/// Whether the answer to the same question with a key is one to the question at all, and not to the key; and no stale one in place of another.
fn is_better(answered: &Answered, first: &Result<Answered, Failure>) -> bool {
    let status = answered.response.status();
    let of_the_key = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS);
    let stale = matches!(answered.status, CacheStatus::Stale { .. });
    !of_the_key && !status.is_server_error() && (first.is_err() || !stale)
}
