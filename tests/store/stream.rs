//! A portal that sends a large body piece by piece, as a test lets it, and a client that reads one at a speed of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use preau::clock::Clock;
use preau::config::Config;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::behind::Behind;

/// Nothing in a test takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The target that the tests ask.
pub const EXPORT: &str = "/api/explore/v2.1/catalog/datasets/x/exports/csv";

/// One piece of a body.
pub const PIECE: usize = 64 << 10;

/// So many pieces are certainly more than is buffered: the head of the answer comes before the rest of the body.
pub const MORE_THAN_BUFFERED: usize = 6;

/// Bytes that are nowhere the same.
pub fn piece(number: usize) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(number as u64);
    std::iter::repeat_with(|| dice.alphanumeric() as u8).take(PIECE).collect()
}

/// The first `pieces` pieces.
pub fn body(pieces: usize) -> Vec<u8> {
    (0..pieces).flat_map(piece).collect()
}

/// A portal whose export has `pieces` pieces, in chunks; each is sent when the test adds a permit. After `breaks_at` pieces, if that is said, the
/// connection ends.
pub async fn portal(pieces: usize, breaks_at: Option<usize>, configure: impl FnOnce(&mut Config)) -> (Behind, Arc<Semaphore>) {
    portal_at(Clock::system(), pieces, breaks_at, configure).await
}

/// The same, at the time of `clock`.
pub async fn portal_at(
    clock: Clock,
    pieces: usize,
    breaks_at: Option<usize>,
    configure: impl FnOnce(&mut Config),
) -> (Behind, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let allowed = Arc::clone(&permits);
    let behind = Behind::clocked(clock, configure, move |mut connection, _| {
        let allowed = Arc::clone(&allowed);
        async move {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/csv; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
            if !connection.say(head).await {
                return None;
            }
            for number in 0..pieces {
                allowed.acquire().await.expect("it is never closed").forget();
                if breaks_at == Some(number) {
                    return None;
                }
                let chunk = [format!("{PIECE:x}\r\n").into_bytes(), piece(number), b"\r\n".to_vec()].concat();
                if !connection.say(chunk).await {
                    return None;
                }
            }
            connection.say("0\r\n\r\n").await.then_some(connection)
        }
    })
    .await;
    (behind, permits)
}

/// What was read of a body. Its bytes are too many to be printed.
#[derive(PartialEq, Eq)]
pub struct Read(pub Bytes);

impl std::fmt::Debug for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, {:?}…", self.0.len(), String::from_utf8_lossy(&self.0[..self.0.len().min(300)]))
    }
}

/// An answer whose head has come.
pub struct Reading {
    pub fields: HeaderMap,
    body: Incoming,
    connection: tokio::task::JoinHandle<hyper::Result<()>>,
    received: BytesMut,
    /// It broke off.
    is_cut: bool,
}

impl Reading {
    /// Asks, and waits for the head.
    pub async fn ask(to: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Self {
        tokio::time::timeout(PATIENCE, Self::asked(to, target, fields)).await.expect("a head in time").expect("a head")
    }

    /// Asks a server that may be killed any moment: nothing if there is no head.
    pub async fn try_ask(to: SocketAddr, target: &str) -> Option<Self> {
        Self::asked(to, target, &[]).await.ok()
    }

    async fn asked(to: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(to).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::get(target).header("host", to.to_string());
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (head, body) = sender.send_request(request.body(Empty::<Bytes>::new())?).await?.into_parts();
        Ok(Self { fields: head.headers, body, connection, received: BytesMut::new(), is_cut: false })
    }

    /// Reads a piece more, and says how many bytes it has. Nothing at the end, however it ends: [`end`](Self::end) says how.
    pub async fn more(&mut self) -> Option<usize> {
        let data = match self.body.frame().await? {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(_) => {
                self.is_cut = true;
                return None;
            }
        };
        self.received.extend_from_slice(&data);
        Some(data.len())
    }

    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Reads until `bytes` are here.
    pub async fn until(&mut self, bytes: usize) {
        let reading = async {
            while self.received.len() < bytes {
                let frame = self.body.frame().await.expect("more comes").expect("unbroken");
                self.received.extend_from_slice(&frame.into_data().expect("data"));
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("bytes in time");
    }

    /// Reads to the end: the whole body, or what came of it before it broke off.
    pub async fn end(mut self) -> Result<Read, Read> {
        let reading = async {
            while !self.is_cut && self.more().await.is_some() {}
            let read = Read(self.received.freeze());
            if self.is_cut { Err(read) } else { Ok(read) }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an end in time")
    }

    /// Leaves in the middle.
    pub async fn leave(self) {
        drop(self.body);
        self.connection.abort();
        let _ = self.connection.await;
    }
}
