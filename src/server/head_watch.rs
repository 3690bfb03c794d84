//! What must be seen of a request's head before the parser has it: how long it takes, and a raw `#`.
//!
//! hyper has one timer, armed from the moment it waits for a request until the head is whole: it is our limit on idle connections. A client
//! that dribbles a head byte by byte would have all of that time, so the stream that hyper reads is wrapped: from the first byte of a head
//! on, a shorter limit runs. Where a head begins is known because the service and the response's body say when an exchange begins and
//! ends. A request that a client sends behind another (RFC 9112 section 9.3.2) is held back here until that one is answered, so that its
//! head begins where it begins; behind a request with a body, where only the parser knows the end, it is left to hyper's timer.
//!
//! A raw `#` in a request's target is cut off by the parser of URIs together with what follows, so that key and call would be about another
//! target than the client wrote. It is noticed here, and the exchange answers 400.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// No byte of the next head has come.
const IDLE: u8 = 0;
/// A head is arriving.
const HEAD: u8 = 1;
/// A request is being answered.
const EXCHANGE: u8 = 2;
/// A request with a body is being answered: what arrives is part of it, for all that is known here.
const EXCHANGE_WITH_BODY: u8 = 3;

/// Bytes of further requests that are taken from the kernel at once while one is answered.
const HELD: usize = 1 << 10;

/// Where a connection stands between two requests. Shared by its stream, its service and its responses' bodies.
#[derive(Clone, Debug, Default)]
pub struct Boundary(Arc<Standing>);

#[derive(Debug, Default)]
struct Standing {
    stage: AtomicU8,
    fragment: AtomicBool,
}

/// The request's target had a raw `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFragment;

impl Boundary {
    /// The head is whole: an exchange begins. It ends when the guard is dropped.
    pub fn exchange(&self, has_body: bool) -> Exchange {
        self.0.stage.store(if has_body { EXCHANGE_WITH_BODY } else { EXCHANGE }, Ordering::Release);
        Exchange(self.clone())
    }

    /// Whether the head that was read last had a raw `#` in its target.
    pub fn raw_fragment(&self) -> Option<RawFragment> {
        self.0.fragment.swap(false, Ordering::AcqRel).then_some(RawFragment)
    }
}

/// Guards one exchange: dropped with the response's body.
#[derive(Debug)]
pub struct Exchange(Boundary);

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.0.stage.store(IDLE, Ordering::Release);
    }
}

/// A stream that fails if a request's head takes longer than the limit.
#[derive(Debug)]
pub struct HeadWatch<S> {
    stream: S,
    boundary: Boundary,
    limit: Duration,
    deadline: Pin<Box<Sleep>>,
    line: Line,
    /// Came with the end of a head, or during an exchange without a body: the next request.
    held: BytesMut,
}

/// How far a head has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Line ends before it are skipped (RFC 9112 section 2.2).
    Before,
    /// In the request line.
    Request,
    /// In a field, or at the begin of a line that may be the empty one.
    Field {
        /// Nothing of the line has come, save the CR of its end.
        empty: bool,
    },
    /// Behind the head.
    After,
}

impl<S> HeadWatch<S> {
    /// Wraps a connection's stream.
    pub fn new(stream: S, boundary: Boundary, limit: Duration) -> Self {
        let deadline = Box::pin(tokio::time::sleep(limit));
        Self { stream, boundary, limit, deadline, line: Line::After, held: BytesMut::new() }
    }

    /// Reads on in a head: looks for a `#` in its first line and for its end. Returns how many of `bytes` belong to it.
    fn read_head(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            self.line = match (self.line, byte) {
                (Line::After, _) => return at,
                (Line::Before, b'\r' | b'\n') => Line::Before,
                (Line::Request, b'\n') => Line::Field { empty: true },
                (Line::Before | Line::Request, byte) => {
                    if *byte == b'#' {
                        self.boundary.0.fragment.store(true, Ordering::Release);
                    }
                    Line::Request
                }
                (Line::Field { empty: true }, b'\n') => Line::After,
                (Line::Field { empty }, b'\r') => Line::Field { empty },
                (Line::Field { .. }, byte) => Line::Field { empty: *byte == b'\n' },
            };
        }
        bytes.len()
    }

    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        self.boundary.0.stage.load(Ordering::Acquire) == HEAD && self.deadline.as_mut().poll(cx).is_ready()
    }
}

impl<S: AsyncRead + Unpin> HeadWatch<S> {
    /// What is held, else what the stream has.
    fn poll_next(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let length = self.held.len().min(buf.remaining());
        buf.put_slice(&self.held.split_to(length));
        Poll::Ready(Ok(()))
    }

    /// During an exchange without a body all that is told is that the client has left, unless it has sent another request before. The
    /// parser asks again when the exchange is over.
    fn poll_leaving(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            return Poll::Pending;
        }
        let mut bytes = [MaybeUninit::uninit(); HELD];
        let mut buf = ReadBuf::uninit(&mut bytes);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
            Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                self.held.extend_from_slice(buf.filled());
                Poll::Pending
            }
            polled => polled,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadWatch<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.boundary.0.stage.load(Ordering::Acquire) == EXCHANGE {
            return self.poll_leaving(cx);
        }
        let before = buf.filled().len();
        match self.poll_next(cx, buf) {
            Poll::Pending if self.overdue(cx) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the request's head took too long")))
            }
            Poll::Ready(Ok(())) if buf.filled().len() > before => {
                let began = self.boundary.0.stage.compare_exchange(IDLE, HEAD, Ordering::AcqRel, Ordering::Acquire).is_ok();
                if began {
                    let deadline = Instant::now() + self.limit;
                    self.deadline.as_mut().reset(deadline);
                    self.line = Line::Before;
                }
                if self.line != Line::After {
                    let head = before + self.read_head(&buf.filled()[before..]);
                    if self.boundary.0.stage.load(Ordering::Acquire) == HEAD {
                        let rest = self.held.split();
                        self.held.extend_from_slice(&buf.filled()[head..]);
                        self.held.extend_from_slice(&rest);
                        buf.set_filled(head);
                    }
                }
                Poll::Ready(Ok(()))
            }
            polled => polled,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadWatch<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_head_that_dribbles_is_cut_at_the_limit_from_its_first_byte() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut stream = HeadWatch::new(server, Boundary::default(), LIMIT);
        tokio::time::advance(LIMIT * 3).await;
        client.write_all(b"G").await.unwrap();
        let first = Instant::now();
        assert_eq!(stream.read_u8().await.unwrap(), b'G', "waiting for the first byte is not the head's time");
        tokio::time::advance(LIMIT / 2).await;
        client.write_all(b"E").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'E');
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(first.elapsed() >= LIMIT && first.elapsed() < LIMIT + Duration::from_secs(1), "{:?}", first.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_exchange_is_not_a_slow_head_and_the_next_head_has_its_own_time() {
        let (mut client, server) = tokio::io::duplex(64);
        let boundary = Boundary::default();
        let mut stream = HeadWatch::new(server, boundary.clone(), LIMIT);
        client.write_all(b"G").await.unwrap();
        stream.read_u8().await.unwrap();
        let exchange = boundary.exchange(false);
        let waited = tokio::time::timeout(LIMIT * 5, stream.read_u8()).await;
        assert!(waited.is_err(), "nothing is cut while an answer is made");
        drop(exchange);
        client.write_all(b"G").await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn what_stands_behind_a_head_is_held_until_its_exchange_is_over_or_has_a_body() {
        for (has_body, behind) in [(false, "GET /b#c HTTP/1.1\r\nX: #\n\n"), (true, "body # body")] {
            let (mut client, server) = tokio::io::duplex(4096);
            let boundary = Boundary::default();
            let mut stream = HeadWatch::new(server, boundary.clone(), LIMIT);
            let head = "\r\nGET /a HTTP/1.1\r\nX: 1\r\n\r\n";
            client.write_all(format!("{head}{behind}").as_bytes()).await.unwrap();
            let mut bytes = [0; 4096];
            assert_eq!(stream.read(&mut bytes).await.unwrap(), head.len());
            assert_eq!(boundary.raw_fragment(), None);
            let exchange = boundary.exchange(has_body);
            if !has_body {
                client.write_all(b"GET /d").await.unwrap();
                assert!(futures_util::poll!(std::pin::pin!(stream.read(&mut bytes))).is_pending());
                drop(exchange);
            }
            assert_eq!(stream.read(&mut bytes).await.unwrap(), behind.len());
            assert_eq!(boundary.raw_fragment().is_some(), !has_body);
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_during_its_exchange_is_noticed() {
        let (client, server) = tokio::io::duplex(64);
        let boundary = Boundary::default();
        let mut stream = HeadWatch::new(server, boundary.clone(), LIMIT);
        let _exchange = boundary.exchange(false);
        drop(client);
        assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_raw_fragment_is_seen_in_the_request_line_and_nowhere_else() {
        for (head, expected) in [
            ("GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", true),
            ("\r\nGET /a?b=1#b HTTP/1.1\r\n\r\n", true),
            ("GET /a%23b HTTP/1.1\r\nX: #1\r\n\r\n", false),
        ] {
            for chunk in [1, 7, head.len()] {
                let (mut client, server) = tokio::io::duplex(4096);
                let boundary = Boundary::default();
                let mut stream = HeadWatch::new(server, boundary.clone(), LIMIT);
                for part in head.as_bytes().chunks(chunk) {
                    client.write_all(part).await.unwrap();
                    stream.read_exact(&mut vec![0; part.len()]).await.unwrap();
                }
                assert_eq!(boundary.raw_fragment().is_some(), expected, "{head} in chunks of {chunk}");
                assert_eq!(boundary.raw_fragment(), None, "told once");
            }
        }
    }
}
