//! Answers for one client alone: what a key unlocked, what was asked by POST, and what is too large to be kept.

use axum::body::Body;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Method, Response, Version};

use super::Mirror;
use super::answered::{Answered, Asker, Failure};
use super::fetch;
use crate::error::Error;
use crate::origin::{self, Answer, Coding, Completed, Decoded};
use crate::response::cache_status::{CacheStatus, Fwd};
use crate::response::{fields, from_stored};

impl Mirror {
    /// Passes an answer to the one client it was fetched for. A small one is completed and checked first, so that a broken one is a 502 and
    /// not half an answer.
    ///
    /// # Errors
    ///
    /// Whatever keeps the body from being whole; the call is spent then.
    pub(super) async fn passed(&self, asker: Asker<'_>, answer: Answer) -> Result<Answered, Failure> {
        let fwd = if asker.question.method == Method::GET { Fwd::Bypass } else { Fwd::Method };
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
        let (body, _) = fetch::proven(received, &coding).map_err(charged)?;
        fields::for_clients(&mut headers, fetch::varies(asker.question), asker.question.is_keyed());
        let response = from_stored::first_hand(status, headers, &body, asker.form());
        Ok(self.forwarded(asker, response, fwd))
    }

    /// Passes an answer as it arrives. What breaks off is cut off: the client sees chunks without an end, or fewer bytes than were announced.
    ///
    /// # Errors
    ///
    /// [`Error::NeedsChunks`] for a client that could see neither.
    pub(super) fn streamed(&self, asker: Asker<'_>, answer: Answer, fwd: Fwd) -> Result<Answered, Failure> {
        let Answer { status, mut headers, content_length, coding, body, .. } = answer;
        fields::for_clients(&mut headers, fetch::varies(asker.question), asker.question.is_keyed());
        let form = asker.form();
        // What cannot be decoded cannot be wrapped.
        let wrap = form.wrap(status, &headers).filter(|_| !matches!(coding, Coding::Unknown(_)));
        let decode = coding == Coding::Gzip && (wrap.is_some() || !form.accepts_gzip);
        let length = content_length.filter(|_| !decode && wrap.is_none());
        if asker.head.version < Version::HTTP_11 && length.is_none() {
            return Err(Failure { error: Error::NeedsChunks, cost: 1 });
        }
        headers.extend(length.map(|length| (CONTENT_LENGTH, HeaderValue::from(length))));
        let sent_in = match &coding {
            Coding::Gzip if !decode => Some(HeaderValue::from_static("gzip")),
            Coding::Unknown(coding) => HeaderValue::from_str(coding).ok(),
            Coding::Gzip | Coding::Identity => None,
        };
        headers.extend(sent_in.map(|coding| (CONTENT_ENCODING, coding)));
        let body = if decode { Body::new(Decoded::new(body)) } else { Body::new(body) };
        let body = match wrap {
            Some(callback) => from_stored::wrapped(callback, &mut headers, body),
            None => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(self.forwarded(asker, response, fwd))
    }

    fn forwarded(&self, asker: Asker<'_>, mut response: Response<Body>, fwd: Fwd) -> Answered {
        let detail = if asker.question.is_keyed() {
            "private"
        } else if asker.question.key.is_some() {
            "too-large"
        } else {
            "not-stored"
        };
        let status = response.status().as_u16();
        if !asker.question.is_keyed() {
            self.state_quota(asker.portal, &mut response);
        }
        Answered::new(response, CacheStatus::Forwarded { fwd, status, stored: false, collapsed: false, detail: Some(detail) }, 1)
    }
}
