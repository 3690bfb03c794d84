//! What an answer changes: the day, an account's count, its limit, and whether it is open.

use std::time::Duration;

use jiff::Timestamp;

use super::super::account::Account;
use super::super::dataset;
use super::super::day::{Day, Heard, Moment, earlier, later};
use super::super::quota::{QuotaRefusal, Seen, Statement};
use super::super::refused::Shutter;
use super::super::settings::Change;
use super::{Book, Call};
use crate::clock::Reading;

/// The portal's code for "the domain's quota is out".
const DOMAIN_QUOTA: i64 = 10_002;
/// The portal's code for "the anonymous quota is out".
const ANONYMOUS_QUOTA: i64 = 10_005;
/// A `reset_time` further away than this is absurd.
const LONGEST_CLOSURE: Duration = Duration::from_secs(36 * 3600);

impl Book {
    /// The head of the answer to call `id` is here. Says whether anything changed that should be written soon.
    pub fn settle(&mut self, id: u64, seen: &Seen, reading: Reading) -> bool {
        self.depart(id, reading);
        let moment = self.tick(reading);
        let Some(call) = self.calls.get(&id).cloned() else { return false };
        let before = self.dirty.change();
        self.hear(id, &call, seen, reading);
        self.calls.remove(&id);
        if seen.status == 429 {
            self.slow_down(&call, seen, moment);
        } else if seen.is_success() {
            self.succeed(&call);
            if self.own(&call.accounts[0]).is_some() {
                self.set_proven(&call.accounts[0], true);
            }
        } else if seen.status == 401 {
            self.set_proven(&call.accounts[0], false);
        }
        self.hear_of_health(id, call.departed.unwrap_or(moment.elapsed), seen, moment);
        self.after_look(&call, moment);
        self.note_dataset(&call, seen, moment);
        let urgent = self.dirty.change() != before;
        // That the call is no longer under way can be written with whatever comes next.
        self.dirty.call(id);
        urgent
    }

    /// Takes the portal's figures. A key that is refused may be answered with anybody's, so only its successes speak for its account;
    /// and answers to keys that share a row speak for the day alone.
    fn hear(&mut self, id: u64, call: &Call, seen: &Seen, reading: Reading) {
        let moment = self.calendar.moment(reading);
        let account = &call.accounts[0];
        let took = moment.elapsed.saturating_sub(call.departed.unwrap_or(moment.elapsed));
        let ahead = seen.date.map(|date| self.calendar.measure(date, took, moment.now));
        let speaks = *account == Account::Anonymous || seen.is_success();
        let said = seen.rate_limit.statement().filter(|said| speaks && self.calendar.believable(said.day, seen.date, moment.now));
        let Some(said) = said else {
            self.calendar.note_skew(ahead);
            if seen.is_success() {
                self.open_unverified(account, reading);
            }
            return;
        };
        self.charge(id, said.day);
        if self.calendar.hear(said.day, call.since, ahead, reading) == Heard::Doubt {
            tracing::warn!(
                portal = self.portal,
                "the portal counts another day than our clock: calls go one at a time until it is decided"
            );
        }
        if *account != Account::OtherKeys {
            self.believe(account, &said, moment.now);
        }
        if seen.is_success() {
            self.prove(account, said.limit);
        }
    }

    /// A success that tells no figures opens the day with the ledger's own count.
    fn open_unverified(&mut self, account: &Account, reading: Reading) {
        if !self.calendar.known() {
            self.calendar.assume(reading);
            tracing::warn!(portal = self.portal, "the portal states no usable quota: the ledger's own count is used, unverified");
        }
        let today = self.calendar.today();
        self.accounts.entry(account.clone()).or_default().days.entry(today).or_default().known = true;
    }

    fn believe(&mut self, account: &Account, said: &Statement, now: Timestamp) {
        let (configured, limit) = (self.configured(account), self.limit(account));
        let state = self.accounts.entry(account.clone()).or_default();
        let before = (state.stated, state.used(said.day));
        state.believe(said, configured);
        if before != (state.stated, state.used(said.day)) {
            self.dirty.account(account);
            self.dirty.day(account, said.day);
        }
        if *account == Account::Anonymous && limit != self.limit(account) {
            let calls = |limit: Option<u64>| limit.map(|limit| limit.to_string());
            let (from, to) = (calls(limit), calls(self.limit(account)));
            self.record(Change { at: now, team: None, what: "limit".to_owned(), from, to });
        }
    }

    /// A key whose limit differs from the anonymous one, as that was stated to an anonymous caller, has an account of its own. Otherwise the
    /// two cannot be told apart.
    fn prove(&mut self, account: &Account, limit: u128) {
        let anonymous = self.accounts.get(&Account::Anonymous).and_then(|state| state.stated);
        match account {
            Account::Key(_) if self.own(account).is_some() => {}
            Account::Key(_) => self.set_proven(account, anonymous.is_some_and(|anonymous| anonymous != limit)),
            Account::Anonymous => {
                let doubtful = self.accounts.iter().filter(|(_, state)| state.proven && state.stated == anonymous);
                for account in doubtful.map(|(account, _)| account.clone()).collect::<Vec<_>>() {
                    self.set_proven(&account, false);
                }
            }
            Account::OtherKeys => {}
        }
    }

    /// That a key of ours has an account of its own, the operator says, and no answer denies it: else one call that goes wrong would charge it to
    /// the anonymous account, which has none left when the key is needed.
    fn set_proven(&mut self, account: &Account, proven: bool) {
        if !proven && self.own(account).is_some() {
            return;
        }
        if let Some(state) = self.accounts.get_mut(account).filter(|state| state.proven != proven) {
            state.proven = proven;
            self.dirty.account(account);
        }
    }

    fn succeed(&mut self, call: &Call) {
        for account in &call.accounts {
            let Some(state) = self.accounts.get_mut(account) else { continue };
            state.back_off.succeed();
            if call.probe && state.shut.take().is_some() {
                self.dirty.account(account);
            }
        }
    }

    /// A 429: the portal's two codes close an account, anything else makes us wait.
    fn slow_down(&mut self, call: &Call, seen: &Seen, moment: Moment) {
        let (account, by) = match seen.refusal.as_ref().and_then(|refusal| refusal.errorcode) {
            Some(DOMAIN_QUOTA) => (call.accounts[0].clone(), Shutter::Domain),
            Some(ANONYMOUS_QUOTA) => {
                // A key that is counted as anonymous has no account of its own.
                self.set_proven(&call.accounts[0], false);
                if self.own(&call.accounts[0]).is_some() {
                    self.back_off(&call.accounts[0], seen.retry_after, moment);
                }
                (Account::Anonymous, Shutter::Anonymous)
            }
            // Also the account that an unproven key is charged to: else each call would come with another invented one, and none be slowed.
            _ => {
                for account in &call.accounts {
                    self.back_off(account, seen.retry_after, moment);
                }
                return;
            }
        };
        match self.closure(call, seen.refusal.as_ref(), moment) {
            Closure::Until(until) => {
                self.dirty.account(&account);
                self.accounts.entry(account.clone()).or_default().close(by, until, moment);
                tracing::warn!(portal = self.portal, account = account.shown(), %by, %until, "the portal has closed the account");
            }
            Closure::OldDay => {}
            Closure::Unclear => self.back_off(&account, seen.retry_after, moment),
        }
    }

    fn closure(&self, call: &Call, refusal: Option<&QuotaRefusal>, moment: Moment) -> Closure {
        match refusal.and_then(|refusal| refusal.reset_time) {
            Some(until) if until > moment.now && until <= later(moment.now, LONGEST_CLOSURE) => Closure::Until(until),
            Some(passed) if passed <= moment.now && call.days.iter().any(|day| day.end() == passed) => Closure::OldDay,
            // Over, by a portal that refuses all the same: its clock is further behind than we measured, or its word means nothing.
            Some(passed) if passed <= moment.now && later(passed, LONGEST_CLOSURE) > moment.now => Closure::Unclear,
            // No usable time. The refusal may still be the old day's if the call was under way at midnight.
            _ if Day::of(earlier(call.since, self.calendar.skew())) < Day::of(moment.now) => Closure::Unclear,
            _ => Closure::Until(Day::of(moment.now).end()),
        }
    }

    fn back_off(&mut self, account: &Account, at_least: Option<Duration>, moment: Moment) {
        let state = self.accounts.entry(account.clone()).or_default();
        state.back_off.fail(moment.elapsed, at_least);
        tracing::warn!(portal = self.portal, account = account.shown(), "the portal answered 429: waiting");
    }

    /// What is said of the dataset that was asked about. As with the account's own figures, a key that is refused may be told anybody's.
    fn note_dataset(&mut self, call: &Call, seen: &Seen, moment: Moment) {
        let account = &call.accounts[0];
        let speaks = *account == Account::Anonymous || (seen.is_success() && *account != Account::OtherKeys);
        let said = seen.rate_limit.dataset_statement().filter(|_| speaks);
        let (Some(dataset), Some((limit, remaining, resets_at))) = (&seen.dataset, said) else { return };
        let same = |other: &&Call| other.dataset.as_ref() == Some(dataset) && other.accounts.contains(account);
        let under_way = self.calls.values().filter(same).count() as u64;
        let said = dataset::Statement { limit, remaining, resets_at };
        self.datasets.note((account.clone(), dataset.clone()), said, call.departed.unwrap_or(moment.elapsed), under_way, moment);
        self.dirty.touch();
    }
}

/// Until when a 429 closes its account.
enum Closure {
    Until(Timestamp),
    /// It speaks of a day that is over.
    OldDay,
    /// It does not tell of which day it speaks.
    Unclear,
}
