//! What the catalogue says of datasets, in the words and the time zone of one question: as a table to be queried, and as metadata.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::catalogue::Dataset;
use super::catalogue::state::Stated;
use super::dice::{hash, mix};
use super::files::{self, Listed};
use super::query::Setting;
use super::table::{Builder, Field, Kind, Schema, Table};
use super::value::{Value, iso};

/// The licence of everything here.
const LICENCE: &str = "Licence Ouverte v2.0 (Etalab)";
const LICENCE_URL: &str = "https://www.etalab.gouv.fr/licence-ouverte-open-licence";

/// The fields that the catalogue can be asked for. A date is of type text while the portal was told to state one that is no time.
fn schema(dates: [Kind; 2]) -> Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    let field = |name, kind| Field::new(name, kind, name, name);
    let make = || {
        Schema::new(vec![
            field("dataset_id", Kind::Text),
            field("datasetid", Kind::Text),
            field("title", Kind::Text),
            field("description", Kind::Text),
            field("features", Kind::List).facet(),
            field("modified", Kind::Moment).facet(),
            field("publisher", Kind::Text).disjunctive(),
            field("keyword", Kind::List).disjunctive(),
            field("theme", Kind::List).disjunctive(),
            field("license", Kind::Text).facet(),
            field("language", Kind::Text).facet(),
            field("data_processed", dates[0]),
            field("metadata_processed", dates[1]),
            field("records_count", Kind::Int),
            field("update_frequency", Kind::Text).facet(),
            field("has_records", Kind::Bool),
            field("dcat.created", Kind::Moment),
            field("dcat.creator", Kind::Text),
        ])
    };
    if dates == [Kind::Moment; 2] { SCHEMA.get_or_init(make).clone() } else { make() }
}

/// What a dataset can be used for, by the types of its fields.
pub fn features(dataset: &Dataset) -> Vec<&'static str> {
    let has = |kinds: &[Kind]| dataset.schema().fields.iter().any(|field| kinds.contains(&field.kind));
    let mut features = vec!["analyze"];
    if has(&[Kind::Date, Kind::Moment]) {
        features.push("timeserie");
    }
    if has(&[Kind::Point]) {
        features.push("geo");
    }
    features
}

/// The metadata of datasets, as one question has them told.
#[derive(Clone, Copy, Debug)]
pub struct Metadata<'a> {
    /// Language and zone.
    pub setting: &'a Setting,
    /// Whether the caller may read what is for keys only.
    pub keyed: bool,
    /// Whether the counters of the portal's own pages are told too.
    pub with_app_metas: bool,
}

impl Metadata<'_> {
    /// The title, in the language of the question.
    pub fn title<'d>(&self, dataset: &'d Dataset) -> &'d str {
        if self.setting.lang == "en" { &dataset.template().title_en } else { &dataset.template().title }
    }

    fn summary(&self, dataset: &Dataset) -> String {
        match self.setting.lang {
            "en" => format!("<p>Invented data: {}.</p>", self.title(dataset)),
            _ => format!("<p>Données inventées : {}.</p>", self.title(dataset)),
        }
    }

    /// These datasets as a table, a row each in their order.
    pub fn table(&self, datasets: &[Dataset]) -> Table {
        let kind = |stated: fn(&Dataset) -> &Stated| {
            let is_text = datasets.iter().any(|dataset| matches!(stated(dataset), Stated::Text(_)));
            if is_text { Kind::Text } else { Kind::Moment }
        };
        let dates = [kind(Dataset::data_processed), kind(Dataset::metadata_processed)];
        let schema = schema(dates);
        let mut rows = Builder::new(&schema);
        for dataset in datasets {
            let template = dataset.template();
            rows.text(dataset.id()).text(dataset.id()).text(self.title(dataset)).text(&self.summary(dataset));
            rows.list(&features(dataset)).push(Value::Moment(dataset.modified())).text(template.publisher);
            rows.list(&template.keywords).list(&[template.theme]).text(LICENCE).text("fr");
            rows.push(self.date(dataset.data_processed(), dates[0])).push(self.date(dataset.metadata_processed(), dates[1]));
            rows.push(Value::Int(dataset.records_count() as i64)).maybe(template.frequency).push(Value::Bool(true));
            rows.push(Value::Moment(Timestamp::from_second(1_546_300_800).unwrap_or(Timestamp::UNIX_EPOCH))).maybe(None);
        }
        Table::new(schema, Arc::new(rows.finish()), None)
    }

    /// A date in a column of this type.
    fn date<'d>(&self, stated: &'d Stated, kind: Kind) -> Value<'d> {
        match stated {
            Stated::Nothing => Value::Null,
            Stated::At(moment) if kind == Kind::Moment => Value::Moment(*moment),
            Stated::At(moment) => Value::owned(iso(*moment, &self.setting.zone)),
            Stated::Text(text) => Value::text(text),
        }
    }

    /// A dataset with all its metadata.
    pub fn describe(&self, dataset: &Dataset) -> Json {
        let template = dataset.template();
        let fields: Vec<Json> = dataset.schema().fields.iter().map(|field| self.field(field)).collect();
        let mut metas = json!({"default": self.default(dataset), "dcat": self.dcat(), "custom": custom_metas()});
        if self.with_app_metas {
            metas["explore"] =
                json!({"download_count": mix(hash(dataset.id())) % 10_000, "api_call_count": mix(hash(dataset.id()) ^ 1) % 100_000});
        }
        json!({
            "visibility": if template.key_only { "restricted" } else { "domain" },
            "fields": fields,
            "dataset_id": dataset.id(),
            "dataset_uid": format!("da_{:06x}", mix(hash(dataset.id())) & 0xff_ffff),
            "has_records": true,
            "features": features(dataset),
            "attachments": files::attachments(dataset).iter().map(|file| self.attachment(dataset, file)).collect::<Vec<_>>(),
            "alternative_exports": files::alternative_exports(dataset).iter().map(listed).collect::<Vec<_>>(),
            "data_visible": template.data_visible || self.keyed,
            "metas": metas,
        })
    }

    /// What is told of an attachment. v2.0 gives a name of the portal's own, v2.1 an address that can be fetched.
    pub fn attachment(&self, dataset: &Dataset, file: &Listed) -> Json {
        let mut told = listed(file);
        if !self.setting.old {
            told["url"] = json!(format!("{}/api/explore/v2.1/catalog/datasets/{}/attachments/{}", dataset.origin(), dataset.id(), file.id));
        }
        told
    }

    /// A field as the catalogue describes it.
    pub fn field(&self, field: &Field) -> Json {
        let mut annotations = Map::new();
        if field.facet {
            annotations.insert("facet".to_owned(), json!(true));
        }
        if field.disjunctive {
            annotations.insert("disjunctive".to_owned(), json!(true));
        }
        if field.kind == Kind::List {
            annotations.insert("multivalued".to_owned(), json!(";"));
        }
        let label = if self.setting.lang == "en" { field.label_en } else { field.label };
        json!({"name": field.name, "description": null, "annotations": annotations, "label": label, "type": field.kind.name()})
    }

    /// The basic template of metadata.
    pub fn default(&self, dataset: &Dataset) -> Json {
        let template = dataset.template();
        let time = |moment: Timestamp| json!(iso(moment, &self.setting.zone));
        let date = |stated: &Stated| self.date(stated, Kind::Moment).json(&self.setting.zone);
        json!({
            "title": self.title(dataset),
            "description": self.summary(dataset),
            "theme": [template.theme],
            "keyword": template.keywords,
            "license": LICENCE,
            "license_url": LICENCE_URL,
            "language": "fr",
            "metadata_languages": ["fr", "en"],
            "timezone": null,
            "modified": time(dataset.modified()),
            "modified_updates_on_metadata_change": false,
            "modified_updates_on_data_change": true,
            "data_processed": date(dataset.data_processed()),
            "metadata_processed": date(dataset.metadata_processed()),
            "geographic_reference": ["world_fr"],
            "geographic_reference_auto": false,
            "territory": ["France"],
            "geometry_types": if features(dataset).contains(&"geo") { json!(["Point"]) } else { Json::Null },
            "bbox": null,
            "publisher": template.publisher,
            "references": null,
            "records_count": dataset.records_count(),
            "attributions": null,
            "source_domain": null,
            "source_domain_title": null,
            "source_domain_address": null,
            "source_dataset": null,
            "shared_catalog": null,
            "federated": false,
            "parent_domain": null,
            "update_frequency": template.frequency,
        })
    }

    fn dcat(&self) -> Json {
        let created = Timestamp::from_second(1_546_300_800).unwrap_or(Timestamp::UNIX_EPOCH);
        json!({
            "created": iso(created, &self.setting.zone),
            "issued": null,
            "creator": null,
            "contributor": null,
            "contact_name": "Service fictif",
            "contact_email": "contact@portail.invalid",
            "accrualperiodicity": null,
            "spatial": null,
            "temporal": null,
            "granularity": null,
            "dataquality": null,
            "publisher_type": null,
            "conforms_to": null,
            "temporal_coverage_start": null,
            "temporal_coverage_end": null,
            "accessRights": null,
            "relation": null,
        })
    }
}

/// A file under the name that the portal itself has for it.
pub fn listed(file: &Listed) -> Json {
    json!({"mimetype": file.media_type(), "id": file.id, "title": file.title, "url": format!("odsfile://{}", file.title)})
}

fn custom_metas() -> Json {
    json!({"producteur": ["Bureau des données inventées"], "remarque": null})
}
