//! Validators and ranges of stored answers, small and large, plain and gzipped.

use super::http::{self, Answer};
use super::roof::{DIRECTORY, Roof};

const GZIP: (&str, &str) = ("accept-encoding", "gzip");

async fn ask(roof: &Roof, target: &str, fields: &[(&str, &str)]) -> Answer {
    http::get_with(roof.mirror(), target, fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_the_bytes_is_told_so() {
    let roof = Roof::new().await;
    for target in [format!("{DIRECTORY}/records?limit=5"), format!("{DIRECTORY}/exports/csv")] {
        roof.get(&target).await;
        let plain = http::hit(roof.mirror(), &target, &[]).await;
        let gzipped = ask(&roof, &target, &[GZIP]).await;
        assert_eq!(gzipped.field("content-encoding"), "gzip");
        let (tag, other) = (plain.field("etag"), gzipped.field("etag"));
        assert!(!tag.is_empty() && tag != other, "{tag} {other}");
        for (tag, fields) in [(tag, &[][..]), (other, &[]), (other, &[GZIP]), ("*", &[]), (&format!("\"x\", W/{tag}"), &[])] {
            let fields = [fields, &[("if-none-match", tag)]].concat();
            let told = ask(&roof, &target, &fields).await;
            assert_eq!((told.status.as_u16(), told.body.len(), told.field("content-type")), (304, 0, ""), "{fields:?}");
            for name in ["etag", "cache-control", "vary", "date", "cache-status", "age"] {
                assert!(told.fields.contains_key(name), "{name} in {told:?}");
            }
        }
        let whole = ask(&roof, &target, &[("if-none-match", "\"x\"")]).await;
        assert_eq!((whole.status.as_u16(), &whole.body), (200, &plain.body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_the_slice_in_every_coding_and_never_spliced() {
    let roof = Roof::new().await;
    for target in [format!("{DIRECTORY}/records?limit=20"), format!("{DIRECTORY}/exports/csv")] {
        roof.get(&target).await;
        http::hit(roof.mirror(), &target, &[]).await;
        for coding in [&[][..], &[GZIP]] {
            let whole = ask(&roof, &target, coding).await;
            assert_eq!((whole.status.as_u16(), whole.field("accept-ranges")), (200, "bytes"));
            let length = whole.body.len();
            let mut dice = fastrand::Rng::with_seed(length as u64);
            for _ in 0..20 {
                let (a, b) = (dice.usize(0..length), dice.usize(0..length));
                let (first, last) = (a.min(b), a.max(b));
                let range = format!("bytes={first}-{last}");
                let part = ask(&roof, &target, &[coding, &[("range", &range), ("if-range", whole.field("etag"))]].concat()).await;
                assert_eq!(part.status, 206, "{range}");
                assert!(part.body == whole.body[first..=last], "{range} of {length}");
                assert_eq!((part.field("etag"), part.field("content-encoding")), (whole.field("etag"), whole.field("content-encoding")));
            }
            let range = format!("bytes={length}-");
            let none = ask(&roof, &target, &[coding, &[("range", &range)]].concat()).await;
            assert_eq!((none.status.as_u16(), none.field("content-range")), (416, &format!("bytes */{length}")[..]));
            // Another representation's tag: the whole, not a splice.
            let other = if coding.is_empty() { vec![GZIP] } else { vec![] };
            let spliced = ask(&roof, &target, &[&other[..], &[("range", "bytes=0-9"), ("if-range", whole.field("etag"))]].concat()).await;
            assert_eq!(spliced.status, 200);
        }
    }
}
