//! What to do about a pattern, in plain words and with a question that can be copied.
//!
//! Only forms are advised that the portal documents (docs/portal.md): `in (…)` of v2, several values of `refine` with `disjunctive` in v1,
//! exports of whole datasets. Pure.

use super::literal::{Place, bare, varied};
use super::repeated::Repeated;
use crate::request::odsql;
use crate::request::query::RawQuery;

/// Rows that one answer of v2 has at most.
const ROWS_V2: u64 = 100;
/// Rows that one answer of v1 is asked for here.
const ROWS_V1: &str = "1000";

/// Some advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// In words.
    pub words: String,
    /// The question that is to be asked instead, if there is one.
    pub instead: Option<String>,
}

/// For a question that costs much by itself.
pub(super) fn dearest(question: &str, calls: u64) -> Advice {
    let query = split(question).1;
    let depends = query.pairs().any(|(name, value)| {
        matches!(name, "where" | "select" | "order_by" | "group_by" | "q") && value.is_some_and(odsql::depends_on_clock)
    });
    let words = if depends {
        "it names the present moment (now) or draws lots, so that no stored answer holds for long. Write the date of the day instead: then one \
         answer serves until the dataset moves"
            .to_owned()
    } else if calls > 1 {
        "the same question was asked of the portal again each time its dataset was published anew, its lifetime was over, or a client insisted. \
         A client that can do with an older answer says so with `Cache-Control: max-stale=3600`; lifetimes are set in [cache.lifetimes]"
            .to_owned()
    } else {
        "one call; whoever asks the same in the same words shares its answer".to_owned()
    };
    Advice { words, instead: None }
}

/// For a question that is answered with an error each time.
pub(super) fn invalid(status: u16, answers: u64) -> Advice {
    let words = match status {
        404 => format!(
            "the portal does not know what it names, and has said so {answers} times. Take the name from the catalogue, or take the question \
             out of the program"
        ),
        _ => format!(
            "the portal cannot read it, and has said so {answers} times: it will never be answered. Ask it once by hand, read the message, \
             and mend the program"
        ),
    };
    Advice { words, instead: None }
}

/// For somebody who types.
pub(super) fn type_ahead(about: &Repeated) -> Advice {
    let example = about.typed.as_ref().map_or_else(String::new, |(one, other)| format!(" ({one}, {other})"));
    let words = format!(
        "a search box asks at each letter{example}. Wait until nobody has typed for 300 ms, ask from the third letter on, and look for longer \
         words in the answer to the shorter one"
    );
    Advice { words, instead: None }
}

/// For one call per item.
pub(super) fn one_by_one(template: &str, about: &Repeated) -> Advice {
    let items = about.items();
    let many = if about.is_full() { "more than " } else { "" };
    let each = match about.place.field() {
        Some(field) => format!("{many}{items} values of {field}, one call each"),
        None => format!("{many}{items} values, one call each"),
    };
    let export = about.dataset.as_deref().map(|dataset| format!("/api/explore/v2.1/catalog/datasets/{dataset}/exports/json"));
    let together = together(template, about);
    let words = match (&together, &export) {
        (Some(_), Some(export)) if items > ROWS_V2 => format!(
            "{each}. Ask for up to {ROWS_V2} at once, which takes {} calls; or take the whole dataset in one: {export}",
            items.div_ceil(ROWS_V2)
        ),
        (Some(_), _) => format!("{each}. Ask for all at once, in one call"),
        (None, Some(export)) => format!("{each}. Take the whole dataset in one call, and look them up in it: {export}"),
        (None, None) => format!("{each}. Ask for a list, and look them up in it"),
    };
    let instead = together.or(export);
    Advice { words, instead }
}

/// One question for several items, where the place of the literal tells how.
fn together(template: &str, about: &Repeated) -> Option<String> {
    let (path, query) = split(&about.question);
    let mine = varied(path, &query).into_iter().find(|varied| varied.template == template)?;
    let field = about.place.field()?;
    let v1 = path.starts_with("/api/records/1.0/");
    let records = path.ends_with("/records") || path.ends_with("/records/");
    if !(v1 || records || path.contains("/exports/")) || about.samples.len() < 2 {
        return None;
    }
    let texts: Vec<&str> = about.samples.iter().map(|sample| bare(sample)).collect();
    if texts.iter().any(|text| text.contains(['"', '\\'])) {
        return None;
    }
    let list = texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
    let mut pairs: Vec<(String, Option<String>)> = query.pairs().map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).collect();
    match &about.place {
        Place::Where { .. } => {
            // As they are written: a number in quotes is a text.
            let list = about.samples.join(", ");
            let condition = pairs.iter_mut().filter(|(name, _)| name == "where").filter_map(|(_, value)| value.as_mut());
            let (condition, replaced) = condition.into_iter().find_map(|value| {
                let replaced = in_list(value, &mine.literal, &list)?;
                Some((value, replaced))
            })?;
            *condition = replaced;
        }
        Place::Refine { .. } => {
            let refined = format!("{field}:{}", mine.literal);
            pairs.retain(|(name, value)| !(name == "refine" && value.as_deref() == Some(&refined)));
            pairs.push(("where".to_owned(), Some(format!("{field} in ({list})"))));
        }
        Place::RefineV1 { .. } => {
            let name = format!("refine.{field}");
            pairs.retain(|(known, _)| *known != name);
            pairs.push((format!("disjunctive.{field}"), Some("true".to_owned())));
            pairs.extend(about.samples.iter().map(|sample| (name.clone(), Some(sample.clone()))));
        }
        Place::Query { .. } => {
            let dataset = about.dataset.as_deref()?;
            let query: RawQuery =
                [("where".to_owned(), Some(format!("{field} in ({list})"))), ("limit".to_owned(), Some(ROWS_V2.to_string()))]
                    .into_iter()
                    .collect();
            return Some(format!("/api/explore/v2.1/catalog/datasets/{dataset}/records?{}", query.to_text()));
        }
        Place::Words | Place::Elsewhere => return None,
    }
    if v1 {
        set(&mut pairs, "rows", ROWS_V1);
        pairs.retain(|(name, _)| name != "start");
    } else {
        name_in_answer(&mut pairs, field);
        if records {
            set(&mut pairs, "limit", &ROWS_V2.to_string());
        } else {
            pairs.retain(|(name, _)| name != "limit");
        }
        pairs.retain(|(name, _)| name != "offset");
    }
    let query: RawQuery = pairs.into_iter().collect();
    Some(format!("{path}?{}", query.to_text()))
}

/// The condition with a list in place of the literal: `field = "a"` becomes `field in ("a", "b")`.
fn in_list(condition: &str, literal: &str, list: &str) -> Option<String> {
    let tokens: Vec<_> = odsql::tokens(condition).collect();
    let place = tokens.iter().position(|token| token.text == literal)?;
    let text = |tokens: &[odsql::Token<'_>]| tokens.iter().map(|token| token.text).collect::<String>();
    let operator = (0..place).rev().find(|&at| tokens[at].kind != odsql::Kind::Space)?;
    let (before, after) = (&tokens[..operator], text(&tokens[place + 1..]));
    Some(if matches!(tokens[operator].text, "=" | ":") {
        format!("{} in ({list}){after}", text(before).trim_end())
    } else {
        // It stands in a list already.
        format!("{}{list}{after}", text(&tokens[..place]))
    })
}

/// Lets each row of the answer tell which item it is of.
fn name_in_answer(pairs: &mut Vec<(String, Option<String>)>, field: &str) {
    let value = |pairs: &[(String, Option<String>)], wanted: &str| {
        pairs.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| value.clone())
    };
    let Some(select) = value(pairs, "select") else { return };
    let names = |text: &str| text.split(',').any(|part| part.trim() == field || part.trim() == "*");
    let group = value(pairs, "group_by");
    if !names(&select) {
        set(pairs, "select", &format!("{field}, {select}"));
    }
    match group {
        Some(group) if !names(&group) => set(pairs, "group_by", &format!("{field}, {group}")),
        // An aggregate over all becomes one for each.
        None if select.contains('(') => set(pairs, "group_by", field),
        _ => {}
    }
}

fn set(pairs: &mut Vec<(String, Option<String>)>, name: &str, value: &str) {
    match pairs.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = Some(value.to_owned()),
        None => pairs.push((name.to_owned(), Some(value.to_owned()))),
    }
}

fn split(question: &str) -> (&str, RawQuery) {
    let (path, query) = question.split_once('?').unwrap_or((question, ""));
    // It is canonical, and could be read once; where it was cut for its length it cannot always be read again.
    (path, RawQuery::parse(query).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The advice for questions that differ in the first literal.
    fn advice(questions: &[&str], dataset: Option<&str>) -> Advice {
        let of = |question: &str| {
            let (path, query) = split(question);
            varied(path, &query).remove(0)
        };
        let first = of(questions[0]);
        let mut about = Repeated::new(questions[0].to_owned(), dataset.map(str::to_owned), first.place);
        for question in questions {
            let varied = of(question);
            assert_eq!(varied.template, first.template);
            about.met(&varied.literal);
        }
        one_by_one(&first.template, &about)
    }

    const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/d/records";

    #[test]
    fn comparisons_become_one_list_with_the_real_field() {
        let told = advice(
            &[
                &format!("{RECORDS}?limit=1&select=nom&where=etat%3D1%20and%20etat%3D1"),
                &format!("{RECORDS}?limit=1&select=nom&where=etat%3D2%20and%20etat%3D2"),
            ],
            Some("d"),
        );
        assert_eq!(told.instead.as_deref(), Some("/api/explore/v2.1/catalog/datasets/d/exports/json"), "two places are not put together");

        let question = |uai: &str| format!("{RECORDS}?limit=1&offset=0&select=nom&where=uai%20%3D%20%22{uai}%22%20and%20etat%3D1");
        let told = advice(&[&question("A"), &question("B"), &question("C"), &question("D")], Some("d"));
        let (path, query) = told.instead.as_deref().unwrap().split_once('?').unwrap();
        assert_eq!(path, RECORDS);
        let query = RawQuery::parse(query).unwrap();
        let pairs: Vec<_> = query.pairs().collect();
        assert_eq!(
            pairs,
            [("limit", Some("100")), ("select", Some("uai, nom")), ("where", Some("uai in (\"A\", \"B\", \"C\") and etat=1"))]
        );
        assert!(told.words.contains("values of uai") && told.words.contains("all at once"), "{}", told.words);
    }

    #[test]
    fn an_aggregate_becomes_one_for_each() {
        let question = |n: u32| format!("{RECORDS}?select=count(*)%20as%20n&where=code%3D{n}");
        let told = advice(&[&question(1), &question(2)], None);
        let query = told.instead.unwrap();
        let query = RawQuery::parse(query.split_once('?').unwrap().1).unwrap();
        let pairs: Vec<_> = query.pairs().collect();
        assert_eq!(
            pairs,
            [
                ("select", Some("code, count(*) as n")),
                ("where", Some("code in (1, 2)")),
                ("group_by", Some("code")),
                ("limit", Some("100"))
            ]
        );
    }

    #[test]
    fn refinements_become_a_list_or_several() {
        let told = advice(&[&format!("{RECORDS}?refine=uai:A"), &format!("{RECORDS}?refine=uai:B")], Some("d"));
        let query = RawQuery::parse(told.instead.unwrap().split_once('?').unwrap().1).unwrap();
        assert_eq!(query.pairs().collect::<Vec<_>>(), [("where", Some("uai in (\"A\", \"B\")")), ("limit", Some("100"))]);

        let v1 = "/api/records/1.0/search/?dataset=d&rows=1&refine.uai=";
        let told = advice(&[&format!("{v1}A"), &format!("{v1}B")], Some("d"));
        let query = RawQuery::parse(told.instead.unwrap().split_once('?').unwrap().1).unwrap();
        let pairs: Vec<_> = query.pairs().map(|(name, value)| (name, value.unwrap())).collect();
        assert_eq!(pairs, [("dataset", "d"), ("rows", "1000"), ("disjunctive.uai", "true"), ("refine.uai", "A"), ("refine.uai", "B")]);

        let v1 = "/api/records/1.0/search/?dataset=d&q=uai:";
        let told = advice(&[&format!("{v1}A"), &format!("{v1}B")], Some("d"));
        assert!(told.instead.unwrap().starts_with(&format!("{RECORDS}?where=uai%20in%20")));
    }

    #[test]
    fn many_items_are_better_taken_as_an_export() {
        let questions: Vec<String> = (0..250).map(|n| format!("{RECORDS}?where=code%3D{n}")).collect();
        let told = advice(&questions.iter().map(String::as_str).collect::<Vec<_>>(), Some("d"));
        assert!(told.words.contains("takes 3 calls") && told.words.contains("/datasets/d/exports/json"), "{}", told.words);
    }

    #[test]
    fn a_question_of_the_present_moment_is_told_why_it_costs() {
        let now = dearest(&format!("{RECORDS}?where=debut%20%3E%3D%20now()"), 100);
        assert!(now.words.contains("the present moment"), "{}", now.words);
        assert!(dearest(RECORDS, 100).words.contains("max-stale"));
        assert!(invalid(400, 7).words.contains("7 times") && invalid(404, 7).words.contains("catalogue"));
    }
}
