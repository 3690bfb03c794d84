//! The guard: a new version of a dataset that has lost fields, or all its rows, is stored and said aloud.
//!
//! It compares the answers to one question before and after its dataset has moved, aside, when the clients have theirs; and counts.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::versions::{Basis, Version};
use crate::cache::representation::{Coding, Received};
use crate::cache::shape::{Lost, Shape};
use crate::cache::stored_response::StoredResponse;
use crate::origin;
use crate::request::credential::redacted;
use crate::request::question::Question;

/// Flags that are remembered.
const REMEMBERED: usize = 20;

/// Fields that a flag names.
const NAMED: usize = 20;

/// Comparisons at a time. A dataset that moves has many answers, and clients come first.
const AT_ONCE: usize = 1;

/// Comparisons that may wait. What comes on top is not compared, and counted.
const WAITING: usize = 64;

/// The guard of one portal. Clones share it.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    portal: String,
    compared: AtomicU64,
    skipped: AtomicU64,
    lost_fields: AtomicU64,
    lost_rows: AtomicU64,
    flags: Mutex<VecDeque<Flag>>,
    turn: Semaphore,
    waiting: Arc<Semaphore>,
}

/// A loss that was noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// When.
    pub at: Timestamp,
    /// Of which dataset.
    pub dataset: String,
    /// In the answer to which question.
    pub target: String,
    /// What is lost; of the fields the first ones.
    #[serde(flatten)]
    pub lost: Lost,
    /// The version that had it.
    pub version_before: String,
    /// The version that has not.
    pub version: String,
}

/// What the guard shows of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuardReport {
    /// Answers compared with the one of the version before.
    pub compared: u64,
    /// Answers not compared, because too many came at once.
    pub skipped: u64,
    /// Answers that had lost fields.
    pub lost_fields: u64,
    /// Answers that had lost all their rows.
    pub lost_rows: u64,
    /// The latest of them, the newest last.
    pub flags: Vec<Flag>,
}

/// An answer's body as it was received.
#[derive(Debug)]
struct Kept {
    bytes: Bytes,
    coding: Coding,
}

impl Guard {
    /// The guard of the portal called `portal`.
    pub fn new(portal: &str) -> Self {
        Self(Arc::new(Inner {
            portal: portal.to_owned(),
            compared: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            lost_fields: AtomicU64::new(0),
            lost_rows: AtomicU64::new(0),
            flags: Mutex::default(),
            turn: Semaphore::new(AT_ONCE),
            waiting: Arc::new(Semaphore::new(WAITING)),
        }))
    }

    /// A question has an answer of another version: has it compared, in a task of its own.
    pub fn heed(&self, question: &Question, before: &StoredResponse, after: &StoredResponse, now: Timestamp, tasks: &TaskTracker) {
        let Some((version_before, version)) = moved(before, after) else { return };
        let (Some(before), Some(after)) = (Kept::of(before), Kept::of(after)) else { return };
        let Some(dataset) = question.query.dataset.clone() else { return };
        let guard = self.clone();
        let question = question.clone();
        let Ok(place) = Arc::clone(&self.0.waiting).try_acquire_owned() else {
            self.0.skipped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        tasks.spawn(async move {
            let _place = place;
            let _turn = guard.0.turn.acquire().await.expect("the semaphore is never closed");
            let target = question.query.query.target(&question.endpoint);
            let compared = tokio::task::spawn_blocking(move || {
                let (before, after) = (Shape::of(&question, &before.identity()?)?, Shape::of(&question, &after.identity()?)?);
                Some(before.lost(&after))
            });
            // What cannot be read has no shape.
            if let Ok(Some(lost)) = compared.await {
                guard.0.compared.fetch_add(1, Ordering::Relaxed);
                if let Some(mut lost) = lost {
                    lost.fields.truncate(NAMED);
                    guard.flag(Flag { at: now, dataset, target: redacted(&target).into_owned(), lost, version_before, version });
                }
            }
        });
    }

    fn flag(&self, flag: Flag) {
        let Inner { portal, lost_fields, lost_rows, flags, .. } = &*self.0;
        let Flag { dataset, target, lost, version_before, version, .. } = &flag;
        match lost.rows {
            Some(rows) => {
                lost_rows.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    portal,
                    dataset,
                    target,
                    version_before,
                    version,
                    "the answer had {rows} rows, and has none in the new version"
                );
            }
            None => {
                lost_fields.fetch_add(1, Ordering::Relaxed);
                let fields = lost.fields.join(", ");
                tracing::warn!(portal, dataset, target, version_before, version, fields, "the answer has lost fields in the new version");
            }
        }
        let mut flags = flags.lock().unwrap_or_else(PoisonError::into_inner);
        if flags.len() >= REMEMBERED {
            flags.pop_front();
        }
        flags.push_back(flag);
    }

    /// What it has seen so far.
    pub fn report(&self) -> GuardReport {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Inner { compared, skipped, lost_fields, lost_rows, flags, .. } = &*self.0;
        GuardReport {
            compared: read(compared),
            skipped: read(skipped),
            lost_fields: read(lost_fields),
            lost_rows: read(lost_rows),
            flags: flags.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect(),
        }
    }
}

impl Kept {
    /// Bodies in files are not read for this.
    fn of(stored: &StoredResponse) -> Option<Self> {
        let Received::Bytes(bytes) = stored.body().received() else { return None };
        Some(Self { bytes: bytes.clone(), coding: stored.body().coding() })
    }

    fn identity(&self) -> Option<Bytes> {
        match self.coding {
            Coding::Identity => Some(self.bytes.clone()),
            Coding::Gzip => origin::checked(&self.bytes, &origin::Coding::Gzip, origin::Limits::default()).ok(),
        }
    }
}

/// The versions of two answers, if both are answers made of records, and of different versions of them.
fn moved(before: &StoredResponse, after: &StoredResponse) -> Option<(String, String)> {
    let of_records = |stored: &StoredResponse| stored.status() == http::StatusCode::OK && stored.asked().basis == Basis::Records;
    if !of_records(before) || !of_records(after) {
        return None;
    }
    let version = |stored: &StoredResponse| -> Option<Version> { Some(stored.asked().stamp.as_ref()?.data.clone()) };
    let (before, after) = (version(before)?, version(after)?);
    (before != after).then(|| (before.to_string(), after.to_string()))
}
