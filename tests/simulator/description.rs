//! What the API says of itself: the OpenAPI document, and the console.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::{CALENDAR, Portal};

/// The parameters of an operation, references followed.
pub fn parameters(document: &Value, operation: &Value) -> BTreeSet<String> {
    let listed = operation["parameters"].as_array().cloned().unwrap_or_default();
    let followed = listed.iter().map(|parameter| match parameter["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere")),
        None => parameter,
    });
    followed.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
}

/// Every text under a name, wherever it stands.
fn everywhere<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name).and_then(Value::as_str));
            members.values().for_each(|member| everywhere(member, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| everywhere(item, name, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_endpoint_that_is_described_is_there() {
    let portal = Portal::new().await;
    let record = portal.json(&format!("{CALENDAR}/records?limit=1&include_app_metas=true")).await["results"][0]["_id"].clone();
    let datasets = portal.json("/api/explore/v2.1/catalog/datasets?limit=100").await;
    let with_files = datasets["results"].as_array().unwrap().iter().find(|one| one["attachments"][0].is_object()).unwrap().clone();
    for base in ["/api/explore/v2.1", "/api/explore/v2.0", "/api/v2"] {
        let document = portal.json(&format!("{base}/swagger.json")).await;
        assert_eq!(document["openapi"], "3.0.3");
        assert_eq!(document["servers"][0]["url"], format!("http://portail.example{base}"));
        let mut references = Vec::new();
        everywhere(&document, "$ref", &mut references);
        assert!(references.len() > 50 && references.iter().all(|reference| document.pointer(&reference[1..]).is_some()));
        for (path, methods) in document["paths"].as_object().unwrap() {
            assert_eq!(methods.as_object().unwrap().keys().collect::<Vec<_>>(), ["get"]);
            let (id, attachment) = match path.contains("{attachment_id}") {
                true => (with_files["dataset_id"].as_str().unwrap(), with_files["attachments"][0]["id"].as_str().unwrap()),
                false => ("fr-en-calendrier-scolaire", ""),
            };
            let filled = path
                .replace("{dataset_id}", id)
                .replace("{attachment_id}", attachment)
                .replace("{record_id}", record.as_str().unwrap())
                .replace("{format}", "json")
                .replace("{dcat_ap_format}", "_ap_de");
            let select = if path.ends_with("aggregates") { "&select=count(*)%20as%20n" } else { "" };
            let answer = portal.get(&format!("{base}{filled}?limit=1{select}")).await;
            assert_eq!(answer.status, 200, "{base}{path}: {}", answer.text());
            let in_path: BTreeSet<String> = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned()).collect();
            assert!(parameters(&document, &methods["get"]).is_superset(&in_path), "{path}");
        }
        assert_eq!(document["paths"].get("/catalog/aggregates").is_some(), base != "/api/explore/v2.1");
    }
}

#[tokio::test]
async fn the_console_is_a_page_with_a_form_and_costs_nothing() {
    let portal = Portal::new().await;
    for (path, base) in [
        ("/api/explore/v2.1/console", "/api/explore/v2.1"),
        ("/api/explore/v2.0/console/", "/api/explore/v2.0"),
        ("/api-console/explore/v2.1/", "/api/explore/v2.1"),
        ("/api/v1/console/records/1.0/search/", "/api/explore/v2.1"),
    ] {
        let answer = portal.get(path).await;
        assert_eq!((answer.status, answer.field("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        let text = answer.text();
        assert!(text.contains("<form ") && text.contains(&format!("data-base=\"{base}\"")) && !text.contains("@BASE@"), "{path}");
        for name in ["dataset", "select", "where", "group_by", "order_by", "limit", "offset", "refine"] {
            assert!(text.contains(&format!("name=\"{name}\"")), "{path}: {name}");
        }
        assert_eq!(portal.get(&format!("{base}/swagger.json")).await.status, 200);
    }
    assert_eq!(portal.calls().await["charged"], 4, "the documents, not the pages");
}
