//! Warnings while there is still something to save: at half, four fifths and 95 % of a portal's day and of what a team may spend of it, once
//! each a day, in the log and to the webhook.
//!
//! Whether one is due is decided after each call. What was given is on disk, so that a restart does not give it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::counts::Hour;
use super::memory::lock;
use super::outlook::Outlook;
use crate::exchange::Mirror;

/// How much is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(u8);

impl Level {
    const ALL: [Self; 3] = [Self(50), Self(80), Self(95)];

    /// The highest that has been reached.
    fn reached(used: u64, limit: u64) -> Option<Self> {
        let at_least = |level: &Self| u128::from(used) * 100 >= u128::from(limit) * u128::from(level.0);
        Self::ALL.into_iter().rev().find(at_least).filter(|_| limit > 0)
    }

    /// The one of so many per cent.
    pub fn of(per_cent: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.0 == per_cent)
    }

    /// In per cent.
    pub fn per_cent(self) -> u8 {
        self.0
    }
}

/// What is spent: a portal's day, or a team's part of it. By places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// The portal.
    pub portal: usize,
    /// The team, if it is about one.
    pub team: Option<usize>,
}

/// Which warnings were given.
#[derive(Debug, Default)]
pub struct Warned {
    /// By portal and team; of the last day that they were given on.
    given: BTreeMap<Scope, (i64, Level)>,
    unwritten: Vec<(i64, Scope, Level)>,
}

impl Warned {
    /// The warning that is due, which counts as given then. Where several levels were passed at once, the highest.
    pub fn due(&mut self, day: i64, scope: Scope, used: u64, limit: u64) -> Option<Level> {
        let level = Level::reached(used, limit)?;
        // A day that is over is not warned of again, if the clock goes back.
        if self.given.get(&scope).is_some_and(|&(of, given)| of > day || (of == day && given >= level)) {
            return None;
        }
        self.given.insert(scope, (day, level));
        self.unwritten.push((day, scope, level));
        Some(level)
    }

    /// One that an earlier process has given.
    pub fn recall(&mut self, day: i64, scope: Scope, level: Level) {
        let given = self.given.entry(scope).or_insert((day, level));
        *given = (*given).max((day, level));
    }

    /// Takes those that are not written yet.
    pub fn take(&mut self) -> Vec<(i64, Scope, Level)> {
        std::mem::take(&mut self.unwritten)
    }

    /// Takes back those that could not be written: the last of each scope.
    pub fn put_back(&mut self, given: Vec<(i64, Scope, Level)>) {
        for (day, scope, level) in given {
            if self.given.get(&scope) == Some(&(day, level)) {
                self.unwritten.push((day, scope, level));
            }
        }
    }
}

/// A warning, as the webhook is sent it.
#[derive(Clone, Debug, Serialize)]
pub struct Warning {
    /// The whole in words, under the name by which chat services take a message.
    pub text: String,
    /// The portal.
    pub portal: String,
    /// The team, if it is about one.
    pub team: Option<String>,
    /// Per cent that are reached: 50, 80 or 95.
    pub level: u8,
    /// Calls used.
    pub used: u64,
    /// Calls of the day.
    pub limit: u64,
    /// When the next day begins.
    pub resets_at: Timestamp,
    /// Until when the calls will do, if that can be said.
    pub outlook: Option<Outlook>,
}

/// Gives warnings when they are due, until the server stops.
pub async fn watch(mirror: Arc<Mirror>) {
    loop {
        mirror.history.memory().called.notified().await;
        for warning in due(&mirror) {
            let Warning { text, portal, team, level, used, limit, .. } = &warning;
            tracing::warn!(portal, team, level, used, limit, "{text}");
            if let Some(webhook) = mirror.history.webhook() {
                mirror.tasks.spawn(webhook.clone().send(warning));
            }
        }
    }
}

/// The warnings that are due now.
fn due(mirror: &Mirror) -> Vec<Warning> {
    let memory = mirror.history.memory();
    let mut due = Vec::new();
    for (portal, name) in memory.portals.iter().enumerate() {
        let report = mirror.budget.report(name);
        let Some(account) = report.accounts.first() else { continue };
        let day = Hour::of(account.resets_at).day() - 1;
        // Those of the configuration come first, in its order.
        let teams = report.teams.iter().enumerate().filter(|(_, team)| team.class.is_some());
        let teams = teams.filter_map(|(place, team)| Some((Some(place), team.spent, team.ceiling?)));
        for (team, used, limit) in std::iter::once((None, account.used, account.limit.unwrap_or(0))).chain(teams) {
            let Some(level) = lock(&memory.warned).due(day, Scope { portal, team }, used, limit) else { continue };
            // Of a team's own pace nothing is known.
            let outlook = if team.is_none() { mirror.history.outlook(&report) } else { None };
            let team = team.map(|team| memory.team(team).to_owned());
            due.push(warning(name, team, level, used, limit, account.resets_at, outlook));
        }
    }
    if !due.is_empty() {
        mirror.history.write_soon();
    }
    due
}

fn warning(
    portal: &str,
    team: Option<String>,
    level: Level,
    used: u64,
    limit: u64,
    resets_at: Timestamp,
    outlook: Option<Outlook>,
) -> Warning {
    let whose =
        team.as_ref().map_or_else(|| format!("of portal {portal}"), |team| format!("that team {team} may spend at portal {portal}"));
    let mut text = format!("{used} of the {limit} calls of today {whose} are used ({} %)", used * 100 / limit.max(1));
    if let Some(outlook) = &outlook {
        text.push_str("; ");
        text.push_str(&outlook.text);
    }
    Warning { text, portal: portal.to_owned(), team, level: level.per_cent(), used, limit, resets_at, outlook }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTAL: Scope = Scope { portal: 0, team: None };

    #[test]
    fn each_level_is_due_once_a_day_and_scope() {
        let mut warned = Warned::default();
        let told: Vec<(u64, u8)> =
            (0..=100).filter_map(|used| warned.due(7, PORTAL, used, 100).map(|level| (used, level.per_cent()))).collect();
        assert_eq!(told, [(50, 50), (80, 80), (95, 95)]);
        assert_eq!(warned.due(7, Scope { team: Some(2), ..PORTAL }, 60, 100), Level::of(50), "another scope");
        assert_eq!(warned.due(8, PORTAL, 96, 100), Level::of(95), "of several the highest");
        assert_eq!(warned.due(8, PORTAL, 85, 100), None);
        assert_eq!(warned.due(7, PORTAL, 99, 100), None, "the clock went back");
        assert_eq!(warned.due(9, PORTAL, 0, 0), None, "there is nothing to spend");
    }

    #[test]
    fn what_was_given_is_written_once_and_recalled() {
        let mut warned = Warned::default();
        warned.due(7, PORTAL, 50, 100);
        let taken = warned.take();
        assert_eq!(taken, [(7, PORTAL, Level(50))]);
        assert!(warned.take().is_empty());
        warned.put_back(taken.clone());
        warned.due(7, PORTAL, 80, 100);
        warned.put_back(taken);
        assert_eq!(warned.take(), [(7, PORTAL, Level(50)), (7, PORTAL, Level(80))]);
        let mut later = Warned::default();
        later.recall(7, PORTAL, Level(80));
        later.recall(6, PORTAL, Level(95));
        assert_eq!(later.due(7, PORTAL, 90, 100), None);
        assert_eq!(later.due(7, PORTAL, 95, 100), Level::of(95));
    }

    #[test]
    fn a_warning_says_whose_calls_and_how_many() {
        let at = "2026-03-03T00:00:00Z".parse().unwrap();
        let of_portal = warning("box", None, Level(80), 4_012, 5_000, at, None);
        assert_eq!(of_portal.text, "4012 of the 5000 calls of today of portal box are used (80 %)");
        let of_team = warning("box", Some("lyon".into()), Level(50), 50, 100, at, None);
        assert_eq!(of_team.text, "50 of the 100 calls of today that team lyon may spend at portal box are used (50 %)");
        assert_eq!(serde_json::to_value(of_team).unwrap()["level"], 50);
    }
}
