//! What holds for every query: the canonical form is final, spellings that the rules call equal share it, and nothing else does.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::request::endpoint::{Endpoint, classify};
use crate::request::odsql;

/// One endpoint for each kind of rule set.
const PATHS: [&str; 12] = [
    "/api/explore/v2.1/catalog/datasets/x/records",
    "/api/explore/v2.1/catalog/datasets",
    "/api/explore/v2.1/catalog/datasets/x/exports/csv",
    "/api/explore/v2.1/catalog/exports/json",
    "/api/explore/v2.1/catalog/exports/rss",
    "/api/explore/v2.1/catalog/datasets/x/facets",
    "/api/explore/v2.1/console",
    "/api/explore/v2.0/catalog/datasets/x/records",
    "/api/v2/catalog/datasets/x/exports/json",
    "/api/records/1.0/search",
    "/api/odata/x",
    "/explore/dataset/x/download",
];

/// Endpoints with all rules.
const ROWS: [&str; 4] = [PATHS[0], PATHS[1], PATHS[2], PATHS[3]];

fn canonical(endpoint: &Endpoint, query: &str) -> Result<String, QueryFault> {
    let canonical = canonicalise(endpoint, RawQuery::parse(query)?, &RuleSwitches::default())?;
    Ok(canonical.query.text().to_owned())
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    select(&PATHS[..]).prop_map(|path| classify(path).unwrap())
}

fn any_rows_endpoint() -> impl Strategy<Value = Endpoint> {
    select(&ROWS[..]).prop_map(|path| classify(path).unwrap())
}

fn any_name() -> impl Strategy<Value = String> {
    let known = select(vec![
        "where",
        "order_by",
        "select",
        "group_by",
        "refine",
        "exclude",
        "facet",
        "limit",
        "offset",
        "timezone",
        "lang",
        "_",
        "utm_x",
        "q",
        "format",
        "callback",
        "include_links",
        "dataset",
        "use_labels",
        "delimiter",
        "refine.zones",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

fn any_value() -> impl Strategy<Value = Option<String>> {
    let known =
        select(vec!["10", "-1", "0", "UTC", "fr", ";", "false", "jsonp", "f", "a AND  b", "a  desc", "a", "b", "\"x  y\"", "1M", "1m", ""]);
    prop_oneof![
        4 => known.prop_map(|value| Some(value.to_owned())),
        2 => odsql::tests::any_condition().prop_map(Some),
        1 => "\\PC{0,12}".prop_map(Some),
        1 => Just(None),
    ]
}

type Parameter = (String, Option<String>);

fn parameter(name: &str, value: &str) -> Parameter {
    (name.to_owned(), Some(value.to_owned()))
}

/// Choices among the ways to write each character.
fn any_spelling() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..20)
}

fn any_parameters() -> impl Strategy<Value = Vec<Parameter>> {
    prop::collection::vec((any_name(), any_value()), 0..7)
}

/// Text that decodes to these parameters; `spelling` chooses among the ways to write each byte.
fn written(parameters: &[Parameter], spelling: &[u8]) -> String {
    let mut choices = spelling.iter().cycle();
    let mut spelled = |text: &str| {
        let mut out = String::new();
        for character in text.chars() {
            let choice = choices.next().copied().unwrap_or(0) % 4;
            let safe_raw = !matches!(character, '&' | '=' | ';' | '+' | '%' | '#' | ' ');
            match (character, choice) {
                (' ', 0) => out.push('+'),
                (' ', 1) => out.push(' '),
                (character, 0 | 1) if safe_raw => out.push(character),
                (character, choice) => {
                    for byte in character.to_string().bytes() {
                        out.push_str(&if choice == 2 { format!("%{byte:02x}") } else { format!("%{byte:02X}") });
                    }
                }
            }
        }
        out
    };
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{}={}", spelled(name), spelled(value)),
            None => spelled(name),
        })
        .collect();
    parameters.join("&")
}

/// What a reader of the query gets: the parameters, without the empty ones that nobody sees.
fn seen(parameters: &[Parameter]) -> Vec<Parameter> {
    parameters.iter().filter(|(name, value)| !name.is_empty() || value.is_some()).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn canonicalising_twice_changes_nothing(endpoint in any_endpoint(), parameters in any_parameters(), spelling in any_spelling()) {
        if let Ok(once) = canonical(&endpoint, &written(&parameters, &spelling)) {
            prop_assert_eq!(canonical(&endpoint, &once), Ok(once));
        }
    }

    #[test]
    fn the_canonical_target_is_a_fixed_point_of_the_client_librarys_urls(
        endpoint in any_endpoint(), query in "(\\PC|[a-c]=|&|;|%[2-7][0-9A-F]|\\+){0,30}",
    ) {
        let Ok(raw) = RawQuery::parse(&query) else { return Ok(()) };
        let Ok(canonical) = canonicalise(&endpoint, raw, &RuleSwitches::default()) else { return Ok(()) };
        let target = canonical.query.target(&endpoint);
        let text = format!("https://portal.example{target}");
        let url = reqwest::Url::parse(&text).unwrap();
        prop_assert_eq!(url.as_str(), &text);
        let uri: http::Uri = text.parse().unwrap();
        prop_assert_eq!(uri.path_and_query().unwrap().as_str(), &target);
        prop_assert_eq!(uri.query().unwrap_or_default(), canonical.query.text());
    }

    #[test]
    fn all_encodings_of_a_query_have_one_key(
        endpoint in any_endpoint(), parameters in any_parameters(), one in any_spelling(), other in any_spelling(),
    ) {
        prop_assert_eq!(canonical(&endpoint, &written(&parameters, &one)), canonical(&endpoint, &written(&parameters, &other)));
    }

    /// The order of names is free wherever a rule says so; the order within a name is kept.
    #[test]
    fn the_order_of_names_is_free(
        endpoint in any_endpoint(), parameters in any_parameters(), swaps in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        prop_assume!(rules::TABLE.iter().any(|row| row.action.rule() == Rule::SortNames && row.covers(&endpoint)));
        let mut shuffled = parameters.clone();
        for swap in swaps {
            if shuffled.len() > 1 {
                let at = swap.index(shuffled.len() - 1);
                if shuffled[at].0 != shuffled[at + 1].0 {
                    shuffled.swap(at, at + 1);
                }
            }
        }
        prop_assert_eq!(canonical(&endpoint, &written(&shuffled, &[3])), canonical(&endpoint, &written(&parameters, &[3])));
    }

    /// Noise that the rules of v2.1 rows call insignificant.
    #[test]
    fn what_the_rules_call_equal_has_one_key(
        endpoint in any_rows_endpoint(),
        conditions in prop::collection::vec(odsql::tests::any_condition(), 1..4),
        refined in prop::collection::vec("[a-c]:[a-c]", 0..3),
        rotate in 0..4_usize, stated in any::<bool>(), ignored in any::<bool>(), spaced in any::<bool>(),
    ) {
        let conditions = conditions.iter().map(|text| parameter("where", text));
        let plain: Vec<Parameter> = conditions.chain(refined.iter().map(|text| parameter("refine", text))).collect();
        let mut noisy = plain.clone();
        noisy.rotate_left(rotate % plain.len());
        if spaced {
            for (_, value) in noisy.iter_mut().filter(|(name, _)| name == "where") {
                *value = value.as_ref().map(|text| respaced(text));
            }
        }
        if stated {
            let limit = if endpoint.format().is_some() { "-1" } else { "10" };
            noisy.insert(0, parameter("timezone", "UTC"));
            noisy.push(parameter("limit", limit));
        }
        if ignored {
            noisy.insert(noisy.len() / 2, parameter("_", "17"));
            noisy.push(("utm_medium".to_owned(), None));
        }
        prop_assert_eq!(canonical(&endpoint, &written(&noisy, &[0, 3])), canonical(&endpoint, &written(&plain, &[1, 2])));
    }

    /// Where only the order of names is free, a query can be read back from its key.
    #[test]
    fn without_further_rules_different_parameters_have_different_keys(
        endpoint in any_endpoint(), one in any_parameters(), other in any_parameters(),
    ) {
        prop_assume!(!ROWS.contains(&endpoint.path()) && !endpoint.path().contains("/api/records/"));
        let sorts = rules::TABLE.iter().any(|row| row.action.rule() == Rule::SortNames && row.covers(&endpoint));
        let meant = |parameters: &[Parameter]| {
            let mut seen = seen(parameters);
            if sorts {
                seen.sort_by(|one, other| one.0.cmp(&other.0));
            }
            seen
        };
        let keys = (canonical(&endpoint, &written(&one, &[3])), canonical(&endpoint, &written(&other, &[3])));
        prop_assert_eq!(keys.0 == keys.1, meant(&one) == meant(&other), "{:?}", keys);
    }

    /// On the endpoints with most rules, what must stay apart does: texts that become names, strings, units, repeated
    /// single values.
    #[test]
    fn what_may_change_an_answer_never_shares_a_key(
        endpoint in any_rows_endpoint(), name in select(vec!["select", "group_by", "facet", "qv1", "lang", "x"]),
        one in "[a-bA-B, \"1mM]{0,4}", other in "[a-bA-B, \"1mM]{0,4}",
    ) {
        prop_assume!(one != other);
        let key = |parameters: &[Parameter]| canonical(&endpoint, &written(parameters, &[3]));
        prop_assert_ne!(key(&[parameter(name, &one)]), key(&[parameter(name, &other)]));
        let equals = |text: &str| parameter("where", &format!("f = \"{}\"", text.replace('"', "\\\"")));
        prop_assert_ne!(key(&[equals(&one)]), key(&[equals(&other)]));
        let (first, second) = (parameter("limit", &one), parameter("limit", &other));
        prop_assert_ne!(key(&[first.clone(), second.clone()]), key(&[second, first.clone()]));
        prop_assert_ne!(key(&[parameter("limit", "10"), first.clone()]), key(&[first]));
    }

    #[test]
    fn a_query_with_a_raw_semicolon_can_be_read_back(endpoint in any_endpoint(), one in with_semicolons(), other in with_semicolons()) {
        prop_assert_eq!(canonical(&endpoint, &one), Ok(one.clone()));
        prop_assert_eq!(canonical(&endpoint, &one) == canonical(&endpoint, &other), one == other);
    }

    #[test]
    fn no_text_makes_it_panic(endpoint in any_endpoint(), query in "(\\PC|%|&|;|=|where=|order_by=|format=jsonp|callback=|#){0,30}") {
        let _ = canonical(&endpoint, &query);
    }
}

/// Canonical text with at least one raw semicolon.
fn with_semicolons() -> impl Strategy<Value = String> {
    "([a-c]|%3B|limit)?(=(10|%3B|[a-c])?)?(;([a-c]|limit)?(=(10|%3B|[a-c])?)?){1,3}(&limit=10)?"
}

/// `condition` with every run of white space and every operator word written differently.
fn respaced(condition: &str) -> String {
    odsql::tokens(condition)
        .map(|token| match token.kind {
            odsql::Kind::Space => "\t \n".to_owned(),
            _ if odsql::is_operator(&token) => token.text.to_ascii_uppercase(),
            _ => token.text.to_owned(),
        })
        .collect()
}
