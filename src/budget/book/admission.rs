//! Which of the teams that wait for a call may pay for it: one decision over all of them.
//!
//! What the accounts and the dataset's own limit say holds for all teams alike and comes first. Then the first team, in order of arrival, whose
//! share allows it pays; if none may, each hears its own reason. Shares are of the anonymous account: a call that is charged to a key's alone
//! asks no share.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::account::Account;
use super::super::day::{Day, Moment, later};
use super::super::shares::{DAY, Hold, Split, Standing};
use super::super::wish::Bid;
use super::super::{Purpose, Refusals, Refused, TeamStanding, Why};
use super::Book;
use crate::team::{Class, TeamId};

impl Book {
    /// Whether the call may leave, whether only as a probe of a closed account, and which of the teams that wait for it pays.
    pub(super) fn may_spend(&self, accounts: &[Account], bid: &Bid<'_>, moment: Moment) -> Result<(bool, Option<TeamId>), Refusals> {
        let probe = self.may_be_charged(accounts, bid.purpose, moment)?;
        self.dataset_allows(accounts, bid.dataset, moment)?;
        if bid.purpose != Purpose::Fill {
            return Ok((probe, None));
        }
        if !accounts.contains(&Account::Anonymous) {
            let first = bid.teams.first().ok_or_else(Refusals::default)?;
            return Ok((probe, Some(self.teams.of(*first))));
        }
        self.payer(bid.teams, moment).map(|team| (probe, Some(team)))
    }

    fn dataset_allows(&self, accounts: &[Account], dataset: Option<&str>, moment: Moment) -> Result<(), Refused> {
        let Some(spent) = dataset.and_then(|dataset| self.datasets.spent(accounts, dataset, moment, self.calendar.skew())) else {
            return Ok(());
        };
        Err(Refused { why: Why::Dataset, until: spent.until, limit: spent.limit, used: spent.limit, team: None })
    }

    /// The first of the teams that may spend. On all days that the call is charged on: a team cannot spend at midnight what the next day
    /// guarantees to others.
    fn payer(&self, teams: &[TeamId], moment: Moment) -> Result<TeamId, Refusals> {
        let mut days: Vec<OneDay<'_>> = self.days_of(moment).into_iter().map(|day| OneDay::of(self, day, moment.now)).collect();
        let mut heard = BTreeSet::new();
        let mut refusals = Vec::new();
        for asker in teams {
            if !heard.insert(*asker) {
                continue;
            }
            let team = self.teams.of(*asker);
            match days.iter_mut().find_map(|day| day.refusal(team)) {
                None => return Ok(team),
                Some(refused) => refusals.push((*asker, refused)),
            }
        }
        Err(Refusals::by_team(refusals))
    }

    /// The days that a call is charged on now. The ledger's own can be another than the clock's: if it is full, the call asks who is right.
    fn days_of(&self, moment: Moment) -> BTreeSet<Day> {
        let mut days = BTreeSet::from(self.calendar.window(moment.now));
        let today = self.calendar.today();
        if self.full(&[Account::Anonymous], today, Purpose::Fill).is_none() {
            days.insert(today);
        }
        days
    }

    /// One day of the anonymous account, as far as teams are concerned.
    pub(super) fn team_day(&self, day: Day) -> Standing<'_> {
        let (limit, used) = self.standing(&Account::Anonymous, day);
        let (look, revalidation) = self.unspent(&Account::Anonymous, day);
        let available = limit.saturating_sub(used).saturating_sub(look.saturating_add(revalidation));
        Standing { shares: self.teams.shares(), spent: self.teams.spent(day), available, release: self.teams.release() }
    }

    /// The refusal of a team whose share does not allow a call.
    pub(super) fn held(&self, team: TeamId, hold: Hold, day: Day, split: &Split, opens: Timestamp) -> Refused {
        let (limit, used) = self.standing(&Account::Anonymous, day);
        let (portion, end) = (split.portion(team), later(day.end(), self.calendar.skew()));
        let (why, until, limit, used) = match hold {
            Hold::Exhausted => (Why::Exhausted, end, limit, used),
            Hold::Ceiling => (Why::Ceiling, end, portion.ceiling.unwrap_or(limit), portion.spent),
            Hold::Guaranteed => (Why::Guaranteed, opens, limit, used),
            Hold::Pace => (Why::Pace, opens, split.pace.allowed, split.pace.spent),
        };
        let (spent, guaranteed, ceiling) = (portion.spent, portion.in_force, portion.ceiling);
        Refused { why, until, limit, used, team: Some(TeamStanding { team, spent, guaranteed, ceiling }) }
    }
}

/// One of the days that a call is charged on.
pub(super) struct OneDay<'a> {
    book: &'a Book,
    day: Day,
    now: Timestamp,
    pub standing: Standing<'a>,
    pub split: Split,
    /// When the pool opens, for teams of each class: it takes some reckoning, and is the same for all.
    opens: [Option<Timestamp>; 2],
}

impl<'a> OneDay<'a> {
    pub fn of(book: &'a Book, day: Day, now: Timestamp) -> Self {
        let standing = book.team_day(day);
        let split = standing.split(day.elapsed(now));
        Self { book, day, now, standing, split, opens: [None; 2] }
    }

    pub fn refusal(&mut self, team: TeamId) -> Option<Refused> {
        let hold = self.split.hold(team)?;
        let opens = match hold {
            Hold::Guaranteed | Hold::Pace => self.opens(self.split.portion(team).class),
            Hold::Exhausted | Hold::Ceiling => self.day.end(),
        };
        Some(self.book.held(team, hold, self.day, &self.split, opens))
    }

    fn opens(&mut self, class: Class) -> Timestamp {
        let (standing, day, now) = (self.standing, self.day, self.now);
        let slot = &mut self.opens[usize::from(class == Class::Batch)];
        *slot.get_or_insert_with(|| {
            let opens = standing.opens(class, day.elapsed(now));
            if opens == DAY { day.end() } else { later(day.begin(), opens) }
        })
    }
}
