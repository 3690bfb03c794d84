//! One question and the ways in which clients write it.
//!
//! A question has four spellings that no two clients would guess to be one, and that are: of each API only what its answers allow (the
//! table of rules in `preau::request::query`), so order, encoding and the slash at the end everywhere, and defaults, white space and the
//! case of operators where an answer does not repeat them.

use fastrand::Rng;

use super::dataset::Dataset;

/// Ways to write each question.
pub const SPELLINGS: usize = 4;

/// Which API it is put to, as far as spellings go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echo {
    /// The answer repeats the question: v1, v2.0, and what is not rows.
    Repeats,
    /// Rows of v2.1.
    Rows,
}

/// A question about one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which, by its place in the list.
    pub dataset: usize,
    path: String,
    parameters: Vec<(&'static str, String)>,
    echo: Echo,
}

impl Question {
    /// Any question about this dataset: mostly pages of records, as teams ask them; some facets, aggregates, exports, metadata; some in the
    /// older APIs.
    pub fn draw(rng: &mut Rng, at: usize, dataset: &Dataset) -> Self {
        let v2_1 = |rest: &str| format!("/api/explore/v2.1/catalog/datasets/{}{rest}", dataset.id);
        let v2_0 = |rest: &str| format!("/api/explore/v2.0/catalog/datasets/{}{rest}", dataset.id);
        let (path, parameters, echo) = match rng.u32(0..100) {
            0..35 => (v2_1("/records"), page(rng, dataset), Echo::Rows),
            35..65 => (v2_1("/records"), conditions(rng, dataset), Echo::Rows),
            65..72 => (v2_1("/records"), groups(rng, dataset), Echo::Rows),
            72..79 => (v2_1("/facets"), facets(rng, dataset), Echo::Repeats),
            79..83 => (v2_1(rng.choice(["/exports/csv", "/exports/json"]).expect("two")), export(rng, dataset), Echo::Rows),
            83..85 => (v2_1(""), language(rng), Echo::Repeats),
            85..92 => ("/api/records/1.0/search".to_owned(), search(rng, dataset), Echo::Repeats),
            92..93 => (format!("/api/datasets/1.0/{}", dataset.id), language(rng), Echo::Repeats),
            _ => (v2_0("/records"), conditions(rng, dataset), Echo::Repeats),
        };
        Self { dataset: at, path, parameters, echo }
    }

    /// The targets that ask it, each different.
    pub fn spellings(&self) -> [String; SPELLINGS] {
        let plain = self.parameters.clone();
        let mut turned = plain.clone();
        turned.reverse();
        let mut more = turned.clone();
        more.rotate_left(turned.len() / 2);
        let mut last = plain.clone();
        if self.echo == Echo::Rows {
            more.push(("timezone", "UTC".to_owned()));
            for (name, value) in &mut last {
                if matches!(*name, "where" | "order_by") {
                    *value = value.replace(" and ", "  AND\t").replace(" desc", "  DESC").replace(" is not null", " Is Not\nNull");
                }
            }
            last.insert(0, ("utm_source", "lettre".to_owned()));
        }
        [
            target(&self.path, &plain, Encoding::Strict),
            target(&format!("{}/", self.path), &turned, Encoding::Form),
            target(&self.path.replacen("fr-en-", "%66r-en-", 1), &more, Encoding::Raw),
            target(&format!("{}/", self.path.replacen("fr-en-", "f%72-en-", 1)), &last, Encoding::Eager),
        ]
    }
}

type Parameters = Vec<(&'static str, String)>;

fn page(rng: &mut Rng, dataset: &Dataset) -> Parameters {
    let mut parameters = vec![("limit", rng.u32(1..=20).to_string())];
    match rng.u32(0..4) {
        0 => parameters.push(("offset", rng.u32(1..40).to_string())),
        1 => parameters.push(("order_by", order(rng, dataset))),
        2 => parameters.push(("select", select(rng, dataset))),
        _ => {
            parameters.push(("select", select(rng, dataset)));
            parameters.push(("offset", rng.u32(1..40).to_string()));
            parameters.push(("order_by", order(rng, dataset)));
        }
    }
    parameters
}

fn conditions(rng: &mut Rng, dataset: &Dataset) -> Parameters {
    let mut parameters = vec![("where", condition(rng, dataset))];
    if rng.bool() {
        parameters.push(("limit", rng.u32(1..=20).to_string()));
    }
    if rng.u32(0..3) == 0 {
        parameters.push(("order_by", order(rng, dataset)));
    }
    parameters
}

fn groups(rng: &mut Rng, dataset: &Dataset) -> Parameters {
    let group = pick(rng, &dataset.facets);
    vec![("select", format!("count(*) as n, {group}")), ("group_by", group), ("limit", rng.u32(1..=50).to_string())]
}

fn facets(rng: &mut Rng, dataset: &Dataset) -> Parameters {
    let mut parameters = vec![("facet", pick(rng, &dataset.facets))];
    if rng.u32(0..4) > 0 {
        parameters.push(("where", condition(rng, dataset)));
    }
    parameters
}

fn export(rng: &mut Rng, dataset: &Dataset) -> Parameters {
    vec![("limit", rng.u32(20..=100).to_string()), ("where", condition(rng, dataset))]
}

fn language(rng: &mut Rng) -> Parameters {
    let zone = rng.choice(["Europe/Paris", "UTC", "Indian/Reunion", "America/Cayenne"]).expect("four");
    let language = rng.choice(["fr", "en"]).expect("two");
    match rng.u32(0..4) {
        0 => Vec::new(),
        1 => vec![("lang", language.to_owned())],
        2 => vec![("timezone", zone.to_owned())],
        _ => vec![("lang", language.to_owned()), ("timezone", zone.to_owned())],
    }
}

fn search(rng: &mut Rng, dataset: &Dataset) -> Parameters {
    let mut parameters = vec![("dataset", dataset.id.clone()), ("rows", rng.u32(1..=20).to_string())];
    if rng.bool() {
        parameters.push(("facet", pick(rng, &dataset.facets)));
    }
    match rng.u32(0..3) {
        0 => parameters.push(("start", rng.u32(1..40).to_string())),
        1 => parameters.push(("q", format!("{} OR {}", word(rng), word(rng)))),
        _ => {}
    }
    parameters
}

fn condition(rng: &mut Rng, dataset: &Dataset) -> String {
    let text = format!("{} is not null", pick(rng, &dataset.texts));
    let first = match rng.u32(0..4) {
        0 if !dataset.numbers.is_empty() => format!("{} >= {}", pick(rng, &dataset.numbers), rng.u32(1..400)),
        1 if !dataset.dates.is_empty() => {
            format!("{} >= date'{}-{:02}-01'", pick(rng, &dataset.dates), rng.u32(2019..2026), rng.u32(1..=12))
        }
        2 => format!("{} like \"{}\"", pick(rng, &dataset.texts), word(rng)),
        _ => format!("{} = \"{}\"", pick(rng, &dataset.facets), word(rng)),
    };
    if rng.bool() { format!("{first} and {text}") } else { first }
}

fn order(rng: &mut Rng, dataset: &Dataset) -> String {
    let one = if dataset.numbers.is_empty() || rng.bool() { pick(rng, &dataset.texts) } else { pick(rng, &dataset.numbers) };
    if rng.bool() { format!("{one} desc") } else { one }
}

fn select(rng: &mut Rng, dataset: &Dataset) -> String {
    format!("{}, {}", pick(rng, &dataset.texts), pick(rng, &dataset.facets))
}

fn word(rng: &mut Rng) -> &'static str {
    rng.choice(["Lille", "Lyon", "Nantes", "Paris", "Rennes", "Créteil", "Orléans-Tours", "PUBLIC", "Très bien", "L'école", "Zone A"])
        .expect("some")
}

fn pick(rng: &mut Rng, names: &[String]) -> String {
    rng.choice(names).expect("a dataset has fields").clone()
}

/// How a client writes names and values.
#[derive(Clone, Copy)]
enum Encoding {
    /// As `encodeURIComponent` does.
    Strict,
    /// As forms do: `+` for a space.
    Form,
    /// No more than HTTP needs, escapes in lower case, and an ampersand too many at the end.
    Raw,
    /// The first letter too, although nothing asks for it.
    Eager,
}

fn target(path: &str, parameters: &[(&'static str, String)], encoding: Encoding) -> String {
    use std::fmt::Write as _;
    let mut text = path.to_owned();
    // A question mark with nothing after it is what some clients make of no parameters.
    if !parameters.is_empty() || matches!(encoding, Encoding::Raw) {
        text.push('?');
    }
    for (number, (name, value)) in parameters.iter().enumerate() {
        if number > 0 {
            text.push('&');
        }
        for (part, between) in [(*name, "="), (value.as_str(), "")] {
            for (at, byte) in part.bytes().enumerate() {
                let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                let written = match encoding {
                    _ if byte == b' ' && matches!(encoding, Encoding::Form) => '+',
                    Encoding::Raw if b"=,:/()*'".contains(&byte) => char::from(byte),
                    Encoding::Eager if at == 0 => '%',
                    _ if unreserved => char::from(byte),
                    _ => '%',
                };
                text.push(written);
                if written == '%' {
                    let escape = if matches!(encoding, Encoding::Raw) { format!("{byte:02x}") } else { format!("{byte:02X}") };
                    text.write_str(&escape).expect("writing to a text does not fail");
                }
            }
            text.push_str(between);
        }
    }
    if matches!(encoding, Encoding::Raw) && !parameters.is_empty() {
        text.push('&');
    }
    text
}
