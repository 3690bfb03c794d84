//! What the stores have for a question, now.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::freshness::Freshness;
use crate::cache::stored_response::StoredResponse;
use crate::portal::versions::Standing;
use crate::request::directives::Held;

/// The result of a look-up.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// An answer that needs nobody.
    Fresh {
        /// The answer.
        stored: Arc<StoredResponse>,
        /// What is left of its freshness lifetime.
        ttl: Duration,
        /// A look at the catalogue that was sent after it was complete has stated its version still.
        confirmed: bool,
    },
    /// An answer that a look at the catalogue may make fresh.
    Unchecked {
        /// The answer.
        stored: Arc<StoredResponse>,
        /// Since when it could not be said to be fresh.
        by: Duration,
    },
    /// An answer to fall back on.
    Stale {
        /// The answer.
        stored: Arc<StoredResponse>,
        /// Since when.
        by: Duration,
    },
    /// Nothing.
    Miss,
}

impl Lookup {
    /// What `stored` is good for, by what the versions say of it. `elapsed` is the clock's monotonic hand.
    pub fn of(stored: Arc<StoredResponse>, standing: Standing, elapsed: Duration) -> Self {
        match stored.freshness(standing, elapsed) {
            Freshness::Fresh { ttl } => {
                let confirmed = matches!(standing, Standing::Current { confirmed: true, .. });
                Self::Fresh { stored, ttl, confirmed }
            }
            Freshness::Unchecked { by } => Self::Unchecked { stored, by },
            Freshness::Stale { by } => Self::Stale { stored, by },
            Freshness::Expired => Self::Miss,
        }
    }

    /// Whether there is nothing.
    pub fn is_miss(&self) -> bool {
        matches!(self, Self::Miss)
    }

    /// The same for a request's directives. `elapsed` is the clock's monotonic hand.
    pub fn held(&self, elapsed: Duration) -> Held {
        match self {
            Self::Fresh { stored, ttl, .. } => Held::Fresh { age: stored.age(elapsed), ttl: *ttl },
            Self::Unchecked { stored, by } => Held::Unchecked { age: stored.age(elapsed), by: *by },
            Self::Stale { stored, by } => Held::Stale { age: stored.age(elapsed), by: *by },
            Self::Miss => Held::Nothing,
        }
    }
}
