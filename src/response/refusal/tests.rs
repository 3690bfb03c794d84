use super::*;
use crate::budget::{Shutter, TeamStanding, Why};
use crate::team::TeamId;

const EVERY: [Why; 14] = [
    Why::Exhausted,
    Why::ReserveSpent,
    Why::Ceiling,
    Why::Guaranteed,
    Why::Pace,
    Why::Dataset,
    Why::QueueFull,
    Why::PortalDown,
    Why::Closed(Shutter::Domain),
    Why::Closed(Shutter::Anonymous),
    Why::BackingOff,
    Why::Learning,
    Why::LedgerUnwritable,
    Why::ShuttingDown,
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn refused(why: Why, until: &str) -> Refused {
    Refused { why, until: at(until), limit: 1500, used: 1499, team: None }
}

fn to<'a>(spoken: Spoken, now: &str, team: &'a str) -> Addressee<'a> {
    Addressee { spoken, now: at(now), team: Some(team), contact: Some("data@exemple.fr") }
}

const NOON: &str = "2026-11-24T11:00:00Z";
const MIDNIGHT: &str = "2026-11-25T00:00:00Z";

#[test]
fn every_refusal_is_told_in_both_languages_with_the_time_at_which_it_opens() {
    for why in EVERY {
        for (spoken, opens) in [
            (Spoken::French, "demain à 1\u{a0}h\u{a0}00, heure de Paris (00:00 UTC)"),
            (Spoken::English, "tomorrow at 00:00 UTC (01:00 in Paris)"),
        ] {
            let Words { title, detail } = words(&refused(why, MIDNIGHT), &to(spoken, NOON, "geo"));
            assert!(detail.contains(opens), "{why:?}: {detail}");
            assert!(!title.is_empty() && !title.ends_with('.'), "{title}");
            assert!(!detail.contains("  ") && !detail.contains('{') && detail.trim() == detail, "{detail}");
        }
    }
}

#[test]
fn a_refusal_says_which_limit_what_to_do_and_whom_to_ask() {
    let told = |why, spoken| words(&refused(why, MIDNIGHT), &to(spoken, NOON, "geo")).detail;
    for (why, french, english) in [
        (
            Why::Ceiling,
            "L’équipe «\u{a0}geo\u{a0}» a utilisé 1\u{202f}499 des 1\u{202f}500 appels",
            "The team “geo” has used 1,499 of the 1,500 calls",
        ),
        (Why::Ceiling, "`where=code in (\"a\", \"b\")`", "`where=code in (\"a\", \"b\")`"),
        (Why::Ceiling, "un export, qui compte pour un seul appel", "an export, which is one call"),
        (Why::Ceiling, "avant la troisième lettre", "before the third letter"),
        (Why::Ceiling, "data@exemple.fr", "data@exemple.fr"),
        (Why::Guaranteed, "promis à d’autres équipes", "promised to other teams"),
        (Why::Pace, "le soir et la nuit", "in the evening and at night"),
        (Why::Dataset, "pour ce jeu de données", "for this dataset"),
        (Why::PortalDown, "rien à faire de votre côté", "nothing to be done"),
        (Why::QueueFull, "moins à la fois", "fewer at a time"),
    ] {
        for (spoken, expected) in [(Spoken::French, french), (Spoken::English, english)] {
            let told = told(why, spoken);
            assert!(told.contains(expected), "{why:?}: {told}");
        }
    }
}

#[test]
fn a_team_beyond_its_guarantee_is_told_both_figures() {
    let standing = TeamStanding { team: TeamId::new(2), spent: 1200, guaranteed: 1000, ceiling: None };
    let told = |spoken, team| words(&Refused { team, ..refused(Why::Guaranteed, MIDNIGHT) }, &to(spoken, NOON, "geo")).detail;
    assert!(told(Spoken::English, Some(standing)).contains("has used 1,200 calls today, where 1,000 of the day are promised to it"));
    assert!(
        told(Spoken::French, Some(standing))
            .contains("a utilisé 1\u{202f}200 appels aujourd’hui, alors que 1\u{202f}000 de la journée lui")
    );
    let nothing = TeamStanding { guaranteed: 0, ..standing };
    assert!(told(Spoken::French, Some(nothing)).contains("a utilisé sa propre part"));
}

#[test]
fn whoever_is_not_recognised_is_told_how_to_be() {
    for spoken in [Spoken::French, Spoken::English] {
        let told = |team| words(&refused(Why::Ceiling, MIDNIGHT), &to(spoken, NOON, team)).detail;
        assert!(told("default").contains("X-Preau-Key"));
        assert!(told("browser").contains("allowed_origins"));
        assert!(!told("geo").contains("X-Preau-Key"));
    }
}

#[test]
fn times_are_told_by_the_readers_day_and_never_before_they_come() {
    let told = |spoken, now, until| words(&refused(Why::ShuttingDown, until), &to(spoken, now, "geo")).detail;
    let french = |now, until| told(Spoken::French, now, until).replace('\u{a0}', " ");
    let english = |now, until| told(Spoken::English, now, until);
    // Summer time, and minutes rounded up.
    assert!(french("2026-07-14T08:00:00Z", "2026-07-14T13:40:01Z").contains("aujourd’hui à 15 h 41, heure de Paris (13:41 UTC)"));
    assert!(english("2026-07-14T08:00:00Z", "2026-07-14T13:40:00Z").contains("today at 13:40 UTC (15:40 in Paris)"));
    // The same instant is today in one place and tomorrow in the other.
    assert!(french("2026-07-14T20:00:00Z", "2026-07-14T22:30:00Z").contains("demain à 0 h 30"));
    assert!(english("2026-07-14T20:00:00Z", "2026-07-14T22:30:00Z").contains("today at 22:30 UTC"));
    assert!(french(NOON, "2026-12-01T00:00:00Z").contains("le 1er décembre à 1 h 00"));
    assert!(french(NOON, "2026-12-31T23:30:00Z").contains("le 1er janvier à 0 h 30"));
    assert!(english(NOON, "2026-12-01T00:00:00Z").contains("on 1 December at 00:00 UTC"));
    // Soon is told in seconds; what is over is soon.
    assert!(french(NOON, "2026-11-24T11:00:45.2Z").contains("dans 46 secondes"));
    assert!(english(NOON, "2026-11-24T11:00:00.2Z").contains("in a second"));
    assert!(english(NOON, "2026-11-24T10:00:00Z").contains("in a second"));
    // No time is too large to be told.
    assert!(
        words(&Refused { until: Timestamp::MAX, ..refused(Why::Exhausted, NOON) }, &to(Spoken::French, NOON, "geo"))
            .detail
            .contains("décembre")
    );
}

#[test]
fn retry_after_is_never_before_the_opening_and_spreads_those_who_wait() {
    let mut lot = fastrand::Rng::with_seed(7);
    for (wait_ms, spread) in [(0, 0), (1, 0), (1500, 0), (9_999, 1), (60_000, 6), (300_000, 30), (86_400_000, 30)] {
        let wait = Duration::from_millis(wait_ms);
        let earliest = wait_ms.div_ceil(1000).max(1);
        let drawn: std::collections::BTreeSet<u64> = (0..2000).map(|_| retry_after(wait, &mut lot)).collect();
        // Every second of the spread is drawn, and none before or beyond.
        assert_eq!(drawn, (earliest..=earliest + spread).collect(), "{wait:?}");
    }
    let draw = |seed| (0..5).map(|_| retry_after(Duration::from_secs(600), &mut fastrand::Rng::with_seed(seed))).collect::<Vec<_>>();
    assert_eq!(draw(1), draw(1));
}

#[test]
fn thousands_are_told_apart() {
    assert_eq!([0, 7, 999, 1000, 12_345, 1_234_567].map(|number| grouped(number, ',')), ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
}
