//! `Accept-Encoding` (RFC 9110 section 12.5.3): may this client be sent gzip?

use http::header::{ACCEPT_ENCODING, HeaderMap};

/// Whether gzip is acceptable. A client that says nothing gets identity: it may take anything by the letter of the RFC, but one that does
/// not mention codings (curl without options, `urllib`, pandas) does not decode them either.
pub fn accepts_gzip(fields: &HeaderMap) -> bool {
    let mut any = None;
    let mut gzip = None;
    for element in fields.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')) {
        let mut parts = element.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let refused = parts.any(|parameter| {
            let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
            weight.and_then(|q| q.trim().parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
        });
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            gzip = Some(!refused);
        } else if coding == "*" {
            any = Some(!refused);
        }
    }
    gzip.or(any).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_ask_for_it() {
        for (value, expected) in [
            ("gzip, deflate", true),
            ("gzip", true),
            ("GZIP;q=0.5", true),
            ("x-gzip", true),
            ("deflate, br;q=1.0, *;q=0.1", true),
            ("identity", false),
            ("", false),
            ("gzip;q=0", false),
            ("gzip; q=0.000, *", false),
            ("*;q=0", false),
            ("br", false),
            ("agzip", false),
        ] {
            let fields = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(accepts_gzip(&fields), expected, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
