//! From the portal's fields to the client's: what is replaced, what is added, and why nothing else is touched.
//!
//! Done once, when an answer arrives. What depends on the moment (`Age`, `Cache-Status`, the quota) is added by whoever answers.

use http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, AGE, ALT_SVC, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, HeaderValue,
    LAST_MODIFIED, STRICT_TRANSPORT_SECURITY, VARY, VIA,
};

/// What one answer cost: 1 for the request whose call it was, 0 for everybody else.
pub const X_PREAU_COST: HeaderName = HeaderName::from_static("x-preau-cost");
/// RFC 9211.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Every field of ours, in an answer or an error, that a page on another origin may read once it is named (the Fetch standard, section 3.3.2):
/// all that `docs/http.md` names but those that every page may read anyway. Beyond what the standard wants it names those that each caller of the
/// portal is used to, so that errors, which have no list of the portal's, let pages read them too.
pub const EXPOSED: &str = "Accept-Ranges, Age, Allow, Cache-Status, Content-Range, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, \
                           Vary, Via, WWW-Authenticate, X-Preau-Cost, X-Preau-Dataset-Version, X-RateLimit-Limit, X-RateLimit-Remaining, \
                           X-RateLimit-Reset";

/// What the answer depends on besides its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Varies {
    /// The request's `Accept-Language` chose the language (RFC 9110 section 12.5.4).
    pub by_language: bool,
    /// Further selecting fields were forwarded: OData's versions, `Accept`.
    pub by: &'static [&'static str],
}

/// Whose an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody's.
    Everybody,
    /// That of all who hold a key.
    Partition,
    /// One client's, whose call it was.
    OneClient,
}

/// Rewrites the head of an answer for clients.
///
/// Removed: the portal's quota (that of a stored answer is old news, and the ledger's is written instead), its `Vary` (it names `Cookie`
/// and `Host`, which are not forwarded) and its `Cache-Control` (it says `no-store`: the departure is argued in `docs/portal.md`), `Age`, which
/// an origin server has none of and which is ours to count, `Strict-Transport-Security` and `Alt-Svc`, which are the portal's promises for its own
/// host and would bind an organisation's (RFC 6797 section 8.1, RFC 7838 section 3), its `ETag` and `Last-Modified`, which vouch for other bytes once a body is decoded,
/// wrapped or has other links, and the length and coding, which follow from what is sent.
pub fn for_clients(fields: &mut HeaderMap, varies: Varies, audience: Audience) {
    let quota: Vec<HeaderName> = fields.keys().filter(|name| name.as_str().starts_with("x-ratelimit-")).cloned().collect();
    // To the one client whose call it was they are no old news, and of its own account.
    for name in quota.iter().filter(|_| audience != Audience::OneClient) {
        fields.remove(name);
    }
    let keyed = audience != Audience::Everybody;
    for name in [STRICT_TRANSPORT_SECURITY, ALT_SVC, ETAG, LAST_MODIFIED, CONTENT_LENGTH, CONTENT_ENCODING, AGE] {
        fields.remove(name);
    }
    fields.insert(CACHE_CONTROL, if keyed { PRIVATE } else { HeaderValue::from_static("public, max-age=0, must-revalidate") });
    fields.insert(VARY, vary(varies, keyed));
    fields.append(VIA, HeaderValue::from_static("1.1 preau"));
    expose(fields);
}

/// What a key unlocked is nobody else's, and is kept by nobody downstream.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// Tells caches downstream that an answer is known to be old. To what they may not keep at all, there is nothing to add.
pub fn mark_stale(fields: &mut HeaderMap) {
    if fields.get(CACHE_CONTROL) != Some(&PRIVATE) {
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
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
    if let Some(exposed) = fields.get(ACCESS_CONTROL_EXPOSE_HEADERS).and_then(|value| value.to_str().ok()) {
        let is_named = |name: &str| exposed.split(',').any(|known| known.trim().eq_ignore_ascii_case(name));
        let list = std::iter::once(exposed).chain(EXPOSED.split(", ").filter(|name| !is_named(name))).collect::<Vec<_>>().join(", ");
        if let Ok(value) = HeaderValue::try_from(list) {
            fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, value);
        }
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
            ("access-control-expose-headers", "Link, x-ratelimit-limit"),
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
        for_clients(&mut fields, Varies { by_language: true, by: &[] }, Audience::Everybody);
        let mut text: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        text.sort();
        assert_eq!(
            text,
            [
                // What the portal names already is not named twice.
                &format!("access-control-expose-headers: Link, x-ratelimit-limit, {}", EXPOSED.replace("X-RateLimit-Limit, ", "")),
                "cache-control: public, max-age=0, must-revalidate",
                "content-language: fr",
                "content-type: application/json; charset=utf-8",
                "vary: Accept-Encoding, Accept-Language",
                "via: 1.1 preau",
            ]
        );
    }

    #[test]
    fn a_keyed_answer_is_nobody_elses_and_keeps_its_quota_if_it_is_one_clients() {
        for (audience, quota) in [(Audience::OneClient, Some("5000")), (Audience::Partition, None)] {
            let mut fields = portal_fields();
            for_clients(&mut fields, Varies { by_language: false, by: &["OData-Version"] }, audience);
            assert_eq!(fields.get("x-ratelimit-limit").map(|value| value.to_str().unwrap()), quota);
            assert_eq!(fields["vary"], "Accept-Encoding, Authorization, OData-Version");
            mark_stale(&mut fields);
            assert_eq!(fields["cache-control"], "private, no-store", "stale or not");
        }
    }
}
