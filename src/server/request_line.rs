//! The request line as clients write it, and which of its bytes must be written otherwise.
//!
//! A portal behind nginx takes every byte of a target but controls and the space. The parser here takes fewer and answers a bare 400 to
//! the others, before any code of ours has the request: `<`, `>` and back-quotes in a path, `"`, `<` and `>` in a query (`http::Uri`),
//! and bytes that are not UTF-8 (`httparse`). Percent-encoded they are the same target (RFC 3986 section 2.4), so this is what is done to
//! them, and to nothing else: what is accepted as it was sent stays as it was sent. Bytes that are not ASCII are all encoded: whether they
//! are UTF-8 is known only at the end of the line.
//!
//! Only GET, HEAD and OPTIONS are rewritten, in HTTP/1.0 too, for which the line need not be kept until its version has come: no other
//! version is accepted, rewritten or not. In an absolute target only what follows the authority is rewritten.
//!
//! Pure: bytes in, a length out. Who stands at the begin of a line is [`head`](super::head)'s to know.

/// How far a request line has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine {
    part: Part,
    fragment: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Nothing has come.
    Begin,
    /// What is missing of a method whose target is rewritten, and the space behind it.
    Method(&'static [u8]),
    /// The target is next.
    Target,
    /// In the scheme of an absolute target, or in what is no target.
    Scheme,
    /// Behind the `:` of `://`.
    Colon,
    /// Behind the `:/` of `://`.
    Slash,
    /// In the authority of an absolute target.
    Authority,
    /// In a path.
    Path,
    /// In a query.
    Query,
    /// Nothing of the line is rewritten any more.
    Rest,
    /// Behind the line.
    Over,
}

impl RequestLine {
    /// The begin of a line.
    pub(super) fn new() -> Self {
        Self { part: Part::Begin, fragment: false }
    }

    /// The begin of a line that stays as it is, and is only watched for its end and for a `#`.
    pub(super) fn untouched() -> Self {
        Self { part: Part::Rest, fragment: false }
    }

    /// Whether its end has been read.
    pub(super) fn is_over(self) -> bool {
        self.part == Part::Over
    }

    /// Whether there was a raw `#` in it.
    pub(super) fn has_fragment(self) -> bool {
        self.fragment
    }

    /// Reads on. Returns how many of `bytes` stay as they are: up to the line's end, or to the first byte that must be percent-encoded.
    /// Such a byte changes nothing in where the line stands; reading goes on behind it.
    pub(super) fn read(&mut self, bytes: &[u8]) -> usize {
        for (at, &byte) in bytes.iter().enumerate() {
            self.part = match (self.part, byte) {
                (Part::Over, _) => return at,
                (Part::Path, b'<' | b'>' | b'`' | 0x80..) | (Part::Query, b'"' | b'<' | b'>' | 0x80..) => return at,
                (_, b'\n') => {
                    self.part = Part::Over;
                    return at + 1;
                }
                (_, b'#') => {
                    self.fragment = true;
                    Part::Rest
                }
                (Part::Rest, _) => Part::Rest,
                (Part::Begin, b'G') => Part::Method(b"ET "),
                (Part::Begin, b'H') => Part::Method(b"EAD "),
                (Part::Begin, b'O') => Part::Method(b"PTIONS "),
                (Part::Begin, _) => Part::Rest,
                (Part::Method([next]), byte) if *next == byte => Part::Target,
                (Part::Method([next, missing @ ..]), byte) if *next == byte => Part::Method(missing),
                (Part::Method(_), _) => Part::Rest,
                (_, b' ') => Part::Rest,
                (Part::Target, b'/') => Part::Path,
                (Part::Target | Part::Scheme | Part::Colon | Part::Slash, b':') => Part::Colon,
                (Part::Colon, b'/') => Part::Slash,
                (Part::Slash, b'/') => Part::Authority,
                (Part::Target | Part::Scheme | Part::Colon | Part::Slash, _) => Part::Scheme,
                (Part::Authority, b'/') => Part::Path,
                (Part::Authority | Part::Path, b'?') => Part::Query,
                (part @ (Part::Authority | Part::Path | Part::Query), _) => part,
            };
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_encode_byte;

    use super::*;

    /// `line` with the bytes encoded that must be, read in stretches of `chunk`.
    fn rewritten(line: &[u8], chunk: usize) -> Vec<u8> {
        let mut reading = RequestLine::new();
        let mut written = Vec::new();
        for mut bytes in line.chunks(chunk) {
            while !bytes.is_empty() {
                let stays = reading.read(bytes);
                written.extend_from_slice(&bytes[..stays]);
                bytes = &bytes[stays..];
                if reading.is_over() {
                    written.extend_from_slice(bytes);
                    break;
                }
                if let Some((raw, behind)) = bytes.split_first() {
                    written.extend_from_slice(percent_encode_byte(*raw).as_bytes());
                    bytes = behind;
                }
            }
        }
        written
    }

    #[test]
    fn what_the_parser_refuses_in_a_target_is_encoded_at_every_split() {
        for (line, expected) in [
            ("GET /a?where=b=\"Lille\" HTTP/1.1\r\n", "GET /a?where=b=%22Lille%22 HTTP/1.1\r\n"),
            ("HEAD /a?b<1&c>2 HTTP/1.0\r\n", "HEAD /a?b%3C1&c%3E2 HTTP/1.0\r\n"),
            ("OPTIONS /<a>`b`\"c\"{d}|\\^ HTTP/1.1\n", "OPTIONS /%3Ca%3E%60b%60\"c\"{d}|\\^ HTTP/1.1\n"),
            ("GET /é?Collège`{}|\\^[] HTTP/1.1\r\n", "GET /%C3%A9?Coll%C3%A8ge`{}|\\^[] HTTP/1.1\r\n"),
            ("GET http://a<b/<?\"?\" HTTP/1.1\r\n", "GET http://a<b/%3C?%22?%22 HTTP/1.1\r\n"),
            ("GET http://a?\" HTTP/1.1\r\n", "GET http://a?%22 HTTP/1.1\r\n"),
            ("GET http:/a/<?\" HTTP/1.1\r\n", "GET http:/a/<?\" HTTP/1.1\r\n"),
            ("GET a::/:///?\" HTTP/1.1\r\n", "GET a::/:///?%22 HTTP/1.1\r\n"),
            ("GET a/b/c/<?\" HTTP/1.1\r\n", "GET a/b/c/<?\" HTTP/1.1\r\n"),
            ("GET /%22?%22%zz HTTP/1.1\r\n", "GET /%22?%22%zz HTTP/1.1\r\n"),
            ("GET /a?b#\"<é HTTP/1.1\r\n", "GET /a?b#\"<é HTTP/1.1\r\n"),
            ("GET /a \"<é\r\n", "GET /a \"<é\r\n"),
            ("GET  /?\" HTTP/1.1\r\n", "GET  /?\" HTTP/1.1\r\n"),
            ("POST /?\" HTTP/1.1\r\n", "POST /?\" HTTP/1.1\r\n"),
            ("GETS /?\" HTTP/1.1\r\n", "GETS /?\" HTTP/1.1\r\n"),
            ("get /?\" HTTP/1.1\r\n", "get /?\" HTTP/1.1\r\n"),
            ("GE\tT /?\" HTTP/1.1\r\n", "GE\tT /?\" HTTP/1.1\r\n"),
            ("GET /a\n?\" HTTP/1.1\r\n", "GET /a\n?\" HTTP/1.1\r\n"),
        ] {
            for chunk in 1..=line.len() {
                let written = rewritten(line.as_bytes(), chunk);
                assert_eq!(String::from_utf8(written).unwrap(), expected, "{line:?} in chunks of {chunk}");
            }
        }
    }

    #[test]
    fn every_byte_that_nginx_takes_is_taken_and_those_that_the_parser_takes_are_not_touched() {
        // nginx refuses controls and DEL since 1.21.1, and the space ends the target. `?` and `#` are delimiters.
        for byte in (0x21..=0xff).filter(|byte| !matches!(byte, 0x7f | b'?' | b'#')) {
            for place in ["/a", "/a?b=", "http://a/", "http://a/?"] {
                let raw = [place.as_bytes(), &[byte]].concat();
                let line = rewritten(&[b"GET ", &raw[..], b" HTTP/1.1\n"].concat(), 64);
                let target = &line[4..line.len() - 10];
                assert!(http::Uri::try_from(target).is_ok(), "{:?}", String::from_utf8_lossy(target));
                let taken_raw = byte.is_ascii() && http::Uri::try_from(&raw[..]).is_ok();
                assert_eq!(target == raw, taken_raw, "{:?}", String::from_utf8_lossy(target));
            }
        }
    }

    #[test]
    fn a_raw_fragment_is_noticed_in_any_line() {
        for (mut line, text, expected) in [
            (RequestLine::new(), "GET /a#b HTTP/1.1\r\n", true),
            (RequestLine::new(), "POST /a?b#c HTTP/1.1\r\n", true),
            (RequestLine::untouched(), "GET /\"#c HTTP/1.1\r\n", true),
            (RequestLine::untouched(), "GET /\"%23 HTTP/1.1\r\n", false),
            (RequestLine::new(), "GET /a HTTP/1.1\r\nX: #\r\n", false),
        ] {
            line.read(text.as_bytes());
            assert!(line.is_over());
            assert_eq!(line.has_fragment(), expected, "{text}");
        }
    }
}
