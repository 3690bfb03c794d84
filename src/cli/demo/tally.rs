//! What came of the questions, from what the answers say of themselves.

use std::fmt::Write as _;
use std::time::Duration;

use http::response::Parts;

/// One answer, without its body.
#[derive(Clone, Debug)]
pub struct Answer {
    target: &'static str,
    status: u16,
    outcome: Outcome,
    cost: u64,
    bytes: usize,
    took: Duration,
    cache_status: String,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Hit,
    Stale,
    Collapsed,
    Forwarded,
    Refused,
    Local,
}

impl Outcome {
    /// Reads what `Cache-Status` says.
    fn of(status: u16, cache_status: &str) -> Self {
        let has = |parameter: &str| cache_status.split("; ").any(|part| part == parameter || part.starts_with(&format!("{parameter}=")));
        if cache_status.contains("ttl=-") {
            Self::Stale
        } else if has("hit") {
            Self::Hit
        } else if has("collapsed") {
            Self::Collapsed
        } else if has("fwd") {
            Self::Forwarded
        } else if status == 429 || status == 503 {
            Self::Refused
        } else {
            Self::Local
        }
    }
}

impl Answer {
    /// What `head` says.
    pub fn of(target: &'static str, head: &Parts, bytes: usize, took: Duration) -> Self {
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let cache_status = text("cache-status");
        Self {
            target,
            status: head.status.as_u16(),
            outcome: Outcome::of(head.status.as_u16(), &cache_status),
            cost: text("x-preau-cost").parse().unwrap_or_default(),
            bytes,
            took,
            cache_status,
        }
    }
}

/// All answers.
#[derive(Debug, Default)]
pub struct Tally(Vec<Answer>);

impl Tally {
    /// Counts one.
    pub fn add(&mut self, answer: Answer) {
        self.0.push(answer);
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|answer| answer.outcome == outcome).count()
    }

    /// The summary, a line each.
    pub fn summary(&self, took: Duration) -> String {
        let requests = self.0.len();
        let calls: u64 = self.0.iter().map(|answer| answer.cost).sum();
        let bytes: usize = self.0.iter().map(|answer| answer.bytes).sum();
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<12} {value}");
        };
        line("requests", format!("{requests} in {:.1} s, {:.1} MB", took.as_secs_f64(), bytes as f64 / 1e6));
        line("calls", format!("{calls}, {:.1} for 100 requests", 100.0 * calls as f64 / requests.max(1) as f64));
        line("hits", self.count(Outcome::Hit).to_string());
        line("collapsed", self.count(Outcome::Collapsed).to_string());
        line("stale", self.count(Outcome::Stale).to_string());
        line("refused", self.count(Outcome::Refused).to_string());
        line("answered here", format!("{} (no call: wrong path or query)", self.count(Outcome::Local)));
        if let Some(slowest) = self.0.iter().max_by_key(|answer| answer.took) {
            line("slowest", format!("{:.0} ms  {}", slowest.took.as_secs_f64() * 1e3, shortened(slowest.target)));
        }
        let _ = writeln!(text, "\nthree answers:");
        for outcome in [Outcome::Forwarded, Outcome::Collapsed, Outcome::Hit] {
            if let Some(sample) = self.0.iter().find(|answer| answer.outcome == outcome) {
                let _ =
                    writeln!(text, "  GET {}\n      {}  Cache-Status: {}", shortened(sample.target), sample.status, sample.cache_status);
            }
        }
        text.push('\n');
        text
    }
}

fn shortened(target: &str) -> String {
    const LONGEST: usize = 110;
    if target.len() <= LONGEST { target.to_owned() } else { format!("{}…", target.chars().take(LONGEST).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_from_cache_status() {
        for (status, text, expected) in [
            (200, "preau; hit; ttl=3", Outcome::Hit),
            (200, "preau; hit; ttl=-3; detail=fill-slow", Outcome::Stale),
            (200, "preau; fwd=stale; ttl=-3; detail=fill-failed", Outcome::Stale),
            (200, "preau; fwd=uri-miss; fwd-status=200; stored; collapsed", Outcome::Collapsed),
            (400, "preau; fwd=uri-miss; fwd-status=400; stored", Outcome::Forwarded),
            (429, "preau; detail=exhausted", Outcome::Refused),
            (404, "preau; detail=unknown-uri", Outcome::Local),
        ] {
            assert_eq!(Outcome::of(status, text), expected, "{text}");
        }
    }
}
