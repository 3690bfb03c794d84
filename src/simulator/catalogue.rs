//! The datasets of one running portal: the shared rows, and what `touch` and `swell` have done to them here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::data::{Store, Template};
use super::dice::{hash, mix, unmix};
use super::refusal::Refusal;
use super::swell::Swell;
use super::table::{Columns, Table};

/// Rows that each touch adds.
const ROWS_PER_TOUCH: usize = 3;

/// A touch beyond this one only moves the date: rows are bounded.
const MOST_TOUCHES: usize = 10_000;

/// What of a dataset changes while the portal runs.
#[derive(Clone, Debug)]
struct State {
    touches: usize,
    fresh: Option<Arc<Columns>>,
    modified: Timestamp,
    data_processed: Option<Timestamp>,
    metadata_processed: Timestamp,
    swell: Option<Swell>,
}

/// A dataset as it is at one moment.
#[derive(Clone, Debug)]
pub struct Dataset {
    store: Arc<Store>,
    at: usize,
    state: State,
    origin: Arc<str>,
}

/// The datasets.
#[derive(Debug)]
pub struct Catalogue {
    store: Arc<Store>,
    states: Mutex<Vec<State>>,
}

impl Catalogue {
    /// The untouched portal of this seed.
    pub fn new(seed: u64) -> Self {
        let store = Store::shared(seed);
        let states = Mutex::new(untouched(&store));
        Self { store, states }
    }

    /// Undoes all touches and swellings.
    pub fn reset(&self) {
        *self.states() = untouched(&self.store);
    }

    /// The datasets that a caller sees, in the order of the catalogue.
    pub fn visible(&self, keyed: bool) -> Vec<Dataset> {
        let states = self.states();
        let all = states.iter().enumerate().map(|(at, state)| Dataset {
            store: self.store.clone(),
            at,
            state: state.clone(),
            origin: Arc::default(),
        });
        all.filter(|dataset| keyed || !dataset.template().key_only).collect()
    }

    /// A dataset that the caller sees.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] if there is none of this id.
    pub fn dataset(&self, id: &str, keyed: bool) -> Result<Dataset, Refusal> {
        let missing = || Refusal::NotFound { what: "dataset", id: id.to_owned() };
        // The portal's widgets write `id@domain` for a dataset of a domain.
        let at = self.store.position(id.split('@').next().unwrap_or(id)).ok_or_else(missing)?;
        let dataset = Dataset { store: self.store.clone(), at, state: self.states()[at].clone(), origin: Arc::default() };
        if dataset.template().key_only && !keyed { Err(missing()) } else { Ok(dataset) }
    }

    /// Processes a dataset anew: more rows in front, and a later date. Whether there is such a dataset.
    pub fn touch(&self, id: &str, now: Timestamp) -> bool {
        let Some(at) = self.store.position(id) else { return false };
        let template = &self.store.templates[at];
        let touches = (self.states()[at].touches + 1).min(MOST_TOUCHES);
        let more = template.rows..template.rows + touches * ROWS_PER_TOUCH;
        let fresh = Arc::new(template.generate(self.store.seed, "fresh", more));
        let mut states = self.states();
        let state = &mut states[at];
        state.touches = touches;
        state.fresh = Some(fresh);
        state.data_processed = Some(now);
        state.modified = now;
        true
    }

    /// Publishes the metadata of a dataset anew without touching its rows. Whether there is such a dataset.
    pub fn touch_metadata(&self, id: &str, now: Timestamp) -> bool {
        let position = self.store.position(id);
        if let Some(at) = position {
            self.states()[at].metadata_processed = now;
        }
        position.is_some()
    }

    /// Makes the exports of a dataset longer than its rows are. Whether there is such a dataset.
    pub fn swell(&self, id: &str, swell: Swell) -> bool {
        let position = self.store.position(id);
        if let Some(at) = position {
            self.states()[at].swell = Some(swell);
        }
        position.is_some()
    }

    fn states(&self) -> MutexGuard<'_, Vec<State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn untouched(store: &Store) -> Vec<State> {
    /// All dates lie in the thousand hours after this: well in the past of whoever runs the portal.
    const FIRST: i64 = 1_735_689_600; // 2025-01-01
    let first = Timestamp::from_second(FIRST).unwrap_or(Timestamp::UNIX_EPOCH);
    let state = |template: &Template| {
        let chance = mix(store.seed ^ hash(&template.id));
        let processed =
            first + SignedDuration::from_hours((chance % 1000) as i64) + SignedDuration::from_micros((chance >> 32) as i64 % 3_600_000_000);
        State {
            touches: 0,
            fresh: None,
            modified: Timestamp::from_second(processed.as_second() - (chance % 90) as i64 * 86_400).unwrap_or(processed),
            // One dataset in thirty-two has never been processed, as real portals have them.
            data_processed: (!chance.is_multiple_of(32) || template.rows > 1000).then_some(processed),
            metadata_processed: processed + SignedDuration::from_hours(26),
            swell: None,
        }
    };
    store.templates.iter().map(state).collect()
}

impl Dataset {
    /// What the dataset is.
    pub fn template(&self) -> &Template {
        &self.store.templates[self.at]
    }

    /// The same dataset, as it speaks of itself to whoever calls the portal by this origin.
    pub fn at(self, origin: &str) -> Self {
        Self { origin: origin.into(), ..self }
    }

    /// The origin that it is called by.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.template().id
    }

    /// Its rows.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`] if the caller may not read them.
    pub fn table(&self, keyed: bool) -> Result<Table, Refusal> {
        if !self.template().data_visible && !keyed {
            return Err(Refusal::Forbidden);
        }
        let table = Table::new(self.template().schema.clone(), self.store.columns(self.at), self.state.fresh.clone());
        Ok(table.with_files(&self.origin, self.id()))
    }

    /// Number of rows, without making them.
    pub fn records_count(&self) -> usize {
        self.template().rows + self.state.fresh.as_ref().map_or(0, |fresh| fresh.len())
    }

    /// What the publisher shows as its date.
    pub fn modified(&self) -> Timestamp {
        self.state.modified
    }

    /// When the records were processed last.
    pub fn data_processed(&self) -> Option<Timestamp> {
        self.state.data_processed
    }

    /// When the metadata were published last.
    pub fn metadata_processed(&self) -> Timestamp {
        self.state.metadata_processed
    }

    /// How much longer than its rows its exports are made.
    pub fn swell(&self) -> Option<Swell> {
        self.state.swell
    }

    /// The instant that all its records carry.
    pub fn record_timestamp(&self) -> Timestamp {
        self.state.data_processed.unwrap_or(self.state.metadata_processed)
    }

    /// The id of the record in this row: forty hexadecimal digits that stay with it when rows are added in front.
    pub fn record_id(&self, row: usize) -> String {
        self.repeated_id(row, 0)
    }

    /// The id of the record in this row, in this round through the rows of a swollen export. No two rounds share one, and those of later
    /// rounds are of no record.
    pub fn repeated_id(&self, row: usize, round: u64) -> String {
        let number = self.number(row) | round << 32;
        let first = mix(number ^ self.key());
        format!("{first:016x}{:016x}{:08x}", mix(first), mix(first ^ 1) as u32)
    }

    /// The row of the record with this id.
    pub fn row_of(&self, record_id: &str) -> Option<usize> {
        let first = u64::from_str_radix(record_id.get(..16)?, 16).ok()?;
        let number = unmix(first) ^ self.key();
        let fresh = self.state.fresh.as_ref().map_or(0, |fresh| fresh.len()) as u64;
        let rows = self.template().rows as u64;
        let row = if number < rows { number + fresh } else { number.checked_sub(rows)? };
        let row = usize::try_from(row).ok().filter(|row| *row < self.records_count())?;
        (self.record_id(row) == record_id).then_some(row)
    }

    /// Base rows are numbered from zero, added ones behind them.
    fn number(&self, row: usize) -> u64 {
        let fresh = self.state.fresh.as_ref().map_or(0, |fresh| fresh.len());
        (if row < fresh { self.template().rows + row } else { row - fresh }) as u64
    }

    fn key(&self) -> u64 {
        mix(self.store.seed ^ hash(&self.template().id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_touch_adds_rows_in_front_and_record_ids_stay_with_their_rows() {
        let catalogue = Catalogue::new(5);
        let id = "fr-en-effectifs-internats";
        let before = catalogue.dataset(id, false).unwrap();
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        assert!(catalogue.touch(id, now));
        let after = catalogue.dataset(id, false).unwrap();
        assert_eq!(after.records_count(), before.records_count() + ROWS_PER_TOUCH);
        assert_eq!(after.data_processed(), Some(now));
        assert_eq!(after.record_id(ROWS_PER_TOUCH), before.record_id(0));
        for row in [0, 1, ROWS_PER_TOUCH, after.records_count() - 1] {
            assert_eq!(after.row_of(&after.record_id(row)), Some(row));
        }
        assert_eq!(after.row_of("06f549eac5cbbe4d02f7fac18ed71d5de30aafab"), None);
        assert_eq!(after.repeated_id(3, 0), after.record_id(3));
        assert_eq!(after.row_of(&after.repeated_id(3, 1)), None, "a repetition is no record");
        catalogue.reset();
        assert_eq!(catalogue.dataset(id, false).unwrap().records_count(), before.records_count());
    }

    #[test]
    fn two_datasets_are_not_for_everybody() {
        let catalogue = Catalogue::new(5);
        assert_eq!(catalogue.visible(true).len(), catalogue.visible(false).len() + 1);
        assert!(catalogue.dataset("fr-en-reserve-aux-services", false).is_err());
        let closed = catalogue.dataset("fr-en-mobilites-nominatives", false).unwrap();
        assert_eq!(closed.table(false).unwrap_err(), Refusal::Forbidden);
        assert!(closed.table(true).is_ok());
    }
}
