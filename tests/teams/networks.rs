//! Networks, and what proxies say of addresses.

use super::office::{Office, behind_a_proxy, in_the_network_of_carte};

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_the_narrowest_network_of_the_last_untrusted_hop_counts() {
    let office = Office::new(behind_a_proxy).await;
    for (field, value, team) in [
        ("x-forwarded-for", "10.2.3.4", "carte"),
        ("x-forwarded-for", "10.1.2.3", "calendrier"),
        ("x-forwarded-for", "[::ffff:10.1.2.3]:4711", "calendrier"),
        ("x-forwarded-for", "10.1.2.3:4711", "calendrier"),
        ("x-forwarded-for", "203.0.113.5", "default"),
        ("x-forwarded-for", "10.1.2.3, 203.0.113.5, 127.0.0.2", "default"),
        ("x-forwarded-for", "203.0.113.5, 10.1.2.3, 127.0.0.2", "calendrier"),
        ("x-forwarded-for", "10.1.2.3, unknown", "default"),
        ("forwarded", "for=10.2.3.4;proto=https", "carte"),
        ("forwarded", "for=203.0.113.5, for=\"10.1.2.3:80\";by=127.0.0.1, for=127.0.0.3", "calendrier"),
        ("forwarded", "for=10.1.2.3, for=\"[2001:db8::1]:4711\"", "default"),
        ("forwarded", "for=10.1.2.3, for=_secret", "default"),
        ("x-real-ip", "10.1.2.3", "default"),
        ("x-team", "carte", "default"),
    ] {
        assert_eq!(office.whose(&[(field, value)]).await, team, "{field}: {value}");
    }
    assert_eq!(office.whose(&[("x-forwarded-for", "10.2.3.4"), ("forwarded", "for=10.2.3.4")]).await, "carte");
    assert_eq!(office.whose(&[]).await, "default", "the proxy asks for itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_anybody_else_nothing_of_it_counts() {
    let office = Office::new(in_the_network_of_carte).await;
    for (field, value) in [
        ("x-forwarded-for", "10.1.2.3"),
        ("forwarded", "for=10.1.2.3"),
        ("x-forwarded-for", "?!"),
        ("forwarded", "\""),
        ("x-team", "calendrier"),
    ] {
        assert_eq!(office.whose(&[(field, value)]).await, "carte", "{field}: {value}");
    }
    let two = [("x-forwarded-for", "10.1.2.3"), ("forwarded", "for=203.0.113.5")];
    assert_eq!(office.whose(&two).await, "carte");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_cannot_be_understood_is_told_so() {
    let office = Office::new(behind_a_proxy).await;
    for (fields, word) in [
        (vec![("x-forwarded-for", "10.1.2.3, nonsense")], "malformed-forwarding"),
        (vec![("forwarded", "10.1.2.3")], "malformed-forwarding"),
        (vec![("forwarded", "for=10.1.2.3;x=\", for=203.0.113.5")], "malformed-forwarding"),
        (vec![("x-forwarded-for", "10.1.2.3"), ("forwarded", "for=10.2.3.4")], "contradicting-forwarding"),
    ] {
        let answer = office.ask(&fields).await;
        let said = (answer.status.as_u16(), answer.cache_status().to_owned());
        assert_eq!(said, (400, format!("preau; detail={word}")), "{fields:?}");
        assert_eq!(answer.json()["error_code"], "BadForwarding");
    }
}
