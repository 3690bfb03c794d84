//! What came back from the portal: the head, cleaned of what belongs to the connection, and the body while it arrives.
//!
//! Nothing is judged here: whether an answer is stored, passed on or refused is decided by who asked for it. A redirect, a 206 or an error page
//! is an answer like any other.

use http::header::{self, HeaderMap};
use http::{Method, StatusCode};

use super::body::{Body, Patience};
use super::connection::without_fields_of_the_connection;
use super::content_coding::{Coding, Limits, checked};
use crate::budget::QuotaRefusal;

/// Bytes of a 429's body that are read for the reason of the refusal. The portal's own has 200.
const REFUSAL_LIMIT: usize = 64 << 10;

/// An answer of the portal.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its fields, without those of the connection, without cookies, and without the two that speak of the body's bytes as received: those are
    /// [`content_length`](Self::content_length) and [`coding`](Self::coding).
    pub headers: HeaderMap,
    /// The stated length of the body as received (to HEAD: of the body that a GET would bring).
    pub content_length: Option<u64>,
    /// The coding that the body is received in.
    pub coding: Coding,
    /// Whether length, chunks or the kind of answer say where the body ends. If not, the end of the connection does, and only a coding that
    /// proves its own end can tell a whole body from a cut one.
    pub delimited: bool,
    /// The body, as received. It holds the call as under way.
    pub body: Body,
}

impl Answer {
    /// The answer to a `method` request, its body still to come.
    pub(super) fn new(method: &Method, response: reqwest::Response, patience: Patience) -> Self {
        let (head, source) = http::Response::<reqwest::Body>::from(response).into_parts();
        let (status, headers) = (head.status, head.headers);
        let without_body = *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        // hyper has refused heads whose lengths differ, and reads chunks if there are both.
        let chunked = headers.contains_key(header::TRANSFER_ENCODING);
        let content_length =
            headers.get(header::CONTENT_LENGTH).filter(|_| !chunked).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let coding = Coding::of(&headers);
        let headers = without_fields_of_the_connection(&headers, &[header::SET_COOKIE, header::CONTENT_LENGTH, header::CONTENT_ENCODING]);
        let delimited = without_body || chunked || content_length.is_some();
        Self { status, headers, content_length, coding, delimited, body: Body::arriving(source, patience) }
    }

    /// What the body of a 429 says, if it is short and in the portal's shape. The body stays to be read.
    pub(super) async fn refusal(&mut self) -> Option<QuotaRefusal> {
        if self.status != StatusCode::TOO_MANY_REQUESTS {
            return None;
        }
        self.body.read_ahead(REFUSAL_LIMIT).await;
        if !self.body.is_here() {
            return None;
        }
        let limits = Limits { decoded_bytes: REFUSAL_LIMIT, ..Limits::default() };
        QuotaRefusal::from_body(&checked(&self.body.peek(), &self.coding, limits).ok()?)
    }
}
