//! The control paths, `/_simulator/…`: what tests read and change while the portal runs. They are neither counted nor struck by faults.
//!
//! [`CONTROLS`] lists them with their parameters; what concerns one dataset or the catalogue is done in [`datasets`].

mod datasets;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::answer::Answer;
use super::fault::{Fault, Faults, KINDS, Kind};
use super::lie::Spelling;
use super::portal::Portal;
use super::route::FAMILIES;
use super::target::{Parameters, Target};
use super::wire::Request;

/// First segment of the control paths.
pub const ROOT: &str = "_simulator";

/// A control path.
struct Control {
    method: &'static str,
    path: &'static str,
    /// The parameters, as they are written.
    usage: &'static str,
    about: &'static str,
}

/// All of them. Between `[` and `]` stands what may be left out.
const CONTROLS: &[Control] = &[
    Control {
        method: "GET",
        path: "calls",
        usage: "",
        about: "Counters: received, charged, by family; most at once, last minute and busiest minute by the portal's clock.",
    },
    Control {
        method: "GET",
        path: "requests",
        usage: "[last=N][&containing=TEXT]",
        about: "The last requests as they came, with their times; with TEXT, those whose target has it. Default 1, at most 10,000.",
    },
    Control { method: "POST", path: "reset", usage: "", about: "Back to the start: undoes everything below." },
    Control {
        method: "POST",
        path: "clock",
        usage: "now=TIME|forward=SECONDS[&frozen=1]",
        about: "Sets or advances the portal's clock. It runs on from there; with frozen=1 it stands still, and goes on doing so when advanced.",
    },
    Control { method: "POST", path: "quota", usage: "used=N", about: "Somebody else has spent N calls today." },
    Control {
        method: "POST",
        path: "touch",
        usage: "dataset=ID[&what=data|metadata][&late=rows|version&for=SECONDS|until=release]",
        about: "Processes a dataset anew: rows in front, and a version of now. late=rows: the catalogue states the version before the portal \
                answers with the rows; late=version: the other way round. It ends by the portal's clock, by release, or with the next touch.",
    },
    Control { method: "POST", path: "release", usage: "dataset=ID", about: "Lets out what a touch held back." },
    Control {
        method: "POST",
        path: "version",
        usage: "dataset=ID[&data_processed=TEXT|null|as-is][&metadata_processed=TEXT|null|as-is][&duplicate=1|0]",
        about: "Has the catalogue state any text as a date, until as-is or the next touch, and list the dataset twice, the second time under \
                dates of the day before. Rows stay.",
    },
    Control {
        method: "POST",
        path: "hide",
        usage: "dataset=ID[&status=404|401|403|410][&listed=1]",
        about: "Every endpoint of a dataset answers so, and the catalogue leaves it out unless listed=1.",
    },
    Control { method: "POST", path: "show", usage: "dataset=ID", about: "Ends hide." },
    Control {
        method: "POST",
        path: "private",
        usage: "dataset=ID[&key=KEY]",
        about: "A dataset is there for the callers with this key, and for nobody else; without key, for everybody again. Keys that begin with \
                valid are known.",
    },
    Control {
        method: "POST",
        path: "callers",
        usage: "tell=1|0",
        about: "Every answer tells whose it is, in X-Simulator-Caller: anonymous, unknown, or the key.",
    },
    Control {
        method: "POST",
        path: "publish",
        usage: "dataset=ID",
        about: "A dataset appears that was not there: fr-en-nouveaute-1 to fr-en-nouveaute-12 wait for it.",
    },
    Control {
        method: "POST",
        path: "shrink",
        usage: "keep=N|all",
        about: "The catalogue lists its first N datasets. All go on answering.",
    },
    Control {
        method: "POST",
        path: "lie",
        usage: "dataset=ID&rule=RULE[&field=NAME]|endpoint=FAMILY&rule=RULE[&parameter=NAME&value=TEXT]",
        about: "Of a dataset: moves-unstated (its rows change now, its version does not), loses-field (from the next touch on; the last one, or \
                field), loses-rows (from the next touch on), none. Of a family of endpoints, spellings that are answered differently: \
                offset-zero, limit-ten, timezone-utc, stated (parameter=value), trailing-unknown, name-order, where-order, white-space, \
                operator-case, jsonp, none.",
    },
    Control {
        method: "POST",
        path: "swell",
        usage: "dataset=ID&bytes=N|times=N",
        about: "Makes the exports of a dataset so long, by going through its rows again.",
    },
    Control {
        method: "POST",
        path: "faults",
        usage: "",
        about: "Adds a fault, JSON: {\"family\": \"catalog-export\", \"containing\": \"data_processed\", \"kind\": \"status\", \"code\": 503, \
                \"times\": 2}. Without times it lasts; with containing it strikes only targets that have the text.",
    },
    Control { method: "DELETE", path: "faults", usage: "", about: "Ends all faults." },
];

impl Control {
    fn spelt(&self) -> String {
        let mark = if self.usage.is_empty() { "" } else { "?" };
        format!("{} /{ROOT}/{}{mark}{}", self.method, self.path, self.usage)
    }

    /// Whether a parameter of this name is one of the usage's.
    fn takes(&self, name: &str) -> bool {
        self.usage.split(['&', '|', '[', ']']).any(|part| part.split_once('=').is_some_and(|(known, _)| known == name))
    }
}

/// All control paths with their meaning, as text.
pub fn help() -> String {
    let told = CONTROLS.iter().map(|control| format!("{}\n    {}\n", control.spelt(), control.about));
    let head = "Control paths, for tests, neither counted nor struck by faults:";
    format!("{head}\n\n{}\nFamilies: {}.\nKinds of faults: {KINDS}.", told.collect::<String>(), FAMILIES.join(", "))
}

/// Answers a control request.
pub fn answer(portal: &Portal, request: &Request, target: &Target) -> Answer {
    match run(portal, request, target) {
        Ok(answer) => Answer { api: false, ..answer },
        Err(right) => Answer { api: false, ..Answer::error(400, &json!({"error": right})) },
    }
}

fn run(portal: &Portal, request: &Request, target: &Target) -> Result<Answer, String> {
    let parameters = &target.parameters;
    let path = target.path()[1..].join("/");
    let Some(control) = CONTROLS.iter().find(|control| control.method == request.method && control.path == path) else {
        let known: Vec<String> = CONTROLS.iter().map(|control| control.spelt().replace(&format!("/{ROOT}/"), "")).collect();
        return Err(format!("{} /{ROOT}/{path} is unknown; known are {}", request.method, known.join(", ")));
    };
    if let Some((name, _)) = parameters.0.iter().find(|(name, _)| !control.takes(name)) {
        return Err(format!("{name} is no parameter of {}", control.spelt()));
    }
    match (control.method, control.path) {
        ("GET", "calls") => return Ok(Answer::json(&portal.calls())),
        ("GET", "requests") => {
            let number = match parameters.first("last") {
                Some(text) => text.parse().map_err(|_| "last takes a number, as in /_simulator/requests?last=10".to_owned())?,
                None => 1,
            };
            return Ok(Answer::json(&portal.last_requests(number, parameters.first("containing").unwrap_or_default())));
        }
        (_, "reset") => portal.reset(),
        (_, "clock") => clock(portal, parameters)?,
        (_, "quota") => {
            let used = parameters.first("used").and_then(|text| text.parse().ok());
            let used: u64 = used.ok_or("used takes a number of calls, as in /_simulator/quota?used=100")?;
            portal.quota(|quota, now| quota.spend_elsewhere(used, now));
        }
        ("POST", "faults") => {
            let fault = Fault::parse(&request.body)?;
            match fault.kind {
                Kind::StopListening(time) => portal.stop_listening(time),
                _ => portal.faults(|faults| faults.add(fault))?,
            }
        }
        (_, "faults") => portal.faults(Faults::clear),
        (_, "callers") => portal.tell_callers(flag(parameters, "tell")?.ok_or("tell is missing, as in /_simulator/callers?tell=1")?),
        (_, "lie") if parameters.given("dataset").is_none() => {
            let family = parameters.given("endpoint").ok_or(LIE)?;
            let spelling = Spelling::read(parameters.given("rule").ok_or(LIE)?, parameters)?;
            portal.lies(|lies| lies.tell(family, spelling))?;
        }
        (_, path) => datasets::run(portal, path, parameters)?,
    }
    Ok(Answer::json(&json!({"done": true})))
}

const LIE: &str = "dataset or endpoint is missing, or rule, as in /_simulator/lie?endpoint=records&rule=offset-zero or \
                   /_simulator/lie?dataset=fr-en-annuaire-education&rule=moves-unstated";

fn clock(portal: &Portal, parameters: &Parameters) -> Result<(), String> {
    let frozen = flag(parameters, "frozen")?;
    let now = match (parameters.given("now"), parameters.given("forward")) {
        (Some(text), None) => {
            // A `+` of an offset arrives as a space from clients that do not encode it.
            let now: Result<Timestamp, _> = text.replace(' ', "+").parse();
            now.map_err(|_| format!("{text} is no RFC 3339 time such as 2026-03-01T23:59:58Z"))?
        }
        (None, Some(_)) => later(portal, seconds(parameters, "forward")?)?,
        _ => return Err("now or forward is missing, as in /_simulator/clock?now=2026-03-01T23:59:58Z or clock?forward=60".to_owned()),
    };
    // Set anew it runs on unless told otherwise; advanced it goes on as it did.
    let stays = parameters.given("forward").is_some() && portal.is_frozen();
    portal.set_clock(now, frozen.unwrap_or(stays));
    Ok(())
}

/// The portal's time, so much later.
fn later(portal: &Portal, by: Duration) -> Result<Timestamp, String> {
    portal.now().checked_add(by).map_err(|_| "the clock would leave the years that it has".to_owned())
}

/// A flag, if it is given.
fn flag(parameters: &Parameters, name: &str) -> Result<Option<bool>, String> {
    match parameters.given(name) {
        None => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(other) => Err(format!("{name} takes 1 or 0, not {other}")),
    }
}

/// A number of seconds, decimals allowed.
fn seconds(parameters: &Parameters, name: &str) -> Result<Duration, String> {
    let number = parameters.given(name).and_then(|text| text.parse().ok());
    let time = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    time.ok_or_else(|| format!("{name} takes a number of seconds, as in {name}=60 or {name}=0.5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_says_which_parameters_there_are() {
        let touch = CONTROLS.iter().find(|control| control.path == "touch").unwrap();
        assert!(["dataset", "what", "late", "for", "until"].iter().all(|name| touch.takes(name)));
        assert!(!touch.takes("metadata") && !touch.takes("untill") && !touch.takes(""));
    }
}
