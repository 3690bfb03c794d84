use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;
use http_body_util::BodyExt;

use super::*;
use crate::origin::{Body, Error};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Text that does not shrink to nothing.
fn text(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.alphanumeric() as u8).take(bytes).collect()
}

fn decoded_whole(received: &[u8]) -> Result<Bytes, Fault> {
    checked(&Bytes::copy_from_slice(received), &Coding::Gzip, Limits::default())
}

async fn decoded_streaming(received: &[u8], chunk: usize) -> Result<Bytes, Error> {
    let body = Body::of_chunks(received.chunks(chunk).map(Bytes::copy_from_slice));
    Ok(Decoded::new(body).collect().await?.to_bytes())
}

#[test]
fn the_coding_is_read_as_it_is_meant() {
    let coding = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        Coding::of(&headers)
    };
    assert_eq!(coding(&[]), Coding::Identity);
    assert_eq!(coding(&["identity"]), Coding::Identity);
    assert_eq!(coding(&["GZIP"]), Coding::Gzip);
    assert_eq!(coding(&["x-gzip"]), Coding::Gzip);
    assert_eq!(coding(&["br"]), Coding::Unknown("br".to_owned()));
    assert_eq!(coding(&["gzip", "gzip"]), Coding::Unknown("gzip, gzip".to_owned()));
}

#[test]
fn an_unknown_coding_is_not_believed_and_identity_is_as_received() {
    let bytes = Bytes::from_static(b"a");
    assert_eq!(checked(&bytes, &Coding::Unknown("br".to_owned()), Limits::default()), Err(Fault::Unknown));
    assert_eq!(checked(&bytes, &Coding::Identity, Limits::default()), Ok(bytes));
}

#[tokio::test]
async fn one_and_several_members_are_decoded_whole_and_in_pieces() {
    for plain in [vec![], b"a".to_vec(), text(3000), text(200_000)] {
        let (first, second) = plain.split_at(plain.len() / 3);
        for received in [gzip(&plain), [gzip(first), gzip(second)].concat()] {
            assert_eq!(decoded_whole(&received).unwrap(), plain);
            for chunk in [1, 7, 1024, usize::MAX] {
                assert_eq!(decoded_streaming(&received, chunk).await.unwrap(), plain, "{} bytes by {chunk}", plain.len());
            }
        }
    }
}

#[tokio::test]
async fn a_gzip_cut_anywhere_is_never_whole() {
    let received = gzip(&text(300));
    for cut in 0..received.len() {
        assert_eq!(decoded_whole(&received[..cut]), Err(Fault::BadGzip), "cut at {cut}");
        let streamed = decoded_streaming(&received[..cut], 64).await;
        assert!(matches!(streamed, Err(Error::Coding(Fault::BadGzip))), "cut at {cut}: {streamed:?}");
    }
}

#[tokio::test]
async fn a_flipped_bit_and_what_stands_behind_the_end_are_refused() {
    let whole = gzip(&text(300));
    let mut faulty: Vec<Vec<u8>> = vec![b"<html>".to_vec(), [&whole[..], b"x"].concat(), [&whole[..], b"\0\0\0\0"].concat()];
    faulty.push([&whole[..], &whole[..whole.len() - 1]].concat());
    for at in [0, 2, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        faulty.push(flipped);
    }
    for received in faulty {
        assert_eq!(decoded_whole(&received), Err(Fault::BadGzip));
        assert!(matches!(decoded_streaming(&received, 10).await, Err(Error::Coding(Fault::BadGzip))));
    }
}

#[test]
fn a_bomb_is_refused_before_it_has_grown() {
    let bomb = Bytes::from(gzip(&vec![b' '; 64 << 20]));
    assert!(bomb.len() < 100 << 10);
    assert_eq!(checked(&bomb, &Coding::Gzip, Limits::default()), Err(Fault::RatioTooHigh { ratio: 200 }));
    let limits = Limits { decoded_bytes: 5 << 20, ratio: usize::MAX };
    assert_eq!(checked(&bomb, &Coding::Gzip, limits), Err(Fault::DecodedTooLarge { limit: 5 << 20 }));
    // A page of nulls is dense and harmless.
    assert!(checked(&Bytes::from(gzip(&vec![b' '; 900 << 10])), &Coding::Gzip, Limits::default()).is_ok());
}

#[tokio::test]
async fn a_bomb_that_is_passed_on_never_yields_more_than_a_megabyte_at_once() {
    let bomb = gzip(&vec![b' '; 16 << 20]);
    let mut body = Decoded::new(Body::from(Bytes::from(bomb)));
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap().len();
        assert!(piece <= 2 << 20, "{piece} bytes at once");
        total += piece;
    }
    assert_eq!(total, 16 << 20);
}
