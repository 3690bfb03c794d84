//! Validators, and what a conditional request asks of a stored response (RFC 9110 section 8.8 and 13, RFC 9111 section 4.3).
//!
//! Pure. The portal sends no validators, so they are made here: a strong entity tag is a hash of the identity bytes, and one word for each
//! thing that makes other bytes of them (the links' base, the content coding).

use std::fmt;

use http::header::{IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

/// A hash of a body's identity bytes: 128 bits of SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// Of a whole body.
    pub fn of(identity: &[u8]) -> Self {
        let mut digesting = Digesting::default();
        digesting.update(identity);
        digesting.finish()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A [`Digest`] in the making.
#[derive(Clone, Debug, Default)]
pub struct Digesting(Sha256);

impl Digesting {
    /// Takes more of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was taken.
    pub fn finish(self) -> Digest {
        let mut digest = [0; 16];
        digest.copy_from_slice(&self.0.finalize()[..16]);
        Digest(digest)
    }
}

/// What stands in a tag, before the mark of the spelling, if its representation is gzipped.
const GZIP: &str = "-gzip";

/// The strong entity tags of one body: in identity, and gzipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTags {
    identity: HeaderValue,
    gzip: HeaderValue,
}

impl EntityTags {
    /// Of the body with this digest, its links written for `base` if that makes other bytes of it. `spelling` tells one gzip of it from others:
    /// the portal compresses anew for each call, and two spellings must never be spliced.
    pub fn new(digest: Digest, base: Option<&str>, spelling: u64) -> Self {
        let root = match base {
            None => format!("{digest:?}"),
            Some(base) => {
                let Digest(hash) = Digest::of(base.as_bytes());
                format!("{digest:?}-{:08x}", u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
            }
        };
        let value = |text: String| HeaderValue::try_from(text).expect("hexadecimal digits and hyphens are a valid tag");
        Self { identity: value(format!("\"{root}\"")), gzip: value(format!("\"{root}{GZIP}{spelling:x}\"")) }
    }

    /// The tag of the representation that is sent.
    pub fn of(&self, gzipped: bool) -> &HeaderValue {
        if gzipped { &self.gzip } else { &self.identity }
    }

    /// Whether `If-None-Match` names this body (RFC 9110 section 13.1.2): by weak comparison, and in any content coding, because all of them
    /// decode to the same bytes.
    pub fn none_match(&self, request: &HeaderMap) -> Option<bool> {
        let mut lines = request.get_all(IF_NONE_MATCH).iter().peekable();
        lines.peek()?;
        let ours = opaque(self.identity.as_bytes());
        Some(!lines.any(|line| members(line.as_bytes()).any(|tag| tag == b"*" || opaque(tag) == ours)))
    }

    /// Whether a range may be taken of the representation that is sent (RFC 9110 section 13.1.5): if `If-Range` is absent, or is its very tag.
    /// A date never is: there is no `Last-Modified` to compare it with.
    pub fn if_range(&self, request: &HeaderMap, gzipped: bool) -> bool {
        let mut lines = request.get_all(IF_RANGE).iter();
        match (lines.next(), lines.next()) {
            (None, _) => true,
            (Some(tag), None) => tag.as_bytes().trim_ascii() == self.of(gzipped).as_bytes(),
            _ => false,
        }
    }
}

/// The members of a list of entity tags (RFC 9110 section 8.8.3). A comma may stand inside a tag.
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    list.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    })
    .map(<[u8]>::trim_ascii)
    .filter(|member| !member.is_empty())
}

/// What a tag is compared by: without its weakness, its coding and the spelling of that.
fn opaque(tag: &[u8]) -> &[u8] {
    let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
    let tag = tag.strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\"")).unwrap_or(tag);
    let coding = tag.windows(GZIP.len()).rposition(|end| end == GZIP.as_bytes());
    &tag[..coding.unwrap_or(tag.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: http::HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn each_representation_has_a_tag_of_its_own() {
        let plain = EntityTags::new(Digest::of(b"a"), None, 7);
        let linked = EntityTags::new(Digest::of(b"a"), Some("http://here"), 7);
        let elsewhere = EntityTags::new(Digest::of(b"a"), Some("http://there"), 7);
        let other = EntityTags::new(Digest::of(b"b"), None, 7);
        let all: Vec<_> = [&plain, &linked, &elsewhere, &other].iter().flat_map(|tags| [tags.of(false), tags.of(true)]).collect();
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 8, "{all:?}");
        assert_eq!(plain.of(false), "\"ca978112ca1bbdcafac231b39a23dc4d\"");
        assert_eq!(plain.of(true), "\"ca978112ca1bbdcafac231b39a23dc4d-gzip7\"");
    }

    #[test]
    fn if_none_match_compares_weakly_and_across_codings() {
        let tags = EntityTags::new(Digest::of(b"a"), None, 7);
        let (identity, gzip) = (tags.of(false).to_str().unwrap(), tags.of(true).to_str().unwrap());
        for (lines, expected) in [
            (&[][..], None),
            (&["*"], Some(false)),
            (&[identity], Some(false)),
            (&[gzip], Some(false)),
            (&[&format!("W/{gzip}")], Some(false)),
            (&["\"x, y\" , \"z\"", &format!("\"q\",{identity}")], Some(false)),
            (&["\"x\""], Some(true)),
            (&["\"x,*,y\""], Some(true)),
            (&[""], Some(true)),
        ] {
            assert_eq!(tags.none_match(&with(IF_NONE_MATCH, lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn if_range_is_the_very_tag_or_the_range_is_not_taken() {
        let tags = EntityTags::new(Digest::of(b"a"), None, 7);
        let (identity, gzip) = (tags.of(false).to_str().unwrap(), tags.of(true).to_str().unwrap());
        assert!(tags.if_range(&HeaderMap::new(), false));
        assert!(tags.if_range(&with(IF_RANGE, &[identity]), false));
        assert!(!tags.if_range(&with(IF_RANGE, &[gzip]), false), "codings are never spliced");
        assert!(!tags.if_range(&with(IF_RANGE, &[&format!("W/{identity}")]), false));
        assert!(!tags.if_range(&with(IF_RANGE, &["Wed, 21 Oct 2026 07:28:00 GMT"]), false));
    }
}
