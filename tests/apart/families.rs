//! A target of every endpoint family.

use std::collections::BTreeSet;

use preau::request::endpoint::{Family, classify};

use super::http;
use super::roof::Roof;

/// A question, and what it is about.
#[derive(Clone, Debug)]
pub struct Target {
    pub text: String,
    pub family: Family,
    /// Whether it is about a dataset that the first asker alone may see, if that one has a key.
    pub private: bool,
    /// Whether the portal refuses it, whoever asks.
    pub refused: bool,
}

/// The datasets that belong to one asker at a time.
pub const PRIVATE: [&str; 2] = [GALLERY, DIRECTORY];
const GALLERY: &str = "fr-en-galerie-des-etablissements";
/// It has attachments, and pictures of its own.
const DIRECTORY: &str = "fr-en-annuaire-education";

/// One of each, and of some families one of each API.
const TARGETS: [&str; 36] = [
    "/api/explore/v2.1",
    "/api/explore/v2.1/swagger.json",
    "/api/explore/v2.1/console",
    "/api/explore/v2.1/catalog/datasets?limit=100&select=dataset_id",
    "/api/explore/v2.1/catalog/facets",
    "/api/explore/v2.0/catalog/aggregates?select=count(*)",
    "/api/explore/v2.1/catalog/exports",
    "/api/explore/v2.1/catalog/exports/json?select=dataset_id",
    "/api/explore/v2.1/catalog/assets",
    "/api/explore/v2.1/catalog/metadata_templates",
    "/api/explore/v2.1/catalog/datasets/GALLERY",
    "/api/explore/v2.1/catalog/datasets/GALLERY/records?limit=3",
    "/api/explore/v2.1/catalog/datasets/GALLERY/records/RECORD",
    "/api/explore/v2.1/catalog/datasets/GALLERY/facets?facet=academie",
    "/api/explore/v2.0/catalog/datasets/GALLERY/aggregates?select=count(*)",
    "/api/explore/v2.1/catalog/datasets/GALLERY/exports",
    "/api/explore/v2.1/catalog/datasets/GALLERY/exports/csv?limit=5",
    "/api/explore/v2.1/catalog/datasets/GALLERY/exports/json",
    "/api/explore/v2.1/catalog/datasets/DIRECTORY/attachments",
    "/api/explore/v2.1/catalog/datasets/DIRECTORY/attachments/guide_pdf",
    "/api/explore/v2.1/catalog/datasets/GALLERY/files/FILE",
    "/explore/dataset/GALLERY/files/FILE/download/",
    "/explore/dataset/GALLERY/download?format=csv",
    "/api/explore/v2.0/catalog/datasets/GALLERY/records?limit=3",
    "/api/v2/catalog/datasets/GALLERY",
    "/api/datasets/1.0/search?rows=100",
    "/api/datasets/1.0/GALLERY",
    "/api/records/1.0/search?dataset=GALLERY&rows=3",
    "/api/records/1.0/analyze?dataset=GALLERY&x=academie&y.n.func=COUNT",
    "/api/records/1.0/geocluster?dataset=GALLERY&clusterprecision=6&clusterdistance=50",
    "/api/records/1.0/download?dataset=GALLERY&format=csv",
    "/api/datasets/1.0/DIRECTORY/images/illustration_png",
    "/api/odata/GALLERY",
    "/api/wfs?service=WFS&request=GetCapabilities",
    "/api/csw?service=CSW&request=GetCapabilities",
    "/api/tpf/GALLERY",
];

/// Families that this portal has by name alone: it tells everybody the same of every dataset.
const BY_NAME: [Family; 4] = [Family::OData, Family::Wfs, Family::Csw, Family::Tpf];

/// All targets, with the names of records and files that there are, and refusals of some.
pub async fn targets(roof: &Roof) -> Vec<Target> {
    let row = http::get(roof.portal.addr(), &format!("/api/records/1.0/search?dataset={GALLERY}&rows=1")).await.json();
    let id = |value: &serde_json::Value| value.as_str().expect("an id").to_owned();
    let (record, file) = (id(&row["records"][0]["recordid"]), id(&row["records"][0]["fields"]["photo"]["id"]));
    let named =
        |text: &str| text.replace("GALLERY", GALLERY).replace("DIRECTORY", DIRECTORY).replace("RECORD", &record).replace("FILE", &file);
    let target = |text: String, refused: bool| {
        let family = classify(text.split('?').next().unwrap_or_default()).expect("it is mirrored").family();
        let private = PRIVATE.iter().any(|id| text.contains(id)) && !BY_NAME.contains(&family);
        Target { text, family, private, refused }
    };
    let mut targets: Vec<Target> = TARGETS.iter().map(|text| target(named(text), false)).collect();
    for refused in [
        format!("/api/explore/v2.1/catalog/datasets/{GALLERY}/records?where=((broken"),
        format!("/api/explore/v2.1/catalog/datasets/{GALLERY}/records/no-such-record"),
        "/api/explore/v2.1/catalog/datasets/no-such-dataset/records".to_owned(),
    ] {
        targets.push(target(refused, true));
    }
    let covered: BTreeSet<Family> = targets.iter().map(|target| target.family).collect();
    assert_eq!(covered, Family::ALL.iter().copied().collect(), "every family has a target");
    targets
}
