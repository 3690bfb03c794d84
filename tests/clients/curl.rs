//! curl, a process for each call, with targets that leave as they were typed.

use std::collections::BTreeMap;

use crate::calls::Call;
use crate::outcome::Outcome;
use crate::program;

/// Asks all `calls` of the origin `base`, with these options more.
pub fn ask(options: &[&str], base: &str, calls: &[Call]) -> Vec<Outcome> {
    let home = tempfile::tempdir().expect("a directory");
    let (head, body) = (home.path().join("head"), home.path().join("body"));
    let one = |call: &Call| {
        let mut command = program::command("curl", home.path());
        command.args(["--disable", "--silent", "--show-error", "--globoff", "--max-time", "60", "--noproxy", "*"]).args(options);
        command.arg("--dump-header").arg(&head).arg("--output").arg(&body);
        for (name, value) in &call.fields {
            command.arg("--header").arg(format!("{name}: {}", value.as_str().expect("a text")));
        }
        // An empty body leaves no file.
        let _ = std::fs::remove_file(&body);
        let output = command.arg(format!("{base}{}", call.target)).output().expect("curl runs");
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Outcome { target: call.target.clone(), error: Some(error), ..Outcome::default() };
        }
        let (status, fields) = read_head(&std::fs::read_to_string(&head).expect("the head is text"));
        Outcome::of(&call.target, base, status, &std::fs::read(&body).unwrap_or_default(), fields)
    };
    calls.iter().map(one).collect()
}

fn read_head(head: &str) -> (u16, BTreeMap<String, String>) {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|text| text.parse().ok());
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let joined = fields.entry(name.to_ascii_lowercase()).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(value.trim());
    }
    (status.expect("a status line"), fields)
}
