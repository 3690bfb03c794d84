//! One request and its answer, in the order in which it is decided: identify the client → understand the question (classify, canonicalise)
//! → look up → respond from store, or join or lead the fill that brings the answer, or pass what is nobody else's.
//!
//! What a fill does (reserve → fetch → store) is in [`fetch`]; how an answer is dressed is in [`crate::response`].

mod answered;
pub mod fetch;
mod intake;
mod large;
mod passed;
mod record;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use tokio_util::task::TaskTracker;

use self::answered::{Answered, Asker, Failure};
use self::fetch::{Buffered, Charged, Outcome};
use self::record::Record;
use crate::budget::Budget;
use crate::cache::disk::Head;
use crate::cache::fill::{Fills, Joined, Lost, Waiter};
use crate::cache::key::CacheKey;
use crate::cache::lookup::Lookup;
use crate::cache::storable;
use crate::cache::store::Store;
use crate::cache::stored_response::StoredResponse;
use crate::clock::Clock;
use crate::config;
use crate::error::Error;
use crate::portal::{Chosen, Portal, Portals};
use crate::request::question::{Question, Understood};
use crate::response::cache_status::{CacheStatus, Fwd, WhyStale};

/// Everything that exchanges share.
#[derive(Debug)]
pub struct Mirror {
    /// The portals.
    pub portals: Portals,
    /// The stored responses.
    pub store: Store,
    /// The fills under way.
    pub fills: Fills<CacheKey, Outcome>,
    /// The count of calls.
    pub budget: Budget,
    /// The time.
    pub clock: Clock,
    /// What is stored and for how long.
    pub cache: config::Cache,
    /// Longest target that is read.
    pub max_target_bytes: usize,
    /// Time for a request's body.
    pub content_timeout: Duration,
    /// Owns the tasks of fills: a stop waits for them.
    pub tasks: TaskTracker,
}

/// How often an asker joins again after a fill was lost. A fill that dies twice will die a third time.
const FILLS_TRIED: usize = 2;

impl Mirror {
    /// Answers one request for the mirror.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from an answer of the portal, with what it cost all the same.
    async fn exchange(self: &Arc<Self>, head: &Parts, body: Body) -> Result<Answered, Failure> {
        let Chosen { portal, prefix, path } = intake::identify(&self.portals, head, self.max_target_bytes)?;
        let question = match intake::understand(portal, path, head, body, self.content_timeout).await? {
            Understood::Question(question) => *question,
            Understood::Elsewhere => return intake::redirect(portal, path, head),
        };
        let asker = Asker { portal, prefix, question: &question, head };
        let began = Instant::now();
        let answered = match &question.key {
            None => self.pass(asker).await,
            Some(key) => match self.look_up(portal, &question, key).await {
                Lookup::Fresh { stored, ttl } => return Ok(self.serve_stored(asker, &stored, CacheStatus::Hit { ttl }, 0)),
                Lookup::Stale { stored, .. } => self.refresh(asker, key, stored).await,
                Lookup::Miss => self.fill(asker, key).await,
            },
        };
        Ok(answered?.having_waited(began.elapsed()))
    }

    /// What is stored for a question: in memory, else on disk.
    async fn look_up(&self, portal: &Portal, question: &Question, key: &CacheKey) -> Lookup {
        let elapsed = self.clock.read().elapsed;
        let mut stored = self.store.in_memory(key, elapsed);
        if stored.is_none() {
            let lifetime = |head: &Head| storable::lifetime(&question.endpoint, head.status, &self.cache);
            stored = self.store.on_disk(key, || fetch::about(portal, question), lifetime).await;
        }
        Lookup::of(stored, elapsed)
    }

    /// Nothing is stored: waits for the fill, its own or another asker's.
    async fn fill(self: &Arc<Self>, asker: Asker<'_>, key: &CacheKey) -> Result<Answered, Failure> {
        let (mut lost, mut cost) = (false, 0);
        for _ in 0..FILLS_TRIED {
            let (mut waiter, led) = self.join_or_lead(asker, key);
            let outcome = waiter.outcome().await;
            lost = outcome.is_err();
            match outcome {
                Ok(outcome) => {
                    if let Some(answered) = self.answer(asker, outcome, waiter, Fwd::UriMiss, led.is_some()).await {
                        return answered;
                    }
                    if led.is_some() {
                        // It has paid for one that broke off before a byte could be read.
                        return Err(Failure { error: Error::Lost, cost: 1 });
                    }
                }
                Err(Lost) => {
                    tracing::error!(key = key.id(), "a fill was lost");
                    cost = cost.max(u8::from(led.is_some_and(|charged| charged.yet())));
                }
            }
            // The body that cannot be joined may be over, and kept.
            if let Lookup::Fresh { stored, ttl } = self.look_up(asker.portal, asker.question, key).await {
                return Ok(self.serve_stored(asker, &stored, CacheStatus::Hit { ttl }, cost));
            }
        }
        if lost { Err(Failure { error: Error::Lost, cost }) } else { self.pass(asker).await }
    }

    /// Something stale is stored: waits for the fill as long as the portal's patience, then falls back on what there is.
    async fn refresh(self: &Arc<Self>, asker: Asker<'_>, key: &CacheKey, stored: Arc<StoredResponse>) -> Result<Answered, Failure> {
        let (mut waiter, led) = self.join_or_lead(asker, key);
        let failed = WhyStale::FillFailed { status: None };
        let (why, charged) = match tokio::time::timeout(self.cache.patience, waiter.outcome()).await {
            Ok(Ok(outcome)) => {
                let charged = led.is_some() && outcome.is_charged();
                let withdrawn = matches!(&outcome, Outcome::Arriving(large) if fetch::is_withdrawal(large.status));
                match outcome.worse_than_stale() {
                    Some(why) => (why, charged),
                    None => match self.answer(asker, outcome, waiter, Fwd::Stale, led.is_some()).await {
                        // It was to be had only as a whole, or nothing of it could be had.
                        Some(Err(Failure { error: Error::Origin(_) | Error::Lost | Error::NeedsChunks, .. })) | None if !withdrawn => {
                            (failed, charged)
                        }
                        Some(answered) => return answered,
                        None => return Err(Failure { error: Error::Lost, cost: u8::from(charged) }),
                    },
                }
            }
            Ok(Err(Lost)) => (failed, led.is_some_and(|charged| charged.yet())),
            Err(_) => {
                waiter.leave_it_running();
                (WhyStale::FillSlow, led.is_some_and(|charged| charged.yet()))
            }
        };
        let by = stored.age(self.clock.read().elapsed).saturating_sub(stored.lifetime().fresh);
        Ok(self.serve_stored(asker, &stored, CacheStatus::Stale { by, why }, u8::from(charged)))
    }

    /// An ear on the fill of `key`, and, if this asker leads it, whether a call was charged for it.
    fn join_or_lead(self: &Arc<Self>, asker: Asker<'_>, key: &CacheKey) -> (Waiter<Outcome>, Option<Charged>) {
        let Joined { waiter, lead } = self.fills.join(key);
        let led = lead.map(|lead| {
            let charged = Charged::default();
            let fill = fetch::run(Arc::clone(self), Arc::clone(asker.portal), asker.question.clone(), lead, charged.clone());
            self.tasks.spawn(fill);
            charged
        });
        (waiter, led)
    }

    /// A fill has an outcome: its answer, or whatever it ended with; nothing, if that is a body that cannot be read from its beginning.
    async fn answer(
        &self,
        asker: Asker<'_>,
        outcome: Outcome,
        waiter: Waiter<Outcome>,
        fwd: Fwd,
        led: bool,
    ) -> Option<Result<Answered, Failure>> {
        match outcome {
            Outcome::Arriving(large) if asker.head.version < Version::HTTP_11 => {
                Some(self.once_whole(asker, &large, waiter, fwd, led).await)
            }
            outcome => self.told(asker, outcome, fwd, led),
        }
    }

    /// What an outcome means to a client; nothing, if it is a body that is broken already, or whose beginning is gone.
    fn told(&self, asker: Asker<'_>, outcome: Outcome, fwd: Fwd, led: bool) -> Option<Result<Answered, Failure>> {
        Some(match outcome {
            Outcome::Found { stored, ttl } => Ok(self.serve_stored(asker, &stored, CacheStatus::Hit { ttl }, 0)),
            Outcome::Whole { response, stored } => {
                let status = CacheStatus::Forwarded {
                    fwd,
                    status: response.status().as_u16(),
                    stored: stored.is_ok(),
                    collapsed: !led,
                    detail: stored.err().map(|why| why.token()),
                };
                Ok(self.serve_stored(asker, &response, status, u8::from(led)))
            }
            Outcome::Arriving(large) => match (self.read_along(asker, &large, fwd, led), large.failure()) {
                (Some(answered), _) => Ok(answered),
                // It has failed all who waited for it, as any other fill does. Asking again would be a call for each of them.
                (None, Some(error)) => Err(Failure { error: Error::Origin(error), cost: u8::from(led) }),
                (None, None) => return None,
            },
            Outcome::Refused(refused) => Err(Error::Refused(refused).into()),
            Outcome::Failed(error) => Err(Failure { cost: u8::from(led && error.is_charged()), error: Error::Origin(error) }),
        })
    }

    /// A call for this client alone: what a key unlocks, what is asked by POST, and what cannot be joined.
    async fn pass(&self, asker: Asker<'_>) -> Result<Answered, Failure> {
        let answer = fetch::alone(self, asker.portal, asker.question).await?;
        let Some(key) = &asker.question.key else {
            return self.passed(asker, answer).await;
        };
        match fetch::store(self, asker.portal, asker.question, key, answer).await {
            Buffered::Done(outcome) => self.told(asker, outcome, Fwd::UriMiss, true).expect("what was completed is not arriving"),
            Buffered::Larger(answer) => self.streamed(asker, *answer, Fwd::UriMiss),
        }
    }
}

/// Answers one request for the mirror, whatever becomes of it, and leaves its line in the log.
pub async fn respond(mirror: Arc<Mirror>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut record = Record::begin(&head);
    let (response, status, cost, outcome) = if head.method == Method::OPTIONS {
        (preflight(), CacheStatus::Local { detail: "preflight" }, 0, "local")
    } else {
        match mirror.exchange(&head, body).await {
            Ok(Answered { response, status, cost, waited }) => {
                record.waited(waited);
                (response, status, cost, status.outcome())
            }
            Err(Failure { error, cost }) => {
                let token = error.token();
                (error.into_response(mirror.clock.now(), cost), CacheStatus::Local { detail: token }, cost, token)
            }
        }
    };
    record.end(response.status(), cost, outcome, &status);
    response
}

/// Answers a CORS preflight and any other OPTIONS: what this server takes, without asking anybody (the Fetch standard, section 3.2).
fn preflight() -> Response<Body> {
    const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS, POST");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields: &mut HeaderMap = response.headers_mut();
    fields.insert(header::ALLOW, METHODS);
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    fields.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    fields.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        // The portal's own list, what conditional and cached requests need, and our key.
        HeaderValue::from_static(
            "Authorization, X-Requested-With, Origin, ODS-API-Analytics-App, ODS-API-Analytics-Embed-Type, \
             ODS-API-Analytics-Embed-Referrer, ODS-Widgets-Version, Accept, Accept-Language, Cache-Control, Content-Type, If-None-Match, \
             If-Modified-Since, Range, X-Preau-Key",
        ),
    );
    fields.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("1000"));
    response
}
