//! The oracle: for every rule by which two spellings become one, on every endpoint it applies to, the portal's bytes for the raw query are
//! its bytes for the canonical one, echoes included. The portal in a box answers from the raw query, with a parser of its own.

use std::collections::BTreeSet;

use preau::request::endpoint::{ApiVersion, Endpoint, Family, classify};
use preau::request::query::rules::{Action, Rule, TABLE};
use preau::request::query::{RawQuery, RuleSwitches, canonicalise};
use preau::simulator::{self, Settings};

use super::http;

const ID: &str = "fr-en-calendrier-scolaire";
/// Of the datasets, one in three has files.
const WITH_FILES: &str = "fr-en-annuaire-education";

/// A path of the family, for a format where it is an export's.
fn path(version: ApiVersion, family: Family, format: &str) -> String {
    let base = match version {
        ApiVersion::V2_1 => "/api/explore/v2.1",
        ApiVersion::V2_0 => "/api/explore/v2.0",
        ApiVersion::V1 | ApiVersion::Other => return path_of_v1(version, family),
    };
    let below = match family {
        Family::Navigation => "".into(),
        Family::ApiDescription => "/swagger.json".into(),
        Family::Catalog => "/catalog/datasets".into(),
        Family::CatalogFacets => "/catalog/facets".into(),
        Family::CatalogAggregates => "/catalog/aggregates".into(),
        Family::CatalogExportList => "/catalog/exports".into(),
        Family::CatalogExport => format!("/catalog/exports/{format}"),
        Family::Assets => "/catalog/assets".into(),
        Family::MetadataTemplates => "/catalog/metadata_templates".into(),
        Family::Dataset => format!("/catalog/datasets/{ID}"),
        Family::Records => format!("/catalog/datasets/{ID}/records"),
        Family::Record => format!("/catalog/datasets/{ID}/records/RECORD"),
        Family::Facets => format!("/catalog/datasets/{ID}/facets"),
        Family::Aggregates => format!("/catalog/datasets/{ID}/aggregates"),
        Family::ExportList => format!("/catalog/datasets/{ID}/exports"),
        Family::Export => format!("/catalog/datasets/{ID}/exports/{format}"),
        Family::AttachmentList => format!("/catalog/datasets/{ID}/attachments"),
        Family::Attachment => format!("/catalog/datasets/{WITH_FILES}/attachments/guide_pdf"),
        other => panic!("{version} has no {other}"),
    };
    format!("{base}{below}")
}

fn path_of_v1(version: ApiVersion, family: Family) -> String {
    match (version, family) {
        (ApiVersion::Other, Family::Download) => format!("/explore/dataset/{ID}/download"),
        (ApiVersion::Other, Family::File) => "/explore/dataset/fr-en-galerie-des-etablissements/files/FILE/download/".into(),
        (_, Family::Catalog) => "/api/datasets/1.0/search".into(),
        (_, Family::Dataset) => format!("/api/datasets/1.0/{ID}"),
        (_, Family::Record) => format!("/api/datasets/1.0/{ID}/records/RECORD"),
        (_, Family::Records) => "/api/records/1.0/search".into(),
        (_, Family::Analyze) => "/api/records/1.0/analyze".into(),
        (_, Family::Download) => "/api/records/1.0/download".into(),
        (_, Family::Geo) => "/api/records/1.0/geocluster".into(),
        (_, Family::File) => format!("/api/datasets/1.0/{WITH_FILES}/images/illustration_png"),
        (_, other) => panic!("v1 has no {other}"),
    }
}

/// Families whose question must be answered: two refusals that are alike would show nothing.
fn must_answer(family: Family) -> bool {
    matches!(
        family,
        Family::Records | Family::Record | Family::Analyze | Family::Geo | Family::Download | Family::Attachment | Family::File
    )
}

/// A question that the endpoint understands, in several parameters.
fn question(endpoint: &Endpoint) -> &'static str {
    match (endpoint.version(), endpoint.family()) {
        (ApiVersion::V1, Family::Catalog) => "q=scolaire&rows=3&facet=language&lang=fr",
        (ApiVersion::V1, Family::Analyze) => {
            "dataset=fr-en-calendrier-scolaire&x=zones&x=start_date.year&y.n.func=COUNT&y.b.func=MAX&y.b.expr=time(end_date)&sort=-n&maxpoints=5\
             &q=vacances&timezone=Europe%2FParis"
        }
        (ApiVersion::V1, Family::Geo) => {
            "dataset=fr-en-equipements-internats&clusterprecision=6&clusterdistance=50&shapeprecision=4&y.s.func=AVG&y.s.expr=surface_m2\
             &refine.academie=Lille&refine.academie=Paris&q=ecole"
        }
        (ApiVersion::V1, _) | (ApiVersion::Other, _) => {
            "dataset=fr-en-calendrier-scolaire&rows=3&q=zone&facet=zones&facet=location&refine.zones=Zone+A&timezone=Europe%2FParis"
        }
        (_, Family::Catalog | Family::CatalogExport) => "select=dataset_id&limit=3&lang=fr&timezone=Europe%2FParis",
        (_, Family::Records | Family::Export) => "select=description%2Czones&limit=3&lang=fr&order_by=start_date&timezone=Europe%2FParis",
        (_, Family::Aggregates) => "select=count(*)+as+n&group_by=zones&limit=3&timezone=Europe%2FParis",
        (_, Family::Facets) => "facet=zones&facet=location&lang=fr&timezone=Europe%2FParis",
        _ => "lang=fr&timezone=Europe%2FParis",
    }
}

/// Spellings of a question that `action` has something to do with.
fn spellings(action: Action, endpoint: &Endpoint) -> Vec<String> {
    let asked = question(endpoint);
    let rows = matches!(endpoint.family(), Family::Records | Family::Export);
    let (one, other) =
        if rows { ("zones%3D%22Zone+A%22", "population%3D%22-%22") } else { ("dataset_id+like+%22fr%22", "dataset_id+like+%22en%22") };
    match action {
        // Every parameter once at the front and once at the back, those of one name in their order.
        Action::SortNames => {
            let pairs: Vec<&str> = asked.split('&').collect();
            let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
            let mut reversed = pairs.clone();
            reversed.sort_by_key(|pair| std::cmp::Reverse(name(pair)));
            let mut turned = pairs.clone();
            turned.rotate_left(1);
            let repeats =
                |pairs: &[&str], of: &str| pairs.iter().filter(|pair| name(pair) == of).map(|pair| (*pair).to_owned()).collect::<Vec<_>>();
            let stable = |spelled: &Vec<&str>| pairs.iter().all(|pair| repeats(spelled, &name(pair)) == repeats(&pairs, &name(pair)));
            [pairs.clone(), reversed, turned].iter().filter(|spelled| stable(spelled)).map(|spelled| spelled.join("&")).collect()
        }
        Action::DropIgnored(names, beginnings) => names
            .iter()
            .map(|name| (*name).to_owned())
            .chain(beginnings.iter().flat_map(|beginning| [format!("{beginning}source"), format!("{beginning}x")]))
            .flat_map(|name| [format!("{asked}&{name}=1"), format!("{name}=&{asked}")])
            .collect(),
        Action::DropDefaults(defaults) => defaults
            .iter()
            .map(|(name, value)| {
                let rest: Vec<&str> = asked.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect();
                format!("{}&{name}={}", rest.join("&"), value.replace(';', "%3B"))
            })
            .collect(),
        Action::SortRepeated(names) => names
            .iter()
            .flat_map(|name| {
                let (one, other) = match (*name, rows) {
                    ("where", _) => (one, other),
                    (_, true) => ("zones%3AZone+A", "population%3A-"),
                    (_, false) => ("language%3Afr", "publisher%3Ax"),
                };
                [format!("{asked}&{name}={one}&{name}={other}"), format!("{asked}&{name}={other}&{name}={one}")]
            })
            .collect(),
        Action::Whitespace(_) => {
            let ordered = asked.replace("order_by=start_date", "order_by=start_date++desc%2C%09zones");
            vec![
                format!("{ordered}&where={one}++and%20%09{other}"),
                format!("{ordered}&where=+{one}+or%0A{other}+"),
                format!("{asked}&where=%28+{one}++%29"),
            ]
        }
        Action::OperatorCase(_) => {
            let ordered = asked.replace("order_by=start_date", "order_by=start_date+DESC");
            vec![
                format!("{ordered}&where={one}+AND+{other}"),
                format!("{ordered}&where=NOT+{one}+Or+{other}"),
                format!("{asked}&where={}+IS+NOT+NULL", if rows { "zones" } else { "dataset_id" }),
            ]
        }
        Action::Jsonp => vec![format!("{asked}&format=jsonp&callback=f")],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canonical_spelling_has_the_bytes_of_every_spelling_that_it_stands_for() {
    let portal = simulator::start(Settings { quota: 1_000_000, ..Settings::default() }).await.expect("it starts");
    let records = http::get(portal.addr(), &format!("/api/records/1.0/search?dataset={ID}&rows=1")).await.json();
    let record = records["records"][0]["recordid"].as_str().expect("a record has an id").to_owned();
    let gallery = http::get(portal.addr(), "/api/records/1.0/search?dataset=fr-en-galerie-des-etablissements&rows=1").await.json();
    let file = gallery["records"][0]["fields"]["photo"]["id"].as_str().expect("a picture has an id").to_owned();

    let mut due = BTreeSet::<(Rule, ApiVersion, Family)>::new();
    let mut done = BTreeSet::new();
    let mut respelled = BTreeSet::new();
    for row in TABLE {
        for family in row.families {
            let applied = (row.action.rule(), row.version, *family);
            for format in ["csv", "json", "jsonl", "rss"] {
                let path = path(row.version, *family, format).replace("RECORD", &record).replace("FILE", &file);
                // Not every version has every family, and not every format is one of the catalogue's.
                let Some(endpoint) = classify(&path).ok().filter(|endpoint| row.covers(endpoint)) else { continue };
                due.insert(applied);
                for raw in spellings(row.action, &endpoint) {
                    let query = RawQuery::parse(&raw).unwrap_or_else(|fault| panic!("{raw}: {fault}"));
                    let canonical =
                        canonicalise(&endpoint, query, &RuleSwitches::default()).unwrap_or_else(|fault| panic!("{raw}: {fault}"));
                    let target = canonical.query.target(&endpoint);
                    let asked = http::get(portal.addr(), &format!("{path}?{raw}")).await;
                    let answered = http::get(portal.addr(), &target).await;
                    assert_ne!(asked.status, 404, "{path}: the simulator has it");
                    assert!(asked.status == 200 || !must_answer(*family), "{path}?{raw}: {}", asked.status);
                    assert_eq!(asked.status, answered.status, "{path}?{raw} and {target}");
                    let wrapped = match &canonical.jsonp {
                        None => answered.body.clone(),
                        // The one echo that differs, and is said to: the format that was asked for.
                        Some(callback) => {
                            let body = String::from_utf8_lossy(&answered.body).replace(r#""format":"json""#, r#""format":"jsonp""#);
                            format!("{}({body});", callback.as_str()).into()
                        }
                    };
                    assert!(asked.body == wrapped, "{path}?{raw} and {target}:\n{:?}\n{:?}", asked.body, wrapped);
                    done.insert(applied);
                    // Without the rule the spelling would have kept a key of its own.
                    let without = RuleSwitches::default();
                    without.switch_off(row.action.rule(), row.version, *family);
                    let query = RawQuery::parse(&raw).unwrap_or_else(|fault| panic!("{raw}: {fault}"));
                    if canonicalise(&endpoint, query, &without).is_ok_and(|other| other.query != canonical.query) {
                        respelled.insert(applied);
                    }
                }
            }
        }
    }
    let families: usize = TABLE.iter().map(|row| row.families.len()).sum();
    println!("{} pairs of rule and family, of {families} in the table's rows", due.len());
    assert_eq!(done, due, "every rule was tried on every family that it applies to");
    assert_eq!(respelled, due, "and did something there");
    let absent =
        [(ApiVersion::V2_0, Family::Assets), (ApiVersion::V2_1, Family::Aggregates), (ApiVersion::V2_1, Family::CatalogAggregates)];
    for row in TABLE {
        for family in row.families.iter().filter(|family| !absent.contains(&(row.version, **family))) {
            assert!(due.contains(&(row.action.rule(), row.version, *family)), "{:?} {family}", row.action);
        }
    }
    portal.stop().await;
}
