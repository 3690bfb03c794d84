//! What a call is wished for, and by whom.

use std::fmt;

use super::Purpose;
use crate::team::TeamId;

/// A call that is wished for.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    purpose: Purpose,
    credential: Option<&'a str>,
    dataset: Option<&'a str>,
    waiting: &'a (dyn Fn() -> Vec<TeamId> + Sync),
}

impl<'a> Wish<'a> {
    /// A call for askers: `waiting` names the teams of those who wait for it now, in order of arrival. It is asked anew at each decision, because
    /// askers come and leave; the first that may spend pays.
    pub fn of_askers(waiting: &'a (dyn Fn() -> Vec<TeamId> + Sync)) -> Self {
        Self { purpose: Purpose::Fill, credential: None, dataset: None, waiting }
    }

    /// A call that nobody waits for, paid from the reserve of its purpose.
    pub fn background(purpose: Purpose) -> Self {
        Self { purpose, credential: None, dataset: None, waiting: &|| Vec::new() }
    }

    /// It carries the credential of the portal with this fingerprint.
    #[must_use]
    pub fn with_credential(self, credential: Option<&'a str>) -> Self {
        Self { credential, ..self }
    }

    /// It asks about this dataset, for which the portal may have set a limit.
    #[must_use]
    pub fn about(self, dataset: Option<&'a str>) -> Self {
        Self { dataset, ..self }
    }

    /// What it is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// As it is at this moment.
    pub(super) fn now<T>(&self, decide: impl FnOnce(&Bid<'_>) -> T) -> T {
        let teams = (self.waiting)();
        decide(&Bid { purpose: self.purpose, credential: self.credential, dataset: self.dataset, teams: &teams })
    }
}

impl fmt::Debug for Wish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wish").field("purpose", &self.purpose).field("dataset", &self.dataset).finish_non_exhaustive()
    }
}

/// A [`Wish`] at the moment of a decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bid<'a> {
    pub purpose: Purpose,
    pub credential: Option<&'a str>,
    pub dataset: Option<&'a str>,
    /// The teams that wait, in order of arrival; none for what nobody waits for.
    pub teams: &'a [TeamId],
}
