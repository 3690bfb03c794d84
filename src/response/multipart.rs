//! Several parts of a body in one answer (`multipart/byteranges`, RFC 9110 section 14.6).

use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::HeaderValue;

use crate::cache::validation::Digest;

/// The envelopes of several parts: what stands before each of them, and at the end.
#[derive(Debug)]
pub struct Multipart {
    boundary: String,
    parts: Vec<(Bytes, Range<u64>)>,
    end: Bytes,
}

impl Multipart {
    /// Of `ranges` of a body of `length` bytes that has this entity tag and, outside of an envelope, this media type.
    ///
    /// The boundary is made of the tag, which is a hash of the body: no body holds its own hash, neither by accident nor by intent.
    pub fn new(ranges: Vec<Range<u64>>, length: u64, media_type: Option<&HeaderValue>, tag: &HeaderValue) -> Self {
        let boundary = format!("{:?}", Digest::of(tag.as_bytes()));
        let parts = ranges.into_iter().enumerate().map(|(place, range)| {
            let mut envelope = Vec::with_capacity(160);
            envelope.extend_from_slice(if place == 0 { b"--" } else { b"\r\n--" });
            envelope.extend_from_slice(boundary.as_bytes());
            if let Some(media_type) = media_type {
                envelope.extend_from_slice(b"\r\nContent-Type: ");
                envelope.extend_from_slice(media_type.as_bytes());
            }
            let content_range = format!("\r\nContent-Range: bytes {}-{}/{length}\r\n\r\n", range.start, range.end - 1);
            envelope.extend_from_slice(content_range.as_bytes());
            (Bytes::from(envelope), range)
        });
        let parts = parts.collect();
        let end = format!("\r\n--{boundary}--\r\n").into();
        Self { boundary, parts, end }
    }

    /// Bytes of all of it.
    pub fn length(&self) -> u64 {
        let parts = self.parts.iter().map(|(envelope, range)| envelope.len() as u64 + (range.end - range.start));
        parts.sum::<u64>() + self.end.len() as u64
    }

    /// The answer's media type.
    pub fn media_type(&self) -> HeaderValue {
        let media_type = format!("multipart/byteranges; boundary={}", self.boundary);
        HeaderValue::try_from(media_type).expect("hexadecimal digits are a valid boundary")
    }

    /// The answer's body; `read` gives the bytes of one range.
    pub fn into_body(self, read: impl Fn(Range<u64>) -> Body) -> Body {
        let parts = self.parts.into_iter().flat_map(|(envelope, range)| [Body::from(envelope), read(range)]);
        let pieces: Vec<Body> = parts.chain([Body::from(self.end)]).collect();
        Body::from_stream(stream::iter(pieces).map(Body::into_data_stream).flatten())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::*;
    use crate::cache::validation::EntityTags;

    fn written(ranges: Vec<Range<u64>>, whole: &Bytes) -> (Multipart, Bytes) {
        let tags = EntityTags::new(Digest::of(whole), None);
        let new = || Multipart::new(ranges.clone(), whole.len() as u64, Some(&HeaderValue::from_static("text/csv")), tags.identity());
        let body = new().into_body(|range| Body::from(whole.slice(range.start as usize..range.end as usize)));
        let bytes = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(body.collect()).unwrap().to_bytes();
        (new(), bytes)
    }

    #[test]
    fn parts_stand_in_their_envelopes() {
        let (multipart, bytes) = written(vec![8..10, 0..1], &Bytes::from_static(b"0123456789"));
        let boundary = &multipart.boundary;
        assert_eq!(multipart.media_type(), format!("multipart/byteranges; boundary={boundary}"));
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/csv\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n\
             --{boundary}\r\nContent-Type: text/csv\r\nContent-Range: bytes 0-0/10\r\n\r\n0\r\n--{boundary}--\r\n"
        );
        assert_eq!(bytes, expected);
    }

    proptest! {
        #[test]
        fn the_length_is_known_beforehand(
            whole in proptest::collection::vec(any::<u8>(), 1..200),
            cuts in proptest::collection::vec(any::<(proptest::sample::Index, proptest::sample::Index)>(), 1..6),
        ) {
            let ranges = cuts.iter().map(|(a, b)| (a.index(whole.len()), b.index(whole.len())));
            let ranges = ranges.map(|(a, b)| a.min(b) as u64..a.max(b) as u64 + 1).collect();
            let (multipart, bytes) = written(ranges, &whole.into());
            prop_assert_eq!(multipart.length(), bytes.len() as u64);
        }
    }
}
