//! JSON as the portal writes it: answers on one line with a space behind `,` and `:`, errors indented by two spaces.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value as Json;
use serde_json::ser::{Formatter, Serializer};

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// Appends a value, on one line.
pub fn append(out: &mut Vec<u8>, value: &Json) {
    value.serialize(&mut Serializer::with_formatter(out, Spaced)).expect("a JSON value can be written to memory");
}

/// A value on one line.
pub fn line(value: &Json) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, value);
    out
}

/// A value indented by two spaces.
pub fn indented(value: &Json) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("a JSON value can be written to memory")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_on_one_line_with_spaces() {
        assert_eq!(line(&json!({"a": [1, null], "é": {}})), r#"{"a": [1, null], "é": {}}"#.as_bytes());
    }
}
