//! A call that may leave, and a call that is under way.
//!
//! `reserve` → [`Reservation::depart`] → [`Reservation::settle`] → [`InFlight`] dropped. What happens to the charge when a future is
//! dropped in between depends on one thing alone: whether the request had departed.

use std::fmt;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::Seen;
use super::portal::Shared;

/// The right to make one call. It is charged, and the charge is on disk.
///
/// Dropped before [`depart`](Self::depart), the charge is given back; dropped after it, the call stays charged, because the portal may
/// have counted it.
#[must_use = "dropping a reservation gives the call back"]
pub struct Reservation {
    shared: Arc<Shared>,
    portal: usize,
    id: u64,
    /// Until the reservation is settled or given back.
    permit: Option<OwnedSemaphorePermit>,
    departed: bool,
}

impl Reservation {
    pub(super) fn new(shared: Arc<Shared>, portal: usize, id: u64, permit: OwnedSemaphorePermit) -> Self {
        Self { shared, portal, id, permit: Some(permit), departed: false }
    }

    /// The request is about to be written: from here a drop keeps the call charged.
    pub fn depart(&mut self) {
        if !std::mem::replace(&mut self.departed, true) {
            self.shared.with_book(self.portal, |book, reading| book.depart(self.id, reading));
        }
    }

    /// Gives the charge back, also after [`depart`](Self::depart). Only where the connection was never made: what may have reached the portal
    /// stays charged.
    pub fn give_back(mut self) {
        self.end(|reservation| {
            reservation.shared.with_book(reservation.portal, |book, reading| book.give_back(reservation.id, true, reading));
            reservation.shared.write_soon();
        });
    }

    /// The head of the answer is here: takes what it says of the quota. The call goes on counting towards `max_concurrent_calls` until
    /// the result is dropped, which is when the body has ended.
    pub fn settle(mut self, seen: &Seen) -> InFlight {
        let permit = self.permit.take();
        if self.shared.with_book(self.portal, |book, reading| book.settle(self.id, seen, reading)) {
            self.shared.write_soon();
        }
        self.shared.next_turn(self.portal);
        InFlight { _permit: permit }
    }

    /// Runs `end` once, then lets others have their turn.
    fn end(&mut self, end: impl FnOnce(&Self)) {
        if let Some(permit) = self.permit.take() {
            end(self);
            drop(permit);
            self.shared.next_turn(self.portal);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.end(|reservation| {
            if reservation.departed {
                reservation.shared.with_book(reservation.portal, |book, reading| book.lose(reservation.id, reading));
            } else {
                reservation.shared.with_book(reservation.portal, |book, reading| book.give_back(reservation.id, false, reading));
                reservation.shared.write_soon();
            }
        });
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("id", &self.id).field("departed", &self.departed).finish_non_exhaustive()
    }
}

/// A call whose body is still under way: it counts towards `max_concurrent_calls` until dropped. It is settled, and stays charged.
#[must_use = "the call counts as finished once this is dropped"]
#[derive(Debug)]
pub struct InFlight {
    _permit: Option<OwnedSemaphorePermit>,
}
