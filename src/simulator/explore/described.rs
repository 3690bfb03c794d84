//! Datasets as the catalogue tells other catalogues of them: in DCAT, Dublin Core, Project Open Data, RSS and as a map of the site.
//!
//! The graph that `rdf` and `ttl` write has the classes and predicates of a recorded one; the DCAT formats say more.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::export::media_type;
use crate::simulator::graph::{Name, Object, Resource};
use crate::simulator::others::escape;
use crate::simulator::target::encode;

/// The languages of everything here.
const LANGUAGE: &str = "http://id.loc.gov/vocabulary/iso639-1/fr";

/// A dataset, with all that a format may want to say of it.
#[derive(Clone, Debug)]
pub(super) struct Described {
    /// Its id.
    pub(super) id: String,
    /// Its address in the API.
    pub(super) address: String,
    /// The address of its page.
    pub(super) page: String,
    /// Its title.
    pub(super) title: String,
    /// Its description, HTML.
    pub(super) description: String,
    /// The address of its theme, and its name.
    pub(super) theme: (String, String),
    /// Its key words.
    pub(super) keywords: Vec<String>,
    /// Who publishes it.
    pub(super) publisher: String,
    /// When it was modified.
    pub(super) modified: Timestamp,
    /// The same, in the zone of the question.
    pub(super) modified_text: String,
    /// Its licence, and the address of that.
    pub(super) licence: (String, String),
    /// The formats that it can be had in.
    pub(super) formats: Vec<&'static str>,
}

/// The catalogue around them.
#[derive(Clone, Debug)]
pub(super) struct Catalogue {
    /// The address of this very description, with its defaults filled in.
    pub(super) address: String,
    /// The origin of the portal.
    pub(super) origin: String,
    /// Whether more is said than in the recorded graph.
    pub(super) full: bool,
    /// Whether distributions have labels for headings.
    pub(super) labels: bool,
    /// The profile that it follows, if one was asked for.
    pub(super) profile: Option<String>,
}

impl Catalogue {
    /// The catalogue itself, and which datasets it has.
    pub(super) fn resource(&self, datasets: &[Described]) -> Resource {
        let mut statements = vec![
            ("dct:title", Object::text("Catalogue du portail fictif")),
            ("dct:description", Object::text("Catalogue de données inventées")),
            // The predicate is spelt with a capital where it was recorded.
            ("dct:Language", Object::address(LANGUAGE)),
            ("dcat:themeTaxonomy", Object::address(format!("{}/concept-scheme/themes", self.origin))),
        ];
        if self.full {
            statements.push(("foaf:homepage", Object::address(format!("{}/", self.origin))));
        }
        statements.extend(self.profile.iter().map(|profile| ("dct:conformsTo", Object::address(profile))));
        statements.extend(datasets.iter().map(|dataset| ("dcat:dataset", Object::address(&dataset.address))));
        Resource { name: Name::Address(self.address.clone()), class: Some("dcat:Catalog"), statements }
    }

    /// A dataset, its distributions and its publisher.
    pub(super) fn resources(&self, dataset: &Described) -> Vec<Resource> {
        let publisher = Name::Blank(node(&dataset.id));
        let mut statements = vec![
            ("dct:identifier", Object::text(&dataset.id)),
            ("dct:title", Object::text(&dataset.title)),
            ("dct:description", Object::text(&dataset.description)),
            ("dct:language", Object::address(LANGUAGE)),
            ("dct:publisher", Object::Resource(publisher.clone())),
            ("dcat:theme", Object::address(&dataset.theme.0)),
        ];
        statements.extend(dataset.keywords.iter().map(|keyword| ("dcat:keyword", Object::text(keyword))));
        let name = |format: &str| format!("{}-{format}", dataset.address);
        statements.extend(dataset.formats.iter().map(|format| ("dcat:distribution", Object::address(name(format)))));
        if self.full {
            statements.push(("dct:modified", Object::Moment(dataset.modified_text.clone())));
            statements.push(("dcat:landingPage", Object::address(&dataset.page)));
        }
        let mut resources = vec![Resource { name: Name::Address(dataset.address.clone()), class: Some("dcat:Dataset"), statements }];
        resources.extend(dataset.formats.iter().map(|format| Resource {
            name: Name::Address(name(format)),
            class: Some("dcat:Distribution"),
            statements: vec![
                ("dct:description", Object::text(format!("{format} export of {}", dataset.address))),
                ("dct:format", Object::text(*format)),
                ("dcat:mediaType", Object::text(media_type(format))),
                ("dct:license", Object::address(&dataset.licence.1)),
                ("dcat:accessURL", Object::address(self.export(dataset, format))),
            ],
        }));
        let label = Object::text(&dataset.publisher);
        resources.push(Resource { name: publisher, class: Some("foaf:Agent"), statements: vec![("rdfs:label", label)] });
        resources
    }

    fn export(&self, dataset: &Described, format: &str) -> String {
        // Of these the headings are part.
        let labelled = self.labels && matches!(format, "csv" | "xlsx");
        format!("{}/exports/{format}{}", dataset.address, if labelled { "?use_labels=true" } else { "" })
    }

    /// A dataset in Project Open Data 1.1.
    pub(super) fn open_data(&self, dataset: &Described) -> Json {
        let distribution = |format: &&str| {
            json!({
                "@type": "dcat:Distribution",
                "title": format,
                "format": format,
                "mediaType": media_type(format),
                "downloadURL": self.export(dataset, format),
            })
        };
        json!({
            "@type": "dcat:Dataset",
            "identifier": dataset.address,
            "title": dataset.title,
            "description": dataset.description,
            "keyword": dataset.keywords,
            "theme": [dataset.theme.1],
            "modified": dataset.modified_text,
            "publisher": {"@type": "org:Organization", "name": dataset.publisher},
            "contactPoint": {"@type": "vcard:Contact", "fn": "Service fictif", "hasEmail": "mailto:contact@portail.invalid"},
            "accessLevel": "public",
            "license": dataset.licence.1,
            "language": ["fr"],
            "landingPage": dataset.page,
            "distribution": dataset.formats.iter().map(distribution).collect::<Vec<_>>(),
        })
    }
}

impl Described {
    /// A dataset in Dublin Core.
    pub(super) fn dublin_core(&self) -> Resource {
        let mut statements = vec![
            ("dc:identifier", Object::text(&self.id)),
            ("dc:title", Object::text(&self.title)),
            ("dc:description", Object::text(&self.description)),
            ("dc:language", Object::text("fr")),
            ("dc:publisher", Object::text(&self.publisher)),
            ("dc:date", Object::text(&self.modified_text)),
            ("dc:type", Object::text("Dataset")),
            ("dc:rights", Object::text(&self.licence.0)),
            ("dc:relation", Object::address(&self.page)),
        ];
        statements.extend(self.keywords.iter().map(|keyword| ("dc:subject", Object::text(keyword))));
        Resource { name: Name::Address(self.address.clone()), class: None, statements }
    }

    /// A dataset as an item of a feed.
    pub(super) fn item(&self) -> String {
        let page = escape(&self.page);
        format!(
            "<item><title>{}</title><link>{page}</link><guid isPermaLink=\"true\">{page}</guid><description>{}</description>\
             <category>{}</category><pubDate>{}</pubDate></item>\n",
            escape(&self.title),
            escape(&self.description),
            escape(&self.theme.1),
            self.modified.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        )
    }

    /// A dataset's page, for crawlers.
    pub(super) fn place_in_the_site(&self) -> String {
        format!("<url><loc>{}</loc><lastmod>{}</lastmod></url>\n", escape(&self.page), escape(&self.modified_text))
    }
}

/// The name of a publisher in one graph: the portal makes one for every dataset.
fn node(id: &str) -> String {
    let first = crate::simulator::dice::hash(id);
    format!("N{first:016x}{:016x}", crate::simulator::dice::mix(first))
}

/// The address of a theme.
pub(super) fn theme(origin: &str, name: &str) -> String {
    format!("{origin}/id/theme/{}", encode(name))
}
