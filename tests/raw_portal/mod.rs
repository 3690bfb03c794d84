//! Portals and proxies of raw bytes, for what no well-behaved server would do, and the client under test beside a budget of its own.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use preau::budget::{AccountReport, Budget, PortalBudget, Reservation, Wish};
use preau::clock::Clock;
use preau::config;
use preau::origin::{Answer, Body, BuildError, Call, Client, Completed, Error};
use preau::team::TeamId;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use url::Url;

/// A short answer that leaves the connection open.
pub const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Calls of a [`Caller`] that may be under way at once.
pub const MAX_CONCURRENT_CALLS: usize = 8;

/// Both directions of a connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A server that says what a script tells it, byte for byte.
pub struct RawPortal {
    /// Its port on 127.0.0.1.
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    accepting: AbortHandle,
}

/// One connection that a client opened.
pub struct Connection {
    /// The number of the connection, from 0.
    pub number: usize,
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl RawPortal {
    /// Runs `script` for each connection.
    pub async fn start<S, F>(script: S) -> Self
    where
        S: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_over(None, script).await
    }

    /// The same, over TLS if there is an acceptor.
    pub async fn start_over<S, F>(tls: Option<tokio_rustls::TlsAcceptor>, script: S) -> Self
    where
        S: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (Arc::clone(&heads), Arc::new(script));
        let accepting = tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, log, script) = (tls.clone(), Arc::clone(&log), Arc::clone(&script));
                tokio::spawn(async move {
                    let stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            // The client would not have us.
                            Err(_) => return,
                        },
                    };
                    script(Connection { number, stream, unread: Vec::new(), heads: log }).await;
                });
            }
        });
        Self { port, heads, accepting: accepting.abort_handle() }
    }

    /// Answers every request on every connection with `answer`.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                while connection.head().await.is_some() {
                    connection.say(&answer).await;
                }
            }
        })
        .await
    }

    /// Answers the first request of every connection with `answer` and closes.
    pub async fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                connection.head().await;
                connection.say(&answer).await;
            }
        })
        .await
    }

    /// The heads of all requests received, in order.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// How many requests were received.
    pub fn received(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

impl Drop for RawPortal {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Connection {
    /// The next request's head, or `None` once the client has closed.
    pub async fn head(&mut self) -> Option<String> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.unread.extend_from_slice(&bytes[..read]),
            }
        };
        let head = String::from_utf8(self.unread.drain(..end).collect()).unwrap();
        self.heads.lock().unwrap().push(head.clone());
        Some(head)
    }

    /// Exactly `length` bytes of a request's body.
    pub async fn body(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            let mut bytes = [0; 4096];
            let read = self.stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "the client closed inside its body");
            self.unread.extend_from_slice(&bytes[..read]);
        }
        self.unread.drain(..length).collect()
    }

    /// Writes `bytes`; false once the client has closed.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok() && self.stream.flush().await.is_ok()
    }

    /// Waits until the client closes.
    pub async fn wait_for_close(&mut self) {
        while matches!(self.stream.read(&mut [0; 4096]).await, Ok(read) if read > 0) {}
    }

    /// The stream and what of it was read but not taken.
    pub fn into_stream(self) -> Box<dyn Stream> {
        assert!(self.unread.is_empty());
        self.stream
    }
}

/// A client of one portal and the budget that its calls are charged to.
pub struct Caller {
    /// The client under test.
    pub client: Client,
    /// Its budget.
    pub budget: Budget,
    _dir: TempDir,
}

/// Time-outs that no test waits for.
pub fn origin() -> config::Origin {
    config::Origin {
        contact: Some("opendata@school.example".to_owned()),
        connect_timeout: Duration::from_secs(20),
        first_byte_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        whole_timeout: Duration::from_secs(40),
        ca_file: None,
        proxy: config::ProxyVariables::default(),
    }
}

impl Caller {
    /// A caller of `portal`.
    pub fn of(portal: &RawPortal, origin: &config::Origin) -> Self {
        Self::at(&format!("http://127.0.0.1:{}", portal.port), origin)
    }

    /// A caller of the portal at `url`.
    pub fn at(url: &str, origin: &config::Origin) -> Self {
        Self::build(url, origin).unwrap()
    }

    /// A caller of the portal at `url`, if one can be made.
    pub fn build(url: &str, origin: &config::Origin) -> Result<Self, BuildError> {
        let portal = config::Portal {
            name: "education".to_owned(),
            url: Url::parse(url).unwrap(),
            hosts: Vec::new(),
            daily_calls: NonZeroU32::new(5000).unwrap(),
            public_url: None,
            rewrite_links: true,
            may_force: false,
            same_as_anonymous: Vec::new(),
            client_keys: config::ClientKeys::Pass,
        };
        let clock = Clock::manual("2026-03-02T10:00:00Z".parse().unwrap());
        let client = Client::new(&portal, origin, clock.clone())?;
        let dir = tempfile::tempdir().unwrap();
        let portals = [PortalBudget { name: portal.name, daily_calls: portal.daily_calls, shares: Vec::new(), accounts: Vec::new() }];
        let settings = config::Budget {
            max_concurrent_calls: NonZeroUsize::new(MAX_CONCURRENT_CALLS).unwrap(),
            look_reserve: 0,
            revalidation_reserve: 0,
            looks_per_day: 300,
            audits_per_day: 10,
            release: Duration::from_secs(17 * 3600),
            max_waiting: NonZeroUsize::new(256).unwrap(),
            min_gap: Duration::ZERO,
            misses_per_second: 0,
            misses_burst: NonZeroU32::MIN,
            rate_limit_fields: true,
            contact: None,
            history_days: 0,
            webhook: None,
        };
        let budget = Budget::open(dir.path(), &portals, &settings, clock).unwrap();
        Ok(Self { client, budget, _dir: dir })
    }

    /// A reservation of one call.
    pub async fn reserve(&self) -> Reservation {
        self.budget.reserve("education", Wish::of_askers(&|| vec![TeamId::DEFAULT])).await.unwrap()
    }

    /// One call.
    pub async fn fetch(&self, call: Call) -> Result<Answer, Error> {
        self.client.fetch(call, self.reserve().await).await
    }

    /// One call and the whole of its body.
    pub async fn body(&self, call: Call) -> Result<Vec<u8>, Error> {
        whole(self.fetch(call).await?.body).await
    }

    /// The anonymous account.
    pub fn account(&self) -> AccountReport {
        self.budget.report("education").accounts.remove(0)
    }

    /// Calls charged.
    pub fn used(&self) -> u64 {
        self.account().used
    }
}

/// The whole of a short body.
pub async fn whole(body: Body) -> Result<Vec<u8>, Error> {
    match body.complete(1 << 20).await? {
        Completed::Whole(bytes) => Ok(bytes.to_vec()),
        Completed::Larger(_) => panic!("larger than a megabyte"),
    }
}

/// A file with `text`, and the directory that holds it.
pub fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.pem");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}
