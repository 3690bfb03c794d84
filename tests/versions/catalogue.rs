//! A server on a clock that tests move, and behind it a portal that has a catalogue and one answer to every question.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use preau::clock::Clock;
use preau::config::Config;
use preau::server::Server;

use super::http::{self, Answer};
use super::raw_portal::{Connection, RawPortal};
use super::roof::settings;

/// A question about the first dataset of the catalogue.
pub const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/d-0000/records?limit=3";

/// When tests begin: far from midnight, where a call may be counted twice.
pub const MORNING: &str = "2026-03-02T06:00:00Z";

/// What the portal says to a look of one kind.
#[derive(Clone, Debug, Default)]
pub enum Says {
    /// What is right.
    #[default]
    Right,
    /// This status.
    Status(u16),
    /// Status 200 with this.
    Body(Vec<u8>),
    /// The right answer, cut in its middle.
    Cut,
    /// Nothing, until the connection is closed.
    Nothing,
}

/// What the portal does, which a test may change at any time.
#[derive(Debug)]
pub struct Doing {
    pub export: Says,
    pub pages: Says,
    /// Ids, and what is stated as `data_processed`.
    pub datasets: Vec<(String, String)>,
    /// Added to the number of datasets that pages beyond the first state.
    pub more_on_later_pages: i64,
    pub answer_to_questions: String,
    /// Time over each answer to a look.
    pub delay: Duration,
}

impl Doing {
    /// Moves the first dataset to this version, and its answer with it.
    pub fn touch(&mut self, processed: &str) {
        processed.clone_into(&mut self.datasets[0].1);
        self.answer_to_questions = format!("{{\"total_count\": 1, \"results\": [{{\"at\": \"{processed}\"}}]}}");
    }
}

/// The portal, and what has been asked of it.
pub struct Observed {
    pub portal: RawPortal,
    pub clock: Clock,
    doing: Arc<Mutex<Doing>>,
}

/// Looks and questions that a portal has received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub exports: usize,
    pub pages: usize,
    pub questions: usize,
}

impl std::ops::Sub for Asked {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { exports: self.exports - before.exports, pages: self.pages - before.pages, questions: self.questions - before.questions }
    }
}

impl Observed {
    /// A portal with so many datasets.
    pub async fn with(datasets: usize) -> Self {
        let clock = Clock::manual(MORNING.parse().expect("a time"));
        let mut doing = Doing {
            export: Says::Right,
            pages: Says::Right,
            datasets: (0..datasets).map(|number| (format!("d-{number:04}"), "2026-01-01T00:00:00+00:00".to_owned())).collect(),
            more_on_later_pages: 0,
            answer_to_questions: String::new(),
            delay: Duration::ZERO,
        };
        doing.touch("2026-01-01T00:00:00+00:00");
        let doing = Arc::new(Mutex::new(doing));
        let (script, time) = (Arc::clone(&doing), clock.clone());
        let portal = RawPortal::start(move |connection| answer(connection, Arc::clone(&script), time.clone())).await;
        Self { portal, clock, doing }
    }

    /// What the portal does.
    pub fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has received.
    pub fn asked(&self) -> Asked {
        let mut asked = Asked::default();
        for head in self.portal.heads() {
            *match kind(&head) {
                Kind::Export => &mut asked.exports,
                Kind::Page { .. } => &mut asked.pages,
                Kind::Question => &mut asked.questions,
            } += 1;
        }
        asked
    }

    /// A server in front of it.
    pub async fn serve(&self, data: &std::path::Path, configure: impl FnOnce(&mut Config)) -> Server {
        let mut config = settings(SocketAddr::from(([127, 0, 0, 1], self.portal.port)), data);
        // What is counted here are looks and questions; audits would be among them.
        config.budget.audits_per_day = 0;
        configure(&mut config);
        Server::start(&config, self.clock.clone()).await.expect("the server starts")
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

enum Kind {
    Export,
    Page { offset: usize },
    Question,
}

fn kind(head: &str) -> Kind {
    let target = head.split(' ').nth(1).expect("a request line");
    let look = "?select=dataset_id%2Cdata_processed%2Cmetadata_processed";
    if target.contains("/catalog/exports/json") {
        assert!(target.ends_with(&format!("/exports/json{look}")), "{target}");
        Kind::Export
    } else if target.contains("/catalog/datasets?") {
        assert!(target.contains(look) && target.contains("&limit=100") && target.contains("&order_by=dataset_id"), "{target}");
        let offset = target.split_once("&offset=").map_or(0, |(_, offset)| offset.parse().expect("a number"));
        Kind::Page { offset }
    } else {
        Kind::Question
    }
}

async fn answer(mut connection: Connection, doing: Arc<Mutex<Doing>>, clock: Clock) {
    let mut received = 0;
    while let Some(head) = connection.head().await {
        received += 1;
        let quota = quota(&clock, received);
        let (says, body, delay) = {
            let doing = doing.lock().unwrap_or_else(PoisonError::into_inner);
            match kind(&head) {
                Kind::Export => (doing.export.clone(), format!("[{}]", listed(&doing.datasets)), doing.delay),
                Kind::Page { offset } => {
                    let end = (offset + 100).min(doing.datasets.len());
                    let more = if offset == 0 { 0 } else { doing.more_on_later_pages };
                    let total = doing.datasets.len() as i64 + more;
                    let body = format!("{{\"total_count\": {total}, \"results\": [{}]}}", listed(&doing.datasets[offset..end]));
                    (doing.pages.clone(), body, doing.delay)
                }
                Kind::Question => (Says::Right, doing.answer_to_questions.clone(), Duration::ZERO),
            }
        };
        tokio::time::sleep(delay).await;
        let said = match says {
            Says::Right => whole("200 OK", &quota, body.as_bytes()),
            Says::Body(body) => whole("200 OK", &quota, &body),
            Says::Status(code) => whole(&format!("{code} So"), "", b"{\"error_code\": \"x\", \"message\": \"x\"}"),
            Says::Cut => {
                let whole = whole("200 OK", &quota, body.as_bytes());
                connection.say(&whole[..whole.len() - body.len() / 2]).await;
                return;
            }
            Says::Nothing => return connection.wait_for_close().await,
        };
        connection.say(said).await;
    }
}

fn listed(datasets: &[(String, String)]) -> String {
    let entry = |(id, processed): &(String, String)| {
        format!("{{\"dataset_id\": \"{id}\", \"data_processed\": \"{processed}\", \"metadata_processed\": \"2026-01-01T00:00:00+00:00\"}}")
    };
    datasets.iter().map(entry).collect::<Vec<_>>().join(",")
}

fn whole(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json; charset=utf-8\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The portal's quota fields: more than any test needs, of the day that the clock shows.
fn quota(clock: &Clock, received: u64) -> String {
    let midnight = clock.now().as_second() / 86_400 * 86_400 + 86_400;
    let reset = Timestamp::from_second(midnight).expect("a day").strftime("%Y-%m-%d %H:%M:%S+00:00");
    let date = (clock.now() - SignedDuration::ZERO).strftime("%a, %d %b %Y %H:%M:%S GMT");
    let remaining = 5000_u64.saturating_sub(received);
    format!("Date: {date}\r\nX-RateLimit-Limit: 5000\r\nX-RateLimit-Remaining: {remaining}\r\nX-RateLimit-Reset: {reset}\r\n")
}

/// Asks, and panics if it is no answer of the portal's.
pub async fn ask(server: &Server) -> Answer {
    let answer = http::get(server.mirror(), RECORDS).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// Whether an answer comes from store and is said to be fresh.
pub fn is_fresh(answer: &Answer) -> bool {
    answer.cache_status().starts_with("preau; hit; ttl=") && !answer.cache_status().contains("ttl=-")
}

/// A server whose answer to [`RECORDS`] is stored and settled: nothing but a look is needed to serve it.
pub async fn settled(observed: &Observed) -> (Server, tempfile::TempDir) {
    let data = tempfile::tempdir().expect("a directory");
    let server = observed.serve(data.path(), |_| {}).await;
    assert_eq!(ask(&server).await.field("x-preau-cost"), "1");
    assert_eq!(observed.asked(), Asked { exports: 1, pages: 0, questions: 1 });
    assert!(is_fresh(&ask(&server).await));
    (server, data)
}
