//! Questions that differ in one literal: how many values were put in, and whether they grow letter by letter. Pure and bounded.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::literal::{Place, bare};

/// Values that are told apart; of more it is known that they are more.
pub const ITEMS: usize = 2_048;
/// Values that are remembered as they were written, for examples.
const SAMPLES: usize = 3;
/// Their longest.
const SAMPLE_BYTES: usize = 200;
/// The last values, which a new one may continue: several people may be typing.
const RECENT: usize = 8;
/// Letters that are added or taken between two calls of somebody who types.
const LETTERS: usize = 3;

/// What is known of one template.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// A question of it, as it was asked.
    pub question: String,
    /// The dataset that it is about.
    pub dataset: Option<String>,
    /// Where its literal stands.
    pub place: Place,
    /// The first values, as they were written.
    pub samples: Vec<String>,
    /// How often a value was the one before with a letter or a few more, or less.
    pub grown: u64,
    /// Two values that did.
    pub typed: Option<(String, String)>,
    items: HashSet<u64>,
    /// Values that an earlier process has counted.
    before: u64,
    recent: VecDeque<String>,
}

impl Repeated {
    /// Nothing but an example of it.
    pub fn new(question: String, dataset: Option<String>, place: Place) -> Self {
        Self {
            question,
            dataset,
            place,
            samples: Vec::new(),
            grown: 0,
            typed: None,
            items: HashSet::new(),
            before: 0,
            recent: VecDeque::new(),
        }
    }

    /// What an earlier process has counted.
    pub fn recall(&mut self, items: u64, grown: u64, samples: &[String], typed: Option<(String, String)>) {
        self.before = self.before.max(items);
        self.grown = self.grown.max(grown);
        self.typed = self.typed.take().or(typed);
        for sample in samples {
            if self.samples.len() < SAMPLES && !self.samples.contains(sample) {
                self.samples.push(sample.clone());
            }
        }
    }

    /// How many values were put in, [`ITEMS`] at most by this process.
    pub fn items(&self) -> u64 {
        self.before + self.items.len() as u64
    }

    /// Whether there were more than could be told apart.
    pub fn is_full(&self) -> bool {
        self.items.len() >= ITEMS
    }

    /// A call with this value.
    pub fn met(&mut self, literal: &str) {
        if self.items.len() < ITEMS {
            let mut hasher = DefaultHasher::new();
            literal.hash(&mut hasher);
            self.items.insert(hasher.finish());
        }
        if literal.len() > SAMPLE_BYTES {
            return;
        }
        if self.samples.len() < SAMPLES && !self.samples.iter().any(|known| known == literal) {
            self.samples.push(literal.to_owned());
        }
        let bare = bare(literal);
        if let Some(place) = self.recent.iter().position(|before| continues(before, bare)) {
            let before = self.recent.remove(place).unwrap_or_default();
            self.grown += 1;
            if before.len() < bare.len() {
                self.typed = Some((before, bare.to_owned()));
            }
        }
        self.recent.retain(|known| known != bare);
        self.recent.push_back(bare.to_owned());
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }
}

/// Whether somebody who types gets from one of them to the other.
fn continues(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    !short.is_empty() && long.strip_prefix(short).is_some_and(|added| (1..=LETTERS).contains(&added.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated() -> Repeated {
        Repeated::new("/q".into(), None, Place::Words)
    }

    #[test]
    fn items_are_counted_once_each() {
        let mut codes = repeated();
        for round in 0..3 {
            for code in 0..700 {
                codes.met(&format!("\"{:07}A\"", code * 31));
            }
            assert_eq!(codes.items(), 700, "round {round}");
        }
        assert_eq!((codes.grown, codes.is_full()), (0, false));
        assert_eq!(codes.samples, ["\"0000000A\"", "\"0000031A\"", "\"0000062A\""]);
        for code in 0..10_000 {
            codes.met(&format!("x{code}"));
        }
        assert!(codes.is_full() && codes.items() == ITEMS as u64);
    }

    #[test]
    fn somebody_who_types_is_recognised_also_beside_others_and_with_corrections() {
        let mut typed = repeated();
        for (one, other) in ["lyc", "lycé", "lycée", "lycé", "lycée j", "lycée jean"].iter().zip(["p", "pa", "par", "pari", "paris", "x"])
        {
            typed.met(&format!("\"{one}\""));
            typed.met(&format!("\"{other}%\""));
        }
        assert_eq!(typed.grown, 5 + 4);
        assert_eq!(typed.typed, Some(("lycée j".to_owned(), "lycée jean".to_owned())));
    }

    #[test]
    fn numbers_in_a_row_are_hardly_ever_taken_for_typing() {
        let mut numbers = repeated();
        for n in 1..1_000 {
            numbers.met(&n.to_string());
        }
        assert!(numbers.grown < 50, "{}", numbers.grown);
    }

    #[test]
    fn what_an_earlier_process_has_counted_is_added_to() {
        let mut codes = repeated();
        codes.met("\"a\"");
        codes.recall(40, 2, &["\"a\"".into(), "\"b\"".into()], Some(("a".into(), "ab".into())));
        assert_eq!((codes.items(), codes.grown, codes.samples.len()), (41, 2, 2));
    }
}
