//! What the budget shows of itself.

use jiff::Timestamp;
use serde::Serialize;

use super::explain::TeamReport;

/// What a client is told of the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RateLimits {
    /// Of its team: what that may still spend, now.
    pub team: RateLimit,
    /// Of the whole organisation: the anonymous account.
    pub portal: RateLimit,
}

/// Calls of a day, in the portal's three figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// Calls per day.
    pub limit: u64,
    /// Calls left.
    pub remaining: u64,
    /// The end of the ledger's day.
    pub reset: Timestamp,
}

/// The state of one portal's budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The portal's name.
    pub portal: String,
    /// Whether the day is known from an answer, or by the clock's continuity since one.
    pub day_known: bool,
    /// By how many seconds the portal's clock is ahead of ours, where ours cannot be right. 0: ours is used.
    pub clock_correction_s: i64,
    /// Whether the last write to the ledger succeeded.
    pub ledger_writable: bool,
    /// While the portal fails: when the next call may ask whether it works again.
    pub down_until: Option<Timestamp>,
    /// The anonymous account first, then those of keys.
    pub accounts: Vec<AccountReport>,
    /// What each team may spend of the anonymous account.
    pub teams: Vec<TeamReport>,
    /// Limits per dataset that the portal has stated, as far as they hold.
    pub datasets: Vec<DatasetReport>,
}

/// The state of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountReport {
    /// `anonymous`, `key:` and the first digits of its fingerprint, or `other-keys`.
    pub account: String,
    /// Its name in the configuration, if it is one of the organisation's own.
    pub name: Option<String>,
    /// Calls per day; absent while a key's own limit is not known.
    pub limit: Option<u64>,
    /// Calls used today: ours, and those of others that the portal tells of.
    pub used: u64,
    /// Calls left; absent while a key's own limit is not known.
    pub remaining: Option<u64>,
    /// The end of the ledger's day.
    pub resets_at: Timestamp,
    /// Of those, looks at the catalogue.
    pub looks: u64,
    /// Of those, refreshes ahead and audits.
    pub revalidations: u64,
    /// Calls of today by somebody else.
    pub drift: u64,
    /// Whether calls may leave.
    pub state: State,
    /// Until when the state lasts, if not open.
    pub until: Option<Timestamp>,
    /// Whether the portal's own figure of today has been seen.
    pub verified: bool,
    /// Calls reserved or under way.
    pub in_flight: u64,
    /// Calls kept for purposes of their own, not yet spent.
    pub reserves: Reserves,
}

/// Whether calls may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Calls leave.
    Open,
    /// Calls leave one at a time until an answer tells the day and the count.
    Learning,
    /// The portal's 10002.
    ClosedDomain,
    /// The portal's 10005.
    ClosedAnonymous,
    /// Another 429.
    BackingOff,
    /// All calls of the day are used.
    Exhausted,
}

/// Calls kept for purposes of their own, not yet spent today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reserves {
    /// For looks.
    pub look: u64,
    /// For revalidation.
    pub revalidation: u64,
}

/// A limit that the portal sets on one dataset, as last stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatasetReport {
    /// Whose calls it limits: as in [`AccountReport::account`].
    pub account: String,
    /// The dataset.
    pub dataset: String,
    /// Calls per period.
    pub limit: u64,
    /// Calls left, without ours since.
    pub remaining: u64,
    /// When it is renewed, if the portal's text could be read.
    pub resets_at: Option<Timestamp>,
    /// When the portal said so.
    pub seen_at: Timestamp,
}
