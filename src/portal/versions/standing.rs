//! What the table says of a stored answer.

use std::time::Duration;

use http::StatusCode;

use super::table::{Dates, Table};
use super::version::{Stamp, Version};
use super::{Basis, Terms};
use crate::clock::Moment;

/// What of a stored answer its standing follows from.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The portal's status.
    pub status: StatusCode,
    /// What the table stated when its call left; none if it was empty then.
    pub stamp: Option<&'a Stamp>,
    /// When its call left.
    pub asked: Moment,
    /// When its last byte arrived.
    pub completed: Moment,
    /// Its bytes are those of the version before.
    pub same_bytes: bool,
}

/// What the table says of a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: a lifetime decides.
    NotVersioned,
    /// Its version stands.
    Current {
        /// For how long that can be said without another look, or without asking anew.
        ttl: Duration,
        /// How old it may become.
        limit: Duration,
        /// A look that was sent after it was complete stated the version still, and nothing speaks against it.
        confirmed: bool,
    },
    /// There was no look for a bound.
    Unchecked {
        /// Since when it can not be said any more.
        by: Duration,
    },
    /// Its dataset has moved, or it was asked for too soon after that.
    Moved {
        /// Since when that is known.
        by: Duration,
    },
    /// The portal has withdrawn it: it is not even served stale.
    Withdrawn,
}

impl Table {
    pub(super) fn standing(
        &self,
        terms: &Terms,
        basis: Basis,
        dataset: Option<&str>,
        answered: &Answered<'_>,
        elapsed: Duration,
    ) -> Standing {
        let standing = self.stated(terms, basis, dataset, answered, elapsed);
        let withdrawn = dataset.and_then(|id| self.datasets.get(id)).and_then(|known| known.withdrawn);
        // What its version still vouches for serves, and so does what says the same: a refusal is complete only after its call left. Nothing else
        // does.
        let vouched = matches!(standing, Standing::Current { .. }) || answered.status != StatusCode::OK;
        let before = withdrawn.is_some_and(|at| at.age(elapsed) < answered.asked.age(elapsed));
        if before && !vouched { Standing::Withdrawn } else { standing }
    }

    fn stated(&self, terms: &Terms, basis: Basis, dataset: Option<&str>, answered: &Answered<'_>, elapsed: Duration) -> Standing {
        if basis == Basis::Lifetime {
            return Standing::NotVersioned;
        }
        if self.refused {
            // What was known to have moved before that has moved still.
            return self.known_moved(basis, dataset, answered, elapsed).unwrap_or(Standing::NotVersioned);
        }
        let Some(((table, list), stamp)) = self.fingerprints.zip(answered.stamp) else {
            // Nobody knew what it was of. Once that is known again, it is too late to say.
            return match self.looked {
                Some(sent) if self.is_current(elapsed) => Standing::Moved { by: elapsed.saturating_sub(sent) },
                _ if answered.status != StatusCode::OK => Standing::NotVersioned,
                _ => self.unchecked(answered, elapsed),
            };
        };
        let known = dataset.and_then(|id| self.datasets.get(id));
        if known.is_some_and(|known| known.unreliable) {
            return Standing::NotVersioned;
        }
        let listed_then = stamp.data != Version::Absent || stamp.metadata != Version::Absent;
        if known.is_none() && listed_then {
            return Standing::Withdrawn;
        }
        let since_look = Standing::Moved { by: self.looked.map_or(Duration::ZERO, |sent| elapsed.saturating_sub(sent)) };
        let dates = known.map(|known| (&known.data, &known.metadata));
        if answered.status != StatusCode::OK {
            // Why it was refused may have changed with its dataset, or with the list of all. It is remembered for a bound at most, so it needs no
            // look; while none succeeds, it would cost a call for each asker.
            let moved = stamp.list != list || dates.is_some_and(|dates| differs(dates, stamp, Basis::Metadata));
            return if moved { since_look } else { Standing::NotVersioned };
        }
        if !self.is_current(elapsed) {
            return self.unchecked(answered, elapsed);
        }
        if basis == Basis::Catalogue {
            return if stamp.table == table { Standing::NotVersioned } else { since_look };
        }
        let Some(dates) = dates else {
            // The catalogue says nothing of it, and never did.
            return Standing::NotVersioned;
        };
        if differs(dates, stamp, basis) {
            return Standing::Moved { by: moved_since(dates, stamp, elapsed) };
        }
        self.current(terms, basis, dates, (stamp, answered), known.is_some_and(|known| known.missing.is_some()), elapsed)
    }

    /// What can be said against an answer by what was known last.
    fn known_moved(&self, basis: Basis, dataset: Option<&str>, answered: &Answered<'_>, elapsed: Duration) -> Option<Standing> {
        let (stamp, known) = (answered.stamp?, self.datasets.get(dataset?)?);
        let dates = (&known.data, &known.metadata);
        let moved = !known.unreliable && basis != Basis::Catalogue && differs(dates, stamp, basis);
        moved.then(|| Standing::Moved { by: moved_since(dates, stamp, elapsed) })
    }

    /// The version stands; whether that is enough.
    fn current(
        &self,
        terms: &Terms,
        basis: Basis,
        (data, metadata): (&Dates, &Dates),
        (stamp, answered): (&Stamp, &Answered<'_>),
        missing: bool,
        elapsed: Duration,
    ) -> Standing {
        let relevant: &[&Dates] = if basis == Basis::Metadata { &[data, metadata] } else { &[data] };
        let asked = answered.asked.age(elapsed);
        let looked = self.looked.map_or(Duration::MAX, |sent| elapsed.saturating_sub(sent));
        let (mut settled, mut ttl) = (true, self.bound.saturating_sub(looked));
        for dates in relevant.iter().filter(|dates| dates.moved) {
            let seen = dates.since.age(elapsed);
            let waits = [Some(terms.settle), Some(terms.settle_again).filter(|_| answered.same_bytes)];
            for wait in waits.into_iter().flatten() {
                // Asked for within `wait` of our first sight of the version.
                let too_soon = asked.saturating_add(wait) > seen;
                if too_soon && seen >= wait {
                    return Standing::Moved { by: seen - wait };
                }
                if too_soon {
                    (settled, ttl) = (false, ttl.min(wait - seen));
                }
            }
        }
        let limit = if metadata.in_force == stamp.metadata { terms.max_unmoved } else { terms.max_unmoved_after_metadata };
        let doubted = missing || relevant.iter().any(|dates| dates.suspect.is_some());
        Standing::Current { ttl, limit, confirmed: settled && !doubted && looked < answered.completed.age(elapsed) }
    }

    fn unchecked(&self, answered: &Answered<'_>, elapsed: Duration) -> Standing {
        let by = match self.looked {
            Some(sent) => elapsed.saturating_sub(sent).saturating_sub(self.bound),
            // Another process may have looked.
            None => answered.completed.age(elapsed).saturating_sub(self.bound),
        };
        Standing::Unchecked { by }
    }
}

fn differs((data, metadata): (&Dates, &Dates), stamp: &Stamp, basis: Basis) -> bool {
    data.in_force != stamp.data || (basis == Basis::Metadata && metadata.in_force != stamp.metadata)
}

/// For how long it has been known that a version is not the stamped one.
fn moved_since((data, metadata): (&Dates, &Dates), stamp: &Stamp, elapsed: Duration) -> Duration {
    let other = |dates: &Dates, stamped: &Version| (dates.in_force != *stamped).then(|| dates.since.age(elapsed));
    other(data, &stamp.data).or_else(|| other(metadata, &stamp.metadata)).unwrap_or_default()
}
