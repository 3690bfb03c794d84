//! What the end that fills and the ends that read have in common: the window, what is on the file, who reads, and how it ended.
//!
//! No runtime and no waiting here: every method is one step under the lock, and says whom to wake once the lock is given back.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;

use super::Broken;
use super::window::Window;
use crate::cache::disk::Incoming;

/// How much is kept and moved at a time, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// The newest data, kept in memory.
    pub(super) window: u64,
    /// What is read from the file at a time, and the least that is written to it before the end.
    pub(super) block: u64,
    /// See [`Window::new`].
    pub(super) small: usize,
}

/// See the module.
pub(super) struct State {
    sizes: Sizes,
    stated: Option<u64>,
    finish_limit: u64,
    window: Window,
    /// All that arrives goes to the file. Once false, it stays so.
    storing: bool,
    /// So much of the body's beginning is on the file.
    written: u64,
    file: Option<Arc<File>>,
    /// The file's owner, if its writing has ended and not with the whole: for those who are behind, it must count as used until they are through.
    remains: Option<Incoming>,
    seats: BTreeMap<u64, Seat>,
    next_seat: u64,
    /// All handles, and those among them that are yet to begin.
    handles: usize,
    beginners: usize,
    /// The beginners have had their time.
    lapsed: bool,
    end: Option<Result<(), Broken>>,
}

#[derive(Debug)]
struct Seat {
    position: u64,
    /// Set while it waits for more.
    waker: Option<Waker>,
}

/// What a reader gets next.
#[derive(Debug)]
pub(super) enum Next {
    Data(Bytes),
    /// This much of the file, from the reader's position.
    OnFile(Arc<File>, usize),
    Wait,
    End(Result<(), Broken>),
}

/// Whether more may be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Room,
    /// The window is full.
    Full,
    /// It has ended before its time.
    Ended,
}

/// What to do once the lock is given back.
#[derive(Default)]
#[must_use]
pub(super) struct Afterwards {
    wakers: Vec<Waker>,
    /// The file has no more use.
    remains: Option<Incoming>,
    /// Whoever waits for the end is to hear of it.
    pub(super) ended: bool,
}

impl Afterwards {
    /// Does it, apart from `ended`.
    pub(super) fn act(self) {
        self.wakers.into_iter().for_each(Waker::wake);
        drop(self.remains);
    }
}

impl State {
    pub(super) fn new(sizes: Sizes, stated: Option<u64>, finish_limit: u64, file: Option<Arc<File>>) -> Self {
        Self {
            sizes,
            stated,
            finish_limit,
            window: Window::new(sizes.small),
            storing: file.is_some(),
            written: 0,
            file,
            remains: None,
            seats: BTreeMap::new(),
            next_seat: 0,
            handles: 0,
            beginners: 0,
            lapsed: false,
            end: None,
        }
    }

    pub(super) fn received(&self) -> u64 {
        self.window.end()
    }

    pub(super) fn end(&self) -> Option<Result<(), Broken>> {
        self.end.clone()
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self.end, Some(Err(_)))
    }

    /// The length of the whole, as soon as it is known: a body of another length never ends cleanly.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.end {
            Some(Ok(())) => Some(self.received()),
            Some(Err(_)) => None,
            None => self.stated,
        }
    }

    /// Everything from byte 0 on can still be read.
    pub(super) fn has_beginning(&self) -> bool {
        self.window.start() <= self.written
    }

    // Those who fill.

    /// Adds what has arrived. More than was stated breaks the body.
    pub(super) fn take_in(&mut self, data: Bytes) -> Afterwards {
        if self.end.is_some() {
            return Afterwards::default();
        }
        let length = self.received() + data.len() as u64;
        if let Some(stated) = self.stated.filter(|stated| length > *stated) {
            return self.end_with(Err(Broken::OfOtherLength { stated, received: length }));
        }
        self.window.push(data);
        Afterwards { wakers: self.wakers(), ..Afterwards::default() }
    }

    /// What is to be written next, if it is as much as `least`.
    pub(super) fn unwritten(&self, least: u64) -> Option<Vec<Bytes>> {
        (self.storing && self.received() - self.written >= least).then(|| self.window.since(self.written))
    }

    pub(super) fn wrote(&mut self, bytes: u64) {
        self.written += bytes;
    }

    /// Nothing more gets to the file. What is there stays readable as long as somebody needs it.
    pub(super) fn stop_storing(&mut self, remains: Option<Incoming>) {
        self.storing = false;
        self.remains = remains;
    }

    /// Makes room, if there is any to be made, and ends the body if nobody wants it any more.
    ///
    /// Judged and ended in one step: nobody can take a seat between the two.
    pub(super) fn flow(&mut self) -> (Flow, Afterwards) {
        if self.end.is_some() {
            return (Flow::Ended, Afterwards::default());
        }
        self.window.trim(self.sizes.window, self.floor());
        let mut afterwards = Afterwards::default();
        if !self.storing && !self.has_beginning() {
            // Nobody can begin any more, and whoever has begun is past what was written.
            self.file = None;
            afterwards.remains = self.remains.take();
        }
        if !self.is_wanted() {
            let ended = self.end_with(Err(Broken::Unwanted));
            return (Flow::Ended, Afterwards { remains: afterwards.remains, ..ended });
        }
        (if self.is_full() { Flow::Full } else { Flow::Room }, afterwards)
    }

    /// Waits no longer for handles that have not begun to read.
    pub(super) fn lapse(&mut self) {
        self.lapsed = true;
    }

    /// Ends the body as whole, unless it has ended or is not.
    pub(super) fn finish(&mut self) -> (bool, Afterwards) {
        if self.end.is_some() {
            return (false, Afterwards::default());
        }
        let received = self.received();
        let end = match self.stated.filter(|stated| *stated != received) {
            Some(stated) => Err(Broken::OfOtherLength { stated, received }),
            None => Ok(()),
        };
        (end.is_ok(), self.end_with(end))
    }

    /// Ends the body, unless it has ended.
    pub(super) fn end_with(&mut self, end: Result<(), Broken>) -> Afterwards {
        if self.end.is_some() {
            return Afterwards::default();
        }
        self.end = Some(end);
        Afterwards { wakers: self.wakers(), remains: None, ended: true }
    }

    // Those who ask.

    /// Counts a handle. True if it is one to wait for, until [`begin`](Self::begin).
    pub(super) fn add_handle(&mut self) -> bool {
        self.handles += 1;
        let begins = self.has_beginning();
        self.beginners += usize::from(begins);
        begins
    }

    pub(super) fn begin(&mut self) {
        self.beginners -= 1;
    }

    pub(super) fn remove_handle(&mut self) {
        self.handles -= 1;
    }

    /// A seat at byte 0.
    pub(super) fn sit_down(&mut self) -> Option<u64> {
        if self.is_broken() || !self.has_beginning() {
            return None;
        }
        let seat = self.next_seat;
        self.next_seat += 1;
        self.seats.insert(seat, Seat { position: 0, waker: None });
        Some(seat)
    }

    pub(super) fn stand_up(&mut self, seat: u64) {
        self.seats.remove(&seat);
    }

    /// What comes at `position`; what is before it has been taken. If nothing is there, `waker` hears of more.
    pub(super) fn next(&mut self, seat: u64, position: u64, waker: &Waker) -> Next {
        let left = self.released() - position;
        let seat = self.seats.get_mut(&seat).expect("a reader has its seat until it is dropped");
        seat.position = position;
        seat.waker = None;
        if left == 0 {
            if let Some(end) = self.end.clone() {
                return Next::End(end);
            }
            seat.waker = Some(waker.clone());
            return Next::Wait;
        }
        if let Some(mut data) = self.window.at(position) {
            data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            return Next::Data(data);
        }
        let file = self.file.clone().expect("what has left the window and is not read is on the file");
        let len = self.sizes.block.min(self.written - position).min(left);
        Next::OnFile(file, usize::try_from(len).expect("a block fits into memory"))
    }

    /// So much may be given out: all that has come, but not the last byte of a stated length before the end is known to be clean. A client
    /// that was told the length takes that byte for the end.
    fn released(&self) -> u64 {
        let received = self.received();
        let last = self.stated == Some(received) && !matches!(self.end, Some(Ok(())));
        received.saturating_sub(u64::from(last))
    }

    /// Whether a reader's progress makes room.
    pub(super) fn waits_for_readers(&self) -> bool {
        !self.storing && self.end.is_none()
    }

    fn wakers(&mut self) -> Vec<Waker> {
        self.seats.values_mut().filter_map(|seat| seat.waker.take()).collect()
    }

    /// Never once all of a stated length is here: nothing more needs room, and whoever waited for readers would wait for the byte that is
    /// kept back from them.
    fn is_full(&self) -> bool {
        self.window.len() > self.sizes.window && self.stated != Some(self.received())
    }

    /// What ends here or before is not needed in memory.
    fn floor(&self) -> u64 {
        if self.storing {
            return self.written;
        }
        let beginner = self.awaits_beginners().then_some(0);
        let slowest = self.seats.values().map(|seat| seat.position).chain(beginner).min();
        slowest.unwrap_or(self.received()).max(self.written)
    }

    fn awaits_beginners(&self) -> bool {
        self.beginners > 0 && !self.lapsed
    }

    fn is_wanted(&self) -> bool {
        if !self.seats.is_empty() {
            return true;
        }
        if self.storing {
            return self.handles > 0 || self.is_worth_finishing();
        }
        // What nobody reads is kept nowhere but in the window.
        self.handles > 0 && self.has_beginning() && (!self.is_full() || self.awaits_beginners())
    }

    /// Below the limit, or nearly done.
    fn is_worth_finishing(&self) -> bool {
        let received = self.received();
        self.stated.unwrap_or(received) <= self.finish_limit || self.stated.is_some_and(|stated| received >= stated - stated / 10)
    }

    #[cfg(test)]
    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    #[cfg(test)]
    pub(super) fn file(&self) -> Option<Arc<File>> {
        self.file.clone()
    }
}
