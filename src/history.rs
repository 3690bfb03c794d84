//! Who spent what: requests, hits, stale answers, refusals, calls and bytes per hour, portal, team, endpoint family and dataset; the patterns that
//! waste calls; and warnings while there is still something to save.
//!
//! Beside the flow, never in it: an exchange and a call are noted in memory ([`Notes`]), and one thread writes what has come together to
//! `history.sqlite` every minute, when a report is asked for, and at the end. Losing the last minute costs nothing but its figures; what may be
//! spent is decided by the ledger ([`crate::budget`]) alone. Calls are noted where they leave, under whoever pays for them, so that over a
//! day their sum is what the portal has charged.
//!
//! * [`counts`], [`patterns`] and [`outlook`] are pure; `memory` holds them for all; `note` is what happens;
//! * `writer` and `file` keep it, [`report`] tells it; [`warnings`] and `webhook` speak up.

pub mod counts;
mod file;
mod memory;
mod note;
pub mod outlook;
pub mod patterns;
pub mod report;
pub mod warnings;
mod webhook;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use self::memory::{LOOKS, REVALIDATION};
pub use self::note::{Asks, CallNote, ExchangeNote, Outcome};
pub use self::webhook::{Webhook, WebhookFault};

use self::memory::{Memory, lock};
use self::outlook::Outlook;
use self::report::{Query, Report};
use self::writer::{Job, Writer};
use crate::budget::{self, PortalBudget, Purpose};
use crate::clock::Clock;
use crate::request::question::Question;
use crate::team::TeamId;

/// The file in the data directory.
const FILE: &str = "history.sqlite";
/// Reports that may wait for the writer.
const WAITING: usize = 16;

/// The history, and the thread that keeps it. To be opened once the ledger has locked the data directory, and closed before it is unlocked.
#[derive(Debug)]
pub struct History {
    notes: Notes,
    webhook: Option<Webhook>,
    writer: Mutex<Option<Running>>,
}

struct Running {
    inbox: SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

/// Where it is noted what happens. Clones share it; none keeps the file open.
#[derive(Clone, Debug)]
pub struct Notes(Arc<Memory>);

/// The history cannot be read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the history cannot be read now; why is in the server's log")]
pub struct Unavailable;

impl History {
    /// Opens the history in `dir` for these portals, whose shares name the teams, and keeps it for `days`; zero: nothing is counted, and warnings alone
    /// are remembered. A file that is damaged is set aside as `history.sqlite.bad-…`; one that cannot be opened is tried again every minute.
    ///
    /// # Errors
    ///
    /// If no thread can be had.
    pub fn open(dir: &Path, portals: &[PortalBudget], days: u32, webhook: Option<Webhook>, clock: Clock) -> std::io::Result<Self> {
        let teams = portals.first().map(|portal| portal.shares.iter().map(|share| share.team.clone()).collect());
        let names = portals.iter().map(|portal| portal.name.clone()).collect();
        let memory = Arc::new(Memory::new(names, teams.unwrap_or_default(), days > 0, clock));
        let writer = Writer::open(dir, Arc::clone(&memory), days);
        let (inbox, jobs) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("history".to_owned()).spawn(move || writer.run(&jobs))?;
        Ok(Self { notes: Notes(memory), webhook, writer: Mutex::new(Some(Running { inbox, thread })) })
    }

    /// Where it is noted what happens.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Where warnings are sent.
    pub fn webhook(&self) -> Option<&Webhook> {
        self.webhook.as_ref()
    }

    fn memory(&self) -> &Memory {
        &self.notes.0
    }

    /// Tells a day, with all that has happened until now.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the file cannot be read, if too many ask at once, and once it is closed.
    pub async fn report(&self, query: Query) -> Result<Report, Unavailable> {
        let (reply, told) = oneshot::channel();
        self.ask(Job::Report(query, reply)).map_err(|_| Unavailable)?;
        told.await.map_err(|_| Unavailable)?
    }

    /// Has what happened written, without a wait.
    pub fn write_soon(&self) {
        // If many reports wait, they have it written.
        let _ = self.ask(Job::Write);
    }

    fn ask(&self, job: Job) -> Result<(), TrySendError<Job>> {
        match &*lock(&self.writer) {
            Some(writer) => writer.inbox.try_send(job),
            None => Err(TrySendError::Disconnected(job)),
        }
    }

    /// Until when the calls of a portal's day will do, by the pace of the last hours; nothing if they suffice.
    pub fn outlook(&self, report: &budget::Report) -> Option<Outlook> {
        let account = report.accounts.first()?;
        let kept = account.reserves.look + account.reserves.revalidation;
        let left = account.remaining?.saturating_sub(kept);
        let memory = self.memory();
        memory.with_pace(memory.portal(&report.portal), |pace| pace.outlook(left, account.resets_at, memory.clock.now()))
    }

    /// Writes what is not written yet, and closes the file. What is noted later is lost.
    pub async fn close(&self) {
        if let Some(thread) = self.stop() {
            // The last write blocks, so it is waited for elsewhere. A thread that panicked has said so.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn stop(&self) -> Option<JoinHandle<()>> {
        lock(&self.writer).take().map(|Running { thread, .. }| thread)
    }
}

impl Drop for History {
    /// Leaves nothing unwritten, and nothing open.
    fn drop(&mut self) {
        if let Some(thread) = self.stop() {
            let _ = thread.join();
        }
    }
}

impl Notes {
    /// The place of the portal of this name.
    pub fn portal(&self, name: &str) -> usize {
        self.0.portal(name)
    }

    /// An exchange begins: a client of `team` asks this portal a question.
    pub fn exchange<'a>(&'a self, portal: &str, team: TeamId, question: &'a Question) -> ExchangeNote<'a> {
        ExchangeNote::begin(self, portal, team, question)
    }

    /// A call leaves for the portal in this place.
    pub fn call(&self, portal: usize, purpose: Purpose, team: Option<TeamId>, asks: Asks<'_>) -> CallNote {
        CallNote::begin(self.clone(), portal, self.0.payer(purpose, team), asks)
    }
}
