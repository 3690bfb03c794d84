//! Lies: answers that differ between spellings of one question, and datasets that change without a word or lose what they had.

use serde_json::Value;

use super::client::{Portal, V21};

const SMALL: &str = "fr-en-effectifs-internats";

fn records(query: &str) -> String {
    format!("{V21}/datasets/{SMALL}/records?{query}")
}

#[tokio::test]
async fn each_spelling_can_be_lied_about_on_one_family_alone() {
    for (rule, family, spelt, plain) in [
        ("offset-zero", "records", records("limit=5&offset=0"), records("limit=5")),
        ("limit-ten", "records", records("limit=10"), records("")),
        ("timezone-utc", "catalog", format!("{V21}/datasets?timezone=UTC"), format!("{V21}/datasets")),
        (
            "stated&parameter=with_bom&value=true",
            "export",
            format!("{V21}/datasets/{SMALL}/exports/csv?with_bom=true"),
            format!("{V21}/datasets/{SMALL}/exports/csv"),
        ),
        ("trailing-unknown", "records", records("limit=2&_=1700000000"), records("limit=2")),
        ("trailing-unknown", "catalog-export", format!("{V21}/exports/json?utm_source=x"), format!("{V21}/exports/json")),
        ("name-order", "records", records("offset=1&limit=2"), records("limit=2&offset=1")),
        (
            "where-order",
            "records",
            records("where=secteur%3D%22PUBLIC%22&where=filles%3E20"),
            records("where=filles%3E20&where=secteur%3D%22PUBLIC%22"),
        ),
        ("white-space", "records", records("where=filles++%3E++20"), records("where=filles+%3E+20")),
        ("operator-case", "records", records("order_by=nom+DESC"), records("order_by=nom+desc")),
        ("name-order", "facets", format!("{V21}/datasets/{SMALL}/facets?timezone=UTC&facet=secteur"), String::new()),
        ("jsonp", "records", format!("/api/records/1.0/search?dataset={SMALL}&rows=5&format=jsonp"), String::new()),
        ("jsonp", "analyze", format!("/api/records/1.0/analyze?dataset={SMALL}&x=secteur&y.n.func=COUNT&format=jsonp"), String::new()),
    ] {
        let portal = Portal::new().await;
        let honest = portal.get(&spelt).await;
        assert_eq!(honest.status, 200, "{spelt}: {}", honest.text());
        if !plain.is_empty() {
            assert_eq!(portal.get(&plain).await.body, honest.body, "{rule}: both mean the same");
        }
        portal.control("POST", &format!("lie?endpoint={family}&rule={rule}"), "").await;
        let lie = portal.get(&spelt).await;
        assert_eq!((lie.status, lie.field("content-type")), (200, honest.field("content-type")));
        assert_ne!(lie.body, honest.body, "{rule}: {spelt}");
        if !plain.is_empty() {
            assert_eq!(portal.get(&plain).await.body, honest.body, "{rule}: {plain}");
        }
        let elsewhere = format!("{V21}/datasets/{SMALL}/exports/json?offset=0&limit=10&timezone=UTC&_=1");
        let other = portal.get(&elsewhere).await.body;
        portal.control("POST", &format!("lie?endpoint={family}&rule=none"), "").await;
        assert_eq!(portal.get(&spelt).await.body, honest.body, "{rule}: at an end");
        if family != "export" {
            assert_eq!(portal.get(&elsewhere).await.body, other, "{rule}: another family");
        }
        portal.control("POST", &format!("lie?endpoint={family}&rule={rule}"), "").await;
        portal.control("POST", "reset", "").await;
        assert_eq!(portal.get(&spelt).await.body, honest.body, "{rule}: reset");
    }
}

async fn version(portal: &Portal) -> Value {
    portal.json(&format!("{V21}/datasets/{SMALL}")).await["metas"]["default"]["data_processed"].clone()
}

#[tokio::test]
async fn a_dataset_may_change_without_a_word() {
    let portal = Portal::new().await;
    let (before, rows) = (version(&portal).await, portal.json(&records("limit=5")).await);
    portal.control("POST", &format!("lie?dataset={SMALL}&rule=moves-unstated"), "").await;
    assert_eq!(version(&portal).await, before);
    let moved = portal.json(&records("limit=5")).await;
    assert_ne!(moved["results"], rows["results"]);
    portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
    assert_ne!(version(&portal).await, before, "a touch is a touch again");
    assert_ne!(portal.json(&records("limit=5")).await["results"], moved["results"].clone());
    portal.control("POST", "reset", "").await;
    assert_eq!(portal.json(&records("limit=5")).await, rows);
}

#[tokio::test]
async fn a_touch_may_lose_a_field_or_every_row() {
    let portal = Portal::new().await;
    let export = format!("{V21}/datasets/{SMALL}/exports/json");
    let fields = async || -> Vec<String> {
        let described = portal.json(&format!("{V21}/datasets/{SMALL}")).await;
        described["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
    };
    let (all, rows) = (fields().await, portal.json(&export).await.as_array().unwrap().clone());
    for (asked, lost) in [("", all.last().unwrap().as_str()), ("&field=filles", "filles")] {
        portal.control("POST", &format!("lie?dataset={SMALL}&rule=loses-field{asked}"), "").await;
        assert_eq!(fields().await, all, "not before it is touched");
        portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
        let left = fields().await;
        assert!(left.len() + 1 == all.len() && !left.iter().any(|name| name == lost), "{lost}: {left:?}");
        let after = portal.json(&export).await.as_array().unwrap().clone();
        let mut expected = rows[0].clone();
        expected.as_object_mut().unwrap().remove(lost);
        assert_eq!(after[after.len() - rows.len()], expected);
        assert_eq!(portal.get(&records(&format!("select={lost}"))).await.status, 400);
        portal.control("POST", "reset", "").await;
    }
    portal.control("POST", &format!("lie?dataset={SMALL}&rule=loses-rows"), "").await;
    portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
    assert_eq!(portal.json(&export).await, Value::Array(Vec::new()));
    assert_eq!(portal.json(&records("")).await["total_count"], 0);
    assert_eq!(portal.json(&format!("{V21}/datasets/{SMALL}")).await["metas"]["default"]["records_count"], 0);
    portal.control("POST", &format!("lie?dataset={SMALL}&rule=none"), "").await;
    portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
    assert!(portal.json(&export).await.as_array().unwrap().len() > rows.len(), "the next touch brings them back");
}

#[tokio::test]
async fn wrong_wishes_are_told_what_would_be_right() {
    let portal = Portal::new().await;
    for (path, right) in [
        ("lie", "rule=offset-zero"),
        ("lie?endpoint=records", "rule=offset-zero"),
        ("lie?endpoint=records&rule=offset", "trailing-unknown"),
        ("lie?endpoint=recrods&rule=offset-zero", "catalog-export"),
        ("lie?endpoint=records&rule=stated&parameter=a", "parameter and value"),
        ("lie?dataset=zzz&rule=moves-unstated", "no dataset zzz"),
        ("lie?dataset=zzz&rule=loses-field", "no dataset zzz"),
        ("lie?dataset=fr-en-effectifs-internats&rule=loses-field&field=zzz", "no field zzz"),
        ("lie?dataset=fr-en-effectifs-internats&rule=loses", "loses-rows"),
    ] {
        let answer = portal.ask("POST", &format!("/_simulator/{path}"), &[], "").await;
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && error.contains(right), "{path}: {error}");
    }
}
