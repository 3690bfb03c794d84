//! What of a book is written: its rows, and which of them differ from the ledger's. How they are read back is in [`restore`](super::restore).

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::account::{Account, Tally};
use super::super::dataset::{Held, Of};
use super::super::day::Day;
use super::super::settings::{self, Change};
use super::Book;
use crate::team::TeamId;

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
    /// The team that pays.
    pub team: Option<String>,
}

/// What a team has spent of the anonymous account on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::budget) struct TeamRow {
    pub team: String,
    pub day: i64,
    pub own: u64,
}

/// A limit of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::budget) struct DatasetRow {
    pub account: String,
    pub dataset: String,
    pub limit: u64,
    pub remaining: u64,
    pub resets_ms: Option<i64>,
    pub seen_ms: i64,
    pub own: u64,
    pub last_call_ms: i64,
}

/// A setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::budget) struct SettingRow {
    pub team: String,
    pub name: String,
    pub value: String,
}

/// A change of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::budget) struct ChangeRow {
    pub number: u64,
    pub at_ms: i64,
    pub team: Option<String>,
    pub what: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// Everything that one portal has in the ledger.
#[derive(Debug, Default)]
pub(in crate::budget) struct Rows {
    pub accounts: Vec<AccountRow>,
    pub days: Vec<DayRow>,
    pub calls: Vec<CallRow>,
    pub teams: Vec<TeamRow>,
    pub datasets: Vec<DatasetRow>,
    /// All settings in force, or none where they are not to be written.
    pub settings: Vec<SettingRow>,
    pub changes: Vec<ChangeRow>,
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
    /// Limits of datasets that are forgotten.
    pub forgotten: Vec<(String, String)>,
    /// Changes of settings before this one are forgotten.
    pub first_change: u64,
    pub prune: Option<Prune>,
    taken: Marks,
}

/// Which rows are dropped.
#[derive(Clone, Copy, Debug)]
pub(in crate::budget) struct Prune {
    /// Of the anonymous account and of teams: days before this.
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
    teams: BTreeSet<(TeamId, Day)>,
    datasets: BTreeSet<Of>,
    settings: bool,
    changes: BTreeSet<u64>,
    prune: Option<Prune>,
}

impl Marks {
    fn is_empty(&self) -> bool {
        let Self { accounts, days, calls, teams, datasets, settings, changes, prune } = self;
        let rows = accounts.is_empty() && days.is_empty() && calls.is_empty() && teams.is_empty() && datasets.is_empty();
        rows && !settings && changes.is_empty() && prune.is_none()
    }
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

    pub fn team(&mut self, team: TeamId, day: Day) {
        self.change += 1;
        self.marks.teams.insert((team, day));
    }

    pub fn settings(&mut self) {
        self.change += 1;
        self.marks.settings = true;
    }

    pub fn setting_changed(&mut self, number: u64) {
        self.change += 1;
        self.marks.changes.insert(number);
    }

    /// Something differs that marks itself.
    pub fn touch(&mut self) {
        self.change += 1;
    }

    pub fn prune(&mut self, anonymous_before: Option<Day>, keys_last: Day) {
        self.change += 1;
        self.marks.prune = Some(Prune { anonymous_before, keys_last });
    }
}

impl Book {
    /// The number of the last change.
    pub fn change(&self) -> u64 {
        self.dirty.change
    }

    /// Takes everything that differs from the ledger, or `None` if nothing does.
    pub fn take_batch(&mut self) -> Option<Batch> {
        let mut marks = std::mem::take(&mut self.dirty.marks);
        marks.datasets.append(&mut self.datasets.take_changed());
        if marks.is_empty() {
            return None;
        }
        let accounts = marks.accounts.iter().filter_map(|account| self.account_row(account)).collect();
        let days = marks.days.iter().filter_map(|(account, day)| self.day_row(account, *day)).collect();
        let (under_way, over): (Vec<u64>, Vec<u64>) = marks.calls.iter().partition(|id| self.calls.contains_key(id));
        let calls = under_way.into_iter().filter_map(|id| self.call_row(id)).collect();
        let teams = marks.teams.iter().filter_map(|(team, day)| self.team_row(*team, *day)).collect();
        let (held, forgotten): (Vec<&Of>, Vec<&Of>) = marks.datasets.iter().partition(|of| self.datasets.get(of).is_some());
        let datasets = held.into_iter().filter_map(|of| self.dataset_row(of)).collect();
        let forgotten = forgotten.into_iter().map(|(account, dataset)| (account.text(), dataset.clone())).collect();
        let settings = if marks.settings { self.setting_rows() } else { Vec::new() };
        let changes = marks.changes.iter().filter_map(|number| self.change_row(*number)).collect();
        let rows = Rows { accounts, days, calls, teams, datasets, settings, changes };
        let (portal, change, prune) = (self.portal.clone(), self.dirty.change, marks.prune);
        Some(Batch { portal, change, rows, over, forgotten, first_change: self.settings.first(), prune, taken: marks })
    }

    /// Marks again what could not be written.
    pub fn return_batch(&mut self, batch: Batch) {
        let marks = &mut self.dirty.marks;
        marks.accounts.extend(batch.taken.accounts);
        marks.days.extend(batch.taken.days);
        marks.calls.extend(batch.taken.calls);
        marks.teams.extend(batch.taken.teams);
        marks.datasets.extend(batch.taken.datasets);
        marks.settings |= batch.taken.settings;
        marks.changes.extend(batch.taken.changes);
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
        let team = call.team.and_then(|team| self.teams.name(team)).map(str::to_owned);
        Some(CallRow { id, since_ms: call.since.as_millisecond(), accounts: accounts.join("\n"), days: days.join(","), team })
    }

    fn team_row(&self, team: TeamId, day: Day) -> Option<TeamRow> {
        Some(TeamRow { team: self.teams.name(team)?.to_owned(), day: day.0, own: self.teams.spent_by(team, day) })
    }

    fn dataset_row(&self, of: &Of) -> Option<DatasetRow> {
        let Held { said, seen_at, own, last_call, .. } = *self.datasets.get(of)?;
        Some(DatasetRow {
            account: of.0.text(),
            dataset: of.1.clone(),
            limit: said.limit,
            remaining: said.remaining,
            resets_ms: said.resets_at.map(Timestamp::as_millisecond),
            seen_ms: seen_at.as_millisecond(),
            own,
            last_call_ms: last_call.as_millisecond(),
        })
    }

    fn setting_rows(&self) -> Vec<SettingRow> {
        let row =
            |((team, name), value): (&settings::Name, &String)| SettingRow { team: team.clone(), name: name.clone(), value: value.clone() };
        self.settings.in_force.iter().map(row).collect()
    }

    fn change_row(&self, number: u64) -> Option<ChangeRow> {
        let Change { at, team, what, from, to } = self.settings.change(number)?.clone();
        Some(ChangeRow { number, at_ms: at.as_millisecond(), team, what, from, to })
    }
}
