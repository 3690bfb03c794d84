//! The end of an exchange: an answer with its labels, or a failure with its cost.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{AGE, CACHE_CONTROL, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::Mirror;
use crate::cache::freshness::Freshness;
use crate::cache::stored_response::StoredResponse;
use crate::error::Error;
use crate::portal::Portal;
use crate::portal::links::{self, Base};
use crate::request::client::Client;
use crate::request::directives::Directives;
use crate::request::question::Question;
use crate::response::cache_status::CacheStatus;
use crate::response::from_stored::{self, Form};
use crate::response::{fields, rate_limit};

/// A request that turned out to be a question: whom it is for, what it asks, and how its answer is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    /// The portal that is asked.
    pub(super) portal: &'a Arc<Portal>,
    /// Who asks.
    pub(super) client: Client,
    /// The part of the path that chose the portal, such as `/sports`, or nothing.
    pub(super) prefix: &'a str,
    /// What is asked.
    pub(super) question: &'a Question,
    /// The request, for what its client accepts.
    pub(super) head: &'a Parts,
    /// What it asks of a cache.
    pub(super) directives: Directives,
}

/// An answer for a client, and what became of the request.
#[derive(Debug)]
pub(super) struct Answered {
    /// The answer.
    pub(super) response: Response<Body>,
    /// Where it came from.
    pub(super) status: CacheStatus,
    /// The calls it cost: 1 if this request's own call left, else 0.
    pub(super) cost: u8,
    /// How long it waited for the portal, if it did: until the whole body, or until its head where the body is passed on.
    pub(super) waited: Option<Duration>,
}

/// No answer of the portal, and what that cost all the same.
#[derive(Debug)]
pub(super) struct Failure {
    /// Why.
    pub(super) error: Error,
    /// See [`Answered::cost`].
    pub(super) cost: u8,
}

impl From<Error> for Failure {
    /// A failure before any call.
    fn from(error: Error) -> Self {
        Self { error, cost: 0 }
    }
}

impl Answered {
    /// Labels a response.
    pub(super) fn new(mut response: Response<Body>, status: CacheStatus, cost: u8) -> Self {
        let labels = response.headers_mut();
        labels.insert(fields::CACHE_STATUS, status.to_value());
        labels.insert(fields::X_PREAU_COST, HeaderValue::from(u16::from(cost)));
        Self { response, status, cost, waited: None }
    }

    /// Adds what was spent before on the same request, in vain.
    pub(super) fn having_cost(self, cost: u8) -> Self {
        let Self { response, status, cost: own, waited } = self;
        Self { waited, ..Self::new(response, status, own.max(cost)) }
    }

    /// Notes how long it waited for the portal.
    pub(super) fn having_waited(self, waited: Duration) -> Self {
        Self { waited: Some(waited), ..self }
    }
}

impl<'a> Asker<'a> {
    /// The form in which an answer with these fields is taken; `linked` says whether it may carry links to the portal.
    pub(super) fn form(&self, status: StatusCode, fields: &HeaderMap, linked: bool) -> Form<'a> {
        let positions = if linked { self.portal.positions(self.question, status, fields) } else { None };
        let relinking = positions.and_then(|positions| self.portal.relinking(positions, self.base()?));
        Form::of(self.question, self.head, relinking)
    }

    /// The address under which this client, and whoever it hands a link to, finds the portal's mirror.
    fn base(&self) -> Option<Base> {
        self.portal.base(self.head.headers.get(HOST), self.prefix)
    }

    /// Lets the links in a head lead here.
    pub(super) fn relink(&self, fields: &mut HeaderMap) {
        // Nearly all heads have none, and an address takes its time.
        if links::in_fields(fields)
            && let Some(base) = self.base()
        {
            self.portal.relink(fields, &base);
        }
    }
}

impl Mirror {
    /// An answer from store, or from a fill that this request waited for; `confirmed` says whether its version is.
    pub(super) async fn serve_stored(
        &self,
        asker: Asker<'_>,
        stored: &StoredResponse,
        status: CacheStatus,
        confirmed: bool,
        cost: u8,
    ) -> Answered {
        let form = asker.form(stored.status(), stored.fields(), stored.body().links().is_some());
        let last_modified = stored.version_fields().last_modified().filter(|_| confirmed);
        let mut response = from_stored::respond(stored, asker.head, &form, &status, last_modified).await;
        asker.relink(response.headers_mut());
        stored.version_fields().write(response.headers_mut(), confirmed);
        // RFC 9111 section 5.1: `Age` says that the answer was not made for this request.
        if !matches!(status, CacheStatus::Forwarded { collapsed: false, .. }) {
            response.headers_mut().insert(AGE, HeaderValue::from(stored.age(self.clock.read().elapsed).as_secs()));
        }
        if self.cache.client_freshness && !asker.question.is_keyed() {
            self.tell_freshness(asker.portal, stored, &mut response);
        }
        self.state_quota(asker, &mut response);
        Answered::new(response, status, cost)
    }

    /// Lets clients keep an answer for as long as it is fresh here: they hear of a change no later, and ask less often.
    fn tell_freshness(&self, portal: &Portal, stored: &StoredResponse, response: &mut Response<Body>) {
        let elapsed = self.clock.read().elapsed;
        if let Freshness::Fresh { ttl } = stored.freshness(portal.versions.standing(stored, elapsed), elapsed) {
            // RFC 9111 section 4.2: it is compared with the age, which is not theirs.
            let max_age = stored.age(elapsed).saturating_add(ttl).as_secs();
            let value = format!("public, max-age={max_age}, must-revalidate");
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::try_from(value).expect("tokens and digits are a valid field value"));
        }
    }

    /// Writes what may still be spent, by the asker's team or with its key of the portal, from the ledger's present state: what was stored with an
    /// answer is old news.
    pub(super) fn state_quota(&self, asker: Asker<'_>, response: &mut Response<Body>) {
        let fields = response.headers_mut();
        if !asker.question.is_keyed() {
            let limits = self.budget.rate_limits(&asker.portal.name, asker.client.team);
            asker.portal.rate_limits.write(fields, asker.client.team, limits, self.clock.now());
        } else if let Some(quota) = self.quota_of_key(asker.portal, asker.question) {
            rate_limit::write_account(fields, &quota);
        }
    }
}
