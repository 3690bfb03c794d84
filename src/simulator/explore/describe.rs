//! Navigation, the API's description of itself, and what this portal knows only by name.

use serde_json::{Map, json};

use super::Question;
use crate::simulator::answer::Answer;

impl Question<'_> {
    pub(super) fn navigation(&self) -> Answer {
        let to = |rel: &str| Self::link(rel, self.href(&format!("/{rel}")));
        let links = match self.target.segments.last().map(String::as_str) {
            Some(source @ ("catalog" | "monitoring" | "opendatasoft")) => {
                let below = |rel: &str| Self::link(rel, self.href(&format!("/{source}/{rel}")));
                json!([Self::link("self", self.href(&format!("/{source}"))), below("datasets"), below("exports"), below("facets")])
            }
            _ => json!([Self::link("self", self.href("")), to("catalog"), to("monitoring"), to("opendatasoft")]),
        };
        Answer::json(&json!({"links": links}))
    }

    pub(super) fn description(&self) -> Answer {
        let version = if self.base.is_old() { "V2.0" } else { "V2.1" };
        let mut paths = Map::new();
        for path in [
            "/catalog/datasets",
            "/catalog/exports/{format}",
            "/catalog/datasets/{dataset_id}/records",
            "/catalog/datasets/{dataset_id}/exports/{format}",
        ] {
            paths.insert(
                path.to_owned(),
                json!({"get": {"responses": {"200": {"description": "OK"}, "429": {"description": "Too many requests"}}}}),
            );
        }
        Answer::json(&json!({
            "openapi": "3.0.3",
            "info": {"title": format!("Explore API {version}"), "version": version},
            "servers": [{"url": self.href("")}],
            "paths": paths,
        }))
    }

    /// Assets and metadata templates: undocumented, so the answer only shows that the question arrived.
    pub(super) fn other(&self) -> Answer {
        Answer::json(&json!({"total_count": 0, "results": [], "about": self.target.sorted_text()}))
    }
}
