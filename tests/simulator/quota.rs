//! The quota: what counts, what is told of it, and what is said when it is spent.

use serde_json::json;

use super::client::{Answer, CALENDAR, Portal, V21};

const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/records?limit=1";

fn told(answer: &Answer) -> (&str, &str, &str) {
    (answer.field("x-ratelimit-limit"), answer.field("x-ratelimit-remaining"), answer.field("x-ratelimit-reset"))
}

#[tokio::test]
async fn every_call_counts_one_whatever_it_asks_for_and_what_remains_excludes_it() {
    let portal = Portal::with_quota(50).await;
    portal.control("POST", "clock?now=2026-08-17T02:40:36Z", "").await;
    let targets = [
        RECORDS.to_owned(),
        format!("{CALENDAR}/exports/csv"),
        format!("{V21}/exports/csv"),
        format!("{CALENDAR}/facets"),
        CALENDAR.to_owned(),
        "/api/v2/catalog/datasets".to_owned(),
        "/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire".to_owned(),
        "/api/odata/fr-en-calendrier-scolaire".to_owned(),
        "/explore/dataset/fr-en-calendrier-scolaire/download/".to_owned(),
    ];
    for (number, target) in targets.iter().enumerate() {
        let answer = portal.get(target).await;
        let remaining = (49 - number).to_string();
        assert_eq!(told(&answer), ("50", remaining.as_str(), "2026-08-18 00:00:00+00:00"), "{target}");
    }
    assert_eq!(portal.ask("HEAD", RECORDS, &[], "").await.field("x-ratelimit-remaining"), "40");
    assert_eq!(portal.calls().await["charged"], 10);
}

#[tokio::test]
async fn refusals_and_pages_cost_nothing_but_are_received() {
    let portal = Portal::new().await;
    for target in [
        format!("{CALENDAR}/records?limit=101"),
        format!("{V21}/datasets/zzz"),
        "/api/nothing".to_owned(),
        format!("{CALENDAR}?apikey=invented"),
        "/pages/accueil/".to_owned(),
        "/explore/dataset/fr-en-calendrier-scolaire/information/".to_owned(),
        "/api/explore/v2.1/console".to_owned(),
    ] {
        assert_eq!(told(&portal.get(&target).await), ("", "", ""), "{target}");
    }
    let calls = portal.calls().await;
    assert_eq!((&calls["received"], &calls["charged"]), (&json!(7), &json!(0)));
    assert_eq!(calls["by_family"], json!({"dataset": 2, "records": 1, "other": 1, "page": 2, "console": 1}));
}

#[tokio::test]
async fn a_spent_quota_is_a_429_until_midnight_of_the_portals_clock() {
    let portal = Portal::with_quota(3).await;
    portal.control("POST", "clock?now=2026-08-17T23:00:00Z", "").await;
    for remaining in ["2", "1", "0"] {
        assert_eq!(portal.get(RECORDS).await.field("x-ratelimit-remaining"), remaining);
    }
    for target in [RECORDS, "/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire", "/api/v2/catalog/datasets"] {
        let spent = portal.get(target).await;
        assert_eq!((spent.status, told(&spent), spent.field("retry-after")), (429, ("", "", ""), ""), "{target}");
        let body = json!({
            "errorcode": 10005,
            "reset_time": "2026-08-18T00:00:00Z",
            "limit_time_unit": "day",
            "call_limit": 3,
            "error": "You have exceeded the requests limit for anonymous users.",
        });
        assert_eq!(spent.json(), body, "{target}");
        assert_eq!(spent.text(), serde_json::to_string_pretty(&body).unwrap());
        assert_eq!(spent.field("content-type"), "application/json");
    }
    let calls = portal.calls().await;
    assert_eq!((&calls["received"], &calls["charged"], &calls["anonymous_used_today"]), (&json!(6), &json!(3), &json!(3)));

    portal.control("POST", "clock?now=2026-08-18T00:00:00Z", "").await;
    let opened = portal.get(RECORDS).await;
    assert_eq!(told(&opened), ("3", "2", "2026-08-19 00:00:00+00:00"));
    let calls = portal.calls().await;
    assert_eq!((&calls["charged"], &calls["anonymous_used_today"]), (&json!(4), &json!(1)));
}

#[tokio::test]
async fn a_key_has_a_quota_of_its_own_however_it_is_sent() {
    let portal = Portal::with_quota(1).await;
    let by_field = portal.get_with(RECORDS, &[("Authorization", "Apikey valid-one")]).await;
    assert_eq!((by_field.field("x-ratelimit-limit"), by_field.field("x-ratelimit-remaining")), ("100000", "99999"));
    let in_the_query = portal.get(&format!("{RECORDS}&apikey=valid-one")).await;
    assert_eq!(in_the_query.field("x-ratelimit-remaining"), "99998");
    let another = portal.get_with(RECORDS, &[("authorization", "ApiKey valid-two")]).await;
    assert_eq!(another.field("x-ratelimit-remaining"), "99999");
    assert_eq!(portal.get(RECORDS).await.field("x-ratelimit-remaining"), "0");
    assert_eq!(portal.get(RECORDS).await.status, 429);
    assert_eq!(portal.get_with(RECORDS, &[("Authorization", "Apikey valid-one")]).await.status, 200);
}

#[tokio::test]
async fn a_key_sees_what_the_others_do_not() {
    let portal = Portal::new().await;
    let key = [("Authorization", "Apikey valid-one")];
    let all = format!("{V21}/datasets?limit=0");
    let count = |answer: Answer| answer.json()["total_count"].as_u64().unwrap();
    assert_eq!(count(portal.get_with(&all, &key).await), count(portal.get(&all).await) + 1);
    for below in ["", "/records", "/exports/json"] {
        let target = format!("{V21}/datasets/fr-en-reserve-aux-services{below}");
        assert_eq!((portal.get(&target).await.status, portal.get_with(&target, &key).await.status), (404, 200), "{target}");
        let target = format!("{V21}/datasets/fr-en-mobilites-nominatives{below}");
        let refused = if below.is_empty() { 200 } else { 403 };
        assert_eq!((portal.get(&target).await.status, portal.get_with(&target, &key).await.status), (refused, 200), "{target}");
    }
}

#[tokio::test]
async fn calls_that_others_make_from_the_same_address_show_in_what_remains() {
    let portal = Portal::with_quota(100).await;
    portal.control("POST", "quota?used=30", "").await;
    assert_eq!(portal.get(RECORDS).await.field("x-ratelimit-remaining"), "69");
    assert_eq!(portal.calls().await["charged"], 1);
    portal.control("POST", "quota?used=1000", "").await;
    assert_eq!(portal.get(RECORDS).await.status, 429);
}
