//! API v1.

use serde_json::{Value, json};

use super::client::{CALENDAR, DIRECTORY, Portal};

const CALENDAR_SEARCH: &str = "/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire";
const DIRECTORY_SEARCH: &str = "/api/records/1.0/search/?dataset=fr-en-annuaire-education";

#[tokio::test]
async fn a_search_echoes_its_parameters_by_name_with_four_defaults() {
    let portal = Portal::new().await;
    let bare = portal.json(CALENDAR_SEARCH).await;
    assert_eq!(bare.as_object().unwrap().keys().collect::<Vec<_>>(), ["nhits", "parameters", "records"]);
    let defaults = json!({"dataset": "fr-en-calendrier-scolaire", "rows": 10, "start": 0, "format": "json", "timezone": "UTC"});
    assert_eq!(bare["parameters"], defaults);
    let asked = "q=noel&facet=zones&facet=location&refine.zones=Zone+A&refine.location=Bordeaux&refine.location=Lyon\
                 &exclude.population=Enseignants&disjunctive.location=true&sort=-start_date&rows=3&start=1&lang=fr&timezone=Europe/Paris\
                 &fields=zones,start_date&apikey=valid-1&unknown=1";
    let echo = portal.json(&format!("{CALENDAR_SEARCH}&{asked}")).await["parameters"].clone();
    assert_eq!(
        echo,
        json!({
            "dataset": "fr-en-calendrier-scolaire",
            "q": "noel",
            "lang": "fr",
            "rows": 3,
            "start": 1,
            "sort": ["-start_date"],
            "facet": ["zones", "location"],
            "format": "json",
            "refine": {"location": ["Bordeaux", "Lyon"], "zones": "Zone A"},
            "exclude": {"population": "Enseignants"},
            "disjunctive": {"location": "true"},
            "fields": "zones,start_date",
            "timezone": "Europe/Paris",
        })
    );
}

#[tokio::test]
async fn the_order_of_names_does_not_show_and_that_of_values_does() {
    let portal = Portal::new().await;
    let one =
        portal.get("/api/records/1.0/search?dataset=fr-en-calendrier-scolaire&q=a&facet=zones&facet=location&refine.zones=Zone+A").await;
    for other in [
        "/api/records/1.0/search/?refine.zones=Zone%20A&facet=zones&q=a&facet=location&dataset=fr-en-calendrier-scolaire",
        "/api/records/1.0/search/?%71=%61&refine.zones=Zone+A&dataset=fr%2Den-calendrier-scolaire&facet=zones&facet=location",
    ] {
        assert_eq!(portal.get(other).await.text(), one.text(), "{other}");
    }
    let swapped = "/api/records/1.0/search?dataset=fr-en-calendrier-scolaire&q=a&facet=location&facet=zones&refine.zones=Zone+A";
    assert_ne!(portal.get(swapped).await.body, one.body);
}

#[tokio::test]
async fn records_have_no_nulls_joined_values_and_places_with_the_latitude_first() {
    let portal = Portal::new().await;
    let query = "q=type_etablissement:Lyc%C3%A9e&sort=-identifiant_de_l_etablissement&rows=100";
    let old = portal.json(&format!("{DIRECTORY_SEARCH}&{query}")).await;
    let query =
        "where=type_etablissement%20like%20%22Lyc%C3%A9e%22&order_by=identifiant_de_l_etablissement&limit=100&include_app_metas=true";
    let new = portal.json(&format!("{DIRECTORY}/records?{query}")).await;
    assert_eq!(old["nhits"], new["total_count"]);
    let (mut absent, mut joined) = (0, 0);
    for (old, new) in old["records"].as_array().unwrap().iter().zip(new["results"].as_array().unwrap()) {
        assert_eq!((&old["datasetid"], &old["recordid"]), (&json!("fr-en-annuaire-education"), &new["_id"]));
        assert!(old["record_timestamp"].as_str().is_some_and(|time| time.len() == 20 && time.ends_with('Z')));
        let (lat, lon) = (&new["position"]["lat"], &new["position"]["lon"]);
        let geometry = if lat.is_null() { Value::Null } else { json!({"type": "Point", "coordinates": [lon, lat]}) };
        assert_eq!(old["geometry"], geometry);
        for (name, value) in new.as_object().unwrap().iter().filter(|(name, _)| !name.starts_with('_')) {
            let expected = match value {
                Value::Null => {
                    absent += 1;
                    assert!(!old["fields"].as_object().unwrap().contains_key(name), "{name}");
                    continue;
                }
                Value::Array(parts) => {
                    joined += usize::from(parts.len() > 1);
                    json!(parts.iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join(";"))
                }
                Value::Object(place) => json!([place["lat"], place["lon"]]),
                other => other.clone(),
            };
            assert_eq!(old["fields"][name], expected, "{name}");
        }
        let id = old["recordid"].as_str().unwrap();
        assert_eq!(&portal.json(&format!("/api/datasets/1.0/fr-en-annuaire-education/records/{id}")).await, old);
    }
    assert!(absent > 0 && joined > 0);
}

#[tokio::test]
async fn the_query_language_finds_what_the_new_one_finds() {
    let portal = Portal::new().await;
    for (dataset, q, condition) in [
        (CALENDAR, "zones:\"Zone A\"", "zones=\"Zone A\""),
        (CALENDAR, "noel", "\"noel\""),
        (CALENDAR, "Vacances d'Hiver", "\"vacances hiver\""),
        (CALENDAR, "noel OR hiver", "\"noel\" or \"hiver\""),
        (CALENDAR, "NOT population:Enseignants", "population!=\"Enseignants\""),
        (
            CALENDAR,
            "(start_date:2021 OR end_date:2022) AND (location:Lyon OR location:Nice)",
            "(start_date=date'2021' or end_date=date'2022') and location in (\"Lyon\",\"Nice\")",
        ),
        (CALENDAR, "start_date>=\"2025-01-01T00:00:00\"", "start_date>=\"2025-01-01T00:00:00\""),
        (CALENDAR, "start_date:[2024-01-01 TO 2024-03-01]", "start_date in [date'2024-01-01'..date'2024-03-01']"),
        (CALENDAR, "#search(description, \"printemp\")", "search(description, \"printemp\")"),
        (DIRECTORY, "nombre_d_eleves>1500", "nombre_d_eleves>1500"),
        (DIRECTORY, "#null(web)", "web is null"),
        (DIRECTORY, "#exact(libelle_academie, \"Lille\")", "libelle_academie=\"Lille\""),
        (DIRECTORY, "#startswith(code_postal, 59)", "startswith(code_postal, \"59\")"),
        (DIRECTORY, "#distance(position, \"48.85,2.35\", 10000)", "within_distance(position, geom'POINT(2.35 48.85)', 10km)"),
    ] {
        let id = dataset.rsplit('/').next().unwrap();
        let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let old = portal.json(&format!("/api/records/1.0/search/?dataset={id}&rows=0&q={}", encode(q))).await;
        let new = portal.json(&format!("{dataset}/records?limit=0&where={}", encode(condition))).await;
        assert_eq!(old["nhits"], new["total_count"], "{q} | {condition}");
        assert_eq!(old["records"], json!([]));
    }
    let near = portal.json(&format!("{DIRECTORY_SEARCH}&rows=0&geofilter.distance=48.85,2.35,10000")).await;
    let square = portal.json(&format!("{DIRECTORY_SEARCH}&rows=0&geofilter.polygon=(45,3),(45,5),(46,5),(46,3)")).await;
    let within = portal.json(&format!("{DIRECTORY}/records?limit=0&where=within_distance(position,geom'POINT(2.35%2048.85)',10km)")).await;
    let boxed = portal.json(&format!("{DIRECTORY}/records?limit=0&where=in_bbox(position,45,3,46,5)")).await;
    assert_eq!((&near["nhits"], &square["nhits"]), (&within["total_count"], &boxed["total_count"]));
}

#[tokio::test]
async fn refinements_choose_rule_out_and_are_counted_as_facets() {
    let portal = Portal::new().await;
    for (old, new) in [
        ("refine.zones=Zone+A", "refine=zones:Zone%20A"),
        ("refine.zones=Zone+A&refine.zones=Zone+C", "refine=zones:Zone%20A&refine=zones:Zone%20C"),
        ("exclude.population=Enseignants&refine.start_date=2024", "exclude=population:Enseignants&refine=start_date:2024"),
    ] {
        let nhits = portal.json(&format!("{CALENDAR_SEARCH}&rows=0&{old}")).await["nhits"].clone();
        assert_eq!(nhits, portal.json(&format!("{CALENDAR}/records?limit=0&{new}")).await["total_count"], "{old}");
    }
    let both = "refine.statut_public_prive=Public&refine.statut_public_prive=Priv%C3%A9";
    assert_eq!(portal.json(&format!("{DIRECTORY_SEARCH}&rows=0&{both}")).await["nhits"], 0);
    let either = portal.json(&format!("{DIRECTORY_SEARCH}&rows=0&{both}&disjunctive.statut_public_prive=true")).await;
    assert_eq!(either["nhits"], portal.json(&format!("{DIRECTORY}/records?limit=0")).await["total_count"]);

    let faceted = portal.json(&format!("{CALENDAR_SEARCH}&rows=0&facet=zones&facet=start_date&facet=nothing&refine.start_date=2024")).await;
    let groups = faceted["facet_groups"].as_array().unwrap();
    assert_eq!(groups.iter().map(|group| group["name"].as_str().unwrap()).collect::<Vec<_>>(), ["zones", "start_date"]);
    let total: u64 = groups[0]["facets"].as_array().unwrap().iter().map(|facet| facet["count"].as_u64().unwrap()).sum();
    assert_eq!(faceted["nhits"], total);
    assert_eq!(groups[0]["facets"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["name", "path", "count", "state"]);
    let year = &groups[1]["facets"][0];
    assert_eq!((&year["path"], &year["state"], &year["facets"][0]["state"]), (&json!("2024"), &json!("refined"), &json!("displayed")));
}

#[tokio::test]
async fn sort_descends_unless_a_minus_says_otherwise() {
    let portal = Portal::new().await;
    let starts = async |sort: &str| -> Vec<String> {
        let answer = portal.json(&format!("{CALENDAR_SEARCH}&rows=50&sort={sort}")).await;
        let records = answer["records"].as_array().unwrap().clone();
        records.iter().map(|record| record["fields"]["start_date"].as_str().unwrap().to_owned()).collect()
    };
    let (down, up) = (starts("start_date").await, starts("-start_date").await);
    assert!(down.is_sorted_by(|a, b| a >= b) && up.is_sorted() && down[0] > up[49]);
    let fewer = portal.json(&format!("{CALENDAR_SEARCH}&rows=1&fields=zones")).await;
    assert_eq!(fewer["records"][0]["fields"].as_object().unwrap().keys().collect::<Vec<_>>(), ["zones"]);
}

#[tokio::test]
async fn formats_hold_the_same_records() {
    let portal = Portal::new().await;
    let plain = portal.get(&format!("{CALENDAR_SEARCH}&rows=2")).await;
    let wrapped = portal.get(&format!("{CALENDAR_SEARCH}&rows=2&format=jsonp&callback=a.b_c")).await;
    assert_eq!(wrapped.text(), format!("a.b_c({});", plain.text()));
    assert_eq!(wrapped.field("content-type"), "text/javascript; charset=utf-8");
    let pretty = portal.get(&format!("{CALENDAR_SEARCH}&rows=2&pretty_print=true")).await;
    assert!(pretty.text().starts_with("{\n  \"nhits\": ") && pretty.json() == plain.json());

    let features = portal.json(&format!("{DIRECTORY_SEARCH}&rows=3&format=geojson")).await;
    let records = portal.json(&format!("{DIRECTORY_SEARCH}&rows=3")).await["records"].clone();
    for (feature, record) in features["features"].as_array().unwrap().iter().zip(records.as_array().unwrap()) {
        assert_eq!((&feature["type"], &feature["properties"]), (&json!("Feature"), &record["fields"]));
        assert_eq!(feature["geometry"], record["geometry"]);
    }
    let csv = portal.get(&format!("{CALENDAR_SEARCH}&rows=2&format=csv&fields=zones,population")).await.text();
    assert_eq!(csv, "zones;population\r\nZone B;-\r\nZone B;-\r\n");
    for format in ["rss", "atom"] {
        let feed = portal.get(&format!("{CALENDAR_SEARCH}&rows=2&format={format}")).await;
        assert_eq!(feed.field("content-type"), format!("application/{format}+xml; charset=utf-8"));
        assert!(feed.text().contains(plain.json()["records"][1]["recordid"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_form_is_read_as_a_query() {
    let portal = Portal::new().await;
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let posted = portal.ask("POST", "/api/records/1.0/search/", &form, "dataset=fr-en-calendrier-scolaire&rows=2&q=zone+A").await;
    assert_eq!(posted.status, 200);
    assert_eq!(posted.body, portal.get(&format!("{CALENDAR_SEARCH}&rows=2&q=zone+A")).await.body);
    let keyed = portal.ask("POST", "/api/records/1.0/search/", &form, "dataset=fr-en-calendrier-scolaire&apikey=valid-1").await;
    assert_eq!(keyed.field("x-ratelimit-limit"), "100000");
}

#[tokio::test]
async fn datasets_are_searched_and_looked_up_with_flat_metadata() {
    let portal = Portal::new().await;
    let list = portal.json("/api/datasets/1.0/search/?q=annuaire&facet=publisher&facet=keyword").await;
    assert_eq!(list.as_object().unwrap().keys().collect::<Vec<_>>(), ["nhits", "parameters", "datasets", "facet_groups"]);
    assert_eq!((&list["nhits"], &list["datasets"][0]["datasetid"]), (&json!(1), &json!("fr-en-annuaire-education")));
    let dataset = portal.json("/api/datasets/1.0/fr-en-annuaire-education").await;
    assert_eq!(list["datasets"][0], dataset);
    let new = portal.json(DIRECTORY).await["metas"]["default"].clone();
    for name in ["title", "modified", "data_processed", "metadata_processed", "records_count", "keyword"] {
        assert_eq!(dataset["metas"][name], new[name], "{name}");
    }
    assert!(dataset["metas"].as_object().unwrap().values().all(|value| !value.is_null()));
    let fields = portal.json(DIRECTORY).await["fields"].as_array().map(Vec::len);
    assert_eq!(dataset["fields"].as_array().map(Vec::len), fields);
    let all = portal.json("/api/datasets/1.0/search/?rows=10000&sort=records_count").await;
    assert_eq!(all["nhits"], all["datasets"].as_array().map_or(0, Vec::len));
    assert_eq!(all["datasets"][0]["datasetid"], "fr-en-annuaire-education", "the largest first");
}
