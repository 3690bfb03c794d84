//! Lies: answers that differ where spellings mean the same, for whoever wants to know whether that would be found out.
//!
//! A lie is about one family of endpoints and one way of spelling. A request that is spelt so gets its rows in the reverse order; where an
//! answer is not made of rows, a member more.

use serde_json::{Value as Json, json};

use super::answer::{Answer, Body};
use super::json;
use super::target::Parameters;

/// A spelling that the portal is told to take for another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// A parameter is stated with this value.
    Stated(String, String),
    /// There is a `_` or a `utm_*`.
    Unknown,
    /// Parameters are not sorted by name.
    NameOrder,
    /// Values of a repeated `where`, `refine` or `exclude` are not sorted.
    WhereOrder,
    /// `where` or `order_by` has other white space than single spaces, outside its strings.
    WhiteSpace,
    /// `where` or `order_by` has a capital in an operator, outside its strings.
    OperatorCase,
    /// JSONP is asked for.
    Jsonp,
}

/// The names of the spellings, for whoever misspells one.
const SPELLINGS: &str = "offset-zero, limit-ten, timezone-utc, stated (with parameter=NAME and value=TEXT), trailing-unknown, name-order, \
                         where-order, white-space, operator-case, jsonp, none";

/// Families whose answers are made of rows.
const ROWS: [&str; 5] = ["catalog", "catalog-export", "records", "export", "download"];

/// Families whose answers are JSON without rows.
const MEMBERS: [&str; 12] = [
    "navigation",
    "catalog-facets",
    "catalog-export-list",
    "dataset",
    "record",
    "facets",
    "aggregates",
    "export-list",
    "attachments",
    "analyze",
    "geo",
    "api-description",
];

/// Words of conditions and orders that have no case.
const OPERATORS: [&str; 11] = ["and", "or", "not", "in", "like", "is", "null", "true", "false", "asc", "desc"];

/// More than any test needs.
const MOST_LIES: usize = 1000;

impl Spelling {
    /// Reads `rule`; `none` is no spelling.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub fn read(rule: &str, parameters: &Parameters) -> Result<Option<Self>, String> {
        let stated = |name: &str, value: &str| Self::Stated(name.to_owned(), value.to_owned());
        Ok(Some(match rule {
            "offset-zero" => stated("offset", "0"),
            "limit-ten" => stated("limit", "10"),
            "timezone-utc" => stated("timezone", "UTC"),
            "stated" => match (parameters.given("parameter"), parameters.first("value")) {
                (Some(name), Some(value)) => stated(name, value),
                _ => return Err("stated needs parameter and value, as in rule=stated&parameter=with_bom&value=true".to_owned()),
            },
            "trailing-unknown" => Self::Unknown,
            "name-order" => Self::NameOrder,
            "where-order" => Self::WhereOrder,
            "white-space" => Self::WhiteSpace,
            "operator-case" => Self::OperatorCase,
            "jsonp" => Self::Jsonp,
            "none" => return Ok(None),
            other => return Err(format!("rule {other} is unknown; known for an endpoint are {SPELLINGS}")),
        }))
    }

    /// Whether parameters are spelt so.
    fn is_in(&self, parameters: &Parameters) -> bool {
        let unsorted = |values: &[&str]| values.windows(2).any(|pair| pair[0] > pair[1]);
        let clauses = || ["where", "order_by"].into_iter().flat_map(|name| parameters.all(name)).map(unquoted);
        match self {
            Self::Stated(name, value) => parameters.all(name).any(|stated| stated == value),
            Self::Unknown => parameters.0.iter().any(|(name, _)| name == "_" || name.starts_with("utm_")),
            Self::NameOrder => unsorted(&parameters.0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()),
            Self::WhereOrder => ["where", "refine", "exclude"].into_iter().any(|name| unsorted(&parameters.all(name).collect::<Vec<_>>())),
            Self::WhiteSpace => clauses().any(|text| text.contains("  ") || text.contains(['\t', '\n', '\r'])),
            Self::OperatorCase => clauses().any(|text| {
                let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                words.any(|word| OPERATORS.iter().any(|operator| word != *operator && word.eq_ignore_ascii_case(operator)))
            }),
            Self::Jsonp => parameters.given("format").is_some_and(|format| format.ends_with("jsonp")),
        }
    }
}

/// A clause without what stands in quotes; one mark is left of each.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut inside = None;
    let mut escaped = false;
    for c in text.chars() {
        match inside {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(quote) if c == quote => inside = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => {
                inside = Some(c);
                out.push('"');
            }
            None => out.push(c),
        }
    }
    out
}

/// The lies in force.
#[derive(Debug, Default)]
pub struct Lies(Vec<(String, Spelling)>);

impl Lies {
    /// Lies about a spelling to whoever asks an endpoint of this family; without a spelling, no more.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub fn tell(&mut self, family: &str, spelling: Option<Spelling>) -> Result<(), String> {
        if !ROWS.contains(&family) && !MEMBERS.contains(&family) {
            let known = [&ROWS[..], &MEMBERS].concat().join(", ");
            return Err(format!("there is no lying about {family}; known endpoints are {known}"));
        }
        let Some(spelling) = spelling else {
            self.0.retain(|(known, _)| known != family);
            return Ok(());
        };
        if self.0.len() == MOST_LIES {
            return Err(format!("there are {MOST_LIES} lies already; rule=none ends those about an endpoint"));
        }
        self.0.push((family.to_owned(), spelling));
        Ok(())
    }

    /// Whether a request of this family is lied to.
    pub fn strike(&self, family: &str, parameters: &Parameters) -> bool {
        self.0.iter().any(|(known, spelling)| known == family && spelling.is_in(parameters))
    }
}

/// Whether a lie about this family shows in the order of rows.
pub fn reverses(family: &str) -> bool {
    ROWS.contains(&family)
}

/// The answer with a member more, if it is JSON, bare or in a call.
pub fn twist(answer: Answer) -> Answer {
    let (200, Body::Whole(bytes)) = (answer.status, &answer.body) else { return answer };
    let called = bytes.ends_with(b");");
    let start = if called { bytes.iter().position(|byte| *byte == b'(').map_or(0, |at| at + 1) } else { 0 };
    let end = if called { bytes.len() - 2 } else { bytes.len() };
    let Ok(mut value) = serde_json::from_slice::<Json>(&bytes[start..end]) else { return answer };
    match &mut value {
        Json::Object(members) => drop(members.insert("lie".to_owned(), json!(true))),
        Json::Array(members) => members.push(json!("lie")),
        _ => return answer,
    }
    let body = [&bytes[..start], &json::line(&value), &bytes[end..]].concat();
    Answer { body: Body::Whole(body), ..answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_is_seen_where_it_is_and_nowhere_else() {
        for (rule, spelt, plain) in [
            ("offset-zero", "limit=3&offset=0", "limit=0&offset=1"),
            ("limit-ten", "limit=10", "limit=100"),
            ("timezone-utc", "timezone=UTC", "timezone=Europe/Paris"),
            ("stated&parameter=with_bom&value=true", "with_bom=true", "with_bom=false"),
            ("trailing-unknown", "limit=1&_=17", "limit=1&sort=nom"),
            ("trailing-unknown", "utm_source=x", "um_source=_"),
            ("name-order", "offset=1&limit=2", "limit=2&offset=1"),
            ("where-order", "where=b=1&where=a=1", "where=a=1&where=b=1"),
            ("white-space", "where=a  = 1", "where=a = \"b  c\""),
            ("white-space", "order_by=a,%09b", "select=a,  b"),
            ("operator-case", "where=a=1 AND b=2", "where=a=1 and b=\"AND\""),
            ("operator-case", "order_by=a Desc", "order_by=ANDREA desc"),
            ("jsonp", "format=jsonp", "format=json"),
        ] {
            let asked = Parameters::parse(&format!("rule={rule}"));
            let spelling = Spelling::read(asked.first("rule").unwrap(), &asked).unwrap().unwrap();
            assert!(spelling.is_in(&Parameters::parse(spelt)), "{rule}: {spelt}");
            assert!(!spelling.is_in(&Parameters::parse(plain)), "{rule}: {plain}");
        }
    }

    #[test]
    fn quotes_are_left_out_with_what_they_escape() {
        assert_eq!(unquoted(r#"a = "x \" AND" AND `b  c` = 'd'"#), r#"a = " AND " = ""#);
    }

    #[test]
    fn a_member_more_is_still_json() {
        let body = |text: &str| twist(Answer::text("application/json", text)).body.collect();
        assert_eq!(body("{\"a\": 1}"), b"{\"a\": 1, \"lie\": true}");
        assert_eq!(body("f([1]);"), b"f([1, \"lie\"]);");
        assert_eq!(body("<p>"), b"<p>");
    }
}
