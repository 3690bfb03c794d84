//! `examples/questions.txt`, which the demo replays: every line is a target that our server reads, and the file shows what it is there to
//! show: many spellings of few questions, asked again and again.

use std::collections::{HashMap, HashSet};

use http::uri::PathAndQuery;
use preau::request::endpoint::{ApiVersion, Endpoint, Family, NotMirrored, classify};
use preau::request::query::{RawQuery, RuleSwitches, canonicalise};

const QUESTIONS: &str = include_str!("../examples/questions.txt");

/// The targets, in order.
fn targets() -> Vec<&'static str> {
    QUESTIONS.lines().skip_while(|line| line.starts_with('#')).collect()
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

/// The targets that are mirrored, each with its endpoint and the one spelling that is sent upstream.
fn mirrored() -> Vec<(&'static str, Endpoint, String)> {
    let canonical = |target| {
        let (path, query) = split(target);
        let endpoint = classify(path).ok()?;
        let raw = RawQuery::parse(query).expect("every query can be decoded");
        let canonical = canonicalise(&endpoint, raw, &RuleSwitches::default()).expect("every query can be written anew");
        let upstream = canonical.query.target(&endpoint);
        Some((target, endpoint, upstream))
    };
    targets().into_iter().filter_map(canonical).collect()
}

#[test]
fn every_line_is_a_target_that_an_http_server_reads() {
    assert!(targets().len() >= 2_000);
    for target in targets() {
        assert!(target.starts_with('/') && target.len() < 2_000, "{target}");
        let read: PathAndQuery = target.parse().unwrap_or_else(|error| panic!("{target}: {error}"));
        assert_eq!(read.as_str(), target);
        // hyper refuses the first three where a query or a path may not have them; the rest a client must encode.
        assert!(!target.contains(['"', '<', '>', '`', '#', '\\', '{', '}', ' ', '\t']) && target.is_ascii(), "{target}");
        assert!(RawQuery::parse(split(target).1).is_ok(), "{target}");
    }
}

#[test]
fn spellings_outnumber_questions_and_repeats_outnumber_both() {
    let asked = mirrored();
    let spellings: HashSet<_> = asked.iter().map(|(target, ..)| *target).collect();
    let questions: HashSet<_> = asked.iter().map(|(.., upstream)| upstream.as_str()).collect();
    println!("{} targets, {} spellings, {} questions", asked.len(), spellings.len(), questions.len());
    assert!(asked.len() >= 2_000);
    assert!(spellings.len() * 2 < asked.len() * 3 && spellings.len() > questions.len() * 3 / 2, "{} spellings", spellings.len());
    assert!(questions.len() > 300 && questions.len() * 3 < asked.len(), "{} questions", questions.len());
}

#[test]
fn a_tenth_of_the_questions_make_more_than_a_third_of_the_day() {
    let mut asked: HashMap<String, usize> = HashMap::new();
    for (.., upstream) in mirrored() {
        *asked.entry(upstream).or_default() += 1;
    }
    let mut counts: Vec<usize> = asked.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let often: usize = counts[..counts.len() / 10].iter().sum();
    assert!(often * 3 > counts.iter().sum(), "{often} of {}", counts.iter().sum::<usize>());
}

#[test]
fn all_versions_and_the_families_that_teams_use_are_asked_for() {
    let asked = mirrored();
    for version in [ApiVersion::V1, ApiVersion::V2_0, ApiVersion::V2_1, ApiVersion::Other] {
        assert!(asked.iter().filter(|(_, endpoint, _)| endpoint.version() == version).count() >= 20, "{version:?}");
    }
    for family in [Family::Catalog, Family::Dataset, Family::Records, Family::Facets, Family::Export, Family::Download] {
        assert!(asked.iter().any(|(_, endpoint, _)| endpoint.family() == family), "{family:?}");
    }
}

#[test]
fn paths_that_do_not_exist_are_asked_for_too() {
    let unknown = targets().into_iter().filter(|target| classify(split(target).0) == Err(NotMirrored::UnknownUri)).count();
    assert!((1..100).contains(&unknown), "{unknown}");
}
