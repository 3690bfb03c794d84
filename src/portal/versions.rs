//! Dataset versions: what the catalogue states of each dataset, and what that says of an answer that is stored.
//!
//! The portal sends no validators and says `no-store`, but its catalogue tells in one call when each dataset was last processed
//! (docs/portal.md#versions). A *look* reads it as a whole ([`look`](super::look)); [`Table`] decides what of it is believed; an answer carries
//! the [`Stamp`] of what was known before its call left, and its [`Standing`] is what the table says of it now. A dataset that moves makes
//! all its answers stale at once, and nothing is walked.
//!
//! Pure but for the lock: when to look, and what to do with an answer that is stale, is decided elsewhere.

mod adoption;
mod basis;
pub mod file;
mod standing;
mod table;
#[cfg(test)]
mod tests;
mod version;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;

pub use adoption::{Accident, Adopted, Catalogue, Row};
pub use basis::Basis;
pub use standing::{Answered, Standing};
pub use table::{Dataset, Dates, Suspicion, Table};
pub use version::{Fingerprint, Stamp, Version};

use crate::cache::stored_response::{Asked, StoredResponse};
use crate::clock::Reading;
use crate::config;

/// How long what is known of versions holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How old the last look may be while what it stated is relied on.
    pub bound: Duration,
    /// How old any answer may become while its version stands: labels and visibility can change without the data.
    pub max_unmoved: Duration,
    /// The same once the dataset's metadata were published anew.
    pub max_unmoved_after_metadata: Duration,
    /// From our first sight of a version: what was asked for within it is asked for once more after it.
    pub settle: Duration,
    /// The same, where the version moved and the bytes did not.
    pub settle_again: Duration,
}

impl Terms {
    /// As configured.
    pub fn of(settings: &config::Cache) -> Self {
        Self {
            bound: settings.freshness_bound,
            max_unmoved: settings.max_unmoved,
            max_unmoved_after_metadata: settings.max_unmoved_after_metadata,
            settle: settings.settle,
            settle_again: settings.settle_again,
        }
    }
}

/// What is known of the versions of one portal's datasets. Readers share a snapshot; a look replaces it.
#[derive(Debug)]
pub struct Versions {
    terms: Terms,
    table: RwLock<Arc<Table>>,
    /// Held by whoever makes the next snapshot.
    changing: Mutex<()>,
}

impl Versions {
    /// Begins with `table`: an empty one, or what another process has known.
    pub fn new(terms: Terms, mut table: Table) -> Self {
        table.bound = table.bound.max(terms.bound);
        Self { terms, table: RwLock::new(Arc::new(table)), changing: Mutex::new(()) }
    }

    /// How long what is known holds.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What is known now.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is to be noted with an answer about `dataset` whose call is about to leave. None while no look has ever told.
    pub fn stamp(&self, dataset: Option<&str>) -> Option<Stamp> {
        self.table().stamp(dataset)
    }

    /// What the table says of a stored answer. `elapsed` is the monotonic hand.
    pub fn standing(&self, stored: &StoredResponse, elapsed: Duration) -> Standing {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.standing(&self.terms, stored.asked().basis, stored.about().dataset.as_deref(), &stored.answered(), elapsed)
    }

    /// For how long it has been known that an answer still under way is of a version before the present one, if it is. `elapsed` is the monotonic
    /// hand.
    pub fn moved_since(&self, asked: &Asked, dataset: Option<&str>, elapsed: Duration) -> Option<Duration> {
        let answered =
            Answered { status: StatusCode::OK, stamp: asked.stamp.as_ref(), asked: asked.at, completed: asked.at, same_bytes: false };
        match self.table().standing(&self.terms, asked.basis, dataset, &answered, elapsed) {
            Standing::Moved { by } => Some(by),
            Standing::Withdrawn => Some(Duration::ZERO),
            Standing::NotVersioned | Standing::Current { .. } | Standing::Unchecked { .. } => None,
        }
    }

    /// Whether the last look is recent enough to be relied on for `ahead` longer; always, where there is none because the portal refuses it.
    pub fn is_current(&self, elapsed: Duration, ahead: Duration) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).is_current(elapsed.saturating_add(ahead))
    }

    /// Takes over what a look has read. `sent` is when its first call left.
    ///
    /// # Errors
    ///
    /// [`Accident`] if that cannot be the catalogue: the old table stays, and the look counts as failed.
    pub fn adopt(&self, catalogue: &Catalogue, sent: Reading) -> Result<Adopted, Accident> {
        self.change(|table| table.adopt(&self.terms, catalogue, sent))
    }

    /// The portal lets nobody look: from now on lifetimes decide, until a look succeeds.
    pub fn refuse(&self) {
        self.change(|table| table.refused = true);
    }

    /// How long a look is relied on from now on: at least the configured bound.
    pub fn stretch(&self, bound: Duration) {
        self.change(|table| table.bound = bound.max(self.terms.bound));
    }

    /// The portal has withdrawn a dataset: what is stored of it is not to be served stale. Whether it is one that is known.
    pub fn withdraw(&self, dataset: &str, now: Reading) -> bool {
        self.table().dataset(dataset).is_some() && self.change(|table| table.withdraw(dataset, now))
    }

    /// Whether a dataset's version is relied on; if not, lifetimes decide.
    pub fn rely_on(&self, dataset: &str, relied: bool) {
        self.change(|table| table.rely_on(dataset, relied));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Table::clone(&self.table());
        let told = change(&mut table);
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        told
    }
}
