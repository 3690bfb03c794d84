//! Rewriting links: any body, cut anywhere, is as if it had come whole; turned back it is what it was.
//!
//! The first byte chooses the kind of answer, the second the length of the cuts, and the rest is the body.

#![no_main]

use http::HeaderMap;
use http::header::{CONTENT_LOCATION, CONTENT_TYPE, HeaderValue, LINK, LOCATION};
use libfuzzer_sys::fuzz_target;
use preau::portal::links::{Base, Counter, Origin, Positions, Replaced, Rewriter, positions, rewrite_fields};
use preau::request::endpoint::classify;

const PORTAL: &str = "https://data.example";
const ROOF: &str = "http://roof:8080";

/// One of each kind of answer.
const ANSWERS: [(&str, &str, &str); 19] = [
    ("/api/v2/catalog", "", "application/json"),
    ("/api/v2/catalog/datasets", "", "application/json"),
    ("/api/v2/catalog/datasets/x", "", "application/json"),
    ("/api/v2/catalog/datasets/x/records", "", "application/json"),
    ("/api/v2/catalog/datasets/x/records/y", "", "application/json"),
    ("/api/v2/catalog/datasets/x/attachments", "", "application/json"),
    ("/api/v2/catalog/metadata_templates", "", "application/json"),
    ("/api/v2/swagger.json", "", "application/json"),
    ("/api/explore/v2.1/catalog/datasets", "", "application/json"),
    ("/api/explore/v2.1/catalog/datasets/x", "", "application/json"),
    ("/api/explore/v2.1/catalog/datasets/x/records", "", "application/json"),
    ("/api/explore/v2.1/catalog/datasets/x/records", "include_links=true", "application/json"),
    ("/api/explore/v2.1/catalog/datasets/x/records/y", "", "application/json"),
    ("/api/explore/v2.1/catalog/exports/data.json", "", "application/json"),
    ("/api/explore/v2.1/catalog/exports/dcat", "", "application/rdf+xml"),
    ("/api/explore/v2.1/catalog/exports/dcat", "", "application/rdf+xml"),
    ("/api/explore/v2.1/catalog/exports/rss", "", "application/rss+xml"),
    ("/api/explore/v2.1/catalog/exports/ttl", "", "text/turtle"),
    ("/api/explore/v2.1/catalog/exports/ttl", "", "text/turtle"),
];

fn positions_of((path, query, media): (&str, &str, &'static str)) -> Positions {
    let fields = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media))]);
    positions(&classify(path).unwrap(), query, &fields).unwrap()
}

fn rewritten<'a>(positions: Positions, from: &str, to: &str, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Replaced) {
    let mut rewriter = Rewriter::new(positions, &Origin::parse(from).unwrap(), &Base::parse(to).unwrap());
    let mut out = Vec::new();
    for chunk in chunks {
        rewriter.push(chunk, &mut out);
    }
    let replaced = rewriter.finish(&mut out);
    (out, replaced)
}

fuzz_target!(|data: &[u8]| {
    let [kind, cut, body @ ..] = data else { return };
    let positions = positions_of(ANSWERS[usize::from(*kind) % ANSWERS.len()]);
    let whole = |from, to, body| rewritten(positions, from, to, std::iter::once(body));

    let named = "http://roof:8080/education";
    let (out, replaced) = whole(PORTAL, named, body);
    let mut lengths = (0_u8..).map(|index| usize::from(cut.rotate_left(u32::from(index) % 8).wrapping_add(index) % 61) + 1);
    let mut rest = body;
    let chunks = std::iter::from_fn(|| {
        let (chunk, next) = rest.split_at(lengths.next()?.min(rest.len()));
        rest = next;
        (!chunk.is_empty()).then_some(chunk)
    });
    assert_eq!(rewritten(positions, PORTAL, named, chunks), (out.clone(), replaced), "the cuts made a difference");
    assert_eq!(replaced.length_with(&Base::parse(named).unwrap(), body.len() as u64), out.len() as u64);
    assert!(replaced.count > 0 || out == body, "nothing was replaced, and something changed");
    let mut counter = Counter::new(positions, &Origin::parse(PORTAL).unwrap());
    counter.push(body);
    assert_eq!(counter.finish(), replaced);

    // One spelling cannot be turned back into several, nor what led here before into what led to the portal.
    if whole(PORTAL, PORTAL, body).0 == body && whole(ROOF, PORTAL, body).1.count == 0 {
        let (back, turned) = whole(ROOF, PORTAL, &whole(PORTAL, ROOF, body).0);
        assert_eq!(back, body, "turned back it is something else");
        assert_eq!((turned.count, turned.escaped), (replaced.count, replaced.escaped));
    }

    if let Ok(value) = HeaderValue::from_bytes(body) {
        for name in [LOCATION, CONTENT_LOCATION, LINK] {
            let mut fields = HeaderMap::from_iter([(name.clone(), value.clone())]);
            rewrite_fields(&mut fields, &Origin::parse(PORTAL).unwrap(), &Base::parse(named).unwrap());
            let grown = fields[name].len() + body.len() * named.len();
            assert!(grown >= body.len() && !fields.values().any(|value| value.as_bytes().contains(&b'\n')));
        }
    }
});
