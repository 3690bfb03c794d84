//! What is stored survives `kill -9` at any instant: the real binary, killed and started again while it stores small and large bodies.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use preau::simulator::{self, Settings, Simulator};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::http;
use super::roof::DIRECTORY;
use super::served::Served;
use super::stream::Reading;

const KILLS: usize = 50;

/// Length to which exports are swollen. They arrive gzipped, a sixth of that.
const LARGE: u64 = 3 << 20;

/// About what all small answers of a round are together.
const ALL_SMALL: u64 = 500_000;

/// Clients of each kind, and what each asks for between two kills, one after another.
const LARGE_CLIENTS: usize = 2;
const SMALL_CLIENTS: usize = 3;
const SMALL_EACH: usize = 5;

/// Nothing takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The portal, and the right answers: what it says itself.
struct Oracle {
    portal: Simulator,
    known: Mutex<HashMap<String, Bytes>>,
}

impl Oracle {
    async fn start() -> Self {
        let settings = Settings { quota: 1_000_000, delay: Duration::from_millis(3), ..Settings::default() };
        let portal = simulator::start(settings).await.expect("the simulator starts");
        let swell = format!("/_simulator/swell?dataset=fr-en-annuaire-education&bytes={LARGE}");
        let swollen = http::send(portal.addr(), ::http::Method::POST, &swell, &[], Bytes::new()).await;
        assert!(swollen.status.is_success(), "{swollen:?}");
        Self { portal, known: Mutex::default() }
    }

    /// Whether an answer is right to the byte.
    async fn agrees(&self, target: &str, body: &Bytes) -> bool {
        let known = self.known.lock().expect("nobody panicked").get(target).cloned();
        if let Some(right) = known {
            return right == body;
        }
        let right = http::get(self.portal.addr(), target).await;
        assert_eq!(right.status, 200, "{target}: {right:?}");
        let agrees = right.body == body;
        self.known.lock().expect("nobody panicked").insert(target.to_owned(), right.body);
        agrees
    }
}

/// What the clients of one round have seen.
#[derive(Default)]
struct Round {
    /// Bytes of bodies that arrived.
    arrived: AtomicU64,
    moved: Notify,
    /// Whole answers.
    answered: Mutex<Vec<(String, Bytes)>>,
    /// Answers that broke off, or never began.
    cut: AtomicUsize,
}

impl Round {
    /// Asks, and counts every piece. A piece more is counted at the end, so that instants after the last byte are instants too.
    async fn ask(&self, server: std::net::SocketAddr, target: String) {
        let Some(mut reading) = Reading::try_ask(server, &target).await else {
            self.cut.fetch_add(1, Ordering::Relaxed);
            return;
        };
        while let Some(bytes) = reading.more().await {
            self.count(bytes as u64);
        }
        match reading.end().await {
            Ok(whole) => self.answered.lock().expect("nobody panicked").push((target, whole.0)),
            Err(_) => drop(self.cut.fetch_add(1, Ordering::Relaxed)),
        }
        self.count(100_000);
    }

    fn count(&self, bytes: u64) {
        self.arrived.fetch_add(bytes, Ordering::Relaxed);
        self.moved.notify_one();
    }

    /// Waits until `bytes` have arrived.
    async fn until(&self, bytes: u64) {
        while self.arrived.load(Ordering::Relaxed) < bytes {
            self.moved.notified().await;
        }
    }
}

fn small(number: usize) -> String {
    format!("{DIRECTORY}/records?limit=20&offset={number}")
}

fn large(number: usize) -> String {
    format!("{DIRECTORY}/exports/csv?limit={}", 1_000 + number)
}

fn serve(portal: &Simulator, data: &Path) -> Served {
    Served::start(&[
        "--portal",
        &format!("box=http://{}", portal.addr()),
        "--data",
        data.to_str().expect("a path in UTF-8"),
        "--config",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/kill.toml"),
    ])
}

/// All files below a directory, with their lengths.
fn files(dir: &Path) -> BTreeSet<(PathBuf, u64)> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.extend(files(&entry.path())),
            Ok(metadata) => drop(found.insert((entry.path(), metadata.len()))),
            // Removed just now.
            Err(_) => {}
        }
    }
    found
}

/// The files that the index names, with the lengths that it knows.
fn named(store: &Path) -> rusqlite::Result<BTreeSet<(PathBuf, u64)>> {
    let index = Connection::open_with_flags(store.join("index.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut rows = index.prepare("SELECT serial, file_bytes FROM entry WHERE file_bytes > 0")?;
    let name = |serial: i64| store.join(format!("bodies/{:02x}/{serial:016x}", serial % 256));
    rows.query_map([], |row| Ok((name(row.get(0)?), u64::try_from(row.get::<_, i64>(1)?).expect("a length"))))?.collect()
}

/// What is in the way of a directory where every file is named by a row, every row has its file, and nothing else is left over.
fn disagreement(data: &Path) -> Option<String> {
    let store = data.join("store");
    let left_over = files(&store.join("incoming"));
    if !left_over.is_empty() {
        return Some(format!("left over: {left_over:?}"));
    }
    let known = ["bodies", "incoming", "index.sqlite", "index.sqlite-wal", "index.sqlite-shm"];
    let there = std::fs::read_dir(&store).expect("the store is there").flatten();
    let others: Vec<_> = there.map(|entry| entry.file_name()).filter(|name| !known.iter().any(|known| name == known)).collect();
    if !others.is_empty() {
        return Some(format!("neither index nor bodies: {others:?}"));
    }
    match named(&store) {
        Ok(named) => {
            let there = files(&store.join("bodies"));
            let differ: Vec<_> = named.symmetric_difference(&there).collect();
            (!differ.is_empty()).then(|| format!("named by a row or there, and not both: {differ:?}"))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// Waits until index and files agree: what a kill left over is removed behind the start.
async fn settle(data: &Path) {
    let began = Instant::now();
    while let Some(wrong) = disagreement(data) {
        assert!(began.elapsed() < Duration::from_secs(10), "{wrong}");
        // Nobody tells when the other process is done.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What was found when something was asked for again.
#[derive(Debug, Default)]
struct Found {
    hits: usize,
    misses: usize,
}

impl Found {
    async fn ask(&mut self, server: &Served, oracle: &Oracle, target: &str) {
        let answer = http::get(server.mirror, target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.cache_status());
        assert!(oracle.agrees(target, &answer.body).await, "{target}: wrong, {} bytes; {}", answer.body.len(), answer.cache_status());
        match answer.field("x-preau-cost") {
            "0" => self.hits += 1,
            "1" => self.misses += 1,
            other => panic!("{target} cost {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_fifty_kills_every_answer_is_right_or_a_miss_and_nothing_is_left_over() {
    let oracle = Oracle::start().await;
    let data = tempfile::tempdir().expect("a directory");
    let mut dice = fastrand::Rng::with_seed(20260302);
    let mut server = serve(&oracle.portal, data.path());
    let (mut given, mut last): (Vec<String>, Vec<String>) = Default::default();
    let (mut after_kills, mut cut, mut left_over) = (Found::default(), 0, 0);
    for kill in 0..KILLS {
        let round = Arc::new(Round::default());
        let mut clients = JoinSet::new();
        for client in 0..LARGE_CLIENTS + SMALL_CLIENTS {
            let targets: Vec<String> = if client < LARGE_CLIENTS {
                vec![large(kill * LARGE_CLIENTS + client)]
            } else {
                let first = (kill * SMALL_CLIENTS + client - LARGE_CLIENTS) * SMALL_EACH;
                (first..first + SMALL_EACH).map(small).collect()
            };
            let (round, mirror) = (Arc::clone(&round), server.mirror);
            clients.spawn(async move {
                for target in targets {
                    round.ask(mirror, target).await;
                }
            });
        }
        let all = LARGE_CLIENTS as u64 * LARGE + ALL_SMALL;
        // Among the small ones as often as anywhere.
        let instant = if dice.bool() { dice.u64(1..ALL_SMALL) } else { dice.u64(1..all + all / 4) };
        tokio::select! {
            () = round.until(instant) => {}
            () = async { while clients.join_next().await.is_some() {} } => {}
            () = tokio::time::sleep(PATIENCE) => panic!("kill {kill}: nothing moves"),
        }
        server.kill();
        clients.shutdown().await;
        left_over += files(&data.path().join("store/incoming")).len();

        server = serve(&oracle.portal, data.path());
        // Asked while the start is still being tidied up behind: what was given just now, and some of what was given before.
        let answered = std::mem::take(&mut *round.answered.lock().expect("nobody panicked"));
        for (target, body) in &answered {
            assert!(oracle.agrees(target, body).await, "kill {kill}: {target} was wrong when it was given");
        }
        last.clear();
        last.extend(answered.into_iter().map(|(target, _)| target));
        for target in last.iter().chain((0..4).filter_map(|_| dice.choice(&given))) {
            after_kills.ask(&server, &oracle, target).await;
        }
        given.append(&mut last);
        settle(data.path()).await;
        cut += round.cut.load(Ordering::Relaxed);
    }
    server.terminate();
    let server = serve(&oracle.portal, data.path());
    let mut at_the_end = Found::default();
    for target in &given {
        at_the_end.ask(&server, &oracle, target).await;
    }
    settle(data.path()).await;
    let usage = http::get(server.admin, "/api/v1/store").await.json()["usage"].clone();
    println!(
        "{KILLS} kills: {} answers given, {cut} cut off; {left_over} files left behind by kills, all gone after the next start",
        given.len()
    );
    let large = files(&data.path().join("store/bodies")).len();
    println!(
        "asked again after each start: {after_kills:?}, wrong 0; all once more at the end: {at_the_end:?}, wrong 0; {large} bodies in files; {usage}"
    );
    assert!(cut > KILLS / 2 && left_over > 0, "the kills came too late: {cut} cut off, {left_over} files left behind");
    assert!(after_kills.hits > 0 && large > 0, "nothing survives");
    // What was asked for again after the last kill was paid once more where it had to be, and is kept.
    assert_eq!((at_the_end.misses, usage["incoming_bytes"].as_u64()), (0, Some(0)), "{usage}");
    server.terminate();
    oracle.portal.stop().await;
}
