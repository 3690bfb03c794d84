//! The member `parameters` of a search: what was asked, with four defaults filled in.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::asked::Page;
use crate::simulator::target::Parameters;

/// The echo of a search. Members stand in an order of their own, and nothing of the spelling shows but the order of repeated values.
pub fn echo(parameters: &Parameters, page: Page, format: &str) -> Json {
    let mut echo = Map::new();
    let mut one = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            echo.insert(name.to_owned(), value);
        }
    };
    let text = |name| parameters.given(name).map(Json::from);
    one("dataset", text("dataset"));
    one("q", text("q"));
    one("lang", text("lang"));
    one("rows", Some(json!(page.rows)));
    one("start", Some(json!(page.start)));
    one("sort", parameters.given("sort").map(|sort| sort.split(',').map(str::trim).collect()));
    one("facet", all(parameters, "facet"));
    one("format", Some(json!(format)));
    one("refine", keyed(parameters, "refine."));
    one("exclude", keyed(parameters, "exclude."));
    one("disjunctive", keyed(parameters, "disjunctive."));
    one("fields", text("fields"));
    one("geofilter.distance", all(parameters, "geofilter.distance"));
    one("geofilter.polygon", all(parameters, "geofilter.polygon"));
    one("geofilter.bbox", all(parameters, "geofilter.bbox"));
    one("timezone", Some(json!(parameters.given("timezone").unwrap_or("UTC"))));
    Json::Object(echo)
}

/// All values of a parameter that may be repeated, as a list.
fn all(parameters: &Parameters, name: &str) -> Option<Json> {
    let values: Vec<&str> = parameters.all(name).filter(|value| !value.is_empty()).collect();
    (!values.is_empty()).then(|| json!(values))
}

/// `refine.zones=A&refine.zones=B` as `{"zones": ["A", "B"]}`; a single value is no list. Fields are sorted by name.
fn keyed(parameters: &Parameters, prefix: &str) -> Option<Json> {
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in parameters.under(prefix) {
        fields.entry(name).or_default().push(value);
    }
    if fields.is_empty() {
        return None;
    }
    let value = |values: Vec<&str>| if let [value] = values[..] { json!(value) } else { json!(values) };
    Some(Json::Object(fields.into_iter().map(|(name, values)| (name.to_owned(), value(values))).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page { rows: 10, start: 0 };

    #[test]
    fn the_order_of_names_does_not_show_and_that_of_values_does() {
        let read = |text| echo(&Parameters::parse(text), PAGE, "json").to_string();
        let one = read("dataset=a&refine.b=1&refine.a=2&refine.b=3&facet=y&facet=x&apikey=valid&q=z");
        assert_eq!(one, read("q=z&facet=y&refine.b=1&facet=x&refine.b=3&refine.a=2&dataset=a"));
        assert_ne!(one, read("dataset=a&refine.b=3&refine.a=2&refine.b=1&facet=y&facet=x&q=z"));
        assert_eq!(
            one,
            r#"{"dataset":"a","q":"z","rows":10,"start":0,"facet":["y","x"],"format":"json","refine":{"a":"2","b":["1","3"]},"timezone":"UTC"}"#
        );
    }

    #[test]
    fn only_what_was_given_is_echoed_beside_the_defaults() {
        assert_eq!(
            echo(&Parameters::parse("q=&utm_source=x&timezone=Europe/Paris"), PAGE, "json").to_string(),
            r#"{"rows":10,"start":0,"format":"json","timezone":"Europe/Paris"}"#
        );
    }
}
