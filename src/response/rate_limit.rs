//! The fields that tell a client what its team, and the whole organisation, may still spend: the portal's own, which existing clients read,
//! and `RateLimit` with `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-11 has them.
//!
//! They are written on every answer, so they are made once for each second in which a team asks, or when a figure moves. The figures are the
//! budget's.

use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::budget::{RateLimit, RateLimits};
use crate::team::TeamId;

/// The portal's quota fields, in its own names.
pub const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
/// See [`X_RATELIMIT_LIMIT`].
pub const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// See [`X_RATELIMIT_LIMIT`].
pub const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
/// The draft's: which quotas there are.
pub const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The draft's: what is left of them, and until when.
pub const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Seconds of the window that quotas are for.
const DAY: u64 = 86_400;

/// The largest number that a structured field can hold (RFC 9651 section 3.3.1). The portal's may be larger.
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// The fields of one moment.
#[derive(Clone, Debug)]
struct Values {
    limit: HeaderValue,
    remaining: HeaderValue,
    reset: HeaderValue,
    draft: Option<(HeaderValue, HeaderValue)>,
}

impl Values {
    /// `opens` is when the team may call again, if that is before the end of the day and it may not now.
    fn of(limits: &RateLimits, now: Timestamp, opens: Option<Timestamp>, draft: bool) -> Self {
        let RateLimits { team, portal } = limits;
        let text = |text: String| HeaderValue::try_from(text).expect("digits and punctuation are a valid field value");
        Self {
            limit: HeaderValue::from(team.limit),
            remaining: HeaderValue::from(team.remaining),
            // docs/portal.md#quota: never an epoch.
            reset: text(team.reset.strftime("%Y-%m-%d %H:%M:%S+00:00").to_string()),
            draft: draft.then(|| {
                let policy = |limit: &RateLimit| limit.limit.min(MAX_INTEGER);
                let remaining = |limit: &RateLimit| limit.remaining.min(MAX_INTEGER);
                let window = |until: Timestamp| seconds_until(until, now);
                (
                    text(format!("\"team\";q={};w={DAY}, \"portal\";q={};w={DAY}", policy(team), policy(portal))),
                    text(format!(
                        "\"team\";r={};t={}, \"portal\";r={};t={}",
                        remaining(team),
                        window(opens.unwrap_or(team.reset)),
                        remaining(portal),
                        window(portal.reset)
                    )),
                )
            }),
        }
    }

    fn write(&self, fields: &mut HeaderMap) {
        fields.insert(X_RATELIMIT_LIMIT, self.limit.clone());
        fields.insert(X_RATELIMIT_REMAINING, self.remaining.clone());
        fields.insert(X_RATELIMIT_RESET, self.reset.clone());
        if let Some((policy, current)) = &self.draft {
            fields.insert(RATELIMIT_POLICY, policy.clone());
            fields.insert(RATELIMIT, current.clone());
        }
    }
}

/// Writes one account's figures in the portal's names, and nothing of teams: a key's account is that key's affair.
pub fn write_account(fields: &mut HeaderMap, account: &RateLimit) {
    let limits = RateLimits { team: *account, portal: *account };
    Values::of(&limits, account.reset, None, false).write(fields);
}

/// Whole seconds, rounded up: never before the time.
fn seconds_until(until: Timestamp, now: Timestamp) -> u64 {
    let wait = until.duration_since(now);
    u64::try_from(wait.as_secs() + i64::from(wait.subsec_nanos() > 0)).unwrap_or(0)
}

/// What was made last, by team: as many places as there are teams.
#[derive(Debug, Default)]
pub struct RateLimitFields {
    draft: bool,
    by_team: Box<[Mutex<Option<Made>>]>,
}

/// Values, and what they were made of.
#[derive(Debug)]
struct Made {
    limits: RateLimits,
    second: u64,
    values: Values,
}

impl RateLimitFields {
    /// For so many teams; `draft` says whether the draft's fields are written too.
    pub fn new(draft: bool, teams: usize) -> Self {
        Self { draft, by_team: (0..teams).map(|_| Mutex::default()).collect() }
    }

    /// Writes what the ledger knows of the quota now. Whatever an answer had of it is old news and is replaced.
    pub fn write(&self, fields: &mut HeaderMap, team: TeamId, limits: RateLimits, now: Timestamp) {
        let Some(place) = self.by_team.get(team.index()) else {
            return Values::of(&limits, now, None, self.draft).write(fields);
        };
        let second = seconds_until(limits.team.reset, now);
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        match &*place {
            Some(made) if made.second == second && made.limits == limits => made.values.write(fields),
            _ => {
                let made = Made { limits, second, values: Values::of(&limits, now, None, self.draft) };
                made.values.write(fields);
                *place = Some(made);
            }
        }
    }

    /// The same for a refusal of a team that may call again before the day ends: its window ends when it opens, so that nothing in the
    /// answer names a later time than `Retry-After` (section 6 of the draft).
    pub fn write_refused(&self, fields: &mut HeaderMap, limits: RateLimits, now: Timestamp, opens: Timestamp) {
        Values::of(&limits, now, Some(opens), self.draft).write(fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEAM: TeamId = TeamId::DEFAULT;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn limits(remaining: u64) -> RateLimits {
        let reset = at("2026-08-18T00:00:00Z");
        RateLimits {
            team: RateLimit { limit: 500, remaining, reset },
            portal: RateLimit { limit: 5000, remaining: remaining + 1000, reset },
        }
    }

    fn written(of: &RateLimitFields, team: TeamId, limits: RateLimits, now: &str) -> String {
        let mut fields = HeaderMap::new();
        of.write(&mut fields, team, limits, at(now));
        fields.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect()
    }

    #[test]
    fn the_team_and_the_portal_are_told_in_the_portals_and_in_the_drafts_names() {
        let fields = RateLimitFields::new(true, 1);
        assert_eq!(
            written(&fields, TEAM, limits(17), "2026-08-17T23:00:00.5Z"),
            "x-ratelimit-limit: 500\nx-ratelimit-remaining: 17\nx-ratelimit-reset: 2026-08-18 00:00:00+00:00\n\
             ratelimit-policy: \"team\";q=500;w=86400, \"portal\";q=5000;w=86400\n\
             ratelimit: \"team\";r=17;t=3600, \"portal\";r=1017;t=3600\n"
        );
        let quiet = RateLimitFields::new(false, 1);
        let told = written(&quiet, TEAM, limits(17), "2026-08-17T23:00:00Z");
        assert!(told.contains("x-ratelimit-remaining: 17") && !told.contains("\nratelimit"), "{told}");
    }

    #[test]
    fn what_was_made_serves_while_nothing_moves_and_each_team_has_its_own() {
        let fields = RateLimitFields::new(true, 2);
        let current = |team, left, now| {
            let told = written(&fields, team, limits(left), now);
            told.lines().find(|line| line.starts_with("ratelimit: ")).unwrap().to_owned()
        };
        let first = current(TEAM, 17, "2026-08-17T23:00:00Z");
        assert_eq!(current(TEAM, 17, "2026-08-17T23:00:00Z"), first);
        assert!(current(TEAM, 16, "2026-08-17T23:00:00Z").contains("r=16;t=3600"), "a figure moved");
        assert!(current(TEAM, 16, "2026-08-17T23:00:01Z").contains("r=16;t=3599"), "a second went by");
        assert!(current(TeamId::BROWSER, 3, "2026-08-17T23:00:01Z").contains("r=3;"), "another team");
        assert!(current(TEAM, 16, "2026-08-17T23:00:01Z").contains("r=16;t=3599"));
        assert!(current(TeamId::new(7), 4, "2026-08-17T23:00:01Z").contains("r=4;"), "a team without a place");
    }

    #[test]
    fn numbers_that_no_structured_field_can_hold_become_the_largest_that_it_can() {
        let mut huge = limits(1);
        huge.portal.limit = u64::MAX;
        let told = written(&RateLimitFields::new(true, 1), TEAM, huge, "2026-08-19T00:00:00Z");
        assert!(told.contains("\"portal\";q=999999999999999;w=86400"), "{told}");
        assert!(told.contains("\"team\";r=1;t=0"), "a day that is over: {told}");
    }

    #[test]
    fn the_window_of_a_refused_team_ends_when_it_may_call_again() {
        let mut fields = HeaderMap::new();
        RateLimitFields::new(true, 1).write_refused(&mut fields, limits(0), at("2026-08-17T12:00:00Z"), at("2026-08-17T12:10:00Z"));
        assert_eq!(fields[&RATELIMIT], "\"team\";r=0;t=600, \"portal\";r=1000;t=43200");
        assert_eq!(fields[&X_RATELIMIT_RESET], "2026-08-18 00:00:00+00:00");
    }
}
