//! The daily budget of outbound calls: no call leaves for a portal uncounted, and the count survives.
//!
//! Reserve → call → settle. [`Budget::reserve`] charges a call to the [accounts](Account) and UTC days that the portal may count it on,
//! and returns when the charge is on disk; the [`Reservation`] is the only way to the origin client. What the answer says of the quota
//! comes back through [`Reservation::settle`]. In between, whatever is dropped keeps its charge once it has departed.
//!
//! * [`quota`](self) reads what the portal says; `day` knows which day it is, `account` counts, `book` decides per portal: all pure.
//! * `ledger` writes; `portal` holds what tasks and the writer share; `queue` says who calls
//!   next, and `breaker` that nobody does while the portal fails.
//!
//! Who asks, and what to answer when refused, is left to the exchange; how requests are sent, to the origin client.

mod account;
mod book;
mod breaker;
mod dataset;
mod day;
mod explain;
mod ledger;
mod portal;
mod queue;
mod quota;
mod refused;
mod report;
mod reservation;
mod settings;
mod shares;
#[cfg(test)]
mod tests;
mod wish;

use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

pub use account::Account;
pub use explain::{Explanation, PaceReport, TeamReport};
pub(crate) use ledger::set_aside;
pub use quota::{QuotaRefusal, RateLimitFields, Seen};
pub use refused::{Refusals, Refused, Shutter, TeamStanding, Why};
pub use report::{AccountReport, DatasetReport, RateLimit, RateLimits, Report, Reserves, State};
pub use reservation::{InFlight, Reservation};
pub use settings::Change;
pub use shares::Share;
pub use wish::Wish;

use self::book::{Allowance, Book, Verdict};
use self::ledger::Ledger;
use self::portal::{Portal, Shared};
use self::queue::{Lane, Limits, Out};
use crate::clock::Clock;
use crate::config;
use crate::team::TeamId;

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
    /// Each team's share of them, in the order of the configuration's list.
    pub shares: Vec<Share>,
    /// The organisation's own keys, each with an account of its own there.
    pub accounts: Vec<KeyAccount>,
}

/// A key of the organisation's own at a portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAccount {
    /// Its name in the configuration.
    pub name: String,
    /// What names the key without giving it away, as in [`Wish::with_credential`].
    pub fingerprint: String,
    /// Calls per UTC day that are assumed until the portal states the key's own limit.
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
                release: settings.release,
                shares: portal.shares.clone(),
                accounts: portal.accounts.clone(),
            };
            let book = Book::restore(portal.name.clone(), allowance, ledger.load(&portal.name), reading);
            shared.push(Portal::new(portal.name.clone(), book, queue_limits(settings, portal)));
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

    /// Reserves one call.
    ///
    /// Waits for its place among `max_concurrent_calls`, and, while the day or the account's count is not known, for calls
    /// before it: then they go one at a time, looks first. Returns once the charge is on disk. If the future is dropped, nothing stays
    /// charged, and its place goes to the next.
    ///
    /// # Errors
    ///
    /// See [`Refused`]; nothing was charged.
    pub async fn reserve(&self, portal: &str, wish: Wish<'_>) -> Result<Reservation, Refusals> {
        let shared = &self.0.shared;
        let index = self.index(portal);
        if let Some(refused) = wish.now(|bid| shared.with_book(index, |book, reading| book.refusal(bid, reading))) {
            return Err(refused);
        }
        let queue = &shared.portals[index].queue;
        let mut entry = queue.enter(wish.now(Lane::of));
        let (mut learning, mut first_in_line) = (None, None);
        loop {
            let place = match learning {
                None => entry.place().await,
                Some(until) => match timeout_at(until, entry.place()).await {
                    Ok(place) => place,
                    Err(_) => return Err(shared.with_book(index, Book::still_learning).into()),
                },
            };
            let place = match place {
                Ok(place) => place,
                Err(Out::Full) => return Err(shared.with_book(index, |book, reading| book.queue_full(queue.most(), reading)).into()),
                Err(Out::Closed) => return Err(shared.with_book(index, Book::shutting_down).into()),
            };
            match wish.now(|bid| shared.with_book(index, |book, reading| book.grant(bid, reading))) {
                Verdict::Granted { id, change, team } => {
                    let reservation = Reservation::new(Arc::clone(shared), index, id, (wish.purpose(), team), place);
                    return Ok(self.written(index, reservation, change).await?);
                }
                Verdict::Refused(refused) => return Err(refused),
                Verdict::Wait => entry.step_aside(place),
            }
            learning.get_or_insert_with(|| Instant::now() + TURN_PATIENCE);
            if wish.purpose() == Purpose::Look && first_in_line.is_none() {
                first_in_line = Some(WaitingLook::new(shared, index));
            }
        }
    }

    /// Waits until the charge is on disk. The reservation exists before the wait, so that a dropped future gives the charge back.
    async fn written(&self, portal: usize, reservation: Reservation, change: u64) -> Result<Reservation, Refused> {
        let shared = &self.0.shared;
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

    /// What a team may still spend, and what the whole organisation may. Memory alone: it is asked for with every hit.
    pub fn rate_limits(&self, portal: &str, team: TeamId) -> RateLimits {
        self.0.shared.with_book(self.index(portal), |book, reading| book.rate_limits(team, reading))
    }

    /// What may still be spent from the account of the key with this fingerprint, if it has one of its own and the portal has stated its limit.
    pub fn rate_limit_of_key(&self, portal: &str, fingerprint: &str) -> Option<RateLimit> {
        self.0.shared.with_book(self.index(portal), |book, reading| book.rate_limit_of_key(fingerprint, reading))
    }

    /// Who may spend what, now or at another time if nothing is spent before, and why not.
    pub fn explain(&self, portal: &str, at: Option<Timestamp>) -> Explanation {
        self.0.shared.with_book(self.index(portal), |book, reading| book.explain(at, reading))
    }

    /// Calls of looks that are charged to the ledger's present day, whatever became of them, and how long that day lasts.
    pub fn looks_today(&self, portal: &str) -> (u64, Duration) {
        self.0.shared.with_book(self.index(portal), Book::looks_today)
    }

    /// When the portal was last seen to work again after it had failed, on the monotonic hand.
    pub fn recovered(&self, portal: &str) -> Option<Duration> {
        self.0.shared.with_book(self.index(portal), |book, _| book.recovered())
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

/// One team has at most three quarters of the places where the organisation has teams of its own.
fn queue_limits(settings: &config::Budget, portal: &PortalBudget) -> Limits {
    const ALWAYS_THERE: usize = 2;
    let at_once = settings.max_concurrent_calls.get();
    let kept = if portal.shares.len() > ALWAYS_THERE { at_once.div_ceil(4) } else { 0 };
    Limits { at_once, of_one_team: at_once.saturating_sub(kept), waiting: settings.max_waiting.get(), gap: settings.min_gap }
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
