//! The body of an answer that is ours: a problem document (RFC 9457) that carries the portal's own members as well, so that programs
//! written for the portal find what they look for.

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::response::cache_status::CacheStatus;
use crate::response::fields::{CACHE_STATUS, X_PREAU_COST};

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
    #[serde(skip)]
    fields: Vec<(http::HeaderName, HeaderValue)>,
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
        /// Always `day`.
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
    /// A problem with the members of the portal's 4xx.
    pub fn new(status: StatusCode, title: &'static str, error_code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let portal = PortalMembers::Error { error_code, message: detail.clone() };
        Self { kind: "about:blank", title, status, detail, portal, fields: Vec::new() }
    }

    /// A problem with the members of the portal's 429. `until` is when calls may be made again.
    pub fn quota(title: &'static str, detail: String, errorcode: i64, until: Timestamp, call_limit: u64) -> Self {
        let portal = PortalMembers::Quota {
            errorcode,
            reset_time: until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            limit_time_unit: "day",
            call_limit,
            error: detail.clone(),
        };
        Self { kind: "about:blank", title, status: StatusCode::TOO_MANY_REQUESTS, detail, portal, fields: Vec::new() }
    }

    /// Says when to come back, in whole seconds and at least one.
    pub fn retry_after(mut self, wait: std::time::Duration) -> Self {
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
        self.fields.push((RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    /// Names the methods that would do.
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.fields.push((ALLOW, HeaderValue::from_static(methods)));
        self
    }

    /// Names the scheme that would do (RFC 9110 section 11.6.1 demands it of a 401).
    pub fn authenticate(mut self, challenge: &'static str) -> Self {
        self.fields.push((WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        self
    }

    /// The answer. `detail` is the outcome's token in `Cache-Status`; `cost` what the request cost although it was not answered.
    pub fn into_response(self, detail: &'static str, cost: u8) -> Response<Body> {
        let body = serde_json::to_vec_pretty(&self).expect("a problem has only strings and numbers");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // The document may repeat what the client sent: it must never be taken for a page.
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Cache-Status, Retry-After, X-Preau-Cost"));
        fields.insert(CACHE_STATUS, CacheStatus::Local { detail }.to_value());
        fields.insert(X_PREAU_COST, HeaderValue::from(u16::from(cost)));
        fields.extend(self.fields);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_refusal_speaks_to_problem_readers_and_to_the_portals_clients() {
        let until = "2026-03-02T00:00:00Z".parse().unwrap();
        let problem =
            Problem::quota("Budget exhausted", "No calls left.".into(), 10005, until, 5000).retry_after(Duration::from_millis(1500));
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "type": "about:blank", "title": "Budget exhausted", "status": 429, "detail": "No calls left.",
                "errorcode": 10005, "reset_time": "2026-03-02T00:00:00Z", "limit_time_unit": "day", "call_limit": 5000,
                "error": "No calls left.",
            })
        );
        let response = problem.into_response("exhausted", 0);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["cache-status"], "preau; detail=exhausted");
        assert_eq!(response.headers()["x-preau-cost"], "0");
    }
}
