//! A body larger than is buffered: one call for all who ask while it arrives, and for all who ask afterwards.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use preau::clock::Clock;
use preau::server::Server;

use super::behind::{Behind, answer, noon};
use super::http::{self, raw};
use super::roof::{Roof, settings};
use super::stream::{EXPORT, MORE_THAN_BUFFERED, PIECE, Reading, body, portal, portal_at};

const PIECES: usize = 48;

#[tokio::test(flavor = "multi_thread")]
async fn eight_clients_share_one_call_and_a_ninth_reads_the_disk() {
    let (behind, permits) = portal(PIECES, None, |_| {}).await;
    permits.add_permits(8);
    let mut first = Reading::ask(behind.mirror(), EXPORT, &[]).await;
    // The portal has sent a sixth.
    first.until(8 * PIECE).await;
    assert_eq!((first.field("x-preau-cost"), first.field("etag"), first.field("content-length")), ("1", "", ""));
    let mut others = Vec::new();
    for _ in 0..5 {
        let reading = Reading::ask(behind.mirror(), EXPORT, &[]).await;
        assert_eq!(reading.field("x-preau-cost"), "0");
        assert_eq!(reading.field("cache-status"), "preau; fwd=uri-miss; fwd-status=200; collapsed; detail=arriving");
        others.push(reading);
    }
    let mut leaver = Reading::ask(behind.mirror(), EXPORT, &[]).await;
    leaver.until(2 * PIECE).await;
    leaver.leave().await;
    permits.add_permits(PIECES / 2 - 8);
    first.until(PIECES / 2 * PIECE).await;
    // Half way.
    others.push(Reading::ask(behind.mirror(), EXPORT, &[]).await);
    permits.add_permits(PIECES);
    let whole = body(PIECES);
    assert!(first.end().await.expect("whole").0 == whole);
    for reading in others {
        assert!(reading.end().await.expect("whole").0 == whole);
    }
    let ninth = http::hit(behind.mirror(), EXPORT, &[]).await;
    assert!(ninth.cache_status().starts_with("preau; hit; ttl="), "{}", ninth.cache_status());
    assert_eq!(ninth.field("content-length"), whole.len().to_string());
    assert!(ninth.body == whole);
    let tag = ninth.field("etag").to_owned();
    for (range, expected) in [("bytes=0-9", 0..10), ("bytes=100000-400000", 100_000..400_001), ("bytes=-7", whole.len() - 7..whole.len())] {
        let part = http::get_with(behind.mirror(), EXPORT, &[("range", range), ("if-range", &tag)]).await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole[expected.clone()]), "{range}");
        assert_eq!(part.field("content-range"), format!("bytes {}-{}/{}", expected.start, expected.end - 1, whole.len()));
    }
    assert_eq!((behind.calls(), behind.used().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_breaks_off_is_whole_for_nobody_and_after_a_moment_the_next_asker_leads() {
    let clock = Clock::manual("2026-03-02T10:00:00Z".parse().expect("a time"));
    let (behind, permits) = portal_at(clock.clone(), PIECES, Some(PIECES * 9 / 10), |_| {}).await;
    let mut readings = Vec::new();
    permits.add_permits(MORE_THAN_BUFFERED);
    for _ in 0..8 {
        readings.push(Reading::ask(behind.mirror(), EXPORT, &[]).await);
    }
    permits.add_permits(PIECES);
    for reading in readings {
        let cut = reading.end().await.expect_err("it broke off");
        assert!(body(PIECES).starts_with(&cut.0), "what came of it is right");
    }
    assert_eq!((behind.calls(), behind.used().await), (1, 1));
    let next = Reading::ask(behind.mirror(), EXPORT, &[]).await;
    assert_eq!((next.field("x-preau-cost"), behind.used().await), ("0", 1), "it is told of the same failure");
    clock.advance(Duration::from_secs(2));
    let next = Reading::ask(behind.mirror(), EXPORT, &[]).await;
    assert_eq!((next.field("x-preau-cost"), next.field("cache-status").contains("collapsed")), ("1", false));
    assert_eq!(behind.used().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_slows_nobody_and_a_call_is_over_when_its_body_is() {
    let (behind, permits) = portal(PIECES * 4, None, |_| {}).await;
    permits.add_permits(MORE_THAN_BUFFERED);
    let mut slow = Reading::ask(behind.mirror(), EXPORT, &[]).await;
    slow.until(1).await;
    permits.add_permits(PIECES * 4);
    let quick = Reading::ask(behind.mirror(), EXPORT, &[]).await;
    assert!(quick.end().await.expect("whole").0 == body(PIECES * 4));
    // The portal is done, although the slow one has hardly begun.
    assert!(slow.end().await.expect("whole").0 == body(PIECES * 4));
    assert_eq!(behind.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_whose_last_reader_left_is_finished_if_it_is_short_enough() {
    for (finish_limit, calls) in [(512 << 20, 1), (0, 2)] {
        let (behind, permits) = portal(PIECES, None, |config| config.cache.finish_limit = finish_limit).await;
        permits.add_permits(MORE_THAN_BUFFERED);
        let mut only = Reading::ask(behind.mirror(), EXPORT, &[]).await;
        only.until(PIECE).await;
        only.leave().await;
        // The server sees it when it writes.
        permits.add_permits(2 * PIECES + 1);
        let next = Reading::ask(behind.mirror(), EXPORT, &[]).await;
        if calls == 1 {
            assert_eq!(next.field("x-preau-cost"), "0");
            assert!(next.end().await.expect("whole").0 == body(PIECES));
        } else {
            // It joined before the leaver was noticed, or leads anew: either way it reads the whole or sees that it was cut.
            let _ = next.end().await;
            let again = behind.get(EXPORT).await;
            assert!(again.body == body(PIECES));
        }
        assert!(behind.calls() <= calls, "limit {finish_limit}: {} calls", behind.calls());
        assert_eq!(behind.used().await, behind.calls() as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_disk_those_who_wait_share_and_those_who_come_late_ask_anew() {
    let (behind, permits) = portal(PIECES, None, |config| config.cache.disk_bytes = 0).await;
    permits.add_permits(2 * MORE_THAN_BUFFERED);
    let (first, second) = tokio::join!(Reading::ask(behind.mirror(), EXPORT, &[]), Reading::ask(behind.mirror(), EXPORT, &[]));
    permits.add_permits(PIECES / 2);
    let costs = [first.field("x-preau-cost"), second.field("x-preau-cost")].concat();
    assert!(costs == "01" || costs == "10", "{costs}");
    let mut first = first;
    let second = tokio::spawn(second.end());
    first.until(PIECES / 2 * PIECE).await;
    // Sockets hold much: what was permitted may be sent already, and the late one needs pieces for its head.
    permits.add_permits(2 * PIECES);
    let mut late = Reading::ask(behind.mirror(), EXPORT, &[]).await;
    assert_eq!(late.field("x-preau-cost"), "1");
    late.until(1).await;
    for read in [first.end().await, second.await.expect("no panic"), late.end().await] {
        assert!(read.expect("whole").0 == body(PIECES));
    }
    assert_eq!(behind.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_gets_the_whole_with_its_length() {
    let (behind, permits) = portal(PIECES, None, |_| {}).await;
    permits.add_permits(PIECES);
    let request = format!("GET {EXPORT} HTTP/1.0\r\nHost: x\r\n\r\n");
    let text = raw(behind.mirror(), request.as_bytes(), Duration::from_secs(60)).await;
    let end = text.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
    assert!(head.starts_with("http/1.0 200") && head.contains(&format!("content-length: {}", PIECES * PIECE)), "{head}");
    assert!(text[end..] == body(PIECES));
    assert_eq!(behind.calls(), 1);
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

fn gunzipped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut text).expect("gzip");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzipped_body_is_decoded_on_the_way_for_those_who_take_it_so() {
    let whole = body(PIECES);
    let gzip = gzipped(&whole);
    let said = answer("200 OK", "Content-Type: text/csv\r\nContent-Encoding: gzip\r\n", &gzip);
    let behind = Behind::saying(said).await;
    for cost in ["1", "0"] {
        let plain = behind.get(EXPORT).await;
        assert_eq!((plain.field("x-preau-cost"), plain.field("content-encoding")), (cost, ""));
        assert!(plain.body == whole, "cost {cost}");
        let encoded = http::hit(behind.mirror(), EXPORT, &[("accept-encoding", "gzip")]).await;
        assert_eq!((encoded.field("x-preau-cost"), encoded.field("content-encoding")), ("0", "gzip"));
        assert!(gunzipped(&encoded.body) == whole);
        assert_eq!(encoded.field("content-length"), gzip.len().to_string());
    }
    let plain = http::hit(behind.mirror(), EXPORT, &[]).await;
    assert_eq!(plain.field("content-length"), whole.len().to_string());
    let part = http::get_with(behind.mirror(), EXPORT, &[("range", "bytes=1000000-1500000")]).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole[1_000_000..1_500_001]));
    assert_eq!(behind.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_that_is_bad_at_its_end_is_whole_for_nobody() {
    let mut gzip = gzipped(&body(PIECES));
    let sum = gzip.len() - 6;
    gzip[sum] ^= 1;
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let said = [head, format!("{:x}\r\n", gzip.len()).into_bytes(), gzip, b"\r\n0\r\n\r\n".to_vec()].concat();
    let clock = Clock::manual(noon());
    let behind = Behind::telling(|_| {}, clock.clone(), vec![said]).await;
    for fields in [&[][..], &[("accept-encoding", "gzip")]] {
        clock.advance(Duration::from_secs(10));
        let reading = Reading::ask(behind.mirror(), EXPORT, fields).await;
        assert_eq!(reading.field("x-preau-cost"), "1", "nothing of the last one was stored");
        reading.end().await.expect_err("it is not whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_of_a_large_answer_begins_a_fill_that_get_finds() {
    let roof = Roof::new().await;
    let target = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/csv";
    let head = http::send(roof.mirror(), ::http::Method::HEAD, target, &[], bytes::Bytes::new()).await;
    assert_eq!((head.status.as_u16(), head.field("x-preau-cost"), head.body.len()), (200, "1", 0));
    let get = http::hit(roof.mirror(), target, &[]).await;
    assert!(get.body == roof.ask_portal(target).await.body);
    let head = http::send(roof.mirror(), ::http::Method::HEAD, target, &[], bytes::Bytes::new()).await;
    assert_eq!(head.field("content-length"), get.body.len().to_string());
    assert_eq!(head.field("accept-ranges"), "bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_for_is_there_after_a_restart() {
    let portal = preau::simulator::start(preau::simulator::Settings::default()).await.expect("the simulator starts");
    let data = tempfile::tempdir().expect("a directory");
    let config = settings(portal.addr(), data.path());
    let targets = [
        "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/csv",
        "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=100",
        "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/records?limit=3",
    ];
    let mut bodies = Vec::new();
    for start in 0..3 {
        let server = Server::start(&config, Clock::system()).await.expect("it starts");
        for (at, target) in targets.iter().enumerate() {
            let answer = http::get(server.mirror(), target).await;
            let cost = if start == 0 { "1" } else { "0" };
            assert_eq!(answer.field("x-preau-cost"), cost, "start {start}: {target}");
            if start > 0 {
                assert!(answer.cache_status().starts_with("preau; hit; ttl="), "{}", answer.cache_status());
                assert!(answer.body == bodies[at], "start {start}: {target}");
            }
            bodies.push(answer.body);
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn askers_that_come_at_the_last_instant_cost_nothing() {
    // A body that is over as soon as it has begun, asked for by many at once, again and again.
    let whole = Arc::new(body(8));
    let behind = Behind::saying(answer("200 OK", "Content-Type: text/csv\r\n", &whole[..])).await;
    for round in 0..20 {
        let target = format!("{EXPORT}?limit={}", round + 1);
        let mut askers = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let (to, target, whole) = (behind.mirror(), target.clone(), Arc::clone(&whole));
            askers.spawn(async move { assert!(http::get(to, &target).await.body == *whole) });
        }
        askers.join_all().await;
        assert_eq!(behind.calls(), round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_for_a_body_that_is_over_at_once_reads_it_and_is_told_its_price() {
    let whole = &body(1)[..20_000];
    for disk_bytes in [1 << 30, 0] {
        let said = answer("200 OK", "Content-Type: text/csv\r\n", whole);
        let configure = |config: &mut preau::config::Config| {
            config.cache.disk_bytes = disk_bytes;
            config.cache.buffer_limit = std::num::NonZeroUsize::new(4096).expect("it is not zero");
        };
        let behind = Behind::telling(configure, Clock::system(), vec![said]).await;
        for call in 1..=60 {
            let answer = behind.get(&format!("{EXPORT}?limit={call}")).await;
            assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "1"), "{answer:?}");
            assert!(answer.body == whole, "{call}");
            assert_eq!(behind.calls(), call, "disk: {disk_bytes}");
        }
    }
}
