//! What an entry is about, and by what of that it is purged.

/// What a stored response is about: by this it is purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Name of the portal.
    pub portal: String,
    /// Identifier of the dataset, if it is about one.
    pub dataset: Option<String>,
    /// Name of the endpoint family.
    pub family: &'static str,
    /// Path and query as sent to the portal.
    pub target: String,
}

/// Which entries are purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All answers to one request to the portal, whatever the language or the fields that chose among them.
    Url {
        /// Name of the portal.
        portal: String,
        /// Path and query as sent to it.
        target: String,
    },
    /// All answers about a dataset.
    Dataset {
        /// Name of the portal.
        portal: String,
        /// Identifier of the dataset.
        id: String,
    },
    /// All answers of an endpoint family.
    Family {
        /// Name of the portal.
        portal: String,
        /// Name of the family.
        name: String,
    },
    /// All answers of a portal.
    All {
        /// Name of the portal.
        portal: String,
    },
}

/// What a purge does with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: it counts.
    Count,
    /// They are stale.
    Soft,
    /// They are gone.
    Hard,
}

/// What a purge did, or would do. Each entry costs a call if it is asked for again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Entries it was about.
    pub entries: u64,
    /// Bytes they take.
    pub bytes: u64,
    /// False if the index could not be written: then the numbers are not all, the purge is done as soon as it can be, and until then nothing
    /// is read from disk.
    pub complete: bool,
}

impl About {
    /// Bytes of memory it takes.
    pub fn weight(&self) -> usize {
        self.portal.len() + self.dataset.as_ref().map_or(0, String::len) + self.target.len()
    }
}

impl Which {
    /// Whether a response with these particulars is among them.
    pub fn covers(&self, about: &About) -> bool {
        match self {
            Self::Url { portal, target } => *portal == about.portal && *target == about.target,
            Self::Dataset { portal, id } => *portal == about.portal && about.dataset.as_ref() == Some(id),
            Self::Family { portal, name } => *portal == about.portal && name == about.family,
            Self::All { portal } => *portal == about.portal,
        }
    }
}
