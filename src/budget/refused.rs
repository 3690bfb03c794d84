//! Why a call may not leave.

use std::fmt;

use jiff::Timestamp;

/// A call may not leave. Nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Why,
    /// When to ask again.
    pub until: Timestamp,
    /// Calls per day of the account that refuses.
    pub limit: u64,
    /// Calls used of it.
    pub used: u64,
}

/// Why a call may not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The day's calls are spent, but for what is kept for other purposes.
    Exhausted,
    /// The revalidation reserve of the day is spent.
    ReserveSpent,
    /// The portal itself said with 10002 or 10005 that the quota is out.
    Closed(Shutter),
    /// The portal answered 429 for another reason.
    BackingOff,
    /// Calls go one at a time until an answer tells the day and the count, and the wait for a turn was too long.
    Learning,
    /// The ledger cannot be written, and no call leaves uncounted.
    LedgerUnwritable,
    /// The budget is being closed.
    ShuttingDown,
}

/// Whose quota is out, as the portal's error code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutter {
    /// 10002: the domain's.
    Domain,
    /// 10005: the anonymous callers'.
    Anonymous,
}

impl Refused {
    /// A stable token for `Cache-Status`, metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self.why {
            Why::Exhausted => "exhausted",
            Why::ReserveSpent => "reserve-spent",
            Why::Closed(Shutter::Domain) => "closed-domain",
            Why::Closed(Shutter::Anonymous) => "closed-anonymous",
            Why::BackingOff => "backing-off",
            Why::Learning => "learning",
            Why::LedgerUnwritable => "ledger-unwritable",
            Why::ShuttingDown => "shutting-down",
        }
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, until, limit, used } = self;
        match why {
            Why::Exhausted => write!(f, "{used} of {limit} calls are used until {until}"),
            Why::ReserveSpent => write!(f, "the revalidation reserve is spent until {until}"),
            Why::Closed(by) => write!(f, "the portal has closed the account ({by}) until {until}"),
            Why::BackingOff => write!(f, "the portal asked to slow down; no call until {until}"),
            Why::Learning => f.write_str("the day's count is not known yet; calls go one at a time"),
            Why::LedgerUnwritable => f.write_str("the ledger cannot be written"),
            Why::ShuttingDown => f.write_str("the budget is being closed"),
        }
    }
}

impl Shutter {
    /// Reads what `Display` writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Domain, Self::Anonymous].into_iter().find(|shutter| shutter.to_string() == text)
    }
}

impl fmt::Display for Shutter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Domain => "domain",
            Self::Anonymous => "anonymous",
        })
    }
}
