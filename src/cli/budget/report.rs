//! `preau budget report`: who spent what on a day, and what could be done about it; for people, for spreadsheets, for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use url::form_urlencoded;

use crate::cli::admin_client::{self, Server, answered};
use crate::config::Environment;

/// Lines of a table that has no natural end.
const LINES: usize = 12;
/// Patterns of a kind and team that are told.
const PATTERNS: usize = 5;

/// Flags of `preau budget report`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The UTC day, such as 2026-03-02. Default: today.
    #[arg(long, value_name = "DAY")]
    day: Option<String>,
    /// One team alone.
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
    /// One portal alone.
    #[arg(long, value_name = "NAME")]
    portal: Option<String>,
    /// Every hour, team, family and dataset as a line of comma-separated values (RFC 4180).
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// As the server's admin API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(options: Options, environment: &Environment) -> anyhow::Result<ExitCode> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("day", &options.day), ("team", &options.team), ("portal", &options.portal)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let path = format!("/api/v1/budget/report?{}", query.finish());
    let report = answered(admin_client::get(options.server.address(environment)?, &path).await?)?;
    if options.json {
        println!("{report}");
    } else if options.csv {
        print!("{}", csv(&report));
    } else {
        print!("{}", printable(&text(&report)));
    }
    if report["more"] == true && !options.json {
        eprintln!("there is more than a report holds; ask for one team or portal");
    }
    Ok(ExitCode::SUCCESS)
}

/// What is counted, in the order of the columns.
const COUNTS: [&str; 6] = ["requests", "hits", "stale", "refused", "calls", "bytes"];

/// The rows as comma-separated values. A cell that a spreadsheet would take for a formula is made a text by an apostrophe.
fn csv(report: &Value) -> String {
    const NAMES: [&str; 5] = ["hour", "portal", "team", "family", "dataset"];
    let mut text = NAMES.iter().chain(&COUNTS).copied().collect::<Vec<_>>().join(",") + "\r\n";
    for row in rows(report) {
        let names = NAMES.iter().map(|name| cell(word(&row[*name])));
        let counts = COUNTS.iter().map(|name| number(&row[*name]).to_string());
        text.push_str(&names.chain(counts).collect::<Vec<_>>().join(","));
        text.push_str("\r\n");
    }
    text
}

fn cell(text: &str) -> String {
    let tamed = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() };
    if tamed.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", tamed.replace('"', "\"\"")) } else { tamed }
}

/// The report for people.
fn text(report: &Value) -> String {
    let mut text = format!("{} (UTC)", word(&report["day"]));
    if report["kept_days"] == 0 {
        text.push_str(": no history is kept ([budget] history_days = 0)\n");
        return text;
    }
    if rows(report).next().is_none() {
        text.push_str(": nothing was asked\n");
        return text;
    }
    text.push_str("\n\n");
    let teams = summed(report, |row| format!("{} at {}", word(&row["team"]), word(&row["portal"])));
    table(&mut text, "team", &by_calls(teams), usize::MAX);
    let total = COUNTS.map(|name| number(&report["total"][name]));
    line(&mut text, "total", total);
    text.push('\n');
    let subjects = summed(report, |row| match word(&row["dataset"]) {
        "" => word(&row["family"]).to_owned(),
        dataset => format!("{} of {dataset}", word(&row["family"])),
    });
    table(&mut text, "asked for", &by_calls(subjects), LINES);
    text.push('\n');
    let hours = summed(report, |row| word(&row["hour"]).get(11..16).unwrap_or("?").to_owned());
    table(&mut text, "hour", &hours.into_iter().collect::<Vec<_>>(), usize::MAX);
    patterns(&mut text, report);
    text
}

fn patterns(text: &mut String, report: &Value) {
    let mut told: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for pattern in report["patterns"].as_array().into_iter().flatten() {
        let (kind, calls) = (word(&pattern["kind"]), number(&pattern["calls"]));
        // Any question costs a call once.
        if kind == "dearest" && calls < 2 {
            continue;
        }
        let of_kind = told.entry((word(&pattern["portal"]).to_owned(), word(&pattern["team"]).to_owned(), kind.to_owned())).or_default();
        *of_kind += 1;
        if *of_kind > PATTERNS {
            continue;
        }
        let title = match kind {
            "dearest" => "a dear question",
            "invalid" => "a question that is never answered",
            "loop" => "one call per item",
            "type-ahead" => "one call per letter",
            other => other,
        };
        let _ = writeln!(text, "\n{} at {}: {title}, {calls} calls", word(&pattern["team"]), word(&pattern["portal"]));
        let _ = writeln!(text, "  asked    {}", word(&pattern["question"]));
        let _ = writeln!(text, "  advice   {}", word(&pattern["advice"]));
        if let Some(instead) = pattern["instead"].as_str() {
            let _ = writeln!(text, "  instead  {instead}");
        }
    }
}

type Sums = [u64; COUNTS.len()];

/// The rows' counts, summed by what `name` makes of them.
fn summed(report: &Value, name: impl Fn(&Value) -> String) -> BTreeMap<String, Sums> {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    for row in rows(report) {
        let sum = sums.entry(name(row)).or_default();
        for (sum, name) in sum.iter_mut().zip(COUNTS) {
            *sum += number(&row[name]);
        }
    }
    sums
}

/// What cost most first.
fn by_calls(sums: BTreeMap<String, Sums>) -> Vec<(String, Sums)> {
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, [requests, _, _, _, calls, _])| std::cmp::Reverse((*calls, *requests)));
    sums
}

fn table(text: &mut String, title: &str, lines: &[(String, Sums)], most: usize) {
    let _ = writeln!(text, "{title:<52} {:>9} {:>9} {:>7} {:>7} {:>7} {:>9}", "requests", "hits", "stale", "refused", "calls", "bytes");
    for (name, sums) in lines.iter().take(most) {
        line(text, name, *sums);
    }
    if lines.len() > most {
        let _ = writeln!(text, "… and {} more (--csv has them all)", lines.len() - most);
    }
}

fn line(text: &mut String, name: &str, [requests, hits, stale, refused, calls, bytes]: Sums) {
    let bytes = size(bytes);
    let _ = writeln!(text, "{name:<52} {requests:>9} {hits:>9} {stale:>7} {refused:>7} {calls:>7} {bytes:>9}");
}

/// Bytes in the unit in which they have at most four digits.
fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (0..units.len() - 1).find(|&step| bytes >> (10 * step) < 10_000).unwrap_or(units.len() - 1);
    format!("{} {}", bytes >> (10 * step), units[step])
}

fn rows(report: &Value) -> impl Iterator<Item = &Value> {
    report["rows"].as_array().into_iter().flatten()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// What clients have written must not move a cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Value {
        let row = |hour: &str, team: &str, dataset: &str, calls: u64| {
            json!({"hour": format!("2026-03-02T{hour}:00:00Z"), "portal": "box", "team": team, "family": "records", "dataset": dataset,
                "requests": 10, "hits": 7, "stale": 1, "refused": 0, "calls": calls, "bytes": 2048})
        };
        json!({"day": "2026-03-02", "kept_days": 30, "more": false,
            "total": {"requests": 30, "hits": 21, "stale": 3, "refused": 0, "calls": 9, "bytes": 6144},
            "rows": [row("08", "lyon", "a", 2), row("09", "lyon", "a", 4), row("09", "paris", "=cmd,\"x\"", 3)],
            "patterns": [
                {"portal": "box", "team": "lyon", "kind": "loop", "question": "/q?a=1", "calls": 40, "advice": "Ask\u{1b}[2J for all", "instead": "/q?b"},
                {"portal": "box", "team": "lyon", "kind": "dearest", "question": "/once", "calls": 1, "advice": "one call"}]})
    }

    #[test]
    fn people_see_who_spent_most_and_what_to_do() {
        let text = printable(&text(&report()));
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["2026-03-02", "(UTC)"]);
        assert_eq!(lines[3][..8], ["lyon", "at", "box", "20", "14", "2", "0", "6"]);
        assert_eq!(lines[4][..8], ["paris", "at", "box", "10", "7", "1", "0", "3"]);
        assert_eq!(lines[5][..6], ["total", "30", "21", "3", "0", "9"]);
        assert!(lines.iter().any(|line| line.starts_with(&["09:00", "20"])), "{text}");
        assert!(text.contains("lyon at box: one call per item, 40 calls\n  asked    /q?a=1\n"), "{text}");
        assert!(text.ends_with("  instead  /q?b\n"), "a question that was asked once is no pattern: {text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn spreadsheets_get_texts_and_no_formulas() {
        let csv = csv(&report());
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines[0], "hour,portal,team,family,dataset,requests,hits,stale,refused,calls,bytes");
        assert_eq!(lines[1], "2026-03-02T08:00:00Z,box,lyon,records,a,10,7,1,0,2,2048");
        assert_eq!(lines[3], "2026-03-02T09:00:00Z,box,paris,records,\"'=cmd,\"\"x\"\"\",10,7,1,0,3,2048");
        assert_eq!((lines.len(), lines[4]), (5, ""));
        for formula in ["=1", "+1", "-1", "@x", "\t=1"] {
            assert!(cell(formula).trim_start_matches('"').starts_with('\''), "{formula:?}");
        }
        assert_eq!(cell("a\nb"), "\"a\nb\"");
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, shown) in [(0, "0 B"), (9_999, "9999 B"), (10_000, "9 KiB"), (50 << 20, "50 MiB"), (u64::MAX, "16777215 TiB")] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn an_empty_day_and_no_history_are_said() {
        let empty = json!({"day": "2026-03-02", "kept_days": 30, "rows": []});
        assert_eq!(text(&empty), "2026-03-02 (UTC): nothing was asked\n");
        assert!(text(&json!({"day": "2026-03-02", "kept_days": 0})).contains("history_days"));
    }
}
