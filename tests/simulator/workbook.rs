//! XLSX exports: the archive is opened and the sheet read.

use std::io::{Cursor, Read};

use super::client::{CALENDAR, DIRECTORY, Portal, V21};
use super::xml::Element;

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The cells of the one sheet as text, row by row: texts looked up, numbers as they are written.
async fn cells(portal: &Portal, target: &str) -> Vec<Vec<String>> {
    let answer = portal.get(target).await;
    assert_eq!((answer.status, answer.field("content-type")), (200, XLSX), "{target}: {}", answer.text());
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.body)).unwrap();
    let mut part = |name: &str| {
        let mut text = String::new();
        archive.by_name(name).unwrap_or_else(|error| panic!("{name}: {error}")).read_to_string(&mut text).unwrap();
        Element::parse(&text)
    };
    let shared = part("xl/sharedStrings.xml");
    let texts: Vec<&str> = shared.all("si").map(|entry| entry.child("t").text.as_str()).collect();
    let sheet = part("xl/worksheets/sheet1.xml");
    let cell = |cell: &Element| match cell.attribute("t") {
        "s" => texts[cell.child("v").text.parse::<usize>().unwrap()].to_owned(),
        _ => cell.child("v").text.clone(),
    };
    sheet.child("sheetData").all("row").map(|row| row.all("c").map(cell).collect()).collect()
}

#[tokio::test]
async fn a_sheet_has_headings_and_rows_with_numbers_and_dates_as_such() {
    let portal = Portal::new().await;
    let select = "select=nom_etablissement,nombre_d_eleves,latitude,date_ouverture,position,sections";
    let query =
        format!("{select}&where=sections%20is%20not%20null%20and%20position%20is%20not%20null%20and%20nombre_d_eleves%3E1&limit=50");
    let rows = portal.json(&format!("{DIRECTORY}/exports/json?{query}")).await;
    let cells = cells(&portal, &format!("{DIRECTORY}/exports/xlsx?{query}")).await;
    assert_eq!(cells[0], ["nom_etablissement", "nombre_d_eleves", "latitude", "date_ouverture", "position", "sections"]);
    assert_eq!(cells.len(), 51);
    for (row, found) in rows.as_array().unwrap().iter().zip(&cells[1..]) {
        assert_eq!(found[0], row["nom_etablissement"].as_str().unwrap());
        assert_eq!(found[1].parse::<i64>().unwrap(), row["nombre_d_eleves"].as_i64().unwrap());
        assert!((found[2].parse::<f64>().unwrap() - row["latitude"].as_f64().unwrap()).abs() < 1e-9);
        let opened: jiff::civil::Date = row["date_ouverture"].as_str().unwrap().parse().unwrap();
        let days = opened.duration_since(jiff::civil::date(1899, 12, 30)).as_hours() / 24;
        assert_eq!(found[3].parse::<i64>().unwrap(), days, "days of the format's own count");
        assert_eq!(found[4], format!("{}, {}", row["position"]["lat"], row["position"]["lon"]));
        let sections: Vec<&str> = row["sections"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
        assert_eq!(found[5], sections.join(","));
    }
}

#[tokio::test]
async fn instants_are_told_in_the_zone_that_was_asked_for() {
    let portal = Portal::new().await;
    let query = "select=start_date&limit=1&where=location=%22Lille%22";
    let days = async |zone: &str| {
        let rows = cells(&portal, &format!("{CALENDAR}/exports/xlsx?{query}&timezone={zone}")).await;
        rows[1][0].parse::<f64>().unwrap()
    };
    let (utc, paris) = (days("UTC").await, days("Europe/Paris").await);
    assert!(paris > utc && paris - utc < 0.1, "{utc} and {paris}");
    assert!(paris.fract() < 1e-9, "holidays begin at midnight in Paris");
}

#[tokio::test]
async fn odd_questions_give_sheets_and_files_too() {
    let portal = Portal::new().await;
    let long = "x".repeat(40_000);
    let rows = cells(&portal, &format!("{CALENDAR}/exports/xlsx?limit=1&select=%22{long}%22%20as%20x")).await;
    assert_eq!(rows[1][0].len(), 32_767, "as much as a cell holds");
    let nothing = "select=exclude(d*),exclude(p*),exclude(s*),exclude(e*),exclude(l*),exclude(z*),exclude(a*)&limit=3";
    for query in [nothing, "limit=0", "where=zones=%22nowhere%22", "select=zones%20as%20%60a%20b%60&limit=1"] {
        for format in ["xlsx", "parquet", "csv", "json", "geojson", "gpx", "kml"] {
            let answer = portal.get(&format!("{CALENDAR}/exports/{format}?{query}")).await;
            assert!(answer.status == 200 && answer.whole, "{format}?{query}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn the_catalogue_is_a_sheet_with_the_columns_of_its_csv() {
    let portal = Portal::new().await;
    let sheet = cells(&portal, &format!("{V21}/exports/xlsx")).await;
    let csv = portal.get(&format!("{V21}/exports/csv?with_bom=false")).await.text();
    assert_eq!(sheet[0].join(";"), csv.split("\r\n").next().unwrap());
    assert!(sheet.len() > 60);
    let chosen = cells(&portal, &format!("{V21}/exports/xlsx?select=dataset_id,records_count&limit=2")).await;
    assert_eq!(chosen[0], ["dataset_id", "records_count"]);
    assert_eq!(chosen.len(), 3);
}
