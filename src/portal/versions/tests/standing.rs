//! What the table says of an answer.

use super::*;

fn ttl(standing: Standing) -> Duration {
    match standing {
        Standing::Current { ttl, .. } => ttl,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_version_is_confirmed_by_a_look_that_was_sent_after_the_body_was_complete() {
    let known = Known::two();
    let mut answer = known.records();
    known.pass(20);
    let sent_before = known.clock.read();
    known.pass(20);
    answer.completed = Moment::at(known.clock.read());
    let catalogue = Catalogue { rows: vec![row("a", Some(LONG_AGO)), row("b", Some(LONG_AGO))], portal_now: None };
    // Sent while the body was on its way, or in the same instant in which it ended: that proves nothing.
    for sent in [sent_before, known.clock.read()] {
        known.pass(1);
        known.versions.adopt(&catalogue, sent).unwrap();
        assert_eq!(known.confirmed(&answer), Some(false));
    }
    known.look_at(Some(LONG_AGO));
    assert_eq!(known.confirmed(&answer), Some(true));
}

#[test]
fn a_dataset_that_moved_makes_its_own_answers_stale_and_no_others() {
    let known = Known::two();
    let (of_a, of_b) = (known.records(), known.answer(Basis::Records, Some("b")));
    let (list, page) = (known.answer(Basis::Catalogue, None), known.answer(Basis::Lifetime, Some("a")));
    known.pass(10);
    known.look_at(Some(NEW));
    known.pass(7);
    assert_eq!(known.standing(&of_a), Standing::Moved { by: s(7) });
    assert_eq!(known.confirmed(&of_b), Some(true));
    assert_eq!(known.standing(&list), Standing::Moved { by: s(7) }, "the list shows the date of each");
    assert_eq!(known.standing(&page), Standing::NotVersioned);
}

#[test]
fn metadata_that_moved_concern_answers_made_of_them_and_shorten_the_lives_of_others() {
    let known = Known::two();
    let [records, metadata] = [Basis::Records, Basis::Metadata].map(|basis| known.answer(basis, Some("a")));
    known.pass(10);
    known.look(&[Row { metadata: Some(NEW.to_owned()), ..row("a", Some(LONG_AGO)) }, row("b", Some(LONG_AGO))]);
    assert_eq!(known.standing(&records), Standing::Current { ttl: s(300), limit: s(3600), confirmed: true });
    assert!(known.is_moved(&metadata));
    // What is asked for after that has the whole life.
    known.pass(200);
    let Standing::Current { limit, .. } = known.standing(&known.records()) else { panic!("it stands") };
    assert_eq!(limit, s(86_400));
}

#[test]
fn metadata_answers_move_with_the_records_too() {
    let known = Known::two();
    let metadata = known.answer(Basis::Metadata, Some("a"));
    known.look_at(Some(NEW));
    assert!(known.is_moved(&metadata), "they show the date and the number of records");
}

#[test]
fn what_was_asked_for_while_a_version_settles_is_asked_for_once_more() {
    let known = Known::two();
    known.look_at(Some(NEW));
    known.pass(10);
    let early = known.records();
    known.pass(10);
    known.look_at(Some(NEW));
    known.pass(40);
    assert_eq!(known.standing(&early), Standing::Current { ttl: s(60), limit: s(86_400), confirmed: false }, "for as long as it settles");
    known.pass(60);
    assert_eq!(known.standing(&early), Standing::Moved { by: s(0) });
    let later = known.records();
    known.pass(180);
    known.look_at(Some(NEW));
    assert_eq!(known.confirmed(&later), Some(true), "and once only");
}

#[test]
fn to_settle_runs_from_our_first_sight_and_not_from_the_date() {
    let known = Known::two();
    // The version is hours old when we see it.
    known.pass(4 * 3600);
    known.look_at(Some(NEW));
    let early = known.records();
    known.pass(121);
    assert!(known.is_moved(&early));
}

#[test]
fn where_the_version_moved_and_the_bytes_did_not_they_are_asked_for_again() {
    let known = Known::two();
    known.look_at(Some(NEW));
    known.pass(130);
    let same = Answer { same_bytes: true, ..known.records() };
    let other = known.records();
    for _ in 0..8 {
        known.pass(200);
        known.look_at(Some(NEW));
        assert_eq!((known.confirmed(&same), known.confirmed(&other)), (Some(false), Some(true)));
    }
    // That was 28 minutes and 50 seconds.
    known.pass(70);
    assert_eq!((known.is_moved(&same), known.confirmed(&other)), (true, Some(true)));
    let again = Answer { same_bytes: true, ..known.records() };
    known.pass(1);
    known.look_at(Some(NEW));
    assert_eq!(known.confirmed(&again), Some(true));
}

#[test]
fn a_version_that_was_never_seen_to_move_needs_no_settling() {
    let known = Known::two();
    let answer = Answer { same_bytes: true, ..known.records() };
    known.pass(1);
    known.look_at(Some(LONG_AGO));
    assert_eq!(known.confirmed(&answer), Some(true));
}

#[test]
fn what_left_and_came_back_is_asked_for_again() {
    let known = Known::two();
    known.look_at(Some(NEW));
    known.pass(200);
    let answer = known.records();
    known.look_at(Some(NEWER));
    // Backward, so three times.
    for _ in 0..3 {
        assert!(known.is_moved(&answer));
        known.pass(10);
        known.look_at(Some(NEW));
    }
    assert_eq!(known.confirmed(&answer), Some(false), "it was asked for long before this sight of its version");
    known.pass(120);
    assert!(known.is_moved(&answer));
}

#[test]
fn without_a_look_for_a_bound_nothing_is_said() {
    let known = Known::nothing();
    known.look_at(Some(LONG_AGO));
    let answers = [
        known.records(),
        known.answer(Basis::Metadata, Some("a")),
        known.answer(Basis::Catalogue, None),
        known.answer(Basis::Records, None),
    ];
    known.pass(300);
    assert_eq!(ttl(known.standing(&answers[0])), s(0));
    for by in [1, 40] {
        known.pass(if by == 1 { 1 } else { 39 });
        for answer in &answers {
            assert_eq!(known.standing(answer), Standing::Unchecked { by: s(by) }, "{answer:?}");
        }
        assert_eq!(known.standing(&known.answer(Basis::Lifetime, Some("a"))), Standing::NotVersioned);
    }
    assert!(!known.versions.is_current(known.clock.read().elapsed, s(0)));
    known.look_at(Some(LONG_AGO));
    assert_eq!(known.confirmed(&answers[0]), Some(true));
}

#[test]
fn the_bound_stretches_where_looks_are_dear_and_never_shrinks_below_the_configured_one() {
    let known = Known::two();
    let answer = known.records();
    known.versions.stretch(s(900));
    known.pass(899);
    assert_eq!(ttl(known.standing(&answer)), s(0));
    known.look_at(Some(LONG_AGO));
    known.versions.stretch(s(1));
    assert_eq!(ttl(known.standing(&answer)), s(300));
}

#[test]
fn where_nobody_may_look_lifetimes_decide_until_a_look_succeeds() {
    let known = Known::two();
    let answer = known.records();
    known.versions.refuse();
    assert_eq!(known.standing(&answer), Standing::NotVersioned);
    assert!(known.versions.is_current(s(1_000_000), s(0)), "nothing is to be looked for");
    known.pass(5000);
    known.look_at(Some(NEW));
    assert!(known.is_moved(&answer));
}

#[test]
fn an_answer_from_before_the_first_look_is_of_an_unknown_version() {
    let known = Known::nothing();
    let answer = known.records();
    assert_eq!(answer.stamp, None);
    known.pass(310);
    assert_eq!(known.standing(&answer), Standing::Unchecked { by: s(10) }, "another process may have looked");
    known.look_at(Some(LONG_AGO));
    known.pass(3);
    assert_eq!(known.standing(&answer), Standing::Moved { by: s(3) });
}

#[test]
fn what_the_catalogue_never_listed_lives_by_a_lifetime_until_it_does() {
    let known = Known::two();
    let answer = known.answer(Basis::Records, Some("c"));
    known.pass(1);
    known.look_at(Some(NEW));
    assert_eq!(known.standing(&answer), Standing::NotVersioned);
    known.look(&[row("a", Some(NEW)), row("b", Some(LONG_AGO)), row("c", Some(LONG_AGO))]);
    assert!(known.is_moved(&answer));
}

#[test]
fn a_dataset_whose_version_is_not_relied_on_lives_by_a_lifetime() {
    let known = Known::two();
    let (of_a, of_b) = (known.records(), known.answer(Basis::Records, Some("b")));
    known.versions.rely_on("a", false);
    known.look_at(Some(NEW));
    assert_eq!(known.standing(&of_a), Standing::NotVersioned);
    assert!(known.confirmed(&of_b).is_some());
    known.versions.rely_on("a", true);
    assert!(known.is_moved(&of_a));
}

#[test]
fn withdrawal_ends_stale_permissions_and_not_what_the_version_vouches_for() {
    let known = Known::two();
    let [current, page] = [Basis::Records, Basis::Lifetime].map(|basis| known.answer(basis, Some("a")));
    let of_b = known.answer(Basis::Records, Some("b"));
    known.pass(1);
    known.versions.withdraw("a", known.clock.read());
    assert!(known.confirmed(&current).is_some());
    assert_eq!(known.standing(&page), Standing::Withdrawn, "nothing vouches for it");
    known.pass(301);
    assert_eq!(known.standing(&current), Standing::Withdrawn, "not unchecked");
    assert!(matches!(known.standing(&of_b), Standing::Unchecked { .. }));
    known.look_at(Some(NEW));
    assert_eq!(known.standing(&current), Standing::Withdrawn, "not moved");
    // What the portal gave afterwards is as good as any.
    known.pass(200);
    let after = known.records();
    known.pass(300);
    assert!(matches!(known.standing(&after), Standing::Unchecked { .. }));
}

#[test]
fn a_refusal_does_not_withdraw_itself() {
    let known = Known::two();
    let refused = Answer { status: StatusCode::NOT_FOUND, ..known.records() };
    known.pass(1);
    known.versions.withdraw("a", known.clock.read());
    assert_eq!(known.standing(&refused), Standing::NotVersioned);
}

#[test]
fn refusals_are_dropped_when_their_dataset_or_the_list_moves() {
    let new_metadata = Row { metadata: Some(NEW.to_owned()), ..row("a", Some(LONG_AGO)) };
    let (a, b, c) = (row("a", Some(LONG_AGO)), row("b", Some(LONG_AGO)), row("c", Some(LONG_AGO)));
    for (name, rows, of_a, of_c) in [
        ("nothing", vec![a.clone(), b.clone()], false, false),
        ("its records", vec![row("a", Some(NEW)), b.clone()], true, false),
        ("its metadata", vec![new_metadata, b.clone()], true, false),
        ("another dataset", vec![a.clone(), row("b", Some(NEW))], false, false),
        ("one more", vec![a, b, c], true, true),
    ] {
        for status in [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND] {
            let known = Known::two();
            let refused = ["a", "c"].map(|id| Answer { status, ..known.answer(Basis::Records, Some(id)) });
            known.look(&rows);
            assert_eq!(refused.each_ref().map(|refused| known.is_moved(refused)), [of_a, of_c], "{name} {status}");
        }
    }
}

#[test]
fn refusals_need_no_look_while_their_lifetime_lasts() {
    let known = Known::nothing();
    let refused = |known: &Known| Answer { status: StatusCode::NOT_FOUND, ..known.records() };
    let before = refused(&known);
    assert_eq!(known.standing(&before), Standing::NotVersioned);
    known.look_at(Some(LONG_AGO));
    assert!(known.is_moved(&before));
    let then = refused(&known);
    known.pass(3600);
    assert_eq!(known.standing(&then), Standing::NotVersioned, "the catalogue is down");
}
