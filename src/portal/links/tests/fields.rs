use http::HeaderMap;
use http::header::{CONTENT_LOCATION, HeaderValue, LINK, LOCATION, REFERER};
use proptest::prelude::*;

use super::*;

fn rewritten_field(name: http::HeaderName, value: &[u8]) -> Vec<u8> {
    let mut fields = HeaderMap::new();
    fields.insert(&name, HeaderValue::from_bytes(value).unwrap());
    rewrite_fields(&mut fields, &origin(), &base());
    fields[name].as_bytes().to_vec()
}

#[test]
fn locations_are_one_link_each() {
    for name in [LOCATION, CONTENT_LOCATION] {
        for (value, expected) in [
            ("https://data.example/api/x?y#z", "http://roof:8080/education/api/x?y#z"),
            ("https://data.example", "http://roof:8080/education"),
            ("http://DATA.example:80/x", "http://roof:8080/education/x"),
            ("https://data.example.org/", "https://data.example.org/"),
            ("https://data.example@evil.example/", "https://data.example@evil.example/"),
            ("https://other.example/?next=https://data.example/", "https://other.example/?next=https://data.example/"),
            ("/api/x", "/education/api/x"),
            ("//data.example/", "//data.example/"),
            ("", ""),
        ] {
            assert_eq!(rewritten_field(name.clone(), value.as_bytes()), expected.as_bytes(), "{name}: {value}");
        }
    }
    assert_eq!(rewritten_field(REFERER, b"https://data.example/"), b"https://data.example/");
}

#[test]
fn of_a_link_only_the_target_changes() {
    let marked = [
        r#"<LINK/a>; rel="next""#,
        r#"<LINK/a>; rel=next; title="<https://data.example/>, <https://data.example/>"; anchor="https://data.example/", <LINK>;rel=last ,, <https://help.example/>; rel="deprecation""#,
        r#"<LINK/a,b;c>; title="\", <https://data.example/>", <LINK/d>"#,
        r#"  , <LINK/a>,<LINK/b>"#,
        r#"https://data.example/, x; <https://data.example/>, <LINK/c>"#,
        r#"<https://data.example/unclosed"#,
        r#"<LINK/x; rel="a, <https://data.example/>"#,
        r#"<>, <LINK?x>"#,
        "",
    ];
    for marked in marked {
        let with = |origin: &str| marked.replace("LINK", origin);
        let expected = with(base().as_str());
        assert_eq!(String::from_utf8(rewritten_field(LINK, with(PORTAL).as_bytes())).unwrap(), expected);
    }
}

#[test]
fn every_line_of_a_repeated_field_is_rewritten_and_stays_sensitive() {
    let mut fields = HeaderMap::new();
    let mut secret = HeaderValue::from_static("<https://data.example/2>");
    secret.set_sensitive(true);
    fields.append(LINK, HeaderValue::from_static("<https://data.example/1>"));
    fields.append(LINK, secret);
    rewrite_fields(&mut fields, &origin(), &base());
    let values: Vec<_> = fields.get_all(LINK).iter().map(|value| (value.as_bytes(), value.is_sensitive())).collect();
    assert_eq!(values, [(&b"<http://roof:8080/education/1>"[..], false), (&b"<http://roof:8080/education/2>"[..], true)]);
}

proptest! {
    #[test]
    fn any_field_value_stays_one_and_keeps_its_line(pieces in prop::collection::vec(prop_oneof![
        Just(PORTAL.as_bytes().to_vec()), Just(b"<".to_vec()), Just(b">".to_vec()), Just(b"\"".to_vec()), Just(b", ".to_vec()), Just(b"\\".to_vec()),
        Just(b"/%0d%0aX: y".to_vec()), Just(b"\xc3\xa9\xff\t".to_vec()), "[ -~]{0,6}".prop_map(String::into_bytes),
    ], 0..12)) {
        let value = pieces.concat();
        for name in [LOCATION, CONTENT_LOCATION, LINK] {
            let out = rewritten_field(name.clone(), &value);
            prop_assert!(!out.contains(&b'\r') && !out.contains(&b'\n'));
            let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
            // Relative to what was asked, below a base with a path.
            let relative = name != LINK && value.starts_with(b"/") && !value.starts_with(b"//");
            let expected = if relative { format!("/education{}", text(&value)) } else { text(&value) };
            prop_assert_eq!(text(&out).replace(base().as_str(), PORTAL), expected.replace(base().as_str(), PORTAL));
        }
    }
}
