//! `include_links` and `include_app_metas` in v2.1: nothing without them, and links that can be followed.

use serde_json::Value;

use super::client::{CALENDAR, DIRECTORY, Portal, V21};

fn hrefs(links: &Value) -> Vec<(String, String)> {
    let text = |link: &Value, member: &str| link[member].as_str().unwrap().to_owned();
    let local = |href: String| href.strip_prefix("http://portail.example").map(str::to_owned).unwrap_or_else(|| panic!("{href}"));
    links.as_array().unwrap().iter().map(|link| (text(link, "rel"), local(text(link, "href")))).collect()
}

fn own_members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).filter(|name| name.starts_with('_')).collect()
}

#[tokio::test]
async fn links_are_there_when_they_are_asked_for_and_lead_somewhere() {
    let portal = Portal::new().await;
    for target in [format!("{CALENDAR}/records?limit=3"), format!("{V21}/datasets?limit=3")] {
        for off in ["", "&include_links=false"] {
            let plain = portal.json(&format!("{target}{off}")).await;
            assert!(own_members(&plain).is_empty() && own_members(&plain["results"][0]).is_empty());
        }
        let linked = portal.json(&format!("{target}&include_links=true")).await;
        let plain = portal.json(&target).await;
        assert_eq!(linked["total_count"], plain["total_count"]);
        let page = hrefs(&linked["_links"]);
        assert_eq!(page.iter().map(|(rel, _)| rel.as_str()).collect::<Vec<_>>(), ["self", "first", "last", "next"]);
        assert_eq!(portal.json(&page[0].1).await, linked, "the page itself");
        let next = portal.json(&page[3].1).await;
        assert_eq!(hrefs(&next["_links"]).len(), 5, "a second page has a page before it too");
        for (mut result, bare) in linked["results"].as_array().unwrap().clone().into_iter().zip(plain["results"].as_array().unwrap()) {
            let links = hrefs(&result["_links"]);
            result.as_object_mut().unwrap().remove("_links");
            assert_eq!(&result, bare, "nothing else changes");
            for (rel, href) in links {
                assert_eq!(portal.get(&href).await.status, 200, "{rel} {href}");
                assert!(rel != "self" || portal.json(&href).await == *bare, "{href}");
            }
        }
    }
    let dataset = portal.json(&format!("{DIRECTORY}?include_links=true")).await;
    assert_eq!(hrefs(&dataset["_links"]).len(), 5);
    assert!(own_members(&portal.json(DIRECTORY).await).is_empty());
}

#[tokio::test]
async fn application_metadata_are_there_when_they_are_asked_for() {
    let portal = Portal::new().await;
    let page = portal.json(&format!("{CALENDAR}/records?limit=5&include_app_metas=true&timezone=Europe/Paris")).await;
    let stamp = portal.json(&format!("{CALENDAR}?timezone=Europe/Paris")).await["metas"]["default"]["data_processed"].clone();
    let old = portal.json("/api/v2/catalog/datasets/fr-en-calendrier-scolaire/records?limit=5").await;
    for (row, old) in page["results"].as_array().unwrap().iter().zip(old["records"].as_array().unwrap()) {
        assert_eq!(own_members(row), ["_id", "_timestamp", "_size"]);
        assert_eq!((&row["_id"], &row["_size"]), (&old["record"]["id"], &old["record"]["size"]));
        assert_eq!(row["_timestamp"], stamp);
        let id = row["_id"].as_str().unwrap();
        let one = portal.json(&format!("{CALENDAR}/records/{id}?include_app_metas=true&include_links=true&timezone=Europe/Paris")).await;
        assert_eq!(own_members(&one), ["_id", "_timestamp", "_size", "_links"]);
        assert_eq!(one["_id"], row["_id"]);
    }
    let grouped = portal.json(&format!("{CALENDAR}/records?group_by=zones&include_app_metas=true&include_links=true")).await;
    assert!(own_members(&grouped["results"][0]).is_empty(), "a group is no record");

    let told = portal.json(&format!("{DIRECTORY}?include_app_metas=true")).await;
    assert!(told["metas"]["explore"].is_object());
    assert_eq!(portal.json(DIRECTORY).await["metas"].get("explore"), None);
    let list = portal.json(&format!("{V21}/datasets?include_app_metas=true&limit=1")).await;
    assert!(list["results"][0]["metas"]["explore"].is_object() && list.get("_links").is_none());
}
