//! What becomes of a catalogue on a bad day: datasets that vanish and appear, lists that shrink, and looks that fail alone.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::{PATIENCE, Portal, V21, request};

const SMALL: &str = "fr-en-effectifs-internats";
const LOOK: &str = "/api/explore/v2.1/catalog/exports/json?select=dataset_id,data_processed,metadata_processed";
const PAGE: &str = "/api/explore/v2.1/catalog/datasets?select=dataset_id,data_processed,metadata_processed&limit=100";
const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/fr-en-effectifs-internats/records";

async fn listed(portal: &Portal) -> Vec<String> {
    let ids = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["dataset_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let (look, page) = (portal.json(LOOK).await, portal.json(PAGE).await);
    assert_eq!(ids(&look), ids(&page["results"]));
    assert_eq!(portal.json("/api/datasets/1.0/search?rows=0").await["nhits"], ids(&look).len());
    ids(&look)
}

#[tokio::test]
async fn a_hidden_dataset_is_gone_from_the_list_and_answers_so_everywhere() {
    let portal = Portal::new().await;
    let before = listed(&portal).await;
    let endpoints = [
        RECORDS.to_owned(),
        format!("{V21}/datasets/{SMALL}"),
        format!("{V21}/datasets/{SMALL}/exports/json"),
        format!("{V21}/datasets/{SMALL}/facets"),
        format!("/api/records/1.0/search/?dataset={SMALL}"),
        format!("/explore/dataset/{SMALL}/download/"),
    ];
    for (status, code) in [(404, "NotFoundResource"), (403, "ForbiddenAccess"), (401, "Unauthorized"), (410, "Gone")] {
        portal.control("POST", &format!("hide?dataset={SMALL}&status={status}"), "").await;
        assert_eq!(listed(&portal).await.len(), before.len() - 1);
        for endpoint in &endpoints {
            assert_eq!(portal.get(endpoint).await.status, status, "{endpoint}");
        }
        assert_eq!(portal.get(RECORDS).await.json()["error_code"], code);
        portal.control("POST", &format!("hide?dataset={SMALL}&status={status}&listed=1"), "").await;
        assert_eq!(listed(&portal).await, before);
        assert_eq!(portal.get(RECORDS).await.status, status);
    }
    portal.control("POST", &format!("show?dataset={SMALL}"), "").await;
    assert_eq!(portal.get(RECORDS).await.status, 200);
    portal.control("POST", &format!("hide?dataset={SMALL}"), "").await;
    assert_eq!(portal.get(RECORDS).await.status, 404);
    portal.control("POST", "reset", "").await;
    assert_eq!((portal.get(RECORDS).await.status, listed(&portal).await), (200, before));
}

#[tokio::test]
async fn a_catalogue_that_shrinks_lists_fewer_datasets_which_all_go_on_answering() {
    let portal = Portal::new().await;
    let before = listed(&portal).await;
    for keep in [0, 20, 1] {
        portal.control("POST", &format!("shrink?keep={keep}"), "").await;
        assert_eq!(listed(&portal).await, before[..keep]);
        assert_eq!(portal.json(PAGE).await["total_count"], keep);
        assert_eq!(portal.get(RECORDS).await.status, 200);
    }
    portal.control("POST", "shrink?keep=all", "").await;
    assert_eq!(listed(&portal).await, before);
    portal.control("POST", "shrink?keep=3", "").await;
    portal.control("POST", "reset", "").await;
    assert_eq!(listed(&portal).await, before);
}

#[tokio::test]
async fn a_dataset_appears_when_it_is_published() {
    let portal = Portal::new().await;
    portal.control("POST", "clock?now=2026-03-01T10:00:00Z&frozen=1", "").await;
    let before = listed(&portal).await;
    let new = "fr-en-nouveaute-1";
    assert_eq!(portal.get(&format!("{V21}/datasets/{new}/records")).await.status, 404);
    portal.control("POST", &format!("publish?dataset={new}"), "").await;
    let after = listed(&portal).await;
    assert_eq!((after.len(), after.last().map(String::as_str)), (before.len() + 1, Some(new)));
    let row = portal.json(LOOK).await.as_array().unwrap().last().unwrap().clone();
    let now = "2026-03-01T10:00:00+00:00";
    assert_eq!(row, json!({"dataset_id": new, "data_processed": now, "metadata_processed": now}));
    assert!(portal.json(&format!("{V21}/datasets/{new}/records")).await["total_count"].as_u64() > Some(50));
    for id in [new, "zzz", SMALL] {
        let again = portal.ask("POST", &format!("/_simulator/publish?dataset={id}"), &[], "").await;
        assert!(again.status == 400 && again.text().contains("fr-en-nouveaute-2"), "{}", again.text());
    }
    portal.control("POST", "reset", "").await;
    assert_eq!(listed(&portal).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_look_can_fail_alone_in_every_way() {
    let portal = Portal::new().await;
    let whole = portal.get(LOOK).await;
    for (family, look, other) in [("catalog-export", LOOK, PAGE), ("catalog", PAGE, LOOK)] {
        for code in [400, 404, 503] {
            portal.fault(&format!(r#"{{"family":"{family}","kind":"status","code":{code},"times":1}}"#)).await;
            assert_eq!((portal.get(other).await.status, portal.get(RECORDS).await.status), (200, 200));
            assert_eq!((portal.get(look).await.status, portal.get(look).await.status), (code, 200));
        }
        portal.fault(&format!(r#"{{"family":"{family}","kind":"hang","times":1}}"#)).await;
        let started = Instant::now();
        assert_eq!(portal.get(other).await.status, 200);
        assert!(portal.send(&request("GET", look, &[], "")).await.is_err());
        assert_eq!(started.elapsed(), PATIENCE);
        portal.fault(&format!(r#"{{"family":"{family}","kind":"delay","ms":700,"times":1}}"#)).await;
        let started = Instant::now();
        assert_eq!((portal.get(other).await.status, portal.get(look).await.status), (200, 200));
        assert_eq!(started.elapsed(), Duration::from_millis(700));
        portal.fault(&format!(r#"{{"family":"{family}","kind":"truncate","times":1}}"#)).await;
        assert!(portal.get(other).await.whole && !portal.get(look).await.whole);
        portal.fault(&format!(r#"{{"family":"{family}","kind":"html-200","times":1}}"#)).await;
        assert!(!portal.get(other).await.text().contains("<html>"));
        let page = portal.get(look).await;
        assert!(page.status == 200 && page.text().contains("<html>"));
    }
    // Clients that ask for an export of the catalogue are not struck by what is about the look.
    portal.fault(r#"{"family":"catalog-export","containing":"select=dataset_id,data_processed","kind":"status","code":503}"#).await;
    assert_eq!(portal.get(&format!("{V21}/exports/json?select=dataset_id,title")).await.status, 200);
    assert_eq!(portal.get(LOOK).await.status, 503);
    portal.control("DELETE", "faults", "").await;
    assert_eq!(portal.get(LOOK).await.body, whole.body);
}

#[tokio::test]
async fn wrong_wishes_are_told_what_would_be_right() {
    let portal = Portal::new().await;
    for (path, right) in [
        ("hide", "dataset is missing"),
        ("hide?dataset=zzz", "no dataset zzz"),
        ("hide?dataset=fr-en-effectifs-internats&status=500", "404, 401, 403 and 410"),
        ("hide?dataset=fr-en-effectifs-internats&listed=yes", "1 or 0"),
        ("show?dataset=zzz", "no dataset zzz"),
        ("shrink", "keep takes a number"),
        ("shrink?keep=-1", "keep takes a number"),
        ("publish", "fr-en-nouveaute-1"),
    ] {
        let answer = portal.ask("POST", &format!("/_simulator/{path}"), &[], "").await;
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && error.contains(right), "{path}: {error}");
    }
}
