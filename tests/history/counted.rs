//! What is counted is what happened.

use std::time::Duration;

use preau::config::{KeyHash, PerPortal, Team};
use preau::team::Class;
use serde_json::json;

use super::http;
use super::roof::{Calls, Roof};
use super::stage::{RECORDS, Stage, sum};

/// All there is to a day: misses, hits, errors, keys, faults, looks, audits, refreshes.
#[tokio::test(flavor = "multi_thread")]
async fn over_a_day_the_calls_of_all_payers_are_what_the_portal_charged() {
    let stage = Stage::new(5_000, |config| config.cache.patience = Duration::from_secs(30)).await;
    for hour in 0..6 {
        for n in 0..12 {
            stage.get(&format!("{RECORDS}?limit={n}&offset=0")).await;
            stage.get(&format!("/api/explore/v2.1/catalog/datasets?limit={n}")).await;
        }
        stage.get(&format!("{RECORDS}?where=nonsense%20{hour}")).await;
        stage.get("/api/explore/v2.1/catalog/datasets/no-such-dataset").await;
        http::get_with(stage.roof.mirror(), &format!("{RECORDS}?limit=3"), &[("authorization", "Apikey valid-one")]).await;
        stage.roof.fault("records", "status", Some(1), json!({"code": 503})).await;
        stage.get(&format!("{RECORDS}?limit=1&offset={hour}")).await;
        stage.roof.fault("records", "close", Some(1), json!({})).await;
        stage.get(&format!("{RECORDS}?limit=2&offset={hour}")).await;
        http::send(stage.roof.server.admin(), ::http::Method::POST, "/api/v1/audit", &[("content-type", "application/json")], "{}".into())
            .await;
        stage.pass(60);
    }
    let report = stage.report("").await;
    let Calls { received, charged } = stage.roof.calls().await;
    assert_eq!(report["total"]["calls"], received, "{report:#}");
    // The portal does not charge its 400 and 404, of which there were two an hour; the ledger cannot rely on that.
    assert_eq!(received, charged + 12);
    assert_eq!(stage.roof.used().await, received - 5, "but for the first, a key's calls are on its own account alone");
    let of = |team: &'static str| sum(&report, "calls", move |row| row["team"] == team);
    assert!(of("(looks)") > 0 && of("(revalidation)") > 0 && of("default") > 80, "{report:#}");
    assert_eq!(of("(looks)") + of("(revalidation)") + of("default"), received);
    // Each hour has its own.
    let hours: std::collections::BTreeSet<&str> =
        report["rows"].as_array().unwrap().iter().map(|row| row["hour"].as_str().unwrap()).collect();
    assert_eq!(hours.len(), 6, "{hours:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_hits_stale_answers_refusals_and_bytes_are_counted_by_family_and_dataset() {
    let stage = Stage::new(20, |config| {
        (config.budget.look_reserve, config.budget.revalidation_reserve) = (0, 0);
        config.cache.patience = Duration::from_secs(30);
    })
    .await;
    let mut bytes = 0;
    for _ in 0..5 {
        let answer = stage.get(&format!("{RECORDS}?limit=2")).await;
        bytes += answer.body.len() as u64;
    }
    let export = stage.get("/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/json").await;
    assert!(export.body.len() > 300_000, "it is one that passes while it arrives");
    let mut refused = 0;
    for n in 0..30 {
        refused += u64::from(stage.get(&format!("{RECORDS}?limit=1&offset={n}")).await.status == 429);
    }
    assert!(refused > 5);
    // Nothing is left, so what is stale stays so.
    stage.pass(6);
    let stale = stage.get(&format!("{RECORDS}?limit=2")).await;
    assert!(stale.cache_status().contains("fwd=stale") || stale.cache_status().contains("hit; ttl=-"), "{}", stale.cache_status());
    bytes += stale.body.len() as u64;

    let report = stage.report("").await;
    let records = |row: &serde_json::Value| row["family"] == "records" && row["dataset"] == "fr-en-annuaire-education";
    assert_eq!(sum(&report, "requests", records), 36);
    assert_eq!(sum(&report, "hits", records), 4);
    assert_eq!(sum(&report, "stale", records), 1);
    assert_eq!(sum(&report, "refused", records), refused);
    assert!(sum(&report, "bytes", records) >= bytes);
    assert_eq!(sum(&report, "bytes", |row| row["family"] == "export"), export.body.len() as u64);
    assert_eq!(report["total"]["calls"], stage.roof.calls().await.charged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_left_is_not_counted() {
    let stage = Stage::new(100, |_| {}).await;
    stage.get(&format!("{RECORDS}?limit=1")).await;
    let before = stage.report("").await["total"]["calls"].as_u64().unwrap();
    let Stage { roof: Roof { portal, server, data: _data, .. }, .. } = stage;
    portal.stop().await;
    for n in 2..6 {
        assert_eq!(http::get(server.mirror(), &format!("{RECORDS}?limit={n}")).await.status, 502);
        // Written as a call, perhaps, before it turned out to be none.
        http::get(server.admin(), "/api/v1/budget/report").await;
    }
    let report = http::get(server.admin(), "/api/v1/budget/report").await.json();
    let calls = report["total"]["calls"].as_u64().unwrap();
    assert_eq!(http::get(server.admin(), "/api/v1/budget").await.json()["portals"][0]["accounts"][0]["used"], calls);
    assert!(calls <= before + 1, "the first may have met the old connection just as it was closed: {report:#}");
    assert_eq!(report["total"]["requests"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_counted_for_the_team_that_pays_and_a_request_for_the_one_that_asks() {
    const KEY: &str = "preau-k3y-of-lyon";
    let stage = Stage::new(5_000, |config| {
        config.teams.push(Team {
            name: "lyon".to_owned(),
            keys: vec![KeyHash::of(KEY.as_bytes())],
            networks: Vec::new(),
            guaranteed: PerPortal::default(),
            ceiling: PerPortal::default(),
            class: Class::Batch,
            may_force: false,
            overflow: Vec::new(),
        });
    })
    .await;
    for n in 0..5 {
        http::get_with(stage.roof.mirror(), &format!("{RECORDS}?limit={n}"), &[("x-preau-key", KEY)]).await;
        stage.get(&format!("{RECORDS}?limit={n}")).await;
    }
    let report = stage.report("").await;
    let of = |team: &'static str| ["requests", "hits", "calls"].map(|count| sum(&report, count, |row| row["team"] == team));
    assert_eq!((of("lyon")[0], of("default")[0]), (5, 5), "{report:#}");
    assert_eq!((of("lyon")[2], of("default")[2]), (5, 0), "who asks first pays: {report:#}");
    assert_eq!(of("default")[1], 5, "{report:#}");
    assert!(!report.to_string().contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_of_the_day_the_team_and_the_portal_that_are_asked_for() {
    let stage = Stage::new(100, |_| {}).await;
    stage.get(&format!("{RECORDS}?limit=1")).await;
    stage.pass(24 * 60);
    stage.get(&format!("{RECORDS}?limit=2")).await;
    stage.get(&format!("{RECORDS}?limit=2")).await;
    let requests = async |query: &str| stage.report(query).await["total"]["requests"].clone();
    assert_eq!(requests("").await, 2);
    assert_eq!(requests("?day=2026-03-02").await, 1);
    assert_eq!(requests("?day=2026-03-03&team=default&portal=box").await, 2);
    assert_eq!(requests("?team=lyon").await, 0);
    for (wrong, why) in [("?day=monday", "write the day as"), ("?portal=other", "no portal is called"), ("?when=now", "there are day")] {
        let answer = http::get(stage.roof.server.admin(), &format!("/api/v1/budget/report{wrong}")).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["error"].as_str().is_some_and(|error| error.contains(why)), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_says_until_when_it_will_do() {
    let stage = Stage::new(200, |config| (config.budget.look_reserve, config.budget.revalidation_reserve) = (0, 0)).await;
    assert_eq!(stage.admin("/api/v1/budget").await["portals"][0]["outlook"], serde_json::Value::Null);
    for n in 0..60 {
        stage.get(&format!("{RECORDS}?limit=1&offset={n}")).await;
        stage.pass(1);
    }
    let budget = stage.admin("/api/v1/budget").await["portals"][0].clone();
    let outlook = &budget["outlook"];
    let left = budget["accounts"][0]["remaining"].as_u64().unwrap();
    assert_eq!((&outlook["calls"], &outlook["over_s"]), (&json!(60), &json!(3600)), "{budget:#}");
    let until: jiff::Timestamp = outlook["until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until, stage.clock.now() + Duration::from_secs(60 * left));
    assert!(outlook["text"].as_str().unwrap().starts_with("at this rate until 1"), "{outlook}");
}
