//! Statements of the query language in any spelling, sensible and not: the portal in a box, which reads the raw query with a parser of its own,
//! must answer the canonical spelling with the bytes of the raw one, its words about errors included. What `request::odsql` recognises, it must be
//! able to parse.
//!
//! That every rule does this on every endpoint it applies to is shown by `roof/oracle.rs`; here are the texts that nobody would think of.

#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test target uses its part of the client")]
mod http;

use preau::request::endpoint::classify;
use preau::request::odsql::{Clause, is_recognised};
use preau::request::query::{RawQuery, RuleSwitches, canonicalise};
use preau::simulator::{self, Settings};

const PATHS: [&str; 2] = [
    "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/records",
    "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/jsonl",
];

/// Conditions that the portal documents, over the fields of the calendar. `~` is white space that may be missing, a space may not.
const ATOMS: [&str; 16] = [
    "zones~=~\"Zone A\"",
    "zones~:~'Zone  B'",
    "description like \"Vacances  de\"",
    "`location`~=~\"Lyon\"",
    "start_date~>=~date'2024-01-01'",
    "end_date~<~\"2026-01-01\"",
    "zones in~(~\"Zone A\"~,~'Zone C'~)",
    "population is not null",
    "location is null",
    "search(~description~,~\"noel\"~)",
    "startswith(~location~,~\"L\"~)",
    "suggest(~*~,~\"par\"~)",
    "\"Paris  AND Lyon\"",
    "year(~start_date~)~=~2025",
    "length(~location~)~>~5",
    "lower(~zones~)~=~'zone a'",
];

const ORDERINGS: [&str; 5] =
    ["start_date", "location desc~,~start_date", "zones ASC~,~location DESC", "year(~start_date~) desc~,~location", "length(~location~)"];

/// What makes a statement doubtful or wrong.
const BREAKS: [&str; 14] = [" ", "(", ")", ",", "\"", "'", "`", "and", " OR  ", "!=", "=", "1M", "NOT", "\\"];

/// `text` with its white space and the case of its operator words as the dice fall.
fn spelled(dice: &mut fastrand::Rng, text: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    for character in text.chars() {
        match (character, quote) {
            (c, Some(open)) => {
                quote = (c != open).then_some(open);
                out.push(c);
            }
            ('"' | '\'' | '`', None) => {
                quote = Some(character);
                out.push(character);
            }
            (' ', None) => out.push_str(dice.choice([" ", "  ", "\t", " \n", "\r\n "]).unwrap_or(" ")),
            ('~', None) => out.push_str(dice.choice(["", "", " ", "  "]).unwrap_or_default()),
            _ => out.push(character),
        }
    }
    let words = [" and", " or", "not ", " in", " like", " is", " desc", " asc"];
    match dice.choice(words) {
        Some(word) if dice.bool() => out.replace(word, &word.to_uppercase()),
        _ => out,
    }
}

fn condition(dice: &mut fastrand::Rng, depth: usize) -> String {
    match if depth == 0 { 0 } else { dice.usize(..6) } {
        1 | 2 => format!("{} and {}", condition(dice, depth - 1), condition(dice, depth - 1)),
        3 => format!("{} or {}", condition(dice, depth - 1), condition(dice, depth - 1)),
        4 => format!("(~{}~)", condition(dice, depth - 1)),
        5 => format!("not {}", condition(dice, 0)),
        _ => dice.choice(ATOMS).unwrap_or(ATOMS[0]).to_owned(),
    }
}

/// `text` with something put in or cut out somewhere.
fn broken(dice: &mut fastrand::Rng, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = dice.usize(..=characters.len());
    if dice.bool() {
        let end = (at + dice.usize(1..4)).min(characters.len());
        characters.drain(at..end);
    } else {
        characters.splice(at..at, dice.choice(BREAKS).unwrap_or("(").chars());
    }
    characters.into_iter().collect()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_statement_is_answered_otherwise_than_its_canonical_one() {
    let portal = simulator::start(Settings { quota: 1_000_000, ..Settings::default() }).await.expect("it starts");
    let mut dice = fastrand::Rng::with_seed(2);
    let (mut respelled, mut refused, mut unrecognised) = (0, 0, 0);
    for round in 0..600 {
        let text = condition(&mut dice, 2);
        let mut conditions = vec![spelled(&mut dice, &text)];
        if round % 5 == 0 {
            conditions.push(spelled(&mut dice, ATOMS[round % ATOMS.len()]));
        }
        let mut ordering = spelled(&mut dice, ORDERINGS[round % ORDERINGS.len()]);
        let whole = round % 3 != 0;
        if !whole && round % 2 == 0 {
            conditions[0] = broken(&mut dice, &conditions[0]);
        } else if !whole {
            ordering = broken(&mut dice, &ordering);
        }
        let mut parameters: Vec<String> = conditions.iter().map(|text| format!("where={}", encoded(text))).collect();
        parameters.push(format!("order_by={}", encoded(&ordering)));
        parameters.push("limit=3".to_owned());
        let raw = parameters.join("&");
        let path = PATHS[round % PATHS.len()];
        let endpoint = classify(path).unwrap_or_else(|why| panic!("{path}: {why:?}"));
        let query = RawQuery::parse(&raw).unwrap_or_else(|fault| panic!("{raw}: {fault}"));
        let plain = query.to_text();
        let canonical = canonicalise(&endpoint, query, &RuleSwitches::default()).unwrap_or_else(|fault| panic!("{raw}: {fault}"));

        let asked = http::get(portal.addr(), &format!("{path}?{raw}")).await;
        let answered = http::get(portal.addr(), &canonical.query.target(&endpoint)).await;
        assert_eq!(asked.status, answered.status, "{conditions:?} {ordering:?}");
        assert!(asked.body == answered.body, "{conditions:?} {ordering:?}:\n{:?}\n{:?}", asked.body, answered.body);

        let recognised = conditions.iter().all(|text| is_recognised(Clause::Where, text)) && is_recognised(Clause::OrderBy, &ordering);
        let syntax = asked.body.windows(16).any(|words| words == b"ODSQLSyntaxError");
        assert!(!(recognised && syntax), "{conditions:?} {ordering:?} is recognised, but: {:?}", asked.body);
        assert!(!whole || recognised, "{conditions:?} {ordering:?} is documented and not recognised");
        respelled += usize::from(asked.status == 200 && plain.len() != canonical.query.text().len());
        refused += usize::from(syntax);
        unrecognised += usize::from(!recognised && !syntax);
    }
    println!("{respelled} respelled, {refused} refused by the portal, {unrecognised} parsed by it but not recognised");
    assert!(respelled > 200 && refused > 50, "the statements are too tame: {respelled} respelled, {refused} refused");
    portal.stop().await;
}
