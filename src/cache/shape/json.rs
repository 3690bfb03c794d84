//! Rows in JSON: the names of their members, and nothing of their values.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Rows;

/// `{"results": [{…}]}`
pub(super) fn results(body: &[u8]) -> Option<Rows> {
    #[derive(Deserialize)]
    struct Answer {
        results: Vec<Names>,
    }
    let answer: Answer = read(body)?;
    Some(rows(answer.results))
}

/// `{"records": [{"record": {"fields": {…}}}]}`, or grouped: `{"records": [{…}]}`
pub(super) fn wrapped_records(body: &[u8]) -> Option<Rows> {
    #[derive(Deserialize)]
    struct Answer {
        records: Vec<Item>,
    }
    let answer: Answer = read(body)?;
    Some(rows(answer.records.into_iter().map(|Item(names)| names)))
}

/// `{"records": [{"fields": {…}}]}`
pub(super) fn records(body: &[u8]) -> Option<Rows> {
    #[derive(Deserialize)]
    struct Answer {
        records: Vec<Record>,
    }
    let answer: Answer = read(body)?;
    Some(rows(answer.records.into_iter().map(|record| record.fields)))
}

/// `{"features": [{"properties": {…}}]}`
pub(super) fn features(body: &[u8]) -> Option<Rows> {
    #[derive(Deserialize)]
    struct Answer {
        features: Vec<Feature>,
    }
    #[derive(Deserialize)]
    struct Feature {
        #[serde(default)]
        properties: Option<Names>,
    }
    let answer: Answer = read(body)?;
    Some(rows(answer.features.into_iter().map(|feature| feature.properties.unwrap_or_default())))
}

/// `[{…}]`
pub(super) fn array(body: &[u8]) -> Option<Rows> {
    Some(rows(read::<Vec<Names>>(body)?))
}

/// `{…}` on each line
pub(super) fn lines(body: &[u8]) -> Option<Rows> {
    let body = numbers_alone(body);
    let all: Result<Vec<Names>, _> = serde_json::Deserializer::from_slice(&body).into_iter().collect();
    all.ok().map(rows)
}

#[derive(Default, Deserialize)]
struct Record {
    #[serde(default)]
    fields: Names,
}

/// The names of an object's members.
#[derive(Default)]
struct Names(Vec<String>);

/// An element of `records` in v2.0: the fields of the record in it, or its own members.
struct Item(Names);

fn rows(all: impl IntoIterator<Item = Names>) -> Rows {
    let mut rows = Rows::default();
    for Names(mut names) in all {
        // A name that comes twice is one field.
        names.sort_unstable();
        names.dedup();
        rows.add(names.iter().map(String::as_str));
    }
    rows
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(&numbers_alone(body)).ok()
}

/// The same JSON with a number of equal length for each `NaN` and `Infinity`, which portals write and no parser takes (docs/portal.md#nan).
fn numbers_alone(body: &[u8]) -> Cow<'_, [u8]> {
    let mut numbers = Cow::Borrowed(body);
    let (mut in_string, mut at) = (false, 0);
    while at < body.len() {
        match body[at] {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'N' | b'I' if !in_string => {
                for (word, number) in [(&b"NaN"[..], &b"0.0"[..]), (b"Infinity", b"0.000000")] {
                    if body[at..].starts_with(word) {
                        numbers.to_mut()[at..at + word.len()].copy_from_slice(number);
                        at += word.len() - 1;
                        break;
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    numbers
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = members.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Item, A::Error> {
                let (mut names, mut record) = (Vec::new(), None);
                while let Some(name) = members.next_key::<String>()? {
                    if name == "record" {
                        record = Some(members.next_value::<Record>()?.fields);
                    } else {
                        members.next_value::<IgnoredAny>()?;
                        names.push(name);
                    }
                }
                Ok(Item(record.unwrap_or(Names(names))))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_are_no_numbers_are_replaced_and_only_outside_of_strings() {
        for (text, expected) in [
            (r#"{"a": NaN}"#, r#"{"a": 0.0}"#),
            (r#"[-Infinity,Infinity]"#, r#"[-0.000000,0.000000]"#),
            (r#"{"NaN": "Infinity \" NaN"}"#, r#"{"NaN": "Infinity \" NaN"}"#),
            (r#"{"a\\": NaN, "b": N"#, r#"{"a\\": 0.0, "b": N"#),
            (r#""\"#, r#""\"#),
        ] {
            assert_eq!(String::from_utf8_lossy(&numbers_alone(text.as_bytes())), expected);
        }
    }
}
