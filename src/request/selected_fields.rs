//! The fields of a client's request that go on to the portal, and into the key, besides language and credential.
//!
//! OData: the vendor's documentation lists six fields of versions and says that `Accept` chooses between JSON and Atom. Fragments: it is
//! silent, but the clients of that protocol choose the serialisation by `Accept`, and to pass it can only cost a second entry. CSW: it says
//! that nothing but the `Content-Type` of a POST is read. All else names its format in path or query.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use crate::origin::named_in_connection;
use crate::request::endpoint::Endpoint;

/// The fields of a client's request that go on to the portal, in the order of [`Endpoint::selecting_fields`]. There is no other way to make one than
/// to select, so a field outside the list cannot leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedFields(Vec<(HeaderName, HeaderValue)>);

impl SelectedFields {
    /// Takes from a client's `headers` what `endpoint` chooses by, and `Content-Type` if the request has a body. Several fields of one name become
    /// one, as RFC 9110 section 5.3 allows; a field that `Connection` names stays behind.
    pub fn select(endpoint: &Endpoint, has_body: bool, headers: &HeaderMap) -> Self {
        let of_the_connection = named_in_connection(headers);
        let names = endpoint.selecting_fields().iter().map(|name| HeaderName::from_static(name)).chain(has_body.then_some(CONTENT_TYPE));
        let fields = names
            .filter(|name| !of_the_connection.contains(name))
            .filter_map(|name| {
                let value = joined(headers, &name)?;
                Some((name, value))
            })
            .collect();
        Self(fields)
    }

    /// Names and values, for the request and for the cache key.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

/// All values of `name` as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let list = values.fold(first.as_bytes().to_vec(), |mut list, value| {
        list.extend_from_slice(b", ");
        list.extend_from_slice(value.as_bytes());
        list
    });
    Some(HeaderValue::from_bytes(&list).expect("field values joined by a comma are a field value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::endpoint::classify;

    #[test]
    fn nothing_but_what_the_endpoint_chooses_by_is_selected() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("accept", "application/json"),
            ("accept", "text/xml;q=0.5"),
            ("odata-version", "4.0"),
            ("maxdataserviceversion", "3.0"),
            ("content-type", "text/xml"),
            ("range", "bytes=0-1"),
            ("if-none-match", "\"a\""),
            ("cookie", "a=b"),
            ("x-forwarded-host", "evil.example"),
            ("authorization", "Apikey x"),
            ("connection", "maxdataserviceversion, content-type"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let selected = |path, has_body| {
            let fields = SelectedFields::select(&classify(path).unwrap(), has_body, &headers);
            fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(selected("/api/odata/x", false), ["accept: application/json, text/xml;q=0.5", "odata-version: 4.0"]);
        assert_eq!(selected("/api/tpf/x", false), ["accept: application/json, text/xml;q=0.5"]);
        assert_eq!(selected("/api/csw", true), ["content-type: text/xml"]);
        assert_eq!(selected("/api/csw", false), [""; 0]);
    }
}
