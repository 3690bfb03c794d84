//! What clients are told of the version of the dataset that an answer is made of.

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::cache::stored_response::Asked;
use crate::cache::validation::LastModified;
use crate::portal::versions::{Basis, Stamp, Version};

/// The version of the dataset, as the catalogue stated it before the call of this answer left; with `unconfirmed` until a later look at the
/// catalogue has stated it too.
pub const X_PREAU_DATASET_VERSION: HeaderName = HeaderName::from_static("x-preau-dataset-version");

/// The fields, prepared.
#[derive(Clone, Debug, Default)]
pub struct VersionFields(Option<Values>);

#[derive(Clone, Debug)]
struct Values {
    confirmed: HeaderValue,
    unconfirmed: HeaderValue,
    last_modified: Option<LastModified>,
}

impl VersionFields {
    /// Of an answer of which this was known.
    pub fn of(asked: &Asked) -> Self {
        Self(asked.stamp.as_ref().and_then(|stamp| {
            let text = text(asked.basis, stamp)?;
            let confirmed = HeaderValue::from_str(&text).ok()?;
            let unconfirmed = HeaderValue::from_str(&format!("{text}; unconfirmed")).ok()?;
            // RFC 9110 section 8.8.2.1: not later than the answer itself.
            let last_modified = moment(asked.basis, stamp).filter(|moment| *moment <= asked.at.wall()).and_then(LastModified::new);
            Some(Values { confirmed, unconfirmed, last_modified })
        }))
    }

    /// When what the answer is made of was last modified; of use once its version is confirmed.
    pub fn last_modified(&self) -> Option<&LastModified> {
        self.0.as_ref()?.last_modified.as_ref()
    }

    /// Writes them into a head.
    pub fn write(&self, fields: &mut HeaderMap, confirmed: bool) {
        if let Self(Some(values)) = self {
            fields.insert(X_PREAU_DATASET_VERSION, if confirmed { &values.confirmed } else { &values.unconfirmed }.clone());
        }
    }

    /// Bytes of memory they take.
    pub fn weight(&self) -> usize {
        // The stamp that they are made from is as long.
        self.0.as_ref().map_or(0, |values| 2 * (values.confirmed.len() + values.unconfirmed.len()))
    }
}

/// The moment that the version names.
fn moment(basis: Basis, stamp: &Stamp) -> Option<Timestamp> {
    match basis {
        Basis::Lifetime | Basis::Catalogue => None,
        Basis::Records => stamp.data.moment(),
        // Without the one, the other says nothing of it.
        Basis::Metadata => Some(stamp.metadata.moment()?.max(stamp.data.moment()?)),
    }
}

/// The version as text; none for what has none.
fn text(basis: Basis, stamp: &Stamp) -> Option<String> {
    match (basis, &stamp.data, &stamp.metadata) {
        (Basis::Lifetime | Basis::Catalogue, ..) | (_, Version::Absent, Version::Absent) => None,
        (Basis::Records, data, _) => Some(data.to_string()),
        (Basis::Metadata, data, metadata) => Some(format!("{metadata}/{data}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Moment};

    fn fields(basis: Basis, data: Version, metadata: Version) -> VersionFields {
        let at = Moment::at(Clock::manual("2026-03-02T06:00:00Z".parse().unwrap()).read());
        VersionFields::of(&Asked { at, basis, stamp: Some(Stamp { data, metadata, ..Stamp::default() }) })
    }

    fn stated(text: &str) -> Version {
        Version::Stated(text.into())
    }

    fn written(fields: &VersionFields, confirmed: bool) -> String {
        let mut head = HeaderMap::new();
        fields.write(&mut head, confirmed);
        head.get(X_PREAU_DATASET_VERSION).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn each_basis_has_its_text_and_its_moment() {
        let (one, two) = ("2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00");
        let ambiguous = Version::Ambiguous(format!("{one}|{two}").into());
        for (basis, data, metadata, text, moment) in [
            (Basis::Records, stated(one), stated(two), one, Some(one)),
            (Basis::Records, Version::Null, stated(two), "null", None),
            (Basis::Records, ambiguous, stated(two), "2026-03-01T00:00:00+00:00|2026-03-02T00:00:00+00:00", None),
            (Basis::Records, stated("generation 7"), stated(two), "generation 7", None),
            // No answer was last modified after it was given.
            (Basis::Records, stated("2026-03-02T06:00:01Z"), stated(two), "2026-03-02T06:00:01Z", None),
            (Basis::Records, Version::Absent, Version::Absent, "", None),
            (Basis::Metadata, stated(one), stated(two), "2026-03-02T00:00:00+00:00/2026-03-01T00:00:00+00:00", Some(two)),
            (Basis::Metadata, stated(two), stated(one), "2026-03-01T00:00:00+00:00/2026-03-02T00:00:00+00:00", Some(two)),
            (Basis::Metadata, Version::Null, stated(one), "2026-03-01T00:00:00+00:00/null", None),
            (Basis::Catalogue, stated(one), stated(two), "", None),
            (Basis::Lifetime, stated(one), stated(two), "", None),
            // What cannot be a field's value is not sent.
            (Basis::Records, stated("a\r\nb"), stated(two), "", None),
        ] {
            let fields = fields(basis, data, metadata);
            assert_eq!(written(&fields, true), text, "{basis:?}");
            assert_eq!(written(&fields, false), if text.is_empty() { String::new() } else { format!("{text}; unconfirmed") });
            assert_eq!(fields.last_modified().map(|last| last.at()), moment.map(|moment| moment.parse().unwrap()), "{basis:?} {text}");
        }
    }

    #[test]
    fn nothing_is_said_of_an_answer_from_before_the_first_look() {
        let at = Moment::at(Clock::manual("2026-03-02T06:00:00Z".parse().unwrap()).read());
        let fields = VersionFields::of(&Asked { at, basis: Basis::Records, stamp: None });
        assert_eq!((written(&fields, true), fields.weight()), (String::new(), 0));
    }
}
