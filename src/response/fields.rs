//! From the portal's fields to the client's: what is replaced, what is added, and why nothing else is touched.
//!
//! Done once, when an answer arrives. What depends on the moment (`Age`, `Cache-Status`, the quota) is added by whoever answers.

use http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, AGE, ALT_SVC, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, HeaderValue,
    LAST_MODIFIED, STRICT_TRANSPORT_SECURITY, VARY, VIA,
};

use crate::budget::RateLimit;

/// What one answer cost: 1 for the request whose call it was, 0 for everybody else.
pub const X_PREAU_COST: HeaderName = HeaderName::from_static("x-preau-cost");
/// RFC 9211.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// The portal's quota fields, in its own names: existing clients read them.
pub const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
/// See [`X_RATELIMIT_LIMIT`].
pub const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// See [`X_RATELIMIT_LIMIT`].
pub const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Fields of ours that a page on another origin may read.
const EXPOSED: &str = "Accept-Ranges, Age, Cache-Status, Content-Range, ETag, X-Preau-Cost, X-Preau-Dataset-Version";

/// What the answer depends on besides its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varies {
    /// The request's `Accept-Language` chose the language (RFC 9110 section 12.5.4).
    pub by_language: bool,
    /// Further selecting fields were forwarded: OData's versions, `Accept`.
    pub by: &'static [&'static str],
}

/// Rewrites the head of an answer for clients.
///
/// Removed: the portal's quota (that of a stored answer is old news, and the ledger's is written instead), its `Vary` (it names `Cookie`
/// and `Host`, which are not forwarded) and its `Cache-Control` (it says `no-store`: the departure is argued in `docs/portal.md`), `Age`, which
/// an origin server has none of and which is ours to count, `Strict-Transport-Security` and `Alt-Svc`, which are the portal's promises for its own
/// host and would bind an organisation's (RFC 6797 section 8.1, RFC 7838 section 3), its `ETag` and `Last-Modified`, which vouch for other bytes once a body is decoded,
/// wrapped or has other links, and the length and coding, which follow from what is sent.
pub fn for_clients(fields: &mut HeaderMap, varies: Varies, keyed: bool) {
    let quota: Vec<HeaderName> = fields.keys().filter(|name| name.as_str().starts_with("x-ratelimit-")).cloned().collect();
    // What a key may spend is that key's affair: its answers are not stored, so its figures are not old.
    for name in quota.iter().filter(|_| !keyed) {
        fields.remove(name);
    }
    for name in [STRICT_TRANSPORT_SECURITY, ALT_SVC, ETAG, LAST_MODIFIED, CONTENT_LENGTH, CONTENT_ENCODING, AGE] {
        fields.remove(name);
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static(if keyed { "private, no-store" } else { "public, max-age=0, must-revalidate" }));
    fields.insert(VARY, vary(varies, keyed));
    fields.append(VIA, HeaderValue::from_static("1.1 preau"));
    expose(fields);
}

/// Writes what the ledger knows of the quota, in the portal's spelling: `2026-08-18 00:00:00+00:00` and never an epoch
/// (docs/portal.md#quota).
pub fn state_quota(fields: &mut HeaderMap, quota: RateLimit) {
    fields.insert(X_RATELIMIT_LIMIT, HeaderValue::from(quota.limit));
    fields.insert(X_RATELIMIT_REMAINING, HeaderValue::from(quota.remaining));
    let reset = quota.reset.strftime("%Y-%m-%d %H:%M:%S+00:00").to_string();
    fields.insert(X_RATELIMIT_RESET, HeaderValue::try_from(reset).expect("digits and punctuation are a valid field value"));
}

fn vary(varies: Varies, keyed: bool) -> HeaderValue {
    let mut names = vec!["Accept-Encoding"];
    if varies.by_language {
        names.push("Accept-Language");
    }
    if keyed {
        names.push("Authorization");
    }
    names.extend(varies.by);
    HeaderValue::from_str(&names.join(", ")).expect("field names are a valid field value")
}

/// Adds our fields to those that the portal lets foreign pages read; a portal without CORS stays one.
fn expose(fields: &mut HeaderMap) {
    if let Some(exposed) = fields.get(ACCESS_CONTROL_EXPOSE_HEADERS).and_then(|value| value.to_str().ok())
        && let Ok(value) = HeaderValue::from_str(&format!("{exposed}, {EXPOSED}"))
    {
        fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portal_fields() -> HeaderMap {
        [
            ("content-type", "application/json; charset=utf-8"),
            ("content-encoding", "gzip"),
            ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
            ("vary", "Accept-Language, Cookie, Host"),
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-dataset-remaining", "7"),
            ("access-control-expose-headers", "Link"),
            ("content-language", "fr"),
            ("strict-transport-security", "max-age=31536000;includeSubdomains"),
            ("alt-svc", "h3=\":443\"; ma=86400"),
            ("etag", "\"of-the-portals-bytes\""),
        ]
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .into_iter()
        .collect()
    }

    #[test]
    fn what_only_the_portal_can_say_is_replaced_and_the_rest_is_left() {
        let mut fields = portal_fields();
        for_clients(&mut fields, Varies { by_language: true, by: &[] }, false);
        let mut text: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        text.sort();
        assert_eq!(
            text,
            [
                "access-control-expose-headers: Link, Accept-Ranges, Age, Cache-Status, Content-Range, ETag, X-Preau-Cost, X-Preau-Dataset-Version",
                "cache-control: public, max-age=0, must-revalidate",
                "content-language: fr",
                "content-type: application/json; charset=utf-8",
                "vary: Accept-Encoding, Accept-Language",
                "via: 1.1 preau",
            ]
        );
    }

    #[test]
    fn a_keyed_answer_keeps_its_own_quota_and_is_nobody_elses() {
        let mut fields = portal_fields();
        for_clients(&mut fields, Varies { by_language: false, by: &["OData-Version"] }, true);
        assert_eq!(fields["x-ratelimit-limit"], "5000");
        assert_eq!(fields["cache-control"], "private, no-store");
        assert_eq!(fields["vary"], "Accept-Encoding, Authorization, OData-Version");
    }
}
