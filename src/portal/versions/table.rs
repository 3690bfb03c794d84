//! The table: per dataset, which version is in force, since when, and what speaks against it.

use std::collections::HashMap;
use std::time::Duration;

use super::version::{Fingerprint, Fingerprinting, Stamp, Version};
use crate::clock::{Moment, Reading};

/// A snapshot of what is known of all datasets.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(super) datasets: HashMap<Box<str>, Dataset>,
    /// Of all that is in force, and of the names alone.
    pub(super) fingerprints: Option<(Fingerprint, Fingerprint)>,
    /// When the last look that succeeded was sent, on the monotonic hand; none in this process so far.
    pub(super) looked: Option<Duration>,
    /// How long a look is relied on.
    pub(super) bound: Duration,
    /// The portal lets nobody look.
    pub(super) refused: bool,
    /// A list of datasets that was taken for an accident, and how often in a row it has come.
    pub(super) unlikely: Option<(Fingerprint, Suspicion)>,
}

/// What is known of one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Its records.
    pub data: Dates,
    /// Its metadata.
    pub metadata: Dates,
    /// It is missing from the catalogue's latest readings.
    pub missing: Option<Suspicion>,
    /// The portal withdrew it: what was asked for before is not served stale.
    pub withdrawn: Option<Moment>,
    /// Its version was found out to say nothing.
    pub unreliable: bool,
}

/// One of a dataset's dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dates {
    /// What counts.
    pub in_force: Version,
    /// When it was first seen.
    pub since: Moment,
    /// It was seen to move: for a while the portal may still answer with what was before.
    pub moved: bool,
    /// What the catalogue states is hard to believe: `in_force` itself, or another version that is not in force yet.
    pub suspect: Option<(Version, Suspicion)>,
}

/// Something that is believed once it has been seen often or long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Looks in a row that agreed on it.
    pub looks: u8,
    /// The first of them.
    pub since: Moment,
}

impl Suspicion {
    /// After this many agreeing looks it is believed,
    const LOOKS: u8 = 3;
    /// or after this long.
    const TIME: Duration = Duration::from_secs(15 * 60);

    /// Seen for the first time.
    pub(super) fn first(sent: Moment) -> Self {
        Self { looks: 1, since: sent }
    }

    /// Seen once more.
    pub(super) fn again(self) -> Self {
        Self { looks: self.looks.saturating_add(1), ..self }
    }

    /// Whether it has been seen often or long enough, as of a look that was sent at `elapsed`.
    pub(super) fn is_over(self, elapsed: Duration) -> bool {
        self.looks >= Self::LOOKS || self.since.age(elapsed) >= Self::TIME
    }
}

impl Table {
    /// A table of which another process has known all this; a look is due.
    pub fn recalled(datasets: impl IntoIterator<Item = (Box<str>, Dataset)>) -> Self {
        let mut table = Self { datasets: datasets.into_iter().collect(), ..Self::default() };
        if !table.datasets.is_empty() {
            table.take_fingerprints();
        }
        table
    }

    /// What is known of each dataset, in no order.
    pub fn datasets(&self) -> impl Iterator<Item = (&str, &Dataset)> {
        self.datasets.iter().map(|(id, dataset)| (id.as_ref(), dataset))
    }

    /// What is known of one.
    pub fn dataset(&self, id: &str) -> Option<&Dataset> {
        self.datasets.get(id)
    }

    /// When the last look that succeeded in this process was sent, on the monotonic hand.
    pub fn looked(&self) -> Option<Duration> {
        self.looked
    }

    /// How long it is relied on.
    pub fn bound(&self) -> Duration {
        self.bound
    }

    /// Whether the portal lets nobody look.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    pub(super) fn is_current(&self, elapsed: Duration) -> bool {
        self.refused || self.looked.is_some_and(|sent| elapsed.saturating_sub(sent) <= self.bound)
    }

    pub(super) fn stamp(&self, dataset: Option<&str>) -> Option<Stamp> {
        let (table, list) = self.fingerprints?;
        let known = dataset.and_then(|id| self.datasets.get(id));
        let version = |date: fn(&Dataset) -> &Dates| known.map(|known| date(known).in_force.clone()).unwrap_or_default();
        Some(Stamp { data: version(|known| &known.data), metadata: version(|known| &known.metadata), table, list })
    }

    pub(super) fn withdraw(&mut self, dataset: &str, now: Reading) -> bool {
        let known = self.datasets.get_mut(dataset);
        known.map(|known| known.withdrawn = Some(Moment::at(now))).is_some()
    }

    pub(super) fn rely_on(&mut self, dataset: &str, relied: bool) {
        if let Some(known) = self.datasets.get_mut(dataset) {
            known.unreliable = !relied;
        }
    }

    pub(super) fn take_fingerprints(&mut self) {
        let mut sorted: Vec<_> = self.datasets.iter().collect();
        sorted.sort_by_key(|(id, _)| *id);
        let (mut table, mut list) = (Fingerprinting::default(), Fingerprinting::default());
        for (id, dataset) in sorted {
            list.add(id);
            for text in [id.as_ref(), &dataset.data.in_force.to_string(), &dataset.metadata.in_force.to_string()] {
                table.add(text);
            }
        }
        self.fingerprints = Some((table.finish(), list.finish()));
    }
}
