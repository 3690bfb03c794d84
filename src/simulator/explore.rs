//! The Explore API, v2.1 and v2.0 with its second name: which question is answered where.

mod catalog;
mod catalog_export;
mod describe;
mod described;
mod description;
mod export;
mod facets;
mod links;
mod records;

use super::answer::Answer;
use super::catalogue::Dataset;
use super::console;
use super::exchange::Caller;
use super::metadata::Metadata;
use super::portal::Portal;
use super::query::Setting;
use super::refusal::Refusal;
use super::route::{Base, Explore};
use super::target::{Parameters, Target};

/// A question to the Explore API, and everything needed to answer it.
pub struct Question<'a> {
    portal: &'a Portal,
    caller: &'a Caller,
    target: &'a Target,
    base: Base,
    setting: Setting,
}

/// Where the vendor says that v2.0 is on its way out.
const CHANGELOG: &str = "https://help.huwise.com/apis/ods-explore-v2/explore_v2.1.html#section/Introduction/v2.1-Changelog";

/// Answers a question to the Explore API.
pub fn answer(portal: &Portal, caller: &Caller, target: &Target, base: Base, endpoint: &Explore) -> Answer {
    let answer = read(portal, caller, target, base).and_then(|question| question.answer(endpoint));
    let answer = answer.unwrap_or_else(|refusal| Answer::refusal(&refusal));
    if !base.is_old() || !answer.api {
        return answer;
    }
    answer
        .with("ODS-Explore-API-Deprecation", "deprecated API version (v2.0), please use the current v2.1 version")
        .with("Link", format!("<{CHANGELOG}>; rel=\"deprecation\"; type=\"text/html\""))
}

fn read<'a>(portal: &'a Portal, caller: &'a Caller, target: &'a Target, base: Base) -> Result<Question<'a>, Refusal> {
    let lang = caller.lang(&target.parameters)?;
    let setting = Setting { reversed: caller.lied_to, ..Setting::new(&target.parameters, lang, caller.now, base.is_old())? };
    Ok(Question { portal, caller, target, base, setting })
}

impl Question<'_> {
    fn answer(&self, endpoint: &Explore) -> Result<Answer, Refusal> {
        match endpoint {
            Explore::Navigation => Ok(self.navigation()),
            Explore::Description => Ok(self.description()),
            Explore::Console => Ok(console::page(self.base)),
            Explore::Datasets => self.datasets(),
            Explore::Dataset(id) => self.one_dataset(&self.dataset(id)?),
            Explore::CatalogFacets => self.catalog_facets(),
            Explore::CatalogExports => Ok(self.export_list(None)),
            Explore::CatalogExport(format) => self.catalog_export(format),
            Explore::Aggregates(_) if !self.base.is_old() => Err(Refusal::Gone),
            Explore::Aggregates(id) => self.aggregates(id.as_deref()),
            Explore::Records(id) => self.records(&self.dataset(id)?),
            Explore::Record(id, record) => self.record(&self.dataset(id)?, record),
            Explore::Facets(id) => self.facets(&self.dataset(id)?),
            Explore::Exports(id) => self.dataset(id).map(|dataset| self.export_list(Some(dataset.id()))),
            Explore::Export(id, format) => self.export(&self.dataset(id)?, format),
            Explore::Attachments(id) => self.dataset(id).map(|dataset| self.attachments(&dataset)),
            Explore::Attachment(id, attachment) => self.attachment(&self.dataset(id)?, attachment),
            Explore::Other => Ok(self.other()),
        }
    }

    fn dataset(&self, id: &str) -> Result<Dataset, Refusal> {
        Ok(self.portal.catalogue.dataset(id, &self.caller.account)?.at(&self.caller.origin))
    }

    /// The datasets that the caller sees.
    fn visible(&self) -> Vec<Dataset> {
        let visible = self.portal.catalogue.visible(&self.caller.account);
        visible.into_iter().map(|dataset| dataset.at(&self.caller.origin)).collect()
    }

    /// How this question has metadata told.
    fn metadata(&self) -> Metadata<'_> {
        let with_app_metas = self.parameters().flag("include_app_metas", false);
        Metadata { setting: &self.setting, keyed: self.caller.keyed(), with_app_metas }
    }

    fn parameters(&self) -> &Parameters {
        &self.target.parameters
    }
}
