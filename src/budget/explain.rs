//! Who may spend what, and why not: the arithmetic of [shares](super::shares) with all its figures.

use jiff::Timestamp;
use serde::Serialize;

use super::report::{Reserves, State};
use super::settings::Change;

/// The anonymous account's day as teams share it, at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The portal's name.
    pub portal: String,
    /// The instant.
    pub at: Timestamp,
    /// The end of its day.
    pub resets_at: Timestamp,
    /// Whether the present day is known from an answer, or by the clock's continuity since one.
    pub day_known: bool,
    /// Whether calls may leave at all.
    pub state: State,
    /// Until when the state lasts, if not open.
    pub until: Option<Timestamp>,
    /// Calls per day.
    pub limit: u64,
    /// Calls used of that day.
    pub used: u64,
    /// Of those, looks at the catalogue…
    pub looks: u64,
    /// …revalidations and audits…
    pub revalidations: u64,
    /// …and calls that no team has paid for: by others, from before a lost ledger, or from before there were teams.
    pub others: u64,
    /// Calls kept for looks and for revalidation, not spent yet.
    pub reserves: Reserves,
    /// What is left for teams.
    pub available: u64,
    /// When guarantees begin to be released, as `HH:MM` UTC.
    pub release: String,
    /// When nothing is guaranteed any more, as `HH:MM` UTC.
    pub released: String,
    /// Whether guarantees are scaled down, because the day has less left than they need.
    pub scaled: bool,
    /// What is guaranteed in force and not spent yet, of all teams.
    pub open: u64,
    /// What is left and guaranteed to nobody: the pool.
    pub free: u64,
    /// How far batch teams may go.
    pub pace: PaceReport,
    /// Those of the configuration in its order, then those that only the ledger knows and that have spent something of the day.
    pub teams: Vec<TeamReport>,
    /// What has changed of limits and shares, the latest first.
    pub changes: Vec<Change>,
}

/// How far batch teams may go, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PaceReport {
    /// What they have taken from the pool.
    pub spent: u64,
    /// What they may have taken by now.
    pub allowed: u64,
    /// The pool, with what all teams have taken from it.
    pub of: u64,
}

/// One team's share at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamReport {
    /// Its name.
    pub team: String,
    /// `interactive` or `batch`; none if the configuration does not name the team any more.
    pub class: Option<&'static str>,
    /// Its guarantee, as configured.
    pub guaranteed: u64,
    /// Its guarantee in force.
    pub in_force: u64,
    /// What of that it has not spent.
    pub open: u64,
    /// What it may spend of a day at most.
    pub ceiling: Option<u64>,
    /// What it has spent of the day.
    pub spent: u64,
    /// What it may spend now, if nobody else spends before.
    pub may_spend: u64,
    /// Why it may spend nothing: the token of the refusal that it would hear.
    pub refused: Option<&'static str>,
    /// When it may spend again, if nothing is spent before.
    pub until: Option<Timestamp>,
}
