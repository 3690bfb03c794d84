//! What is counted, in memory: per hour, portal, payer, dataset and family. Pure; bounded whatever is asked.
//!
//! Memory holds what the file does not have yet. A row that was taken to be written begins again at nothing, but its dataset keeps its name
//! for the hour, so that what an hour names stays bounded however often it is written.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::request::endpoint::Family;

/// Datasets that are named per hour, portal and payer; further ones are counted together.
pub const NAMED_DATASETS: usize = 64;
/// A dataset's id is never as long: what is longer is somebody's invention.
const LONGEST_ID: usize = 128;
/// Where the datasets are counted that are not named.
pub const OTHER: &str = "(other)";
/// What is about no dataset.
pub const NO_DATASET: &str = "";
/// Hours that memory holds while the file cannot be written. Older ones are lost.
const HOURS: usize = 48;

/// An hour of UTC, as a number of hours since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub i64);

impl Hour {
    /// Seconds that it has.
    pub const SECONDS: i64 = 3_600;

    /// The hour that `at` lies in.
    pub fn of(at: Timestamp) -> Self {
        Self(at.as_second().div_euclid(Self::SECONDS))
    }

    /// Its first instant.
    pub fn begin(self) -> Timestamp {
        Timestamp::from_second(self.0.saturating_mul(Self::SECONDS)).unwrap_or(Timestamp::MIN)
    }

    /// The UTC day that it is part of, as a number of days since 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(24)
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Questions asked.
    pub requests: u64,
    /// Answered from store, fresh.
    pub hits: u64,
    /// Answered from store, stale.
    pub stale: u64,
    /// Refused: no call could leave for them, and nothing was stored.
    pub refused: u64,
    /// Calls charged. Below nothing where one that was written has turned out to be none.
    pub calls: i64,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
}

impl Counts {
    /// Adds what `other` counts.
    pub fn add(&mut self, other: &Self) {
        let Self { requests, hits, stale, refused, calls, bytes } = self;
        *calls = calls.saturating_add(other.calls);
        let counts = [(requests, other.requests), (hits, other.hits), (stale, other.stale), (refused, other.refused), (bytes, other.bytes)];
        for (sum, more) in counts {
            *sum = sum.saturating_add(more);
        }
    }
}

/// What a count is of. Portals and payers by their places in the lists that the history was opened with.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The portal.
    pub portal: usize,
    /// Who pays, or would.
    pub payer: usize,
    /// The kind of answer.
    pub family: Option<Family>,
    /// The dataset that is asked about.
    pub dataset: Option<&'a str>,
}

/// What was counted of one subject in one hour since it was last taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The hour.
    pub hour: Hour,
    /// See [`Subject::portal`].
    pub portal: usize,
    /// See [`Subject::payer`].
    pub payer: usize,
    /// See [`Subject::family`].
    pub family: Option<Family>,
    /// [`NO_DATASET`] and [`OTHER`] among them.
    pub dataset: Box<str>,
    /// What happened.
    pub counts: Counts,
}

/// The hours that are not written yet, the present one among them.
#[derive(Debug)]
pub struct Hours {
    portals: usize,
    payers: usize,
    /// Nearly always one, so it is found by looking.
    hours: Vec<OfHour>,
}

#[derive(Debug)]
struct OfHour {
    hour: Hour,
    /// By portal and payer.
    sections: Vec<Section>,
}

/// One payer's part of an hour at one portal: few families of each dataset.
#[derive(Debug, Default)]
struct Section(HashMap<Box<str>, Vec<(Option<Family>, Counts)>>);

impl Hours {
    /// Nothing counted.
    pub fn new(portals: usize, payers: usize) -> Self {
        Self { portals, payers, hours: Vec::new() }
    }

    /// The counts of a subject. Allocates only for one that this hour has not seen.
    pub fn counts(&mut self, hour: Hour, subject: Subject<'_>) -> &mut Counts {
        let place = subject.portal.min(self.portals - 1) * self.payers + subject.payer.min(self.payers - 1);
        self.of(hour).sections[place].counts(subject.family, subject.dataset)
    }

    fn of(&mut self, hour: Hour) -> &mut OfHour {
        if let Some(known) = self.hours.iter().rposition(|known| known.hour == hour) {
            return &mut self.hours[known];
        }
        if self.hours.len() >= HOURS
            && let Some(oldest) = (0..self.hours.len()).min_by_key(|&place| self.hours[place].hour)
        {
            self.hours.remove(oldest);
        }
        let sections = std::iter::repeat_with(Section::default).take(self.portals * self.payers).collect();
        self.hours.push(OfHour { hour, sections });
        self.hours.last_mut().expect("it was just pushed")
    }

    /// Takes all that is not written yet, and forgets the hours before `now`.
    pub fn take(&mut self, now: Hour) -> Vec<Row> {
        let payers = self.payers;
        let mut rows = Vec::new();
        for OfHour { hour, sections } in &mut self.hours {
            for (place, section) in sections.iter_mut().enumerate() {
                for (dataset, families) in &mut section.0 {
                    for (family, counts) in families {
                        let counts = std::mem::take(counts);
                        if counts != Counts::default() {
                            let (portal, payer) = (place / payers, place % payers);
                            rows.push(Row { hour: *hour, portal, payer, family: *family, dataset: dataset.clone(), counts });
                        }
                    }
                }
            }
        }
        self.hours.retain(|of| of.hour == now);
        rows
    }

    /// Takes back what could not be written.
    pub fn put_back(&mut self, rows: Vec<Row>) {
        for Row { hour, portal, payer, family, dataset, counts } in rows {
            let dataset = Some(&*dataset).filter(|dataset| *dataset != NO_DATASET);
            self.counts(hour, Subject { portal, payer, family, dataset }).add(&counts);
        }
    }
}

impl Section {
    fn counts(&mut self, family: Option<Family>, dataset: Option<&str>) -> &mut Counts {
        let name = dataset.unwrap_or(NO_DATASET);
        let name = if self.0.contains_key(name) {
            name
        } else {
            let fits = name.len() <= LONGEST_ID && (self.0.len() < NAMED_DATASETS || name == NO_DATASET);
            let name = if fits { name } else { OTHER };
            self.0.entry(name.into()).or_default();
            name
        };
        let families = self.0.get_mut(name).expect("it is there, or was just put there");
        let place = families.iter().position(|(known, _)| *known == family).unwrap_or_else(|| {
            families.push((family, Counts::default()));
            families.len() - 1
        });
        &mut families[place].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(dataset: &str) -> Subject<'_> {
        Subject { portal: 0, payer: 1, family: Some(Family::Records), dataset: Some(dataset) }
    }

    #[test]
    fn an_hour_begins_and_belongs_to_a_day_of_utc() {
        let hour = Hour::of("2026-03-02T23:59:59.999Z".parse().unwrap());
        assert_eq!(hour.begin(), "2026-03-02T23:00:00Z".parse().unwrap());
        assert_eq!(Hour(hour.0 + 1).day(), hour.day() + 1);
        assert_eq!(Hour::of("1969-12-31T23:30:00Z".parse().unwrap()), Hour(-1));
    }

    #[test]
    fn what_is_taken_is_taken_once_and_can_be_put_back() {
        let mut hours = Hours::new(1, 2);
        hours.counts(Hour(7), subject("a")).requests += 2;
        hours.counts(Hour(7), subject("a")).calls += 1;
        hours.counts(Hour(7), Subject { dataset: None, ..subject("") }).requests += 1;
        let rows = hours.take(Hour(7));
        assert_eq!(rows.len(), 2);
        assert!(hours.take(Hour(7)).is_empty());
        hours.counts(Hour(7), subject("a")).requests += 1;
        hours.put_back(rows);
        let rows = hours.take(Hour(8));
        let of_a = rows.iter().find(|row| &*row.dataset == "a").unwrap();
        assert_eq!(of_a.counts, Counts { requests: 3, calls: 1, ..Counts::default() });
        assert_eq!((of_a.portal, of_a.payer, of_a.family), (0, 1, Some(Family::Records)));
        assert!(hours.hours.is_empty(), "an hour that is over and taken is forgotten");
    }

    #[test]
    fn datasets_beyond_the_bound_are_counted_together_however_often_the_hour_is_written() {
        let mut hours = Hours::new(1, 2);
        for n in 0..3 * NAMED_DATASETS {
            hours.counts(Hour(7), subject(&format!("invented-{n}"))).requests += 1;
            if n % 50 == 0 {
                hours.take(Hour(7));
            }
        }
        hours.counts(Hour(7), subject(&"x".repeat(LONGEST_ID + 1))).requests += 1;
        hours.counts(Hour(7), Subject { dataset: None, ..subject("") }).requests += 1;
        assert!(hours.hours[0].sections[1].0.len() <= NAMED_DATASETS + 2);
        let rows = hours.take(Hour(7));
        let other = rows.iter().find(|row| &*row.dataset == OTHER).unwrap();
        assert_eq!(other.counts.requests, (3 * NAMED_DATASETS - 151 + 1) as u64);
    }

    #[test]
    fn hours_that_cannot_be_written_are_bounded_and_the_oldest_goes() {
        let mut hours = Hours::new(1, 1);
        for n in 0..100 {
            hours.counts(Hour(n), subject("a")).requests += 1;
        }
        let rows = hours.take(Hour(99));
        assert_eq!(rows.len(), HOURS);
        assert!(rows.iter().all(|row| row.hour >= Hour(52)));
    }
}
