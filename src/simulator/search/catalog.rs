//! Datasets: a search in the catalogue, and one dataset. Metadata are flat here, without templates.

use serde_json::{Map, Value as Json, json};

use super::Question;
use super::asked::{Asked, Page};
use super::echo::echo;
use super::records::feed;
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::files;
use crate::simulator::metadata::{features, listed};
use crate::simulator::query::run::Selection;
use crate::simulator::refusal::Refusal;
use crate::simulator::table::{Field, Kind};

/// Formats of a search.
const FORMATS: [&str; 4] = ["json", "jsonp", "csv", "rss"];

impl Question<'_> {
    pub(super) fn datasets(&self) -> Result<Answer, Refusal> {
        let visible = self.portal.catalogue.visible(&self.caller.account);
        let table = self.metadata().table(&visible);
        let page = Page::read(self)?;
        let asked = Asked::read(self, &table.schema)?;
        let selection = Selection::new(&table, &asked.query(self, &table.schema, Some(page)), &self.setting);
        let datasets = (0..selection.len()).filter_map(|at| selection.row(at)).map(|row| &visible[row]);
        match self.format("json") {
            "json" => {
                let datasets: Vec<Json> = datasets.map(|dataset| self.described(dataset)).collect();
                let parameters = echo(self.parameters(), page, "json");
                let mut body = json!({"nhits": selection.total, "parameters": parameters, "datasets": datasets});
                if let Some(groups) = asked.facet_groups(self, &table) {
                    body["facet_groups"] = groups;
                }
                self.json(&body)
            }
            "csv" => self.csv(table, selection, false),
            "rss" => Ok(feed("rss", "datasets", datasets.map(|dataset| dataset.id().to_owned()))),
            _ => Err(self.unknown_format("json", &FORMATS)),
        }
    }

    pub(super) fn one_dataset(&self, dataset: &Dataset) -> Result<Answer, Refusal> {
        match self.format("json") {
            "json" => self.json(&self.described(dataset)),
            _ => Err(self.unknown_format("json", &FORMATS[..2])),
        }
    }

    fn described(&self, dataset: &Dataset) -> Json {
        let mut metas: Map<String, Json> = match self.metadata().default(dataset) {
            Json::Object(metas) => metas,
            _ => Map::new(),
        };
        metas.retain(|_, value| !value.is_null());
        let template = dataset.template();
        json!({
            "datasetid": dataset.id(),
            "metas": metas,
            "has_records": true,
            "data_visible": template.data_visible || self.caller.keyed(),
            "features": features(dataset),
            "attachments": files::attachments(dataset).iter().map(listed).collect::<Vec<_>>(),
            "alternative_exports": files::alternative_exports(dataset).iter().map(listed).collect::<Vec<_>>(),
            "fields": dataset.schema().fields.iter().map(|field| self.field(field)).collect::<Vec<_>>(),
        })
    }

    /// A field. Annotations are a list here, and an object in v2.1.
    fn field(&self, field: &Field) -> Json {
        let mut annotations = Vec::new();
        if field.facet {
            annotations.push(json!({"name": "facet"}));
        }
        if field.disjunctive {
            annotations.push(json!({"name": "disjunctive"}));
        }
        if field.kind == Kind::List {
            annotations.push(json!({"name": "multivalued", "args": [";"]}));
        }
        let label = if self.setting.lang == "en" { field.label_en } else { field.label };
        json!({"name": field.name, "label": label, "type": field.kind.name(), "annotations": annotations})
    }
}
