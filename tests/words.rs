//! The words that answers and logs are labelled with are those that `docs/http.md` explains, and no others.

#[path = "support/http_page.rs"]
mod http_page;

use std::collections::BTreeSet;
use std::path::Path;

/// The part of a source file that is not its tests.
fn source(path: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path);
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// The string literals of a line of code, each with what stands before it. No literal that matters here has a quotation mark in it.
fn literals(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let code = line.trim_start();
    let parts: Vec<&str> = if code.starts_with("//") { Vec::new() } else { code.split('"').collect() };
    (1..parts.len()).step_by(2).map(move |index| (parts[index - 1], parts[index]))
}

/// The words that functions of `text` return: stable tokens have no other home.
fn returned(text: &str, words: &mut BTreeSet<String>) {
    let mut inside = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if line.ends_with("-> &'static str {") {
            inside = Some(indent);
        } else if inside == Some(indent) && line.trim() == "}" {
            inside = None;
        } else if inside.is_some() {
            words.extend(literals(line).map(|(_, literal)| literal).filter(|literal| is_word(literal)).map(str::to_owned));
        }
    }
}

/// The words that are written into `Cache-Status` as they stand: `; hit; ttl={}; detail=fill-slow`.
fn written(text: &str, words: &mut BTreeSet<String>) {
    let parameters = text.lines().flat_map(literals).filter(|(_, literal)| literal.starts_with("; ")).flat_map(|(_, literal)| {
        literal.split(';').map(|parameter| parameter.trim().trim_start_matches("detail=").trim_start_matches("fwd=").to_owned())
    });
    words.extend(parameters.filter(|word| is_word(word)));
}

/// The words that exchanges give: in the field itself, or as the value of a branch.
fn given(text: &str, words: &mut BTreeSet<String>) {
    for (line, next) in text.lines().zip(text.lines().skip(1)) {
        for (before, literal) in literals(line).filter(|(_, literal)| is_word(literal)) {
            let chosen = line.trim().trim_matches('"') == literal && next.trim_start().starts_with('}');
            if chosen || ["detail: ", "detail: Some(", "outcome = "].iter().any(|field| before.ends_with(field)) {
                words.insert(literal.to_owned());
            }
        }
    }
}

/// Words that no answer and no line of the log has: of a refusal that nobody is there to hear.
const NEVER_SAID: [&str; 1] = ["nobody-waits"];

/// The words in the code.
fn in_code() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for path in ["src/response/cache_status.rs", "src/error.rs", "src/budget/refused.rs", "src/cache/storable.rs"] {
        returned(&source(path), &mut words);
    }
    written(&source("src/response/cache_status.rs"), &mut words);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exchange");
    let files = std::fs::read_dir(directory).expect("the exchange has a directory");
    let files = files.map(|entry| format!("src/exchange/{}", entry.expect("an entry").file_name().to_string_lossy()));
    for path in files.chain(["src/exchange.rs".to_owned()]).filter(|path| path.ends_with(".rs")) {
        given(&source(&path), &mut words);
    }
    NEVER_SAID.iter().for_each(|word| assert!(words.remove(*word), "{word} is gone; so is its exception"));
    words
}

/// What every page may read of an answer anyway (the Fetch standard: CORS-safelisted response-header names).
const READABLE_ANYWAY: [&str; 7] =
    ["Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires", "Last-Modified", "Pragma"];

#[test]
fn a_page_may_read_every_field_that_is_explained_and_no_other_is_named() {
    let sent = http_page::sent();
    let expected: BTreeSet<_> = sent.iter().map(String::as_str).filter(|name| !READABLE_ANYWAY.contains(name)).collect();
    let exposed: BTreeSet<_> = preau::response::fields::EXPOSED.split(", ").collect();
    assert_eq!(exposed, expected, "Access-Control-Expose-Headers, and what docs/http.md says is sent");
}

/// The words that have a row in a table under one of the headings.
fn on_the_page(headings: &[&str]) -> BTreeSet<String> {
    let page = http_page::text();
    let sections = page.split("\n## ").filter(|section| headings.iter().any(|heading| section.starts_with(heading)));
    let rows = sections.flat_map(str::lines).filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.filter(|word| is_word(word)).map(str::to_owned).collect()
}

#[test]
fn every_word_of_an_outcome_is_explained_and_every_one_explained_exists() {
    let (code, page) = (in_code(), on_the_page(&["Cache-Status", "The log"]));
    for known in ["bypass", "hit", "stored", "paced", "exhausted", "undelimited", "timed-out", "preflight", "too-large", "client-left"] {
        assert!(code.contains(known), "{known} is not found in the code: the search is broken; it found {code:?}");
    }
    let missing: Vec<_> = code.difference(&page).collect();
    assert!(missing.is_empty(), "docs/http.md does not explain {missing:?}");
    let gone: Vec<_> = page.difference(&code).collect();
    assert!(gone.is_empty(), "docs/http.md explains {gone:?}, which nothing says any more");
}
