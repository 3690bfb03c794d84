//! One portal's accounts, and the calls that are under way: which call may leave, and on which accounts and days it is charged.
//!
//! The book is plain memory and plain arithmetic on a clock reading; it decides, and marks what it changed. The
//! [ledger](super::ledger) writes the marked rows, and a call is granted to nobody before they are written. What an answer changes is in
//! [`answer`], what it tells of the portal in [`health`], what is written in [`rows`], what is shown in [`show`]; what the accounts allow is
//! reckoned in [`spending`], and which team may pay in [`admission`].

mod admission;
mod answer;
mod explain;
mod health;
mod keys;
mod restore;
pub(super) mod rows;
mod show;
mod spending;
mod teams;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use self::rows::Dirty;
use self::show::Shown;
use self::teams::Teams;
use super::account::{Account, AccountState, BackOff, Tally};
use super::breaker::Breaker;
use super::dataset::Datasets;
use super::day::{Calendar, Day, Moment, Turn, earlier};
use super::settings::Settings;
use super::shares::Share;
use super::wish::Bid;
use super::{KeyAccount, Purpose, Refusals};
use crate::clock::Reading;
use crate::team::TeamId;

/// How long a call without an answer may still reach the portal's counter.
const LOST_LIFE: Duration = Duration::from_secs(60);
/// Calls without an answer that are remembered that long.
const MAX_LOST: usize = 1_024;
/// While the ledger is ahead of the clock and its day is full, one call so often asks the portal who is right.
const ASK_INTERVAL: Duration = Duration::from_secs(3600);
/// Days of the anonymous account's count that are kept…
const ROWS_KEPT: usize = 60;
/// …and how far back those of keys.
const KEY_DAYS_KEPT: i64 = 8;

/// What one portal may spend, as configured.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    pub daily_calls: NonZeroU32,
    pub look_reserve: u32,
    pub revalidation_reserve: u32,
    /// When guarantees begin to be released, since midnight UTC.
    pub release: Duration,
    /// By team.
    pub shares: Vec<Share>,
    /// The organisation's own keys.
    pub accounts: Vec<KeyAccount>,
}

/// A call that is reserved or under way, or whose answer was lost a moment ago.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The accounts it is charged to. The first is the one that its answer speaks of.
    pub accounts: Vec<Account>,
    /// The days it is charged on.
    pub days: BTreeSet<Day>,
    pub purpose: Purpose,
    /// The team that pays for it, where one does.
    pub team: Option<TeamId>,
    /// What it asks about.
    pub dataset: Option<String>,
    /// When it was reserved.
    pub since: Timestamp,
    /// When it departed, in monotonic time.
    pub departed: Option<Duration>,
    /// When its answer was given up, in monotonic time.
    pub lost: Option<Duration>,
    /// Whether it asks if a closed account is open again.
    pub probe: bool,
}

/// Whether a call may leave.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is charged as number `id`, and may leave once change number `change` is written. `team` pays.
    Granted {
        id: u64,
        change: u64,
        team: Option<TeamId>,
    },
    /// Calls go one at a time, and one is under way.
    Wait,
    Refused(Refusals),
}

/// One portal's budget.
#[derive(Debug)]
pub(super) struct Book {
    portal: String,
    allowance: Allowance,
    calendar: Calendar,
    accounts: BTreeMap<Account, AccountState>,
    calls: BTreeMap<u64, Call>,
    next_id: u64,
    /// Looks that wait for their turn; others let them pass.
    looks_waiting: usize,
    look_back_off: BackOff,
    breaker: Breaker,
    /// When the next call may ask although the ledger's day, ahead of the clock, is full.
    ask_at: Duration,
    teams: Teams,
    datasets: Datasets,
    settings: Settings,
    /// What clients were last told, while it still holds.
    shown: Option<Shown>,
    closing: bool,
    dirty: Dirty,
}

impl Book {
    /// Decides about one call, and charges it if it may leave.
    pub fn grant(&mut self, bid: &Bid<'_>, reading: Reading) -> Verdict {
        let moment = self.tick(reading);
        let (accounts, purpose) = (self.charged_to(bid.credential), bid.purpose);
        let (probe, team) = match self.may_spend(&accounts, bid, moment) {
            Ok(granted) => granted,
            Err(refused) => return Verdict::Refused(refused),
        };
        if let Err(refused) = self.portal_works(&accounts, moment) {
            return Verdict::Refused(refused.into());
        }
        if self.must_wait(&accounts, purpose) {
            return Verdict::Wait;
        }
        let [first, last] = self.calendar.window(moment.now);
        let today = self.calendar.today();
        if probe {
            self.count_probe(&accounts, moment);
        }
        if self.full(&accounts, today, purpose).is_some() {
            self.ask_at = moment.elapsed.saturating_add(ASK_INTERVAL);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.breaker.granted(id, moment.elapsed);
        if let Some(dataset) = bid.dataset {
            self.datasets.count(&accounts, dataset, Some(moment.now));
        }
        let dataset = bid.dataset.map(str::to_owned);
        let call = Call { accounts, days: BTreeSet::new(), purpose, team, dataset, since: moment.now, departed: None, lost: None, probe };
        self.calls.insert(id, call);
        for day in [first, last, today] {
            self.charge(id, day);
        }
        Verdict::Granted { id, change: self.dirty.change(), team }
    }

    /// Whether a call may be asked for at all: what [`grant`](Self::grant) would refuse, without a wait.
    pub fn refusal(&mut self, bid: &Bid<'_>, reading: Reading) -> Option<Refusals> {
        let moment = self.tick(reading);
        let accounts = self.charged_to(bid.credential);
        let may = self.may_spend(&accounts, bid, moment).map(drop);
        may.and_then(|()| Ok(self.portal_works(&accounts, moment)?)).err()
    }

    /// The request is about to be written.
    pub fn depart(&mut self, id: u64, reading: Reading) {
        let moment = self.tick(reading);
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.departed.is_none()) else { return };
        call.departed = Some(moment.elapsed);
        let call = call.clone();
        self.each_tally(&call, |tally, _| tally.waiting = tally.waiting.saturating_sub(1));
    }

    /// The portal cannot have counted the call. `tried`: it was attempted, and the connection not made.
    pub fn give_back(&mut self, id: u64, tried: bool, reading: Reading) {
        let moment = self.tick(reading);
        let Some(call) = self.calls.remove(&id) else { return };
        self.each_tally(&call, |tally, account| {
            tally.own = tally.own.saturating_sub(1);
            tally.waiting = tally.waiting.saturating_sub(u64::from(call.departed.is_none()));
            match call.purpose {
                Purpose::Look if *account == Account::Anonymous => tally.looks = tally.looks.saturating_sub(1),
                Purpose::Revalidation if *account == Account::Anonymous => tally.revalidations = tally.revalidations.saturating_sub(1),
                _ => {}
            }
        });
        self.refund(&call);
        if call.probe {
            for account in &call.accounts {
                if let Some(shut) = self.accounts.get_mut(account).and_then(|state| state.shut.as_mut()) {
                    shut.probe_at = moment.elapsed;
                }
            }
        }
        if tried {
            self.after_look(&call, moment);
            self.portal_failed(id, call.departed.unwrap_or(moment.elapsed), None, moment);
        } else {
            self.breaker.not_sent(id, moment.elapsed);
        }
        self.dirty.call(id);
    }

    /// The answer will not come; the portal may have counted the call, or may do so in a moment.
    pub fn lose(&mut self, id: u64, reading: Reading) {
        let moment = self.tick(reading);
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.lost = Some(moment.elapsed);
        let call = call.clone();
        self.breaker.abandoned(id, moment.elapsed);
        self.after_look(&call, moment);
        let lost = self.calls.iter().filter(|(_, call)| call.lost.is_some()).map(|(id, _)| *id);
        let surplus: Vec<u64> = lost.rev().skip(MAX_LOST).collect();
        self.forget(&surplus);
    }

    /// A look begins (or ends) to wait for its turn.
    pub fn look_waits(&mut self, waits: bool) {
        self.looks_waiting = if waits { self.looks_waiting + 1 } else { self.looks_waiting.saturating_sub(1) };
    }

    /// From now on every call is refused.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// What a team has spent of a day, for the same tests.
    #[cfg(test)]
    pub fn count_of(&mut self, team: &str, day: Day, reading: Reading) -> u64 {
        self.tick(reading);
        self.teams.named(team).map_or(0, |team| self.teams.spent_by(team, day))
    }

    /// Calls that are charged to the anonymous account on a day, by this team or by anybody, and may still be given back; for the same tests.
    #[cfg(test)]
    pub fn open_calls(&self, team: Option<&str>, day: Day) -> u64 {
        let of_team = |call: &Call| team.is_none() || call.team.and_then(|team| self.teams.name(team)) == team;
        let open = |call: &&Call| call.lost.is_none() && call.accounts.contains(&Account::Anonymous) && call.days.contains(&day);
        self.calls.values().filter(open).filter(|call| of_team(call)).count() as u64
    }

    /// What is counted, for tests that compare it with what a portal counts.
    #[cfg(test)]
    pub fn count(&mut self, account: &Account, day: Day, reading: Reading) -> Tally {
        self.tick(reading);
        self.accounts.get(account).and_then(|state| state.tally(day)).cloned().unwrap_or_default()
    }

    /// Looks at the clock: a new day may begin, and calls under way at its begin are charged on it too.
    fn tick(&mut self, reading: Reading) -> Moment {
        let turn = self.calendar.tick(reading);
        let moment = self.calendar.moment(reading);
        match turn {
            Turn::Same => {}
            Turn::NewDay(before) => self.open_day(before),
            Turn::Doubt => tracing::warn!(portal = self.portal, "the clock leapt: calls go one at a time until the portal tells the day"),
        }
        self.spread(moment);
        moment
    }

    /// Charges every call also on the days on which it may have reached the portal's counter since the last look at the clock, and forgets
    /// the lost ones that can no longer do so.
    fn spread(&mut self, moment: Moment) {
        let mut missing: Vec<(u64, Day)> = Vec::new();
        let mut over: Vec<u64> = Vec::new();
        for (id, call) in &self.calls {
            let expired = call.lost.and_then(|lost| moment.elapsed.checked_sub(lost)?.checked_sub(LOST_LIFE));
            over.extend(expired.map(|_| *id));
            let latest = earlier(moment.now, expired.unwrap_or_default());
            missing.extend(self.calendar.window(latest).into_iter().filter(|day| !call.days.contains(day)).map(|day| (*id, day)));
        }
        for (id, day) in missing {
            self.charge(id, day);
        }
        self.forget(&over);
    }

    fn open_day(&mut self, before: Day) {
        let today = self.calendar.today();
        let continued = self.calendar.continued() == Some(before);
        for state in self.accounts.values_mut() {
            let known = continued && state.tally(before).is_some_and(|tally| tally.known);
            if let Some(tally) = state.days.get_mut(&today) {
                tally.known |= known;
            }
        }
        if self.calendar.known() {
            self.prune();
        }
    }

    /// Drops old rows. The anonymous account's go by their number, so that a clock that ran years ahead takes none with it.
    fn prune(&mut self) {
        let keys_last = Day(self.calendar.today().0 - KEY_DAYS_KEPT);
        let mut first = None;
        let own = &self.allowance.accounts;
        let is_own = |account: &Account| matches!(account, Account::Key(key) if own.iter().any(|own| own.fingerprint == *key));
        self.accounts.retain(|account, state| {
            if *account == Account::Anonymous {
                // The new day's is still to come.
                while state.days.len() >= ROWS_KEPT {
                    state.days.pop_first();
                }
                first = state.days.keys().next().copied();
                return true;
            }
            state.days.retain(|day, _| *day > keys_last);
            !state.days.is_empty() || is_own(account)
        });
        self.teams.prune(first);
        self.dirty.prune(first, keys_last);
    }

    fn count_probe(&mut self, accounts: &[Account], moment: Moment) {
        for account in accounts {
            if let Some(shut) = self.accounts.get(account).and_then(|state| state.shut) {
                let by = shut.by;
                self.accounts.entry(account.clone()).or_default().close(by, shut.until, moment);
            }
        }
    }

    /// Charges the call on `day`, unless it is already.
    fn charge(&mut self, id: u64, day: Day) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if !call.days.insert(day) {
            return;
        }
        let (accounts, purpose, team, waits) = (call.accounts.clone(), call.purpose, call.team, call.departed.is_none());
        for account in accounts {
            let known = self.inherits(&account, day);
            let anonymous = account == Account::Anonymous;
            self.dirty.day(&account, day);
            if let Some(team) = team.filter(|_| anonymous) {
                self.teams.count(team, day, |spent| spent.saturating_add(1));
                self.dirty.team(team, day);
            }
            let days = &mut self.accounts.entry(account).or_default().days;
            let tally = days.entry(day).or_insert_with(|| Tally { known, ..Tally::default() });
            tally.own = tally.own.saturating_add(1);
            tally.waiting = tally.waiting.saturating_add(u64::from(waits));
            tally.looks = tally.looks.saturating_add(u64::from(anonymous && purpose == Purpose::Look));
            tally.revalidations = tally.revalidations.saturating_add(u64::from(anonymous && purpose == Purpose::Revalidation));
        }
        self.dirty.call(id);
    }

    /// The call that a team has paid for, or that was counted against a dataset's limit, has not been made.
    fn refund(&mut self, call: &Call) {
        if let Some(team) = call.team.filter(|_| call.accounts.contains(&Account::Anonymous)) {
            for day in &call.days {
                self.teams.count(team, *day, |spent| spent.saturating_sub(1));
                self.dirty.team(team, *day);
            }
        }
        if let Some(dataset) = &call.dataset {
            self.datasets.count(&call.accounts, dataset, None);
        }
    }

    fn each_tally(&mut self, call: &Call, mut change: impl FnMut(&mut Tally, &Account)) {
        for account in &call.accounts {
            for day in &call.days {
                if let Some(tally) = self.accounts.get_mut(account).and_then(|state| state.days.get_mut(day)) {
                    change(tally, account);
                    self.dirty.day(account, *day);
                }
            }
        }
    }

    fn forget(&mut self, calls: &[u64]) {
        for id in calls {
            self.calls.remove(id);
            self.dirty.call(*id);
        }
    }

    /// A look that was tried while something was to be learnt: was it?
    fn after_look(&mut self, call: &Call, moment: Moment) {
        if call.purpose != Purpose::Look {
            return;
        }
        if self.learning(&Account::Anonymous) {
            self.look_back_off.fail(moment.elapsed, None);
        } else {
            self.look_back_off.succeed();
        }
    }
}
