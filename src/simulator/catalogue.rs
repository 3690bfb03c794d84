//! The datasets of one running portal: the shared rows, and what the control paths have done to them here.
//!
//! [`state`] says what can become of one dataset, [`dataset`] how it is read; which datasets there are to be seen is decided here.

mod dataset;
pub mod state;

pub use self::dataset::Dataset;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use self::state::{Hidden, Late, Said, Shown, State, Stated};
use super::data::{Store, Template};
use super::dice::{hash, mix};
use super::quota::Account;
use super::refusal::Refusal;

/// Rows that each touch adds.
const ROWS_PER_TOUCH: usize = 3;

/// A touch beyond this one only moves the date: rows are bounded.
const MOST_TOUCHES: usize = 10_000;

/// The datasets.
#[derive(Debug)]
pub struct Catalogue {
    store: Arc<Store>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    states: Vec<State>,
    /// How many datasets are listed at most.
    keep: usize,
}

impl Catalogue {
    /// The untouched portal of this seed, with so many datasets for everybody to see.
    pub fn new(seed: u64, datasets: usize) -> Self {
        let store = Store::shared(seed, datasets);
        let inner = Mutex::new(Inner::new(&store));
        Self { store, inner }
    }

    /// Undoes everything.
    pub fn reset(&self) {
        *self.inner() = Inner::new(&self.store);
    }

    /// Lets out whatever was held back until now.
    pub fn pass(&self, now: Timestamp) {
        self.inner().states.iter_mut().for_each(|state| state.pass(now));
    }

    /// The datasets that are listed for a caller, in the order of the catalogue.
    pub fn visible(&self, caller: &Account) -> Vec<Dataset> {
        let inner = self.inner();
        let listed = inner.states.iter().enumerate().filter(|(at, state)| {
            let hidden = state.hidden.is_some_and(|hidden| !hidden.listed);
            state.published && !hidden && self.is_there(*at, state, caller)
        });
        let datasets = listed.take(inner.keep).flat_map(|(at, _)| {
            let dataset = self.at(&inner, at);
            let again = inner.states[at].twice.then(|| dataset.clone().listed_again());
            std::iter::once(dataset).chain(again)
        });
        datasets.collect()
    }

    /// A dataset that the caller sees, listed or not.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] if there is none of this id, [`Refusal::Hidden`] if it was told to say so.
    pub fn dataset(&self, id: &str, caller: &Account) -> Result<Dataset, Refusal> {
        let missing = || Refusal::NotFound { what: "dataset", id: id.to_owned() };
        // The portal's widgets write `id@domain` for a dataset of a domain.
        let at = self.store.position(id.split('@').next().unwrap_or(id)).ok_or_else(missing)?;
        let dataset = self.at(&self.inner(), at);
        if !dataset.state.published || !self.is_there(at, &dataset.state, caller) {
            return Err(missing());
        }
        match dataset.state.hidden {
            Some(hidden) => Err(Refusal::Hidden { status: hidden.status, id: id.to_owned() }),
            None => Ok(dataset),
        }
    }

    /// Whether a dataset exists for a caller.
    fn is_there(&self, at: usize, state: &State, caller: &Account) -> bool {
        let holds = |key: &Arc<str>| matches!(caller, Account::Key(held) if **held == **key);
        state.private.as_ref().is_none_or(holds) && (caller.is_keyed() || !self.store.templates[at].key_only)
    }

    fn at(&self, inner: &Inner, at: usize) -> Dataset {
        Dataset { store: self.store.clone(), at, state: inner.states[at].clone(), origin: Arc::default() }
    }

    /// Processes a dataset anew: more rows in front, and a later date, one of them late if so wished. Whether there is such a dataset.
    pub fn touch(&self, id: &str, now: Timestamp, late: Late) -> bool {
        self.moved(id, now, |state, rows| state.touch(rows, late))
    }

    /// The same without a word in the catalogue.
    pub fn move_unstated(&self, id: &str, now: Timestamp) -> bool {
        self.moved(id, now, State::move_unstated)
    }

    fn moved(&self, id: &str, now: Timestamp, show: impl FnOnce(&mut State, Shown)) -> bool {
        let Some(at) = self.store.position(id) else { return false };
        let template = &self.store.templates[at];
        let touches = (self.inner().states[at].latest().touches + 1).min(MOST_TOUCHES);
        let more = template.rows..template.rows + touches * ROWS_PER_TOUCH;
        let fresh = Some(Arc::new(template.generate(self.store.seed, "fresh", more)));
        let mut inner = self.inner();
        let state = &mut inner.states[at];
        let loss = state.loses;
        show(state, Shown { touches, fresh, loss, processed: now });
        true
    }

    /// Changes the state of a dataset, and says what came of it; none if there is no such dataset.
    pub fn change<T>(&self, id: &str, change: impl FnOnce(&mut State) -> T) -> Option<T> {
        let at = self.store.position(id)?;
        Some(change(&mut self.inner().states[at]))
    }

    /// Where a field of a dataset stands, the last one if none is named; none if there is no such dataset or field.
    pub fn field(&self, id: &str, name: Option<&str>) -> Option<usize> {
        let schema = &self.store.templates[self.store.position(id)?].schema;
        match name {
            Some(name) => schema.position(name),
            None => schema.fields.len().checked_sub(1),
        }
    }

    /// Takes a dataset out of sight, or back into it. Whether there is such a dataset.
    pub fn hide(&self, id: &str, hidden: Option<Hidden>) -> bool {
        self.change(id, |state| state.hidden = hidden).is_some()
    }

    /// Has the catalogue list no more than so many datasets. All of them go on answering.
    pub fn keep(&self, most: usize) {
        self.inner().keep = most;
    }

    /// The ids that are still to be published.
    pub fn unpublished(&self) -> Vec<String> {
        let inner = self.inner();
        let ids = self.store.templates.iter().zip(&inner.states).filter(|(_, state)| !state.published);
        ids.map(|(template, _)| template.id.clone()).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn new(store: &Store) -> Self {
        Self { states: store.templates.iter().map(|template| untouched(store.seed, template)).collect(), keep: usize::MAX }
    }
}

fn untouched(seed: u64, template: &Template) -> State {
    /// All dates lie in the thousand hours after this: well in the past of whoever runs the portal.
    const FIRST: i64 = 1_735_689_600; // 2025-01-01
    let first = Timestamp::from_second(FIRST).unwrap_or(Timestamp::UNIX_EPOCH);
    let chance = mix(seed ^ hash(&template.id));
    let processed =
        first + SignedDuration::from_hours((chance % 1000) as i64) + SignedDuration::from_micros((chance >> 32) as i64 % 3_600_000_000);
    let published = processed + SignedDuration::from_hours(26);
    // One dataset in thirty-two has never been processed, as real portals have them.
    let unprocessed = chance.is_multiple_of(32) && template.rows <= 1000;
    let said = Said {
        modified: Timestamp::from_second(processed.as_second() - (chance % 90) as i64 * 86_400).unwrap_or(processed),
        data_processed: if unprocessed { Stated::Nothing } else { Stated::At(processed) },
        metadata_processed: Stated::At(published),
    };
    State::new(if unprocessed { published } else { processed }, said, !template.unpublished)
}

#[cfg(test)]
mod tests {
    use super::state::Loss;
    use super::*;
    use crate::simulator::data::DATASETS;

    const SMALL: &str = "fr-en-effectifs-internats";

    fn key(key: &str) -> Account {
        Account::of_key(key).unwrap()
    }

    fn now() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_touch_adds_rows_in_front_and_record_ids_stay_with_their_rows() {
        let catalogue = Catalogue::new(5, DATASETS);
        let before = catalogue.dataset(SMALL, &Account::Anonymous).unwrap();
        assert!(catalogue.touch(SMALL, now(), Late::Nothing));
        let after = catalogue.dataset(SMALL, &Account::Anonymous).unwrap();
        assert_eq!(after.records_count(), before.records_count() + ROWS_PER_TOUCH);
        assert_eq!(after.data_processed(), &Stated::At(now()));
        assert_eq!(after.record_id(ROWS_PER_TOUCH), before.record_id(0));
        for row in [0, 1, ROWS_PER_TOUCH, after.records_count() - 1] {
            assert_eq!(after.row_of(&after.record_id(row)), Some(row));
        }
        assert_eq!(after.row_of("06f549eac5cbbe4d02f7fac18ed71d5de30aafab"), None);
        assert_eq!(after.repeated_id(3, 0), after.record_id(3));
        assert_eq!(after.row_of(&after.repeated_id(3, 1)), None, "a repetition is no record");
        catalogue.reset();
        assert_eq!(catalogue.dataset(SMALL, &Account::Anonymous).unwrap().records_count(), before.records_count());
    }

    #[test]
    fn two_datasets_are_not_for_everybody() {
        let catalogue = Catalogue::new(5, DATASETS);
        assert_eq!(catalogue.visible(&Account::Anonymous).len(), DATASETS);
        assert_eq!(catalogue.visible(&key("valid")).len(), catalogue.visible(&Account::Anonymous).len() + 1);
        assert!(catalogue.dataset("fr-en-reserve-aux-services", &Account::Anonymous).is_err());
        let closed = catalogue.dataset("fr-en-mobilites-nominatives", &Account::Anonymous).unwrap();
        assert_eq!(closed.table(false).unwrap_err(), Refusal::Forbidden);
        assert!(closed.table(true).is_ok());
    }

    #[test]
    fn a_private_dataset_is_there_for_its_key_alone() {
        let catalogue = Catalogue::new(5, DATASETS);
        let all = catalogue.visible(&Account::Anonymous).len();
        catalogue.change(SMALL, |state| state.private = Some("valid-a".into()));
        assert!(catalogue.dataset(SMALL, &key("valid-a")).is_ok());
        for other in [key("valid-b"), Account::Anonymous] {
            assert!(matches!(catalogue.dataset(SMALL, &other), Err(Refusal::NotFound { .. })), "{other:?}");
        }
        assert_eq!(catalogue.visible(&key("valid-a")).len(), catalogue.visible(&key("valid-b")).len() + 1);
        assert_eq!(catalogue.visible(&Account::Anonymous).len(), all - 1);
        catalogue.reset();
        assert!(catalogue.dataset(SMALL, &Account::Anonymous).is_ok());
    }

    #[test]
    fn what_a_touch_loses_the_records_and_the_fields_have_not() {
        let catalogue = Catalogue::new(5, DATASETS);
        let whole = catalogue.dataset(SMALL, &Account::Anonymous).unwrap();
        let lost = catalogue.field(SMALL, Some("filles")).unwrap();
        catalogue.change(SMALL, |state| state.loses = Loss::Field(lost));
        assert_eq!(
            catalogue.dataset(SMALL, &Account::Anonymous).unwrap().schema().fields.len(),
            whole.schema().fields.len(),
            "not before a touch"
        );
        catalogue.touch(SMALL, now(), Late::Nothing);
        let poorer = catalogue.dataset(SMALL, &Account::Anonymous).unwrap();
        let (table, before) = (poorer.table(false).unwrap(), whole.table(false).unwrap());
        assert_eq!((table.schema.position("filles"), table.schema.fields.len() + 1), (None, before.schema.fields.len()));
        let boys = |table: &crate::simulator::table::Table, row| {
            let column = table.schema.position("garcons").unwrap();
            table.value(row, column).detach()
        };
        assert_eq!(boys(&table, ROWS_PER_TOUCH), boys(&before, 0), "values stay in their columns");
        catalogue.change(SMALL, |state| state.loses = Loss::Rows);
        catalogue.touch(SMALL, now(), Late::Nothing);
        let empty = catalogue.dataset(SMALL, &Account::Anonymous).unwrap();
        assert_eq!((empty.records_count(), empty.table(false).unwrap().len()), (0, 0));
        assert_eq!(empty.row_of(&whole.record_id(0)), None);
    }
}
