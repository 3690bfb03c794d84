//! The catalogue as other catalogues read it: DCAT, Dublin Core, Project Open Data, RSS, a map of the site. Links are absolute, on the portal.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::{Portal, V21};
use super::xml::Element;

const HOME: &str = "http://portail.example";
const SMALL: &str = "fr-en-effectifs-internats";

async fn document(portal: &Portal, path: &str) -> Element {
    let answer = portal.get(&format!("{V21}/exports/{path}")).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    Element::parse(&answer.text())
}

/// Whether a resource of RDF/XML is of this class, by its element or by what is said of it.
fn is_of(element: &Element, class: &str) -> bool {
    let (_, local) = class.split_once(':').unwrap();
    let says = |kind: &Element| kind.attribute("rdf:resource").rsplit(['#', '/']).next() == Some(local);
    element.name == class || element.all("rdf:type").any(says)
}

#[tokio::test]
async fn dcat_has_the_catalogue_its_datasets_and_their_distributions() {
    let portal = Portal::new().await;
    let ids = portal.json(&format!("{V21}/exports/json?select=dataset_id")).await;
    let ids: BTreeSet<&str> = ids.as_array().unwrap().iter().map(|row| row["dataset_id"].as_str().unwrap()).collect();
    for format in ["rdf", "dcat", "dcat_ap_ch", "dcat_ap_benap"] {
        let graph = document(&portal, format).await;
        assert_eq!(graph.name, "rdf:RDF");
        let of = |class| graph.children.iter().filter(|element| is_of(element, class)).collect::<Vec<_>>();
        let [catalogue] = of("dcat:Catalog")[..] else { panic!("{format}: one catalogue") };
        assert_eq!(catalogue.attribute("rdf:about"), format!("{HOME}{V21}/exports/{format}?limit=-1&offset=0&timezone=UTC"));
        let (datasets, distributions) = (of("dcat:Dataset"), of("dcat:Distribution"));
        let listed: BTreeSet<&str> = catalogue.all("dcat:dataset").map(|one| one.attribute("rdf:resource")).collect();
        assert_eq!(listed, datasets.iter().map(|one| one.attribute("rdf:about")).collect());
        assert_eq!(datasets.iter().map(|one| one.child("dct:identifier").text.as_str()).collect::<BTreeSet<_>>(), ids, "{format}");
        let promised: BTreeSet<&str> =
            datasets.iter().flat_map(|one| one.all("dcat:distribution")).map(|one| one.attribute("rdf:resource")).collect();
        assert_eq!(promised, distributions.iter().map(|one| one.attribute("rdf:about")).collect(), "{format}");
        let agents: BTreeSet<&str> = of("foaf:Agent").iter().map(|one| one.attribute("rdf:nodeID")).collect();
        assert!(datasets.iter().all(|one| agents.contains(one.child("dct:publisher").attribute("rdf:nodeID"))), "{format}");
        for address in distributions.iter().map(|one| one.child("dcat:accessURL").attribute("rdf:resource")).step_by(97) {
            let target = address.strip_prefix(HOME).unwrap_or_else(|| panic!("{address}"));
            let limited = format!("{target}{}limit=1", if target.contains('?') { "&" } else { "?" });
            assert_eq!(portal.get(&limited).await.status, 200, "{address}");
        }
    }
    assert_eq!(portal.get(&format!("{V21}/exports/dcat_ap_mars")).await.status, 400);
}

#[tokio::test]
async fn the_options_of_dcat_choose_distributions_and_their_headings() {
    let portal = Portal::new().await;
    let query = format!("where=dataset_id=%22{SMALL}%22");
    let addresses = async |options: &str| {
        let graph = document(&portal, &format!("dcat?{query}{options}")).await;
        let addresses = graph.all("dcat:Distribution").map(|one| one.child("dcat:accessURL").attribute("rdf:resource").to_owned());
        addresses.collect::<Vec<_>>()
    };
    let base = format!("{HOME}{V21}/datasets/{SMALL}/exports");
    assert_eq!(addresses("&include_exports=csv,json").await, [format!("{base}/csv?use_labels=true"), format!("{base}/json")]);
    assert_eq!(addresses("&include_exports=csv&use_labels_in_exports=false").await, [format!("{base}/csv")]);
    assert!(addresses("").await.len() > 5);
    assert_eq!(portal.get(&format!("{V21}/exports/dcat?include_exports=pdf")).await.status, 400);
}

#[tokio::test]
async fn a_description_depends_on_what_is_asked_and_on_the_data() {
    let portal = Portal::new().await;
    for format in ["rdf", "ttl", "dcat", "dublin_core", "data.json", "rss", "sitemap", "xlsx", "csv", "json"] {
        let get = async |query: &str| portal.get(&format!("{V21}/exports/{format}?{query}")).await;
        let one = get("where=dataset_id%20like%20%22annuaire%22").await;
        assert!(one.status == 200 && one.whole && one.field("content-disposition").starts_with("attachment; filename=\"datasets."));
        assert_ne!(one.body, get("limit=2").await.body, "{format}");
        assert_ne!(get("limit=2").await.body, get("limit=2&offset=1").await.body, "{format}");
        assert_eq!(
            get("limit=2&order_by=dataset_id").await.body,
            get("order_by=dataset_id&limit=2").await.body,
            "{format}: order of names"
        );
        if format != "sitemap" {
            assert_ne!(get("limit=2").await.body, get("limit=2&lang=en").await.body, "{format}");
        }
    }
    let zoned = async |zone: &str| portal.get(&format!("{V21}/exports/dcat?limit=1&timezone={zone}")).await.text();
    assert!(zoned("Europe/Paris").await.contains("+01:00</dct:modified>") || zoned("Europe/Paris").await.contains("+02:00</dct:modified>"));
    let before = portal.get(&format!("{V21}/exports/rss")).await.body;
    portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
    assert_ne!(portal.get(&format!("{V21}/exports/rss")).await.body, before);
}

#[tokio::test]
async fn turtle_says_what_rdf_xml_says() {
    let portal = Portal::new().await;
    let turtle = portal.get(&format!("{V21}/exports/ttl")).await;
    assert_eq!(turtle.field("content-type"), "text/turtle; charset=utf-8");
    let graph = document(&portal, "rdf").await;
    let text = turtle.text();
    let statements: usize = graph.children.iter().map(|resource| resource.children.len()).sum();
    assert_eq!(text.matches(" ;\n    ").count() + text.matches(" .\n\n").count() - 1, statements, "one line each");
    for resource in &graph.children {
        let name = match resource.attribute("rdf:about") {
            "" => format!("_:{} a ", resource.attribute("rdf:nodeID")),
            address => format!("<{}> a ", address.replace("/exports/rdf?", "/exports/ttl?")),
        };
        assert!(text.contains(&name), "{name}");
    }
}

#[tokio::test]
async fn feeds_and_maps_lead_to_the_pages_of_datasets() {
    let portal = Portal::new().await;
    let count = portal.json(&format!("{V21}/datasets?limit=1")).await["total_count"].as_u64().unwrap() as usize;
    let page = format!("{HOME}/explore/dataset/{SMALL}/");

    let rss = document(&portal, "rss").await;
    let channel = rss.child("channel");
    assert_eq!(channel.child("link").text, format!("{HOME}/explore/"));
    assert!(channel.child("atom:link").attribute("href").starts_with(&format!("{HOME}{V21}/exports/rss?")));
    assert_eq!(channel.all("item").count(), count);
    assert!(channel.all("item").any(|item| item.child("link").text == page && item.child("guid").text == page));
    assert!(channel.all("item").all(|item| item.child("description").text.starts_with("<p>")), "HTML, escaped once");

    let map = document(&portal, "sitemap").await;
    assert_eq!(map.all("url").count(), count);
    assert!(map.all("url").any(|url| url.child("loc").text == page && !url.child("lastmod").text.is_empty()));

    let core = document(&portal, "dublin_core").await;
    assert_eq!(core.all("rdf:Description").count(), count);
    assert!(core.all("rdf:Description").all(|one| one.attribute("rdf:about").starts_with(HOME) && one.all("dc:title").count() == 1));

    let data: Value = portal.json(&format!("{V21}/exports/data.json")).await;
    assert_eq!(data["conformsTo"], "https://project-open-data.cio.gov/v1.1/schema");
    let datasets = data["dataset"].as_array().unwrap();
    assert_eq!(datasets.len(), count);
    for dataset in datasets {
        assert!(dataset["landingPage"].as_str().unwrap().starts_with(HOME));
        assert!(dataset["distribution"].as_array().unwrap().iter().all(|one| one["downloadURL"].as_str().unwrap().starts_with(HOME)));
    }
}
