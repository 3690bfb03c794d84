//! Fields that speak of one connection, not of the message (RFC 9110 section 7.6.1): they go neither way.

use http::HeaderMap;
use http::header::{self, HeaderName};

/// Fields of one connection, whether `Connection` names them or not. `Proxy-Authenticate` and its kin are a proxy's talk with us.
static OF_THE_CONNECTION: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-authentication-info"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields that are for every recipient. A peer that names one of them in `Connection` errs or attacks, and is not obeyed: without its
/// `Content-Type`, `Cache-Control` or quota an answer would mean something else.
static FOR_EVERYBODY: [HeaderName; 21] = [
    header::AGE,
    header::ALLOW,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_TYPE,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::HOST,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::RETRY_AFTER,
    header::VARY,
    header::WWW_AUTHENTICATE,
];

/// Prefix of the portal's quota fields, which nobody may take out either.
const QUOTA_PREFIX: &str = "x-ratelimit-";

/// The fields of `headers` that its `Connection` fields name and that may be taken at their word.
pub fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|option| HeaderName::from_bytes(option.trim().as_bytes()).ok())
        .filter(|name| !FOR_EVERYBODY.contains(name) && !name.as_str().starts_with(QUOTA_PREFIX))
        .collect()
}

/// `headers` without whatever belongs to the connection it came by, and without `also`, in the order received.
pub(super) fn without_fields_of_the_connection(headers: &HeaderMap, also: &[HeaderName]) -> HeaderMap {
    let named = named_in_connection(headers);
    let stays = |name: &HeaderName| !named.contains(name) && !OF_THE_CONNECTION.contains(name) && !also.contains(name);
    let mut kept = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers.iter().filter(|(name, _)| stays(name)) {
        kept.append(name.clone(), value.clone());
    }
    kept
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn fields_of_the_connection_and_those_it_names_are_taken_out() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("connection", "X-One, keep-alive"),
            ("connection", "x-two"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("age", "4"),
        ] {
            given.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(without_fields_of_the_connection(&given, &[header::AGE]), headers(&[("x-three", "3")]));
    }

    #[test]
    fn a_field_that_is_for_everybody_stays_whatever_connection_says() {
        let given = headers(&[
            ("connection", "close, Content-Type, x-ratelimit-remaining, a b, , cache-control"),
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("x-ratelimit-remaining", "12"),
        ]);
        let kept = without_fields_of_the_connection(&given, &[]);
        let fields: Vec<_> = kept.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(fields, [("content-type", "application/json"), ("cache-control", "no-store"), ("x-ratelimit-remaining", "12")]);
    }
}
