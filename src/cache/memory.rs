//! The memory store: moka, bounded in bytes.
//!
//! It is a window on the disk store: what it lets go is there still. Freshness is judged by [`freshness`](super::freshness); all that the store
//! knows of time is when a response is of no more use to anybody, which is the end of its stale life and not of its fresh one.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::ops::compute::Op;
use moka::sync::Cache;

use crate::cache::disk::Which;
use crate::cache::key::CacheKey;
use crate::cache::stored_response::StoredResponse;

/// Stored responses by key. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct MemoryStore(Cache<CacheKey, Arc<StoredResponse>>);

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
        Self(responses)
    }

    /// The response stored under `key`, fresh or not.
    pub fn get(&self, key: &CacheKey) -> Option<Arc<StoredResponse>> {
        self.0.get(key)
    }

    /// Stores a response, in place of the one that was there.
    pub fn insert(&self, key: CacheKey, response: Arc<StoredResponse>) {
        self.0.insert(key, response);
    }

    /// Stores a response that was found on disk, unless there is one already, which is younger then. Returns the one that is there.
    pub fn promote(&self, key: CacheKey, response: Arc<StoredResponse>) -> Arc<StoredResponse> {
        self.0.entry(key).or_insert(response).into_value()
    }

    /// Forgets `response` if it is the one that is stored under `key`.
    pub fn demote(&self, key: &CacheKey, response: &Arc<StoredResponse>) {
        self.0.entry(key.clone()).and_compute_with(|entry| match entry {
            Some(entry) if Arc::ptr_eq(entry.value(), response) => Op::Remove,
            _ => Op::Nop,
        });
    }

    /// Forgets the response stored under `key`.
    pub fn remove(&self, key: &CacheKey) {
        self.0.invalidate(key);
    }

    /// The responses that are about `which`, with their keys. Walks all of them: for purges.
    pub fn about(&self, which: &Which) -> Vec<(CacheKey, Arc<StoredResponse>)> {
        let all = self.0.iter().filter(|(_, response)| which.covers(response.about()));
        all.map(|(key, response)| (CacheKey::clone(&key), response)).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use jiff::Timestamp;

    use crate::cache::disk::About;
    use crate::cache::freshness::Lifetime;
    use crate::cache::inspection::Inspection;
    use crate::cache::key::Partition;
    use crate::cache::representation::{Coding, Received, Representation};
    use crate::cache::stored_response::{Asked, Judged};
    use crate::clock::{Clock, Moment};
    use crate::portal::versions::Basis;
    use crate::request::endpoint::classify;
    use crate::request::query::{RawQuery, RuleSwitches, canonicalise};

    fn key(number: usize) -> CacheKey {
        let endpoint = classify("/api/explore/v2.1/catalog/datasets/x/records").unwrap();
        let raw = RawQuery::parse(&format!("limit={number}")).unwrap();
        let query = canonicalise(&endpoint, raw, &RuleSwitches::default()).unwrap().query;
        CacheKey::new("box", "https://portal.example", &Partition::Anonymous, &endpoint, &query, None, &[])
    }

    fn response(bytes: usize) -> Arc<StoredResponse> {
        let lifetime = Lifetime { fresh: Duration::from_secs(60), unmoved: Duration::ZERO, stale: Duration::from_secs(60) };
        let body = Bytes::from(vec![b'x'; bytes]);
        let inspected = Inspection::of(&body, None);
        let body = Representation::new(Received::Bytes(body), Coding::Identity, &inspected);
        let about = About { portal: "box".to_owned(), dataset: None, family: "records", target: "/x".to_owned() };
        let now = Clock::manual(Timestamp::UNIX_EPOCH).read();
        let asked = Asked { at: Moment::at(now), basis: Basis::Lifetime, stamp: None };
        let judged = Judged { lifetime, ..Judged::default() };
        Arc::new(StoredResponse::new(StatusCode::OK, &HeaderMap::new(), body, about, asked, judged, now))
    }

    #[test]
    fn the_store_stays_within_its_bytes() {
        let store = MemoryStore::new(NonZeroU64::new(1 << 20).unwrap());
        for number in 0..1_000 {
            store.insert(key(number), response(10_000));
        }
        store.0.run_pending_tasks();
        let (entries, bytes) = (store.0.entry_count(), store.0.weighted_size());
        assert!(bytes <= 1 << 20 && (50..=110).contains(&entries), "{entries} entries, {bytes} bytes");
        store.insert(key(0), response(2 << 20));
        store.0.run_pending_tasks();
        assert!(store.get(&key(0)).is_none(), "what is larger than the store is not stored");
    }
}
