//! v2.0 and its alias: wrapped rows, and links that repeat the question.

use serde_json::{Value, json};

use super::client::{CALENDAR, Portal};

const DATASET: &str = "/catalog/datasets/fr-en-calendrier-scolaire";

fn href<'a>(links: &'a Value, rel: &str) -> Option<&'a str> {
    links.as_array().into_iter().flatten().find(|link| link["rel"] == rel).and_then(|link| link["href"].as_str())
}

#[tokio::test]
async fn pages_link_to_their_neighbours_with_the_defaults_filled_in() {
    let portal = Portal::new().await;
    for base in ["/api/explore/v2.0", "/api/v2"] {
        let at = |query: &str| format!("http://portail.example{base}{DATASET}/records?{query}");
        let tail = "&timezone=UTC&include_app_metas=False";
        let page = portal.json(&format!("{base}{DATASET}/records")).await;
        let total = page["total_count"].as_u64().unwrap();
        assert_eq!(href(&page["links"], "self"), Some(at(&format!("limit=10&offset=0{tail}")).as_str()));
        assert_eq!(href(&page["links"], "first"), Some(at(&format!("limit=10&offset=0{tail}")).as_str()));
        assert_eq!(href(&page["links"], "last"), Some(at(&format!("limit=10&offset={}{tail}", total - 10)).as_str()));
        assert_eq!(href(&page["links"], "next"), Some(at(&format!("limit=10&offset=10{tail}")).as_str()));

        let asked = "where=zones%20%3D%20%22Zone%20A%22";
        let page = portal.json(&format!("{base}{DATASET}/records/?limit=3&offset=6&{asked}&timezone=Europe/Paris&apikey=valid-1")).await;
        let told = |offset: u64| at(&format!("{asked}&limit=3&offset={offset}&timezone=Europe%2FParis&include_app_metas=False"));
        assert_eq!(href(&page["links"], "self"), Some(told(6).as_str()));
        assert_eq!(href(&page["links"], "next"), Some(told(9).as_str()));
        assert!(!page.to_string().contains("valid-1"));
        let next = href(&page["links"], "next").unwrap().strip_prefix("http://portail.example").unwrap();
        assert_eq!(portal.json(next).await["records"].as_array().map(Vec::len), Some(3), "links work");
    }
}

#[tokio::test]
async fn spellings_that_differ_in_the_order_of_names_have_one_body() {
    let portal = Portal::new().await;
    let path = format!("/api/explore/v2.0{DATASET}/records");
    let one = portal.get(&format!("{path}?limit=2&where=zones%3D%22Zone+A%22&refine=population:-&refine=location:Bordeaux")).await.body;
    let other =
        portal.get(&format!("{path}/?refine=population%3A-&refine=location:Bordeaux&where=zones=%22Zone%20A%22&%6Cimit=2")).await.body;
    assert_eq!(one, other);
    let swapped = portal.get(&format!("{path}?limit=2&where=zones%3D%22Zone+A%22&refine=location:Bordeaux&refine=population:-")).await.body;
    assert_ne!(one, swapped, "the order of repeated values shows in the echo");
}

#[tokio::test]
async fn rows_are_wrapped_and_hold_what_v2_1_holds() {
    let portal = Portal::new().await;
    let query = "limit=5&order_by=start_date,location";
    let old = portal.json(&format!("/api/v2{DATASET}/records?{query}")).await;
    let new = portal.json(&format!("{CALENDAR}/records?{query}&include_app_metas=true")).await;
    assert_eq!(old["total_count"], new["total_count"]);
    for (old, new) in old["records"].as_array().unwrap().iter().zip(new["results"].as_array().unwrap()) {
        let mut new = new.as_object().unwrap().clone();
        assert_eq!(old["record"]["id"], new["_id"]);
        new.retain(|name, _| !name.starts_with('_'));
        assert_eq!(old["record"]["fields"], Value::Object(new));
        assert!(old["record"]["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')));
        let own = href(&old["links"], "self").unwrap().strip_prefix("http://portail.example").unwrap();
        assert_eq!(&portal.json(own).await, old);
    }
    let grouped = portal.json(&format!("/api/v2{DATASET}/records?group_by=zones&select=count(*)%20as%20n")).await;
    assert_eq!(grouped.as_object().unwrap().keys().collect::<Vec<_>>(), ["links", "records"]);
    assert_eq!(grouped["records"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["zones", "n"]);
    let aggregated = portal.json(&format!("/api/v2{DATASET}/aggregates?group_by=zones&select=count(*)%20as%20n")).await;
    assert_eq!(aggregated, json!({"aggregations": grouped["records"]}));
}

#[tokio::test]
async fn datasets_are_wrapped_too() {
    let portal = Portal::new().await;
    let list = portal.json("/api/v2/catalog/datasets?limit=2").await;
    assert_eq!(list.as_object().unwrap().keys().collect::<Vec<_>>(), ["total_count", "links", "datasets"]);
    assert_eq!(
        href(&list["links"], "next"),
        Some("http://portail.example/api/v2/catalog/datasets?limit=2&offset=2&timezone=UTC&include_app_metas=False")
    );
    let first = &list["datasets"][0];
    let id = first["dataset"]["dataset_id"].as_str().unwrap();
    assert_eq!(&portal.json(&format!("/api/v2/catalog/datasets/{id}")).await, first);
    let mut new = portal.json(&format!("/api/explore/v2.1/catalog/datasets/{id}")).await;
    for file in new["attachments"].as_array_mut().unwrap() {
        let own = format!("odsfile://{}", file["title"].as_str().unwrap());
        // The one difference: an address of the portal's own in the place of one that can be fetched.
        assert!(std::mem::replace(&mut file["url"], own.into()).as_str().unwrap().starts_with("http://portail.example/api/"));
    }
    assert_eq!(first["dataset"], new);
}
