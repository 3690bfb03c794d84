//! What tasks and the writer share: per portal a book behind a short lock, and who waits for what.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::book::Book;
use super::queue::{Limits, Queue};
use crate::clock::{Clock, Reading};

/// How far the ledger has come with one book's changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Changes up to this number are on disk.
    pub durable: u64,
    /// Changes up to this number were tried and could not be written, unless they are durable by now.
    pub failed: u64,
}

/// One portal's share.
pub(super) struct Portal {
    pub name: String,
    /// Held for arithmetic alone: never over an await or a write.
    book: Mutex<Book>,
    /// Who waits for a place among the calls under way.
    pub queue: Arc<Queue>,
    pub written: watch::Sender<Written>,
}

impl Portal {
    pub fn new(name: String, book: Book, limits: Limits) -> Self {
        Self { name, book: Mutex::new(book), queue: Queue::new(limits), written: watch::Sender::default() }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tasks and the writer share.
pub(super) struct Shared {
    pub clock: Clock,
    pub portals: Vec<Portal>,
    /// Wakes the writer. Of capacity one: a bell that has rung need not ring again. `None` once the budget is closed.
    pub bell: Mutex<Option<SyncSender<()>>>,
    /// Whether the last write succeeded.
    pub writable: AtomicBool,
    /// Whether the writer shall end as a killed process ends: without another write.
    #[cfg(test)]
    pub killed: AtomicBool,
}

impl Shared {
    /// Looks at the clock and does something with a book, in one short critical section: readings reach a book in order.
    pub fn with_book<T>(&self, portal: usize, act: impl FnOnce(&mut Book, Reading) -> T) -> T {
        let mut book = self.portals[portal].book();
        act(&mut book, self.clock.read())
    }

    /// Has the writer write what is marked.
    pub fn write_soon(&self) {
        if let Some(bell) = &*self.bell.lock().unwrap_or_else(PoisonError::into_inner) {
            // Full: it has rung and the writer has not yet looked. Disconnected: the writer is gone, and says so itself.
            let _ = bell.try_send(());
        }
    }

    /// Lets those who wait to go alone try again.
    pub fn next_turn(&self, portal: usize) {
        self.portals[portal].queue.call_ended();
    }

    /// From now on every reservation is refused, also those that wait.
    pub fn refuse_all(&self) {
        for portal in &self.portals {
            portal.book().close();
            portal.queue.close();
        }
    }

    pub fn writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }
}
