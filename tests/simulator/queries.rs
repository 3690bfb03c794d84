//! Questions to the two main datasets, whose answers are counted again here from an export of everything.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::client::{CALENDAR, DIRECTORY, Portal, V21};

/// The columns of the directory that are counted by.
const COLUMNS: &str = "identifiant_de_l_etablissement,nom_etablissement,type_etablissement,statut_public_prive,code_postal,nom_commune,\
                       code_departement,libelle_academie,libelle_region,code_nature,sections,nombre_d_eleves,latitude,longitude,position,\
                       date_ouverture,web";

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn all(target: String) -> Vec<Value> {
    match Portal::new().await.json(&target).await {
        Value::Array(rows) => rows,
        other => panic!("{other}"),
    }
}

async fn schools() -> &'static [Value] {
    static SCHOOLS: OnceCell<Vec<Value>> = OnceCell::const_new();
    SCHOOLS.get_or_init(|| all(format!("{DIRECTORY}/exports/json?select={COLUMNS}"))).await
}

async fn holidays() -> &'static [Value] {
    static HOLIDAYS: OnceCell<Vec<Value>> = OnceCell::const_new();
    HOLIDAYS.get_or_init(|| all(format!("{CALENDAR}/exports/json"))).await
}

/// A condition, and what it means to a row.
type Case = (&'static str, fn(&Value) -> bool);

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or(f64::NAN)
}

fn teaches(row: &Value, section: &str) -> bool {
    row["sections"].as_array().is_some_and(|sections| sections.iter().any(|one| one == section))
}

fn metres(row: &Value, lat: f64, lon: f64) -> f64 {
    let (other_lat, other_lon) = (row["position"]["lat"].as_f64().unwrap_or(f64::NAN), row["position"]["lon"].as_f64().unwrap_or(f64::NAN));
    let (a, b) = (lat.to_radians(), other_lat.to_radians());
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    2.0 * 6_371_000.0 * (half(b - a) + a.cos() * b.cos() * half((other_lon - lon).to_radians())).sqrt().asin()
}

async fn assert_counted(path: &str, rows: &[Value], cases: &[Case]) {
    let portal = Portal::new().await;
    for (condition, holds) in cases {
        let expected = rows.iter().filter(|row| holds(row)).count();
        assert!(expected > 0 && expected < rows.len(), "{condition} tells rows apart: {expected}");
        let answer = portal.json(&format!("{path}/records?limit=100&where={}", encoded(condition))).await;
        assert_eq!(answer["total_count"], expected, "{condition}");
        let page = answer["results"].as_array().expect("rows");
        assert_eq!(page.len(), expected.min(100), "{condition}");
        assert!(page.iter().all(holds), "{condition}");
    }
}

#[tokio::test]
async fn conditions_on_the_directory_hold_where_they_should() {
    let cases: &[Case] = &[
        ("libelle_academie=\"Lille\"", |row| text(row, "libelle_academie") == "Lille"),
        ("libelle_academie : 'Lille'", |row| text(row, "libelle_academie") == "Lille"),
        ("`libelle_academie` != \"Lille\"", |row| text(row, "libelle_academie") != "Lille"),
        ("NOT libelle_academie=\"Lille\"", |row| text(row, "libelle_academie") != "Lille"),
        ("nombre_d_eleves > 1000", |row| number(row, "nombre_d_eleves") > 1000.0),
        ("nombre_d_eleves <= 25", |row| number(row, "nombre_d_eleves") <= 25.0),
        ("1000 < nombre_d_eleves", |row| number(row, "nombre_d_eleves") > 1000.0),
        ("not nombre_d_eleves > 1000", |row| number(row, "nombre_d_eleves").is_nan() || number(row, "nombre_d_eleves") <= 1000.0),
        ("nombre_d_eleves in [100..120]", |row| (100.0..=120.0).contains(&number(row, "nombre_d_eleves"))),
        ("nombre_d_eleves in ]100 to 120[", |row| number(row, "nombre_d_eleves") > 100.0 && number(row, "nombre_d_eleves") < 120.0),
        ("nombre_d_eleves + 10 > 2 * 500", |row| number(row, "nombre_d_eleves") > 990.0),
        ("code_nature in (302, 306)", |row| [302.0, 306.0].contains(&number(row, "code_nature"))),
        ("code_departement in (\"075\", '059')", |row| ["075", "059"].contains(&text(row, "code_departement"))),
        ("web is null", |row| row["web"].is_null()),
        ("web is not null AND type_etablissement=\"Collège\"", |row| {
            !row["web"].is_null() && text(row, "type_etablissement") == "Collège"
        }),
        ("type_etablissement=\"EREA\" or type_etablissement=\"Lycée\" and statut_public_prive=\"Privé\"", |row| {
            text(row, "type_etablissement") == "EREA"
                || text(row, "type_etablissement") == "Lycée" && text(row, "statut_public_prive") == "Privé"
        }),
        ("(type_etablissement=\"EREA\" or type_etablissement=\"Lycée\") and statut_public_prive=\"Privé\"", |row| {
            ["EREA", "Lycée"].contains(&text(row, "type_etablissement")) && text(row, "statut_public_prive") == "Privé"
        }),
        ("nom_etablissement like \"maternelle\"", |row| text(row, "nom_etablissement").contains("maternelle")),
        ("nom_etablissement like \"lyc*\"", |row| text(row, "nom_etablissement").starts_with("Lycée")),
        ("startswith(code_postal, \"59\")", |row| text(row, "code_postal").starts_with("59")),
        ("\"Arts plastiques\" in sections", |row| teaches(row, "Arts plastiques")),
        ("sections=\"Théâtre\"", |row| teaches(row, "Théâtre")),
        ("length(nom_commune) < 9", |row| row["nom_commune"].is_string() && text(row, "nom_commune").chars().count() < 9),
        ("date_ouverture >= date'2010-05-01'", |row| text(row, "date_ouverture") >= "2010-05-01"),
        ("date_ouverture < \"1972\"", |row| text(row, "date_ouverture") < "1972"),
        ("date_ouverture = date'1999/03'", |row| text(row, "date_ouverture").starts_with("1999-03")),
        ("year(date_ouverture) = 2001", |row| text(row, "date_ouverture").starts_with("2001")),
        ("within_distance(position, geom'POINT(2.35 48.85)', 10km)", |row| metres(row, 48.85, 2.35) <= 10_000.0),
        ("in_bbox(position, 45, 3, 46, 5)", |row| {
            let (lat, lon) = (number(row, "latitude"), number(row, "longitude"));
            (45.0..=46.0).contains(&lat) && (3.0..=5.0).contains(&lon)
        }),
    ];
    assert_counted(DIRECTORY, schools().await, cases).await;
    let portal = Portal::new().await;
    for nowhere in ["identifiant_de_l_etablissement is null", "startswith(nom_etablissement, \"lycée\")"] {
        let target = format!("{DIRECTORY}/records?where={}", encoded(nowhere));
        assert_eq!(portal.json(&target).await, json!({"total_count": 0, "results": []}), "{nowhere}");
    }
}

#[tokio::test]
async fn conditions_on_the_calendar_hold_where_they_should() {
    let cases: &[Case] = &[
        ("zones=\"Zone A\" and annee_scolaire=\"2024-2025\"", |row| {
            text(row, "zones") == "Zone A" && text(row, "annee_scolaire") == "2024-2025"
        }),
        ("start_date<=\"2026-01-01\" and end_date>\"2026-01-01\"", |row| {
            text(row, "start_date") < "2026-01-02" && text(row, "end_date") > "2026-01-02"
        }),
        ("start_date >= date'2025-07-01T00:00:00+02:00'", |row| text(row, "start_date") >= "2025-06-30T22:00:00"),
        ("month(start_date)=10", |row| &text(row, "start_date")[5..7] == "10"),
        ("date_format(start_date, 'YYYY-MM')='2024-12'", |row| text(row, "start_date").starts_with("2024-12")),
        ("description like \"vacances hiver\"", |row| text(row, "description") == "Vacances d'Hiver"),
        ("\"noel\"", |row| text(row, "description") == "Vacances de Noël"),
        ("search(description, \"printemp\")", |row| text(row, "description") == "Vacances de Printemps"),
        ("suggest(description, \"asc\")", |row| text(row, "description") == "Pont de l'Ascension"),
        ("search(\"toussaint bordeau\")", |row| {
            text(row, "description") == "Vacances de la Toussaint" && text(row, "location") == "Bordeaux"
        }),
    ];
    assert_counted(CALENDAR, holidays().await, cases).await;
}

#[tokio::test]
async fn repeated_conditions_all_hold() {
    let portal = Portal::new().await;
    let both = "where=zones=%22Zone%20A%22&where=population=%22Enseignants%22";
    let expected = holidays().await.iter().filter(|row| text(row, "zones") == "Zone A" && text(row, "population") == "Enseignants").count();
    assert_eq!(portal.json(&format!("{CALENDAR}/records?{both}")).await["total_count"], expected);
    let in_the_old_language = format!("{CALENDAR}/records?where=zones=%22Zone%20A%22&qv1=population:Enseignants");
    assert_eq!(portal.json(&in_the_old_language).await["total_count"], expected);
}

#[tokio::test]
async fn refinements_choose_and_rule_out() {
    let portal = Portal::new().await;
    let cases: &[Case] = &[
        ("refine=zones:Zone%20A", |row| text(row, "zones") == "Zone A"),
        ("refine=zones:%22Zone%20A%22", |row| text(row, "zones") == "Zone A"),
        ("refine=zones:Zone%20A&refine=zones:Zone%20C", |row| ["Zone A", "Zone C"].contains(&text(row, "zones"))),
        ("refine=zones:Zone%20A&refine=location:Bordeaux", |row| text(row, "zones") == "Zone A" && text(row, "location") == "Bordeaux"),
        ("exclude=population:Enseignants", |row| text(row, "population") != "Enseignants"),
        ("exclude=population:Enseignants&exclude=population:-", |row| text(row, "population") == "Élèves"),
        ("refine=start_date:2024", |row| text(row, "start_date").starts_with("2024")),
        ("refine=start_date:2024/12", |row| text(row, "start_date").starts_with("2024-12")),
    ];
    for (query, holds) in cases {
        let expected = holidays().await.iter().filter(|row| holds(row)).count();
        assert!(expected > 0, "{query}");
        assert_eq!(portal.json(&format!("{CALENDAR}/records?limit=0&{query}")).await["total_count"], expected, "{query}");
        assert_eq!(portal.json(&format!("{CALENDAR}/exports/json?{query}")).await.as_array().map(Vec::len), Some(expected), "{query}");
    }
    // Not disjunctive, so nothing is both; the request may wish it otherwise.
    let both = format!("{DIRECTORY}/records?limit=0&refine=statut_public_prive:Public&refine=statut_public_prive:Priv%C3%A9");
    assert_eq!(portal.json(&both).await["total_count"], 0);
    let either = format!("{both}&facet=facet(name=%22statut_public_prive%22,disjunctive=true)");
    assert_eq!(portal.json(&either).await["total_count"], schools().await.len());
}

#[tokio::test]
async fn facets_count_the_rows_and_say_what_is_chosen() {
    let portal = Portal::new().await;
    let answer = portal.json(&format!("{CALENDAR}/facets?facet=zones&refine=population:Enseignants&exclude=zones:Zone%20B")).await;
    let mut expected = BTreeMap::<&str, u64>::new();
    for row in holidays().await.iter().filter(|row| text(row, "population") == "Enseignants" && text(row, "zones") != "Zone B") {
        *expected.entry(text(row, "zones")).or_default() += 1;
    }
    assert_eq!(answer["facets"][0]["name"], "zones");
    let values = answer["facets"][0]["facets"].as_array().unwrap();
    let counted: BTreeMap<&str, u64> = values.iter().map(|value| (text(value, "name"), value["count"].as_u64().unwrap())).collect();
    assert_eq!(counted, expected);
    let counts: Vec<u64> = values.iter().map(|value| value["count"].as_u64().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "most frequent first");
    assert!(values.iter().all(|value| value["state"] == "displayed" && value["value"] == value["name"]));
    let links = answer["links"].as_array().unwrap();
    assert!(links.iter().all(|link| text(link, "href").starts_with("http://portail.example/api/explore/v2.1/catalog/datasets/")));

    let dated = portal.json(&format!("{CALENDAR}/facets?facet=start_date&refine=start_date:2024")).await;
    let year = &dated["facets"][0]["facets"][0];
    assert_eq!((&year["name"], &year["state"]), (&json!("2024"), &json!("refined")));
    assert_eq!(text(&year["facets"][0], "value").len(), "2024/01".len());
}

#[tokio::test]
async fn rows_are_ordered_with_nulls_last_and_pages_follow_one_another() {
    let portal = Portal::new().await;
    let path = format!("{DIRECTORY}/records?select=identifiant_de_l_etablissement,nombre_d_eleves&refine=libelle_academie:Corse");
    for direction in ["asc", "desc"] {
        let mut rows = Vec::new();
        loop {
            let target = format!("{path}&order_by=nombre_d_eleves%20{direction}&limit=100&offset={}", rows.len());
            let page = portal.json(&target).await;
            rows.extend(page["results"].as_array().unwrap().iter().cloned());
            if rows.len() as u64 >= page["total_count"].as_u64().unwrap() {
                break;
            }
        }
        assert!(rows.len() > 100 && rows.iter().any(|row| row["nombre_d_eleves"].is_null()));
        let numbers: Vec<Option<i64>> = rows.iter().map(|row| row["nombre_d_eleves"].as_i64()).collect();
        let key = |number: &Option<i64>| (number.is_none(), number.map(|n| if direction == "asc" { n } else { -n }));
        assert!(numbers.is_sorted_by_key(key), "{direction}");
        let mut ids: Vec<&str> = rows.iter().map(|row| text(row, "identifiant_de_l_etablissement")).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rows.len(), "no row twice");
    }
    let order = async |seed: &str| portal.json(&format!("{path}&order_by=random({seed})&limit=50")).await["results"].clone();
    assert_eq!(order("1").await, order("1").await);
    assert_ne!(order("1").await, order("2").await);
}

#[tokio::test]
async fn groups_are_counted_summed_and_bounded() {
    let portal = Portal::new().await;
    let select = "count(*)%20as%20n,sum(nombre_d_eleves)%20as%20s,avg(nombre_d_eleves)%20as%20a,min(nombre_d_eleves)%20as%20least,\
                  max(nombre_d_eleves)%20as%20most,count(distinct%20code_departement)%20as%20d";
    let answer = portal.json(&format!("{DIRECTORY}/records?group_by=libelle_region&select={select}&limit=100")).await;
    let mut expected = BTreeMap::<&str, Vec<&Value>>::new();
    for row in schools().await {
        expected.entry(text(row, "libelle_region")).or_default().push(row);
    }
    let groups = answer["results"].as_array().unwrap();
    assert_eq!((groups.len(), &answer["total_count"]), (expected.len(), &json!(expected.len())));
    for group in groups {
        let rows = &expected[text(group, "libelle_region")];
        let numbers: Vec<f64> = rows.iter().filter_map(|row| row["nombre_d_eleves"].as_f64()).collect();
        let departments: std::collections::BTreeSet<&str> = rows.iter().map(|row| text(row, "code_departement")).collect();
        assert_eq!((group["n"].as_u64(), group["d"].as_u64()), (Some(rows.len() as u64), Some(departments.len() as u64)));
        let sum: f64 = numbers.iter().sum();
        assert_eq!(group["s"].as_f64(), Some(sum));
        assert!((group["a"].as_f64().unwrap() - sum / numbers.len() as f64).abs() < 1e-6);
        assert_eq!(group["least"].as_f64(), numbers.iter().copied().reduce(f64::min));
        assert_eq!(group["most"].as_f64(), numbers.iter().copied().reduce(f64::max));
    }
    let ordered = portal.json(&format!("{DIRECTORY}/records?group_by=libelle_region&select=count(*)%20as%20n&order_by=n%20desc")).await;
    let counts: Vec<u64> = ordered["results"].as_array().unwrap().iter().map(|group| group["n"].as_u64().unwrap()).collect();
    assert!(counts.len() == 10 && counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
}

#[tokio::test]
async fn a_group_is_named_by_its_expression_and_null_is_one_since_v2_1() {
    let portal = Portal::new().await;
    let answer = portal.json(&format!("{CALENDAR}/records?group_by=year(start_date)&select=count(*)&limit=100")).await;
    let first = answer["results"][0].as_object().unwrap();
    assert_eq!(first.keys().collect::<Vec<_>>(), ["year(start_date)", "count(*)"]);
    assert!(first["year(start_date)"].is_u64(), "a number in v2.1");
    let total: u64 = answer["results"].as_array().unwrap().iter().map(|group| group["count(*)"].as_u64().unwrap()).sum();
    assert_eq!(total, holidays().await.len() as u64);

    let old = "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire/records?group_by=year(start_date)&select=count(*)";
    assert!(portal.json(old).await["records"][0]["year(start_date)"].is_string(), "a text in v2.0");

    let nullable = "datasets/fr-en-annuaire-education/records?group_by=ecole_maternelle&select=count(*)%20as%20n";
    let new = portal.json(&format!("{V21}/{nullable}")).await["results"].clone();
    let old = portal.json(&format!("/api/v2/catalog/{nullable}")).await["records"].clone();
    assert!(new[0]["ecole_maternelle"].is_null() && new[0]["n"].as_u64() > Some(0), "{new}");
    assert_eq!(old.as_array().unwrap()[..], new.as_array().unwrap()[1..], "in v2.0 null is no group");
}

#[tokio::test]
async fn an_aggregate_without_groups_is_repeated_on_every_row() {
    let portal = Portal::new().await;
    let answer = portal.json(&format!("{DIRECTORY}/records?select=count(*)%20as%20total&limit=3")).await;
    let total = schools().await.len();
    assert_eq!(answer, json!({"total_count": total, "results": [{"total": total}, {"total": total}, {"total": total}]}));
    let empty = portal.json(&format!("{DIRECTORY}/records?select=count(*)%20as%20total&limit=1&where=web=%22none%22")).await;
    assert_eq!(empty, json!({"total_count": 0, "results": []}));
}

#[tokio::test]
async fn select_chooses_names_and_computes() {
    let portal = Portal::new().await;
    let first =
        async |select: &str| portal.json(&format!("{CALENDAR}/records?limit=1&select={}", encoded(select))).await["results"][0].clone();
    let names = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first("zones,location").await), ["zones", "location"]);
    assert_eq!(
        names(&first("exclude(start_date), exclude(end_date)").await),
        ["description", "population", "location", "zones", "annee_scolaire"]
    );
    assert_eq!(portal.get(&format!("{CALENDAR}/records?select=include(*_date)")).await.status, 400, "a star stands behind a prefix alone");
    assert_eq!(names(&first("include(start*), zones").await), ["start_date", "zones"]);
    let computed = first("length(zones) as l, year(start_date) + 1 as y, lower(zones) as z, 1/0 as none").await;
    assert_eq!((&computed["l"], &computed["z"], &computed["none"]), (&json!(6), &json!("zone b"), &Value::Null));
    assert!(computed["y"].as_f64().is_some_and(|year| year > 2017.0));
}

#[tokio::test]
async fn language_and_time_zone_change_bytes() {
    let portal = Portal::new().await;
    let target = format!("{CALENDAR}/records?limit=1&where=description=%22Vacances%20de%20la%20Toussaint%22&order_by=start_date");
    let start = async |query: &str| portal.json(&format!("{target}{query}")).await["results"][0]["start_date"].as_str().unwrap().to_owned();
    let (utc, paris) = (start("").await, start("&timezone=Europe/Paris").await);
    assert_eq!(start("&timezone=UTC").await, utc);
    assert!(utc.ends_with("T22:00:00+00:00") && paris.ends_with("T00:00:00+02:00"), "{utc} {paris}");
    let word = async |query: &str| {
        portal.json(&format!("{target}&select=date_format(start_date,'MMMM')%20as%20m{query}")).await["results"][0]["m"].clone()
    };
    assert_eq!((word("").await, word("&lang=en").await), (json!("octobre"), json!("October")));

    let dataset = async |fields: &[(&str, &str)], query: &str| portal.get_with(&format!("{CALENDAR}{query}"), fields).await;
    let english = dataset(&[("Accept-Language", "en-GB, fr;q=0.5")], "").await;
    let french = dataset(&[("Accept-Language", "en-GB, fr;q=0.5")], "?lang=fr").await;
    assert_eq!((english.field("content-language"), french.field("content-language")), ("en", "fr"));
    assert_eq!(french.body, dataset(&[], "").await.body);
    assert_eq!(english.body, dataset(&[], "?lang=en").await.body);
    assert_eq!(english.json()["metas"]["default"]["title"], "School calendar");
}

#[tokio::test]
async fn the_catalogue_is_queried_like_a_dataset() {
    let portal = Portal::new().await;
    let whole = portal.json(&format!("{V21}/datasets?limit=100")).await;
    let datasets = whole["results"].as_array().unwrap();
    assert!(datasets.len() >= 60 && whole["total_count"] == datasets.len());
    let count = |holds: fn(&Value) -> bool| datasets.iter().filter(|dataset| holds(&dataset["metas"]["default"])).count();
    for (query, expected) in [
        ("where=records_count>1000", count(|metas| metas["records_count"].as_u64().unwrap() > 1000)),
        ("where=data_processed%20is%20null", count(|metas| metas["data_processed"].is_null())),
        ("where=default.publisher%20like%20%22direction%22", count(|metas| text(metas, "publisher").starts_with("Direction"))),
        ("refine=theme:R%C3%A9sultats", count(|metas| metas["theme"] == json!(["Résultats"]))),
        ("where=dataset_id%20in%20(%22fr-en-annuaire-education%22,%22fr-en-calendrier-scolaire%22)", 2),
    ] {
        assert!(expected > 0, "{query}");
        assert_eq!(portal.json(&format!("{V21}/datasets?limit=0&{query}")).await["total_count"], expected, "{query}");
    }
    let look = portal.json(&format!("{V21}/datasets?select=dataset_id,data_processed&limit=100")).await;
    let exported = portal.json(&format!("{V21}/exports/json?select=dataset_id,data_processed")).await;
    assert_eq!(look["results"], exported);
    for (row, dataset) in exported.as_array().unwrap().iter().zip(datasets) {
        assert_eq!((&row["dataset_id"], &row["data_processed"]), (&dataset["dataset_id"], &dataset["metas"]["default"]["data_processed"]));
    }
    let linked = portal.json(&format!("{V21}/datasets?limit=1&include_links=true")).await;
    assert!(linked["_links"].is_array() && linked["results"][0]["_links"].is_array());
    assert!(whole["_links"].is_null() && datasets[0]["_links"].is_null());
}
