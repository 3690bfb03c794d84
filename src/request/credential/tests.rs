use http::HeaderMap;
use proptest::prelude::*;

use super::*;

fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())).collect()
}

fn query(text: &str) -> RawQuery {
    RawQuery::parse(text).unwrap()
}

fn taken(lines: &[(&'static str, &str)], text: &str) -> Result<Credential, CredentialFault> {
    take(&fields(lines), &mut query(text), None, &[])
}

fn sent(credential: &Credential) -> Option<String> {
    credential.authorization().map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn a_key_is_the_same_wherever_it_was_and_travels_as_a_field() {
    let expected = taken(&[("authorization", "Apikey k123")], "").unwrap();
    assert_eq!(sent(&expected).as_deref(), Some("Apikey k123"));
    assert!(expected.authorization().unwrap().is_sensitive());
    for (lines, text) in [
        (vec![("authorization", "ApiKey k123")], ""),
        (vec![("authorization", "APIKEY   k123 ")], ""),
        (vec![], "apikey=k123"),
        (vec![], "q=1&%61pi%6Bey=k%3123&limit=2"),
        (vec![], "apikey=k123&apikey=k123"),
        (vec![("authorization", "apikey k123")], "apikey=k123"),
        (vec![("authorization", "Basic dGVhbTprZXk=")], "apikey=k123"),
    ] {
        assert_eq!(taken(&lines, text), Ok(expected.clone()), "{lines:?} {text}");
    }
    let mut form = query("rows=1&apikey=k123");
    assert_eq!(take(&HeaderMap::new(), &mut query(""), Some(&mut form), &[]), Ok(expected));
    assert_eq!(form.to_text(), "rows=1");
}

#[test]
fn nothing_of_a_key_stays_in_the_query() {
    let mut taken_from = query("b=1&apikey=k&a=2&%61pikey=k");
    take(&HeaderMap::new(), &mut taken_from, None, &[]).unwrap();
    assert_eq!(taken_from.to_text(), "b=1&a=2");
    let mut other_names = query("APIKEY=k&apikey%5B%5D=k&apikey%20=k");
    assert_eq!(take(&HeaderMap::new(), &mut other_names, None, &[]), Ok(Credential::Anonymous));
    assert_eq!(other_names.to_text().matches("=k").count(), 3, "parameters of other names are none of the portal's credentials");
}

#[test]
fn credentials_that_cannot_be_used_each_have_their_fault() {
    use CredentialFault::*;
    for (lines, text, fault) in [
        (vec![("authorization", "Apikey a")], "apikey=b", Contradictory),
        (vec![], "apikey=a&apikey=b", Contradictory),
        (vec![("authorization", "Bearer t")], "apikey=t", Contradictory),
        (vec![("authorization", "Apikey a"), ("authorization", "Apikey a")], "", Repeated),
        (vec![("authorization", "Basic x"), ("authorization", "Apikey a")], "", Repeated),
        (vec![("authorization", "")], "", Empty),
        (vec![("authorization", "Apikey")], "", Empty),
        (vec![("authorization", "Apikey  ")], "", Empty),
        (vec![], "apikey=", Empty),
        (vec![], "apikey", Empty),
        (vec![], "apikey=a%0d%0aHost:x", NotAKey),
        (vec![], "apikey=a+b", NotAKey),
        (vec![], "apikey=%C3%A9", NotAKey),
        (vec![("authorization", "Apikey é")], "", NotAKey),
        (vec![], "q=1;apikey=a", Ambiguous),
        (vec![], "apikey=a;b", Ambiguous),
    ] {
        assert_eq!(taken(&lines, text), Err(fault), "{lines:?} {text}");
        assert!(fault.to_string().len() > 30);
    }
    let mut form = query("apikey=b");
    assert_eq!(take(&fields(&[("authorization", "apikey a")]), &mut query(""), Some(&mut form), &[]), Err(Contradictory));
}

#[test]
fn a_public_key_is_nobody_in_particular() {
    let public = [Secret::new("public")];
    let with = |text: &str| take(&HeaderMap::new(), &mut query(text), None, &public);
    assert_eq!(with("apikey=public"), Ok(Credential::Anonymous));
    assert!(matches!(with("apikey=publi"), Ok(Credential::Key(_))));
    assert_eq!(with("apikey=public&apikey=other"), Err(CredentialFault::Contradictory));
}

#[test]
fn what_is_not_understood_is_passed_as_it_is_and_has_no_fingerprint() {
    for value in ["Bearer abc", "Negotiate x==", "k123", "Token é"] {
        let credential = taken(&[("authorization", value)], "").unwrap();
        assert!(matches!(credential, Credential::Opaque(_)), "{value}");
        assert_eq!(credential.authorization().unwrap().as_bytes(), value.as_bytes());
        assert!(credential.authorization().unwrap().is_sensitive());
        assert_eq!(credential.fingerprint(), None);
    }
    assert_eq!(taken(&[], "q=1"), Ok(Credential::Anonymous));
    assert_eq!(Credential::Anonymous.authorization(), None);
}

#[test]
fn keys_of_ours_are_seen_and_are_none_of_the_portals() {
    assert_eq!(own_key(&fields(&[("x-preau-key", "k")])), Some(OwnKey::Field));
    assert_eq!(own_key(&fields(&[("authorization", "bAsIc dGVhbTprZXk=")])), Some(OwnKey::Basic));
    assert_eq!(own_key(&fields(&[("authorization", "Apikey k"), ("authorization", "Basic x")])), Some(OwnKey::Basic));
    assert_eq!(own_key(&fields(&[("authorization", "Basically k")])), None);
    assert_eq!(own_key(&HeaderMap::new()), None);
    assert_eq!(taken(&[("authorization", "Basic x"), ("x-preau-key", "k")], ""), Ok(Credential::Anonymous));
}

#[test]
fn no_form_of_a_credential_prints_its_secret() {
    for lines in [[("authorization", "Apikey s3cret")], [("authorization", "Bearer s3cret")]] {
        let credential = taken(&lines, "").unwrap();
        let printed = format!("{credential:?} {:?} {:?}", credential.fingerprint(), credential.authorization());
        assert!(!printed.contains("s3cret"), "{printed}");
    }
}

#[test]
fn a_fingerprint_tells_keys_apart_and_is_stable() {
    let of = |key: &str| Fingerprint::of(key).as_str().to_owned();
    // A change here would orphan the accounts of every ledger.
    assert_eq!(of("k123"), "f84ca3e1aa60567f8f26801c81b94873");
    assert_ne!(of("k123"), of("k124"));
    assert_eq!(Fingerprint::of("k123").to_string().chars().count(), 9);
}

#[test]
fn a_logged_target_shows_no_secret() {
    for target in [
        "/api/v2/catalog/datasets?apikey=s3cret",
        "/api?a=1&%61pikey=s3cret&b=2",
        "/api?APIKEY=s3cret",
        "/api?a=1;apikey=s3cret",
        "/api?%2561pikey=s3cret",
        "/api?+apikey%20=s3cret",
        "/api?apikey%3Ds3cret",
        "/api%3Fapikey=s3cret",
        "/api?a=1%26apikey%3Ds3cret",
        "/api?access_token=s3cret",
        "/api?api_key=s3cret",
        "/api?Api-Key=s3cret",
        "/api?apikey[]=s3cret",
        "/api?apikey%253Ds3cret",
        "/api/apikey=s3cret",
        "/api#apikey=s3cret",
        "http://team:s3cret@portal.example/api?q=1",
        "http://team:s3cret@portal.example",
    ] {
        let shown = redacted(target);
        assert!(!shown.contains("s3cret") && shown.contains('…'), "{target} is shown as {shown}");
    }
    assert_eq!(redacted("/api?a=1&apikey=x&b=2"), "/api?a=1&apikey=…&b=2");
    assert_eq!(redacted("/api?where=apikey%3D%22x%22"), "/api?where=apikey%3D%22x%22");
    assert_eq!(redacted("http://t:k@h/api?x=a@b"), "…://…@h/api?x=a@b");
}

#[test]
fn a_logged_target_is_one_line_of_bounded_length() {
    assert_eq!(redacted("/a\r\nb\u{1b}[31m\u{202e}é"), "/a\\u{d}\\u{a}b\\u{1b}[31m\\u{202e}é");
    assert!(redacted(&"x".repeat(100_000)).chars().count() <= 1_100);
    assert!(redacted(&"\n".repeat(100_000)).chars().count() <= 1_100);
    assert!(redacted(&format!("/?apikey={}", "x".repeat(100_000))).chars().count() <= 20);
}

proptest! {
    #[test]
    fn redaction_never_panics_and_leaves_nothing_that_could_break_a_line(
        target in "(\\PC|[\\x00-\\x1f]|%[0-9a-f]{2}|%|apikey|=|&|\\?|://|@){0,40}",
    ) {
        let shown = redacted(&target);
        let breaks = shown.contains(|c: char| c.is_control() || c == '\u{2028}');
        prop_assert!(!breaks, "{}", shown);
    }

    #[test]
    fn no_spelling_of_the_name_hides_a_key(encoded in prop::collection::vec(any::<bool>(), 6)) {
        let spelled = |(byte, encode)| if encode { format!("%{byte:02X}") } else { char::from(byte).to_string() };
        let name: String = "apikey".bytes().zip(encoded).map(spelled).collect();
        let target = format!("{name}=s3cret");
        let logged = format!("/x?{target}");
        prop_assert!(!redacted(&logged).contains("s3cret"), "{}", logged);
        let key = matches!(taken(&[], &target), Ok(Credential::Key(_)));
        prop_assert!(key, "{}", target);
    }
}
