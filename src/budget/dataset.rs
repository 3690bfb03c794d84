//! Limits that the portal sets on single datasets (`X-RateLimit-dataset-*`).
//!
//! A statement holds until its own reset, often that of a month, for one account and one dataset; calls of ours since then are counted against
//! it. What is stated last is believed, also if it is more: nothing of ours depends on it but calls about that dataset. So that one wrong
//! statement does not silence a dataset for a month, one call a day asks again. Pure; the [book](super::book) writes the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::account::Account;
use super::day::{Day, Moment, later};
use super::report::DatasetReport;

/// Statements that are remembered per portal.
const MAX_STATEMENTS: usize = 256;
/// A reset further away than this is absurd: no month is longer.
const LONGEST_WINDOW: Duration = Duration::from_secs(32 * 86_400);
/// While a dataset is held, one call so often asks whether it still is.
const ASK_INTERVAL: Duration = Duration::from_secs(86_400);

/// Whose limit, and of what.
pub(super) type Of = (Account, String);

/// What the portal has stated of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Calls per period.
    pub limit: u64,
    /// Calls left.
    pub remaining: u64,
    /// When it is renewed, if that could be read.
    pub resets_at: Option<Timestamp>,
}

/// A statement, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub said: Statement,
    pub seen_at: Timestamp,
    /// When it was heard, in monotonic time.
    pub heard: Duration,
    /// Calls of ours that may not be in it.
    pub own: u64,
    /// The last of our calls.
    pub last_call: Timestamp,
}

impl Held {
    fn left(&self) -> u64 {
        self.said.remaining.saturating_sub(self.own)
    }

    /// Until when it holds. Without a time that can be read: for the day.
    fn until(&self) -> Timestamp {
        self.said.resets_at.map_or_else(|| Day::of(self.seen_at).end(), |reset| reset.min(later(self.seen_at, LONGEST_WINDOW)))
    }
}

/// A dataset's calls are spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    pub limit: u64,
    pub until: Timestamp,
}

/// All statements of one portal.
#[derive(Debug, Default)]
pub(super) struct Datasets {
    held: BTreeMap<Of, Held>,
    /// Those that differ from the ledger's rows.
    changed: BTreeSet<Of>,
}

impl Datasets {
    /// Takes what the ledger holds.
    pub fn recall(&mut self, of: Of, held: Held) {
        if self.held.len() < MAX_STATEMENTS {
            self.held.insert(of, held);
        }
    }

    /// Takes what the ledger holds, where nothing newer is known.
    pub fn absorb(&mut self, other: Self) {
        for (of, held) in other.held {
            if !self.held.contains_key(&of) {
                self.recall(of, held);
            }
        }
    }

    /// Takes what an answer says, to a call that departed at `departed`. `under_way` other calls may have been counted by the portal or not.
    pub fn note(&mut self, of: Of, said: Statement, departed: Duration, under_way: u64, moment: Moment) {
        let held = Held { said, seen_at: moment.now, heard: moment.elapsed, own: under_way, last_call: moment.now };
        if let Some(before) = self.held.get(&of) {
            // Answers overtake each other: of two about the same window the lower one was written last.
            let overtaken = before.said.resets_at == said.resets_at && departed <= before.heard;
            if overtaken && before.left() <= held.left() {
                return;
            }
        } else if self.held.len() >= MAX_STATEMENTS {
            let oldest = self.held.iter().min_by_key(|(_, held)| held.seen_at).map(|(of, _)| of.clone());
            if let Some(oldest) = oldest {
                self.held.remove(&oldest);
                self.changed.insert(oldest);
            }
        }
        self.held.insert(of.clone(), held);
        self.changed.insert(of);
    }

    /// Counts a call, or its end without a trace. Says whether a statement knows of it.
    pub fn count(&mut self, accounts: &[Account], dataset: &str, now: Option<Timestamp>) -> bool {
        let mut any = false;
        for account in accounts {
            let of = (account.clone(), dataset.to_owned());
            if let Some(held) = self.held.get_mut(&of) {
                match now {
                    Some(now) => (held.own, held.last_call) = (held.own.saturating_add(1), now),
                    None => held.own = held.own.saturating_sub(1),
                }
                self.changed.insert(of);
                any = true;
            }
        }
        any
    }

    /// Why a call about the dataset may not leave, if so.
    pub fn spent(&self, accounts: &[Account], dataset: &str, moment: Moment, skew: Duration) -> Option<Spent> {
        if self.held.is_empty() {
            return None;
        }
        accounts.iter().find_map(|account| {
            let held = self.held.get(&(account.clone(), dataset.to_owned()))?;
            let until = later(held.until(), skew);
            let asks = moment.now.duration_since(held.last_call) >= jiff::SignedDuration::try_from(ASK_INTERVAL).ok()?;
            let spent = Spent { limit: held.said.limit, until: until.min(later(held.last_call, ASK_INTERVAL)) };
            (held.left() == 0 && moment.now < until && !asks).then_some(spent)
        })
    }

    /// Those that hold now.
    pub fn report(&self, now: Timestamp) -> Vec<DatasetReport> {
        let in_force = self.held.iter().filter(|(_, held)| now < held.until());
        let report = |((account, dataset), held): (&Of, &Held)| DatasetReport {
            account: account.shown(),
            dataset: dataset.clone(),
            limit: held.said.limit,
            remaining: held.left(),
            resets_at: held.said.resets_at,
            seen_at: held.seen_at,
        };
        in_force.map(report).collect()
    }

    pub fn get(&self, of: &Of) -> Option<&Held> {
        self.held.get(of)
    }

    /// What differs from the ledger.
    pub fn take_changed(&mut self) -> BTreeSet<Of> {
        std::mem::take(&mut self.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "2026-03-10T12:00:00Z";
    const SKEW: Duration = Duration::from_secs(2);

    fn at(text: &str, elapsed: u64) -> Moment {
        Moment { now: text.parse().unwrap(), elapsed: Duration::from_secs(elapsed) }
    }

    fn said(remaining: u64, resets_at: Option<&str>) -> Statement {
        Statement { limit: 50, remaining, resets_at: resets_at.map(|text| text.parse().unwrap()) }
    }

    fn of(dataset: &str) -> Of {
        (Account::Anonymous, dataset.to_owned())
    }

    fn held(said: Statement, own: u64) -> Datasets {
        let mut datasets = Datasets::default();
        datasets.note(of("d"), said, Duration::ZERO, own, at(NOON, 10));
        datasets
    }

    fn until(datasets: &Datasets, moment: Moment) -> Option<String> {
        datasets.spent(&[Account::Anonymous], "d", moment, SKEW).map(|spent| spent.until.to_string())
    }

    #[test]
    fn a_month_that_is_spent_holds_that_dataset_and_account_alone() {
        let datasets = held(said(0, Some("2026-03-11T00:00:00Z")), 0);
        assert_eq!(until(&datasets, at(NOON, 10)).as_deref(), Some("2026-03-11T00:00:02Z"));
        assert_eq!(datasets.spent(&[Account::Anonymous], "e", at(NOON, 10), SKEW), None);
        assert_eq!(datasets.spent(&[Account::Key("k".into())], "d", at(NOON, 10), SKEW), None);
        assert_eq!(until(&datasets, at("2026-03-11T00:00:02Z", 50_000)), None, "and until its own reset alone");
    }

    #[test]
    fn our_own_calls_since_count_and_those_that_never_left_do_not() {
        let mut datasets = held(said(2, Some("2026-03-11T00:00:00Z")), 1);
        assert_eq!(until(&datasets, at(NOON, 10)), None);
        assert!(datasets.count(&[Account::Anonymous], "d", Some(at(NOON, 10).now)));
        assert!(until(&datasets, at(NOON, 10)).is_some());
        datasets.count(&[Account::Anonymous], "d", None);
        assert_eq!(until(&datasets, at(NOON, 10)), None);
        assert!(!datasets.count(&[Account::Anonymous], "e", Some(at(NOON, 10).now)));
    }

    #[test]
    fn of_answers_that_overtake_each_other_the_lower_figure_holds() {
        let window = Some("2026-04-01T00:00:00Z");
        let mut datasets = held(said(3, window), 0);
        datasets.note(of("d"), said(4, window), Duration::from_secs(9), 0, at(NOON, 11));
        assert_eq!(datasets.get(&of("d")).unwrap().left(), 3);
        datasets.note(of("d"), said(2, window), Duration::from_secs(9), 0, at(NOON, 11));
        assert_eq!(datasets.get(&of("d")).unwrap().left(), 2);
        datasets.note(of("d"), said(40, window), Duration::from_secs(12), 0, at(NOON, 13));
        assert_eq!(datasets.get(&of("d")).unwrap().left(), 40, "what was asked later is believed");
    }

    #[test]
    fn a_reset_that_cannot_be_read_or_believed_is_bounded() {
        let unread = held(said(0, None), 0);
        assert_eq!(until(&unread, at("2026-03-10T23:00:00Z", 0)).as_deref(), Some("2026-03-11T00:00:02Z"));
        assert_eq!(until(&unread, at("2026-03-11T00:00:02Z", 0)), None);
        let mut endless = held(said(0, Some("2036-01-01T00:00:00Z")), 0);
        assert_eq!(until(&endless, at(NOON, 10)).as_deref(), Some("2026-03-11T12:00:00Z"), "one call a day asks");
        endless.count(&[Account::Anonymous], "d", Some("2026-04-11T11:00:00Z".parse().unwrap()));
        assert_eq!(until(&endless, at("2026-04-11T11:59:00Z", 0)).as_deref(), Some("2026-04-11T12:00:02Z"));
        assert_eq!(until(&endless, at("2026-04-11T12:00:02Z", 0)), None);
        assert_eq!(until(&held(said(0, Some("2026-03-10T11:00:00Z")), 0), at(NOON, 10)), None, "one that has passed holds nothing");
    }
}
