//! The literals of a question: what of it is a value and not a form. Pure.
//!
//! Of a question that was asked for a thousand items, one literal differs and all else is the same: the question with that literal taken out
//! is the template of the thousand. Literals are looked for where items are named: in `where`, in `refine` and in `q`.

use crate::request::odsql::{self, Kind, Token};
use crate::request::query::RawQuery;

/// Literals of one question that are considered. Who names more asks for many items at once, as one should.
const MOST: usize = 8;
/// Stands in a template for the literal.
pub const TAKEN_OUT: &str = "…";

/// A question without one of its literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Varied {
    /// Path and query, decoded, with [`TAKEN_OUT`] in place of the literal: the same for all questions that differ in it alone.
    pub template: String,
    /// The literal as it is written, with its quotes.
    pub literal: String,
    /// Where it stands.
    pub place: Place,
}

/// Where a literal stands, which decides how several could be asked for at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `where=field = literal`, or one of `field in (literal, …)`.
    Where {
        /// As it is written.
        field: String,
    },
    /// `refine=field:literal` of v2.
    Refine {
        /// As it is written.
        field: String,
    },
    /// `refine.field=literal` of v1.
    RefineV1 {
        /// As it is written.
        field: String,
    },
    /// `q=field:literal` of v1.
    Query {
        /// As it is written.
        field: String,
    },
    /// Words that are searched for: `search()`, `suggest()`, `startswith()`, `like`, or all of `q`.
    Words,
    /// Anywhere else: a comparison of another kind, or at several places at once.
    Elsewhere,
}

impl Place {
    /// The field whose value it is, where it is one's.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Where { field } | Self::Refine { field } | Self::RefineV1 { field } | Self::Query { field } => Some(field),
            Self::Words | Self::Elsewhere => None,
        }
    }
}

/// The question `path?query`, once without each of its literals. A literal that stands at several places of a condition is taken out of all
/// of them: it is one value that was put in several times.
pub fn varied(path: &str, query: &RawQuery) -> Vec<Varied> {
    let pairs: Vec<(&str, &str)> = query.pairs().map(|(name, value)| (name, value.unwrap_or_default())).collect();
    let mut found = Vec::new();
    for (place, (name, value)) in pairs.iter().enumerate() {
        let without = |value: String| {
            let mut text = path.to_owned();
            for (other, (name, unchanged)) in pairs.iter().enumerate() {
                text.push(if other == 0 { '?' } else { '&' });
                text.push_str(name);
                text.push('=');
                text.push_str(if other == place { &value } else { unchanged });
            }
            text
        };
        for (template, literal, place) in in_parameter(name, value) {
            if found.len() == MOST {
                return found;
            }
            found.push(Varied { template: without(template), literal, place });
        }
    }
    found
}

/// Of one parameter: its value without the literal, the literal, and where that stands.
fn in_parameter(name: &str, value: &str) -> Vec<(String, String, Place)> {
    if name == "where" {
        return in_condition(value);
    }
    let of_field = |text: &str| {
        let (field, literal) = text.split_once(':')?;
        let is_name = !field.is_empty() && field.chars().all(|c| c == '_' || c == '-' || c.is_alphanumeric());
        (is_name && !literal.is_empty()).then(|| (field.to_owned(), literal.to_owned()))
    };
    let one = match name {
        "refine" => of_field(value).map(|(field, literal)| (format!("{field}:{TAKEN_OUT}"), literal, Place::Refine { field })),
        "q" if value.is_empty() => None,
        "q" => Some(match of_field(value) {
            Some((field, literal)) => (format!("{field}:{TAKEN_OUT}"), literal, Place::Query { field }),
            None => (TAKEN_OUT.to_owned(), value.to_owned(), Place::Words),
        }),
        _ => name
            .strip_prefix("refine.")
            .filter(|field| !field.is_empty() && !value.is_empty())
            .map(|field| (TAKEN_OUT.to_owned(), value.to_owned(), Place::RefineV1 { field: field.to_owned() })),
    };
    one.into_iter().collect()
}

fn in_condition(text: &str) -> Vec<(String, String, Place)> {
    let tokens: Vec<Token<'_>> = odsql::tokens(text).collect();
    let negates = tokens.iter().any(|token| token.kind == Kind::Word && token.text.eq_ignore_ascii_case("not"));
    let mut literals: Vec<(&str, usize)> = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| is_literal(token)) {
        if !literals.iter().any(|(known, _)| *known == token.text) {
            literals.push((token.text, index));
        }
    }
    literals.truncate(MOST);
    let without = |literal: &str| tokens.iter().map(|token| if token.text == literal { TAKEN_OUT } else { token.text }).collect::<String>();
    let places = |literal: &str| tokens.iter().filter(|token| token.text == literal).count();
    literals
        .into_iter()
        .map(|(literal, index)| {
            let place = match place_of(&tokens, index) {
                // What is not one of them is not all that are not the other: questions of that kind cannot be put together.
                Place::Where { .. } if negates || places(literal) > 1 => Place::Elsewhere,
                place => place,
            };
            (without(literal), literal.to_owned(), place)
        })
        .collect()
}

fn is_literal(token: &Token<'_>) -> bool {
    token.kind == Kind::Text || (token.kind == Kind::Word && token.text.starts_with(|c: char| c.is_ascii_digit()))
}

/// Where the literal at `index` stands, by what is before it.
fn place_of(tokens: &[Token<'_>], index: usize) -> Place {
    let before: Vec<&Token<'_>> = tokens[..index].iter().rev().filter(|token| token.kind != Kind::Space).collect();
    let is_mark = |place: usize, marks: &[&str]| before.get(place).is_some_and(|token| marks.contains(&token.text));
    let is_word = |place: usize, words: &[&str]| {
        before.get(place).is_some_and(|token| token.kind == Kind::Word && words.iter().any(|word| token.text.eq_ignore_ascii_case(word)))
    };
    let field = |place: usize| {
        let token =
            before.get(place).filter(|token| token.kind == Kind::Name || (token.kind == Kind::Word && !odsql::is_operator(token)))?;
        Some(Place::Where { field: token.text.to_owned() })
    };
    if is_mark(0, &["=", ":"]) {
        return field(1).unwrap_or(Place::Elsewhere);
    }
    if is_word(0, &["like"]) {
        return Place::Words;
    }
    // An opened parenthesis, and in front of it a list or the arguments of a function.
    let Some(open) = (0..before.len()).take_while(|&place| before[place].text != ")").find(|&place| before[place].text == "(") else {
        return Place::Elsewhere;
    };
    if is_word(open + 1, &["search", "suggest", "startswith"]) {
        return Place::Words;
    }
    let is_list = before[..open].iter().all(|token| is_literal(token) || token.text == ",");
    if is_list && is_word(open + 1, &["in"]) { field(open + 2).unwrap_or(Place::Elsewhere) } else { Place::Elsewhere }
}

/// A literal without its quotes, and without the star or per cent that makes it a beginning.
pub fn bare(literal: &str) -> &str {
    let inner = ['"', '\''].into_iter().find_map(|quote| literal.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(literal).trim_end_matches(['*', '%'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Vec<(String, String, Place)> {
        let found = varied("/records", &RawQuery::parse(query).unwrap());
        found.into_iter().map(|Varied { template, literal, place }| (template, literal, place)).collect()
    }

    fn field(name: &str) -> Place {
        Place::Where { field: name.to_owned() }
    }

    #[test]
    fn each_literal_is_taken_out_once() {
        let found = of("where=uai%3D%220750001A%22+and+annee%3A2024&limit=1");
        assert_eq!(
            found,
            [
                ("/records?where=uai=… and annee:2024&limit=1".to_owned(), "\"0750001A\"".to_owned(), field("uai")),
                ("/records?where=uai=\"0750001A\" and annee:…&limit=1".to_owned(), "2024".to_owned(), field("annee")),
            ]
        );
    }

    #[test]
    fn a_literal_that_was_put_in_several_times_is_one() {
        let found = of("where=search(nom,\"ly\") or search(commune, \"ly\") or uai=\"ly\"&limit=5");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "/records?where=search(nom,…) or search(commune, …) or uai=…&limit=5");
        assert_eq!(found[0].2, Place::Words);
        assert_eq!(of("where=a=\"x\" or b=\"x\"")[0].2, Place::Elsewhere);
    }

    #[test]
    fn the_place_of_a_literal_is_known_by_what_is_before_it() {
        for (condition, place) in [
            ("uai in (\"a\")", field("uai")),
            ("`code uai` = 'a'", field("`code uai`")),
            ("nom like \"a%\"", Place::Words),
            ("startswith(nom, \"a\")", Place::Words),
            ("suggest(\"a\")", Place::Words),
            ("not uai = \"a\"", Place::Elsewhere),
            ("uai != \"a\"", Place::Elsewhere),
            ("debut >= \"2026\"", Place::Elsewhere),
            ("lower(nom) = \"a\"", Place::Elsewhere),
            ("year(d) = 2024", Place::Elsewhere),
            ("(a = 1) and \"x\"", field("a")),
            ("within_distance(p, geom'POINT(1 2)', 3km)", Place::Elsewhere),
            ("in (\"a\")", Place::Elsewhere),
            ("= \"a\"", Place::Elsewhere),
            ("date'2024' = 1", Place::Elsewhere),
            (") \"a\"", Place::Elsewhere),
        ] {
            let encoded: RawQuery = [("where".to_owned(), Some(condition.to_owned()))].into_iter().collect();
            assert_eq!(varied("/", &encoded)[0].place, place, "{condition}");
        }
    }

    #[test]
    fn refinements_and_full_text_have_literals_too() {
        assert_eq!(
            of("refine=zones%3A%22Zone+A%22"),
            [("/records?refine=zones:…".into(), "\"Zone A\"".into(), Place::Refine { field: "zones".into() })]
        );
        assert_eq!(
            of("dataset=d&refine.uai=0750001A"),
            [("/records?dataset=d&refine.uai=…".into(), "0750001A".into(), Place::RefineV1 { field: "uai".into() })]
        );
        assert_eq!(of("q=uai:0750001A")[0].2, Place::Query { field: "uai".into() });
        assert_eq!(of("q=jean+moulin"), [("/records?q=…".into(), "jean moulin".into(), Place::Words)]);
        for none in ["q=", "q", "refine=zones", "refine.x=", "limit=10&offset=20", "where=a=b", "where=%22open"] {
            assert_eq!(of(none), [], "{none}");
        }
    }

    #[test]
    fn of_a_question_with_many_literals_few_are_considered() {
        let list: Vec<String> = (0..50).map(|n| format!("\"{n}\"")).collect();
        assert_eq!(of(&format!("where=uai in ({})", list.join(","))).len(), MOST);
    }

    #[test]
    fn quotes_and_stars_are_not_part_of_a_beginning() {
        for literal in ["\"ly\"", "'ly'", "ly", "\"ly%\"", "\"ly*\""] {
            assert_eq!(bare(literal), "ly", "{literal}");
        }
        assert_eq!(bare("\""), "\"");
    }
}
