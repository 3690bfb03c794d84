//! An answer from a stored response: whole, a part of it, or the word that the client has it already. What depends on the moment is added by
//! the exchange.

use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future;
use futures_util::stream::{self, StreamExt};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::cache::representation::Representation;
use crate::cache::storable::announces_json;
use crate::cache::stored_response::StoredResponse;
use crate::cache::validation::{LastModified, Validators};
use crate::portal::links::Relinking;
use crate::request::accept_encoding::{Accepted, ContentCoding};
use crate::request::query::Callback;
use crate::request::question::Question;
use crate::response::cache_status::CacheStatus;
use crate::response::fields;
use crate::response::multipart::Multipart;
use crate::response::range::{Asked, Ranges};
use crate::response::selected::Selected;

/// The form in which a client takes a body.
#[derive(Clone, Debug)]
pub struct Form<'a> {
    /// The content codings that it accepts.
    pub accepted: Accepted,
    /// JSONP: the function to call with it.
    pub callback: Option<&'a Callback>,
    /// How links to the portal are written for it, if not as they are.
    pub relinking: Option<Relinking<'a>>,
}

impl<'a> Form<'a> {
    /// The form that the asker of `question` takes.
    pub fn of(question: &'a Question, head: &Parts, relinking: Option<Relinking<'a>>) -> Self {
        Self { accepted: Accepted::of(&head.headers), callback: question.query.jsonp.as_ref(), relinking }
    }

    /// The function to wrap this answer for: a page that waits for data is not given an error, or something that is no JSON, as its script.
    pub fn wrap(&self, status: StatusCode, fields: &HeaderMap) -> Option<&'a Callback> {
        self.callback.filter(|_| status == StatusCode::OK && announces_json(fields))
    }
}

/// Answers `request` from store. `last_modified` is of what the answer is made of, if that is known for sure.
///
/// The form that is sent may have to be made first. That happens once for each; what takes its time is done aside.
pub async fn respond(
    stored: &StoredResponse,
    request: &Parts,
    form: &Form<'_>,
    status: &CacheStatus,
    last_modified: Option<&LastModified>,
) -> Response<Body> {
    let answering = Answering { stored, request, form, last_modified };
    let mut response = answering.answer().await;
    if matches!(status, CacheStatus::Stale { .. }) {
        fields::mark_stale(response.headers_mut());
    }
    response
}

/// One request that is answered from store.
struct Answering<'a> {
    stored: &'a StoredResponse,
    request: &'a Parts,
    form: &'a Form<'a>,
    last_modified: Option<&'a LastModified>,
}

impl Answering<'_> {
    async fn answer(&self) -> Response<Body> {
        let (status, fields) = (self.stored.status(), self.stored.fields());
        // Conditions and ranges are about a 200 (RFC 9110 sections 13.2.1 and 14.2), and a script is not what the validators were made of.
        if status != StatusCode::OK || self.form.wrap(status, fields).is_some() {
            return first_hand(status, fields.clone(), self.stored.body(), self.form).await;
        }
        let selected = self.selected(self.form.accepted).await;
        if self.validators(&selected).not_modified(&self.request.method, &self.request.headers) {
            return self.not_modified(&selected);
        }
        let ranged = match Ranges::of(&self.request.method, &self.request.headers) {
            Some(ranges) if ranges.are_several() => self.several(ranges, &selected).await,
            Some(ranges) if self.may_be_cut(&selected, &selected) => match ranges.within(selected.length()) {
                Asked::Part(range) => return self.part(selected, range),
                Asked::Unsatisfiable => Some(self.unsatisfiable(selected.length())),
                Asked::Whole | Asked::Parts(_) => None,
            },
            _ => None,
        };
        ranged.unwrap_or_else(|| {
            let mut fields = self.validated(&selected);
            fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            dressed(StatusCode::OK, fields, selected, None)
        })
    }

    async fn selected(&self, accepted: Accepted) -> Selected {
        Selected::of(self.stored.body(), accepted, self.form.relinking.as_ref()).await
    }

    fn validators<'v>(&'v self, selected: &'v Selected) -> Validators<'v> {
        Validators { tag: selected.tag(), last_modified: self.last_modified }
    }

    /// Several ranges are taken of the identity form: a `Content-Encoding` above the parts' envelopes would be read as the envelopes' own. They
    /// are taken where each costs no more than its bytes, and where all of them, envelopes included, are no more than the whole.
    async fn several(&self, ranges: Ranges<'_>, negotiated: &Selected) -> Option<Response<Body>> {
        let identity = self.selected(Accepted::IDENTITY).await;
        let at_hand = identity.at_hand().filter(|_| self.may_be_cut(&identity, negotiated))?;
        match ranges.within(identity.length()) {
            Asked::Whole => None,
            Asked::Part(range) => Some(self.part(identity, range)),
            Asked::Unsatisfiable => Some(self.unsatisfiable(identity.length())),
            Asked::Parts(parts) => {
                let media_type = self.stored.fields().get(CONTENT_TYPE);
                let parts = Multipart::new(parts, identity.length(), media_type, identity.tag());
                let (length, media_type) = (parts.length(), parts.media_type());
                (length <= identity.length()).then(|| {
                    let mut response = Response::new(parts.into_body(|range| at_hand.read(range)));
                    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                    *response.headers_mut() = self.validated(&identity);
                    response.headers_mut().insert(CONTENT_TYPE, media_type);
                    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
                    response
                })
            }
        }
    }

    /// Whether a range may be taken of `selected`. A date cannot tell codings, bases of links and languages from each other, so it stands for
    /// what this client gets without a range, `negotiated`, if none of them was negotiated for that (RFC 9110 section 8.8.1: a strong validator
    /// is one representation's).
    fn may_be_cut(&self, selected: &Selected, negotiated: &Selected) -> bool {
        let as_it_is = negotiated.coding() == ContentCoding::Identity && !negotiated.is_relinked();
        let dated = as_it_is && self.stored.fields().get(VARY).is_none_or(|vary| vary == "Accept-Encoding");
        self.validators(selected).if_range(&self.request.headers, dated.then(|| self.stored.stored_at()))
    }

    fn part(&self, selected: Selected, range: Range<u64>) -> Response<Body> {
        let content_range = digits(format!("bytes {}-{}/{}", range.start, range.end - 1, selected.length()));
        let mut fields = self.validated(&selected);
        fields.insert(CONTENT_RANGE, content_range);
        dressed(StatusCode::PARTIAL_CONTENT, fields, selected, Some(range))
    }

    fn unsatisfiable(&self, length: u64) -> Response<Body> {
        let mut fields = without_content(self.stored.fields().clone());
        fields.insert(CONTENT_RANGE, digits(format!("bytes */{length}")));
        empty(StatusCode::RANGE_NOT_SATISFIABLE, fields)
    }

    /// RFC 9110 section 15.4.5: what a 200 would have said of caching and nothing of the body.
    fn not_modified(&self, selected: &Selected) -> Response<Body> {
        empty(StatusCode::NOT_MODIFIED, without_content(self.validated(selected)))
    }

    /// The stored fields with the validators of what is sent.
    fn validated(&self, selected: &Selected) -> HeaderMap {
        let mut fields = self.stored.fields().clone();
        fields.insert(ETAG, selected.tag().clone());
        fields.extend(self.last_modified.map(|modified| (LAST_MODIFIED, modified.value().clone())));
        fields
    }
}

fn empty(status: StatusCode, fields: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

fn digits(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits and punctuation are a valid field value")
}

fn without_content(mut fields: HeaderMap) -> HeaderMap {
    for name in [CONTENT_TYPE, CONTENT_DISPOSITION, CONTENT_LANGUAGE] {
        fields.remove(name);
    }
    fields
}

fn dressed(status: StatusCode, fields: HeaderMap, selected: Selected, range: Option<Range<u64>>) -> Response<Body> {
    let range = range.unwrap_or(0..selected.length());
    let (coding, length) = (selected.coding(), range.end - range.start);
    let mut response = Response::new(selected.into_body(range));
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    let fields = response.headers_mut();
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if coding != ContentCoding::Identity {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.token()));
    }
    response
}

/// Answers with a whole body, without looking at conditions and ranges. `fields` are those of clients.
pub async fn first_hand(status: StatusCode, fields: HeaderMap, body: &Representation, form: &Form<'_>) -> Response<Body> {
    let wrap = form.wrap(status, &fields);
    let accepted = if wrap.is_some() { Accepted::IDENTITY } else { form.accepted };
    let selected = Selected::of(body, accepted, form.relinking.as_ref()).await;
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

#[cfg(test)]
mod tests;
