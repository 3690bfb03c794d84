use std::io::{Read, Write};
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderName, Method, Request};
use http_body_util::BodyExt;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::cache::disk::About;
use crate::cache::freshness::Lifetime;
use crate::cache::inspection::Inspection;
use crate::cache::representation::{Coding, Received};
use crate::cache::stored_response::{Asked as Call, Judged};
use crate::clock::{Clock, Moment};
use crate::portal::versions::Basis;

/// What clients say they accept.
const ACCEPTED: [&str; 9] =
    ["", "gzip", "br", "zstd", "gzip, br, zstd", "br;q=0.5, gzip", "zstd;q=0.1, identity;q=0", "*", "identity;q=0, *;q=0"];

const STORED_AT: &str = "2026-03-01T10:00:00Z";

fn stored(text: &[u8], gzipped: bool, vary: &'static str) -> StoredResponse {
    let (received, coding) = if gzipped {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        (encoder.finish().unwrap(), Coding::Gzip)
    } else {
        (text.to_vec(), Coding::Identity)
    };
    let body = Representation::new(Received::Bytes(received.into()), coding, &Inspection::of(text, None));
    let fields = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=0, must-revalidate")),
        (VARY, HeaderValue::from_static(vary)),
    ]);
    let clock = Clock::manual(STORED_AT.parse().unwrap());
    let about = About { portal: "box".to_owned(), dataset: None, family: "records", target: "/x".to_owned() };
    let call = Call { at: Moment::at(clock.read()), basis: Basis::Lifetime, stamp: None };
    let lifetime = Lifetime { fresh: Duration::from_secs(60), unmoved: Duration::ZERO, stale: Duration::ZERO };
    StoredResponse::new(StatusCode::OK, &fields, body, about, call, Judged { lifetime, ..Judged::default() }, clock.read())
}

/// An answer, read to its end.
struct Told {
    status: u16,
    fields: HeaderMap,
    body: Bytes,
}

impl Told {
    fn field(&self, name: HeaderName) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn told_of(stored: &StoredResponse, method: Method, asked: &[(HeaderName, &str)], modified: Option<&LastModified>) -> Told {
    let mut request = Request::builder().method(method);
    for (name, value) in asked {
        request = request.header(name, *value);
    }
    let (request, ()) = request.body(()).unwrap().into_parts();
    let form = Form { accepted: Accepted::of(&request.headers), callback: None, relinking: None };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let hit = CacheStatus::Hit { ttl: Duration::ZERO };
        let (head, body) = respond(stored, &request, &form, &hit, modified).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if let Some(length) = head.headers.get(CONTENT_LENGTH) {
            assert_eq!(length, &body.len().to_string());
        }
        Told { status: head.status.as_u16(), fields: head.headers, body }
    })
}

fn told(stored: &StoredResponse, asked: &[(HeaderName, &str)]) -> Told {
    told_of(stored, Method::GET, asked, None)
}

fn decoded(told: &Told) -> Vec<u8> {
    let (bytes, mut identity) = (&told.body[..], Vec::new());
    match told.field(CONTENT_ENCODING) {
        "" => identity.extend_from_slice(bytes),
        "gzip" => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut identity).unwrap()),
        "br" => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut identity).unwrap()),
        "zstd" => identity = zstd::decode_all(bytes).unwrap(),
        other => panic!("{other} was never asked for"),
    }
    identity
}

/// The parts of a `multipart/byteranges` body: where each begins, and its bytes.
fn parts(told: &Told) -> Vec<(usize, Vec<u8>)> {
    let boundary = told.field(CONTENT_TYPE).strip_prefix("multipart/byteranges; boundary=").expect("several");
    let find = |text: &[u8], what: &str| text.windows(what.len()).position(|at| at == what.as_bytes()).expect("it is well-formed");
    let mut rest = told.body.strip_prefix(format!("--{boundary}").as_bytes()).unwrap();
    let mut parts = Vec::new();
    while rest != b"--\r\n" {
        let end = find(rest, "\r\n\r\n");
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        assert!(head.starts_with("\r\nContent-Type: application/json; charset=utf-8\r\nContent-Range: bytes "), "{head}");
        let first: usize = head.rsplit_once("bytes ").unwrap().1.split('-').next().unwrap().parse().unwrap();
        rest = &rest[end + 4..];
        let end = find(rest, &format!("\r\n--{boundary}"));
        parts.push((first, rest[..end].to_vec()));
        rest = &rest[end + 4 + boundary.len()..];
    }
    parts
}

/// What a 206 brings: where each slice begins, and its bytes.
fn slices(told: &Told) -> Vec<(usize, Vec<u8>)> {
    match told.field(CONTENT_RANGE).strip_prefix("bytes ") {
        Some(range) => vec![(range.split('-').next().unwrap().parse().unwrap(), told.body.to_vec())],
        None => parts(told),
    }
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let pieces = proptest::collection::vec(("[a-zé0-9 \",:{}]{0,12}", 1_usize..40), 1..40);
    pieces.prop_map(|pieces| pieces.iter().map(|(text, times)| text.repeat(*times)).collect::<String>().into_bytes())
}

proptest! {
    #[test]
    fn whatever_is_accepted_decodes_to_the_same_bytes_and_a_tag_names_one_form(text in texts(), gzipped: bool) {
        let stored = stored(&text, gzipped, "Accept-Encoding");
        let mut forms = std::collections::HashMap::new();
        for accepted in ACCEPTED.iter().chain(&ACCEPTED) {
            let whole = told(&stored, &[(ACCEPT_ENCODING, accepted)]);
            prop_assert_eq!((whole.status, &decoded(&whole)), (200, &text), "{}", accepted);
            let coding = whole.field(CONTENT_ENCODING);
            prop_assert!(coding.is_empty() || accepted.contains(coding) || (coding, *accepted) == ("gzip", "*"), "{} for {}", coding, accepted);
            prop_assert!(coding.is_empty() || whole.body.len() < text.len() || gzipped && coding == "gzip");
            let known = forms.entry(whole.field(ETAG).to_owned()).or_insert_with(|| whole.body.clone());
            prop_assert_eq!(known, &whole.body, "{}", accepted);
        }
    }

    #[test]
    fn any_set_of_ranges_is_the_slices(
        text in texts(),
        gzipped: bool,
        accepted in proptest::sample::select(&ACCEPTED[..]),
        cuts in proptest::collection::vec((any::<Index>(), any::<Index>(), 0_u8..3), 1..8),
    ) {
        let stored = stored(&text, gzipped, "Accept-Encoding");
        let accept = (ACCEPT_ENCODING, accepted);
        // Of one range the form that the client would get is cut; of several, identity.
        let whole = told(&stored, if cuts.len() == 1 { std::slice::from_ref(&accept) } else { &[] });
        prop_assume!(!whole.body.is_empty());
        let length = whole.body.len();
        let mut wanted = vec![false; length];
        let members: Vec<String> = cuts.iter().map(|(a, b, kind)| {
            // Some reach behind the end, or begin there.
            let (a, b) = (a.index(length + length / 8 + 1), b.index(length + length / 8 + 1));
            let (first, last) = (a.min(b), a.max(b));
            let (range, text) = match kind {
                0 => (first..last + 1, format!("{first}-{last}")),
                1 => (first..length, format!("{first}-")),
                _ => (length.saturating_sub(last)..length, format!("-{last}")),
            };
            range.filter(|at| *at < length).for_each(|at| wanted[at] = true);
            text
        }).collect();
        let ranges = format!("bytes={}", members.join(","));
        let part = told(&stored, &[accept.clone(), (RANGE, &ranges)]);
        let got_slices = match part.status {
            416 => {
                prop_assert_eq!(part.field(CONTENT_RANGE), format!("bytes */{length}"));
                Vec::new()
            }
            // Of small bodies the envelopes would be more than the rest.
            200 => {
                prop_assert!(members.len() > 1);
                prop_assert_eq!(decoded(&part), text);
                return Ok(());
            }
            206 => {
                prop_assert_eq!(part.field(ETAG), whole.field(ETAG));
                prop_assert_eq!(part.field(CONTENT_ENCODING), whole.field(CONTENT_ENCODING));
                prop_assert!(part.body.len() <= length);
                slices(&part)
            }
            other => return Err(TestCaseError::fail(format!("{other}"))),
        };
        let mut got = vec![false; length];
        for (first, bytes) in got_slices {
            prop_assert_eq!(&bytes[..], &whole.body[first..first + bytes.len()]);
            for at in &mut got[first..first + bytes.len()] {
                prop_assert!(!std::mem::replace(at, true), "twice");
            }
        }
        prop_assert_eq!(got, wanted);
    }

    #[test]
    fn if_range_never_splices_codings(
        text in texts(),
        gzipped: bool,
        first in proptest::sample::select(&ACCEPTED[..]),
        second in proptest::sample::select(&ACCEPTED[..]),
        dated: bool,
        ranges in proptest::sample::select(&["0-", "7-", "-9", "20-,0-9", "-1,0-0"][..]),
    ) {
        let stored = stored(&text, gzipped, "Accept-Encoding");
        let modified = LastModified::new("2026-02-28T10:00:00Z".parse().unwrap()).unwrap();
        let ask = |asked: &[_]| told_of(&stored, Method::GET, asked, Some(&modified));
        let had = ask(&[(ACCEPT_ENCODING, first)]);
        // A date says nothing of codings: it is for those who ask as they did.
        let (second, validator) = if dated { (first, had.field(LAST_MODIFIED)) } else { (second, had.field(ETAG)) };
        let more = ask(&[(ACCEPT_ENCODING, second), (IF_RANGE, validator), (RANGE, &format!("bytes={ranges}"))]);
        match more.status {
            200 => prop_assert_eq!(&decoded(&more), &text),
            416 => {}
            _ => {
                prop_assert_eq!(more.status, 206);
                prop_assert!(!dated || more.field(CONTENT_ENCODING).is_empty());
                prop_assert_eq!(more.field(ETAG), had.field(ETAG));
                for (first, bytes) in slices(&more) {
                    prop_assert_eq!(&bytes[..], &had.body[first..first + bytes.len()]);
                }
            }
        }
    }

    #[test]
    fn a_304_has_what_the_200_would_have_said(
        text in texts(),
        gzipped: bool,
        head: bool,
        first in proptest::sample::select(&ACCEPTED[..]),
        second in proptest::sample::select(&ACCEPTED[..]),
        by_date: bool,
    ) {
        let stored = stored(&text, gzipped, "Accept-Encoding");
        let modified = LastModified::new("2026-02-28T10:00:00Z".parse().unwrap()).unwrap();
        let method = if head { Method::HEAD } else { Method::GET };
        let ask = |asked: &[_]| told_of(&stored, method.clone(), asked, Some(&modified));
        let had = ask(&[(ACCEPT_ENCODING, first)]);
        let would_be = ask(&[(ACCEPT_ENCODING, second)]);
        let condition = if by_date { (IF_MODIFIED_SINCE, had.field(LAST_MODIFIED)) } else { (IF_NONE_MATCH, had.field(ETAG)) };
        let none = ask(&[(ACCEPT_ENCODING, second), condition]);
        prop_assert_eq!((none.status, none.body.len()), (304, 0));
        for name in [ETAG, CACHE_CONTROL, VARY, LAST_MODIFIED] {
            prop_assert_eq!(none.fields.get(&name), would_be.fields.get(&name), "{}", name);
            prop_assert!(none.fields.contains_key(&name), "{}", name);
        }
        for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE] {
            prop_assert!(!none.fields.contains_key(&name), "{}", name);
        }
    }
}

fn at(text: &str) -> Option<LastModified> {
    LastModified::new(text.parse::<Timestamp>().unwrap())
}

#[test]
fn a_date_stands_for_bytes_that_were_never_negotiated_and_have_settled() {
    let text = b"{\"results\": []}".repeat(100);
    let ask = |stored: &StoredResponse, accepted: &str, modified: Option<LastModified>| {
        let date = modified.as_ref().map_or("Sat, 28 Feb 2026 10:00:00 GMT", |modified| modified.value().to_str().unwrap());
        let asked = [(ACCEPT_ENCODING, accepted), (IF_RANGE, date), (RANGE, "bytes=0-9")];
        told_of(stored, Method::GET, &asked, modified.as_ref()).status
    };
    let by_coding = stored(&text, true, "Accept-Encoding");
    assert_eq!(ask(&by_coding, "", at("2026-02-28T10:00:00Z")), 206);
    assert_eq!(ask(&by_coding, "gzip", at("2026-02-28T10:00:00Z")), 200, "every coding has the same date");
    assert_eq!(ask(&by_coding, "", at("2026-03-01T09:59:30Z")), 200, "it may have changed twice meanwhile");
    assert_eq!(ask(&by_coding, "", None), 200, "there is none");
    let by_language = stored(&text, true, "Accept-Encoding, Accept-Language");
    assert_eq!(ask(&by_language, "", at("2026-02-28T10:00:00Z")), 200, "every language has the same date");
}

#[test]
fn several_parts_are_never_more_than_the_whole() {
    let text = b"{\"results\": []}".repeat(100);
    let stored = stored(&text, true, "Accept-Encoding");
    let ask = |ranges: &str| told(&stored, &[(RANGE, ranges)]);
    let two = ask("bytes=-5,0-4");
    assert_eq!((two.status, parts(&two)), (206, vec![(1495, text[1495..].to_vec()), (0, text[..5].to_vec())]));
    assert_eq!(ask("bytes=0-700,702-").status, 200, "with envelopes it would be more");
    assert_eq!(ask("bytes=0-0,5000-").field(CONTENT_RANGE), "bytes 0-0/1500", "one is left");
    assert_eq!(told_of(&stored, Method::HEAD, &[(RANGE, "bytes=0-4,-5")], None).status, 200);
    let compressed = told(&stored, &[(RANGE, "bytes=0-700,702-"), (ACCEPT_ENCODING, "br")]);
    assert_eq!((compressed.status, compressed.field(CONTENT_ENCODING)), (200, "br"), "the whole goes in the coding that is asked for");
}

#[test]
fn a_date_is_stated_with_the_bytes_and_not_without() {
    let stored = stored(&b"{\"results\": []}".repeat(100), true, "Accept-Encoding");
    let modified = at("2026-02-28T10:00:00Z");
    for (asked, status) in [
        (&[][..], 200),
        (&[(RANGE, "bytes=0-4")], 206),
        (&[(RANGE, "bytes=0-4,-5")], 206),
        (&[(IF_NONE_MATCH, "*")], 304),
        (&[(IF_MODIFIED_SINCE, "Sunday, 01-Mar-26 00:00:00 GMT")], 304),
        (&[(IF_MODIFIED_SINCE, "Sun Mar  1 00:00:00 2026"), (IF_NONE_MATCH, "\"x\"")], 200),
    ] {
        let told = told_of(&stored, Method::GET, asked, modified.as_ref());
        assert_eq!((told.status, told.field(LAST_MODIFIED)), (status, "Sat, 28 Feb 2026 10:00:00 GMT"), "{asked:?}");
    }
    let undated = told(&stored, &[(IF_MODIFIED_SINCE, "Sun, 01 Mar 2026 00:00:00 GMT")]);
    assert_eq!((undated.status, undated.field(LAST_MODIFIED)), (200, ""));
}
