//! Where a request's head ends, and which bytes of it must be written otherwise.
//!
//! A head is its lines: the request line, behind line ends that are skipped (RFC 9112 section 2.2), and fields up to the empty line. A
//! line ends with LF; whether a CR must, or may not, stand before it is the parser's affair: of a head that it accepts, the end is here.
//!
//! Pure, like [`request_line`](super::request_line); [`head_watch`](super::head_watch) knows where a head begins, and moves the bytes.

use super::request_line::RequestLine;

/// How far a head has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    line: Line,
    request_line: RequestLine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Line ends before it are skipped.
    Before,
    /// In the request line.
    Request,
    /// In a field, or at the begin of a line that may be the empty one.
    Field {
        /// Nothing of the line has come, save the CR of its end.
        empty: bool,
    },
    /// Behind the head.
    Over,
}

impl Head {
    /// The begin of a head with this begin of a request line.
    pub(super) fn begin(request_line: RequestLine) -> Self {
        Self { line: Line::Before, request_line }
    }

    /// No head at all.
    pub(super) fn over() -> Self {
        Self { line: Line::Over, request_line: RequestLine::untouched() }
    }

    /// Whether its end has been read.
    pub(super) fn is_over(self) -> bool {
        self.line == Line::Over
    }

    /// Whether there was a raw `#` in the request line.
    pub(super) fn has_fragment(self) -> bool {
        self.request_line.has_fragment()
    }

    /// Reads on. Returns how many of `bytes` belong to the head and stay as they are: all of them, or those up to the head's end, or to the
    /// first byte that must be percent-encoded. Reading goes on behind such a byte.
    pub(super) fn read(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(&next) = bytes.get(at) {
            match self.line {
                Line::Before if matches!(next, b'\r' | b'\n') => at += 1,
                Line::Before => self.line = Line::Request,
                Line::Request => {
                    at += self.request_line.read(&bytes[at..]);
                    if !self.request_line.is_over() {
                        return at;
                    }
                    self.line = Line::Field { empty: true };
                }
                Line::Field { empty: true } => {
                    self.line = match next {
                        b'\n' => Line::Over,
                        b'\r' => self.line,
                        _ => Line::Field { empty: false },
                    };
                    at += 1;
                }
                Line::Field { empty: false } => match bytes[at..].iter().position(|byte| *byte == b'\n') {
                    Some(end) => {
                        self.line = Line::Field { empty: true };
                        at += end + 1;
                    }
                    None => return bytes.len(),
                },
                Line::Over => return at,
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `bytes` are the head's, read in stretches of `chunk`.
    fn length(bytes: &[u8], chunk: usize) -> usize {
        let mut head = Head::begin(RequestLine::new());
        let length = bytes.chunks(chunk).map(|chunk| head.read(chunk)).sum();
        assert!(head.is_over());
        assert_eq!(head.read(b"GET /\""), 0, "nothing is behind the end");
        length
    }

    #[test]
    fn a_head_ends_with_its_first_empty_line_at_every_split() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\n\n",
            "GET / HTTP/1.1\n\r\n",
            "\r\n\n\r\nGET / HTTP/1.1\r\nA: 1\r\nB: \r\n\r\n",
            "POST /\" HTTP/1.1\nA: \"\nB:\n\r\n",
        ] {
            for behind in ["", "\r\n", "GET / HTTP/1.1\r\n\r\n"] {
                let bytes = format!("{head}{behind}");
                for chunk in 1..=bytes.len() {
                    assert_eq!(length(bytes.as_bytes(), chunk), head.len(), "{bytes:?} in chunks of {chunk}");
                }
            }
        }
    }

    #[test]
    fn reading_stops_at_a_byte_to_encode_and_goes_on_behind_it() {
        let mut head = Head::begin(RequestLine::new());
        let bytes = b"\r\nGET /?\"\" HTTP/1.1\r\nA: \"\r\n\r\nGET";
        assert_eq!(head.read(bytes), 8);
        assert_eq!(head.read(&bytes[9..]), 0);
        assert_eq!(head.read(&bytes[10..]), bytes.len() - 10 - 3);
        assert!(head.is_over());
    }
}
