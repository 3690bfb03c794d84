//! Whose counter the portal charges a call to, and what we know of that counter.
//!
//! A [`Tally`] is one account's count of one day; an [`AccountState`] adds what outlives the day: the limit that the portal stated, and
//! whether it closed the account. Pure arithmetic; when calls leave and which answers belong to which account is decided in
//! [`super::book`].

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::day::{Day, Moment, later};
use super::quota::{Statement, saturated};
use super::refused::Shutter;

/// A drop of what remains by more than this part of the limit needs a second answer to be believed.
const SUDDEN_DIVISOR: u64 = 20;
/// A closed account is probed this often.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
/// Shortest back-off, and the unit of its doubling.
const BACK_OFF_UNIT: Duration = Duration::from_secs(60);
/// Longest back-off of our own making.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15 * 60);
/// Longest `Retry-After` that is honoured.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Whose counter a call is charged to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// The portal's counter of our address.
    Anonymous,
    /// The counter of one key, by the key's fingerprint.
    Key(String),
    /// All further keys of a portal and day that has too many; none of their answers can be told apart.
    OtherKeys,
}

impl Account {
    /// How the ledger spells it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Key(fingerprint) => format!("key:{fingerprint}"),
            Self::OtherKeys => "other-keys".to_owned(),
        }
    }

    /// Reads the ledger's spelling.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "anonymous" => Some(Self::Anonymous),
            "other-keys" => Some(Self::OtherKeys),
            _ => text.strip_prefix("key:").map(|fingerprint| Self::Key(fingerprint.to_owned())),
        }
    }

    /// How it is shown: of a fingerprint only the beginning.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Key(fingerprint) if fingerprint.chars().count() > 8 => {
                format!("key:{}…", fingerprint.chars().take(8).collect::<String>())
            }
            _ => self.text(),
        }
    }
}

/// One account's count of one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Calls of ours, from their reservation on.
    pub own: u64,
    /// What the portal had counted beyond that when it was first asked: calls that a lost ledger had known, or calls of others.
    pub base: u64,
    /// What it counted beyond both later: calls by somebody else.
    pub drift: u64,
    /// Of our own, looks…
    pub looks: u64,
    /// …and revalidations.
    pub revalidations: u64,
    /// Of our own, those that have not departed: no figure of the portal can contain them.
    pub waiting: u64,
    /// Whether the count may be relied on: an answer has been seen, or the day before was known and the day began since.
    pub known: bool,
    /// Whether a figure of the portal for this day has been believed.
    pub verified: bool,
    /// Whether the last figure showed a sudden drop that is not yet believed.
    pub suspected: bool,
}

impl Tally {
    pub fn used(&self) -> u64 {
        self.own.saturating_add(self.base).saturating_add(self.drift)
    }
}

/// An account that the portal has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shut {
    pub by: Shutter,
    pub until: Timestamp,
    /// When the next probe may go, in monotonic time.
    pub probe_at: Duration,
}

/// Waiting that doubles with each failure, in monotonic time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BackOff {
    failures: u32,
    until: Duration,
}

impl BackOff {
    /// How long it still lasts.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        self.until.checked_sub(elapsed).filter(|left| !left.is_zero())
    }

    /// Begins, unless it is on: answers that were under way together are one failure, and the longest wait that one of them states holds.
    pub fn fail(&mut self, elapsed: Duration, at_least: Option<Duration>) {
        let stated = elapsed.saturating_add(at_least.unwrap_or_default().min(LONGEST_RETRY_AFTER));
        if self.left(elapsed).is_some() {
            self.until = self.until.max(stated);
            return;
        }
        let ours = BACK_OFF_UNIT.saturating_mul(1 << self.failures.min(4)).min(LONGEST_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        self.until = elapsed.saturating_add(ours).max(stated);
    }

    /// The next failure starts from the beginning. What lasts, lasts.
    pub fn succeed(&mut self) {
        self.failures = 0;
    }
}

/// One account of one portal.
#[derive(Clone, Debug, Default)]
pub(super) struct AccountState {
    /// The limit as the portal last stated it.
    pub stated: Option<u128>,
    /// For a key: whether the portal has shown it a limit of its own.
    pub proven: bool,
    pub shut: Option<Shut>,
    pub back_off: BackOff,
    pub days: BTreeMap<Day, Tally>,
}

impl AccountState {
    /// Calls per day. `None` while neither configured nor stated.
    pub fn limit(&self, configured: Limit) -> Option<u64> {
        configured.of(self.stated)
    }

    pub fn tally(&self, day: Day) -> Option<&Tally> {
        self.days.get(&day)
    }

    /// Calls used on that day.
    pub fn used(&self, day: Day) -> u64 {
        self.tally(day).map_or(0, Tally::used)
    }

    /// Takes the portal's figures for a day. They count our departed calls (some may still be under way to the portal, so all of them are
    /// assumed to be in it): what is beyond those is somebody else's. A figure below our own count is ignored.
    ///
    /// While calls of ours overlap, calls of others can hide behind those that the portal has not counted yet, at most as many as overlap;
    /// the next figure that comes alone shows them. Without others, the result is our own count, exactly.
    pub fn believe(&mut self, said: &Statement, configured: Limit) {
        let (before, after) = (self.limit(configured), configured.of(Some(said.limit)));
        let tally = self.days.entry(said.day).or_default();
        let departed = tally.own.saturating_sub(tally.waiting);
        let others = tally.base.saturating_add(tally.drift);
        let beyond = said.used().saturating_sub(departed).saturating_sub(others);

        let left = |limit: Option<u64>, used: u64| limit.map(|limit| limit.saturating_sub(used));
        let loss = match (left(before, tally.used()), left(after, tally.used().saturating_add(beyond))) {
            (Some(had), Some(has)) => had.saturating_sub(has),
            _ => 0,
        };
        let sudden = before.is_some_and(|limit| loss > limit / SUDDEN_DIVISOR);
        if tally.known && sudden && !tally.suspected {
            tally.suspected = true;
            return;
        }
        tally.suspected = false;
        if tally.known {
            tally.drift = tally.drift.saturating_add(beyond);
        } else {
            tally.base = tally.base.saturating_add(beyond);
        }
        (tally.known, tally.verified) = (true, true);
        self.stated = Some(said.limit);
    }

    /// Closes the account until `until`, or the later of that and what already holds.
    pub fn close(&mut self, by: Shutter, until: Timestamp, moment: Moment) {
        let until = self.shut.map_or(until, |shut| shut.until.max(until));
        self.shut = Some(Shut { by, until, probe_at: moment.elapsed.saturating_add(PROBE_INTERVAL) });
    }

    /// Whether the account is closed at `now`, allowing for the skew of the portal's clock.
    pub fn closed(&self, now: Timestamp, skew: Duration) -> Option<Shut> {
        self.shut.filter(|shut| now < later(shut.until, skew))
    }
}

/// What is configured of an account's calls per day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Never more, whatever the portal states.
    AtMost(u64),
    /// So many, until the portal states another number.
    Assumed(u64),
    /// Nothing.
    Unknown,
}

impl Limit {
    /// Calls per day, with what the portal has stated.
    pub fn of(self, stated: Option<u128>) -> Option<u64> {
        match (stated, self) {
            (Some(stated), Self::AtMost(most)) => Some(saturated(stated).min(most)),
            (None, Self::AtMost(configured) | Self::Assumed(configured)) => Some(configured),
            // A key's own: as stated, but no more than any plan could need.
            (Some(stated), Self::Assumed(_) | Self::Unknown) => Some(saturated(stated).min(u64::from(u32::MAX))),
            (None, Self::Unknown) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day(20_000);

    fn said(limit: u128, used: u128) -> Statement {
        Statement { limit, remaining: limit - used, day: TODAY }
    }

    fn account(own: u64, known: bool) -> AccountState {
        AccountState { days: [(TODAY, Tally { own, known, ..Tally::default() })].into(), ..AccountState::default() }
    }

    #[test]
    fn a_lower_remainder_is_believed_and_shown_as_drift() {
        let mut account = account(10, true);
        account.believe(&said(5000, 30), Limit::AtMost(5000));
        assert_eq!((account.used(TODAY), account.days[&TODAY].drift), (30, 20));
        account.believe(&said(5000, 12), Limit::AtMost(5000));
        assert_eq!(account.used(TODAY), 30, "a higher remainder is ignored");
    }

    #[test]
    fn a_sudden_drop_needs_a_second_answer() {
        let mut account = account(10, true);
        account.believe(&said(5000, 5000), Limit::AtMost(5000));
        assert_eq!(account.used(TODAY), 10);
        account.believe(&said(5000, 11), Limit::AtMost(5000));
        account.believe(&said(5000, 5000), Limit::AtMost(5000));
        assert_eq!(account.used(TODAY), 11, "an answer in between that knows nothing of it begins anew");
        account.believe(&said(5000, 5000), Limit::AtMost(5000));
        assert_eq!(account.used(TODAY), 5000);
    }

    #[test]
    fn a_sudden_fall_of_the_limit_needs_a_second_answer_too() {
        let mut account = account(10, true);
        account.believe(&said(3, 1), Limit::AtMost(5000));
        assert_eq!(account.limit(Limit::AtMost(5000)), Some(5000));
        account.believe(&said(3, 1), Limit::AtMost(5000));
        assert_eq!(account.limit(Limit::AtMost(5000)), Some(3));
        account.believe(&said(99_999_999_999_999_999_999_999, 1), Limit::AtMost(5000));
        assert_eq!(account.limit(Limit::AtMost(5000)), Some(5000), "a higher limit grants no more than is configured");
    }

    #[test]
    fn what_a_lost_ledger_had_known_is_the_base() {
        let mut account = account(1, false);
        account.believe(&said(5000, 3000), Limit::AtMost(5000));
        let tally = &account.days[&TODAY];
        assert_eq!((tally.used(), tally.base, tally.drift, tally.known), (3000, 2999, 0, true));
    }

    #[test]
    fn a_call_that_has_not_departed_hides_nobody() {
        let mut account = account(5, true);
        account.days.get_mut(&TODAY).unwrap().waiting = 2;
        account.believe(&said(5000, 4), Limit::AtMost(5000));
        assert_eq!(account.used(TODAY), 6);
    }

    #[test]
    fn a_key_has_the_limit_that_the_portal_states() {
        let mut account = account(1, false);
        assert_eq!(account.limit(Limit::Unknown), None);
        account.believe(&said(100_000, 7), Limit::Unknown);
        assert_eq!((account.limit(Limit::Unknown), account.used(TODAY)), (Some(100_000), 7));
    }

    #[test]
    fn back_off_doubles_from_one_minute_to_fifteen() {
        let (mut back_off, mut now) = (BackOff::default(), Duration::ZERO);
        let mut minutes = Vec::new();
        for _ in 0..6 {
            back_off.fail(now, None);
            back_off.fail(now, None);
            let left = back_off.left(now).unwrap();
            minutes.push(left.as_secs() / 60);
            now += left;
            assert_eq!(back_off.left(now), None);
        }
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15]);
        back_off.succeed();
        back_off.fail(now, Some(Duration::from_secs(u64::MAX)));
        assert_eq!(back_off.left(now), Some(LONGEST_RETRY_AFTER));
    }

    #[test]
    fn accounts_read_back_as_they_were_written_and_show_little_of_a_key() {
        let key = Account::Key("0123456789abcdef0123456789abcdef".into());
        for account in [Account::Anonymous, Account::OtherKeys, key.clone()] {
            assert_eq!(Account::parse(&account.text()), Some(account));
        }
        assert_eq!(key.shown(), "key:01234567…");
        assert_eq!(Account::parse("team:x"), None);
    }
}
