//! What keys of the portal unlock, kept apart: what becomes of a key that a client sends, what an answer says of the key that it was asked with,
//! and in which partition it is kept.
//!
//! Which partitions stand is known to [`crate::cache::partition`]; whose account pays, to the budget.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::Mirror;
use crate::budget::RateLimit;
use crate::cache::freshness::Lifetime;
use crate::cache::partition::{self, Generation, Holder};
use crate::cache::storable::NotStored;
use crate::clock::Moment;
use crate::config::ClientKeys;
use crate::error::Error;
use crate::portal::Portal;
use crate::request::credential::{Credential, Fingerprint};
use crate::request::question::Question;
use crate::response::fields::Audience;

/// How an answer is kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// How long it serves.
    pub(super) lifetime: Lifetime,
    /// Where, if a key unlocked it.
    pub(super) partition: Option<Arc<Generation>>,
}

/// A question with the key that its client sent, or without, as is configured.
///
/// # Errors
///
/// [`Error::ClientKey`] where keys of clients are refused.
pub(super) fn with_client_key(portal: &Portal, question: Question) -> Result<Question, Error> {
    match portal.client_keys {
        ClientKeys::Strip if question.is_keyed() => Ok(question.asked_with(Credential::Anonymous, &portal.name, portal.url.as_str())),
        ClientKeys::Refuse if question.is_keyed() => Err(Error::ClientKey),
        ClientKeys::Pass | ClientKeys::Strip | ClientKeys::Refuse => Ok(question),
    }
}

/// Whose answer it is.
pub(super) fn audience(question: &Question) -> Audience {
    match (question.is_keyed(), &question.key) {
        (false, _) => Audience::Everybody,
        (true, Some(_)) => Audience::Partition,
        (true, None) => Audience::OneClient,
    }
}

/// The key that a question is asked with, if it is one.
fn holder<'a>(portal: &'a Portal, question: &'a Question) -> Option<Holder<'a>> {
    Some(Holder { portal: &portal.name, key: question.credential.fingerprint()? })
}

impl Mirror {
    /// For how long a question is not to be asked with its key, because the portal has just said that it does not know it: it would say so again, and
    /// each time at a call.
    pub(super) fn rejects_key(&self, portal: &Portal, question: &Question) -> Option<Duration> {
        self.partitions.refused_for(holder(portal, question)?, self.clock.read().elapsed)
    }

    /// Takes in what the head of an answer says of the key that it was asked with: with a 401 or a 403, nothing that the key ever unlocked is
    /// answered any more.
    pub(super) fn heed_key(&self, portal: &Portal, question: &Question, status: StatusCode) {
        let unknown = status == StatusCode::UNAUTHORIZED;
        if let Some(holder) = holder(portal, question).filter(|_| unknown || status == StatusCode::FORBIDDEN) {
            tracing::info!(portal = portal.name, key = %holder.key, status = status.as_u16(), "the portal refuses a key");
            self.partitions.refuse(holder, unknown, self.clock.read().elapsed);
        }
    }

    /// Lets nothing of a dataset be answered that the portal has withdrawn from the holder of a key. To all others that says nothing.
    pub(super) fn withdraw_apart(&self, portal: &Portal, question: &Question, dataset: &str) {
        if let Some(holder) = holder(portal, question) {
            self.partitions.withdraw(holder, dataset, self.clock.read().elapsed);
        }
    }

    /// How an answer is kept that may be for `lifetime`, and whose call left at `asked`.
    ///
    /// # Errors
    ///
    /// [`NotStored::NoPartition`] if the key has unlocked nothing yet, or was refused since then.
    pub(super) fn kept(
        &self,
        portal: &Portal,
        question: &Question,
        status: StatusCode,
        asked: Moment,
        lifetime: Lifetime,
    ) -> Result<Kept, NotStored> {
        if !question.is_keyed() {
            return Ok(Kept { lifetime, partition: None });
        }
        let holder = holder(portal, question).ok_or(NotStored::NoPartition)?;
        let admitted = self.partitions.admit(holder, status == StatusCode::OK, asked, self.clock.read().elapsed);
        let partition = admitted.ok_or(NotStored::NoPartition)?;
        Ok(Kept { lifetime: partition::lifetime(lifetime), partition: Some(partition) })
    }

    /// What may still be spent from the account of a question's key, as far as the ledger knows that.
    pub(super) fn quota_of_key(&self, portal: &Portal, question: &Question) -> Option<RateLimit> {
        self.budget.rate_limit_of_key(&portal.name, question.credential.fingerprint().map(Fingerprint::as_str)?)
    }
}
