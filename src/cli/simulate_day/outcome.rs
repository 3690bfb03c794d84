//! What came of a day: by the answers, who was served and who was refused why; by the ledger, who spent what; by the portal, what that cost.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

use super::script::Script;
use crate::cli::course::{Course, detail};

/// Hours that one column of the table stands for.
const COLUMN: usize = 2;
/// Columns of a day.
const COLUMNS: usize = 24 / COLUMN;

/// A day that was played.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    day: Date,
    teams: Vec<TeamDay>,
    /// Calls of the server's own, by what they were for.
    background: Background,
    /// By the portal's figures, calls of others.
    others: u64,
    /// By the ledger, all calls of the day.
    ledger: u64,
    /// By the portal, calls that it charged to us.
    charged: u64,
}

/// One team's day.
#[derive(Clone, Debug, Default, Serialize)]
struct TeamDay {
    team: String,
    requests: u64,
    hits: u64,
    stale: u64,
    /// Calls, as the ledger has them.
    calls: u64,
    /// Requests that got no answer of the portal, by the word for why.
    refused: BTreeMap<String, u64>,
    /// Requests that got a stale answer, by the word for why.
    stale_because: BTreeMap<String, u64>,
    /// Calls that its requests say they cost, by hour of the day.
    cost_by_hour: [u64; 24],
}

/// Calls that nobody waited for.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Background {
    looks: u64,
    revalidations: u64,
}

/// What one answer says.
#[derive(Debug)]
pub struct Answered {
    course: Course,
    detail: Option<String>,
    cost: u64,
}

impl Answered {
    /// Reads the head of an answer.
    pub fn of(status: StatusCode, fields: &HeaderMap) -> Self {
        let text = |name: &str| fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let cache_status = text("cache-status");
        Self {
            course: Course::of(status.as_u16(), cache_status),
            detail: detail(cache_status).map(str::to_owned),
            cost: text("x-preau-cost").parse().unwrap_or_default(),
        }
    }
}

impl Outcome {
    /// A day of which nothing has been played.
    pub fn of(script: &Script) -> Self {
        let teams = script.config.teams.iter().map(|team| TeamDay { team: team.name.clone(), ..TeamDay::default() });
        Self { day: script.day, teams: teams.collect(), background: Background::default(), others: 0, ledger: 0, charged: 0 }
    }

    /// One question of a team was answered.
    pub fn add(&mut self, team: usize, at: Duration, answered: &Answered) {
        let of = &mut self.teams[team];
        of.requests += 1;
        of.cost_by_hour[(at.as_secs() / 3600 % 24) as usize] += answered.cost;
        let word = || answered.detail.clone().unwrap_or_else(|| "unsaid".to_owned());
        match answered.course {
            Course::Hit => of.hits += 1,
            Course::Stale => {
                of.stale += 1;
                *of.stale_because.entry(word()).or_default() += 1;
            }
            Course::Refused | Course::Local => *of.refused.entry(word()).or_default() += 1,
            Course::Collapsed | Course::Forwarded => {}
        }
    }

    /// The day is over: what the ledger and the portal have counted.
    pub fn close(&mut self, budget: &Value, counted: &Value) {
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let portal = &budget["portals"][0];
        for team in &mut self.teams {
            let row = portal["teams"].as_array().into_iter().flatten().find(|row| row["team"] == team.team.as_str());
            team.calls = row.map_or(0, |row| number(&row["spent"]));
        }
        let account = &portal["accounts"][0];
        self.background = Background { looks: number(&account["looks"]), revalidations: number(&account["revalidations"]) };
        self.others = number(&account["drift"]);
        self.ledger = number(&account["used"]);
        self.charged = number(&counted["charged"]);
    }

    /// Whether every call that the portal charged stands in somebody's row, and none besides.
    pub fn adds_up(&self) -> bool {
        self.rows() == self.charged && self.charged + self.others == self.ledger
    }

    fn rows(&self) -> u64 {
        self.teams.iter().map(|team| team.calls).sum::<u64>() + self.background.looks + self.background.revalidations
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, hours of UTC\n", self.day)?;
        writeln!(f, "{:<16} {:>8} {:>7} {:>6} {:>6} {:>8}  why", "who", "requests", "hits", "stale", "calls", "refused")?;
        for team in &self.teams {
            let refused: u64 = team.refused.values().sum();
            let why = team.refused.iter().map(|(word, times)| format!("{word} {times}"));
            let stale = team.stale_because.iter().map(|(word, times)| format!("stale for {word} {times}"));
            let why = why.chain(stale).collect::<Vec<_>>().join(", ");
            let TeamDay { team, requests, hits, stale, calls, .. } = team;
            writeln!(f, "{}", format!("{team:<16} {requests:>8} {hits:>7} {stale:>6} {calls:>6} {refused:>8}  {why}").trim_end())?;
        }
        writeln!(f, "{:<16} {:>8} {:>7} {:>6} {:>6}", "(looks)", "", "", "", self.background.looks)?;
        writeln!(f, "{:<16} {:>8} {:>7} {:>6} {:>6}", "(revalidation)", "", "", "", self.background.revalidations)?;
        writeln!(f, "{:<16} {:>8} {:>7} {:>6} {:>6}\n", "all", "", "", "", self.rows())?;
        self.hours(f)?;
        let verdict = if self.adds_up() { "it adds up" } else { "IT DOES NOT ADD UP" };
        let Self { charged, ledger, others, .. } = self;
        writeln!(f, "the portal charged {charged} calls; the ledger says {ledger}, {others} of them by others: {verdict}")
    }
}

impl Outcome {
    /// When the teams' calls were made.
    fn hours(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads: String = (0..COLUMNS).map(|column| format!("{:>5}", format!("{:02}h", column * COLUMN))).collect();
        writeln!(f, "{:<16}{heads}", "calls from")?;
        for team in self.teams.iter().filter(|team| team.cost_by_hour.iter().any(|cost| *cost > 0)) {
            let cells: String = team.cost_by_hour.chunks(COLUMN).map(|hours| format!("{:>5}", hours.iter().sum::<u64>())).collect();
            writeln!(f, "{:<16}{cells}", team.team)?;
        }
        writeln!(f)
    }
}
