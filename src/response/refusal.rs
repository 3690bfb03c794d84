//! A refusal of the budget in its reader's words: which limit it is, when it opens again, and what to do until then.
//!
//! Every sentence is in French and in English (`fr`, `en`); a reason that one of them does not know does not compile. Which status and which of
//! the portal's codes go with a reason is [`crate::error`]'s to say; when to ask again, in seconds, is [`retry_after`]'s.

mod en;
mod fr;

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

use crate::budget::Refused;
use crate::request::language::Spoken;
use crate::response::addressee::Addressee;

/// What a problem document says to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The kind of problem.
    pub title: &'static str,
    /// This one.
    pub detail: String,
}

/// The words for a refusal.
pub fn words(refused: &Refused, to: &Addressee<'_>) -> Words {
    match to.spoken {
        Spoken::English => en::words(refused, to),
        Spoken::French => fr::words(refused, to),
    }
}

/// The words for a client that asks for more at a time than is good for the others.
pub fn too_fast(wait: Duration, to: &Addressee<'_>) -> Words {
    match to.spoken {
        Spoken::English => en::too_fast(wait, to),
        Spoken::French => fr::too_fast(wait, to),
    }
}

/// Most seconds that are added to a wait.
const MOST_JITTER: u64 = 30;

/// A `Retry-After` in seconds for a wait: never less than it, and up to 30 seconds more, chosen by lot (of a short wait up to a tenth), so that all
/// who were refused for the same reason do not come back in the same second.
pub fn retry_after(wait: Duration, lot: &mut fastrand::Rng) -> u64 {
    let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
    seconds + lot.u64(0..=(seconds / 10).min(MOST_JITTER))
}

/// A time to come, as far as it matters how it is told.
enum When {
    /// In so many seconds.
    Soon(i64),
    /// At a minute of a day; days from today, in the zone that is told first.
    At { first: ZonedDateTime, days: i32, second: ZonedDateTime },
}

/// How long a wait is told in seconds.
const SOON: SignedDuration = SignedDuration::from_mins(2);

/// `at` as seen from `now`, first in one zone and then in another. Minutes are rounded up: whoever comes then is not too early.
fn when(at: Timestamp, now: Timestamp, first: TimeZone, second: TimeZone) -> When {
    let wait = at.duration_since(now);
    if wait < SOON {
        return When::Soon((wait.as_secs() + i64::from(wait.subsec_nanos() > 0)).max(1));
    }
    let seconds = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    let minute = seconds.saturating_add(59).div_euclid(60).saturating_mul(60);
    let at = Timestamp::from_second(minute).unwrap_or(at);
    let (first_at, today) = (at.to_zoned_datetime(first.clone()), now.to_zoned_datetime(first));
    let days = first_at.date().since(today.date()).map_or(i32::MAX, |span| span.get_days());
    When::At { first: first_at, days, second: at.to_zoned_datetime(second) }
}

/// Where the portal's readers live. The zone is in the binary (`Cargo.toml`); without it times would be UTC and say so.
fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC)
}

/// A number with `between` after each thousand.
fn grouped(number: u64, between: char) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(between);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
