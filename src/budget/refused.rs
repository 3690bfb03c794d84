//! Why a call may not leave.

use std::fmt;

use jiff::Timestamp;

use crate::team::TeamId;

/// A call may not leave. Nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Why,
    /// When to ask again.
    pub until: Timestamp,
    /// What would have been allowed: calls per day of the account that refuses, or of the team's ceiling; calls of batch teams by now; calls of
    /// the dataset's period.
    pub limit: u64,
    /// Calls used of it.
    pub used: u64,
    /// How it stands with the team that asked, where its share is the reason.
    pub team: Option<TeamStanding>,
}

/// How it stands with a team, at the instant of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeamStanding {
    /// The team.
    pub team: TeamId,
    /// Calls of the day that it has spent.
    pub spent: u64,
    /// Its guarantee in force.
    pub guaranteed: u64,
    /// What it may spend of a day at most, if there is such a limit.
    pub ceiling: Option<u64>,
}

/// Why a call may not leave for any of the teams that wait for it: for one reason that holds for all, or for each its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    all: Option<Refused>,
    by_team: Vec<(TeamId, Refused)>,
}

/// Why a call may not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The day's calls are spent, but for what is kept for other purposes.
    Exhausted,
    /// The revalidation reserve of the day is spent.
    ReserveSpent,
    /// The team has spent all that it may ever spend of a day.
    Ceiling,
    /// What is left of the day is guaranteed to other teams, or kept for other purposes.
    Guaranteed,
    /// The batch teams are ahead of the pace of the day.
    Pace,
    /// The portal's own limit of this dataset is spent.
    Dataset,
    /// As many questions as may wait for a call already do.
    QueueFull,
    /// The portal fails: calls wait until it may have recovered.
    PortalDown,
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

impl Refusals {
    /// For each of these teams its own.
    pub fn by_team(by_team: Vec<(TeamId, Refused)>) -> Self {
        Self { all: None, by_team }
    }

    /// What a client of `team` is told; nothing, if it was not among those who waited.
    pub fn of(&self, team: TeamId) -> Option<Refused> {
        self.all.or_else(|| self.by_team.iter().find(|(of, _)| *of == team).map(|(_, refused)| *refused))
    }

    /// The token of the first, for logs.
    pub fn reason(&self) -> &'static str {
        self.first().map_or("nobody-waits", |refused| refused.reason())
    }

    /// The first: for logs, and where no team asks.
    pub fn first(&self) -> Option<Refused> {
        self.all.or_else(|| self.by_team.first().map(|(_, refused)| *refused))
    }
}

impl From<Refused> for Refusals {
    /// One reason for all.
    fn from(refused: Refused) -> Self {
        Self { all: Some(refused), by_team: Vec::new() }
    }
}

impl std::error::Error for Refusals {}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first() {
            Some(refused) => refused.fmt(f),
            None => f.write_str("nobody waits for the call any more"),
        }
    }
}

impl Refused {
    /// A stable token for `Cache-Status`, metrics and logs.
    pub fn reason(&self) -> &'static str {
        self.why.token()
    }
}

impl Why {
    /// A stable token for `Cache-Status`, metrics and logs.
    pub fn token(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::ReserveSpent => "reserve-spent",
            Self::Ceiling => "team-ceiling",
            Self::Guaranteed => "guaranteed-to-others",
            Self::Pace => "batch-pace",
            Self::Dataset => "dataset-limit",
            Self::QueueFull => "queue-full",
            Self::PortalDown => "portal-down",
            Self::Closed(Shutter::Domain) => "closed-domain",
            Self::Closed(Shutter::Anonymous) => "closed-anonymous",
            Self::BackingOff => "backing-off",
            Self::Learning => "learning",
            Self::LedgerUnwritable => "ledger-unwritable",
            Self::ShuttingDown => "shutting-down",
        }
    }

    /// Whether all that is missing are calls of this account: then another account may have some. A ceiling is the operator's word, whoever's the calls.
    pub fn is_want_of_calls(self) -> bool {
        matches!(self, Self::Exhausted | Self::Closed(_) | Self::Guaranteed | Self::Pace)
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, until, limit, used, .. } = self;
        match why {
            Why::Exhausted => write!(f, "{used} of {limit} calls are used until {until}"),
            Why::ReserveSpent => write!(f, "the revalidation reserve is spent until {until}"),
            Why::Ceiling => write!(f, "the team has spent {used} of the {limit} calls that it may spend until {until}"),
            Why::Guaranteed => write!(f, "what is left of the {limit} calls of the day is guaranteed to other teams until {until}"),
            Why::Pace => write!(f, "batch teams have spent {used} of the {limit} calls that the day allows them by now; more at {until}"),
            Why::Dataset => write!(f, "{used} of the {limit} calls that the portal allows for this dataset are used until {until}"),
            Why::QueueFull => write!(f, "{limit} questions wait for a call already"),
            Why::PortalDown => write!(f, "the portal fails; no call until {until}"),
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
