//! What is noted while it happens: one exchange, one call, a body under way.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as _, Frame, SizeHint};
use jiff::Timestamp;

use super::Notes;
use super::counts::Subject;
use crate::budget::Purpose;
use crate::request::endpoint::{self, Family};
use crate::request::question::Question;
use crate::team::TeamId;

/// What became of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered from store, fresh.
    Hit,
    /// Answered from store, stale.
    Stale,
    /// No call could leave, and nothing was stored.
    Refused,
    /// Anything else: a call, another's call, a failure.
    Other,
}

/// An exchange under way. Dropped without an end, it is that of a client that left: a request, and nothing else.
#[derive(Debug)]
#[must_use = "dropped, it notes a client that left"]
pub struct ExchangeNote<'a> {
    notes: &'a Notes,
    question: &'a Question,
    subject: Subject<'a>,
    ended: bool,
}

impl<'a> ExchangeNote<'a> {
    pub(super) fn begin(notes: &'a Notes, portal: &str, team: TeamId, question: &'a Question) -> Self {
        let subject = Subject {
            portal: notes.portal(portal),
            payer: notes.0.payer(Purpose::Fill, Some(team)),
            family: Some(question.endpoint.family()),
            // What a key unlocks is nobody else's to read about.
            dataset: question.query.dataset.as_deref().filter(|_| !question.is_keyed()),
        };
        Self { notes, question, subject, ended: false }
    }

    /// There is an answer of this status, at the cost of so many calls. Returns its body, which counts itself if its length is not known yet.
    ///
    /// On a hit: one look at the clock, one short lock, no allocation.
    pub fn answered(mut self, outcome: Outcome, status: StatusCode, cost: u8, length: Option<u64>, body: Body) -> Body {
        let at = self.notes.0.clock.now();
        let length = body.size_hint().exact().or(length);
        self.end(at, outcome, length.unwrap_or(0));
        if matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) && !self.question.is_keyed() {
            let target = self.question.query.query.target(&self.question.endpoint);
            let Subject { portal, payer, .. } = self.subject;
            self.notes.0.patterns(at, portal, payer, |patterns, whose| patterns.refused(whose, &target, status.as_u16(), cost.into()));
        }
        if length.is_some() { body } else { Body::new(Counted { body, bytes: 0, notes: self.notes.clone(), of: Owned::of(&self.subject) }) }
    }

    /// There is none.
    pub fn failed(mut self, outcome: Outcome) {
        let at = self.notes.0.clock.now();
        self.end(at, outcome, 0);
    }

    fn end(&mut self, at: Timestamp, outcome: Outcome, bytes: u64) {
        self.ended = true;
        self.notes.0.count(at, self.subject, |counts| {
            counts.requests += 1;
            counts.bytes = counts.bytes.saturating_add(bytes);
            match outcome {
                Outcome::Hit => counts.hits += 1,
                Outcome::Stale => counts.stale += 1,
                Outcome::Refused => counts.refused += 1,
                Outcome::Other => {}
            }
        });
    }
}

impl Drop for ExchangeNote<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let at = self.notes.0.clock.now();
            self.end(at, Outcome::Other, 0);
        }
    }
}

/// What a call asks.
#[derive(Clone, Debug)]
pub struct Asks<'a> {
    /// As it is sent.
    pub target: String,
    /// The dataset that it names.
    pub dataset: Option<&'a str>,
    /// Whether a key of the portal goes with it.
    pub is_keyed: bool,
}

/// A call that has left, and is counted. Once it is dropped, patterns are looked for in it, and warnings are due or not.
#[derive(Debug)]
#[must_use = "dropped, it is a call that has ended"]
pub struct CallNote {
    notes: Notes,
    of: Owned,
    /// What it asks; nothing, if a key of the portal came along: what that unlocks is in memory and with its owner alone.
    target: Option<String>,
    at: Timestamp,
    taken_back: bool,
}

impl CallNote {
    pub(super) fn begin(notes: Notes, portal: usize, payer: usize, asks: Asks<'_>) -> Self {
        // Calls are few: what they ask is read from what is sent, so that none can be forgotten, whoever makes it.
        let path = asks.target.split('?').next().unwrap_or_default();
        let family = endpoint::classify(path).ok().map(|endpoint| endpoint.family());
        let dataset = asks.dataset.filter(|_| !asks.is_keyed).map(str::to_owned);
        let of = Owned { portal, payer, family, dataset };
        let at = notes.0.clock.now();
        notes.0.called(at, of.subject());
        Self { notes, of, target: (!asks.is_keyed).then_some(asks.target), at, taken_back: false }
    }

    /// The portal cannot have counted it.
    pub fn take_back(mut self) {
        self.notes.0.not_called(self.at, self.of.subject());
        self.taken_back = true;
    }
}

impl Drop for CallNote {
    fn drop(&mut self) {
        if self.taken_back {
            return;
        }
        let Owned { portal, payer, dataset, .. } = &self.of;
        if let Some(target) = &self.target {
            self.notes.0.patterns(self.at, *portal, *payer, |patterns, whose| patterns.called(whose, target, dataset.as_deref()));
        }
        self.notes.0.called.notify_one();
    }
}

/// A [`Subject`] that outlives the request.
#[derive(Clone, Debug)]
struct Owned {
    portal: usize,
    payer: usize,
    family: Option<Family>,
    dataset: Option<String>,
}

impl Owned {
    fn of(subject: &Subject<'_>) -> Self {
        let Subject { portal, payer, family, dataset } = *subject;
        Self { portal, payer, family, dataset: dataset.map(str::to_owned) }
    }

    fn subject(&self) -> Subject<'_> {
        Subject { portal: self.portal, payer: self.payer, family: self.family, dataset: self.dataset.as_deref() }
    }
}

/// A body whose length is known when it ends, or when its client leaves.
struct Counted {
    body: Body,
    bytes: u64,
    notes: Notes,
    of: Owned,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let (at, bytes) = (self.notes.0.clock.now(), self.bytes);
        self.notes.0.count(at, self.of.subject(), |counts| counts.bytes = counts.bytes.saturating_add(bytes));
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use http_body_util::BodyExt;

    use super::*;
    use crate::budget::PortalBudget;
    use crate::clock::Clock;
    use crate::history::History;
    use crate::history::report::{Query, Report};
    use crate::request::query::RuleSwitches;
    use crate::request::question::{Asked, Understood};

    fn question(query: &str) -> Question {
        let fields = HeaderMap::new();
        let asked = Asked {
            portal: "box",
            origin: "http://box.example",
            same_as_anonymous: &[],
            method: &Method::GET,
            path: "/api/explore/v2.1/catalog/datasets/d/records",
            query,
            fields: &fields,
            content: None,
            is_form: false,
        };
        match Question::understand(asked, &RuleSwitches::default()).unwrap() {
            Understood::Question(question) => *question,
            Understood::Elsewhere => panic!("it is a question"),
        }
    }

    fn open(dir: &std::path::Path) -> History {
        let share = crate::budget::Share { team: "default".into(), guaranteed: 0, ceiling: None, class: crate::team::Class::Interactive };
        let portal = PortalBudget { name: "box".into(), daily_calls: 100.try_into().unwrap(), shares: vec![share], accounts: Vec::new() };
        History::open(dir, &[portal], 30, None, Clock::manual("2026-03-02T10:30:00Z".parse().unwrap())).unwrap()
    }

    async fn report(history: &History) -> Report {
        history.report(Query { day: "2026-03-02".parse().unwrap(), portal: None, team: None }).await.unwrap()
    }

    #[tokio::test]
    async fn a_client_that_left_was_a_request_and_what_it_read_was_sent() {
        let dir = tempfile::tempdir().unwrap();
        let (history, question) = (open(dir.path()), question("limit=1"));
        drop(history.notes().exchange("box", TeamId::DEFAULT, &question));
        let stream = futures_util::stream::iter((0..3).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"ten bytes."))));
        let note = history.notes().exchange("box", TeamId::DEFAULT, &question);
        let mut body = note.answered(Outcome::Other, StatusCode::OK, 0, None, Body::from_stream(stream));
        body.frame().await.unwrap().unwrap();
        drop(body);
        let note = history.notes().exchange("box", TeamId::DEFAULT, &question);
        drop(note.answered(Outcome::Hit, StatusCode::OK, 0, None, Body::from("four")));
        let report = report(&history).await;
        assert_eq!((report.total.requests, report.total.hits, report.total.bytes), (3, 1, 14));
        assert_eq!((report.rows.len(), report.rows[0].dataset.as_str(), report.rows[0].family.as_str()), (1, "d", "records"));
        history.close().await;
        assert!(history.report(Query { day: report.day, portal: None, team: None }).await.is_err(), "it is closed");
    }

    #[tokio::test]
    async fn what_a_key_unlocks_is_counted_without_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (history, keyed) = (open(dir.path()), question("limit=1&apikey=s3cret"));
        drop(history.notes().exchange("box", TeamId::DEFAULT, &keyed).answered(
            Outcome::Other,
            StatusCode::NOT_FOUND,
            1,
            None,
            Body::empty(),
        ));
        let target = "/api/explore/v2.1/catalog/datasets/d/records?limit=1".to_owned();
        drop(history.notes().call(0, Purpose::Fill, Some(TeamId::DEFAULT), Asks { target, dataset: Some("d"), is_keyed: true }));
        let report = report(&history).await;
        assert_eq!((report.total.requests, report.total.calls), (1, 1));
        assert!(report.rows.iter().all(|row| row.dataset.is_empty()), "{report:?}");
        assert!(!format!("{report:?}").contains("datasets/d"));
    }

    #[tokio::test]
    async fn a_call_is_counted_under_whoever_pays_also_if_nobody_waits_for_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let history = open(dir.path());
        let call = |purpose, team| {
            history.notes().call(
                0,
                purpose,
                team,
                Asks { target: "/api/explore/v2.1/catalog/exports/json".into(), dataset: None, is_keyed: false },
            )
        };
        drop(call(Purpose::Look, None));
        drop(call(Purpose::Revalidation, None));
        drop(call(Purpose::Fill, Some(TeamId::DEFAULT)));
        call(Purpose::Fill, Some(TeamId::new(77))).take_back();
        let under_way = call(Purpose::Look, None);
        let report = report(&history).await;
        let told: Vec<(&str, &str, u64)> =
            report.rows.iter().map(|row| (row.team.as_str(), row.family.as_str(), row.counts.calls)).collect();
        assert_eq!(told, [("(looks)", "catalog-export", 2), ("(revalidation)", "catalog-export", 1), ("default", "catalog-export", 1)]);
        assert_eq!(report.patterns.len(), 1, "only teams have patterns");
        drop(under_way);
    }
}
