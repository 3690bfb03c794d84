//! The console of the API: a page of our own that builds a question and shows its answer. What consoles load besides is not the portal's.

use super::answer::Answer;
use super::route::Base;

const PAGE: &str = include_str!("console.html");

/// The console of one version. Its addresses have no origin, so that it works wherever it was had from.
pub fn page(base: Base) -> Answer {
    let version = if base.is_old() { "v2.0" } else { "v2.1" };
    Answer::page(PAGE.replace("@VERSION@", version).replace("@BASE@", base.path()))
}
