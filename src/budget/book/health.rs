//! What calls tell of the portal's health, and what follows from it.

use std::time::Duration;

use super::super::account::Account;
use super::super::breaker::{Change, Passage};
use super::super::day::{Moment, later};
use super::super::quota::Seen;
use super::super::{Refused, Why};
use super::Book;
use crate::clock::Reading;

/// When to ask again where too many wait.
const QUEUE_WAIT: Duration = Duration::from_secs(5);

impl Book {
    /// Whether the portal works well enough for a call, or for one that tells whether it does.
    pub(super) fn portal_works(&self, accounts: &[Account], moment: Moment) -> Result<(), Refused> {
        // A key that is charged to the anonymous account too is not proven.
        match self.breaker.passage(accounts.len() > 1, moment.elapsed) {
            Passage::Free | Passage::AsProbe => Ok(()),
            Passage::Barred(wait) => {
                let (limit, used) = self.standing(&accounts[0], self.calendar.today());
                Err(Refused { why: Why::PortalDown, until: later(moment.now, wait), team: None, limit, used })
            }
        }
    }

    /// Call `id` left and was not answered, for no fault of ours: the portal has failed, and may have counted it.
    pub fn fail(&mut self, id: u64, reading: Reading) {
        let moment = self.tick(reading);
        let sent = self.calls.get(&id).and_then(|call| call.departed).unwrap_or(moment.elapsed);
        self.portal_failed(id, sent, None, moment);
        self.lose(id, reading);
    }

    /// The body of the answer to call `id`, which left at `sent`, is whole, or has broken off.
    pub fn body_ended(&mut self, id: u64, sent: Duration, whole: bool, reading: Reading) {
        let moment = self.calendar.moment(reading);
        if whole {
            let change = self.breaker.succeeded(sent, moment.elapsed);
            self.say(change);
        } else {
            self.portal_failed(id, sent, None, moment);
        }
    }

    /// Nobody wants the rest of the body.
    pub fn body_unwanted(&mut self, id: u64, reading: Reading) {
        self.breaker.abandoned(id, reading.elapsed);
    }

    /// What the head of an answer tells.
    pub(super) fn hear_of_health(&mut self, id: u64, sent: Duration, seen: &Seen, moment: Moment) {
        match seen.status {
            500..=599 => self.portal_failed(id, sent, seen.retry_after.filter(|_| seen.status == 503), moment),
            _ if seen.deals_with_the_question() => self.breaker.heard(id),
            _ => self.breaker.abandoned(id, moment.elapsed),
        }
    }

    pub(super) fn portal_failed(&mut self, id: u64, sent: Duration, retry_after: Option<Duration>, moment: Moment) {
        let change = self.breaker.failed(id, sent, retry_after, moment.elapsed);
        self.say(change);
    }

    /// When the portal was last seen to work again after it had failed, in monotonic time.
    pub fn recovered(&self) -> Option<Duration> {
        self.breaker.recovered()
    }

    /// The refusal of a call where `most` wait already.
    pub fn queue_full(&mut self, most: usize, reading: Reading) -> Refused {
        let now = self.tick(reading).now;
        let most = most as u64;
        Refused { why: Why::QueueFull, until: later(now, QUEUE_WAIT), team: None, limit: most, used: most }
    }

    fn say(&self, change: Option<Change>) {
        match change {
            Some(Change::Opened(wait)) => {
                tracing::warn!(portal = self.portal, wait_s = wait.as_secs(), "the portal fails: no calls but probes until one succeeds");
            }
            Some(Change::Closed) => tracing::info!(portal = self.portal, "the portal works again"),
            None => {}
        }
    }
}
