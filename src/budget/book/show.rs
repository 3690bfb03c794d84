//! What a book shows of itself.

use std::time::Duration;

use super::super::account::{Account, AccountState, Tally};
use super::super::day::{Moment, later};
use super::super::refused::Shutter;
use super::super::report::{AccountReport, RateLimit, Report, Reserves, State};
use super::Book;
use crate::clock::Reading;

impl Book {
    /// The anonymous account's figures. On the way of every hit: at all times but midnight it looks at the clock and subtracts.
    pub fn rate_limit(&mut self, reading: Reading) -> RateLimit {
        if self.calendar.would_turn(reading) {
            self.tick(reading);
        }
        let today = self.calendar.today();
        let (limit, used) = self.standing(&Account::Anonymous, today);
        let now = self.calendar.moment(reading).now;
        let closed = self.accounts.get(&Account::Anonymous).is_some_and(|state| state.closed(now, self.calendar.skew()).is_some());
        let remaining = if closed { 0 } else { limit.saturating_sub(used) };
        RateLimit { limit, remaining, reset: today.end() }
    }

    /// Looks of the day, and what is left of it.
    pub fn looks_today(&mut self, reading: Reading) -> (u64, Duration) {
        let moment = self.tick(reading);
        let today = self.calendar.today();
        let tally = self.accounts.get(&Account::Anonymous).and_then(|state| state.tally(today));
        let left = Duration::try_from(today.end().duration_since(moment.now)).unwrap_or_default();
        (tally.map_or(0, |tally| tally.looks), left)
    }

    /// Everything there is to say.
    pub fn report(&mut self, ledger_writable: bool, reading: Reading) -> Report {
        let moment = self.tick(reading);
        let today = self.calendar.today();
        let fresh = AccountState::default();
        let anonymous = self.accounts.get(&Account::Anonymous).unwrap_or(&fresh);
        let others = self.accounts.iter().filter(|(account, state)| {
            **account != Account::Anonymous && (state.tally(today).is_some() || state.closed(moment.now, self.calendar.skew()).is_some())
        });
        let accounts = std::iter::once((&Account::Anonymous, anonymous)).chain(others);
        Report {
            portal: self.portal.clone(),
            day_known: self.calendar.known(),
            clock_correction_s: self.calendar.correction().as_secs(),
            ledger_writable,
            accounts: accounts.map(|(account, state)| self.account_report(account, state, moment)).collect(),
            datasets: self.datasets.values().cloned().collect(),
        }
    }

    fn account_report(&self, account: &Account, state: &AccountState, moment: Moment) -> AccountReport {
        let today = self.calendar.today();
        let tally = state.tally(today).cloned().unwrap_or_default();
        let limit = self.limit(account);
        let (look, revalidation) = self.unspent(account, today);
        let (shown, until) = self.state(account, state, &tally, moment);
        AccountReport {
            account: account.shown(),
            limit,
            used: tally.used(),
            remaining: limit.map(|limit| limit.saturating_sub(tally.used())),
            resets_at: today.end(),
            drift: tally.drift,
            state: shown,
            until,
            verified: tally.verified,
            in_flight: self.calls.values().filter(|call| call.lost.is_none() && call.accounts.contains(account)).count() as u64,
            reserves: Reserves { look, revalidation },
        }
    }

    fn state(&self, account: &Account, state: &AccountState, tally: &Tally, moment: Moment) -> (State, Option<jiff::Timestamp>) {
        if let Some(shut) = state.closed(moment.now, self.calendar.skew()) {
            let shown = match shut.by {
                Shutter::Domain => State::ClosedDomain,
                Shutter::Anonymous => State::ClosedAnonymous,
            };
            return (shown, Some(shut.until));
        }
        if let Some(left) = state.back_off.left(moment.elapsed) {
            return (State::BackingOff, Some(later(moment.now, left)));
        }
        if self.limit(account).is_some_and(|limit| tally.used() >= limit) {
            return (State::Exhausted, Some(self.calendar.today().end()));
        }
        (if self.learning(account) { State::Learning } else { State::Open }, None)
    }
}
