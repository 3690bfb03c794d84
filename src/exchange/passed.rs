//! Answers that pass while they arrive: to one client alone (what a key unlocked, what was asked by POST, what cannot be joined), or to one of
//! the many who read the same fill.

use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use http_body::Body as _;
use http_body_util::BodyExt;

use super::Mirror;
use super::answered::{Answered, Asker, Failure};
use super::fetch::{self, Outcome};
use super::large::Large;
use crate::cache::arriving::Broken;
use crate::cache::fill::Waiter;
use crate::cache::inspection::Inspection;
use crate::cache::lookup::Lookup;
use crate::error::Error;
use crate::origin::{self, Answer, Coding, Completed, Decoded};
use crate::request::accept_encoding::ContentCoding;
use crate::response::cache_status::{CacheStatus, Fwd, WhyStale};
use crate::response::fields::Audience;
use crate::response::relinked::Relinked;
use crate::response::version::VersionFields;
use crate::response::{fields, from_stored};
use crate::team::TeamId;

/// A body under way to one client, and its head.
struct Passing {
    status: StatusCode,
    /// As for clients.
    fields: HeaderMap,
    /// Of the body as received, if the portal stated it.
    content_length: Option<u64>,
    coding: Coding,
    body: Body,
}

impl Mirror {
    /// Passes an answer to the one client it was fetched for. A small one is completed and checked first, so that a broken one is a 502 and
    /// not half an answer.
    ///
    /// # Errors
    ///
    /// Whatever keeps the body from being whole; the call is spent then.
    pub(super) async fn passed(&self, asker: Asker<'_>, answer: Answer) -> Result<Answered, Failure> {
        let fwd = match asker.question.method {
            Method::GET if asker.question.key.is_some() => Fwd::Request,
            Method::GET => Fwd::Bypass,
            _ => Fwd::Method,
        };
        let Answer { status, mut headers, content_length, coding, delimited, body } = answer;
        let charged = |error: origin::Error| Failure { error: error.into(), cost: 1 };
        let received = match body.complete(self.cache.buffer_limit.get()).await.map_err(charged)? {
            Completed::Whole(received) => received,
            Completed::Larger(body) => {
                return self.streamed(asker, Answer { status, headers, content_length, coding, delimited, body }, fwd);
            }
        };
        if let Coding::Unknown(_) = coding {
            // Nothing of it can be checked or undone here; the client may know the coding.
            let (content_length, body) = (Some(received.len() as u64), received.into());
            return self.streamed(asker, Answer { status, headers, content_length, coding, delimited, body }, fwd);
        }
        let links = asker.portal.links_in(asker.question, status, &headers);
        let (body, _) = fetch::proven(received, &coding, |identity| Inspection::of(identity, links)).map_err(charged)?;
        let form = asker.form(status, &headers, body.links().is_some());
        fields::for_clients(&mut headers, fetch::varies(asker.question), alone(asker));
        asker.relink(&mut headers);
        let response = from_stored::first_hand(status, headers, &body, &form).await;
        Ok(self.forwarded(asker, response, fwd))
    }

    /// Passes an answer of this client's own as it arrives. What breaks off is cut off: the client sees chunks without an end, or fewer bytes
    /// than were announced.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsChunks`] for a client that could see neither.
    pub(super) fn streamed(&self, asker: Asker<'_>, answer: Answer, fwd: Fwd) -> Result<Answered, Failure> {
        let Answer { status, mut headers, content_length, coding, body, .. } = answer;
        fields::for_clients(&mut headers, fetch::varies(asker.question), alone(asker));
        let response = pass(asker, Passing { status, fields: headers, content_length, coding, body: Body::new(body) });
        if asker.head.version < Version::HTTP_11 && !response.headers().contains_key(CONTENT_LENGTH) {
            return Err(Failure { error: Error::NeedsChunks, cost: 1 });
        }
        Ok(self.forwarded(asker, response, fwd))
    }

    /// Lets a client read a fill that is under way, from its beginning; nothing, if that is gone.
    pub(super) fn read_along(&self, asker: Asker<'_>, large: &Large, fwd: Fwd, led: bool) -> Option<Answered> {
        let reader = large.body.join()?.reader()?;
        let (status, fields, coding) = (large.status, large.headers.clone(), large.coding.clone());
        let passing = Passing { status, fields, content_length: reader.size_hint().exact(), coding, body: Body::new(reader) };
        let mut response = pass(asker, passing);
        VersionFields::of(&large.asked).write(response.headers_mut(), false);
        self.state_quota(asker, &mut response);
        let status = match self.moved_since(asker, large).filter(|_| !led) {
            // Whoever joins so late reads what is known to be old.
            Some(by) => {
                fields::mark_stale(response.headers_mut());
                CacheStatus::Stale { by, why: WhyStale::FillSlow }
            }
            None => arriving(large, fwd, led),
        };
        Some(Answered::new(response, status, u8::from(led)))
    }

    /// For how long it has been known that what a fill under way brings is of a version before the present one.
    fn moved_since(&self, asker: Asker<'_>, large: &Large) -> Option<Duration> {
        asker.portal.versions.moved_since(&large.asked, asker.question.query.dataset.as_deref(), self.clock.read().elapsed)
    }

    /// Waits for a fill to be whole: for clients whose protocol cannot tell a whole stream from a broken one.
    ///
    /// # Errors
    ///
    /// What its call failed with if it does not become whole, [`Error::NeedsChunks`] if its length is not known even then.
    pub(super) async fn once_whole(
        &self,
        asker: Asker<'_>,
        large: &Large,
        waiter: Waiter<Outcome, TeamId>,
        fwd: Fwd,
        led: bool,
    ) -> Result<Answered, Failure> {
        let failed = |error| Failure { error, cost: u8::from(led) };
        let broke_off = || failed(large.failure().map_or(Error::Lost, Error::Origin));
        let body = large.body.join().ok_or_else(broke_off)?;
        // It counts as one who wants the body from here on, and as none whose turn to read it is still to come.
        drop(waiter);
        body.ended().await.map_err(|broken| if matches!(broken, Broken::Unwanted) { failed(Error::NeedsChunks) } else { broke_off() })?;
        if let Some(answered) =
            self.read_along(asker, large, fwd, led).filter(|answered| answered.response.headers().contains_key(CONTENT_LENGTH))
        {
            return Ok(answered);
        }
        // What is decoded on its way has its length in the store.
        let key = asker.question.key.as_ref().ok_or_else(|| failed(Error::NeedsChunks))?;
        self.fills.over(key).await;
        match self.look_up(asker.portal, asker.question, key).await {
            // Its own: what was stored before it is not what it brought.
            Lookup::Fresh { stored, .. } | Lookup::Unchecked { stored, .. } | Lookup::Stale { stored, .. }
                if stored.asked().at.wall() == large.asked.at.wall() =>
            {
                Ok(self.serve_stored(asker, &stored, arriving(large, fwd, led), false, u8::from(led)).await)
            }
            _ => Err(failed(Error::NeedsChunks)),
        }
    }

    fn forwarded(&self, asker: Asker<'_>, mut response: Response<Body>, fwd: Fwd) -> Answered {
        let detail = if asker.question.is_keyed() {
            "private"
        } else if asker.question.key.is_some() && fwd != Fwd::Request {
            "too-large"
        } else {
            "not-stored"
        };
        let status = response.status().as_u16();
        if !asker.question.is_keyed() {
            self.state_quota(asker, &mut response);
        }
        Answered::new(response, CacheStatus::Forwarded { fwd, status, stored: false, collapsed: false, detail: Some(detail) }, 1)
    }
}

/// Whose an answer is that is passed to one client.
fn alone(asker: Asker<'_>) -> Audience {
    if asker.question.is_keyed() { Audience::OneClient } else { Audience::Everybody }
}

fn arriving(large: &Large, fwd: Fwd, led: bool) -> CacheStatus {
    CacheStatus::Forwarded { fwd, status: large.status.as_u16(), stored: false, collapsed: !led, detail: Some("arriving") }
}

/// Dresses a body for a client and undoes, rewrites and wraps it on the way.
fn pass(asker: Asker<'_>, passing: Passing) -> Response<Body> {
    let Passing { status, mut fields, content_length, coding, mut body } = passing;
    // What cannot be decoded can be neither rewritten nor wrapped.
    let readable = !matches!(coding, Coding::Unknown(_));
    let form = asker.form(status, &fields, readable);
    let wrap = form.wrap(status, &fields).filter(|_| readable);
    let changed = wrap.is_some() || form.relinking.is_some();
    let decode = coding == Coding::Gzip && (changed || !form.accepted.takes(ContentCoding::Gzip));
    fields.extend(content_length.filter(|_| !decode && !changed).map(|length| (CONTENT_LENGTH, HeaderValue::from(length))));
    let sent_in = match &coding {
        Coding::Gzip if !decode => Some(HeaderValue::from_static("gzip")),
        Coding::Unknown(coding) => HeaderValue::from_str(coding).ok(),
        Coding::Gzip | Coding::Identity => None,
    };
    fields.extend(sent_in.map(|coding| (CONTENT_ENCODING, coding)));
    if decode {
        body = Body::new(Decoded::new(body.map_err(BoxError::from)));
    }
    if let Some(relinking) = &form.relinking {
        body = Body::new(Relinked::new(body, relinking.rewriter()));
    }
    if let Some(callback) = wrap {
        body = from_stored::wrapped(callback, &mut fields, body);
    }
    asker.relink(&mut fields);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}
