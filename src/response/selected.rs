//! The representation selected for one client (RFC 9110 section 3.2): in the coding that it takes, with links that lead here, whole or a part.
//!
//! What is small is in memory in the form that is sent. What is large is read from its file while it is sent, and undone, rewritten and cut
//! on the way; its length is known beforehand all the same.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::MapErr;

use crate::cache::disk::{BodyFile, FileBody};
use crate::cache::representation::{Coding, Received, Representation};
use crate::cache::validation::EntityTags;
use crate::origin::Decoded;
use crate::portal::links::{Relinking, Rewriter};
use crate::response::range::Part;
use crate::response::relinked::Relinked;

/// One form of a stored body.
#[derive(Debug)]
pub struct Selected {
    gzipped: bool,
    length: u64,
    tags: EntityTags,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Bytes(Bytes),
    File { file: Arc<BodyFile>, decode: bool, rewriter: Option<Box<Rewriter>> },
}

impl Selected {
    /// The form of `body` for a client that accepts gzip, or does not, and follows links here, or is given the portal's own.
    pub fn of(body: &Representation, accepts_gzip: bool, relinking: Option<&Relinking<'_>>) -> Self {
        let relinking = body.links().and_then(|replaced| Some((relinking?, replaced)));
        let stored_gzipped = body.coding() == Coding::Gzip;
        match (body.received(), relinking) {
            (Received::Bytes(bytes), None) => {
                let gzipped = stored_gzipped && accepts_gzip;
                let bytes = if gzipped { bytes.clone() } else { body.identity(bytes) };
                Self { gzipped, length: bytes.len() as u64, tags: body.tags().clone(), content: Content::Bytes(bytes) }
            }
            (Received::Bytes(bytes), Some((relinking, _))) => {
                let relinked = body.relinked(bytes, relinking);
                let gzipped = stored_gzipped && accepts_gzip;
                let bytes = relinked.bytes(gzipped);
                Self { gzipped, length: bytes.len() as u64, tags: relinked.tags().clone(), content: Content::Bytes(bytes) }
            }
            (Received::File(file), None) => {
                let gzipped = stored_gzipped && accepts_gzip;
                let length = if gzipped { file.len() } else { body.identity_len() };
                let content = Content::File { file: Arc::clone(file), decode: stored_gzipped && !gzipped, rewriter: None };
                Self { gzipped, length, tags: body.tags().clone(), content }
            }
            (Received::File(file), Some((relinking, replaced))) => {
                let length = replaced.length_with(&relinking.to, body.identity_len());
                let tags = EntityTags::new(body.digest(), Some(relinking.to.as_str()), 0);
                let rewriter = Some(Box::new(relinking.rewriter()));
                Self { gzipped: false, length, tags, content: Content::File { file: Arc::clone(file), decode: stored_gzipped, rewriter } }
            }
        }
    }

    /// Whether it is gzipped.
    pub fn gzipped(&self) -> bool {
        self.gzipped
    }

    /// Its bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Its validators.
    pub fn tags(&self) -> &EntityTags {
        &self.tags
    }

    /// The bytes of `range`, which lies within it.
    pub fn into_body(self, range: Range<u64>) -> Body {
        let length = self.length;
        match self.content {
            // In memory, so within the range of a position.
            Content::Bytes(bytes) => Body::from(bytes.slice(range.start as usize..range.end as usize)),
            Content::File { file, decode: false, rewriter: None } => Body::new(file.read(range)),
            Content::File { file, decode, rewriter } => {
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
