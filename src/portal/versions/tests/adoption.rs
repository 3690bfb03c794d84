//! What of a look is believed.

use super::*;

/// What is hard to believe of a dataset that was at [`NEW`].
const SUSPECT: [(&str, &[Option<&str>]); 4] =
    [("null", &[None]), ("listed twice", &[Some(NEW), Some(LONG_AGO)]), ("backward", &[Some(LONG_AGO)]), ("future", &[Some(IN_2099)])];

fn rows(of_a: &[Option<&str>]) -> Vec<Row> {
    of_a.iter().map(|data| row("a", *data)).chain([row("b", Some(LONG_AGO))]).collect()
}

/// `a` is at [`NEW`], and settled.
fn at_new() -> Known {
    let known = Known::two();
    known.look_at(Some(NEW));
    known.pass(200);
    known
}

#[test]
fn a_date_that_moves_forward_is_believed_at_once() {
    let known = Known::two();
    let adopted = known.look_at(Some(NEW));
    assert_eq!((adopted.moved, adopted.changed), (vec!["a".to_owned()], true));
    assert_eq!(known.in_force("a"), stated(NEW));
    assert_eq!(known.look_at(Some(NEW)), Adopted::default(), "and is no news the second time");
}

#[test]
fn a_text_that_is_no_date_is_a_token_like_any_other() {
    let known = Known::two();
    for text in ["generation 7", "generation 6"] {
        assert_eq!(known.look_at(Some(text)).moved, ["a"]);
        assert_eq!(known.in_force("a"), stated(text));
        assert_eq!(known.versions.table().dataset("a").unwrap().data.suspect, None);
    }
}

#[test]
fn what_is_suspect_is_believed_after_three_looks_that_agree() {
    for (name, of_a) in SUSPECT {
        let known = at_new();
        let answer = known.records();
        for look in 1..=2 {
            known.pass(10);
            assert_eq!(known.look(&rows(of_a)).moved, <[&str; 0]>::default(), "{name}, look {look}");
            assert_eq!(known.in_force("a"), stated(NEW), "{name}, look {look}");
            assert_eq!(known.confirmed(&answer), Some(false), "{name}, look {look}: served, and not confirmed");
        }
        known.pass(10);
        assert_eq!(known.look(&rows(of_a)).moved, ["a"], "{name}");
        assert_ne!(known.in_force("a"), stated(NEW), "{name}");
        assert!(known.is_moved(&answer), "{name}");
    }
}

#[test]
fn what_is_suspect_is_believed_after_a_quarter_of_an_hour() {
    for (name, of_a) in SUSPECT {
        let known = at_new();
        known.look(&rows(of_a));
        known.pass(15 * 60);
        assert_eq!(known.look(&rows(of_a)).moved, ["a"], "{name}");
    }
}

#[test]
fn looks_that_do_not_agree_begin_anew() {
    for (name, of_a) in SUSPECT {
        let known = at_new();
        let answer = known.records();
        for _ in 0..5 {
            for _ in 0..2 {
                known.pass(100);
                known.look(&rows(of_a));
            }
            known.pass(100);
            known.look_at(Some(NEW));
            assert_eq!(known.in_force("a"), stated(NEW), "{name}");
            assert_eq!(known.confirmed(&answer), Some(true), "{name}: what was doubted is confirmed when it is stated again");
        }
    }
    let known = at_new();
    for of_a in [None, Some(IN_2099), Some(LONG_AGO), None, Some(IN_2099), Some(LONG_AGO)] {
        known.look_at(of_a);
        assert_eq!(known.in_force("a"), stated(NEW));
    }
}

#[test]
fn what_is_suspect_from_the_first_is_in_force_and_unconfirmed_until_it_is_believed() {
    for (name, of_a) in SUSPECT.into_iter().filter(|(name, _)| *name != "backward") {
        let known = Known::nothing();
        known.look(&rows(of_a));
        known.pass(200);
        let answer = known.records();
        known.pass(10);
        known.look(&rows(of_a));
        assert_eq!(known.confirmed(&answer), Some(false), "{name}");
        known.pass(10);
        known.look(&rows(of_a));
        assert_eq!(known.confirmed(&answer), Some(true), "{name}");
    }
}

#[test]
fn one_suspect_version_does_not_clear_another() {
    let known = Known::nothing();
    known.look_at(None);
    known.pass(200);
    let answer = known.records();
    for of_a in [Some(IN_2099), None] {
        known.pass(10);
        known.look_at(of_a);
        assert_eq!(known.confirmed(&answer), Some(false), "{of_a:?}");
    }
    for _ in 0..2 {
        known.pass(10);
        known.look_at(None);
    }
    assert_eq!(known.confirmed(&answer), Some(true));
}

#[test]
fn the_future_begins_ten_minutes_after_either_clock() {
    // Our clock shows 06:00.
    for (portal_now, version, believed) in [
        (None, "2026-03-02T06:09:00Z", true),
        (None, "2026-03-02T06:11:00Z", false),
        (Some("2026-03-02T06:30:00Z"), "2026-03-02T06:39:00Z", true),
        (Some("2026-03-02T06:30:00Z"), "2026-03-02T06:41:00Z", false),
        (Some("2026-03-02T05:00:00Z"), "2026-03-02T06:09:00Z", true),
    ] {
        let known = Known::two();
        let rows = vec![row("a", Some(version)), row("b", Some(LONG_AGO))];
        let catalogue = Catalogue { rows, portal_now: portal_now.map(|now| now.parse().unwrap()) };
        let adopted = known.versions.adopt(&catalogue, known.clock.read()).unwrap();
        assert_eq!(adopted.moved.is_empty(), !believed, "{portal_now:?} {version}");
    }
}

#[test]
fn a_version_of_2099_that_was_believed_can_be_left_again() {
    let known = at_new();
    (0..3).for_each(|_| drop(known.look_at(Some(IN_2099))));
    assert_eq!(known.in_force("a"), stated(IN_2099));
    (0..3).for_each(|_| drop(known.look_at(Some(NEWER))));
    assert_eq!(known.in_force("a"), stated(NEWER));
}

#[test]
fn listed_twice_with_one_date_is_listed_once() {
    let known = Known::two();
    known.look(&[row("a", Some(NEW)), row("a", Some(NEW)), row("b", Some(LONG_AGO))]);
    assert_eq!(known.in_force("a"), stated(NEW));
}

#[test]
fn what_is_ambiguous_does_not_depend_on_the_order() {
    let of_a = [Some(NEW), None, Some(LONG_AGO)];
    let mut told = Vec::new();
    for turn in 0..3 {
        let known = Known::nothing();
        let mut of_a = of_a;
        of_a.rotate_left(turn);
        known.look(&rows(&of_a));
        told.push(known.in_force("a"));
    }
    assert!(matches!(told[0], Version::Ambiguous(_)), "{told:?}");
    assert!(told.iter().all(|version| *version == told[0]), "{told:?}");
}

#[test]
fn an_empty_catalogue_is_never_believed() {
    let known = Known::two();
    for _ in 0..20 {
        known.pass(600);
        assert_eq!(known.try_look(&[]), Err(Accident::Empty));
    }
    assert_eq!(known.in_force("a"), stated(LONG_AGO));
    assert_eq!(known.versions.table().looked(), Some(Duration::ZERO), "and is no look");
    assert_eq!(Known::nothing().try_look(&[]), Err(Accident::Empty), "not even as the first");
}

fn many(range: std::ops::Range<usize>) -> Vec<Row> {
    range.map(|number| row(&format!("d-{number}"), Some(LONG_AGO))).collect()
}

#[test]
fn a_catalogue_that_has_lost_half_is_an_accident_until_three_looks_agree() {
    let known = Known::nothing();
    known.look(&many(0..10));
    for _ in 0..2 {
        known.pass(10);
        assert_eq!(known.try_look(&many(0..5)), Err(Accident::Shrunk { known: 10, listed: 5 }));
    }
    known.pass(10);
    known.look(&many(0..5));
    assert_eq!(known.versions.table().looked(), Some(s(30)));
    // From then on it is what there is: no accident again, and the absence of the rest is confirmed.
    for _ in 0..2 {
        known.pass(10);
        known.look(&many(0..5));
    }
    assert_eq!(known.versions.table().datasets().count(), 5);
}

#[test]
fn a_catalogue_that_has_lost_half_is_believed_after_a_quarter_of_an_hour() {
    let known = Known::nothing();
    known.look(&many(0..10));
    assert!(known.try_look(&many(0..3)).is_err());
    known.pass(15 * 60);
    assert!(known.try_look(&many(0..3)).is_ok());
}

#[test]
fn accidents_must_agree_to_be_believed() {
    let known = Known::nothing();
    known.look(&many(0..10));
    for kept in [0..5, 1..5, 0..5, 1..5, 0..5, 2..6] {
        assert!(known.try_look(&many(kept)).is_err());
    }
    // Others in the place of those that are known are as bad.
    assert_eq!(known.try_look(&many(5..100)), Err(Accident::Shrunk { known: 10, listed: 5 }));
    // A look that is right in between begins anew.
    for _ in 0..3 {
        assert!(known.try_look(&many(0..2)).is_err());
        assert!(known.try_look(&many(0..2)).is_err());
        known.look(&many(0..10));
    }
}

#[test]
fn losing_less_than_half_is_no_accident() {
    let known = Known::nothing();
    known.look(&many(0..10));
    known.look(&many(0..6));
    assert_eq!(known.versions.table().datasets().count(), 10, "though nothing is gone yet");
}

#[test]
fn a_dataset_that_appears_has_moved_and_one_in_the_first_look_has_not() {
    let known = Known::nothing();
    let first = known.look(&[row("a", Some(LONG_AGO)), row("b", Some(LONG_AGO))]);
    assert_eq!(first, Adopted { moved: Vec::new(), changed: true });
    let then = known.look(&[row("a", Some(LONG_AGO)), row("b", Some(LONG_AGO)), row("c", Some(LONG_AGO))]);
    assert_eq!(then, Adopted { moved: vec!["c".to_owned()], changed: true });
}

#[test]
fn absence_is_believed_after_three_looks_or_a_quarter_of_an_hour() {
    let without_a = [row("b", Some(LONG_AGO)), row("c", Some(LONG_AGO))];
    for (looks, apart) in [(3, 10), (2, 900)] {
        let known = Known::two();
        known.look(&[row("a", Some(LONG_AGO)), row("b", Some(LONG_AGO)), row("c", Some(LONG_AGO))]);
        let answer = known.records();
        for look in 1..looks {
            known.pass(apart);
            known.look(&without_a);
            assert_eq!(known.confirmed(&answer), Some(false), "look {look}: served, and not confirmed");
        }
        known.pass(apart);
        known.look(&without_a);
        assert_eq!(known.standing(&answer), Standing::Withdrawn, "{looks} looks");
        assert_eq!(known.in_force("a"), Version::Absent);
    }
}

#[test]
fn a_dataset_that_was_missing_once_is_as_it_was() {
    let known = Known::two();
    let all = [row("a", Some(LONG_AGO)), row("b", Some(LONG_AGO)), row("c", Some(LONG_AGO))];
    known.look(&all);
    let answer = known.records();
    for _ in 0..4 {
        for _ in 0..2 {
            known.pass(10);
            known.look(&all[1..]);
        }
        known.pass(10);
        known.look(&all);
        assert_eq!(known.confirmed(&answer), Some(true));
    }
}

#[test]
fn a_first_look_takes_long_standing_dates_at_their_word_and_no_others() {
    for (version, moved) in [(Some(LONG_AGO), false), (Some(NEW), true), (Some("2026-03-02T05:57:00Z"), false), (None, true)] {
        let known = Known::nothing();
        known.look_at(version);
        known.pass(30);
        let answer = known.records();
        known.pass(100);
        assert_eq!(known.is_moved(&answer), moved, "{version:?}");
    }
}

#[test]
fn a_table_that_another_process_has_known_is_compared_with() {
    let known = Known::two();
    let answer = known.records();
    let table = known.versions.table();
    let datasets = table.datasets().map(|(id, dataset)| (id.into(), dataset.clone())).collect::<Vec<_>>();
    let again = Known { versions: Versions::new(TERMS, Table::recalled(datasets)), clock: known.clock.clone() };
    assert_eq!(again.versions.stamp(Some("a")), answer.stamp, "the versions are known");
    assert!(matches!(again.standing(&answer), Standing::Unchecked { .. }), "and a look is due");
    assert_eq!(again.look_at(Some(LONG_AGO)).moved, <[&str; 0]>::default());
    assert!(again.confirmed(&answer).is_some());
    again.pass(1);
    assert_eq!(again.look_at(Some(NEW)).moved, ["a"]);
}
