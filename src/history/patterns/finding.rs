//! What is found in a team's calls, and what to do about it: as it is kept, and as it is told.

use serde::{Deserialize, Serialize};

/// What kind of pattern it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Among the questions that cost most calls.
    Dearest,
    /// A question that the portal refuses each time.
    Invalid,
    /// One call for each of many items.
    Loop,
    /// One call for each letter that somebody types.
    TypeAhead,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dearest => "dearest",
            Self::Invalid => "invalid",
            Self::Loop => "loop",
            Self::TypeAhead => "type-ahead",
        }
    }
}

/// A pattern of one team at one portal on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// A question of it as the portal was asked: path and query.
    pub question: String,
    /// The dataset that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Calls that it cost.
    pub calls: u64,
    /// Of invalid ones: the portal's status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// and how often clients were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<u64>,
    /// Of loops and typing: the question without its value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// the field whose value it is,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// how many values were put in,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
    /// the first of them,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<String>,
    /// how many of them continue the one before,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grown: Option<u64>,
    /// and two that do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<(String, String)>,
    /// What to do, in plain words.
    #[serde(default)]
    pub advice: String,
    /// A question that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

impl Finding {
    /// One without particulars.
    pub(super) fn new(kind: Kind, question: &str, calls: u64) -> Self {
        Self {
            kind,
            question: question.to_owned(),
            dataset: None,
            calls,
            status: None,
            answers: None,
            template: None,
            field: None,
            items: None,
            samples: Vec::new(),
            grown: None,
            typed: None,
            advice: String::new(),
            instead: None,
        }
    }
}
