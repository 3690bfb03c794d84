//! How a book begins with what the ledger holds, and takes in what it holds besides once it can be read.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::super::account::{Account, AccountState, BackOff, PROBE_INTERVAL, Shut, Tally};
use super::super::breaker::Breaker;
use super::super::dataset::{Datasets, Held, Statement};
use super::super::day::{Calendar, Day, later};
use super::super::refused::Shutter;
use super::super::settings::{self, Change, Settings};
use super::rows::{CallRow, ChangeRow, DatasetRow, DayRow, Dirty, Rows, SettingRow, TeamRow};
use super::teams::Teams;
use super::{Allowance, Book, Call};
use crate::budget::Purpose;
use crate::clock::Reading;

/// How long after its reservation a call of a process that died may have been counted.
const CALL_LIFE: Duration = Duration::from_secs(3600);

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
        for own in &allowance.accounts {
            accounts.entry(Account::Key(own.fingerprint.clone())).or_default().proven = true;
        }
        let mut teams = Teams::new(allowance.shares.clone(), allowance.release);
        for TeamRow { team, day, own } in rows.teams {
            if let Some(team) = teams.named(&team) {
                teams.count(team, Day(day), |_| own);
            }
        }
        let last = accounts.values().filter_map(|state| state.days.keys().next_back()).max().copied();
        let calls = rows.calls.into_iter().filter_map(|row| Some((row.id, recovered(row, &mut teams, reading)?)));
        let calls: BTreeMap<u64, Call> = calls.collect();
        let mut book = Self {
            portal,
            allowance,
            calendar: Calendar::new(reading, last),
            accounts,
            next_id: calls.keys().next_back().map_or(1, |id| id + 1),
            calls,
            looks_waiting: 0,
            look_back_off: BackOff::default(),
            breaker: Breaker::new(fastrand::Rng::new()),
            ask_at: Duration::ZERO,
            teams,
            datasets: datasets(rows.datasets),
            settings: Settings::default(),
            shown: None,
            closing: false,
            dirty: Dirty::default(),
        };
        book.configure(rows.settings, rows.changes, reading.now);
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

    /// Records which settings are others than those that were in force. A ledger that could not be read is asked again when it can.
    fn configure(&mut self, settings: Vec<SettingRow>, changes: Vec<ChangeRow>, now: Timestamp) {
        if self.settings.recalled {
            return;
        }
        self.settings.recalled = !settings.is_empty();
        for ChangeRow { number, at_ms, team, what, from, to } in changes {
            let Ok(at) = Timestamp::from_millisecond(at_ms) else { continue };
            self.settings.recall(number, Change { at, team, what, from, to });
        }
        self.settings.in_force = settings.into_iter().map(|row| ((row.team, row.name), row.value)).collect();
        let configured = settings::configured(&self.allowance);
        if self.settings.in_force == configured {
            return;
        }
        self.dirty.settings();
        for number in self.settings.configure(configured, now) {
            self.note_change(number);
        }
    }

    /// Records that something has changed that decides what may be spent.
    pub(super) fn record(&mut self, change: Change) {
        let number = self.settings.record(change);
        self.note_change(number);
    }

    fn note_change(&mut self, number: u64) {
        self.dirty.setting_changed(number);
        if let Some(Change { team, what, from, to, .. }) = self.settings.change(number) {
            tracing::info!(portal = self.portal, ?team, what, ?from, ?to, "what may be spent has changed");
        }
    }

    /// Takes in what a ledger holds that could not be opened before: of each count the higher one.
    pub fn absorb(&mut self, rows: Rows, reading: Reading) {
        self.configure(rows.settings, rows.changes, reading.now);
        self.datasets.absorb(datasets(rows.datasets));
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
        for TeamRow { team, day, own } in rows.teams {
            let (Some(team), day) = (self.teams.named(&team), Day(day)) else { continue };
            let of_team = |call: &&Call| call.departed.is_none() && call.team == Some(team) && call.days.contains(&day);
            let waiting = self.calls.values().filter(of_team).count() as u64;
            self.teams.count(team, day, |spent| spent.saturating_sub(waiting).max(own).saturating_add(waiting));
            self.dirty.team(team, day);
        }
    }
}

/// A call of a process that died: charged, departed as far as anybody knows, and without an answer.
fn recovered(row: CallRow, teams: &mut Teams, reading: Reading) -> Option<Call> {
    Some(Call {
        accounts: row.accounts.lines().map(Account::parse).collect::<Option<Vec<_>>>().filter(|accounts| !accounts.is_empty())?,
        days: row.days.split(',').map(|day| day.parse().map(Day).ok()).collect::<Option<_>>()?,
        purpose: Purpose::Fill,
        team: row.team.and_then(|team| teams.named(&team)),
        dataset: None,
        since: Timestamp::from_millisecond(row.since_ms).ok()?,
        departed: Some(reading.elapsed),
        lost: Some(reading.elapsed),
        probe: false,
    })
}

/// What the portal has stated of datasets, to an earlier process.
fn datasets(rows: Vec<DatasetRow>) -> Datasets {
    let mut datasets = Datasets::default();
    for row in rows {
        let time = |ms: i64| Timestamp::from_millisecond(ms).ok();
        let (Some(account), Some(seen_at), Some(last_call)) = (Account::parse(&row.account), time(row.seen_ms), time(row.last_call_ms))
        else {
            continue;
        };
        let said = Statement { limit: row.limit, remaining: row.remaining, resets_at: row.resets_ms.and_then(time) };
        datasets.recall((account, row.dataset), Held { said, seen_at, heard: Duration::ZERO, own: row.own, last_call });
    }
    datasets
}
