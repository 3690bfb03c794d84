//! An answer from a stored response: head, coding and body; what depends on the moment is added by the exchange.

use axum::body::Body;
use bytes::Bytes;
use futures_util::future;
use futures_util::stream::{self, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::cache::storable::announces_json;
use crate::cache::stored_response::{Coding, Representation, StoredResponse};
use crate::request::accept_encoding::accepts_gzip;
use crate::request::query::Callback;
use crate::request::question::Question;
use crate::response::cache_status::CacheStatus;

/// The form in which a client takes a body.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// Whether it decodes gzip.
    pub accepts_gzip: bool,
    /// JSONP: the function to call with it.
    pub callback: Option<&'a Callback>,
}

impl<'a> Form<'a> {
    /// The form that the asker of `question` takes.
    pub fn of(question: &'a Question, head: &Parts) -> Self {
        Self { accepts_gzip: accepts_gzip(&head.headers), callback: question.query.jsonp.as_ref() }
    }

    /// The function to wrap this answer for: a page that waits for data is not given an error, or something that is no JSON, as its script.
    pub fn wrap(&self, status: StatusCode, fields: &HeaderMap) -> Option<&'a Callback> {
        self.callback.filter(|_| status == StatusCode::OK && announces_json(fields))
    }
}

/// Answers from store.
pub fn respond(stored: &StoredResponse, form: Form<'_>, status: &CacheStatus) -> Response<Body> {
    let mut response = first_hand(stored.status(), stored.fields().clone(), stored.body(), form);
    if matches!(status, CacheStatus::Stale { .. }) {
        // Nobody downstream may keep what is known to be old.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

/// Answers with a whole body that has just arrived, or is stored. `fields` are those of clients.
pub fn first_hand(status: StatusCode, fields: HeaderMap, body: &Representation, form: Form<'_>) -> Response<Body> {
    let wrap = form.wrap(status, &fields);
    let (bytes, coding) = body.negotiate(form.accepts_gzip && wrap.is_none());
    let mut response = Response::new(match wrap {
        Some(callback) => Body::from([callback.as_str().as_bytes(), b"(", &bytes, b");"].concat()),
        None => Body::from(bytes),
    });
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    if coding == Coding::Gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if wrap.is_some() {
        becomes_script(response.headers_mut());
    }
    response
}

/// Wraps a body that is still arriving. If it breaks off, so does the script.
pub fn wrapped(callback: &Callback, fields: &mut HeaderMap, body: Body) -> Body {
    becomes_script(fields);
    let piece = |text: String| stream::once(future::ready(Ok(Bytes::from(text))));
    Body::from_stream(piece(format!("{}(", callback.as_str())).chain(body.into_data_stream()).chain(piece(");".to_owned())))
}

/// RFC 9239. A page that asks for a script must not be given anything it could take for something else.
fn becomes_script(fields: &mut HeaderMap) {
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
