//! `Accept-Encoding` (RFC 9110 section 12.5.3): the content codings in which a client may be sent an answer, best first.
//!
//! There is always one left: identity, even where the client refuses it. Section 15.5.7 lets a server send a 406 then; a client that wrote
//! `identity;q=0` reads plain bytes all the same, and does nothing with a 406 but ask again.

use std::cmp::Reverse;

use http::header::{ACCEPT_ENCODING, HeaderMap};

/// The content codings that are sent (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentCoding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Br,
    /// RFC 8878.
    Zstd,
}

impl ContentCoding {
    /// Its registered name.
    pub fn token(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }

    fn named(token: &str) -> Option<Self> {
        if token.eq_ignore_ascii_case("x-gzip") {
            // Section 8.4.1.3.
            return Some(Self::Gzip);
        }
        [Self::Identity, Self::Gzip, Self::Br, Self::Zstd].into_iter().find(|coding| token.eq_ignore_ascii_case(coding.token()))
    }
}

/// What one client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The first `len` of these, best first.
    codings: [ContentCoding; 3],
    len: usize,
}

impl Accepted {
    /// Identity and nothing else.
    pub const IDENTITY: Self = Self { codings: OURS, len: 0 };

    /// What the request with these fields accepts. A client that says nothing gets identity: it may take anything by the letter of the RFC,
    /// but one that does not mention codings (curl without options, `urllib`, pandas) does not decode them either.
    pub fn of(fields: &HeaderMap) -> Self {
        let (mut named, mut any) = ([None::<u16>; 4], None::<u16>);
        for element in fields.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')) {
            let (token, parameters) = element.split_once(';').unwrap_or((element, ""));
            let stated = match token.trim() {
                "*" => &mut any,
                token => match ContentCoding::named(token) {
                    Some(coding) => &mut named[coding as usize],
                    None => continue,
                },
            };
            // What is malformed is not taken for consent, and what is refused once is refused.
            if let Some(weight) = weight(parameters) {
                *stated = Some(stated.map_or(weight, |other| other.min(weight)));
            }
        }
        let weight = |coding| match coding {
            // Who writes `*` names nothing that it decodes. What everybody does decode is what the portal itself would send.
            ContentCoding::Identity | ContentCoding::Gzip => named[coding as usize].or(any),
            ContentCoding::Br | ContentCoding::Zstd => named[coding as usize],
        };
        // Identity need not be named; it is then the last resort.
        let identity = weight(ContentCoding::Identity).unwrap_or(0);
        let mut accepted = Self::IDENTITY;
        for coding in OURS {
            if weight(coding).is_some_and(|weight| weight > 0 && weight >= identity) {
                accepted.codings[accepted.len] = coding;
                accepted.len += 1;
            }
        }
        // Stable: between equals it is our preference that counts.
        accepted.codings[..accepted.len].sort_by_key(|coding| Reverse(weight(*coding)));
        accepted
    }

    /// The codings that are better than identity for it, best first. Identity always comes after them.
    pub fn codings(&self) -> &[ContentCoding] {
        &self.codings[..self.len]
    }

    /// Whether `coding` is one of them.
    pub fn takes(&self, coding: ContentCoding) -> bool {
        self.codings().contains(&coding)
    }
}

/// Our own preference between codings that the client likes equally: the quickest to undo first.
const OURS: [ContentCoding; 3] = [ContentCoding::Zstd, ContentCoding::Br, ContentCoding::Gzip];

/// The weight (section 12.4.2) in thousandths: 1000 if none is stated, nothing if it is malformed.
fn weight(parameters: &str) -> Option<u16> {
    let stated = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then_some(value.trim())
    });
    let Some(stated) = stated else { return Some(1000) };
    let (whole, fraction) = stated.split_once('.').unwrap_or((stated, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = fraction.bytes().chain(std::iter::repeat(b'0')).take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::ContentCoding::{Br, Gzip, Zstd};
    use super::*;

    fn accepted(lines: &[&str]) -> Accepted {
        Accepted::of(&lines.iter().map(|line| (ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap())).collect())
    }

    #[test]
    fn codings_are_taken_in_the_order_of_their_weights() {
        for (value, expected) in [
            ("gzip, deflate", &[Gzip][..]),
            ("gzip, deflate, br, zstd", &[Zstd, Br, Gzip]),
            ("gzip;q=1.0, br;q=0.9, zstd;q=0.8", &[Gzip, Br, Zstd]),
            ("br;q=0.5,zstd;q=0.001", &[Br, Zstd]),
            ("GZIP;q=0.5", &[Gzip]),
            ("x-gzip", &[Gzip]),
            ("gzip ; Q=0.300 ; x=y", &[Gzip]),
            // Anything else is what everybody decodes.
            ("*", &[Gzip]),
            ("deflate, br;q=1.0, *;q=0.1", &[Br, Gzip]),
            ("gzip;q=0.000, *", &[]),
            ("*;q=0", &[]),
            ("*;q=0, br", &[Br]),
            // Identity is preferred if the client says so, and comes last if it does not.
            ("identity", &[]),
            ("identity, gzip;q=0.5", &[]),
            ("identity;q=0.5, gzip;q=0.5, br;q=0.4", &[Gzip]),
            ("identity;q=0, gzip;q=0.1", &[Gzip]),
            ("identity;q=0", &[]),
            ("", &[]),
            ("agzip, brx", &[]),
            // Refused once is refused; what is malformed says nothing.
            ("gzip, gzip;q=0", &[]),
            ("gzip;q=1.5, br;q=0.1234, zstd;q=", &[]),
            ("gzip;q=2, br", &[Br]),
        ] {
            assert_eq!(accepted(&[value]).codings(), expected, "{value}");
        }
        assert_eq!(accepted(&[]), Accepted::IDENTITY);
        assert_eq!(accepted(&["gzip;q=0.5", "br"]).codings(), [Br, Gzip], "lines are one list");
        assert!(accepted(&["br"]).takes(Br) && !accepted(&["br"]).takes(Gzip));
    }

    proptest! {
        #[test]
        fn no_coding_is_sent_that_was_not_asked_for(text in "[a-z*;=.,0-9 ]{0,60}") {
            for coding in accepted(&[&text]).codings() {
                prop_assert!(text.contains(coding.token()) || *coding == Gzip && text.contains('*'), "{coding:?} for {text:?}");
            }
        }
    }
}
