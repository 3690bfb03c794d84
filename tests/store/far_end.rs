//! Both ends of bodies too long to be held: a portal that makes them up as it sends, and a client that keeps their length and checksum.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::behind::{answer, is_look, quota};
use super::raw_portal::{Connection, RawPortal};

/// Nothing in a test takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Bodies are made of these.
const BLOCK: usize = 64 << 10;

/// A body's length and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    pub len: u64,
    sum: u32,
}

/// A body that is nowhere the same as itself or as another one, and is made up where it is needed.
#[derive(Clone, Copy, Debug)]
pub struct MadeUp {
    number: u64,
    pub len: u64,
}

/// What all blocks have in common.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut dice = fastrand::Rng::with_seed(20260301);
    std::iter::repeat_with(|| dice.u8(..)).take(BLOCK).collect()
});

impl MadeUp {
    pub const fn new(number: u64, len: u64) -> Self {
        Self { number, len }
    }

    /// Its blocks in their order.
    pub fn blocks(&self) -> impl Iterator<Item = Vec<u8>> + Send + use<'_> {
        (0..self.len.div_ceil(BLOCK as u64)).map(|at| self.block(at))
    }

    fn block(&self, at: u64) -> Vec<u8> {
        let mut block = PATTERN.clone();
        block[..16].copy_from_slice(&[self.number.to_be_bytes(), at.to_be_bytes()].concat());
        block.truncate(usize::try_from(self.len - at * BLOCK as u64).unwrap_or(BLOCK));
        block
    }

    pub fn slice(&self, range: std::ops::Range<u64>) -> Vec<u8> {
        let first = range.start / BLOCK as u64;
        let blocks: Vec<u8> = (first..range.end.div_ceil(BLOCK as u64)).flat_map(|at| self.block(at)).collect();
        let start = usize::try_from(range.start - first * BLOCK as u64).expect("it is within a block");
        blocks[start..start + usize::try_from(range.end - range.start).expect("it fits into memory")].to_vec()
    }

    pub fn digest(&self) -> Digest {
        let mut hasher = crc32fast::Hasher::new();
        self.blocks().for_each(|block| hasher.update(&block));
        Digest { len: self.len, sum: hasher.finalize() }
    }
}

/// A portal whose answers are made up: each target says its body's number and length, as [`target`] writes them.
pub async fn any_length() -> RawPortal {
    RawPortal::start(move |mut connection| async move {
        while let Some(head) = connection.head().await {
            // The day has more calls than any test makes.
            let plenty = quota().replace("5000", "1000000").replace("4999", "999999");
            let Some(body) = asked(&head) else {
                connection.say(answer("200 OK", &plenty, "[]")).await;
                continue;
            };
            let fields = format!("Content-Type: text/csv; charset=utf-8\r\nContent-Length: {}\r\n", body.len);
            // In one write with what follows, or the second would wait until the first is acknowledged.
            let mut unsaid = format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes();
            for block in body.blocks() {
                unsaid.extend_from_slice(&block);
                if !connection.say(std::mem::take(&mut unsaid)).await {
                    return;
                }
            }
        }
    })
    .await
}

/// Where a body is asked for.
pub fn target(body: &MadeUp) -> String {
    format!("/api/explore/v2.1/catalog/datasets/x{}-{}/exports/csv", body.number, body.len)
}

fn asked(head: &str) -> Option<MadeUp> {
    let (_, rest) = head.split_once("/datasets/x")?;
    let (number, len) = rest.split_once("/exports/csv")?.0.split_once('-')?;
    Some(MadeUp::new(number.parse().ok()?, len.parse().ok()?))
}

/// A portal that sends one body in chunks, as far as it is let.
pub struct Gated {
    pub portal: RawPortal,
    /// How many bytes it may send.
    pub allowed: watch::Sender<u64>,
    sent: Arc<AtomicU64>,
}

impl Gated {
    /// The first answer breaks off after `breaks_at` bytes, if that is said.
    pub async fn start(body: MadeUp, breaks_at: Option<u64>) -> Self {
        let (allowed, gate) = watch::channel(0);
        let sent = Arc::new(AtomicU64::new(0));
        let (counted, answered) = (Arc::clone(&sent), Arc::new(AtomicU64::new(0)));
        let portal = RawPortal::start(move |mut connection| {
            let mut gate = gate.clone();
            let (sent, answered) = (Arc::clone(&counted), Arc::clone(&answered));
            async move {
                while let Some(head) = connection.head().await {
                    if is_look(&head) {
                        connection.say(answer("200 OK", &quota(), "[]")).await;
                        continue;
                    }
                    let breaks_at = breaks_at.filter(|_| answered.fetch_add(1, Ordering::Relaxed) == 0);
                    sent.store(0, Ordering::Relaxed);
                    if send(&mut connection, &body, breaks_at, &mut gate, &sent).await.is_none() {
                        return;
                    }
                }
            }
        })
        .await;
        Self { portal, allowed, sent }
    }

    /// Bytes that were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Questions that arrived, looks aside.
    pub fn calls(&self) -> u64 {
        self.portal.received() as u64 - self.looks()
    }

    /// Looks that arrived.
    pub fn looks(&self) -> u64 {
        self.portal.heads().iter().filter(|head| is_look(head)).count() as u64
    }
}

async fn send(
    connection: &mut Connection,
    body: &MadeUp,
    breaks_at: Option<u64>,
    gate: &mut watch::Receiver<u64>,
    sent: &AtomicU64,
) -> Option<()> {
    let said = |said: bool| said.then_some(());
    said(connection.say("HTTP/1.1 200 OK\r\nContent-Type: text/csv; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n").await)?;
    for block in body.blocks() {
        let before = sent.load(Ordering::Relaxed);
        gate.wait_for(|allowed| *allowed > before).await.ok()?;
        if breaks_at.is_some_and(|at| before >= at) {
            return None;
        }
        let chunk = [format!("{:x}\r\n", block.len()).as_bytes(), &block, b"\r\n"].concat();
        said(connection.say(chunk).await)?;
        sent.fetch_add(block.len() as u64, Ordering::Relaxed);
    }
    said(connection.say("0\r\n\r\n").await)
}

/// An answer whose head has come, and whose body is not held.
pub struct Digesting {
    pub status: StatusCode,
    pub fields: HeaderMap,
    /// What it took until the head came.
    pub head_after: Duration,
    body: Incoming,
    connection: tokio::task::JoinHandle<hyper::Result<()>>,
    digest: Hashed,
}

struct Hashed {
    len: u64,
    hasher: crc32fast::Hasher,
}

impl std::io::Write for Hashed {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.len += data.len() as u64;
        self.hasher.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Hashed {
    fn digest(self) -> Digest {
        Digest { len: self.len, sum: self.hasher.finalize() }
    }
}

impl Digesting {
    /// Asks, and waits for the head.
    pub async fn ask(to: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Self {
        let asked = async {
            let began = Instant::now();
            let stream = TcpStream::connect(to).await.expect("it listens");
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
            let connection = tokio::spawn(connection);
            let mut request = Request::get(target).header("host", to.to_string());
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let response = sender.send_request(request.body(Empty::<Bytes>::new()).expect("a request")).await.expect("a head");
            let (head, body) = response.into_parts();
            let digest = Hashed { len: 0, hasher: crc32fast::Hasher::new() };
            Self { status: head.status, fields: head.headers, head_after: began.elapsed(), body, connection, digest }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("a head in time")
    }

    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Reads what comes next. `None` at the end.
    async fn frame(&mut self) -> Option<hyper::Result<Bytes>> {
        let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("something in time")?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    fn take(&mut self, data: &[u8]) {
        std::io::Write::write_all(&mut self.digest, data).expect("memory");
    }

    /// Reads until `bytes` are here.
    pub async fn until(&mut self, bytes: u64) {
        while self.digest.len < bytes {
            let data = self.frame().await.expect("more comes").expect("unbroken");
            self.take(&data);
        }
    }

    /// Reads a megabyte a second until `hurry`, and the rest as fast as it comes. The second number is how much it had when it began to hurry.
    pub async fn slowly(mut self, hurry: impl Future<Output = ()>) -> (Result<Digest, Digest>, u64) {
        let began = tokio::time::Instant::now();
        let mut hurry = std::pin::pin!(hurry);
        loop {
            let due = began + Duration::from_secs_f64(self.digest.len as f64 / 1e6);
            tokio::select! {
                () = &mut hurry => break,
                () = tokio::time::sleep_until(due) => match self.frame().await {
                    Some(Ok(data)) => self.take(&data),
                    Some(Err(_)) | None => break,
                },
            }
        }
        let slow = self.digest.len;
        (self.end().await, slow)
    }

    /// Reads to the end: of the whole body, or of what came of it before it broke off.
    pub async fn end(mut self) -> Result<Digest, Digest> {
        while let Some(data) = self.frame().await {
            match data {
                Ok(data) => self.take(&data),
                Err(_) => return Err(self.digest.digest()),
            }
        }
        Ok(self.digest.digest())
    }

    /// A short answer's text, for whoever did not expect it.
    pub async fn text(self) -> String {
        let start = http_body_util::Limited::new(self.body, 4096).collect().await;
        start.map_or_else(|error| error.to_string(), |body| String::from_utf8_lossy(&body.to_bytes()).into_owned())
    }

    /// The same of what is in the gzip that comes.
    pub async fn end_decoded(mut self) -> Result<Digest, Digest> {
        let empty = Hashed { len: 0, hasher: crc32fast::Hasher::new() };
        let mut decoder = flate2::write::MultiGzDecoder::new(empty);
        while let Some(data) = self.frame().await {
            match data {
                Ok(data) => std::io::Write::write_all(&mut decoder, &data).expect("gzip"),
                Err(_) => return Err(self.digest.digest()),
            }
        }
        Ok(decoder.finish().expect("the end of gzip").digest())
    }

    /// Leaves in the middle.
    pub async fn leave(self) {
        drop(self.body);
        self.connection.abort();
        let _ = self.connection.await;
    }
}
