//! Bad input and a bad portal: each a clear outcome of its own, nothing stored that is not whole, no fault of ours.

use std::time::Duration;

use ::http::Method;
use bytes::Bytes;
use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;

use super::http;
use super::roof::{DIRECTORY, Roof};

/// Long enough for an answer over the loopback, short enough to wait for a connection that stays open.
const QUIET: Duration = Duration::from_millis(500);

async fn status_of(roof: &Roof, request: &str) -> (u16, String) {
    let answer = http::raw(roof.mirror(), request.as_bytes(), QUIET).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, text)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: roof\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_targets_are_refused_with_what_would_be_right_and_cost_nothing() {
    let roof = Roof::new().await;
    for (target, status, said) in [
        ("/api/nothing/here", 404, "NotFoundURI"),
        ("/api/push/1.0/x/realtime/push/", 404, "NotFoundURI"),
        ("/api/explore/v2.1/catalog/datasets/x/..%2frecords", 400, "percent-encoded slash"),
        ("/api/explore/v2.1/catalog/datasets/x/../records", 400, "dot segment"),
        ("/api/explore/v2.1/catalog/datasets/x/%2e%2e/records", 400, "dot segment"),
        ("/api/explore/v2.1//catalog/datasets", 400, "empty segment"),
        ("//evil.example/api/explore/v2.1/catalog/datasets", 400, "empty segment"),
        ("/api/explore/v2.1/catalog/datasets/x%00y/records", 400, "control character"),
        ("/api/explore/v2.1/catalog/datasets/x/records?limit=1#top", 400, "raw `#`"),
        ("/api/explore/v2.1/catalog/datasets/x%ZZ/records", 400, "percent-encoding"),
        ("/api/explore/v2.1/catalog/datasets/x%ff/records", 400, "UTF-8"),
        ("/api/explore/v2.1/catalog/datasets/x/records?where=%E9%", 400, "percent-encoding"),
        ("/api/explore/v2.1/catalog/datasets/x/records?where=%E9", 400, "UTF-8"),
        ("http://evil.example/api/explore/v2.1/catalog/datasets", 400, "no"),
    ] {
        let (got, text) = status_of(&roof, &get(target)).await;
        assert_eq!(got, status, "{target}: {text}");
        assert!(text.contains(said), "{target}: {text}");
        assert!(text.contains("x-content-type-options: nosniff"), "{target}: {text}");
        assert!(text.contains("x-preau-cost: 0"), "{target}: {text}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        let (got, text) =
            status_of(&roof, &format!("{method} {DIRECTORY}/records HTTP/1.1\r\nHost: roof\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(got, 405, "{method}: {text}");
        assert!(text.contains("allow: GET, HEAD, OPTIONS\r\n"), "{text}");
    }
    assert_eq!(roof.calls().await.received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_heads_and_bad_framing_never_reach_the_portal() {
    let roof = Roof::new().await;
    let long = "a".repeat(1 << 20);
    let target = format!("{DIRECTORY}/records?where={}", "a".repeat(20_000));
    for (request, statuses) in [
        (get(&format!("/api/{long}")), &[414, 431][..]),
        (get(&target), &[414]),
        (format!("GET / HTTP/1.1\r\nHost: roof\r\nX: {long}\r\n\r\n"), &[431]),
        (format!("GET / HTTP/1.1\r\nHost: roof\r\n{}\r\n", "X: 1\r\n".repeat(200)), &[431]),
        ("GET / HTTP/1.1\r\n\r\n".into(), &[400]),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), &[400]),
        ("GET / HTTP/1.1\r\nHost: user@roof\r\n\r\n".into(), &[400]),
        ("GET / HTTP/1.1\r\nHost: roof\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".into(), &[400]),
        ("GET / HTTP/1.1\r\nHost: roof\r\nContent-Length: +5\r\n\r\nhello".into(), &[400]),
        ("GET / HTTP/1.1\r\nHost: roof\r\nX : 1\r\n\r\n".into(), &[400]),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n".into(), &[400, 405]),
    ] {
        let (status, text) = status_of(&roof, &request).await;
        let shown: String = request.chars().take(80).collect();
        assert!(statuses.contains(&status), "{shown}: {status} {}", text.chars().take(300).collect::<String>());
    }
    assert_eq!(roof.calls().await.received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_a_get_is_never_taken_for_a_request() {
    let roof = Roof::new().await;
    let smuggled = format!("GET {DIRECTORY}/records?limit=9 HTTP/1.1\r\nHost: roof\r\n\r\n");
    let target = format!("{DIRECTORY}/records?limit=1");
    roof.get(&target).await;
    let request = format!("GET {target} HTTP/1.1\r\nHost: roof\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len());
    let answer = http::raw(roof.mirror(), request.as_bytes(), QUIET).await;
    let answers = String::from_utf8_lossy(&answer).matches("HTTP/1.1 200").count();
    assert_eq!(answers, 1, "one request, one answer");
    assert_eq!(roof.calls().await.received, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_single_value_is_a_question_of_its_own_and_sent_as_it_is() {
    let roof = Roof::new().await;
    let once = roof.get(&format!("{DIRECTORY}/records?limit=2")).await;
    let twice = roof.get(&format!("{DIRECTORY}/records?limit=2&limit=3")).await;
    let other = roof.get(&format!("{DIRECTORY}/records?limit=3&limit=2")).await;
    assert_eq!([once.field("x-preau-cost"), twice.field("x-preau-cost"), other.field("x-preau-cost")], ["1"; 3]);
    assert_eq!(twice.body, roof.ask_portal(&format!("{DIRECTORY}/records?limit=2&limit=3")).await.body);
    let seen = http::get(roof.portal.addr(), "/_simulator/requests?last=4").await.json().to_string();
    assert!(seen.contains("limit=2&limit=3") && seen.contains("limit=3&limit=2"), "{seen}");
}

/// What becomes of a fault when nothing is stored: status, whether the connection breaks, whether the call was charged.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_portal_has_an_outcome_and_nothing_of_it_is_stored() {
    for (kind, more, expected) in [
        ("status", json!({"code": 500}), "500"),
        ("status", json!({"code": 502}), "502"),
        ("status", json!({"code": 403}), "403"),
        ("status", json!({"code": 302}), "302"),
        ("status", json!({"code": 206}), "206"),
        ("hang", json!({}), "504 timed-out"),
        ("close", json!({}), "502 closed"),
        ("truncate", json!({}), "502 truncated"),
        ("wrong-length", json!({}), "502 truncated"),
        ("wrong-content-type", json!({}), "200"),
        ("html-200", json!({}), "200"),
        ("slow-drip", json!({"ms": 100, "bytes": 1}), "504 timed-out"),
        ("quota-html", json!({}), "429"),
        ("quota-empty", json!({}), "429"),
        ("quota-10002", json!({}), "429"),
        ("quota-10005", json!({}), "429"),
        ("delay", json!({"ms": 50}), "200 stored"),
        ("trailing-white-space", json!({}), "200 stored"),
    ] {
        // Far from midnight.
        let clock = Clock::manual("2026-03-02T10:00:00Z".parse().expect("a time"));
        let portal = Settings { clock: clock.clone(), ..Settings::default() };
        let roof = Roof::build(portal, clock.clone(), |config| {
            config.origin.first_byte_timeout = Duration::from_millis(700);
            config.origin.whole_timeout = Duration::from_millis(1500);
        })
        .await;
        let target = format!("{DIRECTORY}/records?limit=3");
        // The day is opened by the look; the fault is the question's.
        roof.get(&format!("{DIRECTORY}/records?limit=1")).await;
        let before = roof.used().await;
        roof.fault("records", kind, Some(1), more.clone()).await;
        let answer = roof.get(&target).await;
        let mut words = expected.split(' ');
        assert_eq!(answer.status.as_str(), words.next().unwrap_or_default(), "{kind} {more}: {answer:?}");
        match words.next() {
            Some("stored") => assert!(answer.cache_status().ends_with("stored"), "{kind}: {answer:?}"),
            Some(detail) => assert_eq!(answer.cache_status(), format!("preau; detail={detail}"), "{kind}: {answer:?}"),
            None => assert!(!answer.cache_status().contains("stored"), "{kind}: {answer:?}"),
        }
        assert_eq!(answer.field("x-preau-cost"), "1", "{kind}: the call was made");
        assert_eq!(roof.used().await, before + 1, "{kind}: and charged");
        if !expected.ends_with("stored") && !kind.starts_with("quota") {
            // What failed is left alone for a moment.
            clock.advance(Duration::from_secs(2));
            let next = roof.get(&target).await;
            assert_eq!((next.status.as_u16(), next.field("x-preau-cost")), (200, "1"), "{kind}: nothing of it was kept: {next:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_refuses_connections_costs_nothing() {
    let roof = Roof::new().await;
    roof.get(&format!("{DIRECTORY}/records?limit=1")).await;
    let before = roof.used().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let data = tempfile::tempdir().expect("a directory");
    let server = preau::server::Server::start(&super::roof::settings(gone, data.path()), Clock::system()).await.expect("it starts");
    let answer = http::get(server.mirror(), &format!("{DIRECTORY}/records?limit=3")).await;
    assert_eq!((answer.status.as_u16(), answer.cache_status(), answer.field("x-preau-cost")), (502, "preau; detail=connect", "0"));
    let report = http::get(server.admin(), "/api/v1/budget").await.json();
    assert_eq!(report["portals"][0]["accounts"][0]["used"], 0, "{report}");
    assert_eq!(roof.used().await, before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_is_not_taken_for_whole() {
    let roof = Roof::new().await;
    roof.fault("export", "truncate", Some(1), json!({"after_bytes": 600_000})).await;
    let target = format!("{DIRECTORY}/exports/csv");
    let answer = http::try_send(roof.mirror(), Method::GET, &target, &[], Bytes::new()).await;
    assert!(answer.is_err(), "the client sees that it is broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_gets_complete_bodies_only() {
    let roof = Roof::new().await;
    let (status, text) = status_of(&roof, &format!("GET {DIRECTORY}/records?limit=2 HTTP/1.0\r\n\r\n")).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("content-length: "), "{text}");
    let whole = roof.ask_portal(&format!("{DIRECTORY}/exports/csv")).await.body;
    let (status, text) = status_of(&roof, &format!("GET {DIRECTORY}/exports/csv HTTP/1.0\r\n\r\n")).await;
    assert_eq!(status, 200, "{}", &text[..300]);
    assert!(text.contains(&format!("content-length: {}\r\n", whole.len())), "{}", &text[..300]);
}
