//! What the holder of a key is told of its account.

use super::super::account::Account;
use super::super::report::RateLimit;
use super::Book;
use crate::clock::Reading;

impl Book {
    /// What may still be spent from the account of a key, if it has one of its own and the portal has stated its limit.
    pub fn rate_limit_of_key(&mut self, fingerprint: &str, reading: Reading) -> Option<RateLimit> {
        let moment = self.tick(reading);
        let today = self.calendar.today();
        let account = Account::Key(fingerprint.to_owned());
        let state = self.accounts.get(&account).filter(|state| state.proven)?;
        let limit = self.limit(&account)?;
        let closed = state.closed(moment.now, self.calendar.skew()).is_some();
        let remaining = if closed { 0 } else { limit.saturating_sub(state.used(today)) };
        Some(RateLimit { limit, remaining, reset: today.end() })
    }
}
