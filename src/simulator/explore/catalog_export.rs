//! Exports of the catalogue: rows of it where a selection is made, else the datasets with all their metadata, or told in the words of other
//! catalogues.

use serde_json::{Value as Json, json};

use super::Question;
use super::described::{Catalogue, Described, theme};
use super::export::{DATASET_FORMATS, attached, unknown};
use crate::simulator::answer::{Answer, Body, JSON};
use crate::simulator::catalogue::Dataset;
use crate::simulator::graph::{DCAT, DUBLIN_CORE, Prefixes, Resource, Syntax};
use crate::simulator::json;
use crate::simulator::metadata::features;
use crate::simulator::others::escape;
use crate::simulator::query::run::Selection;
use crate::simulator::query::{Bounds, Query};
use crate::simulator::refusal::Refusal;
use crate::simulator::rows::{Csv, workbook};
use crate::simulator::target::Parameters;
use crate::simulator::value::iso;

/// The formats that the portal lists, in the order in which it does.
pub(super) const LISTED: [&str; 10] = ["csv", "json", "data.json", "rdf", "ttl", "dublin_core", "dcat", "rss", "sitemap", "xlsx"];

/// Profiles of DCAT, there for portals that wish for one, and not listed.
pub(super) const PROFILES: [&str; 7] =
    ["dcat_ap_ch", "dcat_ap_de", "dcat_ap_se", "dcat_ap_sp", "dcat_ap_it", "dcat_ap_vl", "dcat_ap_benap"];

/// Other formats that it writes without listing them.
const UNLISTED: [&str; 2] = ["jsonl", "xls"];

/// Formats of datasets that only those with places are told to have.
const OF_PLACES: [&str; 6] = ["geojson", "fgb", "gpx", "kml", "ov2", "shp"];

impl Question<'_> {
    pub(super) fn catalog_export(&self, format: &str) -> Result<Answer, Refusal> {
        if ![&LISTED[..], &PROFILES, &UNLISTED].iter().any(|formats| formats.contains(&format)) {
            return Err(unknown(format, &LISTED));
        }
        let visible = self.visible();
        let table = self.metadata().table(&visible);
        let query = Query::read(self.parameters(), &table.schema, &self.setting, Bounds::Export)?;
        let tabular = matches!(format, "json" | "jsonl" | "csv" | "xlsx" | "xls");
        if tabular && (!query.select.is_empty() || !query.groups.is_empty() || format == "xls") {
            return Ok(attached(self.rows(table, &query, format, None)?, "datasets", format));
        }
        let selection = Selection::new(&table, &query, &self.setting);
        let chosen: Vec<&Dataset> = (0..selection.len()).filter_map(|at| selection.row(at)).map(|row| &visible[row]).collect();
        let answer = if tabular { self.with_all_metadata(&chosen, format)? } else { self.told(&chosen, format)? };
        Ok(attached(answer, "datasets", format))
    }

    /// The datasets with all their metadata, which are no table of the catalogue's.
    fn with_all_metadata(&self, datasets: &[&Dataset], format: &str) -> Result<Answer, Refusal> {
        let metadata: Vec<Json> = datasets.iter().map(|dataset| self.metadata().describe(dataset)).collect();
        let whole = |content_type: &str, body| Answer::new(content_type, Body::Whole(body));
        Ok(match format {
            "json" => whole(JSON, json::line(&Json::Array(metadata))),
            "jsonl" => {
                let lines = metadata.iter().flat_map(|object| [json::line(object), b"\n".to_vec()].concat()).collect();
                whole("application/jsonl; charset=utf-8", lines)
            }
            "xlsx" => {
                let csv = Csv::default();
                let rows = metadata.iter().map(|object| flat(object).into_iter().map(|(_, value)| csv.metadatum(&value)).collect());
                whole(workbook::CONTENT_TYPE, workbook::of_texts(&headings(&metadata), rows))
            }
            _ => {
                let csv = Csv::read(self.parameters(), !self.base.is_old())?;
                let mut out = csv.start();
                csv.line(&mut out, headings(&metadata).into_iter());
                for object in &metadata {
                    csv.line(&mut out, flat(object).into_iter().map(|(_, value)| csv.metadatum(&value)));
                }
                whole("text/csv; charset=utf-8", out)
            }
        })
    }

    /// The datasets in the words of another catalogue.
    fn told(&self, datasets: &[&Dataset], format: &str) -> Result<Answer, Refusal> {
        let catalogue = Catalogue {
            address: self.own_address(format),
            origin: self.caller.origin.clone(),
            full: format.starts_with("dcat"),
            labels: format.starts_with("dcat") && self.parameters().flag("use_labels_in_exports", true),
            profile: format.strip_prefix("dcat_ap_").map(|profile| format!("http://data.europa.eu/r5r/{profile}")),
        };
        let wanted = exposed(self.parameters(), format.starts_with("dcat"))?;
        let told: Vec<Described> = datasets.iter().map(|dataset| self.described(dataset, &wanted)).collect();
        Ok(match format {
            "rdf" => graph(Syntax::Descriptions, catalogue, told),
            "ttl" => graph(Syntax::Turtle, catalogue, told),
            "dublin_core" => {
                let pieces = told.into_iter().map(|dataset| vec![dataset.dublin_core()]);
                written(Syntax::Descriptions, DUBLIN_CORE, pieces)
            }
            "data.json" => open_data(catalogue, told),
            "rss" => {
                let head = "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel><title>Portail fictif</title>";
                let home = escape(&format!("{}/explore/", catalogue.origin));
                let own = escape(&catalogue.address);
                let about = format!("<link>{home}</link><description>Jeux de données inventés</description><language>fr</language>");
                let start = format!("{head}{about}<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{own}\"/>\n");
                let items = told.into_iter().map(|dataset| dataset.item());
                xml("application/rss+xml; charset=utf-8", start, items, "</channel></rss>\n")
            }
            "sitemap" => {
                let start = "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n".to_owned();
                let places = told.into_iter().map(|dataset| dataset.place_in_the_site());
                xml("application/xml; charset=utf-8", start, places, "</urlset>\n")
            }
            _ => graph(Syntax::Nodes, catalogue, told),
        })
    }

    fn described(&self, dataset: &Dataset, formats: &[&'static str]) -> Described {
        let metas = self.metadata().default(dataset);
        let text = |name: &str| metas[name].as_str().unwrap_or_default().to_owned();
        let template = dataset.template();
        let has_places = features(dataset).contains(&"geo");
        Described {
            id: dataset.id().to_owned(),
            address: self.dataset_href(dataset.id(), ""),
            page: format!("{}/explore/dataset/{}/", self.caller.origin, dataset.id()),
            title: text("title"),
            description: text("description"),
            theme: (theme(&self.caller.origin, template.theme), template.theme.to_owned()),
            keywords: template.keywords.iter().map(|keyword| (*keyword).to_owned()).collect(),
            publisher: template.publisher.to_owned(),
            modified: dataset.modified(),
            modified_text: iso(dataset.modified(), &self.setting.zone),
            licence: (text("license"), text("license_url")),
            formats: formats.iter().copied().filter(|format| has_places || !OF_PLACES.contains(format)).collect(),
        }
    }

    /// The address of this export, with its defaults filled in: the name of the catalogue that it describes.
    fn own_address(&self, format: &str) -> String {
        let mut parameters = self.parameters().clone();
        for (name, default) in [("limit", "-1"), ("offset", "0"), ("timezone", "UTC")] {
            if parameters.given(name).is_none() {
                parameters.0.retain(|(known, _)| known != name);
                parameters.0.push((name.to_owned(), default.to_owned()));
            }
        }
        format!("{}?{}", self.href(&format!("/catalog/exports/{format}")), parameters.sorted().text())
    }
}

/// The formats that DCAT is to tell of: all, unless some are named. The other formats have no such choice.
fn exposed(parameters: &Parameters, chooses: bool) -> Result<Vec<&'static str>, Refusal> {
    let Some(named) = parameters.given("include_exports").filter(|_| chooses) else { return Ok(DATASET_FORMATS.to_vec()) };
    let known = |name: &str| {
        let expected = || format!("a list of {}", DATASET_FORMATS.join(", "));
        let refused = || Refusal::Parameter { name: "include_exports", found: name.to_owned(), expected: expected() };
        DATASET_FORMATS.into_iter().find(|format| *format == name).ok_or_else(refused)
    };
    named.split(',').map(|name| known(name.trim())).collect()
}

fn graph(syntax: Syntax, catalogue: Catalogue, datasets: Vec<Described>) -> Answer {
    let first = vec![catalogue.resource(&datasets)];
    let others = datasets.into_iter().map(move |dataset| catalogue.resources(&dataset));
    written(syntax, DCAT, std::iter::once(first).chain(others))
}

/// A graph, some resources at a time.
fn written(syntax: Syntax, prefixes: Prefixes, groups: impl Iterator<Item = Vec<Resource>> + Send + 'static) -> Answer {
    let resources = groups.map(move |group| group.iter().map(|resource| syntax.resource(resource, prefixes)).collect::<String>());
    let texts = std::iter::once(syntax.open(prefixes)).chain(resources).chain([syntax.close().to_owned()]);
    Answer::new(syntax.content_type(), pieces(texts))
}

fn xml(content_type: &str, start: String, texts: impl Iterator<Item = String> + Send + 'static, end: &str) -> Answer {
    let start = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{start}");
    Answer::new(content_type, pieces(std::iter::once(start).chain(texts).chain([end.to_owned()])))
}

fn open_data(catalogue: Catalogue, datasets: Vec<Described>) -> Answer {
    let head = json!({
        "@context": "https://project-open-data.cio.gov/v1.1/schema/catalog.jsonld",
        "@id": catalogue.address,
        "@type": "dcat:Catalog",
        "conformsTo": "https://project-open-data.cio.gov/v1.1/schema",
        "describedBy": "https://project-open-data.cio.gov/v1.1/schema/catalog.json",
    });
    let head = String::from_utf8_lossy(&json::line(&head)).trim_end_matches('}').to_owned();
    let entries = datasets.into_iter().enumerate().map(move |(at, dataset)| {
        let entry = json::line(&catalogue.open_data(&dataset));
        format!("{}{}", if at == 0 { "" } else { ", " }, String::from_utf8_lossy(&entry))
    });
    Answer::new(JSON, pieces(std::iter::once(head + ", \"dataset\": [").chain(entries).chain(["]}".to_owned()])))
}

fn pieces(texts: impl Iterator<Item = String> + Send + 'static) -> Body {
    Body::Pieces(Box::new(texts.filter(|text| !text.is_empty()).map(String::into_bytes)))
}

/// A dataset's metadata side by side, each named `template.name`.
fn flat(dataset: &Json) -> Vec<(String, Json)> {
    let mut columns = Vec::new();
    for template in ["dcat", "default", "custom"] {
        let metas = dataset["metas"][template].as_object().into_iter().flatten();
        columns.extend(metas.map(|(name, value)| (format!("{template}.{name}"), value.clone())));
    }
    columns.push(("datasetid".to_owned(), dataset["dataset_id"].clone()));
    columns
}

fn headings(datasets: &[Json]) -> Vec<String> {
    datasets.first().map(|dataset| flat(dataset).into_iter().map(|(name, _)| name).collect()).unwrap_or_default()
}
