//! A call that may leave, and a call that is under way.
//!
//! `reserve` → [`Reservation::depart`] → [`Reservation::settle`] → [`InFlight::ended`]. What happens to the charge when a future is
//! dropped in between depends on one thing alone: whether the request had departed.
//!
//! How a call ends also tells whether the portal works. Whoever makes it says so: [`Reservation::give_back`] and [`Reservation::fail`] where no
//! answer begins, [`InFlight::ended`] where one has begun. Dropped without a word, the call was abandoned, which is no failure of the portal.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::portal::Shared;
use super::queue::Place;
use super::{Purpose, Seen};
use crate::team::TeamId;

/// The right to make one call. It is charged, and the charge is on disk.
///
/// Dropped before [`depart`](Self::depart), the charge is given back; dropped after it, the call stays charged, because the portal may
/// have counted it.
#[must_use = "dropping a reservation gives the call back"]
pub struct Reservation {
    shared: Arc<Shared>,
    portal: usize,
    id: u64,
    purpose: Purpose,
    payer: Option<TeamId>,
    /// Until the reservation is settled or given back.
    place: Option<Place>,
    /// When it departed, in monotonic time.
    departed: Option<Duration>,
}

impl Reservation {
    pub(super) fn new(shared: Arc<Shared>, portal: usize, id: u64, (purpose, payer): (Purpose, Option<TeamId>), place: Place) -> Self {
        Self { shared, portal, id, purpose, payer, place: Some(place), departed: None }
    }

    /// What the call is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The team that pays, if one does.
    pub fn payer(&self) -> Option<TeamId> {
        self.payer
    }

    /// The request is about to be written: from here a drop keeps the call charged.
    pub fn depart(&mut self) {
        if self.departed.is_some() {
            return;
        }
        self.departed = Some(self.shared.with_book(self.portal, |book, reading| {
            book.depart(self.id, reading);
            reading.elapsed
        }));
        if let Some(place) = &mut self.place {
            place.start();
        }
    }

    /// There is no connection to the portal: gives the charge back, also after [`depart`](Self::depart), and counts as a failure of the portal.
    /// What may have reached it stays charged: that is for [`fail`](Self::fail).
    pub fn give_back(mut self) {
        self.end(|reservation| {
            reservation.shared.with_book(reservation.portal, |book, reading| book.give_back(reservation.id, true, reading));
            reservation.shared.write_soon();
        });
    }

    /// The portal has not answered: in time, or at all, or with anything that is an answer. The call stays charged, and counts as a failure of
    /// the portal.
    pub fn fail(mut self) {
        self.end(|reservation| {
            reservation.shared.with_book(reservation.portal, |book, reading| book.fail(reservation.id, reading));
        });
    }

    /// The head of the answer is here: takes what it says of the quota. The call goes on counting towards `max_concurrent_calls` until
    /// the result is dropped, which is when the body has ended.
    pub fn settle(mut self, seen: &Seen) -> InFlight {
        self.depart();
        let place = self.place.take();
        if self.shared.with_book(self.portal, |book, reading| book.settle(self.id, seen, reading)) {
            self.shared.write_soon();
        }
        self.shared.next_turn(self.portal);
        // What else the head says is said.
        let open = seen.deals_with_the_question().then(|| self.departed.unwrap_or_default());
        InFlight { shared: Arc::clone(&self.shared), portal: self.portal, id: self.id, open, _place: place }
    }

    /// Runs `end` once, then lets others have their turn.
    fn end(&mut self, end: impl FnOnce(&Self)) {
        if let Some(place) = self.place.take() {
            end(self);
            drop(place);
            self.shared.next_turn(self.portal);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.end(|reservation| {
            if reservation.departed.is_some() {
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
        f.debug_struct("Reservation").field("id", &self.id).field("departed", &self.departed.is_some()).finish_non_exhaustive()
    }
}

/// A call whose body is still under way: it counts towards `max_concurrent_calls` until dropped. It is settled, and stays charged.
#[must_use = "the call counts as finished once this is dropped"]
pub struct InFlight {
    shared: Arc<Shared>,
    portal: usize,
    id: u64,
    /// When the call departed, if how its body ends is still to tell whether the portal works.
    open: Option<Duration>,
    _place: Option<Place>,
}

impl InFlight {
    /// The body has ended: it is whole, or the portal broke it off, or took too long over it.
    pub fn ended(mut self, whole: bool) {
        if let Some(sent) = self.open.take() {
            self.shared.with_book(self.portal, |book, reading| book.body_ended(self.id, sent, whole, reading));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.open.is_some() {
            self.shared.with_book(self.portal, |book, reading| book.body_unwanted(self.id, reading));
        }
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").field("id", &self.id).finish_non_exhaustive()
    }
}
