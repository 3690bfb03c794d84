//! A request path, decoded once and cut into segments, or the reason why it is not a path that anybody means.
//!
//! Two programs that read such a path differently are the stuff of attacks on caches, so nothing is repaired here: a
//! slash that is hidden, a segment that walks, a byte that is not text is a fault, and the answer is 400.

use thiserror::Error;

use crate::request::percent::{self, Plus, Slash, Undecodable};

/// What is wrong with a path; `at` is the offset of the offending byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PathFault {
    /// It does not begin with a slash.
    #[error("the path does not begin with `/`; write `/api/…`")]
    NotAbsolute,
    /// A raw number sign.
    #[error("raw `#` at byte {at}: a fragment is never sent to a server; write `%23` if it is meant, else leave it out")]
    Fragment {
        /// Offset of the character.
        at: usize,
    },
    /// A percent-encoded slash.
    #[error("percent-encoded slash at byte {at}: no name of the portal contains one; write `/` between segments")]
    EncodedSlash {
        /// Offset of the segment.
        at: usize,
    },
    /// A backslash, raw or percent-encoded.
    #[error("backslash at byte {at}: no name of the portal contains one; write `/` between segments")]
    Backslash {
        /// Offset of the segment.
        at: usize,
    },
    /// A NUL or another control character.
    #[error("control character at byte {at}: paths are made of printable characters")]
    Control {
        /// Offset of the segment.
        at: usize,
    },
    /// `.` or `..`, raw or percent-encoded.
    #[error("dot segment at byte {at}: write the path without `.` and `..`")]
    DotSegment {
        /// Offset of the segment.
        at: usize,
    },
    /// Two slashes in a row.
    #[error("empty segment at byte {at}: write one `/` between segments")]
    EmptySegment {
        /// Offset of the second slash.
        at: usize,
    },
    /// A percent sign without two hexadecimal digits.
    #[error("invalid percent-encoding at byte {at}: `%` must be followed by two hexadecimal digits; write `%25` for the character itself")]
    Escape {
        /// Offset of the percent sign.
        at: usize,
    },
    /// The decoded bytes are not UTF-8.
    #[error("the byte at {at} is not UTF-8 once decoded; encode characters as the bytes of their UTF-8 form")]
    NotUtf8 {
        /// Offset of the byte.
        at: usize,
    },
}

/// The decoded segments of `path`, without the empty one that a trailing slash leaves.
pub(super) fn segments(path: &str) -> Result<Vec<String>, PathFault> {
    let Some(inside) = path.strip_prefix('/') else { return Err(PathFault::NotAbsolute) };
    if let Some(at) = path.find('#') {
        return Err(PathFault::Fragment { at });
    }
    let mut at = 1;
    let mut segments = Vec::new();
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    // `//` alone is an empty segment; `/` alone has none at all.
    if path.len() == 1 {
        return Ok(segments);
    }
    for raw in inside.split('/') {
        segments.push(segment(raw, at)?);
        at += raw.len() + 1;
    }
    Ok(segments)
}

fn segment(raw: &str, at: usize) -> Result<String, PathFault> {
    let segment = percent::decode(raw, Plus::Literal).map_err(|fault| match fault {
        Undecodable::Escape { at: inside } => PathFault::Escape { at: at + inside },
        Undecodable::NotUtf8 { at: inside } => PathFault::NotUtf8 { at: at + inside },
    })?;
    match segment.as_str() {
        "" => Err(PathFault::EmptySegment { at }),
        "." | ".." => Err(PathFault::DotSegment { at }),
        _ if segment.contains('/') => Err(PathFault::EncodedSlash { at }),
        _ if segment.contains('\\') => Err(PathFault::Backslash { at }),
        _ if segment.contains(char::is_control) => Err(PathFault::Control { at }),
        _ => Ok(segment),
    }
}

/// The one spelling of a path with these segments.
pub(super) fn spelled(segments: &[&str], trailing_slash: bool) -> String {
    let mut path = String::with_capacity(64);
    for segment in segments {
        path.push('/');
        percent::encode(&mut path, segment, Slash::Encoded);
    }
    if trailing_slash || segments.is_empty() {
        path.push('/');
    }
    path
}
