//! `preau audit`: a stored answer held against the portal now, and what such audits have found.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::admin_client::{self, Server, answered};
use crate::config::Environment;

/// An audit makes some calls, one after the other, and each may take its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// Flags of `preau audit`.
#[derive(Clone, Debug, Args)]
#[command(group(clap::ArgGroup::new("what")))]
pub struct Options {
    /// List what is off, and the latest audits. Makes no call.
    #[arg(long, group = "what")]
    list: bool,
    /// Switch on again what is off by this name, after having looked at it.
    #[arg(long, value_name = "NAME", group = "what")]
    accept: Option<String>,
    /// Switch on again everything that is off.
    #[arg(long, group = "what")]
    accept_all: bool,
    /// The portal. Default: the first one; to switch on, all.
    #[arg(long, value_name = "NAME")]
    portal: Option<String>,
    /// As the server's admin API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(options: Options, environment: &Environment) -> anyhow::Result<ExitCode> {
    let admin = options.server.address(environment)?;
    let mut document = json!({});
    if let Some(portal) = &options.portal {
        document["portal"] = json!(portal);
    }
    let (answer, text): (_, fn(&Value) -> String) = if options.list {
        (answered(admin_client::get(admin, "/api/v1/audit").await?)?, list)
    } else if options.accept.is_some() || options.accept_all {
        match &options.accept {
            Some(name) => document["switch"] = json!(name),
            None => document["all"] = json!(true),
        }
        (answered(admin_client::post(admin, "/api/v1/audit/accept", &document).await?)?, accepted)
    } else {
        (answered(admin_client::post_patiently(admin, "/api/v1/audit", &document, PATIENCE).await?)?, audited)
    };
    if options.json {
        println!("{answer}");
    } else {
        print!("{}", text(&answer));
    }
    // A script hears of a finding.
    let found = answer["switched_off"].as_array().is_some_and(|switches| !switches.is_empty()) || answer["result"] == "different";
    Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// One audit, for people.
fn audited(audit: &Value) -> String {
    let mut text = format!("{}: {}\n", word(&audit["result"]), word(&audit["detail"]));
    for (name, title) in [("canonical", "stored "), ("other", "client ")] {
        if let Some(target) = audit[name].as_str() {
            let _ = writeln!(text, "  {title} {target}");
        }
    }
    for (name, title) in [("tested", "tested "), ("switched_off", "now off")] {
        let names: Vec<&str> = audit[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "  {title} {}", names.join(", "));
        }
    }
    let _ = writeln!(text, "  calls   {}", audit["calls"]);
    text
}

/// What is off and the latest audits, for people.
fn list(report: &Value) -> String {
    let mut text = String::new();
    for portal in report["portals"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{}", word(&portal["portal"]));
        text.push_str(&off(&portal["off"]));
        for audit in portal["recent"].as_array().into_iter().flatten().rev() {
            let _ = write!(text, "  {}  {}", word(&audit["at"]), audited(audit).replace('\n', "\n    ").trim_end());
            text.push('\n');
        }
    }
    text
}

/// What is off, and why: shared with `preau status`.
pub(super) fn off(findings: &Value) -> String {
    let mut text = String::new();
    for finding in findings.as_array().into_iter().flatten() {
        let _ = writeln!(text, "  off since {}: {}", word(&finding["at"]), word(&finding["switch"]));
        let _ = writeln!(text, "    {}", word(&finding["why"]));
        let _ = writeln!(text, "    stored  {}", word(&finding["canonical"]));
        if finding["other"] != finding["canonical"] {
            let _ = writeln!(text, "    client  {}", word(&finding["other"]));
        }
    }
    if text.is_empty() { "  nothing is off\n".to_owned() } else { text }
}

fn accepted(answer: &Value) -> String {
    let names: Vec<&str> = answer["accepted"].as_array().into_iter().flatten().map(|finding| word(&finding["switch"])).collect();
    if names.is_empty() { "nothing was off\n".to_owned() } else { format!("on again: {}\n", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_with_both_targets() {
        let findings = json!([{"switch": "drop-defaults:v2.1:records", "at": "2026-03-01T10:00:00Z", "canonical": "/a?limit=5",
            "other": "/a?limit=5&offset=0", "why": "they differ"}]);
        let text = off(&findings);
        for part in ["off since 2026-03-01T10:00:00Z: drop-defaults:v2.1:records", "stored  /a?limit=5\n", "client  /a?limit=5&offset=0\n"]
        {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(off(&json!([])), "  nothing is off\n");
        assert_eq!(accepted(&json!({"accepted": findings})), "on again: drop-defaults:v2.1:records\n");
        assert_eq!(accepted(&json!({"accepted": []})), "nothing was off\n");
    }

    #[test]
    fn an_audit_is_told_with_what_it_cost() {
        let audit = json!({"at": "2026-03-01T10:00:00Z", "portal": "box", "subject": "spelling", "result": "same", "detail": "alike",
            "canonical": "/a", "other": "/a/", "tested": ["encoding for v2.1 records"], "switched_off": [], "calls": 1});
        let text = audited(&audit);
        assert!(text.starts_with("same: alike\n  stored  /a\n  client  /a/\n  tested  encoding"), "{text}");
        assert!(text.ends_with("calls   1\n") && !text.contains("now off"), "{text}");
        let list = list(&json!({"portals": [{"portal": "box", "off": [], "recent": [audit]}]}));
        assert!(list.starts_with("box\n  nothing is off\n  2026-03-01T10:00:00Z  same: alike\n"), "{list}");
    }
}
