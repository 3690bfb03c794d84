//! The bytes of one stored body, and the other forms of them that clients ask for (RFC 9110 section 3.2).
//!
//! A small body is in memory. Its other forms (decoded, with links of another base, compressed again) are made on first demand and kept. A
//! large one is in a file and stays there: its other forms are made while they are sent.

use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cache::disk::BodyFile;
use crate::cache::inspection::Inspected;
use crate::cache::validation::{Digest, EntityTags};
use crate::portal::links::{Base, Relinking, Replaced};

/// A body in the content coding it arrived in, with what its inspection told.
#[derive(Debug)]
pub struct Representation {
    received: Received,
    coding: Coding,
    identity_len: u64,
    digest: Digest,
    links: Option<Replaced>,
    tags: EntityTags,
    identity: OnceLock<Bytes>,
    relinked: OnceLock<Arc<Relinked>>,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub enum Received {
    /// In memory.
    Bytes(Bytes),
    /// In a file of the disk store.
    File(Arc<BodyFile>),
}

/// The content codings that a body arrives in (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
}

/// A small body with its links written for one base.
#[derive(Debug)]
pub struct Relinked {
    base: Base,
    identity: Bytes,
    gzip: OnceLock<Bytes>,
    tags: EntityTags,
}

impl Representation {
    /// A body that was received whole and inspected.
    pub fn new(received: Received, coding: Coding, inspected: &Inspected) -> Self {
        Self::known(received, coding, inspected.identity_len, inspected.digest, inspected.links)
    }

    /// A body of which all this is known.
    pub fn known(received: Received, coding: Coding, identity_len: u64, digest: Digest, links: Option<Replaced>) -> Self {
        let spelling = match &received {
            Received::Bytes(bytes) if coding == Coding::Gzip => u64::from(crc32fast::hash(bytes)),
            Received::Bytes(_) => 0,
            Received::File(file) => file.serial(),
        };
        let tags = EntityTags::new(digest, None, spelling);
        Self { received, coding, identity_len, digest, links, tags, identity: OnceLock::new(), relinked: OnceLock::new() }
    }

    /// Where the bytes are.
    pub fn received(&self) -> &Received {
        &self.received
    }

    /// Their number as received.
    pub fn received_len(&self) -> u64 {
        match &self.received {
            Received::Bytes(bytes) => bytes.len() as u64,
            Received::File(file) => file.len(),
        }
    }

    /// The coding that they are in.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Their number without the coding.
    pub fn identity_len(&self) -> u64 {
        self.identity_len
    }

    /// Of the identity form.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The links to the portal that they carry, if any.
    pub fn links(&self) -> Option<Replaced> {
        self.links
    }

    /// The validators of the forms that keep the links as they are.
    pub fn tags(&self) -> &EntityTags {
        &self.tags
    }

    /// The identity form of `bytes`, this body's.
    pub fn identity(&self, bytes: &Bytes) -> Bytes {
        match self.coding {
            Coding::Identity => bytes.clone(),
            Coding::Gzip => self.identity.get_or_init(|| gunzipped(bytes, self.identity_len)).clone(),
        }
    }

    /// `bytes`, this body's, with its links as `relinking` says. The first base that is asked for is kept: it is the configured one, or the one
    /// that nearly all clients use. One that makes the body much longer is not: it may be any client's `Host`, and has not been weighed.
    pub fn relinked(&self, bytes: &Bytes, relinking: &Relinking<'_>) -> Arc<Relinked> {
        if let Some(kept) = self.relinked.get().filter(|kept| kept.base == relinking.to) {
            return Arc::clone(kept);
        }
        let new = Arc::new(Relinked::new(&self.identity(bytes), self.digest, relinking));
        if new.identity.len() <= self.longest_kept() {
            // Another may have been kept first.
            let _ = self.relinked.set(Arc::clone(&new));
        }
        new
    }

    /// A base of an organisation's may well be so much longer than the portal's origin.
    fn longest_kept(&self) -> usize {
        self.identity_len as usize + self.links.map_or(0, |links| links.count as usize * 64)
    }

    /// Memory it takes, all forms counted whether they exist or not: a store must not grow by being read.
    pub fn weight(&self) -> usize {
        let Received::Bytes(bytes) = &self.received else { return 0 };
        let (received, identity) = (bytes.len(), self.identity_len as usize);
        let decoded = if self.coding == Coding::Gzip { identity } else { 0 };
        let relinked = if self.links.is_some() { self.longest_kept() + received } else { 0 };
        received + decoded + relinked
    }
}

impl Relinked {
    fn new(identity: &[u8], digest: Digest, relinking: &Relinking<'_>) -> Self {
        let mut rewriter = relinking.rewriter();
        let mut linked = Vec::with_capacity(identity.len() + identity.len() / 8);
        rewriter.push(identity, &mut linked);
        rewriter.finish(&mut linked);
        linked.shrink_to_fit();
        let tags = EntityTags::new(digest, Some(relinking.to.as_str()), 0);
        Self { base: relinking.to.clone(), identity: linked.into(), gzip: OnceLock::new(), tags }
    }

    /// The bytes, gzipped or not.
    pub fn bytes(&self, gzipped: bool) -> Bytes {
        if gzipped { self.gzip.get_or_init(|| gzipped_form(&self.identity)).clone() } else { self.identity.clone() }
    }

    /// Their validators.
    pub fn tags(&self) -> &EntityTags {
        &self.tags
    }
}

fn gunzipped(received: &[u8], identity_len: u64) -> Bytes {
    let mut decoded = Vec::with_capacity(identity_len as usize);
    flate2::read::MultiGzDecoder::new(received).read_to_end(&mut decoded).expect("a body is decoded and checked before it is stored");
    decoded.into()
}

fn gzipped_form(identity: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(identity.len() / 4), Compression::default());
    encoder.write_all(identity).and_then(|()| encoder.finish()).expect("memory can be written").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::inspection::Inspection;
    use crate::portal::links::{Counter, Origin, positions};
    use crate::request::endpoint::classify;

    fn gzipped(text: &[u8]) -> Representation {
        Representation::new(Received::Bytes(gzipped_form(text)), Coding::Gzip, &Inspection::of(text, None))
    }

    fn bytes(body: &Representation) -> Bytes {
        let Received::Bytes(bytes) = body.received() else { panic!("it is in memory") };
        bytes.clone()
    }

    #[test]
    fn a_gzipped_body_is_decoded_once() {
        let text = b"des \xc3\xa9coles ".repeat(100);
        let body = gzipped(&text);
        let first = body.identity(&bytes(&body));
        assert_eq!(first, text);
        assert_eq!(body.identity(&bytes(&body)).as_ptr(), first.as_ptr());
    }

    #[test]
    fn making_other_forms_does_not_change_the_weight() {
        let text = vec![b'a'; 10_000];
        let body = gzipped(&text);
        let before = body.weight();
        body.identity(&bytes(&body));
        assert_eq!(body.weight(), before);
        assert!(before > text.len());
    }

    #[test]
    fn links_are_written_once_for_the_base_that_is_used_most_and_each_time_for_others() {
        let origin = Origin::parse("https://data.example").unwrap();
        let text = br#"{"links": [{"rel": "self", "href": "https://data.example/api/x"}], "facets": []}"#;
        let endpoint = classify("/api/explore/v2.1/catalog/facets").unwrap();
        let positions = positions(&endpoint, "", &http::HeaderMap::new()).unwrap();
        let inspected = Inspection::of(text, Some(Counter::new(positions, &origin)));
        assert_eq!(inspected.links.map(|links| links.count), Some(1));
        let body = Representation::new(Received::Bytes(Bytes::from_static(text)), Coding::Identity, &inspected);
        let relinked = |base: &str| {
            let relinking = Relinking { positions, from: &origin, to: Base::parse(base).unwrap() };
            body.relinked(&bytes(&body), &relinking)
        };
        let first = relinked("http://roof:8080");
        assert_eq!(first.bytes(false), String::from_utf8_lossy(text).replace("https://data.example", "http://roof:8080"));
        assert!(Arc::ptr_eq(&first, &relinked("http://roof:8080")));
        let other = relinked("http://other");
        assert_ne!(other.tags().of(false), first.tags().of(false));
        assert!(Arc::ptr_eq(&first, &relinked("http://roof:8080")), "the first base is kept");
        assert_eq!(other.bytes(false), String::from_utf8_lossy(text).replace("https://data.example", "http://other"));
        assert_eq!(gunzipped(&first.bytes(true), 0), first.bytes(false));
    }

    #[test]
    fn a_host_that_was_made_up_to_be_long_is_not_kept_beyond_what_was_weighed() {
        let origin = Origin::parse("https://data.example").unwrap();
        let link = r#"{"rel": "self", "href": "https://data.example/"}"#;
        let text = Bytes::from(format!("{{\"links\": [{}], \"facets\": []}}", [link; 200].join(",")));
        let endpoint = classify("/api/explore/v2.1/catalog/facets").unwrap();
        let positions = positions(&endpoint, "", &http::HeaderMap::new()).unwrap();
        let inspected = Inspection::of(&text, Some(Counter::new(positions, &origin)));
        let body = Representation::new(Received::Bytes(text.clone()), Coding::Identity, &inspected);
        let relinking = |base: &str| Relinking { positions, from: &origin, to: Base::parse(base).unwrap() };
        let long = body.relinked(&text, &relinking(&format!("http://{}", "x".repeat(250))));
        assert!(long.bytes(false).len() > body.weight());
        let usual = body.relinked(&text, &relinking("http://roof"));
        assert!(Arc::ptr_eq(&usual, &body.relinked(&text, &relinking("http://roof"))), "the place was not taken");
    }
}
