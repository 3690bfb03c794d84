//! What to ask next about a spelling, and what the answers prove.
//!
//! Pure. The data may move at any time, so a difference between two answers proves nothing by itself. But if the canonical spelling gives
//! what is stored before and after another spelling gave something else, the data were the same throughout and the difference is the
//! spelling's. So the client's spelling comes first; then the canonical one; then each rule that took part is left out in turn, to find the one
//! that lied; then the canonical one again.

use crate::cache::validation::Digest;
use crate::request::query::Rule;

/// What is compared of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its status.
    pub status: u16,
    /// Its body's identity bytes.
    pub digest: Digest,
}

/// A spelling to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// As the client wrote it.
    Raw,
    /// As it is stored.
    Canonical,
    /// As it would be stored without this rule.
    Without(Rule),
    /// As it would be stored without any: rewritten in nothing but its encoding.
    Plain,
}

/// What the answers prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The client's spelling gives what is stored.
    Same,
    /// The canonical one does not give it any more either: nothing is proven.
    Moved,
    /// They give different answers, and these rules are to blame. Never empty.
    Guilty(Vec<Rule>),
    /// They give different answers, and no rule is to blame: it is in how the target is encoded.
    Encoding,
    /// It was broken off before anything was proven.
    Unfinished,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another answer is needed.
    Ask(Ask),
    /// It is over.
    Over(Conclusion),
}

/// An inquiry under way.
#[derive(Clone, Debug)]
pub struct Inquiry {
    stored: Told,
    suspects: Vec<Rule>,
    raw: Option<Told>,
    canonical: Option<Told>,
    /// Of each suspect, in order, as far as they were asked.
    without: Vec<Told>,
    plain: Option<Told>,
    closing: Option<Told>,
}

impl Inquiry {
    /// Into a spelling whose canonical answer is `stored`, and which the `suspects` have changed.
    pub fn new(stored: Told, suspects: Vec<Rule>) -> Self {
        Self { stored, suspects, raw: None, canonical: None, without: Vec::new(), plain: None, closing: None }
    }

    /// What comes next.
    pub fn step(&self) -> Step {
        let Some(raw) = self.raw else { return Step::Ask(Ask::Raw) };
        if raw == self.stored {
            return Step::Over(Conclusion::Same);
        }
        let Some(canonical) = self.canonical else { return Step::Ask(Ask::Canonical) };
        if canonical != self.stored {
            return Step::Over(Conclusion::Moved);
        }
        if let Some(next) = self.suspects.get(self.without.len()) {
            return Step::Ask(Ask::Without(*next));
        }
        // Left out together: where there is one, or some of them are guilty already, nothing is learnt from it.
        if self.plain.is_none() && self.suspects.len() > 1 && self.guilty().is_empty() {
            return Step::Ask(Ask::Plain);
        }
        match self.closing {
            None => Step::Ask(Ask::Canonical),
            Some(closing) if closing != self.stored => Step::Over(Conclusion::Moved),
            Some(_) => Step::Over(self.verdict()),
        }
    }

    fn verdict(&self) -> Conclusion {
        let guilty = self.guilty();
        if !guilty.is_empty() {
            Conclusion::Guilty(guilty)
        } else if self.plain.is_some_and(|plain| plain != self.stored) {
            // None of them alone, but all of them together.
            Conclusion::Guilty(self.suspects.clone())
        } else {
            Conclusion::Encoding
        }
    }

    /// The portal's answer to what [`step`](Self::step) asked for.
    pub fn heard(&mut self, ask: Ask, told: Told) {
        match ask {
            Ask::Raw => self.raw = Some(told),
            Ask::Canonical if self.canonical.is_none() => self.canonical = Some(told),
            Ask::Canonical => self.closing = Some(told),
            Ask::Without(_) => self.without.push(told),
            Ask::Plain => self.plain = Some(told),
        }
    }

    /// No further answer can be had. Once it is proven that spellings differ, a rule that was not cleared is not relied on.
    pub fn broken_off(self) -> Conclusion {
        if let Step::Over(conclusion) = self.step() {
            return conclusion;
        }
        if self.canonical.is_none() {
            return Conclusion::Unfinished;
        }
        let (guilty, unasked) = (self.guilty(), &self.suspects[self.without.len()..]);
        match (guilty.is_empty(), unasked.is_empty()) {
            (false, _) => Conclusion::Guilty(guilty),
            (true, false) => Conclusion::Guilty(unasked.to_vec()),
            (true, true) if self.plain.is_none() && self.suspects.len() > 1 => Conclusion::Guilty(self.suspects),
            (true, true) => self.verdict(),
        }
    }

    /// The suspects without which the answer is another one.
    fn guilty(&self) -> Vec<Rule> {
        self.suspects.iter().zip(&self.without).filter(|(_, told)| **told != self.stored).map(|(rule, _)| *rule).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> Told {
        Told { status: 200, digest: Digest::of(text.as_bytes()) }
    }

    /// The conclusion, and the calls that it took, if the portal answers with `answer` and at most `calls` may be made.
    fn inquire(suspects: &[Rule], calls: usize, mut answer: impl FnMut(Ask, usize) -> &'static str) -> (Conclusion, usize) {
        let mut inquiry = Inquiry::new(told("stored"), suspects.to_vec());
        for made in 0..calls {
            match inquiry.step() {
                Step::Over(conclusion) => return (conclusion, made),
                Step::Ask(ask) => inquiry.heard(ask, told(answer(ask, made))),
            }
        }
        (inquiry.broken_off(), calls)
    }

    const TWO: &[Rule] = &[Rule::DropDefaults, Rule::SortNames];

    #[test]
    fn an_honest_spelling_costs_one_call() {
        assert_eq!(inquire(TWO, 9, |_, _| "stored"), (Conclusion::Same, 1));
    }

    #[test]
    fn the_rule_without_which_the_answer_is_another_one_is_found() {
        let lies = |rule| move |ask, _| if ask == Ask::Raw || ask == Ask::Without(rule) { "other" } else { "stored" };
        for rule in TWO {
            assert_eq!(inquire(TWO, 9, lies(*rule)), (Conclusion::Guilty(vec![*rule]), 5));
        }
    }

    #[test]
    fn data_that_move_accuse_nobody() {
        for moves_at in 0..=4 {
            let conclusion = inquire(TWO, 9, |_, made| if made >= moves_at { "new" } else { "stored" });
            let expected = if moves_at == 0 { (Conclusion::Moved, 2) } else { (Conclusion::Same, 1) };
            assert_eq!(conclusion, expected, "{moves_at}");
        }
        // The client's spelling gives something else, and then the data move as well.
        let moves = |ask, made| {
            if made >= 2 {
                "new"
            } else if ask == Ask::Raw {
                "other"
            } else {
                "stored"
            }
        };
        assert_eq!(inquire(TWO, 9, moves), (Conclusion::Moved, 5));
    }

    #[test]
    fn what_two_rules_did_is_held_against_both_of_them() {
        let both = |ask, _| match ask {
            Ask::Raw => "both",
            Ask::Without(Rule::DropDefaults) => "one",
            Ask::Without(_) => "the other",
            _ => "stored",
        };
        assert_eq!(inquire(TWO, 9, both), (Conclusion::Guilty(TWO.to_vec()), 5));
        // Neither alone changes anything.
        let together = |ask, _| if matches!(ask, Ask::Raw | Ask::Plain) { "other" } else { "stored" };
        assert_eq!(inquire(TWO, 9, together), (Conclusion::Guilty(TWO.to_vec()), 6));
    }

    #[test]
    fn a_difference_that_no_rule_made_is_in_the_encoding() {
        let raw = |ask, _| if ask == Ask::Raw { "other" } else { "stored" };
        assert_eq!(inquire(TWO, 9, raw), (Conclusion::Encoding, 6));
        assert_eq!(inquire(&[Rule::SortNames], 9, raw), (Conclusion::Encoding, 4));
        assert_eq!(inquire(&[], 9, raw), (Conclusion::Encoding, 3));
    }

    #[test]
    fn broken_off_it_blames_whoever_was_not_cleared_but_nobody_unproven() {
        let lies = |ask, _| if matches!(ask, Ask::Raw | Ask::Without(Rule::SortNames)) { "other" } else { "stored" };
        assert_eq!(inquire(TWO, 1, lies), (Conclusion::Unfinished, 1));
        assert_eq!(inquire(TWO, 2, lies), (Conclusion::Guilty(TWO.to_vec()), 2));
        assert_eq!(inquire(TWO, 3, lies), (Conclusion::Guilty(vec![Rule::SortNames]), 3));
        let raw = |ask, _| if ask == Ask::Raw { "other" } else { "stored" };
        assert_eq!(inquire(TWO, 4, raw), (Conclusion::Guilty(TWO.to_vec()), 4));
        assert_eq!(inquire(TWO, 5, raw), (Conclusion::Encoding, 5));
    }

    proptest! {
        /// A portal whose data stand still and that treats some rules as lies: each of those that matter is found, no honest one is.
        #[test]
        fn a_portal_that_stands_still_convicts_exactly_those_that_lie(
            suspects in proptest::sample::subsequence(Rule::ALL.to_vec(), 1..=Rule::ALL.len()),
            lying in proptest::sample::subsequence(Rule::ALL.to_vec(), 0..=Rule::ALL.len()),
        ) {
            let lying: Vec<Rule> = suspects.iter().copied().filter(|rule| lying.contains(rule)).collect();
            // Without some rules, the answer shows which of the lying ones are among them.
            let shown = |off: &[Rule]| {
                let shown: Vec<Rule> = lying.iter().copied().filter(|rule| off.contains(rule)).collect();
                if shown.is_empty() { told("stored") } else { told(&format!("{shown:?}")) }
            };
            let mut inquiry = Inquiry::new(told("stored"), suspects.clone());
            let mut calls = 0;
            let conclusion = loop {
                match inquiry.step() {
                    Step::Over(conclusion) => break conclusion,
                    Step::Ask(ask) => inquiry.heard(ask, match ask {
                        Ask::Raw | Ask::Plain => shown(&suspects),
                        Ask::Canonical => told("stored"),
                        Ask::Without(rule) => shown(&[rule]),
                    }),
                }
                calls += 1;
            };
            prop_assert_eq!(conclusion, if lying.is_empty() { Conclusion::Same } else { Conclusion::Guilty(lying) });
            prop_assert!(calls <= suspects.len() + 3);
        }
    }
}
