//! Reserve → fetch → store: the way to the portal, taken by one task for all who wait, or by a client for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use crate::budget::{Purpose, Refused, Reservation};
use crate::cache::disk::About;
use crate::cache::fill::Lead;
use crate::cache::inspection::{Inspected, Inspection};
use crate::cache::key::CacheKey;
use crate::cache::lookup::Lookup;
use crate::cache::representation::{self, Received, Representation};
use crate::cache::storable::{Ends, NotStored, storable};
use crate::cache::stored_response::StoredResponse;
use crate::error::Error;
use crate::exchange::Mirror;
use crate::exchange::answered::Failure;
use crate::exchange::large::{self, Large};
use crate::origin::{self, Answer, Call, Coding, Completed};
use crate::portal::{Portal, look};
use crate::request::question::Question;
use crate::response::cache_status::WhyStale;
use crate::response::fields;

/// How a fill ended, or goes on. All who wait hear the same.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Another fill had ended between the look-up and the lead: no call was made.
    Found {
        /// What it stored.
        stored: Arc<StoredResponse>,
        /// What is left of the freshness lifetime.
        ttl: std::time::Duration,
    },
    /// A whole answer, which all may share.
    Whole {
        /// The answer.
        response: Arc<StoredResponse>,
        /// Whether it was stored, or why not.
        stored: Result<(), NotStored>,
    },
    /// A large answer, which all may read while it arrives.
    Arriving(Arc<Large>),
    /// No call left.
    Refused(Refused),
    /// The call left, or tried to, and brought nothing whole.
    Failed(Arc<origin::Error>),
}

/// An answer that was completed, or is too large for that.
#[derive(Debug)]
pub(super) enum Buffered {
    /// What became of it.
    Done(Outcome),
    /// More than is buffered, with what was read of it.
    Larger(Box<Answer>),
}

/// Whether a call was charged for a fill, once it was: an asker that does not wait for the outcome cannot learn it from there.
#[derive(Clone, Debug, Default)]
pub(super) struct Charged(Arc<AtomicBool>);

impl Charged {
    /// Whether it was by now.
    pub(super) fn yet(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Outcome {
    /// Why a stale answer is better than this, if it is.
    pub fn worse_than_stale(&self) -> Option<WhyStale> {
        match self {
            Self::Refused(refused) => Some(WhyStale::Refused { reason: refused.reason() }),
            Self::Failed(_) => Some(WhyStale::FillFailed { status: None }),
            Self::Whole { response, stored } => worse(response.status(), *stored != Err(NotStored::WrongShape)),
            Self::Arriving(large) => worse(large.status, large.right),
            Self::Found { .. } => None,
        }
    }

    /// Whether a call was charged for it.
    pub(super) fn is_charged(&self) -> bool {
        match self {
            Self::Whole { .. } | Self::Arriving(_) => true,
            Self::Found { .. } | Self::Refused(_) => false,
            Self::Failed(error) => error.is_charged(),
        }
    }
}

/// What has a status of trouble, or of success but not of a whole answer, or cannot be right, says nothing about the question.
fn worse(status: StatusCode, right: bool) -> Option<WhyStale> {
    let says_nothing =
        status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || (status.is_success() && status != StatusCode::OK);
    (says_nothing || (status == StatusCode::OK && !right)).then(|| WhyStale::FillFailed { status: Some(status.as_u16()) })
}

/// The portal has withdrawn the answer: what is stored is not to be had from it any more.
pub(super) fn is_withdrawal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 404 | 410)
}

/// Runs the fill that `lead` stands for.
pub(super) async fn run(mirror: Arc<Mirror>, portal: Arc<Portal>, question: Question, lead: Lead<CacheKey, Outcome>, charged: Charged) {
    if let Lookup::Fresh { stored, ttl } = mirror.look_up(&portal, &question, lead.key()).await {
        return lead.finish(Outcome::Found { stored, ttl });
    }
    let reservation = tokio::select! {
        // First, because a call that nobody waits for must not be reserved; once it is, the fill goes on whoever leaves.
        biased;
        () = lead.abandoned() => return,
        reserved = reserve(&mirror, &portal, &question) => match reserved {
            Ok(reservation) => reservation,
            Err(refused) => return lead.finish(Outcome::Refused(refused)),
        },
    };
    charged.0.store(true, Ordering::Release);
    let outcome = match portal.client.fetch(call(&question), reservation).await {
        Ok(answer) => match store(&mirror, &portal, &question, lead.key(), answer).await {
            Buffered::Done(outcome) => outcome,
            Buffered::Larger(answer) => return large::receive(&mirror, &portal, &question, lead, *answer).await,
        },
        Err(error) => Outcome::Failed(Arc::new(error)),
    };
    if let Outcome::Failed(error) = &outcome {
        tracing::warn!(portal = portal.name, family = question.endpoint.family().name(), %error, "a call failed");
    }
    lead.finish(outcome);
}

/// Makes a call for one client. Dropped with the client: the call is charged, and nobody else could use its answer.
pub(super) async fn alone(mirror: &Mirror, portal: &Arc<Portal>, question: &Question) -> Result<Answer, Failure> {
    let reservation = reserve(mirror, portal, question).await.map_err(Error::Refused)?;
    let fetched = portal.client.fetch(call(question), reservation).await;
    fetched.map_err(|error| Failure { cost: u8::from(error.is_charged()), error: error.into() })
}

async fn reserve(mirror: &Mirror, portal: &Arc<Portal>, question: &Question) -> Result<Reservation, Refused> {
    look::look_if_wanted(portal, &mirror.budget).await;
    let fingerprint = question.credential.fingerprint();
    mirror.budget.reserve(&portal.name, fingerprint.as_ref().map(|fingerprint| fingerprint.as_str()), Purpose::Fill).await
}

fn call(question: &Question) -> Call {
    Call {
        method: question.method.clone(),
        path_and_query: question.query.query.target(&question.endpoint),
        accept_language: question.language.map(|language| HeaderValue::from_static(language.as_str())),
        authorization: question.credential.authorization(),
        fields: question.fields.clone(),
        body: question.body.clone(),
        dataset: question.query.dataset.clone(),
    }
}

/// Completes an answer and stores it, if it is whole, right and small enough.
pub(super) async fn store(mirror: &Mirror, portal: &Portal, question: &Question, key: &CacheKey, answer: Answer) -> Buffered {
    let Answer { status, mut headers, coding, delimited, body, content_length } = answer;
    let received = match body.complete(mirror.cache.buffer_limit.get()).await {
        Ok(Completed::Whole(received)) => received,
        Ok(Completed::Larger(body)) => {
            return Buffered::Larger(Box::new(Answer { status, headers, coding, delimited, body, content_length }));
        }
        Err(error) => return Buffered::Done(Outcome::Failed(Arc::new(error))),
    };
    let links = portal.links_in(question, status, &headers);
    let (body, identity) = match proven(received, &coding, |identity| Inspection::of(identity, links)) {
        Ok(proven) => proven,
        Err(error) => return Buffered::Done(Outcome::Failed(Arc::new(error))),
    };
    let judged = if delimited || coding == Coding::Gzip {
        storable(&question.endpoint, status, &headers, Ends::of(&identity), &mirror.cache)
    } else {
        // It ended with its connection, so nothing proves that this was its end.
        Err(NotStored::Undelimited)
    };
    fields::for_clients(&mut headers, varies(question), false);
    let (about, now) = (about(portal, question), mirror.clock.read());
    let response = Arc::new(StoredResponse::new(status, &headers, body, about, now, judged.unwrap_or_default()));
    match judged {
        Ok(_) => mirror.store.insert(key.clone(), Arc::clone(&response)),
        // It ends here too, stale or not.
        Err(_) if is_withdrawal(status) => mirror.store.remove(key),
        Err(_) => {}
    }
    Buffered::Done(Outcome::Whole { response, stored: judged.map(drop) })
}

/// A whole body that is what its coding says, as `inspect` finds it, and its identity form.
///
/// # Errors
///
/// [`origin::Error::Coding`] if it is not, or if nobody here can tell.
pub(super) fn proven(
    received: Bytes,
    coding: &Coding,
    inspect: impl FnOnce(&[u8]) -> Inspected,
) -> Result<(Representation, Bytes), origin::Error> {
    let identity = origin::checked(&received, coding, origin::Limits::default())?;
    let stored_in = if *coding == Coding::Gzip { representation::Coding::Gzip } else { representation::Coding::Identity };
    Ok((Representation::new(Received::Bytes(received), stored_in, &inspect(&identity)), identity))
}

/// What the answer to a question is an answer to.
pub(super) fn about(portal: &Portal, question: &Question) -> About {
    About {
        portal: portal.name.clone(),
        dataset: question.query.dataset.clone(),
        family: question.endpoint.family().name(),
        target: question.query.query.target(&question.endpoint),
    }
}

/// What the answer depends on besides its target.
pub(super) fn varies(question: &Question) -> fields::Varies {
    fields::Varies { by_language: !question.query.lang_in_query, by: question.endpoint.selecting_fields() }
}
