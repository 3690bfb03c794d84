use proptest::prelude::*;

use super::*;

fn kinds(text: &str) -> Vec<(Kind, &str)> {
    tokens(text).map(|token| (token.kind, token.text)).collect()
}

#[test]
fn literals_are_single_tokens() {
    use Kind::*;
    assert_eq!(
        kinds(r#"`a\`b`>=date'2024-01-01' AND x='it\'s "so"'"#),
        [
            (Name, r"`a\`b`"),
            (Mark, ">="),
            (Text, "date'2024-01-01'"),
            (Space, " "),
            (Word, "AND"),
            (Space, " "),
            (Word, "x"),
            (Mark, "="),
            (Text, r#"'it\'s "so"'"#)
        ]
    );
    assert_eq!(kinds("GEOM\"POINT(1 1)\""), [(Text, "GEOM\"POINT(1 1)\"")]);
    assert_eq!(kinds("date '2024'"), [(Word, "date"), (Space, " "), (Text, "'2024'")]);
    assert_eq!(
        kinds("10km 1.5 a.b 1..5"),
        [(Word, "10km"), (Space, " "), (Word, "1.5"), (Space, " "), (Word, "a.b"), (Space, " "), (Word, "1"), (Mark, ".."), (Word, "5")]
    );
    assert_eq!(kinds(" \t\r\n\u{a0}"), [(Space, " \t\r\n"), (Mark, "\u{a0}")]);
}

#[test]
fn what_is_never_closed_is_one_token_to_the_end() {
    for text in ["\"a  AND", "'a  AND", "`a  AND", "date'a  AND", "\"a\\\"  AND", "'\\"] {
        assert_eq!(kinds(text), [(Kind::Unterminated, text)]);
        assert_eq!(with_single_spaces(Clause::Where, &format!("b  = 1 AND {text}")), None);
    }
}

#[test]
fn real_conditions_are_recognised() {
    for condition in [
        "zones=\"Zone A\"",
        "zones = 'Zone C' and start_date<=\"2026-01-01\" and end_date>=\"2025-09-01\"",
        "code_dept in (\"02\",\"59\", '60') and rentree_scolaire=\"2024\"",
        "code_postal like \"57290\" or code_commune like \"Fameck\"",
        "libelle_nature like \"LYCEE\" and search(nom_etablissement, \"Jean\")",
        "search(nom, \"a\") OR search(commune, \"b\") OR id=\"0750001A\"",
        "nom_commune=  \"La Rochelle\" ",
        "annee=\"2024\" and (zones=\"A\" or zones=\"B\") and not population =\"Enseignants\"",
        "ecole_maternelle=1 AND ecole_elementaire=1 AND etat=\"OUVERT\"",
        "start_date>=date'2024-01-07' AND start_date<date'2025-01-07'",
        "(`code_postal`=\"75011\") AND (search(\"Collège d'été\"))",
        "within_distance(position, geom'POINT(2.3 48.8)', 1.5km)",
        "in_bbox(position, 48.1, -2, 49, 3.5)",
        "\"plein texte\"",
        "ouvert and not ferme",
        "a is not null and b is true and c = false",
        "\"Paris\" in villes",
        "startswith(nom, \"Jean\")",
        "suggest(*, \"jea\")",
        "year(d) = 2024 and length(nom) > 3 and lower(nom) = 'x' and date_format(d, 'yyyy') = \"2024\"",
        "d > now(days=-1, hour=0) or d < now()",
        "ifnull(a, 0) + b * 2 >= -1.5",
        "default.title like \"x\"",
        "dataset_id in (\"a\",\"b\")",
        "modified>2020",
        "((((a))))",
    ] {
        assert!(is_recognised(Clause::Where, condition), "{condition}");
        assert!(is_recognised(Clause::Where, &condition.replace("and", "AND").replace("not", "Not")), "{condition}");
    }
    for ordering in
        ["start_date", "id desc", "type, commune ASC", "count(*) desc, sum(a)", "random(42)", "a+b desc", "-1", "year(d)", "`a b` asc"]
    {
        assert!(is_recognised(Clause::OrderBy, ordering), "{ordering}");
    }
}

#[test]
fn doubtful_conditions_are_left_to_the_portal() {
    for condition in [
        "",
        " ",
        "BADSYNTAX((",
        "a =",
        "= a",
        "a = 1 b",
        "a = 1)",
        "(a = 1",
        "a != 1",
        "a == 1",
        "a <> 1",
        "a in ()",
        "a in (1,)",
        "a like b",
        "a is 1",
        "a not in (1)",
        "position within distance(1, 2, 3m)",
        "unknown(a) = 1",
        "search (a, \"x\")",
        "search(a)",
        "within_distance(p, geom'x', 1parsec)",
        "within_distance(p, geom'x', 10 km)",
        "in_bbox(p, 1, 2, 3)",
        "a=\"x\"and b",
        "year = 2024",
        "10km = 1",
        "1 = 1and",
        "a in [1 TO 5]",
        "\"x\" = a",
        "a + \"x\" = 1",
        "élève = 1",
        "a.b.c = 1",
        "a; b",
        "a.",
        "a - ",
        "now( = 1",
    ] {
        assert!(!is_recognised(Clause::Where, condition), "{condition}");
    }
    for ordering in ["", ",", "a,", "a desc asc", "-a", "\"x\"", "a b", "random()", "sum()", "count(*", "distance(p, geom'x')"] {
        assert!(!is_recognised(Clause::OrderBy, ordering), "{ordering}");
    }
    let deep = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
    assert!(is_recognised(Clause::Where, &deep(32)));
    assert!(!is_recognised(Clause::Where, &deep(33)));
    assert!(!is_recognised(Clause::Where, &deep(20_000)));
}

/// Texts made of the pieces that matter, sensible or not.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "`b  c`",
        "\"x  AND\"",
        "'y'",
        "date'2024'",
        "geom'P'",
        "1",
        "10km",
        "1M",
        "1m",
        "AND",
        "or",
        "NOT",
        "In",
        "LIKE",
        "IS",
        "Null",
        "TRUE",
        "asc",
        "DESC",
        " ",
        "  ",
        "\t",
        "\n ",
        "(",
        ")",
        ",",
        "=",
        ">=",
        "..",
        ".",
        "-",
        "\\",
        "\"",
        "'",
        "`",
        "é",
        "\u{a0}",
        "now",
        "search(",
    ];
    prop::collection::vec(proptest::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

/// Conditions that the portal parses, in any spelling of case and white space.
pub(crate) fn any_condition() -> impl Strategy<Value = String> {
    let atom = proptest::sample::select(vec![
        "a=1",
        "`b  c`\t<= \"x  AND\"",
        "d >=  date'2024'",
        "a  Like 'OR  y'",
        "b IS  Not\nNULL",
        "c In (1,  \"NOT  in\")",
        "search(*,  \"z\")",
        "NOT  e",
        "within_distance(p, geom'POINT(1  1)',  10km)",
    ]);
    atom.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        let joint = proptest::sample::select(vec![" and ", " AND  ", "\nor ", " Or\t"]);
        prop_oneof![
            (inner.clone(), joint, inner.clone()).prop_map(|(one, joint, other)| one + joint + &other),
            inner.prop_map(|one| format!("( {one})"))
        ]
    })
}

/// Tokens up to what carries no meaning.
fn meaning(text: &str) -> Vec<(Kind, String)> {
    tokens(text)
        .map(|token| match token.kind {
            Kind::Space => (token.kind, " ".to_owned()),
            _ if is_operator(&token) => (token.kind, token.text.to_ascii_lowercase()),
            _ => (token.kind, token.text.to_owned()),
        })
        .collect()
}

proptest! {
    #[test]
    fn no_byte_is_lost(text in prop_oneof![any_text(), "\\PC{0,30}"]) {
        prop_assert_eq!(tokens(&text).map(|token| token.text).collect::<String>(), text);
    }

    #[test]
    fn the_canonical_text_has_the_same_tokens(text in prop_oneof![any_text(), any_condition()]) {
        for clause in [Clause::Where, Clause::OrderBy] {
            for rewrite in [with_single_spaces, with_lower_case_operators] {
                if let Some(canonical) = rewrite(clause, &text) {
                    prop_assert_eq!(meaning(&canonical), meaning(&text));
                    prop_assert_eq!(rewrite(clause, &canonical), Some(canonical));
                }
            }
        }
    }

    #[test]
    fn valid_conditions_are_recognised_and_end_in_one_spelling(condition in any_condition()) {
        let canonical = with_single_spaces(Clause::Where, &condition).and_then(|text| with_lower_case_operators(Clause::Where, &text));
        let canonical = canonical.ok_or_else(|| TestCaseError::fail(condition.clone()))?;
        prop_assert_eq!(canonical, meaning(&condition).into_iter().map(|(_, text)| text).collect::<String>());
    }
}
