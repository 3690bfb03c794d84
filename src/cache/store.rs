//! The stores as one: memory first, then disk. What disk has is promoted; what memory lets go is not lost. What a key unlocked is in memory alone: the
//! disk is asked for nothing that is not everybody's, and given nothing else, whoever calls.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::cache::disk::{About, Body, DiskStore, Entry, Found, Head, Incoming, Mode, Purged, State, Usage, Which};
use crate::cache::freshness::Lifetime;
use crate::cache::key::CacheKey;
use crate::cache::memory::MemoryStore;
use crate::cache::representation::Received;
use crate::cache::stored_response::StoredResponse;
use crate::clock::Clock;
use crate::portal::versions::Basis;

/// All stored responses. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    memory: MemoryStore,
    /// None if there is to be none.
    disk: Option<DiskStore>,
    changes: Changes,
    clock: Clock,
}

/// How often what is stored under a key, and others with it, has changed: whoever has looked on disk and is about to promote what it found can
/// tell that it is of the past. Counted after the disk knows of a change and before memory does.
#[derive(Clone, Debug)]
struct Changes(Arc<[AtomicU64; 256]>);

impl Changes {
    fn of(&self, key: &CacheKey) -> &AtomicU64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        &self.0[(hasher.finish() % self.0.len() as u64) as usize]
    }

    fn count(&self, key: &CacheKey) {
        self.of(key).fetch_add(1, Ordering::SeqCst);
    }

    fn count_all(&self) {
        for changes in self.0.iter() {
            changes.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// How the disk store is, for operators.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Disk {
    /// It stores.
    Working,
    /// There is none, by configuration.
    None,
    /// It cannot be used for now: what is stored is in memory alone.
    MemoryOnly {
        /// What is in the way.
        why: String,
    },
}

impl Store {
    /// The two stores.
    pub fn new(memory: MemoryStore, disk: Option<DiskStore>, clock: Clock) -> Self {
        Self { memory, disk, changes: Changes(Arc::new(std::array::from_fn(|_| AtomicU64::new(0)))), clock }
    }

    /// The response in memory. `elapsed` is the clock's monotonic hand.
    pub fn in_memory(&self, key: &CacheKey, elapsed: Duration) -> Option<Arc<StoredResponse>> {
        let response = self.memory.get(key)?;
        if response.is_lost(elapsed) {
            self.memory.demote(key, &response);
            return None;
        }
        if let Some(disk) = self.disk_of(key)
            && response.is_used_again(elapsed)
        {
            disk.touch(key);
        }
        Some(response)
    }

    /// The response on disk, in memory from now on if it is small. How long it serves is what the settings of today say: `lifetime` of its head;
    /// one that is not stored any more is of no use.
    pub async fn on_disk(
        &self,
        key: &CacheKey,
        about: impl FnOnce() -> (About, Basis),
        lifetime: impl FnOnce(&Head) -> Option<Lifetime>,
    ) -> Option<Arc<StoredResponse>> {
        let changes = self.changes.of(key);
        let before = changes.load(Ordering::SeqCst);
        let Found { head, body, purged } = self.disk_of(key)?.get(key).await?;
        let lifetime = lifetime(&head)?;
        let received = match body {
            Body::Bytes(bytes) => Received::Bytes(bytes),
            Body::File(file) => Received::File(file),
        };
        let stays_on_disk = matches!(received, Received::File(_));
        let (about, basis) = about();
        let response = Arc::new(StoredResponse::from_disk(head, received, about, basis, self.clock.read(), lifetime, purged));
        if stays_on_disk {
            return Some(response);
        }
        let promoted = self.memory.promote(key.clone(), Arc::clone(&response));
        if changes.load(Ordering::SeqCst) != before {
            // Withdrawn, purged or replaced meanwhile, by somebody who did not see it here.
            self.memory.demote(key, &response);
        }
        Some(promoted)
    }

    /// Stores a response whose body is in memory: there at once, and on disk as soon as may be.
    pub fn insert(&self, key: CacheKey, response: Arc<StoredResponse>) {
        if let (Some(disk), Received::Bytes(body)) = (self.disk_of(&key), response.body().received()) {
            disk.put(key.clone(), Entry { head: response.head(), about: response.about().clone(), body: body.clone() });
        }
        self.changes.count(&key);
        self.memory.insert(key, response);
    }

    /// The disk, for what may be there.
    fn disk_of(&self, key: &CacheKey) -> Option<&DiskStore> {
        self.disk.as_ref().filter(|_| key.is_anonymous())
    }

    /// Room on disk for a large body; none if there is none, or if the body is known to be longer than the store may be: what is there does
    /// not make room for it in vain.
    pub async fn incoming(&self, key: &CacheKey, stated_length: Option<u64>) -> Option<Incoming> {
        let disk = self.disk_of(key)?;
        if stated_length.is_some_and(|length| !disk.can_hold(length)) {
            return None;
        }
        disk.incoming().await
    }

    /// Keeps a large body that was received whole.
    pub fn keep(&self, key: CacheKey, head: Head, about: About, incoming: Incoming) {
        if let Some(disk) = self.disk_of(&key) {
            disk.keep(key.clone(), head, about, incoming);
            self.changes.count(&key);
            // What was there was small, or memory would not have it.
            self.memory.remove(&key);
        }
    }

    /// Forgets the response stored under `key`.
    pub fn remove(&self, key: &CacheKey) {
        if let Some(disk) = self.disk_of(key) {
            disk.remove(key);
        }
        self.changes.count(key);
        self.memory.remove(key);
    }

    /// Makes stale, removes or counts what is stored about `which`.
    pub async fn purge(&self, which: Which, mode: Mode) -> Purged {
        // Before the disk, which may take its time.
        let (everybodys, apart) = self.purge_memory(&which, mode);
        let purged = match &self.disk {
            // What is in memory is on disk too, or was dropped on its way there.
            Some(disk) => {
                let there = disk.purge(which.clone(), mode).await;
                self.changes.count_all();
                // And what was promoted from disk until it knew.
                self.purge_memory(&which, mode);
                Purged { entries: there.entries.max(everybodys.entries), bytes: there.bytes.max(everybodys.bytes), ..there }
            }
            None => everybodys,
        };
        // What keys unlocked is nowhere else.
        Purged { entries: purged.entries + apart.entries, bytes: purged.bytes + apart.bytes, ..purged }
    }

    /// What is everybody's, and what keys unlocked.
    fn purge_memory(&self, which: &Which, mode: Mode) -> (Purged, Purged) {
        let none = Purged { complete: true, ..Purged::default() };
        let (mut everybodys, mut apart) = (none, none);
        for (key, response) in &self.memory.about(which) {
            match mode {
                Mode::Count => {}
                Mode::Soft => response.purge(),
                Mode::Hard => self.memory.remove(key),
            }
            let purged = if key.is_anonymous() { &mut everybodys } else { &mut apart };
            purged.entries += 1;
            purged.bytes += response.body().received_len();
        }
        (everybodys, apart)
    }

    /// How the disk store is.
    pub fn disk(&self) -> Disk {
        match self.disk.as_ref().map(DiskStore::state) {
            None => Disk::None,
            Some(State::Ready) => Disk::Working,
            Some(State::MemoryOnly { why }) => Disk::MemoryOnly { why },
        }
    }

    /// What the disk store holds.
    pub fn usage(&self) -> Option<Usage> {
        self.disk.as_ref().map(DiskStore::usage)
    }

    /// Writes what is to be written.
    pub async fn close(&self) {
        if let Some(disk) = &self.disk {
            disk.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::cache::disk::Limits;
    use crate::cache::inspection::Inspection;
    use crate::cache::key::Partition;
    use crate::cache::representation::{Coding, Representation};
    use crate::cache::stored_response::{Asked, Judged};
    use crate::clock::Moment;
    use crate::request::endpoint::classify;
    use crate::request::query::{RawQuery, RuleSwitches, canonicalise};

    const LIFETIME: Lifetime = Lifetime { fresh: Duration::from_secs(600), unmoved: Duration::ZERO, stale: Duration::from_secs(600) };

    fn about() -> About {
        About { portal: "box".to_owned(), dataset: None, family: "records", target: "/x".to_owned() }
    }

    fn response(clock: &Clock) -> Arc<StoredResponse> {
        let body = Bytes::from_static(b"small");
        let inspected = Inspection::of(&body, None);
        let body = Representation::new(Received::Bytes(body), Coding::Identity, &inspected);
        let asked = Asked { at: Moment::at(clock.read()), basis: Basis::Lifetime, stamp: None };
        let judged = Judged { lifetime: LIFETIME, ..Judged::default() };
        Arc::new(StoredResponse::new(StatusCode::OK, &HeaderMap::new(), body, about(), asked, judged, clock.read()))
    }

    /// What memory holds after `meanwhile` was done between a look on disk and the promotion of what was found there.
    async fn promoted_after(meanwhile: impl FnOnce(Store, CacheKey)) -> Option<Arc<StoredResponse>> {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-03-01T10:00:00Z".parse().unwrap());
        let disk = DiskStore::open(dir.path(), Limits { bytes: 1 << 30, entries: 100, free_bytes: 0 });
        let store = Store::new(MemoryStore::new(NonZeroU64::new(1 << 20).unwrap()), Some(disk.clone()), clock.clone());
        let endpoint = classify("/api/explore/v2.1/catalog/datasets/x/records").unwrap();
        let query = canonicalise(&endpoint, RawQuery::default(), &RuleSwitches::default()).unwrap().query;
        let key = CacheKey::new("box", "http://portal", &Partition::Anonymous, &endpoint, &query, None, &[]);
        store.insert(key.clone(), response(&clock));
        disk.settled().await;
        store.memory.remove(&key);
        let found = store.on_disk(
            &key,
            || (about(), Basis::Lifetime),
            |_| {
                meanwhile(store.clone(), key.clone());
                Some(LIFETIME)
            },
        );
        assert!(found.await.is_some());
        store.in_memory(&key, Duration::ZERO)
    }

    fn waited_for<T>(future: impl Future<Output = T>) -> T {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_withdrawn_purged_or_replaced_while_it_is_promoted_is_not_fresh_in_memory() {
        assert!(promoted_after(|_, _| {}).await.is_some(), "left alone it is promoted");
        assert!(promoted_after(|store, key| store.remove(&key)).await.is_none());
        for mode in [Mode::Soft, Mode::Hard] {
            let left = promoted_after(|store, _| {
                let which = Which::All { portal: "box".to_owned() };
                assert_eq!(waited_for(store.purge(which, mode)).entries, 1);
            });
            assert!(left.await.is_none(), "{mode:?}");
        }
        let larger = promoted_after(|store, key| {
            let mut incoming = waited_for(store.incoming(&key, None)).unwrap();
            incoming.append(&vec![b'x'; 300_000]).unwrap();
            let head = Head { identity_len: 300_000, ..response(&store.clock).head() };
            store.keep(key, head, about(), incoming);
        });
        assert!(larger.await.is_none(), "it hides a newer one");
    }
}
