use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::CONTENT_TYPE;

use super::*;
use crate::cache::inspection::Inspection;
use crate::portal::links::{Counter, Origin, Positions, positions};
use crate::request::endpoint::classify;

fn gzip(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap().into()
}

fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))])
}

/// As a portal sends it: gzipped.
fn gzipped(text: &[u8]) -> Representation {
    Representation::new(Received::Bytes(gzip(text)), Coding::Gzip, &Inspection::of(text, None)).with_codings(&json())
}

/// Records that are alike without being the same, as those of a portal are.
fn records(bytes: usize) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(7);
    let mut text = Vec::new();
    while text.len() < bytes {
        write!(text, r#"{{"uai":"{:07}A","nom_commune":"Commune {}","nombre":{}}},"#, dice.u32(..9_999_999), dice.u8(..), dice.u16(..))
            .unwrap();
    }
    text
}

fn bytes(body: &Representation) -> Bytes {
    let Received::Bytes(bytes) = body.received() else { panic!("it is in memory") };
    bytes.clone()
}

fn accepting(value: &'static str) -> Accepted {
    Accepted::of(&HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, HeaderValue::from_static(value))]))
}

async fn chosen(body: &Representation, value: &'static str) -> Chosen {
    body.chosen(&bytes(body), accepting(value)).await
}

/// Bytes in memory, of all forms that have been made.
fn made(body: &Representation) -> usize {
    let coded = |forms: &CodedForms| {
        let codings = [ContentCoding::Gzip, ContentCoding::Br, ContentCoding::Zstd];
        codings.iter().filter_map(|coding| forms.made(*coding).flatten()).map(|coded| coded.bytes.len()).sum::<usize>()
    };
    let relinked = body.relinked.get().map_or(0, |relinked| relinked.identity.len() + relinked.coded.as_ref().map_or(0, coded));
    let identity = body.identity.get().map_or(0, Bytes::len);
    bytes(body).len() + identity + body.coded.as_ref().map_or(0, |forms| coded(forms)) + relinked
}

#[tokio::test]
async fn a_gzipped_body_is_decoded_once() {
    for text in [records(5_000), records(AT_ONCE * 2)] {
        let body = gzipped(&text);
        let received = bytes(&body);
        let (first, second) = tokio::join!(body.identity(&received), body.identity(&received));
        assert_eq!(first, text);
        assert_eq!(first.as_ptr(), second.as_ptr());
    }
}

#[tokio::test]
async fn each_coding_is_made_once_and_has_a_tag_of_its_own() {
    for text in [records(5_000), records(AT_ONCE * 2)] {
        let body = gzipped(&text);
        let mut tags = Vec::new();
        for (value, coding) in
            [("zstd", ContentCoding::Zstd), ("br", ContentCoding::Br), ("gzip", ContentCoding::Gzip), ("", ContentCoding::Identity)]
        {
            let (first, second) = tokio::join!(chosen(&body, value), chosen(&body, value));
            assert_eq!(first.coding, coding);
            assert_eq!(first.bytes.as_ptr(), second.bytes.as_ptr(), "{value}");
            assert!(!tags.contains(&first.tag), "{tags:?}");
            tags.push(first.tag);
        }
        assert_eq!(chosen(&body, "gzip").await.bytes, bytes(&body), "as it was received");
    }
}

#[tokio::test]
async fn making_other_forms_does_not_change_the_weight_and_does_not_exceed_it() {
    let origin = Origin::parse("https://data.example").unwrap();
    for text in [records(1_100), records(20_000), linked(2), linked(300)] {
        let inspected = Inspection::of(&text, Some(Counter::new(somewhere(), &origin)));
        for (received, coding) in [(gzip(&text), Coding::Gzip), (Bytes::from(text.clone()), Coding::Identity)] {
            let body = Representation::new(Received::Bytes(received), coding, &inspected).with_codings(&json());
            let before = body.weight();
            let to = Base::parse("http://roof.example.org:8080").unwrap();
            let relinking = Relinking { positions: somewhere(), from: &origin, to };
            for value in ["zstd", "br", "gzip", ""] {
                chosen(&body, value).await;
                if body.links().is_some() {
                    body.relinked(&bytes(&body), &relinking).await.chosen(accepting(value)).await;
                }
            }
            assert_eq!(body.weight(), before);
            assert!(made(&body) <= before, "{} of {before} for {} {coding:?}", made(&body), text.len());
        }
    }
}

#[tokio::test]
async fn a_form_that_saves_nothing_is_not_sent() {
    let mut noise = vec![0; 5_000];
    fastrand::Rng::with_seed(1).fill(&mut noise);
    let body =
        Representation::new(Received::Bytes(noise.clone().into()), Coding::Identity, &Inspection::of(&noise, None)).with_codings(&json());
    assert_eq!(chosen(&body, "zstd, br, gzip").await.coding, ContentCoding::Identity);
    assert_eq!(made(&body), noise.len());
    // Text that no coding beats the received one at.
    let text = b"a".repeat(2_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&text).unwrap();
    let received = Bytes::from(encoder.finish().unwrap());
    let body = Representation::new(Received::Bytes(received.clone()), Coding::Gzip, &Inspection::of(&text, None)).with_codings(&json());
    let smallest = chosen(&body, "br, zstd, gzip").await;
    assert!(smallest.bytes.len() <= received.len());
}

#[tokio::test]
async fn what_is_tiny_packed_or_not_kept_is_sent_as_it_came() {
    let (small, text) = (records(500), records(5_000));
    let image = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("image/png"))]);
    let of = |text: &[u8]| Representation::new(Received::Bytes(gzip(text)), Coding::Gzip, &Inspection::of(text, None));
    for body in [of(&small).with_codings(&json()), of(&text).with_codings(&image), of(&text)] {
        assert_eq!(chosen(&body, "zstd, br").await.coding, ContentCoding::Identity);
        assert_eq!(chosen(&body, "zstd, br, gzip;q=0.1").await.coding, ContentCoding::Gzip);
    }
}

fn somewhere() -> Positions {
    positions(&classify("/api/explore/v2.1/catalog/facets").unwrap(), "", &HeaderMap::new()).unwrap()
}

fn linked(count: usize) -> Vec<u8> {
    let links = (0..count).map(|n| format!(r#"{{"rel": "self", "href": "https://data.example/api/{n}"}}"#)).collect::<Vec<_>>().join(",");
    format!("{{\"links\": [{links}], \"facets\": [\"{}\"]}}", "Paris ".repeat(200)).into_bytes()
}

#[tokio::test]
async fn links_are_written_once_for_the_base_that_is_used_most_and_each_time_for_others() {
    let origin = Origin::parse("https://data.example").unwrap();
    for text in [linked(1), linked(3_000)] {
        let text = Bytes::from(text);
        let inspected = Inspection::of(&text, Some(Counter::new(somewhere(), &origin)));
        let body = Representation::new(Received::Bytes(text.clone()), Coding::Identity, &inspected).with_codings(&json());
        let relinked = async |base: &str| {
            let relinking = Relinking { positions: somewhere(), from: &origin, to: Base::parse(base).unwrap() };
            body.relinked(&bytes(&body), &relinking).await
        };
        let expected = |base: &str| String::from_utf8_lossy(&text).replace("https://data.example", base);
        let (first, same) = tokio::join!(relinked("http://roof:8080"), relinked("http://roof:8080"));
        assert_eq!(first.chosen(Accepted::IDENTITY).await.bytes, expected("http://roof:8080"));
        assert!(Arc::ptr_eq(&first, &same));
        let other = relinked("http://other").await;
        assert_eq!(other.chosen(Accepted::IDENTITY).await.bytes, expected("http://other"));
        assert_ne!(other.tags.identity(), first.tags.identity());
        assert!(Arc::ptr_eq(&first, &relinked("http://roof:8080").await), "the first base is kept");
        let compressed = first.chosen(accepting("gzip")).await;
        assert_eq!((compressed.coding, gunzipped(&compressed.bytes, 0)), (ContentCoding::Gzip, expected("http://roof:8080").into()));
        assert_eq!(other.chosen(accepting("gzip")).await.coding, ContentCoding::Identity, "nobody compresses what is sent once");
    }
}

#[tokio::test]
async fn a_host_that_was_made_up_to_be_long_is_not_kept_beyond_what_was_weighed() {
    let origin = Origin::parse("https://data.example").unwrap();
    let link = r#"{"rel": "self", "href": "https://data.example/"}"#;
    let text = Bytes::from(format!("{{\"links\": [{}], \"facets\": []}}", [link; 200].join(",")));
    let inspected = Inspection::of(&text, Some(Counter::new(somewhere(), &origin)));
    let body = Representation::new(Received::Bytes(text.clone()), Coding::Identity, &inspected).with_codings(&json());
    let relinking = |base: &str| Relinking { positions: somewhere(), from: &origin, to: Base::parse(base).unwrap() };
    let long = body.relinked(&text, &relinking(&format!("http://{}", "x".repeat(250)))).await;
    assert!(long.identity.len() > body.longest_kept());
    let usual = body.relinked(&text, &relinking("http://roof")).await;
    assert!(Arc::ptr_eq(&usual, &body.relinked(&text, &relinking("http://roof")).await), "the place was not taken");
}
