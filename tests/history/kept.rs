//! What is kept, and for how long: over restarts, kills, damage and days.

use std::path::Path;

use preau::budget::OpenError;
use preau::config::Config;
use preau::server::{Server, StartError};
use preau::simulator::{self, Settings};
use serde_json::Value;

use super::http;
use super::served::Served;
use super::stage::{RECORDS, Stage, sum};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_nothing_and_goes_on() {
    let stage = Stage::new(5_000, |_| {}).await;
    for n in 0..7 {
        stage.get(&format!("{RECORDS}?limit=1&where=code_postal%3D%220{n}%22")).await;
    }
    let stage = stage.restart().await;
    assert_eq!(stage.report("").await["total"]["requests"], 7);
    for n in 10..17 {
        stage.get(&format!("{RECORDS}?limit=1&where=code_postal%3D%22{n}%22")).await;
    }
    let report = stage.report("").await;
    assert_eq!(report["total"]["requests"], 14);
    assert_eq!(report["total"]["calls"], stage.roof.calls().await.charged);
    let patterns = report["patterns"].as_array().unwrap();
    assert!(patterns.iter().any(|pattern| pattern["kind"] == "type-ahead" || pattern["kind"] == "dearest"), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_what_was_not_written_of_the_history_and_nothing_of_the_ledger() {
    let portal = simulator::start(Settings::default()).await.expect("the simulator starts");
    let data = tempfile::tempdir().expect("a directory");
    let url = format!("box=http://{}", portal.addr());
    let arguments = ["--portal", &url, "--data", data.path().to_str().expect("a path in UTF-8")];
    let server = Served::start(&arguments);
    for n in 0..5 {
        http::get(server.mirror, &format!("{RECORDS}?limit=1&offset={n}")).await;
    }
    // As after each minute: it is written.
    http::get(server.admin, "/api/v1/budget/report").await;
    for n in 5..9 {
        http::get(server.mirror, &format!("{RECORDS}?limit=1&offset={n}")).await;
    }
    server.kill();
    let server = Served::start(&arguments);
    let report = http::get(server.admin, "/api/v1/budget/report").await.json();
    let requests = report["total"]["requests"].as_u64().expect("a count");
    assert!((5..=9).contains(&requests), "{report:#}");
    let charged = http::get(portal.addr(), "/_simulator/calls").await.json()["charged"].as_u64().expect("a count");
    let used = http::get(server.admin, "/api/v1/budget").await.json()["portals"][0]["accounts"][0]["used"].as_u64().expect("a count");
    assert!(used >= charged && charged >= 9, "{used} {charged}");
    server.terminate();
    portal.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_beyond_those_that_are_kept_are_dropped() {
    let stage = Stage::new(5_000, |config| config.budget.history_days = 2).await;
    stage.get(&format!("{RECORDS}?limit=1")).await;
    for day in 2..=4 {
        let report = stage.report("?day=2026-03-02").await;
        assert_eq!(report["rows"].as_array().unwrap().is_empty(), day > 3, "on day {day}");
        stage.pass(24 * 60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_history_is_kept_nothing_is_counted() {
    let stage = Stage::new(5_000, |config| config.budget.history_days = 0).await;
    stage.get(&format!("{RECORDS}?limit=1")).await;
    let report = stage.report("").await;
    assert_eq!((&report["kept_days"], report["rows"].as_array().map(Vec::len)), (&0.into(), Some(0)), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_set_aside_and_the_server_starts() {
    let stage = Stage::new(5_000, |_| {}).await;
    stage.get(&format!("{RECORDS}?limit=1")).await;
    let Stage { roof, clock } = stage;
    let super::roof::Roof { portal, server, data, config } = roof;
    server.stop().await;
    std::fs::write(data.path().join("history.sqlite"), vec![7; 20_000]).expect("the file is ours");
    let server = Server::start(&config, clock.clone()).await.expect("the server starts");
    let stage = Stage { roof: super::roof::Roof { portal, server, data, config }, clock };
    stage.get(&format!("{RECORDS}?limit=2")).await;
    assert_eq!(stage.report("").await["total"]["requests"], 1);
    assert!(names(stage.roof.data.path()).iter().any(|name| name.starts_with("history.sqlite.bad-")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_does_not_touch_the_history() {
    let stage = Stage::new(5_000, |_| {}).await;
    stage.get(&format!("{RECORDS}?limit=1")).await;
    let before: Value = stage.report("").await["rows"].clone();
    let path = stage.roof.data.path().join("history.sqlite-wal");
    let bytes = std::fs::read(&path).expect("the log is there");
    let config: Config = stage.roof.config.clone();
    let second = Server::start(&config, stage.clock.clone()).await;
    assert!(matches!(second, Err(StartError::Ledger(OpenError::Locked { .. }))), "{second:?}");
    assert_eq!(std::fs::read(&path).expect("the log is there"), bytes);
    assert_eq!(stage.report("").await["rows"], before);
    assert_eq!(sum(&stage.report("").await, "requests", |_| true), 1);
}

fn names(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}
