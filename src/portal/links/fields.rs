//! Links in header fields.

use http::HeaderMap;
use http::header::{CONTENT_LOCATION, HeaderName, HeaderValue, LINK, LOCATION};

use super::candidate::{Exchange, Step};
use super::{Base, Origin};

/// Whether a head has any field that may carry a link.
pub fn in_fields(fields: &HeaderMap) -> bool {
    [LINK, LOCATION, CONTENT_LOCATION].iter().any(|name| fields.contains_key(name))
}

/// Rewrites `Location`, `Content-Location` and the targets of `Link` (RFC 8288 section 3) that begin with `from`.
///
/// Parameters of a link, `anchor` among them, stay as they are. A value that comes out is a field value whatever went in: what is inserted
/// is the text of a [`Base`].
pub fn rewrite_fields(fields: &mut HeaderMap, from: &Origin, to: &Base) {
    for (name, rewritten) in [(LOCATION, whole as Rewriting), (CONTENT_LOCATION, whole), (LINK, targets)] {
        rewrite(fields, &name, |value| rewritten(value, from, to));
    }
}

type Rewriting = fn(&[u8], &Origin, &Base) -> Vec<u8>;

fn rewrite(fields: &mut HeaderMap, name: &HeaderName, rewritten: impl Fn(&[u8]) -> Vec<u8>) {
    let http::header::Entry::Occupied(mut entry) = fields.entry(name) else { return };
    for value in entry.iter_mut() {
        let bytes = rewritten(value.as_bytes());
        if bytes != value.as_bytes() {
            let sensitive = value.is_sensitive();
            *value = HeaderValue::from_bytes(&bytes).expect("the text of a base can stand in a field value");
            value.set_sensitive(sensitive);
        }
    }
}

/// A value that is one link. One without an origin is relative to the address that was asked, so below a base with a path it needs that path.
fn whole(value: &[u8], from: &Origin, to: &Base) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + to.as_str().len());
    if value.starts_with(b"/") && !value.starts_with(b"//") {
        out.extend_from_slice(to.path().as_bytes());
        out.extend_from_slice(value);
        return out;
    }
    let mut exchange = Exchange::new(from, to);
    link(value, &mut exchange, &mut out);
    out
}

/// A list of links with their parameters.
fn targets(value: &[u8], from: &Origin, to: &Base) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + to.as_str().len());
    let mut exchange = Exchange::new(from, to);
    let mut rest = value;
    while let Some(open) = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b',')) {
        let (separator, member) = rest.split_at(open);
        out.extend_from_slice(separator);
        rest = member;
        let target_end = rest.iter().position(|byte| *byte == b'>');
        if let (Some(target), Some(end)) = (rest.strip_prefix(b"<"), target_end) {
            out.push(b'<');
            let (target, parameters) = target.split_at(end - 1);
            link(target, &mut exchange, &mut out);
            rest = parameters;
        }
        let (parameters, next) = rest.split_at(member_end(rest));
        out.extend_from_slice(parameters);
        rest = next;
    }
    out.extend_from_slice(rest);
    out
}

/// Where the list goes on: at a comma outside of quotes, or never.
fn member_end(member: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |byte: &u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    };
    member.iter().position(ends).unwrap_or(member.len())
}

fn link(value: &[u8], exchange: &mut Exchange, out: &mut Vec<u8>) {
    let held = exchange.candidate.restart(value);
    for (index, byte) in value.iter().enumerate().skip(held) {
        let step = exchange.candidate.step(*byte, false);
        if step != Step::More {
            exchange.conclude(step == Step::Origin, out);
            out.extend_from_slice(&value[index..]);
            return;
        }
    }
    let whole = exchange.candidate.is_whole();
    exchange.conclude(whole, out);
}
