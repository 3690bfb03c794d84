//! Navigation, and what this portal knows only by name.

use serde_json::json;

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

    /// Assets and metadata templates: undocumented, so the answer only shows that the question arrived.
    pub(super) fn other(&self) -> Answer {
        Answer::json(&json!({"total_count": 0, "results": [], "about": self.target.sorted_text()}))
    }
}
