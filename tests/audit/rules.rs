//! Spellings that the portal does not answer alike.

use serde_json::json;

use super::http;
use super::stage::{DATASET, RECORDS, Stage};

const RULE: &str = "drop-defaults:v2.1:records";

/// What the clients of a day ask, each time round: different spellings, of different endpoints.
fn spellings() -> Vec<String> {
    let catalog = "/api/explore/v2.1/catalog/datasets";
    let mut all = vec![
        format!("{catalog}?limit=10"),
        format!("{catalog}?offset=0&limit=5"),
        format!("{catalog}/{DATASET}/exports/csv?use_labels=false&limit=3"),
        format!("{catalog}/{DATASET}/"),
        format!("{catalog}/{DATASET}/facets?timezone=UTC&lang=fr"),
        format!("/api/records/1.0/search/?rows=3&dataset={DATASET}"),
        format!("{catalog}/{DATASET}/records?limit=1"),
    ];
    for query in ["limit=7&_=17", "limit=7&offset=0", "where=code_postal=%2275001%22&limit=7", "refine=b:1&limit=7&refine=a:1"] {
        all.push(format!("{RECORDS}?{query}"));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_one_spelling_is_found_out_within_a_day_and_its_rule_is_off_for_that_endpoint() {
    let stage = Stage::new(|_| {}).await;
    stage.lie("endpoint=records&rule=offset-zero").await;
    // Until somebody asks the portal, the two are one.
    let (with, without) = (format!("{RECORDS}?limit=7&offset=0"), format!("{RECORDS}?limit=7"));
    assert_eq!(stage.get(&with).await.body, stage.get(&without).await.body);
    // From half past midnight to half past eleven.
    for _ in 0..46 {
        stage.pass(1800);
        for target in spellings() {
            stage.roof.get(&target).await;
        }
        stage.audits().await;
    }
    let report = stage.audits().await;
    assert_eq!(stage.off().await, [RULE], "{report:#}");
    let calls = report["calls_today"].as_u64().expect("a count");
    assert!(calls <= 10, "{report:#}");
    let finding = &report["off"][0];
    assert!(finding["canonical"].as_str().is_some_and(|target| !target.contains("offset")), "{finding}");
    assert!(finding["other"].as_str().is_some_and(|target| target.contains("offset=0")), "{finding}");
    println!("found out at {} with {calls} calls in all", finding["at"]);

    // Each spelling gets what the portal gives it.
    let portal = stage.roof.portal.addr();
    let (lie, truth) = (http::get(portal, &with).await.body, http::get(portal, &without).await.body);
    assert_ne!(lie, truth);
    assert_eq!((stage.get(&with).await.body, stage.get(&without).await.body), (lie, truth));
    // Elsewhere it holds.
    let catalog = "/api/explore/v2.1/catalog/datasets";
    stage.get(&format!("{catalog}?limit=6")).await;
    let answer = stage.get(&format!("{catalog}?limit=6&offset=0")).await;
    assert_eq!(answer.field("x-preau-cost"), "0", "{}", answer.cache_status());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_off_stays_off_until_an_operator_has_looked() {
    let stage = Stage::new(|_| {}).await;
    stage.lie("endpoint=records&rule=offset-zero").await;
    stage.get(&format!("{RECORDS}?limit=7&offset=0")).await;
    let audited = stage.audit().await;
    assert_eq!(audited["result"], "caught", "{audited:#}");
    assert_eq!((&audited["switched_off"], &audited["calls"]), (&json!([RULE]), &json!(4)), "{audited:#}");

    let stage = stage.restart().await;
    assert_eq!(stage.off().await, [RULE]);
    assert_eq!(stage.status().await["audit"]["off"][0]["switch"], RULE);
    stage.get(&format!("{RECORDS}?limit=7")).await;
    assert_eq!(stage.get(&format!("{RECORDS}?limit=7&offset=0")).await.field("x-preau-cost"), "1", "a question of its own");

    stage.lie("endpoint=records&rule=none").await;
    for (document, status) in [
        (json!({}), 400),
        (json!({"switch": RULE, "all": true}), 400),
        (json!({"switch": "drop-defaults:v2.1:catalog"}), 400),
        (json!({"switch": "nonsense"}), 400),
        (json!({"switch": RULE, "portal": "other"}), 400),
        (json!({"switch": RULE}), 200),
    ] {
        assert_eq!(stage.post("/api/v1/audit/accept", &document).await.status, status, "{document}");
    }
    assert!(stage.off().await.is_empty());
    assert_eq!(stage.get(&format!("{RECORDS}?limit=7&offset=0")).await.field("x-preau-cost"), "0", "one question again");
    let stage = stage.restart().await;
    assert!(stage.off().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_portal_costs_one_call_an_audit_and_data_that_moved_accuse_nobody() {
    let stage = Stage::new(|_| {}).await;
    for query in ["limit=7&offset=0", "where=code_postal=%2275001%22&limit=7"] {
        stage.get(&format!("{RECORDS}?{query}")).await;
        let audited = stage.audit().await;
        assert_eq!(
            (&audited["subject"], &audited["result"], &audited["calls"]),
            (&json!("spelling"), &json!("same"), &json!(1)),
            "{audited:#}"
        );
    }
    stage.get(&format!("{RECORDS}?limit=8&offset=0")).await;
    // Once in a while the turn is a version's, of which nothing is confirmed yet.
    stage.lie(&format!("dataset={DATASET}&rule=moves-unstated")).await;
    let audited = stage.audit().await;
    assert_eq!((&audited["result"], &audited["calls"]), (&json!("moved"), &json!(2)), "{audited:#}");
    assert!(stage.off().await.is_empty());
    assert_eq!(stage.audits().await["calls_today"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_never_carried_a_credential_and_is_what_the_client_wrote() {
    let key = preau::config::Secret::new("public");
    let stage = Stage::new(|config| config.portals[0].same_as_anonymous = vec![key]).await;
    for query in ["limit=7&offset=0&apikey=public", "limit=8&offset=0&%61pikey=public"] {
        stage.get(&format!("{RECORDS}?{query}")).await;
    }
    let fields = [("authorization", "Apikey secret")];
    http::get_with(stage.roof.mirror(), &format!("{RECORDS}?limit=9&offset=0"), &fields).await;
    stage.get(&format!("/api/records/1.0/search?rows=3&dataset={DATASET}&format=jsonp&callback=f")).await;
    assert_eq!(stage.audits().await["spellings"], 0);
    assert_eq!(stage.audit().await["result"], "nothing");

    let raw = format!("{RECORDS}?where=code_postal+%3d+%2275001%22&limit=7&offset=0");
    stage.get(&raw).await;
    assert_eq!(stage.audit().await["result"], "same");
    let last = http::get(stage.roof.portal.addr(), "/_simulator/requests").await.json();
    assert!(last.to_string().contains(&raw.replace('"', "\\\"")), "{last:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_audit_is_made_without_its_reserve_or_against_the_operators_will() {
    let stage = Stage::new(|config| config.budget.revalidation_reserve = 0).await;
    stage.get(&format!("{RECORDS}?limit=7&offset=0")).await;
    let before = stage.roof.calls().await;
    let audited = stage.audit().await;
    assert_eq!((&audited["result"], &audited["calls"]), (&json!("unfinished"), &json!(0)), "{audited:#}");
    assert_eq!(stage.roof.calls().await, before);

    let stage = Stage::new(|config| config.budget.audits_per_day = 0).await;
    for _ in 0..10 {
        stage.get(&format!("{RECORDS}?limit=7&offset=0")).await;
        stage.pass(7200);
    }
    let report = stage.audits().await;
    assert_eq!((&report["calls_today"], &report["recent"]), (&json!(0), &json!([])), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_a_browser_switch_nothing() {
    let stage = Stage::new(|_| {}).await;
    let fields = [("content-type", "application/json"), ("origin", "http://localhost:8081")];
    for path in ["/api/v1/audit", "/api/v1/audit/accept"] {
        let answer = http::send(stage.roof.server.admin(), ::http::Method::POST, path, &fields, "{}".into()).await;
        assert_eq!(answer.status, 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_that_lies_is_the_one_that_is_caught() {
    let records = |query: &str| format!("{RECORDS}?{query}");
    let export = format!("{}?limit=5&with_bom=true", RECORDS.replace("/records", "/exports/csv"));
    for (lie, target, switch) in [
        ("endpoint=records&rule=limit-ten", records("limit=10&offset=0&_=1"), RULE),
        ("endpoint=records&rule=timezone-utc", records("timezone=UTC&limit=7"), RULE),
        ("endpoint=records&rule=trailing-unknown", records("_=1&limit=7&offset=0"), "drop-ignored:v2.1:records"),
        ("endpoint=records&rule=name-order", records("where=code_postal%3E%22%22&limit=7&_=1"), "sort-names:v2.1:records"),
        ("endpoint=records&rule=white-space", records("limit=7&where=code_postal%20%20%3E%20%22%22"), "whitespace:v2.1:records"),
        ("endpoint=records&rule=operator-case", records("limit=7&where=code_postal%20IS%20NOT%20NULL"), "operator-case:v2.1:records"),
        ("endpoint=export&rule=stated&parameter=with_bom&value=true", export, "drop-defaults:v2.1:export"),
    ] {
        let stage = Stage::new(|_| {}).await;
        stage.lie(lie).await;
        stage.get(&target).await;
        let audited = stage.audit().await;
        assert_eq!(audited["switched_off"], json!([switch]), "{lie}: {audited:#}");
        assert_eq!(audited["result"], "caught", "{lie}");
    }
}
