//! An answer before it is framed: status, the fields it alone has, and a body that may be made while it is sent.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value as Json;

use super::files::File;
use super::json;
use super::refusal::Refusal;

/// Content-Type of answers.
pub const JSON: &str = "application/json; charset=utf-8";
/// Content-Type of errors: the portal leaves the charset out there.
pub const JSON_ERROR: &str = "application/json";
/// Content-Type of pages.
pub const HTML: &str = "text/html; charset=utf-8";

/// An answer of the portal.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Fields that not every answer has.
    pub fields: Vec<(&'static str, String)>,
    /// Content-Type.
    pub content_type: String,
    /// The body.
    pub body: Body,
    /// Whether it is an answer of the API, with quota and language, or a page.
    pub api: bool,
    /// Whether it is a file, which goes out as it is and tells its length, also to `HEAD`.
    pub file: bool,
}

/// A body.
pub enum Body {
    /// Known beforehand.
    Whole(Vec<u8>),
    /// Made piece by piece while it is sent.
    Pieces(Box<dyn Iterator<Item = Vec<u8>> + Send>),
}

impl Answer {
    /// 200 with this body.
    pub fn new(content_type: impl Into<String>, body: Body) -> Self {
        Self { status: 200, fields: Vec::new(), content_type: content_type.into(), body, api: true, file: false }
    }

    /// 200 with JSON on one line.
    pub fn json(value: &Json) -> Self {
        Self::new(JSON, Body::Whole(json::line(value)))
    }

    /// 200 with text.
    pub fn text(content_type: &str, text: impl Into<String>) -> Self {
        Self::new(content_type, Body::Whole(text.into().into_bytes()))
    }

    /// 200 with a file.
    pub fn file(file: File) -> Self {
        let disposition = format!("attachment; filename=\"{}\"", file.name);
        let answer = Self::new(file.media_type, Body::Whole(file.bytes)).with("Content-Disposition", disposition);
        Self { file: true, ..answer }
    }

    /// 200 with a page, which costs nothing.
    pub fn page(text: impl Into<String>) -> Self {
        Self { api: false, ..Self::text(HTML, text) }
    }

    /// An error, indented.
    pub fn error(status: u16, body: &Json) -> Self {
        Self { status, ..Self::new(JSON_ERROR, Body::Whole(json::indented(body))) }
    }

    /// The answer that a refusal is.
    pub fn refusal(refusal: &Refusal) -> Self {
        Self::error(refusal.status(), &refusal.body())
    }

    /// The same with one field more.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

impl Body {
    /// All of it at once.
    pub fn collect(self) -> Vec<u8> {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Pieces(pieces) => pieces.flatten().collect(),
        }
    }

    /// The same body, compressed as it goes.
    pub fn gzip(self) -> Self {
        match self {
            Self::Whole(bytes) => Self::Whole(Gzip::new(std::iter::once(bytes)).flatten().collect()),
            Self::Pieces(pieces) => Self::Pieces(Box::new(Gzip::new(pieces))),
        }
    }
}

struct Gzip<I> {
    pieces: I,
    /// None once the trailer is out.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I> Gzip<I> {
    fn new(pieces: I) -> Self {
        Self { pieces, encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())) }
    }
}

impl<I: Iterator<Item = Vec<u8>>> Iterator for Gzip<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let encoder = self.encoder.as_mut()?;
        for piece in self.pieces.by_ref() {
            encoder.write_all(&piece).expect("writing to memory succeeds");
            if !encoder.get_ref().is_empty() {
                return Some(std::mem::take(encoder.get_mut()));
            }
        }
        self.encoder.take().map(|encoder| encoder.finish().expect("writing to memory succeeds"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn pieces_are_compressed_one_after_the_other() {
        let pieces: Vec<Vec<u8>> = (0..50).map(|n| format!("{n};").repeat(1000).into_bytes()).collect();
        let plain: Vec<u8> = pieces.concat();
        let compressed = Body::Pieces(Box::new(pieces.into_iter())).gzip().collect();
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut read).unwrap();
        assert_eq!(read, plain);
    }
}
