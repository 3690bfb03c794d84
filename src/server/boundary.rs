//! Where a connection stands between two requests: what its stream, its service and its responses' bodies tell each other.
//!
//! Only the parser knows what a head says, and only the service learns it; [`head_watch`](super::head_watch) stands before the parser. So
//! the service says here when an exchange begins, the response's body says when it ends, and the watch acts on it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::header::UPGRADE;
use http::{Method, Request};
use http_body::{Body, Frame, SizeHint};

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// No byte of the next head has come.
    Idle,
    /// A head is arriving.
    Head,
    /// A request is being answered.
    Exchange,
    /// A request with a body is being answered: what arrives is part of it, for all that is known here.
    ExchangeWithBody,
}

impl Stage {
    fn of(byte: u8) -> Self {
        [Self::Idle, Self::Head, Self::Exchange, Self::ExchangeWithBody][usize::from(byte)]
    }
}

/// Where a connection stands between two requests. Shared by its stream, its service and its responses' bodies.
#[derive(Clone, Debug, Default)]
pub struct Boundary(Arc<Standing>);

#[derive(Debug, Default)]
struct Standing {
    stage: AtomicU8,
    opaque: AtomicBool,
    fragment: AtomicBool,
    /// Waits for the end of the exchange.
    reader: AtomicWaker,
}

/// The request's target had a raw `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFragment;

impl Boundary {
    /// The head of `request` is whole: an exchange begins. It ends when the guard is dropped.
    pub fn exchange<B: Body>(&self, request: &Request<B>) -> Exchange {
        let has_body = !request.body().is_end_stream();
        if has_body || request.headers().contains_key(UPGRADE) || request.method() == Method::CONNECT {
            self.0.opaque.store(true, Ordering::Release);
        }
        self.0.stage.store(if has_body { Stage::ExchangeWithBody } else { Stage::Exchange } as u8, Ordering::Release);
        Exchange(self.clone())
    }

    /// Whether the head that was read last had a raw `#` in its target.
    pub fn raw_fragment(&self) -> Option<RawFragment> {
        self.0.fragment.swap(false, Ordering::AcqRel).then_some(RawFragment)
    }

    pub(super) fn stage(&self) -> Stage {
        Stage::of(self.0.stage.load(Ordering::Acquire))
    }

    /// A byte has come: if none had of a head, one begins.
    pub(super) fn begin_head(&self) -> bool {
        let (idle, head) = (Stage::Idle as u8, Stage::Head as u8);
        self.0.stage.compare_exchange(idle, head, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(super) fn set_raw_fragment(&self) {
        self.0.fragment.store(true, Ordering::Release);
    }

    /// Wakes the task when the exchange is over.
    pub(super) fn wake_at_end(&self, cx: &Context<'_>) {
        self.0.reader.register(cx.waker());
        if self.stage() == Stage::Idle {
            cx.waker().wake_by_ref();
        }
    }

    /// Whether a request of this connection had a body, or asked for another protocol. From then on only the parser knows which bytes are
    /// heads.
    pub(super) fn is_opaque(&self) -> bool {
        self.0.opaque.load(Ordering::Acquire)
    }
}

/// Guards one exchange: dropped with the response's body.
#[derive(Debug)]
pub struct Exchange(Boundary);

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.0.stage.store(Stage::Idle as u8, Ordering::Release);
        self.0.0.reader.wake();
    }
}

/// A response's body that ends the exchange when hyper is done with it.
#[derive(Debug)]
pub struct Guarded<B> {
    body: B,
    _exchange: Exchange,
}

impl<B> Guarded<B> {
    /// Ties `exchange` to the life of `body`.
    pub fn new(body: B, exchange: Exchange) -> Self {
        Self { body, _exchange: exchange }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Guarded<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    #[test]
    fn a_connection_stays_opaque_once_only_the_parser_knows_where_heads_are() {
        let plain = || Request::new(Empty::<Bytes>::new());
        let mut upgrade = plain();
        upgrade.headers_mut().insert(UPGRADE, http::HeaderValue::from_static("h2c"));
        let mut connect = plain();
        *connect.method_mut() = Method::CONNECT;
        for request in [upgrade, connect] {
            let boundary = Boundary::default();
            drop(boundary.exchange(&plain()));
            assert!(!boundary.is_opaque());
            let exchange = boundary.exchange(&request);
            assert_eq!(boundary.stage(), Stage::Exchange);
            drop(exchange);
            drop(boundary.exchange(&plain()));
            assert!(boundary.is_opaque());
        }
        let boundary = Boundary::default();
        let exchange = boundary.exchange(&Request::new(Full::new(Bytes::from_static(b"a"))));
        assert_eq!(boundary.stage(), Stage::ExchangeWithBody);
        drop(exchange);
        assert_eq!(boundary.stage(), Stage::Idle);
        assert!(boundary.is_opaque());
    }
}
