//! The representation selected for one client (RFC 9110 section 3.2): in a coding that it takes, with links that lead here, whole or a part.
//!
//! What is small is in memory in the form that is sent. What is large is read from its file while it is sent, and undone, rewritten and cut
//! on the way; its length is known beforehand all the same.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::BodyExt;
use http_body_util::combinators::MapErr;

use crate::cache::disk::{BodyFile, FileBody};
use crate::cache::representation::{Chosen, Coding, Received, Representation};
use crate::cache::validation::EntityTags;
use crate::origin::Decoded;
use crate::portal::links::{Relinking, Rewriter};
use crate::request::accept_encoding::{Accepted, ContentCoding};
use crate::response::range::Part;
use crate::response::relinked::Relinked;

/// One form of a stored body.
#[derive(Debug)]
pub struct Selected {
    coding: ContentCoding,
    length: u64,
    tag: HeaderValue,
    relinked: bool,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// What is sent is there.
    AtHand(AtHand),
    /// What is sent is made of a file while it is sent.
    Made { file: Arc<BodyFile>, decode: bool, rewriter: Option<Box<Rewriter>> },
}

/// Bytes of which any part can be had at no more than its own cost.
#[derive(Clone, Debug)]
pub enum AtHand {
    /// In memory.
    Bytes(Bytes),
    /// In a file, as they are sent.
    File(Arc<BodyFile>),
}

impl Selected {
    /// The form of `body` for a client that accepts these codings, and follows links here, or is given the portal's own.
    pub async fn of(body: &Representation, accepted: Accepted, relinking: Option<&Relinking<'_>>) -> Self {
        let relinking = body.links().and_then(|replaced| Some((relinking?, replaced)));
        let file = match (body.received(), relinking) {
            (Received::Bytes(bytes), None) => return Self::in_memory(body.chosen(bytes, accepted).await, false),
            (Received::Bytes(bytes), Some((relinking, _))) => {
                return Self::in_memory(body.relinked(bytes, relinking).await.chosen(accepted).await, true);
            }
            (Received::File(file), _) => Arc::clone(file),
        };
        let (identity, stored_gzipped) = (ContentCoding::Identity, body.coding() == Coding::Gzip);
        match (relinking, body.gzip_tag().filter(|_| accepted.takes(ContentCoding::Gzip))) {
            (None, Some(tag)) => {
                let (length, tag) = (file.len(), tag.clone());
                Self { coding: ContentCoding::Gzip, length, tag, relinked: false, content: Content::AtHand(AtHand::File(file)) }
            }
            (None, None) => {
                let content =
                    if stored_gzipped { Content::Made { file, decode: true, rewriter: None } } else { Content::AtHand(AtHand::File(file)) };
                Self { coding: identity, length: body.identity_len(), tag: body.tags().identity().clone(), relinked: false, content }
            }
            (Some((relinking, replaced)), _) => {
                let length = replaced.length_with(&relinking.to, body.identity_len());
                let tag = EntityTags::new(body.digest(), Some(relinking.to.as_str())).identity().clone();
                let content = Content::Made { file, decode: stored_gzipped, rewriter: Some(Box::new(relinking.rewriter())) };
                Self { coding: identity, length, tag, relinked: true, content }
            }
        }
    }

    fn in_memory(Chosen { coding, bytes, tag }: Chosen, relinked: bool) -> Self {
        Self { coding, length: bytes.len() as u64, tag, relinked, content: Content::AtHand(AtHand::Bytes(bytes)) }
    }

    /// Its content coding.
    pub fn coding(&self) -> ContentCoding {
        self.coding
    }

    /// Its bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Its entity tag.
    pub fn tag(&self) -> &HeaderValue {
        &self.tag
    }

    /// Whether links in it were written for the client.
    pub fn is_relinked(&self) -> bool {
        self.relinked
    }

    /// Its bytes, if any part of them can be had without those before it.
    pub fn at_hand(&self) -> Option<&AtHand> {
        match &self.content {
            Content::AtHand(at_hand) => Some(at_hand),
            Content::Made { .. } => None,
        }
    }

    /// The bytes of `range`, which lies within it.
    pub fn into_body(self, range: Range<u64>) -> Body {
        let length = self.length;
        match self.content {
            Content::AtHand(at_hand) => at_hand.read(range),
            Content::Made { file, decode, rewriter } => {
                let whole = 0..file.len();
                let received: MapErr<FileBody, fn(io::Error) -> BoxError> = file.read(whole).map_err(BoxError::from);
                let body = if decode { Body::new(Decoded::new(received)) } else { Body::new(received) };
                let body = match rewriter {
                    Some(rewriter) => Body::new(Relinked::new(body, *rewriter)),
                    None => body,
                };
                // Without a range it is still read to its end, where gzip and rewriter have their last word.
                if range == (0..length) { body } else { Body::new(Part::new(body, &range)) }
            }
        }
    }
}

impl AtHand {
    /// The bytes of `range`, which lies within them.
    pub fn read(&self, range: Range<u64>) -> Body {
        match self {
            // In memory, so within the range of a position.
            Self::Bytes(bytes) => Body::from(bytes.slice(range.start as usize..range.end as usize)),
            Self::File(file) => Body::new(file.read(range)),
        }
    }
}
