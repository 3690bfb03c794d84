//! What is wrong with a configuration, where, and what would be right.
//!
//! Readers and checks collect faults instead of stopping at the first; `Config::load` hands them over together, in the order of the file.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a file, counted from 1; 0 is the file as a whole.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// Its name, dashes included.
        flag: &'static str,
    },
    /// Nowhere: the default applies.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { variable } => write!(f, "environment {variable}"),
            Self::Flag { flag } => write!(f, "flag {flag}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One fault. No field holds a secret: values of keys that may be secret are not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// The key, with its table: `cache.memory_bytes`.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}\n    {}", self.place, self.key, self.wrong, self.right)
    }
}

/// Every fault of a configuration, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults that were collected, in the order of files and lines, or none.
    pub(super) fn collected(mut faults: Vec<Fault>) -> Option<Self> {
        faults.sort_by(|a, b| a.place.cmp(&b.place));
        faults.dedup();
        (!faults.is_empty()).then_some(Self(faults))
    }

    /// The faults, in the order of files and lines.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Fault> {
        self.0.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.0 {
            writeln!(f, "{fault}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 fault in the configuration"),
            n => write!(f, "{n} faults in the configuration"),
        }
    }
}

impl std::error::Error for Faults {}

/// What a parser of one value objects to; the caller knows place and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub wrong: String,
    pub right: String,
}

impl Mistake {
    pub fn new(wrong: impl Into<String>, right: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), right: right.into() }
    }
}
