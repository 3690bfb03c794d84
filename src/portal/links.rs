//! Links that stay: absolute links to the portal, in bodies and fields, lead back here instead.
//!
//! Only where the portal is known to write links (a table in [`positions`](self::positions()), from the recorded answers) and only the
//! origin with which such a value begins: everything else keeps its bytes, also where the portal's address stands in records, in
//! descriptions, in echoed parameters or in names of members. Bodies are stored as they came; this is done to what leaves, for the base that
//! the configuration names or the client used. Pure, and streaming: no more is held back than the origin is long, save for an object that
//! may yet turn out to be a file.
//!
//! What is no link here, though it may lead to the portal: addresses that publishers wrote into metadata (`references`, `license_url`,
//! `dublin-core.source`, HTML of descriptions), names of XML namespaces, literal identifiers.

mod address;
mod candidate;
mod fields;
mod json;
mod members;
mod name;
mod positions;
#[cfg(test)]
mod tests;
mod turtle;
mod xml;

pub use address::{AddressFault, Base, Origin};
pub use fields::{in_fields, rewrite_fields};
pub use members::Members;
pub use positions::{Positions, positions};

/// The version of everything that decides what is a link and how it is counted, below 16. Raise it with any change of that: the lengths of stored
/// bodies are told from counts that were made when they were stored.
pub const RULES: u8 = 1;

/// What a rewriting replaced, or would replace: enough to tell the length of the body with another base without looking at it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    /// Links.
    pub count: u32,
    /// Bytes of them that were the origin, as it was written.
    pub bytes: u64,
    /// Links of which the slashes are escaped (`https:\/\/`), and will be.
    pub escaped: u32,
}

impl Replaced {
    /// The length of a body of `len` bytes once this is replaced by `base`.
    pub fn length_with(&self, base: &Base, len: u64) -> u64 {
        let plain = u64::from(self.count - self.escaped) * base.spelled(false).len() as u64;
        let escaped = u64::from(self.escaped) * base.spelled(true).len() as u64;
        len - self.bytes + plain + escaped
    }
}

/// One body's links, rewritten while it passes.
#[derive(Debug)]
pub struct Rewriter(Syntax);

#[derive(Debug)]
enum Syntax {
    Json(json::Json),
    Xml(xml::Xml),
    Turtle(turtle::Turtle),
}

impl Rewriter {
    /// A rewriter of the links at `positions` that begin with `from`; they will begin with `to`. The body must be in no content coding.
    pub fn new(positions: Positions, from: &Origin, to: &Base) -> Self {
        Self(match positions {
            Positions::Json(members) => Syntax::Json(json::Json::new(members, from, to)),
            Positions::Xml => Syntax::Xml(xml::Xml::new(from, to)),
            Positions::Turtle => Syntax::Turtle(turtle::Turtle::new(from, to)),
        })
    }

    /// More of the body. What can be said of it is appended to `out`; how it is cut makes no difference to the whole.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            Syntax::Json(json) => json.push(chunk, out),
            Syntax::Xml(xml) => xml.push(chunk, out),
            Syntax::Turtle(turtle) => turtle.push(chunk, out),
        }
    }

    /// The body is over: what was held back is appended to `out`.
    pub fn finish(self, out: &mut Vec<u8>) -> Replaced {
        match self.0 {
            Syntax::Json(json) => json.finish(out),
            Syntax::Xml(xml) => xml.finish(out),
            Syntax::Turtle(turtle) => turtle.finish(out),
        }
    }
}

/// All that a rewriting needs, before there is a body.
#[derive(Clone, Debug)]
pub struct Relinking<'a> {
    /// Where links are.
    pub positions: Positions,
    /// What they begin with.
    pub from: &'a Origin,
    /// What they are to begin with.
    pub to: Base,
}

impl Relinking<'_> {
    /// A rewriter for one body.
    pub fn rewriter(&self) -> Rewriter {
        Rewriter::new(self.positions, self.from, &self.to)
    }
}

/// Counts a body's links while it passes, and changes nothing.
#[derive(Debug)]
pub struct Counter {
    rewriter: Rewriter,
    scrap: Vec<u8>,
}

impl Counter {
    /// Of the chunks that are looked at in one go: bounds what is written for nothing.
    const PIECE: usize = 16 << 10;

    /// A counter of the links at `positions` that begin with `origin`. The body must be in no content coding.
    pub fn new(positions: Positions, origin: &Origin) -> Self {
        let anywhere = Base::parse("http://localhost").expect("the constant is a base");
        Self { rewriter: Rewriter::new(positions, origin, &anywhere), scrap: Vec::new() }
    }

    /// More of the body.
    pub fn push(&mut self, chunk: &[u8]) {
        for piece in chunk.chunks(Self::PIECE) {
            self.scrap.clear();
            self.rewriter.push(piece, &mut self.scrap);
        }
    }

    /// The body is over. What is told holds for every base.
    pub fn finish(mut self) -> Replaced {
        self.rewriter.finish(&mut self.scrap)
    }
}
