//! The memory store: moka, bounded in bytes.
//!
//! Freshness is judged by [`freshness`](super::freshness); all that the store knows of time is when a response is of no more use to
//! anybody, which is the end of its stale life and not of its fresh one. Beside the responses it remembers which questions have answers
//! too large to keep, so that their askers do not wait for one another in vain.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use crate::cache::key::CacheKey;
use crate::cache::stored_response::StoredResponse;

/// Stored responses by key, and what is known of answers that cannot be stored. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    responses: Cache<CacheKey, Arc<StoredResponse>>,
    too_large: Cache<CacheKey, ()>,
}

/// Questions whose answers are known to be too large: this many, for this long. A hit-for-miss marker (Varnish's term): wrong ones cost a
/// collapse, not an answer.
const TOO_LARGE_ENTRIES: u64 = 10_000;
const TOO_LARGE_FOR: Duration = Duration::from_secs(10 * 60);

/// Memory that an entry takes beside key and response: moka's own book-keeping, as measured with a million empty entries.
const ENTRY_OVERHEAD: usize = 256;

struct WholeLife;

impl Expiry<CacheKey, Arc<StoredResponse>> for WholeLife {
    fn expire_after_create(&self, _: &CacheKey, response: &Arc<StoredResponse>, _: Instant) -> Option<Duration> {
        Some(response.lifetime().whole())
    }

    fn expire_after_update(&self, _: &CacheKey, response: &Arc<StoredResponse>, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(response.lifetime().whole())
    }
}

impl MemoryStore {
    /// A store that keeps at most `bytes` of responses.
    pub fn new(bytes: NonZeroU64) -> Self {
        let responses = Cache::builder()
            .max_capacity(bytes.get())
            .weigher(|key: &CacheKey, response: &Arc<StoredResponse>| {
                u32::try_from(key.as_bytes().len() + response.weight() + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
            })
            .expire_after(WholeLife)
            .build();
        let too_large = Cache::builder().max_capacity(TOO_LARGE_ENTRIES).time_to_live(TOO_LARGE_FOR).build();
        Self { responses, too_large }
    }

    /// The response stored under `key`, fresh or not.
    pub fn get(&self, key: &CacheKey) -> Option<Arc<StoredResponse>> {
        self.responses.get(key)
    }

    /// Stores a response, in place of the one that was there.
    pub fn insert(&self, key: CacheKey, response: Arc<StoredResponse>) {
        self.too_large.invalidate(&key);
        self.responses.insert(key, response);
    }

    /// Forgets the response stored under `key`.
    pub fn remove(&self, key: &CacheKey) {
        self.responses.invalidate(key);
    }

    /// Remembers that the answer to `key` is too large to be stored.
    pub fn mark_too_large(&self, key: CacheKey) {
        self.responses.invalidate(&key);
        self.too_large.insert(key, ());
    }

    /// Whether the last answer to `key` was too large to be stored.
    pub fn is_too_large(&self, key: &CacheKey) -> bool {
        self.too_large.contains_key(key)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::cache::freshness::Lifetime;
    use crate::cache::key::Partition;
    use crate::cache::stored_response::Representation;
    use crate::request::endpoint::classify;
    use crate::request::query::{RawQuery, RuleSwitches, canonicalise};

    fn key(number: usize) -> CacheKey {
        let endpoint = classify("/api/explore/v2.1/catalog/datasets/x/records").unwrap();
        let raw = RawQuery::parse(&format!("limit={number}")).unwrap();
        let query = canonicalise(&endpoint, raw, &RuleSwitches::default()).unwrap().query;
        CacheKey::new("box", &Partition::Anonymous, &endpoint, &query, None, &[])
    }

    fn response(bytes: usize) -> Arc<StoredResponse> {
        let lifetime = Lifetime { fresh: Duration::from_secs(60), stale: Duration::from_secs(60) };
        let body = Representation::identity(Bytes::from(vec![b'x'; bytes]));
        Arc::new(StoredResponse::new(StatusCode::OK, HeaderMap::new(), body, Duration::ZERO, lifetime))
    }

    #[test]
    fn the_store_stays_within_its_bytes() {
        let store = MemoryStore::new(NonZeroU64::new(1 << 20).unwrap());
        for number in 0..1_000 {
            store.insert(key(number), response(10_000));
        }
        store.responses.run_pending_tasks();
        let (entries, bytes) = (store.responses.entry_count(), store.responses.weighted_size());
        assert!(bytes <= 1 << 20 && (50..=110).contains(&entries), "{entries} entries, {bytes} bytes");
        store.insert(key(0), response(2 << 20));
        store.responses.run_pending_tasks();
        assert!(store.get(&key(0)).is_none(), "what is larger than the store is not stored");
    }

    #[test]
    fn a_question_whose_answer_is_too_large_has_nothing_stored_until_it_has() {
        let store = MemoryStore::new(NonZeroU64::new(1 << 20).unwrap());
        store.insert(key(1), response(1));
        store.mark_too_large(key(1));
        assert!(store.get(&key(1)).is_none() && store.is_too_large(&key(1)));
        store.insert(key(1), response(1));
        assert!(store.get(&key(1)).is_some() && !store.is_too_large(&key(1)));
    }
}
