//! What a second, hostile look at the store has found: each test was red once.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use bytes::Bytes;
use preau::clock::Clock;
use preau::server::Server;

use super::behind::{Behind, RECORDS, answer, json};
use super::http::{self, PATIENCE};
use super::raw_portal::RawPortal;
use super::roof::{Roof, settings};
use super::stream::{EXPORT, MORE_THAN_BUFFERED, PIECE, Reading, body, portal};

async fn purge(behind: &Behind, mode: &str) {
    let order = format!("{{\"all\":true,\"mode\":\"{mode}\"}}");
    let fields = [("content-type", "application/json")];
    let purged = http::send(behind.server.admin(), Method::POST, "/api/v1/purge", &fields, order.into()).await;
    assert_eq!(purged.status, 200, "{purged:?}");
}

/// Waits until `so`.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_portal_under_the_same_name_is_another_portal() {
    let data = tempfile::tempdir().expect("a directory");
    for said in ["{\"results\":[\"one\"]}", "{\"results\":[\"other\"]}"] {
        let portal = RawPortal::answering(json(said)).await;
        let config = settings(([127, 0, 0, 1], portal.port).into(), data.path());
        let server = Server::start(&config, Clock::system()).await.expect("it starts");
        let answer = http::get(server.mirror(), RECORDS).await;
        server.stop().await;
        assert_eq!(answer.body, said, "{}", answer.cache_status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_what_was_stored_while_they_stayed_lead_here_once_they_are_to() {
    let portal = preau::simulator::start(preau::simulator::Settings::default()).await.expect("the simulator starts");
    let data = tempfile::tempdir().expect("a directory");
    let mut config = settings(portal.addr(), data.path());
    let target = "/api/explore/v2.0/catalog/datasets?limit=1";
    for (start, rewrites) in [false, true, false].into_iter().enumerate() {
        config.portals[0].rewrite_links = rewrites;
        let server = Server::start(&config, Clock::system()).await.expect("it starts");
        let answer = http::get(server.mirror(), target).await;
        let leads = if rewrites { server.mirror() } else { portal.addr() };
        server.stop().await;
        assert_eq!(answer.field("x-preau-cost"), if start == 0 { "1" } else { "0" });
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.contains(&format!("\"http://{leads}/api/explore/v2.0/catalog/datasets")), "{rewrites}: {text}");
    }
}

/// A portal that begins a large answer as soon as the test lets it, and breaks off in the same breath.
async fn breaking(at_once: usize) -> (Behind, Arc<tokio::sync::Semaphore>) {
    let permits = Arc::new(tokio::sync::Semaphore::new(0));
    let allowed = Arc::clone(&permits);
    let behind = Behind::scripted(
        |_| {},
        move |mut connection, _| {
            let allowed = Arc::clone(&allowed);
            async move {
                allowed.acquire().await.expect("it is never closed").forget();
                connection.say(answer_cut_after(at_once)).await;
                None
            }
        },
    )
    .await;
    (behind, permits)
}

fn answer_cut_after(pieces: usize) -> Vec<u8> {
    let stated = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 100000000\r\n\r\n";
    [stated.as_bytes(), &body(pieces)].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_that_breaks_off_at_once_costs_one_call_and_not_one_for_each_who_waited() {
    for pieces in [0, 1, 8] {
        let (behind, permits) = breaking(pieces).await;
        let mut askers = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let to = behind.mirror();
            askers.spawn(
                async move { http::try_send(to, Method::GET, EXPORT, &[], Bytes::new()).await.map(|answer| answer.status.as_u16()) },
            );
        }
        until(|| behind.calls() == 1).await;
        // All the others have joined by then.
        tokio::time::sleep(Duration::from_millis(500)).await;
        permits.add_permits(1000);
        while let Some(asked) = askers.join_next().await {
            if let Ok(status) = asked.expect("no panic") {
                assert_eq!(status, 502, "none is whole");
            }
        }
        assert_eq!((behind.calls(), behind.used().await), (1, 1), "{pieces} pieces");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_a_stale_answer_counts_on_is_finished_whatever_its_size() {
    let (behind, permits) = portal(24, None, |config| {
        config.cache.finish_limit = 0;
        config.cache.patience = Duration::ZERO;
    })
    .await;
    permits.add_permits(24);
    assert!(behind.get(EXPORT).await.body == body(24));
    purge(&behind, "soft").await;
    let stale = behind.get(EXPORT).await;
    assert!(stale.cache_status().contains("fill-slow"), "{}", stale.cache_status());
    until(|| behind.calls() == 2).await;
    permits.add_permits(MORE_THAN_BUFFERED);
    tokio::time::sleep(Duration::from_millis(300)).await;
    permits.add_permits(24);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let fresh = behind.get(EXPORT).await;
    assert!(fresh.cache_status().contains("; hit; ttl=") && !fresh.cache_status().contains("ttl=-"), "{}", fresh.cache_status());
    assert_eq!(behind.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_directory_leaves_the_first_ones_files_alone() {
    let (behind, permits) = portal(24, None, |_| {}).await;
    permits.add_permits(MORE_THAN_BUFFERED);
    let mut reading = Reading::ask(behind.mirror(), EXPORT, &[]).await;
    reading.until(4 * PIECE).await;
    let config = settings(([127, 0, 0, 1], behind.portal.port).into(), behind.data.path());
    Server::start(&config, Clock::system()).await.expect_err("the directory is taken");
    permits.add_permits(24);
    assert!(reading.end().await.expect("whole").0 == body(24));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let again = behind.get(EXPORT).await;
    assert!(again.cache_status().starts_with("preau; hit"), "{}", again.cache_status());
    assert!(again.body == body(24));
    assert_eq!(behind.calls(), 1);
}

fn gzipped(text: &[u8], level: flate2::Compression) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strong_tag_never_names_two_spellings_of_gzip() {
    for pieces in [1, 24] {
        let text = body(pieces);
        let said = |level| answer("200 OK", "Content-Type: text/csv\r\nContent-Encoding: gzip\r\n", gzipped(&text, level));
        let answers = vec![said(flate2::Compression::fast()), said(flate2::Compression::best())];
        let behind = Behind::telling(|_| {}, Clock::system(), answers).await;
        let gzip = ("accept-encoding", "gzip");
        http::get_with(behind.mirror(), EXPORT, &[gzip]).await;
        let first = http::hit(behind.mirror(), EXPORT, &[gzip]).await;
        let plain = behind.get(EXPORT).await;
        purge(&behind, "hard").await;
        http::get_with(behind.mirror(), EXPORT, &[gzip]).await;
        let second = http::hit(behind.mirror(), EXPORT, &[gzip]).await;
        assert_eq!(behind.calls(), 2);
        assert!(first.body != second.body, "they are spelled in two ways");
        let resumed = http::get_with(behind.mirror(), EXPORT, &[gzip, ("range", "bytes=1000-"), ("if-range", first.field("etag"))]).await;
        assert_eq!(resumed.status, 200, "{} {}", first.field("etag"), second.field("etag"));
        // The bytes behind the coding are the same, so all tags say so.
        for tag in [first.field("etag"), second.field("etag"), plain.field("etag")] {
            for fields in [&[gzip, ("if-none-match", tag)][..], &[("if-none-match", tag)]] {
                assert_eq!(http::get_with(behind.mirror(), EXPORT, fields).await.status, 304, "{tag}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_falls_back_on_what_is_stale_if_the_fill_breaks_off() {
    let whole = body(8);
    let answers = [answer("200 OK", "Content-Type: text/csv\r\n", &whole), answer_cut_after(2)];
    let next = std::sync::atomic::AtomicUsize::new(0);
    let behind = Behind::scripted(
        |_| {},
        move |mut connection, _| {
            let said = answers[next.fetch_add(1, std::sync::atomic::Ordering::Relaxed).min(1)].clone();
            async move {
                connection.say(said).await;
                None
            }
        },
    )
    .await;
    assert!(behind.get(EXPORT).await.body == whole);
    tokio::time::sleep(Duration::from_millis(300)).await;
    purge(&behind, "soft").await;
    let request = format!("GET {EXPORT} HTTP/1.0\r\nHost: x\r\n\r\n");
    let text = http::raw(behind.mirror(), request.as_bytes(), Duration::from_secs(10)).await;
    let end = text.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
    assert!(head.starts_with("http/1.0 200") && head.contains("detail=fill-failed") && head.contains("x-preau-cost: 1"), "{head}");
    assert!(text[end..] == whole);
    assert_eq!(behind.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_body_states_no_length() {
    let behind = Behind::saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    let request = format!("GET {RECORDS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let text = http::raw(behind.mirror(), request.as_bytes(), Duration::from_secs(10)).await;
    let text = String::from_utf8_lossy(&text).to_lowercase();
    assert!(text.starts_with("http/1.1 204") && !text.contains("content-length"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_purges_nothing() {
    let roof = Roof::new().await;
    let order = Bytes::from_static(b"{\"all\":true,\"mode\":\"hard\"}");
    for (fields, status) in [(&[][..], 200), (&[("origin", "http://rebound.example:8081"), ("host", "rebound.example:8081")], 403)] {
        let fields = [fields, &[("content-type", "application/json")]].concat();
        let answer = http::send(roof.server.admin(), Method::POST, "/api/v1/purge", &fields, order.clone()).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}
