//! Validators, and what a conditional request asks of a stored response (RFC 9110 section 8.8 and 13, RFC 9111 section 4.3).
//!
//! Pure. The portal sends no validators, so they are made here: a strong entity tag is a hash of the identity bytes, and one word for each
//! thing that makes other bytes of them (the links' base, the content coding and its spelling). A date is what the dataset's version says, and a
//! weaker thing: see [`LastModified`].

mod last_modified;

use std::fmt;

use http::header::{IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

pub use self::last_modified::LastModified;
use crate::request::accept_encoding::ContentCoding;

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

/// The strong entity tags of one body, one for each content coding and spelling of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTags {
    identity: HeaderValue,
}

impl EntityTags {
    /// Of the body with this digest, its links written for `base` if that makes other bytes of it.
    pub fn new(digest: Digest, base: Option<&str>) -> Self {
        let root = match base {
            None => format!("\"{digest:?}\""),
            Some(base) => {
                let Digest(hash) = Digest::of(base.as_bytes());
                format!("\"{digest:?}-{:08x}\"", u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
            }
        };
        Self { identity: valid(root) }
    }

    /// Of the identity form.
    pub fn identity(&self) -> &HeaderValue {
        &self.identity
    }

    /// Of the body in `coding`. `spelling` tells one such form from others: the portal compresses anew for each call, and so does another version
    /// of this program; two spellings must never be spliced.
    pub fn coded(&self, coding: ContentCoding, spelling: u64) -> HeaderValue {
        let root = self.identity.to_str().expect("a tag of ours is ASCII").trim_end_matches('"');
        valid(format!("{root}-{}{spelling:x}\"", coding.token()))
    }
}

fn valid(tag: String) -> HeaderValue {
    HeaderValue::try_from(tag).expect("hexadecimal digits, letters and hyphens are a valid tag")
}

/// What tells the representation that would be sent from others.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// Its entity tag.
    pub tag: &'a HeaderValue,
    /// When what it is made of was last modified, if that is known.
    pub last_modified: Option<&'a LastModified>,
}

impl Validators<'_> {
    /// Whether the client has what would be sent (RFC 9110 section 13.2.2): by `If-None-Match`; only without that, and only for GET and HEAD, by
    /// `If-Modified-Since`.
    pub fn not_modified(&self, method: &Method, request: &HeaderMap) -> bool {
        self.none_match(request).map_or_else(
            || {
                let dated = self.last_modified.filter(|_| matches!(*method, Method::GET | Method::HEAD));
                dated.is_some_and(|modified| modified.is_not_after_that_of(request))
            },
            |none| !none,
        )
    }

    /// Whether `If-None-Match` names no form of this body (RFC 9110 section 13.1.2): by weak comparison, and in any content coding, because all of
    /// them decode to the same bytes.
    fn none_match(&self, request: &HeaderMap) -> Option<bool> {
        let mut lines = request.get_all(IF_NONE_MATCH).iter().peekable();
        lines.peek()?;
        let ours = opaque(self.tag.as_bytes());
        Some(!lines.any(|line| members(line.as_bytes()).any(|tag| tag == b"*" || opaque(tag) == ours)))
    }

    /// Whether a range may be taken of the representation (RFC 9110 section 13.1.5): if `If-Range` is absent, or is its very tag, or its very
    /// date. `dated` is when the response was stored, if a date can stand for these bytes at all.
    pub fn if_range(&self, request: &HeaderMap, dated: Option<Timestamp>) -> bool {
        let mut lines = request.get_all(IF_RANGE).iter();
        match (lines.next(), lines.next()) {
            (None, _) => true,
            (Some(line), None) => {
                line.as_bytes().trim_ascii() == self.tag.as_bytes()
                    || self.last_modified.zip(dated).is_some_and(|(modified, stored_at)| modified.is_that_of(request, stored_at))
            }
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
    // No name of a coding is made of hexadecimal digits alone, as what else follows a hyphen is.
    let names = |end: &[u8]| {
        [ContentCoding::Gzip, ContentCoding::Br, ContentCoding::Zstd].iter().any(|coding| end.starts_with(coding.token().as_bytes()))
    };
    match tag.iter().rposition(|byte| *byte == b'-') {
        Some(hyphen) if names(&tag[hyphen + 1..]) => &tag[..hyphen],
        _ => tag,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use http::header::IF_MODIFIED_SINCE;

    use super::*;

    fn with(name: http::HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    fn modified() -> LastModified {
        LastModified::new("2026-10-21T07:28:00Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn each_representation_has_a_tag_of_its_own() {
        let plain = EntityTags::new(Digest::of(b"a"), None);
        let linked = EntityTags::new(Digest::of(b"a"), Some("http://here"));
        let elsewhere = EntityTags::new(Digest::of(b"a"), Some("http://there"));
        let other = EntityTags::new(Digest::of(b"b"), None);
        let all: Vec<_> = [&plain, &linked, &elsewhere, &other]
            .iter()
            .flat_map(|tags| {
                let coded = [ContentCoding::Gzip, ContentCoding::Br, ContentCoding::Zstd]
                    .map(|coding| [7, 8].map(|spelling| tags.coded(coding, spelling)));
                coded.into_iter().flatten().chain([tags.identity().clone()])
            })
            .collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4 * 7, "{all:?}");
        assert_eq!(plain.identity(), "\"ca978112ca1bbdcafac231b39a23dc4d\"");
        assert_eq!(plain.coded(ContentCoding::Gzip, 7), "\"ca978112ca1bbdcafac231b39a23dc4d-gzip7\"");
        // What a tag is compared by tells bases apart, and nothing else.
        assert_eq!(all.iter().map(|tag| opaque(tag.as_bytes())).collect::<HashSet<_>>().len(), 4, "{all:?}");
    }

    #[test]
    fn if_none_match_compares_weakly_and_across_codings() {
        let tags = EntityTags::new(Digest::of(b"a"), None);
        let [gzip, br] = [ContentCoding::Gzip, ContentCoding::Br].map(|coding| tags.coded(coding, 7));
        let (identity, gzip) = (tags.identity().to_str().unwrap(), gzip.to_str().unwrap());
        for tag in [tags.identity(), &br] {
            let validators = Validators { tag, last_modified: None };
            for (lines, expected) in [
                (&[][..], None),
                (&["*"], Some(false)),
                (&[identity], Some(false)),
                (&[gzip], Some(false)),
                (&[&format!("W/{gzip}")], Some(false)),
                (&["\"x\" , \"z\"", &format!("\"q\",{identity}")], Some(false)),
                (&["\"x\""], Some(true)),
                (&["\"x,*,y\""], Some(true)),
                (&[""], Some(true)),
            ] {
                assert_eq!(validators.none_match(&with(IF_NONE_MATCH, lines)), expected, "{lines:?}");
            }
        }
    }

    #[test]
    fn a_date_counts_only_where_no_tag_is_named_and_only_for_get_and_head() {
        let (tags, modified) = (EntityTags::new(Digest::of(b"a"), None), modified());
        let dated = Validators { tag: tags.identity(), last_modified: Some(&modified) };
        let since = with(IF_MODIFIED_SINCE, &["Wed, 21 Oct 2026 07:28:00 GMT"]);
        assert!(dated.not_modified(&Method::GET, &since) && dated.not_modified(&Method::HEAD, &since));
        assert!(!dated.not_modified(&Method::POST, &since));
        assert!(!Validators { last_modified: None, ..dated }.not_modified(&Method::GET, &since));
        let mut both = since.clone();
        both.insert(IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        assert!(!dated.not_modified(&Method::GET, &both), "the tag has the last word");
    }

    #[test]
    fn if_range_is_the_very_tag_or_a_date_that_can_stand_for_it_or_the_range_is_not_taken() {
        let (tags, modified) = (EntityTags::new(Digest::of(b"a"), None), modified());
        let validators = Validators { tag: tags.identity(), last_modified: Some(&modified) };
        let (identity, gzip) = (tags.identity().to_str().unwrap(), tags.coded(ContentCoding::Gzip, 7));
        let stored_at = modified.at() + jiff::SignedDuration::from_hours(1);
        let of = |line: &str, dated| validators.if_range(&with(IF_RANGE, &[line]), dated);
        assert!(validators.if_range(&HeaderMap::new(), None));
        assert!(of(identity, None));
        assert!(!of(gzip.to_str().unwrap(), None), "codings are never spliced");
        assert!(!of(&format!("W/{identity}"), None));
        let date = "Wed, 21 Oct 2026 07:28:00 GMT";
        assert!(of(date, Some(stored_at)));
        assert!(!of(date, None), "these bytes may not be meant");
        assert!(!of(date, Some(modified.at())), "it is a weak one");
        assert!(!of("Wed, 21 Oct 2026 07:28:01 GMT", Some(stored_at)));
        assert!(!validators.if_range(&with(IF_RANGE, &[identity, identity]), None));
    }
}
