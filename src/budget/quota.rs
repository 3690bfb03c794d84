//! What the portal says about the quota: `X-RateLimit-*` fields and the body of a 429.
//!
//! Texts come from outside, and some are absurd (seen: a limit of 23 digits; documented: a reset that is an epoch). They are read
//! here, once; whether they are believed is decided by [`super::account`] and [`super::day`]. Pure.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::day::Day;

/// Longer field values are nobody's figures.
const MAX_FIELD_BYTES: usize = 64;

/// The raw texts of the portal's `X-RateLimit-*` fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimitFields {
    /// `X-RateLimit-Limit`: calls per day.
    pub limit: Option<String>,
    /// `X-RateLimit-Remaining`: calls left, this one excluded.
    pub remaining: Option<String>,
    /// `X-RateLimit-Reset`: the next midnight UTC, as `2026-08-18 00:00:00+00:00`.
    pub reset: Option<String>,
    /// `X-RateLimit-dataset-Limit`: the same for one dataset, where a portal limits those.
    pub dataset_limit: Option<String>,
    /// `X-RateLimit-dataset-Remaining`
    pub dataset_remaining: Option<String>,
    /// `X-RateLimit-dataset-Reset`: seen with the first of a month.
    pub dataset_reset: Option<String>,
}

impl RateLimitFields {
    /// Takes the fields from an answer's head. A field that comes twice, or that is not text of a sensible length, counts as absent.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            let mut values = headers.get_all(name).iter();
            let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?.trim();
            (value.len() <= MAX_FIELD_BYTES).then(|| value.to_owned())
        };
        Self {
            limit: text("x-ratelimit-limit"),
            remaining: text("x-ratelimit-remaining"),
            reset: text("x-ratelimit-reset"),
            dataset_limit: text("x-ratelimit-dataset-limit"),
            dataset_remaining: text("x-ratelimit-dataset-remaining"),
            dataset_reset: text("x-ratelimit-dataset-reset"),
        }
    }

    /// The account's figures, if all three fields can be read and fit together.
    pub(super) fn statement(&self) -> Option<Statement> {
        let (limit, remaining) = figures(self.limit.as_deref()?, self.remaining.as_deref()?)?;
        let day = Day::ending_at(reset(self.reset.as_deref()?)?)?;
        Some(Statement { limit, remaining, day })
    }

    /// The dataset's figures, if they can be read. The reset may be any time.
    pub(super) fn dataset_statement(&self) -> Option<(u64, u64, Option<Timestamp>)> {
        let (limit, remaining) = figures(self.dataset_limit.as_deref()?, self.dataset_remaining.as_deref()?)?;
        Some((saturated(limit), saturated(remaining), self.dataset_reset.as_deref().and_then(reset)))
    }
}

/// The account's figures as the portal states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Calls per day, at least one.
    pub limit: u128,
    /// Calls left, at most `limit`.
    pub remaining: u128,
    /// The day whose end the reset is.
    pub day: Day,
}

impl Statement {
    /// Calls that the portal has counted on that day, the answered one included.
    pub fn used(&self) -> u64 {
        saturated(self.limit - self.remaining)
    }
}

pub(super) fn saturated(figure: u128) -> u64 {
    u64::try_from(figure).unwrap_or(u64::MAX)
}

fn figures(limit: &str, remaining: &str) -> Option<(u128, u128)> {
    let (limit, remaining) = (decimal(limit)?, decimal(remaining)?);
    (limit >= 1 && remaining <= limit).then_some((limit, remaining))
}

/// Digits alone: no sign, no fraction, nothing that does not fit.
fn decimal(text: &str) -> Option<u128> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `YYYY-MM-DD HH:MM:SS+00:00`, exactly.
fn reset(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 25 && bytes[10] == b' ' && text.ends_with("+00:00") && bytes[..4].iter().all(u8::is_ascii_digit);
    shaped.then(|| text.replacen(' ', "T", 1).parse().ok()).flatten()
}

/// The body of a 429 in the portal's own shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaRefusal {
    /// 10002: the domain's quota; 10005: the anonymous one.
    pub errorcode: Option<i64>,
    /// When the quota is renewed.
    pub reset_time: Option<Timestamp>,
    /// `day`, as far as is known.
    pub limit_time_unit: Option<String>,
    /// The quota.
    pub call_limit: Option<i64>,
}

impl QuotaRefusal {
    /// Reads the body of a 429. `None` if it is no JSON object (HTML, nothing, cut short); a member that cannot be read counts as absent.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        let Value::Object(members) = serde_json::from_slice(body).ok()? else { return None };
        Some(Self {
            errorcode: members.get("errorcode").and_then(Value::as_i64),
            reset_time: members.get("reset_time").and_then(Value::as_str).and_then(|text| text.parse().ok()),
            limit_time_unit: members.get("limit_time_unit").and_then(Value::as_str).map(str::to_owned),
            call_limit: members.get("call_limit").and_then(Value::as_i64),
        })
    }
}

/// What an answer tells the budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The status code.
    pub status: u16,
    /// The `X-RateLimit-*` fields.
    pub rate_limit: RateLimitFields,
    /// A 429's body.
    pub refusal: Option<QuotaRefusal>,
    /// `Retry-After`, as a time from now.
    pub retry_after: Option<Duration>,
    /// `Date`: how the portal's clock stands to ours.
    pub date: Option<Timestamp>,
    /// The dataset that was asked, for the limits that a portal sets per dataset.
    pub dataset: Option<String>,
}

impl Seen {
    /// What a head says: status, `X-RateLimit-*`, `Date` and `Retry-After` (a date there is reckoned from `now`; the past is zero).
    pub fn from_head(status: http::StatusCode, headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            status: status.as_u16(),
            rate_limit: RateLimitFields::from_headers(headers),
            refusal: None,
            retry_after: text(RETRY_AFTER).and_then(|text| retry_after(text, now)),
            date: text(DATE).and_then(http_date),
            dataset: None,
        }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the portal has dealt with the question, for better or worse. Redirects, 401, 403 and the like are what a gate in front of it answers
    /// even if there is nothing behind it.
    pub(super) fn deals_with_the_question(&self) -> bool {
        self.is_success() || ((400..500).contains(&self.status) && !matches!(self.status, 401 | 403 | 407 | 408 | 429))
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(text).ok()
}

fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Some(seconds) = decimal(text) {
        return Some(Duration::from_secs(saturated(seconds)));
    }
    let wait = http_date(text)?.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(limit: &str, remaining: &str, reset: &str) -> RateLimitFields {
        RateLimitFields { limit: Some(limit.into()), remaining: Some(remaining.into()), reset: Some(reset.into()), ..Default::default() }
    }

    #[test]
    fn figures_of_the_portal_are_read() {
        let said = fields("5000", "4975", "2026-08-18 00:00:00+00:00").statement().unwrap();
        assert_eq!((said.used(), said.day.end()), (25, "2026-08-18T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_limit_of_23_digits_is_read_whole() {
        let said = fields("99999999999999999999999", "99999999999999999999990", "2026-08-18 00:00:00+00:00").statement().unwrap();
        assert_eq!(said.used(), 9);
    }

    #[test]
    fn figures_that_cannot_be_right_are_none() {
        let midnight = "2026-08-18 00:00:00+00:00";
        for (limit, remaining, reset) in [
            ("5000", "-3", midnight),
            ("5000", "abc", midnight),
            ("5000", "", midnight),
            ("5000", "5001", midnight),
            ("0", "0", midnight),
            ("+5000", "3", midnight),
            ("9".repeat(60).as_str(), "3", midnight),
            ("5000", "3", "1787011200"),
            ("5000", "3", "2026-08-18 00:00:01+00:00"),
            ("5000", "3", "2026-08-18 02:00:00+02:00"),
            ("5000", "3", "2026-08-18T00:00:00Z"),
            ("5000", "3", "2026-13-18 00:00:00+00:00"),
            ("5000", "3", ""),
        ] {
            assert_eq!(fields(limit, remaining, reset).statement(), None, "{limit} {remaining} {reset}");
        }
    }

    #[test]
    fn a_field_that_comes_twice_is_absent() {
        let mut headers = HeaderMap::new();
        headers.append("x-ratelimit-limit", "5000".parse().unwrap());
        headers.append("x-ratelimit-limit", "50".parse().unwrap());
        headers.append("x-ratelimit-remaining", " 7 ".parse().unwrap());
        let read = RateLimitFields::from_headers(&headers);
        assert_eq!((read.limit, read.remaining.as_deref()), (None, Some("7")));
    }

    #[test]
    fn a_refusal_is_read_from_the_body_of_a_429() {
        let body = br#"{"errorcode":10005,"reset_time":"2021-01-26T00:00:00Z","limit_time_unit":"day","call_limit":5000,"error":"x"}"#;
        let refusal = QuotaRefusal::from_body(body).unwrap();
        assert_eq!(refusal.errorcode, Some(10005));
        assert_eq!(refusal.reset_time, Some("2021-01-26T00:00:00Z".parse().unwrap()));
        assert_eq!(QuotaRefusal::from_body(b"<html>429</html>"), None);
        assert_eq!(QuotaRefusal::from_body(b""), None);
        assert_eq!(QuotaRefusal::from_body(br#"{"errorcode":"x","reset_time":5}"#), Some(QuotaRefusal::default()));
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        let of = |text: &str| retry_after(text, now);
        assert_eq!(of("120"), Some(Duration::from_secs(120)));
        assert_eq!(of("Sun, 01 Mar 2026 10:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(of("Sun, 01 Mar 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(of("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(of("-5"), None);
        assert_eq!(of("soon"), None);
    }
}
