//! `preau status`: how it stands with each portal, as the running server says.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;

use super::admin_client::{self, Server};
use super::audit;
use crate::config::Environment;

/// Flags of `preau status`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// As the server's admin API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(options: Options, environment: &Environment) -> anyhow::Result<ExitCode> {
    let (status, answer) = admin_client::get(options.server.address(environment)?, "/api/v1/status").await?;
    ensure!(status.is_success(), "the server answered {status}");
    if options.json {
        println!("{}", String::from_utf8_lossy(&answer));
    } else {
        let status = serde_json::from_slice(&answer).context("the server's answer is not JSON")?;
        print!("{}", text(&status));
    }
    Ok(ExitCode::SUCCESS)
}

/// The status for people. It reads the API's JSON and not our own types, as any other reader of the API does.
fn text(status: &Value) -> String {
    let mut text = String::new();
    for portal in status["portals"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{}  {}", word(&portal["portal"]), word(&portal["url"]));
        let _ = writeln!(text, "  look      {}", look(&portal["look"]));
        let _ = writeln!(text, "  versions  {}", versions(&portal["versions"]));
        let audit = &portal["audit"];
        let next = audit["next"].as_str().map_or_else(|| "none by themselves".to_owned(), |next| format!("the next from {next}"));
        let _ = writeln!(text, "  audits    {} of {} calls today, {next}", audit["calls_today"], audit["calls_per_day"]);
        for line in audit::off(&audit["off"]).lines() {
            let _ = writeln!(text, "          {line}");
        }
        let doubted = names(&audit["doubted"]);
        if !doubted.is_empty() {
            let _ = writeln!(text, "            in doubt: {doubted}");
        }
        guard(&mut text, &portal["guard"]);
    }
    text
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn names(list: &Value) -> String {
    let names: Vec<&str> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    names.join(", ")
}

fn look(look: &Value) -> String {
    let mut text = match look["age_s"].as_u64() {
        Some(age) => format!("{} s ago ({})", age, word(&look["mode"])),
        None => format!("none yet ({})", word(&look["mode"])),
    };
    let _ = write!(text, ", relied on for {} s, {} of {} calls today", look["bound_s"], look["calls_today"], look["calls_per_day"]);
    if let Some(until) = look["waits_until"].as_str() {
        let _ = write!(text, ", none before {until}");
    }
    if let Some(why) = look["last_failure"]["why"].as_str() {
        let _ = write!(text, "; failed at {}: {why}", word(&look["last_failure"]["at"]));
    }
    text
}

fn versions(versions: &Value) -> String {
    let mut text = format!("{} datasets", versions["datasets"]);
    for (name, title) in [("suspect", "suspect"), ("missing", "missing"), ("withdrawn", "withdrawn"), ("unreliable", "not relied on")] {
        let group = &versions[name];
        let count = group["count"].as_u64().unwrap_or(0);
        if count > 0 {
            let first = names(&group["first"]);
            let more = if count > group["first"].as_array().map_or(0, Vec::len) as u64 { ", …" } else { "" };
            let _ = write!(text, "; {count} {title} ({first}{more})");
        }
    }
    text
}

fn guard(text: &mut String, guard: &Value) {
    let _ = writeln!(
        text,
        "  guard     {} new versions compared, {} without fields, {} without rows",
        guard["compared"], guard["lost_fields"], guard["lost_rows"]
    );
    for flag in guard["flags"].as_array().into_iter().flatten().rev() {
        let lost = match flag["rows"].as_u64() {
            Some(rows) => format!("all of its {rows} rows"),
            None => names(&flag["fields"]),
        };
        let _ = writeln!(text, "            {} {} lost {lost}: {}", word(&flag["at"]), word(&flag["dataset"]), word(&flag["target"]));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_it_should_be_is_named() {
        let status = json!({"portals": [{
            "portal": "education", "url": "https://data.example",
            "look": {"mode": "export", "age_s": 12, "bound_s": 300, "calls_today": 3, "calls_per_day": 300, "waits_until": null,
                "last_failure": {"at": "2026-03-01T09:00:00Z", "why": "the portal answered 500"}},
            "versions": {"datasets": 300, "suspect": {"count": 2, "first": ["a", "b"]}, "missing": {"count": 0, "first": []},
                "withdrawn": {"count": 0, "first": []}, "unreliable": {"count": 21, "first": ["c"]}},
            "audit": {"off": [{"switch": "drop-defaults:v2.1:records", "at": "2026-03-01T10:00:00Z", "canonical": "/a", "other": "/b", "why": "w"}],
                "doubted": ["d"], "calls_today": 4, "calls_per_day": 10, "next": "2026-03-01T12:24:00Z"},
            "guard": {"compared": 5, "skipped": 0, "lost_fields": 1, "lost_rows": 1, "flags": [
                {"at": "t1", "dataset": "x", "target": "/x", "fields": ["f", "g"], "rows": null},
                {"at": "t2", "dataset": "y", "target": "/y", "fields": [], "rows": 7}]},
        }]});
        let text = text(&status);
        for part in [
            "education  https://data.example\n",
            "12 s ago (export), relied on for 300 s, 3 of 300 calls today; failed at 2026-03-01T09:00:00Z: the portal answered 500\n",
            "300 datasets; 2 suspect (a, b); 21 not relied on (c, …)\n",
            "4 of 10 calls today, the next from 2026-03-01T12:24:00Z\n",
            "off since 2026-03-01T10:00:00Z: drop-defaults:v2.1:records\n",
            "in doubt: d\n",
            "5 new versions compared, 1 without fields, 1 without rows\n",
            "t1 x lost f, g: /x\n",
            "t2 y lost all of its 7 rows: /y\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
