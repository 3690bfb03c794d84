//! What the code cites of `docs/portal.md` exists there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file and every page, but what git does not know.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("it can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            found.push(path);
        }
    }
}

/// The anchor that a heading gets: lower case, hyphens for spaces, punctuation gone.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-").chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

/// The anchors that follow `mark` in `text`.
fn cited<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let ends = |c: char| !(c.is_alphanumeric() || c == '-');
    text.match_indices(mark)
        .map(|(at, _)| text[at + mark.len()..].split(ends).next().unwrap_or_default())
        .filter(|anchor| !anchor.is_empty())
        .collect()
}

#[test]
fn every_heading_that_is_cited_exists() {
    let page = std::fs::read_to_string(root().join("docs/portal.md")).unwrap();
    let headings: BTreeSet<String> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let mut paths = Vec::new();
    files(root(), &mut paths);
    let mut seen = 0;
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let own = if path.ends_with("docs/portal.md") { cited(&text, "](#") } else { Vec::new() };
        for anchor in cited(&text, "docs/portal.md#").into_iter().chain(own) {
            assert!(headings.contains(anchor), "{} cites docs/portal.md#{anchor}, which is not among {headings:?}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} citations were found: the search is broken");
}
