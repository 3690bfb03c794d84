use super::*;
use crate::request::endpoint::{ApiVersion, Endpoint, Family, classify};

const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/x/records";
const CATALOG: &str = "/api/explore/v2.1/catalog/datasets";
const EXPORT_CSV: &str = "/api/explore/v2.1/catalog/datasets/x/exports/csv";
const EXPORT_JSON: &str = "/api/explore/v2.1/catalog/datasets/x/exports/json";
const CATALOG_EXPORT: &str = "/api/explore/v2.1/catalog/exports/json";
const V1_RECORDS: &str = "/api/records/1.0/search/";
const V2_0_RECORDS: &str = "/api/explore/v2.0/catalog/datasets/x/records";

fn endpoint(path: &str) -> Endpoint {
    classify(path).unwrap()
}

fn canonical(path: &str, query: &str) -> Canonical {
    canonicalise(&endpoint(path), RawQuery::parse(query).unwrap(), &RuleSwitches::default()).unwrap()
}

fn text(path: &str, query: &str) -> String {
    canonical(path, query).query.text().to_owned()
}

fn one_key(path: &str, spellings: &[&str]) {
    for spelling in spellings {
        assert_eq!(text(path, spelling), text(path, spellings[0]), "{path}: {spelling}");
    }
}

fn keys_of_their_own(path: &str, queries: &[&str]) {
    let texts: std::collections::BTreeSet<String> = queries.iter().map(|query| text(path, query)).collect();
    assert_eq!(texts.len(), queries.len(), "{path}: {queries:?} became {texts:?}");
}

#[test]
fn encodings_of_a_character_are_one_everywhere() {
    for path in [RECORDS, V1_RECORDS, V2_0_RECORDS, "/api/explore/v2.1/catalog/facets", "/api/wfs", "/api/explore/v2.1/console"] {
        one_key(
            path,
            &[
                "q=a%20%C3%A9%3D%22x%22",
                "q=a+é=\"x\"",
                "q=a é%3d%22x\"",
                "%71=%61%20%c3%a9=\"x\"",
                "&q=a+%C3%A9%3D%22x%22&",
                "&&q=a+é=\"x\"",
            ],
        );
    }
}

#[test]
fn names_are_sorted_where_no_answer_repeats_their_order() {
    for path in [RECORDS, CATALOG, EXPORT_CSV, V1_RECORDS, V2_0_RECORDS, "/api/v2/catalog/facets", "/explore/dataset/x/download"] {
        assert_eq!(text(path, "b=2&a=1&c=3&a=0"), "a=1&a=0&b=2&c=3", "{path}");
    }
    for path in ["/api/odata/x", "/api/wfs", "/api/csw", "/api/tpf/x", "/api/explore/v2.1/console"] {
        assert_eq!(text(path, "b=2&a=1&c=3&a=0"), "b=2&a=1&c=3&a=0", "{path}");
    }
}

#[test]
fn sixteen_spellings_of_a_v2_1_question_have_one_key() {
    one_key(
        RECORDS,
        &[
            "where=zones%3D%22Zone%20A%22%20and%20annee%20in%20(2024%2C2025)&order_by=start_date%20desc",
            "where=zones=\"Zone A\" and annee in (2024,2025)&order_by=start_date desc",
            "where=zones=\"Zone+A\"+and+annee+in+(2024,2025)&order_by=start_date+desc",
            "order_by=start_date+desc&where=zones=\"Zone+A\"+and+annee+in+(2024,2025)",
            "order_by=start_date+DESC&where=zones=\"Zone+A\"+AND+annee+IN+(2024,2025)",
            "order_by=start_date++DESC&where=zones=\"Zone+A\"++And%0A%09annee++in+(2024,2025)",
            "limit=10&order_by=start_date+desc&where=zones=\"Zone+A\"+and+annee+in+(2024,2025)",
            "offset=0&limit=10&order_by=start_date+desc&where=zones=\"Zone+A\"+and+annee+in+(2024,2025)",
            "offset=0&timezone=UTC&order_by=start_date+desc&where=zones=\"Zone+A\"+and+annee+in+(2024,2025)",
            "_=1700000000&order_by=start_date+desc&where=zones=\"Zone+A\"+and+annee+in+(2024,2025)",
            "utm_source=mail&order_by=start_date+desc&utm_campaign=x&where=zones=\"Zone+A\"+and+annee+in+(2024,2025)",
            "%6Fffset=%30&order_by=start_date+desc&where=zones=\"Zone+A\"+and+annee+in+(2024,2025)",
            "where=zones%3d%22Zone%20A%22%20and%20annee%20in%20%282024%2c2025%29&order_by=start_date%20desc",
            "&where=zones=\"Zone A\" and annee in (2024,2025)&order_by=start_date desc&",
            "order_by=start_date desc&where=zones=\"Zone%20A\" AND annee in (2024,2025)&timezone=UTC",
            "_&where=zones=\"Zone A\" and annee in (2024,2025)&order_by=start_date%0D%0Adesc",
        ],
    );
}

#[test]
fn defaults_are_dropped_endpoint_by_endpoint() {
    for path in [RECORDS, CATALOG] {
        assert_eq!(text(path, "limit=10&offset=0&timezone=UTC&lang=fr"), "lang=fr", "{path}");
        assert_eq!(text(path, "limit=-1"), "limit=-1", "{path}");
    }
    let console = "limit=-1&offset=0&timezone=UTC&use_labels=false&compressed=false&epsg=4326";
    assert_eq!(text(EXPORT_JSON, console), "offset=0");
    assert_eq!(text(CATALOG_EXPORT, console), "compressed=false&epsg=4326&use_labels=false");
    assert_eq!(text(EXPORT_CSV, "delimiter=%3B&quote_all=false&with_bom=true&list_separator=,"), "list_separator=,");
    assert_eq!(text(EXPORT_JSON, "delimiter=%3B&limit=10"), "delimiter=%3B&limit=10");
    assert_eq!(text(V2_0_RECORDS, "limit=10&offset=0&timezone=UTC&_=1"), "_=1&limit=10&offset=0&timezone=UTC");
    assert_eq!(text(V1_RECORDS, "rows=10&start=0&_=1"), "_=1&rows=10&start=0");
}

#[test]
fn only_the_exact_text_of_a_default_stated_once_is_one() {
    for query in [
        "limit=10&limit=100",
        "limit=10&limit=10",
        "limit",
        "limit=",
        "limit=010",
        "limit=10%20",
        "limit=%2010",
        "Limit=10",
        "limit%5B%5D=10",
        "timezone=utc",
        "offset=-0",
        "offset=0.0",
    ] {
        assert_ne!(text(RECORDS, query), "", "{query}");
    }
    keys_of_their_own(RECORDS, &["limit=10&limit=100", "limit=100&limit=10", "limit=100", "", "limit=10&limit=10"]);
}

#[test]
fn an_answer_that_may_carry_links_is_keyed_by_every_parameter() {
    for links in ["include_links=true", "include_links=false", "include_links", "include_app_metas=true"] {
        keys_of_their_own(
            RECORDS,
            &[
                links,
                &format!("{links}&limit=10"),
                &format!("{links}&_=1"),
                &format!("{links}&where=a  = 1"),
                &format!("{links}&where=a = 1"),
                &format!("{links}&refine=a:1&refine=b:2"),
                &format!("{links}&refine=b:2&refine=a:1"),
            ],
        );
        assert_eq!(text(RECORDS, &format!("z=1&{links}&a=1")), text(RECORDS, &format!("a=1&z=1&{links}")));
    }
    for path in [
        "/api/explore/v2.1/catalog/facets",
        "/api/explore/v2.1/catalog/datasets/x/facets",
        "/api/explore/v2.1/catalog/datasets/x/exports",
        "/api/explore/v2.1/catalog/datasets/x",
        "/api/explore/v2.1/catalog/exports/rss",
        "/api/explore/v2.1/catalog/exports/dcat_ap_it",
        "/api/explore/v2.1/catalog/datasets/x/exports/turtle",
    ] {
        keys_of_their_own(
            path,
            &["", "timezone=UTC", "limit=-1", "_=1", "where=a  = 1", "where=a = 1", "where=a = 1&where=b", "where=b&where=a = 1"],
        );
    }
}

#[test]
fn the_order_of_repeated_conditions_is_free_and_that_of_everything_else_is_not() {
    for name in ["where", "refine", "exclude"] {
        one_key(RECORDS, &[&format!("{name}=a&{name}=b&{name}=a"), &format!("{name}=b&{name}=a&{name}=a")]);
        keys_of_their_own(
            RECORDS,
            &[&format!("{name}=a"), &format!("{name}=a&{name}=a"), &format!("{name}=a&{name}"), &format!("{name}=a&{name}=")],
        );
    }
    for name in ["select", "order_by", "group_by", "facet", "qv1", "lang", "limit", "x"] {
        keys_of_their_own(
            RECORDS,
            &[&format!("{name}=a&{name}=b"), &format!("{name}=b&{name}=a"), &format!("{name}=a"), &format!("{name}=b")],
        );
    }
    for path in [V1_RECORDS, V2_0_RECORDS] {
        keys_of_their_own(path, &["refine=a&refine=b", "refine=b&refine=a", "where=a&where=b", "where=b&where=a"]);
    }
    assert_eq!(text(RECORDS, "where=b AND c&where=a  OR b"), "where=a%20or%20b&where=b%20and%20c", "sorted once they are canonical");
}

#[test]
fn a_condition_that_the_portal_may_quote_in_an_error_is_left_alone() {
    for condition in [
        "a  AND",
        "((a  = 1)",
        "a  != 1",
        "a = \"x  AND",
        "a  == 1",
        "a NOT  IN (1)",
        "foo(a)  = 1",
        "10km  = a",
        "a = 1  b",
        "\"x\"AND  b",
    ] {
        let query = format!("where={}", condition.replace(' ', "+").replace('=', "%3D"));
        let kept = RawQuery::parse(&text(RECORDS, &query)).unwrap();
        assert_eq!(kept.values("where").collect::<Vec<_>>(), [condition]);
        keys_of_their_own(RECORDS, &[&format!("where=a&{query}"), &format!("{query}&where=a")]);
    }
}

#[test]
fn what_becomes_names_in_the_answer_is_bytes() {
    for name in ["select", "group_by", "facet", "qv1", "q", "refine"] {
        keys_of_their_own(
            RECORDS,
            &[&format!("{name}=a AND b"), &format!("{name}=a and b"), &format!("{name}=a  and b"), &format!("{name}= a and b")],
        );
    }
    keys_of_their_own(RECORDS, &["select=a,b", "select=b,a", "select=a, b"]);
}

#[test]
fn strings_names_and_units_are_bytes() {
    keys_of_their_own(
        RECORDS,
        &[
            "where=a=\"x  AND y\"",
            "where=a=\"x AND y\"",
            "where=a=\"x and y\"",
            "where=a='x and y'",
            "where=`a  b` = 1",
            "where=`a b` = 1",
            "where=`A B` = 1",
            "where=within_distance(p, geom'POINT(1  1)', 1km)",
            "where=within_distance(p, geom'POINT(1 1)', 1km)",
            "where=within_distance(p, geom'POINT(1 1)', 1m)",
            "where=range(d, 1M) = 1",
            "where=range(d, 1m) = 1",
            "where=a = 1",
            "where=a =1",
            "where= a = 1",
            "where=A = 1",
        ],
    );
    one_key(RECORDS, &["where=  a = 1  ", "where= a = 1 ", "where=%0Aa%09=+1%0D%0A"]);
    one_key(RECORDS, &["where=a IS NOT NULL", "where=a is not null", "where=a  Is%0Anot NULL"]);
    one_key(CATALOG, &["order_by=title ASC, modified  DESC", "order_by=title asc, modified desc"]);
    keys_of_their_own(CATALOG, &["order_by=title ASC", "order_by=title"]);
}

#[test]
fn values_that_mean_nothing_to_us_are_kept() {
    keys_of_their_own(
        RECORDS,
        &["", "q", "q=", "=", "=q", "sort=", "rows=1", "statut%3D%22x%22", "statut=%22x%22", "limit[]=1", "limit[]=2"],
    );
}

#[test]
fn a_raw_semicolon_is_sent_as_it_was_written() {
    assert_eq!(text(RECORDS, "limit=10;offset=0&z=1&a=2"), "limit=10;offset=0&z=1&a=2");
    assert_eq!(text(RECORDS, "where=a;"), "where=a;");
    assert_eq!(text(RECORDS, ";"), ";");
    assert_eq!(text(RECORDS, ";;a&&b"), ";;a&b");
    keys_of_their_own(RECORDS, &["a=1;b=2", "a=1%3Bb=2", "a=1;b%3D2", "a=1&b=2", "a=1;", "a=1", "a=1;;"]);
}

#[test]
fn what_cannot_be_read_says_where_and_what_to_do() {
    let fault = |query: &str| RawQuery::parse(query).unwrap_err();
    assert_eq!(fault("a=1&b=%zz"), QueryFault::Escape { at: 6 });
    assert_eq!(fault("a=1&&b=2;c%4"), QueryFault::Escape { at: 10 });
    assert_eq!(fault("where=a like \"%A%\""), QueryFault::Escape { at: 14 });
    assert_eq!(fault("a=1&b=x%ff"), QueryFault::NotUtf8 { at: 7 });
    assert_eq!(fault("a=1#b"), QueryFault::Fragment { at: 3 });
    assert_eq!(fault(&"a&".repeat(MAX_PARAMETERS + 1)), QueryFault::TooManyParameters);
    assert_eq!(fault(&"a;".repeat(MAX_PARAMETERS)), QueryFault::TooManyParameters);
    assert!(RawQuery::parse(&"a&".repeat(MAX_PARAMETERS)).is_ok());
    let long = RawQuery::parse(&"é".repeat(MAX_CANONICAL_BYTES / 6 + 1)).unwrap();
    assert_eq!(canonicalise(&endpoint(RECORDS), long, &RuleSwitches::default()), Err(QueryFault::TooLong));
}

#[test]
fn jsonp_is_asked_for_as_json_and_its_callback_checked() {
    for (query, plain, callback) in [
        ("format=jsonp&callback=f&dataset=x", "dataset=x&format=json", Some("f")),
        ("callback=angular.callbacks._0&format=geojsonp", "format=geojson", Some("angular.callbacks._0")),
        ("format=jsonp", "format=jsonp", None),
        ("format=json&callback=f", "callback=f&format=json", None),
        ("callback=f", "callback=f", None),
        ("format=jsonp&callback=f&callback=g", "callback=f&callback=g&format=jsonp", None),
        ("format=jsonp&format=json&callback=f", "callback=f&format=jsonp&format=json", None),
    ] {
        let canonical = canonical(V1_RECORDS, query);
        assert_eq!((canonical.query.text(), canonical.jsonp.as_ref().map(Callback::as_str)), (plain, callback), "{query}");
    }
    for callback in ["", "a(", "alert(1)//", "<script>", "é", "a%0Ab", &"x".repeat(65)] {
        let raw = RawQuery::parse(&format!("format=jsonp&callback={callback}")).unwrap();
        assert_eq!(canonicalise(&endpoint(V1_RECORDS), raw, &RuleSwitches::default()), Err(QueryFault::Callback), "{callback}");
    }
    assert_eq!(canonical(RECORDS, "format=jsonp&callback=f").jsonp, None);
}

#[test]
fn questions_about_now_or_by_lot_depend_on_the_clock() {
    for (path, query) in [
        (RECORDS, "where=d > now()"),
        (RECORDS, "where=d > NOW (days=-1)"),
        (RECORDS, "select=now() as t"),
        (RECORDS, "order_by=random()"),
        (RECORDS, "where=d > now() and a = \"unclosed"),
        (RECORDS, "where=a = \"x > now()"),
        (RECORDS, "qv1=d>%23now()"),
        (RECORDS, "where=a;b>now()"),
        (V1_RECORDS, "q=d>=%23now(days=-1)"),
        (V1_RECORDS, "q=d%3E%23Now()"),
        ("/api/records/1.0/analyze", "y.s.expr=random()*2"),
        ("/api/odata/x", "$filter=d gt now()"),
    ] {
        assert!(canonical(path, query).clock_dependent, "{path}?{query}");
    }
    for (path, query) in [
        (RECORDS, "where=a = \"now()\""),
        (RECORDS, "where=`now` = 1"),
        (RECORDS, "where=known(a)"),
        (RECORDS, "order_by=random(1)"),
        (V1_RECORDS, "q=now"),
        (V1_RECORDS, "q=knowledge"),
    ] {
        assert!(!canonical(path, query).clock_dependent, "{path}?{query}");
    }
}

#[test]
fn one_known_lang_decides_the_language_where_it_is_heard() {
    use crate::request::language::Language;
    for (path, query, decided) in [
        (RECORDS, "lang=fr", true),
        (V1_RECORDS, "lang=sv", true),
        ("/api/explore/v2.1/catalog/datasets/x/facets", "lang=fr", true),
        ("/api/explore/v2.1/catalog/facets", "lang=fr", false),
        ("/api/explore/v2.1/catalog/datasets/x/attachments", "lang=fr", false),
        (RECORDS, "lang=FR", false),
        (RECORDS, "lang=", false),
        (RECORDS, "lang=fr&lang=fr", false),
        (RECORDS, "lang=fr;x", false),
        (RECORDS, "", false),
        ("/api/wfs", "lang=fr", false),
    ] {
        let canonical = canonical(path, query);
        assert_eq!(canonical.lang_in_query, decided, "{path}?{query}");
        let english = Language::from_tag("en");
        assert_eq!(canonical.language(english), if decided { None } else { english });
    }
}

#[test]
fn the_dataset_comes_from_the_path_or_from_a_v1_query_that_names_one() {
    assert_eq!(canonical(RECORDS, "dataset=y").dataset.as_deref(), Some("x"));
    assert_eq!(canonical(V1_RECORDS, "dataset=y").dataset.as_deref(), Some("y"));
    assert_eq!(canonical(V1_RECORDS, "dataset=y&dataset=z").dataset, None);
    assert_eq!(canonical(V1_RECORDS, "dataset=").dataset, None);
    assert_eq!(canonical("/api/datasets/1.0/search", "dataset=y").dataset, None);
    assert_eq!(canonical(CATALOG, "dataset=y").dataset, None);
}

#[test]
fn a_rule_can_be_switched_off_for_one_family() {
    let rules = RuleSwitches::default();
    rules.switch_off(Rule::DropDefaults, ApiVersion::V2_1, Family::Records);
    rules.switch_off(Rule::SortNames, ApiVersion::V2_1, Family::Records);
    let with =
        |path: &str, query: &str| canonicalise(&endpoint(path), RawQuery::parse(query).unwrap(), &rules).unwrap().query.text().to_owned();
    assert_eq!(with(RECORDS, "where=b&limit=10&where=a&_=1"), "where=a&limit=10&where=b");
    assert_eq!(with(CATALOG, "where=b&limit=10&where=a&_=1"), "where=a&where=b");
    let copy = rules.clone();
    assert!(rules.switch_on(Rule::SortNames, ApiVersion::V2_1, Family::Records));
    assert!(!rules.switch_on(Rule::SortNames, ApiVersion::V2_1, Family::Records), "it is on already");
    assert_eq!(copy.switched_off().count(), 2, "a copy is switched by itself");
    assert_eq!(rules.switched_off().collect::<Vec<_>>(), [(Rule::DropDefaults, ApiVersion::V2_1, Family::Records)]);
}

#[test]
fn every_rule_has_rows_and_every_row_its_evidence() {
    for rule in Rule::ALL {
        assert!(rules::TABLE.iter().any(|row| row.action.rule() == *rule), "{rule:?}");
    }
    for row in rules::TABLE {
        assert!(row.evidence.starts_with("docs/portal.md#"), "{row:?}");
        assert!(!row.families.is_empty(), "{row:?}");
    }
}

#[test]
fn debug_output_shows_names_alone() {
    let query = RawQuery::parse("apikey=SECRET&q=1").unwrap();
    assert!(!format!("{query:?}").contains("SECRET"));
}
