//! A value that may begin with the portal's origin, met byte by byte.

use std::sync::Arc;

use super::{Base, Origin, Replaced};

/// The beginning of a value at a link's position, held back until it is known whether it is the portal's origin. Never longer than the
/// longest spelling of the origin with all its slashes escaped.
#[derive(Debug)]
pub(super) struct Candidate {
    spellings: Arc<[Box<[u8]>]>,
    /// The spellings that what has been seen is a beginning of: a bit for each.
    alive: u8,
    /// How much of them has been seen.
    matched: usize,
    /// Whether a slash among it was escaped.
    escaped: bool,
    /// What has been seen, as it was written.
    held: Vec<u8>,
}

/// What a byte tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Not enough; it is held.
    More,
    /// What is held is the origin, and this byte, which is not held, comes after it.
    Origin,
    /// What is held is something else, and so is this byte, which is not held.
    Other,
}

impl Candidate {
    pub(super) fn new(origin: &Origin) -> Self {
        let spellings = Arc::clone(origin.spellings());
        assert!(spellings.len() <= 8, "an origin has at most four spellings");
        Self { spellings, alive: 0, matched: 0, escaped: false, held: Vec::new() }
    }

    /// A value begins, of which `rest` is what is there. Returns how much of it is held already: a whole origin in its usual spelling is
    /// taken in one go, as if byte by byte.
    pub(super) fn restart(&mut self, rest: &[u8]) -> usize {
        let taken = self.spellings.iter().find(|spelling| rest.starts_with(spelling)).map_or(&[][..], |spelling| spelling);
        self.alive = u8::MAX;
        self.alive = self.with(|spelling| spelling.starts_with(taken));
        self.matched = taken.len();
        self.escaped = false;
        self.held.clear();
        self.held.extend_from_slice(taken);
        self.matched
    }

    /// The value's next byte, `escaped` if a backslash that is not part of the value's meaning stood before it.
    pub(super) fn step(&mut self, byte: u8, escaped: bool) -> Step {
        if escaped && byte != b'/' {
            return Step::Other;
        }
        if matches!(byte, b'/' | b'?' | b'#') && self.is_whole() {
            return Step::Origin;
        }
        let lower = byte.to_ascii_lowercase();
        self.alive = self.with(|spelling| spelling.get(self.matched) == Some(&lower));
        if self.alive == 0 {
            return Step::Other;
        }
        self.matched += 1;
        if escaped {
            self.escaped = true;
            self.held.push(b'\\');
        }
        self.held.push(byte);
        Step::More
    }

    /// Whether what is held is the origin, should the value end here.
    pub(super) fn is_whole(&self) -> bool {
        self.with(|spelling| spelling.len() == self.matched) != 0
    }

    fn with(&self, holds: impl Fn(&[u8]) -> bool) -> u8 {
        let bits = self.spellings.iter().enumerate().map(|(index, spelling)| u8::from(holds(spelling)) << index);
        bits.fold(0, |all, bit| all | bit) & self.alive
    }
}

/// The one place where a body changes: a candidate turned out to be the origin, and the base is written instead.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) candidate: Candidate,
    base: Base,
    replaced: Replaced,
}

/// An origin that was met, for those who cannot yet say whether it stands at a link's position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met {
    /// Its length as it was written.
    pub(super) len: usize,
    escaped: bool,
}

impl Exchange {
    pub(super) fn new(from: &Origin, to: &Base) -> Self {
        Self { candidate: Candidate::new(from), base: to.clone(), replaced: Replaced::default() }
    }

    /// What is held.
    pub(super) fn held(&self) -> &[u8] {
        &self.candidate.held
    }

    /// What is held, if it is the origin.
    pub(super) fn met(&self) -> Met {
        Met { len: self.candidate.held.len(), escaped: self.candidate.escaped }
    }

    /// Writes what is held, or the base if it is a link's origin.
    pub(super) fn conclude(&mut self, is_link: bool, out: &mut Vec<u8>) {
        if is_link {
            self.write_base(self.met(), out);
        } else {
            out.extend_from_slice(&self.candidate.held);
        }
        self.candidate.held.clear();
    }

    /// Writes the base instead of an origin that was met.
    pub(super) fn write_base(&mut self, met: Met, out: &mut Vec<u8>) {
        out.extend_from_slice(self.base.spelled(met.escaped).as_bytes());
        self.replaced.count = self.replaced.count.saturating_add(1);
        self.replaced.bytes += met.len as u64;
        self.replaced.escaped = self.replaced.escaped.saturating_add(u32::from(met.escaped));
    }

    pub(super) fn replaced(&self) -> Replaced {
        self.replaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `value`, which ends where it ends, is a link of a portal at `origin`.
    fn is_link(origin: &str, value: &str) -> bool {
        let mut candidate = Candidate::new(&Origin::parse(origin).unwrap());
        candidate.restart(b"");
        for byte in value.bytes() {
            match candidate.step(byte, false) {
                Step::More => {}
                Step::Origin => return true,
                Step::Other => return false,
            }
        }
        candidate.is_whole()
    }

    #[test]
    fn a_link_begins_with_the_origin_and_nothing_that_only_looks_like_it() {
        for value in [
            "https://data.example",
            "https://data.example/",
            "https://data.example/api?x=https://data.example",
            "https://data.example?x",
            "https://data.example#x",
            "http://data.example/",
            "HTTPS://Data.EXAMPLE/Api",
            "https://data.example:443/",
            "https://data.example:443",
            "http://data.example:80/",
        ] {
            assert!(is_link("https://data.example", value), "{value}");
        }
        for value in [
            "",
            "h",
            "https://",
            "https://data.exampl",
            "https://data.example.org/",
            "https://data.example.",
            "https://data.example@evil.example/",
            "https://data.example:444/",
            "https://data.example:80/",
            "http://data.example:443/",
            "https://data.example:/",
            "https://data.example:4433/",
            "https://data.example\\x",
            "https://data.example x",
            "https://data.example,https://data.example/",
            "https:/data.example/",
            "https:///data.example/",
            "ftp://data.example/",
            "//data.example/",
            " https://data.example/",
            "see https://data.example/",
            "https://user@data.example/",
        ] {
            assert!(!is_link("https://data.example", value), "{value}");
        }
        assert!(is_link("http://127.0.0.1:3000", "http://127.0.0.1:3000/api"));
        for value in ["http://127.0.0.1/api", "http://127.0.0.1:300/api", "http://127.0.0.1:30000/api", "http://127.0.0.1:80/"] {
            assert!(!is_link("http://127.0.0.1:3000", value), "{value}");
        }
    }
}
