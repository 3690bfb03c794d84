//! What the history tells of a day: who spent what, and what could be done about it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::patterns::Finding;

/// Which part of the history is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The UTC day.
    pub day: Date,
    /// One portal alone.
    pub portal: Option<String>,
    /// One team alone, or `(looks)` or `(revalidation)`.
    pub team: Option<String>,
}

/// `GET /api/v1/budget/report`
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The UTC day.
    pub day: Date,
    /// For how many days the history is kept; 0: it is not.
    pub kept_days: u32,
    /// When this was told. What happened until then is in it.
    pub at: Timestamp,
    /// All rows together.
    pub total: Sum,
    /// By team, portal, family, dataset and hour together the most detailed there is.
    pub rows: Vec<Row>,
    /// Whether there were more rows than are told.
    pub more: bool,
    /// What wastes calls, by portal and team.
    pub patterns: Vec<Pattern>,
}

/// Some counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Questions asked.
    pub requests: u64,
    /// Answered from store, fresh.
    pub hits: u64,
    /// Answered from store, stale.
    pub stale: u64,
    /// Refused: no call could leave for them, and nothing was stored.
    pub refused: u64,
    /// Calls charged.
    pub calls: u64,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
}

/// One hour of one team, family and dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// The portal.
    pub portal: String,
    /// The team; `(looks)` and `(revalidation)` for what is paid from the reserves.
    pub team: String,
    /// The kind of answer.
    pub family: String,
    /// The dataset; empty if the question is about none or several, `(other)` for those that are not named.
    pub dataset: String,
    /// What happened.
    #[serde(flatten)]
    pub counts: Sum,
}

/// A pattern in a team's calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pattern {
    /// The portal.
    pub portal: String,
    /// The team.
    pub team: String,
    /// What it is, and what to do about it.
    #[serde(flatten)]
    pub finding: Finding,
}

impl Sum {
    /// Adds what `other` counts.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.hits += other.hits;
        self.stale += other.stale;
        self.refused += other.refused;
        self.calls += other.calls;
        self.bytes += other.bytes;
    }
}
