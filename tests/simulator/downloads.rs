//! Downloads: everything that matches, in the formats of v1 and of the datasets' pages.

use super::client::{CALENDAR, Portal};

const CALENDAR_SEARCH: &str = "/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire";
const DOWNLOAD: &str = "/api/records/1.0/download/";
const PAGE: &str = "/explore/dataset/fr-en-calendrier-scolaire/download";

#[tokio::test]
async fn downloads_hold_everything() {
    let portal = Portal::new().await;
    let csv =
        portal.get("/explore/dataset/fr-en-calendrier-scolaire/download/?format=csv&refine.zones=Zone+A&use_labels_for_header=true").await;
    assert_eq!(csv.field("content-disposition"), "attachment; filename=\"fr-en-calendrier-scolaire.csv\"");
    assert!(csv.text().starts_with("Description;Population;Date de début;"), "no byte order mark");
    let expected = portal.json(&format!("{CALENDAR_SEARCH}&rows=10000&refine.zones=Zone+A")).await;
    assert_eq!(csv.text().matches("\r\n").count() as u64, expected["nhits"].as_u64().unwrap() + 1);
    let json = portal.json("/api/records/1.0/download/?dataset=fr-en-calendrier-scolaire&format=json&refine.zones=Zone+A").await;
    assert_eq!(json, expected["records"]);
    let commas = portal.get("/explore/dataset/fr-en-calendrier-scolaire/download?csv_separator=,&timezone=Europe/Paris").await.text();
    assert!(commas.starts_with("description,population,start_date,") && commas.contains("T00:00:00+02:00"));
    let sheet = portal.get("/explore/dataset/fr-en-calendrier-scolaire/download?format=xlsx").await;
    assert_eq!(sheet.field("content-type"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
}

#[tokio::test]
async fn records_and_features_are_those_of_a_search_and_arrive_in_pieces() {
    let portal = Portal::new().await;
    let filter = "dataset=fr-en-annuaire-education&q=lille&refine.type_etablissement=Ecole&exclude.etat=A+FERMER\
                  &geofilter.bbox=43,0,51,8&fields=nom_etablissement,position,sections&sort=-nom_etablissement";
    for (format, list) in [("json", "records"), ("geojson", "features")] {
        let search = portal.json(&format!("/api/records/1.0/search/?{filter}&rows=10000&format={format}")).await;
        let whole = portal.get(&format!("{DOWNLOAD}?{filter}&format={format}")).await;
        let told = if format == "json" { whole.json() } else { whole.json()[list].clone() };
        assert!(told.as_array().is_some_and(|told| told.len() > 100), "{format}");
        assert_eq!(told, search[list], "{format}");
        assert!(whole.chunks.len() > 3 && whole.chunks.iter().all(|size| *size < 64 * 1024), "{format}: {:?}", whole.chunks);
        assert_eq!(whole.field("content-disposition"), format!("attachment; filename=\"fr-en-annuaire-education.{format}\""));
        let wrapped = portal.get(&format!("{DOWNLOAD}?{filter}&format={format}p&callback=f")).await;
        assert_eq!(wrapped.text(), format!("f({});", whole.text()));
        let pretty = portal.get(&format!("{DOWNLOAD}?{filter}&format={format}&pretty_print=true")).await;
        assert!(pretty.text().contains("\n  ") && pretty.json() == whole.json());
    }
    assert_eq!(portal.json(&format!("{DOWNLOAD}?dataset=fr-en-annuaire-education&q=rien_de_tel")).await, serde_json::json!([]));
}

#[tokio::test]
async fn tables_are_written_as_the_page_asks_for_them() {
    let portal = Portal::new().await;
    let get = async |query: &str| portal.get(&format!("{PAGE}/?format=csv&{query}")).await.text();
    let all = get("").await;
    let rows = portal.json(&format!("{CALENDAR}/records?limit=0")).await["total_count"].as_u64().unwrap();
    assert_eq!(all.matches("\r\n").count() as u64, rows + 1);
    for (query, start) in [
        ("use_labels_for_header=True&csv_separator=%3B", "Description;Population;Date de début;"),
        ("use_labels_for_header=False&csv_separator=%3B", "description;population;start_date;"),
        ("use_labels_for_header=true&lang=en", "Description;Population;Start date;"),
        ("csv_separator=%7C", "description|population|"),
        ("csv_separator=%09", "description\tpopulation\t"),
        ("csv_separator=_", "description_population_\"start_date\"_"),
        ("fields=zones,location", "zones;location\r\n"),
    ] {
        assert!(get(query).await.starts_with(start), "{query}: {}", &get(query).await[..80]);
    }
    assert_ne!(all, get("timezone=Europe/Berlin").await);
    for (query, condition) in [
        ("refine.zones=Zone+A&refine.zones=Zone+C", "refine=zones:Zone%20A&refine=zones:Zone%20C"),
        ("exclude.population=Enseignants&q=noel", "exclude=population:Enseignants&where=%22noel%22"),
    ] {
        let expected = portal.json(&format!("{CALENDAR}/records?limit=0&{condition}")).await["total_count"].as_u64().unwrap();
        assert_eq!(get(query).await.matches("\r\n").count() as u64, expected + 1, "{query}");
    }
    for bad in ["csv_separator=%C3%A9", "csv_separator=%22", "csv_separator=;;", "format=docx", "refine.nothing=1", "timezone=Mars"] {
        assert_eq!(portal.get(&format!("{PAGE}?{bad}")).await.status, 400, "{bad}");
    }
    let lists = "/explore/dataset/fr-en-annuaire-education/download/?format=csv&fields=sections&q=lille";
    assert!(portal.get(lists).await.text().contains("\"Arts plastiques;"), "several values are joined by the separator of v1");
}
