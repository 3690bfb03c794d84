//! An export of 200 MB through the real binary: who waits for whom, what it takes of memory, and what is left of one that breaks off.
//!
//! `PREAU_FULL=1` makes the compressed one as long as the plain one, and lets the slow client be slow to its end, which takes minutes.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use preau::simulator::{self, Settings, Simulator};
use serde_json::{Value, json};

use super::far_end::{Digesting, Gated, MadeUp};
use super::http;
use super::roof::DIRECTORY;
use super::served::Served;
use super::stream::EXPORT;

const MB: u64 = 1_000_000;
/// What memory may grow by.
const GROWTH: usize = 32 << 20;

fn full() -> bool {
    std::env::var_os("PREAU_FULL").is_some()
}

fn serve(portal: SocketAddr, data: &Path) -> Served {
    Served::start(&["--portal", &format!("box=http://{portal}"), "--data", data.to_str().expect("UTF-8")])
}

/// Calls charged, looks and all.
async fn used(server: &Served) -> u64 {
    http::get(server.admin, "/api/v1/budget").await.json()["portals"][0]["accounts"][0]["used"].as_u64().expect("a count")
}

/// What the store says of itself, once nothing is being received any more.
async fn settled(server: &Served) -> Value {
    let began = Instant::now();
    loop {
        let usage = http::get(server.admin, "/api/v1/store").await.json()["usage"].clone();
        if usage["incoming_bytes"] == 0 && usage["queued_bytes"] == 0 {
            return usage;
        }
        assert!(began.elapsed() < http::PATIENCE, "{usage}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Asks until a call is made for it again: for some seconds after one that broke off, none is.
async fn after_a_failure(mirror: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Digesting {
    loop {
        let reading = Digesting::ask(mirror, target, fields).await;
        if reading.field("cache-status") != "preau; detail=failed-before" {
            return reading;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Files of bodies, whole ones and others.
fn body_files(data: &Path) -> usize {
    let files = |dir: &Path| -> Vec<std::path::PathBuf> {
        std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.expect("it is listed").path()).collect()
    };
    let shards = files(&data.join("store/bodies"));
    files(&data.join("store/incoming")).len() + shards.iter().map(|shard| files(shard).len()).sum::<usize>()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn eight_clients_read_200_mb_for_one_call_and_a_little_memory() {
    let whole = MadeUp::new(1, 200 * MB);
    let behind = Gated::start(whole, None).await;
    let data = tempfile::tempdir().expect("a directory");
    let server = serve(([127, 0, 0, 1], behind.portal.port).into(), data.path());
    http::get(server.mirror, "/nothing").await;
    let before = server.resident();

    // Half of it can come.
    behind.allowed.send_replace(whole.len / 2);
    let began = Instant::now();
    let mut first = Digesting::ask(server.mirror, EXPORT, &[]).await;
    first.until(1).await;
    let (first_byte, sent) = (began.elapsed(), behind.sent());
    assert!(sent <= whole.len / 2);
    assert_eq!((first.field("x-preau-cost"), first.field("content-length")), ("1", ""));
    let mut quick = tokio::task::JoinSet::new();
    for _ in 0..4 {
        quick.spawn(Digesting::ask(server.mirror, EXPORT, &[]).await.end());
    }
    let mut leaver = Digesting::ask(server.mirror, EXPORT, &[]).await;
    let (hurry, mut told) = tokio::sync::watch::channel(false);
    let slow = Digesting::ask(server.mirror, EXPORT, &[]).await;
    let slow = tokio::spawn(slow.slowly(async move {
        let _ = told.wait_for(|hurry| *hurry).await;
    }));
    leaver.until(whole.len / 4).await;
    leaver.leave().await;
    first.until(whole.len / 2).await;
    let joiner = Digesting::ask(server.mirror, EXPORT, &[]).await;
    assert_eq!(joiner.field("x-preau-cost"), "0");
    assert_eq!(joiner.field("cache-status"), "preau; fwd=uri-miss; fwd-status=200; collapsed; detail=arriving");
    behind.allowed.send_replace(u64::MAX);
    quick.spawn(joiner.end());
    quick.spawn(first.end());
    let digest = whole.digest();
    while let Some(read) = quick.join_next().await {
        assert_eq!(read.expect("no panic"), Ok(digest));
    }
    let took = began.elapsed();
    if !full() {
        hurry.send_replace(true);
    }
    let (read, slowly) = slow.await.expect("no panic");
    assert_eq!(read, Ok(digest));
    assert!(full() || slowly < whole.len / 2, "{slowly} bytes are not slow");
    let grown = server.peak_resident() - before;
    let rate = 6.0 * whole.len as f64 / MB as f64 / took.as_secs_f64();
    println!("first byte after {first_byte:?} with {sent} bytes sent; six had all after {took:?}, {rate:.0} MB/s together");
    println!("the slow one had {slowly} bytes when the others had all; memory grew from {} by {} KiB", before >> 10, grown >> 10);
    assert!(grown < GROWTH, "{grown} bytes more");
    assert_eq!((behind.calls(), used(&server).await), (1, 1 + behind.looks()));

    let ninth = Digesting::ask(server.mirror, EXPORT, &[]).await;
    assert!(ninth.field("cache-status").starts_with("preau; hit; ttl="), "{:?}", ninth.fields);
    assert_eq!(ninth.field("content-length"), whole.len.to_string());
    let tag = ninth.field("etag").to_owned();
    assert_eq!(ninth.end().await, Ok(digest));
    for range in [0..10, 99_999_990..100_200_000, whole.len - 7..whole.len] {
        let asked = format!("bytes={}-{}", range.start, range.end - 1);
        let part = http::get_with(server.mirror, EXPORT, &[("range", &asked), ("if-range", &tag)]).await;
        assert_eq!(part.status, 206);
        assert!(part.body == whole.slice(range), "{asked}");
    }
    let grown = server.peak_resident() - before;
    assert!(grown < GROWTH, "{grown} bytes more");
    assert_eq!(behind.calls(), 1);
    let usage = settled(&server).await;
    assert_eq!((usage["entries"].as_u64(), body_files(data.path())), (Some(1), 1), "{usage}");
    server.terminate();
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_breaks_off_at_nine_tenths_leaves_nothing_and_the_next_asker_leads() {
    let whole = MadeUp::new(2, 200 * MB);
    let behind = Gated::start(whole, Some(whole.len / 10 * 9)).await;
    let data = tempfile::tempdir().expect("a directory");
    let server = serve(([127, 0, 0, 1], behind.portal.port).into(), data.path());
    http::get(server.mirror, "/nothing").await;
    let before = server.resident();
    behind.allowed.send_replace(whole.len / 2);
    let mut readings = tokio::task::JoinSet::new();
    for _ in 0..8 {
        readings.spawn(Digesting::ask(server.mirror, EXPORT, &[]).await.end());
    }
    behind.allowed.send_replace(u64::MAX);
    while let Some(read) = readings.join_next().await {
        let cut = read.expect("no panic").expect_err("it broke off");
        assert!(cut.len < whole.len, "{cut:?}");
    }
    assert_eq!((behind.calls(), used(&server).await), (1, 1 + behind.looks()));
    let usage = settled(&server).await;
    assert_eq!((usage["entries"].as_u64(), body_files(data.path())), (Some(0), 0), "{usage}");

    let next = after_a_failure(server.mirror, EXPORT, &[]).await;
    assert_eq!(next.field("x-preau-cost"), "1");
    assert_eq!(next.field("cache-status"), "preau; fwd=uri-miss; fwd-status=200; detail=arriving");
    assert_eq!(next.end().await, Ok(whole.digest()));
    assert_eq!((behind.calls(), used(&server).await), (2, 2 + behind.looks()));
    let grown = server.peak_resident() - before;
    assert!(grown < GROWTH, "{grown} bytes more");
    server.terminate();
}

/// A portal whose export has `bytes` bytes before it is compressed.
async fn swollen(bytes: u64) -> Simulator {
    let portal = simulator::start(Settings::default()).await.expect("the simulator starts");
    let swell = format!("/_simulator/swell?dataset=fr-en-annuaire-education&bytes={bytes}");
    let answer = http::send(portal.addr(), ::http::Method::POST, &swell, &[], bytes::Bytes::new()).await;
    assert!(answer.status.is_success(), "{answer:?}");
    portal
}

/// Requests for the export that the portal received, and all that it received.
async fn received(portal: &Simulator) -> (u64, u64) {
    let calls = http::get(portal.addr(), "/_simulator/calls").await.json();
    (calls["by_family"]["export"].as_u64().unwrap_or(0), calls["received"].as_u64().expect("a count"))
}

const GZIP: (&str, &str) = ("accept-encoding", "gzip");

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_gzipped_export_is_decoded_on_the_way_within_a_little_memory() {
    let bytes = if full() { 200 * MB } else { 48 * MB };
    let portal = swollen(bytes).await;
    let target = format!("{DIRECTORY}/exports/csv");
    let data = tempfile::tempdir().expect("a directory");
    let server = serve(portal.addr(), data.path());
    http::get(server.mirror, &format!("{DIRECTORY}/records?limit=1")).await;
    let before = server.resident();
    let began = Instant::now();
    let mut first = Digesting::ask(server.mirror, &target, &[]).await;
    first.until(1).await;
    let first_byte = began.elapsed();
    let mut readings = tokio::task::JoinSet::new();
    for _ in 0..2 {
        readings.spawn(Digesting::ask(server.mirror, &target, &[]).await.end());
        let encoded = Digesting::ask(server.mirror, &target, &[GZIP]).await;
        assert_eq!((encoded.field("x-preau-cost"), encoded.field("content-encoding")), ("0", "gzip"));
        readings.spawn(encoded.end_decoded());
    }
    let digest = first.end().await.expect("whole");
    let took = began.elapsed();
    assert!(digest.len >= bytes && first_byte < took / 2, "{digest:?}: {first_byte:?} of {took:?}");
    while let Some(read) = readings.join_next().await {
        assert_eq!(read.expect("no panic"), Ok(digest));
    }
    assert_eq!(received(&portal).await, (1, used(&server).await));
    let after = Digesting::ask(server.mirror, &target, &[]).await;
    assert_eq!((after.field("x-preau-cost"), after.field("content-length")), ("0", &digest.len.to_string()[..]));
    assert_eq!(after.end().await, Ok(digest));
    assert_eq!(Digesting::ask(server.mirror, &target, &[GZIP]).await.end_decoded().await, Ok(digest));
    let grown = server.peak_resident() - before;
    println!("first byte after {first_byte:?}, all {} bytes after {took:?}; memory grew by {} KiB", digest.len, grown >> 10);
    assert!(grown < GROWTH, "{grown} bytes more");
    assert_eq!(received(&portal).await, (1, used(&server).await));
    assert_eq!(Digesting::ask(portal.addr(), &target, &[]).await.end().await, Ok(digest));
    server.terminate();
    portal.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_gzipped_export_that_breaks_off_is_whole_for_nobody() {
    let portal = swollen(12 * MB).await;
    let target = format!("{DIRECTORY}/exports/csv");
    let length = Digesting::ask(portal.addr(), &target, &[GZIP]).await.end().await.expect("whole").len;
    let fault = json!({"family": "export", "kind": "truncate", "times": 1, "after_bytes": length / 10 * 9});
    let body = serde_json::to_vec(&fault).expect("JSON");
    let answer = http::send(portal.addr(), ::http::Method::POST, "/_simulator/faults", &[], body.into()).await;
    assert!(answer.status.is_success(), "{answer:?}");
    let data = tempfile::tempdir().expect("a directory");
    let server = serve(portal.addr(), data.path());
    let before = received(&portal).await;
    let mut readings = tokio::task::JoinSet::new();
    for number in 0..8 {
        let fields = if number % 2 == 0 { &[][..] } else { &[GZIP] };
        let reading = Digesting::ask(server.mirror, &target, fields).await;
        assert_eq!(reading.field("x-preau-cost"), if number == 0 { "1" } else { "0" });
        readings.spawn(reading.end());
    }
    while let Some(read) = readings.join_next().await {
        read.expect("no panic").expect_err("it broke off");
    }
    let after = received(&portal).await;
    // The portal counts our own request too, and says so.
    assert_eq!((after.0 - before.0, after.1), (1, used(&server).await));
    let usage = settled(&server).await;
    assert_eq!((usage["entries"].as_u64(), body_files(data.path())), (Some(0), 0), "{usage}");
    let next = after_a_failure(server.mirror, &target, &[GZIP]).await;
    assert_eq!((next.field("x-preau-cost"), next.field("cache-status").contains("collapsed")), ("1", false));
    assert_eq!(next.end().await.map(|digest| digest.len), Ok(length));
    server.terminate();
    portal.stop().await;
}
