//! A name that is being read, of a member, an element or an attribute.

use memchr::memchr;

/// No name that matters is longer.
pub(super) const NAME_LIMIT: usize = 32;

/// The bytes of a name as they are written. One that is too long, or written in a strange way, is none that matters, and empty.
#[derive(Debug, Default)]
pub(super) struct Name {
    bytes: [u8; NAME_LIMIT],
    len: usize,
    strange: bool,
}

impl Name {
    /// A name begins.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.strange = false;
    }

    /// More of it.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.len..self.len + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.strange = true,
        }
    }

    /// It is written with escapes.
    pub(super) fn spoil(&mut self) {
        self.strange = true;
    }

    /// All of it.
    pub(super) fn whole(&self) -> &[u8] {
        if self.strange { &[] } else { &self.bytes[..self.len] }
    }

    /// Whether it is `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.whole() == name.as_bytes()
    }

    /// Without its prefix, and whether it has one.
    pub(super) fn local(&self) -> (&[u8], bool) {
        let whole = self.whole();
        match memchr(b':', whole) {
            Some(colon) => (&whole[colon + 1..], true),
            None => (whole, false),
        }
    }
}
