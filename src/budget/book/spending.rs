//! Whether a call may leave: on which accounts it is charged, what those have left, and whether it must wait for others.

use std::time::Duration;

use super::super::account::{Account, AccountState, Limit};
use super::super::day::{Day, Moment, later};
use super::super::{KeyAccount, Purpose, Refused, Why};
use super::{Book, Call};
use crate::clock::Reading;

/// Keys that have an account of their own, per portal and day.
const MAX_KEYS: usize = 1_024;
/// A reserve is at most this part of the day's calls.
const RESERVE_DIVISOR: u64 = 20;
/// When to ask again after a refusal that has no time of its own.
const SOON: Duration = Duration::from_secs(60);

/// Why a day has no call left.
#[derive(Clone, Copy, Debug)]
pub(super) enum Full {
    Limit,
    Reserve,
}

impl Book {
    /// Whether the next call should be a look: the day or the anonymous count is not known, no look is under way, none has just failed, and
    /// one could be granted.
    pub fn wants_look(&mut self, reading: Reading) -> bool {
        let moment = self.tick(reading);
        self.learning(&Account::Anonymous)
            && self.looks_waiting == 0
            && self.look_back_off.left(moment.elapsed).is_none()
            && !self.under_way(|call| call.purpose == Purpose::Look)
            && self.may_be_charged(&[Account::Anonymous], Purpose::Look, moment).is_ok()
            && self.portal_works(&[Account::Anonymous], moment).is_ok()
    }

    /// The accounts of a call: a key that has not shown a limit of its own is charged to the anonymous account too.
    pub(super) fn charged_to(&self, fingerprint: Option<&str>) -> Vec<Account> {
        let Some(fingerprint) = fingerprint else { return vec![Account::Anonymous] };
        let (key, today) = (Account::Key(fingerprint.to_owned()), self.calendar.today());
        let state = self.accounts.get(&key);
        if state.is_some_and(|state| state.proven) {
            return vec![key];
        }
        let has_row = |state: &AccountState| state.days.contains_key(&today);
        let is_key = |account: &Account| matches!(account, Account::Key(_));
        let known = state.is_some_and(has_row);
        let fits = known || self.accounts.iter().filter(|(account, state)| is_key(account) && has_row(state)).count() < MAX_KEYS;
        vec![if fits { key } else { Account::OtherKeys }, Account::Anonymous]
    }

    /// Whether the accounts allow one more call; `Ok(true)` if only as a probe of a closed one.
    pub(super) fn may_be_charged(&self, accounts: &[Account], purpose: Purpose, moment: Moment) -> Result<bool, Refused> {
        let [first, last] = self.calendar.window(moment.now);
        let today = self.calendar.today();
        let mut probe = false;
        if self.closing {
            return Err(self.refused_for_now(moment, Why::ShuttingDown));
        }
        for account in accounts {
            let Some(state) = self.accounts.get(account) else { continue };
            let (limit, used) = self.standing(account, today);
            if let Some(left) = state.back_off.left(moment.elapsed) {
                return Err(Refused { why: Why::BackingOff, until: later(moment.now, left), limit, used, team: None });
            }
            if let Some(shut) = state.closed(moment.now, self.calendar.skew()) {
                if moment.elapsed < shut.probe_at {
                    return Err(Refused { why: Why::Closed(shut.by), until: shut.until, limit, used, team: None });
                }
                probe = true;
            }
        }
        for day in [first, last] {
            if let Some((account, full)) = self.full(accounts, day, purpose) {
                let (limit, used) = self.standing(account, day);
                let until = later(day.end(), self.calendar.skew());
                let why = match full {
                    Full::Limit => Why::Exhausted,
                    Full::Reserve => Why::ReserveSpent,
                };
                return Err(Refused { why, until, limit, used, team: None });
            }
        }
        // The ledger's day can be another than the clock's; it may be the true one, and full.
        if let Some((account, _)) = self.full(accounts, today, purpose).filter(|_| moment.elapsed < self.ask_at) {
            let (limit, used) = self.standing(account, today);
            let wait = self.ask_at.saturating_sub(moment.elapsed);
            return Err(Refused { why: Why::Exhausted, until: later(moment.now, wait), limit, used, team: None });
        }
        Ok(probe)
    }

    /// The refusal of a call while the budget is being closed.
    pub fn shutting_down(&mut self, reading: Reading) -> Refused {
        let moment = self.tick(reading);
        self.refused_for_now(moment, Why::ShuttingDown)
    }

    /// The refusal of a call that waited for its turn for too long.
    pub fn still_learning(&mut self, reading: Reading) -> Refused {
        let moment = self.tick(reading);
        self.refused_for_now(moment, Why::Learning)
    }

    /// The refusal of a call whose charge cannot be written.
    pub fn unwritable(&mut self, reading: Reading) -> Refused {
        let moment = self.tick(reading);
        self.refused_for_now(moment, Why::LedgerUnwritable)
    }

    fn refused_for_now(&self, moment: Moment, why: Why) -> Refused {
        let (limit, used) = self.standing(&Account::Anonymous, self.calendar.today());
        Refused { why, until: later(moment.now, SOON), limit, used, team: None }
    }

    /// The first of the accounts that has no call left on that day for that purpose.
    pub(super) fn full<'a>(&self, accounts: &'a [Account], day: Day, purpose: Purpose) -> Option<(&'a Account, Full)> {
        accounts.iter().find_map(|account| {
            let limit = self.limit(account)?;
            let used = self.accounts.get(account).map_or(0, |state| state.used(day));
            let (look, revalidation) = self.unspent(account, day);
            let kept = match purpose {
                Purpose::Look => 0,
                Purpose::Fill => look.saturating_add(revalidation),
                Purpose::Revalidation => look,
            };
            if used.saturating_add(kept) >= limit {
                return Some((account, Full::Limit));
            }
            (purpose == Purpose::Revalidation && *account == Account::Anonymous && revalidation == 0).then_some((account, Full::Reserve))
        })
    }

    /// What is kept of the anonymous account's day for looks and for revalidation, and not spent yet.
    pub(super) fn unspent(&self, account: &Account, day: Day) -> (u64, u64) {
        if *account != Account::Anonymous {
            return (0, 0);
        }
        let limit = self.limit(account).unwrap_or_default();
        let spent = self.accounts.get(account).and_then(|state| state.tally(day));
        let reserve = |configured: u32, spent: u64| u64::from(configured).min(limit / RESERVE_DIVISOR).saturating_sub(spent);
        (
            reserve(self.allowance.look_reserve, spent.map_or(0, |tally| tally.looks)),
            reserve(self.allowance.revalidation_reserve, spent.map_or(0, |tally| tally.revalidations)),
        )
    }

    /// Until the day and an account's count are known, its calls go one at a time, and a look goes first.
    pub(super) fn must_wait(&self, accounts: &[Account], purpose: Purpose) -> bool {
        let blocked = if self.calendar.known() {
            let unknown = |account: &&Account| !self.knows(account);
            accounts.iter().filter(unknown).any(|account| self.under_way(|call| call.accounts.contains(account)))
        } else {
            self.under_way(|_| true)
        };
        let learning = accounts.iter().any(|account| self.learning(account));
        blocked || (learning && purpose != Purpose::Look && self.looks_waiting > 0)
    }

    pub(super) fn learning(&self, account: &Account) -> bool {
        !self.calendar.known() || !self.knows(account)
    }

    /// Whether the account's count of today may be relied on.
    fn knows(&self, account: &Account) -> bool {
        let state = self.accounts.get(account);
        match state.and_then(|state| state.tally(self.calendar.today())) {
            Some(tally) => tally.known,
            None => self.inherits(account, self.calendar.today()),
        }
    }

    /// Whether a count that begins on `day` begins at a known 0: its account was known the day before, without a doubt since. Other keys'
    /// calls have no answers that could tell anything.
    pub(super) fn inherits(&self, account: &Account, day: Day) -> bool {
        let state = self.accounts.get(account);
        let yesterday = self.calendar.continued().filter(|_| day == self.calendar.today());
        let known = yesterday.and_then(|before| state?.tally(before)).is_some_and(|tally| tally.known);
        known || *account == Account::OtherKeys
    }

    fn under_way(&self, which: impl Fn(&Call) -> bool) -> bool {
        self.calls.values().any(|call| call.lost.is_none() && which(call))
    }

    pub(super) fn limit(&self, account: &Account) -> Option<u64> {
        let configured = self.configured(account);
        self.accounts.get(account).map_or_else(|| configured.of(None), |state| state.limit(configured))
    }

    /// What is configured: of the anonymous account the most that it may spend, of a key of ours what is assumed.
    pub(super) fn configured(&self, account: &Account) -> Limit {
        match account {
            Account::Anonymous => Limit::AtMost(u64::from(self.allowance.daily_calls.get())),
            _ => self.own(account).map_or(Limit::Unknown, |own| Limit::Assumed(u64::from(own.daily_calls.get()))),
        }
    }

    /// The organisation's own account, if it is one.
    pub(super) fn own(&self, account: &Account) -> Option<&KeyAccount> {
        let Account::Key(key) = account else { return None };
        self.allowance.accounts.iter().find(|own| own.fingerprint == *key)
    }

    pub(super) fn standing(&self, account: &Account, day: Day) -> (u64, u64) {
        let limit = self.limit(account).unwrap_or_else(|| u64::from(self.allowance.daily_calls.get()));
        (limit, self.accounts.get(account).map_or(0, |state| state.used(day)))
    }
}
