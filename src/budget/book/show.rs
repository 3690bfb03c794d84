//! What a book shows of itself.

use std::time::Duration;

use jiff::Timestamp;

use super::super::account::{Account, AccountState};
use super::super::day::{Day, Moment, later};
use super::super::refused::Shutter;
use super::super::report::{AccountReport, RateLimit, RateLimits, Report, Reserves, State};
use super::super::shares::Portion;
use super::Book;
use crate::clock::Reading;
use crate::team::TeamId;

/// What every team was last told.
#[derive(Debug)]
pub(super) struct Shown {
    /// The last change, the second and the day that it was reckoned from.
    basis: (u64, i64, Day),
    /// By team.
    limits: Vec<RateLimits>,
}

impl Book {
    /// What the team, and what all of them, may still spend of the anonymous account. On the way of every hit: what was told last is told again
    /// until something changes, or the second is over.
    pub fn rate_limits(&mut self, team: TeamId, reading: Reading) -> RateLimits {
        if self.calendar.would_turn(reading) {
            self.tick(reading);
        }
        let (team, today) = (self.teams.of(team), self.calendar.today());
        let now = self.calendar.moment(reading).now;
        let basis = (self.dirty.change(), now.as_second(), today);
        if let Some(shown) = self.shown.as_ref().filter(|shown| shown.basis == basis) {
            return shown.limits[team.index()];
        }
        let limits = self.all_rate_limits(now, today);
        let shown = self.shown.insert(Shown { basis, limits });
        shown.limits[team.index()]
    }

    fn all_rate_limits(&self, now: Timestamp, today: Day) -> Vec<RateLimits> {
        let (limit, used) = self.standing(&Account::Anonymous, today);
        let closed = self.accounts.get(&Account::Anonymous).is_some_and(|state| state.closed(now, self.calendar.skew()).is_some());
        let remaining = |left: u64| if closed { 0 } else { left };
        let portal = RateLimit { limit, remaining: remaining(limit.saturating_sub(used)), reset: today.end() };
        let split = self.team_day(today).split(today.elapsed(now));
        let of_team = |portion: &Portion| RateLimit {
            limit: portion.ceiling.map_or(limit, |ceiling| ceiling.min(limit)),
            remaining: remaining(split.left_of(portion)),
            reset: today.end(),
        };
        split.portions.iter().map(|portion| RateLimits { team: of_team(portion), portal }).collect()
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
            let concerned = state.tally(today).is_some() || state.closed(moment.now, self.calendar.skew()).is_some();
            **account != Account::Anonymous && (concerned || self.own(account).is_some())
        });
        let accounts = std::iter::once((&Account::Anonymous, anonymous)).chain(others);
        Report {
            portal: self.portal.clone(),
            day_known: self.calendar.known(),
            clock_correction_s: self.calendar.correction().as_secs(),
            ledger_writable,
            down_until: self.breaker.open_until().map(|until| later(moment.now, until.saturating_sub(moment.elapsed))),
            accounts: accounts.map(|(account, state)| self.account_report(account, state, moment)).collect(),
            teams: self.team_reports(today, moment),
            datasets: self.datasets.report(moment.now),
        }
    }

    fn account_report(&self, account: &Account, state: &AccountState, moment: Moment) -> AccountReport {
        let today = self.calendar.today();
        let tally = state.tally(today).cloned().unwrap_or_default();
        let limit = self.limit(account);
        let (look, revalidation) = self.unspent(account, today);
        let (shown, until) = self.state_on(account, today, moment);
        AccountReport {
            account: account.shown(),
            name: self.own(account).map(|own| own.name.clone()),
            limit,
            used: tally.used(),
            remaining: limit.map(|limit| limit.saturating_sub(tally.used())),
            resets_at: today.end(),
            looks: tally.looks,
            revalidations: tally.revalidations,
            drift: tally.drift,
            state: shown,
            until,
            verified: tally.verified,
            in_flight: self.calls.values().filter(|call| call.lost.is_none() && call.accounts.contains(account)).count() as u64,
            reserves: Reserves { look, revalidation },
        }
    }

    /// Whether calls may leave on the account, and until when not.
    pub(super) fn state_on(&self, account: &Account, day: Day, moment: Moment) -> (State, Option<Timestamp>) {
        let state = self.accounts.get(account);
        if let Some(shut) = state.and_then(|state| state.closed(moment.now, self.calendar.skew())) {
            let shown = match shut.by {
                Shutter::Domain => State::ClosedDomain,
                Shutter::Anonymous => State::ClosedAnonymous,
            };
            return (shown, Some(shut.until));
        }
        if let Some(left) = state.and_then(|state| state.back_off.left(moment.elapsed)) {
            return (State::BackingOff, Some(later(moment.now, left)));
        }
        let used = state.map_or(0, |state| state.used(day));
        if self.limit(account).is_some_and(|limit| used >= limit) {
            return (State::Exhausted, Some(day.end()));
        }
        (if self.learning(account) { State::Learning } else { State::Open }, None)
    }
}
