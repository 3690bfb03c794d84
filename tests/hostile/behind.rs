//! préau in front of a portal of raw bytes, which answers looks as the portal does and everything else as a test says.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use preau::clock::Clock;
use preau::config::Config;
use preau::server::Server;

use super::http::{self, Answer};
use super::raw_portal::{Connection, RawPortal};
use super::roof::settings;

/// A question that any portal may be asked.
pub const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/x/records";

/// What a look reads: the dataset of [`RECORDS`], which has not been processed for long and is not again.
pub const LISTED: &str =
    r#"[{"dataset_id":"x","data_processed":"2026-01-01T00:00:00+00:00","metadata_processed":"2026-01-01T00:00:00+00:00"}]"#;

/// A server and the raw portal behind it.
pub struct Behind {
    pub portal: RawPortal,
    pub server: Server,
    pub data: tempfile::TempDir,
}

/// The middle of the day whose quota the portal states: a test may go on for hours of its own clock without meeting the next day's calls.
pub fn noon() -> jiff::Timestamp {
    jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() / 86_400 * 86_400 + 43_200).expect("a day")
}

/// The portal's quota fields: the day is known after one look.
pub fn quota() -> String {
    let midnight = jiff::Timestamp::now().as_second() / 86_400 * 86_400 + 86_400;
    let reset = jiff::Timestamp::from_second(midnight).expect("a day").strftime("%Y-%m-%d %H:%M:%S+00:00");
    format!("X-RateLimit-Limit: 5000\r\nX-RateLimit-Remaining: 4999\r\nX-RateLimit-Reset: {reset}\r\n")
}

/// A whole answer.
pub fn answer(status: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut answer = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A whole answer in JSON.
pub fn json(body: &str) -> Vec<u8> {
    answer("200 OK", "Content-Type: application/json; charset=utf-8\r\n", body)
}

/// Whether a request's head is that of a look.
pub fn is_look(head: &str) -> bool {
    head.contains("/catalog/exports/json?select=")
}

impl Behind {
    /// Every question is answered by `script`, which is given its head.
    pub async fn scripted<S, F>(configure: impl FnOnce(&mut Config), script: S) -> Self
    where
        S: Fn(Connection, String) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Connection>> + Send + 'static,
    {
        Self::clocked(Clock::system(), configure, script).await
    }

    /// The same with a clock.
    pub async fn clocked<S, F>(clock: Clock, configure: impl FnOnce(&mut Config), script: S) -> Self
    where
        S: Fn(Connection, String) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Connection>> + Send + 'static,
    {
        let script = Arc::new(script);
        let portal = RawPortal::start(move |mut connection| {
            let script = Arc::clone(&script);
            async move {
                while let Some(head) = connection.head().await {
                    if is_look(&head) {
                        connection.say(answer("200 OK", &quota(), LISTED)).await;
                    } else {
                        match script(connection, head).await {
                            Some(open) => connection = open,
                            None => return,
                        }
                    }
                }
            }
        })
        .await;
        let data = tempfile::tempdir().expect("a directory for the ledger");
        let mut config = settings(SocketAddr::from(([127, 0, 0, 1], portal.port)), data.path());
        configure(&mut config);
        let server = Server::start(&config, clock).await.expect("the server starts");
        Self { portal, server, data }
    }

    /// Every question gets `bytes`.
    pub async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::scripted(
            |_| {},
            move |mut connection, _| {
                let bytes = bytes.clone();
                async move { connection.say(&bytes).await.then_some(connection) }
            },
        )
        .await
    }

    /// Questions get `answers` in turn, the last one for ever.
    pub async fn telling(configure: impl FnOnce(&mut Config), clock: Clock, answers: Vec<Vec<u8>>) -> Self {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let answers = Arc::new(answers);
        Self::clocked(clock, configure, move |mut connection, _| {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed).min(answers.len() - 1);
            let answers = Arc::clone(&answers);
            async move { connection.say(&answers[at]).await.then_some(connection) }
        })
        .await
    }

    /// Where clients ask.
    pub fn mirror(&self) -> SocketAddr {
        self.server.mirror()
    }

    /// Asks through the server.
    pub async fn get(&self, target: &str) -> Answer {
        http::get(self.mirror(), target).await
    }

    /// Questions that arrived at the portal, looks aside.
    pub fn calls(&self) -> usize {
        self.portal.heads().iter().filter(|head| !is_look(head)).count()
    }

    /// Calls charged on the anonymous account, looks aside.
    pub async fn used(&self) -> u64 {
        let account = http::get(self.server.admin(), "/api/v1/budget").await.json()["portals"][0]["accounts"][0].clone();
        account["used"].as_u64().expect("a count") - self.looks()
    }

    fn looks(&self) -> u64 {
        self.portal.heads().iter().filter(|head| is_look(head)).count() as u64
    }
}
