//! The invented datasets: which there are, and their rows, made from the seed alone.
//!
//! Rows are made when they are first asked for and shared between the instances of one process that have the same seed.

mod calendar;
mod directory;
mod gallery;
mod places;
mod series;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::dice::Dice;
use super::table::{Builder, Columns, Schema};

/// Datasets that everybody sees, in the smallest portal.
pub const DATASETS: usize = 64;

/// The same in the largest.
pub const MOST_DATASETS: usize = 2000;

/// What a dataset is, apart from its rows.
#[derive(Debug)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its title in French.
    pub title: String,
    /// Its title in English.
    pub title_en: String,
    /// Its theme.
    pub theme: &'static str,
    /// Its key words.
    pub keywords: Vec<&'static str>,
    /// Who publishes it.
    pub publisher: &'static str,
    /// How often it is said to be renewed.
    pub frequency: Option<&'static str>,
    /// Its fields.
    pub schema: Arc<Schema>,
    /// Whether anonymous callers may read the records.
    pub data_visible: bool,
    /// Whether the dataset exists for callers with a key only.
    pub key_only: bool,
    /// Whether it waits to be published.
    pub unpublished: bool,
    /// Number of rows before any touch.
    pub rows: usize,
    /// Makes the row of this index.
    pub make: fn(&mut Dice, usize, &mut Builder),
}

impl Template {
    /// Makes the rows of these indices, without storing them. `purpose` tells base rows and later ones apart.
    pub fn generate(&self, seed: u64, purpose: &str, rows: std::ops::Range<usize>) -> Columns {
        let mut dice = Dice::new(seed, &format!("{}/{purpose}", self.id));
        let mut builder = Builder::new(&self.schema);
        for index in rows {
            (self.make)(&mut dice, index, &mut builder);
        }
        builder.finish()
    }
}

/// All datasets of the portals with one seed, and the rows made so far.
#[derive(Debug)]
pub struct Store {
    /// The seed.
    pub seed: u64,
    /// How many datasets everybody sees.
    datasets: usize,
    /// The datasets, in the order of the catalogue.
    pub templates: Vec<Template>,
    by_id: HashMap<String, usize>,
    columns: Vec<OnceLock<Arc<Columns>>>,
}

impl Store {
    /// The store of this seed with so many datasets for everybody to see, shared with whoever else uses it in this process.
    pub fn shared(seed: u64, datasets: usize) -> Arc<Self> {
        /// The last few seeds in use: enough for a test suite, and bounded.
        const KEPT: usize = 4;
        static STORES: Mutex<Vec<Arc<Store>>> = Mutex::new(Vec::new());
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.iter().find(|store| store.seed == seed && store.datasets == datasets) {
            return store.clone();
        }
        let store = Arc::new(Self::new(seed, datasets));
        if stores.len() == KEPT {
            stores.remove(0);
        }
        stores.push(store.clone());
        store
    }

    fn new(seed: u64, datasets: usize) -> Self {
        let mut templates = vec![directory::template(), calendar::template()];
        templates.extend(series::templates());
        templates.push(gallery::template());
        // Behind the others, so that these are the same in a portal of any size.
        templates.extend(series::more(datasets.min(MOST_DATASETS).saturating_sub(DATASETS)));
        templates.extend(series::unpublished());
        let by_id = templates.iter().enumerate().map(|(at, template)| (template.id.clone(), at)).collect();
        let columns = templates.iter().map(|_| OnceLock::new()).collect();
        Self { seed, datasets, templates, by_id, columns }
    }

    /// Where the dataset of this id stands.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The rows of a dataset, made now if nobody has asked for them yet.
    pub fn columns(&self, dataset: usize) -> Arc<Columns> {
        let template = &self.templates[dataset];
        self.columns[dataset].get_or_init(|| Arc::new(template.generate(self.seed, "base", 0..template.rows))).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::simulator::table::Table;
    use crate::simulator::value::Value;

    #[test]
    fn there_are_sixty_datasets_with_ids_of_their_own_and_rows_as_promised() {
        let store = Store::new(7, DATASETS);
        assert!(store.templates.len() >= 60, "{}", store.templates.len());
        let ids: HashSet<_> = store.templates.iter().map(|template| &template.id).collect();
        assert_eq!(ids.len(), store.templates.len());
        for (at, template) in store.templates.iter().enumerate().filter(|(_, template)| template.rows < 10_000) {
            assert!(template.id.starts_with("fr-en-"), "{}", template.id);
            assert_eq!(store.columns(at).len(), template.rows, "{}", template.id);
        }
        assert_eq!(store.templates[store.position("fr-en-annuaire-education").unwrap()].rows, 60_000);
    }

    #[test]
    fn a_seed_decides_every_value() {
        let values = |seed| {
            let template = directory::template();
            let table = Table::new(template.schema.clone(), Arc::new(template.generate(seed, "base", 0..50)), None);
            (0..50)
                .flat_map(|row| (0..table.schema.fields.len()).map(move |column| (row, column)))
                .map(|(row, column)| table.value(row, column).detach())
                .collect::<Vec<Value<'static>>>()
        };
        assert_eq!(values(1), values(1));
        assert_ne!(values(1), values(2));
    }

    #[test]
    fn instances_of_one_seed_share_their_rows() {
        let (one, other) = (Store::shared(3, DATASETS), Store::shared(3, DATASETS));
        let calendar = one.position("fr-en-calendrier-scolaire").unwrap();
        assert!(Arc::ptr_eq(&one.columns(calendar), &other.columns(calendar)));
    }
}
