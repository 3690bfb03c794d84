//! `Last-Modified` and the conditions that name a date (RFC 9110 sections 8.8.2, 13.1.3 and 13.1.5).

use std::time::SystemTime;

use http::header::{IF_MODIFIED_SINCE, IF_RANGE};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};

/// When what an answer is made of was last modified, as the field says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastModified {
    value: HeaderValue,
    at: Timestamp,
}

/// A date is strong if it is this much older than the response: both clocks are the portal's or ours, and whatever was changed twice within a
/// second is over by then. Section 8.8.2.2 leaves the length open; RFC 7232 called it a minute.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);

impl LastModified {
    /// At `at`, of which the field can say whole seconds: the parts of one are cut off. `at` must not be in the future (section 8.8.2.1).
    /// Nothing, for years before 1970, which the field's readers cannot agree on.
    pub fn new(at: Timestamp) -> Option<Self> {
        let at = Timestamp::from_second(at.as_second()).ok().filter(|_| at >= Timestamp::UNIX_EPOCH)?;
        let date = httpdate::fmt_http_date(SystemTime::try_from(at).ok()?);
        let value = HeaderValue::try_from(date).expect("letters, digits, commas and colons are a valid field value");
        Some(Self { value, at })
    }

    /// The field's value.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// The same moment, in whole seconds.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether `If-Modified-Since` is there, is a date, and nothing has changed since.
    pub(super) fn is_not_after_that_of(&self, request: &HeaderMap) -> bool {
        date(request, IF_MODIFIED_SINCE).is_some_and(|since| self.at <= since)
    }

    /// Whether `If-Range` is this very date, and it is strong for a response that was stored at `stored_at`.
    pub(super) fn is_that_of(&self, request: &HeaderMap, stored_at: Timestamp) -> bool {
        stored_at.duration_since(self.at) >= SETTLED && date(request, IF_RANGE) == Some(self.at)
    }
}

/// The date in a field, in any of the three formats of section 5.6.7; nothing if it is absent, there twice, or no date.
fn date(request: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    let mut lines = request.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Timestamp::try_from(httpdate::parse_http_date(line.to_str().ok()?).ok()?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn with(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn the_field_is_written_in_the_preferred_format_and_whole_seconds() {
        let modified = LastModified::new(at("1994-11-06T08:49:37.999Z")).unwrap();
        assert_eq!(modified.value(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(modified.at(), at("1994-11-06T08:49:37Z"));
        assert_eq!(LastModified::new(at("1969-12-31T23:59:59.5Z")), None);
    }

    #[test]
    fn dates_are_read_in_all_three_formats() {
        let modified = LastModified::new(at("1994-11-06T08:49:37Z")).unwrap();
        for (lines, expected) in [
            (&["Sun, 06 Nov 1994 08:49:37 GMT"][..], true),
            (&["Sunday, 06-Nov-94 08:49:37 GMT"], true),
            (&["Sun Nov  6 08:49:37 1994"], true),
            (&["Sun, 06 Nov 1994 08:49:36 GMT"], false),
            (&["Mon, 07 Nov 1994 08:49:36 GMT"], true),
            (&["Sun, 06 Nov 1994 08:49:37"], false),
            (&["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"], false),
            (&["784111777"], false),
            (&[""], false),
            (&[], false),
        ] {
            assert_eq!(modified.is_not_after_that_of(&with(IF_MODIFIED_SINCE, lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_range_depends_on_the_very_date_and_on_its_having_settled() {
        let modified = LastModified::new(at("1994-11-06T08:49:37Z")).unwrap();
        let same = with(IF_RANGE, &["Sun, 06 Nov 1994 08:49:37 GMT"]);
        assert!(modified.is_that_of(&same, at("1994-11-06T08:50:37Z")));
        assert!(!modified.is_that_of(&same, at("1994-11-06T08:50:36.9Z")), "it is weak within the minute");
        for other in ["Sun, 06 Nov 1994 08:49:38 GMT", "Sun, 06 Nov 1994 08:49:36 GMT", "\"x\""] {
            assert!(!modified.is_that_of(&with(IF_RANGE, &[other]), at("1995-01-01T00:00:00Z")), "{other}");
        }
    }
}
