//! The circuit breaker: whether a portal works at all.
//!
//! Five calls that fail in a row, of whatever kind, open it: no connection, no answer in time, a status of 5xx, a body that breaks off. Then one
//! call goes alone after 15 s, and while that fails too, the next after twice as long, up to five minutes; so an hour of an outage costs some
//! dozen calls. One that succeeds closes it. A portal that states how long it will be away (503 with `Retry-After`) is taken at its word at
//! the second failure in a row, for at most an hour. A call has succeeded when the portal has dealt with its question and the body is whole. Nothing is told by what a gate
//! in front of it can answer for itself (redirects, 401, 403, 429), by a body that nobody wants any more, nor by a call that its client abandons,
//! which only have the next probe wait.
//!
//! Pure: the time is an argument, and so is which call it is. `failsafe` and `recloser`, the crates that are kept, read the clock
//! themselves, wrap the call they are about and so count a dropped one as nothing or for ever, and know neither one probe at a time nor a wait that
//! the other side states; what they would leave to write is more than this.

use std::time::Duration;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// First wait before a probe; each failed one doubles it…
const FIRST_WAIT: Duration = Duration::from_secs(15);
/// …up to this.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// Longest `Retry-After` that is honoured.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// When to ask again while a probe is under way: what it brings is not known yet, and may be good.
const PROBING: Duration = Duration::from_secs(5);
/// Waits are shorter than they might be by up to this part in a hundred, so that not all who ask a portal come back in one instant.
const JITTER_PERCENT: u32 = 10;

/// What is known of a portal's health.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    /// Calls that failed since one succeeded.
    failures: u32,
    open: Option<Open>,
    recovered: Option<Duration>,
    random: fastrand::Rng,
}

/// It is open: nothing is sent but probes.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// When it opened.
    since: Duration,
    /// Probes that have told of no recovery.
    failed: u32,
    /// When the next probe may go, in monotonic time.
    probe_at: Duration,
    probe: Option<Probe>,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    id: u64,
    /// Its answer has begun: that may take its time, and others need not wait for its end longer than they would have anyway.
    heard: bool,
}

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// The portal works, as far as is known.
    Free,
    /// The call would tell whether it works again.
    AsProbe,
    /// No call until so much later.
    Barred(Duration),
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It opened, and the first probe waits so long.
    Opened(Duration),
    /// It closed.
    Closed,
}

impl Breaker {
    /// A portal that works.
    pub fn new(random: fastrand::Rng) -> Self {
        Self { failures: 0, open: None, recovered: None, random }
    }

    /// What a call meets that would leave now. One that carries a key of which nothing is known makes a poor probe, because it may be refused
    /// for that by whatever stands in front of the portal: it goes only if no other has come for a while.
    pub fn passage(&self, has_unknown_key: bool, elapsed: Duration) -> Passage {
        let Some(open) = &self.open else { return Passage::Free };
        let left = open.probe_at.saturating_sub(elapsed);
        match open.probe {
            Some(Probe { heard: false, .. }) => Passage::Barred(PROBING),
            Some(_) if !left.is_zero() => Passage::Barred(left.min(PROBING)),
            _ if !left.is_zero() => Passage::Barred(left),
            _ if has_unknown_key && elapsed < open.probe_at.saturating_add(FIRST_WAIT) => Passage::Barred(PROBING),
            _ => Passage::AsProbe,
        }
    }

    /// Call `id` is about to leave.
    pub fn granted(&mut self, id: u64, elapsed: Duration) {
        let Self { open, random, .. } = self;
        if let Some(open) = open {
            open.probe = Some(Probe { id, heard: false });
            // Counted from here, lest probes that are abandoned follow one another.
            open.probe_at = elapsed.saturating_add(wait(random, open.failed));
        }
    }

    /// Call `id` has not left after all: another may at once.
    pub fn not_sent(&mut self, id: u64, elapsed: Duration) {
        if let Some(open) = self.probed_by(id) {
            open.probe = None;
            open.probe_at = elapsed;
        }
    }

    /// Nothing is to be learnt from call `id`. As a probe it was wasted, and the next waits as after one that failed: whoever wastes them on and
    /// on, by what is refused whatever the portal's state, has no more of them made than an outage does.
    pub fn abandoned(&mut self, id: u64, elapsed: Duration) {
        self.probe_told_nothing_good(id, elapsed);
    }

    fn probe_told_nothing_good(&mut self, id: u64, elapsed: Duration) {
        let Self { open, random, .. } = self;
        if let Some(open) = open.as_mut().filter(|open| open.probe.is_some_and(|probe| probe.id == id)) {
            open.probe = None;
            open.failed = open.failed.saturating_add(1);
            open.probe_at = open.probe_at.max(elapsed.saturating_add(wait(random, open.failed)));
        }
    }

    /// The head of the answer to call `id` is fine; its body is still to come.
    pub fn heard(&mut self, id: u64) {
        if let Some(probe) = self.probed_by(id).and_then(|open| open.probe.as_mut()) {
            probe.heard = true;
        }
    }

    /// A call that left at `sent` has brought a whole answer. One that left before the portal failed tells nothing of how it is now.
    pub fn succeeded(&mut self, sent: Duration, elapsed: Duration) -> Option<Change> {
        if self.open.is_some_and(|open| sent < open.since) {
            return None;
        }
        self.failures = 0;
        self.open.take()?;
        self.recovered = Some(elapsed);
        Some(Change::Closed)
    }

    /// Call `id`, which left at `sent`, has failed; the portal wants to be left alone for `retry_after`.
    pub fn failed(&mut self, id: u64, sent: Duration, retry_after: Option<Duration>, elapsed: Duration) -> Option<Change> {
        let stated = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        let Self { failures, open: state, recovered, random } = self;
        let Some(open) = state else {
            if recovered.is_some_and(|recovered| sent < recovered) {
                // It tells of the outage that is over.
                return None;
            }
            *failures = failures.saturating_add(1);
            // One answer to one question is not yet the portal's word.
            let wait = match *failures {
                1 => Duration::ZERO,
                2..FAILURES => stated,
                _ => wait(random, 0).max(stated),
            };
            if wait.is_zero() {
                return None;
            }
            *state = Some(Open { since: elapsed, failed: 0, probe_at: elapsed.saturating_add(wait), probe: None });
            return Some(Change::Opened(wait));
        };
        open.probe_at = open.probe_at.max(elapsed.saturating_add(stated));
        self.probe_told_nothing_good(id, elapsed);
        None
    }

    /// When it last closed.
    pub fn recovered(&self) -> Option<Duration> {
        self.recovered
    }

    /// Until when it is open at least.
    pub fn open_until(&self) -> Option<Duration> {
        self.open.map(|open| open.probe_at)
    }

    fn probed_by(&mut self, id: u64) -> Option<&mut Open> {
        self.open.as_mut().filter(|open| open.probe.is_some_and(|probe| probe.id == id))
    }
}

/// The wait after so many failed probes.
fn wait(random: &mut fastrand::Rng, failed: u32) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << failed.min(5)).min(LONGEST_WAIT);
    longest - longest * random.u32(0..=JITTER_PERCENT) / 100
}

#[cfg(test)]
mod tests;
