//! A restart with a full store: nothing is read that was not asked for, and nothing that was paid for is asked for again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use preau::cache::disk::{About, DiskStore, Entry, Head, Limits};
use preau::cache::representation::Coding;
use preau::cache::validation::Digest;
use preau::clock::Clock;
use preau::portal::versions::{Catalogue, Row, Stamp, Table, Terms, Versions};
use preau::request::query::RuleSwitches;
use preau::request::question::{Asked, Question, Understood};
use preau::simulator::{self, Settings};

use super::http::{self, Answer};
use super::roof;
use super::served::Served;

const STORED: usize = 100_000;

/// The store's own queue takes more bytes than so many entries have, so none is dropped for want of room.
const PIECE: usize = 2_000;

/// What a start may take.
const READY: Duration = Duration::from_secs(1);

/// Starts of which the best counts: what else the machine does meanwhile is not the server's.
const STARTS: usize = 3;

fn target(number: usize) -> String {
    format!("/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=20&where=numero%20%3D%20{number}")
}

/// An answer of about 2 KB that no other question has.
fn body(number: usize) -> Bytes {
    let rest = "Rue de l'Exemple; ".repeat(110);
    format!(r#"{{"total_count": 1, "results": [{{"numero": {number}, "adresse": "{rest}"}}]}}"#).into()
}

/// The question that a client asks with [`target`], as the server understands it.
fn question(origin: &str, number: usize) -> Question {
    let target = target(number);
    let (path, query) = target.split_once('?').expect("it has a query");
    let asked = Asked {
        portal: "box",
        origin,
        same_as_anonymous: &[],
        method: &Method::GET,
        path,
        query,
        fields: &HeaderMap::new(),
        content: None,
        is_form: false,
    };
    match Question::understand(asked, &RuleSwitches::default()) {
        Ok(Understood::Question(question)) => *question,
        other => panic!("{target}: {other:?}"),
    }
}

/// What the portal's catalogue states of the dataset, as a server that has just looked notes it with an answer.
async fn stamp(portal: SocketAddr) -> Stamp {
    let listed =
        http::get(portal, "/api/explore/v2.1/catalog/exports/json?select=dataset_id,data_processed,metadata_processed").await.json();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let row = |row: &serde_json::Value| Row {
        id: text(&row["dataset_id"]).expect("a dataset has an id"),
        data: text(&row["data_processed"]),
        metadata: text(&row["metadata_processed"]),
    };
    let rows = listed.as_array().expect("an array").iter().map(row).collect();
    let config = roof::settings(portal, std::path::Path::new("unused"));
    let versions = Versions::new(Terms::of(&config.cache), Table::default());
    versions.adopt(&Catalogue { rows, portal_now: None }, Clock::system().read()).expect("a catalogue");
    versions.stamp(Some("fr-en-annuaire-education")).expect("it has looked")
}

/// Stores an answer to each question below [`STORED`], of the version that `stamp` says.
async fn fill(dir: &std::path::Path, origin: &str, stamp: &Stamp) {
    let limits = Limits { bytes: 10 << 30, entries: 1_000_000, free_bytes: 0 };
    let store = DiskStore::open(&dir.join("store"), limits);
    for first in (0..STORED).step_by(PIECE) {
        for number in first..first + PIECE {
            let (question, body) = (question(origin, number), body(number));
            let head = Head {
                status: StatusCode::OK,
                fields: HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))]),
                coding: Coding::Identity,
                identity_len: body.len() as u64,
                digest: Digest::of(&body),
                links: None,
                asked_at: jiff::Timestamp::now(),
                stored_at: jiff::Timestamp::now(),
                stamp: Some(stamp.clone()),
                same_bytes: false,
                max_age: None,
            };
            let about = About {
                portal: "box".to_owned(),
                dataset: question.query.dataset.clone(),
                family: question.endpoint.family().name(),
                target: question.query.query.target(&question.endpoint),
            };
            store.put(question.key.expect("it is anonymous"), Entry { head, about, body });
        }
        store.settled().await;
    }
    let usage = store.usage();
    assert_eq!((usage.entries, usage.dropped_writes), (STORED as u64, 0), "{usage:?}");
    store.close().await;
}

/// A directory in memory where there is room for it: filling one on disk waits for the disk, and what is measured comes after that and reads
/// from memory either way.
fn directory() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    // What is stored, and what the store leaves to others.
    let is_roomy = rustix::fs::statvfs(memory).is_ok_and(|system| system.f_bavail.saturating_mul(system.f_frsize) > 3 << 30);
    if is_roomy { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a directory")
}

/// Calls that the portal has received.
async fn calls(portal: SocketAddr) -> u64 {
    http::get(portal, "/_simulator/calls").await.json()["received"].as_u64().expect("a count")
}

fn assert_hit(answer: &Answer, number: usize) {
    assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "0"), "{number}: {answer:?}");
    assert!(answer.cache_status().starts_with("preau; hit; ttl="), "{number}: {}", answer.cache_status());
    assert!(answer.body == body(number), "{number}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_stored_responses_do_not_keep_a_start_waiting() {
    let portal = simulator::start(Settings::default()).await.expect("the simulator starts");
    let data = directory();
    let began = Instant::now();
    let stamp = stamp(portal.addr()).await;
    let stated = calls(portal.addr()).await;
    fill(data.path(), &format!("http://{}/", portal.addr()), &stamp).await;
    println!("{STORED} responses stored in {:.1?}", began.elapsed());

    let mut dice = fastrand::Rng::with_seed(20260301);
    let mut ready = Vec::new();
    for start in 0..STARTS {
        let began = Instant::now();
        let origin = format!("box=http://{}", portal.addr());
        let server = Served::start(&["--portal", &origin, "--data", data.path().to_str().expect("a path in UTF-8")]);
        let listening = began.elapsed();
        let told = http::get(server.admin, "/readyz").await;
        let is_ready = began.elapsed();
        assert_eq!((told.status.as_u16(), told.json()["disk"].as_str()), (200, Some("working")), "{told:?}");
        let asked = Instant::now();
        let number = dice.usize(0..STORED);
        assert_hit(&http::get(server.mirror, &target(number)).await, number);
        println!("start {start}: listens after {listening:.1?}, ready after {is_ready:.1?}, first hit in {:.1?}", asked.elapsed());
        ready.push(is_ready);
        for _ in 0..100 {
            let number = dice.usize(0..STORED);
            assert_hit(&http::get(server.mirror, &target(number)).await, number);
        }
        let store = http::get(server.admin, "/api/v1/store").await.json();
        assert_eq!(store["usage"]["discarded"], 0, "{store}");
        // The last one is killed: what is stored needs no goodbye.
        if start == STARTS - 2 { server.kill() } else { server.terminate() }
    }
    assert!(ready.iter().any(|time| *time < READY), "ready after {ready:?}");
    assert_eq!(calls(portal.addr()).await, stated + STARTS as u64, "one look for each start");
    portal.stop().await;
}
