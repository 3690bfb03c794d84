//! The portal's own count: calls per account and UTC day, and what it says when they are spent.

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, civil::Date};
use serde_json::{Value as Json, json};

/// Calls that a key may make in a day, whatever the anonymous quota is.
const PER_KEY: u64 = 100_000;

/// Different keys that are counted apart; there is no reason to have more, and tests may send what they like.
const MOST_KEYS: usize = 10_000;

/// Whose counter a call goes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Everybody without a key.
    Anonymous,
    /// A key that the portal knows.
    Key(String),
}

impl Account {
    /// The account of a key, if the portal knows it. Keys that begin with `valid` are known.
    pub fn of_key(key: &str) -> Option<Self> {
        key.starts_with("valid").then(|| Self::Key(key.to_owned()))
    }

    /// Whether calls of this account see what is for keys only.
    pub fn is_keyed(&self) -> bool {
        matches!(self, Self::Key(_))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Key(key) => f.write_str(key),
        }
    }
}

/// A call that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// What the account may spend in the day.
    pub limit: u64,
    /// What is left of it after this call.
    pub remaining: u64,
    /// When the day ends.
    pub reset: Timestamp,
}

/// The day's quota is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// What the account might spend in the day.
    pub limit: u64,
    /// When the day ends.
    pub reset: Timestamp,
}

/// The counters of one day.
#[derive(Debug)]
pub struct Quota {
    anonymous: u64,
    day: Option<Date>,
    used: BTreeMap<Account, u64>,
    /// Calls counted since the start, over all days and accounts.
    charged: u64,
}

impl Quota {
    /// Nothing spent; anonymous callers share `anonymous` calls a day.
    pub fn new(anonymous: u64) -> Self {
        Self { anonymous, day: None, used: BTreeMap::new(), charged: 0 }
    }

    /// Whether anything is left.
    ///
    /// # Errors
    ///
    /// [`Spent`] if not.
    pub fn check(&mut self, account: &Account, now: Timestamp) -> Result<(), Spent> {
        let (limit, reset) = (self.limit(account), self.open(now));
        if self.used.get(account).copied().unwrap_or(0) >= limit { Err(Spent { limit, reset }) } else { Ok(()) }
    }

    /// Counts a call.
    ///
    /// # Errors
    ///
    /// [`Spent`] if nothing is left; then nothing is counted.
    pub fn charge(&mut self, account: &Account, now: Timestamp) -> Result<Charged, Spent> {
        self.check(account, now)?;
        let (limit, reset) = (self.limit(account), self.open(now));
        if self.used.len() >= MOST_KEYS && !self.used.contains_key(account) {
            return Err(Spent { limit, reset });
        }
        let used = self.used.entry(account.clone()).or_default();
        *used += 1;
        self.charged += 1;
        Ok(Charged { limit, remaining: limit.saturating_sub(*used), reset })
    }

    /// Somebody else spends `calls` from the anonymous account: they show in what remains, not in what was charged here.
    pub fn spend_elsewhere(&mut self, calls: u64, now: Timestamp) {
        self.open(now);
        let used = self.used.entry(Account::Anonymous).or_default();
        *used = used.saturating_add(calls);
    }

    /// Calls counted since the start.
    pub fn charged(&self) -> u64 {
        self.charged
    }

    /// Calls spent from the anonymous account today.
    pub fn used_today(&mut self, now: Timestamp) -> u64 {
        self.open(now);
        self.used.get(&Account::Anonymous).copied().unwrap_or(0)
    }

    fn limit(&self, account: &Account) -> u64 {
        if account.is_keyed() { PER_KEY } else { self.anonymous }
    }

    /// Starts a new day if it has come, and says when it ends.
    fn open(&mut self, now: Timestamp) -> Timestamp {
        let today = TimeZone::UTC.to_datetime(now).date();
        if self.day != Some(today) {
            self.day = Some(today);
            self.used.clear();
        }
        midnight_after(now)
    }
}

/// The next midnight of UTC.
pub fn midnight_after(now: Timestamp) -> Timestamp {
    let tomorrow = TimeZone::UTC.to_datetime(now).date().saturating_add(1.day());
    TimeZone::UTC.to_timestamp(tomorrow.at(0, 0, 0, 0)).unwrap_or(now)
}

/// `2026-08-18 00:00:00+00:00`, as the reset field has it.
pub fn reset_field(reset: Timestamp) -> String {
    reset.strftime("%Y-%m-%d %H:%M:%S+00:00").to_string()
}

/// The body of a 429. 10002 is the whole portal's quota, 10005 that of anonymous callers.
pub fn refusal_body(code: u64, limit: u64, reset: Timestamp) -> Json {
    let error = if code == 10002 {
        "Too many requests on the domain. Please contact the domain administrator."
    } else {
        "You have exceeded the requests limit for anonymous users."
    };
    json!({
        "errorcode": code,
        "reset_time": reset.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "limit_time_unit": "day",
        "call_limit": limit,
        "error": error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_remains_excludes_the_call_itself_and_ends_at_zero() {
        let mut quota = Quota::new(2);
        let now = at("2026-08-17T02:40:36Z");
        assert_eq!(quota.charge(&Account::Anonymous, now).unwrap().remaining, 1);
        assert_eq!(quota.charge(&Account::Anonymous, now).unwrap().remaining, 0);
        let spent = quota.charge(&Account::Anonymous, now).unwrap_err();
        assert_eq!((spent.limit, spent.reset), (2, at("2026-08-18T00:00:00Z")));
        assert_eq!(quota.charged(), 2);
    }

    #[test]
    fn the_day_ends_at_midnight_of_utc() {
        let mut quota = Quota::new(1);
        quota.charge(&Account::Anonymous, at("2026-08-17T23:59:59.999Z")).unwrap();
        assert!(quota.charge(&Account::Anonymous, at("2026-08-17T23:59:59.999Z")).is_err());
        assert!(quota.charge(&Account::Anonymous, at("2026-08-18T00:00:00Z")).is_ok());
    }

    #[test]
    fn each_key_has_an_account_of_its_own() {
        let mut quota = Quota::new(0);
        let key = Account::of_key("valid-one").unwrap();
        assert_eq!(quota.charge(&key, at("2026-08-17T00:00:00Z")).unwrap().remaining, PER_KEY - 1);
        assert!(quota.charge(&Account::Anonymous, at("2026-08-17T00:00:00Z")).is_err());
        assert_eq!(Account::of_key("invented"), None);
    }

    #[test]
    fn the_reset_is_written_in_the_portals_two_spellings() {
        assert_eq!(reset_field(at("2026-08-18T00:00:00Z")), "2026-08-18 00:00:00+00:00");
        assert_eq!(refusal_body(10005, 50, at("2021-01-26T00:00:00Z"))["reset_time"], "2021-01-26T00:00:00Z");
    }
}
