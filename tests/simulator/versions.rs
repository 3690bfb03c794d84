//! Versions of datasets: how the catalogue tells them, and what else it can be told to say.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::client::{Portal, V21};

const SMALL: &str = "fr-en-effectifs-internats";
const OTHER: &str = "fr-en-agenda-internats";
const LOOK: &str = "/api/explore/v2.1/catalog/exports/json?select=dataset_id,data_processed,metadata_processed";

async fn look(portal: &Portal) -> BTreeMap<String, Value> {
    let listed = portal.json(LOOK).await.as_array().unwrap().clone();
    listed.into_iter().map(|row| (row["dataset_id"].as_str().unwrap().to_owned(), row)).collect()
}

/// The rows of a small dataset, in all: what a touch changes.
async fn rows(portal: &Portal, id: &str) -> Value {
    portal.json(&format!("{V21}/datasets/{id}/records?limit=1")).await["total_count"].clone()
}

async fn frozen() -> Portal {
    let portal = Portal::new().await;
    portal.control("POST", "clock?now=2026-03-01T10:00:00Z&frozen=1", "").await;
    portal
}

#[tokio::test]
async fn one_call_tells_the_version_of_every_dataset_and_pages_tell_the_same() {
    let portal = frozen().await;
    portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
    let answer = portal.get(LOOK).await;
    assert_eq!(answer.field("content-type"), "application/json; charset=utf-8");
    let whole = answer.json().as_array().unwrap().clone();
    assert_eq!(whole.len(), preau::simulator::DATASETS);
    for row in &whole {
        assert_eq!(row.as_object().unwrap().keys().collect::<Vec<_>>(), ["dataset_id", "data_processed", "metadata_processed"]);
    }
    let touched = whole.iter().find(|row| row["dataset_id"] == SMALL).unwrap();
    assert_eq!(touched["data_processed"], "2026-03-01T10:00:00+00:00");

    let mut paged = Vec::new();
    for offset in [0, 30, 60] {
        let page = format!("{V21}/datasets?select=dataset_id,data_processed,metadata_processed&limit=30&offset={offset}");
        let page = portal.json(&page).await;
        assert_eq!((page.as_object().unwrap().len(), &page["total_count"]), (2, &json!(whole.len())));
        paged.extend(page["results"].as_array().unwrap().clone());
    }
    assert_eq!(paged, whole);
    assert_eq!(portal.json(&format!("{V21}/datasets?select=dataset_id&limit=100")).await["results"].as_array().unwrap().len(), whole.len());
    let one = portal
        .json(&format!("{V21}/datasets?select=default.data_processed as v&where=dataset_id in (\"{SMALL}\")").replace(' ', "%20"))
        .await;
    assert_eq!(one["results"], json!([{"v": "2026-03-01T10:00:00+00:00"}]));
    let refused = portal.get(&format!("{V21}/datasets?select=dataset_id,metas")).await;
    assert!(refused.status == 400 && refused.text().contains("Unknown field: metas"), "{}", refused.text());
}

#[tokio::test]
async fn a_version_may_be_anything_while_the_rows_stay() {
    let portal = frozen().await;
    let (before, count) = (look(&portal).await, rows(&portal, SMALL).await);
    let datasets = format!("{V21}/datasets?select=data_processed&where=dataset_id%3D%22{SMALL}%22");
    for (stated, told) in [
        ("2099-01-01T00:00:00Z", json!("2099-01-01T00:00:00+00:00")),
        ("2001-02-03T04:05:06.789Z", json!("2001-02-03T04:05:06.789000+00:00")),
        ("null", json!(null)),
        ("hier%20soir", json!("hier soir")),
        ("", json!("")),
        ("-009999-01-02T02:00:00Z", json!("-9999-01-02T02:00:00+00:00")),
    ] {
        portal.control("POST", &format!("version?dataset={SMALL}&data_processed={stated}"), "").await;
        let after = look(&portal).await;
        assert_eq!(after[SMALL]["data_processed"], told, "{stated}");
        assert_eq!(after[SMALL]["metadata_processed"], before[SMALL]["metadata_processed"]);
        assert_eq!((&after[OTHER], after.len()), (&before[OTHER], before.len()), "others are as they were");
        assert_eq!(portal.json(&datasets).await["results"][0]["data_processed"], told, "{stated}");
        assert_eq!(portal.json(&format!("{V21}/datasets/{SMALL}")).await["metas"]["default"]["data_processed"], told, "{stated}");
        assert_eq!(portal.get(&format!("{V21}/exports/csv?select=dataset_id,data_processed")).await.status, 200);
        assert_eq!(rows(&portal, SMALL).await, count);
    }
    portal.control("POST", &format!("version?dataset={SMALL}&data_processed=as-is&metadata_processed=null"), "").await;
    let after = look(&portal).await;
    assert_eq!(after[SMALL]["data_processed"], before[SMALL]["data_processed"]);
    assert_eq!(after[SMALL]["metadata_processed"], json!(null));
    portal.control("POST", &format!("touch?dataset={SMALL}&what=metadata"), "").await;
    assert_eq!(look(&portal).await[SMALL]["metadata_processed"], "2026-03-01T10:00:00+00:00");
    portal.control("POST", "reset", "").await;
    assert_eq!(look(&portal).await, before);
}

#[tokio::test]
async fn a_dataset_may_be_listed_twice_under_two_dates() {
    let portal = frozen().await;
    let before = portal.json(LOOK).await;
    portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
    portal.control("POST", &format!("version?dataset={SMALL}&duplicate=1"), "").await;
    let listed = portal.json(LOOK).await;
    let dates: Vec<&Value> =
        listed.as_array().unwrap().iter().filter(|row| row["dataset_id"] == SMALL).map(|row| &row["data_processed"]).collect();
    assert_eq!(dates, ["2026-03-01T10:00:00+00:00", "2026-02-28T10:00:00+00:00"]);
    assert_eq!(portal.json(&format!("{V21}/datasets")).await["total_count"], preau::simulator::DATASETS + 1);
    portal.control("POST", &format!("version?dataset={SMALL}&duplicate=0"), "").await;
    assert_eq!(portal.json(LOOK).await.as_array().unwrap().len(), before.as_array().unwrap().len());
}

#[tokio::test]
async fn a_version_may_come_before_its_rows_or_after_them_by_the_clock_or_on_demand() {
    let portal = frozen().await;
    let mut count = rows(&portal, SMALL).await.as_u64().unwrap();
    let state = async || {
        let version = look(&portal).await[SMALL]["data_processed"].as_str().unwrap().to_owned();
        (version, rows(&portal, SMALL).await.as_u64().unwrap())
    };
    let mut version = state().await.0;
    for (at, late, until, ends) in [
        ("2026-03-01T11:00:00", "rows", "for=90", "clock?forward=90"),
        ("2026-03-01T12:00:00", "version", "for=90", "clock?forward=90"),
        ("2026-03-01T13:00:00", "rows", "until=release", "release?dataset="),
        ("2026-03-01T14:00:00", "version", "until=release", "release?dataset="),
        ("2026-03-01T15:00:00", "rows", "for=90", "release?dataset="),
    ] {
        portal.control("POST", &format!("clock?now={at}Z&frozen=1"), "").await;
        portal.control("POST", &format!("touch?dataset={SMALL}&late={late}&{until}"), "").await;
        let (new_version, new_count) = (format!("{at}+00:00"), count + 3);
        let between = if late == "rows" { (new_version.clone(), count) } else { (version.clone(), new_count) };
        assert_eq!(state().await, between, "{late} {until}");
        portal.control("POST", "clock?forward=89.5", "").await;
        assert_eq!(state().await, between, "{late} {until}, before its time");
        portal.control("POST", &if ends.ends_with('=') { format!("{ends}{SMALL}") } else { ends.to_owned() }, "").await;
        (version, count) = (new_version, new_count);
        assert_eq!(state().await, (version.clone(), count), "{late} {until}, in the end");
    }
    // The next touch ends what an earlier one held back.
    portal.control("POST", &format!("touch?dataset={SMALL}&late=rows&until=release"), "").await;
    portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
    assert_eq!(rows(&portal, SMALL).await, count + 6);
}

#[tokio::test]
async fn all_answers_about_records_show_the_same_rows() {
    let portal = frozen().await;
    let targets = [
        format!("{V21}/datasets/{SMALL}/records?select=count(*)"),
        format!("{V21}/datasets/{SMALL}/exports/csv"),
        format!("{V21}/datasets/{SMALL}/facets"),
        format!("/api/records/1.0/search/?dataset={SMALL}"),
        format!("/api/records/1.0/analyze/?dataset={SMALL}&x=secteur&y.n.func=COUNT"),
    ];
    let all = async || {
        let mut bodies = Vec::new();
        for target in &targets {
            bodies.push(portal.get(target).await.body);
        }
        bodies
    };
    let before = all().await;
    portal.control("POST", &format!("touch?dataset={SMALL}&late=rows&until=release"), "").await;
    assert_eq!(all().await, before);
    portal.control("POST", &format!("release?dataset={SMALL}"), "").await;
    for (at, (one, other)) in all().await.iter().zip(&before).enumerate() {
        assert_ne!(one, other, "{}", targets[at]);
    }
}

#[tokio::test]
async fn wrong_wishes_are_told_what_would_be_right() {
    let portal = Portal::new().await;
    for (path, right) in [
        ("version?dataset=fr-en-annuaire-education", "data_processed, metadata_processed or duplicate"),
        ("version?dataset=zzz&data_processed=null", "no dataset zzz"),
        ("version?dataset=fr-en-annuaire-education&duplicate=2", "1 or 0"),
        ("version?dataset=fr-en-annuaire-education&processed=null", "data_processed=TEXT"),
        ("touch?dataset=fr-en-annuaire-education&late=rows", "for=SECONDS or until=release"),
        ("touch?dataset=fr-en-annuaire-education&late=both&for=1", "rows and version"),
        ("touch?dataset=fr-en-annuaire-education&for=1", "late=rows"),
        ("touch?dataset=fr-en-annuaire-education&late=rows&for=soon", "number of seconds"),
        ("touch?dataset=fr-en-annuaire-education&late=rows&for=1&until=release", "not both"),
        ("touch?dataset=fr-en-annuaire-education&late=rows&untill=release", "until=release"),
        ("touch?dataset=fr-en-annuaire-education&what=metadata&late=rows&for=1", "late goes with data"),
        ("release?dataset=fr-en-annuaire-education", "late=rows"),
        ("release?dataset=zzz", "no dataset zzz"),
    ] {
        let answer = portal.ask("POST", &format!("/_simulator/{path}"), &[], "").await;
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && error.contains(right), "{path}: {error}");
    }
}
