//! An answer from a stored response: whole, a part of it, or the word that the client has it already. What depends on the moment is added by
//! the exchange.

use axum::body::Body;
use bytes::Bytes;
use futures_util::future;
use futures_util::stream::{self, StreamExt};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::cache::representation::Representation;
use crate::cache::storable::announces_json;
use crate::cache::stored_response::StoredResponse;
use crate::portal::links::Relinking;
use crate::request::accept_encoding::accepts_gzip;
use crate::request::query::Callback;
use crate::request::question::Question;
use crate::response::cache_status::CacheStatus;
use crate::response::range::Asked;
use crate::response::selected::Selected;

/// The form in which a client takes a body.
#[derive(Clone, Debug)]
pub struct Form<'a> {
    /// Whether it decodes gzip.
    pub accepts_gzip: bool,
    /// JSONP: the function to call with it.
    pub callback: Option<&'a Callback>,
    /// How links to the portal are written for it, if not as they are.
    pub relinking: Option<Relinking<'a>>,
}

impl<'a> Form<'a> {
    /// The form that the asker of `question` takes.
    pub fn of(question: &'a Question, head: &Parts, relinking: Option<Relinking<'a>>) -> Self {
        Self { accepts_gzip: accepts_gzip(&head.headers), callback: question.query.jsonp.as_ref(), relinking }
    }

    /// The function to wrap this answer for: a page that waits for data is not given an error, or something that is no JSON, as its script.
    pub fn wrap(&self, status: StatusCode, fields: &HeaderMap) -> Option<&'a Callback> {
        self.callback.filter(|_| status == StatusCode::OK && announces_json(fields))
    }
}

/// Answers `request` from store.
pub fn respond(stored: &StoredResponse, request: &Parts, form: &Form<'_>, status: &CacheStatus) -> Response<Body> {
    let mut response = whole_or_part(stored, request, form);
    if matches!(status, CacheStatus::Stale { .. }) {
        // Nobody downstream may keep what is known to be old.
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

fn whole_or_part(stored: &StoredResponse, request: &Parts, form: &Form<'_>) -> Response<Body> {
    let fields = stored.fields().clone();
    // Conditions and ranges are about a 200 (RFC 9110 sections 13.2.1 and 14.2), and a script is not what the validators were made of.
    if stored.status() != StatusCode::OK || form.wrap(stored.status(), &fields).is_some() {
        return first_hand(stored.status(), fields, stored.body(), form);
    }
    let selected = Selected::of(stored.body(), form.accepts_gzip, form.relinking.as_ref());
    if selected.tags().none_match(&request.headers) == Some(false) {
        return not_modified(fields, &selected);
    }
    let tag = selected.tags().of(selected.gzipped()).clone();
    let asked = if selected.tags().if_range(&request.headers, selected.gzipped()) {
        Asked::of(&request.method, &request.headers, selected.length())
    } else {
        Asked::Whole
    };
    match asked {
        Asked::Whole => {
            let mut response = dressed(StatusCode::OK, fields, selected, None);
            response.headers_mut().insert(ETAG, tag);
            response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            response
        }
        Asked::Part(range) => {
            let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, selected.length());
            let mut response = dressed(StatusCode::PARTIAL_CONTENT, fields, selected, Some(range));
            response.headers_mut().insert(ETAG, tag);
            response.headers_mut().insert(CONTENT_RANGE, digits(content_range));
            response
        }
        Asked::Unsatisfiable => {
            let content_range = format!("bytes */{}", selected.length());
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            *response.headers_mut() = without_content(fields);
            response.headers_mut().insert(CONTENT_RANGE, digits(content_range));
            response
        }
    }
}

fn digits(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits and punctuation are a valid field value")
}

/// RFC 9110 section 15.4.5: what a 200 would have said of caching and nothing of the body.
fn not_modified(fields: HeaderMap, selected: &Selected) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.headers_mut() = without_content(fields);
    response.headers_mut().insert(ETAG, selected.tags().of(selected.gzipped()).clone());
    response
}

fn without_content(mut fields: HeaderMap) -> HeaderMap {
    for name in [CONTENT_TYPE, CONTENT_DISPOSITION, CONTENT_LANGUAGE] {
        fields.remove(name);
    }
    fields
}

fn dressed(status: StatusCode, fields: HeaderMap, selected: Selected, range: Option<std::ops::Range<u64>>) -> Response<Body> {
    let range = range.unwrap_or(0..selected.length());
    let (gzipped, length) = (selected.gzipped(), range.end - range.start);
    let mut response = Response::new(selected.into_body(range));
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    let fields = response.headers_mut();
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if gzipped {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Answers with a whole body, without looking at conditions and ranges. `fields` are those of clients.
pub fn first_hand(status: StatusCode, fields: HeaderMap, body: &Representation, form: &Form<'_>) -> Response<Body> {
    let wrap = form.wrap(status, &fields);
    let selected = Selected::of(body, form.accepts_gzip && wrap.is_none(), form.relinking.as_ref());
    let Some(callback) = wrap else { return dressed(status, fields, selected, None) };
    let length = selected.length();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    *response.body_mut() = wrapped(callback, response.headers_mut(), selected.into_body(0..length));
    let script = length + callback.as_str().len() as u64 + AROUND;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(script));
    response
}

/// Bytes around a wrapped body beside the callback's name.
const AROUND: u64 = "();".len() as u64;

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
