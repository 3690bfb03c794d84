//! What a test can ask afterwards: how many calls of which kind there were, when, and how many at once.

use std::time::Duration;

use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;

use super::client::{CALENDAR, Portal, V21};

#[tokio::test(start_paused = true)]
async fn the_most_calls_at_once_are_told_in_all_and_by_family() {
    let portal = Portal::with(Settings { delay: Duration::from_millis(300), ..Settings::default() }).await;
    let records = format!("{CALENDAR}/records?limit=1");
    let datasets = format!("{V21}/datasets?limit=1");
    for _ in 0..2 {
        tokio::join!(portal.get(&records), portal.get(&records), portal.get(&records), portal.get(&datasets));
    }
    let calls = portal.calls().await;
    assert_eq!(calls["most_at_once"], json!({"all": 4, "by_family": {"catalog": 1, "records": 3}}));
    assert_eq!((&calls["under_way"], &calls["received"]), (&json!(0), &json!(8)));
    portal.control("POST", "reset", "").await;
    portal.get(&records).await;
    assert_eq!(portal.calls().await["most_at_once"], json!({"all": 1, "by_family": {"records": 1}}));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_is_under_way_until_its_client_leaves() {
    let portal = Portal::new().await;
    portal.fault(r#"{"family":"records","kind":"hang","times":1}"#).await;
    let target = format!("{CALENDAR}/records");
    let mut client = tokio::net::TcpStream::connect(portal.addr()).await.unwrap();
    let asked = super::client::request("GET", &target, &[], "");
    tokio::io::AsyncWriteExt::write_all(&mut client, &asked).await.unwrap();
    while portal.calls().await["received"] == 0 {}
    assert_eq!(portal.calls().await["under_way"], 1);
    drop(client);
    while portal.calls().await["under_way"] == 1 {}
}

#[tokio::test]
async fn calls_of_a_minute_are_told_by_the_portals_own_clock() {
    let clock = Clock::manual("2026-03-01T10:00:00Z".parse().unwrap());
    let portal = Portal::with(Settings { clock: clock.clone(), ..Settings::default() }).await;
    for _ in 0..3 {
        portal.get(CALENDAR).await;
        clock.advance(Duration::from_secs(30));
    }
    portal.get(&format!("{CALENDAR}/records")).await;
    let calls = portal.calls().await;
    assert_eq!(calls["now"], "2026-03-01T10:01:30Z");
    assert_eq!(calls["last_minute"], json!({"received": 2, "by_family": {"dataset": 1, "records": 1}}));
    assert_eq!(calls["busiest_minute"], json!({"received": 2, "by_family": {"dataset": 2, "records": 1}}));
    let times: Vec<_> =
        portal.control("GET", "requests?last=10", "").await.as_array().unwrap().iter().map(|seen| seen["at"].clone()).collect();
    assert_eq!(times, ["2026-03-01T10:00:00Z", "2026-03-01T10:00:30Z", "2026-03-01T10:01:00Z", "2026-03-01T10:01:30Z"]);
    let records = portal.control("GET", "requests?last=10&containing=/records", "").await;
    assert_eq!((records.as_array().map(Vec::len), &records[0]["family"]), (Some(1), &json!("records")));
}
