//! Answers that are no longer fresh, by their lifetime: served while a fill is slow or fails, labelled, and never over what the portal has withdrawn.

use std::time::Duration;

use jiff::Timestamp;
use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;

use super::roof::{DIRECTORY, Roof};

const LIFETIME: Duration = Duration::from_secs(600);

async fn with_a_stale_answer() -> (Roof, Clock, String) {
    let clock = Clock::manual(Timestamp::now());
    let roof = Roof::build(Settings::default(), clock.clone(), |config| {
        config.cache.patience = Duration::from_millis(100);
        // Without looks, lifetimes decide.
        config.budget.looks_per_day = 0;
    })
    .await;
    let target = format!("{DIRECTORY}/records?limit=3");
    let answer = roof.get(&target).await;
    assert_eq!(answer.cache_status(), "preau; fwd=uri-miss; fwd-status=200; stored");
    let answer = roof.get(&target).await;
    assert!(answer.cache_status().starts_with("preau; hit; ttl="), "{answer:?}");
    assert_eq!(answer.field("age"), "0");
    clock.advance(LIFETIME + Duration::from_secs(5));
    (roof, clock, target)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_refreshed_when_the_portal_is_quick() {
    let (roof, _, target) = with_a_stale_answer().await;
    let answer = roof.get(&target).await;
    assert_eq!(answer.cache_status(), "preau; fwd=stale; fwd-status=200; stored");
    assert_eq!(answer.field("x-preau-cost"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_served_while_the_fill_is_slow_and_the_fill_goes_on() {
    let (roof, _, target) = with_a_stale_answer().await;
    roof.fault("records", "delay", Some(1), json!({"ms": 1500})).await;
    let answer = roof.get(&target).await;
    assert_eq!(answer.cache_status(), "preau; hit; ttl=-5; detail=fill-slow");
    assert_eq!(answer.field("age"), "605");
    let calls = roof.calls().await;
    // Whoever asks now joins the same fill.
    let answer = loop {
        let answer = roof.get(&target).await;
        if !answer.cache_status().contains("fill-slow") {
            break answer;
        }
    };
    assert!(answer.cache_status().starts_with("preau; hit; ttl=") || answer.cache_status().ends_with("collapsed"), "{answer:?}");
    assert_eq!(roof.calls().await, calls, "one call for all of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_served_when_the_fill_fails_in_whatever_way() {
    for (kind, more, status) in [
        ("status", json!({"code": 500}), "; fwd-status=500"),
        ("status", json!({"code": 503}), "; fwd-status=503"),
        ("close", json!({}), ""),
        ("truncate", json!({}), ""),
        ("wrong-length", json!({}), ""),
        ("html-200", json!({}), "; fwd-status=200"),
        ("wrong-content-type", json!({}), "; fwd-status=200"),
        ("quota-html", json!({}), "; fwd-status=429"),
    ] {
        let (roof, _, target) = with_a_stale_answer().await;
        roof.fault("records", kind, Some(1), more).await;
        let answer = roof.get(&target).await;
        assert_eq!(answer.status, 200, "{kind}: {answer:?}");
        assert_eq!(answer.cache_status(), format!("preau; fwd=stale{status}; ttl=-5; detail=fill-failed"), "{kind}");
        assert_eq!(answer.field("x-preau-cost"), "1", "{kind}: the call was made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_dataset_is_not_served_stale() {
    for code in [401, 403, 404, 410] {
        let (roof, _, target) = with_a_stale_answer().await;
        roof.fault("records", "status", Some(1), json!({"code": code})).await;
        assert_eq!(roof.get(&target).await.status.as_u16(), code);
        roof.fault("records", "status", Some(1), json!({"code": 500})).await;
        // A 401 or 404 is remembered for a moment, the others are not; in no case does the old answer come back.
        assert_ne!(roof.get(&target).await.status, 200, "after {code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_served_beyond_its_stale_life() {
    let clock = Clock::manual(Timestamp::now());
    let roof = Roof::build(Settings::default(), clock.clone(), |config| {
        config.cache.stale_if_error = Duration::from_secs(60);
        config.budget.looks_per_day = 0;
    })
    .await;
    let target = format!("{DIRECTORY}/records?limit=3");
    roof.get(&target).await;
    clock.advance(LIFETIME + Duration::from_secs(61));
    roof.fault("records", "status", None, json!({"code": 503})).await;
    let answer = roof.get(&target).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.cache_status(), "preau; fwd=uri-miss; fwd-status=503; detail=status");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_question_are_remembered_for_a_moment_and_those_of_the_portal_are_not() {
    let clock = Clock::manual(Timestamp::now());
    let roof = Roof::build(Settings::default(), clock.clone(), |_| {}).await;
    for (target, status) in
        [(format!("{DIRECTORY}/records?limit=500"), 400), ("/api/explore/v2.1/catalog/datasets/no-such-dataset/records".to_owned(), 404)]
    {
        assert_eq!(roof.get(&target).await.field("x-preau-cost"), "1");
        let again = roof.get(&target).await;
        assert_eq!((again.status.as_u16(), again.field("x-preau-cost")), (status, "0"));
        clock.advance(Duration::from_secs(5 * 60 + 1));
        let later = roof.get(&target).await;
        assert_eq!((later.status.as_u16(), later.field("x-preau-cost")), (status, "1"));
    }
    roof.fault("records", "status", Some(2), json!({"code": 502})).await;
    let target = format!("{DIRECTORY}/records?limit=4");
    for wait in [2, 4] {
        let answer = roof.get(&target).await;
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (502, "1"));
        let again = roof.get(&target).await;
        assert_eq!((again.status.as_u16(), again.cache_status(), again.field("x-preau-cost")), (502, "preau; detail=failed-before", "0"));
        clock.advance(Duration::from_secs(wait));
    }
    assert_eq!(roof.get(&target).await.status, 200);
}
