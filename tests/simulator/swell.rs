//! Exports that are made as long as a test wants them, and what becomes of them when they break off.

use std::collections::HashSet;

use serde_json::Value;

use super::client::{Portal, V21};

const SMALL: &str = "fr-en-effectifs-internats";
const LENGTH: usize = 6_000_000;

fn export(format: &str) -> String {
    format!("{V21}/datasets/{SMALL}/exports/{format}")
}

async fn swollen(by: &str) -> Portal {
    let portal = Portal::new().await;
    portal.control("POST", &format!("swell?dataset={SMALL}&{by}"), "").await;
    portal
}

#[tokio::test]
async fn an_export_is_as_long_as_was_asked_and_comes_in_small_pieces() {
    let portal = swollen(&format!("bytes={LENGTH}")).await;
    for format in ["json", "jsonl", "csv", "geojson", "kml"] {
        let answer = portal.get(&export(format)).await;
        let spare = answer.body.len() - LENGTH;
        assert!(answer.whole && spare < 2000, "{format}: the row that reaches the length is the last, {spare} bytes");
        assert!(answer.chunks.len() > 100 && answer.chunks.iter().all(|size| *size < 64 * 1024), "{format}");
    }
    let json = portal.get(&export("json")).await;
    assert_eq!(json.body, portal.get(&export("json")).await.body, "the same bytes each time");
    let packed = portal.get_with(&export("json"), &[("Accept-Encoding", "gzip")]).await;
    assert!(packed.gunzip() == json.body);
}

#[tokio::test]
async fn rows_repeat_in_their_order_under_ids_of_their_own() {
    let portal = Portal::new().await;
    let plain = portal.json(&export("json")).await;
    let once = plain.as_array().unwrap();
    let page = portal.json(&format!("{V21}/datasets/{SMALL}/records?limit=1&include_app_metas=true")).await;
    let first = page["results"][0]["_id"].clone();
    portal.control("POST", &format!("swell?dataset={SMALL}&times=3"), "").await;
    let mut rows = portal.json(&export("json")).await.as_array().unwrap().clone();
    assert_eq!(rows.len(), once.len() * 3);
    let ids: Vec<Value> = rows.iter_mut().map(|row| row.as_object_mut().unwrap().remove("recordid").unwrap()).collect();
    assert_eq!(ids[0], first, "the first round is of the records themselves");
    assert_eq!(ids.iter().map(|id| id.as_str().unwrap()).collect::<HashSet<_>>().len(), ids.len());
    assert!(ids.iter().all(|id| id.as_str().is_some_and(|id| id.len() == 40)));
    assert!(rows.chunks(once.len()).all(|round| round == once), "but for the ids every round is the same");
    for format in ["jsonl", "csv", "geojson", "kml"] {
        let text = portal.get(&export(format)).await.text();
        let mut rest = text.as_str();
        for id in &ids {
            let at = rest.find(id.as_str().unwrap()).unwrap_or_else(|| panic!("{format}: the same ids in the same order"));
            rest = &rest[at..];
        }
    }
}

#[tokio::test]
async fn a_limit_a_reset_and_other_datasets_know_nothing_of_it() {
    let portal = swollen("times=2").await;
    let limited = portal.json(&format!("{}?limit=4", export("json"))).await;
    assert_eq!(limited.as_array().map(Vec::len), Some(4));
    assert!(limited[0].get("recordid").is_none());
    let nothing = portal.json(&format!("{}?where=nom=%22no%20such%20school%22", export("json"))).await;
    assert_eq!(nothing, Value::Array(Vec::new()), "no rows are no rows however often");
    let other = format!("{V21}/datasets/fr-en-agenda-internats/exports/csv");
    let before = portal.get(&other).await.body;
    let long = portal.get(&export("csv")).await.body;
    portal.control("POST", "reset", "").await;
    assert!(portal.get(&export("csv")).await.body.len() * 3 / 2 < long.len());
    assert_eq!(portal.get(&other).await.body, before);
    for (path, right) in
        [("swell", "dataset is missing"), ("swell?dataset=zzz&times=2", "no dataset zzz"), ("swell?dataset=zzz", "bytes or times")]
    {
        let answer = portal.ask("POST", &format!("/_simulator/{path}"), &[], "").await;
        assert!(answer.status == 400 && answer.text().contains(right), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_streamed_body_breaks_off_after_the_bytes_that_a_fault_names() {
    let portal = swollen(&format!("bytes={LENGTH}")).await;
    let whole = portal.get(&export("csv")).await;
    for after in [1, 32 * 1024, LENGTH / 10 * 9] {
        portal.fault(&format!(r#"{{"family":"export","kind":"truncate","after_bytes":{after},"times":1}}"#)).await;
        let broken = portal.get(&export("csv")).await;
        assert!(!broken.whole && broken.body == whole.body[..after], "{after}: {} bytes", broken.body.len());
    }
    portal.fault(r#"{"family":"export","kind":"truncate","after_bytes":40000,"times":1}"#).await;
    let packed = portal.get_with(&export("csv"), &[("Accept-Encoding", "gzip")]).await;
    assert!(!packed.whole && packed.body.len() == 40_000, "bytes of the body as it is sent");
    assert!(portal.get(&export("csv")).await.whole);
}
