//! Targets that real programs send to data.education.gouv.fr, where the list of them lies beside the project: which endpoint each of them
//! names is worked out here a second time, from the text alone, and compared.

use std::collections::BTreeMap;
use std::path::Path;

use preau::request::endpoint::{self, NotMirrored};
use preau::request::query::{RawQuery, RuleSwitches, canonicalise};

/// What a list row that was copied out of a program has where its program puts a value.
const STATED_VALUE: &str = "2024";

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Mirrored { version: &'static str, family: &'static str, dataset: Option<String> },
    TemporaryRedirect,
    NotFound,
}

#[test]
fn targets_of_real_programs_name_the_endpoints_that_their_authors_meant() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/upstream/queries.tsv");
    let Ok(list) = std::fs::read_to_string(list) else {
        println!("the list of real targets is not here; nothing was compared");
        return;
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (row, line) in list.lines().enumerate().skip(1) {
        let target = filled(line.split('\t').next().unwrap_or_default());
        assert!(!target.contains(['$', '{', '}']), "row {row} is still a template: {target}");
        let found = found(&target);
        assert_eq!(found, expected(&target), "row {row}: {target}");
        *counts.entry(kind(&found)).or_default() += 1;
    }
    println!("{counts:#?}");
    let count = |kind: &str| counts.get(kind).copied().unwrap_or_default();
    let others = count("307") + count("404");
    assert!(counts.values().sum::<usize>() - others >= 130, "{counts:?}");
    assert_eq!((count("307"), count("404")), (3, 1), "{counts:?}");
}

fn kind(found: &Expected) -> String {
    match found {
        Expected::Mirrored { version, family, .. } => format!("{version} {family}"),
        Expected::TemporaryRedirect => "307".to_owned(),
        Expected::NotFound => "404".to_owned(),
    }
}

/// What the program makes of `target`; the query must be readable, and what it becomes must be final.
fn found(target: &str) -> Expected {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let endpoint = match endpoint::classify(path) {
        Ok(endpoint) => endpoint,
        Err(NotMirrored::Elsewhere) => return Expected::TemporaryRedirect,
        Err(NotMirrored::UnknownUri) => return Expected::NotFound,
        Err(NotMirrored::Malformed(fault)) => panic!("{target}: {fault}"),
    };
    let canonical = |text: &str| {
        let raw = RawQuery::parse(text).unwrap_or_else(|fault| panic!("{target}: {fault}"));
        canonicalise(&endpoint, raw, &RuleSwitches::default()).unwrap_or_else(|fault| panic!("{target}: {fault}"))
    };
    let once = canonical(query);
    assert_eq!(canonical(once.query.text()).query, once.query, "{target}");
    let upstream = format!("https://portal.example{}", once.query.target(&endpoint));
    assert_eq!(reqwest::Url::parse(&upstream).expect("a canonical target is a URL").as_str(), upstream);
    Expected::Mirrored { version: endpoint.version().name(), family: endpoint.family().name(), dataset: once.dataset }
}

/// The same from the text alone, knowing only what occurs in the list.
fn expected(target: &str) -> Expected {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let mirrored = |version, family, dataset: Option<&str>| Expected::Mirrored { version, family, dataset: dataset.map(str::to_owned) };
    if let Some(rest) = path.strip_prefix("/explore/") {
        let id = rest.strip_prefix("dataset/").and_then(|rest| rest.split('/').next());
        return if last == "download" { mirrored("other", "download", id) } else { Expected::TemporaryRedirect };
    }
    if path.starts_with("/api/portal/") {
        return Expected::NotFound;
    }
    if path.contains("/1.0/") {
        let named = query.split('&').find_map(|parameter| parameter.strip_prefix("dataset="));
        return match (path.strip_prefix("/api/datasets/1.0/"), last) {
            (Some("search"), _) => mirrored("v1", "catalog", None),
            (Some(id), _) if !id.contains('/') => mirrored("v1", "dataset", Some(id)),
            (Some(rest), _) => mirrored("v1", "file", rest.split('/').next()),
            (None, "search") => mirrored("v1", "records", named),
            (None, "analyze") => mirrored("v1", "analyze", named),
            (None, other) => panic!("{other} does not occur in the list"),
        };
    }
    let version = if path.contains("/v2.1") { "v2.1" } else { "v2.0" };
    let id = path.split("/catalog/datasets/").nth(1).and_then(|rest| rest.split('/').next());
    let family = match (id, last) {
        (_, "console") => "console",
        (_, "swagger.json") => "api-description",
        (None, "datasets") => "catalog",
        (None, _) if path.contains("/exports/") => "catalog-export",
        (Some(_), "records") => "records",
        (Some(_), _) if path.contains("/exports/") => "export",
        (Some(id), last) if id == last => "dataset",
        _ => panic!("{path} does not occur in the list"),
    };
    mirrored(version, family, id)
}

/// `template` with [`STATED_VALUE`] in the place of `${…}`, `{…}`, `$name`, and of code between two strings (`'+code+'`).
fn filled(template: &str) -> String {
    let mut target = String::new();
    let mut rest = template;
    while let Some(character) = rest.chars().next() {
        let hole = braces(rest).or_else(|| variable(rest)).or_else(|| seam(rest));
        match hole {
            Some(_) => target.push_str(STATED_VALUE),
            None => target.push(character),
        }
        rest = &rest[hole.unwrap_or(character.len_utf8())..];
    }
    target
}

fn braces(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('$').unwrap_or(text);
    let close = if inside.starts_with("{{") { "}}" } else { "}" };
    inside.starts_with('{').then(|| text.len() - inside.len() + inside.find(close).expect("a brace is closed") + close.len())
}

fn variable(text: &str) -> Option<usize> {
    let name = text.strip_prefix('$')?;
    Some(1 + name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len()))
}

fn seam(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let code = text[1..].trim_start();
    let joins = code.starts_with('+') || code.starts_with(".$");
    // The string goes on behind a `+ '` or `.'`, or never.
    let goes_on = |at: usize| matches!(text[..at].trim_end().chars().next_back(), Some('+' | '.'));
    let end = text.char_indices().skip(1).find(|(at, c)| *c == quote && goes_on(*at));
    joins.then(|| end.map_or(text.len(), |(at, _)| at + 1))
}

#[test]
fn templates_are_filled_in_every_notation_of_the_list() {
    for (template, target) in [
        ("/x?a=${f(b)}&c={d}{{e}}", "/x?a=2024&c=20242024"),
        ("/x?a=$name_1&b=$c", "/x?a=2024&b=2024"),
        ("/x?a='+f(b)+'&c=1", "/x?a=2024&c=1"),
        ("/x?a='.$b.'&c=1", "/x?a=2024&c=1"),
        ("/x?a=(b:' + c + ')", "/x?a=(b:2024)"),
        ("/x?\" + params", "/x?2024"),
        ("/x?a=\"b\" and 'c'", "/x?a=\"b\" and 'c'"),
    ] {
        assert_eq!(filled(template), target);
    }
}
