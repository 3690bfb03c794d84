//! What the audit shows of itself.

use jiff::Timestamp;
use serde::Serialize;

use super::finding::Finding;

/// The state of the audit of one portal.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What is off until an operator has looked.
    pub off: Vec<Finding>,
    /// The latest audits, the newest last.
    pub recent: Vec<Audited>,
    /// Whether one is under way.
    pub under_way: bool,
    /// Datasets whose answers have changed, and of which the next looks will tell whether their version has too.
    pub doubted: Vec<String>,
    /// Calls that went into audits today.
    pub calls_today: u32,
    /// Calls that may go into audits each day.
    pub calls_per_day: u32,
    /// When the next audit may begin; none for never.
    pub next: Option<Timestamp>,
    /// Spellings of clients in mind.
    pub spellings: usize,
    /// Datasets of which an answer is in mind.
    pub datasets: usize,
}

/// One audit and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// When it began.
    pub at: Timestamp,
    /// Of which portal.
    pub portal: String,
    /// What was held against the portal; none if there was nothing.
    pub subject: Option<Subject>,
    /// What came of it.
    pub result: Outcome,
    /// The same in a sentence.
    pub detail: String,
    /// The target whose answer is stored.
    pub canonical: Option<String>,
    /// The client's spelling.
    pub other: Option<String>,
    /// The guesses that were put to the test.
    pub tested: Vec<String>,
    /// What was switched off.
    pub switched_off: Vec<String>,
    /// What it cost.
    pub calls: u32,
}

/// What an audit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Whether a client's spelling gives what is stored.
    Spelling,
    /// Whether an answer whose version stands is still the portal's.
    Version,
}

/// What came of an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was nothing to hold against the portal.
    Nothing,
    /// The portal gives what is stored.
    Same,
    /// It does not, and what relied on that is off.
    Caught,
    /// It does not, and there is nothing to switch off for it.
    Different,
    /// The data moved: nothing is proven.
    Moved,
    /// It does not, and whether its version says so must show.
    Pending,
    /// The portal or the budget did not let it come to an end.
    Unfinished,
}

impl Audited {
    /// Nothing was asked.
    pub(super) fn nothing(at: Timestamp, portal: String, detail: String) -> Self {
        Self {
            at,
            portal,
            subject: None,
            result: Outcome::Nothing,
            detail,
            canonical: None,
            other: None,
            tested: Vec::new(),
            switched_off: Vec::new(),
            calls: 0,
        }
    }
}
