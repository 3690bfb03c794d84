//! The request target, read once: segments of the path and parameters of the query, both decoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stands for itself in a path or a query.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Percent-encodes a text for a path or a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// Names and values in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// The parameters of a query or a form. `+` and `%20` are spaces.
    pub fn parse(text: &str) -> Self {
        let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// The value of a parameter that has one. Where it is repeated the first one counts.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// As [`first`](Self::first), but an empty value is none.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.trim().is_empty())
    }

    /// All values of a parameter that may be repeated.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The parameters of this name alone.
    pub fn only(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(known, _)| known == name).cloned().collect())
    }

    /// The parameters in one spelling. Names and values are encoded anew, and a key is left out.
    pub fn text(&self) -> String {
        let spelt = self.0.iter().filter(|(name, _)| name != "apikey").map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        spelt.collect::<Vec<_>>().join("&")
    }

    /// The same, sorted by name; those of one name keep their order.
    pub fn sorted(&self) -> Self {
        let mut sorted = self.clone();
        sorted.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        sorted
    }

    /// Names and values of the parameters whose name begins so, without that beginning: `refine.zones` under `refine.`.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, value)| name.strip_prefix(prefix).map(|rest| (rest, value.as_str())))
    }

    /// Whether a flag is set; absent, it is `default`.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        match self.first(name) {
            Some(value) => matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on"),
            None => default,
        }
    }
}

/// A request target.
#[derive(Clone, Debug)]
pub struct Target {
    /// The decoded segments of the path. A trailing slash makes no difference.
    pub segments: Vec<String>,
    /// The parameters of the query.
    pub parameters: Parameters,
}

impl Target {
    /// Reads a target. An absolute one (`http://host/path`) loses its origin.
    pub fn parse(raw: &str) -> Self {
        let local = match raw.split_once("://") {
            Some((_, rest)) if !raw.starts_with('/') => rest.find('/').map_or("/", |at| &rest[at..]),
            _ => raw,
        };
        let (path, query) = local.split_once('?').unwrap_or((local, ""));
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments = path.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect();
        Self { segments, parameters: Parameters::parse(query) }
    }

    /// Path and query in one spelling, which those of one target share; a key is left out.
    pub fn text(&self) -> String {
        self.with_query(&self.parameters)
    }

    /// The same, with the parameters sorted by name.
    pub fn sorted_text(&self) -> String {
        self.with_query(&self.parameters.sorted())
    }

    fn with_query(&self, parameters: &Parameters) -> String {
        format!("/{}?{}", self.segments.join("/"), parameters.text())
    }

    /// The segments, for matching.
    pub fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_target_are_read_alike() {
        let one = Target::parse("/api/v2/catalog/?where=a%20=%20%22%C3%A9%22&limit=1");
        let other = Target::parse("/api/v2/catalog?where=a+%3D+\"é\"&limit=1");
        assert_eq!(one.segments, other.segments);
        assert_eq!(one.parameters, other.parameters);
        assert_eq!(one.parameters.first("where"), Some("a = \"é\""));
        assert_eq!(one.text(), other.text());
        let reversed = Target::parse("/api/v2/catalog/?limit=1&apikey=k&where=a%20=%20%22%C3%A9%22");
        assert_ne!(one.text(), reversed.text());
        assert_eq!(one.sorted_text(), reversed.sorted_text());
    }

    #[test]
    fn the_first_of_repeated_values_counts() {
        assert_eq!(Parameters::parse("limit=1&limit=2").first("limit"), Some("1"));
    }
}
