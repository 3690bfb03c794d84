//! Looks at a portal in a box, without clients.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::config::{Config, Environment, Overrides};
use crate::simulator::{self, Settings, Simulator};

const MORNING: &str = "2026-03-02T06:00:00Z";

struct Observatory {
    _box: Simulator,
    data: tempfile::TempDir,
    mirror: Mirror,
    portal: Arc<Portal>,
}

impl Observatory {
    async fn new(calls_per_day: u32) -> Self {
        let simulator = simulator::start(Settings::default()).await.unwrap();
        set_clock(&simulator).await;
        let data = tempfile::tempdir().unwrap();
        let overrides = Overrides {
            data: Some(data.path().to_owned()),
            portals: vec![format!("box=http://{}", simulator.addr())],
            ..Overrides::default()
        };
        let mut config = Config::load(&overrides, &Environment::default()).unwrap();
        config.budget.looks_per_day = calls_per_day;
        let mirror = crate::server::mirror(&config, Clock::manual(MORNING.parse().unwrap())).unwrap();
        let portal = Arc::clone(mirror.portals.iter().next().unwrap());
        Self { _box: simulator, data, mirror, portal }
    }

    fn report(&self) -> LookReport {
        report(&self.mirror, &self.portal)
    }

    async fn looks(&self) -> u64 {
        renew(&self.mirror, &self.portal).await;
        self.report().calls_today
    }

    fn pass(&self, seconds: u64) {
        self.mirror.clock.advance(Duration::from_secs(seconds));
    }
}

/// Has the portal live in the same morning.
async fn set_clock(simulator: &Simulator) {
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    let order = format!("POST /_simulator/clock?now={MORNING} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(order.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn the_report_tells_how_looking_stands() {
    let observatory = Observatory::new(300).await;
    let before = LookReport {
        mode: Mode::Export,
        looked_at: None,
        age_s: None,
        bound_s: 300,
        datasets: 0,
        calls_today: 0,
        calls_per_day: 300,
        calls_per_look: 1,
        waits_until: None,
        last_failure: None,
    };
    assert_eq!(observatory.report(), before);
    assert_eq!(observatory.looks().await, 1);
    observatory.pass(100);
    let after = observatory.report();
    assert!(after.datasets > 3);
    let looked_at = MORNING.parse().ok();
    assert_eq!(after, LookReport { looked_at, age_s: Some(100), calls_today: 1, datasets: after.datasets, ..before });
}

#[tokio::test]
async fn a_look_that_cannot_be_made_is_reported_in_words() {
    let mut observatory = Observatory::new(300).await;
    let elsewhere = simulator::start(Settings::default()).await.unwrap();
    std::mem::replace(&mut observatory._box, elsewhere).stop().await;
    assert_eq!(observatory.looks().await, 0, "without a connection there is no call");
    let report = observatory.report();
    assert_eq!(report.waits_until, "2026-03-02T06:01:00Z".parse().ok());
    let why = report.last_failure.unwrap().why;
    assert!(why.contains("no connection"), "{why}");
}

#[tokio::test]
async fn a_look_is_made_a_little_early_and_not_earlier() {
    let observatory = Observatory::new(5000).await;
    assert_eq!(observatory.looks().await, 1);
    observatory.pass(294);
    assert!(!is_due(&observatory.mirror, &observatory.portal));
    assert_eq!(observatory.looks().await, 1);
    observatory.pass(2);
    assert!(is_due(&observatory.mirror, &observatory.portal));
    assert!(!is_wanted(&observatory.mirror, &observatory.portal, Basis::Records), "nobody need wait for it");
    assert_eq!(observatory.looks().await, 2);
    assert!(!is_due(&observatory.mirror, &observatory.portal));
}

#[tokio::test]
async fn one_look_is_under_way_for_all_who_ask() {
    let observatory = Observatory::new(300).await;
    let first = begin(&observatory.mirror, &observatory.portal).unwrap();
    for _ in 0..100 {
        begin(&observatory.mirror, &observatory.portal).unwrap();
    }
    first.over().await;
    assert_eq!(observatory.report().calls_today, 1);
    assert!(begin(&observatory.mirror, &observatory.portal).is_none(), "none is due");
}

#[tokio::test]
async fn a_look_that_is_dropped_wakes_who_waits_and_counts_as_failed() {
    let observatory = Observatory::new(300).await;
    let over = CancellationToken::new();
    observatory.portal.look.state().under_way = Some(over.clone());
    let turn = Turn { portal: Arc::clone(&observatory.portal), clock: observatory.mirror.clock.clone(), over, ended: false };
    let waiting = begin(&observatory.mirror, &observatory.portal).unwrap();
    drop(turn);
    waiting.over().await;
    assert_eq!(observatory.report().waits_until, "2026-03-02T06:01:00Z".parse().ok());
}

#[tokio::test]
async fn what_a_look_has_brought_is_on_disk_and_what_has_not_changed_is_not_written_again() {
    let observatory = Observatory::new(300).await;
    let file = observatory.data.path().join("versions/box.json");
    observatory.looks().await;
    let settled = async || {
        observatory.mirror.tasks.close();
        observatory.mirror.tasks.wait().await;
    };
    settled().await;
    assert!(file.exists());
    // Datasets without a date are looked at askance for a while, which is worth remembering.
    for _ in 0..3 {
        observatory.pass(301);
        observatory.looks().await;
    }
    settled().await;
    std::fs::remove_file(&file).unwrap();
    observatory.pass(301);
    assert_eq!(observatory.looks().await, 5);
    settled().await;
    assert!(!file.exists());
    keep(&observatory.mirror, &observatory.portal);
    settled().await;
    assert!(file.exists());
}
