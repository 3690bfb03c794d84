//! What came of a call, as the client saw it, and when two of them are equal.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What a client tells of one call. In the body, the origin that the client used is replaced by `ORIGIN` before anything is measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// What was asked.
    pub target: String,
    /// Why there is no answer, in the client's words.
    pub error: Option<String>,
    pub status: u16,
    /// Of the body as the client decoded it.
    pub length: usize,
    pub sha256: String,
    /// How often the body named the origin.
    pub links: usize,
    /// Those that the client shows, by their names in lower case; lines of one name joined with commas.
    pub fields: BTreeMap<String, String>,
}

/// Fields that need not be equal, and why. They must be there where the portal's are, but for those of one message.
const DIFFERENT: [(&str, &str); 18] = [
    ("cache-control", "the portal forbids storing, préau lets clients store and ask again"),
    ("vary", "the portal names fields that are not forwarded"),
    ("access-control-expose-headers", "préau's own are added to the portal's"),
    ("x-ratelimit-limit", "written from the ledger"),
    ("x-ratelimit-remaining", "written from the ledger"),
    ("x-ratelimit-reset", "written from the ledger"),
    ("ratelimit", "préau's own"),
    ("ratelimit-policy", "préau's own"),
    ("x-preau-cost", "préau's own"),
    ("x-preau-dataset-version", "préau's own"),
    ("cache-status", "préau's own"),
    ("via", "préau's own"),
    ("age", "préau's own"),
    ("etag", "the portal has no validators, préau makes them"),
    ("last-modified", "the portal has no validators, préau makes them"),
    ("accept-ranges", "the portal has no ranges, préau cuts them from what it stored"),
    ("date", "of one message"),
    ("strict-transport-security", "the portal's promise for its own host"),
];

/// Fields of one connection or one transfer: how the body travelled, not what it is.
const TRANSFER: [&str; 5] = ["connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"];

impl Outcome {
    /// An answer, where no program of ours but we measure it.
    pub fn of(target: &str, origin: &str, status: u16, body: &[u8], fields: BTreeMap<String, String>) -> Self {
        let (body, links) = without_origin(body, origin.as_bytes());
        let sha256 = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { target: target.to_owned(), error: None, status, length: body.len(), sha256, links, fields }
    }

    /// Whether the status is another one.
    pub fn differences_of_status(&self, own: &Self) -> Vec<String> {
        if self.error.is_none() && self.status == own.status {
            return Vec::new();
        }
        vec![format!("status {} ({:?}), not {}", self.status, self.error, own.status)]
    }

    /// As [`differences`](Self::differences), of an answer that names its portal as data too. All that can be said of its body is that some of these
    /// names are links, and lead where the client is.
    pub fn differences_beside_data(&self, own: &Self, from: &str, to: &str) -> Vec<String> {
        let same_body = Self { length: own.length, sha256: own.sha256.clone(), ..self.clone() };
        let mut found = same_body.differences(own, from, to);
        if self.links == 0 || self.links > own.links {
            found.push(format!("{} links lead here, of {} names of the portal", self.links, own.links));
        }
        found
    }

    /// What a user of the client would notice if `self` came in the place of `own`, the portal's. `from` and `to` are the origins that were
    /// used for `own` and for `self`.
    pub fn differences(&self, own: &Self, from: &str, to: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut unequal =
            |what: &str, own: &dyn std::fmt::Debug, got: &dyn std::fmt::Debug| found.push(format!("{what} {got:?}, not {own:?}"));
        if own.error.is_some() || self.error.is_some() {
            unequal("error", &own.error, &self.error);
            return found;
        }
        if own.status != self.status {
            // The rest differs for that reason alone.
            unequal("status", &own.status, &self.status);
            return found;
        }
        if own.sha256 != self.sha256 {
            unequal("body (length, links)", &(own.length, own.links), &(self.length, self.links));
        }
        let names: BTreeSet<&String> = own.fields.keys().chain(self.fields.keys()).collect();
        for name in names.into_iter().filter(|name| !TRANSFER.contains(&name.as_str())) {
            let (own, got) = (own.fields.get(name), self.fields.get(name));
            let may_differ = DIFFERENT.iter().any(|(known, _)| known == name);
            // A promise for the portal's host is not to be repeated; all other fields that a client may rely on are there.
            let may_be_absent = name == "strict-transport-security";
            let equal = match (own, got) {
                (Some(own), Some(got)) if name == "access-control-expose-headers" => got.starts_with(own.as_str()),
                (Some(own), Some(got)) => may_differ || own.replace(from, "ORIGIN") == got.replace(to, "ORIGIN"),
                (Some(_), None) => may_be_absent,
                (None, Some(_)) => may_differ,
                (None, None) => true,
            };
            if !equal {
                unequal(name, &own, &got);
            }
        }
        found
    }
}

/// The body with `ORIGIN` in the place of `origin`, and how often that was.
fn without_origin(body: &[u8], origin: &[u8]) -> (Vec<u8>, usize) {
    let (mut replaced, mut links, mut at) = (Vec::with_capacity(body.len()), 0, 0);
    while at < body.len() {
        if body[at..].starts_with(origin) {
            replaced.extend_from_slice(b"ORIGIN");
            links += 1;
            at += origin.len();
        } else {
            replaced.push(body[at]);
            at += 1;
        }
    }
    (replaced, links)
}

/// The comparison sees what it is for, and is blind to what it says it is blind to.
pub fn differences_are_seen_but_for_the_listed_ones() {
    let fields = |text: &str| text.lines().map(|line| line.split_once(": ").expect("a field")).map(|(n, v)| (n.into(), v.into())).collect();
    let own =
        Outcome::of("/", "http://a:1", 200, b"see http://a:1/x", fields("vary: Cookie\nlink: <http://a:1/y>\ncontent-type: text/csv"));
    let like = |status, body: &[u8], more: &str| {
        let got = Outcome::of("/", "http://b:22", status, body, fields(more));
        got.differences(&own, "http://a:1", "http://b:22").len()
    };
    let good = "vary: Accept\nlink: <http://b:22/y>\ncontent-type: text/csv\nage: 1\ncontent-length: 3";
    let body = b"see http://b:22/x";
    assert_eq!(like(200, body, good), 0);
    assert_eq!(like(206, body, good), 1);
    assert_eq!(like(200, b"see http://a:1/x", good), 1, "a link that stayed the portal's");
    assert_eq!(like(200, b"see http://b:22/y", good), 1);
    assert_eq!(like(200, body, "vary: Accept\nlink: <http://a:1/y>\ncontent-type: text/csv"), 1);
    assert_eq!(like(200, body, "vary: Accept\nlink: <http://b:22/y>"), 1, "a field is missing");
    assert_eq!(like(200, body, &format!("{good}\nx-other: 1")), 1, "a field is added");
    let failed = Outcome { error: Some("gone".into()), ..own.clone() };
    assert_eq!(failed.differences(&failed, "http://a:1", "http://a:1").len(), 1, "two failures are not equal");
}
