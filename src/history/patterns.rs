//! What costs a team its calls, recognised in the calls themselves: the dearest questions, those that can never be answered, one call for
//! each of many items, one call for each letter. Pure; bounded per portal, payer and day.
//!
//! Only calls and refused questions come here, and they are few: a hit passes by. What a question is, is its canonical target, from which
//! the portal's keys are taken; keys of ours never were in it.

mod advice;
mod finding;
mod literal;
mod repeated;
mod top;

use std::collections::BTreeMap;

pub use self::finding::{Finding, Kind};
use self::repeated::Repeated;
use self::top::Top;
use crate::request::credential::redacted;
use crate::request::query::RawQuery;

/// Questions that are followed, of those that cost most and of those that are refused each.
const QUESTIONS: usize = 64;
/// Templates that are followed.
const TEMPLATES: usize = 256;
/// Findings of a kind that are kept.
const KEPT: usize = 20;
/// Bytes of a question that are remembered.
const QUESTION_BYTES: usize = 4_096;
/// Items from which calls for one each are a loop.
const LOOP: u64 = 10;
/// Steps from which values that continue one another are typed.
const TYPED: u64 = 5;
/// Times from which an error is permanent.
const PERMANENT: u64 = 3;

/// Whose calls, and when: portal and payer by their places, and the UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    /// As a number of days since 1970-01-01.
    pub day: i64,
    /// The portal.
    pub portal: usize,
    /// Who pays.
    pub payer: usize,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Patterns(BTreeMap<Whose, Section>);

#[derive(Debug)]
struct Section {
    dearest: Top<Option<String>>,
    invalid: Top<Refusals>,
    templates: Top<Repeated>,
    changed: bool,
}

#[derive(Debug)]
struct Refusals {
    status: u16,
    calls: u64,
}

/// What is found of one payer, to be kept in place of what was kept before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whose calls.
    pub whose: Whose,
    /// The gravest of each kind first.
    pub findings: Vec<Finding>,
}

impl Patterns {
    /// A call was charged for `target`.
    pub fn called(&mut self, whose: Whose, target: &str, dataset: Option<&str>) {
        let question = cut(target);
        if hides_something(question) {
            return;
        }
        let section = self.of(whose);
        section.dearest.count(question, 1, || dataset.map(str::to_owned));
        if question.len() < target.len() {
            // Whoever asks at such length does not ask for one item.
            return;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Ok(query) = RawQuery::parse(query) else { return };
        for varied in literal::varied(path, &query) {
            let begin = || Repeated::new(target.to_owned(), dataset.map(str::to_owned), varied.place.clone());
            section.templates.count(&varied.template, 1, begin).met(&varied.literal);
        }
    }

    /// A client was told 400 or 404 for `target`, which cost it so many calls.
    pub fn refused(&mut self, whose: Whose, target: &str, status: u16, calls: u64) {
        let question = cut(target);
        if hides_something(question) {
            return;
        }
        let refusals = self.of(whose).invalid.count(question, 1, || Refusals { status, calls: 0 });
        refusals.status = status;
        refusals.calls += calls;
    }

    fn of(&mut self, whose: Whose) -> &mut Section {
        let section = self.0.entry(whose).or_insert_with(|| Section {
            dearest: Top::new(QUESTIONS),
            invalid: Top::new(QUESTIONS),
            templates: Top::new(TEMPLATES),
            changed: true,
        });
        section.changed = true;
        section
    }

    /// Takes what is found where anything has changed, and forgets the days before `today`.
    pub fn take(&mut self, today: i64) -> Vec<Found> {
        let mut found = Vec::new();
        for (whose, section) in &mut self.0 {
            if std::mem::take(&mut section.changed) {
                found.push(Found { whose: *whose, findings: section.findings() });
            }
        }
        self.0.retain(|whose, _| whose.day >= today);
        found
    }

    /// What was taken could not be written: it is taken again next time.
    pub fn put_back(&mut self, found: &[Found]) {
        for Found { whose, .. } in found {
            if let Some(section) = self.0.get_mut(whose) {
                section.changed = true;
            }
        }
    }

    /// Takes over what an earlier process has found on this day.
    pub fn recall(&mut self, whose: Whose, finding: &Finding) {
        let section = self.of(whose);
        section.changed = false;
        let Finding { question, calls, dataset, .. } = finding;
        match finding.kind {
            Kind::Dearest => {
                section.dearest.count(question, *calls, || dataset.clone());
            }
            Kind::Invalid => {
                let status = finding.status.unwrap_or(400);
                let refusals = section.invalid.count(question, finding.answers.unwrap_or_default(), || Refusals { status, calls: 0 });
                refusals.calls += calls;
            }
            Kind::Loop | Kind::TypeAhead => {
                let (path, query) = question.split_once('?').unwrap_or((question, ""));
                let Ok(query) = RawQuery::parse(query) else { return };
                let same = |varied: &literal::Varied| Some(&varied.template) == finding.template.as_ref();
                let Some(varied) = literal::varied(path, &query).into_iter().find(same) else { return };
                let begin = || Repeated::new(question.clone(), dataset.clone(), varied.place);
                let about = section.templates.count(&varied.template, *calls, begin);
                about.recall(finding.items.unwrap_or_default(), finding.grown.unwrap_or_default(), &finding.samples, finding.typed.clone());
            }
        }
    }
}

impl Section {
    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for (question, entry) in self.dearest.sorted().into_iter().take(KEPT) {
            let advice = advice::dearest(question, entry.certain());
            let dataset = entry.about.clone();
            findings.push(Finding { dataset, advice: advice.words, ..Finding::new(Kind::Dearest, question, entry.certain()) });
        }
        let permanent = self.invalid.sorted().into_iter().filter(|(_, entry)| entry.certain() >= PERMANENT);
        for (question, entry) in permanent.take(KEPT) {
            let (answers, Refusals { status, calls }) = (entry.certain(), &entry.about);
            findings.push(Finding {
                status: Some(*status),
                answers: Some(answers),
                advice: advice::invalid(*status, answers).words,
                ..Finding::new(Kind::Invalid, question, *calls)
            });
        }
        let repeated =
            self.templates.sorted().into_iter().filter_map(|(template, entry)| repeated(template, entry.certain(), &entry.about));
        findings.extend(repeated.take(2 * KEPT));
        findings
    }
}

/// A loop, or somebody who types, if it is one of them.
fn repeated(template: &str, calls: u64, about: &Repeated) -> Option<Finding> {
    let items = about.items();
    let (kind, advice) = if about.grown >= TYPED && 2 * about.grown >= items {
        (Kind::TypeAhead, advice::type_ahead(about))
    } else if items >= LOOP {
        (Kind::Loop, advice::one_by_one(template, about))
    } else {
        return None;
    };
    Some(Finding {
        dataset: about.dataset.clone(),
        template: Some(template.to_owned()),
        field: about.place.field().map(str::to_owned),
        items: Some(items),
        samples: about.samples.clone(),
        grown: Some(about.grown),
        typed: about.typed.clone(),
        advice: advice.words,
        instead: advice.instead,
        ..Finding::new(kind, &about.question, calls)
    })
}

/// Whether a log would hide a part of it: nothing of such a question is kept.
fn hides_something(question: &str) -> bool {
    redacted(question) != question
}

/// What is remembered of a question: all of it, or its beginning, which then cannot be asked any more.
fn cut(target: &str) -> &str {
    let end = (0..=QUESTION_BYTES.min(target.len())).rev().find(|&end| target.is_char_boundary(end)).unwrap_or(0);
    &target[..end]
}

#[cfg(test)]
mod tests;
