//! The body of a look, read: the whole catalogue as one export, or one page of it.
//!
//! All of a body is read or nothing: what is no JSON to its end is broken and may be right the next time. JSON that lists no datasets is what this
//! portal answers, so it is asked in another way. What the dates say is not judged here.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::portal::versions::Row;

/// Datasets as listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// Those that have an id.
    pub rows: Vec<Row>,
    /// Entries of the list, with or without one.
    pub entries: usize,
}

/// Part of a catalogue.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Page {
    /// Datasets that there are, on all pages.
    pub total_count: u64,
    /// Those on this page.
    #[serde(rename = "results")]
    pub listing: Listing,
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// Not JSON, or cut.
    #[error("it is no JSON, or not all of it: {0}")]
    Broken(serde_json::Error),
    /// JSON of another shape.
    #[error("it is JSON and lists no datasets")]
    Foreign,
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        match error.classify() {
            Category::Data => Self::Foreign,
            Category::Io | Category::Syntax | Category::Eof => Self::Broken(error),
        }
    }
}

impl Listing {
    /// Reads `catalog/exports/json`: an array of objects.
    ///
    /// # Errors
    ///
    /// If it is no such array, or none of its objects has the id of a dataset. An empty one is read: a portal may have lost its catalogue.
    pub fn of_export(body: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice::<Self>(body)?.with_ids()
    }

    fn with_ids(self) -> Result<Self, Unreadable> {
        if self.rows.is_empty() && self.entries > 0 { Err(Unreadable::Foreign) } else { Ok(self) }
    }
}

impl Page {
    /// Reads `catalog/datasets`.
    ///
    /// # Errors
    ///
    /// If it is no page, or none of its objects has the id of a dataset.
    pub fn of(body: &[u8]) -> Result<Self, Unreadable> {
        let Self { total_count, listing } = serde_json::from_slice(body)?;
        Ok(Self { total_count, listing: listing.with_ids()? })
    }
}

impl<'de> Deserialize<'de> for Listing {
    /// One entry after the other, so that no more of the body is held twice than what is kept.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Listing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of datasets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Listing, A::Error> {
        let mut listing = Listing::default();
        while let Some(entry) = entries.next_element::<&RawValue>()? {
            listing.entries += 1;
            listing.rows.extend(row(entry));
        }
        Ok(listing)
    }
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    dataset_id: &'a RawValue,
    #[serde(borrow, default)]
    data_processed: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metadata_processed: Option<&'a RawValue>,
}

/// A row, if the entry is an object with the id of a dataset.
fn row(entry: &RawValue) -> Option<Row> {
    let Entry { dataset_id, data_processed, metadata_processed } = serde_json::from_str(entry.get()).ok()?;
    let id = serde_json::from_str(dataset_id.get()).ok()?;
    Some(Row { id, data: data_processed.and_then(token), metadata: metadata_processed.and_then(token) })
}

/// What is stated, as a token: the text of a string, and of anything else its JSON, as it is written.
fn token(stated: &RawValue) -> Option<String> {
    match stated.get() {
        "null" => None,
        json => Some(serde_json::from_str(json).unwrap_or_else(|_| json.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, data: Option<&str>, metadata: Option<&str>) -> Row {
        Row { id: id.to_owned(), data: data.map(str::to_owned), metadata: metadata.map(str::to_owned) }
    }

    #[test]
    fn the_export_is_read_as_the_portal_writes_it() {
        let body = br#"[{"dataset_id": "a", "data_processed": "2026-09-18T08:35:17.505000+00:00", "metadata_processed": "2026-09-19T00:00:00+00:00"},{"dataset_id": "b-\u00e9", "data_processed": null, "metadata_processed": "x"}]"#;
        let listing = Listing::of_export(body).unwrap();
        let first = row("a", Some("2026-09-18T08:35:17.505000+00:00"), Some("2026-09-19T00:00:00+00:00"));
        assert_eq!(listing, Listing { rows: vec![first, row("b-é", None, Some("x"))], entries: 2 });
    }

    #[test]
    fn values_of_other_types_count_as_their_text_to_the_last_digit() {
        let body = br#"[{"dataset_id":"a","data_processed":20260301100000123456,"metadata_processed":1.50},{"dataset_id":"b","data_processed":{"a":[1, true]}}]"#;
        let listing = Listing::of_export(body).unwrap();
        assert_eq!(listing.rows, [row("a", Some("20260301100000123456"), Some("1.50")), row("b", Some(r#"{"a":[1, true]}"#), None)]);
    }

    #[test]
    fn entries_without_an_id_are_counted_and_left_out() {
        let body = br#"[{"dataset_id":7},{"data_processed":"x"},3,null,{"dataset_id":null},{"dataset_id":"a"}]"#;
        let listing = Listing::of_export(body).unwrap();
        assert_eq!((listing.rows, listing.entries), (vec![row("a", None, None)], 6));
    }

    #[test]
    fn a_body_that_is_not_whole_is_broken_at_every_length() {
        let body = br#"[{"dataset_id":"a","data_processed":"x","metadata_processed":null},{"dataset_id":"b"}]"#;
        assert!(Listing::of_export(body).is_ok());
        for len in 0..body.len() {
            assert!(matches!(Listing::of_export(&body[..len]), Err(Unreadable::Broken(_))), "{len}");
        }
        let page = br#"{"total_count":1,"results":[{"dataset_id":"a"}]}"#;
        assert!(Page::of(page).is_ok());
        for len in 0..page.len() {
            assert!(matches!(Page::of(&page[..len]), Err(Unreadable::Broken(_))), "{len}");
        }
    }

    #[test]
    fn what_is_no_json_is_broken() {
        for body in [
            &b""[..],
            b"<!DOCTYPE html><html></html>",
            br#"[{"dataset_id":"a","data_processed":NaN}]"#,
            br#"[{"dataset_id":"a"}]<html>"#,
            b"[{\"dataset_id\":\"a\xff\"}]",
            b"\x1f\x8b\x08",
        ] {
            let read = Listing::of_export(body);
            assert!(matches!(read, Err(Unreadable::Broken(_))), "{}: {read:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn json_that_lists_no_datasets_is_another_answer() {
        for body in [&br#"{"error_code":"x"}"#[..], b"null", b"3", b"[{}]", b"[1,2]", br#"[{"dataset_id":1}]"#] {
            let read = Listing::of_export(body);
            assert!(matches!(read, Err(Unreadable::Foreign)), "{}: {read:?}", String::from_utf8_lossy(body));
        }
        for body in [&b"[]"[..], b"{}", br#"{"total_count":"2","results":[]}"#, br#"{"total_count":2,"results":[{}]}"#] {
            let read = Page::of(body);
            assert!(matches!(read, Err(Unreadable::Foreign)), "{}: {read:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn an_empty_catalogue_is_read() {
        assert_eq!(Listing::of_export(b" [] \n").unwrap(), Listing::default());
        let page = Page::of(br#"{"total_count":0,"results":[]}"#).unwrap();
        assert_eq!(page, Page { total_count: 0, listing: Listing::default() });
    }
}
