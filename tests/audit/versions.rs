//! Versions that say nothing.

use serde_json::json;

use super::stage::{DATASET, RECORDS, Stage};

const TARGET: &str = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=7";

/// A server with one answer whose version is confirmed, and whose dataset then changes without a word.
async fn changed() -> Stage {
    let stage = Stage::new(|_| {}).await;
    stage.get(TARGET).await;
    for _ in 0..3 {
        stage.pass(301);
        assert_eq!(stage.get(TARGET).await.field("x-preau-cost"), "0");
    }
    assert_eq!(stage.audit().await["result"], "same", "nothing has happened yet");
    stage.lie(&format!("dataset={DATASET}&rule=moves-unstated")).await;
    stage.pass(60);
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_says_nothing_is_not_relied_on_once_the_catalogue_had_its_time() {
    let stage = changed().await;
    let stale = stage.get(TARGET).await;
    let audited = stage.audit().await;
    assert_eq!(
        (&audited["subject"], &audited["result"], &audited["calls"]),
        (&json!("version"), &json!("pending"), &json!(2)),
        "{audited:#}"
    );
    // What is known to be wrong is not served as fresh any more.
    let fresh = stage.get(TARGET).await;
    assert_ne!(fresh.body, stale.body);
    assert!(fresh.cache_status().contains("fwd=stale"), "{}", fresh.cache_status());
    assert_eq!(stage.status().await["audit"]["doubted"], json!([DATASET]));
    let name = format!("versions:{DATASET}");
    for minute in (0..40).step_by(5) {
        assert_eq!(stage.off().await.is_empty(), minute < 30, "{minute} min");
        stage.pass(301);
        // A look, or the lifetime's end.
        stage.get(TARGET).await;
        stage.get(&format!("{RECORDS}?limit=1&start={minute}")).await;
    }
    assert_eq!(stage.off().await, std::slice::from_ref(&name));
    assert_eq!(stage.status().await["versions"]["unreliable"], json!({"count": 1, "first": [DATASET]}));

    // It lives by its lifetime of ten minutes, also in the next process.
    let stage = stage.restart().await;
    assert_eq!(stage.off().await, std::slice::from_ref(&name));
    stage.pass(601);
    assert_eq!(stage.get(TARGET).await.field("x-preau-cost"), "1");
    stage.lie(&format!("dataset={DATASET}&rule=moves-unstated")).await;
    stage.pass(601);
    assert_eq!(stage.get(TARGET).await.field("x-preau-cost"), "1");
    assert_eq!(stage.post("/api/v1/audit/accept", &json!({"switch": name})).await.status, 200);
    stage.get(TARGET).await;
    stage.pass(601);
    stage.get(TARGET).await;
    stage.pass(601);
    assert_eq!(stage.get(TARGET).await.field("x-preau-cost"), "0", "by its version again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_is_only_late_is_forgiven() {
    let stage = changed().await;
    assert_eq!(stage.audit().await["result"], "pending");
    stage.pass(600);
    stage.roof.control(&format!("/_simulator/touch?dataset={DATASET}")).await;
    for _ in 0..10 {
        stage.pass(301);
        stage.get(TARGET).await;
    }
    let report = stage.audits().await;
    assert_eq!((&report["off"], &report["doubted"]), (&json!([]), &json!([])), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_and_what_depends_on_the_moment_are_not_held_against_a_version() {
    let stage = Stage::new(|_| {}).await;
    for target in [
        format!("{}?limit=3", RECORDS.replace("/records", "/exports/json")),
        format!("{RECORDS}?limit=3&order_by=random(1)"),
        format!("{RECORDS}?limit=3&where=date_maj_ligne%3Cnow()"),
        "/api/explore/v2.1/catalog/datasets?limit=3".to_owned(),
    ] {
        stage.roof.get(&target).await;
    }
    assert_eq!(stage.audits().await["datasets"], 0);
    stage.get(TARGET).await;
    assert_eq!(stage.audits().await["datasets"], 1);
}
