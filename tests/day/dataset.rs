//! What clients know of a dataset: the fields that a question can be asked about, read from the catalogue as anybody would.

use serde_json::Value;

/// A dataset that everybody may read.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its id.
    pub id: String,
    /// Whether the catalogue says when its data was processed.
    pub dated: bool,
    /// Fields with one text each that are offered as facets.
    pub facets: Vec<String>,
    /// Any other texts.
    pub texts: Vec<String>,
    /// Whole numbers and decimals.
    pub numbers: Vec<String>,
    /// Days and instants.
    pub dates: Vec<String>,
}

impl Dataset {
    /// Reads a dataset as API v2.1 describes it; none if its records are not for everybody, or it is one whose answers tests cannot know:
    /// what names files by the address that it was asked at is not rewritten on its way.
    pub fn read(described: &Value) -> Option<Self> {
        let id = described["dataset_id"].as_str()?.to_owned();
        let fields = described["fields"].as_array()?;
        if described["data_visible"] != true || fields.iter().any(|field| field["type"] == "file") {
            return None;
        }
        let of = |wanted: &dyn Fn(&Value) -> bool| -> Vec<String> {
            let named = fields.iter().filter(|field| wanted(field)).filter_map(|field| field["name"].as_str());
            named.map(str::to_owned).collect()
        };
        let is = |field: &Value, kinds: &[&str]| kinds.iter().any(|kind| field["type"] == *kind);
        let facet = |field: &Value| field["annotations"]["facet"] == true && field["annotations"].get("multivalued").is_none();
        let dataset = Self {
            id,
            dated: !described["metas"]["default"]["data_processed"].is_null(),
            facets: of(&|field| is(field, &["text"]) && facet(field)),
            texts: of(&|field| is(field, &["text"]) && !facet(field) && field["annotations"].get("multivalued").is_none()),
            numbers: of(&|field| is(field, &["int", "double"])),
            dates: of(&|field| is(field, &["date", "datetime"])),
        };
        (!dataset.facets.is_empty() && !dataset.texts.is_empty()).then_some(dataset)
    }

    /// An invented one, for tests that ask no portal.
    pub fn invented(number: usize) -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            id: format!("fr-en-invente-{number}"),
            dated: number % 32 != 5,
            facets: names(&["academie", "secteur"]),
            texts: names(&["nom", "commune"]),
            numbers: if number.is_multiple_of(3) { Vec::new() } else { names(&["effectif", "taux"]) },
            dates: if number.is_multiple_of(4) { Vec::new() } else { names(&["publie_le"]) },
        }
    }
}

#[test]
fn what_is_not_for_everybody_is_no_dataset_to_ask_about() {
    let mut described = serde_json::json!({
        "dataset_id": "a",
        "data_visible": true,
        "fields": [
            {"name": "academie", "type": "text", "annotations": {"facet": true}},
            {"name": "langues", "type": "text", "annotations": {"facet": true, "multivalued": ";"}},
            {"name": "nom", "type": "text", "annotations": {}},
            {"name": "effectif", "type": "int", "annotations": {}},
        ],
    });
    let dataset = Dataset::read(&described).expect("a dataset");
    assert_eq!((dataset.facets, dataset.texts), (vec!["academie".to_owned()], vec!["nom".to_owned()]));
    described["data_visible"] = false.into();
    assert!(Dataset::read(&described).is_none());
}
