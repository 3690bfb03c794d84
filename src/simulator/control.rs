//! The control paths, `/_simulator/…`: what tests read and change while the portal runs. They are neither counted nor struck by faults.

use jiff::Timestamp;
use serde_json::json;

use super::answer::Answer;
use super::fault::{Fault, Kind};
use super::portal::Portal;
use super::swell::Swell;
use super::target::Target;
use super::wire::Request;

/// First segment of the control paths.
pub const ROOT: &str = "_simulator";

/// Answers a control request.
pub fn answer(portal: &Portal, request: &Request, target: &Target) -> Answer {
    match run(portal, request, target) {
        Ok(answer) => Answer { api: false, ..answer },
        Err(right) => Answer { api: false, ..Answer::error(400, &json!({"error": right})) },
    }
}

fn run(portal: &Portal, request: &Request, target: &Target) -> Result<Answer, String> {
    let parameters = &target.parameters;
    let done = || Ok(Answer::json(&json!({"done": true})));
    match (request.method.as_str(), &target.path()[1..]) {
        ("GET", ["calls"]) => Ok(Answer::json(&portal.calls())),
        ("GET", ["requests"]) => {
            let number = match parameters.first("last") {
                Some(text) => text.parse().map_err(|_| "last takes a number, as in /_simulator/requests?last=10".to_owned())?,
                None => 1,
            };
            Ok(Answer::json(&portal.last_requests(number)))
        }
        ("POST", ["reset"]) => {
            portal.reset();
            done()
        }
        ("POST", ["touch"]) => {
            let id = parameters.first("dataset").ok_or("dataset is missing, as in /_simulator/touch?dataset=fr-en-annuaire-education")?;
            let touched = match parameters.first("what") {
                None | Some("data") => portal.catalogue.touch(id, portal.now()),
                Some("metadata") => portal.catalogue.touch_metadata(id, portal.now()),
                Some(other) => return Err(format!("what={other} is unknown; known are data and metadata")),
            };
            if touched { done() } else { Err(no_dataset(id)) }
        }
        ("POST", ["swell"]) => {
            let id = parameters
                .first("dataset")
                .ok_or("dataset is missing, as in /_simulator/swell?dataset=fr-en-annuaire-education&times=3")?;
            let swollen = portal.catalogue.swell(id, Swell::read(parameters)?);
            if swollen { done() } else { Err(no_dataset(id)) }
        }
        ("POST", ["clock"]) => {
            let text = parameters.first("now").ok_or("now is missing, as in /_simulator/clock?now=2026-03-01T23:59:58Z")?;
            // A `+` of an offset arrives as a space from clients that do not encode it.
            let now: Timestamp =
                text.replace(' ', "+").parse().map_err(|_| format!("{text} is no RFC 3339 time such as 2026-03-01T23:59:58Z"))?;
            portal.set_clock(now);
            done()
        }
        ("POST", ["quota"]) => {
            let used = parameters.first("used").and_then(|text| text.parse().ok());
            let used: u64 = used.ok_or("used takes a number of calls, as in /_simulator/quota?used=100")?;
            portal.quota(|quota, now| quota.spend_elsewhere(used, now));
            done()
        }
        ("POST", ["faults"]) => {
            let fault = Fault::parse(&request.body)?;
            match fault.kind {
                Kind::StopListening(time) => portal.stop_listening(time),
                _ => portal.faults(|faults| faults.add(fault))?,
            }
            done()
        }
        ("DELETE", ["faults"]) => {
            portal.faults(super::fault::Faults::clear);
            done()
        }
        (method, path) => Err(format!(
            "{method} /_simulator/{} is unknown; known are GET calls, GET requests?last=N, POST reset, POST touch?dataset=ID, \
             POST swell?dataset=ID&bytes=N|times=N, POST clock?now=TIME, POST quota?used=N, POST faults, DELETE faults",
            path.join("/")
        )),
    }
}

fn no_dataset(id: &str) -> String {
    format!("there is no dataset {id}; /api/explore/v2.1/catalog/datasets lists them")
}
