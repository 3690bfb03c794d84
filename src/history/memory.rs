//! What is counted and not yet written, and the names that go with it: what notes, warnings and the writer share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::counts::{Counts, Hour, Hours, Row, Subject};
use super::file::{Batch, Findings, Given, Recalled, Tally};
use super::outlook::Pace;
use super::patterns::{Found, Patterns, Whose};
use super::warnings::{Level, Scope, Warned};
use crate::budget::Purpose;
use crate::clock::Clock;
use crate::team::TeamId;

/// Who pays for looks at the catalogue.
pub const LOOKS: &str = "(looks)";
/// Who pays for refreshing ahead and for audits.
pub const REVALIDATION: &str = "(revalidation)";
/// The family of a target that is none of the portal's.
const NO_FAMILY: &str = "(none)";

/// All of it. Each lock is held for arithmetic alone, and never two at once.
#[derive(Debug)]
pub(super) struct Memory {
    pub clock: Clock,
    /// By name, in the order of the configuration.
    pub portals: Vec<String>,
    /// The teams in the order of the list, then [`LOOKS`] and [`REVALIDATION`].
    payers: Vec<String>,
    /// Whether anything is counted for the file.
    keeps: bool,
    /// Taken with every exchange.
    hours: Mutex<Hours>,
    /// The calls of the last hours, by portal.
    paces: Mutex<Vec<Pace>>,
    patterns: Mutex<Patterns>,
    pub warned: Mutex<Warned>,
    /// Rung when a call has ended.
    pub called: Notify,
}

/// What was taken to be written.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    rows: Vec<Row>,
    found: Vec<Found>,
    given: Vec<(i64, Scope, Level)>,
}

impl Memory {
    pub fn new(portals: Vec<String>, teams: Vec<String>, keeps: bool, clock: Clock) -> Self {
        let now = clock.now();
        let payers: Vec<String> = teams.into_iter().chain([LOOKS.to_owned(), REVALIDATION.to_owned()]).collect();
        Self {
            hours: Mutex::new(Hours::new(portals.len(), payers.len())),
            paces: Mutex::new(vec![Pace::new(now); portals.len()]),
            patterns: Mutex::default(),
            warned: Mutex::default(),
            called: Notify::new(),
            clock,
            portals,
            payers,
            keeps,
        }
    }

    /// The place of a portal.
    pub fn portal(&self, name: &str) -> usize {
        // There are few.
        self.portals.iter().position(|known| known == name).unwrap_or(0)
    }

    /// The place of whoever pays for a call.
    pub fn payer(&self, purpose: Purpose, team: Option<TeamId>) -> usize {
        let (looks, revalidation) = (self.payers.len() - 2, self.payers.len() - 1);
        match (purpose, team) {
            (_, Some(team)) => team.index().min(looks - 1),
            (Purpose::Look, None) => looks,
            (Purpose::Revalidation, None) => revalidation,
            (Purpose::Fill, None) => TeamId::DEFAULT.index(),
        }
    }

    /// The name of a team.
    pub fn team(&self, place: usize) -> &str {
        &self.payers[place]
    }

    fn is_team(&self, payer: usize) -> bool {
        payer + 2 < self.payers.len()
    }

    /// Changes the counts of a subject.
    pub fn count(&self, at: Timestamp, subject: Subject<'_>, change: impl FnOnce(&mut Counts)) {
        if self.keeps {
            change(lock(&self.hours).counts(Hour::of(at), subject));
        }
    }

    /// A call has left.
    pub fn called(&self, at: Timestamp, subject: Subject<'_>) {
        self.count(at, subject, |counts| counts.calls += 1);
        if self.is_team(subject.payer) {
            self.with_pace(subject.portal, |pace| pace.count(at));
        }
    }

    /// It was none.
    pub fn not_called(&self, at: Timestamp, subject: Subject<'_>) {
        self.count(at, subject, |counts| counts.calls -= 1);
        if self.is_team(subject.payer) {
            self.with_pace(subject.portal, |pace| pace.take_back(at));
        }
    }

    /// Looks for patterns in a team's calls.
    pub fn patterns(&self, at: Timestamp, portal: usize, payer: usize, note: impl FnOnce(&mut Patterns, Whose)) {
        if self.keeps && self.is_team(payer) {
            note(&mut lock(&self.patterns), Whose { day: Hour::of(at).day(), portal, payer });
        }
    }

    /// Does something with the pace of a portal's calls.
    pub fn with_pace<T>(&self, portal: usize, ask: impl FnOnce(&mut Pace) -> T) -> T {
        ask(&mut lock(&self.paces)[portal])
    }

    /// Takes over what an earlier process has counted of today.
    pub fn recall(&self, recalled: &Recalled, now: Timestamp) {
        let portal_of = |name: &String| self.portals.iter().position(|known| known == name);
        let payer_of = |name: &String| self.payers.iter().position(|known| known == name);
        for (hour, portal, calls) in &recalled.hours {
            if let Some(portal) = portal_of(portal) {
                self.with_pace(portal, |pace| pace.recall(*hour, *calls, now));
            }
        }
        let day = Hour::of(now).day();
        for (portal, team, finding) in &recalled.findings {
            if let (Some(portal), Some(payer)) = (portal_of(portal), payer_of(team)) {
                lock(&self.patterns).recall(Whose { day, portal, payer }, finding);
            }
        }
        for (day, portal, team, level) in &recalled.given {
            let team = if team.is_empty() { Some(None) } else { payer_of(team).map(Some) };
            if let (Some(portal), Some(team), Some(level)) = (portal_of(portal), team, Level::of(*level)) {
                lock(&self.warned).recall(*day, Scope { portal, team }, level);
            }
        }
    }

    /// Takes what is not written yet.
    pub fn take(&self, now: Timestamp) -> Unwritten {
        let hour = Hour::of(now);
        Unwritten { rows: lock(&self.hours).take(hour), found: lock(&self.patterns).take(hour.day()), given: lock(&self.warned).take() }
    }

    /// Takes back what could not be written.
    pub fn put_back(&self, unwritten: Unwritten) {
        let Unwritten { rows, found, given } = unwritten;
        lock(&self.hours).put_back(rows);
        lock(&self.patterns).put_back(&found);
        lock(&self.warned).put_back(given);
    }

    /// The same by names.
    pub fn batch<'a>(&'a self, unwritten: &'a Unwritten) -> Batch<'a> {
        let portal = |place: usize| self.portals[place].as_str();
        let team = |place: usize| self.payers[place].as_str();
        let Unwritten { rows, found, given } = unwritten;
        let tally = |row: &'a Row| Tally {
            hour: row.hour,
            portal: portal(row.portal),
            team: team(row.payer),
            family: row.family.map_or(NO_FAMILY, |family| family.name()),
            dataset: &row.dataset,
            counts: row.counts,
        };
        let findings = |found: &'a Found| {
            let Whose { day, portal: at, payer } = found.whose;
            Findings { day, portal: portal(at), team: team(payer), findings: &found.findings }
        };
        let given_to = |(day, scope, level): &'a (i64, Scope, Level)| Given {
            day: *day,
            portal: portal(scope.portal),
            team: scope.team.map_or("", team),
            level: level.per_cent(),
        };
        Batch {
            tallies: rows.iter().map(tally).collect(),
            findings: found.iter().map(findings).collect(),
            given: given.iter().map(given_to).collect(),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
