//! One request and its answer, in the order in which it is decided: identify the client → understand the question (classify, canonicalise)
//! → look up → respond from store, or join or lead the fill that brings the answer, or pass what is nobody else's → where there was no call left for
//! it, ask with an account of the organisation's own.
//!
//! What a fill does (reserve → fetch → store) is in [`fetch`]; how an answer is dressed is in [`crate::response`].

pub mod ahead;
mod answered;
mod apart;
mod directed;
pub mod failures;
pub mod fetch;
mod intake;
mod large;
mod noted;
mod overflow;
pub mod pace;
mod passed;
mod preflight;
mod record;
pub mod throttle;
mod told;
mod whose;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::ahead::Popular;
use self::answered::{Answered, Asker, Failure};
use self::failures::{Failed, Failures};
use self::fetch::{Buffered, Charged, Occasion, Outcome};
use self::pace::Pace;
use self::preflight::preflight;
use self::record::Record;
use self::throttle::Throttle;
use self::whose::Whose;
use crate::audit::{self, Written};
use crate::budget::Budget;
use crate::cache::disk::Head;
use crate::cache::fill::{Fills, Joined, Lost, Waiter};
use crate::cache::key::CacheKey;
use crate::cache::lookup::Lookup;
use crate::cache::partition::Partitions;
use crate::cache::storable;
use crate::cache::store::Store;
use crate::cache::stored_response::StoredResponse;
use crate::clock::Clock;
use crate::config;
use crate::error::Error;
use crate::history::History;
use crate::portal::versions::Basis;
use crate::portal::{Chosen, Portal, Portals, look};
use crate::request::client::Recognition;
use crate::request::directives::{Decision, Directives, Held};
use crate::request::question::{Question, Understood};
use crate::response::addressee::House;
use crate::response::cache_status::{CacheStatus, Fwd, WhyStale};
use crate::team::TeamId;

/// Everything that exchanges share.
#[derive(Debug)]
pub struct Mirror {
    /// The portals.
    pub portals: Portals,
    /// By what clients are recognised.
    pub clients: Recognition,
    /// The stored responses.
    pub store: Store,
    /// The fills under way.
    pub fills: Fills<CacheKey, Outcome, TeamId>,
    /// Who spent what. Before the budget, whose lock on the directory it relies on to its end.
    pub history: History,
    /// What keys of the portals have unlocked, apart.
    pub partitions: Partitions,
    /// The count of calls.
    pub budget: Budget,
    /// The time.
    pub clock: Clock,
    /// How many refreshes may be under way, and begin.
    pub refreshes: Pace,
    /// What is asked for most.
    pub popular: Popular,
    /// The questions whose fill has failed lately.
    pub failures: Failures,
    /// How many calls each client may have made for it.
    pub throttle: Throttle,
    /// What is stored and for how long.
    pub cache: config::Cache,
    /// What clients are told of whom they belong to, and of whom they may ask.
    pub house: House,
    /// Longest target that is read.
    pub max_target_bytes: usize,
    /// Time for a request's body.
    pub content_timeout: Duration,
    /// Owns the tasks of fills: a stop waits for them.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops: nothing is begun for its own sake any more.
    pub stopping: CancellationToken,
}

/// How often an asker joins again after a fill was lost. A fill that dies twice will die a third time.
const FILLS_TRIED: usize = 2;

impl Mirror {
    /// Answers one request for the mirror, and notes in `whose` what turns out of its sender.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from an answer of the portal, with what it cost all the same.
    async fn exchange(self: &Arc<Self>, head: &Parts, body: Body, whose: &mut Whose) -> Result<Answered, Failure> {
        let Chosen { portal, prefix, path } = intake::identify(&self.portals, head, self.max_target_bytes)?;
        let client = intake::recognise(&self.clients, head)?;
        whose.is_of(portal, client.team);
        let question = match intake::understand(portal, path, head, body, self.content_timeout).await? {
            Understood::Question(question) => *question,
            Understood::Elsewhere => return intake::redirect(portal, path, head),
        };
        whose.asks(&question);
        let directives = Directives::of(&head.headers);
        let asker = Asker { portal, client, prefix, question: &question, head, directives };
        let written = Written { path, query: head.uri.query() };
        let note = self.history.notes().exchange(&portal.name, client.team, &question);
        let answered = self.ask(asker, written).await;
        noted::noted(note, self.or_overflow(asker, written, answered).await)
    }

    /// Answers a question from store, or has the portal asked.
    ///
    /// # Errors
    ///
    /// See [`exchange`](Self::exchange).
    async fn ask(self: &Arc<Self>, asker: Asker<'_>, written: Written<'_>) -> Result<Answered, Failure> {
        let Asker { portal, question, directives, .. } = asker;
        let began = Instant::now();
        if let Some(wait) = self.rejects_key(portal, question) {
            return Err(Error::KeyRejected { wait }.into());
        }
        let Some(key) = &question.key else {
            return match directives.decide(self.may_force(asker), Held::Nothing) {
                Decision::GatewayTimeout => Err(Error::OnlyIfCached.into()),
                _ => Ok(self.pass(asker).await?.having_waited(began.elapsed())),
            };
        };
        let lookup = self.look_up(portal, question, key).await;
        let answered = match (self.decision(asker, &lookup), lookup) {
            (Decision::Ordinary, Lookup::Fresh { stored, ttl, confirmed }) => {
                self.look_ahead(portal, &stored, ttl);
                self.note_hit(asker, key, &stored);
                audit::after_hit(self, portal, question, written);
                return Ok(self.serve_stored(asker, &stored, CacheStatus::Hit { ttl }, confirmed, 0).await);
            }
            (Decision::Ordinary, Lookup::Unchecked { .. }) => self.check(asker, key).await,
            (Decision::Ordinary, Lookup::Stale { stored, by }) => self.refresh(asker, key, stored, by, self.patience()).await,
            (Decision::Ordinary, Lookup::Miss) => self.fill(asker, key).await,
            (decision, lookup) => self.directed(asker, key, decision, lookup).await,
        };
        let answered = answered?;
        if answered.cost > 0 && answered.response.status().is_success() {
            portal.audit.note(question, written, &portal.rules);
        }
        audit::tend(self, portal);
        Ok(answered.having_waited(began.elapsed()))
    }

    /// What the request's directives make of what was found.
    fn decision(&self, asker: Asker<'_>, lookup: &Lookup) -> Decision {
        if asker.directives == Directives::default() {
            return Decision::Ordinary;
        }
        asker.directives.decide(self.may_force(asker), lookup.held(self.clock.read().elapsed))
    }

    /// Whether an asker may force a call: its portal's clients may, or its team's.
    fn may_force(&self, asker: Asker<'_>) -> bool {
        asker.portal.may_force || self.clients.may_force(asker.client.team)
    }

    /// Until when an asker waits if there is a stale answer.
    fn patience(&self) -> Instant {
        Instant::now() + self.cache.patience
    }

    /// What there is for a question, in memory or on disk, and what it is good for.
    pub(crate) async fn look_up(&self, portal: &Portal, question: &Question, key: &CacheKey) -> Lookup {
        let elapsed = self.clock.read().elapsed;
        let Some(stored) = self.stored(portal, question, key, elapsed).await else { return Lookup::Miss };
        let standing = portal.versions.standing(&stored, elapsed);
        Lookup::of(stored, standing, elapsed)
    }

    /// What is stored for a question, of whatever use it is.
    async fn stored(&self, portal: &Portal, question: &Question, key: &CacheKey, elapsed: Duration) -> Option<Arc<StoredResponse>> {
        if let Some(stored) = self.store.in_memory(key, elapsed) {
            return Some(stored);
        }
        let lifetime = |head: &Head| storable::lifetime(&question.endpoint, head.status, head.max_age, &self.cache);
        let about = || (fetch::about(portal, question), Basis::of(&question.endpoint, &question.query));
        self.store.on_disk(key, about, lifetime).await
    }

    /// Nobody has looked for too long whether what is stored has moved: a look will tell.
    async fn check(self: &Arc<Self>, asker: Asker<'_>, key: &CacheKey) -> Result<Answered, Failure> {
        let patience = self.patience();
        // It goes on if it takes longer.
        let _ = timeout_at(patience, look::renew(self, asker.portal)).await;
        let lookup = self.look_up(asker.portal, asker.question, key).await;
        match (self.decision(asker, &lookup), lookup) {
            (Decision::Ordinary, Lookup::Fresh { stored, ttl, confirmed }) => {
                self.note_hit(asker, key, &stored);
                Ok(self.serve_stored(asker, &stored, CacheStatus::Hit { ttl }, confirmed, 0).await)
            }
            (Decision::Ordinary, Lookup::Stale { stored, by }) => self.refresh(asker, key, stored, by, patience).await,
            (Decision::Ordinary, Lookup::Unchecked { stored, by }) if by < stored.lifetime().stale => {
                Ok(self.serve_stored(asker, &stored, CacheStatus::Stale { by, why: WhyStale::Unchecked }, false, 0).await)
            }
            (Decision::Ordinary, Lookup::Unchecked { .. } | Lookup::Miss) => self.fill(asker, key).await,
            (decision, lookup) => self.directed(asker, key, decision, lookup).await,
        }
    }

    /// Has the next look made a moment before it is needed, so that under traffic nobody waits for it.
    fn look_ahead(&self, portal: &Arc<Portal>, stored: &StoredResponse, ttl: Duration) {
        // Nearly all hits are told by what they know already.
        let soon = ttl <= self.cache.freshness_bound / look::EARLY;
        if soon && stored.asked().basis != Basis::Lifetime && look::is_due(self, portal) {
            look::begin(self, portal);
        }
    }

    /// Nothing is stored: waits for the fill, its own or another asker's.
    async fn fill(self: &Arc<Self>, asker: Asker<'_>, key: &CacheKey) -> Result<Answered, Failure> {
        let (mut lost, mut cost) = (false, 0);
        for _ in 0..FILLS_TRIED {
            let joined = self.join_or_lead(asker, key, Occasion::Missing, || self.may_lead(asker, key));
            let (mut waiter, led) = joined.map_err(|error| Failure { error, cost })?;
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
            if let Lookup::Fresh { stored, ttl, confirmed } = self.look_up(asker.portal, asker.question, key).await {
                return Ok(self.serve_stored(asker, &stored, CacheStatus::Hit { ttl }, confirmed, cost).await);
            }
        }
        if lost { Err(Failure { error: Error::Lost, cost }) } else { self.pass(asker).await }
    }

    /// Something is stored that has been stale for `by`: waits for the fill until `patience` is at its end, then falls back on what there is.
    async fn refresh(
        self: &Arc<Self>,
        asker: Asker<'_>,
        key: &CacheKey,
        stored: Arc<StoredResponse>,
        by: Duration,
        patience: Instant,
    ) -> Result<Answered, Failure> {
        let stale =
            async |why, charged| Ok(self.serve_stored(asker, &stored, CacheStatus::Stale { by, why }, false, u8::from(charged)).await);
        self.refresh_ahead(asker, &stored);
        let (mut waiter, led) = match self.fills.join_under_way(key, asker.client.team) {
            Some(waiter) => (waiter, None),
            None => {
                let elapsed = self.clock.read().elapsed;
                if self.failures.of(key, elapsed).is_some() {
                    return stale(WhyStale::FailedBefore, false).await;
                }
                let Some(turn) = self.refreshes.turn(elapsed) else { return stale(WhyStale::Paced, false).await };
                if self.throttle.take(&asker.client, elapsed).is_err() {
                    return stale(WhyStale::TooFast, false).await;
                }
                self.join_or_lead(asker, key, Occasion::Stale(turn), || Ok(()))?
            }
        };
        let failed = WhyStale::FillFailed { status: None };
        let (why, charged) = match timeout_at(patience, waiter.outcome()).await {
            Ok(Ok(outcome)) => {
                let charged = led.is_some() && outcome.is_charged();
                let withdrawn = matches!(&outcome, Outcome::Arriving(large) if fetch::is_withdrawal(large.status));
                match outcome.worse_than_stale(asker.client.team) {
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
        if stored.is_lost(self.clock.read().elapsed) {
            // Its key was refused while this asker waited, or its dataset has gone: what comes of the fill is all that there is.
            return Ok(self.fill(asker, key).await?.having_cost(u8::from(charged)));
        }
        stale(why, charged).await
    }

    /// Whether this asker may have a call made for `key`, of which no fill is under way.
    ///
    /// # Errors
    ///
    /// If the last one failed a moment ago, or this client has too many made.
    fn may_lead(&self, asker: Asker<'_>, key: &CacheKey) -> Result<(), Error> {
        match self.failures.of(key, self.clock.read().elapsed) {
            None => self.may_call(asker),
            // What cannot be right is what the portal says all the same, and there is nothing better.
            Some((Failed::Answer(StatusCode::OK), _)) => self.may_call(asker),
            Some((failed, wait)) => Err(Error::FailedBefore { failed, wait }),
        }
    }

    /// Whether this asker may have a call made.
    ///
    /// # Errors
    ///
    /// If this client has too many made.
    fn may_call(&self, asker: Asker<'_>) -> Result<(), Error> {
        self.throttle.take(&asker.client, self.clock.read().elapsed).map_err(|wait| Error::TooFast { wait })
    }

    /// An ear on the fill of `key`, and, if this asker leads it, whether a call was charged for it.
    ///
    /// # Errors
    ///
    /// What `may_lead` says, where no fill is under way.
    fn join_or_lead(
        self: &Arc<Self>,
        asker: Asker<'_>,
        key: &CacheKey,
        occasion: Occasion,
        may_lead: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(Waiter<Outcome, TeamId>, Option<Charged>), Error> {
        let Joined { waiter, lead } = self.fills.join_if(key, Some(asker.client.team), may_lead)?;
        let led = lead.map(|lead| {
            let charged = Charged::default();
            let fill = fetch::run(Arc::clone(self), Arc::clone(asker.portal), asker.question.clone(), lead, occasion, charged.clone());
            self.tasks.spawn(fill);
            charged
        });
        Ok((waiter, led))
    }

    /// A call for this client alone: what is asked by POST or with something that is no key, and what cannot be joined.
    async fn pass(self: &Arc<Self>, asker: Asker<'_>) -> Result<Answered, Failure> {
        self.may_call(asker)?;
        let asked = fetch::asked(self, asker.portal, asker.question);
        let answer = fetch::alone(self, asker).await?;
        let Some(key) = &asker.question.key else {
            return self.passed(asker, answer).await;
        };
        match fetch::store(self, asker.portal, asker.question, key, asked, answer).await {
            Buffered::Done(outcome) => self.told(asker, outcome, Fwd::UriMiss, true).await.expect("what was completed is not arriving"),
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
        let mut whose = Whose::default();
        match mirror.exchange(&head, body, &mut whose).await {
            Ok(Answered { response, status, cost, waited }) => {
                record.waited(waited);
                (response, status, cost, status.outcome())
            }
            Err(Failure { error, cost }) => {
                let token = error.token();
                let response = whose.told(&mirror, &head.headers, error, cost);
                (response, CacheStatus::Local { detail: token }, cost, token)
            }
        }
    };
    record.end(response.status(), cost, outcome, &status);
    response
}
