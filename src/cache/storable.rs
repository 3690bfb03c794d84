//! May an answer be stored, and for how long? (RFC 9111 section 3)
//!
//! Pure. The portal says `no-store` on everything; storing its public, openly licensed answers all the same is a deliberate departure for
//! the endpoint families that préau mirrors (`docs/portal.md#no-store`). What follows are the limits of that departure.

use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, VARY};
use http::{HeaderValue, StatusCode};

use crate::cache::freshness::Lifetime;
use crate::config;
use crate::request::endpoint::{ApiVersion, Endpoint, Family, LifetimeClass};

/// Why an answer is not stored. Each has a stable token for `Cache-Status` and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// The status is none that is stored: 403, 429, 5xx, redirects, 206 …
    Status,
    /// A 200 that cannot be right: HTML where data were asked, nothing at all, or an error document.
    WrongShape,
    /// `Vary` names a field that is neither forwarded in one spelling nor part of the key (RFC 9111 section 4.1).
    Varies,
    /// Its lifetime is zero.
    NoLifetime,
    /// Nothing but the end of the connection says that the body is whole.
    Undelimited,
    /// A key brought it that has unlocked nothing yet, or was refused while it came.
    NoPartition,
}

impl NotStored {
    /// The token.
    pub fn token(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::WrongShape => "wrong-shape",
            Self::Varies => "varies",
            Self::NoLifetime => "no-lifetime",
            Self::Undelimited => "undelimited",
            Self::NoPartition => "no-partition",
        }
    }
}

/// The two ends of a decoded body: all that is looked at, because some bodies are too large to be held.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// At least the first [`Ends::ENOUGH`] bytes, or all of it.
    pub start: &'a [u8],
    /// At least the last [`Ends::ENOUGH`] bytes, or all of it.
    pub end: &'a [u8],
}

impl<'a> Ends<'a> {
    /// Bytes of each end that are looked at. White space around a document is shorter.
    pub const ENOUGH: usize = 64;

    /// Of a body that is here.
    pub fn of(body: &'a [u8]) -> Self {
        Self { start: body, end: body }
    }
}

/// Judges a whole answer to a GET.
///
/// # Errors
///
/// [`NotStored`], with the first reason that applies.
pub fn storable(
    endpoint: &Endpoint,
    status: StatusCode,
    fields: &HeaderMap,
    body: Ends<'_>,
    settings: &config::Cache,
) -> Result<(Lifetime, Option<Duration>), NotStored> {
    let max_age = max_age(fields);
    let lifetime = lifetime(endpoint, status, max_age, settings).ok_or(NotStored::Status)?;
    if status == StatusCode::OK && !right_shape(endpoint, fields, body) {
        return Err(NotStored::WrongShape);
    }
    if fields.get_all(VARY).iter().any(varies_unforeseen) {
        return Err(NotStored::Varies);
    }
    if lifetime.whole().is_zero() {
        return Err(NotStored::NoLifetime);
    }
    Ok((lifetime, max_age))
}

/// How long an answer of this status, with this `max-age` of the portal's own, serves; none if it is one that is not stored.
pub fn lifetime(endpoint: &Endpoint, status: StatusCode, max_age: Option<Duration>, settings: &config::Cache) -> Option<Lifetime> {
    // A 404 of a dataset can be a matter of permission, and a 400 is one until the next release: brief, and never stale.
    let brief = |fresh: Duration| Lifetime { fresh, unmoved: fresh, stale: Duration::ZERO };
    match status {
        StatusCode::OK => {
            let configured = fresh_for(endpoint.lifetime_class(), &settings.lifetimes);
            // The portal may promise more than is configured, and no more than any answer may live.
            let fresh = configured.max(max_age.unwrap_or_default().min(settings.max_unmoved));
            Some(Lifetime { fresh, unmoved: settings.max_unmoved, stale: settings.stale_if_error })
        }
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => Some(brief(settings.negative_lifetime.min(settings.freshness_bound))),
        StatusCode::UNAUTHORIZED => Some(brief(settings.negative_lifetime.min(UNAUTHORIZED_LIFETIME))),
        _ => None,
    }
}

/// Who is told 401 may be let in the next minute.
const UNAUTHORIZED_LIFETIME: Duration = Duration::from_secs(60);

/// The freshness lifetime that the portal states (RFC 9111 section 4.2.1), unless it forbids to store or to reuse.
fn max_age(fields: &HeaderMap) -> Option<Duration> {
    let mut stated = None;
    for directive in fields.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')) {
        let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" | "private" => return None,
            "max-age" if stated.is_none() => stated = value.trim().trim_matches('"').parse().ok(),
            // A shared cache is meant before all others (section 5.2.2.10).
            "s-maxage" => stated = value.trim().trim_matches('"').parse().ok(),
            _ => {}
        }
    }
    stated.map(Duration::from_secs)
}

fn fresh_for(class: LifetimeClass, lifetimes: &config::Lifetimes) -> Duration {
    match class {
        LifetimeClass::Default => lifetimes.default,
        LifetimeClass::Catalog => lifetimes.catalog,
        LifetimeClass::Dataset => lifetimes.dataset,
        LifetimeClass::Records => lifetimes.records,
        LifetimeClass::Export => lifetimes.export,
        LifetimeClass::Attachment => lifetimes.attachment,
        LifetimeClass::Page => lifetimes.page,
    }
}

/// Names in `Vary` that cannot split our answers: each is in the key, sent in one spelling only, or not sent at all.
const FORESEEN: [&str; 7] = ["accept", "accept-encoding", "accept-language", "cookie", "host", "origin", "authorization"];

fn varies_unforeseen(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return true };
    // A `*` among others is as good as alone.
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .any(|name| !FORESEEN.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

fn right_shape(endpoint: &Endpoint, fields: &HeaderMap, body: Ends<'_>) -> bool {
    if !right_kind(endpoint, fields) {
        return false;
    }
    let (start, end) = (body.start.trim_ascii_start(), body.end.trim_ascii_end());
    if matches!(endpoint.family(), Family::Attachment | Family::File) {
        // Publishers' own, of whatever shape; an empty file is a file.
        return true;
    }
    if is_page(start) && endpoint.family() != Family::Console {
        return false;
    }
    // v1 and downloads name their format in the query; what they announce as JSON has to be.
    if !is_json(endpoint) && !announces_json(fields) {
        // Data without a byte are none.
        return !body.start.is_empty();
    }
    // Not parsed: the portal writes `NaN` on some datasets, which no parser takes and every client gets (docs/portal.md#nan).
    let framed = matches!((start.first(), end.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')));
    framed && !is_error_document(start)
}

/// A page of HTML, whatever its head calls it.
fn is_page(start: &[u8]) -> bool {
    [&b"<!doctype html"[..], b"<html"].iter().any(|begin| start.get(..begin.len()).is_some_and(|here| here.eq_ignore_ascii_case(begin)))
}

/// Whether the head of a 200 announces what the endpoint gives: all that is known of one that is too large to be looked at.
pub fn right_kind(endpoint: &Endpoint, fields: &HeaderMap) -> bool {
    if media_type(fields).eq_ignore_ascii_case("text/html") && endpoint.family() != Family::Console {
        return false;
    }
    !is_json(endpoint) || announces_json(fields)
}

fn media_type(fields: &HeaderMap) -> &str {
    let media_type = fields.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a 200 of this endpoint is one JSON document.
fn is_json(endpoint: &Endpoint) -> bool {
    match endpoint.version() {
        ApiVersion::V1 | ApiVersion::Other => false,
        ApiVersion::V2_0 | ApiVersion::V2_1 => match endpoint.family() {
            Family::Console | Family::Attachment | Family::File => false,
            Family::Export | Family::CatalogExport => {
                endpoint.format().is_some_and(|format| matches!(format, "json" | "geojson" | "data.json"))
            }
            _ => true,
        },
    }
}

/// Whether `Content-Type` says that a body is JSON.
pub fn announces_json(fields: &HeaderMap) -> bool {
    let essence = media_type(fields).to_ascii_lowercase();
    // v1 and some exports name their JSON by a type of its own: application/geo+json, application/vnd.geo+json.
    essence == "application/json" || essence.ends_with("+json") || essence == "text/json"
}

/// An object whose first member is the portal's error: a portal in trouble has been seen to say 200 and mean 500.
fn is_error_document(body: &[u8]) -> bool {
    let Some(member) = body.strip_prefix(b"{") else { return false };
    [&b"\"error\""[..], b"\"error_code\"", b"\"errorcode\""].iter().any(|name| member.trim_ascii_start().starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Overrides};
    use crate::request::endpoint::classify;

    const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/x/records";
    const CSV: &str = "/api/explore/v2.1/catalog/datasets/x/exports/csv";
    const CONSOLE: &str = "/api/explore/v2.1/console";
    const V1: &str = "/api/records/1.0/search";
    const FILE: &str = "/api/explore/v2.1/catalog/datasets/x/attachments/y";

    fn judge(path: &str, status: u16, fields: &[(&'static str, &'static str)], body: &[u8]) -> Result<Lifetime, NotStored> {
        let config = Config::load(&Overrides::default(), &Environment::default()).unwrap();
        let fields: HeaderMap =
            fields.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
        storable(&classify(path).unwrap(), StatusCode::from_u16(status).unwrap(), &fields, Ends::of(body), &config.cache)
            .map(|(lifetime, _)| lifetime)
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
    const HTML: (&str, &str) = ("content-type", "text/html");

    #[test]
    fn statuses_have_their_lifetimes() {
        let ten_minutes = Duration::from_secs(600);
        let (day, week) = (Duration::from_secs(86_400), Duration::from_secs(7 * 86_400));
        assert_eq!(judge(RECORDS, 200, &[JSON], b"{\"total_count\":0}"), Ok(Lifetime { fresh: ten_minutes, unmoved: day, stale: week }));
        for (status, seconds) in [(400, 300), (401, 60), (404, 300)] {
            let brief = Duration::from_secs(seconds);
            let lifetime = Lifetime { fresh: brief, unmoved: brief, stale: Duration::ZERO };
            assert_eq!(judge(RECORDS, status, &[JSON], b"{}"), Ok(lifetime), "{status}");
        }
        for status in [201, 204, 206, 301, 302, 304, 307, 403, 410, 429, 500, 502, 503] {
            assert_eq!(judge(RECORDS, status, &[JSON], b"{}"), Err(NotStored::Status), "{status}");
        }
    }

    #[test]
    fn a_200_that_cannot_be_right_is_not_stored() {
        for (path, field, body, right) in [
            (RECORDS, JSON, &b"{\"total_count\": NaN}"[..], true),
            (RECORDS, JSON, b" [1]\n", true),
            (RECORDS, HTML, b"<html>", false),
            (RECORDS, HTML, b"{}", false),
            (RECORDS, JSON, b"<html></html>", false),
            (RECORDS, JSON, b"", false),
            (RECORDS, JSON, b"{\"total_count\":", false),
            (RECORDS, JSON, b"{ \"error_code\": \"x\"}", false),
            (RECORDS, ("content-type", "text/plain"), b"{}", false),
            (CSV, ("content-type", "text/csv"), b"a;b\r\n", true),
            (CSV, ("content-type", "text/csv"), b"", false),
            (CSV, HTML, b"<html>", false),
            (V1, ("content-type", "text/csv"), b"a", true),
            (V1, HTML, b"<html>", false),
            (V1, JSON, b"{\"nhits\": 1, \"records\": []}", true),
            (V1, JSON, b"", false),
            (V1, JSON, b"{\"nhits\": 1, \"records\": [", false),
            (V1, JSON, b"{\"error\": \"no\"}", false),
            (V1, ("content-type", "application/vnd.geo+json"), b"maintenance", false),
            (V1, ("content-type", "text/csv"), b"\n<!DOCTYPE HTML><title>Maintenance", false),
            (CSV, ("content-type", "text/csv"), b"<HTML>", false),
            (FILE, ("content-type", "application/pdf"), b"", true),
            (FILE, JSON, b"7", true),
            (CONSOLE, HTML, b"<html>", true),
        ] {
            let judged = judge(path, 200, &[field], body);
            assert_eq!(judged.is_ok(), right, "{path} {field:?} {}: {judged:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_portals_own_lifetime_lengthens_and_never_shortens() {
        for (value, seconds) in [
            ("no-cache, no-store, max-age=0, must-revalidate", 600),
            ("public, max-age=60", 600),
            ("public, max-age=3600", 3600),
            ("max-age=3600, no-store", 600),
            ("private, max-age=3600", 600),
            ("max-age=10, s-maxage=\"7200\"", 7200),
            ("max-age=99999999999", 86_400),
            ("max-age=soon", 600),
        ] {
            let judged = judge(RECORDS, 200, &[JSON, ("cache-control", value)], b"{}");
            assert_eq!(judged.map(|lifetime| lifetime.fresh), Ok(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn an_answer_that_varies_by_what_is_not_in_the_key_is_not_stored() {
        for (value, right) in [
            ("Accept-Language, Cookie, Host", true),
            ("accept-encoding", true),
            ("Accept", true),
            ("", true),
            ("*", false),
            ("Host, *", false),
            (",*", false),
            ("User-Agent", false),
        ] {
            let judged = judge(RECORDS, 200, &[JSON, ("vary", value)], b"{}");
            assert_eq!(judged.is_ok(), right, "{value}: {judged:?}");
        }
    }
}
