//! Clusters, boxes and previews of v1, against the places of the records.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::client::{Portal, V21};

const EQUIPMENT: &str = "fr-en-equipements-internats";
const GALLERY: &str = "fr-en-galerie-des-etablissements";

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

async fn ask(portal: &Portal, endpoint: &str, dataset: &str, query: &str) -> Value {
    portal.json(&format!("/api/records/1.0/{endpoint}/?dataset={dataset}&{query}")).await
}

/// Longitude, latitude and surface of the records that a filter leaves.
async fn places(portal: &Portal, dataset: &str, filter: &str) -> Vec<(f64, f64, Option<f64>)> {
    let rows = portal.json(&format!("{V21}/datasets/{dataset}/exports/json?{filter}")).await;
    let place =
        |row: &Value| Some((row["geo_point_2d"]["lon"].as_f64()?, row["geo_point_2d"]["lat"].as_f64()?, row["surface_m2"].as_f64()));
    list(&rows).iter().filter_map(place).collect()
}

#[tokio::test]
async fn clusters_hold_every_record_once_with_its_values() {
    let portal = Portal::new().await;
    let places = places(&portal, EQUIPMENT, "").await;
    let series = "y.s.func=SUM&y.s.expr=surface_m2";
    let mut numbers = Vec::new();
    for zoom in [0, 4, 6, 9] {
        let answer = ask(&portal, "geocluster", EQUIPMENT, &format!("clusterprecision={zoom}&clusterdistance=50&{series}")).await;
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["clusters", "count", "series", "clusterprecision"]);
        assert_eq!(answer["clusterprecision"], zoom);
        let clusters = list(&answer["clusters"]);
        let counts: Vec<u64> = clusters.iter().map(|cluster| cluster["count"].as_u64().unwrap()).collect();
        assert_eq!(counts.iter().sum::<u64>(), places.len() as u64);
        assert_eq!(answer["count"], json!({"max": counts.iter().max(), "min": counts.iter().min()}));
        let sums: Vec<f64> = clusters.iter().filter_map(|cluster| cluster["series"]["s"].as_f64()).collect();
        let total: f64 = places.iter().filter_map(|(.., surface)| *surface).sum();
        assert!((sums.iter().sum::<f64>() - total).abs() < 1e-3);
        assert_eq!(answer["series"]["s"]["max"].as_f64(), sums.iter().copied().reduce(f64::max));
        assert_eq!(answer["series"]["s"]["min"].as_f64(), sums.iter().copied().reduce(f64::min));
        let mean: f64 =
            clusters.iter().zip(&counts).map(|(cluster, count)| cluster["cluster_center"][0].as_f64().unwrap() * *count as f64).sum();
        assert!((mean - places.iter().map(|(_, lat, _)| lat).sum::<f64>()).abs() < 1e-6, "the latitude first");
        numbers.push(clusters.len());
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "the closer the map, the more clusters: {numbers:?}");
}

#[tokio::test]
async fn envelopes_are_shapes_around_the_records_and_can_be_left_out() {
    let portal = Portal::new().await;
    let query = "clusterprecision=6&clusterdistance=50";
    let answer = ask(&portal, "geocluster", EQUIPMENT, query).await;
    let mut corners = BTreeSet::new();
    for cluster in list(&answer["clusters"]) {
        let coordinates = &cluster["cluster"]["coordinates"];
        let ring: Vec<&Value> = match cluster["cluster"]["type"].as_str().unwrap() {
            "Point" => {
                assert_eq!(coordinates, &json!([cluster["cluster_center"][1], cluster["cluster_center"][0]]));
                vec![coordinates]
            }
            "LineString" => {
                assert_eq!((&cluster["count"], list(coordinates).len()), (&json!(2), 2));
                list(coordinates).iter().collect()
            }
            "Polygon" => {
                let ring = list(&coordinates[0]);
                assert!(ring.len() >= 4 && ring.first() == ring.last());
                ring.iter().collect()
            }
            other => panic!("{other}"),
        };
        corners.extend(ring.into_iter().map(Value::to_string));
    }
    let known: BTreeSet<String> = places(&portal, EQUIPMENT, "").await.iter().map(|(lon, lat, _)| json!([lon, lat]).to_string()).collect();
    assert!(corners.is_subset(&known), "corners are places of records");

    let rough = ask(&portal, "geocluster", EQUIPMENT, &format!("{query}&shapeprecision=0")).await;
    assert_ne!(rough["clusters"], answer["clusters"]);
    for without in ["clustermode=heatmap", "return_polygons=false"] {
        let bare = ask(&portal, "geocluster", EQUIPMENT, &format!("{query}&{without}")).await;
        assert_eq!(list(&bare["clusters"]).len(), list(&answer["clusters"]).len());
        assert!(list(&bare["clusters"]).iter().all(|cluster| cluster.get("cluster").is_none()), "{without}");
    }
}

#[tokio::test]
async fn filters_apply_to_places_as_to_records() {
    let portal = Portal::new().await;
    for (old, new) in [
        ("refine.academie=Lille&refine.academie=Paris", "refine=academie:Lille&refine=academie:Paris"),
        ("exclude.equipement=Gymnase", "exclude=equipement:Gymnase"),
        ("q=surface_m2%3E2000", "where=surface_m2%3E2000"),
        ("geofilter.bbox=45,0,49,5", "where=in_bbox(geo_point_2d,45,0,49,5)"),
        ("geofilter.polygon=(45,0),(45,5),(49,5),(49,0)", "where=in_bbox(geo_point_2d,45,0,49,5)"),
    ] {
        let expected = places(&portal, EQUIPMENT, new).await;
        assert!(!expected.is_empty());
        let bounds = ask(&portal, "boundingbox", EQUIPMENT, old).await;
        assert_eq!((&bounds["count"], &bounds["geometries"]), (&json!(expected.len()), &json!({"Point": expected.len()})), "{old}");
        let edge = |of: fn(&(f64, f64, Option<f64>)) -> f64, pick: fn(f64, f64) -> f64| expected.iter().map(of).reduce(pick).unwrap();
        let bbox = [edge(|p| p.0, f64::min), edge(|p| p.1, f64::min), edge(|p| p.0, f64::max), edge(|p| p.1, f64::max)];
        assert_eq!(bounds["bbox"], json!(bbox), "{old}");
        let clusters = ask(&portal, "geocluster", EQUIPMENT, &format!("{old}&clusterprecision=3&clusterdistance=15")).await;
        let total: u64 = list(&clusters["clusters"]).iter().map(|cluster| cluster["count"].as_u64().unwrap()).sum();
        assert_eq!(total, expected.len() as u64, "{old}");
    }
    let nowhere = ask(&portal, "boundingbox", "fr-en-calendrier-scolaire", "").await;
    assert_eq!(nowhere, json!({"count": 0, "geometries": {}, "bbox": [0.0, 0.0, 0.0, 0.0]}));
    let nowhere = ask(&portal, "geocluster", "fr-en-calendrier-scolaire", "clusterprecision=3&clusterdistance=15").await;
    assert_eq!(nowhere, json!({"clusters": [], "count": {"max": 0, "min": 0}, "series": {}, "clusterprecision": 3}));
}

#[tokio::test]
async fn polygons_put_equal_places_together_and_previews_show_each_once() {
    let portal = Portal::new().await;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (lon, lat, _) in places(&portal, GALLERY, "").await {
        *counts.entry(json!([lon, lat]).to_string()).or_default() += 1;
    }
    assert!(counts.values().any(|count| *count > 1), "some schools of the gallery share a place");
    let polygons = ask(&portal, "geopolygon", GALLERY, "clusterprecision=5").await;
    let told: BTreeMap<String, u64> = list(&polygons["clusters"])
        .iter()
        .map(|cluster| (cluster["cluster"]["coordinates"].to_string(), cluster["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, counts);
    let fewest = ask(&portal, "geopolygon", GALLERY, "maxpoints=1").await;
    assert_eq!((list(&fewest["clusters"]).len(), &fewest["count"]), (1, &polygons["count"]), "the spread is of all");

    let preview = ask(&portal, "geopreview", GALLERY, "").await;
    let shown: BTreeSet<String> = list(&preview).iter().map(|one| one["geometry"]["coordinates"].to_string()).collect();
    assert_eq!((list(&preview).len(), shown), (counts.len(), counts.into_keys().collect()));
    assert!(list(&preview).iter().all(|one| one["geo_digest"].as_str().is_some_and(|digest| digest.len() == 16)));
    assert!(list(&ask(&portal, "geopreview", GALLERY, "clusterprecision=0").await).len() < list(&preview).len());
    assert_eq!(list(&ask(&portal, "geopreview", GALLERY, "rows=3").await), &list(&preview)[..3]);
}

#[tokio::test]
async fn what_is_missing_or_out_of_bounds_is_refused() {
    let portal = Portal::new().await;
    for (query, status) in [
        ("clusterprecision=6&clusterdistance=50&shapeprecision=23", 200),
        ("clusterprecision=6&clusterdistance=50&shapeprecision=24", 400),
        ("clusterdistance=50", 400),
        ("clusterprecision=6", 400),
        ("clusterprecision=30&clusterdistance=50", 400),
        ("clusterprecision=6&clusterdistance=0", 400),
        ("clusterprecision=6&clusterdistance=50&clustermode=stars", 400),
        ("clusterprecision=6&clusterdistance=50&y.s.func=AVG", 400),
    ] {
        let answer = portal.get(&format!("/api/records/1.0/geocluster?dataset={GALLERY}&{query}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
    let plain = portal.get(&format!("/api/records/1.0/geopreview?dataset={GALLERY}&rows=2")).await.text();
    let wrapped = portal.get(&format!("/api/records/1.0/geopreview?dataset={GALLERY}&rows=2&format=jsonp&callback=g")).await;
    assert_eq!(wrapped.text(), format!("g({plain});"));
}
