//! What the stores have for a question, now.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::freshness::Freshness;
use crate::cache::stored_response::StoredResponse;

/// The result of a look-up.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// An answer that needs nobody.
    Fresh {
        /// The answer.
        stored: Arc<StoredResponse>,
        /// What is left of its freshness lifetime.
        ttl: Duration,
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
    /// What `stored` is good for. `elapsed` is the clock's monotonic hand.
    pub fn of(stored: Option<Arc<StoredResponse>>, elapsed: Duration) -> Self {
        let Some(stored) = stored else { return Self::Miss };
        match stored.freshness(elapsed) {
            Freshness::Fresh { ttl } => Self::Fresh { stored, ttl },
            Freshness::Stale { by } => Self::Stale { stored, by },
            Freshness::Expired => Self::Miss,
        }
    }
}
