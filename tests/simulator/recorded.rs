//! Shapes beside those of recorded answers, where these are at hand; they are no part of this repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::client::{Answer, CALENDAR, DIRECTORY, Portal, V21};
use super::description::parameters;
use super::xml::Element;

const ANNUAIRE: &str = "fr-en-annuaire-education";

fn recorded(path: &str) -> Option<String> {
    let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/upstream/samples");
    std::fs::read_to_string(samples.join(path)).ok()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Members of the recorded object and their types; anything may be null. Names that are the portal's own are compared,
/// those of its datasets are not.
fn assert_same_members(ours: &Value, theirs: &Value, about: &str) {
    let (ours, theirs) = (ours.as_object().expect(about), theirs.as_object().expect(about));
    let names = |object: &serde_json::Map<String, Value>| {
        let mut names: Vec<String> = object.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(ours), names(theirs), "{about}");
    assert_same_types(ours, theirs, about);
}

fn assert_same_types(ours: &serde_json::Map<String, Value>, theirs: &serde_json::Map<String, Value>, about: &str) {
    for (name, theirs) in theirs {
        let Some(ours) = ours.get(name) else { continue };
        assert!(
            ours.is_null() || theirs.is_null() || kind(ours) == kind(theirs),
            "{about}: {name} is {} and was {}",
            kind(ours),
            kind(theirs)
        );
    }
}

fn first<'a>(value: &'a Value, list: &str, about: &str) -> &'a Value {
    value[list].get(0).unwrap_or_else(|| panic!("{about}: {list} is empty"))
}

#[tokio::test]
async fn bodies_have_the_members_and_types_of_recorded_ones() {
    let portal = Portal::new().await;
    let old = "/api/v2/catalog";
    for (sample, target, list) in [
        ("ukpn-v2.1/getRecords-live-faults-response.json", format!("{CALENDAR}/records"), None),
        ("ukpn-v2.1/getDatasets-response.json", format!("{V21}/datasets"), Some("results")),
        ("enw-v2.1/list-datasets.json", format!("{V21}/datasets"), Some("results")),
        ("enw-v2.1/get-dataset.json", CALENDAR.to_owned(), Some("fields")),
        ("vancouver-v2.1/metadata-public-trees.body.json", DIRECTORY.to_owned(), Some("fields")),
        ("vancouver-v2.1/facets-public-trees.body.json", format!("{CALENDAR}/facets?facet=zones"), Some("facets")),
        ("vancouver-v2.1/facets-public-trees.body.json", format!("{CALENDAR}/facets?facet=zones"), Some("links")),
        ("vancouver-v2.1/facets-catalog.body.json", format!("{V21}/facets"), Some("facets")),
        ("enw-v2.1/catalog-facets-license.json", format!("{V21}/facets?facet=license"), Some("links")),
        ("enw-v2.1/list-export-formats.json", format!("{CALENDAR}/exports"), Some("links")),
        ("economie-v2.0/catalog_datasets.json", format!("{old}/datasets"), Some("datasets")),
        ("economie-v2.0/catalog_datasets.json", format!("{old}/datasets"), Some("links")),
        ("economie-v2.0/catalog_datasets_records.json", format!("{old}/datasets/fr-en-calendrier-scolaire/records"), Some("records")),
        ("economie-v2.0/catalog_dataset_fantoir.json", format!("{old}/datasets/fr-en-calendrier-scolaire"), Some("links")),
        ("economie-v2.0/catalog_facets.json", format!("{old}/facets"), Some("facets")),
        ("economie-v2.0/catalog_dataset_fantoir_attachments.json", format!("{old}/datasets/{ANNUAIRE}/attachments"), Some("attachments")),
        ("economie-v2.0/catalog_dataset_fantoir_attachments.json", format!("{old}/datasets/{ANNUAIRE}/attachments"), Some("links")),
        ("economie-v2.0/catalog_dataset_fantoir_facets.json", format!("{old}/datasets/{ANNUAIRE}/facets"), Some("links")),
        ("ukpn-v2.1/getDatasetsFacets-response.json", format!("{V21}/facets?facet=license"), Some("facets")),
        ("ukpn-v2.1/getDatasetsFacets-response.json", format!("{V21}/facets?facet=license"), Some("links")),
        ("education-v1/records-search.fr-en-annuaire-education.json", search("dataset=fr-en-annuaire-education&q=lille"), Some("records")),
        (
            "other-v1/records-search.velib.json",
            search("dataset=fr-en-annuaire-education&facet=etat&geofilter.distance=48.85,2.35,10000"),
            Some("facet_groups"),
        ),
    ] {
        let Some(text) = recorded(sample) else { continue };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let ours = portal.json(&target).await;
        assert_same_members(&ours, &theirs, sample);
        if let Some(list) = list {
            assert_same_members(first(&ours, list, sample), first(&theirs, list, sample), &format!("{sample}: {list}"));
        }
    }
}

#[tokio::test]
async fn v1_has_the_recorded_and_documented_members() {
    let portal = Portal::new().await;
    if let Some(text) = recorded("other-v1/analyze.documented.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let polygon = "geofilter.polygon=(50.0,0.0),(50.0,10.0),(40.0,10.0),(40.0,0.0)";
        let target = format!("/api/records/1.0/analyze/?dataset={ANNUAIRE}&x=code_departement&y.my_count.func=COUNT&{polygon}");
        let ours = portal.json(&target).await;
        for ours in ours.as_array().expect("a list, as documented") {
            assert_same_members(ours, &theirs[0], "a point");
        }
        let by_x = |points: &Value| points.as_array().unwrap().is_sorted_by_key(|point| point["x"].as_str());
        assert!(by_x(&theirs) && by_x(&ours), "both in the order of x");
    }
    if let Some(text) = recorded("other-v1/record-lookup.documented.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let found = portal.json(&search(&format!("dataset={ANNUAIRE}&q=lille&rows=1"))).await["records"][0].clone();
        let id = found["recordid"].as_str().unwrap();
        let ours = portal.json(&format!("/api/datasets/1.0/{ANNUAIRE}/records/{id}")).await;
        assert_same_members(&ours, &theirs, "one record of v1");
        assert_same_members(&ours["geometry"], &theirs["geometry"], "its geometry");
        let place = |record: &Value, field: &str| [0, 1].map(|at| record["fields"][field][at].clone());
        for (record, field) in [(&ours, "position"), (&theirs, "geo_point_2d")] {
            let [lat, lon] = place(record, field);
            assert_eq!(record["geometry"]["coordinates"], serde_json::json!([lon, lat]), "the geometry the other way round");
        }
    }
}

#[tokio::test]
async fn attachments_are_addressed_as_recorded() {
    let portal = Portal::new().await;
    if let Some(text) = recorded("ukpn-v2.1/getDatasets-response.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let dataset = &theirs["results"][0];
        let ours = portal.json(DIRECTORY).await["attachments"][0].clone();
        let path = |attachment: &Value, dataset: &Value| {
            let url = attachment["url"].as_str().unwrap().to_owned();
            let local = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).unwrap().1.to_owned();
            local.replace(dataset.as_str().unwrap(), "{id}").replace(attachment["id"].as_str().unwrap(), "{file}")
        };
        assert_same_members(&ours, &dataset["attachments"][0], "an attachment in the metadata of v2.1");
        assert_eq!(path(&ours, &ANNUAIRE.into()), path(&dataset["attachments"][0], &dataset["dataset_id"]));
    }
    if let Some(text) = recorded("economie-v2.0/catalog_dataset_fantoir.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let ours = portal.json(&format!("/api/v2/catalog/datasets/{ANNUAIRE}")).await["dataset"]["attachments"][0].clone();
        let theirs = &theirs["dataset"]["attachments"][0];
        assert_same_members(&ours, theirs, "an attachment in the metadata of v2.0");
        let scheme = |file: &Value| file["url"].as_str().unwrap().split_once(':').unwrap().0.to_owned();
        assert_eq!(scheme(&ours), scheme(theirs));
    }
}

fn search(query: &str) -> String {
    format!("/api/records/1.0/search/?{query}")
}

#[tokio::test]
async fn what_stands_deeper_has_the_recorded_members_too() {
    let portal = Portal::new().await;
    let record = portal.json("/api/v2/catalog/datasets/fr-en-calendrier-scolaire/records?limit=1").await["records"][0].clone();
    if let Some(text) = recorded("economie-v2.0/catalog_datasets_records.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        assert_same_members(&record["record"], &theirs["records"][0]["record"], "a record of v2.0");
    }
    if let Some(text) = recorded("economie-v2.0/catalog_dataset_record.json") {
        assert_same_members(&record, &serde_json::from_str(&text).unwrap(), "one record of v2.0");
    }
    let dataset = portal.json(DIRECTORY).await;
    if let Some(text) = recorded("vancouver-v2.1/metadata-public-trees.body.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        for template in ["default", "dcat"] {
            assert_same_members(&dataset["metas"][template], &theirs["metas"][template], template);
        }
    }
    if let Some(text) = recorded("education-v2.1/record.fr-en-annuaire-education.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let ours = portal.json(&format!("{DIRECTORY}/records?limit=1&where=sections%20is%20not%20null")).await["results"][0].clone();
        let known = ours.as_object().unwrap().keys().filter(|name| theirs.get(name).is_some()).count();
        assert!(known > 25, "most of our columns are the directory's: {known}");
        assert_same_types(ours.as_object().unwrap(), theirs.as_object().unwrap(), "a school");
    }
    let facets = portal.json(&format!("{CALENDAR}/facets?facet=zones")).await;
    if let Some(text) = recorded("vancouver-v2.1/facets-public-trees.body.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        assert_same_members(&facets["facets"][0]["facets"][0], &theirs["facets"][0]["facets"][0], "a facet's value");
    }
    let found = portal.json(&search("dataset=fr-en-annuaire-education&facet=etat&rows=1")).await;
    if let Some(text) = recorded("other-v1/records-search.velib.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        assert_same_members(&found["facet_groups"][0]["facets"][0], &theirs["facet_groups"][0]["facets"][0], "a facet's value of v1");
    }
    if let Some(text) = recorded("education-v1/records-search.fr-en-annuaire-education.json") {
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let ours = portal.json(&search("dataset=fr-en-annuaire-education&rows=30&start=0&q=%23startswith(siren_siret,%20198100125)")).await;
        assert_same_members(&ours["parameters"], &theirs["parameters"], "the echo of v1");
    }
    if let Some(text) = recorded("vancouver-v2.1/aggregate-ungrouped.body.json") {
        let answer = portal.get(&format!("{DIRECTORY}/records?limit=1&select=count(*)%20as%20total")).await.text();
        let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
        assert_eq!(digits(&answer), digits(&text), "byte for byte but for the numbers");
    }
}

#[tokio::test]
async fn errors_have_the_recorded_bytes() {
    let portal = Portal::new().await;
    for (sample, target) in [
        ("vancouver-v2.1/error-odsql.body.json", format!("{CALENDAR}/exports/csv?select=no_such_field")),
        ("vancouver-v2.1/error-not-found.body.json", format!("{V21}/datasets/does-not-exist")),
        ("enw-v2.1/forbidden-records.json", format!("{V21}/datasets/fr-en-mobilites-nominatives/records")),
        ("enw-v2.1/odsql-error.json", format!("{V21}/datasets?limit=1&select=dataset_id,metas")),
    ] {
        let Some(text) = recorded(sample) else { continue };
        let answer = portal.get(&target).await.text();
        assert_eq!(answer.trim_end(), text.trim_end(), "{sample}");
    }
    for line in recorded("errors/observed-4xx.jsonl").unwrap_or_default().lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let target = match sample["request"].as_str().unwrap() {
            "order_by on an unknown field" => format!("{CALENDAR}/records?order_by=datetime"),
            "limit=99999" => format!("{CALENDAR}/records?limit=99999"),
            "select=invalid_function()" => format!("{CALENDAR}/records?select=invalid_function()"),
            "/catalog/datasets/public-trees/exports/csv?select=no_such_field" => format!("{CALENDAR}/exports/csv?select=no_such_field"),
            "records of a dataset with data_visible=false" => format!("{V21}/datasets/fr-en-mobilites-nominatives/records"),
            path if path.starts_with("/catalog/") => format!("/api/explore/v2.1{path}"),
            other => panic!("a new sample: {other}"),
        };
        let answer = portal.get(&target).await;
        assert_eq!((u64::from(answer.status), &answer.json()), (sample["status"].as_u64().unwrap(), &sample["body"]), "{target}");
    }
    for (sample, code) in [("errors/429.domain.documented.json", "10002"), ("errors/429.anonymous.documented.json", "10005")] {
        let Some(text) = recorded(sample) else { continue };
        portal.fault(&format!(r#"{{"family":"*","kind":"quota-{code}","times":1}}"#)).await;
        let (ours, theirs) = (portal.get(CALENDAR).await.json(), serde_json::from_str::<Value>(&text).unwrap());
        assert_same_members(&ours, &theirs, sample);
        assert_eq!((&ours["errorcode"], &ours["error"]), (&theirs["errorcode"], &theirs["error"]));
    }
}

/// Fields that speak of the connection and not of the answer.
const OF_MESSAGE: [&str; 3] = ["connection", "transfer-encoding", "content-length"];

fn field_names(answer: &Answer) -> Vec<&str> {
    answer.names().into_iter().filter(|name| !OF_MESSAGE.contains(name)).collect()
}

#[tokio::test]
async fn header_sections_have_the_recorded_names_and_the_same_fixed_values() {
    let portal = Portal::new().await;
    for (sample, target) in [
        ("data-public-trees-csv", format!("{CALENDAR}/exports/csv?with_bom=false&select=%2A&limit=5")),
        ("data-public-trees", format!("{CALENDAR}/exports/fgb?limit=5")),
        ("data-property-tax-report", format!("{CALENDAR}/exports/csv?limit=5")),
        ("metadata-public-trees", CALENDAR.to_owned()),
        ("aggregate-grouped", format!("{CALENDAR}/exports/json?select=zones,count(*)%20as%20count&group_by=zones")),
        ("aggregate-ungrouped", format!("{CALENDAR}/records?limit=1&select=count(*)%20as%20total")),
        ("facets-public-trees", format!("{CALENDAR}/facets?facet=zones")),
        ("facets-catalog", format!("{V21}/facets")),
        ("catalog-export", format!("{V21}/exports/csv?with_bom=false")),
        ("error-odsql", format!("{CALENDAR}/exports/csv?select=no_such_field")),
        ("error-not-found", format!("{V21}/datasets/does-not-exist")),
    ] {
        let Some(text) = recorded(&format!("vancouver-v2.1/{sample}.headers.txt")) else { continue };
        let theirs: Vec<(&str, &str)> = text.lines().skip(2).filter_map(|line| line.split_once(": ")).collect();
        let answer = portal.get_with(&target, &[("Accept-Encoding", "gzip"), ("Accept-Language", "en-US")]).await;
        let mut names: Vec<&str> = theirs.iter().map(|(name, _)| *name).filter(|name| !OF_MESSAGE.contains(name)).collect();
        names.sort_unstable();
        assert_eq!(field_names(&answer), names, "{sample}");
        let varying =
            ["date", "content-language", "content-disposition", "x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset"];
        for (name, value) in theirs.iter().filter(|(name, _)| !varying.contains(name) && !OF_MESSAGE.contains(name)) {
            assert_eq!(answer.field(name), *value, "{sample}");
        }
    }
}

#[tokio::test]
async fn the_catalogue_in_csv_has_the_recorded_columns() {
    let portal = Portal::new().await;
    let Some(text) = recorded("vancouver-v2.1/catalog-export.body.csv") else { return };
    let heading = |text: &str| -> Vec<String> { text.lines().next().unwrap().split(';').map(str::to_owned).collect() };
    let (ours, theirs) = (heading(&portal.get(&format!("{V21}/exports/csv?with_bom=false")).await.text()), heading(&text));
    // The columns of `custom` are a portal's own.
    let common = |columns: &[String]| columns.iter().filter(|name| !name.starts_with("custom.")).cloned().collect::<Vec<_>>();
    assert_eq!(common(&ours), common(&theirs));
    let custom = |columns: &[String]| columns.iter().position(|name| name.starts_with("custom."));
    assert_eq!(custom(&ours), custom(&theirs));
}

#[tokio::test]
async fn the_list_of_the_catalogues_formats_is_the_recorded_one() {
    let portal = Portal::new().await;
    let Some(text) = recorded("enw-v2.1/list-export-formats.json") else { return };
    let theirs: Value = serde_json::from_str(&text).unwrap();
    let path = "/api/explore/v2.1/catalog/exports";
    let home = theirs["links"][0]["href"].as_str().unwrap().strip_suffix(path).unwrap();
    assert_eq!(portal.get(path).await.text(), text.trim_end().replace(home, "http://portail.example"), "byte for byte but for the host");
}

/// The predicates of each class in a graph of descriptions, and whether each leads to a resource.
fn predicates(graph: &Element) -> BTreeMap<String, BTreeMap<String, bool>> {
    let mut classes: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for resource in &graph.children {
        let Some(class) = resource.all("rdf:type").next() else { continue };
        let known = classes.entry(class.attribute("rdf:resource").to_owned()).or_default();
        known.extend(resource.children.iter().map(|said| {
            let leads = !said.attribute("rdf:resource").is_empty() || !said.attribute("rdf:nodeID").is_empty();
            (said.name.clone(), leads)
        }));
    }
    classes
}

#[tokio::test]
async fn the_graph_of_the_catalogue_says_what_the_recorded_one_says() {
    let portal = Portal::new().await;
    let Some(text) = recorded("economie-v2.0/catalog_exports.rdf.first-60000-bytes") else { return };
    // The record breaks off inside the catalogue's list of datasets.
    let whole = &text[..=text.rfind("/>\n").unwrap() + 1];
    let theirs = Element::parse(&format!("{whole}</rdf:Description></rdf:RDF>"));
    let answer = portal.get("/api/v2/catalog/exports/rdf").await;
    let ours = Element::parse(&answer.text());
    let spaces = |graph: &Element| graph.attributes.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!((&ours.name, spaces(&ours)), (&theirs.name, spaces(&theirs)));
    let mut expected = predicates(&theirs);
    // Its type is behind the place where the record breaks off.
    let cut: BTreeMap<String, bool> = theirs.children.last().unwrap().children.iter().map(|said| (said.name.clone(), true)).collect();
    let catalogue: BTreeMap<String, BTreeMap<String, bool>> = predicates(&ours);
    let ours_of_catalogue = &catalogue["http://www.w3.org/ns/dcat#Catalog"];
    assert!(cut.keys().all(|name| ours_of_catalogue.contains_key(name)), "{cut:?} beside {ours_of_catalogue:?}");
    expected.insert("http://www.w3.org/ns/dcat#Catalog".to_owned(), ours_of_catalogue.clone());
    assert_eq!(catalogue, expected);
    let named = |graph: &Element| {
        let about = graph.children.iter().map(|one| one.attribute("rdf:about").to_owned()).find(|about| about.contains("/exports/rdf"));
        about.unwrap().split("/api/").nth(1).unwrap().to_owned()
    };
    assert_eq!(named(&ours), named(&theirs), "the catalogue's own address, with the defaults");
}

#[tokio::test]
async fn the_api_describes_the_recorded_paths_and_parameters() {
    let portal = Portal::new().await;
    for version in ["v2.1", "v2.0"] {
        let Some(text) = recorded(&format!("openapi/explore-{version}.portal-swagger.json")) else { continue };
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let ours = portal.json(&format!("/api/explore/{version}/swagger.json")).await;
        assert_same_members(&ours, &theirs, version);
        assert_same_members(&ours["info"], &theirs["info"], "info");
        assert_eq!((&ours["openapi"], &ours["info"]["version"]), (&theirs["openapi"], &theirs["info"]["version"]));
        for (path, methods) in theirs["paths"].as_object().unwrap() {
            let operation = &ours["paths"][path]["get"];
            assert_same_members(operation, &methods["get"], path);
            assert_eq!(operation["operationId"], methods["get"]["operationId"], "{path}");
            assert_eq!(parameters(&ours, operation), parameters(&theirs, &methods["get"]), "{version} {path}");
            let statuses = |operation: &Value| operation["responses"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(statuses(operation), statuses(&methods["get"]), "{path}");
        }
    }
}

#[tokio::test]
async fn exports_in_csv_have_the_recorded_shape() {
    let portal = Portal::new().await;
    for sample in ["data-public-trees-csv", "data-property-tax-report"] {
        let Some(text) = recorded(&format!("vancouver-v2.1/{sample}.body.csv")) else { continue };
        let ours = portal.get(&format!("{CALENDAR}/exports/csv?with_bom=false&select=%2A&limit=5")).await.text();
        for text in [&ours, &text] {
            let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
            let width = reader.headers().unwrap().len();
            assert!(width > 1 && reader.records().map(|row| row.unwrap().len()).all(|length| length == width), "{sample}");
        }
        assert_eq!(ours.lines().count(), 6);
        assert_eq!(ours.contains("\r\n"), text.contains("\r\n"), "{sample}: ends of lines");
    }
}

#[tokio::test]
async fn a_file_has_the_recorded_fields_in_answer_to_head() {
    let Some(text) = recorded("headers/lillemetropole-2022-12-06.alternative_export.head.txt") else { return };
    let (_, head) = text.split_once("HTTP/2 200\n").expect("an answer");
    let theirs: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let portal = Portal::new().await;
    let answer = portal.ask("HEAD", &format!("/api/datasets/1.0/{ANNUAIRE}/alternative_exports/lot_zip"), &[], "").await;
    assert!(answer.status == 200 && answer.body.is_empty());
    // Of 2022; later answers of other portals no longer have them, and tell which fields scripts may read.
    let of_2022 = ["pragma", "expires", "x-xss-protection", "content-security-policy"];
    let since = ["access-control-expose-headers", "connection"];
    let mut names: Vec<&str> = theirs.iter().map(|(name, _)| *name).filter(|name| !of_2022.contains(name)).chain(since).collect();
    names.sort_unstable();
    assert_eq!(answer.names(), names);
    let fixed =
        ["content-type", "cache-control", "vary", "access-control-allow-origin", "access-control-allow-methods", "x-content-type-options"];
    for (name, value) in theirs.iter().filter(|(name, _)| fixed.contains(name)) {
        assert_eq!(answer.field(name), *value, "{name}");
    }
    assert!(answer.field("content-length").parse::<usize>().is_ok_and(|length| length > 0));
    assert_eq!(answer.field("content-disposition"), "attachment; filename=\"lot.zip\"");
    let (limit, left) = (answer.field("x-ratelimit-limit"), answer.field("x-ratelimit-remaining"));
    assert_eq!(limit.parse::<u64>().unwrap() - 1, left.parse::<u64>().unwrap(), "the first call of the day, and it counts");
}
