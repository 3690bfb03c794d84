//! What changes in bodies, and what does not.

mod fields;
mod json;
mod positions;
mod properties;
mod samples;
mod turtle;
mod xml;

use super::*;

const PORTAL: &str = "https://data.example";

fn origin() -> Origin {
    Origin::parse(PORTAL).unwrap()
}

fn base() -> Base {
    Base::parse("http://roof:8080/education").unwrap()
}

/// A body rewritten in chunks of `size`, and what was replaced.
fn rewritten_in(size: usize, positions: Positions, from: &Origin, to: &Base, body: &[u8]) -> (Vec<u8>, Replaced) {
    let mut rewriter = Rewriter::new(positions, from, to);
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        rewriter.push(chunk, &mut out);
    }
    let replaced = rewriter.finish(&mut out);
    (out, replaced)
}

/// A text rewritten whole and in chunks of every size, which must be the same; its length is as foretold.
fn rewritten(positions: Positions, text: &str) -> String {
    let (whole, replaced) = rewritten_in(text.len().max(1), positions, &origin(), &base(), text.as_bytes());
    for size in 1..text.len().min(64) {
        let cut = rewritten_in(size, positions, &origin(), &base(), text.as_bytes());
        assert_eq!((String::from_utf8_lossy(&cut.0), cut.1), (String::from_utf8_lossy(&whole), replaced), "in chunks of {size}");
    }
    assert_eq!(replaced.length_with(&base(), text.len() as u64), whole.len() as u64);
    let mut counter = Counter::new(positions, &origin());
    counter.push(text.as_bytes());
    assert_eq!(counter.finish(), replaced);
    String::from_utf8(whole).unwrap()
}

/// In `marked`, links that are to change are written with `LINK` for their origin, and everything else as it is, the portal's address
/// included. Escaped ones are `ESCAPED`.
fn assert_rewrites(positions: Positions, marked: &str) {
    let with = |origin: &str| marked.replace("LINK", origin).replace("ESCAPED", &origin.replace('/', "\\/"));
    assert_eq!(rewritten(positions, &with(PORTAL)), with(base().as_str()));
}
