//! A portal that says for how long it wants to be left alone: 429 and 503, with every kind of body and `Retry-After`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use preau::clock::Clock;
use preau::server::Server;

use super::http::{self, Answer};
use super::raw_portal::RawPortal;
use super::roof::settings;
use super::{MORNING, target};

/// A portal that answers everything alike.
struct Portal {
    raw: RawPortal,
    answer: Arc<Mutex<Vec<u8>>>,
    clock: Clock,
    server: Server,
    _data: tempfile::TempDir,
}

impl Portal {
    /// One that works, with a server in front of it that has an answer of it in store.
    async fn that_worked() -> Self {
        let answer = Arc::new(Mutex::new(Vec::new()));
        let says = Arc::clone(&answer);
        let raw = RawPortal::start(move |mut connection| {
            let says = Arc::clone(&says);
            async move {
                while connection.head().await.is_some() {
                    let answer = says.lock().expect("no test panics with it").clone();
                    connection.say(answer).await;
                }
            }
        })
        .await;
        let clock = Clock::manual(MORNING);
        let data = tempfile::tempdir().expect("a directory for the ledger");
        let mut config = settings(([127, 0, 0, 1], raw.port).into(), data.path());
        // What is counted are questions; lifetimes decide what is fresh.
        (config.budget.looks_per_day, config.budget.audits_per_day) = (0, 0);
        let server = Server::start(&config, clock.clone()).await.expect("the server starts");
        let portal = Self { raw, answer, clock, server, _data: data };
        portal.says("200 OK", "", r#"{"total_count": 0, "results": []}"#);
        assert_eq!(portal.ask(0).await.status, 200);
        portal
    }

    /// From now on it says this.
    fn says(&self, status: &str, fields: &str, body: &str) {
        let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
        *self.answer.lock().expect("no test panics with it") = answer.into_bytes();
    }

    async fn ask(&self, number: usize) -> Answer {
        http::get(self.server.mirror(), &target(number)).await
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// In which of so many minutes it is asked anything, under a load that asks what is stored and something new every 20 seconds.
    async fn asked_in(&self, minutes: usize) -> Vec<usize> {
        let mut asked = Vec::new();
        for third in 0..3 * minutes {
            let before = self.raw.received();
            let new = self.ask(1 + third).await;
            let stored = self.ask(0).await;
            assert_eq!(stored.status, 200, "what is stored is served: {}", stored.cache_status());
            let calls = self.raw.received() - before;
            assert!(calls <= 1, "{calls} calls at once, {}", new.cache_status());
            let costs = [&new, &stored].map(|answer| answer.field("x-preau-cost").to_owned());
            assert_eq!(costs.iter().filter(|cost| *cost == "1").count(), calls, "{costs:?}");
            if calls == 1 {
                asked.push(third / 3);
            } else {
                assert!(new.field("retry-after").parse::<u64>().is_ok_and(|wait| wait >= 1), "{new:?}");
            }
            self.pass(20);
        }
        asked
    }

    /// It works again: whatever it has said holds until then, and what is new is answered at the first call after it.
    async fn works_again(&self, within_minutes: u64) {
        self.says("200 OK", "", r#"{"total_count": 0, "results": []}"#);
        for minute in 0..=within_minutes {
            if self.ask(100_000).await.status == 200 {
                return;
            }
            assert!(minute < within_minutes, "still refused after {minute} minutes");
            self.pass(60);
        }
    }
}

const HTML: &str = "<html><body>Too Many Requests</body></html>";

/// A 429 of the portal's own, for this quota.
fn of_quota(errorcode: u32, reset_time: &str) -> String {
    format!(r#"{{"errorcode": {errorcode}, "reset_time": "{reset_time}", "limit_time_unit": "day", "call_limit": 5000, "error": "x"}}"#)
}

/// So much later than the beginning, as a field says it.
fn date(seconds: i64) -> String {
    let at = Timestamp::from_second(MORNING.as_second() + seconds).expect("a time");
    format!("Retry-After: {}\r\n", at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_out_closes_the_account_until_its_reset_but_for_a_probe_an_hour() {
    for (errorcode, word) in [(10_002, "closed-domain"), (10_005, "closed-anonymous")] {
        for fields in ["", "Retry-After: 1\r\n", "Retry-After: -7\r\n"] {
            let portal = Portal::that_worked().await;
            portal.says("429 Too Many Requests", fields, &of_quota(errorcode, "2026-03-02T09:30:00Z"));
            let asked = portal.asked_in(150).await;
            assert_eq!(asked, [0, 60, 120], "{errorcode} {fields:?}");
            let refused = portal.ask(99_999).await;
            assert_eq!((refused.status.as_u16(), refused.cache_status()), (429, &*format!("preau; detail={word}")));
            assert_eq!(refused.json()["errorcode"], errorcode);
            assert_eq!(refused.json()["reset_time"], "2026-03-02T09:30:00Z");
            // Not all who were refused come back in one instant.
            let wait = refused.field("retry-after").parse::<u64>();
            assert!(wait.is_ok_and(|wait| (3600..=3630).contains(&wait)), "{refused:?}");
            portal.works_again(61).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_429_waits_for_minutes_that_double_or_for_as_long_as_it_says() {
    const OURS: &[usize] = &[0, 1, 3, 7, 15, 30, 45, 60, 75, 90, 105];
    let other = of_quota(10_042, "2026-03-02T09:30:00Z");
    for body in [other.as_str(), HTML, ""] {
        for (fields, expected) in [
            (String::new(), OURS),
            ("Retry-After: -7\r\n".to_owned(), OURS),
            ("Retry-After: soon\r\n".to_owned(), OURS),
            ("Retry-After: 0\r\n".to_owned(), OURS),
            (date(-3600), OURS),
            ("Retry-After: 300\r\n".to_owned(), &[0, 5, 10, 15, 23, 38, 53, 68, 83, 98, 113]),
            // A date passes; what is left then are our own minutes.
            (date(300), &[0, 5, 7, 11, 19, 34, 49, 64, 79, 94, 109]),
            // For an hour at most, whatever it says.
            ("Retry-After: 99999999999999999999999\r\n".to_owned(), &[0, 60]),
            (date(30 * 86_400), &[0, 60]),
        ] {
            let portal = Portal::that_worked().await;
            portal.says("429 Too Many Requests", &fields, body);
            let asked = portal.asked_in(120).await;
            assert_eq!(asked, expected, "{fields:?} {body:?}");
            portal.works_again(60).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_503_that_says_for_how_long_is_believed_when_it_says_it_twice_and_for_an_hour_at_most() {
    for (fields, expected) in [
        ("Retry-After: 600\r\n".to_owned(), vec![0, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]),
        (date(1800), vec![0, 0, 30]),
        ("Retry-After: 99999999999999999999999\r\n".to_owned(), vec![0, 0, 60]),
        (date(30 * 86_400), vec![0, 0, 60]),
    ] {
        let portal = Portal::that_worked().await;
        portal.says("503 Service Unavailable", &fields, HTML);
        let asked = portal.asked_in(120).await;
        assert_eq!(asked[..expected.len()], expected, "{fields:?}");
        assert!(fields.contains("GMT") || asked.len() == expected.len(), "{fields:?}: {asked:?}");
        portal.works_again(60).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_503_that_says_nothing_of_use_counts_as_any_failure() {
    for fields in [String::new(), "Retry-After: -7\r\n".to_owned(), "Retry-After: soon\r\n".to_owned(), date(-3600)] {
        let portal = Portal::that_worked().await;
        portal.says("503 Service Unavailable", &fields, HTML);
        for number in 1..=5 {
            let answer = portal.ask(number).await;
            assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (503, "1"), "{fields:?}");
        }
        let refused = portal.ask(6).await;
        assert_eq!((refused.status.as_u16(), refused.cache_status()), (503, "preau; detail=portal-down"), "{fields:?}");
        assert!(refused.field("retry-after").parse::<u64>().is_ok_and(|wait| (13..=17).contains(&wait)), "{refused:?}");
        portal.pass(15);
        portal.works_again(1).await;
    }
}
