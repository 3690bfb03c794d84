//! From a query as received to the one spelling that is keyed and sent.

use crate::request::endpoint::{ApiVersion, Endpoint, Family};
use crate::request::language::Language;
use crate::request::odsql;

use super::jsonp::{self, Callback};
use super::rules::{self, Action, RuleSwitches};
use super::{MAX_CANONICAL_BYTES, Pair, QueryFault, RawQuery, clock};

/// The one spelling of a query that is keyed and sent upstream. Nothing else makes one but [`canonicalise`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalQuery(String);

impl CanonicalQuery {
    /// The text without its `?`; empty if there is no parameter.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Path and query of the upstream request.
    pub fn target(&self, endpoint: &Endpoint) -> String {
        if self.0.is_empty() { endpoint.path().to_owned() } else { format!("{}?{}", endpoint.path(), self.0) }
    }
}

/// A query in its canonical form, and what was learnt from it on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    /// What is keyed and sent.
    pub query: CanonicalQuery,
    /// The function that the client wants its JSON wrapped in. The query asks for plain JSON.
    pub jsonp: Option<Callback>,
    /// The answer may move although the data do not.
    pub clock_dependent: bool,
    /// The query itself decides the language of the answer.
    pub lang_in_query: bool,
    /// The dataset that the question is about: the path's, or for v1 the only one that the query names.
    pub dataset: Option<String>,
}

impl Canonical {
    /// The language to key by and to ask the portal for, given the one that the client's `Accept-Language` prefers:
    /// none where the query decides it.
    pub fn language(&self, preferred: Option<Language>) -> Option<Language> {
        if self.lang_in_query { None } else { preferred }
    }
}

/// The canonical form of `raw`, from which the portal's credentials have been taken, by the rules that hold for `endpoint`.
///
/// # Errors
///
/// [`QueryFault::Callback`] for a JSONP callback that is not a name, [`QueryFault::TooLong`] for more than
/// [`MAX_CANONICAL_BYTES`].
pub fn canonicalise(endpoint: &Endpoint, raw: RawQuery, rules: &RuleSwitches) -> Result<Canonical, QueryFault> {
    let clock_dependent = clock::dependent(endpoint, &raw);
    let lang_in_query = decides_language(endpoint, &raw);
    let dataset = endpoint.dataset().map(str::to_owned).or_else(|| only_dataset(endpoint, &raw));
    let actions = rules::applying(endpoint, &raw, rules);
    let mut pairs = raw.0;
    let mut jsonp = None;
    for action in actions {
        match action {
            Action::Jsonp => jsonp = jsonp::unwrapped(&mut pairs)?,
            Action::DropIgnored(names, beginnings) => pairs.retain(|Pair { name, .. }| {
                !names.contains(&name.as_str()) && !beginnings.iter().any(|beginning| name.starts_with(beginning))
            }),
            Action::Whitespace(clauses) => rewrite(&mut pairs, clauses, odsql::with_single_spaces),
            Action::OperatorCase(clauses) => rewrite(&mut pairs, clauses, odsql::with_lower_case_operators),
            Action::DropDefaults(defaults) => drop_defaults(&mut pairs, defaults),
            Action::SortNames => pairs.sort_by(|one, other| one.name.cmp(&other.name)),
            Action::SortRepeated(names) => names.iter().for_each(|name| sort_values(&mut pairs, name)),
        }
    }
    let text = RawQuery(pairs).to_text();
    if text.len() > MAX_CANONICAL_BYTES {
        return Err(QueryFault::TooLong);
    }
    Ok(Canonical { query: CanonicalQuery(text), jsonp, clock_dependent, lang_in_query, dataset })
}

/// Where a default is stated twice, or beside another value, the portal decides which one counts.
fn drop_defaults(pairs: &mut Vec<Pair>, defaults: &[(&str, &str)]) {
    for (name, default) in defaults {
        if let Some(place) = jsonp::only(pairs, name)
            && pairs[place].value.as_deref() == Some(default)
        {
            pairs.remove(place);
        }
    }
}

/// Conditions may be repeated, and each is a text of its own; a second `order_by` is a question for the portal.
fn rewrite(pairs: &mut [Pair], clauses: &[(&str, odsql::Clause)], canonical: fn(odsql::Clause, &str) -> Option<String>) {
    for &(name, clause) in clauses {
        if clause == odsql::Clause::OrderBy && jsonp::only(pairs, name).is_none() {
            continue;
        }
        for value in pairs.iter_mut().filter(|pair| pair.is(name)).filter_map(|pair| pair.value.as_mut()) {
            if let Some(text) = canonical(clause, value) {
                *value = text;
            }
        }
    }
}

/// Sorts the values of the parameters called `name` among the places that these have.
///
/// Conditions only if the portal can parse them all: of two that it cannot, its answer quotes the first.
fn sort_values(pairs: &mut [Pair], name: &str) {
    let places: Vec<usize> = (0..pairs.len()).filter(|&place| pairs[place].is(name)).collect();
    let parses = |place: &usize| pairs[*place].value.as_deref().is_some_and(|text| odsql::is_recognised(odsql::Clause::Where, text));
    if name == "where" && !places.iter().all(parses) {
        return;
    }
    let mut values: Vec<Option<String>> = places.iter().map(|&place| pairs[place].value.take()).collect();
    values.sort();
    for (place, value) in places.into_iter().zip(values) {
        pairs[place].value = value;
    }
}

/// One `lang` that the portal knows, where it is documented (or, for v1, seen) to matter.
fn decides_language(endpoint: &Endpoint, query: &RawQuery) -> bool {
    let heard = match endpoint.version() {
        ApiVersion::V2_0 | ApiVersion::V2_1 => matches!(
            endpoint.family(),
            Family::Catalog | Family::CatalogExport | Family::Dataset | Family::Records | Family::Record | Family::Facets | Family::Export
        ),
        ApiVersion::V1 => matches!(
            endpoint.family(),
            Family::Catalog | Family::Dataset | Family::Records | Family::Record | Family::Analyze | Family::Download | Family::Geo
        ),
        ApiVersion::Other => endpoint.family() == Family::Download,
    };
    let mut values = query.values("lang");
    heard && !query.has_semicolon() && values.next().and_then(Language::from_tag).is_some() && values.next().is_none()
}

fn only_dataset(endpoint: &Endpoint, query: &RawQuery) -> Option<String> {
    let named_in_query = matches!(endpoint.family(), Family::Records | Family::Analyze | Family::Download | Family::Geo);
    let mut names = query.values("dataset");
    match (names.next(), names.next()) {
        (Some(name), None) if endpoint.version() == ApiVersion::V1 && named_in_query && !name.is_empty() => Some(name.to_owned()),
        _ => None,
    }
}
