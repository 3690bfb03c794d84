//! Turtle and N3: links are IRIs between `<` and `>`, wherever they stand, names of prefixes included: a prefix and the names that use it
//! change together.

use memchr::memchr2;

use super::candidate::{Exchange, Step};
use super::{Base, Origin, Replaced};

#[derive(Debug)]
pub(super) struct Turtle {
    exchange: Exchange,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    /// After a backslash in a local name.
    Escape,
    Comment,
    /// At the beginning of an IRI.
    Candidate,
    Iri,
    /// So many quotes of this kind in a row, and no string open yet.
    Quotes {
        quote: u8,
        count: u8,
    },
    /// In a string that `quote` ends, thrice if it is `long`; so many of them in a row.
    Text {
        quote: u8,
        long: bool,
        count: u8,
        escaped: bool,
    },
}

impl Turtle {
    pub(super) fn new(from: &Origin, to: &Base) -> Self {
        Self { exchange: Exchange::new(from, to), state: State::Between }
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        // What comes before has been written or is held.
        let mut written = 0;
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            match self.state {
                State::Candidate => {
                    let step = match byte {
                        b'>' if self.exchange.candidate.is_whole() => Step::Origin,
                        b'>' => Step::Other,
                        _ => self.exchange.candidate.step(byte, false),
                    };
                    if step == Step::More {
                        at += 1;
                        written = at;
                    } else {
                        self.exchange.conclude(step == Step::Origin, out);
                        written = at;
                        self.state = State::Iri;
                    }
                    continue;
                }
                // The long ways are passed at once.
                State::Text { quote, long: true, count: 0, escaped: false } => match memchr2(quote, b'\\', &chunk[at..]) {
                    Some(ahead) => at += ahead,
                    None => break,
                },
                State::Between | State::Iri => {
                    let telling = if self.state == State::Iri { &IN_IRI } else { &BETWEEN };
                    match chunk[at..].iter().position(|byte| telling[usize::from(*byte)]) {
                        Some(ahead) => at += ahead,
                        None => break,
                    }
                }
                _ => {}
            }
            self.state = after(self.state, chunk[at]);
            at += 1;
            if self.state == State::Candidate {
                out.extend_from_slice(&chunk[written..at]);
                at += self.exchange.candidate.restart(&chunk[at..]);
                written = at;
            }
        }
        out.extend_from_slice(&chunk[written..]);
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Replaced {
        if self.state == State::Candidate {
            // Cut off within a link: it is not known where it was to lead.
            self.exchange.conclude(false, out);
        }
        self.exchange.replaced()
    }
}

/// The bytes that change the state between tokens.
const BETWEEN: [bool; 256] = table(b"<\"'#\\");

/// The bytes that change the state in an IRI.
const IN_IRI: [bool; 256] = table(b"<> \t\r\n\"");

const fn table(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut index = 0;
    while index < bytes.len() {
        table[bytes[index] as usize] = true;
        index += 1;
    }
    table
}

/// The state after `byte`, for all states but that of a candidate.
fn after(state: State, byte: u8) -> State {
    match (state, byte) {
        (State::Between, b'<') => State::Candidate,
        (State::Between, b'"' | b'\'') => State::Quotes { quote: byte, count: 1 },
        (State::Between, b'#') => State::Comment,
        (State::Between, b'\\') => State::Escape,
        (State::Comment, b'\n' | b'\r') | (State::Escape, _) => State::Between,
        // `<` may be an operator of N3, and `<<` the beginning of a quoted triple; none of these bytes can be in an IRI.
        (State::Iri, b'<') => State::Candidate,
        (State::Iri, b'>' | b' ' | b'\t' | b'\n' | b'\r' | b'"') => State::Between,
        (State::Quotes { quote, count: 1 }, _) if byte == quote => State::Quotes { quote, count: 2 },
        (State::Quotes { quote, count: 1 }, _) => in_text(quote, false, 0, byte),
        (State::Quotes { quote, .. }, _) if byte == quote => State::Text { quote, long: true, count: 0, escaped: false },
        // Two quotes were an empty string.
        (State::Quotes { .. }, _) => after(State::Between, byte),
        (State::Text { quote, long, escaped: true, .. }, _) => State::Text { quote, long, count: 0, escaped: false },
        (State::Text { quote, long, count, escaped: false }, _) => in_text(quote, long, count, byte),
        (state, _) => state,
    }
}

fn in_text(quote: u8, long: bool, count: u8, byte: u8) -> State {
    let text = |count, escaped| State::Text { quote, long, count, escaped };
    match byte {
        b'\\' => text(0, true),
        // A short string does not go over a line's end; what does is none, and must not swallow the rest.
        b'\n' | b'\r' if !long => State::Between,
        _ if byte != quote => text(0, false),
        _ if !long || count == 2 => State::Between,
        _ => text(count + 1, false),
    }
}
