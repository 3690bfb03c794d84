//! Who may spend how much of a day: guarantees, ceilings, classes, what is lent, and pace.
//!
//! Pure arithmetic on whole numbers; the time is a distance from midnight UTC. The [book](super::book) says what is left of the day and what
//! each team has spent of it, and asks here before it lets a call of a team leave; [`super::explain`] shows the same figures.
//!
//! * A team's first calls of a day are those that are guaranteed to it. What is guaranteed and not yet spent, others cannot spend.
//! * Guarantees are in force whole until the release, and then fall linearly to nothing at 23:30. Where the day has less left than they need
//!   (somebody else uses our address, or the portal has lowered the limit), all are scaled by one factor, so that what is still open of them fits.
//! * The rest is the free pool: first come, first served, but batch teams keep to the pace of the day.
//! * Nobody spends beyond a ceiling.

use std::time::Duration;

use crate::team::{Class, TeamId};

/// From this time of day on nothing is guaranteed any more.
pub(super) const RELEASED: Duration = Duration::from_secs(23 * 3600 + 30 * 60);
/// The day that the portal counts by.
pub(super) const DAY: Duration = Duration::from_secs(86_400);
const DAY_MS: u128 = DAY.as_millis();
/// Batch teams may be this part of the pool ahead of the day's pace.
const BURST_DIVISOR: u128 = 20;

/// A team's share of the calls of a portal's day, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The team's name, by which the ledger knows it.
    pub team: String,
    /// Calls that no other team takes from it, until they are released late in the day.
    pub guaranteed: u32,
    /// Calls that it never exceeds.
    pub ceiling: Option<u32>,
    /// How it spends.
    pub class: Class,
}

/// How a class is written.
pub(super) fn class_word(class: Class) -> &'static str {
    match class {
        Class::Interactive => "interactive",
        Class::Batch => "batch",
    }
}

/// A part of a whole, in 2⁻⁶⁴: fine enough to tell any two quotients of guarantees apart, and a product with one fits 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part(u128);

impl Part {
    const WHOLE: Self = Self(1 << 64);

    /// Rounded down.
    fn of(self, guaranteed: u32) -> u64 {
        u64::try_from((self.0 * u128::from(guaranteed)) >> 64).expect("a part of a number is not more than it")
    }
}

/// What of the guarantees has not been released by this time of day. Rounded up by less than any quotient of milliseconds and guarantees can
/// differ from a whole number, so that a guarantee is not one too low where the quotient is one.
fn unreleased(release: Duration, at: Duration) -> Part {
    let begin = release.min(RELEASED);
    if at < begin {
        return Part::WHOLE;
    }
    let left = RELEASED.saturating_sub(at).as_millis();
    if left == 0 {
        return Part(0);
    }
    Part((left << 64).div_ceil((RELEASED - begin).as_millis()))
}

/// One day of the anonymous account, as far as teams are concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    /// By team.
    pub shares: &'a [Share],
    /// Calls of the day, by team; beyond the shares those of teams that have none any more.
    pub spent: &'a [u64],
    /// What the account has left for teams: without what is kept for other purposes.
    pub available: u64,
    /// When guarantees begin to be released.
    pub release: Duration,
}

impl Standing<'_> {
    /// Who may spend what at this time of the day, if nothing else is spent before.
    pub fn split(&self, at: Duration) -> Split {
        let at = at.min(DAY);
        let released = unreleased(self.release, at);
        let factor = self.affordable(released);
        let portions: Vec<Portion> = self.shares.iter().enumerate().map(|(team, share)| self.portion(share, team, factor)).collect();
        let open = portions.iter().fold(0u64, |sum, portion| sum.saturating_add(portion.open()));
        let free = self.available.saturating_sub(open);
        let former = self.spent.iter().skip(self.shares.len()).fold(0u64, |sum, spent| sum.saturating_add(*spent));
        let pooled = portions.iter().fold(former, |sum, portion| sum.saturating_add(portion.pooled()));
        let batch = portions.iter().filter(|portion| portion.class == Class::Batch);
        let pace = Pace::at(at, free.saturating_add(pooled), batch.fold(0, |sum, portion| sum.saturating_add(portion.pooled())));
        Split { available: self.available, portions, free, pace, scaled: factor < released }
    }

    /// The first instant, after `from` and by the end of the day, at which the pool has a call for a team of that class, if nothing is spent before.
    pub fn opens(&self, class: Class, from: Duration) -> Duration {
        let millis = |ms: u64| Duration::from_millis(ms);
        let is_open = |at: u64| self.split(millis(at)).pool(class) > 0;
        let ms = |at: Duration| u64::try_from(at.min(DAY).as_millis()).expect("a day has few milliseconds");
        let (mut closed, mut open) = (ms(from), ms(DAY));
        while open.saturating_sub(closed) > 1 {
            let middle = closed.midpoint(open);
            if is_open(middle) {
                open = middle;
            } else {
                closed = middle;
            }
        }
        millis(open)
    }

    /// The largest factor, at most `most`, by which what is still open of all guarantees fits into what is left.
    ///
    /// Spending does not lower it: a call that a team takes from its guarantee takes one from both, and one from the pool takes what no guarantee
    /// needed. So nobody can drain a guarantee by spending what rounding has left over.
    fn affordable(&self, most: Part) -> Part {
        let fits = |factor: Part| {
            let open = |(team, share): (usize, &Share)| u128::from(factor.of(share.guaranteed).saturating_sub(self.spent_by(team)));
            self.shares.iter().enumerate().map(open).sum::<u128>() <= u128::from(self.available)
        };
        if fits(most) {
            return most;
        }
        let (mut fitting, mut unfitting) = (0, most.0);
        while unfitting - fitting > 1 {
            let middle = fitting.midpoint(unfitting);
            if fits(Part(middle)) {
                fitting = middle;
            } else {
                unfitting = middle;
            }
        }
        Part(fitting)
    }

    fn portion(&self, share: &Share, team: usize, factor: Part) -> Portion {
        let ceiling = share.ceiling.map(u64::from);
        Portion { in_force: factor.of(share.guaranteed), spent: self.spent_by(team), ceiling, class: share.class }
    }

    fn spent_by(&self, team: usize) -> u64 {
        self.spent.get(team).copied().unwrap_or(0)
    }
}

/// What each team may spend at one instant.
#[derive(Clone, Debug)]
pub(super) struct Split {
    /// What the account has left for teams.
    pub available: u64,
    /// By team.
    pub portions: Vec<Portion>,
    /// What is left and guaranteed to nobody.
    pub free: u64,
    /// How far batch teams may go.
    pub pace: Pace,
    /// Whether guarantees are scaled down, because the day has less left than they need.
    pub scaled: bool,
}

/// One team's part of a [`Split`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    /// Its guarantee in force.
    pub in_force: u64,
    /// What it has spent today.
    pub spent: u64,
    pub ceiling: Option<u64>,
    pub class: Class,
}

impl Portion {
    /// What is guaranteed to it and not spent.
    pub fn open(&self) -> u64 {
        self.in_force.saturating_sub(self.spent)
    }

    /// What it has taken from the pool.
    pub fn pooled(&self) -> u64 {
        self.spent.saturating_sub(self.in_force)
    }

    /// What its ceiling leaves it.
    fn headroom(&self) -> u64 {
        self.ceiling.map_or(u64::MAX, |ceiling| ceiling.saturating_sub(self.spent))
    }
}

/// How far batch teams may go at one instant, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// What they have taken from the pool.
    pub spent: u64,
    /// What they may have taken by now: the part of the pool that is the elapsed part of the day, and a twentieth.
    pub allowed: u64,
    /// The pool, with what all teams have taken from it.
    pub of: u64,
}

impl Pace {
    fn at(at: Duration, of: u64, spent: u64) -> Self {
        let elapsed = at.as_millis() * BURST_DIVISOR + DAY_MS;
        let allowed = u128::from(of) * elapsed / (DAY_MS * BURST_DIVISOR);
        Self { spent, allowed: u64::try_from(allowed).unwrap_or(u64::MAX).min(of), of }
    }

    fn left(&self) -> u64 {
        self.allowed.saturating_sub(self.spent)
    }
}

/// Why a team may not spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nothing is left for anybody.
    Exhausted,
    /// It has reached its ceiling.
    Ceiling,
    /// All that is left is guaranteed to others.
    Guaranteed,
    /// Batch teams are ahead of the pace.
    Pace,
}

impl Split {
    /// The team's part.
    pub fn portion(&self, team: TeamId) -> &Portion {
        &self.portions[team.index()]
    }

    /// What it may spend now.
    pub fn left(&self, team: TeamId) -> u64 {
        self.left_of(self.portion(team))
    }

    /// What the team with this part may spend now.
    pub fn left_of(&self, portion: &Portion) -> u64 {
        portion.open().saturating_add(self.pool(portion.class)).min(portion.headroom())
    }

    /// Why it may not spend, if so.
    pub fn hold(&self, team: TeamId) -> Option<Hold> {
        let portion = self.portion(team);
        if self.available == 0 {
            Some(Hold::Exhausted)
        } else if portion.headroom() == 0 {
            Some(Hold::Ceiling)
        } else if portion.open() > 0 || self.pool(portion.class) > 0 {
            None
        } else if self.free == 0 {
            Some(Hold::Guaranteed)
        } else {
            Some(Hold::Pace)
        }
    }

    /// What the pool has for a team of that class.
    fn pool(&self, class: Class) -> u64 {
        match class {
            Class::Interactive => self.free,
            Class::Batch => self.free.min(self.pace.left()),
        }
    }
}

#[cfg(test)]
mod tests;
