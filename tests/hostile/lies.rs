//! A portal that lies: nothing of it is kept that cannot be right, and no good answer is lost by it.

use std::io::Write;
use std::time::Duration;

use ::http::Method;
use bytes::Bytes;
use preau::clock::Clock;
use preau::config::Config;

use super::behind::{Behind, RECORDS, answer, json, noon};
use super::http;

const LIFETIME: Duration = Duration::from_secs(600);
const GOOD: &str = "{\"total_count\": 1, \"results\": [{\"a\": 1}]}";
const SEARCH: &str = "/api/records/1.0/search?dataset=x&format=jsonp&callback=f";

/// Without looks, lifetimes decide.
fn by_lifetimes(config: &mut Config) {
    config.budget.looks_per_day = 0;
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

/// JSON that is larger than is kept.
fn large() -> String {
    format!("{{\"results\": [\"{}\"]}}", "x".repeat(300 << 10))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_answer_survives_whatever_cannot_be_right() {
    let page = "<html>".repeat(60 << 10);
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let cut = gzip(GOOD.as_bytes());
    let json_type = "Content-Type: application/json\r\n";
    for (name, lie) in [
        ("a large 503", answer("503 Service Unavailable", "Content-Type: text/html\r\n", &page)),
        ("a large 429", answer("429 Too Many Requests", "Content-Type: text/html\r\n", &page)),
        ("a large page", answer("200 OK", "Content-Type: text/html\r\n", &page)),
        ("a 206", answer("206 Partial Content", &format!("{json_type}Content-Range: bytes 0-3/40\r\n"), "{\"a\"")),
        ("a 304", b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".to_vec()),
        ("a 204", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        ("a 205", answer("205 Reset Content", "", "")),
        ("a bomb", answer("200 OK", &format!("{json_type}Content-Encoding: gzip\r\n"), &bomb)),
        ("gzip and something behind it", answer("200 OK", &format!("{json_type}Content-Encoding: gzip\r\n"), [&cut[..], b"!"].concat())),
        ("gzip that is cut", answer("200 OK", &format!("{json_type}Content-Encoding: gzip\r\n"), &cut[..cut.len() - 1])),
        ("brotli", answer("200 OK", &format!("{json_type}Content-Encoding: br\r\n"), "{}")),
        ("a 101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_vec()),
    ] {
        let clock = Clock::manual(noon());
        let behind = Behind::telling(by_lifetimes, clock.clone(), vec![json(GOOD), lie]).await;
        assert_eq!(behind.get(RECORDS).await.body, GOOD);
        clock.advance(LIFETIME + Duration::from_secs(1));
        let mut costs = 1;
        for _ in 0..2 {
            let stale = behind.get(RECORDS).await;
            assert!(stale.status == 200 && stale.body == GOOD, "{name}: {} {}", stale.status, stale.cache_status());
            // Told to slow down, or having failed a moment ago, no second call leaves. A large lie may still be under way: then it is the same one.
            let paid = stale.field("x-preau-cost") == "1";
            let said: &[&str] =
                if paid { &["detail=fill-failed"] } else { &["detail=backing-off", "detail=fill-failed", "detail=failed-before"] };
            assert!(said.iter().any(|said| stale.cache_status().ends_with(said)), "{name}: {}", stale.cache_status());
            costs += u64::from(paid);
        }
        assert_eq!(behind.used().await, costs, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_304_that_was_not_asked_for_is_nobodys_answer() {
    let behind = Behind::saying(b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".to_vec()).await;
    let answer = http::get_with(behind.mirror(), RECORDS, &[("if-none-match", "\"x\"")]).await;
    assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (502, "1"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_failure_is_passed_and_its_question_still_collapses() {
    let page = answer("503 Service Unavailable", "Content-Type: text/html\r\n", "<html>".repeat(60 << 10));
    let clock = Clock::manual(noon());
    let behind = Behind::telling(|_| {}, clock.clone(), vec![page, json(GOOD)]).await;
    let failed = behind.get(RECORDS).await;
    assert_eq!((failed.status.as_u16(), failed.field("x-preau-cost")), (503, "1"));
    clock.advance(Duration::from_secs(2));
    let good = behind.get(RECORDS).await;
    assert_eq!(good.cache_status(), "preau; fwd=uri-miss; fwd-status=200; stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_large_and_is_small_again_is_stored() {
    let clock = Clock::manual(noon());
    let behind = Behind::telling(by_lifetimes, clock.clone(), vec![json(&large()), json(GOOD)]).await;
    for cost in ["1", "0"] {
        let answer = behind.get(RECORDS).await;
        assert_eq!((answer.field("x-preau-cost"), answer.body.len()), (cost, large().len()));
    }
    clock.advance(std::time::Duration::from_secs(601));
    let small = behind.get(RECORDS).await;
    assert_eq!((small.cache_status(), small.field("x-preau-cost")), ("preau; fwd=stale; fwd-status=200; stored", "1"));
    let hit = behind.get(RECORDS).await;
    assert!(hit.cache_status().starts_with("preau; hit"), "{}", hit.cache_status());
    assert_eq!(behind.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_told_and_never_followed_or_kept() {
    let lie = answer("302 Found", "Location: http://169.254.169.254/latest/meta-data/\r\n", "");
    let behind = Behind::saying(lie).await;
    for _ in 0..2 {
        let told = behind.get(RECORDS).await;
        assert_eq!((told.status.as_u16(), told.field("location")), (302, "http://169.254.169.254/latest/meta-data/"));
        assert_eq!((told.field("x-preau-cost"), told.cache_status()), ("1", "preau; fwd=uri-miss; fwd-status=302; detail=status"));
    }
    assert_eq!(behind.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_hears_of_a_failure_once_and_it_costs_one_call() {
    for status in ["403 Forbidden", "500 Internal Server Error", "302 Found", "410 Gone", "204 No Content"] {
        let (go, gate) = tokio::sync::watch::channel(false);
        let behind = Behind::scripted(
            |_| {},
            move |mut connection, _| {
                let mut gate = gate.clone();
                async move {
                    gate.wait_for(|open| *open).await.ok()?;
                    let said = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    connection.say(said).await.then_some(connection)
                }
            },
        )
        .await;
        let mirror = behind.mirror();
        let asked: Vec<_> = (0..30).map(|_| tokio::spawn(http::get(mirror, RECORDS))).collect();
        while behind.calls() == 0 {
            tokio::task::yield_now().await;
        }
        // Those that come later make a call of their own, which would be right; all are given time to be here.
        for _ in 0..20_000 {
            tokio::task::yield_now().await;
        }
        go.send_replace(true);
        let mut costs = 0;
        for asked in asked {
            let answer = asked.await.expect("it is answered");
            assert!(status.starts_with(answer.status.as_str()), "{status}: {answer:?}");
            costs += answer.field("x-preau-cost").parse::<usize>().expect("a number");
        }
        assert_eq!(costs, behind.calls(), "{status}");
        assert!(costs < 5, "{status}: {costs} calls");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_ours_alone_whatever_the_portal_claims() {
    let lie = answer(
        "200 OK",
        "Content-Type: application/json\r\nX-Preau-Cost: 9\r\nCache-Status: preau; hit; ttl=99\r\nAge: 86400\r\nSet-Cookie: a=b\r\n\
         Connection: x-mine, content-type\r\nX-Mine: 1\r\nVary: Cookie\r\nX-RateLimit-Remaining: abc\r\nKeep-Alive: timeout=9\r\n",
        "{}",
    );
    let behind = Behind::saying(lie).await;
    for (cost, status) in [("1", "preau; fwd=uri-miss; fwd-status=200; stored"), ("0", "preau; hit; ttl=")] {
        let answer = behind.get(RECORDS).await;
        let all = |name: &str| answer.fields.get_all(name).iter().count();
        assert_eq!(answer.field("x-preau-cost"), cost);
        assert!(answer.cache_status().starts_with(status), "{}", answer.cache_status());
        assert_eq!((all("x-preau-cost"), all("cache-status"), all("set-cookie"), all("x-mine"), all("keep-alive")), (1, 1, 0, 0, 0));
        assert_eq!(answer.field("age"), if cost == "1" { "" } else { "0" });
        assert_eq!(answer.field("content-type"), "application/json");
        assert_eq!((answer.field("vary"), answer.field("via")), ("Accept-Encoding, Accept-Language", "1.1 preau"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_given_json_or_nothing() {
    for (lie, status) in [
        (answer("200 OK", "Content-Type: text/html\r\n", "<html>"), 200),
        (answer("400 Bad Request", "Content-Type: application/json\r\n", "{\"error\": 1}"), 400),
    ] {
        let behind = Behind::saying(lie).await;
        let answer = behind.get(SEARCH).await;
        assert_eq!(answer.status.as_u16(), status);
        assert!(!answer.body.starts_with(b"f("), "{answer:?}");
        assert_ne!(answer.field("content-type"), "text/javascript; charset=utf-8");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_is_wrapped_for_its_callback_too() {
    let large = large();
    for (fields, body) in [("", large.clone().into_bytes()), ("Content-Encoding: gzip\r\n", gzip(&noise()))] {
        let plain = if fields.is_empty() { large.clone().into_bytes() } else { noise() };
        let behind = Behind::saying(answer("200 OK", &format!("Content-Type: application/json\r\n{fields}"), &body)).await;
        for _ in 0..2 {
            let answer = http::get_with(behind.mirror(), SEARCH, &[("accept-encoding", "gzip")]).await;
            assert_eq!((answer.field("content-encoding"), answer.field("content-type")), ("", "text/javascript; charset=utf-8"));
            assert!(answer.body == [b"f(", &plain[..], b");"].concat(), "{} bytes", answer.body.len());
        }
    }
}

/// Half a megabyte of JSON that gzip makes little of.
fn noise() -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(7);
    let digits: String = (0..900 << 10).map(|_| dice.digit(36)).collect();
    format!("[\"{digits}\"]").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_left_costs_nothing_whatever_is_served_instead() {
    let clock = Clock::manual(noon());
    // One answer, and the connection is closed: the next call needs a new one.
    let behind = Behind::clocked(
        clock.clone(),
        |_| {},
        |mut connection, _| async move {
            connection
                .say(format!(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{GOOD}",
                    GOOD.len()
                ))
                .await;
            None
        },
    )
    .await;
    behind.get(RECORDS).await;
    clock.advance(LIFETIME + Duration::from_secs(1));
    let Behind { portal, server, data: _data } = behind;
    drop(portal);
    let used = |report: &serde_json::Value| report["portals"][0]["accounts"][0]["used"].as_u64();
    let before = http::get(server.admin(), "/api/v1/budget").await.json();
    let stale = http::get(server.mirror(), RECORDS).await;
    assert_eq!((stale.field("x-preau-cost"), &stale.body[..]), ("0", GOOD.as_bytes()), "{stale:?}");
    let after = http::get(server.admin(), "/api/v1/budget").await.json();
    assert_eq!(used(&after), used(&before));
}

/// Its answers carry no links, so they pass as they are.
const CSV: &str = "/api/explore/v2.1/catalog/datasets/x/exports/csv";

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_its_asker_cannot_use_is_charged_all_the_same() {
    let behind = Behind::saying(json(&large())).await;
    let head = http::send(behind.mirror(), Method::HEAD, CSV, &[], Bytes::new()).await;
    assert_eq!((head.status.as_u16(), head.body.len(), head.field("content-length")), (200, 0, large().len().to_string().as_str()));
    let old = http::raw(behind.mirror(), format!("GET {CSV} HTTP/1.0\r\n\r\n").as_bytes(), Duration::from_secs(2)).await;
    // Its length is known, so even HTTP/1.0 can tell it from a broken one.
    assert!(old.starts_with(b"HTTP/1.0 200") && old.ends_with(large().as_bytes()), "{}", String::from_utf8_lossy(&old[..200]));
    assert_eq!(behind.used().await, behind.calls() as u64);
}
