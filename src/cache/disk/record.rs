//! The head of a stored response as versioned bytes, and the checksum that binds an entry's parts together.
//!
//! Decoding meets whatever a disk may hold: other versions, truncated and foreign bytes. It says what is wrong and never panics; what is
//! done about it is the store's business.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

use super::About;
use crate::cache::key::CacheKey;
use crate::cache::representation::Coding;
use crate::cache::validation::Digest;
use crate::portal::links::{RULES, Replaced};
use crate::portal::versions::{Fingerprint, Stamp, Version};

/// Bytes of another version are not read: neither of another layout than the one below, nor with links counted by other rules.
const VERSION: u8 = LAYOUT << 4 | RULES;

const LAYOUT: u8 = 2;

/// What is known of a stored response beside its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The portal's status.
    pub status: StatusCode,
    /// The head as clients get it, links not rewritten.
    pub fields: HeaderMap,
    /// The coding in which the body is stored.
    pub coding: Coding,
    /// Length of the body without its coding, in bytes.
    pub identity_len: u64,
    /// Hash of the body without its coding.
    pub digest: Digest,
    /// Links found in it; none if it has no positions for them.
    pub links: Option<Replaced>,
    /// When its call left, on the wall clock.
    pub asked_at: Timestamp,
    /// When its last byte arrived, on the wall clock.
    pub stored_at: Timestamp,
    /// What the table of versions stated when its call left.
    pub stamp: Option<Stamp>,
    /// Its bytes are those of the version before.
    pub same_bytes: bool,
    /// The portal's own freshness lifetime, if it stated one, in seconds.
    pub max_age: Option<Duration>,
}

/// Why bytes are no head.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Another version of the program wrote them.
    #[error("its head is of version {0}, this program's is {VERSION}")]
    Version(u8),
    /// They end too early or too late, or a part of them is not what it should be.
    #[error("its head is malformed: {0}")]
    Malformed(&'static str),
}

impl Head {
    /// The head in the present version's layout. Numbers are little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.status.as_u16().to_le_bytes());
        bytes.push(match self.coding {
            Coding::Identity => 0,
            Coding::Gzip => 1,
        });
        bytes.extend(self.identity_len.to_le_bytes());
        bytes.extend(self.digest.0);
        match self.links {
            None => bytes.push(0),
            Some(links) => {
                bytes.push(1);
                bytes.extend(links.count.to_le_bytes());
                bytes.extend(links.bytes.to_le_bytes());
                bytes.extend(links.escaped.to_le_bytes());
            }
        }
        for moment in [self.asked_at, self.stored_at] {
            bytes.extend(moment.as_second().to_le_bytes());
            bytes.extend(moment.subsec_nanosecond().to_le_bytes());
        }
        bytes.push(u8::from(self.same_bytes));
        bytes.extend(self.max_age.map_or(u64::MAX, |max_age| max_age.as_secs()).to_le_bytes());
        match &self.stamp {
            None => bytes.push(0),
            Some(stamp) => {
                bytes.push(1);
                bytes.extend(stamp.table.0.to_le_bytes());
                bytes.extend(stamp.list.0.to_le_bytes());
                for version in [&stamp.data, &stamp.metadata] {
                    let (kind, text) = version.to_parts();
                    bytes.push(kind);
                    write(&mut bytes, text.as_bytes());
                }
            }
        }
        for (name, value) in &self.fields {
            write(&mut bytes, name.as_str().as_bytes());
            write(&mut bytes, value.as_bytes());
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has written.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut rest = Reader(bytes);
        match rest.array::<1>() {
            Ok([VERSION]) => {}
            Ok([other]) => return Err(Unreadable::Version(other)),
            Err(error) => return Err(error),
        }
        let status = StatusCode::from_u16(u16::from_le_bytes(rest.array()?)).map_err(|_| Unreadable::Malformed("status"))?;
        let coding = match rest.array()? {
            [0] => Coding::Identity,
            [1] => Coding::Gzip,
            _ => return Err(Unreadable::Malformed("coding")),
        };
        let identity_len = u64::from_le_bytes(rest.array()?);
        let digest = Digest(rest.array()?);
        let links = match rest.array()? {
            [0] => None,
            [1] => Some(Replaced {
                count: u32::from_le_bytes(rest.array()?),
                bytes: u64::from_le_bytes(rest.array()?),
                escaped: u32::from_le_bytes(rest.array()?),
            }),
            _ => return Err(Unreadable::Malformed("links")),
        };
        let (asked_at, stored_at) = (rest.moment()?, rest.moment()?);
        let same_bytes = rest.flag("same bytes")?;
        let max_age = Some(u64::from_le_bytes(rest.array()?)).filter(|seconds| *seconds != u64::MAX).map(Duration::from_secs);
        let stamp = if rest.flag("stamp")? {
            let (table, list) = (Fingerprint(u64::from_le_bytes(rest.array()?)), Fingerprint(u64::from_le_bytes(rest.array()?)));
            Some(Stamp { table, list, data: rest.version()?, metadata: rest.version()? })
        } else {
            None
        };
        let mut fields = HeaderMap::new();
        while !rest.0.is_empty() {
            let name = HeaderName::from_bytes(rest.part()?).map_err(|_| Unreadable::Malformed("field name"))?;
            let value = HeaderValue::from_bytes(rest.part()?).map_err(|_| Unreadable::Malformed("field value"))?;
            fields.try_append(name, value).map_err(|_| Unreadable::Malformed("number of fields"))?;
        }
        Ok(Self { status, fields, coding, identity_len, digest, links, asked_at, stored_at, stamp, same_bytes, max_age })
    }
}

fn write(bytes: &mut Vec<u8>, part: &[u8]) {
    let len = u32::try_from(part.len()).expect("a name or a value is bounded by the largest head");
    bytes.extend(len.to_le_bytes());
    bytes.extend_from_slice(part);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Unreadable::Malformed("truncated"))?;
        self.0 = rest;
        Ok(*first)
    }

    fn moment(&mut self) -> Result<Timestamp, Unreadable> {
        let (second, nanosecond) = (i64::from_le_bytes(self.array()?), i32::from_le_bytes(self.array()?));
        Timestamp::new(second, nanosecond).map_err(|_| Unreadable::Malformed("time"))
    }

    fn flag(&mut self, what: &'static str) -> Result<bool, Unreadable> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Unreadable::Malformed(what)),
        }
    }

    fn version(&mut self) -> Result<Version, Unreadable> {
        let [kind] = self.array()?;
        let text = std::str::from_utf8(self.part()?).map_err(|_| Unreadable::Malformed("version"))?;
        Version::from_parts(kind, text).ok_or(Unreadable::Malformed("version"))
    }

    fn part(&mut self) -> Result<&'a [u8], Unreadable> {
        let len = u32::from_le_bytes(self.array()?) as usize;
        let (part, rest) = self.0.split_at_checked(len).ok_or(Unreadable::Malformed("truncated"))?;
        self.0 = rest;
        Ok(part)
    }
}

/// The checksum of a row in the index: over everything of it that must not change, each part with its length before it. `body` is the body if
/// it is in the row; a body in a file has its own checksums there, and is bound to the row by `serial` and `body_len`.
pub(super) fn seal(key: &CacheKey, serial: u64, about: AboutRef<'_>, head: &[u8], body_len: u64, body: Option<&[u8]>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    let dataset = about.dataset.map_or([&b"0"[..], b""], |dataset| [&b"1"[..], dataset.as_bytes()]);
    let texts = [about.portal, about.family, about.target].map(str::as_bytes);
    for part in [&[key.as_bytes()][..], &texts, &dataset, &[head], body.as_slice()].concat() {
        crc.update(&(part.len() as u64).to_le_bytes());
        crc.update(part);
    }
    crc.update(&serial.to_le_bytes());
    crc.update(&body_len.to_le_bytes());
    crc.finalize()
}

/// [`About`], as it is or as a row has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct AboutRef<'a> {
    pub portal: &'a str,
    pub dataset: Option<&'a str>,
    pub family: &'a str,
    pub target: &'a str,
}

impl About {
    pub(super) fn as_ref(&self) -> AboutRef<'_> {
        AboutRef { portal: &self.portal, dataset: self.dataset.as_deref(), family: self.family, target: &self.target }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, LINK};
    use proptest::prelude::*;

    use super::*;
    use crate::cache::disk::tests::key_of;

    fn head() -> Head {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv"));
        fields.append(LINK, HeaderValue::from_static("<a>"));
        fields.append(LINK, HeaderValue::from_bytes(b"<\xc3\xa9>").unwrap());
        Head {
            status: StatusCode::OK,
            fields,
            coding: Coding::Gzip,
            identity_len: 1 << 40,
            digest: Digest(*b"0123456789abcdef"),
            links: Some(Replaced { count: 3, bytes: 99, escaped: 1 }),
            asked_at: "2026-03-01T09:59:59.5Z".parse().unwrap(),
            stored_at: "2026-03-01T10:00:00.123456789Z".parse().unwrap(),
            stamp: Some(Stamp {
                data: Version::stated(Some("2026-02-28T22:00:01.5+00:00")),
                metadata: Version::Null,
                table: Fingerprint(7),
                list: Fingerprint(u64::MAX),
            }),
            same_bytes: true,
            max_age: Some(Duration::from_secs(60)),
        }
    }

    #[test]
    fn a_head_comes_back_as_it_was() {
        let plain = Head { links: None, stamp: None, max_age: None, coding: Coding::Identity, fields: HeaderMap::new(), ..head() };
        let ancient = Head { stored_at: Timestamp::MIN, ..head() };
        for head in [head(), plain, ancient] {
            assert_eq!(Head::from_bytes(&head.to_bytes()), Ok(head));
        }
    }

    #[test]
    fn every_truncation_of_a_head_is_seen_or_ends_between_two_fields() {
        let bytes = head().to_bytes();
        let whole = head();
        for len in 0..bytes.len() {
            if let Ok(read) = Head::from_bytes(&bytes[..len]) {
                assert!(read.fields.len() < whole.fields.len(), "{len}");
            }
        }
    }

    #[test]
    fn a_head_of_another_version_is_named_as_such() {
        let mut bytes = head().to_bytes();
        bytes[0] = VERSION + 1;
        assert_eq!(Head::from_bytes(&bytes), Err(Unreadable::Version(VERSION + 1)));
    }

    #[test]
    fn moving_a_byte_between_parts_breaks_the_seal() {
        let about = |portal, target| AboutRef { portal, dataset: None, family: "records", target };
        let key = key_of("a");
        let seal = |about, head: &[u8], body| super::seal(&key, 1, about, head, 2, body);
        let sealed = seal(about("p", "/t"), b"head", Some(&b"body"[..]));
        for other in [
            seal(about("p/", "t"), b"head", Some(&b"body"[..])),
            seal(about("p", "/t"), b"headb", Some(&b"ody"[..])),
            seal(about("p", "/t"), b"head", None),
            seal(AboutRef { dataset: Some(""), ..about("p", "/t") }, b"head", Some(&b"body"[..])),
            super::seal(&key, 2, about("p", "/t"), b"head", 2, Some(&b"body"[..])),
            super::seal(&key, 1, about("p", "/t"), b"head", 3, Some(&b"body"[..])),
            super::seal(&key_of("b"), 1, about("p", "/t"), b"head", 2, Some(&b"body"[..])),
        ] {
            assert_ne!(sealed, other);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
            let _ = Head::from_bytes(&bytes);
            bytes.insert(0, VERSION);
            let _ = Head::from_bytes(&bytes);
        }

        #[test]
        fn a_changed_head_never_panics(at in 0..200_usize, to: u8) {
            let mut bytes = head().to_bytes();
            let at = at % bytes.len();
            bytes[at] = to;
            let _ = Head::from_bytes(&bytes);
        }
    }
}
