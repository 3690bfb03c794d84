//! What the portal saw: requests by family and by time, how many of them it was busy with at once, and the last ones as they came.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::wire::Request;

/// Requests that can be looked at afterwards.
const REMEMBERED: usize = 10_000;

/// Bytes that they weigh together: clients may send long ones.
const REMEMBERED_BYTES: usize = 16 * 1024 * 1024;

/// The length of a minute, in the seconds that requests are counted by.
const MINUTE: i64 = 60;

type ByFamily = BTreeMap<&'static str, u64>;

/// The counters.
#[derive(Debug, Default)]
pub struct Seen {
    received: Tally,
    requests: VecDeque<Noted>,
    bytes: usize,
    /// Requests that are being answered.
    under_way: Tally,
    most_at_once: Tally,
    /// Requests of the last seconds in which there were any.
    seconds: VecDeque<(i64, Tally)>,
    busiest_minute: Tally,
}

/// A number of requests, in all and by family.
#[derive(Clone, Debug, Default)]
struct Tally {
    all: u64,
    by_family: ByFamily,
}

#[derive(Debug)]
struct Noted {
    at: Timestamp,
    family: &'static str,
    request: Request,
}

impl Tally {
    fn add(&mut self, family: &'static str) {
        self.all += 1;
        *self.by_family.entry(family).or_default() += 1;
    }

    fn take(&mut self, family: &'static str) {
        self.all = self.all.saturating_sub(1);
        if let Some(number) = self.by_family.get_mut(family) {
            *number = number.saturating_sub(1);
        }
        self.by_family.retain(|_, number| *number > 0);
    }

    fn of(&self, family: &str) -> u64 {
        self.by_family.get(family).copied().unwrap_or(0)
    }

    /// Raises the records of this family, and of all, to what `other` has.
    fn raise(&mut self, other: &Self, family: &'static str) {
        self.all = self.all.max(other.all);
        let record = self.by_family.entry(family).or_default();
        *record = (*record).max(other.of(family));
    }

    fn sum<'a>(tallies: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for tally in tallies {
            sum.all += tally.all;
            for (family, number) in &tally.by_family {
                *sum.by_family.entry(family).or_default() += number;
            }
        }
        sum
    }

    fn json(&self, all: &str) -> Json {
        json!({all: self.all, "by_family": self.by_family})
    }
}

impl Noted {
    fn weight(&self) -> usize {
        self.request.target.len() + self.request.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }
}

impl Seen {
    /// Nothing seen yet, but for the requests that `before` is still busy with.
    pub fn after(before: &Self) -> Self {
        Self { under_way: before.under_way.clone(), most_at_once: before.under_way.clone(), ..Self::default() }
    }

    /// A request has come; it is being answered until [`answered`](Self::answered).
    pub fn received(&mut self, family: &'static str, request: &Request, now: Timestamp) {
        self.received.add(family);
        self.under_way.add(family);
        self.most_at_once.raise(&self.under_way, family);
        let second = now.as_second();
        match self.seconds.back_mut() {
            Some((last, tally)) if *last == second => tally.add(family),
            _ => {
                let mut tally = Tally::default();
                tally.add(family);
                self.seconds.push_back((second, tally));
            }
        }
        // A clock that was set back leaves later seconds behind; there are never more than these.
        while self.seconds.len() > MINUTE as usize {
            self.seconds.pop_front();
        }
        let minute = self.last_minute(now);
        self.busiest_minute.raise(&minute, family);
        let noted = Noted { at: now, family, request: request.clone() };
        self.bytes += noted.weight();
        self.requests.push_back(noted);
        while self.requests.len() > REMEMBERED || self.bytes > REMEMBERED_BYTES {
            let Some(oldest) = self.requests.pop_front() else { break };
            self.bytes -= oldest.weight();
        }
    }

    /// A request has got its answer, or has been given up.
    pub fn answered(&mut self, family: &'static str) {
        self.under_way.take(family);
    }

    fn last_minute(&self, now: Timestamp) -> Tally {
        let now = now.as_second();
        Tally::sum(self.seconds.iter().filter(|(second, _)| (now - MINUTE + 1..=now).contains(second)).map(|(_, tally)| tally))
    }

    /// Adds what was counted to the members of `calls`.
    pub fn tell(&self, calls: &mut Json, now: Timestamp) {
        calls["received"] = json!(self.received.all);
        calls["by_family"] = json!(self.received.by_family);
        calls["under_way"] = json!(self.under_way.all);
        calls["most_at_once"] = self.most_at_once.json("all");
        calls["last_minute"] = self.last_minute(now).json("received");
        calls["busiest_minute"] = self.busiest_minute.json("received");
    }

    /// The last requests whose target has this text in it, oldest first.
    pub fn last(&self, number: usize, containing: &str) -> Json {
        let wanted = self.requests.iter().rev().filter(|noted| noted.request.target.contains(containing)).take(number);
        let mut shown: Vec<Json> = wanted
            .map(|Noted { at, family, request }| {
                json!({
                    "at": at.to_string(),
                    "family": family,
                    "method": request.method,
                    "target": request.target,
                    "headers": request.fields,
                })
            })
            .collect();
        shown.reverse();
        Json::Array(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_772_359_200 + seconds).unwrap()
    }

    fn request(target: &str) -> Request {
        Request { method: "GET".to_owned(), target: target.to_owned(), http_11: true, fields: Vec::new(), body: Vec::new() }
    }

    fn calls(seen: &Seen, seconds: i64) -> Json {
        let mut calls = json!({});
        seen.tell(&mut calls, at(seconds));
        calls
    }

    #[test]
    fn what_is_under_way_at_once_is_counted_in_all_and_by_family() {
        let mut seen = Seen::default();
        for family in ["records", "records", "catalog"] {
            seen.received(family, &request("/"), at(0));
        }
        seen.answered("records");
        seen.received("records", &request("/"), at(0));
        let told = calls(&seen, 0);
        assert_eq!(told["most_at_once"], json!({"all": 3, "by_family": {"catalog": 1, "records": 2}}));
        assert_eq!(told["under_way"], 3);
        let mut anew = Seen::after(&seen);
        anew.answered("catalog");
        assert_eq!((&calls(&anew, 0)["under_way"], &calls(&anew, 0)["received"]), (&json!(2), &json!(0)));
    }

    #[test]
    fn a_minute_slides_and_the_busiest_is_remembered() {
        let mut seen = Seen::default();
        for second in [0, 30, 59, 60, 61, 300] {
            seen.received("records", &request("/"), at(second));
        }
        assert_eq!(calls(&seen, 300)["last_minute"]["received"], 1);
        assert_eq!(calls(&seen, 359)["last_minute"]["received"], 1);
        assert_eq!(calls(&seen, 360)["last_minute"]["received"], 0);
        assert_eq!(calls(&seen, 360)["busiest_minute"], json!({"received": 4, "by_family": {"records": 4}}));
    }

    #[test]
    fn no_more_is_remembered_than_fits() {
        let mut seen = Seen::default();
        let long = request(&"x".repeat(1024 * 1024));
        for _ in 0..40 {
            seen.received("page", &long, at(0));
        }
        assert_eq!(seen.last(usize::MAX, "x").as_array().map(Vec::len), Some(16));
        seen.received("page", &request("/y"), at(7));
        assert_eq!(seen.last(5, "y").as_array().map(Vec::len), Some(1));
        assert_eq!(seen.last(1, "")[0]["at"], at(7).to_string());
    }
}
