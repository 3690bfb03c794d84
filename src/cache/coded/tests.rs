use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::cache::validation::Digest;

const CODINGS: [ContentCoding; 3] = [ContentCoding::Gzip, ContentCoding::Br, ContentCoding::Zstd];

fn decoded(coding: ContentCoding, bytes: &[u8]) -> Vec<u8> {
    let mut identity = Vec::new();
    match coding {
        ContentCoding::Identity => identity.extend_from_slice(bytes),
        ContentCoding::Gzip => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut identity).unwrap()),
        ContentCoding::Br => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut identity).unwrap()),
        ContentCoding::Zstd => identity = zstd::decode_all(bytes).unwrap(),
    }
    identity
}

fn of_type(media_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))])
}

#[test]
fn text_is_worth_coding_and_what_is_packed_is_not() {
    for (media_type, expected) in [
        ("application/json; charset=utf-8", true),
        ("application/geo+json", true),
        ("text/csv; charset=utf-8", true),
        ("Text/Turtle", true),
        ("application/rdf+xml", true),
        ("application/vnd.google-earth.kml+xml", true),
        ("image/svg+xml", true),
        ("application/javascript", true),
        ("image/png", false),
        ("application/vnd.apache.parquet", false),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false),
        ("application/zip", false),
        ("application/octet-stream", false),
        ("", false),
    ] {
        assert_eq!(CodedForms::are_worth_it(WORTH_CODING, &of_type(media_type)), expected, "{media_type}");
        assert!(!CodedForms::are_worth_it(WORTH_CODING - 1, &of_type(media_type)), "{media_type}");
    }
    assert!(!CodedForms::are_worth_it(WORTH_CODING, &HeaderMap::new()));
}

#[tokio::test]
async fn a_thousand_who_ask_at_once_wait_for_one_encoder() {
    let identity = Bytes::from(b"des \xc3\xa9coles ".repeat(AT_ONCE));
    let tags = EntityTags::new(Digest::of(&identity), None);
    let forms = CodedForms::new(identity.len() as u64, None);
    let asked = futures_util::future::join_all((0..1000).map(|_| forms.make(ContentCoding::Br, &identity, &tags))).await;
    let first = asked[0].expect("it is worth it");
    assert!(asked.iter().all(|made| made.is_some_and(|made| made.bytes.as_ptr() == first.bytes.as_ptr())));
    assert_eq!(decoded(ContentCoding::Br, &first.bytes), identity);
}

#[tokio::test]
async fn what_is_made_aside_leaves_the_runtime_to_others() {
    // One thread: whoever else is to be heard meanwhile must find it free.
    let identity = Bytes::from(b"des \xc3\xa9coles ".repeat(AT_ONCE));
    let tags = EntityTags::new(Digest::of(&identity), None);
    let forms = CodedForms::new(identity.len() as u64, None);
    let mut making = std::pin::pin!(forms.make(ContentCoding::Br, &identity, &tags));
    let made_at_once = futures_util::poll!(making.as_mut());
    assert!(made_at_once.is_pending());
    assert!(making.await.is_some());
}

#[tokio::test]
async fn one_who_leaves_takes_nothing_from_those_who_stay() {
    let identity = Bytes::from(b"des \xc3\xa9coles ".repeat(AT_ONCE));
    let tags = EntityTags::new(Digest::of(&identity), None);
    let forms = CodedForms::new(identity.len() as u64, None);
    {
        let mut leaving = std::pin::pin!(forms.make(ContentCoding::Zstd, &identity, &tags));
        assert!(futures_util::poll!(leaving.as_mut()).is_pending());
    }
    assert!(forms.make(ContentCoding::Zstd, &identity, &tags).await.is_some());
}

#[tokio::test]
async fn what_is_longer_than_its_weight_is_given_up_and_not_tried_again() {
    let mut noise = vec![0; 5_000];
    fastrand::Rng::with_seed(3).fill(&mut noise);
    let (noise, tags) = (Bytes::from(noise), EntityTags::new(Digest::of(b"noise"), None));
    for coding in CODINGS {
        let forms = CodedForms::new(noise.len() as u64, None);
        assert!(forms.made(coding).is_none());
        assert!(forms.make(coding, &noise, &tags).await.is_none());
        assert!(forms.made(coding).is_some_and(|made| made.is_none()));
    }
}

proptest! {
    #[test]
    fn the_bytes_through_each_coding_decode_to_the_same_bytes(
        pieces in proptest::collection::vec(("[a-zé \",:{}]{0,12}", 1_usize..60), 0..60),
    ) {
        let identity: String = pieces.iter().map(|(text, times)| text.repeat(*times)).collect();
        let identity = identity.as_bytes();
        for coding in CODINGS {
            let bytes = encoded(coding, identity, identity.len() + 100).expect("there is room");
            prop_assert_eq!(&decoded(coding, &bytes), identity, "{:?}", coding);
            // As long as it may be, and not a byte less.
            prop_assert!(encoded(coding, identity, bytes.len()).is_some());
            prop_assert!(encoded(coding, identity, bytes.len() - 1).is_none());
        }
    }
}
