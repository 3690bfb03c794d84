//! In which way the catalogue is read, where the portal refuses one or both.

use std::time::Duration;

use jiff::SignedDuration;
use preau::simulator::Settings;
use serde_json::json;

use super::catalogue::{Asked, Observed, RECORDS, Says, ask, is_fresh, settled};
use super::http;
use super::look::{BOUND, LOOK};
use super::roof::{DIRECTORY, Roof};

#[tokio::test(flavor = "multi_thread")]
async fn where_the_export_is_refused_pages_are_read_and_the_bound_stretches() {
    for refused in [Says::Status(400), Says::Status(403), Says::Status(404), Says::Body(b"[{\"id\": 1}]".to_vec())] {
        let observed = Observed::with(250).await;
        observed.doing().export = refused.clone();
        let data = tempfile::tempdir().expect("a directory");
        let server = observed.serve(data.path(), |_| {}).await;
        let answer = ask(&server).await;
        assert!(answer.field("x-preau-dataset-version").starts_with("2026-01-01T00:00:00+00:00"), "{refused:?}: {answer:?}");
        assert_eq!(observed.asked(), Asked { exports: 1, pages: 3, questions: 1 }, "{refused:?}");

        // The 18 hours that are left of the day have 299 calls, which are 99 looks.
        let before = observed.asked();
        observed.pass(640);
        assert!(is_fresh(&ask(&server).await));
        assert_eq!(observed.asked(), before, "{refused:?}: one look must last for 654 s");
        observed.pass(15);
        assert!(is_fresh(&ask(&server).await));
        assert_eq!(observed.asked() - before, Asked { exports: 0, pages: 3, questions: 0 }, "{refused:?}: what worked is remembered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_pages_are_read_the_export_is_tried_once_a_day() {
    let observed = Observed::with(120).await;
    observed.doing().export = Says::Status(404);
    let data = tempfile::tempdir().expect("a directory");
    let server = observed.serve(data.path(), |_| {}).await;
    ask(&server).await;
    for _ in 0..23 {
        observed.pass(3600);
        ask(&server).await;
    }
    assert_eq!(observed.asked().exports, 1);
    // That it fails in another way the second time does not cost the look.
    observed.doing().export = Says::Status(500);
    let before = observed.asked();
    observed.pass(3700);
    ask(&server).await;
    assert_eq!((observed.asked() - before).exports, 1);
    assert_eq!((observed.asked() - before).pages, 2);
    observed.doing().export = Says::Right;
    observed.pass(24 * 3600);
    ask(&server).await;
    let before = observed.asked();
    observed.pass(3600);
    ask(&server).await;
    assert_eq!(((observed.asked() - before).exports, (observed.asked() - before).pages), (1, 0), "it works, and is what is used");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_on_either_side_of_a_change_are_no_look() {
    for more in [1, -1] {
        let observed = Observed::with(250).await;
        observed.doing().export = Says::Status(404);
        let data = tempfile::tempdir().expect("a directory");
        let server = observed.serve(data.path(), |_| {}).await;
        ask(&server).await;
        observed.doing().more_on_later_pages = more;
        observed.pass(3600);
        let before = observed.asked();
        let answer = ask(&server).await;
        assert!(answer.cache_status().ends_with("detail=version-unchecked"), "{}", answer.cache_status());
        assert_eq!(observed.asked() - before, Asked { exports: 0, pages: 2, questions: 0 }, "the walk ends where it is seen");
        observed.doing().more_on_later_pages = 0;
        observed.pass(62);
        assert!(is_fresh(&ask(&server).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_pages_are_refused_too_lifetimes_decide_and_the_portal_is_asked_again_after_an_hour() {
    let observed = Observed::with(3).await;
    observed.doing().export = Says::Status(403);
    observed.doing().pages = Says::Status(401);
    let data = tempfile::tempdir().expect("a directory");
    let server = observed.serve(data.path(), |_| {}).await;
    assert_eq!(ask(&server).await.field("x-preau-cost"), "1");
    assert_eq!(observed.asked(), Asked { exports: 1, pages: 1, questions: 1 });
    let before = observed.asked();
    observed.pass(590);
    assert!(is_fresh(&ask(&server).await), "for ten minutes");
    assert_eq!(observed.asked(), before);
    for _ in 0..4 {
        observed.pass(700);
        assert_eq!(ask(&server).await.field("x-preau-cost"), "1", "and not longer");
    }
    assert_eq!(observed.asked() - before, Asked { exports: 0, pages: 0, questions: 4 });

    (observed.doing().export, observed.doing().pages) = (Says::Right, Says::Right);
    observed.pass(700);
    ask(&server).await;
    assert_eq!(observed.asked() - before, Asked { exports: 1, pages: 0, questions: 5 });
    let before = observed.asked();
    for _ in 0..12 {
        observed.pass(BOUND);
        assert!(is_fresh(&ask(&server).await), "versions decide again");
    }
    assert_eq!(observed.asked() - before, Asked { exports: 12, pages: 0, questions: 0 });
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refusal_after_looks_that_worked_is_no_reason_to_fall_back_on_lifetimes() {
    let observed = Observed::with(3).await;
    let (server, _data) = settled(&observed).await;
    (observed.doing().export, observed.doing().pages) = (Says::Status(403), Says::Status(403));
    observed.pass(BOUND);
    let answer = ask(&server).await;
    assert!(answer.cache_status().ends_with("detail=version-unchecked"), "{}", answer.cache_status());
    (observed.doing().export, observed.doing().pages) = (Says::Right, Says::Right);
    observed.pass(62);
    let before = observed.asked();
    assert!(is_fresh(&ask(&server).await));
    assert_eq!(observed.asked() - before, LOOK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_budget_wants_to_learn_is_one_call_whichever_way_works() {
    for (export, expected) in [(Says::Right, LOOK), (Says::Status(404), Asked { exports: 0, pages: 1, questions: 0 })] {
        let observed = Observed::with(250).await;
        observed.doing().export = export;
        let (data, other) = (tempfile::tempdir().expect("a directory"), RECORDS.replace("limit=3", "limit=4"));
        let server = observed.serve(data.path(), |_| {}).await;
        ask(&server).await;
        // The call that was refused told the budget nothing, and makes it wait a minute.
        observed.pass(61);
        // A leap: nobody knows the day, and versions are as current as before.
        observed.clock.leap(SignedDuration::from_hours(2));
        let before = observed.asked();
        assert!(is_fresh(&ask(&server).await));
        assert_eq!(observed.asked(), before, "what is stored needs no budget");
        assert_eq!(http::get(server.mirror(), &other).await.status, 200);
        assert_eq!(observed.asked() - before, Asked { questions: 1, ..expected });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulators_catalogue_is_read_either_way() {
    for refused in [false, true] {
        let clock = preau::clock::Clock::manual(jiff::Timestamp::now());
        let roof = Roof::build(Settings::default(), clock.clone(), |_| {}).await;
        if refused {
            roof.fault("catalog-export", "status", None, json!({"code": 404})).await;
        }
        let target = format!("{DIRECTORY}/records?limit=3");
        let first = roof.get(&target).await;
        assert!(first.field("x-preau-dataset-version").starts_with("2025-"), "{first:?}");
        roof.control("/_simulator/touch?dataset=fr-en-annuaire-education").await;
        clock.advance(Duration::from_secs(3600));
        let then = roof.get(&target).await;
        assert_ne!(then.body, first.body, "{refused}");
        assert_ne!(then.field("x-preau-dataset-version"), first.field("x-preau-dataset-version"));
    }
}
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_cost_more_than_is_left_of_the_day_wait_for_the_next() {
    let observed = Observed::with(250).await;
    observed.doing().export = Says::Status(404);
    let data = tempfile::tempdir().expect("a directory");
    let server = observed.serve(data.path(), |config| config.budget.looks_per_day = 3).await;
    // The export took one, so two pages are left, of which one is read to see that there are three.
    ask(&server).await;
    for _ in 0..30 {
        observed.pass(120);
        ask(&server).await;
    }
    assert_eq!((observed.asked().exports, observed.asked().pages), (1, 1));
    let answer = ask(&server).await;
    assert!(answer.cache_status().ends_with("detail=version-unchecked"), "{}", answer.cache_status());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_cost_more_than_a_day_allows_are_as_good_as_refused() {
    let observed = Observed::with(250).await;
    observed.doing().export = Says::Status(404);
    let data = tempfile::tempdir().expect("a directory");
    let server = observed.serve(data.path(), |config| config.budget.looks_per_day = 2).await;
    ask(&server).await;
    observed.pass(590);
    assert!(is_fresh(&ask(&server).await), "lifetimes decide");
    assert_eq!(observed.asked(), Asked { exports: 1, pages: 1, questions: 1 });
}
