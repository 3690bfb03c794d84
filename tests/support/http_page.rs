//! What `docs/http.md` says, for tests that hold it against what is said on sockets.

use std::collections::BTreeSet;
use std::path::Path;

/// The page.
pub fn text() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/http.md")).expect("the page exists")
}

/// The fields that have a row in the table of what is sent. `-Remaining` beside `X-RateLimit-Limit` has the beginning of that.
pub fn sent() -> BTreeSet<String> {
    let page = text();
    let section = page.split("\n## ").find(|section| section.starts_with("What is sent")).expect("it has that section");
    let mut names = BTreeSet::new();
    for cell in section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next()) {
        let mut stem = "";
        for name in cell.trim_end_matches('`').split("`, `") {
            match name.strip_prefix('-') {
                Some(end) => names.insert(format!("{stem}-{end}")),
                None => names.insert(name.to_owned()),
            };
            stem = if name.starts_with('-') { stem } else { name.rsplit_once('-').map_or(name, |(stem, _)| stem) };
        }
    }
    for known in ["Cache-Status", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "Content-Range"] {
        assert!(names.contains(known), "{known} is not found on the page: the search is broken; it found {names:?}");
    }
    names
}
