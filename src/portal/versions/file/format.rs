//! The bytes of a table: JSON, which an operator can read, with a sum over what counts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::clock::{Moment, Reading};
use crate::portal::versions::table::{Dataset, Dates, Suspicion, Table};
use crate::portal::versions::version::Version;

/// What the present program writes, and reads.
const FORMAT: u32 = 1;

/// Why bytes are no table.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("its format is {0}, this program's is {FORMAT}")]
    Format(u32),
    #[error("its sum does not fit what it holds")]
    Sum,
    #[error("it is of portal `{portal}` at {origin}")]
    Foreign { portal: String, origin: String },
    #[error("it is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("one of its versions is of no known kind")]
    Kind,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Outer<'a> {
    format: u32,
    /// Of `table`, as it is written.
    crc32: u32,
    #[serde(borrow)]
    table: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    portal: String,
    origin: String,
    datasets: Vec<SavedDataset>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedDataset {
    id: Box<str>,
    data: SavedDates,
    metadata: SavedDates,
    missing: Option<SavedSuspicion>,
    withdrawn: Option<Timestamp>,
    unreliable: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedDates {
    in_force: SavedVersion,
    since: Timestamp,
    moved: bool,
    suspect: Option<(SavedVersion, SavedSuspicion)>,
}

/// Kind and text.
#[derive(Serialize, Deserialize)]
struct SavedVersion(u8, String);

/// Looks, and the first of them.
#[derive(Serialize, Deserialize)]
struct SavedSuspicion(u8, Timestamp);

pub(super) fn to_bytes(table: &Table, portal: &str, origin: &str) -> Vec<u8> {
    let mut datasets: Vec<_> = table.datasets().map(|(id, dataset)| SavedDataset::of(id, dataset)).collect();
    datasets.sort_by(|one, other| one.id.cmp(&other.id));
    let saved = Saved { portal: portal.to_owned(), origin: origin.to_owned(), datasets };
    let table = to_raw_value(&saved).expect("text, numbers and times are JSON");
    let outer = Outer { format: FORMAT, crc32: crc32fast::hash(table.get().as_bytes()), table: &table };
    serde_json::to_vec(&outer).expect("text and numbers are JSON")
}

pub(super) fn from_bytes(bytes: &[u8], portal: &str, origin: &str, now: Reading) -> Result<Table, Unreadable> {
    let Format { format } = serde_json::from_slice(bytes)?;
    if format != FORMAT {
        return Err(Unreadable::Format(format));
    }
    let Outer { crc32, table, .. } = serde_json::from_slice(bytes)?;
    if crc32fast::hash(table.get().as_bytes()) != crc32 {
        return Err(Unreadable::Sum);
    }
    let saved: Saved = serde_json::from_str(table.get())?;
    if (saved.portal.as_str(), saved.origin.as_str()) != (portal, origin) {
        return Err(Unreadable::Foreign { portal: saved.portal, origin: saved.origin });
    }
    let datasets = saved.datasets.into_iter().map(|dataset| dataset.recalled(now));
    Ok(Table::recalled(datasets.collect::<Option<Vec<_>>>().ok_or(Unreadable::Kind)?))
}

impl SavedDataset {
    fn of(id: &str, dataset: &Dataset) -> Self {
        Self {
            id: id.into(),
            data: SavedDates::of(&dataset.data),
            metadata: SavedDates::of(&dataset.metadata),
            missing: dataset.missing.map(SavedSuspicion::of),
            withdrawn: dataset.withdrawn.map(|at| at.wall()),
            unreliable: dataset.unreliable,
        }
    }

    fn recalled(self, now: Reading) -> Option<(Box<str>, Dataset)> {
        let dataset = Dataset {
            data: self.data.recalled(now)?,
            metadata: self.metadata.recalled(now)?,
            missing: self.missing.map(|missing| missing.recalled(now)),
            withdrawn: self.withdrawn.map(|at| Moment::recalled(at, now)),
            unreliable: self.unreliable,
        };
        Some((self.id, dataset))
    }
}

impl SavedDates {
    fn of(dates: &Dates) -> Self {
        let suspect = dates.suspect.as_ref();
        Self {
            in_force: SavedVersion::of(&dates.in_force),
            since: dates.since.wall(),
            moved: dates.moved,
            suspect: suspect.map(|(version, seen)| (SavedVersion::of(version), SavedSuspicion::of(*seen))),
        }
    }

    fn recalled(self, now: Reading) -> Option<Dates> {
        let suspect = match self.suspect {
            Some((version, seen)) => Some((version.recalled()?, seen.recalled(now))),
            None => None,
        };
        Some(Dates { in_force: self.in_force.recalled()?, since: Moment::recalled(self.since, now), moved: self.moved, suspect })
    }
}

impl SavedVersion {
    fn of(version: &Version) -> Self {
        let (kind, text) = version.to_parts();
        Self(kind, text.to_owned())
    }

    fn recalled(self) -> Option<Version> {
        Version::from_parts(self.0, &self.1)
    }
}

impl SavedSuspicion {
    fn of(suspicion: Suspicion) -> Self {
        Self(suspicion.looks, suspicion.since.wall())
    }

    fn recalled(self, now: Reading) -> Suspicion {
        Suspicion { looks: self.0, since: Moment::recalled(self.1, now) }
    }
}
