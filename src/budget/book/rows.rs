//! What of a book is written, and how it is read back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::super::account::{Account, AccountState, BackOff, PROBE_INTERVAL, Shut, Tally};
use super::super::day::{Calendar, Day, later};
use super::super::refused::Shutter;
use super::{Allowance, Book, Call};
use crate::budget::Purpose;
use crate::clock::Reading;

/// How long after its reservation a call of a process that died may have been counted.
const CALL_LIFE: Duration = Duration::from_secs(3600);

/// An account's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::budget) struct AccountRow {
    pub account: String,
    pub stated: Option<String>,
    pub proven: bool,
    pub shut_by: Option<String>,
    pub shut_until_ms: Option<i64>,
}

/// One account's count of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::budget) struct DayRow {
    pub account: String,
    pub day: i64,
    pub own: u64,
    pub base: u64,
    pub drift: u64,
    pub looks: u64,
    pub revalidations: u64,
}

/// A call that is reserved or under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::budget) struct CallRow {
    pub id: u64,
    pub since_ms: i64,
    /// Accounts, one a line.
    pub accounts: String,
    /// Days, with commas between.
    pub days: String,
}

/// Everything that one portal has in the ledger.
#[derive(Debug, Default)]
pub(in crate::budget) struct Rows {
    pub accounts: Vec<AccountRow>,
    pub days: Vec<DayRow>,
    pub calls: Vec<CallRow>,
}

/// What is to be written of one book, as it is now.
#[derive(Debug)]
pub(in crate::budget) struct Batch {
    pub portal: String,
    /// All changes up to this number are in it.
    pub change: u64,
    pub rows: Rows,
    /// Calls that are over.
    pub over: Vec<u64>,
    pub prune: Option<Prune>,
    taken: Marks,
}

/// Which rows are dropped.
#[derive(Clone, Copy, Debug)]
pub(in crate::budget) struct Prune {
    /// Of the anonymous account: days before this.
    pub anonymous_before: Option<Day>,
    /// Of keys: days up to this.
    pub keys_last: Day,
}

/// Which rows differ from the ledger.
#[derive(Debug, Default)]
struct Marks {
    accounts: BTreeSet<Account>,
    days: BTreeSet<(Account, Day)>,
    calls: BTreeSet<u64>,
    prune: Option<Prune>,
}

/// Marks, and the number of the last change.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    marks: Marks,
    change: u64,
}

impl Dirty {
    pub fn change(&self) -> u64 {
        self.change
    }

    pub fn account(&mut self, account: &Account) {
        self.change += 1;
        self.marks.accounts.insert(account.clone());
    }

    pub fn day(&mut self, account: &Account, day: Day) {
        self.change += 1;
        self.marks.days.insert((account.clone(), day));
    }

    pub fn call(&mut self, id: u64) {
        self.change += 1;
        self.marks.calls.insert(id);
    }

    pub fn prune(&mut self, anonymous_before: Option<Day>, keys_last: Day) {
        self.change += 1;
        self.marks.prune = Some(Prune { anonymous_before, keys_last });
    }
}

impl Book {
    /// Opens a book with what the ledger holds. The day is not known until an answer tells it, however much the ledger holds.
    pub fn restore(portal: String, allowance: Allowance, rows: Rows, reading: Reading) -> Self {
        let mut accounts: BTreeMap<Account, AccountState> = BTreeMap::new();
        for row in rows.accounts {
            let Some(account) = Account::parse(&row.account) else { continue };
            let state = accounts.entry(account).or_default();
            state.stated = row.stated.and_then(|text| text.parse().ok());
            state.proven = row.proven;
            // A restart is no reason to probe early.
            let probe_at = reading.elapsed.saturating_add(PROBE_INTERVAL);
            let until = row.shut_until_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
            state.shut = row.shut_by.as_deref().and_then(Shutter::parse).zip(until).map(|(by, until)| Shut { by, until, probe_at });
        }
        for row in rows.days {
            let Some(account) = Account::parse(&row.account) else { continue };
            let DayRow { own, base, drift, looks, revalidations, .. } = row;
            let known = account == Account::OtherKeys;
            let tally = Tally { own, base, drift, looks, revalidations, known, ..Tally::default() };
            accounts.entry(account).or_default().days.insert(Day(row.day), tally);
        }
        let last = accounts.values().filter_map(|state| state.days.keys().next_back()).max().copied();
        let calls: BTreeMap<u64, Call> = rows.calls.into_iter().filter_map(|row| Some((row.id, recovered(row, reading)?))).collect();
        let mut book = Self {
            portal,
            allowance,
            calendar: Calendar::new(reading, last),
            accounts,
            next_id: calls.keys().next_back().map_or(1, |id| id + 1),
            calls,
            looks_waiting: 0,
            look_back_off: BackOff::default(),
            ask_at: Duration::ZERO,
            datasets: BTreeMap::new(),
            closing: false,
            dirty: Dirty::default(),
        };
        book.charge_recovered(reading);
        book
    }

    /// A call that was under way when its process died may have been counted at any time until now, within its life.
    fn charge_recovered(&mut self, reading: Reading) {
        let charges: Vec<(u64, Day)> = self
            .calls
            .iter()
            .filter_map(|(id, call)| {
                let reach = Day::of(later(call.since, CALL_LIFE).min(later(reading.now, self.calendar.skew())));
                let last = *call.days.last()?;
                (reach > last).then_some((*id, last.next()))
            })
            .collect();
        for (id, day) in charges {
            self.charge(id, day);
        }
        let over: Vec<u64> = self.calls.iter().filter(|(_, call)| later(call.since, CALL_LIFE) < reading.now).map(|(id, _)| *id).collect();
        self.forget(&over);
    }

    /// Takes in what a ledger holds that could not be opened before: of each count the higher one.
    pub fn absorb(&mut self, rows: Rows) {
        for row in rows.days {
            let Some(account) = Account::parse(&row.account) else { continue };
            let day = Day(row.day);
            let known = self.inherits(&account, day);
            self.dirty.day(&account, day);
            let days = &mut self.accounts.entry(account).or_default().days;
            let tally = days.entry(day).or_insert_with(|| Tally { known, ..Tally::default() });
            // Nothing has departed yet: what waits for the ledger is all that is new.
            let before = tally.own.saturating_sub(tally.waiting);
            tally.own = before.max(row.own).saturating_add(tally.waiting);
            tally.base = tally.base.max(row.base);
            tally.drift = tally.drift.max(row.drift);
            tally.looks = tally.looks.max(row.looks);
            tally.revalidations = tally.revalidations.max(row.revalidations);
        }
    }

    /// The number of the last change.
    pub fn change(&self) -> u64 {
        self.dirty.change
    }

    /// Takes everything that differs from the ledger, or `None` if nothing does.
    pub fn take_batch(&mut self) -> Option<Batch> {
        let marks = std::mem::take(&mut self.dirty.marks);
        if marks.accounts.is_empty() && marks.days.is_empty() && marks.calls.is_empty() && marks.prune.is_none() {
            return None;
        }
        let accounts = marks.accounts.iter().filter_map(|account| self.account_row(account)).collect();
        let days = marks.days.iter().filter_map(|(account, day)| self.day_row(account, *day)).collect();
        let (under_way, over): (Vec<u64>, Vec<u64>) = marks.calls.iter().partition(|id| self.calls.contains_key(id));
        let calls = under_way.into_iter().filter_map(|id| self.call_row(id)).collect();
        let rows = Rows { accounts, days, calls };
        Some(Batch { portal: self.portal.clone(), change: self.dirty.change, rows, over, prune: marks.prune, taken: marks })
    }

    /// Marks again what could not be written.
    pub fn return_batch(&mut self, batch: Batch) {
        let marks = &mut self.dirty.marks;
        marks.accounts.extend(batch.taken.accounts);
        marks.days.extend(batch.taken.days);
        marks.calls.extend(batch.taken.calls);
        marks.prune = marks.prune.or(batch.taken.prune);
    }

    fn account_row(&self, account: &Account) -> Option<AccountRow> {
        let state = self.accounts.get(account)?;
        Some(AccountRow {
            account: account.text(),
            stated: state.stated.map(|limit| limit.to_string()),
            proven: state.proven,
            shut_by: state.shut.map(|shut| shut.by.to_string()),
            shut_until_ms: state.shut.map(|shut| shut.until.as_millisecond()),
        })
    }

    fn day_row(&self, account: &Account, day: Day) -> Option<DayRow> {
        let Tally { own, base, drift, looks, revalidations, .. } = *self.accounts.get(account)?.tally(day)?;
        Some(DayRow { account: account.text(), day: day.0, own, base, drift, looks, revalidations })
    }

    fn call_row(&self, id: u64) -> Option<CallRow> {
        let call = self.calls.get(&id)?;
        let accounts: Vec<String> = call.accounts.iter().map(Account::text).collect();
        let days: Vec<String> = call.days.iter().map(|day| day.0.to_string()).collect();
        Some(CallRow { id, since_ms: call.since.as_millisecond(), accounts: accounts.join("\n"), days: days.join(",") })
    }
}

/// A call of a process that died: charged, departed as far as anybody knows, and without an answer.
fn recovered(row: CallRow, reading: Reading) -> Option<Call> {
    Some(Call {
        accounts: row.accounts.lines().map(Account::parse).collect::<Option<Vec<_>>>().filter(|accounts| !accounts.is_empty())?,
        days: row.days.split(',').map(|day| day.parse().map(Day).ok()).collect::<Option<_>>()?,
        purpose: Purpose::Fill,
        since: Timestamp::from_millisecond(row.since_ms).ok()?,
        departed: Some(reading.elapsed),
        lost: Some(reading.elapsed),
        probe: false,
    })
}
