use proptest::prelude::*;
use serde_json::{Map, Value};

use super::super::members::{self, Kind, Members, Path, Step};
use super::*;

fn any_positions() -> impl Strategy<Value = Positions> {
    let tables = members::ALL.iter().map(|(_, members)| Positions::Json(*members));
    proptest::sample::select(tables.chain([Positions::Xml, Positions::Turtle]).collect::<Vec<_>>())
}

/// Pieces of all syntaxes, whole and broken, with links where they belong and where they do not.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&str] = &[
        PORTAL,
        "https:\\/\\/data.example",
        "http://roof:8080/education",
        "https://data.example.org/",
        "/",
        "\\/",
        "?",
        "\"",
        "'",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "NaN",
        "\"links\":[{\"href\":\"",
        "\"_links\":[{\"href\":\"",
        "\"results\":[{\"",
        "\"records\":[{\"record\":{\"fields\":{\"f\":{\"",
        "{\"f\":{\"url\":\"",
        "\"url\":\"",
        "\"filename\":1,",
        "\"id\":1",
        "\"dataset\":[{\"landingPage\":\"",
        "\"}]",
        "<",
        ">",
        "</",
        "/>",
        "<link>",
        "</link>",
        "<loc> ",
        "<description>",
        "</description>",
        "<![CDATA[",
        "]]>",
        "]]",
        "<!--",
        "-->",
        "<?x ",
        "?>",
        "<!DOCTYPE",
        "<a rdf:about=\"",
        "<a rdf:resource='",
        "<link href=\"",
        "\"\"\"",
        "'''",
        "#",
        "\n",
        " ",
        "<https://data.example/x>",
        "^^",
        "é",
    ];
    let piece = prop_oneof![
        9 => proptest::sample::select(PIECES).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..8),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn in_cuts(positions: Positions, body: &[u8], cuts: &[usize]) -> (Vec<u8>, Replaced) {
    let mut rewriter = Rewriter::new(positions, &origin(), &base());
    let mut out = Vec::new();
    let mut rest = body;
    for cut in cuts.iter().cycle().take_while(|_| !cuts.is_empty()) {
        if rest.is_empty() {
            break;
        }
        let (chunk, next) = rest.split_at((*cut).min(rest.len()));
        rewriter.push(chunk, &mut out);
        rest = next;
    }
    let replaced = rewriter.finish(&mut out);
    (out, replaced)
}

/// Whether `value`'s text begins with the portal's origin, said another way than the rewriter says it.
fn relinked(value: &str) -> Option<String> {
    let rest = value.strip_prefix(PORTAL)?;
    (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then(|| format!("{}{rest}", base().as_str()))
}

/// The answer as it should be, worked out on a tree.
fn relinked_tree(value: &mut Value, paths: &[(&Path, usize)], is_file: bool) {
    match value {
        Value::String(text) => {
            let here = paths.iter().any(|(path, done)| path.steps.len() == *done && (path.kind == Kind::Link || is_file));
            if let Some(link) = here.then(|| relinked(text)).flatten() {
                *text = link;
            }
        }
        Value::Array(items) => {
            let next: Vec<_> = further(paths, |step| *step == Step::Item);
            items.iter_mut().for_each(|item| relinked_tree(item, &next, false));
        }
        Value::Object(members) => {
            let is_file = members.contains_key("filename") && (members.contains_key("id") || members.contains_key("format"));
            for (name, value) in members.iter_mut() {
                let next = further(paths, |step| matches!(step, Step::Any) || matches!(step, Step::Name(known) if known == name));
                relinked_tree(value, &next, is_file);
            }
        }
        _ => {}
    }
}

fn further<'a>(paths: &[(&'a Path, usize)], takes: impl Fn(&Step) -> bool) -> Vec<(&'a Path, usize)> {
    paths.iter().filter(|(path, done)| path.steps.get(*done).is_some_and(&takes)).map(|(path, done)| (*path, done + 1)).collect()
}

/// Trees that mostly follow the paths of a table.
fn any_tree() -> impl Strategy<Value = Value> {
    let name = proptest::sample::select(vec![
        "links",
        "_links",
        "href",
        "datasets",
        "dataset",
        "results",
        "records",
        "record",
        "fields",
        "attachments",
        "metas",
        "url",
        "filename",
        "id",
        "format",
        "servers",
        "distribution",
        "accessURL",
        "landingPage",
        "other",
        PORTAL,
        "a \"name\"",
    ]);
    let text = proptest::sample::select(vec![
        "https://data.example/api/x?y=\"z\"",
        "https://data.example",
        "https://data.example.org/",
        "see https://data.example/",
        "x\\y\n",
        "",
    ]);
    let leaf = prop_oneof![4 => text.prop_map(Value::from), 1 => any::<i32>().prop_map(Value::from), 1 => Just(Value::Null)];
    leaf.prop_recursive(7, 60, 5, move |inner| {
        prop_oneof![
            2 => prop::collection::vec((name.clone(), inner.clone()), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

/// A tree with `inner` at the end of `path`, so that the depths of the tables are reached.
fn at_path(path: &Path, steps: usize, inner: Value) -> Value {
    path.steps[..steps].iter().rev().fold(inner, |inner, step| match step {
        Step::Item => Value::Array(vec![inner]),
        Step::Name(name) => Value::Object(Map::from_iter([((*name).to_owned(), inner)])),
        Step::Any => Value::Object(Map::from_iter([("any".to_owned(), inner)])),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_cuts_make_no_difference_and_the_length_is_as_foretold(
        positions in any_positions(), body in soup(), cuts in prop::collection::vec(1_usize..40, 1..10),
    ) {
        let (whole, replaced) = in_cuts(positions, &body, &[usize::MAX]);
        prop_assert_eq!(&in_cuts(positions, &body, &cuts), &(whole.clone(), replaced));
        prop_assert_eq!(replaced.length_with(&base(), body.len() as u64), whole.len() as u64);
        if replaced.count == 0 {
            prop_assert_eq!(&whole, &body);
        }
        let mut counter = Counter::new(positions, &origin());
        cuts.iter().cycle().try_fold(body.as_slice(), |rest, cut| {
            let (chunk, rest) = rest.split_at((*cut).min(rest.len()));
            counter.push(chunk);
            (!rest.is_empty()).then_some(rest)
        });
        prop_assert_eq!(counter.finish(), replaced);
    }

    #[test]
    fn turned_back_a_body_is_what_it_was(positions in any_positions(), body in soup()) {
        let portal = Base::parse(PORTAL).unwrap();
        let back = |body: &[u8]| rewritten_in(body.len().max(1), positions, &base().as_origin(), &portal, body);
        // One spelling cannot be turned back into several, nor what led here before into what led to the portal.
        let (same, _) = rewritten_in(body.len().max(1), positions, &origin(), &portal, &body);
        prop_assume!(same == body && back(&body).1.count == 0);
        let (out, replaced) = rewritten_in(body.len().max(1), positions, &origin(), &base(), &body);
        let (again, turned) = back(&out);
        prop_assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&body));
        prop_assert_eq!((turned.count, turned.escaped), (replaced.count, replaced.escaped));
    }

    #[test]
    fn json_is_as_if_it_were_rewritten_as_a_tree(
        (Members(paths), which, steps) in (proptest::sample::select(members::ALL.iter().map(|(_, members)| *members).collect::<Vec<_>>()), any::<prop::sample::Index>(), 0_usize..7),
        tree in any_tree(),
        style in 0..3,
    ) {
        let path = which.get(paths);
        let mut tree = at_path(path, steps.min(path.steps.len()), tree);
        let text = |tree: &Value| match style {
            0 => tree.to_string(),
            1 => serde_json::to_string_pretty(tree).unwrap(),
            _ => tree.to_string().replace('/', "\\/"),
        };
        let body = text(&tree);
        relinked_tree(&mut tree, &paths.iter().map(|path| (path, 0)).collect::<Vec<_>>(), false);
        prop_assert_eq!(rewritten(Positions::Json(Members(paths)), &body), text(&tree));
    }
}
