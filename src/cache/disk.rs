//! The disk store: stored responses that survive a restart, for bodies of any size. The memory store is a window on it.
//!
//! An index in SQLite with small bodies in it, and a file for each larger body. Everything is written behind the answer, by one thread;
//! what waits to be written is found like what is written. Everything that is read is checked first, and what is not right to the byte is a
//! miss with a reason in the log. A disk that is full, read-only or broken makes the store a [memory-only](State::MemoryOnly) one until it
//! can be used again, and no answer fails for it.
//!
//! * `record` is the head as bytes, `body_file` the body in a file, `incoming` one that is being received, `layout` the directory;
//! * `index` is the SQLite file, `readers` looks up in it, `queue` holds what is to be written, `writer` writes it;
//! * `room` counts and bounds, with eviction in `writer`; `reconcile` compares index and files after a start.
//!
//! Whether an entry is fresh, and who may have it, is not known here.

mod about;
mod body_file;
mod incoming;
mod index;
mod layout;
mod queue;
mod readers;
mod reconcile;
mod record;
mod room;
mod shared;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::oneshot;

pub use about::{About, Mode, Purged, Which};
pub use body_file::{BodyFile, FileBody};
pub use incoming::Incoming;
pub use record::Head;

use self::body_file::trailer_len;
use self::index::Failure;
use self::layout::Layout;
use self::queue::{Change, Content, PurgeOrder, Storing};
use self::readers::Looked;
use self::shared::Shared;
use crate::cache::key::CacheKey;

/// The store. Clones share it; the last one that is dropped lets the writer end after a last write.
#[derive(Clone, Debug)]
pub struct DiskStore(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Shared>);

/// What the store may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of index and bodies, those being received included. Beside them the log of the index takes a few megabytes.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of the file system that are left to others: below, the store gives up entries, and stores nothing if that does not help.
    pub free_bytes: u64,
}

/// Whether the store can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It reads and writes.
    Ready,
    /// Nothing new can be stored; what can be read still is. It is tried again every few seconds.
    MemoryOnly {
        /// What is in the way.
        why: String,
    },
}

/// A stored response whose body is small enough to be held in memory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its head.
    pub head: Head,
    /// What it is about.
    pub about: About,
    /// Its body as received.
    pub body: Bytes,
}

/// A stored response that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its head.
    pub head: Head,
    /// Its body.
    pub body: Body,
    /// It was purged softly: it is stale from then on.
    pub purged: bool,
}

/// The body of a stored response, as received.
#[derive(Clone, Debug)]
pub enum Body {
    /// All of it, checked.
    Bytes(Bytes),
    /// An open file, checked block by block while it is read.
    File(Arc<BodyFile>),
}

/// What the store takes, and what became of entries since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Bytes of index and bodies, those being received included.
    pub bytes: u64,
    /// Of these, what is being received or written.
    pub incoming_bytes: u64,
    /// Entries in the index.
    pub entries: u64,
    /// Bytes that wait in memory to be written.
    pub queued_bytes: u64,
    /// Entries that were not written, because there was no room in the queue or on the disk.
    pub dropped_writes: u64,
    /// Entries that made room for others.
    pub evicted: u64,
    /// Entries that were found to be bad, and removed.
    pub discarded: u64,
}

impl DiskStore {
    /// Opens the store in its directory, or makes it. Reads no entry, whatever their number; comparing index and files is left to the writer.
    /// Blocks for what it takes to open the index.
    ///
    /// Never fails: a store that cannot be opened is memory only, says why, and is tried again.
    pub fn open(dir: &Path, limits: Limits) -> Self {
        let shared = Arc::new(Shared::new(Layout::new(dir), limits));
        let opened = writer::open_index(&shared);
        if let Err(error) = writer::start(Arc::clone(&shared), opened) {
            shared.room.close();
            shared.queue.clear();
            shared.queue.tell_ended();
            shared.set_state(State::MemoryOnly { why: format!("its writer could not be started: {error}") });
        }
        Self(Arc::new(Handle(shared)))
    }

    /// Whether it can be used. Reads memory.
    pub fn state(&self) -> State {
        self.shared().state()
    }

    /// The entry of a key, written or still waiting to be. Its use is noted.
    ///
    /// A bad entry is logged, removed and not found. If the future is dropped, the look-up ends on its own.
    pub async fn get(&self, key: &CacheKey) -> Option<Found> {
        let shared = self.shared();
        let bad = match shared.queue.find(key) {
            Some(Change::Store(storing)) => {
                shared.note_use(key);
                return Some(storing.found());
            }
            Some(Change::Remove | Change::Discard(None)) => return None,
            Some(Change::Discard(bad)) => bad,
            None => None,
        };
        if !shared.may_read() {
            return None;
        }
        let looked = readers::find(shared, key).await;
        self.judge(key, looked, bad)
    }

    /// What was found on disk, if it is of use. `bad` is an entry that was known to be bad before.
    fn judge(&self, key: &CacheKey, looked: Result<Looked, Failure>, bad: Option<u64>) -> Option<Found> {
        let shared = self.shared();
        let (found, serial) = match looked {
            Ok(Looked::Found { serial, .. }) if bad == Some(serial) => return None,
            Ok(Looked::Found { found, serial }) => (*found, serial),
            Ok(Looked::Bad { serial, why }) => {
                shared.discard(key, serial, &why);
                return None;
            }
            Ok(Looked::Absent) => return None,
            Err(Failure::Damaged(why)) => {
                tracing::warn!(why, "the index of the disk store is damaged");
                shared.report_damage();
                return None;
            }
            Err(Failure::Unavailable(why)) => {
                tracing::warn!(why, "the index of the disk store cannot be read");
                return None;
            }
        };
        // Queued while the disk was read: that is newer.
        match shared.queue.find(key) {
            Some(Change::Store(storing)) => Some(storing.found()),
            Some(Change::Remove | Change::Discard(None)) => None,
            Some(Change::Discard(Some(bad))) if bad == serial => None,
            Some(Change::Discard(_)) | None if !shared.may_read() => None,
            Some(Change::Discard(_)) | None => {
                shared.note_use(key);
                Some(found)
            }
        }
    }

    /// Notes that the entry of a key was used although it was not [got](Self::get) from here, so that it does not grow old while the memory
    /// store answers for it. Reads and writes memory.
    pub fn touch(&self, key: &CacheKey) {
        self.shared().note_use(key);
    }

    /// Stores an entry in place of the one that was there. It is found at once, and written later.
    ///
    /// If there is no room in the queue, it is dropped and counted, and the older entry goes too.
    pub fn put(&self, key: CacheKey, entry: Entry) {
        let Entry { head, about, body } = entry;
        let serial = self.shared().next_serial();
        self.store(&key, Storing::new(serial, head, about, Content::Memory(body), None));
    }

    /// Whether a body of this length alone is within the limit.
    pub fn can_hold(&self, length: u64) -> bool {
        length.saturating_add(trailer_len(length)) <= self.shared().room.limits().bytes
    }

    /// Begins a file for a body that is too large for memory. None if the store is memory only.
    pub async fn incoming(&self) -> Option<Incoming> {
        let shared = Arc::clone(self.shared());
        if !shared.is_numbered() || shared.state() != State::Ready {
            return None;
        }
        let begun = tokio::task::spawn_blocking(move || {
            Incoming::create(Arc::clone(&shared)).inspect_err(|error| {
                tracing::warn!(%error, "the disk store cannot begin a file");
                shared.suspect();
            })
        });
        begun.await.ok()?.ok()
    }

    /// Stores an entry whose body was received in a file, whole, and judged. It is found at once; the file gets its place later.
    pub fn keep(&self, key: CacheKey, head: Head, about: About, incoming: Incoming) -> Arc<BodyFile> {
        let shared = self.shared();
        debug_assert!(incoming.is_of(shared), "a body is kept by the store that received it");
        let serial = shared.next_serial();
        let (body, file) = incoming.into_body(key.clone(), serial, Arc::downgrade(shared));
        let body = Arc::new(body);
        self.store(&key, Storing::new(serial, head, about, Content::File(Arc::clone(&body)), Some(file)));
        body
    }

    fn store(&self, key: &CacheKey, storing: Storing) {
        let shared = self.shared();
        // Without an index there are no serials yet, and nobody knows when there will be one.
        let queued = if shared.is_numbered() {
            shared.queue.store(key, Arc::new(storing))
        } else {
            shared.queue.remove(key);
            false
        };
        if !queued {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        shared.ring();
    }

    /// Forgets the entry of a key. It is not found from now on.
    pub fn remove(&self, key: &CacheKey) {
        self.shared().queue.remove(key);
        self.shared().ring();
    }

    /// Purges, or counts what would be purged. What is stored after this is called is not purged.
    ///
    /// If the future is dropped, the purge is done all the same.
    pub async fn purge(&self, which: Which, mode: Mode) -> Purged {
        let shared = self.shared();
        // Whatever is in an index that has not been opened yet is older.
        let before = if shared.is_numbered() { shared.next_serial() } else { u64::MAX };
        let done = shared.queue.purge(&which, mode);
        let (reply, answer) = oneshot::channel();
        shared.queue.order_purge(PurgeOrder { which, mode, before, done, reply: Some(reply) });
        shared.ring();
        answer.await.unwrap_or(done)
    }

    /// What it takes. Reads memory.
    pub fn usage(&self) -> Usage {
        let shared = self.shared();
        let account = shared.room.account();
        Usage {
            bytes: account.bytes(),
            incoming_bytes: account.loose,
            entries: account.entries,
            queued_bytes: shared.queue.bytes(),
            dropped_writes: shared.dropped.load(Ordering::Relaxed),
            evicted: shared.evicted.load(Ordering::Relaxed),
            discarded: shared.discarded.load(Ordering::Relaxed),
        }
    }

    /// Waits until everything that can be written now is written, and index and files have been compared.
    pub async fn settled(&self) {
        let (idle, told) = oneshot::channel();
        self.shared().queue.tell_when_idle(idle);
        self.shared().ring();
        // A writer that is gone has settled.
        let _ = told.await;
    }

    /// Writes what waits, and closes the index. Afterwards nothing is stored or read from disk.
    pub async fn close(&self) {
        let (ended, told) = oneshot::channel();
        self.shared().queue.close(Some(ended));
        self.shared().ring();
        // A writer that is gone has closed.
        let _ = told.await;
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.queue.close(None);
        self.0.ring();
    }
}
