//! The calls that every client makes: one of each endpoint family at least, targets as people type them, and what real clients were seen to
//! send, where the record of it lies beside the project.

use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::http;

/// A key that the simulator knows.
const KEY: &str = "valid-client";

/// One request that a client is to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Path and query, as a user of the client would write them.
    pub target: String,
    /// Fields that the user sets.
    pub fields: Map<String, Value>,
    /// What a program that reads tables has to take the answer for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
}

impl Call {
    /// A call without fields of its own.
    pub fn to(target: impl Into<String>) -> Self {
        Self { target: target.into(), fields: Map::new(), format: None }
    }

    fn table(format: &'static str, target: impl Into<String>) -> Self {
        Self { format: Some(format), ..Self::to(target) }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Whether the portal is not asked at all.
    pub fn is_answered_here(&self) -> bool {
        self.target == ANSWERED_HERE
    }

    /// Whether its answer names the portal in what is data too (identifiers, texts), which stays as it is: then its body is another one
    /// behind another address. What of it is a link is checked byte by byte in tests/store/links.rs.
    pub fn names_the_portal_as_data(&self) -> bool {
        ["/exports/rdf", "/exports/ttl", "/exports/data.json"].iter().any(|export| self.target.ends_with(export))
    }

    /// Whether a key of the portal goes with it. Its answer is then nobody else's: it is passed on and charged each time.
    pub fn is_keyed(&self) -> bool {
        self.fields.contains_key("Authorization") || self.target.contains("apikey=")
    }
}

/// Targets of every family. `{record}` and `{attachment}` are filled in from what the portal lists.
const FAMILIES: [&str; 58] = [
    "/api/explore/v2.1",
    "/api/explore/v2.1/catalog",
    "/api/explore/v2.1/swagger.json",
    "/api/explore/v2.1/console",
    "/api/explore/v2.1/catalog/datasets?limit=5",
    "/api/explore/v2.1/catalog/datasets?limit=2&include_links=true&include_app_metas=true",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education",
    "/api/explore/v2.1/catalog/facets",
    "/api/explore/v2.1/catalog/exports",
    "/api/explore/v2.1/catalog/exports/csv",
    "/api/explore/v2.1/catalog/exports/json?select=dataset_id,data_processed",
    "/api/explore/v2.1/catalog/exports/rdf",
    "/api/explore/v2.1/catalog/exports/ttl",
    "/api/explore/v2.1/catalog/exports/data.json",
    "/api/explore/v2.1/catalog/exports/rss",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=5",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=5&include_links=true",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?select=count(*)%20as%20n&group_by=libelle_academie&limit=100",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?where=nom_commune%3D%22Lille%22%20and%20not%20code_nature=101",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records/{record}",
    "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/facets?facet=location",
    "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/facets?facet=facet(name%3D%22zones%22,disjunctive%3Dtrue)",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/geojson?limit=50",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/attachments",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/attachments/{attachment}",
    "/api/explore/v2.0/catalog/datasets?limit=3",
    "/api/explore/v2.0/catalog/facets",
    "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire",
    "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire/records?limit=3",
    "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire/aggregates?select=count(*)",
    "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire/exports",
    "/api/v2/catalog/datasets/fr-en-calendrier-scolaire/records?limit=3",
    "/api/records/1.0/search?dataset=fr-en-calendrier-scolaire&rows=3&facet=zones",
    "/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire&q=hiver&rows=3&format=jsonp&callback=shown",
    "/api/datasets/1.0/search?rows=3",
    "/api/datasets/1.0/fr-en-calendrier-scolaire",
    "/api/datasets/1.0/fr-en-annuaire-education/records/{record}",
    "/api/datasets/1.0/fr-en-annuaire-education/attachments/{attachment}/",
    "/api/records/1.0/analyze?dataset=fr-en-calendrier-scolaire&x=zones&y.n.func=COUNT",
    "/api/records/1.0/download?dataset=fr-en-calendrier-scolaire&format=json&rows=20",
    "/api/records/1.0/geocluster?dataset=fr-en-annuaire-education&clusterprecision=6&refine.code_departement=059",
    "/explore/dataset/fr-en-calendrier-scolaire/files/abc/download/",
    "/api/odata/fr-en-calendrier-scolaire?$top=2",
    "/api/wfs?service=WFS&request=GetCapabilities",
    "/api/csw?service=CSW&request=GetCapabilities",
    "/api/tpf/fr-en-calendrier-scolaire",
    "/api/v1/console/datasets/1.0/search/",
    // The mistakes that people make, and what they are told.
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=500",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?where=no%20such%20thing",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?select=no_such_field&limit=1",
    "/api/explore/v2.1/catalog/datasets/no-such-thing",
    "/api/explore/v2.1/catalog/datasets/no-such-thing/records",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records/no-such-thing",
    "/api/records/1.0/search?dataset=no-such-thing",
    "/api/records/1.0/search?dataset=fr-en-calendrier-scolaire&rows=20000",
    "/api/datasets/1.0/no-such-thing",
    ANSWERED_HERE,
];

/// No endpoint, and préau says so without asking the portal: the status is the portal's, the body is préau's own.
const ANSWERED_HERE: &str = "/api/no-such-thing";

/// Tables, with what programs that read tables have to know of them. Two are larger than what is held in memory before it is sent.
const TABLES: [(&str, &str); 11] = [
    ("csv", "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/csv?limit=50"),
    ("json", "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/json?limit=50"),
    ("jsonl", "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/jsonl?limit=50"),
    ("parquet", "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/parquet?limit=50"),
    ("csv", "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/csv?limit=4000&use_labels=true&delimiter=%3B"),
    ("json", "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/json?limit=1000&select=nom_etablissement,code_postal"),
    ("parquet", "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports/parquet?limit=4000"),
    ("csv", "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire/exports/csv?limit=50"),
    ("csv", "/api/records/1.0/download?dataset=fr-en-calendrier-scolaire&format=csv"),
    ("csv", "/api/records/1.0/download/?dataset=fr-en-annuaire-education&format=csv&refine.code_departement=059"),
    ("csv", "/explore/dataset/fr-en-calendrier-scolaire/download?format=csv&timezone=Europe/Berlin"),
];

/// Targets as people type them. What is refused by a client itself is left out for it: see [`Spelling`].
const TYPED: [&str; 10] = [
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?where=code_departement=\"059\"&limit=2",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?where=date_ouverture>date'2020-01-01'&limit=2",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?where=nombre_d_eleves<30&limit=2",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?where=`code_departement`=\"974\"&limit=2",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?refine=type_etablissement:\"Lycée\"&limit=2",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?where=search(nom_etablissement,\"collège\")&limit=2",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?where=code_departement=\"059\" and nombre_d_eleves>400&limit=2",
    "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/facets?facet=facet(name=\"zones\",disjunctive=true)",
    "/api/records/1.0/search/?dataset=fr-en-annuaire-education&q=type_etablissement:\"Ecole\"&rows=2&x=[]{}|^\\",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records/<\"é`>",
];

/// Which targets a client takes from its user as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Any: it encodes what has to be encoded.
    Any,
    /// No space: the client itself refuses it. Everything else leaves as it is.
    NoSpace,
    /// ASCII without a space; it refuses the rest.
    Ascii,
}

impl Spelling {
    fn takes(self, target: &str) -> bool {
        match self {
            Self::Any => true,
            Self::NoSpace => !target.contains(' '),
            Self::Ascii => !target.contains(' ') && target.is_ascii(),
        }
    }
}

/// All calls, for a client that takes such targets, of what `portal` has.
pub async fn all(portal: SocketAddr, spelling: Spelling) -> Vec<Call> {
    let record = http::get(portal, "/api/records/1.0/search?dataset=fr-en-annuaire-education&rows=1").await.json();
    let record = record["records"][0]["recordid"].as_str().expect("a record has an id").to_owned();
    let attachment = http::get(portal, "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/attachments").await.json();
    let attachment = attachment["attachments"][0]["metas"]["id"].as_str().expect("an attachment has an id").to_owned();
    let filled = |target: &&str| Call::to(target.replace("{record}", &record).replace("{attachment}", &attachment));
    let keyed = Call::to("/api/explore/v2.1/catalog/datasets?limit=1").with("Authorization", &format!("Apikey {KEY}"));
    let calls = FAMILIES.iter().map(filled).chain(tables(&["csv", "json", "jsonl", "parquet"])).chain([keyed]);
    let mut calls: Vec<Call> = calls.chain(TYPED.map(Call::to)).chain(recorded()).collect();
    calls.retain(|call| spelling.takes(&call.target));
    calls
}

/// The tables in these formats.
pub fn tables(formats: &[&str]) -> Vec<Call> {
    TABLES.iter().filter(|(format, _)| formats.contains(format)).map(|(format, target)| Call::table(format, *target)).collect()
}

/// What real clients were seen to send, to a listener that answered nothing in particular.
fn recorded() -> Vec<Call> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/upstream/samples/clients");
    let Ok(files) = std::fs::read_dir(&directory) else {
        println!("requests recorded from real clients are not here; none of them is made");
        return Vec::new();
    };
    let mut paths: Vec<_> = files.map(|file| file.expect("the directory can be read").path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".requests.txt"));
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).expect("the record can be read"));
    let calls: Vec<Call> = texts.flat_map(|text| parse(&text)).collect();
    assert!(calls.len() > 20, "{} requests were recorded", calls.len());
    calls
}

/// Reads `GET target` lines, each followed by its fields, indented.
fn parse(text: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for line in text.lines() {
        if let Some(target) = line.strip_prefix("GET ") {
            calls.push(Call::to(on_the_portal(target)));
        } else if let (Some(call), Some((name, value))) = (calls.last_mut(), line.trim().split_once(": ")) {
            // The other fields are the client's own, and the client that makes the call has its own.
            match name.to_ascii_lowercase().as_str() {
                "accept" => *call = call.clone().with("Accept", value),
                "authorization" => *call = call.clone().with("Authorization", &format!("Apikey {KEY}")),
                _ => {}
            }
        }
    }
    calls
}

/// The record has stand-ins for ids and keys, and for paths where only the spelling of the query was of interest.
fn on_the_portal(target: &str) -> String {
    let target = target.replace("apikey=K&", &format!("apikey={KEY}&")).replace("/datasets/ds", "/datasets/fr-en-calendrier-scolaire");
    // Downloads of the whole directory of schools take the simulator a minute each when it is not optimised; larger bodies are among the tables.
    let whole = ["/dataset/d/", "/dataset/fr-en-annuaire-education/download/"];
    let small = ["/dataset/fr-en-calendrier-scolaire/", "/dataset/fr-en-calendrier-scolaire/download/"];
    let target = whole.iter().zip(small).fold(target, |target, (whole, small)| target.replace(whole, small));
    if target.starts_with("/api/") || target.starts_with("/explore/") {
        return target;
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let below = if path.ends_with("/exports/csv") { "exports/csv" } else { "records" };
    format!("/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/{below}?{query}")
}

/// The record is read as it is meant.
pub fn recorded_requests_are_read_with_the_fields_that_matter() {
    let text = "GET /a?b=1\n    Host: HOST\n    Authorization: ApiKey KEY\nGET /api/x/\n    accept: */*\n";
    let expected = [
        Call::to("/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/records?b=1").with("Authorization", "Apikey valid-client"),
        Call::to("/api/x/").with("Accept", "*/*"),
    ];
    assert_eq!(parse(text), expected);
}
