//! More than fits through a store of the real binary: what its directory takes meanwhile, and what becomes of answers that are in use.
//!
//! `PREAU_FULL=N` makes the store N GiB large. Ten times its size is asked for.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use super::far_end::{self, Digesting, MadeUp, target};
use super::http;
use super::raw_portal::RawPortal;
use super::served::Served;

const MIB: u64 = 1 << 20;
/// Askers at once.
const ASKERS: u64 = 6;
/// What SQLite's log of the index may take beside the limit.
const LOG: u64 = 8 * MIB;

fn store_bytes() -> u64 {
    let full = std::env::var("PREAU_FULL").ok();
    full.map_or(64 * MIB, |gib| 1024 * MIB * gib.parse::<u64>().expect("PREAU_FULL is a number of GiB"))
}

/// A server with a store of its own, in front of a portal of any lengths.
struct Small {
    portal: RawPortal,
    server: Served,
    data: tempfile::TempDir,
}

impl Small {
    async fn start(cache: &str) -> Self {
        let portal = far_end::any_length().await;
        let data = tempfile::tempdir().expect("a directory");
        let config = data.path().join("preau.toml");
        let portals = format!("[[portal]]\nname = \"box\"\nurl = \"http://127.0.0.1:{}\"\ndaily_calls = 1_000_000\n", portal.port);
        // As little memory as there may be: what is found is found on disk.
        std::fs::write(&config, format!("[cache]\nmemory_bytes = \"1 MiB\"\ndisk_free_bytes = 0\n{cache}\n{portals}")).expect("it is ours");
        let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let server = Served::start(&["--config", &path(&config), "--data", &path(data.path())]);
        Self { portal, server, data }
    }

    fn store(&self) -> PathBuf {
        self.data.path().join("store")
    }

    async fn report(&self) -> Value {
        http::get(self.server.admin, "/api/v1/store").await.json()
    }
}

/// Asks for a body, checks every byte, and says what it cost.
async fn ask(to: SocketAddr, body: &MadeUp) -> u64 {
    let reading = Digesting::ask(to, &target(body), &[]).await;
    if reading.status != 200 {
        panic!("{body:?}: {}", reading.text().await);
    }
    let cost = reading.field("x-preau-cost").to_owned();
    assert_eq!(reading.end().await, Ok(body.digest()), "{body:?}");
    cost.parse().expect("a cost")
}

/// What a directory takes.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    /// Bytes of all files save the log of the index.
    bytes: u64,
    /// The same as the file system counts them, in its blocks.
    allocated: u64,
    /// Bytes of the log and its index.
    log: u64,
}

/// Walks a directory that changes meanwhile. A file that is moved counts once, one that goes does not count.
fn size(dir: &Path) -> Size {
    fn walk(dir: &Path, seen: &mut HashSet<u64>, size: &mut Size) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() {
                walk(&entry.path(), seen, size);
            } else if entry.file_name().to_str().is_some_and(|name| name.starts_with("index.sqlite-")) {
                size.log += about.len();
            } else if seen.insert(about.ino()) {
                size.bytes += about.len();
                size.allocated += about.blocks() * 512;
            }
        }
    }
    let mut size = Size::default();
    walk(dir, &mut HashSet::new(), &mut size);
    size
}

/// Measures a directory over and over.
struct Scales {
    over: Arc<AtomicBool>,
    most: std::thread::JoinHandle<(Size, u64)>,
}

impl Scales {
    fn under(dir: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let most = std::thread::spawn(move || {
            let (mut most, mut times) = (Size::default(), 0);
            while !stop.load(Ordering::Relaxed) {
                let now = size(&dir);
                most.bytes = most.bytes.max(now.bytes);
                most.allocated = most.allocated.max(now.allocated);
                most.log = most.log.max(now.log);
                times += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            (most, times)
        });
        Self { over, most }
    }

    /// The most it was, part by part, and how often it was measured.
    fn most(self) -> (Size, u64) {
        self.over.store(true, Ordering::Relaxed);
        self.most.join().expect("no panic")
    }
}

/// Asks for `bodies` in turn until nobody listens any more: none may cost anything. Tells how often it went round; says what each head took.
fn keep_using(to: SocketAddr, bodies: Vec<MadeUp>, rounds: watch::Sender<u64>) -> tokio::task::JoinHandle<Vec<Duration>> {
    tokio::spawn(async move {
        let mut took = Vec::new();
        while !rounds.is_closed() {
            for body in &bodies {
                let reading = Digesting::ask(to, &target(body), &[]).await;
                took.push(reading.head_after);
                assert_eq!(reading.field("x-preau-cost"), "0", "{body:?} is in use: {:?}", reading.fields);
                assert_eq!(reading.end().await, Ok(body.digest()));
            }
            rounds.send_modify(|rounds| *rounds += 1);
        }
        took.sort_unstable();
        took
    })
}

/// Sizes from a few hundred bytes to `largest`, each power of two as likely as another.
fn sizes(largest: u64) -> impl Iterator<Item = u64> {
    let mut dice = fastrand::Rng::with_seed(20260302);
    std::iter::repeat_with(move || (256.0 * (largest as f64 / 256.0).powf(dice.f64())) as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_its_size_goes_through_a_store_that_keeps_its_limit_and_what_is_in_use() {
    let limit = store_bytes();
    let largest = limit / 16;
    let small = Small::start(&format!("disk_bytes = {limit}")).await;
    let mirror = small.server.mirror;
    let favourites: Vec<MadeUp> = (0..12).map(|n| MadeUp::new(1_000_000 + n, 1000 << n)).collect();
    for body in &favourites {
        assert_eq!(ask(mirror, body).await, 1);
    }
    let (rounds, gone_round) = watch::channel(0);
    let scales = Scales::under(small.store());
    let users = keep_using(mirror, favourites.clone(), rounds);
    let mut left = 10 * limit;
    let all: Vec<MadeUp> = (0..)
        .zip(sizes(largest))
        .take_while(|(_, len)| {
            let wanted = left > 0;
            left = left.saturating_sub(*len);
            wanted
        })
        .map(|(number, len)| MadeUp::new(number, len))
        .collect();
    let (began, all) = (Instant::now(), Arc::new(all));
    let (next, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..ASKERS {
        let (all, next, begun) = (Arc::clone(&all), Arc::clone(&next), Arc::clone(&begun));
        let mut gone_round = gone_round.clone();
        askers.spawn(async move {
            while let Some(body) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                // What is asked for between two uses of a body in use is less than the store holds, or that body would rightly make room.
                let before = begun.fetch_add(body.len, Ordering::Relaxed);
                gone_round.wait_for(|rounds| (rounds + 1) * (limit / 8) > before).await.expect("what is in use costs nothing");
                assert_eq!(ask(mirror, body).await, 1);
            }
        });
    }
    drop(gone_round);
    let mut accounted = 0;
    while !askers.is_empty() {
        tokio::select! {
            Some(asked) = askers.join_next() => asked.expect("each got what it asked for"),
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                let report = small.report().await;
                assert_eq!(report["disk"], "working");
                accounted = accounted.max(report["usage"]["bytes"].as_u64().expect("a number"));
            }
        }
    }
    let took = began.elapsed();
    let heads = users.await.expect("what is in use costs nothing");
    let (most, times) = scales.most();
    let report = small.report().await;
    let asked: u64 = all.iter().map(|body| body.len).sum();
    println!("{} bodies of {} MiB in {took:?} through {} MiB", all.len(), asked / MIB, limit / MIB);
    println!("most of {times} times: {most:?}; accounted {accounted}; then {}", report["usage"]);
    println!("{} hits meanwhile: median {:?}, 99 of 100 {:?}", heads.len(), heads[heads.len() / 2], heads[heads.len() * 99 / 100]);
    assert!(most.bytes <= limit + largest, "{most:?}");
    assert!(most.log <= LOG, "{most:?}");
    // What is written from memory may take room that was made while what is received took it too.
    assert!(accounted <= limit + largest, "{accounted}");
    assert!(report["usage"]["evicted"].as_u64().expect("a number") > 0 && report["usage"]["discarded"] == 0, "{report}");
    // It is used well, too: of the bodies that came last, most are there.
    let kept = size(&small.store());
    assert!(kept.bytes > limit / 2, "{kept:?}");
    for body in &favourites {
        assert_eq!(ask(mirror, body).await, 0, "{body:?}");
    }
    assert_eq!(ask(mirror, &all[all.len() - 1]).await, 0, "the newest");
    assert_eq!(ask(mirror, &all[0]).await, 1, "the oldest made room");
    small.server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_entries_than_there_may_be_go_through_a_store_that_keeps_those_in_use() {
    const ENTRIES: u64 = 50;
    let small = Small::start(&format!("disk_entries = {ENTRIES}")).await;
    let mirror = small.server.mirror;
    // Too long for the memory store, so that it is the disk that hears of each use.
    let favourites: Vec<MadeUp> = (0..10).map(|n| MadeUp::new(1_000_000 + n, 300_000)).collect();
    for body in &favourites {
        assert_eq!(ask(mirror, body).await, 1);
    }
    for number in 0..10 * ENTRIES {
        ask(mirror, &MadeUp::new(number, 20_000)).await;
        if number % 20 == 0 {
            let usage = small.report().await["usage"].clone();
            assert!(usage["entries"].as_u64().expect("a number") <= ENTRIES, "{usage}");
            for body in &favourites {
                assert_eq!(ask(mirror, body).await, 0, "{body:?} after {number}");
            }
        }
    }
    small.server.terminate();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_larger_than_the_store_is_served_whole_and_drives_nothing_out() {
    let small = Small::start("disk_bytes = \"8 MiB\"").await;
    let mirror = small.server.mirror;
    let others: Vec<MadeUp> = (0..8).map(|number| MadeUp::new(number, 600_000)).collect();
    for body in &others {
        assert_eq!(ask(mirror, body).await, 1);
    }
    let giant = MadeUp::new(100, 40 * MIB);
    let scales = Scales::under(small.store());
    for _ in 0..2 {
        assert_eq!(ask(mirror, &giant).await, 1);
    }
    assert!(scales.most().0.bytes <= 8 * MIB);
    let report = small.report().await;
    assert_eq!((&report["disk"], &report["usage"]["evicted"]), (&Value::from("working"), &Value::from(0)));
    for body in &others {
        assert_eq!(ask(mirror, body).await, 0);
    }
    assert_eq!(small.portal.received() as u64, 10 + looks(&small.portal));
    small.server.terminate();
}

fn looks(portal: &RawPortal) -> u64 {
    portal.heads().iter().filter(|head| super::behind::is_look(head)).count() as u64
}
