//! `preau budget`: what is left of the day's calls.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::admin_client::{self, Server};
use crate::config::Environment;

/// Flags of `preau budget`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// As the server's admin API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(options: Options, environment: &Environment) -> anyhow::Result<ExitCode> {
    let (status, answer) = admin_client::get(options.server.address(environment)?, "/api/v1/budget").await?;
    ensure!(status.is_success(), "the server answered {status}");
    if options.json {
        println!("{}", String::from_utf8_lossy(&answer));
    } else {
        let report = serde_json::from_slice(&answer).context("the server's answer is not JSON")?;
        print!("{}", table(&report, Timestamp::now()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The report for people. It reads the API's JSON and not our own types, as any other reader of the API does.
pub(super) fn table(report: &Value, now: Timestamp) -> String {
    let mut text = format!(
        "{:<16} {:<18} {:>9} {:>9} {:>9} {:>7}  {:<22} {}\n",
        "portal", "account", "limit", "used", "remaining", "drift", "resets", "state"
    );
    let portals = report["portals"].as_array().into_iter().flatten();
    for (portal, account) in
        portals.flat_map(|portal| portal["accounts"].as_array().into_iter().flatten().map(move |account| (portal, account)))
    {
        let number = |name: &str| account[name].as_u64().map_or_else(|| "?".to_owned(), |number| number.to_string());
        let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let resets = word(&account["resets_at"]);
        let mut state = word(&account["state"]);
        if let Some(until) = account["until"].as_str() {
            let _ = write!(state, " until {until}");
        }
        if account["verified"] == false {
            state.push_str(", not yet confirmed by the portal");
        }
        let _ = writeln!(
            text,
            "{:<16} {:<18} {:>9} {:>9} {:>9} {:>7}  {:<22} {state}",
            word(&portal["portal"]),
            word(&account["account"]),
            number("limit"),
            number("used"),
            number("remaining"),
            number("drift"),
            resets.parse::<Timestamp>().map_or(resets.clone(), |at| left(now, at)),
        );
    }
    text
}

/// `00:00 UTC, in 5 h 12 min`
fn left(now: Timestamp, at: Timestamp) -> String {
    let minutes = at.duration_since(now).as_mins().max(0);
    format!("{} UTC, in {} h {} min", at.strftime("%H:%M"), minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_account() {
        let report = json!({"portals": [{"portal": "education", "accounts": [
            {"account": "anonymous", "limit": 5000, "used": 12, "remaining": 4988, "drift": 2, "resets_at": "2026-03-02T00:00:00Z",
             "state": "open", "until": null, "verified": true},
            {"account": "key:12ab34cd", "limit": null, "used": 1, "remaining": null, "drift": 0, "resets_at": "2026-03-02T00:00:00Z",
             "state": "closed-anonymous", "until": "2026-03-02T00:00:00Z", "verified": false},
        ]}]});
        let table = table(&report, "2026-03-01T18:48:00Z".parse().unwrap());
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["education", "anonymous", "5000", "12", "4988", "2", "00:00", "UTC,", "in", "5", "h", "12", "min", "open"]);
        assert_eq!(lines[2][..6], ["education", "key:12ab34cd", "?", "1", "?", "0"]);
        assert!(table.ends_with("closed-anonymous until 2026-03-02T00:00:00Z, not yet confirmed by the portal\n"), "{table}");
    }
}
