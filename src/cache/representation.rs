//! The bytes of one stored body, and the other forms of them that clients ask for (RFC 9110 section 3.2).
//!
//! A small body is in memory. Its other forms (decoded, with links of another base, in another content coding) are made on first demand and
//! kept; what takes its time is made aside ([`coded`](super::coded)). A large one is in a file and stays there: it is sent in the coding it arrived in, or
//! decoded and rewritten while it is sent.

use std::io::Read;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;

use crate::cache::coded::{AT_ONCE, Coded, CodedForms, aside};
use crate::cache::disk::BodyFile;
use crate::cache::inspection::Inspected;
use crate::cache::validation::{Digest, EntityTags};
use crate::portal::links::{Base, Relinking, Replaced, Rewriter};
use crate::request::accept_encoding::{Accepted, ContentCoding};

/// A body in the content coding it arrived in, with what its inspection told.
#[derive(Debug)]
pub struct Representation {
    received: Received,
    coding: Coding,
    identity_len: u64,
    digest: Digest,
    links: Option<Replaced>,
    tags: EntityTags,
    /// Of the bytes as received, if they are gzipped.
    gzip_tag: Option<HeaderValue>,
    identity: OnceLock<Bytes>,
    /// Other codings, if they are offered.
    coded: Option<Box<CodedForms>>,
    relinked: OnceLock<Arc<Relinked>>,
    /// Held while the body is decoded or rewritten aside.
    turn: Semaphore,
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
    /// Other codings, if it is kept: nobody compresses what is sent once.
    coded: Option<CodedForms>,
    tags: EntityTags,
}

/// The form of a small body that one client is sent.
#[derive(Debug)]
pub struct Chosen {
    /// Its coding.
    pub coding: ContentCoding,
    /// The bytes.
    pub bytes: Bytes,
    /// Their entity tag.
    pub tag: HeaderValue,
}

impl Representation {
    /// A body that was received whole and inspected. It is sent as it was received, or in identity.
    pub fn new(received: Received, coding: Coding, inspected: &Inspected) -> Self {
        Self::known(received, coding, inspected.identity_len, inspected.digest, inspected.links)
    }

    /// A body of which all this is known.
    pub fn known(received: Received, coding: Coding, identity_len: u64, digest: Digest, links: Option<Replaced>) -> Self {
        let tags = EntityTags::new(digest, None);
        let gzip_tag = (coding == Coding::Gzip).then(|| {
            let spelling = match &received {
                Received::Bytes(bytes) => u64::from(crc32fast::hash(bytes)),
                Received::File(file) => file.serial(),
            };
            tags.coded(ContentCoding::Gzip, spelling)
        });
        Self {
            received,
            coding,
            identity_len,
            digest,
            links,
            tags,
            gzip_tag,
            identity: OnceLock::new(),
            coded: None,
            relinked: OnceLock::new(),
            turn: Semaphore::new(1),
        }
    }

    /// The same body, offered in further codings if it is in memory and `fields`, its head, say that it is worth it. For what is kept.
    pub fn with_codings(mut self, fields: &HeaderMap) -> Self {
        if matches!(self.received, Received::Bytes(_)) && CodedForms::are_worth_it(self.identity_len, fields) {
            self.coded = Some(Box::new(self.coded_forms()));
        }
        self
    }

    fn coded_forms(&self) -> CodedForms {
        CodedForms::new(self.identity_len, (self.coding == Coding::Gzip).then(|| self.received_len()))
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

    /// The tag of the bytes as received, if they are gzipped.
    pub fn gzip_tag(&self) -> Option<&HeaderValue> {
        self.gzip_tag.as_ref()
    }

    /// The form of `bytes`, this body's, for a client that accepts these codings: the first that is shorter than whatever else it could be
    /// given without further work.
    pub async fn chosen(&self, bytes: &Bytes, accepted: Accepted) -> Chosen {
        let received = self.gzip_tag.as_ref().filter(|_| accepted.takes(ContentCoding::Gzip));
        let at_hand = received.map_or(self.identity_len as usize, |_| bytes.len());
        for &coding in accepted.codings() {
            if let Some(tag) = received.filter(|_| coding == ContentCoding::Gzip) {
                return Chosen { coding, bytes: bytes.clone(), tag: tag.clone() };
            }
            if let Some(coded) = self.coded(bytes, coding).await.filter(|coded| coded.bytes.len() < at_hand) {
                return Chosen::coded(coding, coded);
            }
        }
        Chosen { coding: ContentCoding::Identity, bytes: self.identity(bytes).await, tag: self.tags.identity().clone() }
    }

    async fn coded(&self, bytes: &Bytes, coding: ContentCoding) -> Option<&Coded> {
        let forms = self.coded.as_ref()?;
        match forms.made(coding) {
            Some(made) => made,
            None => forms.make(coding, &self.identity(bytes).await, &self.tags).await,
        }
    }

    /// The identity form of `bytes`, this body's.
    pub async fn identity(&self, bytes: &Bytes) -> Bytes {
        if self.coding == Coding::Identity {
            return bytes.clone();
        }
        let identity_len = self.identity_len as usize;
        if identity_len > AT_ONCE && self.identity.get().is_none() {
            let _turn = self.turn.acquire().await.expect("it is never closed");
            if self.identity.get().is_none() {
                let bytes = bytes.clone();
                // Another cannot have been made: this one had its turn.
                let _ = self.identity.set(aside(move || gunzipped(&bytes, identity_len)).await);
            }
        }
        self.identity.get_or_init(|| gunzipped(bytes, identity_len)).clone()
    }

    /// `bytes`, this body's, with its links as `relinking` says. The first base that is asked for is kept: it is the configured one, or the one
    /// that nearly all clients use. One that makes the body much longer is not: it may be any client's `Host`, and has not been weighed.
    pub async fn relinked(&self, bytes: &Bytes, relinking: &Relinking<'_>) -> Arc<Relinked> {
        let kept = || self.relinked.get().filter(|kept| kept.base == relinking.to).map(Arc::clone);
        if let Some(kept) = kept() {
            return kept;
        }
        let identity = self.identity(bytes).await;
        let rewriter = relinking.rewriter();
        let linked = if identity.len() <= AT_ONCE {
            rewritten(&identity, rewriter)
        } else {
            let _turn = self.turn.acquire().await.expect("it is never closed");
            if let Some(kept) = kept() {
                return kept;
            }
            aside(move || rewritten(&identity, rewriter)).await
        };
        let may_be_kept = linked.len() <= self.longest_kept() && self.relinked.get().is_none();
        let new = Arc::new(Relinked {
            base: relinking.to.clone(),
            identity: linked,
            coded: self.coded.as_ref().filter(|_| may_be_kept).map(|_| self.coded_forms()),
            tags: EntityTags::new(self.digest, Some(relinking.to.as_str())),
        });
        if may_be_kept && self.relinked.set(Arc::clone(&new)).is_err() {
            // Another was kept first: of this base, most likely.
            return kept().unwrap_or(new);
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
        let gzipped = self.coding == Coding::Gzip;
        let decoded = if gzipped { self.identity_len as usize } else { 0 };
        let coded = self.coded.as_ref().map_or(0, |coded| coded.weight(if gzipped { 2 } else { 3 }));
        let relinked = match (&self.links, &self.coded) {
            (Some(_), Some(coded)) => size_of::<Relinked>() + self.longest_kept() + coded.weight(3),
            (Some(_), None) => size_of::<Relinked>() + self.longest_kept(),
            (None, _) => 0,
        };
        bytes.len() + decoded + coded + relinked
    }
}

impl Relinked {
    /// The form for a client that accepts these codings.
    pub async fn chosen(&self, accepted: Accepted) -> Chosen {
        for &coding in self.coded.iter().flat_map(|_| accepted.codings()) {
            if let Some(coded) = self.coded(coding).await {
                return Chosen::coded(coding, coded);
            }
        }
        Chosen { coding: ContentCoding::Identity, bytes: self.identity.clone(), tag: self.tags.identity().clone() }
    }

    async fn coded(&self, coding: ContentCoding) -> Option<&Coded> {
        let forms = self.coded.as_ref()?;
        match forms.made(coding) {
            Some(made) => made,
            None => forms.make(coding, &self.identity, &self.tags).await,
        }
    }
}

impl Chosen {
    fn coded(coding: ContentCoding, Coded { bytes, tag }: &Coded) -> Self {
        Self { coding, bytes: bytes.clone(), tag: tag.clone() }
    }
}

fn gunzipped(received: &[u8], identity_len: usize) -> Bytes {
    let mut decoded = Vec::with_capacity(identity_len);
    flate2::read::MultiGzDecoder::new(received).read_to_end(&mut decoded).expect("a body is decoded and checked before it is stored");
    decoded.into()
}

fn rewritten(identity: &[u8], mut rewriter: Rewriter) -> Bytes {
    let mut linked = Vec::with_capacity(identity.len() + identity.len() / 8);
    rewriter.push(identity, &mut linked);
    rewriter.finish(&mut linked);
    linked.shrink_to_fit();
    linked.into()
}

#[cfg(test)]
mod tests;
