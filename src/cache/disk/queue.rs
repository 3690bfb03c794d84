//! What is to be written and is not yet: the newest change of each key, found by readers before the index is.
//!
//! Bounded: stores by the bytes they hold, removals by their number. A store that finds no room becomes a removal, so that the older entry
//! of its key does not come back. Removals are never dropped one by one: if there are too many, the queue says so once and for all, and the
//! whole index is given up before it is read again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::body_file::BodyFile;
use super::incoming::LooseFile;
use super::{About, Body, Found, Head, Mode, Purged, Which};
use crate::cache::key::CacheKey;

/// Bytes of bodies and heads that may wait in memory.
pub(super) const QUEUE_BYTES: u64 = 16 * 1024 * 1024;
/// Removals that may wait.
const REMOVALS: usize = 1 << 16;
/// Keys whose last use may wait to be written.
const USES: usize = 1 << 14;
/// Purges that may wait.
const PURGES: usize = 64;
/// What an entry takes in the queue beside its bytes.
const OVERHEAD: u64 = 512;

/// An entry that is to be written.
#[derive(Debug)]
pub(super) struct Storing {
    pub serial: u64,
    pub head: Head,
    pub about: About,
    pub body: Content,
    pub purged: AtomicBool,
    /// The file of the body, once there is one. Only the writer looks at it.
    pub file: Mutex<Option<LooseFile>>,
}

/// Where the body is until the entry is written.
#[derive(Debug)]
pub(super) enum Content {
    Memory(Bytes),
    File(Arc<BodyFile>),
}

/// What is to become of a key's entry.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Store(Arc<Storing>),
    Remove,
    /// Removal of a bad entry, if it is still that one. `None`: whichever it is.
    Discard(Option<u64>),
}

/// A change and its place in the queue.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub place: u64,
    pub key: CacheKey,
    pub change: Change,
}

/// A purge that the writer has to carry out.
#[derive(Debug)]
pub(super) struct PurgeOrder {
    pub which: Which,
    pub mode: Mode,
    /// Entries of this serial and later are newer than the purge.
    pub before: u64,
    /// What the purge did in the queue.
    pub done: Purged,
    pub reply: Option<oneshot::Sender<Purged>>,
}

#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    changes: HashMap<CacheKey, (u64, Change)>,
    order: BTreeMap<u64, CacheKey>,
    next: u64,
    /// Of the stores.
    bytes: u64,
    removals: usize,
    /// A removal found no room: nothing in the index can be trusted to be wanted.
    forgot: bool,
    purges: VecDeque<PurgeOrder>,
    uses: HashMap<CacheKey, u64>,
    /// To be told once there is nothing left to do.
    idle: Vec<oneshot::Sender<()>>,
    /// To be told once the writer has ended.
    ended: Vec<oneshot::Sender<()>>,
    closing: bool,
    /// The writer does nothing more that is queued.
    closed: bool,
    /// The writer is gone.
    over: bool,
}

impl Storing {
    pub fn new(serial: u64, head: Head, about: About, body: Content, file: Option<LooseFile>) -> Self {
        Self { serial, head, about, body, purged: AtomicBool::new(false), file: Mutex::new(file) }
    }

    pub fn found(&self) -> Found {
        let body = match &self.body {
            Content::Memory(bytes) => Body::Bytes(bytes.clone()),
            Content::File(file) => Body::File(Arc::clone(file)),
        };
        Found { head: self.head.clone(), body, purged: self.purged.load(Ordering::Acquire) }
    }

    /// Memory it takes.
    fn weight(&self) -> u64 {
        let fields: usize = self.head.fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let body = match &self.body {
            Content::Memory(bytes) => bytes.len(),
            Content::File(_) => 0,
        };
        (fields + body + self.about.target.len()) as u64 + OVERHEAD
    }
}

impl Waiting {
    /// Puts a change in place of the one that was there, which is handed back: its file goes when it is dropped, and not under the lock.
    fn set(&mut self, key: &CacheKey, change: Change) -> Option<Change> {
        let before = self.take(key);
        if let Change::Store(storing) = &change {
            self.bytes += storing.weight();
        } else if self.removals >= REMOVALS {
            self.forgot = true;
            return before;
        } else {
            self.removals += 1;
        }
        self.order.insert(self.next, key.clone());
        self.changes.insert(key.clone(), (self.next, change));
        self.next += 1;
        before
    }

    fn take(&mut self, key: &CacheKey) -> Option<Change> {
        let (place, change) = self.changes.remove(key)?;
        self.order.remove(&place);
        match &change {
            Change::Store(storing) => self.bytes -= storing.weight(),
            _ => self.removals -= 1,
        }
        Some(change)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an entry. If there is no room for it, its key is removed instead, and the answer is false.
    #[must_use]
    pub fn store(&self, key: &CacheKey, storing: Arc<Storing>) -> bool {
        let mut waiting = self.lock();
        let fits = !waiting.closing && waiting.bytes + storing.weight() <= QUEUE_BYTES;
        let before = waiting.set(key, if fits { Change::Store(Arc::clone(&storing)) } else { Change::Remove });
        drop(waiting);
        drop((before, storing));
        fits
    }

    /// Queues a removal.
    pub fn remove(&self, key: &CacheKey) {
        let before = self.lock().set(key, Change::Remove);
        drop(before);
    }

    /// Queues the removal of a bad entry, unless a change of its key waits that makes an end of it anyway.
    pub fn discard(&self, key: &CacheKey, serial: Option<u64>) {
        let mut waiting = self.lock();
        let before = match waiting.changes.get(key) {
            None => waiting.set(key, Change::Discard(serial)),
            Some((_, Change::Store(storing))) if Some(storing.serial) == serial => waiting.set(key, Change::Remove),
            Some(_) => None,
        };
        drop(waiting);
        drop(before);
    }

    /// The change of a key that waits.
    pub fn find(&self, key: &CacheKey) -> Option<Change> {
        self.lock().changes.get(key).map(|(_, change)| change.clone())
    }

    /// The first changes, up to a number and to bytes; they stay in the queue until they are [done](Self::done).
    pub fn batch(&self, number: usize, bytes: u64) -> Vec<Queued> {
        let waiting = self.lock();
        let (mut batch, mut left) = (Vec::new(), bytes);
        for (place, key) in waiting.order.iter().take(number) {
            let Some((_, change)) = waiting.changes.get(key) else { continue };
            if let Change::Store(storing) = change {
                left = match left.checked_sub(storing.weight()) {
                    None if !batch.is_empty() => break,
                    left => left.unwrap_or(0),
                };
            }
            batch.push(Queued { place: *place, key: key.clone(), change: change.clone() });
        }
        batch
    }

    /// Takes changes out of the queue, save for those that others have taken the place of.
    pub fn done(&self, batch: &[Queued]) {
        let mut gone = Vec::new();
        let mut waiting = self.lock();
        for queued in batch {
            if waiting.order.contains_key(&queued.place) {
                gone.push(waiting.take(&queued.key));
            }
        }
        drop(waiting);
        drop(gone);
    }

    /// Turns a store that could not be written into the removal of its key.
    pub fn give_up(&self, queued: &Queued) {
        let mut waiting = self.lock();
        let before = if waiting.order.contains_key(&queued.place) { waiting.set(&queued.key, Change::Remove) } else { None };
        drop(waiting);
        drop(before);
    }

    /// Forgets the entries whose files lay among the bodies of an index that was given up.
    pub fn forget_placed(&self) {
        let placed = |storing: &Storing| storing.file.lock().is_ok_and(|file| file.as_ref().is_some_and(LooseFile::is_placed));
        let mut waiting = self.lock();
        let keys: Vec<CacheKey> = waiting
            .changes
            .iter()
            .filter(|(_, (_, change))| matches!(change, Change::Store(storing) if placed(storing)))
            .map(|(key, _)| key.clone())
            .collect();
        let gone: Vec<_> = keys.iter().map(|key| waiting.take(key)).collect();
        drop(waiting);
        drop(gone);
    }

    /// Applies a purge to what waits: marks it or makes it a removal.
    pub fn purge(&self, which: &Which, mode: Mode) -> Purged {
        let mut purged = Purged::default();
        let mut gone = Vec::new();
        let mut waiting = self.lock();
        let stores = waiting.changes.iter().filter_map(|(key, (_, change))| match change {
            Change::Store(storing) if which.covers(&storing.about) => Some((key.clone(), Arc::clone(storing))),
            _ => None,
        });
        let stores: Vec<(CacheKey, Arc<Storing>)> = stores.collect();
        for (key, storing) in stores {
            match mode {
                Mode::Count => {}
                // Counted in the index, where it will be by then.
                Mode::Soft => storing.purged.store(true, Ordering::Release),
                Mode::Hard => {
                    purged.entries += 1;
                    purged.bytes += match &storing.body {
                        Content::Memory(bytes) => bytes.len() as u64,
                        Content::File(file) => file.len(),
                    };
                    gone.push(waiting.set(&key, Change::Remove));
                }
            }
            gone.push(Some(Change::Store(storing)));
        }
        drop(waiting);
        drop(gone);
        purged
    }

    pub fn order_purge(&self, order: PurgeOrder) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.purges.push_back(order);
        }
    }

    pub fn take_purges(&self) -> VecDeque<PurgeOrder> {
        std::mem::take(&mut self.lock().purges)
    }

    /// Puts purges back that could not be carried out. If too many wait, the index is given up instead: then nothing is left to be purged.
    pub fn return_purges(&self, mut orders: VecDeque<PurgeOrder>) {
        let mut waiting = self.lock();
        if orders.len() > PURGES {
            waiting.forgot = true;
            return;
        }
        orders.append(&mut waiting.purges);
        waiting.purges = orders;
    }

    /// Whether the index must not be read, because it has entries that were to go.
    pub fn has_forgotten(&self) -> bool {
        self.lock().forgot
    }

    /// Gives up on what a full queue of removals could not hold.
    pub fn set_forgotten(&self, forgot: bool) {
        self.lock().forgot = forgot;
    }

    /// Notes that a key was used at `tick`. True if it is time to write the uses down. One too many is not noted.
    pub fn note_use(&self, key: &CacheKey, tick: u64) -> bool {
        let mut waiting = self.lock();
        if waiting.uses.len() < USES || waiting.uses.contains_key(key) {
            waiting.uses.insert(key.clone(), tick);
        }
        waiting.uses.len() >= USES / 2
    }

    pub fn take_uses(&self) -> HashMap<CacheKey, u64> {
        std::mem::take(&mut self.lock().uses)
    }

    pub fn uses_are_many(&self) -> bool {
        self.lock().uses.len() >= USES / 2
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Tells `idle` once the writer has nothing to do that it could do.
    pub fn tell_when_idle(&self, idle: oneshot::Sender<()>) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.idle.push(idle);
        }
    }

    /// The writer is about to wait. Whoever queued something since it looked is not told yet, unless the writer is `stuck`.
    pub fn tell_idle(&self, stuck: bool) {
        let mut waiting = self.lock();
        if stuck || waiting.changes.is_empty() && waiting.purges.is_empty() {
            tell(std::mem::take(&mut waiting.idle));
        }
    }

    /// Takes no more entries, and tells `ended` once the writer has ended.
    pub fn close(&self, ended: Option<oneshot::Sender<()>>) {
        let mut waiting = self.lock();
        waiting.closing = true;
        if !waiting.over {
            waiting.ended.extend(ended);
        }
    }

    pub fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Drops all that waits, and its files. The writer is about to end.
    pub fn clear(&self) {
        let mut waiting = self.lock();
        let gone = std::mem::take(&mut *waiting);
        *waiting = Waiting { closing: true, closed: true, ended: gone.ended, ..Waiting::default() };
        drop(waiting);
        drop((gone.changes, gone.purges));
        tell(gone.idle);
    }

    /// The writer has ended.
    pub fn tell_ended(&self) {
        let mut waiting = self.lock();
        waiting.over = true;
        tell(std::mem::take(&mut waiting.ended));
    }
}

fn tell(waiting: Vec<oneshot::Sender<()>>) {
    for one in waiting {
        // Whoever stopped waiting need not know.
        let _ = one.send(());
    }
}
