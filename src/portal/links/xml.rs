//! XML: RDF, feeds and site maps. Links are attributes and texts of the elements that are known for them.
//!
//! Names are compared without their prefix, which is the document's choice. Elements whose content is written by people (descriptions,
//! summaries) are passed as a whole: markup in them is theirs, also where it is not escaped.

use memchr::memchr;

use super::candidate::{Exchange, Step};
use super::name::Name;
use super::{Base, Origin, Replaced};

/// Elements whose text is a link: of RSS and Atom, of site maps, and of DCAT where a link is written as text.
const TEXTS: [&[u8]; 13] = [
    b"link",
    b"guid",
    b"id",
    b"url",
    b"loc",
    b"comments",
    b"icon",
    b"logo",
    b"accessURL",
    b"downloadURL",
    b"landingPage",
    b"page",
    b"homepage",
];

/// Elements that people write into.
const PROSE: [&[u8]; 7] = [b"description", b"summary", b"content", b"encoded", b"abstract", b"title", b"subtitle"];

#[derive(Debug)]
pub(super) struct Xml {
    exchange: Exchange,
    state: State,
    element: Name,
    attribute: Name,
    /// A link's text may begin here.
    awaiting: bool,
    /// Open elements, from one of prose inwards.
    prose: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// After `<`.
    Open,
    /// After `<!`.
    Bang,
    Comment {
        dashes: u8,
    },
    Cdata {
        brackets: u8,
    },
    Instruction {
        question: bool,
    },
    Doctype {
        quote: Option<u8>,
        brackets: u32,
    },
    EndTag,
    Element,
    /// Between attributes; after a slash, maybe at the end of an empty element.
    Attributes {
        slash: bool,
    },
    Attribute,
    /// After an attribute's name.
    Equals,
    Value {
        quote: u8,
    },
    /// At the beginning of a link.
    Candidate(Within),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Value {
        quote: u8,
    },
    Text,
    /// With so many brackets after it.
    Cdata {
        brackets: u8,
    },
}

impl Xml {
    pub(super) fn new(from: &Origin, to: &Base) -> Self {
        Self {
            exchange: Exchange::new(from, to),
            state: State::Text,
            element: Name::default(),
            attribute: Name::default(),
            awaiting: false,
            prose: 0,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        // What comes before has been written or is held.
        let mut written = 0;
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            if let State::Candidate(within) = self.state {
                if self.pass_candidate(within, byte, out) {
                    at += 1;
                }
                written = at;
                continue;
            }
            // The long ways are passed at once.
            let ahead = match self.state {
                State::Text if !self.awaiting => memchr(b'<', &chunk[at..]),
                State::Value { quote } => memchr(quote, &chunk[at..]),
                State::Comment { dashes: 0 } => memchr(b'-', &chunk[at..]),
                State::Cdata { brackets: 0 } if !self.awaiting => memchr(b']', &chunk[at..]),
                _ => Some(0),
            };
            match ahead {
                None => break,
                Some(0) => {}
                Some(ahead) => {
                    at += ahead;
                    continue;
                }
            }
            let begins = self.begins_text(byte);
            if let Some(within) = begins {
                self.state = State::Candidate(within);
                self.awaiting = false;
            } else {
                self.advance(byte);
                at += 1;
            }
            if let State::Candidate(_) = self.state {
                out.extend_from_slice(&chunk[written..at]);
                at += self.exchange.candidate.restart(&chunk[at..]);
                written = at;
            }
        }
        out.extend_from_slice(&chunk[written..]);
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Replaced {
        if let State::Candidate(within) = self.state {
            // Cut off within a link: it is not known where it was to lead.
            self.conclude(false, within, out);
        }
        self.exchange.replaced()
    }

    /// Where a link's text begins, if it does with this byte.
    fn begins_text(&self, byte: u8) -> Option<Within> {
        if !self.awaiting || is_space(byte) {
            return None;
        }
        match self.state {
            State::Text if byte != b'<' => Some(Within::Text),
            State::Cdata { brackets: 0 } if byte != b']' => Some(Within::Cdata { brackets: 0 }),
            _ => None,
        }
    }

    /// A byte at the beginning of a link. Whether it is held; if not, it comes after what was.
    fn pass_candidate(&mut self, within: Within, byte: u8, out: &mut Vec<u8>) -> bool {
        let whole = self.exchange.candidate.is_whole();
        let ended = if whole { Step::Origin } else { Step::Other };
        let step = match (within, byte) {
            (Within::Value { quote }, _) if byte == quote => ended,
            (Within::Text, b'<') => ended,
            // `]]>` ends a section, and less than that does not.
            (Within::Cdata { brackets: 0 }, b']') if whole => {
                self.state = State::Candidate(Within::Cdata { brackets: 1 });
                return true;
            }
            (Within::Cdata { brackets: 1 }, b']') => {
                self.state = State::Candidate(Within::Cdata { brackets: 2 });
                return true;
            }
            (Within::Cdata { brackets: 2 }, b'>') => Step::Origin,
            (Within::Cdata { brackets: 1 | 2 }, _) => Step::Other,
            _ => self.exchange.candidate.step(byte, false),
        };
        if step == Step::More {
            return true;
        }
        self.conclude(step == Step::Origin, within, out);
        false
    }

    fn conclude(&mut self, is_link: bool, within: Within, out: &mut Vec<u8>) {
        self.exchange.conclude(is_link, out);
        self.state = match within {
            Within::Value { quote } => State::Value { quote },
            Within::Text => State::Text,
            Within::Cdata { brackets } => {
                out.extend_from_slice(&b"]]"[..usize::from(brackets)]);
                State::Cdata { brackets }
            }
        };
    }

    /// A byte in any state but that of a candidate.
    fn advance(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::Text, b'<') => State::Open,
            (State::Open, b'!') => {
                self.attribute.clear();
                State::Bang
            }
            (State::Open, b'?') => State::Instruction { question: false },
            (State::Open, b'/') => {
                self.awaiting = false;
                State::EndTag
            }
            (State::Open, _) => {
                self.awaiting = false;
                self.element.clear();
                self.element.push(&[byte]);
                State::Element
            }
            (State::Bang, _) => self.after_bang(byte),
            (State::Comment { dashes: 2 }, b'>') => State::Text,
            (State::Comment { dashes }, b'-') => State::Comment { dashes: (dashes + 1).min(2) },
            (State::Comment { .. }, _) => State::Comment { dashes: 0 },
            (State::Cdata { brackets: 2 }, b'>') => {
                self.awaiting = false;
                State::Text
            }
            (State::Cdata { brackets }, b']') => {
                self.awaiting = false;
                State::Cdata { brackets: (brackets + 1).min(2) }
            }
            (State::Cdata { .. }, _) => State::Cdata { brackets: 0 },
            (State::Instruction { question: true }, b'>') => State::Text,
            (State::Instruction { .. }, _) => State::Instruction { question: byte == b'?' },
            (State::Doctype { quote, brackets }, _) => in_doctype(quote, brackets, byte),
            (State::EndTag, b'>') => {
                self.prose = self.prose.saturating_sub(1);
                State::Text
            }
            (State::Element | State::Attributes { .. } | State::Attribute | State::Equals, _) => self.in_tag(byte),
            (State::Value { quote }, _) if byte == quote => State::Attributes { slash: false },
            (state, _) => state,
        };
    }

    fn after_bang(&mut self, byte: u8) -> State {
        let begun = &mut self.attribute;
        begun.push(&[byte]);
        match begun.whole() {
            b"--" => State::Comment { dashes: 0 },
            b"[CDATA[" => State::Cdata { brackets: 0 },
            begun if b"--".starts_with(begun) || b"[CDATA[".starts_with(begun) => State::Bang,
            _ => in_doctype(None, 0, byte),
        }
    }

    fn in_tag(&mut self, byte: u8) -> State {
        let in_value = matches!(self.state, State::Equals);
        match byte {
            b'>' => {
                self.begin_content(matches!(self.state, State::Attributes { slash: true }));
                State::Text
            }
            b'/' => State::Attributes { slash: true },
            _ if is_space(byte) => match self.state {
                State::Attribute | State::Equals => State::Equals,
                _ => State::Attributes { slash: false },
            },
            b'=' if matches!(self.state, State::Attribute | State::Equals) => State::Equals,
            b'"' | b'\'' if in_value && self.is_link() => State::Candidate(Within::Value { quote: byte }),
            b'"' | b'\'' => State::Value { quote: byte },
            _ => match self.state {
                State::Element => {
                    self.element.push(&[byte]);
                    State::Element
                }
                State::Attribute => {
                    self.attribute.push(&[byte]);
                    State::Attribute
                }
                _ => {
                    self.attribute.clear();
                    self.attribute.push(&[byte]);
                    State::Attribute
                }
            },
        }
    }

    /// A start tag has ended.
    fn begin_content(&mut self, is_empty: bool) {
        let (local, _) = self.element.local();
        if is_empty {
            return;
        }
        if self.prose > 0 || PROSE.contains(&local) {
            self.prose = self.prose.saturating_add(1);
        } else {
            self.awaiting = TEXTS.contains(&local);
        }
    }

    /// Whether the value of the present attribute is a link.
    fn is_link(&self) -> bool {
        if self.prose > 0 {
            return false;
        }
        let (element, _) = self.element.local();
        match self.attribute.local() {
            // RDF's, which always have a prefix.
            (b"about" | b"resource", prefixed) => prefixed,
            (b"href", prefixed) => prefixed || element == b"link",
            (b"url", false) => element == b"enclosure",
            _ => false,
        }
    }
}

fn in_doctype(quote: Option<u8>, brackets: u32, byte: u8) -> State {
    match (quote, byte) {
        (Some(open), _) => State::Doctype { quote: (byte != open).then_some(open), brackets },
        (None, b'"' | b'\'') => State::Doctype { quote: Some(byte), brackets },
        (None, b'[') => State::Doctype { quote, brackets: brackets.saturating_add(1) },
        (None, b']') => State::Doctype { quote, brackets: brackets.saturating_sub(1) },
        (None, b'>') if brackets == 0 => State::Text,
        _ => State::Doctype { quote, brackets },
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
