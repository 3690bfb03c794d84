//! Families that this portal knows by name only: small answers of the right type that differ for every question, and pages.

use serde_json::json;

use super::answer::{Answer, HTML};
use super::route::Route;
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
        Route::Console => {
            Answer::page(format!("<!DOCTYPE html><html><head><title>Console</title></head><body>{}</body></html>", escape(&about)))
        }
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

/// A text inside XML or HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
