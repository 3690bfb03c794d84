//! What is configured of the shares, as the ledger remembers it: a change holds at once, and is recorded with its time.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use super::book::Allowance;
use super::shares::{Share, class_word};

/// Changes that are remembered.
const MAX_CHANGES: usize = 256;

/// A change of what may be spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Since when it holds.
    pub at: Timestamp,
    /// Whose share; none if it concerns the whole portal.
    pub team: Option<String>,
    /// What: `guaranteed`, `ceiling`, `class`; of the portal `daily-calls`, `look-reserve`, `revalidation-reserve`, `release`, and `limit` as
    /// the portal states it.
    pub what: String,
    /// What it was; none if it was not there.
    pub from: Option<String>,
    /// What it is; none if it is not there any more.
    pub to: Option<String>,
}

/// A setting's team (empty: the portal's own) and name.
pub(super) type Name = (String, String);

/// The settings in force, and how they came to be.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// As the ledger has them.
    pub in_force: BTreeMap<Name, String>,
    changes: VecDeque<(u64, Change)>,
    /// Whether the ledger has told what was in force before.
    pub recalled: bool,
}

impl Settings {
    /// Takes a change that the ledger holds.
    pub fn recall(&mut self, number: u64, change: Change) {
        self.changes.push_back((number, change));
    }

    /// Compares what is configured with what was in force, and says which changes are new. The first configuration of all is no change.
    pub fn configure(&mut self, configured: BTreeMap<Name, String>, at: Timestamp) -> Vec<u64> {
        let before = std::mem::replace(&mut self.in_force, configured.clone());
        if before.is_empty() {
            return Vec::new();
        }
        let mut names: Vec<&Name> = before.keys().chain(configured.keys().filter(|name| !before.contains_key(name))).collect();
        names.sort_unstable();
        let differ = names.into_iter().filter(|name| before.get(*name) != configured.get(*name));
        let change = |(team, what): &Name| Change {
            at,
            team: Some(team.clone()).filter(|team| !team.is_empty()),
            what: what.clone(),
            from: before.get(&(team.clone(), what.clone())).cloned(),
            to: configured.get(&(team.clone(), what.clone())).cloned(),
        };
        differ.map(change).collect::<Vec<_>>().into_iter().map(|change| self.record(change)).collect()
    }

    /// Remembers a change, and gives it a number.
    pub fn record(&mut self, change: Change) -> u64 {
        let number = self.changes.back().map_or(1, |(last, _)| last.saturating_add(1));
        self.changes.push_back((number, change));
        while self.changes.len() > MAX_CHANGES {
            self.changes.pop_front();
        }
        number
    }

    /// The number of the first that is remembered.
    pub fn first(&self) -> u64 {
        self.changes.front().map_or(0, |(number, _)| *number)
    }

    pub fn change(&self, number: u64) -> Option<&Change> {
        self.changes.iter().find(|(of, _)| *of == number).map(|(_, change)| change)
    }

    /// All that are remembered, the latest first.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().rev().map(|(_, change)| change)
    }
}

/// What is configured, as the ledger writes it.
pub(super) fn configured(allowance: &Allowance) -> BTreeMap<Name, String> {
    let minutes = allowance.release.as_secs() / 60;
    let of_portal = [
        ("daily-calls", allowance.daily_calls.to_string()),
        ("look-reserve", allowance.look_reserve.to_string()),
        ("revalidation-reserve", allowance.revalidation_reserve.to_string()),
        ("release", format!("{:02}:{:02}", minutes / 60, minutes % 60)),
    ];
    let of_portal = of_portal.map(|(what, value)| ((String::new(), what.to_owned()), value));
    of_portal.into_iter().chain(allowance.shares.iter().flat_map(of_team)).collect()
}

fn of_team(share: &Share) -> [(Name, String); 3] {
    [
        ("guaranteed", share.guaranteed.to_string()),
        ("ceiling", share.ceiling.map_or_else(|| "none".to_owned(), |ceiling| ceiling.to_string())),
        ("class", class_word(share.class).to_owned()),
    ]
    .map(|(what, value)| ((share.team.clone(), what.to_owned()), value))
}
