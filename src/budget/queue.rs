//! Who calls next: so many calls under way at once, so far apart, and those that wait in a fair order.
//!
//! Looks go first, because what they bring spares calls. Then each team has its turn, one call each, whatever the number that it waits for; a
//! team's own go in order of arrival. So a flood from one team delays another's call by at most one call of each other team. What waits is
//! bounded: where it would be more, the team that waits for most gives way with the call that came last, so that no flood keeps others out
//! of the line either. Nor has a team all the places where there are others: a body that is read slowly has its place for long. Whoever stops
//! waiting leaves the line at once.
//!
//! Whether a call may leave at all is for the [book](super::book), which is asked when it has its place here: what it refuses gives the place
//! back, and what it tells to wait steps aside until a call has ended. There is no task and no polling: whoever changes something rings for
//! those whom it concerns, and between two starts that must be apart the first in line sets the alarm.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Purpose;
use super::wish::Bid;
use crate::team::TeamId;

/// Who waits in turn with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Looks, before all others.
    Look,
    /// What nobody waits for.
    Background,
    /// A team's.
    Team(TeamId),
}

impl Lane {
    /// The lane of a call: that of the team that asked for it first.
    pub fn of(bid: &Bid<'_>) -> Self {
        match (bid.purpose, bid.teams.first()) {
            (Purpose::Look, _) => Self::Look,
            (Purpose::Fill, Some(team)) => Self::Team(*team),
            (Purpose::Fill, None) | (Purpose::Revalidation, _) => Self::Background,
        }
    }
}

/// What the queue keeps to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Calls under way at once.
    pub at_once: usize,
    /// Of those, one team's.
    pub of_one_team: usize,
    /// Calls that wait, looks aside.
    pub waiting: usize,
    /// Time from one start to the next.
    pub gap: Duration,
}

/// The line of one portal.
#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    line: Mutex<Line>,
}

/// A call in line. Dropped, it has left.
#[derive(Debug)]
pub(super) struct Entry {
    queue: Arc<Queue>,
    arrival: u64,
    lane: Lane,
    bell: Arc<Notify>,
    /// Whether it is in line, and has no place yet.
    waits: bool,
}

/// One of the places of calls under way. Dropped, it is free.
#[derive(Debug)]
#[must_use = "dropping a place leaves it to the next"]
pub(super) struct Place {
    queue: Arc<Queue>,
    lane: Lane,
    /// Calls that had ended when it was given.
    ended: u64,
    /// Whether its call is still to start.
    starting: bool,
}

/// Why a call is in line no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// As many wait as may.
    Full,
    /// Nobody calls any more.
    Closed,
}

#[derive(Debug, Default)]
struct Line {
    next_arrival: u64,
    /// All that wait, with what they have been told.
    waiting: BTreeMap<u64, Waiting>,
    /// Of each lane in which any wait, those that wait, by arrival.
    lanes: BTreeMap<Lane, Waits>,
    /// The lane that had the last turn.
    served: Option<Lane>,
    under_way: usize,
    /// The same by lane.
    held: BTreeMap<Lane, usize>,
    /// Whether a place was given to a call that has not started: the gap after it has not begun.
    starting: bool,
    started: Option<Instant>,
    /// Calls that have ended: what was told to wait for one may have missed it.
    ended: u64,
    closed: bool,
}

#[derive(Debug, Default)]
struct Waits {
    ready: BTreeSet<u64>,
    /// Until a call has ended.
    aside: BTreeSet<u64>,
}

#[derive(Debug)]
struct Waiting {
    bell: Arc<Notify>,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// It is the first in line, and at this instant calls may start again.
    Alarm(Instant),
    /// It has a place.
    Place,
    Out(Out),
}

impl Queue {
    pub fn new(limits: Limits) -> Arc<Self> {
        let limits =
            Limits { at_once: limits.at_once.max(1), of_one_team: limits.of_one_team.max(1), waiting: limits.waiting.max(1), ..limits };
        Arc::new(Self { limits, line: Mutex::default() })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets in line.
    pub fn enter(self: &Arc<Self>, lane: Lane) -> Entry {
        let mut line = self.line();
        let arrival = line.next_arrival;
        line.next_arrival += 1;
        let bell = Arc::new(Notify::new());
        line.enter(arrival, lane, &bell, false);
        line.push_out(self.limits.waiting);
        line.give_places(self.limits);
        Entry { queue: Arc::clone(self), arrival, lane, bell, waits: true }
    }

    /// How many may wait.
    pub fn most(&self) -> usize {
        self.limits.waiting
    }

    /// A call has ended: what stepped aside for it gets back to where it was.
    pub fn call_ended(&self) {
        let mut line = self.line();
        line.ended += 1;
        for waits in line.lanes.values_mut() {
            waits.ready.append(&mut waits.aside);
        }
        line.give_places(self.limits);
    }

    /// Sends everybody away, also those to come.
    pub fn close(&self) {
        let mut line = self.line();
        line.closed = true;
        line.lanes.clear();
        for waiting in line.waiting.values_mut().filter(|waiting| !matches!(waiting.told, Told::Place)) {
            waiting.tell(Told::Out(Out::Closed));
        }
    }
}

impl Entry {
    /// Waits for its turn. If the future is dropped, it is in line still.
    ///
    /// # Errors
    ///
    /// If it has had to leave.
    pub async fn place(&mut self) -> Result<Place, Out> {
        loop {
            let alarm = match self.told() {
                Told::Place => {
                    let mut line = self.queue.line();
                    line.waiting.remove(&self.arrival);
                    self.waits = false;
                    return Ok(Place { queue: Arc::clone(&self.queue), lane: self.lane, ended: line.ended, starting: true });
                }
                Told::Out(out) => return Err(out),
                Told::Alarm(at) => Some(at),
                Told::Nothing => None,
            };
            let alarm = async {
                match alarm {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = self.bell.notified() => {}
                () = alarm => {
                    let mut line = self.queue.line();
                    line.rouse(self.arrival);
                    line.give_places(self.queue.limits);
                }
            }
        }
    }

    /// Steps aside until a call has ended, and keeps its turn.
    pub fn step_aside(&mut self, place: Place) {
        let ended = place.ended;
        {
            let mut line = self.queue.line();
            // One that ended after the book was asked would not be heard of again.
            let nothing_ended = line.ended == ended;
            line.enter(self.arrival, self.lane, &self.bell, nothing_ended);
            self.waits = true;
        }
        drop(place);
    }

    fn told(&self) -> Told {
        self.queue.line().waiting.get(&self.arrival).map_or(Told::Out(Out::Closed), |waiting| waiting.told)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.waits {
            return;
        }
        let mut line = self.queue.line();
        let had = line.waiting.remove(&self.arrival).map(|waiting| waiting.told);
        line.leave(self.arrival, self.lane);
        match had {
            Some(Told::Place) => line.free(self.lane, true),
            Some(Told::Alarm(_)) => {}
            Some(Told::Nothing | Told::Out(_)) | None => return,
        }
        line.give_places(self.queue.limits);
    }
}

impl Place {
    /// Its call starts.
    pub fn start(&mut self) {
        if std::mem::replace(&mut self.starting, false) {
            let mut line = self.queue.line();
            line.starting = false;
            line.started = Some(Instant::now());
            line.give_places(self.queue.limits);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.queue.line();
        line.free(self.lane, self.starting);
        line.give_places(self.queue.limits);
    }
}

impl Line {
    fn enter(&mut self, arrival: u64, lane: Lane, bell: &Arc<Notify>, aside: bool) {
        let told = if self.closed { Told::Out(Out::Closed) } else { Told::Nothing };
        self.waiting.insert(arrival, Waiting { bell: Arc::clone(bell), told });
        if !self.closed {
            let waits = self.lanes.entry(lane).or_default();
            if aside { &mut waits.aside } else { &mut waits.ready }.insert(arrival);
        }
    }

    fn leave(&mut self, arrival: u64, lane: Lane) {
        if let Some(waits) = self.lanes.get_mut(&lane) {
            waits.ready.remove(&arrival);
            waits.aside.remove(&arrival);
            if waits.len() == 0 {
                self.lanes.remove(&lane);
            }
        }
    }

    fn in_line(&self) -> usize {
        self.lanes.iter().filter(|(lane, _)| **lane != Lane::Look).map(|(_, waits)| waits.len()).sum()
    }

    /// A place of this lane is free; its call had not started, if `starting`.
    fn free(&mut self, lane: Lane, starting: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(held) = self.held.get_mut(&lane) {
            *held -= 1;
        }
        self.held.retain(|_, held| *held > 0);
        self.starting &= !starting;
    }

    /// The alarm of this one has rung.
    fn rouse(&mut self, arrival: u64) {
        if let Some(waiting) = self.waiting.get_mut(&arrival).filter(|waiting| matches!(waiting.told, Told::Alarm(_))) {
            waiting.told = Told::Nothing;
        }
    }

    /// Gives the places that are free to those whose turn it is.
    fn give_places(&mut self, limits: Limits) {
        while self.under_way < limits.at_once && !self.closed {
            if !limits.gap.is_zero() && self.starting {
                return;
            }
            let Some((lane, arrival)) = self.next(limits.of_one_team) else { return };
            let Some(waiting) = self.waiting.get_mut(&arrival) else {
                self.leave(arrival, lane);
                continue;
            };
            let opens = self.started.map(|started| started + limits.gap).filter(|opens| *opens > Instant::now());
            if let Some(opens) = opens {
                if waiting.told != Told::Alarm(opens) {
                    waiting.tell(Told::Alarm(opens));
                }
                return;
            }
            waiting.tell(Told::Place);
            self.leave(arrival, lane);
            if lane != Lane::Look {
                self.served = Some(lane);
            }
            self.under_way += 1;
            *self.held.entry(lane).or_default() += 1;
            self.starting = true;
        }
    }

    /// Whose turn it is: a look's, else the next lane's after the one that was served last, of those that have not as many places as a team may.
    fn next(&self, of_one_team: usize) -> Option<(Lane, u64)> {
        let may = |lane: &Lane| !matches!(lane, Lane::Team(_)) || self.held.get(lane).is_none_or(|held| *held < of_one_team);
        let first = |(lane, waits): (&Lane, &Waits)| Some((*lane, *waits.ready.first().filter(|_| may(lane))?));
        let looks = || self.lanes.get_key_value(&Lane::Look).and_then(first);
        let after = || self.lanes.range((Bound::Excluded(self.served?), Bound::Unbounded)).find_map(first);
        let from_the_start = || self.lanes.iter().filter(|(lane, _)| **lane != Lane::Look).find_map(first);
        looks().or_else(after).or_else(from_the_start)
    }

    /// Has the longest lane give way until no more than `most` wait: with those that came last.
    fn push_out(&mut self, most: usize) {
        while self.in_line() > most {
            let lanes = self.lanes.iter().filter(|(lane, _)| **lane != Lane::Look);
            let Some((lane, waits)) = lanes.max_by_key(|(_, waits)| waits.len()) else { return };
            let (lane, last) = (*lane, waits.ready.last().max(waits.aside.last()).copied());
            let Some(last) = last else { return };
            self.leave(last, lane);
            if let Some(waiting) = self.waiting.get_mut(&last) {
                waiting.tell(Told::Out(Out::Full));
            }
        }
    }
}

impl Waits {
    fn len(&self) -> usize {
        self.ready.len() + self.aside.len()
    }
}

impl Waiting {
    fn tell(&mut self, told: Told) {
        self.told = told;
        self.bell.notify_one();
    }
}

#[cfg(test)]
mod tests;
