//! `preau budget`: what is left of the day's calls, and for whom; below it, what was made of them.

mod explain;
mod report;

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;

use super::admin_client::{self, Server};
use crate::config::Environment;

/// Flags of `preau budget`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    more: Option<More>,
    /// As the server's admin API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// What there is to know besides.
#[derive(Clone, Debug, Subcommand)]
enum More {
    /// Say who may spend what now, or at another time, and why not more.
    Explain(explain::Options),
    /// Say who spent what on a day, and what could be done about it.
    Report(report::Options),
}

pub(super) async fn run(options: Options, environment: &Environment) -> anyhow::Result<ExitCode> {
    match options.more {
        Some(More::Explain(options)) => return explain::run(options, environment).await,
        Some(More::Report(options)) => return report::run(options, environment).await,
        None => {}
    }
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
    let portals = || report["portals"].as_array().into_iter().flatten();
    for (portal, account) in
        portals().flat_map(|portal| portal["accounts"].as_array().into_iter().flatten().map(move |account| (portal, account)))
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
            account["name"].as_str().map_or_else(|| word(&account["account"]), str::to_owned),
            number("limit"),
            number("used"),
            number("remaining"),
            number("drift"),
            resets.parse::<Timestamp>().map_or(resets.clone(), |at| left(now, at)),
        );
    }
    for portal in portals() {
        if let Some(outlook) = portal["outlook"]["text"].as_str() {
            let _ = writeln!(text, "{}: {outlook}", portal["portal"].as_str().unwrap_or("?"));
        }
    }
    let _ = writeln!(
        text,
        "\n{:<16} {:<18} {:<12} {:>10} {:>9} {:>9} {:>9} {:>9}  why nothing",
        "portal", "team", "class", "guaranteed", "in force", "ceiling", "spent", "may spend"
    );
    for (portal, team) in portals().flat_map(|portal| portal["teams"].as_array().into_iter().flatten().map(move |team| (portal, team))) {
        let number = |name: &str| team[name].as_u64().map_or_else(|| "-".to_owned(), |number| number.to_string());
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let mut why = team["refused"].as_str().unwrap_or_default().to_owned();
        if let Some(until) = team["until"].as_str().and_then(|until| until.parse::<Timestamp>().ok()) {
            let _ = write!(why, " until {}", left(now, until));
        }
        let line = format!(
            "{:<16} {:<18} {:<12} {:>10} {:>9} {:>9} {:>9} {:>9}  {why}",
            word(&portal["portal"]),
            word(&team["team"]),
            word(&team["class"]),
            number("guaranteed"),
            number("in_force"),
            number("ceiling"),
            number("spent"),
            number("may_spend"),
        );
        let _ = writeln!(text, "{}", line.trim_end());
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
    fn the_tables_have_a_line_for_each_account_and_each_team() {
        let report = json!({"portals": [{"portal": "education", "accounts": [
            {"account": "anonymous", "limit": 5000, "used": 12, "remaining": 4988, "drift": 2, "resets_at": "2026-03-02T00:00:00Z",
             "state": "open", "until": null, "verified": true},
            {"account": "key:12ab34cd", "limit": null, "used": 1, "remaining": null, "drift": 0, "resets_at": "2026-03-02T00:00:00Z",
             "state": "closed-anonymous", "until": "2026-03-02T00:00:00Z", "verified": false},
        ], "teams": [
            {"team": "maths", "class": "interactive", "guaranteed": 600, "in_force": 500, "open": 100, "ceiling": null, "spent": 400,
             "may_spend": 900, "refused": null, "until": null},
            {"team": "nightly", "class": "batch", "guaranteed": 0, "in_force": 0, "open": 0, "ceiling": 800, "spent": 700,
             "may_spend": 0, "refused": "batch-pace", "until": "2026-03-01T19:00:00Z"},
        ]}]});
        let table = table(&report, "2026-03-01T18:48:00Z".parse().unwrap());
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["education", "anonymous", "5000", "12", "4988", "2", "00:00", "UTC,", "in", "5", "h", "12", "min", "open"]);
        assert_eq!(lines[2][..6], ["education", "key:12ab34cd", "?", "1", "?", "0"]);
        let confirmed = table.lines().nth(2).unwrap();
        assert!(confirmed.ends_with("closed-anonymous until 2026-03-02T00:00:00Z, not yet confirmed by the portal"), "{table}");
        assert_eq!(lines[5], ["education", "maths", "interactive", "600", "500", "-", "400", "900"]);
        assert_eq!(lines[6][3..], ["0", "0", "800", "700", "0", "batch-pace", "until", "19:00", "UTC,", "in", "0", "h", "12", "min"]);
    }

    #[test]
    fn a_day_that_will_not_do_is_told() {
        let report = json!({"portals": [{"portal": "box", "accounts": [], "outlook": {"text": "at this rate until 15:40 UTC"}}]});
        assert_eq!(table(&report, Timestamp::UNIX_EPOCH).lines().nth(1), Some("box: at this rate until 15:40 UTC"));
        let report = json!({"portals": [{"portal": "box", "accounts": [], "outlook": null}]});
        assert_eq!(table(&report, Timestamp::UNIX_EPOCH).lines().nth(1), Some(""));
    }
}
