//! A large body while it is received, for all who read it meanwhile.
//!
//! The fill of a large answer pushes what arrives into a [`Receiver`]; any number of [`Reader`]s give it out from its first byte, each at
//! its own speed. The newest part is in memory and shared, all of it is on a file of the disk store: a reader that falls behind reads from
//! there and slows nobody. Without a file (no disk, or it filled up on the way) the fill goes at the pace of its slowest reader, and once
//! the beginning is gone nobody new can join; what had been written until then still serves those who are behind. A reader that stands
//! still is cut by its connection (`server::write_watch`), so that waiting for it ends.
//!
//! # Who counts as wanting it
//!
//! Readers, and those who are about to read. An asker that waits for a fill is told of the body with an [`Arriving`], and **every
//! `Arriving` counts from the moment it is made**, the first one together with the receiver. So there is no moment between the
//! announcement and the first reader at which nobody seems to want it, however late the asker has its turn; and without a file the beginning
//! is kept for it. What only lists the body for later askers holds a [`Listed`], which counts nothing, and cannot be read but by making
//! an `Arriving` of it. That nobody wants a body, and that nobody can join it any more, is one step under one lock.
//!
//! What an answer of this body looks like, who lists it, and where its file goes afterwards is left to the exchange and the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::Notify;

use super::disk::Incoming;

mod reader;
mod receiver;
mod state;
mod window;

pub use reader::Reader;
pub use receiver::{Pushed, Receiver};

use state::{Afterwards, Flow, Next, Sizes, State};

/// The window: enough for readers of one network to stay in memory together, and for the disk to take its time. Beyond it goes the one chunk
/// that filled it up.
const SIZES: Sizes = Sizes { window: 1024 * 1024, block: 128 * 1024, small: 16 * 1024 };

/// A body that is being received, for one who wants it. Cheap to clone; each clone counts as one who is about to read, until it has made a
/// reader or waited for the end, or is dropped.
///
/// Held longer, it keeps a fill going that nobody reads; lists hold a [`Listed`].
#[derive(Debug)]
pub struct Arriving {
    shared: Arc<Shared>,
    /// Neither has read nor waited for the end.
    beginner: AtomicBool,
}

/// A body that is being received, for a list of them. Counts nothing and keeps nothing.
#[derive(Clone, Debug)]
pub struct Listed(Weak<Shared>);

/// Why a body did not end cleanly.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Broken {
    /// The fill ended before the body did; it says itself why.
    #[error("the body broke off")]
    Off,
    /// Nobody read it, and it was not worth finishing.
    #[error("the body was given up because nobody read it")]
    Unwanted,
    /// It is longer or shorter than its head said.
    #[error("the body has {received} bytes where {stated} were stated")]
    OfOtherLength {
        /// The length that was stated.
        stated: u64,
        /// What came, as far as it was counted.
        received: u64,
    },
    /// What was written to the file cannot be read from it. Of this reader alone.
    #[error("what was stored of the body cannot be read back")]
    Unreadable(#[source] Arc<std::io::Error>),
}

/// Begins a body: the fill's end, and the first handle of those who wait for it.
///
/// `stated_length` is the number of bytes that will be pushed, if the head of the answer says so: another number breaks the body.
/// A body that nobody wants any more is finished all the same if it goes to a file and its length (stated, or else what has come) is at most
/// `finish_limit`, or if at least nine tenths of a stated length are here.
pub fn receive(incoming: Option<Incoming>, stated_length: Option<u64>, finish_limit: u64) -> (Receiver, Arriving) {
    receive_sized(SIZES, incoming, stated_length, finish_limit)
}

fn receive_sized(sizes: Sizes, incoming: Option<Incoming>, stated_length: Option<u64>, finish_limit: u64) -> (Receiver, Arriving) {
    let state = State::new(sizes, stated_length, finish_limit, incoming.as_ref().map(Incoming::file));
    let shared = Arc::new(Shared { sizes, state: Mutex::new(state), moved: Notify::new(), over: Notify::new() });
    let arriving = Shared::handle(&shared, &mut shared.lock());
    (Receiver::new(shared, incoming), arriving)
}

impl Arriving {
    /// A reader from byte 0. None if the beginning is gone, which needs a body without a file, or if the body is broken.
    pub fn reader(&self) -> Option<Reader> {
        let mut state = self.shared.lock();
        // The seat first: at no time neither counts.
        let seat = state.sit_down();
        self.begin(&mut state);
        drop(state);
        self.shared.moved.notify_one();
        seat.map(|seat| Reader::new(Arc::clone(&self.shared), seat))
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        self.shared.lock().received()
    }

    /// Waits for the end: for one who can use nothing but the whole. Then [`reader`](Self::reader) gives it out with its length, if there
    /// was a file or it is small. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Why it is not whole. [`Broken::Unwanted`] also if there is no file, nobody reads, and more comes than the window holds.
    pub async fn ended(&self) -> Result<(), Broken> {
        self.begin(&mut self.shared.lock());
        self.shared.moved.notify_one();
        loop {
            // Made before the look at the state, so that no end is missed.
            let over = self.shared.over.notified();
            if let Some(end) = self.shared.lock().end() {
                return end;
            }
            over.await;
        }
    }

    /// The same body for a list.
    pub fn listed(&self) -> Listed {
        Listed(Arc::downgrade(&self.shared))
    }

    fn begin(&self, state: &mut State) {
        if self.beginner.swap(false, Ordering::Relaxed) {
            state.begin();
        }
    }
}

impl Listed {
    /// A handle for one who wants the body. None if it is broken, over and gone, or without its beginning: the asker needs a fill of its own.
    pub fn join(&self) -> Option<Arriving> {
        let shared = self.0.upgrade()?;
        let mut state = shared.lock();
        (!state.is_broken() && state.has_beginning()).then(|| Shared::handle(&shared, &mut state))
    }
}

impl PartialEq for Listed {
    /// Whether they are of the same body.
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

impl Eq for Listed {}

impl Clone for Arriving {
    fn clone(&self) -> Self {
        Shared::handle(&self.shared, &mut self.shared.lock())
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        self.begin(&mut state);
        state.remove_handle();
        drop(state);
        self.shared.moved.notify_one();
    }
}

/// The state, and who waits for it beside the readers. The lock is held for one step, and nobody is woken under it.
struct Shared {
    sizes: Sizes,
    state: Mutex<State>,
    /// Tells the receiver that a reader or a handle has moved.
    moved: Notify,
    /// Tells those who wait for the end.
    over: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(shared: &Arc<Self>, state: &mut State) -> Arriving {
        let beginner = AtomicBool::new(state.add_handle());
        Arriving { shared: Arc::clone(shared), beginner }
    }

    fn act(&self, afterwards: Afterwards) {
        if afterwards.ended {
            self.over.notify_waiters();
        }
        afterwards.act();
    }

    fn take_in(&self, data: Bytes) {
        let afterwards = self.lock().take_in(data);
        self.act(afterwards);
    }

    fn flow(&self) -> Flow {
        let (flow, afterwards) = self.lock().flow();
        self.act(afterwards);
        flow
    }

    fn finish(&self) -> bool {
        let (whole, afterwards) = self.lock().finish();
        self.act(afterwards);
        whole
    }

    fn end_with(&self, end: Result<(), Broken>) {
        let afterwards = self.lock().end_with(end);
        self.act(afterwards);
    }

    fn next(&self, seat: u64, position: u64, waker: &Waker) -> Next {
        let (next, makes_room) = {
            let mut state = self.lock();
            (state.next(seat, position, waker), state.waits_for_readers())
        };
        if makes_room {
            self.moved.notify_one();
        }
        next
    }

    fn leave(&self, seat: u64) {
        self.lock().stand_up(seat);
        self.moved.notify_one();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (received, end) = {
            let state = self.lock();
            (state.received(), state.end())
        };
        f.debug_struct("Shared").field("received", &received).field("end", &end).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
