//! What looking shows of itself.

use jiff::Timestamp;
use serde::Serialize;

use super::pace::Mode;

/// How the versions of one portal's datasets are learnt, and when they last were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookReport {
    /// What worked last.
    pub mode: Mode,
    /// When the last look that succeeded was sent; none in this process so far.
    pub looked_at: Option<Timestamp>,
    /// How long ago that is, in seconds.
    pub age_s: Option<u64>,
    /// How long a look is relied on, in seconds: the configured bound, or longer, so that the day's allowance lasts.
    pub bound_s: u64,
    /// Datasets known.
    pub datasets: usize,
    /// Calls of looks today.
    pub calls_today: u64,
    /// Calls that a day allows.
    pub calls_per_day: u64,
    /// Calls that one look takes.
    pub calls_per_look: u64,
    /// Until when no look is made for the versions, after a failure or a refusal.
    pub waits_until: Option<Timestamp>,
    /// Why the last look that failed did.
    pub last_failure: Option<FailedLook>,
}

/// A look that brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedLook {
    /// When that was known.
    pub at: Timestamp,
    /// Why, in words.
    pub why: String,
}
