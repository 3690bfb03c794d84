//! The client's address: the peer's, or behind proxies that are trusted the last one that is none of theirs.
//!
//! `Forwarded` (RFC 7239) and `X-Forwarded-For` are read from their ends, where the nearest proxy has written, and no further than to the
//! first address that is not trusted: what stands before it, the client may have invented. From a peer that is not trusted they are not read.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;

use super::Unrecognised;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// One hop, as the proxy behind it names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hop {
    /// By its address.
    Address(IpAddr),
    /// As nobody: `unknown`, or a name of the proxy's own making (RFC 7239 sections 6.2 and 6.3).
    Hidden,
}

/// The client's address; none where nobody can tell.
///
/// # Errors
///
/// What a trusted proxy says cannot be read, or its two fields name two clients.
pub(super) fn of(fields: &HeaderMap, peer: Option<IpAddr>, proxies: &[IpNet]) -> Result<Option<IpAddr>, Unrecognised> {
    let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return Ok(None) };
    let trusts = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    if !trusts(&peer) {
        return Ok(Some(peer));
    }
    let told = |field, hops| last_untrusted(fields, field, hops, trusts);
    let client = match (told(header::FORWARDED, forwarded)?, told(X_FORWARDED_FOR, x_forwarded_for)?) {
        (Some(one), Some(other)) if one != other => return Err(Unrecognised::TwoAddresses),
        (one, other) => one.or(other),
    };
    Ok(match client {
        Some(Hop::Address(address)) => Some(address),
        Some(Hop::Hidden) => None,
        // The proxy asks for itself.
        None => Some(peer),
    })
}

/// The hops of a line from its end; none at the place of one that cannot be read.
type Hops = fn(&str) -> Vec<Option<Hop>>;

/// The last hop in a field that is no trusted proxy; if all are, the first of them. None if the field says nothing.
fn last_untrusted(
    fields: &HeaderMap,
    field: HeaderName,
    hops: Hops,
    trusts: impl Fn(&IpAddr) -> bool,
) -> Result<Option<Hop>, Unrecognised> {
    let mut last = None;
    let lines: Vec<&HeaderValue> = fields.get_all(field).iter().collect();
    for line in lines.iter().rev() {
        for hop in hops(line.to_str().map_err(|_| Unrecognised::MalformedForwarding)?) {
            let hop = hop.ok_or(Unrecognised::MalformedForwarding)?;
            last = Some(hop);
            if !matches!(&hop, Hop::Address(address) if trusts(address)) {
                return Ok(last);
            }
        }
    }
    Ok(last)
}

/// Addresses with commas between.
fn x_forwarded_for(line: &str) -> Vec<Option<Hop>> {
    line.rsplit(',').map(str::trim).filter(|element| !element.is_empty()).map(node).collect()
}

/// Elements with commas between, each of them pairs with semicolons between (RFC 7239 section 4). Quotation marks reach over both, so a line is
/// read from its beginning and as a whole: one that is never closed would otherwise swallow what the proxy has added.
fn forwarded(line: &str) -> Vec<Option<Hop>> {
    let mut hops = Vec::new();
    let mut rest = line;
    while !rest.trim_start_matches([' ', '\t', ',']).is_empty() {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((hop, after)) = element(rest) else { return vec![None] };
        hops.push(hop);
        rest = after;
    }
    hops.reverse();
    hops
}

/// One element, and what comes after it. An element that does not say for whom hides it.
fn element(text: &str) -> Option<(Option<Hop>, &str)> {
    let mut named = None;
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        if !is_token(name) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && named.replace(value).is_some() {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t']);
        match rest.strip_prefix(';') {
            Some(more) => rest = more.trim_start_matches([' ', '\t']),
            None if rest.is_empty() || rest.starts_with(',') => break,
            None => return None,
        }
    }
    Some((named.map_or(Some(Hop::Hidden), |named| node(&named)), rest))
}

/// A token or a quoted string, and what comes after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',', ' ', '\t']).unwrap_or(text.len());
        // Many leave out the quotation marks that the colon of a port and the brackets of an address need.
        let plain = |byte: u8| is_token_byte(byte) || matches!(byte, b':' | b'[' | b']');
        return (end > 0 && text[..end].bytes().all(plain)).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// An address, with or without port and brackets, or a word for one that is not told.
fn node(text: &str) -> Option<Hop> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    match address {
        Some(address) => Some(Hop::Address(IpAddr::to_canonical(&address))),
        None if text.starts_with('_') || text.split(':').next().is_some_and(|name| name.eq_ignore_ascii_case("unknown")) => {
            Some(Hop::Hidden)
        }
        None => None,
    }
}
