//! Patterns in questions that clients really ask.

use serde_json::Value;

use super::http;
use super::stage::{RECORDS, Stage};

fn of_kind<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    report["patterns"].as_array().expect("patterns").iter().filter(|pattern| pattern["kind"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_is_recognised_and_the_question_that_replaces_it_answers_for_all() {
    let stage = Stage::new(5_000, |_| {}).await;
    let rows = stage.get(&format!("{RECORDS}?limit=15&select=identifiant_de_l_etablissement")).await.json();
    let codes: Vec<&str> =
        rows["results"].as_array().unwrap().iter().map(|row| row["identifiant_de_l_etablissement"].as_str().unwrap()).collect();
    for code in &codes {
        let answer = stage.get(&format!("{RECORDS}?limit=1&where=identifiant_de_l_etablissement%3D%22{code}%22")).await;
        assert_eq!(answer.json()["total_count"], 1, "{answer:?}");
    }
    let report = stage.report("?team=default").await;
    let loops = of_kind(&report, "loop");
    assert_eq!(loops.len(), 1, "{report:#}");
    assert_eq!((loops[0]["items"].as_u64(), loops[0]["calls"].as_u64()), (Some(15), Some(15)));
    assert_eq!(loops[0]["field"], "identifiant_de_l_etablissement");
    let instead = stage.get(loops[0]["instead"].as_str().expect("a question")).await;
    assert_eq!(instead.status, 200, "{instead:?}");
    assert_eq!(instead.json()["total_count"], 3, "three samples are in it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_box_a_broken_program_and_a_dear_question_are_recognised() {
    let stage = Stage::new(5_000, |_| {}).await;
    let word = "lycee jean moulin";
    for end in 3..=word.len() {
        stage.get(&format!("{RECORDS}?limit=8&where=search(nom_etablissement,%22{}%22)", word[..end].replace(' ', "%20"))).await;
    }
    let broken = format!("{RECORDS}?where=position%20within%20distance(48.8,2.3,500m)&limit=20");
    for _ in 0..4 {
        assert_eq!(stage.get(&broken).await.status, 400);
        stage.pass(10);
    }
    for _ in 0..6 {
        stage.get(&format!("{RECORDS}?limit=1&where=date_ouverture%20%3C%20now()")).await;
        stage.pass(30);
    }
    let report = stage.report("").await;
    let typed = of_kind(&report, "type-ahead");
    assert_eq!(typed.len(), 1, "{report:#}");
    assert!(typed[0]["advice"].as_str().unwrap().contains("letter"));
    let invalid = of_kind(&report, "invalid");
    assert_eq!((invalid.len(), &invalid[0]["status"], &invalid[0]["answers"]), (1, &400.into(), &4.into()), "{report:#}");
    assert!(invalid[0]["question"].as_str().unwrap().contains("where=position%20within%20distance"));
    let dearest = of_kind(&report, "dearest");
    assert!(dearest[0]["question"].as_str().unwrap().contains("now()"), "{report:#}");
    assert!(dearest[0]["calls"].as_u64().unwrap() >= 4 && dearest[0]["advice"].as_str().unwrap().contains("present moment"));
    assert!(of_kind(&report, "loop").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_of_a_client_is_in_the_history() {
    let stage = Stage::new(5_000, |_| {}).await;
    let mirror = stage.roof.mirror();
    for n in 0..12 {
        http::get(mirror, &format!("{RECORDS}?limit=1&where=code_postal%3D%22{n}%22&apikey=valid-s3cret")).await;
        http::get_with(mirror, &format!("{RECORDS}?limit=2&offset={n}"), &[("authorization", "Apikey valid-s3cret")]).await;
        http::get(mirror, &format!("{RECORDS}?where=broken%20{n}&apikey=invented-s3cret")).await;
    }
    let report = stage.report("").await;
    // What a key unlocks is its owner's: counted, and nothing else.
    assert_eq!((of_kind(&report, "loop").len(), report.to_string().contains("code_postal")), (0, false), "{report:#}");
    assert!(!report.to_string().contains("s3cret"), "{report:#}");
    let data = stage.roof.data.path().to_owned();
    let stage = stage.restart().await;
    for name in ["history.sqlite", "history.sqlite-wal"] {
        let bytes = std::fs::read(data.join(name)).unwrap_or_default();
        assert!(!bytes.windows(6).any(|window| window == b"s3cret"), "{name}");
    }
    drop(stage);
}
