//! What the handles, the readers and the writer of a store share.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use super::index::PER_SESSION;
use super::layout::{self, Layout};
use super::queue::Queue;
use super::readers::Readers;
use super::room::Room;
use super::{Limits, State};
use crate::cache::key::CacheKey;

#[derive(Debug)]
pub(super) struct Shared {
    pub layout: Layout,
    pub queue: Queue,
    pub room: Room,
    pub readers: Readers,
    pub dropped: AtomicU64,
    pub evicted: AtomicU64,
    pub discarded: AtomicU64,
    /// The next serial or tick: larger than any in the index, once that has been open.
    next: AtomicU64,
    state: Mutex<State>,
    /// A reader has met damage in the index.
    damaged: AtomicBool,
    /// Writing a body failed outside the writer, or somebody thinks it may work again.
    suspect: AtomicBool,
    /// A purge could not be carried out yet.
    purge_waits: AtomicBool,
    trash: Mutex<Vec<(PathBuf, u64)>>,
    writer: OnceLock<Thread>,
    #[cfg(test)]
    pub death: super::tests::Death,
}

impl Shared {
    pub fn new(layout: Layout, limits: Limits) -> Self {
        Self {
            readers: Readers::new(layout.index()),
            layout,
            queue: Queue::default(),
            room: Room::new(limits),
            dropped: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            discarded: AtomicU64::new(0),
            next: AtomicU64::new(0),
            state: Mutex::new(State::Ready),
            damaged: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            purge_waits: AtomicBool::new(false),
            trash: Mutex::default(),
            writer: OnceLock::new(),
            #[cfg(test)]
            death: super::tests::Death::default(),
        }
    }

    pub fn state(&self) -> State {
        self.state_lock().clone()
    }

    /// Sets the state and says so, once.
    pub fn set_state(&self, new: State) {
        let mut state = self.state_lock();
        match (&*state, &new) {
            (State::Ready, State::MemoryOnly { why }) => tracing::warn!(why, "the disk store cannot be used: memory only"),
            (State::MemoryOnly { .. }, State::Ready) => tracing::info!("the disk store can be used again"),
            _ => {}
        }
        *state = new;
    }

    /// The writer ends, as it was told to or not.
    pub fn set_closed(&self) {
        *self.state_lock() = State::MemoryOnly { why: "it is closed".to_owned() };
    }

    fn state_lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index is open: its serials and ticks of this session begin here.
    pub fn begin_session(&self, session: u64) {
        self.next.fetch_max(session << PER_SESSION, Ordering::AcqRel);
    }

    /// The session that an index has to begin now.
    pub fn session(&self) -> u64 {
        (self.next.load(Ordering::Acquire) >> PER_SESSION) + 1
    }

    /// Whether the index has been open since the start.
    pub fn is_numbered(&self) -> bool {
        self.next.load(Ordering::Acquire) >= 1 << PER_SESSION
    }

    /// A number that no entry, no file and no use has had.
    pub fn next_serial(&self) -> u64 {
        self.next.fetch_add(1, Ordering::AcqRel)
    }

    pub fn note_use(&self, key: &CacheKey) {
        if self.is_numbered() && self.queue.note_use(key, self.next_serial()) {
            self.ring();
        }
    }

    /// Gives up a bad entry and says why. With a serial, only if the entry is still that one.
    pub fn discard(&self, key: &CacheKey, serial: Option<u64>, why: &dyn Display) {
        tracing::warn!(key = key.id(), %why, "a stored response cannot be used and is removed");
        self.discarded.fetch_add(1, Ordering::Relaxed);
        self.queue.discard(key, serial);
        self.ring();
    }

    /// Whether the index may be read: not while it has entries that should be gone.
    pub fn may_read(&self) -> bool {
        !self.purge_waits.load(Ordering::Acquire) && !self.queue.has_forgotten()
    }

    pub fn set_purge_waits(&self, waits: bool) {
        self.purge_waits.store(waits, Ordering::Release);
    }

    /// Wakes the writer.
    pub fn ring(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub fn set_writer(&self, writer: Thread) {
        // One writer a store, so it is set once.
        let _ = self.writer.set(writer);
    }

    pub fn report_damage(&self) {
        self.damaged.store(true, Ordering::Release);
        self.ring();
    }

    /// Whether a reader has met damage.
    pub fn take_damage(&self) -> bool {
        self.damaged.swap(false, Ordering::AcqRel)
    }

    /// Lets the writer find out at once whether the disk can be written.
    pub fn suspect(&self) {
        self.suspect.store(true, Ordering::Release);
        self.ring();
    }

    pub fn take_suspicion(&self) -> bool {
        self.suspect.swap(false, Ordering::AcqRel)
    }

    /// Whether the writer has been told something that it has not looked at yet.
    pub fn has_news(&self) -> bool {
        self.suspect.load(Ordering::Acquire) || self.damaged.load(Ordering::Acquire)
    }

    /// Leaves a file to the writer to remove; its bytes count until then.
    pub fn throw_away(&self, path: PathBuf, bytes: u64) {
        self.trash_lock().push((path, bytes));
        // The writer closes the room before it looks into the trash for the last time.
        if self.room.is_closed() { self.empty_trash() } else { self.ring() }
    }

    /// Removes what was thrown away. Blocks.
    pub fn empty_trash(&self) {
        let trash = std::mem::take(&mut *self.trash_lock());
        #[cfg(test)]
        if self.death.is_dead() {
            return;
        }
        for (path, bytes) in trash {
            self.unlink(&path);
            self.room.change(|account| account.loose = account.loose.saturating_sub(bytes));
        }
    }

    /// Removes a file of a body. One that stays is found by the next start.
    pub fn unlink(&self, path: &std::path::Path) {
        if let Err(error) = layout::remove(path) {
            tracing::debug!(%error, path = %path.display(), "a file of the disk store could not be removed");
        }
    }

    fn trash_lock(&self) -> MutexGuard<'_, Vec<(PathBuf, u64)>> {
        self.trash.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in the code where a test may end the writer as a kill would.
    pub fn step(self: &Arc<Self>, _where: &'static str) {
        #[cfg(test)]
        self.death.step(_where);
    }
}
