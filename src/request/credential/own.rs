//! Keys of ours where they do not belong: in a target, or where a key of the portal does. There they would be keyed, sent on, and written
//! down by whoever sees them.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::config::KEY_PREFIX;

/// Hexadecimal digits of a key.
const DIGITS: usize = 64;

/// Whether a key of ours stands in `text`: anything that looks like one, known or not.
pub fn is_own_key_in(text: &[u8]) -> bool {
    first(text, 0).is_some()
}

/// `target` without the digits of keys of ours.
pub(super) fn without_own_keys(target: &str) -> Cow<'_, str> {
    let mut safe = String::new();
    let mut written = 0;
    while let Some(digits) = first(target.as_bytes(), written) {
        safe.push_str(&target[written..digits.start]);
        safe.push('…');
        written = digits.end;
    }
    if written == 0 {
        return Cow::Borrowed(target);
    }
    safe.push_str(&target[written..]);
    Cow::Owned(safe)
}

/// Where the digits of the first key from `from` on are.
fn first(text: &[u8], from: usize) -> Option<Range<usize>> {
    let name = KEY_PREFIX.trim_end_matches('_').as_bytes();
    let mut at = from;
    while let Some(found) = memmem::find(&text[at..], name) {
        at += found + name.len();
        // The underscore is the one character of a key that somebody might encode.
        let rest = &text[at..];
        let Some(one) = ["_", "%5F", "%5f"].iter().find(|one| rest.starts_with(one.as_bytes())) else { continue };
        let start = at + one.len();
        let digits = text.get(start..start + DIGITS);
        if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Some(start..start + DIGITS);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::credential::redacted;

    #[test]
    fn a_key_in_a_target_is_seen_and_is_not_written_down() {
        let hex = "0123456789abcdefABCDEF".repeat(3);
        let digits = &hex[..64];
        for target in [
            format!("/api?k=preau_{digits}"),
            format!("/preau_{digits}/x"),
            format!("/preau_{digits}preau_{digits}"),
            format!("/api?preau=1&preau-key=preau%5F{digits}&x"),
            format!("/api?k=preau%5fpreau_{digits}0"),
            format!("/é\n{}preau_{digits}", "a".repeat(1_000)),
        ] {
            assert!(is_own_key_in(target.as_bytes()), "{target}");
            assert!(!redacted(&target).contains(&digits[..16]), "{}", redacted(&target));
        }
        assert_eq!(redacted(&format!("/preau_{digits}/x?k=preau_{digits}")), "/preau_…/x?k=preau_…");
        for target in ["/api?q=preau_des_ecoles", "/preau", &format!("/preau_{}", &digits[1..]), &format!("/api?k={digits}"), "/préau_é"]
        {
            assert!(!is_own_key_in(target.as_bytes()), "{target}");
        }
    }
}
