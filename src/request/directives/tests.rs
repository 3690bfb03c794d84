//! What is read, and what follows from it, each with its section of RFC 9111.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn by(seconds: u64) -> Option<MaxStale> {
    Some(MaxStale::By(s(seconds)))
}

const NONE: Directives =
    Directives { no_cache: false, no_store: false, max_age: None, max_stale: None, min_fresh: None, only_if_cached: false };
const NO_CACHE: Directives = Directives { no_cache: true, ..NONE };
const NO_STORE: Directives = Directives { no_store: true, ..NONE };
const ANY_STALE: Directives = Directives { max_stale: Some(MaxStale::Any), ..NONE };
const ONLY_IF_CACHED: Directives = Directives { only_if_cached: true, ..NONE };

fn max_age(seconds: u64) -> Directives {
    Directives { max_age: Some(s(seconds)), ..NONE }
}

fn read(lines: &[&str]) -> Directives {
    Directives::of(&lines.iter().map(|line| (CACHE_CONTROL, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect())
}

#[test]
fn each_directive_is_read_in_every_way_it_may_be_written() {
    for (lines, expected) in [
        (&[][..], NONE),
        (&[""], NONE),
        (&[" , ,, "], NONE),
        // Section 5.2.1: the directives of a request.
        (&["max-age=60"], max_age(60)),
        (&["max-stale"], ANY_STALE),
        (&["max-stale=5"], Directives { max_stale: by(5), ..NONE }),
        (&["min-fresh=7"], Directives { min_fresh: Some(s(7)), ..NONE }),
        (&["no-cache"], NO_CACHE),
        (&["no-store"], NO_STORE),
        (&["only-if-cached"], ONLY_IF_CACHED),
        // Section 5.2: names without case, arguments as tokens or strings.
        (&["No-Cache"], NO_CACHE),
        (&["MAX-AGE=\"60\""], max_age(60)),
        (&["max-stale=\"5\""], Directives { max_stale: by(5), ..NONE }),
        // RFC 9110 sections 5.3 and 5.6.1: several lines are one list, and empty elements are none.
        (
            &["no-cache,\tmax-age=0", ",only-if-cached , no-store"],
            Directives { no_store: true, only_if_cached: true, no_cache: true, ..max_age(0) },
        ),
        // A directive that takes no argument is named all the same.
        (&["no-cache=\"set-cookie\", no-store=1"], Directives { no_store: true, ..NO_CACHE }),
    ] {
        assert_eq!(read(lines), expected, "{lines:?}");
    }
}

#[test]
fn of_a_directive_that_is_repeated_the_strictest_counts() {
    for (lines, expected) in [
        (&["max-age=60, max-age=5", "max-age=70"][..], max_age(5)),
        (&["min-fresh=5, min-fresh=50, min-fresh=6"], Directives { min_fresh: Some(s(50)), ..NONE }),
        (&["max-stale=9, max-stale=3, max-stale=4"], Directives { max_stale: by(3), ..NONE }),
        (&["max-stale", "max-stale=3"], Directives { max_stale: by(3), ..NONE }),
        (&["max-stale=3", "max-stale"], Directives { max_stale: by(3), ..NONE }),
        // What cannot be read does not count against what can.
        (&["max-age=x, max-age=5, max-age="], max_age(5)),
    ] {
        assert_eq!(read(lines), expected, "{lines:?}");
    }
}

#[test]
fn what_is_malformed_or_unknown_is_as_if_it_were_absent() {
    // Section 5.2.3, and section 1.2.2 for what a number of seconds is.
    for line in [
        "max-age",
        "max-age=",
        "max-age=\"\"",
        "max-age=-1",
        "max-age=+1",
        "max-age=1.5",
        "max-age=60s",
        "max-age= 60",
        "max-age =60",
        "max-age=\"60",
        "max-age=60\"",
        "max-age='60'",
        "max-age=١",
        "min-fresh",
        "min-fresh=soon",
        // Not leave for any staleness.
        "max-stale=",
        "max-stale=for ever",
        "max-stale=\"\"",
        "no-transform",
        "stale-if-error=60",
        "private, must-revalidate, s-maxage=5",
        "xno-cache, no-cachex, no cache, \"no-cache\"",
        // A comma within a string separates nothing, and an escaped mark does not close it.
        "extension=\"a, no-cache, max-age=0\"",
        "extension=\"a\\\", no-store, b\"",
        "extension=\"never closed, no-store, only-if-cached",
        "=no-cache",
    ] {
        assert_eq!(read(&[line]), NONE, "{line}");
    }
    assert_eq!(read(&["extension=\"a, b\", no-cache"]), NO_CACHE, "what follows a string is read");
    assert_eq!(read(&["extension=\"never closed", "no-cache"]), NO_CACHE, "a line does not reach into the next");
    let not_ascii = HeaderValue::from_bytes(b"x=\"\xff\", no-cache").unwrap();
    assert_eq!(Directives::of(&HeaderMap::from_iter([(CACHE_CONTROL, not_ascii)])), NO_CACHE);
}

#[test]
fn a_number_that_is_too_large_is_the_largest() {
    // Section 1.2.2.
    for number in ["2147483648", "2147483649", "18446744073709551615", "18446744073709551616", "999999999999999999999999999999"] {
        assert_eq!(read(&[&format!("max-age={number}")]), max_age(1 << 31), "{number}");
        assert_eq!(read(&[&format!("max-stale={number}")]).max_stale, by(1 << 31), "{number}");
    }
    assert_eq!(read(&["max-age=2147483647"]), max_age((1 << 31) - 1));
    assert_eq!(read(&["max-age=0000000000000000000000000060"]), max_age(60));
}

#[test]
fn pragma_speaks_only_where_cache_control_does_not() {
    // Section 5.4; RFC 7234 section 5.4 says how the old field was read.
    let of = |lines: &[(http::HeaderName, &'static str)]| {
        Directives::of(&lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect())
    };
    assert_eq!(of(&[(PRAGMA, "no-cache")]), NO_CACHE);
    assert_eq!(of(&[(PRAGMA, "x=\"y, z\""), (PRAGMA, "a, No-Cache")]), NO_CACHE);
    assert_eq!(of(&[(PRAGMA, "max-age=0, no-store, x=\"no-cache\"")]), NONE);
    assert_eq!(of(&[(PRAGMA, "no-cache"), (CACHE_CONTROL, "max-stale")]), ANY_STALE);
    assert_eq!(of(&[(CACHE_CONTROL, ""), (PRAGMA, "no-cache")]), NONE);
}

const FRESH: Held = Held::Fresh { age: s(100), ttl: s(200) };
const UNCHECKED: Held = Held::Unchecked { age: s(400), by: s(50) };
const STALE: Held = Held::Stale { age: s(700), by: s(100) };

/// For callers that may not force, and for those that may.
fn decisions(line: &str, held: Held) -> (Decision, Decision) {
    let directives = read(&[line]);
    (directives.decide(false, held), directives.decide(true, held))
}

#[test]
fn each_directive_is_decided_upon() {
    use Decision::{Forward, GatewayTimeout, Ordinary, PassUnstored, ServeStale};
    for (line, held, may_not, may) in [
        ("", FRESH, Ordinary, Ordinary),
        ("", UNCHECKED, Ordinary, Ordinary),
        ("", STALE, Ordinary, Ordinary),
        ("", Held::Nothing, Ordinary, Ordinary),
        // Section 5.2.1.1: not older, and, unless max-stale says so, not stale.
        ("max-age=100", FRESH, Ordinary, Ordinary),
        ("max-age=99", FRESH, Ordinary, Forward),
        ("max-age=0", FRESH, Ordinary, Forward),
        ("max-age=400", UNCHECKED, Ordinary, Ordinary),
        ("max-age=399", UNCHECKED, Ordinary, Forward),
        ("max-age=9999", STALE, Ordinary, Forward),
        ("max-age=0", Held::Nothing, Ordinary, Ordinary),
        // Section 5.2.1.2: stale by no more than that.
        ("max-stale", FRESH, Ordinary, Ordinary),
        ("max-stale", STALE, ServeStale, ServeStale),
        ("max-stale", UNCHECKED, ServeStale, ServeStale),
        ("max-stale=100", STALE, ServeStale, ServeStale),
        ("max-stale=99", STALE, Ordinary, Ordinary),
        ("max-stale=50", UNCHECKED, ServeStale, ServeStale),
        ("max-stale=49", UNCHECKED, Ordinary, Ordinary),
        ("max-stale", Held::Nothing, Ordinary, Ordinary),
        ("max-stale, max-age=700", STALE, ServeStale, ServeStale),
        ("max-stale, max-age=699", STALE, Ordinary, Forward),
        ("max-stale, no-cache", STALE, Ordinary, Forward),
        ("max-stale, min-fresh=0", STALE, Ordinary, Forward),
        // Section 5.2.1.3: fresh for at least so long.
        ("min-fresh=200", FRESH, Ordinary, Ordinary),
        ("min-fresh=201", FRESH, Ordinary, Forward),
        ("min-fresh=201", UNCHECKED, Ordinary, Ordinary),
        ("min-fresh=1", STALE, Ordinary, Forward),
        ("min-fresh=1", Held::Nothing, Ordinary, Ordinary),
        // Section 5.2.1.4: not without asking the portal.
        ("no-cache", FRESH, Ordinary, Forward),
        ("no-cache", UNCHECKED, Ordinary, Forward),
        ("no-cache", STALE, Ordinary, Forward),
        ("no-cache", Held::Nothing, Ordinary, Ordinary),
        // Section 5.2.1.5: it does not apply to what is stored already; what is asked because of it is kept by nobody.
        ("no-store", FRESH, Ordinary, Ordinary),
        ("no-store", UNCHECKED, Ordinary, Ordinary),
        ("no-store", STALE, Ordinary, PassUnstored),
        ("no-store", Held::Nothing, Ordinary, PassUnstored),
        ("no-store, no-cache", FRESH, Ordinary, PassUnstored),
        ("no-store, no-cache", UNCHECKED, Ordinary, PassUnstored),
        ("no-store, max-age=0", FRESH, Ordinary, PassUnstored),
        ("no-store, max-stale", STALE, ServeStale, ServeStale),
        // Section 5.2.1.7: a stored response that the other directives let pass, or 504.
        ("only-if-cached", FRESH, Ordinary, Ordinary),
        ("only-if-cached", UNCHECKED, GatewayTimeout, GatewayTimeout),
        ("only-if-cached", STALE, GatewayTimeout, GatewayTimeout),
        ("only-if-cached", Held::Nothing, GatewayTimeout, GatewayTimeout),
        ("only-if-cached, max-stale", UNCHECKED, ServeStale, ServeStale),
        ("only-if-cached, max-stale=100", STALE, ServeStale, ServeStale),
        ("only-if-cached, max-stale=99", STALE, GatewayTimeout, GatewayTimeout),
        ("only-if-cached, max-age=99", FRESH, GatewayTimeout, GatewayTimeout),
        ("only-if-cached, min-fresh=201", FRESH, GatewayTimeout, GatewayTimeout),
        ("only-if-cached, no-cache", FRESH, GatewayTimeout, GatewayTimeout),
        ("only-if-cached, no-store", FRESH, Ordinary, Ordinary),
        ("only-if-cached, no-store", Held::Nothing, GatewayTimeout, GatewayTimeout),
    ] {
        assert_eq!(decisions(line, held), (may_not, may), "{line:?} with {held:?}");
    }
}

fn any_directives() -> impl Strategy<Value = Directives> {
    let seconds = || prop::option::of((0u64..400).prop_map(s));
    let stale = prop::option::of(prop_oneof![Just(MaxStale::Any), (0u64..400).prop_map(|seconds| MaxStale::By(s(seconds)))]);
    (any::<[bool; 3]>(), seconds(), stale, seconds()).prop_map(|([no_cache, no_store, only_if_cached], max_age, max_stale, min_fresh)| {
        Directives { no_cache, no_store, max_age, max_stale, min_fresh, only_if_cached }
    })
}

fn any_held() -> impl Strategy<Value = Held> {
    (0usize..4, 0u64..400, 0u64..400).prop_map(|(kind, age, other)| {
        let (age, other) = (s(age), s(other));
        [Held::Fresh { age, ttl: other }, Held::Unchecked { age, by: other }, Held::Stale { age, by: other }, Held::Nothing][kind]
    })
}

proptest! {
    #[test]
    fn who_may_not_force_never_causes_a_call_that_saying_nothing_would_not(directives in any_directives(), held in any_held()) {
        let decision = directives.decide(false, held);
        prop_assert!(matches!(decision, Decision::Ordinary | Decision::ServeStale | Decision::GatewayTimeout), "{decision:?}");
    }

    #[test]
    fn only_if_cached_never_causes_a_call(directives in any_directives(), held in any_held(), may_force: bool) {
        let directives = Directives { only_if_cached: true, ..directives };
        match directives.decide(may_force, held) {
            // Which is a call, or a look, for anything that is not fresh.
            Decision::Ordinary => prop_assert!(matches!(held, Held::Fresh { .. }), "{held:?}"),
            decision => prop_assert!(matches!(decision, Decision::ServeStale | Decision::GatewayTimeout), "{decision:?}"),
        }
    }

    #[test]
    fn what_is_stale_beyond_leave_is_never_served_as_if_it_were_welcome(directives in any_directives(), held in any_held(), may_force: bool) {
        if directives.decide(may_force, held) == Decision::ServeStale {
            let (Held::Stale { by, .. } | Held::Unchecked { by, .. }) = held else { panic!("{held:?} is not stale") };
            let welcome = match directives.max_stale {
                Some(MaxStale::By(most)) => by <= most,
                any => any.is_some(),
            };
            prop_assert!(welcome, "{directives:?}");
        }
    }

    #[test]
    fn reading_never_fails_and_written_directives_are_read(line in "[ -~]{0,60}", directives in any_directives()) {
        read(&[&line]);
        let Directives { no_cache, no_store, max_age, max_stale, min_fresh, only_if_cached } = directives;
        let mut parts: Vec<String> = Vec::new();
        parts.extend(no_cache.then(|| "no-cache".into()));
        parts.extend(no_store.then(|| "no-store".into()));
        parts.extend(only_if_cached.then(|| "only-if-cached".into()));
        parts.extend(max_age.map(|age| format!("max-age={}", age.as_secs())));
        parts.extend(min_fresh.map(|least| format!("min-fresh=\"{}\"", least.as_secs())));
        parts.extend(max_stale.map(|most| match most {
            MaxStale::Any => "max-stale".into(),
            MaxStale::By(most) => format!("max-stale={}", most.as_secs()),
        }));
        prop_assert_eq!(read(&[&parts.join(",")]), directives);
    }
}
