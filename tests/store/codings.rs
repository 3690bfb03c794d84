//! Stored answers in every content coding, and several ranges of them, as clients get them over sockets.

use std::collections::HashMap;
use std::io::{Read, Write};

use bytes::Bytes;

use super::behind::{Behind, RECORDS, answer};
use super::http::{self, Answer};
use super::roof::{DIRECTORY, Roof};
use super::stream::EXPORT;

const CSV: &str = "Content-Type: text/csv; charset=utf-8\r\n";
const JSON: &str = "Content-Type: application/json; charset=utf-8\r\n";

/// What clients say, and what they are sent of a body that is worth coding.
const NEGOTIATED: [(&str, &[&str]); 10] = [
    ("zstd", &["zstd", ""]),
    ("br", &["br"]),
    ("gzip", &["gzip"]),
    // Zstandard where it is shorter than what is there.
    ("gzip, deflate, br, zstd", &["zstd", "br"]),
    ("gzip;q=0.8, br;q=0.9, zstd;q=0", &["br"]),
    ("gzip;q=1.0, *;q=0.1", &["gzip"]),
    ("*", &["gzip"]),
    ("identity, gzip;q=0.5", &[""]),
    ("deflate", &[""]),
    // Never a 406.
    ("identity;q=0, *;q=0", &[""]),
];

/// Records as a portal has them: alike, and none like another.
fn records(bytes: usize) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(bytes as u64);
    let mut text = b"{\"results\": [".to_vec();
    while text.len() < bytes {
        let (uai, commune, pupils) = (dice.u32(..9_999_999), dice.u8(..), dice.u16(..));
        write!(text, r#"{{"uai":"{uai:07}A","nom_commune":"Commune {commune}","nombre_d_eleves":{pupils}}},"#).expect("memory");
    }
    text.pop();
    text.extend_from_slice(b"]}");
    text
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

fn decoded(answer: &Answer) -> Vec<u8> {
    let (bytes, mut text) = (&answer.body[..], Vec::new());
    match answer.field("content-encoding") {
        "" => text.extend_from_slice(bytes),
        "gzip" => drop(flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).expect("gzip")),
        "br" => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text).expect("Brotli")),
        "zstd" => text = zstd::decode_all(bytes).expect("Zstandard"),
        other => panic!("nobody asked for {other}"),
    }
    text
}

/// The parts of a `multipart/byteranges` body: where each begins, and its bytes.
fn parts(answer: &Answer, media_type: &str, length: usize) -> Vec<(usize, Vec<u8>)> {
    let boundary = answer.field("content-type").strip_prefix("multipart/byteranges; boundary=").expect("several parts");
    let delimiter = format!("\r\n--{boundary}");
    let find = |text: &[u8], what: &str| text.windows(what.len()).position(|at| at == what.as_bytes()).expect("well-formed");
    let mut rest = answer.body.strip_prefix(&delimiter.as_bytes()[2..]).expect("a delimiter");
    let mut parts = Vec::new();
    while rest != b"--\r\n" {
        let end = find(rest, "\r\n\r\n");
        let head = std::str::from_utf8(&rest[..end]).expect("ASCII");
        let range = head.strip_prefix(&format!("\r\nContent-Type: {media_type}\r\nContent-Range: bytes ")).expect("both fields");
        let (first, last) = range.strip_suffix(&format!("/{length}")).and_then(|range| range.split_once('-')).expect("a range");
        let first: usize = first.parse().expect("a position");
        rest = &rest[end + 4..];
        let end = find(rest, &delimiter);
        assert_eq!(last.parse(), Ok(first + end - 1), "{head}");
        parts.push((first, rest[..end].to_vec()));
        rest = &rest[end + delimiter.len()..];
    }
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn each_client_gets_the_same_bytes_in_the_coding_it_likes_best() {
    // Coded at once, and aside.
    for text in [records(5_000), records(200_000)] {
        for (coding, received) in [("Content-Encoding: gzip\r\n", gzipped(&text)), ("", text.clone())] {
            let behind = Behind::saying(answer("200 OK", &format!("{JSON}{coding}"), received)).await;
            let mut forms = HashMap::new();
            // The second time from what was kept.
            for (accepted, expected) in NEGOTIATED.iter().chain(&NEGOTIATED) {
                let got = http::get_with(behind.mirror(), RECORDS, &[("accept-encoding", accepted)]).await;
                assert_eq!((got.status.as_u16(), got.field("content-length")), (200, &got.body.len().to_string()[..]), "{accepted}");
                assert!(expected.contains(&got.field("content-encoding")), "{} for {accepted}", got.field("content-encoding"));
                assert!(decoded(&got) == text, "{accepted}");
                assert!(got.field("vary").contains("Accept-Encoding"));
                let form = forms
                    .entry(got.field("etag").to_owned())
                    .or_insert_with(|| (got.field("content-encoding").to_owned(), got.body.clone()));
                assert_eq!((&form.0[..], &form.1), (got.field("content-encoding"), &got.body), "a tag names one form");
                // What would be sent, had the client not had it.
                let had =
                    http::get_with(behind.mirror(), RECORDS, &[("accept-encoding", accepted), ("if-none-match", got.field("etag"))]).await;
                assert_eq!((had.status.as_u16(), had.field("etag")), (304, got.field("etag")));
            }
            assert_eq!((behind.calls(), behind.used().await), (1, 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_ask_at_once_for_a_form_that_is_not_made_yet_get_the_same_one() {
    let text = records(200_000);
    let behind = Behind::saying(answer("200 OK", &format!("{JSON}Content-Encoding: gzip\r\n"), gzipped(&text))).await;
    behind.get(RECORDS).await;
    let mirror = behind.mirror();
    let asked = (0..100).map(|_| tokio::spawn(async move { http::get_with(mirror, RECORDS, &[("accept-encoding", "br")]).await }));
    for got in asked.collect::<Vec<_>>() {
        let got = got.await.expect("an answer");
        assert_eq!(got.field("content-encoding"), "br");
        assert!(decoded(&got) == text);
    }
    assert_eq!(behind.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_packed_or_tiny_is_sent_as_it_came() {
    let text = records(5_000);
    for (media_type, text) in [("application/vnd.apache.parquet", text.clone()), ("image/png", text), ("application/json", records(600))] {
        let behind = Behind::saying(answer("200 OK", &format!("Content-Type: {media_type}\r\n"), &text)).await;
        for _ in 0..2 {
            let got = http::get_with(behind.mirror(), RECORDS, &[("accept-encoding", "gzip, br, zstd")]).await;
            assert_eq!((got.field("content-encoding"), &got.body), ("", &Bytes::from(text.clone())), "{media_type}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_streams_and_what_lies_in_a_file_is_gzip_or_identity() {
    let text = records(3_000_000);
    let behind = Behind::saying(answer("200 OK", &format!("{CSV}Content-Encoding: gzip\r\n"), gzipped(&text))).await;
    for (accepted, expected) in [("gzip, br, zstd", "gzip"), ("br, zstd", "")] {
        let streamed_or_stored = http::get_with(behind.mirror(), EXPORT, &[("accept-encoding", accepted)]).await;
        assert_eq!(streamed_or_stored.field("content-encoding"), expected, "{accepted}");
        assert!(decoded(&streamed_or_stored) == text);
        let stored = http::hit(behind.mirror(), EXPORT, &[("accept-encoding", accepted)]).await;
        assert_eq!(stored.field("content-encoding"), expected, "{accepted}");
        assert!(decoded(&stored) == text);
    }
    assert_eq!(behind.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_lead_here_are_coded_too() {
    let roof = Roof::new().await;
    let target = "/api/explore/v2.0/catalog/datasets/fr-en-annuaire-education/records?limit=50";
    let plain = roof.get(target).await;
    assert!(String::from_utf8_lossy(&plain.body).contains(&format!("http://{}/api/", roof.mirror())), "there are links");
    for accepted in ["br", "zstd", "gzip", "br"] {
        let got = http::get_with(roof.mirror(), target, &[("accept-encoding", accepted)]).await;
        assert_eq!(got.field("content-encoding"), accepted);
        assert!(decoded(&got) == plain.body, "{accepted}");
        assert_ne!(got.field("etag"), plain.field("etag"));
    }
    let elsewhere = http::get_with(roof.mirror(), target, &[("accept-encoding", "br"), ("host", "roof.example")]).await;
    assert_eq!(
        String::from_utf8_lossy(&decoded(&elsewhere)),
        String::from_utf8_lossy(&plain.body).replace(&roof.mirror().to_string(), "roof.example")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn any_set_of_ranges_is_the_slices() {
    // In memory, where identity is decoded and kept, and in a file, where it lies as it is.
    let (small, large) = (records(50_000), records(600_000));
    for (coding, text, received) in [("Content-Encoding: gzip\r\n", &small, gzipped(&small)), ("", &large, large.clone())] {
        let behind = Behind::saying(answer("200 OK", &format!("{JSON}{coding}"), received)).await;
        behind.get(RECORDS).await;
        let whole = http::hit(behind.mirror(), RECORDS, &[]).await;
        let mut dice = fastrand::Rng::with_seed(text.len() as u64);
        for round in 0..60 {
            let cuts = (0..dice.usize(2..10)).map(|_| {
                let first = dice.usize(..text.len());
                (first, first + dice.usize(..text.len() / 20))
            });
            let cuts: Vec<(usize, usize)> = cuts.collect();
            let members = cuts.iter().map(|(first, last)| format!("{first}-{last}")).collect::<Vec<_>>().join(", ");
            // Whatever coding it would get without a range.
            let accepted = ["", "gzip", "br, zstd"][round % 3];
            let fields = [("accept-encoding", accepted), ("range", &format!("bytes={members}")), ("if-range", whole.field("etag"))];
            let part = http::get_with(behind.mirror(), RECORDS, &fields).await;
            assert_eq!(
                (part.status.as_u16(), part.field("content-encoding"), part.field("etag")),
                (206, "", whole.field("etag")),
                "{members}"
            );
            assert_eq!(part.field("content-length"), part.body.len().to_string());
            let slices = match part.field("content-range").strip_prefix("bytes ") {
                Some(range) => {
                    vec![(range.split('-').next().and_then(|first| first.parse().ok()).expect("a position"), part.body.to_vec())]
                }
                None => parts(&part, "application/json; charset=utf-8", text.len()),
            };
            let mut wanted = vec![false; text.len()];
            cuts.iter().for_each(|(first, last)| wanted[*first..(last + 1).min(text.len())].fill(true));
            for (first, bytes) in slices {
                assert!(bytes == text[first..first + bytes.len()], "{members}");
                assert!(wanted[first..first + bytes.len()].iter().all(|wanted| *wanted), "{members}");
                wanted[first..first + bytes.len()].fill(false);
            }
            assert!(!wanted.contains(&true), "{members}");
        }
        let far = http::get_with(behind.mirror(), RECORDS, &[("range", "bytes=900000-,-0")]).await;
        assert_eq!((far.status.as_u16(), far.field("content-range")), (416, &format!("bytes */{}", text.len())[..]));
        let thousand = (0..1000).map(|at| format!("{at}-")).collect::<Vec<_>>().join(",");
        let one = http::get_with(behind.mirror(), RECORDS, &[("range", &format!("bytes={thousand}"))]).await;
        assert_eq!((one.status.as_u16(), one.body.len()), (206, text.len()), "a thousand that overlap are one");
        let scattered = (0..1000).map(|at| format!("{0}-{0}", at * 2)).collect::<Vec<_>>().join(",");
        let all = http::get_with(behind.mirror(), RECORDS, &[("range", &format!("bytes={scattered}"))]).await;
        assert_eq!((all.status.as_u16(), all.body.len()), (200, text.len()), "a thousand that do not are too many");
        let cow = http::get_with(behind.mirror(), RECORDS, &[("range", "bytes=0-0,cow")]).await;
        assert_eq!(cow.status, 200);
        let head = http::send(behind.mirror(), ::http::Method::HEAD, RECORDS, &[("range", "bytes=0-0,9-9")], Bytes::new()).await;
        assert_eq!((head.status.as_u16(), head.field("content-length")), (200, &text.len().to_string()[..]));
        assert_eq!(behind.calls(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ranges_of_what_has_to_be_decoded_from_a_file_are_the_whole() {
    let text = records(3_000_000);
    let behind = Behind::saying(answer("200 OK", &format!("{JSON}Content-Encoding: gzip\r\n"), gzipped(&text))).await;
    behind.get(RECORDS).await;
    http::hit(behind.mirror(), RECORDS, &[]).await;
    let several = http::get_with(behind.mirror(), RECORDS, &[("range", "bytes=-5,0-5")]).await;
    assert_eq!(several.status, 200);
    assert!(several.body == text);
    let one = http::get_with(behind.mirror(), RECORDS, &[("range", "bytes=-5")]).await;
    assert_eq!((one.status.as_u16(), &one.body[..]), (206, &text[text.len() - 5..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn if_range_never_splices_codings() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=100");
    roof.get(&target).await;
    for had in ["gzip", "br", ""] {
        let whole = http::get_with(roof.mirror(), &target, &[("accept-encoding", had)]).await;
        for now in ["gzip", "br", "zstd", "", "gzip, br"] {
            for range in ["bytes=100-", "bytes=-9,0-99"] {
                let fields = [("accept-encoding", now), ("if-range", whole.field("etag")), ("range", range)];
                let more = http::get_with(roof.mirror(), &target, &fields).await;
                if more.status == 206 {
                    assert_eq!(more.field("etag"), whole.field("etag"), "{had}, {now}, {range}");
                    assert_eq!(more.field("content-encoding"), whole.field("content-encoding"), "{had}, {now}, {range}");
                    assert!(range != "bytes=100-" || more.body == whole.body[100..], "{had}, {now}");
                } else {
                    assert_eq!(more.status, 200);
                    assert!(had != now || range != "bytes=100-", "it is the very form that it had: {had}");
                }
            }
        }
    }
}
