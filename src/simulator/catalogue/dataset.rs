//! A dataset as it is at one moment: what it is made of, what is said of it, and which record has which id.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::state::{Loss, State, Stated};
use crate::simulator::data::{Store, Template};
use crate::simulator::dice::{hash, mix, unmix};
use crate::simulator::refusal::Refusal;
use crate::simulator::swell::Swell;
use crate::simulator::table::{Builder, Schema, Table};

/// A dataset as it is at one moment.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub(super) store: Arc<Store>,
    pub(super) at: usize,
    pub(super) state: State,
    pub(super) origin: Arc<str>,
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

    /// The same dataset, listed once more under a version of the day before.
    pub(super) fn listed_again(mut self) -> Self {
        let before = |moment: Timestamp| Stated::At(moment.checked_sub(SignedDuration::from_hours(24)).unwrap_or(moment));
        let data = self.state.data_processed().moment().unwrap_or(self.state.shown.processed);
        let metadata = self.state.metadata_processed().moment().unwrap_or(self.state.shown.processed);
        self.state.say_data_processed(Some(before(data)));
        self.state.say_metadata_processed(Some(before(metadata)));
        self
    }

    /// The origin that it is called by.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.template().id
    }

    /// Its fields, those that are left.
    pub fn schema(&self) -> Arc<Schema> {
        match self.state.shown.loss {
            Loss::Field(lost) => self.template().schema.without(lost),
            Loss::None | Loss::Rows => self.template().schema.clone(),
        }
    }

    /// Its rows.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`] if the caller may not read them.
    pub fn table(&self, keyed: bool) -> Result<Table, Refusal> {
        let template = self.template();
        if !template.data_visible && !keyed {
            return Err(Refusal::Forbidden);
        }
        let whole = || Table::new(template.schema.clone(), self.store.columns(self.at), self.state.shown.fresh.clone());
        let table = match self.state.shown.loss {
            Loss::None => whole(),
            Loss::Field(lost) => whole().without(lost),
            Loss::Rows => Table::new(template.schema.clone(), Arc::new(Builder::new(&template.schema).finish()), None),
        };
        Ok(table.with_files(&self.origin, self.id()))
    }

    /// Number of rows, without making them.
    pub fn records_count(&self) -> usize {
        if self.state.shown.loss == Loss::Rows { 0 } else { self.template().rows + self.fresh() }
    }

    /// Number of rows that touches added.
    fn fresh(&self) -> usize {
        self.state.shown.fresh.as_ref().map_or(0, |fresh| fresh.len())
    }

    /// What the publisher shows as its date.
    pub fn modified(&self) -> Timestamp {
        self.state.modified()
    }

    /// When the records were processed last, says the catalogue.
    pub fn data_processed(&self) -> &Stated {
        self.state.data_processed()
    }

    /// When the metadata were published last, says the catalogue.
    pub fn metadata_processed(&self) -> &Stated {
        self.state.metadata_processed()
    }

    /// How much longer than its rows its exports are made.
    pub fn swell(&self) -> Option<Swell> {
        self.state.swell
    }

    /// The instant that all its records carry.
    pub fn record_timestamp(&self) -> Timestamp {
        self.state.shown.processed
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
        let rows = self.template().rows as u64;
        let row = if number < rows { number + self.fresh() as u64 } else { number.checked_sub(rows)? };
        let row = usize::try_from(row).ok().filter(|row| *row < self.records_count())?;
        (self.record_id(row) == record_id).then_some(row)
    }

    /// Base rows are numbered from zero, added ones behind them.
    fn number(&self, row: usize) -> u64 {
        let fresh = self.fresh();
        (if row < fresh { self.template().rows + row } else { row - fresh }) as u64
    }

    fn key(&self) -> u64 {
        mix(self.store.seed ^ hash(&self.template().id))
    }
}
