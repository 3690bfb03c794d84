//! Who is recognised by what: keys, networks, proxies and pages, each alone and against the others.

use http::{HeaderName, HeaderValue, Request};
use proptest::prelude::*;

use super::*;
use crate::config::{Environment, KeyHash, Overrides, Team};

const CARTE: TeamId = TeamId::new(2);
const CALENDRIER: TeamId = TeamId::new(3);

/// `carte` has two keys and 10.0.0.0/8, `calendrier` one key and a part of that; 192.0.2.0/28 and fd00::/8 are proxies.
fn configuration() -> Config {
    let mut config = Config::load(&Overrides::default(), &Environment::from_iter([("HOME", "/")])).unwrap();
    let team = |name: &str, keys: &[&str], networks: &[&str]| Team {
        name: name.to_owned(),
        keys: keys.iter().map(|key| KeyHash::of(key.as_bytes())).collect(),
        networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        ..config.teams[0].clone()
    };
    let mut teams = vec![
        team("carte", &["preau_carte", "preau_carte_new"], &["10.0.0.0/8", "2001:db8::/32"]),
        team("calendrier", &["preau_calendrier"], &["10.1.0.0/16"]),
    ];
    teams[1].may_force = true;
    config.teams.extend(teams);
    config.listen.trusted_proxies = ["192.0.2.0/28", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec();
    config.listen.allowed_origins = vec!["https://portail.intra.example".to_owned()];
    config.listen.public_url = Some("https://opendata.example/data".parse().unwrap());
    config.portals[0].hosts = vec!["mirror.intra".to_owned()];
    config
}

fn head(lines: &[(&str, &str)]) -> Parts {
    let mut head = Request::new(()).into_parts().0;
    for (name, value) in lines {
        head.headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    head
}

fn recognise(peer: &str, lines: &[(&str, &str)]) -> Result<Client, Unrecognised> {
    Recognition::new(&configuration()).recognise(&head(lines), Some(peer.parse().unwrap()))
}

fn team(peer: &str, lines: &[(&str, &str)]) -> Result<(TeamId, KnownBy), Unrecognised> {
    recognise(peer, lines).map(|client| (client.team, client.known_by))
}

fn address(peer: &str, lines: &[(&str, &str)]) -> Result<Option<String>, Unrecognised> {
    recognise(peer, lines).map(|client| client.address.map(|address| address.to_string()))
}

fn basic(credentials: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(credentials))
}

#[test]
fn a_key_tells_the_team_wherever_it_is_sent_and_wherever_from() {
    for lines in [
        vec![("x-preau-key", "preau_carte".to_owned())],
        vec![("x-preau-key", " preau_carte_new ".to_owned())],
        vec![("authorization", basic("carte:preau_carte"))],
        vec![("authorization", basic("Carte:preau_carte"))],
        vec![("authorization", basic(":preau_carte")).to_owned()],
        vec![("authorization", basic("carte:preau_carte").replace("Basic", "bAsIc  "))],
        vec![("x-preau-key", "preau_carte".to_owned()), ("authorization", basic("carte:preau_carte_new"))],
        vec![("x-preau-key", "preau_carte".to_owned()), ("authorization", "Apikey k123".to_owned())],
    ] {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for peer in ["203.0.113.9", "10.1.0.1"] {
            assert_eq!(team(peer, &lines), Ok((CARTE, KnownBy::Key)), "{lines:?}");
        }
    }
}

#[test]
fn a_key_that_is_nobodys_is_never_the_default_team() {
    for (name, value) in [
        ("x-preau-key", "preau_cart"),
        ("x-preau-key", "preau_carte2"),
        ("x-preau-key", "PREAU_CARTE"),
        ("x-preau-key", ""),
        ("x-preau-key", "preau_carte, preau_carte"),
        ("x-preau-key", "preau_carté"),
        ("authorization", "Basic"),
        ("authorization", "Basic preau_carte"),
        ("authorization", "Basic !!"),
        ("authorization", &basic("preau_carte")),
        ("authorization", &basic("preau_carte:")),
        ("authorization", &basic("carte:")),
        ("authorization", &basic("carte:wrong")),
    ] {
        assert_eq!(team("10.1.0.1", &[(name, value)]), Err(Unrecognised::UnknownKey), "{name}: {value}");
    }
    for name in ["calendrier", "default", "anybody"] {
        let credentials = basic(&format!("{name}:preau_carte"));
        assert_eq!(team("10.1.0.1", &[("authorization", &credentials)]), Err(Unrecognised::OtherName), "{name}");
    }
}

#[test]
fn two_keys_that_disagree_are_neithers() {
    let other = basic("calendrier:preau_calendrier");
    let own = basic("carte:preau_carte");
    for lines in [
        vec![("x-preau-key", "preau_carte"), ("authorization", other.as_str())],
        vec![("x-preau-key", "preau_carte"), ("x-preau-key", "preau_calendrier")],
        vec![("x-preau-key", "preau_carte"), ("x-preau-key", "preau_carte")],
        vec![("authorization", own.as_str()), ("authorization", other.as_str())],
    ] {
        assert_eq!(team("10.1.0.1", &lines), Err(Unrecognised::TwoKeys), "{lines:?}");
    }
    assert_eq!(team("10.1.0.1", &[("x-preau-key", "wrong"), ("authorization", &own)]), Err(Unrecognised::UnknownKey));
}

#[test]
fn without_a_key_the_narrowest_network_tells_the_team() {
    for (peer, expected) in [
        ("10.2.0.1", (CARTE, KnownBy::Network)),
        ("10.1.0.1", (CALENDRIER, KnownBy::Network)),
        ("::ffff:10.1.0.1", (CALENDRIER, KnownBy::Network)),
        ("2001:db8::1", (CARTE, KnownBy::Network)),
        ("11.0.0.1", (TeamId::DEFAULT, KnownBy::Nothing)),
        ("2001:db9::1", (TeamId::DEFAULT, KnownBy::Nothing)),
    ] {
        assert_eq!(team(peer, &[]), Ok(expected), "{peer}");
        assert_eq!(team(peer, &[("authorization", "Apikey k"), ("x-team", "carte")]), Ok(expected), "{peer}");
    }
    let nowhere = Recognition::new(&configuration()).recognise(&head(&[]), None).unwrap();
    assert_eq!((nowhere.team, nowhere.address), (TeamId::DEFAULT, None));
}

#[test]
fn what_a_peer_says_of_addresses_counts_only_if_it_is_trusted() {
    for field in ["forwarded", "x-forwarded-for"] {
        let said = if field == "forwarded" { "for=10.1.0.1" } else { "10.1.0.1" };
        assert_eq!(address("203.0.113.9", &[(field, said)]), Ok(Some("203.0.113.9".to_owned())));
        assert_eq!(team("203.0.113.9", &[(field, said)]), Ok((TeamId::DEFAULT, KnownBy::Nothing)));
        assert_eq!(team("10.2.0.1", &[(field, said)]), Ok((CARTE, KnownBy::Network)));
        assert_eq!(address("192.0.2.1", &[(field, said)]), Ok(Some("10.1.0.1".to_owned())));
        assert_eq!(team("192.0.2.1", &[(field, said)]), Ok((CALENDRIER, KnownBy::Network)));
        assert_eq!(team("::ffff:192.0.2.1", &[(field, said)]), Ok((CALENDRIER, KnownBy::Network)));
        assert_eq!(address("203.0.113.9", &[(field, "?!")]), Ok(Some("203.0.113.9".to_owned())), "nor is it even read");
    }
}

#[test]
fn the_client_is_the_last_hop_that_is_no_trusted_proxy() {
    for (line, expected) in [
        ("198.51.100.7", Some("198.51.100.7")),
        ("10.1.0.1, 198.51.100.7", Some("198.51.100.7")),
        ("10.1.0.1, 198.51.100.7, 192.0.2.2", Some("198.51.100.7")),
        ("10.1.0.1, 198.51.100.7,192.0.2.2 ,, fd00::1", Some("198.51.100.7")),
        ("10.1.0.1:4711", Some("10.1.0.1")),
        ("[2001:db8::7]:4711", Some("2001:db8::7")),
        ("[2001:db8::7]", Some("2001:db8::7")),
        ("2001:db8::7", Some("2001:db8::7")),
        ("::ffff:10.1.0.1", Some("10.1.0.1")),
        ("192.0.2.3, 192.0.2.2", Some("192.0.2.3")),
        ("10.1.0.1, unknown", None),
        ("?!, <script>, 198.51.100.7", Some("198.51.100.7")),
        ("", Some("192.0.2.1")),
    ] {
        assert_eq!(address("192.0.2.1", &[("x-forwarded-for", line)]), Ok(expected.map(str::to_owned)), "{line}");
    }
    let lines = [("x-forwarded-for", "10.1.0.1"), ("x-forwarded-for", "198.51.100.7"), ("x-forwarded-for", "192.0.2.2")];
    assert_eq!(address("192.0.2.1", &lines), Ok(Some("198.51.100.7".to_owned())));
    for (line, expected) in [
        ("for=198.51.100.7", Some("198.51.100.7")),
        ("For=\"[2001:db8::7]:4711\";proto=https", Some("2001:db8::7")),
        ("by=192.0.2.1 ; for=\"198.51.100.7:80\" , for=192.0.2.2", Some("198.51.100.7")),
        ("for=10.1.0.1;x=\"a,b;for=1.1.1.1\\\"\", for=198.51.100.7", Some("198.51.100.7")),
        ("for=\"x, for=10.1.0.1;y=\", for=198.51.100.7", Some("198.51.100.7")),
        ("for=nonsense, for=198.51.100.7", Some("198.51.100.7")),
        ("for=198.51.100.7, for=_hidden", None),
        ("for=198.51.100.7, for=unknown", None),
        ("for=198.51.100.7, for=\"unknown:80\"", None),
        ("for=198.51.100.7, proto=https", None),
        ("for=[2001:db8::7]:80", Some("2001:db8::7")),
        ("", Some("192.0.2.1")),
    ] {
        assert_eq!(address("192.0.2.1", &[("forwarded", line)]), Ok(expected.map(str::to_owned)), "{line}");
    }
    assert_eq!(team("192.0.2.1", &[("forwarded", "for=10.1.0.1, for=_x")]), Ok((TeamId::DEFAULT, KnownBy::Nothing)));
}

#[test]
fn a_proxy_that_cannot_be_understood_is_not_guessed_at() {
    for line in ["10.1.0.1, nonsense", "10.1.0.256", "10.1.0.1:", "[10.1.0.1", "é"] {
        assert_eq!(address("192.0.2.1", &[("x-forwarded-for", line)]), Err(Unrecognised::MalformedForwarding), "{line}");
    }
    // The second of each is what a client sends so that the proxy's own element becomes part of a text.
    for line in [
        "for",
        "for=\"x, for=198.51.100.7",
        "for=10.1.0.1;x=\", for=198.51.100.7",
        "for=10.1.0.1;x=\", for=\"[2001:db8::7]:80\"",
        "for=10.1.0.1, for=a;for=198.51.100.7",
        "for=10.1.0.1 for=198.51.100.7",
        "=198.51.100.7",
        "for=",
        "for =198.51.100.7",
        "for=\"198.51.100.7\"x",
        "for=\"\\",
        "for=nonsense",
        "10.1.0.1",
    ] {
        assert_eq!(address("192.0.2.1", &[("forwarded", line)]), Err(Unrecognised::MalformedForwarding), "{line}");
    }
}

#[test]
fn two_fields_of_a_proxy_that_name_two_clients_are_refused() {
    let two = |x: &str, forwarded: &str| address("192.0.2.1", &[("x-forwarded-for", x), ("forwarded", forwarded)]);
    assert_eq!(two("10.1.0.1", "for=10.2.0.1"), Err(Unrecognised::TwoAddresses));
    assert_eq!(two("10.1.0.1", "for=unknown"), Err(Unrecognised::TwoAddresses));
    assert_eq!(two("9.9.9.9, 10.1.0.1", "for=\"10.1.0.1:80\";proto=https, for=192.0.2.3"), Ok(Some("10.1.0.1".to_owned())));
    assert_eq!(two("", "for=10.1.0.1"), Ok(Some("10.1.0.1".to_owned())));
}

/// What browsers send for pages, and whether that is foreign to a mirror that is called `mirror.intra:8080`.
const PAGES: [(&[(&str, &str)], bool); 30] = [
    (&[], false),
    (&[("origin", "https://evil.example")], true),
    (&[("origin", "null")], true),
    (&[("origin", "")], true),
    (&[("origin", "file://")], true),
    (&[("origin", "chrome-extension://abcdef")], true),
    (&[("origin", "http://mirror.intra:8080")], false),
    (&[("origin", "https://mirror.intra:8080")], false),
    (&[("origin", "http://MIRROR.intra:8080")], false),
    (&[("origin", "http://mirror.intra")], true),
    (&[("origin", "http://mirror.intra:8081")], true),
    (&[("origin", "http://mirror.intra.evil.example:8080")], true),
    (&[("origin", "https://portail.intra.example")], false),
    (&[("origin", "https://portail.intra.example"), ("sec-fetch-site", "cross-site")], false),
    (&[("origin", "http://portail.intra.example")], true),
    (&[("origin", "https://portail.intra.example:444")], true),
    (&[("origin", "https://opendata.example")], false),
    (&[("origin", "https://portail.intra.example"), ("origin", "https://portail.intra.example")], true),
    (&[("sec-fetch-site", "cross-site")], true),
    (&[("sec-fetch-site", "cross-site"), ("referer", "https://portail.intra.example/")], true),
    (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], true),
    (&[("sec-fetch-site", "same-origin")], false),
    (&[("sec-fetch-site", "none")], false),
    (&[("sec-fetch-site", "same-site"), ("referer", "http://autre.intra/")], false),
    (&[("sec-fetch-site", "nonsense"), ("referer", "https://evil.example/")], true),
    (&[("referer", "https://evil.example/page")], true),
    (&[("referer", "https://portail.intra.example/a?b")], false),
    (&[("referer", "http://mirror.intra:8080/a")], false),
    (&[("referer", "https://opendata.example/data/x")], false),
    (&[("referer", "about:blank")], true),
];

#[test]
fn no_foreign_page_spends_for_the_network_of_its_reader() {
    for (lines, foreign) in PAGES {
        let lines = [lines, &[("host", "mirror.intra:8080")]].concat();
        let expected = if foreign { (TeamId::BROWSER, KnownBy::Nothing) } else { (CARTE, KnownBy::Network) };
        assert_eq!(team("10.2.0.1", &lines), Ok(expected), "{lines:?}");
        let expected = if foreign { TeamId::BROWSER } else { TeamId::DEFAULT };
        assert_eq!(team("203.0.113.9", &lines), Ok((expected, KnownBy::Nothing)), "{lines:?}");
    }
}

#[test]
fn a_page_that_knows_a_key_is_its_teams_and_one_whose_reader_once_typed_it_is_not() {
    let typed = basic("carte:preau_carte");
    for (lines, foreign) in PAGES {
        let with = |field: &'static str, value| [lines, &[("host", "mirror.intra:8080"), (field, value)]].concat();
        assert_eq!(team("10.1.0.1", &with("x-preau-key", "preau_carte")), Ok((CARTE, KnownBy::Key)), "{lines:?}");
        let expected = if foreign { (TeamId::BROWSER, KnownBy::Nothing) } else { (CARTE, KnownBy::Key) };
        assert_eq!(team("10.1.0.1", &with("authorization", &typed)), Ok(expected), "{lines:?}");
    }
}

#[test]
fn a_page_of_the_mirrors_own_is_told_by_host_and_port_whoever_ends_its_tls() {
    for (host, origin, foreign) in [
        ("mirror.intra", "https://mirror.intra", false),
        ("mirror.intra:443", "https://mirror.intra", false),
        ("mirror.intra:80", "http://mirror.intra", false),
        ("mirror.intra.", "http://mirror.intra", false),
        ("[::1]:8080", "http://[::1]:8080", false),
        ("[::1]:8080", "http://[::2]:8080", true),
        ("mirror.intra", "http://mirror.intra:8080", true),
        ("", "http://mirror.intra", true),
    ] {
        let found = team("10.2.0.1", &[("host", host), ("origin", origin)]).unwrap().0 == TeamId::BROWSER;
        assert_eq!(found, foreign, "{origin} at {host}");
    }
}

#[test]
fn a_page_of_a_name_that_is_not_known_to_be_ours_is_foreign_wherever_it_leads() {
    for (host, foreign) in [
        ("evil.example", true),
        ("evil.example:8080", true),
        ("mirror.intra.evil.example", true),
        ("opendata.example", false),
        ("mirror.intra", false),
        ("preau", false),
        ("preau:8080", false),
        ("localhost:8080", false),
        ("preau.internal", false),
        ("127.0.0.1:8080", false),
        ("[::1]:8080", false),
    ] {
        let origin = format!("http://{host}");
        for lines in [vec![("origin", origin.as_str())], vec![("sec-fetch-site", "same-origin")], vec![("referer", origin.as_str())]] {
            let lines = [lines, vec![("host", host)]].concat();
            let found = team("10.2.0.1", &lines).unwrap().0 == TeamId::BROWSER;
            assert_eq!(found, foreign, "{lines:?}");
        }
        let typed = team("10.2.0.1", &[("host", host), ("sec-fetch-site", "none")]);
        assert_eq!(typed, Ok((CARTE, KnownBy::Network)), "whoever types {host} is no page");
    }
}

#[test]
fn a_team_forces_calls_only_if_it_may() {
    let clients = Recognition::new(&configuration());
    assert!(clients.may_force(CALENDRIER));
    for team in [CARTE, TeamId::DEFAULT, TeamId::BROWSER, TeamId::new(99)] {
        assert!(!clients.may_force(team), "{team:?}");
    }
}

#[test]
fn nothing_of_recognition_prints_a_key_or_its_whole_hash() {
    let clients = Recognition::new(&configuration());
    let printed = format!("{clients:?}");
    assert!(!printed.contains("preau_carte"), "{printed}");
    assert!(!printed.contains(&KeyHash::of(b"preau_carte").to_string()), "{printed}");
    for fault in [Unrecognised::UnknownKey, Unrecognised::OtherName, Unrecognised::TwoKeys] {
        assert!(fault.to_string().len() > 40);
    }
}

proptest! {
    #[test]
    fn whatever_clients_write_the_hop_that_the_proxy_adds_is_theirs(
        written in "(for=|For=|by=|,|;|\"|\\\\|=| |10\\.1\\.0\\.1|unknown|\\[::1\\]|a){0,12}",
        port in any::<Option<u16>>(),
    ) {
        let own = port.map_or("198.51.100.7".to_owned(), |port| format!("198.51.100.7:{port}"));
        let x = format!("{written}, {own}");
        prop_assert_eq!(address("192.0.2.1", &[("x-forwarded-for", &x)]), Ok(Some("198.51.100.7".to_owned())));
        let forwarded = format!("{written}, for=\"{own}\"");
        let read = address("192.0.2.1", &[("forwarded", &forwarded)]);
        prop_assert!(read == Ok(Some("198.51.100.7".to_owned())) || read == Err(Unrecognised::MalformedForwarding), "{forwarded}: {read:?}");
        // On a line of its own, it is read whatever stands on the others.
        let lines = [("forwarded", written.as_str()), ("forwarded", &format!("for=\"{own}\""))];
        prop_assert_eq!(address("192.0.2.1", &lines), Ok(Some("198.51.100.7".to_owned())));
    }
}
