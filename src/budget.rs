//! The daily budget of outbound calls: no call leaves for a portal uncounted, and the count survives.
//!
//! Reserve → call → settle. [`Budget::reserve`] charges a call to the [accounts](Account) and UTC days that the portal may count it on,
//! and returns when the charge is on disk; the [`Reservation`] is the only way to the origin client. What the answer says of the quota
//! comes back through [`Reservation::settle`]. In between, whatever is dropped keeps its charge once it has departed.
//!
//! * [`quota`](self) reads what the portal says; `day` knows which day it is, `account` counts, `book` decides per portal: all pure.
//! * `ledger` writes; `portal` holds what tasks and the writer share; this file has the waiting.
//!
//! Who asks, and what to answer when refused, is left to the exchange; how requests are sent, to the origin client.

mod account;
mod book;
mod day;
mod ledger;
mod portal;
mod quota;
mod refused;
mod report;
mod reservation;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

pub use account::Account;
pub use quota::{QuotaRefusal, RateLimitFields, Seen};
pub use refused::{Refused, Shutter, Why};
pub use report::{AccountReport, DatasetReport, RateLimit, Report, Reserves, State};
pub use reservation::{InFlight, Reservation};

use self::book::{Allowance, Book, Verdict};
use self::ledger::Ledger;
use self::portal::{Portal, Shared};
use crate::clock::Clock;
use crate::config;

/// How long a call waits for its turn while calls go one at a time.
const TURN_PATIENCE: Duration = Duration::from_secs(60);

/// The budget of all portals of one data directory. Clones share it.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// One portal's part of the configuration.
#[derive(Clone, Debug)]
pub struct PortalBudget {
    /// Its name in the ledger.
    pub name: String,
    /// Calls that it grants an anonymous caller per UTC day.
    pub daily_calls: NonZeroU32,
}

/// What a call is for, which decides what it may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Reading the versions of all datasets from the catalogue: up to the last call of the day.
    Look,
    /// Answering a client that waits: all but the reserves that are not spent yet.
    Fill,
    /// Refreshing an answer ahead of anybody's need: the revalidation reserve alone.
    Revalidation,
}

/// Why the budget cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the directory.
    #[error("another process uses the data directory {}", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory, or the lock in it, cannot be made.
    #[error("the data directory {} cannot be used", dir.display())]
    Directory {
        /// The data directory.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The ledger is damaged and cannot be set aside.
    #[error("the ledger {} is damaged and cannot be set aside", path.display())]
    Ledger {
        /// The ledger's file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Budget {
    /// Opens the ledger in `dir`, which belongs to this process until [`close`](Self::close) or the last clone is dropped. A ledger that is
    /// damaged is set aside as `ledger.sqlite.bad-…`; one that the system does not let us open is tried again, and meanwhile nothing is
    /// granted. Whatever the ledger holds, calls go one at a time until an answer has told the day
    /// and the count: it may have been restored from a backup, or others may have called meanwhile.
    ///
    /// # Errors
    ///
    /// [`OpenError::Locked`] if another process has the directory, [`OpenError::Directory`] if it cannot be made or locked,
    /// [`OpenError::Ledger`] if the ledger is damaged and cannot be set aside.
    pub fn open(dir: &Path, portals: &[PortalBudget], settings: &config::Budget, clock: Clock) -> Result<Self, OpenError> {
        let reading = clock.read();
        let ledger = Ledger::open(dir, reading.now)?;
        let mut shared = Vec::with_capacity(portals.len());
        for portal in portals {
            let allowance = Allowance {
                daily_calls: portal.daily_calls,
                look_reserve: settings.look_reserve,
                revalidation_reserve: settings.revalidation_reserve,
            };
            let book = Book::restore(portal.name.clone(), allowance, ledger.load(&portal.name), reading);
            shared.push(Portal::new(portal.name.clone(), book, settings.max_concurrent_calls.get()));
        }
        let (bell, rung) = mpsc::sync_channel(1);
        let shared = Arc::new(Shared {
            clock,
            portals: shared,
            bell: Mutex::new(Some(bell)),
            writable: AtomicBool::new(ledger.is_open()),
            #[cfg(test)]
            killed: AtomicBool::new(false),
        });
        let unusable = |source| OpenError::Directory { dir: dir.to_owned(), source };
        let writer = ledger.start(Arc::clone(&shared), rung).map_err(unusable)?;
        shared.write_soon();
        Ok(Self(Arc::new(Inner { shared, writer: Mutex::new(Some(writer)) })))
    }

    /// Whether the next call should be a look, alone: after a boot, with an empty or restored ledger, or when the clock leapt. `false` while
    /// one is under way, for a while (1 to 15 min) after one has told nothing, and when it would be refused.
    ///
    /// # Panics
    ///
    /// If the budget was not opened with this portal; so do all methods that name one.
    pub fn wants_look(&self, portal: &str) -> bool {
        self.0.shared.with_book(self.index(portal), Book::wants_look)
    }

    /// Reserves one call. `credential` is the fingerprint of the portal's credential that the call carries, if any.
    ///
    /// Waits while `max_concurrent_calls` are under way, and, while the day or the account's count is not known, for calls before it: then
    /// they go one at a time, looks first. Returns once the charge is on disk. If the future is dropped, nothing stays charged and no
    /// permit is lost.
    ///
    /// # Errors
    ///
    /// See [`Refused`]; nothing was charged.
    pub async fn reserve(&self, portal: &str, credential: Option<&str>, purpose: Purpose) -> Result<Reservation, Refused> {
        let shared = &self.0.shared;
        let index = self.index(portal);
        let deadline = Instant::now() + TURN_PATIENCE;
        let mut first_in_line = None;
        loop {
            if let Some(refused) = shared.with_book(index, |book, reading| book.refusal(credential, purpose, reading)) {
                return Err(refused);
            }
            let mut turn = pin!(shared.portals[index].turn.notified());
            // From here a call that ends is noticed, also before the wait begins.
            turn.as_mut().enable();
            let permit = Arc::clone(&shared.portals[index].permits).acquire_owned().await;
            let Ok(permit) = permit else { return Err(shared.with_book(index, Book::shutting_down)) };
            match shared.with_book(index, |book, reading| book.grant(credential, purpose, reading)) {
                Verdict::Granted { id, change } => return self.written(index, id, change, permit).await,
                Verdict::Refused(refused) => return Err(refused),
                Verdict::Wait => drop(permit),
            }
            if purpose == Purpose::Look && first_in_line.is_none() {
                first_in_line = Some(WaitingLook::new(shared, index));
            }
            if timeout_at(deadline, turn).await.is_err() {
                return Err(shared.with_book(index, Book::still_learning));
            }
        }
    }

    /// Waits until the charge is on disk. The reservation exists before the wait, so that a dropped future gives the charge back.
    async fn written(&self, portal: usize, id: u64, change: u64, permit: OwnedSemaphorePermit) -> Result<Reservation, Refused> {
        let shared = &self.0.shared;
        let reservation = Reservation::new(Arc::clone(shared), portal, id, permit);
        let mut written = shared.portals[portal].written.subscribe();
        shared.write_soon();
        let durable = written.wait_for(|written| written.durable >= change || written.failed >= change).await;
        if durable.is_ok_and(|written| written.durable >= change) {
            Ok(reservation)
        } else {
            drop(reservation);
            Err(shared.with_book(portal, Book::unwritable))
        }
    }

    /// The state of every account of the portal.
    pub fn report(&self, portal: &str) -> Report {
        let writable = self.writable();
        self.0.shared.with_book(self.index(portal), |book, reading| book.report(writable, reading))
    }

    /// The anonymous account's figures for `X-RateLimit-*`. Memory alone: it is asked for with every hit.
    pub fn rate_limit(&self, portal: &str) -> RateLimit {
        self.0.shared.with_book(self.index(portal), Book::rate_limit)
    }

    /// Calls of looks that are charged to the ledger's present day, whatever became of them, and how long that day lasts.
    pub fn looks_today(&self, portal: &str) -> (u64, Duration) {
        self.0.shared.with_book(self.index(portal), Book::looks_today)
    }

    /// Whether the last write to the ledger succeeded. While it did not, every reservation is refused, and the write is tried again every
    /// second.
    pub fn writable(&self) -> bool {
        self.0.shared.writable()
    }

    /// Refuses further reservations, writes what is not yet written, and unlocks the directory. To be called once no call is under way;
    /// what ends later stays charged, but what its answer says is lost.
    pub async fn close(&self) {
        self.0.shared.refuse_all();
        if let Some(writer) = self.0.stop() {
            // The last write blocks, so it is waited for elsewhere. A writer that panicked has said so.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }

    fn index(&self, portal: &str) -> usize {
        let known = self.0.shared.portals.iter().position(|known| known.name == portal);
        known.expect("portals are named as in the configuration that the budget was opened with")
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").finish_non_exhaustive()
    }
}

impl Inner {
    /// Silences the bell, upon which the writer ends.
    fn stop(&self) -> Option<JoinHandle<()>> {
        self.shared.bell.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Inner {
    /// Leaves nothing unwritten, and the directory unlocked.
    fn drop(&mut self) {
        if let Some(writer) = self.stop() {
            let _ = writer.join();
        }
    }
}

/// A look that waits for its turn. Others let it pass.
struct WaitingLook<'a> {
    shared: &'a Shared,
    portal: usize,
}

impl<'a> WaitingLook<'a> {
    fn new(shared: &'a Shared, portal: usize) -> Self {
        shared.with_book(portal, |book, _| book.look_waits(true));
        Self { shared, portal }
    }
}

impl Drop for WaitingLook<'_> {
    fn drop(&mut self) {
        self.shared.with_book(self.portal, |book, _| book.look_waits(false));
        self.shared.next_turn(self.portal);
    }
}
