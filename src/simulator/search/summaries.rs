//! What this portal only pretends to know: analyses, clusters and files. Each has the right type, counts the rows that match, and repeats
//! the question, so that two questions have two answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::asked::Asked;
use super::{Question, unwrapped};
use crate::simulator::answer::Answer;
use crate::simulator::catalogue::Dataset;
use crate::simulator::query::run::matching;
use crate::simulator::refusal::Refusal;
use crate::simulator::rows::Csv;

impl Question<'_> {
    /// A list with one point, which has a value for each of the series `y.S.…`.
    pub(super) fn analyze(&self, dataset: &Dataset) -> Result<Answer, Refusal> {
        let count = self.matches(dataset)?;
        let series: BTreeSet<&str> = self.parameters().under("y.").filter_map(|(name, _)| name.split('.').next()).collect();
        let names: Vec<&str> = std::iter::once("x").chain(series).collect();
        let about = self.about();
        let value = |name: &str| if name == "x" { json!(about) } else { json!(count) };
        match self.format("json") {
            "json" => {
                let point: Map<String, Json> = names.iter().map(|name| ((*name).to_owned(), value(name))).collect();
                self.json(&json!([point]))
            }
            "csv" => {
                let csv = Csv::read_v1(self.parameters())?;
                let mut text = csv.start();
                csv.line(&mut text, names.iter().map(|name| (*name).to_owned()));
                csv.line(&mut text, names.iter().map(|name| csv.metadatum(&value(name))));
                Ok(Answer::text("text/csv; charset=utf-8", String::from_utf8_lossy(&text)))
            }
            _ => Err(self.unknown_format("json", &["json", "jsonp", "csv"])),
        }
    }

    pub(super) fn clusters(&self, dataset: &Dataset) -> Result<Answer, Refusal> {
        let count = self.matches(dataset)?;
        let precision = self.parameters().given("clusterprecision").and_then(|text| text.parse::<u32>().ok());
        self.json(&json!({
            "clusters": [],
            "count": {"min": count, "max": count},
            "series": {},
            "clusterprecision": precision,
            "about": self.about(),
        }))
    }

    pub(super) fn file(&self) -> Answer {
        Answer::text("application/octet-stream", format!("Un fichier inventé : {}\n", self.about()))
    }

    /// The question, the same for JSONP as for the JSON inside it.
    fn about(&self) -> String {
        let mut target = self.target.clone();
        target.parameters.0.retain(|(name, _)| name != "callback");
        for (name, value) in &mut target.parameters.0 {
            if name == "format" {
                *value = unwrapped(value).to_owned();
            }
        }
        target.sorted_text()
    }

    fn matches(&self, dataset: &Dataset) -> Result<usize, Refusal> {
        let table = dataset.table(self.caller.keyed())?;
        let asked = Asked::read(self, &table.schema)?;
        Ok(matching(&table, &asked.conditions, &self.setting).len())
    }
}
