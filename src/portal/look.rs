//! The look: reading from the catalogue which version each dataset has.
//!
//! A look is made when somebody asks and the last one is no longer relied on, or the budget wants one: after a start, on an empty ledger or when the
//! clock cannot be believed, one call goes ahead of all others, and the portal's own figures in its head decide which day it is and how much of it is
//! spent. There is one at a time, whatever the number of askers, in a task of its own: a client that leaves does not end calls that are charged.
//!
//! `walk` makes the calls and `listing` reads what they bring; `pace` decides when the next may be made and in which way. What of the catalogue is
//! believed is for [`versions`](super::versions), and how long an asker waits for the exchange.

mod listing;
mod pace;
mod report;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::pace::Mode;
pub use self::report::{FailedLook, LookReport};

use self::pace::{Allowance, Pace, Way};
use self::walk::{Failure, Found, Trouble, Walk};
use super::Portal;
use super::versions::file::TableFile;
use super::versions::{Adopted, Basis};
use crate::budget::{self, Budget};
use crate::clock::{Clock, Reading};
use crate::exchange::Mirror;

/// A look is made this part of the bound before the last one is no longer relied on, if somebody asks.
pub const EARLY: u32 = 60;
/// Moved datasets that are named in the log.
const NAMED: usize = 5;

/// What looking at one portal needs to remember.
#[derive(Debug)]
pub struct Look {
    calls_per_day: u32,
    /// Where the table is kept; none in tests that need no other process.
    file: Option<TableFile>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pace: Pace,
    /// Cancelled when the look that is under way has ended.
    under_way: Option<CancellationToken>,
    last_failure: Option<FailedLook>,
    /// The bound that was last said to be in force.
    said_bound: Option<Duration>,
    /// What was said once and is not repeated while it lasts.
    said_accident: bool,
    said_nameless: bool,
    said_not_granted: Option<&'static str>,
}

/// A look that is under way. Dropped, it goes on.
#[derive(Clone, Debug)]
pub struct UnderWay(CancellationToken);

impl UnderWay {
    /// Waits until it has ended, however it did.
    pub async fn over(&self) {
        self.0.cancelled().await;
    }
}

/// What a look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// The versions; whatever the budget wants to learn comes with them.
    Versions,
    /// What the budget wants to learn, at a time when none is to be made for the versions: one call.
    Budget,
}

impl Look {
    /// Looks that take at most `calls_per_day` calls; 0 is none but those that the budget needs. What they bring is kept in `file`.
    pub fn new(calls_per_day: u32, file: Option<TableFile>) -> Self {
        Self { calls_per_day, file, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the portal, which has refused to let us look, may be asked again.
    fn may_ask_again(&self, elapsed: Duration) -> bool {
        let pace = &self.state().pace;
        self.calls_per_day > 0 && pace.mode() == Mode::Lifetimes && pace.wait(elapsed).is_none()
    }

    fn keep(&self, portal: &Portal, tasks: &TaskTracker) {
        if let Some(file) = &self.file {
            file.keep(portal.versions.table(), tasks);
        }
    }

    fn allowance(&self, budget: &Budget, portal: &str) -> Allowance {
        let (used, left_of_day) = budget.looks_today(portal);
        Allowance { of_day: self.calls_per_day.into(), used, left_of_day }
    }
}

/// Whether a question of this basis is better asked after a look.
pub fn is_wanted(mirror: &Mirror, portal: &Portal, basis: Basis) -> bool {
    let elapsed = mirror.clock.read().elapsed;
    let for_versions = || !portal.versions.is_current(elapsed, Duration::ZERO) || portal.look.may_ask_again(elapsed);
    mirror.budget.wants_look(&portal.name) || (basis != Basis::Lifetime && for_versions())
}

/// Whether a look is due: the last one is no longer relied on, or will not be in a moment. Cheap enough for every hit; whether one may be made is
/// another matter.
pub fn is_due(mirror: &Mirror, portal: &Portal) -> bool {
    !portal.versions.is_current(mirror.clock.read().elapsed, portal.versions.terms().bound / EARLY)
}

/// Makes a look if one is due and may be made, and waits until the one under way has ended; returns at once if there is none.
pub async fn renew(mirror: &Mirror, portal: &Arc<Portal>) {
    if let Some(look) = begin(mirror, portal) {
        look.over().await;
    }
}

/// Begins a look if one is due and may be made, in a task of its own. The one that is under way then, this or another.
pub fn begin(mirror: &Mirror, portal: &Arc<Portal>) -> Option<UnderWay> {
    let mut state = portal.look.state();
    if let Some(over) = &state.under_way {
        return Some(UnderWay(over.clone()));
    }
    if let Some(recovered) = mirror.budget.recovered(&portal.name) {
        state.pace.recovered(recovered);
    }
    let aim = aim(mirror, portal, &state.pace)?;
    let over = CancellationToken::new();
    state.under_way = Some(over.clone());
    drop(state);
    let turn = Turn { portal: Arc::clone(portal), clock: mirror.clock.clone(), over: over.clone(), ended: false };
    mirror.tasks.spawn(run(turn, aim, mirror.budget.clone(), mirror.tasks.clone()));
    Some(UnderWay(over))
}

/// Writes what is known of the portal's versions to disk, soon. For changes that no look has brought.
pub fn keep(mirror: &Mirror, portal: &Portal) {
    portal.look.keep(portal, &mirror.tasks);
}

/// How looking at the portal stands.
pub fn report(mirror: &Mirror, portal: &Portal) -> LookReport {
    let (reading, table) = (mirror.clock.read(), portal.versions.table());
    let Allowance { of_day, used, .. } = portal.look.allowance(&mirror.budget, &portal.name);
    let age = table.looked().map(|sent| reading.elapsed.saturating_sub(sent));
    let state = portal.look.state();
    LookReport {
        mode: if of_day == 0 { Mode::Lifetimes } else { state.pace.mode() },
        looked_at: age.and_then(|age| reading.now.checked_sub(age).ok()),
        age_s: age.map(|age| age.as_secs()),
        bound_s: table.bound().max(portal.versions.terms().bound).as_secs(),
        datasets: table.datasets().count(),
        calls_today: used,
        calls_per_day: of_day,
        calls_per_look: state.pace.calls(),
        waits_until: state.pace.wait(reading.elapsed).map(|wait| reading.now.checked_add(wait).unwrap_or(Timestamp::MAX)),
        last_failure: state.last_failure.clone(),
    }
}

/// What a look that begins now would be for; none if none may be made.
fn aim(mirror: &Mirror, portal: &Portal, pace: &Pace) -> Option<Aim> {
    let elapsed = mirror.clock.read().elapsed;
    // Where lifetimes decide nothing is ever due, and the portal is asked again once its time has come.
    let due = portal.look.calls_per_day > 0 && (pace.mode() == Mode::Lifetimes || is_due(mirror, portal));
    let allowed = || portal.look.allowance(&mirror.budget, &portal.name).left() >= pace.calls();
    if due && pace.wait(elapsed).is_none() && allowed() {
        return Some(Aim::Versions);
    }
    mirror.budget.wants_look(&portal.name).then_some(Aim::Budget)
}

/// The right and the duty to make the look that is under way. Dropped, those who wait for it go on; if it has not ended by then, it counts as failed.
#[derive(Debug)]
struct Turn {
    portal: Arc<Portal>,
    clock: Clock,
    over: CancellationToken,
    ended: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.portal.look.state();
        if !self.ended {
            // It panicked, or the runtime ends: without this the next asker would make the same call at once.
            state.pace.failed(self.clock.read().elapsed);
        }
        state.under_way = None;
        drop(state);
        self.over.cancel();
    }
}

async fn run(mut turn: Turn, aim: Aim, budget: Budget, tasks: TaskTracker) {
    let portal = Arc::clone(&turn.portal);
    let walk = Walk { portal: &portal, budget: &budget, clock: &turn.clock };
    let changed = match aim {
        Aim::Versions => look(walk).await,
        Aim::Budget => look_for_budget(walk).await,
    };
    turn.ended = true;
    drop(turn);
    if changed {
        portal.look.keep(&portal, &tasks);
    }
}

/// Reads the catalogue in one way or the other. Whether anything new is known.
async fn look(walk: Walk<'_>) -> bool {
    let portal = walk.portal;
    let (ways, mode) = {
        let state = portal.look.state();
        (state.pace.ways(walk.clock.read().elapsed), state.pace.mode())
    };
    let mut refusals = Vec::new();
    for way in ways {
        match walk.read(way).await {
            Ok(found) => return adopt(walk, way, &found),
            Err(Trouble::Refused(refusal)) => refusals.push(refusal.to_string()),
            // What works is pages; that the export was tried once more is not to cost a look.
            Err(Trouble::Failed(_)) if way == Way::Export && mode == Mode::Pages => {}
            Err(Trouble::Failed(failure)) => {
                failed(walk, &failure);
                return false;
            }
            Err(Trouble::NotGranted(refused)) => {
                not_granted(walk, &refused);
                return false;
            }
        }
    }
    refused(walk, &refusals);
    false
}

/// Makes the one call that the budget wants. What it says of versions is taken over if there is to be any looking. Whether anything new is known.
async fn look_for_budget(walk: Walk<'_>) -> bool {
    let portal = walk.portal;
    let mode = portal.look.state().pace.mode();
    let trouble = if portal.look.calls_per_day == 0 {
        walk.ask_only(Way::Export).await.err()
    } else if mode == Mode::Pages {
        walk.ask_only(Way::Pages).await.err()
    } else {
        match walk.read(Way::Export).await {
            Ok(found) => return adopt(walk, Way::Export, &found),
            Err(trouble) => Some(trouble),
        }
    };
    match trouble {
        Some(Trouble::NotGranted(refused)) => not_granted(walk, &refused),
        // Were it not counted, the next would follow at once if the versions want one too.
        Some(Trouble::Failed(failure)) => failed(walk, &failure),
        // Whether every way is refused was not asked.
        Some(Trouble::Refused(_)) | None => {}
    }
    false
}

fn adopt(walk: Walk<'_>, way: Way, found: &Found) -> bool {
    let portal = walk.portal;
    let adopted = match portal.versions.adopt(&found.catalogue, found.sent) {
        Ok(adopted) => adopted,
        Err(accident) => {
            let before = std::mem::replace(&mut portal.look.state().said_accident, true);
            note_failure(walk, &accident.to_string());
            if !before {
                tracing::warn!(portal = portal.name, %accident, "an accident of the portal: what was known of versions before it stays");
            }
            return false;
        }
    };
    let Adopted { moved, changed } = &adopted;
    let bound = found.allowance.interval(found.calls).map(|interval| interval.max(portal.versions.terms().bound));
    if let Some(bound) = bound {
        portal.versions.stretch(bound);
    }
    let mut state = portal.look.state();
    let (mode, recovered) = (state.pace.mode(), state.pace.has_failed());
    state.pace.succeeded(way, found.calls, walk.clock.read().elapsed);
    (state.said_accident, state.said_not_granted) = (false, None);
    let datasets = found.catalogue.rows.len();
    if mode != way.into() || recovered {
        tracing::info!(portal = portal.name, ?way, calls = found.calls, datasets, "versions are learnt from the catalogue");
    }
    if !moved.is_empty() {
        let first = moved.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        tracing::info!(portal = portal.name, moved = moved.len(), first, "datasets have moved");
    }
    if found.nameless > 0 && !std::mem::replace(&mut state.said_nameless, true) {
        tracing::warn!(portal = portal.name, entries = found.nameless, "entries of the catalogue have no dataset_id and are left out");
    }
    if let Some(bound) = bound {
        state.say_bound(portal, bound);
    }
    tracing::debug!(portal = portal.name, ?way, calls = found.calls, datasets, moved = moved.len(), changed, "looked at the catalogue");
    *changed
}

impl State {
    /// Says how long a look is relied on, if that is noticeably another time than was last said.
    fn say_bound(&mut self, portal: &Portal, bound: Duration) {
        let configured = portal.versions.terms().bound;
        let said = self.said_bound.unwrap_or(configured);
        if bound.abs_diff(said) > said / 10 || (bound == configured && said != configured) {
            self.said_bound = Some(bound);
            let (bound_s, configured_s) = (bound.as_secs(), configured.as_secs());
            tracing::info!(portal = portal.name, bound_s, configured_s, "looks are relied on for another time, so that a day fits");
        }
    }
}

fn failed(walk: Walk<'_>, failure: &Failure) {
    note_failure(walk, &failure.to_string());
    if let Failure::NotToday { calls, .. } = failure {
        walk.portal.look.state().pace.costs(*calls);
    }
    tracing::warn!(portal = walk.portal.name, %failure, "the look at the catalogue failed");
}

fn note_failure(walk: Walk<'_>, why: &str) {
    let Reading { now, elapsed } = walk.clock.read();
    let mut state = walk.portal.look.state();
    state.pace.failed(elapsed);
    state.last_failure = Some(FailedLook { at: now, why: why.to_owned() });
}

fn not_granted(walk: Walk<'_>, refused: &budget::Refusals) {
    let Reading { now, elapsed } = walk.clock.read();
    let mut state = walk.portal.look.state();
    state.pace.not_granted(elapsed);
    state.last_failure = Some(FailedLook { at: now, why: format!("no call is granted: {refused}") });
    if state.said_not_granted.replace(refused.reason()) != Some(refused.reason()) {
        tracing::warn!(portal = walk.portal.name, reason = refused.reason(), "no look at the catalogue: {refused}");
    }
}

fn refused(walk: Walk<'_>, refusals: &[String]) {
    let Reading { now, elapsed } = walk.clock.read();
    let portal = walk.portal;
    let known = portal.versions.table().datasets().next().is_some();
    let why = format!("the portal refuses its catalogue: {}", refusals.join("; "));
    let mut state = portal.look.state();
    let before = state.pace.mode();
    let believed = state.pace.refused(known, elapsed);
    state.last_failure = Some(FailedLook { at: now, why: why.clone() });
    drop(state);
    if believed {
        portal.versions.refuse();
    }
    match (believed, before) {
        (true, Mode::Lifetimes) => tracing::debug!(portal = portal.name, why, "lifetimes go on deciding what is fresh"),
        (true, _) => tracing::warn!(portal = portal.name, why, "versions cannot be learnt: lifetimes decide what is fresh"),
        (false, _) => tracing::warn!(portal = portal.name, why, "the look at the catalogue failed"),
    }
}
