//! What a request may ask of the cache, what a version gives clients to hold on to, and what is refreshed before anybody asks.

use std::time::Duration;

use preau::server::Server;

use super::catalogue::{Observed, RECORDS};
use super::http::{self, Answer};

async fn ask(server: &Server, fields: &[(&str, &str)]) -> Answer {
    http::get_with(server.mirror(), RECORDS, fields).await
}

/// The portal with one dataset, and a server that lets clients force calls, or not.
async fn stage(may_force: bool) -> (Observed, Server, tempfile::TempDir) {
    let portal = Observed::with(1).await;
    let data = tempfile::tempdir().expect("a directory");
    let server = portal.serve(data.path(), |config| config.portals[0].may_force = may_force).await;
    (portal, server, data)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_may_not_force_calls_never_causes_one() {
    let (portal, server, _data) = stage(false).await;
    ask(&server, &[]).await;
    portal.pass(10);
    for value in ["no-cache", "max-age=0", "min-fresh=9999", "no-store", "max-age=5, no-cache"] {
        let answer = ask(&server, &[("cache-control", value)]).await;
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "0"), "{value}");
        assert!(answer.cache_status().starts_with("preau; hit; ttl="), "{value}: {}", answer.cache_status());
    }
    assert!(ask(&server, &[("pragma", "no-cache")]).await.cache_status().starts_with("preau; hit; ttl="));
    assert_eq!(portal.asked().questions, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_may_force_calls_is_obeyed_in_full() {
    let (portal, server, _data) = stage(true).await;
    ask(&server, &[]).await;
    portal.pass(10);
    for value in ["no-cache", "min-fresh=9999"] {
        let answer = ask(&server, &[("cache-control", value)]).await;
        assert_eq!(answer.cache_status(), "preau; fwd=request; fwd-status=200; stored", "{value}");
        assert_eq!(answer.field("x-preau-cost"), "1");
    }
    assert!(ask(&server, &[("cache-control", "max-age=60")]).await.cache_status().starts_with("preau; hit"), "it is younger");
    portal.pass(10);
    assert_eq!(ask(&server, &[("cache-control", "max-age=5")]).await.cache_status(), "preau; fwd=request; fwd-status=200; stored");
    assert_eq!(portal.asked().questions, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_stored_is_not() {
    let (portal, server, _data) = stage(true).await;
    let answer = ask(&server, &[("cache-control", "no-store")]).await;
    assert_eq!(answer.cache_status(), "preau; fwd=request; fwd-status=200; detail=not-stored");
    assert_eq!(ask(&server, &[]).await.cache_status(), "preau; fwd=uri-miss; fwd-status=200; stored");
    assert!(ask(&server, &[("cache-control", "no-store")]).await.cache_status().starts_with("preau; hit"), "what is stored may be used");
    assert_eq!(portal.asked().questions, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_call_that_fails_leaves_what_is_stored() {
    let (portal, server, _data) = stage(true).await;
    let first = ask(&server, &[]).await;
    portal.doing().answer_to_questions = "<html>".to_owned();
    let answer = ask(&server, &[("cache-control", "no-cache")]).await;
    assert!(answer.cache_status().starts_with("preau; hit; ttl="), "{}", answer.cache_status());
    assert_eq!((answer.body, answer.fields["x-preau-cost"].to_str().expect("a digit")), (first.body, "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_if_cached_makes_neither_call_nor_look() {
    let (portal, server, _data) = stage(false).await;
    let only = [("cache-control", "only-if-cached")];
    let answer = ask(&server, &only).await;
    assert_eq!((answer.status.as_u16(), answer.cache_status()), (504, "preau; detail=only-if-cached"));
    ask(&server, &[]).await;
    assert!(ask(&server, &only).await.cache_status().starts_with("preau; hit"));
    portal.pass(301);
    assert_eq!(ask(&server, &only).await.status, 504, "a look is a call");
    let before = portal.asked();
    let stale = ask(&server, &[("cache-control", "only-if-cached, max-stale")]).await;
    assert_eq!(stale.cache_status(), "preau; hit; ttl=-1; detail=max-stale");
    assert_eq!(portal.asked(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_confirmed_gives_a_date() {
    let (portal, server, _data) = stage(false).await;
    let in_french = format!("{RECORDS}&lang=fr");
    http::get(server.mirror(), &in_french).await;
    let first = ask(&server, &[]).await;
    assert_eq!(first.field("x-preau-dataset-version"), "2026-01-01T00:00:00+00:00; unconfirmed");
    assert!(!first.fields.contains_key("last-modified"));
    let dated = [("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT")];
    assert_eq!(ask(&server, &dated).await.status, 200, "it is not promised yet");
    portal.pass(301);
    let confirmed = ask(&server, &[]).await;
    assert_eq!(confirmed.field("x-preau-dataset-version"), "2026-01-01T00:00:00+00:00");
    assert_eq!(confirmed.field("last-modified"), "Thu, 01 Jan 2026 00:00:00 GMT");
    let unchanged = ask(&server, &dated).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.field("last-modified"), "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(ask(&server, &[("if-modified-since", "Wed, 31 Dec 2025 23:59:59 GMT")]).await.status, 200);
    let part = [("if-range", "Thu, 01 Jan 2026 00:00:00 GMT"), ("range", "bytes=1-3")];
    assert_eq!(ask(&server, &part).await.status, 200, "a date tells no languages apart");
    let part = http::get_with(server.mirror(), &in_french, &part).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &confirmed.body[1..4]));
    portal.doing().touch("2026-03-02T06:05:30+00:00");
    portal.pass(301);
    let moved = ask(&server, &dated).await;
    assert_eq!((moved.status.as_u16(), moved.cache_status()), (200, "preau; fwd=stale; fwd-status=200; stored"));
    assert_eq!(moved.field("x-preau-dataset-version"), "2026-03-02T06:05:30+00:00; unconfirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_may_be_told_what_is_left_of_the_freshness() {
    let portal = Observed::with(1).await;
    let data = tempfile::tempdir().expect("a directory");
    let server = portal.serve(data.path(), |config| config.cache.client_freshness = true).await;
    assert_eq!(ask(&server, &[]).await.field("cache-control"), "public, max-age=300, must-revalidate");
    portal.pass(100);
    let later = ask(&server, &[]).await;
    assert_eq!((later.field("age"), later.field("cache-control")), ("100", "public, max-age=300, must-revalidate"), "200 s are left");
    portal.doing().export = super::catalogue::Says::Status(503);
    portal.pass(250);
    assert_eq!(ask(&server, &[]).await.field("cache-control"), "no-cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_most_is_refreshed_before_it_is_asked_for_again() {
    let (portal, server, _data) = stage(false).await;
    let other = "/api/explore/v2.1/catalog/datasets/d-0000/records?limit=4";
    let rare = "/api/explore/v2.1/catalog/datasets/d-0000/records?limit=5";
    for _ in 0..12 {
        http::get(server.mirror(), RECORDS).await;
        http::get(server.mirror(), other).await;
    }
    http::get(server.mirror(), rare).await;
    assert_eq!(portal.asked().questions, 3);
    portal.doing().touch("2026-03-02T06:00:30+00:00");
    portal.pass(301);
    ask(&server, &[]).await;
    // Its own call, and that for the other popular one, soon: it takes its time to be no burst.
    tokio::time::timeout(Duration::from_secs(30), async {
        while portal.asked().questions < 5 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the other popular answer is refreshed ahead");
    let ahead = http::hit(server.mirror(), other, &[]).await;
    assert_eq!(ahead.field("x-preau-dataset-version"), "2026-03-02T06:00:30+00:00; unconfirmed");
    assert!(http::get(server.mirror(), rare).await.cache_status().starts_with("preau; fwd=stale"), "nobody asked for it often");
}
