//! Analyses of v1, against what the later version aggregates and what the rows themselves say.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::client::{Answer, CALENDAR, DIRECTORY, Portal, V21};

const ANALYZE: &str = "/api/records/1.0/analyze/";
const SCHOOLS: &str = "dataset=fr-en-annuaire-education";
const HOLIDAYS: &str = "dataset=fr-en-calendrier-scolaire";
const AGENDA: &str = "fr-en-agenda-internats";

fn points(value: &Value) -> &[Value] {
    value.as_array().expect("a list of points")
}

fn close(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() <= other.abs() * 1e-12,
        _ => one == other,
    }
}

async fn analyze(portal: &Portal, query: &str) -> Value {
    portal.json(&format!("{ANALYZE}?{query}")).await
}

#[tokio::test]
async fn series_are_the_aggregates_of_the_later_version() {
    let portal = Portal::new().await;
    let functions = [
        ("AVG", "avg(nombre_d_eleves)"),
        ("SUM", "sum(nombre_d_eleves)"),
        ("MIN", "min(nombre_d_eleves)"),
        ("MAX", "max(nombre_d_eleves)"),
        ("COUNT", "count(*)"),
    ];
    let mut query = format!("{SCHOOLS}&x=libelle_academie&y.median.func=QUANTILES&y.median.expr=nombre_d_eleves&y.median.subsets=50,90");
    for (name, _) in functions {
        query += &format!("&y.{name}.func={name}&y.{name}.expr=nombre_d_eleves");
    }
    let select = functions.map(|(name, call)| format!("{call} as {}", name.to_lowercase())).join(",");
    let select = format!("{select},percentile(nombre_d_eleves,50) as p50,percentile(nombre_d_eleves,90) as p90");
    let select = utf8_percent_encode(&select, NON_ALPHANUMERIC);
    for filter in [
        ("", ""),
        (
            "&refine.type_etablissement=Lyc%C3%A9e&q=libelle_region:Normandie",
            "&refine=type_etablissement:Lyc%C3%A9e&where=libelle_region%20like%20%22Normandie%22",
        ),
    ] {
        let old = analyze(&portal, &format!("{query}{}", filter.0)).await;
        let new = portal.json(&format!("{DIRECTORY}/records?group_by=libelle_academie&limit=100&select={select}{}", filter.1)).await;
        let new = points(&new["results"]);
        assert!(!new.is_empty() && points(&old).len() == new.len());
        for (old, new) in points(&old).iter().zip(new) {
            assert_eq!(old["x"], new["libelle_academie"]);
            for (name, _) in functions {
                assert!(close(&old[name], &new[name.to_lowercase()]), "{name}: {old} {new}");
            }
            assert!(close(&old["median"]["50.0"], &new["p50"]) && close(&old["median"]["90.0"], &new["p90"]), "{old} {new}");
        }
    }
}

#[tokio::test]
async fn deviation_squares_and_formulas_are_of_the_rows() {
    let portal = Portal::new().await;
    let rows = portal.json(&format!("{DIRECTORY}/exports/json?select=code_nature,nombre_d_eleves")).await;
    let mut numbers: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for row in points(&rows) {
        let entry = numbers.entry(row["code_nature"].as_i64().unwrap()).or_default();
        entry.extend(row["nombre_d_eleves"].as_f64());
    }
    let query = "x=code_nature&y.d.func=STDDEV&y.d.expr=nombre_d_eleves&y.s.func=SUMSQUARES&y.s.expr=nombre_d_eleves\
                 &y.f.func=AVG&y.f.expr=sqrt(nombre_d_eleves)*2%2B1";
    let answer = analyze(&portal, &format!("{SCHOOLS}&{query}")).await;
    assert_eq!(points(&answer).len(), numbers.len());
    for (point, (code, numbers)) in points(&answer).iter().zip(&numbers) {
        assert_eq!(point["x"], *code, "ascending");
        if numbers.is_empty() {
            assert_eq!(point.as_object().unwrap().keys().collect::<Vec<_>>(), ["x"], "nothing to compute is no member");
            continue;
        }
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let deviation = (numbers.iter().map(|number| number * number).sum::<f64>() / count - mean * mean).sqrt();
        assert!((point["d"].as_f64().unwrap() - deviation).abs() < 1e-6);
        assert_eq!(point["s"].as_f64().unwrap(), numbers.iter().map(|number| number * number).sum::<f64>());
        let formula = numbers.iter().map(|number| number.sqrt() * 2.0 + 1.0).sum::<f64>() / count;
        assert!((point["f"].as_f64().unwrap() - formula).abs() < 1e-9);
    }
    assert!(numbers.values().any(Vec::is_empty));
}

#[tokio::test]
async fn order_maximum_and_running_sum_apply_in_this_order() {
    let portal = Portal::new().await;
    let query = format!("{SCHOOLS}&x=libelle_region&y.n.func=COUNT&y.sum.func=COUNT&y.sum.cumulative=true");
    let by_name = analyze(&portal, &query).await;
    assert!(points(&by_name).is_sorted_by_key(|point| point["x"].as_str()));
    let total: u64 = points(&by_name).iter().map(|point| point["n"].as_u64().unwrap()).sum();
    assert_eq!(portal.json(&format!("{DIRECTORY}/records?limit=0")).await["total_count"], total);
    assert_eq!(points(&by_name).last().unwrap()["sum"], total);
    for (sort, least_first) in [("n", false), ("-n", true), ("y.n", false)] {
        let sorted = analyze(&portal, &format!("{query}&sort={sort}")).await;
        assert!(points(&sorted).is_sorted_by(|a, b| if least_first {
            a["n"].as_u64() <= b["n"].as_u64()
        } else {
            a["n"].as_u64() >= b["n"].as_u64()
        }));
        let mut sum = 0;
        for point in points(&sorted) {
            sum += point["n"].as_u64().unwrap();
            assert_eq!(point["sum"], sum);
        }
        let few = analyze(&portal, &format!("{query}&sort={sort}&maxpoints=3")).await;
        assert_eq!(points(&few), &points(&sorted)[..3]);
    }
    let reversed = analyze(&portal, &format!("{query}&sort=x")).await;
    let names = |answer: &Value| points(answer).iter().map(|point| point["x"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&reversed), names(&by_name).into_iter().rev().collect::<Vec<_>>());
    assert_eq!(names(&analyze(&portal, &format!("{query}&sort=-x&maxpoints=0")).await), names(&by_name));
}

#[tokio::test]
async fn dates_are_cut_by_precision_by_period_and_by_named_parts() {
    let portal = Portal::new().await;
    let rows = portal.json(&format!("{V21}/datasets/{AGENDA}/exports/json?timezone=Europe/Paris")).await;
    let paris = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
    let starts: Vec<jiff::civil::DateTime> =
        points(&rows).iter().map(|row| paris.to_datetime(row["debut"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap())).collect();
    type Cut = fn(&jiff::civil::DateTime) -> Value;
    let cases: [(&str, Cut); 8] = [
        ("x=debut&precision=year", |at| json!({"year": at.year()})),
        ("x=debut&precision=month", |at| json!({"year": at.year(), "month": at.month()})),
        ("x=debut", |at| json!({"year": at.year(), "month": at.month(), "day": at.day()})),
        ("x=debut&precision=hour", |at| json!({"year": at.year(), "month": at.month(), "day": at.day(), "hour": at.hour()})),
        ("x=debut&periodic=weekday&precision=hour", |at| json!({"weekday": at.weekday().to_monday_zero_offset()})),
        ("x=debut&periodic=month", |at| json!({"month": at.month()})),
        ("x=debut.year&x=debut.month", |at| json!({"year": at.year(), "month": at.month()})),
        ("x=debut.weekday&x=debut.hour", |at| json!({"weekday": at.weekday().to_monday_zero_offset(), "hour": at.hour()})),
    ];
    for (x, cut) in cases {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for at in &starts {
            *counts.entry(cut(at).to_string()).or_default() += 1;
        }
        let answer = analyze(&portal, &format!("dataset={AGENDA}&{x}&y.n.func=COUNT&timezone=Europe/Paris")).await;
        let told: BTreeMap<String, usize> =
            points(&answer).iter().map(|point| (point["x"].to_string(), point["n"].as_u64().unwrap() as usize)).collect();
        assert_eq!(told, counts, "{x}");
        let utc = analyze(&portal, &format!("dataset={AGENDA}&{x}&y.n.func=COUNT")).await;
        let about_hours = x.contains("hour") && !x.contains("periodic");
        assert!(!about_hours || utc != answer, "{x}: the zone shows");
    }
    // A holiday begins at midnight of Paris, which is the day before in UTC.
    let days = async |zone: &str| analyze(&portal, &format!("{HOLIDAYS}&x=start_date&y.n.func=COUNT&maxpoints=1&timezone={zone}")).await;
    assert_eq!(days("UTC").await[0]["x"]["day"].as_i64().unwrap() + 1, days("Europe/Paris").await[0]["x"]["day"].as_i64().unwrap());
    let chart =
        analyze(&portal, &format!("dataset={AGENDA}&x=debut.year&x=debut.month&y.n.func=COUNT&sort=x.debut.year,x.debut.month")).await;
    assert!(points(&chart).is_sorted_by_key(|point| (point["x"]["year"].as_i64(), point["x"]["month"].as_i64())), "as charts need it");
}

#[tokio::test]
async fn several_fields_make_an_object_and_several_values_several_slices() {
    let portal = Portal::new().await;
    let both = analyze(&portal, &format!("{HOLIDAYS}&x=zones&x=population&y.n.func=COUNT")).await;
    let grouped = portal.json(&format!("{CALENDAR}/records?group_by=zones,population&select=count(*)%20as%20n&limit=100")).await;
    let told: Vec<Value> = points(&both)
        .iter()
        .map(|point| json!({"zones": point["x"]["zones"], "population": point["x"]["population"], "n": point["n"]}))
        .collect();
    assert_eq!(json!(told), grouped["results"]);
    let sections = analyze(&portal, &format!("{SCHOOLS}&x=sections&y.n.func=COUNT")).await;
    let facets = portal.json(&format!("{DIRECTORY}/facets?facet=facet(name=%22sections%22,sort=%22alphanum%22)")).await;
    let told: Vec<(&Value, &Value)> = points(&sections).iter().map(|point| (&point["x"], &point["n"])).collect();
    let counted = points(&facets["facets"][0]["facets"]);
    assert_eq!(told, counted.iter().map(|value| (&value["name"], &value["count"])).collect::<Vec<_>>());
}

#[tokio::test]
async fn formats_hold_the_same_points() {
    let portal = Portal::new().await;
    let query = format!(
        "{ANALYZE}?{HOLIDAYS}&x=zones&x=start_date.year&y.n.func=COUNT&y.q.func=QUANTILES&y.q.subsets=25,75&y.q.expr=time(end_date)"
    );
    let plain = portal.get(&query).await;
    let wrapped = portal.get(&format!("{query}&format=jsonp&callback=f")).await;
    assert_eq!(wrapped.text(), format!("f({});", plain.text()));
    let csv = portal.get(&format!("{query}&format=csv&csv_separator=%7C")).await;
    assert_eq!(csv.field("content-type"), "text/csv; charset=utf-8");
    let mut lines = csv.text();
    lines.truncate(lines.trim_end().len());
    let mut lines = lines.lines();
    assert_eq!(lines.next(), Some("x.zones|x.start_date.year|n|q.25.0|q.75.0"));
    for (line, point) in lines.zip(points(&plain.json())) {
        let (x, q) = (&point["x"], &point["q"]);
        let expected = format!("{}|{}|{}|{}|{}", x["zones"].as_str().unwrap(), x["start_date"]["year"], point["n"], q["25.0"], q["75.0"]);
        assert_eq!(line, expected);
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_says_so_and_only_that_one() {
    let portal = Portal::new().await;
    let get = async |query: &str| -> Answer { portal.get(&format!("{ANALYZE}?{SCHOOLS}&y.n.func=COUNT&{query}")).await };
    let cut = get("x=identifiant_de_l_etablissement").await;
    assert_eq!((cut.field("ods-analyze-truncated"), points(&cut.json()).len()), ("true", 10_000));
    for query in [
        "x=identifiant_de_l_etablissement&maxpoints=20",
        "x=libelle_region",
        "x=identifiant_de_l_etablissement&refine.code_departement=048",
    ] {
        assert_eq!(get(query).await.field("ods-analyze-truncated"), "", "{query}");
    }
}

#[tokio::test]
async fn every_parameter_shows_and_no_order_of_names_does() {
    let portal = Portal::new().await;
    let base = "x=libelle_academie&y.a.func=AVG&y.a.expr=nombre_d_eleves&y.b.func=COUNT";
    let one = portal.get(&format!("{ANALYZE}?{SCHOOLS}&{base}")).await.body;
    let turned = "y.b.func=%43OUNT&y.a.expr=nombre_d_eleves&apikey=valid-1&y.a.func=AVG&x=libelle_academie";
    assert_eq!(one, portal.get(&format!("/api/records/1.0/analyze?{turned}&{SCHOOLS}")).await.body);
    for change in [
        "q=college",
        "refine.etat=OUVERT",
        "exclude.etat=OUVERT",
        "geofilter.distance=48.85,2.35,20000",
        "geofilter.polygon=(45,3),(45,5),(46,5),(46,3)",
        "geofilter.bbox=45,3,46,5",
        "maxpoints=2",
        "sort=b",
        "y.c.func=COUNT",
        "y.b.cumulative=true",
        "format=csv",
        "x=etat",
        "pretty_print=true",
    ] {
        assert_ne!(one, portal.get(&format!("{ANALYZE}?{SCHOOLS}&{base}&{change}")).await.body, "{change}");
    }
}

#[tokio::test]
async fn what_cannot_be_analysed_is_refused_in_one_member() {
    let portal = Portal::new().await;
    for query in [
        "",
        "x=",
        "x=nothing",
        "x=zones.year",
        "x=start_date.fortnight",
        "x=zones&y.n.func=MEDIAN",
        "x=zones&y.n.func=SUM",
        "x=zones&y.n.func=SUM&y.n.expr=zones",
        "x=zones&y.n.func=SUM&y.n.expr=(1",
        "x=zones&sort=nothing",
        "x=zones&maxpoints=many",
        "x=start_date&precision=century",
        "x=zones&y.n.func=QUANTILES&y.n.expr=1&y.n.subsets=101",
        "x=zones&format=rss",
    ] {
        let answer = portal.get(&format!("{ANALYZE}?{HOLIDAYS}&{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json().as_object().unwrap().keys().collect::<Vec<_>>(), ["error"], "{query}");
    }
}
