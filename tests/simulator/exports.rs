//! Exports: formats, options, and how they arrive.

use serde_json::Value;

use super::client::{CALENDAR, DIRECTORY, Portal, V21};

const BOM: &[u8] = b"\xef\xbb\xbf";
const OLD: &str = "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire";

#[tokio::test]
async fn csv_has_semicolons_and_crlf_and_a_byte_order_mark_from_v2_1_on() {
    let portal = Portal::new().await;
    let new = portal.get(&format!("{CALENDAR}/exports/csv?limit=3")).await.body;
    let old = portal.get(&format!("{OLD}/exports/csv?limit=3")).await.body;
    assert!(new.starts_with(BOM) && !old.starts_with(BOM));
    assert_eq!(new[3..], old);
    let text = String::from_utf8(old).unwrap();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 5, "a heading, three rows, and nothing behind the last line's end");
    assert_eq!(lines[0], "description;population;start_date;end_date;location;zones;annee_scolaire");
    assert!(lines[1..4].iter().all(|line| line.split(';').count() == 7 && !line.contains('\n')));
    assert_eq!(lines[4], "");
    for (query, bom) in [("with_bom=false", false), ("with_bom=true", true)] {
        assert_eq!(portal.get(&format!("{CALENDAR}/exports/csv?limit=1&{query}")).await.body.starts_with(BOM), bom, "{query}");
        assert_eq!(portal.get(&format!("{OLD}/exports/csv?limit=1&{query}")).await.body.starts_with(BOM), bom, "{query}");
    }
    let catalogue = portal.get(&format!("{V21}/exports/csv?with_bom=false")).await.text();
    let heading = catalogue.split("\r\n").next().unwrap();
    assert!(heading.starts_with("dcat.created;") && heading.contains(";default.data_processed;") && heading.ends_with(";datasetid"));
    assert!(catalogue.ends_with("\r\n"));
}

#[tokio::test]
async fn csv_options_show_in_its_bytes() {
    let portal = Portal::new().await;
    let select = "select=nom_etablissement,sections,position&where=sections%20is%20not%20null%20and%20position%20is%20not%20null&limit=200";
    let get = async |options: &str| {
        let target = format!("{DIRECTORY}/exports/csv?with_bom=false&{select}&{options}");
        portal.get(&target).await.text()
    };
    let plain = get("").await;
    assert!(plain.starts_with("nom_etablissement;sections;position\r\n"));
    let row = plain.lines().find(|line| line.contains("Arts plastiques,")).expect("some school teaches two of them");
    let place = row.rsplit(';').next().unwrap();
    let numbers: Vec<f64> = place.split(", ").map(|number| number.parse().unwrap()).collect();
    assert!(numbers.len() == 2 && numbers[0].abs() < 90.0, "latitude first: {place}");
    assert!(get("use_labels=true").await.starts_with("Nom de l'établissement;Sections;Position\r\n"));
    assert!(get("use_labels=true&lang=en").await.starts_with("School name;Sections;Position\r\n"));
    assert!(get("delimiter=%09").await.starts_with("nom_etablissement\tsections\tposition\r\n"));
    assert!(get("delimiter=,").await.contains(",\"Arts plastiques,"), "what holds the delimiter is quoted");
    assert!(get("list_separator=%20/%20").await.contains("Arts plastiques / "));
    assert!(get("quote_all=true").await.starts_with("\"nom_etablissement\";\"sections\";\"position\"\r\n"));
}

#[tokio::test]
async fn all_formats_of_rows_hold_the_same_rows() {
    let portal = Portal::new().await;
    let query = "where=zones=%22Zone%20A%22&order_by=start_date%20desc,location&limit=40";
    let rows = portal.json(&format!("{CALENDAR}/records?{query}")).await["results"].clone();
    assert_eq!(rows.as_array().map(Vec::len), Some(40));

    let json = portal.get(&format!("{CALENDAR}/exports/json?{query}")).await;
    assert_eq!(json.json(), rows);
    assert!(!json.text().contains('\n'), "one line");
    assert!(json.text().contains("},{\"description\": \""), "as recorded: no space between rows, one behind a colon");

    let lines = portal.get(&format!("{CALENDAR}/exports/jsonl?{query}")).await.text();
    assert!(lines.ends_with("}\n"));
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::Array(lines), rows);

    let features = portal.json(&format!("{CALENDAR}/exports/geojson?{query}")).await;
    assert_eq!(features["type"], "FeatureCollection");
    let properties: Vec<Value> = features["features"].as_array().unwrap().iter().map(|one| one["properties"].clone()).collect();
    assert_eq!(Value::Array(properties), rows);

    let csv = portal.get(&format!("{CALENDAR}/exports/csv?{query}")).await.body;
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(&csv[3..]);
    for (row, line) in rows.as_array().unwrap().iter().zip(reader.records()) {
        let line = line.unwrap();
        let values: Vec<&str> = row.as_object().unwrap().values().map(|value| value.as_str().unwrap_or_default()).collect();
        assert_eq!(line.iter().collect::<Vec<_>>(), values);
    }
}

#[tokio::test]
async fn a_large_export_is_streamed_in_many_chunks() {
    let portal = Portal::new().await;
    let target = format!("{DIRECTORY}/exports/csv?where=code_departement%3E=%22060%22");
    let answer = portal.get(&target).await;
    assert!(answer.whole && answer.body.len() > 2_000_000, "{} bytes", answer.body.len());
    assert!(answer.chunks.len() > 20, "{} chunks", answer.chunks.len());
    assert!(answer.chunks.iter().all(|size| *size < 128 * 1024));
    assert_eq!(answer.field("content-length"), "");
    let packed = portal.get_with(&target, &[("Accept-Encoding", "gzip")]).await;
    assert!(packed.chunks.len() > 5 && packed.gunzip() == answer.body);
}

#[tokio::test]
async fn every_format_differs_with_the_rows_and_the_options_alone() {
    let portal = Portal::new().await;
    for format in ["parquet", "xlsx", "kml", "shp", "fgb", "csv"] {
        let get = async |query: &str| portal.get(&format!("{CALENDAR}/exports/{format}?{query}")).await.body;
        let one = get("where=zones=%22Zone%20A%22%20and%20population=%22-%22&epsg=4326").await;
        assert_eq!(one, get("compressed=false&where=population%20=%20%22-%22&where=zones%3D%22Zone+A%22&limit=-1").await);
        assert_ne!(one, get("where=zones=%22Zone%20B%22%20and%20population=%22-%22").await);
        assert_ne!(one, get("where=zones=%22Zone%20A%22%20and%20population=%22-%22&compressed=true").await);
    }
}

#[tokio::test]
async fn a_compressed_export_is_a_gzip_file_of_the_plain_one() {
    let portal = Portal::new().await;
    let plain = portal.get(&format!("{CALENDAR}/exports/csv?limit=20")).await;
    let packed = portal.get_with(&format!("{CALENDAR}/exports/csv?limit=20&compressed=true"), &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(packed.field("content-disposition"), "attachment; filename=\"fr-en-calendrier-scolaire.csv.gzip\"");
    assert_eq!(packed.field("content-encoding"), "", "once is enough");
    assert_eq!(packed.gunzip(), plain.body);
}

#[tokio::test]
async fn the_list_of_formats_has_absolute_links_that_work() {
    let portal = Portal::new().await;
    for path in [V21.to_owned(), CALENDAR.to_owned()] {
        let links = portal.json(&format!("{path}/exports")).await["links"].clone();
        for link in links.as_array().unwrap().iter().skip(1) {
            let href = link["href"].as_str().unwrap();
            let target = href.strip_prefix("http://portail.example").unwrap_or_else(|| panic!("{href}"));
            let answer = portal.get(&format!("{target}?limit=1")).await;
            assert_eq!(answer.status, 200, "{href}");
            assert!(target.ends_with(link["rel"].as_str().unwrap()), "{href}");
        }
    }
}
