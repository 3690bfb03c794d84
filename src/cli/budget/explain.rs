//! `preau budget explain`: who may spend what now, or at another time, and why, in words.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::super::admin_client::{self, Server, answered};
use crate::config::Environment;

/// Changes that are told.
const CHANGES: usize = 5;

/// Flags of `preau budget explain`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// One team alone.
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
    /// Another time, if nothing is spent before: `HH:MM` of today, or `2026-03-01T14:30:00Z`; UTC, as the portal's days.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The portal. Default: the first one.
    #[arg(long, value_name = "NAME")]
    portal: Option<String>,
    /// As the server's admin API gives it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

pub(in crate::cli) async fn run(options: Options, environment: &Environment) -> anyhow::Result<ExitCode> {
    let at = options.at.as_deref().map(|text| instant(text, Timestamp::now())).transpose()?.map(|at| at.to_string());
    let mut query = Serializer::new(String::new());
    for (name, value) in [("portal", &options.portal), ("team", &options.team), ("at", &at)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let path = format!("/api/v1/budget/explain?{}", query.finish());
    let answer = answered(admin_client::get(options.server.address(environment)?, &path).await?)?;
    if options.json {
        println!("{answer}");
    } else {
        print!("{}", words(&answer).context("the server's answer has another shape: is it of another version?")?);
    }
    Ok(ExitCode::SUCCESS)
}

/// `HH:MM` is a time of the present UTC day.
fn instant(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let hour = format!("{text}:00").parse::<jiff::civil::Time>();
    let hour =
        hour.ok().filter(|_| text.len() == 5).with_context(|| format!("{text:?} is no time; write 14:30 or 2026-03-01T14:30:00Z"))?;
    Ok(TimeZone::UTC.to_timestamp(TimeZone::UTC.to_datetime(now).date().to_datetime(hour))?)
}

/// The arithmetic in words. It reads the API's JSON and not our own types, as any other reader of the API does.
fn words(explained: &Value) -> anyhow::Result<String> {
    let mut text = String::new();
    let number = |name: &str| explained[name].as_u64().with_context(|| format!("{name} is missing"));
    let clock = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok()).map(hour);
    let teams = explained["teams"].as_array().context("teams are missing")?;
    ensure!(explained["at"].is_string(), "at is missing");

    let (limit, used, available) = (number("limit")?, number("used")?, number("available")?);
    let kept = explained["reserves"]["look"].as_u64().unwrap_or(0) + explained["reserves"]["revalidation"].as_u64().unwrap_or(0);
    let at = explained["at"].as_str().unwrap_or("?").get(..16).unwrap_or("?").replacen('T', " ", 1);
    let _ = writeln!(text, "{}, {at} UTC", explained["portal"].as_str().unwrap_or("?"));
    let _ = writeln!(
        text,
        "{used} of the day's {limit} calls are used: {} by teams, {} for looks at the catalogue, {} for refreshes, {} by others.",
        used.saturating_sub(number("looks")? + number("revalidations")? + number("others")?),
        number("looks")?,
        number("revalidations")?,
        number("others")?,
    );
    let _ = writeln!(text, "{kept} more are kept for looks and refreshes. {available} are left for teams.");
    text.push_str(&state(explained, clock(&explained["until"])));
    if explained["day_known"] == false {
        text.push_str("The day and its count are not confirmed by the portal yet: calls go one at a time.\n");
    }

    let (open, free) = (number("open")?, number("free")?);
    let (release, released) = (explained["release"].as_str().unwrap_or("?"), explained["released"].as_str().unwrap_or("?"));
    let _ = writeln!(text, "\nGuarantees are whole until {release} UTC and fall to nothing at {released} UTC.");
    if explained["scaled"] == true {
        text.push_str("The day has less left than they need, so all are scaled down alike.\n");
    }
    let _ = writeln!(text, "{open} of what is left is guaranteed and not spent yet; {free} is free for all: the pool.");
    let pace = &explained["pace"];
    if teams.iter().any(|team| team["class"] == "batch") {
        let [spent, allowed, of] = ["spent", "allowed", "of"].map(|name| pace[name].as_u64().unwrap_or(0));
        let _ = writeln!(
            text,
            "Batch teams together may have taken {allowed} of the pool's {of} by now, as much as the day has passed and a twentieth; they have taken {spent}."
        );
    }
    text.push('\n');
    for team in teams {
        text.push_str(&of_team(team, free, clock(&team["until"])));
    }
    changes(&mut text, explained);
    Ok(text)
}

/// Whether calls may leave at all.
fn state(explained: &Value, until: Option<String>) -> String {
    let until = until.map_or_else(String::new, |until| format!(" until {until} UTC"));
    match explained["state"].as_str() {
        Some("closed-domain" | "closed-anonymous") => format!("The portal itself refuses all calls{until}: its own quota is out.\n"),
        Some("backing-off") => format!("The portal has asked to slow down: no call leaves{until}.\n"),
        _ => String::new(),
    }
}

/// What one team may spend, out of what, and why not more.
fn of_team(team: &Value, free: u64, until: Option<String>) -> String {
    let name = team["team"].as_str().unwrap_or("?");
    let [guaranteed, in_force, open, spent, may_spend] =
        ["guaranteed", "in_force", "open", "spent", "may_spend"].map(|name| team[name].as_u64().unwrap_or(0));
    let Some(class) = team["class"].as_str() else {
        return format!("{name}: has spent {spent}; the configuration does not name it any more.\n");
    };
    let ceiling = team["ceiling"].as_u64();
    let mut text = format!("{name} ({class}): has spent {spent}");
    let _ = match ceiling {
        Some(ceiling) => write!(text, " of at most {ceiling}"),
        None => Ok(()),
    };
    let _ = match (guaranteed, in_force) {
        (0, _) => write!(text, "; nothing is guaranteed to it"),
        (configured, now) if configured == now => write!(text, "; {configured} are guaranteed to it, {open} of them not spent yet"),
        (configured, now) => write!(text, "; of {configured} guaranteed to it {now} are in force, {open} of them not spent yet"),
    };
    let until = until.map_or_else(|| "the day ends".to_owned(), |until| format!("{until} UTC"));
    let why = match team["refused"].as_str() {
        None if may_spend < open + free => match ceiling {
            Some(ceiling) if spent + may_spend == ceiling => format!("It may spend {may_spend} now, up to its ceiling"),
            _ => format!("It may spend {may_spend} now; more would be ahead of the pace of batch teams"),
        },
        None => format!("It may spend {may_spend} now: {open} of its guarantee and {free} of the pool"),
        Some("team-ceiling") => format!("It may spend nothing until {until}: it has reached its ceiling"),
        Some("guaranteed-to-others") => format!("It may spend nothing until {until}: all that is left is guaranteed to others"),
        Some("batch-pace") => format!("It may spend nothing until {until}: batch teams are ahead of the pace of the day"),
        Some("exhausted") => format!("It may spend nothing until {until}: the day's calls are spent"),
        Some(_) => format!("It may spend nothing until {until}: the portal takes no calls"),
    };
    let _ = writeln!(text, ".\n  {why}.");
    text
}

fn changes(text: &mut String, explained: &Value) {
    let changes = explained["changes"].as_array().map_or(&[][..], Vec::as_slice);
    if changes.is_empty() {
        return;
    }
    text.push_str("\nLatest changes:\n");
    for change in changes.iter().take(CHANGES) {
        let word = |name: &str| change[name].as_str().unwrap_or("none").to_owned();
        let whose = change["team"].as_str().map_or_else(String::new, |team| format!("{team}: "));
        let at = word("at");
        let at = at.get(..16).unwrap_or("?").replacen('T', " ", 1);
        let _ = writeln!(text, "{at} UTC  {whose}{} {} → {}", word("what"), word("from"), word("to"));
    }
}

fn hour(at: Timestamp) -> String {
    at.strftime("%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn team(name: &str, figures: [u64; 5], more: Value) -> Value {
        let [guaranteed, in_force, open, spent, may_spend] = figures;
        let mut team = json!({"team": name, "class": "interactive", "guaranteed": guaranteed, "in_force": in_force, "open": open,
            "ceiling": null, "spent": spent, "may_spend": may_spend, "refused": null, "until": null});
        team.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        team
    }

    #[test]
    fn the_arithmetic_is_told_in_words() {
        let explained = json!({
            "portal": "education", "at": "2026-03-01T18:00:00Z", "resets_at": "2026-03-02T00:00:00Z", "day_known": true, "state": "open",
            "until": null, "limit": 5000, "used": 3000, "looks": 40, "revalidations": 10, "others": 50,
            "reserves": {"look": 10, "revalidation": 90}, "available": 1900, "release": "17:00", "released": "23:30", "scaled": false,
            "open": 500, "free": 1400, "pace": {"spent": 900, "allowed": 2400, "of": 3000},
            "teams": [
                team("maths", [600, 507, 500, 7, 1900], json!({})),
                team("nightly", [0, 0, 0, 900, 1400], json!({"class": "batch"})),
                team("browser", [0, 0, 0, 100, 0], json!({"ceiling": 100, "refused": "team-ceiling", "until": "2026-03-02T00:00:02Z"})),
                team("old", [0, 0, 0, 3, 0], json!({"class": null})),
            ],
            "changes": [{"at": "2026-03-01T09:00:00Z", "team": "maths", "what": "guaranteed", "from": "500", "to": "600"}],
        });
        let expected = "\
education, 2026-03-01 18:00 UTC
3000 of the day's 5000 calls are used: 2900 by teams, 40 for looks at the catalogue, 10 for refreshes, 50 by others.
100 more are kept for looks and refreshes. 1900 are left for teams.

Guarantees are whole until 17:00 UTC and fall to nothing at 23:30 UTC.
500 of what is left is guaranteed and not spent yet; 1400 is free for all: the pool.
Batch teams together may have taken 2400 of the pool's 3000 by now, as much as the day has passed and a twentieth; they have taken 900.

maths (interactive): has spent 7; of 600 guaranteed to it 507 are in force, 500 of them not spent yet.
  It may spend 1900 now: 500 of its guarantee and 1400 of the pool.
nightly (batch): has spent 900; nothing is guaranteed to it.
  It may spend 1400 now: 0 of its guarantee and 1400 of the pool.
browser (interactive): has spent 100 of at most 100; nothing is guaranteed to it.
  It may spend nothing until 00:00 UTC: it has reached its ceiling.
old: has spent 3; the configuration does not name it any more.

Latest changes:
2026-03-01 09:00 UTC  maths: guaranteed 500 → 600
";
        assert_eq!(words(&explained).unwrap(), expected);
    }

    #[test]
    fn a_portal_that_takes_no_calls_is_said_before_anything_else() {
        let explained = json!({"state": "closed-anonymous"});
        assert_eq!(state(&explained, Some("20:00".into())), "The portal itself refuses all calls until 20:00 UTC: its own quota is out.\n");
        assert!(words(&json!({"teams": []})).is_err());
    }

    #[test]
    fn a_time_is_of_today_unless_it_has_a_date() {
        let now = "2026-03-01T18:00:00Z".parse().unwrap();
        let of = |text: &str| instant(text, now).map(|at| at.to_string()).ok();
        assert_eq!(of("09:30").as_deref(), Some("2026-03-01T09:30:00Z"));
        assert_eq!(of("2026-03-02T14:30:00Z").as_deref(), Some("2026-03-02T14:30:00Z"));
        assert_eq!((of("9:30"), of("25:00"), of("soon"), of("")), (None, None, None, None));
    }
}
