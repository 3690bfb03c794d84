//! What the store has for a question, now.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::freshness::Freshness;
use crate::cache::key::CacheKey;
use crate::cache::memory::MemoryStore;
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
    /// Nothing, and the last answer was too large to be shared: askers need not wait for one another.
    TooLarge,
    /// Nothing.
    Miss,
}

impl Lookup {
    /// Looks `key` up. `elapsed` is the clock's monotonic hand.
    pub fn of(memory: &MemoryStore, key: &CacheKey, elapsed: Duration) -> Self {
        let Some(stored) = memory.get(key) else {
            return if memory.is_too_large(key) { Self::TooLarge } else { Self::Miss };
        };
        match stored.freshness(elapsed) {
            Freshness::Fresh { ttl } => Self::Fresh { stored, ttl },
            Freshness::Stale { by } => Self::Stale { stored, by },
            Freshness::Expired => Self::Miss,
        }
    }
}
