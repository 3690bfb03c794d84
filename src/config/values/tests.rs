//! Values as people write them, right and wrong.

use super::*;

fn written(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn durations_are_read_with_their_units() {
    let read = |text: &str| duration(&written(text)).unwrap();
    assert_eq!(read("500ms"), Duration::from_millis(500));
    assert_eq!(read("10 min"), Duration::from_secs(600));
    assert_eq!(read("1h 30m"), Duration::from_secs(5400));
    assert_eq!(read("7 days"), Duration::from_secs(7 * 24 * 3600));
    assert_eq!(read("PT5S"), Duration::from_secs(5));
    assert_eq!(read("0 s"), Duration::ZERO);
}

#[test]
fn a_duration_needs_a_unit_a_fixed_length_and_a_sign_that_is_not_minus() {
    for (value, wrong) in [
        (Value::Integer(10), "10 has no unit"),
        (written("10"), "\"10\" has no unit"),
        (written("ten minutes"), "\"ten minutes\" is not a duration"),
        (written("1 month"), "\"1 month\" is not a duration"),
        (written("-5 s"), "\"-5 s\" is negative"),
        (written("5 s ago"), "\"5 s ago\" is negative"),
        (written("9000 days"), "\"9000 days\" is too long"),
        (written(""), "the text is empty"),
        (Value::Other("boolean"), "boolean is not a text"),
    ] {
        assert_eq!(duration(&value).unwrap_err().wrong, wrong);
    }
    assert!(positive_duration(&written("0 s")).is_err());
}

#[test]
fn sizes_are_read_in_both_families_of_units() {
    let read = |value: Value| size(0..=u64::MAX)(&value).unwrap();
    assert_eq!(read(Value::Integer(42)), 42);
    assert_eq!(read(written("256 KiB")), 256 << 10);
    assert_eq!(read(written("64MB")), 64_000_000);
    assert_eq!(read(written("1.5 gib")), 3 << 29);
    assert_eq!(read(Value::Plain("65_536".to_owned())), 65536);
    for garbage in ["lots", "12 KB/s", "-1", "1.2.3 MB", "99999999 TiB", "1.0000000001 MB", "."] {
        assert!(size(0..=u64::MAX)(&written(garbage)).is_err(), "{garbage}");
    }
    let refused = size(8192..=65536)(&written("1 GiB")).unwrap_err();
    assert_eq!((refused.wrong.as_str(), refused.right.as_str()), ("1 GiB is out of range", "write a size from 8 KiB to 64 KiB"));
}

#[test]
fn a_quoted_number_in_the_file_is_not_a_number_and_in_the_environment_is() {
    assert!(count(1..=9)(&written("3")).is_err());
    assert_eq!(count(1..=9)(&Value::Plain("3".to_owned())).unwrap(), 3);
    assert!(count(1..=9)(&Value::Integer(10)).is_err());
    assert!(count(1..=9)(&Value::Integer(-1)).is_err());
}

#[test]
fn a_switch_is_a_word_in_a_variable_and_a_boolean_in_the_file() {
    let plain = |text: &str| Value::Plain(text.to_owned());
    assert_eq!((switch(&plain(" true ")).unwrap(), switch(&plain("false")).unwrap()), (true, false));
    assert!(switch(&Value::Switch(true)).unwrap());
    for refused in [written("true"), plain("yes"), plain("TRUE"), Value::Integer(1)] {
        assert!(switch(&refused).is_err(), "{refused:?}");
    }
}

#[test]
fn a_port_alone_is_told_how_to_become_an_address() {
    assert!(address(&written(":8080")).unwrap_err().right.contains("\"0.0.0.0:8080\""));
    assert!(address(&written("localhost:80")).is_err());
    assert_eq!(address(&written("[::1]:0")).unwrap(), "[::1]:0".parse().unwrap());
}

#[test]
fn an_origin_is_scheme_host_and_port_and_a_password_is_not_repeated() {
    assert!(origin(&written("https://data.education.gouv.fr")).is_ok());
    assert!(origin(&written("http://127.0.0.1:8080/")).is_ok());
    for bad in ["data.education.gouv.fr", "ftp://a.fr", "https://a.fr/api", "https://a.fr/?x", "https://a.fr#x", "https://", "http://a:0"] {
        assert!(origin(&written(bad)).is_err(), "{bad}");
    }
    let refused = origin(&written("https://me:hunter2@a.fr")).unwrap_err();
    assert_eq!(refused.wrong, "the URL has a user name or password");
}

#[test]
fn host_names_lose_case_and_final_dot_and_may_not_have_a_port() {
    let list = |name: &str| Value::List(vec![written(name)]);
    assert_eq!(hosts(&list("OpenData.Intra.")).unwrap(), ["opendata.intra"]);
    assert!(hosts(&list("a.fr:80")).is_err());
    assert!(hosts(&list("http://a.fr")).is_err());
    assert!(hosts(&written("a.fr")).is_err());
}

#[test]
fn a_contact_fits_into_a_user_agent() {
    assert!(contact(&written("data@example.org")).is_ok());
    assert!(contact(&written("https://example.org/contact")).is_ok());
    for bad in ["bob", "@", "a@b.fr (me)", "é@b.fr", "a@b.fr\r\nx: y"] {
        assert!(contact(&written(bad)).is_err(), "{bad}");
    }
}
