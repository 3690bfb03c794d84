//! Families that this portal knows by name only: small answers of the right type that differ for every question, and pages.

use serde_json::json;

use super::answer::{Answer, HTML};
use super::console;
use super::route::{Base, Route};
use super::target::Target;
use super::wire::Request;

/// Answers a question of such a family.
pub fn answer(route: &Route, request: &Request, target: &Target) -> Answer {
    // These repeat a question in the order in which it was put.
    let about = target.text();
    let xml = |root: &str, about: &str| {
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{root}><about>{}</about></{root}>\n", escape(about))
    };
    match route {
        Route::OData => Answer::json(&json!({"@odata.context": about, "value": []})),
        Route::Wfs => Answer::text("application/xml; charset=utf-8", xml("WFS_Capabilities", &about)),
        Route::Csw => {
            let body = String::from_utf8_lossy(&request.body);
            let about = if body.is_empty() { about } else { format!("{about} {body}") };
            Answer::text("application/xml; charset=utf-8", xml("Capabilities", &about))
        }
        Route::Tpf => Answer::text("application/n-triples; charset=utf-8", format!("<urn:tpf> <urn:question> {} .\n", json!(about))),
        // The console of v1 is gone: whoever looks for it gets that of the API that is left.
        Route::Console => console::page(Base::V21),
        _ => page(target),
    }
}

/// Pages of datasets move to another address, as on the real portal; others are there.
fn page(target: &Target) -> Answer {
    match target.path()[..] {
        ["explore", "dataset", id, view] if view != "embed" => {
            Answer { status: 302, api: false, ..Answer::text(HTML, "") }.with("Location", format!("/explore/assets/{id}/"))
        }
        _ => Answer::page(format!(
            "<!DOCTYPE html><html><head><title>Portail</title></head><body>{}</body></html>",
            escape(&target.segments.join("/"))
        )),
    }
}

/// A text inside XML or HTML. Characters that XML cannot hold at all are left out.
pub fn escape(text: &str) -> String {
    let held: String =
        text.chars().filter(|c| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')).collect();
    held.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
