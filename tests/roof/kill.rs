//! The count survives `kill -9` at any instant: the real binary, killed and started again under load.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use preau::simulator::{self, Settings, Simulator};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::http;
use super::served::Served;

const KILLS: u64 = 50;
const CLIENTS: usize = 24;
/// The default of `[budget] max_concurrent_calls`.
const CONCURRENT: u64 = 8;

/// Clients that ask without end, wherever the server is just now.
struct Load {
    server: tokio::sync::watch::Sender<SocketAddr>,
    answered: Arc<Notify>,
    clients: JoinSet<()>,
}

impl Load {
    fn start(server: SocketAddr) -> Self {
        let (server, at) = tokio::sync::watch::channel(server);
        let (answered, next) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (mut at, answered, next) = (at.clone(), Arc::clone(&answered), Arc::clone(&next));
            clients.spawn(async move {
                loop {
                    let server = *at.borrow_and_update();
                    let question = next.fetch_add(1, Ordering::Relaxed);
                    let target = format!("/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/records?limit=1&offset={question}");
                    let asked = http::try_send(server, ::http::Method::GET, &target, &[], bytes::Bytes::new()).await;
                    match asked {
                        Ok(_) => answered.notify_one(),
                        // Killed: nothing to ask until the next one is up.
                        Err(_) => drop(at.changed().await),
                    }
                }
            });
        }
        Self { server, answered, clients }
    }

    async fn answers(&self, count: u64) {
        for _ in 0..count {
            self.answered.notified().await;
        }
    }
}

async fn portal() -> Simulator {
    let settings = Settings { quota: 1_000_000, delay: Duration::from_millis(15), ..Settings::default() };
    simulator::start(settings).await.expect("the simulator starts")
}

async fn received(portal: &Simulator) -> u64 {
    http::get(portal.addr(), "/_simulator/calls").await.json()["received"].as_u64().expect("a count")
}

async fn used(server: &Served) -> u64 {
    http::get(server.admin, "/api/v1/budget").await.json()["portals"][0]["accounts"][0]["used"].as_u64().expect("a count")
}

fn serve(portal: &Simulator, data: &std::path::Path) -> Served {
    Served::start(&[
        "--portal",
        &format!("box=http://{}", portal.addr()),
        "--data",
        data.to_str().expect("a path in UTF-8"),
        // More than the day will have.
        "--config",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/roof/kill.toml"),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_forgotten_in_fifty_kills() {
    let portal = portal().await;
    let data = tempfile::tempdir().expect("a directory");
    let mut dice = fastrand::Rng::with_seed(20260301);
    let mut server = serve(&portal, data.path());
    let load = Load::start(server.mirror);
    let mut lost = BTreeMap::<u64, u64>::new();
    let mut before = 0;
    for kill in 0..KILLS {
        load.answers(dice.u64(1..60)).await;
        server.kill();
        server = serve(&portal, data.path());
        // In this order: what was received by then must be in what is used by now.
        let (received, used) = (received(&portal).await, used(&server).await);
        assert!(received <= used, "kill {kill}: the portal received {received} calls, the ledger says {used}");
        *lost.entry((used - received).saturating_sub(before)).or_default() += 1;
        before = used - received;
        load.server.send_replace(server.mirror);
    }
    load.answers(50).await;
    let mut load = load;
    load.clients.shutdown().await;
    server.terminate();
    let server = serve(&portal, data.path());
    let (received, used) = (received(&portal).await, used(&server).await);
    println!("after {KILLS} kills: received {received}, used {used}, charged for nothing {}", used - received);
    println!("charged for nothing by one kill (calls: kills): {lost:?}");
    assert!(received <= used && used - received <= KILLS * CONCURRENT, "received {received}, used {used}");
    server.terminate();
    portal.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_kills_the_ledger_and_the_portal_agree_to_the_call() {
    let portal = portal().await;
    let data = tempfile::tempdir().expect("a directory");
    let mut server = serve(&portal, data.path());
    let mut load = Load::start(server.mirror);
    for _ in 0..3 {
        load.answers(100).await;
        server.terminate();
        server = serve(&portal, data.path());
        load.server.send_replace(server.mirror);
    }
    load.answers(100).await;
    load.clients.shutdown().await;
    server.terminate();
    let server = serve(&portal, data.path());
    assert_eq!(used(&server).await, received(&portal).await);
    server.terminate();
    portal.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_data_directory_does_not_start() {
    let portal = portal().await;
    let data = tempfile::tempdir().expect("a directory");
    let server = serve(&portal, data.path());
    let refused = Served::refused(&["--portal", &format!("box=http://{}", portal.addr()), "--data", data.path().to_str().expect("a path")]);
    assert!(refused.contains("another process uses the data directory"), "{refused}");
    server.terminate();
    portal.stop().await;
}
