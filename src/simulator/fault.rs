//! Faults on demand: what is to go wrong, for which family of endpoints, and how often.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, HTML};
use super::quota::{midnight_after, refusal_body};
use super::route::FAMILIES;

/// A fault as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The family of endpoints, or `*`.
    family: String,
    /// Which targets of it, by a text that they have as they are written; empty for all.
    containing: String,
    /// What goes wrong.
    pub kind: Kind,
    /// How many times still; none means for ever.
    times: Option<u64>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The answer comes later.
    Delay(Duration),
    /// An answer with this status.
    Status(u16),
    /// No answer, the connection stays open.
    Hang,
    /// The connection is reset: for `*` as soon as it is accepted, for a family once the head is known.
    Refuse,
    /// Nobody listens on the port for so long.
    StopListening(Duration),
    /// The connection is closed instead of an answer.
    Close,
    /// The body ends after so many bytes, or in its middle, and the connection is closed.
    Truncate(Option<usize>),
    /// A Content-Type that does not fit.
    WrongContentType,
    /// A page with status 200.
    Html200,
    /// A Content-Length above what is sent.
    LengthTooLong,
    /// A Content-Length below what is sent.
    LengthTooShort,
    /// So many bytes at a time, so far apart.
    SlowDrip {
        /// Time between them.
        every: Duration,
        /// How many at a time.
        bytes: usize,
    },
    /// 429: the portal's quota.
    Quota10002,
    /// 429: the quota of anonymous callers.
    Quota10005,
    /// 429 with a page.
    QuotaHtml,
    /// 429 with nothing.
    QuotaEmpty,
    /// A field whose value ends in white space.
    TrailingWhiteSpace,
}

/// The kinds with their members, for whoever misspells one.
pub const KINDS: &str = "delay{ms}, status{code}, hang, refuse{ms?}, close, truncate{after_bytes?}, wrong-content-type, html-200, \
                     wrong-length{variant: too-long|too-short}, slow-drip{ms,bytes}, quota-10002, quota-10005, quota-html, quota-empty, \
                     trailing-white-space";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    family: String,
    #[serde(default)]
    containing: String,
    kind: String,
    #[serde(default)]
    times: Option<u64>,
    ms: Option<u64>,
    code: Option<u16>,
    after_bytes: Option<usize>,
    bytes: Option<usize>,
    variant: Option<String>,
}

impl Fault {
    /// Reads a fault from JSON.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let shape = r#"{"family": "records", "kind": "delay", "times": 1, "ms": 500}"#;
        let asked: Asked = serde_json::from_slice(body).map_err(|error| format!("{error}; a fault looks like {shape}"))?;
        if asked.family != "*" && !FAMILIES.contains(&asked.family.as_str()) {
            return Err(format!("family {:?} is unknown; known are * and {}", asked.family, FAMILIES.join(", ")));
        }
        let ms = |name: &str| asked.ms.map(Duration::from_millis).ok_or_else(|| format!("{name} needs ms, a number of milliseconds"));
        let kind = match asked.kind.as_str() {
            "delay" => Kind::Delay(ms("delay")?),
            "status" => match asked.code {
                Some(code @ 200..=599) => Kind::Status(code),
                _ => return Err("status needs code, from 200 to 599".to_owned()),
            },
            "hang" => Kind::Hang,
            "refuse" => asked.ms.map_or(Kind::Refuse, |ms| Kind::StopListening(Duration::from_millis(ms))),
            "close" => Kind::Close,
            "truncate" => Kind::Truncate(asked.after_bytes),
            "wrong-content-type" => Kind::WrongContentType,
            "html-200" => Kind::Html200,
            "wrong-length" => match asked.variant.as_deref() {
                None | Some("too-long") => Kind::LengthTooLong,
                Some("too-short") => Kind::LengthTooShort,
                Some(other) => return Err(format!("variant {other:?} is unknown; known are too-long and too-short")),
            },
            "slow-drip" => match asked.bytes {
                Some(bytes @ 1..) => Kind::SlowDrip { every: ms("slow-drip")?, bytes },
                _ => return Err("slow-drip needs bytes, at least 1, and ms".to_owned()),
            },
            "quota-10002" => Kind::Quota10002,
            "quota-10005" => Kind::Quota10005,
            "quota-html" => Kind::QuotaHtml,
            "quota-empty" => Kind::QuotaEmpty,
            "trailing-white-space" => Kind::TrailingWhiteSpace,
            other => return Err(format!("kind {other:?} is unknown; known are {KINDS}")),
        };
        Ok(Self { family: asked.family, containing: asked.containing, kind, times: asked.times })
    }

    fn strikes(&self, family: &str, target: &str) -> bool {
        (self.family == "*" || self.family == family) && target.contains(&self.containing) && self.times != Some(0)
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

/// More than any test needs.
const MOST_FAULTS: usize = 1000;

impl Faults {
    /// Adds a fault.
    ///
    /// # Errors
    ///
    /// If there are too many.
    pub fn add(&mut self, fault: Fault) -> Result<(), String> {
        if self.0.len() == MOST_FAULTS {
            return Err(format!("there are {MOST_FAULTS} faults already; DELETE /_simulator/faults removes them"));
        }
        self.0.push(fault);
        Ok(())
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What strikes a request of this family and target: every delay, and the first of the others. Each counts as used.
    pub fn strike(&mut self, family: &str, target: &str) -> Vec<Kind> {
        let mut struck = Vec::new();
        let mut other = false;
        for fault in self.0.iter_mut().filter(|fault| fault.strikes(family, target)) {
            let delay = matches!(fault.kind, Kind::Delay(_));
            if delay || !other {
                other |= !delay;
                fault.times = fault.times.map(|times| times - 1);
                struck.push(fault.kind.clone());
            }
        }
        self.0.retain(|fault| fault.times != Some(0));
        struck
    }

    /// Whether new connections are reset before anything is read. Does not count as used.
    pub fn refuses_connections(&self) -> bool {
        self.0.iter().any(|fault| fault.kind == Kind::Refuse && fault.family == "*" && fault.times != Some(0))
    }

    /// One connection has been reset.
    pub fn refused_a_connection(&mut self) {
        if let Some(fault) = self.0.iter_mut().find(|fault| fault.kind == Kind::Refuse && fault.family == "*") {
            fault.times = fault.times.map(|times| times.saturating_sub(1));
        }
        self.0.retain(|fault| fault.times != Some(0));
    }
}

/// The answer that a fault gives in the place of the right one.
pub fn answer(kind: &Kind, limit: u64, now: Timestamp) -> Answer {
    const PAGE: &str = "<!DOCTYPE html><html><head><title>Portail</title></head><body><h1>Veuillez patienter…</h1></body></html>";
    let reset = midnight_after(now);
    match kind {
        Kind::Quota10002 => Answer::error(429, &refusal_body(10002, limit, reset)),
        Kind::Quota10005 => Answer::error(429, &refusal_body(10005, limit, reset)),
        Kind::QuotaHtml => Answer { status: 429, ..Answer::text(HTML, PAGE) },
        Kind::QuotaEmpty => Answer { status: 429, ..Answer::text(HTML, "") },
        Kind::Status(code @ 300..=399) => Answer { status: *code, ..Answer::text(HTML, "") }.with("Location", "/moved/elsewhere"),
        Kind::Status(code @ (204 | 205)) => Answer { status: *code, ..Answer::text(HTML, "") },
        Kind::Status(code) => {
            Answer::error(*code, &json!({"error_code": "SimulatedFault", "message": format!("The simulator was told to answer {code}.")}))
        }
        _ => Answer::text(HTML, PAGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_its_family_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.add(Fault::parse(br#"{"family":"records","kind":"close","times":2}"#).unwrap()).unwrap();
        assert_eq!(faults.strike("catalog", "/"), []);
        assert_eq!(faults.strike("records", "/"), [Kind::Close]);
        assert_eq!(faults.strike("records", "/"), [Kind::Close]);
        assert_eq!(faults.strike("records", "/"), []);
    }

    #[test]
    fn a_fault_may_be_about_some_targets_only() {
        let mut faults = Faults::default();
        let fault = br#"{"family":"catalog-export","containing":"data_processed","kind":"hang","times":1}"#;
        faults.add(Fault::parse(fault).unwrap()).unwrap();
        assert_eq!(faults.strike("catalog-export", "/api/explore/v2.1/catalog/exports/json"), []);
        assert_eq!(faults.strike("catalog-export", "/api/explore/v2.1/catalog/exports/json?select=data_processed"), [Kind::Hang]);
    }

    #[test]
    fn a_delay_goes_with_another_fault() {
        let mut faults = Faults::default();
        for fault in [
            &br#"{"family":"*","kind":"delay","ms":5}"#[..],
            br#"{"family":"*","kind":"hang"}"#,
            br#"{"family":"*","kind":"close","times":null}"#,
        ] {
            faults.add(Fault::parse(fault).unwrap()).unwrap();
        }
        assert_eq!(faults.strike("records", "/"), [Kind::Delay(Duration::from_millis(5)), Kind::Hang]);
    }

    #[test]
    fn bad_input_is_told_what_would_be_right() {
        for (body, right) in [
            (&br#"{"family":"recrods","kind":"hang"}"#[..], "records"),
            (br#"{"family":"*","kind":"explode"}"#, "slow-drip{ms,bytes}"),
            (br#"{"family":"*","kind":"delay"}"#, "milliseconds"),
            (br#"{"family":"*","kind":"hang","extra":1}"#, "a fault looks like"),
            (br#"{"family":"*","kind":"status","code":99}"#, "from 200 to 599"),
        ] {
            let message = Fault::parse(body).unwrap_err();
            assert!(message.contains(right), "{message}");
        }
    }
}
