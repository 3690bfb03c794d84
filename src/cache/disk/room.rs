//! How much the store takes and may take: the account, and the waiting for room in it.
//!
//! Everything counts: the pages of the index that are in use, the bodies' files, and what is being received or written. Room is made by
//! the [writer](super::writer) alone; whoever needs some asks here and waits until a round of making room is over. Not counted is the log
//! of the index, which SQLite keeps at a few megabytes.

use std::io::{self, ErrorKind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Limits;
use super::layout::Layout;

/// Longest wait for room: after that the disk is too slow to be of use.
const PATIENCE: Duration = Duration::from_secs(10);

/// The account. Its lock is taken last, and for arithmetic alone.
#[derive(Debug)]
pub(super) struct Room {
    limits: Limits,
    account: Mutex<Account>,
    round_over: Condvar,
}

/// What there is, in bytes save for the entries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    /// Pages of the index in use.
    pub index: u64,
    /// Entries in the index.
    pub entries: u64,
    /// Files of the entries in the index.
    pub files: u64,
    /// Files without an entry: being received, being written, or waiting to be removed.
    pub loose: u64,
    /// Asked for and not there.
    wanted: u64,
    /// Rounds of making room that are over.
    rounds: u64,
    /// The last of them that did not make enough.
    in_vain: u64,
    closed: bool,
}

impl Account {
    pub fn bytes(&self) -> u64 {
        self.index + self.files + self.loose
    }
}

/// What is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shortage {
    pub bytes: u64,
    pub entries: u64,
}

impl Shortage {
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl Room {
    pub fn new(limits: Limits) -> Self {
        Self { limits, account: Mutex::default(), round_over: Condvar::new() }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub fn account(&self) -> Account {
        *self.lock()
    }

    pub fn change(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.lock());
    }

    /// What must go so that `bytes` and `entries` more fit, within the limits and the file system.
    pub fn shortage(&self, layout: &Layout, bytes: u64, entries: u64) -> Shortage {
        let lacking = self.lacking(layout, bytes);
        let account = self.account();
        Shortage {
            bytes: self.over(&account, bytes).max(lacking),
            entries: account.entries.saturating_add(entries).saturating_sub(self.limits.entries),
        }
    }

    fn over(&self, account: &Account, more: u64) -> u64 {
        account.bytes().saturating_add(more).saturating_sub(self.limits.bytes)
    }

    /// What the file system has too little of. One that does not say is not asked to keep anything free.
    fn lacking(&self, layout: &Layout, more: u64) -> u64 {
        layout.free().map_or(0, |free| self.limits.free_bytes.saturating_add(more).saturating_sub(free))
    }

    /// Takes `bytes` for a file that is being received. Blocks while room is made for them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StorageFull`] if there is none to be made, or it takes too long.
    pub fn reserve(&self, layout: &Layout, bytes: u64, ring: impl Fn()) -> io::Result<()> {
        let (began, mut first) = (Instant::now(), None);
        loop {
            // A system call: before the lock.
            let lacking = self.lacking(layout, bytes);
            let mut account = self.lock();
            if lacking == 0 && self.over(&account, bytes) == 0 {
                account.loose += bytes;
                return Ok(());
            }
            // The round that is under way did not know of us; the next one does.
            let first = *first.get_or_insert(account.rounds);
            if account.closed || account.in_vain >= first + 2 || began.elapsed() >= PATIENCE {
                return Err(ErrorKind::StorageFull.into());
            }
            account.wanted += bytes;
            let seen = account.rounds;
            ring();
            drop(
                self.round_over
                    .wait_timeout_while(account, PATIENCE, |account| account.rounds == seen && !account.closed)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
    }

    /// What is asked for, for a round that begins.
    pub fn take_wanted(&self) -> u64 {
        std::mem::take(&mut self.lock().wanted)
    }

    /// A round is over; whoever waits looks again.
    pub fn end_round(&self, enough: bool) {
        let mut account = self.lock();
        account.rounds += 1;
        if !enough {
            account.in_vain = account.rounds;
        }
        drop(account);
        self.round_over.notify_all();
    }

    /// No room is made any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.round_over.notify_all();
    }

    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
