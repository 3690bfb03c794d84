//! What must be seen of a request's head before the parser has it: how long it takes, a raw `#`, and what the parser would refuse.
//!
//! hyper has one timer, armed from the moment it waits for a request until the head is whole: it is our limit on idle connections. A client
//! that dribbles a head byte by byte would have all of that time, so the stream that hyper reads is wrapped: from the first byte of a head
//! on, a shorter limit runs. Where a head begins is known because the service and the response's body say when an exchange begins and
//! ends ([`boundary`](super::boundary)). A request that a client sends behind another (RFC 9112 section 9.3.2) is held back here until
//! that one is answered, so that its head begins where it begins; behind a request with a body, where only the parser knows the end, it is
//! left to hyper's timer.
//!
//! A raw `#` in a request's target is cut off by the parser of URIs together with what follows, so that key and call would be about another
//! target than the client wrote. It is noticed here, and the exchange answers 400.
//!
//! Bytes of a target that clients write, portals take and the parser refuses are percent-encoded on their way
//! (`request_line`), so that limits on targets and heads count what they have become. A head without such bytes is
//! read where it lies; of one with them, what came in one read is moved once. Where a head begins must be certain for that: on a
//! connection that has carried a body or was to be upgraded, nothing is rewritten any more.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use percent_encoding::percent_encode_byte;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::boundary::{Boundary, Stage};
use super::head::Head;
use super::request_line::RequestLine;

/// Bytes of further requests that are taken from the kernel at once while one is answered.
const HELD: usize = 1 << 10;

/// A stream that fails if a request's head takes longer than the limit.
#[derive(Debug)]
pub struct HeadWatch<S> {
    stream: S,
    boundary: Boundary,
    limit: Duration,
    deadline: Pin<Box<Sleep>>,
    head: Head,
    /// What is still to be written of a byte that was encoded.
    owed: &'static [u8],
    /// Came with a byte that must be encoded, with the end of a head, or during an exchange without a body. Never more than one read.
    held: BytesMut,
}

impl<S> HeadWatch<S> {
    /// Wraps a connection's stream.
    pub fn new(stream: S, boundary: Boundary, limit: Duration) -> Self {
        let deadline = Box::pin(tokio::time::sleep(limit));
        Self { stream, boundary, limit, deadline, head: Head::over(), owed: &[], held: BytesMut::new() }
    }

    /// A byte has come. If it is the first of a head, the head's time begins.
    fn begin(&mut self) {
        if self.boundary.begin_head() {
            self.deadline.as_mut().reset(Instant::now() + self.limit);
            self.head = Head::begin(if self.boundary.is_opaque() { RequestLine::untouched() } else { RequestLine::new() });
        }
    }

    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        self.boundary.stage() == Stage::Head && self.deadline.as_mut().poll(cx).is_ready()
    }

    /// Moves on what is held, as much as there is room for.
    fn put_held(&mut self, buf: &mut ReadBuf<'_>, length: usize) {
        buf.put_slice(&self.held[..length]);
        self.held.advance(length);
    }

    /// Moves on what is held of a head, in the spelling that the parser reads.
    fn put_head(&mut self, buf: &mut ReadBuf<'_>) {
        while buf.remaining() > 0 {
            let (now, later) = self.owed.split_at(self.owed.len().min(buf.remaining()));
            buf.put_slice(now);
            self.owed = later;
            let room = self.held.len().min(buf.remaining());
            if room == 0 || self.head.is_over() {
                return;
            }
            let stays = self.head.read(&self.held[..room]);
            self.put_held(buf, stays);
            if stays < room && !self.head.is_over() {
                self.owed = percent_encode_byte(self.held.get_u8()).as_bytes();
            }
        }
    }
}

impl<S: AsyncRead + Unpin> HeadWatch<S> {
    /// What is held, else what the stream has; as it is.
    fn poll_next(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        self.put_held(buf, self.held.len().min(buf.remaining()));
        Poll::Ready(Ok(()))
    }

    /// What has come of a head, up to its end.
    fn poll_head(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() && self.owed.is_empty() {
            let before = buf.filled().len();
            match Pin::new(&mut self.stream).poll_read(cx, buf) {
                Poll::Pending if self.overdue(cx) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the request's head took too long")));
                }
                Poll::Ready(Ok(())) if buf.filled().len() > before => {}
                polled => return polled,
            }
            self.begin();
            if self.head.is_over() {
                // The parser wants more than the head that there was: what it makes of it is its affair.
                return Poll::Ready(Ok(()));
            }
            let stays = before + self.head.read(&buf.filled()[before..]);
            self.held.extend_from_slice(&buf.filled()[stays..]);
            buf.set_filled(stays);
        } else {
            self.begin();
            if self.head.is_over() {
                return self.poll_next(cx, buf);
            }
        }
        self.put_head(buf);
        if self.head.has_fragment() {
            self.boundary.set_raw_fragment();
        }
        Poll::Ready(Ok(()))
    }

    /// During an exchange without a body all that is told is that the client has left, unless it has sent another request before.
    fn poll_leaving(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            let mut bytes = [MaybeUninit::uninit(); HELD];
            let mut buf = ReadBuf::uninit(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => self.held.extend_from_slice(buf.filled()),
                polled => return polled,
            }
        }
        // A parser that was told to wait does not ask again of its own accord.
        self.boundary.wake_at_end(cx);
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadWatch<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = match self.boundary.stage() {
            Stage::Idle | Stage::Head => self.poll_head(cx, buf),
            Stage::Exchange => self.poll_leaving(cx),
            Stage::ExchangeWithBody => self.poll_next(cx, buf),
        };
        if self.held.is_empty() {
            // Its memory neither: most connections never hold anything again.
            self.held = BytesMut::new();
        }
        polled
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn request(body: &'static str) -> Request<Full<Bytes>> {
        Request::new(Full::new(body.into()))
    }

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
        let exchange = boundary.exchange(&request(""));
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
            let exchange = boundary.exchange(&request(if has_body { behind } else { "" }));
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
    async fn a_reader_that_was_told_to_wait_is_woken_when_the_exchange_is_over() {
        for together in [true, false] {
            let (mut client, server) = tokio::io::duplex(64);
            let boundary = Boundary::default();
            let mut stream = HeadWatch::new(server, boundary.clone(), LIMIT);
            client.write_all(if together { b"GET / HTTP/1.1\n\nG" } else { b"GET / HTTP/1.1\n\n" }).await.unwrap();
            assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 16);
            let exchange = boundary.exchange(&request(""));
            if !together {
                client.write_all(b"G").await.unwrap();
            }
            let waiting = tokio::spawn(async move { stream.read_u8().await.unwrap() });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            drop(exchange);
            tokio::task::yield_now().await;
            assert!(waiting.is_finished(), "{together}");
            assert_eq!(waiting.await.unwrap(), b'G');
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_during_its_exchange_is_noticed() {
        let (client, server) = tokio::io::duplex(64);
        let boundary = Boundary::default();
        let mut stream = HeadWatch::new(server, boundary.clone(), LIMIT);
        let _exchange = boundary.exchange(&request(""));
        drop(client);
        assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 0);
    }

    /// What the parser is given of `sent`, which arrives in stretches of `chunk` and is read in stretches of at most `room`. The exchange of
    /// a request is over as soon as its head is. Unconstrained by the caller: a poll that yields for fairness would look like a quiet client.
    async fn given(sent: &[u8], chunk: usize, room: usize) -> Vec<u8> {
        let (mut client, server) = tokio::io::duplex(4096);
        let boundary = Boundary::default();
        let mut stream = HeadWatch::new(server, boundary.clone(), LIMIT);
        let mut given = Vec::new();
        for part in sent.chunks(chunk) {
            client.write_all(part).await.unwrap();
            let mut bytes = vec![0; room];
            while let Poll::Ready(read) = futures_util::poll!(std::pin::pin!(stream.read(&mut bytes))) {
                let read = read.unwrap();
                assert_ne!(read, 0, "that would be the end of the stream");
                given.extend_from_slice(&bytes[..read]);
                if stream.head.is_over() {
                    let has_body = given.ends_with(b"Content-Length: 9\r\n\r\n");
                    drop(boundary.exchange(&request(if has_body { "GET /?\"\"\n" } else { "" })));
                }
            }
        }
        assert!(stream.owed.is_empty() && stream.held.is_empty() && stream.held.capacity() == 0);
        given
    }

    #[tokio::test]
    async fn targets_are_encoded_whatever_the_reads_and_however_many_requests_come_at_once() {
        let sent = "\r\nGET /?\"\"\" HTTP/1.1\r\nA: \"\r\n\r\nHEAD /\u{e9}?a HTTP/1.1\n\nGET / HTTP/1.1\n\nPOST /?\" HTTP/1.1\r\n\r\nGET /`?` HTTP/1.0\n\n";
        let expected = "\r\nGET /?%22%22%22 HTTP/1.1\r\nA: \"\r\n\r\nHEAD /%C3%A9?a HTTP/1.1\n\nGET / HTTP/1.1\n\nPOST /?\" HTTP/1.1\r\n\r\nGET /%60?` HTTP/1.0\n\n";
        for chunk in 1..=sent.len() {
            for room in [1, 2, 3, 4, 5, 7, 64, 4096] {
                let given = tokio::task::unconstrained(given(sent.as_bytes(), chunk, room)).await;
                assert_eq!(String::from_utf8(given).unwrap(), expected, "{chunk} {room}");
            }
        }
    }

    #[tokio::test]
    async fn a_head_with_nothing_to_encode_is_read_where_it_lies() {
        let (mut client, server) = tokio::io::duplex(4096);
        let mut stream = HeadWatch::new(server, Boundary::default(), LIMIT);
        let head = b"GET /a?where=%22b%22 HTTP/1.1\r\nHost: a\r\nX: \"<`\r\n\r\n";
        client.write_all(head).await.unwrap();
        assert_eq!(stream.read(&mut [0; 4096]).await.unwrap(), head.len());
        assert_eq!(stream.held.capacity(), 0);
    }

    #[tokio::test]
    async fn nothing_is_rewritten_behind_a_request_with_a_body() {
        let head = "GET /?%22 HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
        let sent = format!("{head}GET /?\"\"\nGET /?\" HTTP/1.1\r\n\r\n");
        for chunk in 1..=sent.len() {
            let given = tokio::task::unconstrained(given(sent.as_bytes(), chunk, 4096)).await;
            assert_eq!(given, sent.as_bytes(), "{chunk}");
        }
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
