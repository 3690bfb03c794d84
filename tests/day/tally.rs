//! What a day came to, and the table that is printed of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::http::{self, Answer};
use super::load::calls_of_both;
use super::plan::Plan;
use super::roof::Roof;
use super::truth::Standing;

/// An answer and what there is to know about it.
pub struct Answered<'a> {
    /// What was asked.
    pub target: &'a str,
    /// What came.
    pub answer: &'a Answer,
    /// How it compares with the portal.
    pub standing: Standing,
}

/// The counts of a day.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub name: &'static str,
    pub requests: usize,
    pub distinct: usize,
    pub asked_again: usize,
    /// Answered from store, and fresh.
    pub hits: usize,
    /// Answered by a call that another request made.
    pub collapsed: usize,
    /// Stale, and said to be.
    pub labelled: BTreeMap<String, usize>,
    /// Statuses other than 200.
    pub refused: BTreeMap<u16, usize>,
    /// Answers that the portal never gave: the first few targets.
    pub wrong: Vec<String>,
    /// How far behind the portal an answer was that did not say so.
    pub oldest_unlabelled: Duration,
    /// The same of those that did.
    pub oldest_labelled: Duration,
    /// The sum of what clients were told that their requests cost.
    pub told_cost: u64,
    /// Calls, as préau's ledger has them and as the portal charged them.
    pub calls: u64,
    /// Those of them that read the catalogue.
    pub looks: u64,
    /// Real time.
    pub took: Duration,
}

impl Tally {
    /// Nothing yet.
    pub fn of(name: &'static str, plan: &Plan) -> Self {
        Self { name, requests: plan.requests.len(), distinct: plan.asked().len(), asked_again: plan.asked_again(), ..Self::default() }
    }

    /// Counts an answer.
    pub fn count(&mut self, Answered { target, answer, standing }: &Answered<'_>) {
        self.told_cost += answer.field("x-preau-cost").parse::<u64>().expect("every answer says what it cost");
        if answer.status != 200 {
            *self.refused.entry(answer.status.as_u16()).or_default() += 1;
            return;
        }
        let status = answer.cache_status();
        let label = status.contains("; ttl=-").then(|| status.rsplit("; detail=").next().unwrap_or("none").to_owned());
        let labelled = label.is_some();
        match label {
            Some(label) => *self.labelled.entry(label).or_default() += 1,
            None if status.starts_with("preau; hit") => self.hits += 1,
            None if status.ends_with("; collapsed") => self.collapsed += 1,
            None => {}
        }
        match *standing {
            Standing::Current => {}
            Standing::Behind(by) if labelled => self.oldest_labelled = self.oldest_labelled.max(by),
            Standing::Behind(by) => self.oldest_unlabelled = self.oldest_unlabelled.max(by),
            Standing::Wrong if self.wrong.len() < 5 => self.wrong.push(format!("{target} ({status})")),
            Standing::Wrong => {}
        }
    }

    /// The day is over: what were the calls? The ledger and the portal must agree on it.
    pub async fn close(&mut self, roof: &Roof, took: Duration) {
        self.calls = calls_of_both(roof, 0).await;
        let counted = http::get(roof.portal.addr(), "/_simulator/calls").await.json();
        let of = |family: &str| counted["by_family"][family].as_u64().unwrap_or(0);
        self.looks = of("catalog") + of("catalog-export");
        self.took = took;
    }

    /// Calls for answers.
    pub fn fills(&self) -> u64 {
        self.calls - self.looks
    }

    /// Stale answers that said so.
    pub fn labelled(&self) -> usize {
        self.labelled.values().sum()
    }

    /// Status 429.
    pub fn too_many(&self) -> usize {
        self.refused.get(&429).copied().unwrap_or(0)
    }
}

/// Several days side by side.
pub struct Table<'a>(pub &'a [Tally]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        type Row = (&'static str, fn(&Tally) -> String);
        let rows: [Row; 15] = [
            ("", |day| day.name.to_owned()),
            ("requests", |day| day.requests.to_string()),
            ("distinct questions", |day| day.distinct.to_string()),
            ("asked again after a change", |day| day.asked_again.to_string()),
            ("hits", |day| day.hits.to_string()),
            ("collapsed", |day| day.collapsed.to_string()),
            ("stale, labelled", |day| day.labelled().to_string()),
            ("429", |day| day.too_many().to_string()),
            ("other refusals", |day| (day.refused.values().sum::<usize>() - day.too_many()).to_string()),
            ("calls", |day| day.calls.to_string()),
            ("… for answers", |day| day.fills().to_string()),
            ("… looks", |day| day.looks.to_string()),
            ("oldest unlabelled, s", |day| day.oldest_unlabelled.as_secs().to_string()),
            ("oldest labelled, s", |day| day.oldest_labelled.as_secs().to_string()),
            ("real time, s", |day| day.took.as_secs().to_string()),
        ];
        for (name, figure) in rows {
            write!(f, "{name:<28}")?;
            for day in self.0 {
                write!(f, "{:>24}", figure(day))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
