//! The calls of one look: the catalogue's export, or its pages one after the other.
//!
//! Each call is reserved as a look, and nothing is tried twice. Whether a look may be made, and what follows from how it ends, is decided elsewhere.

use std::collections::HashSet;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::listing::{Listing, Page, Unreadable};
use super::pace::{Allowance, Way};
use crate::budget::{self, Budget, Purpose, Seen, Wish};
use crate::clock::{Clock, Reading};
use crate::origin::{self, Answer, Call, Completed, Limits, checked};
use crate::portal::Portal;
use crate::portal::versions::{Catalogue, Row};

/// The catalogue with nothing but what tells a version (docs/portal.md#versions).
const EXPORT: &str = "/api/explore/v2.1/catalog/exports/json?select=dataset_id%2Cdata_processed%2Cmetadata_processed";
/// The same, in pages, in an order that stays while the pages are read.
const PAGE: &str =
    "/api/explore/v2.1/catalog/datasets?select=dataset_id%2Cdata_processed%2Cmetadata_processed&order_by=dataset_id&limit=100";
/// Datasets on a page, the most that the portal gives.
const ON_A_PAGE: u64 = 100;
/// Datasets that can be reached by pages.
const WITHIN_REACH: u64 = 10_000;

/// A catalogue of fifty thousand datasets is below this, received and decoded; what is longer is not read to its end.
const CATALOGUE_LIMIT: usize = 8 << 20;
/// Of an answer that is no catalogue so much is read, so that the connection can be used again.
const REST_LIMIT: usize = 64 << 10;
/// A call that takes longer is given up: by then others wait, and what it says is old. Longer than `first_byte_timeout` is unless somebody sets it
/// so: that a portal does not answer is for the origin client to tell.
const CALL_PATIENCE: Duration = Duration::from_secs(75);

/// What a look has read.
#[derive(Debug)]
pub(super) struct Found {
    pub catalogue: Catalogue,
    /// Before the first call left.
    pub sent: Reading,
    /// Calls that it took, without those that came to nothing.
    pub calls: u64,
    /// Entries of the catalogue that have no id.
    pub nameless: usize,
    /// What the day allowed before these calls.
    pub allowance: Allowance,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// No call was granted.
    #[error("no call is granted")]
    NotGranted(budget::Refusals),
    /// The portal does not let us look this way, and will not the next minute.
    #[error("the portal refuses it: {0}")]
    Refused(Refusal),
    /// It may the next time.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// In which way a portal does not let us look.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("status {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Foreign(Unreadable),
    #[error("its catalogue has more than {CATALOGUE_LIMIT} bytes")]
    TooLong,
    #[error("of its {total} datasets only {WITHIN_REACH} are within reach of pages")]
    TooMany { total: u64 },
    #[error("a look takes {calls} calls, more than `looks_per_day` allows")]
    TooDear { calls: u64 },
}

/// How a look has failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Call(#[from] origin::Error),
    #[error("no whole answer within {CALL_PATIENCE:?}")]
    TimedOut,
    #[error("status {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Broken(Unreadable),
    #[error("its reading ended in a fault of this server")]
    Fault,
    #[error("the catalogue changed while its pages were read: {listed} of {total} datasets were listed")]
    Unsteady { listed: u64, total: u64 },
    #[error("a dataset is listed on two pages of the catalogue")]
    Twice,
    #[error("a look takes {calls} calls, and {left} are left today")]
    NotToday { calls: u64, left: u64 },
}

impl Trouble {
    fn unreadable(error: Unreadable) -> Self {
        match error {
            Unreadable::Broken(_) => Failure::Broken(error).into(),
            Unreadable::Foreign => Self::Refused(Refusal::Foreign(error)),
        }
    }
}

/// What the calls of a look need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    pub portal: &'a Portal,
    pub budget: &'a Budget,
    pub clock: &'a Clock,
}

/// One answer, read.
struct Heard<T> {
    said: T,
    sent: Reading,
    portal_now: Option<Timestamp>,
}

impl Walk<'_> {
    /// Reads the catalogue.
    pub async fn read(self, way: Way) -> Result<Found, Trouble> {
        let allowance = self.portal.look.allowance(self.budget, &self.portal.name);
        match way {
            Way::Export => self.export(allowance).await,
            Way::Pages => self.pages(allowance).await,
        }
    }

    /// Makes one call of this kind, for what its head tells of the quota.
    pub async fn ask_only(self, way: Way) -> Result<(), Trouble> {
        match way {
            Way::Export => self.ask(EXPORT.to_owned(), Listing::of_export).await.map(drop),
            Way::Pages => self.ask(page(0), Page::of).await.map(drop),
        }
    }

    async fn export(self, allowance: Allowance) -> Result<Found, Trouble> {
        let Heard { said: Listing { rows, entries }, sent, portal_now } = self.ask(EXPORT.to_owned(), Listing::of_export).await?;
        let nameless = entries - rows.len();
        Ok(Found { catalogue: Catalogue { rows, portal_now }, sent, calls: 1, nameless, allowance })
    }

    async fn pages(self, allowance: Allowance) -> Result<Found, Trouble> {
        let Heard { said: Page { total_count: total, listing }, sent, mut portal_now } = self.ask(page(0), Page::of).await?;
        let calls = total.div_ceil(ON_A_PAGE).max(1);
        if total > WITHIN_REACH {
            return Err(Trouble::Refused(Refusal::TooMany { total }));
        }
        if calls > allowance.of_day {
            return Err(Trouble::Refused(Refusal::TooDear { calls }));
        }
        if calls > allowance.left() {
            return Err(Failure::NotToday { calls, left: allowance.left() }.into());
        }
        let mut leaves = Leaves::of(total);
        leaves.add(total, listing)?;
        for number in 1..calls {
            let heard = self.ask(page(number * ON_A_PAGE), Page::of).await?;
            leaves.add(heard.said.total_count, heard.said.listing)?;
            // A dataset that was processed while the pages were read is none of the future.
            portal_now = heard.portal_now.or(portal_now);
        }
        let nameless = usize::try_from(leaves.listed).unwrap_or(usize::MAX).saturating_sub(leaves.rows.len());
        Ok(Found { catalogue: Catalogue { rows: leaves.rows, portal_now }, sent, calls, nameless, allowance })
    }

    /// Makes one call, and reads its answer off the runtime's threads.
    async fn ask<T: Send + 'static>(self, target: String, read: fn(&[u8]) -> Result<T, Unreadable>) -> Result<Heard<T>, Trouble> {
        let reservation = self.budget.reserve(&self.portal.name, Wish::background(Purpose::Look)).await.map_err(Trouble::NotGranted)?;
        // What the portal does from here on, the answer need not know.
        let sent = self.clock.read();
        let called = async {
            let answer = self.portal.client.fetch(Call::get(target), reservation).await.map_err(Failure::Call)?;
            let Answer { status, headers, coding, body, .. } = answer;
            let portal_now = Seen::from_head(status, &headers, sent.now).date;
            if status != StatusCode::OK {
                let _ = body.complete(REST_LIMIT).await;
                return Err(if is_refusal(status) { Trouble::Refused(Refusal::Status(status)) } else { Failure::Status(status).into() });
            }
            match body.complete(CATALOGUE_LIMIT).await.map_err(Failure::Call)? {
                Completed::Whole(received) => Ok((received, coding, portal_now)),
                Completed::Larger(_) => Err(Trouble::Refused(Refusal::TooLong)),
            }
        };
        let (received, coding, portal_now) = timeout(CALL_PATIENCE, called).await.map_err(|_| Failure::TimedOut)??;
        let reading = spawn_blocking(move || {
            let limits = Limits { decoded_bytes: CATALOGUE_LIMIT, ..Limits::default() };
            let identity = checked(&received, &coding, limits).map_err(|fault| match fault {
                origin::CodingFault::DecodedTooLarge { .. } => Trouble::Refused(Refusal::TooLong),
                fault => Failure::Call(fault.into()).into(),
            })?;
            read(&identity).map_err(Trouble::unreadable)
        });
        let said = reading.await.map_err(|_| Failure::Fault)??;
        Ok(Heard { said, sent, portal_now })
    }
}

/// The target of the page that begins with the dataset of this number.
fn page(offset: u64) -> String {
    if offset == 0 { PAGE.to_owned() } else { format!("{PAGE}&offset={offset}") }
}

/// Whether the portal will say the same in a minute. Who has no credential is refused with 401 as with 403; a redirect may be maintenance, and is
/// followed nowhere.
fn is_refusal(status: StatusCode) -> bool {
    let passing = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    status.is_client_error() && !passing
}

/// Pages of one catalogue, put together.
struct Leaves {
    total: u64,
    listed: u64,
    rows: Vec<Row>,
    ids: HashSet<String>,
}

impl Leaves {
    fn of(total: u64) -> Self {
        Self { total, listed: 0, rows: Vec::new(), ids: HashSet::new() }
    }

    /// Adds the next page, which must be full if it is not the last, and of the same catalogue.
    fn add(&mut self, total: u64, listing: Listing) -> Result<(), Failure> {
        let expected = self.listed.saturating_add(ON_A_PAGE).min(self.total);
        self.listed = self.listed.saturating_add(listing.entries as u64);
        if total != self.total || self.listed != expected {
            return Err(Failure::Unsteady { listed: self.listed, total });
        }
        for row in listing.rows {
            if !self.ids.insert(row.id.clone()) {
                return Err(Failure::Twice);
            }
            self.rows.push(row);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(ids: std::ops::Range<u32>) -> Listing {
        let rows: Vec<Row> = ids.map(|id| Row { id: id.to_string(), data: None, metadata: None }).collect();
        Listing { entries: rows.len(), rows }
    }

    #[test]
    fn what_the_portal_will_say_again_is_a_refusal() {
        for (status, refusal) in [
            (400, true),
            (401, true),
            (403, true),
            (404, true),
            (410, true),
            (408, false),
            (425, false),
            (429, false),
            (500, false),
            (503, false),
            (204, false),
            (302, false),
        ] {
            assert_eq!(is_refusal(StatusCode::from_u16(status).unwrap()), refusal, "{status}");
        }
    }

    #[test]
    fn pages_of_one_catalogue_make_a_whole() {
        let mut leaves = Leaves::of(250);
        for ids in [0..100, 100..200, 200..250] {
            leaves.add(250, listing(ids)).unwrap();
        }
        assert_eq!((leaves.listed, leaves.rows.len()), (250, 250));
        let mut none = Leaves::of(0);
        none.add(0, Listing::default()).unwrap();
    }

    #[test]
    fn entries_without_an_id_count_as_listed() {
        let mut leaves = Leaves::of(3);
        leaves.add(3, Listing { entries: 3, ..listing(0..2) }).unwrap();
        assert_eq!((leaves.listed, leaves.rows.len()), (3, 2));
    }

    #[test]
    fn a_catalogue_that_changes_between_its_pages_is_none() {
        for (total, ids) in [(251, 100..200), (249, 100..200), (250, 100..199), (250, 100..201), (250, 100..100), (250, 99..199)] {
            let mut leaves = Leaves::of(250);
            leaves.add(250, listing(0..100)).unwrap();
            let twice = ids.start == 99;
            let added = leaves.add(total, listing(ids));
            assert!(matches!(added, Err(Failure::Twice)) == twice && added.is_err(), "{added:?}");
        }
    }

    #[test]
    fn the_first_page_has_no_offset() {
        assert_eq!(page(0), PAGE);
        assert_eq!(page(9_900), format!("{PAGE}&offset=9900"));
    }
}
