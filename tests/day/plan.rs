//! A day, planned: which questions there are, who asks which of them when and in which words, and which datasets change.
//!
//! Pure: the same seed and the same datasets make the same day. Questions follow Zipf's law, as those of real teams do: a few are asked
//! thousands of times, a long tail once. The day has a shape: little at night, most between eight and eighteen o'clock. It begins and
//! ends some minutes off midnight, because what is to be counted is one day of the quota.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;

use super::canonical::canonical;
use super::dataset::Dataset;
use super::question::{Question, SPELLINGS};
use super::shares::Shares;

/// How many requests.
pub const REQUESTS: usize = 100_000;

/// Questions that somebody might ask; not all of them are.
const QUESTIONS: usize = 4_300;

/// The day: 2026-03-03, far from whatever day it really is.
pub const MIDNIGHT: Timestamp = Timestamp::constant(1_772_496_000, 0);
/// Its middle.
pub const NOON: Timestamp = Timestamp::constant(1_772_539_200, 0);

/// How busy each hour is.
const HOURS: [f64; 24] =
    [1.0, 0.7, 0.6, 0.6, 0.8, 1.5, 3.0, 6.0, 9.0, 10.0, 10.0, 9.5, 8.0, 9.0, 10.0, 10.0, 9.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5];

/// Nothing happens this close to midnight.
const MARGIN: Duration = Duration::from_secs(300);

/// When datasets change: once within each of these hours, twice of them in the busiest.
const CHANGES: [(u32, u32); 5] = [(3, 6), (8, 9), (10, 11), (14, 16), (18, 21)];

/// The day.
#[derive(Clone, Debug)]
pub struct Plan {
    /// By popularity, the most asked first.
    pub questions: Vec<Planned>,
    /// In order of time.
    pub requests: Vec<Request>,
    /// In order of time.
    pub changes: Vec<Change>,
}

/// A question with its spellings.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The dataset that it is about.
    pub dataset: usize,
    /// What clients write.
    pub spellings: [String; SPELLINGS],
    /// What the portal is asked.
    pub canonical: String,
}

/// One request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Time since midnight.
    pub at: Duration,
    /// Which question.
    pub question: usize,
    /// In which spelling.
    pub spelling: usize,
}

/// The portal processes a dataset anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Time since midnight.
    pub at: Duration,
    /// Which dataset.
    pub dataset: usize,
    /// Its id.
    pub id: String,
}

impl Plan {
    /// The day of this seed.
    pub fn new(seed: u64, datasets: &[Dataset]) -> Self {
        let mut rng = Rng::with_seed(seed);
        let questions = questions(&mut rng, datasets);
        let popularity = Shares::zipf(questions.len());
        let hours = Shares::new(HOURS.into_iter());
        let day = Duration::from_secs(24 * 3600);
        let mut requests = Vec::with_capacity(REQUESTS);
        while requests.len() < REQUESTS {
            let at = Duration::from_secs_f64(3600.0 * (hours.draw(&mut rng) as f64 + rng.f64()));
            if at >= MARGIN && at + MARGIN < day {
                requests.push(Request { at, question: popularity.draw(&mut rng), spelling: rng.usize(0..SPELLINGS) });
            }
        }
        requests.sort_by_key(|request| request.at);
        let changes = changes(&mut rng, &questions, datasets);
        Self { questions, requests, changes }
    }

    /// The same day between two hours: the requests and changes that happen then.
    pub fn between(&self, hours: std::ops::Range<u64>) -> Self {
        let within = |at: Duration| hours.contains(&(at.as_secs() / 3600));
        Self {
            questions: self.questions.clone(),
            requests: self.requests.iter().copied().filter(|request| within(request.at)).collect(),
            changes: self.changes.iter().filter(|change| within(change.at)).cloned().collect(),
        }
    }

    /// Questions that are asked at all.
    pub fn asked(&self) -> BTreeSet<usize> {
        self.requests.iter().map(|request| request.question).collect()
    }

    /// Questions that are asked after their dataset changed, having been asked before: once for each change.
    pub fn asked_again(&self) -> usize {
        let again = self.changes.iter().map(|change| {
            let about = self.requests.iter().filter(|request| self.questions[request.question].dataset == change.dataset);
            let (before, after): (Vec<&Request>, Vec<&Request>) = about.partition(|request| request.at < change.at);
            let before: HashSet<usize> = before.into_iter().map(|request| request.question).collect();
            let after: HashSet<usize> = after.into_iter().map(|request| request.question).collect();
            before.intersection(&after).count()
        });
        again.sum()
    }
}

/// Questions no two of which are the same. The popular ones are about different datasets, every dataset has some, and about some datasets
/// there are many more than about others.
fn questions(rng: &mut Rng, datasets: &[Dataset]) -> Vec<Planned> {
    let mut order: Vec<usize> = (0..datasets.len()).collect();
    rng.shuffle(&mut order);
    let mut known = HashSet::new();
    let mut questions = Vec::with_capacity(QUESTIONS);
    while questions.len() < QUESTIONS {
        let place = if questions.len() < order.len() { questions.len() } else { (rng.f64().powi(2) * order.len() as f64) as usize };
        let dataset = order[place];
        let question = Question::draw(rng, dataset, &datasets[dataset]);
        let spellings = question.spellings();
        let canonical = canonical(&spellings[0]).1;
        if known.insert(canonical.clone()) {
            questions.push(Planned { dataset, spellings, canonical });
        }
    }
    questions
}

/// The dataset that is asked about most, at the busiest hour; another popular one; one whose date the catalogue did not state before; and two
/// that might be any.
fn changes(rng: &mut Rng, questions: &[Planned], known: &[Dataset]) -> Vec<Change> {
    let first = questions[0].dataset;
    let mut popular = questions.iter().map(|question| question.dataset);
    let undated = popular.find(|dataset| *dataset != first && !known[*dataset].dated).expect("some have no date");
    let mut datasets = vec![first, undated];
    while datasets.len() < CHANGES.len() {
        let among = if datasets.len() == 2 { 1..10 } else { 10..questions.len() };
        let dataset = questions[rng.usize(among)].dataset;
        if !datasets.contains(&dataset) {
            datasets.push(dataset);
        }
    }
    let [first, undated, second, third, fourth] = datasets[..] else { unreachable!("there are five") };
    let order = [third, first, second, undated, fourth];
    let times = CHANGES.map(|(from, to)| Duration::from_millis(rng.u64(u64::from(from) * 3_600_000..u64::from(to) * 3_600_000)));
    order.into_iter().zip(times).map(|(dataset, at)| Change { at, dataset, id: known[dataset].id.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Plan {
        let datasets: Vec<Dataset> = (0..300).map(Dataset::invented).collect();
        Plan::new(1, &datasets)
    }

    #[test]
    fn four_spellings_of_a_question_share_a_key_and_no_two_questions_do() {
        let plan = day();
        let mut keys = HashSet::new();
        let mut targets = HashSet::new();
        for question in &plan.questions {
            let key = canonical(&question.spellings[0]);
            for spelling in &question.spellings {
                let read: ::http::uri::PathAndQuery = spelling.parse().unwrap_or_else(|error| panic!("{spelling}: {error}"));
                assert_eq!(read.as_str(), spelling);
                assert_eq!(canonical(spelling), key, "{spelling}");
                assert!(targets.insert(spelling), "{spelling}");
            }
            assert!(keys.insert(key.0), "{}", question.canonical);
        }
    }

    #[test]
    fn a_day_is_what_it_is_said_to_be() {
        let plan = day();
        println!("{} questions, {} asked again", plan.asked().len(), plan.asked_again());
        assert_eq!(plan.requests.len(), REQUESTS);
        assert!(plan.asked().len() >= 3_000, "{} questions", plan.asked().len());
        let datasets: HashSet<usize> = plan.requests.iter().map(|request| plan.questions[request.question].dataset).collect();
        assert_eq!(datasets.len(), 300);
        assert_eq!(plan.requests.iter().map(|request| request.spelling).collect::<HashSet<_>>().len(), SPELLINGS);
        assert_eq!(plan.changes.iter().map(|change| change.dataset).collect::<HashSet<_>>().len(), 5);
        let undated = plan.changes.iter().filter(|change| !Dataset::invented(change.dataset).dated).count();
        assert_eq!(undated, 1);
        assert!(plan.requests.is_sorted_by_key(|request| request.at) && plan.changes.is_sorted_by_key(|change| change.at));
        assert!(plan.asked_again() >= 50, "{} asked again", plan.asked_again());
        let busy = plan.requests.iter().filter(|request| (8..18).contains(&(request.at.as_secs() / 3600))).count();
        assert!(busy * 2 > REQUESTS, "{busy} between eight and eighteen o'clock");
    }

    #[test]
    fn a_seed_decides_everything() {
        let (one, other) = (day(), day());
        assert_eq!(one.requests, other.requests);
        assert_eq!(one.changes, other.changes);
        let datasets: Vec<Dataset> = (0..300).map(Dataset::invented).collect();
        assert_ne!(one.requests, Plan::new(2, &datasets).requests);
    }

    #[test]
    fn a_part_of_a_day_has_what_happens_in_it() {
        let part = day().between(8..11);
        assert_eq!(part.changes.len(), 2);
        assert!((20_000..50_000).contains(&part.requests.len()), "{}", part.requests.len());
    }
}
