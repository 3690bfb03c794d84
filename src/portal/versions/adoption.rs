//! What of a look is believed.
//!
//! A version that moved is believed at once, if it can be a version: a date that is missing, stated twice, older than the one before or still to
//! come is *suspect*, and believed once three looks in a row, or all looks of a quarter of an hour, have agreed on it. So is the absence of a
//! dataset. A catalogue that is empty, or has lost half of its datasets, is an accident of the portal.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use jiff::Timestamp;

use super::Terms;
use super::table::{Dataset, Dates, Suspicion, Table};
use super::version::{Fingerprint, Fingerprinting, Version};
use crate::clock::{Moment, Reading};

/// What one look has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The datasets as listed.
    pub rows: Vec<Row>,
    /// What the portal's clock showed.
    pub portal_now: Option<Timestamp>,
}

/// One line of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The dataset.
    pub id: String,
    /// Its `data_processed`.
    pub data: Option<String>,
    /// Its `metadata_processed`.
    pub metadata: Option<String>,
}

/// What a look has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Datasets whose data have a new version.
    pub moved: Vec<String>,
    /// Whether there is anything new that another process should know.
    pub changed: bool,
}

/// A catalogue that cannot be the portal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Accident {
    /// It lists nothing.
    #[error("the catalogue is empty")]
    Empty,
    /// It lists less than half of what is known.
    #[error("the catalogue has shrunk from {known} datasets to {listed}")]
    Shrunk {
        /// Datasets known.
        known: usize,
        /// Datasets listed.
        listed: usize,
    },
}

/// A version may be this far ahead of the clocks: they are not the same clock.
const AHEAD: Duration = Duration::from_secs(600);

impl Table {
    pub(super) fn adopt(&mut self, terms: &Terms, catalogue: &Catalogue, sent: Reading) -> Result<Adopted, Accident> {
        let listed = listed(catalogue);
        self.refuse_accident(&listed, sent)?;
        let look = Look {
            settle: terms.settle,
            sent: Moment::at(sent),
            elapsed: sent.elapsed,
            latest: catalogue.portal_now.map_or(sent.now, |there| there.max(sent.now)).checked_add(AHEAD).unwrap_or(Timestamp::MAX),
            first: self.datasets.is_empty(),
        };
        let mut adopted = Adopted { changed: look.first, ..Adopted::default() };
        for (id, (data, metadata)) in &listed {
            match self.datasets.entry((*id).into()) {
                Entry::Vacant(place) => {
                    place.insert(look.sight_of(data, metadata));
                    adopted.moved.extend((!look.first).then(|| (*id).to_owned()));
                    adopted.changed = true;
                }
                Entry::Occupied(mut known) => {
                    let known = known.get_mut();
                    adopted.changed |= known.missing.take().is_some();
                    if look.compare(&mut known.data, data, &mut adopted.changed) {
                        adopted.moved.push((*id).to_owned());
                    }
                    look.compare(&mut known.metadata, metadata, &mut adopted.changed);
                }
            }
        }
        self.datasets.retain(|id, known| {
            if listed.contains_key(id.as_ref()) {
                return true;
            }
            adopted.changed = true;
            let missing = known.missing.map_or_else(|| Suspicion::first(look.sent), Suspicion::again);
            known.missing = Some(missing);
            !missing.is_over(look.elapsed)
        });
        self.take_fingerprints();
        (self.looked, self.refused, self.bound) = (Some(sent.elapsed), false, self.bound.max(terms.bound));
        adopted.moved.sort();
        Ok(adopted)
    }

    /// An empty catalogue is never believed; one that has shrunk by half, once it has been seen as often and as long as anything that is hard to
    /// believe.
    fn refuse_accident(&mut self, listed: &Listed<'_>, sent: Reading) -> Result<(), Accident> {
        if listed.is_empty() {
            return Err(Accident::Empty);
        }
        // What has been missing before was believed to be: it is not lost once more.
        let expected = self.datasets.iter().filter(|(_, dataset)| dataset.missing.is_none());
        let (known, left) =
            expected.fold((0, 0), |(known, left), (id, _)| (known + 1, left + usize::from(listed.contains_key(id.as_ref()))));
        if left * 2 > known || known == 0 {
            self.unlikely = None;
            return Ok(());
        }
        let list = names(listed);
        let seen = self.unlikely.filter(|(before, _)| *before == list).map(|(_, seen)| seen.again());
        let seen = seen.unwrap_or_else(|| Suspicion::first(Moment::at(sent)));
        if seen.is_over(sent.elapsed) {
            self.unlikely = None;
            return Ok(());
        }
        self.unlikely = Some((list, seen));
        Err(Accident::Shrunk { known, listed: left })
    }
}

/// Both versions of each dataset that a catalogue lists.
type Listed<'a> = HashMap<&'a str, (Version, Version)>;

fn listed(catalogue: &Catalogue) -> Listed<'_> {
    let mut listed = Listed::new();
    for Row { id, data, metadata } in &catalogue.rows {
        let (data, metadata) = (Version::stated(data.as_deref()), Version::stated(metadata.as_deref()));
        match listed.entry(id.as_str()) {
            Entry::Vacant(place) => {
                place.insert((data, metadata));
            }
            Entry::Occupied(mut twice) => {
                let (one, other) = twice.get_mut();
                merge(one, data);
                merge(other, metadata);
            }
        }
    }
    listed
}

/// What a dataset that is listed twice has for a version.
fn merge(one: &mut Version, other: Version) {
    if *one != other {
        let mut both: Vec<String> = one.to_string().split('|').map(str::to_owned).chain([other.to_string()]).collect();
        both.sort();
        both.dedup();
        *one = Version::Ambiguous(both.join("|").into());
    }
}

fn names(listed: &Listed<'_>) -> Fingerprint {
    let mut sorted: Vec<_> = listed.keys().collect();
    sorted.sort();
    let mut list = Fingerprinting::default();
    sorted.into_iter().for_each(|id| list.add(id));
    list.finish()
}

/// A look, for what it says of one date after the other.
struct Look {
    settle: Duration,
    sent: Moment,
    elapsed: Duration,
    /// What is later than this is still to come.
    latest: Timestamp,
    /// Nothing was known before.
    first: bool,
}

impl Look {
    /// A dataset that was not known.
    fn sight_of(&self, data: &Version, metadata: &Version) -> Dataset {
        let dates = |stated: &Version| Dates {
            in_force: stated.clone(),
            since: self.sent,
            moved: !(self.first && self.has_long_stood(stated)),
            suspect: self.is_suspect(None, stated).then(|| (stated.clone(), Suspicion::first(self.sent))),
        };
        Dataset { data: dates(data), metadata: dates(metadata), missing: None, withdrawn: None, unreliable: false }
    }

    /// Where nothing was known before, nothing was seen to move: a date that is older than the time to settle is taken at its word, or the first
    /// minutes of a new installation would pay for everything twice.
    fn has_long_stood(&self, stated: &Version) -> bool {
        stated.moment().and_then(|moment| moment.checked_add(self.settle).ok()).is_some_and(|settled| settled < self.sent.wall())
    }

    /// Compares a date with what is stated of it now. Whether it moved.
    fn compare(&self, known: &mut Dates, stated: &Version, changed: &mut bool) -> bool {
        let before = known.clone();
        let seen = known.suspect.take().filter(|(value, _)| value == stated).map(|(_, seen)| seen.again());
        let moves = if *stated == known.in_force {
            // It is believed already; it may be that it was never quite.
            let anew = || (before.suspect.is_some() && self.is_suspect(None, stated)).then(|| Suspicion::first(self.sent));
            let seen = seen.or_else(anew).filter(|seen| !seen.is_over(self.elapsed));
            known.suspect = seen.map(|seen| (stated.clone(), seen));
            false
        } else if self.is_suspect(Some(&known.in_force), stated) {
            let seen = seen.unwrap_or_else(|| Suspicion::first(self.sent));
            let believed = seen.is_over(self.elapsed);
            known.suspect = (!believed).then(|| (stated.clone(), seen));
            believed
        } else {
            true
        };
        if moves {
            (known.in_force, known.since, known.moved) = (stated.clone(), self.sent, true);
        }
        *changed |= *known != before;
        moves
    }

    /// Whether `stated` is hard to believe, after `before`.
    fn is_suspect(&self, before: Option<&Version>, stated: &Version) -> bool {
        match (stated.moment(), before.and_then(Version::moment)) {
            (Some(moment), _) if moment > self.latest => true,
            (Some(moment), Some(before)) => moment < before,
            // A text that is no date is a token like any other.
            _ => !matches!(stated, Version::Stated(_)),
        }
    }
}
