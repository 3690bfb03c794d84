//! A request target as it may be logged: no secret, no control character, no more than a line.

use std::borrow::Cow;

use super::own::without_own_keys;

/// Names of parameters whose values are secrets, in any case and under any encoding, as [`bare`] writes them.
const SECRET_NAMES: [&str; 4] = ["apikey", "accesstoken", "pushkey", "preaukey"];

/// Characters of a target that a log line holds.
const LONGEST: usize = 1_024;

/// `target` without keys of ours, the values of secret parameters, and user information, with characters that are no printable
/// ones escaped, and cut after 1,024 characters.
///
/// It reads the target more broadly than the portal does: what *could* be meant as a key is hidden, wherever a
/// separator, raw or encoded, lets it begin.
pub fn redacted(target: &str) -> Cow<'_, str> {
    match without_own_keys(target) {
        Cow::Borrowed(target) => without_secret_parameters(target),
        Cow::Owned(target) => Cow::Owned(without_secret_parameters(&target).into_owned()),
    }
}

fn without_secret_parameters(target: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_graphic();
    if target.len() <= LONGEST && target.bytes().all(plain) && !target.contains(['=', '@', '%']) {
        return Cow::Borrowed(target);
    }
    let mut safe = String::with_capacity(target.len().min(LONGEST) + 32);
    let mut written = 0;
    let mut rest = target;
    if let Some((scheme, after)) = target.split_once("://")
        && let Some(end) = after.find(['/', '?', '#']).or(Some(after.len()))
        && let Some(user) = after[..end].rfind('@')
    {
        safe.push_str("…://…");
        written = 5;
        rest = &target[scheme.len() + 3 + user..];
    }
    while !rest.is_empty() {
        let (piece, separator) = piece(rest);
        let shown = hidden(piece).map_or(Cow::Borrowed(piece), Cow::Owned);
        for character in shown.chars().chain(separator.chars()) {
            if written >= LONGEST {
                safe.push('…');
                return Cow::Owned(safe);
            }
            if character == '…' || character.is_ascii_graphic() || character.is_alphanumeric() {
                safe.push(character);
                written += 1;
            } else {
                safe.extend(character.escape_unicode());
                written += character.escape_unicode().len();
            }
        }
        rest = &rest[piece.len() + separator.len()..];
    }
    Cow::Owned(safe)
}

/// What comes before the next separator of parameters, and that separator.
fn piece(text: &str) -> (&str, &str) {
    let separates = |at: usize| match text.as_bytes()[at] {
        b'?' | b'&' | b';' | b'#' => Some(1),
        b'%' if encodes(text, at, &["3f", "26", "3b", "23"]) => Some(3),
        _ => None,
    };
    let found = (0..text.len()).find_map(|at| separates(at).map(|length| (at, length)));
    found.map_or((text, ""), |(at, length)| (&text[..at], &text[at..at + length]))
}

/// What is shown of `piece` if it gives a secret: `name=…` where it is plain which part is the name, nothing of it where a secret's
/// name is only part of that.
fn hidden(piece: &str) -> Option<String> {
    let equals = |at: usize| match piece.as_bytes()[at] {
        b'=' => Some(1),
        b'%' if encodes(piece, at, &["3d"]) => Some(3),
        _ => None,
    };
    let value = (0..piece.len()).find_map(|at| equals(at).map(|length| (at, at + length)));
    let name = bare(&piece[..value.map_or(piece.len(), |(name, _)| name)]);
    match value {
        Some((_, value)) if SECRET_NAMES.contains(&name.as_str()) => Some(format!("{}…", &piece[..value])),
        _ => SECRET_NAMES.iter().any(|secret| name.contains(secret)).then(|| "…".to_owned()),
    }
}

fn encodes(text: &str, at: usize, codes: &[&str]) -> bool {
    text.get(at + 1..at + 3).is_some_and(|digits| codes.iter().any(|code| code.eq_ignore_ascii_case(digits)))
}

/// `text` without case and what people put between words, and decoded as often as it takes, as a second proxy or a careless client may have
/// encoded it twice.
fn bare(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..4 {
        if !text.contains('%') {
            break;
        }
        text = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    text.retain(|character| !matches!(character, '_' | '-' | '+') && !character.is_whitespace());
    text.make_ascii_lowercase();
    text
}
