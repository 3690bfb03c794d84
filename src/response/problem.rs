//! The body of an answer that is ours: a problem document (RFC 9457) that carries the portal's own members as well, so that programs
//! written for the portal find what they look for.

use std::time::Duration;

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::budget::Refused;
use crate::request::language::Spoken;
use crate::response::addressee::Addressee;
use crate::response::cache_status::CacheStatus;
use crate::response::fields::{CACHE_STATUS, EXPOSED, X_PREAU_COST};
use crate::response::refusal::{self, Words};

/// A problem, in a caller's words.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// RFC 9457: no further page describes the kind.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    #[serde(flatten)]
    portal: PortalMembers,
    #[serde(flatten)]
    ours: OurMembers,
    #[serde(skip)]
    spoken: Spoken,
    #[serde(skip)]
    fields: Vec<(http::HeaderName, HeaderValue)>,
}

/// Members of our own (RFC 9457 section 3.2), for programs: the texts are for people, and differ by their language.
#[derive(Clone, Debug, Default, Serialize)]
struct OurMembers {
    /// The `detail` of `Cache-Status`.
    reason: &'static str,
    /// The name of the client's team.
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    /// What the refusing limit is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// What is used of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
}

/// The members that the portal's own errors have.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum PortalMembers {
    /// Of a 4xx: two strings.
    Error {
        /// The portal's word for the kind of error, or ours where it has none.
        error_code: &'static str,
        /// The same as `detail`.
        message: String,
    },
    /// Of a 429: a number and the state of the quota.
    Quota {
        /// 10005: the limit of anonymous users; 10002: of the whole domain.
        errorcode: i64,
        /// When calls may be made again, RFC 3339.
        reset_time: String,
        /// `day`, or `month` of some datasets.
        limit_time_unit: &'static str,
        /// Calls per day.
        call_limit: u64,
        /// The same as `detail`.
        error: String,
    },
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with the members of the portal's 4xx, in the words of its addressee.
    pub fn new(status: StatusCode, error_code: &'static str, words: Words, to: &Addressee<'_>) -> Self {
        let portal = PortalMembers::Error { error_code, message: words.detail.clone() };
        let ours = OurMembers { team: to.team.map(str::to_owned), ..OurMembers::default() };
        let Words { title, detail } = words;
        Self { kind: "about:blank", title, status, detail, portal, ours, spoken: to.spoken, fields: Vec::new() }
    }

    /// Gives it the members of the portal's 429 instead.
    #[must_use]
    pub fn with_quota(mut self, errorcode: i64, limit_time_unit: &'static str, until: Timestamp, call_limit: u64) -> Self {
        let reset_time = until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.portal = PortalMembers::Quota { errorcode, reset_time, limit_time_unit, call_limit, error: self.detail.clone() };
        self
    }

    /// Adds the figures of the limit that refuses.
    #[must_use]
    pub fn with_figures(mut self, refused: &Refused) -> Self {
        (self.ours.limit, self.ours.used) = (Some(refused.limit), Some(refused.used));
        self
    }

    /// Says when to come back: not before `wait` is over, and not all at once.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = refusal::retry_after(wait, &mut fastrand::Rng::new());
        self.fields.push((RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    /// Names the methods that would do.
    #[must_use]
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.fields.push((ALLOW, HeaderValue::from_static(methods)));
        self
    }

    /// Names the scheme that would do (RFC 9110 section 11.6.1 demands it of a 401).
    #[must_use]
    pub fn authenticate(mut self, challenge: &'static str) -> Self {
        self.fields.push((WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        self
    }

    /// The answer. `reason` is the outcome's token, also in `Cache-Status`; `cost` what the request cost although it was not answered.
    pub fn into_response(mut self, reason: &'static str, cost: u8) -> Response<Body> {
        self.ours.reason = reason;
        let body = serde_json::to_vec_pretty(&self).expect("a problem has only strings and numbers");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // The document may repeat what the client sent: it must never be taken for a page.
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        fields.insert(CONTENT_LANGUAGE, HeaderValue::from_static(self.spoken.as_str()));
        fields.insert(VARY, HeaderValue::from_static("Accept-Language"));
        fields.insert(CACHE_STATUS, CacheStatus::Local { detail: reason }.to_value());
        fields.insert(X_PREAU_COST, HeaderValue::from(u16::from(cost)));
        fields.extend(self.fields);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Why;

    #[test]
    fn a_refusal_speaks_to_problem_readers_and_to_the_portals_clients() {
        let until = "2026-03-02T00:00:00Z".parse().unwrap();
        let to = Addressee { spoken: Spoken::French, now: until, team: Some("geo"), contact: None };
        let words = Words { title: "Budget épuisé", detail: "Plus d’appels.".into() };
        let refused = Refused { why: Why::Ceiling, until, limit: 500, used: 499, team: None };
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "unused", words, &to)
            .with_quota(10005, "day", until, 500)
            .with_figures(&refused)
            .retry_after(Duration::from_millis(1500));
        let response = problem.clone().into_response("team-ceiling", 0);
        assert_eq!(
            serde_json::to_value(Problem { ours: OurMembers { reason: "team-ceiling", ..problem.ours.clone() }, ..problem }).unwrap(),
            serde_json::json!({
                "type": "about:blank", "title": "Budget épuisé", "status": 429, "detail": "Plus d’appels.",
                "errorcode": 10005, "reset_time": "2026-03-02T00:00:00Z", "limit_time_unit": "day", "call_limit": 500,
                "error": "Plus d’appels.", "reason": "team-ceiling", "team": "geo", "limit": 500, "used": 499,
            })
        );
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["cache-status"], "preau; detail=team-ceiling");
        assert_eq!(response.headers()["content-language"], "fr");
        assert_eq!(response.headers()["vary"], "Accept-Language");
        assert_eq!(response.headers()["x-preau-cost"], "0");
    }
}
