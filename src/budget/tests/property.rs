//! Whatever happens in whatever order, the portal counts no call that the ledger has not.
//!
//! A model portal counts by a clock of its own, up to 2 s from ours; our side is a book and an image of its ledger. Calls are
//! reserved, written, sent, counted, answered, lost, given back; the clock passes and leaps; writes fail, processes die, ledgers
//! vanish; others call; answers lie.

mod model;
mod oracle;
mod teams;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use model::{Answering, Caller, Model};

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Event {
    Reserve(Purpose, Caller, Vec<u16>),
    /// So many calls for these teams, one after the other, each answered.
    Spend(Vec<u16>, usize),
    Write,
    FailToWrite,
    Depart(usize),
    /// The portal counts a call and writes its answer.
    Arrive(usize, Answering),
    /// The answer arrives here.
    Answer(usize),
    /// The future is dropped.
    Drop(usize),
    GiveBack(usize),
    /// A call whose answer nobody waits for any more reaches the portal's counter.
    ArriveLate(usize),
    Pass(Duration),
    /// Time passes until so long before, or after, the next midnight UTC.
    PassToMidnight(i64),
    Leap(i64),
    /// Others call.
    Others(u64),
    /// …and starts again, with the teams in another order.
    Kill(Duration, usize),
    Vanish,
    Check,
}

fn anonymous() -> impl Strategy<Value = Caller> {
    prop_oneof![6 => Just(Caller::Anonymous), 1 => Just(Caller::InventedKey)]
}

fn anybody() -> impl Strategy<Value = Caller> {
    prop_oneof![6 => anonymous(), 1 => Just(Caller::Key)]
}

/// Teams that wait for one call, in order of arrival.
fn askers() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(0..8u16, 1..4)
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![1 => Just(Purpose::Look), 6 => Just(Purpose::Fill), 1 => Just(Purpose::Revalidation)]
}

fn answering() -> impl Strategy<Value = Answering> {
    prop_oneof![
        8 => Just(Answering::Honestly),
        1 => Just(Answering::WithoutFigures),
        1 => Just(Answering::WithNonsense),
        1 => Just(Answering::With500),
        1 => Just(Answering::With429),
    ]
}

/// What ordinary days are made of.
fn ordinary(caller: impl Strategy<Value = Caller>) -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (purpose(), caller, askers()).prop_map(|(purpose, caller, teams)| Event::Reserve(purpose, caller, teams)),
        6 => Just(Event::Write),
        6 => any::<usize>().prop_map(Event::Depart),
        6 => (any::<usize>(), answering()).prop_map(|(call, how)| Event::Arrive(call, how)),
        6 => any::<usize>().prop_map(Event::Answer),
        1 => any::<usize>().prop_map(Event::GiveBack),
        2 => (0..5_000u64).prop_map(|ms| Event::Pass(Duration::from_millis(ms))),
    ]
}

/// Everything that can go wrong, too.
fn anything() -> impl Strategy<Value = Event> {
    prop_oneof![
        40 => ordinary(anybody()),
        3 => any::<usize>().prop_map(Event::Drop),
        3 => any::<usize>().prop_map(Event::ArriveLate),
        2 => Just(Event::FailToWrite),
        2 => (0..600_000u64).prop_map(|ms| Event::Pass(Duration::from_millis(ms))),
        3 => (-3_000..3_000i64).prop_map(Event::PassToMidnight),
        1 => prop_oneof![60..110_000i64, -110_000..-60i64].prop_map(Event::Leap),
        2 => (1..4u64).prop_map(Event::Others),
        1 => (0..100_000u64, 0..8usize).prop_map(|(ms, turned)| Event::Kill(Duration::from_millis(ms), turned)),
        1 => Just(Event::Vanish),
        3 => Just(Event::Check),
    ]
}

fn happen(model: &mut Model, event: &Event) {
    match event {
        Event::Reserve(purpose, caller, teams) => {
            model.reserve(*purpose, *caller, teams);
        }
        Event::Spend(teams, calls) => {
            for _ in 0..*calls {
                model.spend_one(teams);
            }
        }
        Event::Write => model.write(),
        Event::FailToWrite => model.fail_to_write(),
        Event::Depart(call) => model.depart(*call),
        Event::Arrive(call, how) => model.arrive(*call, *how),
        Event::Answer(call) => model.answer(*call),
        Event::Drop(call) => model.drop_call(*call),
        Event::GiveBack(call) => model.give_back(*call),
        Event::ArriveLate(call) => model.arrive_late(*call),
        Event::Pass(by) => model.pass(*by),
        Event::PassToMidnight(offset) => model.pass_to_midnight(*offset),
        Event::Leap(seconds) => model.leap(SignedDuration::from_secs(*seconds)),
        Event::Others(calls) => model.others(*calls),
        Event::Kill(down, turned) => model.kill(*down, *turned),
        Event::Vanish => model.vanish(),
        Event::Check => model.check(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_call_is_counted_by_the_portal_that_the_ledger_has_not(
        events in prop::collection::vec(anything(), 1..200),
        offset_ms in -2_000..=2_000i64,
        quota in 3..60u64,
    ) {
        let mut model = Model::new("2026-03-01T22:00:00Z", offset_ms, quota, default_shares());
        for event in &events {
            happen(&mut model, event);
        }
        model.check();
    }

    #[test]
    fn while_nothing_is_lost_and_nobody_else_calls_the_count_is_exact(
        events in prop::collection::vec(ordinary(anonymous()), 1..200),
        offset_ms in -2_000..=2_000i64,
        quota in 3..60u64,
    ) {
        let mut model = Model::new("2026-03-01T10:00:00Z", offset_ms, quota, default_shares());
        for event in &events {
            happen(&mut model, event);
        }
        model.finish();
        prop_assert_eq!(model.used(), model.received());
        for (share, spent) in model.shares().to_vec().iter().zip(model.spent()) {
            prop_assert_eq!(spent, model.received_of(&share.team), "{}", share.team);
        }
    }
}
