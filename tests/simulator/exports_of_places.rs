//! GeoJSON, GPX and KML: the formats that are made of places.

use serde_json::{Value, json};

use super::client::{CALENDAR, DIRECTORY, Portal};

const QUERY: &str = "where=code_departement=%22029%22&select=nom_etablissement,sections,position&limit=400";

#[tokio::test]
async fn geojson_has_the_place_of_a_row_as_its_geometry_and_null_without_one() {
    let portal = Portal::new().await;
    let answer = portal.get(&format!("{DIRECTORY}/exports/geojson?{QUERY}")).await;
    assert_eq!(answer.field("content-type"), "application/geo+json; charset=utf-8");
    let collection = answer.json();
    assert_eq!(collection.as_object().unwrap().keys().collect::<Vec<_>>(), ["type", "features"]);
    let features = collection["features"].as_array().unwrap();
    for feature in features {
        assert_eq!(feature["type"], "Feature");
        let place = &feature["properties"]["position"];
        let expected = if place.is_null() { Value::Null } else { json!({"type": "Point", "coordinates": [place["lon"], place["lat"]]}) };
        assert_eq!(feature["geometry"], expected);
    }
    assert!(features.iter().any(|feature| feature["geometry"].is_null()) && features.iter().any(|feature| !feature["geometry"].is_null()));
}

#[tokio::test]
async fn geojson_is_projected_where_another_system_is_asked_for() {
    let portal = Portal::new().await;
    let get = async |epsg: &str| portal.json(&format!("{DIRECTORY}/exports/geojson?{QUERY}&where=position%20is%20not%20null{epsg}")).await;
    let degrees = get("").await;
    assert_eq!(get("&epsg=4326").await, degrees);
    let metres = get("&epsg=2154").await;
    assert_eq!(metres["crs"]["properties"]["name"], "urn:ogc:def:crs:EPSG::2154");
    let east = metres["features"][0]["geometry"]["coordinates"][0].as_f64().unwrap();
    assert!((50_000.0..300_000.0).contains(&east), "Finistère is in the west: {east}");
    assert_eq!(metres["features"][0]["properties"], degrees["features"][0]["properties"]);
    assert_ne!(get("&epsg=3857").await["features"][0]["geometry"], metres["features"][0]["geometry"]);
    assert_eq!(portal.get(&format!("{DIRECTORY}/exports/geojson?epsg=zone")).await.status, 400);
}

#[tokio::test]
async fn gpx_has_a_way_point_for_every_row_with_a_place() {
    let portal = Portal::new().await;
    let get = async |options: &str| portal.get(&format!("{DIRECTORY}/exports/gpx?{QUERY}{options}")).await.text();
    let rows = portal.json(&format!("{DIRECTORY}/exports/json?{QUERY}")).await;
    let placed: Vec<&Value> = rows.as_array().unwrap().iter().filter(|row| !row["position"].is_null()).collect();
    let text = get("").await;
    assert_eq!(text.matches("<wpt ").count(), placed.len());
    let first = placed[0];
    assert!(text.contains(&format!("<wpt lat=\"{}\" lon=\"{}\"><name>", first["position"]["lat"], first["position"]["lon"])));
    assert!(text.contains("<ogr:nom_etablissement>") && !text.contains("<desc>"));
    let old = portal.get(&format!("/api/v2/catalog/datasets/fr-en-annuaire-education/exports/gpx?{QUERY}")).await.text();
    assert!(old.contains("<desc>nom_etablissement: ") && !old.contains("<extensions>"), "v2.0 describes by default");
    assert_eq!(get("&use_extension=false").await, old);
    assert!(get("&use_extension=false&description_field_list=sections").await.contains("<desc>sections: "));
    assert!(get("&name_field=sections").await != text);
    assert_eq!(portal.get(&format!("{DIRECTORY}/exports/gpx?{QUERY}&name_field=zones")).await.status, 400);
}

#[tokio::test]
async fn kml_has_a_mark_for_every_row() {
    let portal = Portal::new().await;
    let text = portal.get(&format!("{DIRECTORY}/exports/kml?{QUERY}")).await.text();
    assert_eq!(text.matches("<Placemark>").count(), 400);
    assert!(text.matches("<coordinates>").count() > 350 && text.contains("<name>fr-en-annuaire-education</name>"));
    let calendar = portal.get(&format!("{CALENDAR}/exports/kml?limit=3&use_labels=true")).await.text();
    assert!(calendar.contains("<Data name=\"Zones\">") || calendar.contains("<Data name=\"Zone"), "{calendar}");
}
