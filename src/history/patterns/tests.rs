//! Patterns in the questions that are really asked (their forms are those of public programs).

use super::*;

const WHOSE: Whose = Whose { day: 20_514, portal: 0, payer: 2 };
const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records";
const DATASET: Option<&str> = Some("fr-en-annuaire-education");

fn target(pairs: &[(&str, &str)]) -> String {
    let query: RawQuery = pairs.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
    format!("{RECORDS}?{}", query.to_text())
}

fn found(patterns: &mut Patterns, kind: Kind) -> Vec<Finding> {
    let found = patterns.take(WHOSE.day);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].whose, WHOSE);
    found[0].findings.iter().filter(|finding| finding.kind == kind).cloned().collect()
}

#[test]
fn one_call_per_item_is_found_with_its_field_and_the_list_that_replaces_it() {
    let mut patterns = Patterns::default();
    for n in 0..120 {
        let condition = format!("identifiant_de_l_etablissement='{:07}A'", n * 17);
        patterns.called(WHOSE, &target(&[("limit", "1"), ("where", &condition)]), DATASET);
    }
    let loops = found(&mut patterns, Kind::Loop);
    assert_eq!(loops.len(), 1, "{loops:#?}");
    let Finding { calls, items, field, instead, advice, question, .. } = &loops[0];
    assert_eq!((*calls, *items, field.as_deref()), (120, Some(120), Some("identifiant_de_l_etablissement")));
    assert!(advice.contains("takes 2 calls") && advice.contains("exports/json"), "{advice}");
    assert!(question.starts_with(RECORDS));
    let query = RawQuery::parse(instead.as_deref().unwrap().split_once('?').unwrap().1).unwrap();
    assert_eq!(
        query.pairs().collect::<Vec<_>>(),
        [("limit", Some("100")), ("where", Some("identifiant_de_l_etablissement in ('0000000A', '0000017A', '0000034A')"))]
    );
}

#[test]
fn a_loop_over_one_of_two_literals_is_one_loop() {
    let mut patterns = Patterns::default();
    for academy in 0..30 {
        let condition = format!("libelle_academie=\"Academie {academy}\" AND type_etablissement=\"Lycée\"");
        patterns.called(WHOSE, &target(&[("where", &condition)]), DATASET);
    }
    let loops = found(&mut patterns, Kind::Loop);
    assert_eq!(loops.len(), 1, "{loops:#?}");
    assert_eq!(loops[0].field.as_deref(), Some("libelle_academie"));
}

#[test]
fn a_search_box_is_found_and_is_no_loop() {
    let mut patterns = Patterns::default();
    for word in ["lycée jean moulin", "collège victor hugo"] {
        let letters: Vec<char> = word.chars().collect();
        for end in 3..=letters.len() {
            let typed: String = letters[..end].iter().collect();
            let condition = format!("libelle_nature like \"LYCEE\" and search(nom_etablissement, \"{typed}\")");
            patterns.called(WHOSE, &target(&[("limit", "8"), ("where", &condition)]), DATASET);
        }
    }
    let typed = found(&mut patterns, Kind::TypeAhead);
    assert_eq!(typed.len(), 1, "{typed:#?}");
    assert_eq!(typed[0].calls, 15 + 17);
    assert!(
        typed[0].advice.contains("300 ms") && typed[0].advice.contains("collège victor hug, collège victor hugo"),
        "{}",
        typed[0].advice
    );
    patterns.called(WHOSE, RECORDS, DATASET);
    assert!(found(&mut patterns, Kind::Loop).is_empty());
}

#[test]
fn the_dearest_and_the_permanently_invalid_are_named() {
    let mut patterns = Patterns::default();
    let soon = target(&[("where", "start_date >= now()")]);
    for _ in 0..40 {
        patterns.called(WHOSE, &soon, DATASET);
    }
    for n in 0..500 {
        patterns.called(WHOSE, &target(&[("offset", &n.to_string())]), DATASET);
    }
    let broken = target(&[("where", "position within distance(48.8,2.3,500m)")]);
    for n in 0..9 {
        patterns.refused(WHOSE, &broken, 400, u64::from(n % 3 == 0));
    }
    patterns.refused(WHOSE, "/api/explore/v2.1/catalog/datasets/gone", 404, 1);
    let dearest = found(&mut patterns, Kind::Dearest);
    assert_eq!((dearest[0].question.as_str(), dearest[0].calls), (soon.as_str(), 40));
    assert!(dearest.len() <= KEPT);
    patterns.called(WHOSE, &soon, DATASET);
    let invalid = found(&mut patterns, Kind::Invalid);
    assert_eq!(invalid.len(), 1, "once is no pattern");
    let Finding { question, status, answers, calls, .. } = &invalid[0];
    assert_eq!((question, *status, *answers, *calls), (&broken, Some(400), Some(9), 3));
}

#[test]
fn what_an_earlier_process_found_is_taken_over() {
    let mut earlier = Patterns::default();
    let question = |n: u32| target(&[("where", &format!("code_commune=\"{n:05}\""))]);
    for n in 0..20 {
        earlier.called(WHOSE, &question(n * 7), DATASET);
        earlier.refused(WHOSE, "/a", 404, 1);
    }
    let found = earlier.take(WHOSE.day);
    let mut later = Patterns::default();
    for finding in &found[0].findings {
        // As it is kept.
        let kept: Finding = serde_json::from_str(&serde_json::to_string(finding).unwrap()).unwrap();
        assert_eq!(kept, *finding);
        later.recall(WHOSE, &kept);
    }
    assert!(later.take(WHOSE.day).is_empty(), "there is nothing new to keep");
    for n in 20..30 {
        later.called(WHOSE, &question(n * 7), DATASET);
    }
    let found = later.take(WHOSE.day);
    let of = |kind: Kind| found[0].findings.iter().find(|finding| finding.kind == kind).unwrap();
    assert_eq!((of(Kind::Loop).items, of(Kind::Loop).calls), (Some(30), 30));
    assert_eq!(of(Kind::Invalid).answers, Some(20));
}

#[test]
fn a_day_that_is_over_is_taken_once_more_and_forgotten() {
    let mut patterns = Patterns::default();
    patterns.called(WHOSE, RECORDS, DATASET);
    assert_eq!(patterns.take(WHOSE.day + 1).len(), 1);
    assert!(patterns.0.is_empty());
}

#[test]
fn whatever_is_asked_memory_is_bounded() {
    let mut patterns = Patterns::default();
    for n in 0..3_000 {
        let long = "é".repeat(n * 2);
        let condition = format!("a{n} = \"{n}\" and b = '{long}'");
        patterns.called(WHOSE, &target(&[("where", &condition), ("q", &long)]), DATASET);
        patterns.refused(WHOSE, &format!("/{long}"), 404, 1);
    }
    let section = &patterns.0[&WHOSE];
    assert!(section.dearest.sorted().len() <= QUESTIONS && section.invalid.sorted().len() <= QUESTIONS);
    let templates = section.templates.sorted();
    assert!(templates.len() <= TEMPLATES);
    assert!(templates.iter().all(|(template, entry)| template.len() < 3 * QUESTION_BYTES && entry.about.question.len() <= QUESTION_BYTES));
}

#[test]
fn a_question_of_which_a_log_would_hide_a_part_is_not_kept() {
    let mut patterns = Patterns::default();
    for name in ["api_key", "access_token", "APIKEY", "apikey[]"] {
        for n in 0..50 {
            let secret = target(&[(name, "hunter2"), ("where", &format!("code='{n}'"))]);
            patterns.called(WHOSE, &secret, DATASET);
            patterns.refused(WHOSE, &secret, 400, 1);
        }
    }
    assert_eq!(patterns.take(WHOSE.day), []);
}
