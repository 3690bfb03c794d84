//! Percent-encoding: decoding once, strictly, and encoding in one way only.
//!
//! What [`encode`] writes is left alone by `url::Url`, by `http::Uri` and by itself, in paths and in queries, so that a
//! target that was rebuilt from decoded parts never changes again on its way out.

use std::fmt::Write as _;

/// Why a text cannot be decoded; `at` is the offset of the offending byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecodable {
    /// `%` without two hexadecimal digits.
    Escape { at: usize },
    /// The decoded bytes are not UTF-8.
    NotUtf8 { at: usize },
}

/// Whether `+` stands for a space, as in a query, or for itself, as in a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    Space,
    Literal,
}

/// Decodes `text` once.
pub(super) fn decode(text: &str, plus: Plus) -> Result<String, Undecodable> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digits = (bytes.get(at + 1).copied().and_then(hex), bytes.get(at + 2).copied().and_then(hex));
                let (Some(high), Some(low)) = digits else { return Err(Undecodable::Escape { at }) };
                decoded.push(high << 4 | low);
                at += 3;
            }
            b'+' if plus == Plus::Space => {
                decoded.push(b' ');
                at += 1;
            }
            byte => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).map_err(|error| Undecodable::NotUtf8 { at: position_of(text, error.utf8_error().valid_up_to()) })
}

/// Appends `text`, every byte but unreserved characters and `$()*,/:@` percent-encoded with upper-case digits, `/` only
/// where `slash` allows it.
///
/// The exceptions mean nothing in a query, and keep what people read in a log readable.
pub(super) fn encode(out: &mut String, text: &str, slash: Slash) {
    for &byte in text.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            b'$' | b'(' | b')' | b'*' | b',' | b':' | b'@' => out.push(byte.into()),
            b'/' if slash == Slash::Raw => out.push('/'),
            _ => write!(out, "%{byte:02X}").expect("writing to a string does not fail"),
        }
    }
}

/// Whether `/` stays, as in a query, or is encoded, as inside a path segment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slash {
    Raw,
    Encoded,
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// The offset in `text` of what decoded to byte `decoded_at`.
fn position_of(text: &str, decoded_at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    for _ in 0..decoded_at {
        at += if bytes[at] == b'%' { 3 } else { 1 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_it_is_in_the_raw_text() {
        assert_eq!(decode("a%41%zz", Plus::Space), Err(Undecodable::Escape { at: 4 }));
        assert_eq!(decode("abc%4", Plus::Space), Err(Undecodable::Escape { at: 3 }));
        assert_eq!(decode("é%41%ffx", Plus::Space), Err(Undecodable::NotUtf8 { at: 5 }));
    }

    #[test]
    fn decoding_happens_once() {
        assert_eq!(decode("%2541+%2B", Plus::Space).unwrap(), "%41 +");
        assert_eq!(decode("a+b", Plus::Literal).unwrap(), "a+b");
    }
}
