//! In English. Times are UTC, as the portal's day is, with those of Paris in brackets.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{When, Words, grouped, paris, when};
use crate::budget::{Refused, Shutter, TeamStanding, Why};
use crate::response::addressee::Addressee;

/// What holds whatever the limit.
const STORED: &str = "Whatever was asked before is still answered.";

/// How to ask for the same with fewer calls.
const MERGE: &str = "To need fewer calls: one question for many items (`where=code in (\"a\", \"b\")`) instead of one for each; an export, \
                     which is one call whatever its size, instead of page after page; in a search box, no question before the third letter.";

/// The words for a refusal.
pub(super) fn words(refused: &Refused, to: &Addressee<'_>) -> Words {
    let Refused { why, until, limit, used, team: standing } = *refused;
    let (limit, used, opens) = (calls(limit), grouped(used, ','), moment(until, to.now));
    let (team, more) = (team(to), more(to));
    let (title, detail) = match why {
        Why::Exhausted => (
            "The day's calls are spent",
            format!(
                "The organisation has used {used} of the {limit} that the portal grants it for a day; the rest is kept for looking after what is \
                 stored. New questions can be asked again {opens}. {STORED} {MERGE} {more}"
            ),
        ),
        Why::ReserveSpent => (
            "The day's calls for refreshing are spent",
            format!("The calls that are kept for refreshing what is stored are spent. There are more {opens}. {STORED} {more}"),
        ),
        Why::Ceiling => (
            "The team's calls of the day are spent",
            format!(
                "{team} has used {used} of the {limit} that it may use in a day. It may ask new questions again {opens}. {STORED} {MERGE}{who} {more}",
                who = who(to)
            ),
        ),
        Why::Guaranteed => (
            "What is left of the day is promised to other teams",
            format!(
                "{team} has used {own}, and what is left of the day's {limit} is promised to other teams. What these do not use is \
                 released late in the day: there may be calls again {opens}. {STORED} {MERGE}{who} {more}",
                own = own(standing),
                who = who(to)
            ),
        ),
        Why::Pace => (
            "Batch work is ahead of the pace of the day",
            format!(
                "Batch work gets what others leave, spread over the day: {used} of the {limit} that it may have used by now are used. The next may \
                 leave {opens}. {STORED} A job that can wait finds most calls in the evening and at night, when what was promised to others is \
                 released. {MERGE} {more}"
            ),
        ),
        Why::Dataset => (
            "The portal's limit for this dataset is reached",
            format!(
                "The portal itself grants {limit} for this dataset, and {used} are used. It can be asked again {opens}; other datasets can be asked \
                 now. {STORED} An export brings the whole dataset in one call. {more}"
            ),
        ),
        Why::QueueFull => (
            "Too many questions wait for a call",
            format!(
                "So many questions wait for their turn already that another one would wait in vain. Ask again {opens}, and fewer at a time. \
                 {STORED} {MERGE}"
            ),
        ),
        Why::PortalDown => (
            "The portal is out of order",
            format!(
                "The portal's last answers were failures, or there were none. So that it can recover and no calls are lost, it is asked again only \
                 {opens}. {STORED} There is nothing to be done about it here."
            ),
        ),
        Why::Closed(Shutter::Domain) => (
            "The portal's own calls of the day are spent",
            format!(
                "The portal says that the calls of all its users together are spent (10002); {used} of {limit} were used here. It can be asked \
                 again {opens}. {STORED} {MERGE} {more}"
            ),
        ),
        Why::Closed(Shutter::Anonymous) => (
            "The portal says that the day's calls are spent",
            format!(
                "The portal says that the calls of this address are spent (10005). Here {used} of {limit} are counted: if that is fewer, somebody \
                 else asks from the same address. It can be asked again {opens}. {STORED} {MERGE} {more}"
            ),
        ),
        Why::BackingOff => (
            "The portal asked to slow down",
            format!("The portal has answered 429 and wants to be asked again only {opens}. {STORED} {MERGE}"),
        ),
        Why::Learning => (
            "The count of the day is not known yet",
            format!(
                "This server has just started, or its clock has leapt: calls go one at a time until the portal has said how many are left. Ask again \
                 {opens}. {STORED}"
            ),
        ),
        Why::LedgerUnwritable => (
            "The count of calls cannot be written",
            format!("This server cannot write its count of calls, and without it none may leave. Ask again {opens}. {STORED} {more}"),
        ),
        Why::ShuttingDown => ("This server is being stopped", format!("This server is being stopped. Ask again {opens}.")),
    };
    Words { title, detail: detail.trim_end().to_owned() }
}

/// The words for a client that asks for more at a time than is good for the others.
pub(super) fn too_fast(wait: Duration, to: &Addressee<'_>) -> Words {
    let at = Timestamp::from_nanosecond(to.now.as_nanosecond().saturating_add_unsigned(wait.as_nanos())).unwrap_or(Timestamp::MAX);
    let opens = moment(at, to.now);
    Words {
        title: "Too many new questions at a time",
        detail: format!("This client asks new questions faster than one client may. Ask the next one {opens}. {STORED} {MERGE}"),
    }
}

/// A time, for a sentence: `tomorrow at 00:00 UTC (01:00 in Paris)`.
fn moment(at: Timestamp, now: Timestamp) -> String {
    match when(at, now, TimeZone::UTC, paris()) {
        When::Soon(1) => "in a second".to_owned(),
        When::Soon(seconds) => format!("in {seconds} seconds"),
        When::At { first, days, second } => {
            let day = match days {
                0 => "today".to_owned(),
                1 => "tomorrow".to_owned(),
                _ => first.strftime("on %-d %B").to_string(),
            };
            format!("{day} at {} UTC ({} in Paris)", first.strftime("%H:%M"), second.strftime("%H:%M"))
        }
    }
}

fn calls(number: u64) -> String {
    format!("{} {}", grouped(number, ','), if number == 1 { "call" } else { "calls" })
}

/// The team, at the beginning of a sentence.
fn team(to: &Addressee<'_>) -> String {
    match to.team {
        Some(name) => format!("The team “{name}”"),
        None => "This team".to_owned(),
    }
}

/// What the team has used of its own.
fn own(standing: Option<TeamStanding>) -> String {
    match standing {
        Some(TeamStanding { guaranteed: 0, .. }) | None => "what is its own".to_owned(),
        Some(TeamStanding { spent, guaranteed, .. }) => {
            format!("{} today, where {} of the day are promised to it at this hour", calls(spent), grouped(guaranteed, ','))
        }
    }
}

/// What clients that nobody has recognised can do about it.
fn who(to: &Addressee<'_>) -> &'static str {
    match to.team {
        Some("default") => {
            " Clients that are not recognised have this team: one that sends its own team's key (`X-Preau-Key`) spends that team's calls."
        }
        Some("browser") => {
            " Pages of other sites have this team: ask for this page's origin to be allowed (`allowed_origins`), or have the page send \
             its team's key (`X-Preau-Key`)."
        }
        _ => "",
    }
}

/// Whom to ask.
fn more(to: &Addressee<'_>) -> String {
    match to.contact {
        Some(contact) => format!("Who needs more asks: {contact}"),
        None => "Who needs more asks whoever runs this server.".to_owned(),
    }
}
