//! Eight teams with one budget: whatever happens, in any order.

use super::*;
use crate::team::Class;

/// Eight teams, whose guarantees fit into the day with its reserves.
fn shares(quota: u64) -> impl Strategy<Value = Vec<Share>> {
    let team = (0..=10u64, prop::option::of(0..30u32), any::<bool>());
    (prop::collection::vec(team, 8), 0..=40u64).prop_map(move |(teams, spare)| {
        let weight = teams.iter().map(|(weight, ..)| weight).sum::<u64>() + spare.max(1);
        let share = |(n, (part, beyond, batch)): (usize, &(u64, Option<u32>, bool))| {
            let guaranteed = u32::try_from(part * (quota - 2) / weight).unwrap();
            let ceiling = beyond.map(|beyond| guaranteed + beyond);
            Share { team: format!("t{n}"), guaranteed, ceiling, class: if *batch { Class::Batch } else { Class::Interactive } }
        };
        teams.iter().enumerate().map(share).collect()
    })
}

fn budget() -> impl Strategy<Value = (u64, Vec<Share>)> {
    (20..80u64).prop_flat_map(|quota| (Just(quota), shares(quota)))
}

/// Before the release, soon before it, in the midst of it.
fn begin() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["2026-03-01T02:00:00Z", "2026-03-01T16:55:00Z", "2026-03-01T20:00:00Z", "2026-03-01T23:20:00Z"])
}

/// Mostly calls, of many teams.
fn busy() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => anything(),
        1 => (askers(), 1..12usize).prop_map(|(teams, calls)| Event::Spend(teams, calls)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn eight_teams_share_a_day_whatever_happens(
        events in prop::collection::vec(busy(), 1..200),
        offset_ms in -2_000..=2_000i64,
        (quota, shares) in budget(),
        begin in begin(),
    ) {
        let mut model = Model::new(begin, offset_ms, quota, shares);
        for event in &events {
            happen(&mut model, event);
            model.check_counts();
        }
        model.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_guarantee_is_whole_until_the_release_whatever_the_others_spend(
        floods in prop::collection::vec((askers(), 1..50usize), 1..6),
        (quota, shares) in budget(),
    ) {
        let mut model = Model::new("2026-03-01T08:00:00Z", 0, quota, shares);
        model.reserve(Purpose::Look, Caller::Anonymous, &[]);
        model.finish();
        for (askers, times) in floods {
            for _ in 0..times {
                model.spend_one(&askers);
            }
            model.pass(Duration::from_secs(1800));
        }
        for team in 0..8u16 {
            let (spent, guaranteed) = (model.spent()[usize::from(team)], model.shares()[usize::from(team)].guaranteed.into());
            for _ in spent..guaranteed {
                prop_assert_eq!(model.spend_one(&[team]), Some(TeamId::new(team)));
            }
        }
        for (share, spent) in model.shares().to_vec().iter().zip(model.spent()) {
            prop_assert_eq!(spent, model.received_of(&share.team), "the count of {} is exact", share.team);
        }
    }

    #[test]
    fn with_every_team_asking_at_the_end_all_but_the_reserves_is_spent_by_midnight(
        events in prop::collection::vec(busy(), 0..60),
        (quota, mut shares) in budget(),
        only_batch in any::<bool>(),
    ) {
        if only_batch {
            shares.iter_mut().for_each(|share| share.class = Class::Batch);
        }
        let mut model = Model::new("2026-03-01T12:00:00Z", 0, quota, shares);
        for event in events.iter().filter(|event| !matches!(event, Event::Leap(_) | Event::PassToMidnight(_) | Event::Vanish)) {
            happen(&mut model, event);
        }
        model.pass_to_midnight(-120_000);
        model.reserve(Purpose::Look, Caller::Anonymous, &[]);
        model.finish();
        while (0..8).filter_map(|team| model.spend_one(&[team])).count() > 0 {}
        let explained = model.explain();
        let unbounded = |team: &TeamReport| team.ceiling.is_none_or(|ceiling| team.spent < ceiling);
        if matches!(explained.state, State::Open | State::Exhausted) {
            prop_assert!(explained.available == 0 || !explained.teams.iter().any(unbounded), "{explained:#?}");
        }
    }
}
