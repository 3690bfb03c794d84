//! The version of a dataset, and what is noted of versions with an answer.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// What the catalogue states of a dataset as one of its dates: an opaque token, compared for equality. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// The catalogue does not list the dataset.
    #[default]
    Absent,
    /// It lists the dataset without this date.
    Null,
    /// It states this.
    Stated(Arc<str>),
    /// It lists the dataset more than once, with these.
    Ambiguous(Arc<str>),
}

impl Version {
    /// What a catalogue that lists the dataset once has for it.
    pub fn stated(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Stated(text.into()))
    }

    /// The moment that it names, if it is one: to tell whether it can be, and for `Last-Modified`.
    pub fn moment(&self) -> Option<Timestamp> {
        match self {
            Self::Stated(text) => text.parse().ok(),
            Self::Absent | Self::Null | Self::Ambiguous(_) => None,
        }
    }
}

impl Version {
    /// Its kind and text, for whoever writes it down.
    pub fn to_parts(&self) -> (u8, &str) {
        match self {
            Self::Absent => (0, ""),
            Self::Null => (1, ""),
            Self::Stated(text) => (2, text),
            Self::Ambiguous(text) => (3, text),
        }
    }

    /// What [`to_parts`](Self::to_parts) has taken apart; none if it was something else.
    pub fn from_parts(kind: u8, text: &str) -> Option<Self> {
        match kind {
            0 => Some(Self::Absent),
            1 => Some(Self::Null),
            2 => Some(Self::Stated(text.into())),
            3 => Some(Self::Ambiguous(text.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("unlisted"),
            Self::Null => f.write_str("null"),
            Self::Stated(text) | Self::Ambiguous(text) => f.write_str(text),
        }
    }
}

/// A hash of many versions, or of the names of all datasets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

/// A [`Fingerprint`] in the making; what goes in must come in one order.
#[derive(Default)]
pub(super) struct Fingerprinting(Sha256);

impl Fingerprinting {
    pub(super) fn add(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    pub(super) fn finish(self) -> Fingerprint {
        Fingerprint(u64::from_le_bytes(*self.0.finalize().first_chunk().expect("SHA-256 has 32 bytes")))
    }
}

/// What the table stated when the call of an answer left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Of the dataset that it is about: when its records were processed.
    pub data: Version,
    /// When its metadata were.
    pub metadata: Version,
    /// Of all datasets.
    pub table: Fingerprint,
    /// Which datasets there were.
    pub list: Fingerprint,
}
