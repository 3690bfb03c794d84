//! Datasets that come back with less than they had.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{DATASET, RECORDS, Stage};

/// The guard's report, once it has compared so much.
async fn compared(stage: &Stage, number: u64) -> Value {
    loop {
        let guard = stage.status().await["guard"].clone();
        if guard["compared"].as_u64().is_some_and(|compared| compared >= number) {
            return guard;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A dataset that is published anew, with what it has lost.
async fn published(rule: Option<&str>) -> (Stage, [Vec<u8>; 2], Value) {
    let stage = Stage::new(|_| {}).await;
    let target = format!("{RECORDS}?limit=7");
    let before = stage.get(&target).await.body.to_vec();
    if let Some(rule) = rule {
        stage.lie(&format!("dataset={DATASET}&rule={rule}")).await;
    }
    stage.pass(60);
    stage.roof.control(&format!("/_simulator/touch?dataset={DATASET}")).await;
    stage.pass(301);
    let answer = stage.get(&target).await;
    assert!(answer.cache_status().contains("stored"), "{}", answer.cache_status());
    let guard = compared(&stage, 1).await;
    assert!(stage.get(&target).await.cache_status().starts_with("preau; hit"), "it is stored all the same");
    (stage, [before, answer.body.to_vec()], guard)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_that_has_all_it_had_is_not_flagged() {
    let (_stage, _, guard) = published(None).await;
    assert_eq!((&guard["lost_fields"], &guard["lost_rows"], &guard["flags"]), (&json!(0), &json!(0), &json!([])), "{guard:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_field_is_named() {
    let (_stage, [before, after], guard) = published(Some("loses-field")).await;
    assert_eq!((&guard["lost_fields"], &guard["lost_rows"]), (&json!(1), &json!(0)), "{guard:#}");
    let flag = &guard["flags"][0];
    assert_eq!((&flag["dataset"], &flag["target"]), (&json!(DATASET), &json!(format!("{RECORDS}?limit=7"))), "{flag}");
    let field = flag["fields"][0].as_str().expect("a name");
    let named = |body: &[u8]| String::from_utf8_lossy(body).contains(&format!("\"{field}\""));
    assert!(named(&before) && !named(&after), "{flag}");
    assert_ne!(flag["version_before"], flag["version"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_rows_are_counted() {
    let (_stage, _, guard) = published(Some("loses-rows")).await;
    assert_eq!((&guard["lost_fields"], &guard["lost_rows"], &guard["flags"][0]["rows"]), (&json!(0), &json!(1), &json!(7)), "{guard:#}");
}
