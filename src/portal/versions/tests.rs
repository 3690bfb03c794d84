//! Each rule of freshness by version: what is believed of a look (`adoption`), what that says of an answer (`standing`), which date counts for
//! which question (`basis`), and that no order of events breaks the promises (`promises`).

mod adoption;
mod basis;
mod promises;
mod standing;

use std::time::Duration;

use http::StatusCode;

use super::*;
use crate::clock::{Clock, Moment};

const TERMS: Terms =
    Terms { bound: s(300), max_unmoved: s(86_400), max_unmoved_after_metadata: s(3600), settle: s(120), settle_again: s(1800) };

const LONG_AGO: &str = "2026-02-01T00:00:00+00:00";
const NEW: &str = "2026-03-02T05:59:50+00:00";
const NEWER: &str = "2026-03-02T05:59:55+00:00";
const IN_2099: &str = "2099-01-01T00:00:00+00:00";

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn row(id: &str, data: Option<&str>) -> Row {
    Row { id: id.to_owned(), data: data.map(str::to_owned), metadata: Some(LONG_AGO.to_owned()) }
}

fn stated(text: &str) -> Version {
    Version::Stated(text.into())
}

/// What is known, and the time.
struct Known {
    versions: Versions,
    clock: Clock,
}

/// An answer, as far as versions are concerned.
#[derive(Clone, Debug)]
struct Answer {
    basis: Basis,
    dataset: Option<&'static str>,
    status: StatusCode,
    stamp: Option<Stamp>,
    asked: Moment,
    completed: Moment,
    same_bytes: bool,
}

impl Known {
    /// Nothing yet, at six in the morning.
    fn nothing() -> Self {
        let clock = Clock::manual("2026-03-02T06:00:00Z".parse().unwrap());
        Self { versions: Versions::new(TERMS, Table::default()), clock }
    }

    /// Datasets `a` and `b`, which have long stood.
    fn two() -> Self {
        let known = Self::nothing();
        known.look(&[row("a", Some(LONG_AGO)), row("b", Some(LONG_AGO))]);
        known.pass(1);
        known
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(s(seconds));
    }

    fn try_look(&self, rows: &[Row]) -> Result<Adopted, Accident> {
        self.versions.adopt(&Catalogue { rows: rows.to_vec(), portal_now: None }, self.clock.read())
    }

    fn look(&self, rows: &[Row]) -> Adopted {
        self.try_look(rows).expect("no accident")
    }

    /// Looks at `a` and `b`, of which `a` is at `data`.
    fn look_at(&self, data: Option<&str>) -> Adopted {
        self.look(&[row("a", data), row("b", Some(LONG_AGO))])
    }

    fn in_force(&self, id: &str) -> Version {
        self.versions.table().dataset(id).map(|known| known.data.in_force.clone()).unwrap_or_default()
    }

    /// Asks, and has the answer at once.
    fn answer(&self, basis: Basis, dataset: Option<&'static str>) -> Answer {
        let now = Moment::at(self.clock.read());
        let stamp = self.versions.stamp(dataset);
        Answer { basis, dataset, status: StatusCode::OK, stamp, asked: now, completed: now, same_bytes: false }
    }

    /// Records of `a`.
    fn records(&self) -> Answer {
        self.answer(Basis::Records, Some("a"))
    }

    fn standing(&self, answer: &Answer) -> Standing {
        let answered = Answered {
            status: answer.status,
            stamp: answer.stamp.as_ref(),
            asked: answer.asked,
            completed: answer.completed,
            same_bytes: answer.same_bytes,
        };
        self.versions.table().standing(&TERMS, answer.basis, answer.dataset, &answered, self.clock.read().elapsed)
    }

    fn is_moved(&self, answer: &Answer) -> bool {
        matches!(self.standing(answer), Standing::Moved { .. })
    }

    /// Whether its version stands, and if so, whether it is confirmed.
    fn confirmed(&self, answer: &Answer) -> Option<bool> {
        match self.standing(answer) {
            Standing::Current { confirmed, .. } => Some(confirmed),
            _ => None,
        }
    }
}
