//! Reserve → fetch → store: the way to the portal, taken by one task for all who wait, or by a client for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::budget::{Purpose, Refusals, Reservation, Wish};
use crate::cache::disk::About;
use crate::cache::fill::Lead;
use crate::cache::inspection::{Inspected, Inspection};
use crate::cache::key::CacheKey;
use crate::cache::lookup::Lookup;
use crate::cache::representation::{self, Received, Representation};
use crate::cache::storable::{Ends, NotStored, announces_json, storable};
use crate::cache::stored_response::{Asked, Judged, StoredResponse};
use crate::clock::Moment;
use crate::error::Error;
use crate::exchange::Mirror;
use crate::exchange::answered::{Asker, Failure};
use crate::exchange::apart::{self, Kept};
use crate::exchange::failures::Failed;
use crate::exchange::large::{self, Large};
use crate::exchange::pace::Turn;
use crate::origin::{self, Answer, Call, Coding, Completed};
use crate::portal::versions::Basis;
use crate::portal::{Portal, look};
use crate::request::credential::Fingerprint;
use crate::request::endpoint::Family;
use crate::request::question::Question;
use crate::response::cache_status::WhyStale;
use crate::response::fields;
use crate::team::TeamId;

/// How a fill ended, or goes on. All who wait hear the same.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Another fill had ended between the look-up and the lead: no call was made.
    Found {
        /// What it stored.
        stored: Arc<StoredResponse>,
        /// What is left of the freshness lifetime.
        ttl: Duration,
        /// Whether its version is confirmed.
        confirmed: bool,
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
    Refused(Arc<Refusals>),
    /// No call left, because the portal has just refused the key that it was to carry, for so long.
    KeyRejected(Duration),
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
    /// Why a stale answer is better for a client of `team` than this, if it is.
    pub fn worse_than_stale(&self, team: TeamId) -> Option<WhyStale> {
        match self {
            Self::Refused(refused) => refused.of(team).map(|refused| WhyStale::Refused(refused.why)),
            Self::Failed(_) => Some(WhyStale::FillFailed { status: None }),
            Self::Whole { response, stored } => worse(response.status(), *stored != Err(NotStored::WrongShape)),
            Self::Arriving(large) => worse(large.status, large.right),
            Self::Found { .. } | Self::KeyRejected(_) => None,
        }
    }

    /// How it failed, if asking again would be likely to fail too. A 429 is about the account, and a call that did not leave about us.
    fn failed(&self) -> Option<Failed> {
        match self {
            Self::Failed(error) => Some(Failed::Call(Arc::clone(error))),
            Self::Whole { response, stored } => failed(response.status(), *stored != Err(NotStored::WrongShape)),
            Self::Arriving(large) => failed(large.status, large.right),
            Self::Found { .. } | Self::Refused(_) | Self::KeyRejected(_) => None,
        }
    }

    /// Whether a call was charged for it.
    pub(super) fn is_charged(&self) -> bool {
        match self {
            Self::Whole { .. } | Self::Arriving(_) => true,
            Self::Found { .. } | Self::Refused(_) | Self::KeyRejected(_) => false,
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

/// See [`Outcome::failed`].
pub(super) fn failed(status: StatusCode, right: bool) -> Option<Failed> {
    (status.is_server_error() || (status == StatusCode::OK && !right)).then_some(Failed::Answer(status))
}

/// The portal has withdrawn the answer: what is stored is not to be had from it any more.
pub(super) fn is_withdrawal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 404 | 410)
}

/// Why a fill is run.
#[derive(Debug)]
pub(super) enum Occasion {
    /// Nothing is stored.
    Missing,
    /// What is stored is stale, and can be served meanwhile: it waits for its turn.
    Stale(Turn),
    /// The same, before anybody asks: it is paid from the revalidation reserve.
    Ahead(Turn),
    /// A client that may insists on it.
    Forced,
}

/// Runs the fill that `lead` stands for.
pub(super) async fn run(
    mirror: Arc<Mirror>,
    portal: Arc<Portal>,
    question: Question,
    lead: Lead<CacheKey, Outcome, TeamId>,
    occasion: Occasion,
    charged: Charged,
) {
    if !matches!(occasion, Occasion::Forced)
        && let Lookup::Fresh { stored, ttl, confirmed } = checked(&mirror, &portal, &question, lead.key()).await
    {
        return lead.finish(Outcome::Found { stored, ttl, confirmed });
    }
    let waiting = || lead.askers();
    let wish = if matches!(occasion, Occasion::Ahead(_)) { Wish::background(Purpose::Revalidation) } else { Wish::of_askers(&waiting) };
    let admitted = async {
        let under_way = match occasion {
            Occasion::Stale(turn) | Occasion::Ahead(turn) => Some(turn.begin(|| mirror.clock.read().elapsed).await),
            Occasion::Missing | Occasion::Forced => None,
        };
        let reserved = match reserve(&mirror, &portal, &question, wish).await {
            // Whoever has joined meanwhile has a share of its own.
            Err(Held::Refused(_)) if wish.purpose() == Purpose::Revalidation && !lead.askers().is_empty() => {
                reserve(&mirror, &portal, &question, Wish::of_askers(&waiting)).await
            }
            reserved => reserved,
        };
        Ok::<_, Held>((under_way, reserved?))
    };
    let (under_way, reservation) = tokio::select! {
        // First, because a call that nobody waits for must not be reserved; once it is, the fill goes on whoever leaves.
        biased;
        () = lead.abandoned() => return,
        admitted = admitted => match admitted {
            Ok(admitted) => admitted,
            Err(Held::Refused(refused)) => return lead.finish(Outcome::Refused(Arc::new(refused))),
            Err(Held::KeyRejected(wait)) => return lead.finish(Outcome::KeyRejected(wait)),
        },
    };
    charged.0.store(true, Ordering::Release);
    let asked = asked(&mirror, &portal, &question);
    let outcome = match fetched(&mirror, &portal, &question, reservation).await {
        Ok(answer) => match store(&mirror, &portal, &question, lead.key(), asked.clone(), answer).await {
            Buffered::Done(outcome) => outcome,
            Buffered::Larger(answer) => {
                // A long one is not to keep all others waiting.
                drop(under_way);
                return large::receive(&mirror, &portal, &question, lead, asked, *answer).await;
            }
        },
        Err(error) => Outcome::Failed(Arc::new(error)),
    };
    if let Outcome::Failed(error) = &outcome {
        tracing::warn!(portal = portal.name, family = question.endpoint.family().name(), %error, "a call failed");
    }
    mirror.failures.note(lead.key(), outcome.failed(), mirror.clock.read().elapsed);
    lead.finish(outcome);
}

/// What there is after all: another fill may have stored it since this one's askers looked, and if nobody has looked at the catalogue for too
/// long, a look may show that it is fresh.
async fn checked(mirror: &Mirror, portal: &Arc<Portal>, question: &Question, key: &CacheKey) -> Lookup {
    let found = mirror.look_up(portal, question, key).await;
    if !matches!(found, Lookup::Unchecked { .. }) {
        return found;
    }
    let _ = tokio::time::timeout(mirror.cache.patience, look::renew(mirror, portal)).await;
    mirror.look_up(portal, question, key).await
}

/// What is known of versions now that the call of a question leaves.
pub(super) fn asked(mirror: &Mirror, portal: &Portal, question: &Question) -> Asked {
    Asked {
        at: Moment::at(mirror.clock.read()),
        basis: basis(question),
        stamp: if question.is_keyed() { None } else { portal.versions.stamp(question.query.dataset.as_deref()) },
    }
}

/// What the freshness of the answer to a question stands on. What a key may see moves with no date that is known: looks are anonymous.
fn basis(question: &Question) -> Basis {
    if question.is_keyed() { Basis::Lifetime } else { Basis::of(&question.endpoint, &question.query) }
}

/// Why a call does not leave.
enum Held {
    Refused(Refusals),
    KeyRejected(Duration),
}

/// Makes a call for one client. Dropped with the client: the call is charged, and nobody else could use its answer.
pub(super) async fn alone(mirror: &Arc<Mirror>, asker: Asker<'_>) -> Result<Answer, Failure> {
    let Asker { portal, question, client, .. } = asker;
    let waiting = || vec![client.team];
    let reserved = reserve(mirror, portal, question, Wish::of_askers(&waiting)).await;
    let reservation = reserved.map_err(|held| match held {
        Held::Refused(refused) => refused.of(client.team).map_or(Error::Lost, Error::Refused),
        Held::KeyRejected(wait) => Error::KeyRejected { wait },
    })?;
    let fetched = fetched(mirror, portal, question, reservation).await;
    fetched.map_err(|error| Failure { cost: u8::from(error.is_charged()), error: error.into() })
}

/// Makes the call. What the head of its answer says of its key holds before anybody reads the rest.
async fn fetched(mirror: &Mirror, portal: &Portal, question: &Question, reservation: Reservation) -> Result<Answer, origin::Error> {
    let answer = portal.client.fetch(call(question), reservation).await?;
    mirror.heed_key(portal, question, answer.status);
    Ok(answer)
}

/// Reserves a call; after a look, if one is due: an answer that is asked for before its version is known must be asked for again.
async fn reserve(mirror: &Mirror, portal: &Arc<Portal>, question: &Question, wish: Wish<'_>) -> Result<Reservation, Held> {
    if look::is_wanted(mirror, portal, basis(question)) {
        // A look that takes longer than that goes on, and what is known from before has to do.
        let _ = tokio::time::timeout(mirror.cache.patience, look::renew(mirror, portal)).await;
    }
    let fingerprint = question.credential.fingerprint();
    let wish = wish.with_credential(fingerprint.map(Fingerprint::as_str)).about(question.query.dataset.as_deref());
    let reservation = mirror.budget.reserve(&portal.name, wish).await.map_err(Held::Refused)?;
    // Another answer may have told of the key while this one waited; then the reservation is given back.
    match mirror.rejects_key(portal, question) {
        Some(wait) => Err(Held::KeyRejected(wait)),
        None => Ok(reservation),
    }
}

/// A question as it is sent.
pub(crate) fn call(question: &Question) -> Call {
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
pub(super) async fn store(mirror: &Mirror, portal: &Portal, question: &Question, key: &CacheKey, asked: Asked, answer: Answer) -> Buffered {
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
    let judged = judged.and_then(|(lifetime, max_age)| Ok((mirror.kept(portal, question, status, asked.at, lifetime)?, max_age)));
    fields::for_clients(&mut headers, varies(question), apart::audience(question));
    let (about, now) = (about(portal, question), mirror.clock.read());
    let before = mirror.stored(portal, question, key, now.elapsed).await;
    let same_bytes = before.as_ref().is_some_and(|before| before.has_bytes_of(asked.stamp.as_ref(), body.digest()));
    let (judged, partition, kept) = match judged {
        Ok((Kept { lifetime, partition }, max_age)) => (Judged { lifetime, max_age, same_bytes }, partition, Ok(())),
        Err(why) => (Judged::default(), None, Err(why)),
    };
    let response = Arc::new(StoredResponse::new(status, &headers, body, about, asked, judged, now).kept_apart(partition));
    match kept {
        Ok(()) => {
            mirror.store.insert(key.clone(), Arc::clone(&response));
            if let Some(before) = before.filter(|_| !question.is_keyed()) {
                portal.guard.heed(question, &before, &response, now.now, &mirror.tasks);
            }
        }
        // It ends here too, stale or not.
        Err(_) if is_withdrawal(status) => mirror.store.remove(key),
        Err(_) => {}
    }
    note_withdrawal(mirror, portal, question, status, response.fields());
    Buffered::Done(Outcome::Whole { response, stored: kept })
}

/// Lets nothing of a dataset be served stale that the portal has withdrawn.
pub(super) fn note_withdrawal(mirror: &Mirror, portal: &Portal, question: &Question, status: StatusCode, fields: &HeaderMap) {
    if let Some(dataset) = &question.query.dataset
        && is_withdrawal(status)
        // A page is something between us and the portal that speaks.
        && announces_json(fields)
        && speaks_of_dataset(question.endpoint.family(), status)
    {
        if question.is_keyed() {
            mirror.withdraw_apart(portal, question, dataset);
        } else if portal.versions.withdraw(dataset, mirror.clock.read()) {
            look::keep(mirror, portal);
        }
    }
}

/// Whether what the portal says of an answer it says of its dataset: 401 and 403 are about who may read it, and 404 and 410 about the dataset
/// where the path names nothing else.
fn speaks_of_dataset(family: Family, status: StatusCode) -> bool {
    let names_more = matches!(family, Family::Record | Family::Attachment | Family::File | Family::Aggregates);
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) || !names_more
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
