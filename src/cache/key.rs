//! What a stored response is found by.
//!
//! A key is a sequence of fields, each written with its length before it, so that no choice of names, paths and values
//! can make two questions look alike: the encoding is injective. The whole sequence is the key, not a hash of it, so
//! there are no collisions either.
//!
//! Only GET (and HEAD, which asks for the same response) has keys.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::request::credential::{Credential, Fingerprint};
use crate::request::endpoint::Endpoint;
use crate::request::language::Language;
use crate::request::query::CanonicalQuery;

/// Which callers may share a stored response.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Partition {
    /// All that ask without a credential.
    Anonymous,
    /// Those that hold this key of the portal.
    Key(Fingerprint),
}

impl Partition {
    /// The partition of answers to this credential; none for a credential whose answers may never be shared.
    pub fn of(credential: &Credential) -> Option<Self> {
        match credential {
            Credential::Anonymous => Some(Self::Anonymous),
            Credential::Key(_) => credential.fingerprint().cloned().map(Self::Key),
            Credential::Opaque(_) => None,
        }
    }
}

/// The key of a stored response, and of the fill that makes it. Clones share its bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CacheKey(Arc<[u8]>);

/// The layout of the fields below. A stored key of another layout is never equal to one of this.
const LAYOUT: u8 = 2;

impl CacheKey {
    /// The key of a question to the portal called `portal` at `origin`: the name alone would keep answering for whatever had it before the
    /// configuration was changed. `selected` are the request fields by which the portal
    /// chooses among answers, with their values as they are sent, in the order of [`Endpoint::selecting_fields`].
    pub fn new(
        portal: &str,
        origin: &str,
        partition: &Partition,
        endpoint: &Endpoint,
        query: &CanonicalQuery,
        language: Option<Language>,
        selected: &[(&str, &[u8])],
    ) -> Self {
        let mut bytes = vec![LAYOUT];
        write(&mut bytes, portal.as_bytes());
        write(&mut bytes, origin.as_bytes());
        match partition {
            Partition::Anonymous => write(&mut bytes, b""),
            Partition::Key(fingerprint) => write(&mut bytes, fingerprint.as_str().as_bytes()),
        }
        write(&mut bytes, endpoint.path().as_bytes());
        write(&mut bytes, query.text().as_bytes());
        write(&mut bytes, language.map_or("", Language::as_str).as_bytes());
        for (name, value) in selected {
            write(&mut bytes, name.as_bytes());
            write(&mut bytes, value);
        }
        Self(bytes.into())
    }

    /// The key itself, for a store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is in the partition of all that ask without a credential. What is not is never written down.
    pub fn is_anonymous(&self) -> bool {
        let mut fields = self.0.get(1..).unwrap_or_default();
        let _portal_and_origin = (read(&mut fields), read(&mut fields));
        read(&mut fields).is_some_and(<[u8]>::is_empty)
    }

    /// Eight bytes of a hash in hexadecimal, by which a log line names the key. Not unique, and no secret.
    pub fn id(&self) -> String {
        Sha256::digest(&self.0).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({})", self.id())
    }
}

fn write(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
    bytes.extend_from_slice(field);
}

/// The first of the fields that [`write`] wrote; `fields` goes on behind it.
fn read<'a>(fields: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = fields.split_first_chunk::<8>()?;
    let (field, rest) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
    *fields = rest;
    Some(field)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::credential;
    use crate::request::endpoint::classify;
    use crate::request::query::{RawQuery, RuleSwitches, canonicalise};

    type Question = ((String, String), Option<String>, String, String, Option<&'static str>, Vec<(String, Vec<u8>)>);

    fn credential_for(key: Option<&str>) -> Credential {
        let mut query = RawQuery::parse(&key.map(|key| format!("apikey={key}")).unwrap_or_default()).unwrap();
        credential::take(&http::HeaderMap::new(), &mut query, None, &[]).unwrap()
    }

    fn key(((portal, origin), api_key, path, query, language, selected): &Question) -> CacheKey {
        let endpoint = classify(path).unwrap();
        let canonical = canonicalise(&endpoint, RawQuery::parse(query).unwrap(), &RuleSwitches::default()).unwrap();
        let partition = Partition::of(&credential_for(api_key.as_deref())).unwrap();
        let selected: Vec<(&str, &[u8])> = selected.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        CacheKey::new(portal, origin, &partition, &endpoint, &canonical.query, language.and_then(Language::from_tag), &selected)
    }

    /// Few values for each part, so that parts are often equal, and some that imitate the borders between parts.
    fn any_question() -> impl Strategy<Value = Question> {
        (
            ("[ab\\x00]{0,2}", "[ab\\x00]{0,2}"),
            proptest::option::of("[ab]"),
            proptest::sample::select(vec!["/api/wfs", "/api/csw", "/api/odata/a", "/api/odata/b"]).prop_map(str::to_owned),
            "([ab]=|[ab]|%00|&){0,3}",
            proptest::sample::select(vec![None, Some("fr"), Some("en")]),
            prop::collection::vec(("[ab\\x00]{0,2}", prop::collection::vec(0_u8..2, 0..3)), 0..3),
        )
    }

    /// The question as far as it is one: empty parameters are none.
    fn meant(question: &Question) -> Question {
        let mut question = question.clone();
        let parameters: Vec<&str> = question.3.split('&').filter(|parameter| !parameter.is_empty()).collect();
        question.3 = parameters.join("&");
        question
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn two_questions_share_a_key_only_if_they_are_one(one in any_question(), other in any_question()) {
            prop_assert_eq!(key(&one) == key(&other), meant(&one) == meant(&other));
            prop_assert_eq!(key(&one).is_anonymous(), one.1.is_none());
        }
    }

    #[test]
    fn each_part_of_a_question_is_part_of_its_key() {
        let base: Question =
            (("p".into(), "o".into()), None, "/api/odata/a".into(), "a=1".into(), None, vec![("accept".into(), b"x".to_vec())]);
        let others: [Question; 8] = [
            (("p".into(), "q".into()), None, "/api/odata/a".into(), "a=1".into(), None, vec![("accept".into(), b"x".to_vec())]),
            (("q".into(), "o".into()), None, "/api/odata/a".into(), "a=1".into(), None, vec![("accept".into(), b"x".to_vec())]),
            (("p".into(), "o".into()), Some("k".into()), "/api/odata/a".into(), "a=1".into(), None, vec![("accept".into(), b"x".to_vec())]),
            (("p".into(), "o".into()), None, "/api/odata/b".into(), "a=1".into(), None, vec![("accept".into(), b"x".to_vec())]),
            (("p".into(), "o".into()), None, "/api/odata/a".into(), "a=2".into(), None, vec![("accept".into(), b"x".to_vec())]),
            (("p".into(), "o".into()), None, "/api/odata/a".into(), "a=1".into(), Some("fr"), vec![("accept".into(), b"x".to_vec())]),
            (("p".into(), "o".into()), None, "/api/odata/a".into(), "a=1".into(), None, vec![("accept".into(), b"y".to_vec())]),
            (("p".into(), "o".into()), None, "/api/odata/a".into(), "a=1".into(), None, vec![]),
        ];
        for other in &others {
            assert_ne!(key(other), key(&base), "{other:?}");
            assert_ne!(key(other).id(), key(&base).id(), "{other:?}");
        }
        assert_eq!(key(&base.clone()), key(&base));
    }

    #[test]
    fn what_is_not_understood_has_no_partition() {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, http::HeaderValue::from_static("Bearer t"));
        let bearer = credential::take(&headers, &mut RawQuery::default(), None, &[]).unwrap();
        assert_eq!(Partition::of(&bearer), None);
        assert_ne!(Partition::of(&credential_for(Some("a"))), Partition::of(&credential_for(Some("b"))));
    }

    #[test]
    fn a_key_prints_as_an_id_that_shows_nothing_of_it() {
        let question: Question = (("portal".into(), "origin".into()), None, "/api/wfs".into(), "q=word".into(), None, vec![]);
        let printed = format!("{:?}", key(&question));
        assert_eq!(printed.len(), "CacheKey()".len() + 16);
        assert!(!printed.contains("word"));
    }
}
