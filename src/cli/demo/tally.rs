//! What came of the questions, from what the answers say of themselves.

use std::fmt::Write as _;
use std::time::Duration;

use http::response::Parts;

use crate::cli::course::Course;

/// One answer, without its body.
#[derive(Clone, Debug)]
pub struct Answer {
    target: &'static str,
    status: u16,
    course: Course,
    cost: u64,
    bytes: usize,
    took: Duration,
    cache_status: String,
}

impl Answer {
    /// What `head` says.
    pub fn of(target: &'static str, head: &Parts, bytes: usize, took: Duration) -> Self {
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let cache_status = text("cache-status");
        Self {
            target,
            status: head.status.as_u16(),
            course: Course::of(head.status.as_u16(), &cache_status),
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

    fn count(&self, course: Course) -> usize {
        self.0.iter().filter(|answer| answer.course == course).count()
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
        line("hits", self.count(Course::Hit).to_string());
        line("collapsed", self.count(Course::Collapsed).to_string());
        line("stale", self.count(Course::Stale).to_string());
        line("refused", self.count(Course::Refused).to_string());
        line("answered here", format!("{} (no call: wrong path or query)", self.count(Course::Local)));
        if let Some(slowest) = self.0.iter().max_by_key(|answer| answer.took) {
            line("slowest", format!("{:.0} ms  {}", slowest.took.as_secs_f64() * 1e3, shortened(slowest.target)));
        }
        let _ = writeln!(text, "\nthree answers:");
        for course in [Course::Forwarded, Course::Collapsed, Course::Hit] {
            if let Some(sample) = self.0.iter().find(|answer| answer.course == course) {
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
