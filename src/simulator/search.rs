//! API v1: which question is answered where, and how its answers are wrapped.
//!
//! Searches echo their parameters, keyed by name, so that the order in which these came does not show. Errors have one member `error`.

mod analyze;
mod asked;
mod catalog;
mod download;
mod echo;
mod geo;
mod records;

use serde_json::Value as Json;

use super::answer::{Answer, Body, JSON};
use super::catalogue::Dataset;
use super::exchange::Caller;
use super::files;
use super::json;
use super::metadata::Metadata;
use super::portal::Portal;
use super::query::Setting;
use super::refusal::Refusal;
use super::route::{Filed, Search};
use super::target::{Parameters, Target};

/// Content-Type of JSONP.
const JSONP: &str = "text/javascript; charset=utf-8";

/// A question to API v1, and everything needed to answer it.
pub struct Question<'a> {
    portal: &'a Portal,
    caller: &'a Caller,
    target: &'a Target,
    setting: Setting,
}

/// Answers a question to API v1.
pub fn answer(portal: &Portal, caller: &Caller, target: &Target, endpoint: &Search) -> Answer {
    let answer = read(portal, caller, target).and_then(|question| question.answer(endpoint));
    answer.unwrap_or_else(|refusal| Answer::error(refusal.status(), &refusal.body_v1()))
}

fn read<'a>(portal: &'a Portal, caller: &'a Caller, target: &'a Target) -> Result<Question<'a>, Refusal> {
    let lang = caller.lang(&target.parameters)?;
    let setting = Setting { reversed: caller.lied_to, ..Setting::new(&target.parameters, lang, caller.now, false)? };
    Ok(Question { portal, caller, target, setting })
}

impl Question<'_> {
    fn answer(&self, endpoint: &Search) -> Result<Answer, Refusal> {
        match endpoint {
            Search::Datasets => self.datasets(),
            Search::Dataset(id) => self.one_dataset(&self.dataset(id)?),
            Search::Records => self.records(&self.named_dataset()?),
            Search::Record(id, record) => self.one_record(&self.dataset(id)?, record),
            Search::Download(Some(id)) => self.download(&self.dataset(id)?, "csv"),
            Search::Download(None) => self.download(&self.named_dataset()?, "json"),
            Search::Analyze => self.analyze(&self.named_dataset()?),
            Search::Geo(kind) => self.geo(&self.named_dataset()?, *kind),
            Search::File(id, filed, file) => self.file(&self.dataset(id)?, *filed, file),
        }
    }

    fn dataset(&self, id: &str) -> Result<Dataset, Refusal> {
        Ok(self.portal.catalogue.dataset(id, &self.caller.account)?.at(&self.caller.origin))
    }

    /// A file of a dataset.
    fn file(&self, dataset: &Dataset, filed: Filed, id: &str) -> Result<Answer, Refusal> {
        let missing = || Refusal::NotFound { what: "file", id: id.to_owned() };
        if matches!(filed, Filed::Records | Filed::Thumbnails) {
            // Whoever may not read the records may not read their files.
            dataset.table(self.caller.keyed())?;
        }
        files::find(dataset, filed, id).map(Answer::file).ok_or_else(missing)
    }

    /// The dataset that the query names.
    fn named_dataset(&self) -> Result<Dataset, Refusal> {
        let expected = || "the id of a dataset".to_owned();
        let id = self.parameters().given("dataset");
        self.dataset(id.ok_or_else(|| Refusal::Parameter { name: "dataset", found: "nothing".to_owned(), expected: expected() })?)
    }

    /// How this question has metadata told.
    fn metadata(&self) -> Metadata<'_> {
        Metadata { setting: &self.setting, keyed: self.caller.keyed(), with_app_metas: false }
    }

    fn parameters(&self) -> &Parameters {
        &self.target.parameters
    }

    /// The format that is asked for, JSONP as the JSON inside it.
    fn format<'q>(&'q self, default: &'q str) -> &'q str {
        unwrapped(self.parameters().given("format").unwrap_or(default))
    }

    /// JSON, indented if so wished, and inside a call of the callback for JSONP.
    fn json(&self, body: &Json) -> Result<Answer, Refusal> {
        let text = if self.parameters().flag("pretty_print", false) { json::indented(body) } else { json::line(body) };
        let Some(callback) = self.callback()? else { return Ok(Answer::new(JSON, Body::Whole(text))) };
        let call = [callback.as_bytes(), b"(", &text, b");"].concat();
        Ok(Answer::new(JSONP, Body::Whole(call)))
    }

    /// The function that JSONP is to call, if it is asked for.
    fn callback(&self) -> Result<Option<&str>, Refusal> {
        if !self.parameters().given("format").is_some_and(|format| format.ends_with("jsonp")) {
            return Ok(None);
        }
        let callback = self.parameters().given("callback").unwrap_or("callback");
        if !callback.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b'[' | b']')) {
            let expected = "the name of a function".to_owned();
            return Err(Refusal::Parameter { name: "callback", found: callback.to_owned(), expected });
        }
        Ok(Some(callback))
    }

    fn unknown_format(&self, default: &str, known: &[&str]) -> Refusal {
        let expected = format!("one of {}", known.join(", "));
        Refusal::Parameter { name: "format", found: self.format(default).to_owned(), expected }
    }
}

/// The format that JSONP wraps.
fn unwrapped(format: &str) -> &str {
    match format {
        "jsonp" => "json",
        "geojsonp" => "geojson",
        format => format,
    }
}
