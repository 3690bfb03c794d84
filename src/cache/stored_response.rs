//! One stored response: the head as clients get it, and the body as it was received.
//!
//! Whatever can be prepared when storing is prepared here: an answer from store copies a head and shares bytes.

use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::cache::freshness::{Freshness, Lifetime};

/// A whole answer of the portal, kept.
#[derive(Debug)]
pub struct StoredResponse {
    status: StatusCode,
    fields: HeaderMap,
    body: Representation,
    stored_at: Duration,
    lifetime: Lifetime,
}

/// A body in the content coding it arrived in, and in identity once somebody asked for that.
#[derive(Debug)]
pub struct Representation {
    received: Bytes,
    coding: Coding,
    /// Made on first demand and kept; its length is known from the check that every body passes before it is stored.
    identity: OnceLock<Bytes>,
    identity_len: usize,
}

/// The content codings that a body arrives in (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
}

impl Representation {
    /// A body that arrived without coding.
    pub fn identity(body: Bytes) -> Self {
        Self { identity_len: body.len(), received: body, coding: Coding::Identity, identity: OnceLock::new() }
    }

    /// A body that arrived gzipped, was checked whole, and decodes to `identity_len` bytes.
    pub fn gzip(received: Bytes, identity_len: usize) -> Self {
        Self { received, coding: Coding::Gzip, identity: OnceLock::new(), identity_len }
    }

    /// The bytes to send to a client that accepts gzip, or does not, with their coding.
    pub fn negotiate(&self, accepts_gzip: bool) -> (Bytes, Coding) {
        match self.coding {
            Coding::Gzip if !accepts_gzip => (self.decoded(), Coding::Identity),
            coding => (self.received.clone(), coding),
        }
    }

    fn decoded(&self) -> Bytes {
        self.identity
            .get_or_init(|| {
                let mut decoded = Vec::with_capacity(self.identity_len);
                flate2::read::MultiGzDecoder::new(&self.received[..])
                    .read_to_end(&mut decoded)
                    .expect("a body is decoded and checked before it is stored");
                decoded.into()
            })
            .clone()
    }

    /// Memory it takes, the decoded form counted whether it exists or not: a store must not grow by being read.
    fn weight(&self) -> usize {
        match self.coding {
            Coding::Identity => self.received.len(),
            Coding::Gzip => self.received.len() + self.identity_len,
        }
    }
}

impl StoredResponse {
    /// Keeps an answer whose last byte arrived at `stored_at` on the clock's monotonic hand. `fields` are those of clients.
    pub fn new(status: StatusCode, fields: HeaderMap, body: Representation, stored_at: Duration, lifetime: Lifetime) -> Self {
        Self { status, fields: of_its_own(&fields), body, stored_at, lifetime }
    }

    /// The portal's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The head as clients get it, save what depends on the moment.
    pub fn fields(&self) -> &HeaderMap {
        &self.fields
    }

    /// The body.
    pub fn body(&self) -> &Representation {
        &self.body
    }

    /// How long it answers.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// Current age (RFC 9111 section 4.2.3): resident time alone, because the portal is an origin server and sends no `Age`. Measured on
    /// the monotonic hand, so that a wall clock that jumps makes nothing older or younger.
    pub fn age(&self, elapsed: Duration) -> Duration {
        elapsed.saturating_sub(self.stored_at)
    }

    /// Whether it may answer now.
    pub fn freshness(&self, elapsed: Duration) -> Freshness {
        Freshness::of(self.age(elapsed), self.lifetime)
    }

    /// Bytes of memory it accounts for.
    pub fn weight(&self) -> usize {
        let head: usize = self.fields.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD).sum();
        size_of::<Self>() + head + self.body.weight()
    }
}

/// The same fields in bytes of their own. As received, each value is a window into the buffer that the whole head, and often the body, was
/// read into, and keeps all of it.
fn of_its_own(fields: &HeaderMap) -> HeaderMap {
    let mut own = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let mut copy = HeaderValue::from_bytes(value.as_bytes()).expect("it was a field's value");
        copy.set_sensitive(value.is_sensitive());
        own.append(name.clone(), copy);
    }
    own
}

/// What a field costs in a `HeaderMap` beside its text: a bucket, an index slot and the value's own header.
const FIELD_OVERHEAD: usize = 96;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn a_gzipped_body_is_sent_as_received_or_decoded_once() {
        let text = b"des \xc3\xa9coles ".repeat(100);
        let received = gzip(&text);
        let body = Representation::gzip(received.clone(), text.len());
        assert_eq!(body.negotiate(true), (received, Coding::Gzip));
        let (first, coding) = body.negotiate(false);
        assert_eq!((&first[..], coding), (&text[..], Coding::Identity));
        assert_eq!(body.negotiate(false).0.as_ptr(), first.as_ptr(), "decoded once");
    }

    #[test]
    fn decoding_on_demand_does_not_change_the_weight() {
        let text = vec![b'a'; 10_000];
        let lifetime = Lifetime { fresh: Duration::ZERO, stale: Duration::ZERO };
        let stored =
            StoredResponse::new(StatusCode::OK, HeaderMap::new(), Representation::gzip(gzip(&text), text.len()), Duration::ZERO, lifetime);
        let before = stored.weight();
        stored.body().negotiate(false);
        assert_eq!(stored.weight(), before);
        assert!(before > text.len());
    }

    #[test]
    fn a_stored_head_keeps_nothing_of_the_buffer_it_was_read_into() {
        let buffer = Bytes::from(b"application/json and whatever else was read with it".to_vec());
        let value = HeaderValue::from_maybe_shared(buffer.slice(..16)).unwrap();
        let fields = HeaderMap::from_iter([(http::header::CONTENT_TYPE, value)]);
        let body = Representation::identity(Bytes::new());
        let stored = StoredResponse::new(StatusCode::OK, fields, body, Duration::ZERO, Lifetime::default());
        assert_eq!(stored.fields()[http::header::CONTENT_TYPE], "application/json");
        assert!(buffer.is_unique());
    }

    #[test]
    fn age_never_goes_below_zero() {
        let lifetime = Lifetime { fresh: Duration::from_secs(1), stale: Duration::ZERO };
        let stored = StoredResponse::new(
            StatusCode::OK,
            HeaderMap::new(),
            Representation::identity(Bytes::new()),
            Duration::from_secs(10),
            lifetime,
        );
        assert_eq!(stored.age(Duration::from_secs(9)), Duration::ZERO);
        assert_eq!(stored.age(Duration::from_secs(12)), Duration::from_secs(2));
    }
}
