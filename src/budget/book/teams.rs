//! What each team has spent of the anonymous account, day by day.
//!
//! The ledger knows teams by name, the book by their place in the configuration. A team that the configuration does not name any more keeps what
//! it has spent, in a place behind all others, from which nobody asks; under another name it begins at 0.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::day::Day;
use super::super::shares::Share;
use crate::team::{Class, TeamId};

/// Teams without a share that are remembered.
const MAX_FORMER: usize = 256;

/// The teams of one portal.
#[derive(Debug)]
pub(super) struct Teams {
    /// By team. Never empty.
    shares: Vec<Share>,
    /// When guarantees begin to be released.
    release: Duration,
    /// Names of teams that only the ledger knows.
    former: Vec<String>,
    spent: BTreeMap<Day, Vec<u64>>,
}

impl Teams {
    pub fn new(mut shares: Vec<Share>, release: Duration) -> Self {
        if shares.is_empty() {
            shares.push(Share { team: "default".to_owned(), guaranteed: 0, ceiling: None, class: Class::Interactive });
        }
        Self { shares, release, former: Vec::new(), spent: BTreeMap::new() }
    }

    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    pub fn release(&self) -> Duration {
        self.release
    }

    /// The team that a client's calls are counted for: its own, or the default team if there is no such.
    pub fn of(&self, team: TeamId) -> TeamId {
        if team.index() < self.shares.len() { team } else { TeamId::DEFAULT }
    }

    pub fn name(&self, team: TeamId) -> Option<&str> {
        let former = || self.former.get(team.index() - self.shares.len()).map(String::as_str);
        self.shares.get(team.index()).map(|share| share.team.as_str()).or_else(former)
    }

    /// The team of that name. One that is not known gets a place, unless there are too many.
    pub fn named(&mut self, name: &str) -> Option<TeamId> {
        let names = self.shares.iter().map(|share| &share.team).chain(&self.former);
        let known = names.into_iter().position(|known| known == name);
        let index = known.or_else(|| {
            let fits = self.former.len() < MAX_FORMER;
            fits.then(|| self.former.push(name.to_owned()))?;
            Some(self.shares.len() + self.former.len() - 1)
        })?;
        u16::try_from(index).ok().map(TeamId::new)
    }

    /// Calls of that day, by team; a team beyond the end has made none.
    pub fn spent(&self, day: Day) -> &[u64] {
        self.spent.get(&day).map_or(&[], Vec::as_slice)
    }

    pub fn spent_by(&self, team: TeamId, day: Day) -> u64 {
        self.spent(day).get(team.index()).copied().unwrap_or(0)
    }

    /// Teams without a share that have spent something on that day.
    pub fn former(&self, day: Day) -> impl Iterator<Item = (&str, u64)> {
        let spent = self.spent(day).iter().skip(self.shares.len()).copied();
        self.former.iter().map(String::as_str).zip(spent).filter(|(_, spent)| *spent > 0)
    }

    pub fn count(&mut self, team: TeamId, day: Day, change: impl FnOnce(u64) -> u64) {
        let spent = self.spent.entry(day).or_default();
        if spent.len() <= team.index() {
            spent.resize(team.index() + 1, 0);
        }
        spent[team.index()] = change(spent[team.index()]);
    }

    /// Forgets the days before `first`.
    pub fn prune(&mut self, first: Option<Day>) {
        if let Some(first) = first {
            self.spent = self.spent.split_off(&first);
        }
    }
}
