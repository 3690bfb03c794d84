//! The body of an answer while it arrives: bounded in time, and either complete or ended by an error.
//!
//! It carries what the budget counts as a call under way, so a call cannot be forgotten before its body is over. Dropping it closes the
//! connection if anything is left to read.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::error::{Error, Phase};
use crate::budget::InFlight;

/// A body as received from the portal, content coding included.
#[derive(Debug)]
pub struct Body {
    /// Read ahead and not given out yet.
    ahead: VecDeque<Bytes>,
    /// What reading ahead ended with; comes after `ahead`.
    failure: Option<Error>,
    arriving: Option<Box<Arriving>>,
}

/// A body that has been read up to a limit.
#[derive(Debug)]
pub enum Completed {
    /// All of it, as received. The call is over.
    Whole(Bytes),
    /// More than the limit: all of it, what has been read included, as a body to pass on.
    Larger(Body),
}

/// How long a body may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Longest pause.
    pub(super) idle: Duration,
    /// Longest exchange.
    pub(super) whole: Duration,
    /// When the exchange began.
    pub(super) began: Instant,
}

#[derive(Debug)]
struct Arriving {
    source: reqwest::Body,
    received: u64,
    patience: Patience,
    /// Armed while the portal pauses; a client that is slow to take what is there does not count as the portal's pause.
    pause: Option<Pin<Box<Sleep>>>,
    end: Pin<Box<Sleep>>,
    /// Held until the body is over.
    in_flight: Option<InFlight>,
}

impl Body {
    pub(super) fn arriving(source: reqwest::Body, patience: Patience) -> Self {
        let end = Box::pin(sleep_until(patience.began + patience.whole));
        let arriving = Arriving { source, received: 0, patience, pause: None, end, in_flight: None };
        Self { ahead: VecDeque::new(), failure: None, arriving: Some(Box::new(arriving)) }
    }

    /// Lets the call count as under way until the body is over.
    pub(super) fn hold(&mut self, in_flight: InFlight) {
        match &mut self.arriving {
            Some(arriving) => arriving.in_flight = Some(in_flight),
            // It has been read ahead.
            None => in_flight.ended(self.failure.is_none()),
        }
    }

    /// Reads until the end, or until there are more than `limit` bytes. A body that states a larger length is not read at all.
    ///
    /// If the future is dropped, so are body and connection.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] and [`Error::TimedOut`], if the body ends with them before `limit`.
    pub async fn complete(mut self, limit: usize) -> Result<Completed, Error> {
        self.read_ahead(limit).await;
        if self.arriving.is_some() || self.read() > limit {
            return Ok(Completed::Larger(self));
        }
        match self.failure {
            Some(failure) => Err(failure),
            // Copied into bytes of its own: what is received are windows into larger buffers, which would stay as long as an answer is stored.
            None => Ok(Completed::Whole(self.peek())),
        }
    }

    /// Reads ahead until the end, a failure, or more than `limit` bytes. What is read is still given out.
    pub(super) async fn read_ahead(&mut self, limit: usize) {
        loop {
            let left = self.arriving.as_ref().map_or(0, |arriving| arriving.source.size_hint().lower());
            if self.arriving.is_none() || self.read() as u64 + left > limit as u64 {
                return;
            }
            match poll_fn(|cx| self.poll_arriving(cx)).await {
                Some(Ok(data)) => self.ahead.push_back(data),
                Some(Err(error)) => self.failure = Some(error),
                None => {}
            }
        }
    }

    /// What has been read ahead, in as much memory as it takes.
    pub(super) fn peek(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.read());
        for data in &self.ahead {
            bytes.extend_from_slice(data);
        }
        bytes.into()
    }

    /// Whether there is nothing more to come but what has been read ahead.
    pub(super) fn is_here(&self) -> bool {
        self.arriving.is_none() && self.failure.is_none()
    }

    fn read(&self) -> usize {
        self.ahead.iter().map(Bytes::len).sum()
    }

    /// The next data from the portal. After the end or a failure nothing is left of the connection.
    fn poll_arriving(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let Some(arriving) = &mut self.arriving else { return Poll::Ready(None) };
        let next = match arriving.poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(next) => next,
        };
        let in_flight = match &next {
            // Whoever knows the length need not ask for more.
            Some(Ok(_)) => arriving.in_flight.take_if(|_| arriving.source.is_end_stream()),
            _ => self.arriving.take().and_then(|arriving| arriving.in_flight),
        };
        if let Some(in_flight) = in_flight {
            // Of the longest time for all of it, most may have been its reader's.
            if !matches!(next, Some(Err(Error::TimedOut { phase: Phase::Whole, .. }))) {
                in_flight.ended(!matches!(next, Some(Err(_))));
            }
        }
        Poll::Ready(next)
    }
}

impl Arriving {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        // Before the data, lest a drip that never pauses outlive it.
        if self.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Error::TimedOut { phase: Phase::Whole, after: self.patience.whole })));
        }
        loop {
            match Pin::new(&mut self.source).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.pause = None;
                    // Trailers belong to the connection.
                    let Ok(data) = frame.into_data() else { continue };
                    if data.is_empty() {
                        continue;
                    }
                    self.received += data.len() as u64;
                    return Poll::Ready(Some(Ok(data)));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(Error::of_body(error, self.received)))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    let idle = self.patience.idle;
                    let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
                    return pause.as_mut().poll(cx).map(|()| Some(Err(Error::TimedOut { phase: Phase::Idle, after: idle })));
                }
            }
        }
    }
}

impl From<Bytes> for Body {
    /// A body that is here already.
    fn from(bytes: Bytes) -> Self {
        Self { ahead: VecDeque::from([bytes]), failure: None, arriving: None }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(data) = self.ahead.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Some(Err(failure)));
        }
        self.poll_arriving(cx).map(|next| next.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.failure.is_none() && self.arriving.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.failure.is_some() {
            return SizeHint::default();
        }
        let mut hint = self.arriving.as_ref().map_or_else(|| SizeHint::with_exact(0), |arriving| arriving.source.size_hint());
        let ahead = self.read() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + ahead);
        }
        hint.set_lower(hint.lower() + ahead);
        hint
    }
}

#[cfg(test)]
impl Body {
    /// A body of these pieces.
    pub(super) fn of_chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        Self { ahead: chunks.into_iter().collect(), failure: None, arriving: None }
    }
}

#[cfg(test)]
mod tests;
