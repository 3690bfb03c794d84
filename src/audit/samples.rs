//! What has been asked and could be audited: a few of each kind, so that each kind gets its turn.
//!
//! Pure, bounded, in memory alone: after a restart the clients write it anew.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::spelling::{Guess, Spelling};
use crate::request::query::Rule;
use crate::request::question::Question;

/// Kinds of spellings: each is a set of guesses that it puts to the test.
const KINDS: usize = 64;

/// Spellings kept of each kind, the newest.
const OF_A_KIND: usize = 4;

/// Datasets of which an answer is kept in mind.
const DATASETS: usize = 256;

/// Inquiries that were broken off and are to be taken up first.
const OPEN: usize = 8;

/// The samples of one portal.
#[derive(Debug, Default)]
pub struct Samples {
    spellings: BTreeMap<BTreeSet<Guess>, VecDeque<Spelling>>,
    answers: BTreeMap<String, Answer>,
    open: VecDeque<Spelling>,
    /// When each guess was put to the test last, in turns.
    tested: BTreeMap<Guess, u64>,
    turn: u64,
}

/// The question behind a stored answer about a dataset.
#[derive(Debug)]
struct Answer {
    question: Question,
    /// When it was last audited, in turns; 0 for never.
    tested: u64,
}

impl Samples {
    /// Keeps a spelling.
    pub fn note(&mut self, spelling: Spelling) {
        if !self.spellings.contains_key(&spelling.guesses) && self.spellings.len() >= KINDS {
            // The one least worth a call makes room.
            let least = self.spellings.keys().max_by_key(|kind| self.worth(kind)).cloned();
            let Some(least) = least.filter(|least| self.worth(least) > self.worth(&spelling.guesses)) else { return };
            self.spellings.remove(&least);
        }
        let kept = self.spellings.entry(spelling.guesses.clone()).or_default();
        kept.retain(|other| other.raw != spelling.raw);
        if kept.len() >= OF_A_KIND {
            kept.pop_front();
        }
        kept.push_back(spelling);
    }

    /// Keeps a question about a dataset whose version its answer stands on. The newest counts; a dataset that was not audited yet comes before one
    /// that was.
    pub fn note_answer(&mut self, dataset: &str, question: &Question) {
        if let Some(answer) = self.answers.get_mut(dataset) {
            answer.question = question.clone();
            return;
        }
        if self.answers.len() >= DATASETS {
            let tested = self.answers.iter().max_by_key(|(_, answer)| answer.tested).filter(|(_, answer)| answer.tested > 0);
            let Some(dataset) = tested.map(|(dataset, _)| dataset.clone()) else { return };
            self.answers.remove(&dataset);
        }
        self.answers.insert(dataset.to_owned(), Answer { question: question.clone(), tested: 0 });
    }

    /// The spelling to be audited next: one whose inquiry is open, else the one that teaches most of what was never tested, else what was tested
    /// longest ago. It is out of the samples then.
    pub fn next_spelling(&mut self) -> Option<Spelling> {
        if let Some(open) = self.open.pop_front() {
            return Some(open);
        }
        let kind = self.spellings.keys().min_by_key(|kind| self.worth(kind)).cloned()?;
        let kept = self.spellings.get_mut(&kind)?;
        let spelling = kept.pop_back();
        if kept.is_empty() {
            self.spellings.remove(&kind);
        }
        spelling
    }

    /// The question whose answer is to be audited next, with its dataset: one never audited, else the one longest ago.
    pub fn next_answer(&mut self) -> Option<(String, Question)> {
        self.turn += 1;
        let (dataset, answer) = self.answers.iter_mut().min_by_key(|(_, answer)| answer.tested)?;
        answer.tested = self.turn;
        Some((dataset.clone(), answer.question.clone()))
    }

    /// There is nothing stored to hold a question about this dataset against.
    pub fn forget_answer(&mut self, dataset: &str) {
        self.answers.remove(dataset);
    }

    /// The portal was asked about these guesses.
    pub fn tested(&mut self, guesses: &BTreeSet<Guess>) {
        self.turn += 1;
        self.tested.extend(guesses.iter().map(|guess| (*guess, self.turn)));
    }

    /// An inquiry was broken off before it proved anything.
    pub fn reopen(&mut self, spelling: Spelling) {
        if self.open.len() < OPEN && self.open.iter().all(|open| open.raw != spelling.raw) {
            self.open.push_back(spelling);
        }
    }

    /// How many there are: spellings, and datasets.
    pub fn count(&self) -> (usize, usize) {
        (self.open.len() + self.spellings.values().map(VecDeque::len).sum::<usize>(), self.answers.len())
    }

    /// Orders kinds, those most worth a call first: by how much would be learnt that was never tested, then by when the oldest test was.
    fn worth(&self, kind: &BTreeSet<Guess>) -> (Reverse<u32>, u64) {
        let untested = kind.iter().filter(|guess| !self.tested.contains_key(guess)).map(weight).sum();
        let oldest = kind.iter().filter_map(|guess| self.tested.get(guess)).min().copied().unwrap_or(0);
        (Reverse(untested), oldest)
    }
}

/// How much is learnt by testing a guess: little, where every server on the web does so; most, where it is inferred from what some clients do.
fn weight(guess: &Guess) -> u32 {
    match guess.rule {
        None => 1,
        Some(Rule::SortNames | Rule::Jsonp) => 2,
        Some(Rule::Whitespace | Rule::OperatorCase | Rule::DropDefaults) => 6,
        Some(Rule::DropIgnored | Rule::SortRepeated) => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::super::spelling::{question, spelling};
    use super::*;

    fn records(dataset: &str, query: &str) -> Spelling {
        spelling(&format!("/api/explore/v2.1/catalog/datasets/{dataset}/records?{query}")).unwrap()
    }

    /// The queries audited, in order.
    fn audited(samples: &mut Samples) -> Vec<String> {
        std::iter::from_fn(|| {
            let spelling = samples.next_spelling()?;
            samples.tested(&spelling.guesses);
            Some(spelling.raw.split_once('?').unwrap().1.to_owned())
        })
        .collect()
    }

    #[test]
    fn a_popular_kind_of_spelling_does_not_keep_the_others_from_their_turn() {
        let mut samples = Samples::default();
        for n in 0..1000 {
            samples.note(records("x", &format!("limit=10&start={n}")));
        }
        samples.note(records("x", "_=1&limit=20"));
        samples.note(records("x", "limit=20&offset=0"));
        assert_eq!(samples.count().0, OF_A_KIND + 2);
        let audited = audited(&mut samples);
        assert!(audited[..3].contains(&"_=1&limit=20".to_owned()) && audited[..3].contains(&"limit=20&offset=0".to_owned()), "{audited:?}");
    }

    #[test]
    fn what_tests_most_of_what_is_unknown_comes_first() {
        let mut samples = Samples::default();
        for query in ["limit=10", "limit=20&offset=0", "limit=10&offset=0", "_=1&limit=20"] {
            samples.note(records("x", query));
        }
        assert_eq!(audited(&mut samples)[..2], ["limit=10&offset=0", "_=1&limit=20"]);
    }

    #[test]
    fn an_open_inquiry_comes_first_and_nothing_grows_without_end() {
        let mut samples = Samples::default();
        let names = ["limit=10", "offset=0", "timezone=UTC", "_=1", "where=a%3D1", "order_by=a%20%20b", "refine=b&refine=a"];
        for kind in 0..2_u32.pow(names.len() as u32) {
            let chosen: Vec<&str> = names.iter().enumerate().filter(|(bit, _)| kind >> bit & 1 == 1).map(|(_, name)| *name).collect();
            for n in 0..6 {
                if let Some(spelling) = spelling(&format!("/api/explore/v2.1/catalog/datasets/{n}/records?{}", chosen.join("&"))) {
                    samples.note(spelling);
                }
            }
        }
        assert!(samples.count().0 <= KINDS * OF_A_KIND && samples.count().0 > KINDS, "{:?}", samples.count());
        for n in 0..20 {
            samples.reopen(records("open", &format!("limit=10&start={}", n % 15)));
            samples.note_answer(&format!("d{n}"), &question("/api/explore/v2.1/catalog/datasets/x/records"));
        }
        assert_eq!(samples.open.len(), OPEN);
        assert!(samples.next_spelling().unwrap().raw.contains("/open/"));
    }

    #[test]
    fn each_dataset_has_its_turn_and_new_ones_find_room() {
        let mut samples = Samples::default();
        let question = question("/api/explore/v2.1/catalog/datasets/x/records");
        for n in 0..DATASETS + 10 {
            samples.note_answer(&format!("d{n}"), &question);
        }
        assert_eq!(samples.count().1, DATASETS);
        let turns: BTreeSet<String> = (0..DATASETS).map(|_| samples.next_answer().unwrap().0).collect();
        assert_eq!(turns.len(), DATASETS);
        samples.note_answer("new", &question);
        assert_eq!(samples.count().1, DATASETS);
        assert_eq!(samples.next_answer().unwrap().0, "new");
    }
}
