//! JSON, read as bytes just far enough to know at which path a string stands.
//!
//! No parser: what is no JSON (`NaN`, which portals write, or worse) passes like everything else. Containers are told apart only as deep as
//! the paths go, and below a member that no path knows they are merely counted.
//!
//! A record's member is a file, and its `url` a link, if it also has a `filename`, and an `id` or a `format`. The portal writes the `url`
//! last, so this is known when it comes; where it is not, up to [`LOOKAHEAD`] bytes wait for the other names.

use memchr::memchr2;

use super::candidate::{Exchange, Met, Step as Matched};
use super::members::{DEPTH, Kind, Members, Path, Step};
use super::name::Name;
use super::{Base, Origin, Replaced};

/// How far behind a `url` the names that make a file of its object may come. The recorded ones have some 300 bytes in all.
const LOOKAHEAD: usize = 4096;

/// A set of paths, by their place in the table.
type Paths = u16;

#[derive(Debug)]
pub(super) struct Json {
    paths: &'static [Path],
    exchange: Exchange,
    state: State,
    /// The open containers that a path leads into or through.
    open: [Container; DEPTH],
    depth: usize,
    /// Open containers that no path leads into, inside of those.
    unknown: u64,
    /// In an object, whether a name comes next.
    naming: bool,
    /// The paths that lead to the next value, or through it.
    ahead: Paths,
    name: Name,
    /// The names seen in the one open object that may be a file.
    marks: Marks,
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Container {
    is_object: bool,
    /// The paths that lead into it.
    paths: Paths,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Name {
        escaped: bool,
    },
    /// Inside of a string that is no link, or no longer.
    Text {
        escaped: bool,
    },
    /// At the beginning of a string at a link's position.
    Value {
        escaped: bool,
        kind: Kind,
    },
}

/// A `url` that begins with the origin, in an object that is not yet known to be a file.
#[derive(Debug)]
struct Waiting {
    met: Met,
    /// The origin, and all that came after it.
    bytes: Vec<u8>,
    /// Of the object.
    depth: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    filename: bool,
    other: bool,
}

impl Json {
    pub(super) fn new(members: Members, from: &Origin, to: &Base) -> Self {
        let Members(paths) = members;
        Self {
            paths,
            exchange: Exchange::new(from, to),
            state: State::Between,
            open: [Container::default(); DEPTH],
            depth: 0,
            unknown: 0,
            naming: false,
            ahead: Paths::MAX >> (Paths::BITS as usize - paths.len()),
            name: Name::default(),
            marks: Marks::default(),
            waiting: None,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        // What comes before has been written or is held.
        let mut written = 0;
        let mut at = 0;
        while at < chunk.len() {
            match self.state {
                State::Between => at = self.pass_structure(chunk, at, &mut written, out),
                State::Name { escaped } => at = self.pass_name(chunk, at, escaped, &mut written, out),
                State::Text { escaped } => at = self.pass_text(chunk, at, escaped),
                State::Value { escaped, kind } => {
                    let byte = chunk[at];
                    let taken = if escaped {
                        self.exchange.candidate.step(byte, true)
                    } else if byte == b'\\' {
                        self.state = State::Value { escaped: true, kind };
                        at += 1;
                        written = at;
                        continue;
                    } else if byte == b'"' {
                        if self.exchange.candidate.is_whole() { Matched::Origin } else { Matched::Other }
                    } else {
                        self.exchange.candidate.step(byte, false)
                    };
                    if taken == Matched::More {
                        self.state = State::Value { escaped: false, kind };
                        at += 1;
                        written = at;
                        continue;
                    }
                    self.conclude(taken == Matched::Origin, kind, out);
                    if escaped {
                        self.write(b"\\", out);
                    }
                    self.state = State::Text { escaped };
                    written = at;
                }
            }
        }
        self.write(&chunk[written..], out);
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Replaced {
        if let State::Value { escaped, kind } = self.state {
            // Cut off within a link: it is not known where it was to lead.
            self.conclude(false, kind, out);
            if escaped {
                self.write(b"\\", out);
            }
        }
        self.decide(false, out);
        self.exchange.replaced()
    }

    /// Up to the next string, at most.
    fn pass_structure(&mut self, chunk: &[u8], mut at: usize, written: &mut usize, out: &mut Vec<u8>) -> usize {
        while let Some(&byte) = chunk.get(at) {
            at += 1;
            if !STRUCTURAL[usize::from(byte)] {
                continue;
            }
            match byte {
                b'"' => {
                    self.begin_string();
                    if matches!(self.state, State::Value { .. }) {
                        self.write(&chunk[*written..at], out);
                        at += self.exchange.candidate.restart(&chunk[at..]);
                        *written = at;
                    }
                    return at;
                }
                b'{' | b'[' => self.open_container(byte == b'{'),
                b'}' | b']' => {
                    if self.closes_waiting() {
                        self.write(&chunk[*written..at], out);
                        *written = at;
                        self.decide(false, out);
                    }
                    self.close_container();
                }
                b':' if self.unknown == 0 => self.naming = false,
                b',' if self.unknown == 0 && self.innermost().is_some_and(|container| container.is_object) => {
                    self.naming = true;
                    self.ahead = 0;
                }
                _ => {}
            }
        }
        at
    }

    fn begin_string(&mut self) {
        self.state = State::Text { escaped: false };
        if self.unknown > 0 {
            return;
        }
        if self.naming {
            self.name.clear();
            self.state = State::Name { escaped: false };
        } else if let Some(kind) = self.kind_ahead() {
            self.state = State::Value { escaped: false, kind };
        }
    }

    fn pass_name(&mut self, chunk: &[u8], at: usize, escaped: bool, written: &mut usize, out: &mut Vec<u8>) -> usize {
        if escaped {
            self.state = State::Name { escaped: false };
            return at + 1;
        }
        let rest = &chunk[at..];
        let end = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        self.name.push(&rest[..end]);
        match rest.get(end) {
            None => return chunk.len(),
            Some(b'\\') => {
                self.name.spoil();
                self.state = State::Name { escaped: true };
            }
            Some(_) => {
                self.state = State::Between;
                let paths = self.innermost().map_or(0, |container| container.paths);
                self.ahead = self.selected(paths, |step| match step {
                    Step::Name(name) => self.name.is(name),
                    Step::Any => true,
                    Step::Item => false,
                });
                if self.may_be_file(paths) {
                    self.mark();
                    if self.waiting.is_some() && self.marks.is_file() {
                        // If the name is too far behind, nothing is waiting any more after this.
                        self.write(&chunk[*written..at + end], out);
                        *written = at + end;
                        self.decide(true, out);
                    }
                }
            }
        }
        at + end + 1
    }

    fn pass_text(&mut self, chunk: &[u8], at: usize, escaped: bool) -> usize {
        if escaped {
            self.state = State::Text { escaped: false };
            return at + 1;
        }
        let rest = &chunk[at..];
        let Some(end) = memchr2(b'"', b'\\', rest) else { return chunk.len() };
        self.state = if rest[end] == b'"' { State::Between } else { State::Text { escaped: true } };
        at + end + 1
    }

    fn open_container(&mut self, is_object: bool) {
        let through = self.through(self.ahead);
        if self.unknown > 0 || through == 0 || self.depth == DEPTH {
            self.unknown += 1;
            return;
        }
        self.open[self.depth] = Container { is_object, paths: through };
        self.depth += 1;
        self.enter(is_object);
        if is_object && self.may_be_file(through) {
            self.marks = Marks::default();
        }
    }

    fn close_container(&mut self) {
        if self.unknown > 0 {
            self.unknown -= 1;
        } else if self.depth > 0 {
            self.depth -= 1;
            self.enter(false);
        }
    }

    /// Inside of the innermost container now, where a name comes next or not.
    fn enter(&mut self, naming: bool) {
        self.naming = naming;
        self.ahead = match self.innermost() {
            Some(container) if !container.is_object => self.selected(container.paths, |step| *step == Step::Item),
            _ => 0,
        };
    }

    fn innermost(&self) -> Option<Container> {
        self.depth.checked_sub(1).map(|last| self.open[last])
    }

    /// Those of `paths` whose step into the innermost container is such a one.
    fn selected(&self, paths: Paths, step: impl Fn(&Step) -> bool) -> Paths {
        let index = self.depth - 1;
        self.filtered(paths, |path| path.steps.get(index).is_some_and(&step))
    }

    /// Those of `paths`, which lead to the next value, that lead on.
    fn through(&self, paths: Paths) -> Paths {
        self.filtered(paths, |path| path.steps.len() > self.depth)
    }

    fn filtered(&self, paths: Paths, holds: impl Fn(&Path) -> bool) -> Paths {
        let mut left = paths;
        let mut kept = 0;
        while left != 0 {
            let index = left.trailing_zeros();
            if holds(&self.paths[index as usize]) {
                kept |= 1 << index;
            }
            left &= left - 1;
        }
        kept
    }

    /// What the next value is, if it is a string.
    fn kind_ahead(&self) -> Option<Kind> {
        if self.ahead == 0 {
            return None;
        }
        let here = self.filtered(self.ahead, |path| path.steps.len() == self.depth);
        (here != 0).then(|| self.paths[here.trailing_zeros() as usize].kind)
    }

    /// Whether the innermost container is an object that may be a file, if these paths lead into it.
    fn may_be_file(&self, paths: Paths) -> bool {
        self.filtered(paths, |path| path.kind == Kind::File && path.steps.len() == self.depth) != 0
    }

    fn mark(&mut self) {
        self.marks.filename |= self.name.is("filename");
        self.marks.other |= self.name.is("id") || self.name.is("format");
    }

    fn conclude(&mut self, is_origin: bool, kind: Kind, out: &mut Vec<u8>) {
        if is_origin && kind == Kind::File && !self.marks.is_file() {
            // A second `url` in one object: the first was none.
            self.decide(false, out);
            let waiting = Waiting { met: self.exchange.met(), bytes: self.exchange.held().to_vec(), depth: self.depth };
            self.waiting = Some(waiting);
            return;
        }
        match &mut self.waiting {
            Some(waiting) => self.exchange.conclude(is_origin, &mut waiting.bytes),
            None => self.exchange.conclude(is_origin, out),
        }
    }

    /// What is waiting was a file's, or not.
    fn decide(&mut self, is_file: bool, out: &mut Vec<u8>) {
        let Some(waiting) = self.waiting.take() else { return };
        let mut bytes = waiting.bytes.as_slice();
        if is_file {
            self.exchange.write_base(waiting.met, out);
            bytes = &bytes[waiting.met.len..];
        }
        out.extend_from_slice(bytes);
    }

    fn closes_waiting(&self) -> bool {
        self.unknown == 0 && self.waiting.as_ref().is_some_and(|waiting| waiting.depth == self.depth)
    }

    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(waiting) = &mut self.waiting else { return out.extend_from_slice(bytes) };
        // Whatever comes later is as far behind or farther, so how the body is cut makes no difference.
        if waiting.bytes.len() + bytes.len() > waiting.met.len + LOOKAHEAD {
            self.decide(false, out);
            out.extend_from_slice(bytes);
        } else {
            waiting.bytes.extend_from_slice(bytes);
        }
    }
}

impl Marks {
    fn is_file(self) -> bool {
        self.filename && self.other
    }
}

const STRUCTURAL: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"\"{}[]:,";
    let mut index = 0;
    while index < bytes.len() {
        table[bytes[index] as usize] = true;
        index += 1;
    }
    table
};
