//! Absolute links to the portal itself. Those of v2.0 repeat the question, with its defaults filled in.

use serde_json::{Value as Json, json};

use super::Question;
use crate::simulator::target::{Parameters, encode};

/// The order in which parameters are repeated. Others follow by name.
const ORDER: [&str; 11] = ["select", "where", "group_by", "order_by", "limit", "offset", "refine", "exclude", "facet", "lang", "timezone"];

impl Question<'_> {
    /// An absolute address below the base path.
    pub(super) fn href(&self, path: &str) -> String {
        format!("{}{}{path}", self.caller.origin, self.base.path())
    }

    /// The address of a dataset, or of something below it.
    pub(super) fn dataset_href(&self, id: &str, below: &str) -> String {
        self.href(&format!("/catalog/datasets/{}{below}", encode(id)))
    }

    pub(super) fn link(rel: &str, href: String) -> Json {
        json!({"rel": rel, "href": href})
    }

    /// `self`, `first`, `last` and `next` of a page of v2.0.
    pub(super) fn page_links(&self, path: &str, total: usize, offset: usize, limit: usize) -> Json {
        let at = |rel: &str, offset: usize| Self::link(rel, format!("{}?{}", self.href(path), echo(self.parameters(), limit, offset)));
        let mut links = vec![at("self", offset), at("first", 0), at("last", total.saturating_sub(limit))];
        if offset + limit < total {
            links.push(at("next", offset + limit));
        }
        if offset > 0 {
            links.push(at("prev", offset.saturating_sub(limit)));
        }
        Json::Array(links)
    }

    /// Links from a dataset in v2.0 lists, or in v2.1 where `include_links` asks for them.
    pub(super) fn dataset_links(&self, id: &str) -> Json {
        json!([
            Self::link("self", self.dataset_href(id, "")),
            Self::link("datasets", self.href("/catalog/datasets")),
            Self::link("records", self.dataset_href(id, "/records")),
            Self::link("exports", self.dataset_href(id, "/exports")),
            Self::link("facets", self.dataset_href(id, "/facets")),
        ])
    }

    /// Links from a record.
    pub(super) fn record_links(&self, id: &str, record: &str) -> Json {
        json!([
            Self::link("self", self.dataset_href(id, &format!("/records/{record}"))),
            Self::link("datasets", self.href("/catalog/datasets")),
            Self::link("dataset", self.dataset_href(id, "")),
        ])
    }
}

/// The parameters in one order and one spelling, with defaults filled in. A key is never repeated.
fn echo(parameters: &Parameters, limit: usize, offset: usize) -> String {
    let mut pairs: Vec<(&str, String)> =
        parameters.0.iter().filter(|(name, _)| name != "apikey").map(|(name, value)| (name.as_str(), value.clone())).collect();
    pairs.retain(|(name, _)| !matches!(*name, "limit" | "offset"));
    pairs.push(("limit", limit.to_string()));
    pairs.push(("offset", offset.to_string()));
    for (name, default) in [("timezone", "UTC"), ("include_app_metas", "False")] {
        if !pairs.iter().any(|(known, _)| *known == name) {
            pairs.push((name, default.to_owned()));
        }
    }
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    pairs.sort_by(|(a, _), (b, _)| (place(a), a).cmp(&(place(b), b)));
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_repeat_the_question_with_defaults_in_one_order() {
        let one = Parameters::parse("zzz=1&where=a%20=%20%22%C3%A9%22&refine=b:2&apikey=secret&refine=a:1&limit=3");
        let other = Parameters::parse("limit=3&refine=b%3A2&refine=a%3A1&where=a+%3D+%22%C3%A9%22&zzz=1");
        let text = echo(&one, 3, 6);
        assert_eq!(text, echo(&other, 3, 6));
        assert_eq!(
            text,
            "where=a%20%3D%20%22%C3%A9%22&limit=3&offset=6&refine=b%3A2&refine=a%3A1&timezone=UTC&include_app_metas=False&zzz=1"
        );
    }
}
