//! The arithmetic by hand.

use super::*;

const RELEASE: Duration = at(17, 0);

const fn at(hour: u64, minute: u64) -> Duration {
    Duration::from_secs(hour * 3600 + minute * 60)
}

fn share(guaranteed: u32) -> Share {
    Share { team: "team".into(), guaranteed, ceiling: None, class: Class::Interactive }
}

fn batch(guaranteed: u32) -> Share {
    Share { class: Class::Batch, ..share(guaranteed) }
}

fn split(shares: &[Share], spent: &[u64], available: u64, time: Duration) -> Split {
    Standing { shares, spent, available, release: RELEASE }.split(time)
}

fn in_force(split: &Split) -> Vec<u64> {
    split.portions.iter().map(|portion| portion.in_force).collect()
}

fn team(n: u16) -> TeamId {
    TeamId::new(n)
}

#[test]
fn what_is_guaranteed_to_one_team_no_other_can_spend() {
    let shares = [share(100), share(0)];
    let split = split(&shares, &[0, 900], 100, at(9, 30));
    assert_eq!((split.free, split.left(team(0)), split.left(team(1))), (0, 100, 0));
    assert_eq!((split.hold(team(0)), split.hold(team(1))), (None, Some(Hold::Guaranteed)));
}

#[test]
fn a_team_spends_its_guarantee_first_and_then_the_pool() {
    let shares = [share(100), share(50)];
    for (spent, available, left, others) in [(0, 1000, 950, 900), (60, 940, 890, 900), (100, 900, 850, 900), (300, 700, 650, 700)] {
        let split = split(&shares, &[spent, 0], available, at(9, 0));
        assert_eq!((split.left(team(0)), split.left(team(1))), (left, others), "{spent} spent");
    }
}

#[test]
fn guarantees_are_whole_until_the_release_and_fall_linearly_to_nothing_at_half_past_eleven() {
    let shares = [share(650), share(13)];
    let expected = [
        (at(0, 0), [650, 13]),
        (at(16, 59), [650, 13]),
        (at(17, 0), [650, 13]),
        (at(20, 15), [325, 6]),
        (at(23, 0), [50, 1]),
        (at(23, 29), [1, 0]),
        (at(23, 30), [0, 0]),
        (at(24, 0), [0, 0]),
    ];
    for (time, guarantees) in expected {
        let split = split(&shares, &[], 5000, time);
        assert_eq!(in_force(&split), guarantees, "{time:?}");
        assert_eq!(split.free, 5000 - guarantees.iter().sum::<u64>());
    }
}

#[test]
fn a_release_that_comes_late_is_a_step() {
    for release in [at(23, 30), at(24, 0)] {
        let standing = Standing { shares: &[share(10)], spent: &[], available: 10, release };
        let last = RELEASED - Duration::from_millis(1);
        assert_eq!((in_force(&standing.split(last)), in_force(&standing.split(RELEASED))), (vec![10], vec![0]), "{release:?}");
    }
}

#[test]
fn where_drift_leaves_less_than_the_guarantees_all_scale_alike() {
    let shares = [share(400), share(200), share(0)];
    let split = split(&shares, &[0, 0, 0], 300, at(9, 0));
    assert_eq!((in_force(&split), split.free, split.scaled), (vec![200, 100, 0], 0, true));
    assert_eq!(split.hold(team(2)), Some(Hold::Guaranteed));
}

#[test]
fn what_was_spent_of_a_guarantee_counts_when_it_is_scaled() {
    // Half of everything would be 200 and 100: the second team has had its half.
    let shares = [share(400), share(200)];
    let split = split(&shares, &[50, 150], 150, at(9, 0));
    assert_eq!((in_force(&split), split.portion(team(0)).open(), split.portion(team(1)).open()), (vec![200, 100], 150, 0));
}

#[test]
fn spending_from_scaled_guarantees_or_from_what_rounding_left_lowers_nobodys() {
    let shares = [share(10), share(1), share(3), share(3)];
    for available in 0..17 {
        let mut spent = [0u64; 4];
        let before = split(&shares, &spent, available, at(9, 0));
        for left in (0..available).rev() {
            // Whoever has no guarantee open takes first.
            let now = split(&shares, &spent, left + 1, at(9, 0));
            assert_eq!(in_force(&now), in_force(&before), "of {available} with {left} left");
            let greedy = (0..4).filter(|n| now.hold(team(*n)).is_none()).min_by_key(|n| now.portion(team(*n)).open()).unwrap();
            spent[usize::from(greedy)] += 1;
        }
        let fulfilled = before.portions.iter().zip(spent).all(|(portion, spent)| spent >= portion.in_force);
        assert!(fulfilled, "of {available}: {spent:?} {before:?}");
    }
}

#[test]
fn a_ceiling_is_never_exceeded_and_may_be_below_what_the_pool_has() {
    let shares = [Share { ceiling: Some(120), ..share(100) }, share(0)];
    let before = split(&shares, &[90, 0], 1000, at(9, 0));
    assert_eq!((before.left(team(0)), before.hold(team(0))), (30, None));
    let after = split(&shares, &[120, 0], 970, at(9, 0));
    assert_eq!((after.left(team(0)), after.hold(team(0)), after.left(team(1))), (0, Some(Hold::Ceiling), 970));
}

#[test]
fn batch_spends_what_the_elapsed_part_of_the_day_and_a_twentieth_leave_of_the_pool() {
    let shares = [share(1000), batch(0)];
    for (time, allowed) in [(at(0, 0), 200), (at(6, 0), 1200), (at(12, 0), 2200), (at(22, 48), 4000), (at(24, 0), 4000)] {
        let split = split(&shares, &[0, 0], 5000, time);
        let released = 1000 - split.portion(team(0)).in_force;
        assert_eq!(split.pace.of, 4000 + released);
        if released == 0 {
            assert_eq!((split.pace.allowed, split.left(team(1))), (allowed, allowed), "{time:?}");
        } else {
            assert_eq!(split.left(team(1)), split.free, "{time:?}");
        }
    }
}

#[test]
fn what_a_batch_team_spends_of_its_own_guarantee_is_not_held_by_the_pace() {
    let shares = [batch(500), share(0)];
    let split = split(&shares, &[499, 0], 501, at(0, 0));
    assert_eq!((split.pace.spent, split.portion(team(0)).open(), split.left(team(0))), (0, 1, 1 + 500 / 20));
}

#[test]
fn batch_teams_share_one_pace_and_interactive_ones_know_none() {
    let shares = [batch(0), batch(0), share(0)];
    let split = split(&shares, &[40, 10, 0], 950, at(0, 0));
    assert_eq!((split.pace.spent, split.pace.allowed), (50, 50));
    assert_eq!((split.hold(team(0)), split.hold(team(1)), split.hold(team(2))), (Some(Hold::Pace), Some(Hold::Pace), None));
}

#[test]
fn the_pool_opens_when_enough_is_released() {
    let shares = [share(65), share(0)];
    let standing = Standing { shares: &shares, spent: &[0, 935], available: 65, release: RELEASE };
    // A call is free as soon as less than all is in force.
    assert_eq!(standing.opens(Class::Interactive, at(9, 0)), at(17, 0) + Duration::from_millis(1));
    let scaled = Standing { available: 13, ..standing };
    assert_eq!(scaled.opens(Class::Interactive, at(9, 0)), at(22, 12) + Duration::from_millis(1), "more than four fifths must be released");
}

#[test]
fn the_pace_opens_when_the_day_has_come_so_far() {
    let shares = [batch(0)];
    let standing = Standing { shares: &shares, spent: &[600], available: 400, release: RELEASE };
    // 601 of 1,000 are the pace of 55.1 % of the day.
    let opens = standing.opens(Class::Batch, at(9, 0));
    assert_eq!(opens.as_secs(), at(13, 13).as_secs() + 26);
    assert_eq!((standing.split(opens).left(team(0)), standing.split(opens - Duration::from_millis(1)).left(team(0))), (1, 0));
}

#[test]
fn nothing_opens_before_the_day_ends_when_nothing_is_left() {
    let standing = Standing { shares: &[share(5)], spent: &[5], available: 0, release: RELEASE };
    assert_eq!(standing.opens(Class::Interactive, at(9, 0)), DAY);
    assert_eq!(standing.split(at(23, 45)).hold(team(0)), Some(Hold::Exhausted));
}

#[test]
fn a_team_that_is_no_more_counts_in_the_pool_that_others_pace_by() {
    let split = split(&[batch(0)], &[0, 500], 500, at(12, 0));
    assert_eq!((split.pace.of, split.pace.spent, split.left(team(0))), (1000, 0, 500));
}

#[test]
fn figures_of_any_size_are_reckoned_without_overflow() {
    let shares = [share(u32::MAX), Share { ceiling: Some(u32::MAX), ..batch(u32::MAX) }, share(1)];
    for available in [0, 1, u64::from(u32::MAX), u64::MAX] {
        for time in [Duration::ZERO, at(17, 0), at(20, 0), at(24, 0), Duration::MAX] {
            for spent in [[0; 4], [u64::MAX; 4]] {
                let split = split(&shares, &spent, available, time);
                assert!(split.left(team(0)) <= available.max(1) && split.left(team(1)) <= available.max(1), "{split:?}");
            }
        }
    }
}
