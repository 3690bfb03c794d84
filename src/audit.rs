//! The audit: what is believed of a portal, held against the portal.
//!
//! Two spellings share a stored answer because a rule says that the portal answers them alike, and an answer is fresh because the catalogue
//! says that its dataset has not moved. Both are guesses until the portal is asked. So a few calls a day, paid from the revalidation reserve
//! and made only where there is traffic, go into asking: a client's own spelling of something that is stored, or once more a question
//! whose answer should not have changed. A rule that is caught is off from then on for its family of endpoints, a dataset whose version says
//! nothing lives by lifetimes; both until an operator has looked.
//!
//! * [`spelling`], [`samples`]: what clients wrote, as far as something can be learnt from it;
//! * [`inquiry`], [`doubt`]: what to ask, and what the answers prove; [`allowance`]: when;
//! * [`finding`], [`mod@file`]: what is off, and its memory on disk;
//! * `doubts`: what becomes of versions in doubt;
//! * `course`: an audit from begin to end, the only part that asks anything.

pub mod allowance;
mod course;
pub mod doubt;
mod doubts;
pub mod file;
pub mod finding;
pub mod inquiry;
pub mod report;
pub mod samples;
pub mod spelling;

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;

pub use self::doubts::tend;

use self::doubt::Doubt;
use self::file::{Memory, MemoryFile};
use self::finding::{Finding, Switch};
use self::report::{Audited, Report};
use self::samples::Samples;
use self::spelling::Spelling;
use crate::cache::disk::{Mode, Which};
use crate::exchange::Mirror;
use crate::portal::versions::Basis;
use crate::portal::{Portal, look};
use crate::request::credential::redacted;
use crate::request::endpoint::Family;
use crate::request::query::RuleSwitches;
use crate::request::question::Question;

/// Of so many answers from store, one is noted. Those that cost a call are noted all.
const HITS_FOR_A_NOTE: u32 = 64;

/// Audits whose course is remembered.
const REMEMBERED: usize = 20;

/// Calls of an audit that an operator has asked for: enough to try each rule.
const ON_DEMAND: u32 = 16;

/// A target as a client wrote it, without the portal's prefix.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its query, if there was a `?`.
    pub query: Option<&'a str>,
}

/// In the place of the second in which the next audit is due: one is under way.
const UNDER_WAY: i64 = i64::MAX - 1;

/// How long it takes until something is looked for again, if there was nothing.
const PAUSE: Duration = Duration::from_secs(60);

/// The audit of one portal.
pub struct Audit {
    daily: u32,
    /// None where nothing is to be remembered.
    file: Option<MemoryFile>,
    samples: Mutex<Samples>,
    state: Mutex<State>,
    /// The second from which on the next audit may begin; the end of time, if there is to be none. Read with each fill.
    due: AtomicI64,
    /// Whether each look has to be attended to: a version is in doubt, or off.
    attentive: AtomicBool,
    /// One audit at a time.
    turn: Semaphore,
    /// One write at a time, and none overtakes another.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    /// The newest last.
    courses: VecDeque<Audited>,
    /// Versions in doubt.
    doubts: Vec<Doubt>,
    /// How many were made; each third one is about a version.
    made: u64,
}

impl Default for Audit {
    /// One that makes no audits by itself and remembers nothing.
    fn default() -> Self {
        Self::new(0, None, Memory::default(), Timestamp::UNIX_EPOCH)
    }
}

impl Audit {
    fn new(daily: u32, file: Option<MemoryFile>, memory: Memory, now: Timestamp) -> Self {
        let any_off = !memory.findings.is_empty();
        let audit = Self {
            daily,
            file,
            samples: Mutex::default(),
            state: Mutex::new(State { memory, ..State::default() }),
            due: AtomicI64::new(i64::MAX),
            attentive: AtomicBool::new(any_off),
            turn: Semaphore::new(1),
            writing: tokio::sync::Mutex::new(()),
        };
        audit.set_due(now, None);
        audit
    }

    /// Goes on where another process stopped: with what `file` remembers to be off, in `rules` too. `daily` calls a day go into audits.
    pub fn recall(file: MemoryFile, daily: u32, rules: &RuleSwitches, now: Timestamp) -> Self {
        let mut memory = file.recall(now);
        for finding in &memory.findings {
            tracing::warn!("{} stays off, as an audit of {} found: {}", finding.switch, finding.at, finding.why);
            if let Switch::Rule(rule, version, family) = finding.switch {
                rules.switch_off(rule, version, family);
            }
        }
        if daily > 0 && memory.spent.last.is_none() {
            // From here on the time until the first one counts, however often the process is started anew.
            memory.spent.begin(now);
            if let Err(error) = file.remember(&memory) {
                tracing::error!(%error, "what audits will find cannot be written down");
            }
        }
        Self::new(daily, Some(file), memory, now)
    }

    /// Keeps in mind how a client wrote a question that led to a call, and the question itself if its answer stands on a dataset's records.
    pub fn note(&self, question: &Question, written: Written<'_>, rules: &RuleSwitches) {
        let spelling = Spelling::of(written, question, rules);
        let dataset = of_one_version(question);
        if spelling.is_none() && dataset.is_none() {
            return;
        }
        // Whoever finds it taken goes on: there will be others like it.
        let Ok(mut samples) = self.samples.try_lock() else { return };
        if let Some(spelling) = spelling {
            samples.note(spelling);
        }
        if let Some(dataset) = dataset {
            samples.note_answer(dataset, question);
        }
    }

    /// Whether an audit may begin by itself.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due.load(Ordering::Relaxed) <= now.as_second()
    }

    /// What is off, and why.
    pub fn findings(&self) -> Vec<Finding> {
        self.state().memory.findings.clone()
    }

    /// All of it, for operators.
    pub fn report(&self, now: Timestamp) -> Report {
        let (spellings, datasets) = self.samples().count();
        let state = self.state();
        Report {
            off: state.memory.findings.clone(),
            recent: state.courses.iter().cloned().collect(),
            under_way: self.due.load(Ordering::Relaxed) == UNDER_WAY || self.turn.available_permits() == 0,
            doubted: state.doubts.iter().map(|doubt| doubt.dataset.clone()).collect(),
            calls_today: state.memory.spent.today(now),
            calls_per_day: self.daily,
            next: state.memory.spent.due(self.daily, now),
            spellings,
            datasets,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next audit may begin when the allowance says so, or, if that is later, after `pause` from now.
    fn set_due(&self, now: Timestamp, pause: Option<Duration>) {
        let due = self.state().memory.spent.due(self.daily, now);
        let due = match pause {
            Some(pause) => due.map(|due| due.max(now.checked_add(pause).unwrap_or(Timestamp::MAX))),
            None => due,
        };
        // Whole seconds, none too early.
        let due = due.map_or(i64::MAX, |due| due.as_second().saturating_add(i64::from(due.subsec_nanosecond() > 0)));
        self.due.store(due, Ordering::Relaxed);
    }

    /// Writes down what is remembered. What cannot be written is in force all the same, until the process ends.
    async fn remember(&self) {
        let Some(file) = self.file.clone() else { return };
        let _alone = self.writing.lock().await;
        let memory = self.state().memory.clone();
        match tokio::task::spawn_blocking(move || file.remember(&memory)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "what audits have found cannot be written down, and is forgotten with this process"),
            Err(error) => tracing::error!(%error, "what audits have found was not written down"),
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("daily", &self.daily).finish_non_exhaustive()
    }
}

/// Keeps in mind how a client wrote a question that was answered from store, one of many, and sees what is to be done. What it costs
/// the others is a number of their own thread.
pub fn after_hit(mirror: &Arc<Mirror>, portal: &Arc<Portal>, question: &Question, written: Written<'_>) {
    thread_local!(static HITS: Cell<u32> = const { Cell::new(0) });
    let hits = HITS.get();
    HITS.set(hits.wrapping_add(1));
    if hits.is_multiple_of(HITS_FOR_A_NOTE) {
        portal.audit.note(question, written, &portal.rules);
        tend(mirror, portal);
    }
}

/// The dataset whose version alone the answer to a question stands on, if there is one, and if it is always the same answer: exports have no order,
/// and that lots drawn with a seed fall alike each time is the portal's word alone.
fn of_one_version(question: &Question) -> Option<&str> {
    let is_export = matches!(question.endpoint.family(), Family::Export | Family::Download);
    let is_random = question.query.query.text().contains("random");
    let of_records = Basis::of(&question.endpoint, &question.query) == Basis::Records;
    // What a log would hide is not kept in mind.
    let is_shown = || {
        let target = question.query.query.target(&question.endpoint);
        redacted(&target) == target
    };
    let audited = of_records && !is_export && !is_random && question.key.is_some() && !question.is_keyed() && is_shown();
    question.query.dataset.as_deref().filter(|_| audited)
}

/// Begins an audit in the background, if one is due. Without traffic there is none.
fn begin_if_due(mirror: &Arc<Mirror>, portal: &Arc<Portal>) {
    let now = mirror.clock.now();
    if !portal.audit.is_due(now) {
        return;
    }
    // Until it has come to its end, no other begins.
    if portal.audit.due.swap(UNDER_WAY, Ordering::Relaxed) == UNDER_WAY {
        return;
    }
    let (mirror, portal) = (Arc::clone(mirror), Arc::clone(portal));
    let (tasks, stopping) = (mirror.tasks.clone(), mirror.stopping.clone());
    tasks.spawn(stopping.run_until_cancelled_owned(async move {
        let _ended = Ended(&mirror, &portal);
        let _turn = portal.audit.turn.acquire().await.expect("the semaphore is never closed");
        if portal.audit.due.load(Ordering::Relaxed) != UNDER_WAY {
            // An operator's came first.
            return;
        }
        let left = portal.audit.daily.saturating_sub(portal.audit.state().memory.spent.today(mirror.clock.now()));
        if left > 0 {
            course::run(&mirror, &portal, left).await;
        }
    }));
}

/// An audit in the background. Whatever its end, there is a next one.
struct Ended<'a>(&'a Mirror, &'a Portal);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let Self(mirror, portal) = self;
        if portal.audit.due.load(Ordering::Relaxed) == UNDER_WAY {
            portal.audit.set_due(mirror.clock.now(), Some(PAUSE));
        }
    }
}

/// Makes an audit now, whatever the day's allowance says; the revalidation reserve pays for it as for any other.
pub async fn run_now(mirror: &Arc<Mirror>, portal: &Arc<Portal>) -> Audited {
    let (at, name) = (mirror.clock.now(), portal.name.clone());
    let (mirror, portal) = (Arc::clone(mirror), Arc::clone(portal));
    let tasks = mirror.tasks.clone();
    // In a task of its own: an operator who leaves does not end a call that is charged.
    let audited = tasks.spawn(async move {
        let _turn = portal.audit.turn.acquire().await.expect("the semaphore is never closed");
        course::run(&mirror, &portal, ON_DEMAND).await
    });
    audited.await.unwrap_or_else(|error| Audited::nothing(at, name, format!("the audit ended in a fault of this server: {error}")))
}

/// Switches on again what an operator has looked at: what `name` says, or everything. Returns what was off.
pub async fn accept(mirror: &Mirror, portal: &Portal, switch: Option<&Switch>) -> Vec<Finding> {
    let accepted: Vec<Finding> =
        portal.audit.state().memory.findings.extract_if(.., |finding| switch.is_none_or(|switch| finding.switch == *switch)).collect();
    for finding in &accepted {
        match &finding.switch {
            Switch::Rule(rule, version, family) => {
                portal.rules.switch_on(*rule, *version, *family);
            }
            Switch::Versions(dataset) => {
                // What is older than the version's silence would be believed again.
                let which = Which::Dataset { portal: portal.name.clone(), id: dataset.clone() };
                mirror.store.purge(which, Mode::Soft).await;
                portal.versions.rely_on(dataset, true);
                look::keep(mirror, portal);
            }
        }
        tracing::info!(portal = portal.name, "{} is on again", finding.switch);
    }
    if !accepted.is_empty() {
        portal.audit.remember().await;
    }
    accepted
}
