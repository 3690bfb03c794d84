use super::*;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn breaker() -> Breaker {
    Breaker::new(fastrand::Rng::with_seed(7))
}

/// A breaker that five failures have opened at `elapsed`.
fn opened(elapsed: Duration) -> Breaker {
    let mut breaker = breaker();
    for id in 0..5 {
        assert_eq!(breaker.passage(false, elapsed), Passage::Free);
        let change = breaker.failed(id, elapsed, None, elapsed);
        assert_eq!(change.is_some(), id == 4, "after {} failures", id + 1);
    }
    breaker
}

/// The first instant from `from` on at which a probe may go.
fn next_probe(breaker: &Breaker, from: Duration) -> Duration {
    match breaker.passage(false, from) {
        Passage::Barred(wait) => from + wait,
        Passage::AsProbe => from,
        Passage::Free => panic!("it is closed"),
    }
}

#[test]
fn five_failures_in_a_row_open_it_and_one_success_between_them_does_not() {
    let mut breaker = breaker();
    for id in 0..100 {
        if id % 5 == 4 {
            assert_eq!(breaker.succeeded(s(id), s(id)), None);
        } else {
            assert_eq!(breaker.failed(id, s(id), None, s(id)), None);
        }
    }
    assert!(matches!(opened(s(9)).passage(false, s(9)), Passage::Barred(wait) if wait > s(13) && wait <= s(15)));
}

#[test]
fn probes_go_one_at_a_time_at_intervals_that_double_up_to_five_minutes() {
    let (mut breaker, mut now) = (opened(s(0)), s(0));
    let mut waits = Vec::new();
    for id in 10..20 {
        let probe = next_probe(&breaker, now);
        waits.push((probe - now).as_secs_f64());
        now = probe;
        assert_eq!(breaker.passage(false, now), Passage::AsProbe);
        breaker.granted(id, now);
        assert_eq!(breaker.passage(false, now + s(3600)), Passage::Barred(PROBING), "one is under way, however long");
        assert_eq!(breaker.failed(id, now, None, now), None);
    }
    for (wait, most) in waits.iter().zip([15.0, 30.0, 60.0, 120.0, 240.0, 300.0, 300.0, 300.0]) {
        assert!(*wait <= most && *wait >= 0.9 * most, "{waits:?}");
    }
    assert!(waits.iter().any(|wait| wait.fract() > 0.0), "not in step with all other clients of the portal: {waits:?}");
}

#[test]
fn an_hour_of_probes_is_fewer_than_eighteen_whatever_the_jitter() {
    for seed in 0..200 {
        let mut breaker = Breaker::new(fastrand::Rng::with_seed(seed));
        for id in 0..5 {
            breaker.failed(id, s(0), None, s(0));
        }
        let probes = (0..3600).filter(|second| {
            let (now, may) = (s(*second), breaker.passage(false, s(*second)) == Passage::AsProbe);
            if may {
                breaker.granted(100 + second, now);
                breaker.failed(100 + second, now, None, now);
            }
            may
        });
        let probes = probes.count();
        assert!((14..18).contains(&probes), "seed {seed}: {probes}");
    }
}

#[test]
fn a_success_closes_it_and_the_next_outage_begins_anew() {
    let mut breaker = opened(s(0));
    breaker.granted(9, s(15));
    assert_eq!(breaker.succeeded(s(15), s(16)), Some(Change::Closed));
    assert_eq!((breaker.passage(false, s(16)), breaker.recovered()), (Passage::Free, Some(s(16))));
    for id in 10..14 {
        assert_eq!(breaker.failed(id, s(17), None, s(17)), None);
    }
    assert!(matches!(breaker.failed(14, s(17), None, s(17)), Some(Change::Opened(wait)) if wait <= s(15)));
}

#[test]
fn calls_that_were_under_way_when_it_opened_double_nothing_and_those_that_end_after_it_closed_open_nothing() {
    let mut breaker = opened(s(0));
    for id in 5..12 {
        assert_eq!(breaker.failed(id, s(0), None, s(1)), None);
    }
    assert!(next_probe(&breaker, s(1)) <= s(15));
    breaker.granted(20, s(15));
    breaker.succeeded(s(15), s(16));
    for id in 12..20 {
        assert_eq!(breaker.failed(id, s(10), None, s(60)), None, "it left during the outage");
    }
    assert_eq!(breaker.passage(false, s(60)), Passage::Free);
}

#[test]
fn probes_that_are_wasted_one_after_the_other_are_no_more_than_those_of_an_outage() {
    let mut breaker = opened(s(0));
    let mut now = s(15);
    for (id, most) in (10..).zip([30, 60, 120, 240, 300, 300]) {
        breaker.granted(id, now);
        breaker.abandoned(id, now);
        let next = next_probe(&breaker, now);
        assert!(next > now + s(most * 8 / 10) && next <= now + s(most), "{id}");
        now = next;
    }
    breaker.granted(20, now);
    breaker.not_sent(20, now + s(1));
    assert_eq!(breaker.passage(false, now + s(1)), Passage::AsProbe, "what never left cost nothing");
}

#[test]
fn an_old_body_that_ends_during_an_outage_does_not_close_it() {
    let mut breaker = opened(s(10));
    assert_eq!(breaker.succeeded(s(9), s(11)), None, "it left while the portal still worked");
    assert_ne!(breaker.passage(false, s(11)), Passage::Free);
    breaker.granted(9, s(25));
    assert_eq!(breaker.succeeded(s(25), s(26)), Some(Change::Closed));
}

#[test]
fn a_body_that_takes_its_time_bars_nobody_for_longer_than_the_wait() {
    let mut breaker = opened(s(0));
    breaker.granted(10, s(15));
    breaker.heard(10);
    assert!(matches!(breaker.passage(false, s(16)), Passage::Barred(wait) if wait <= PROBING));
    assert_eq!(breaker.passage(false, s(30)), Passage::AsProbe);
    breaker.failed(10, s(15), None, s(31));
    assert!(next_probe(&breaker, s(31)) > s(31 + 26), "its end is the probe's");
}

#[test]
fn a_portal_that_says_twice_how_long_it_is_away_is_believed_for_at_most_an_hour() {
    let mut breaker = breaker();
    assert_eq!(breaker.failed(0, s(0), Some(s(3600)), s(0)), None, "one answer to one question shuts nobody out");
    assert_eq!(breaker.failed(1, s(0), Some(s(120)), s(0)), Some(Change::Opened(s(120))));
    assert_eq!(next_probe(&breaker, s(0)), s(120));
    assert_eq!(breaker.failed(2, s(0), Some(s(60)), s(1)), None);
    assert_eq!(next_probe(&breaker, s(1)), s(120), "the longest that any answer stated");
    breaker.granted(3, s(120));
    breaker.failed(3, s(120), Some(Duration::from_secs(u64::MAX)), s(120));
    assert_eq!(next_probe(&breaker, s(120)), s(120 + 3600));
    breaker.granted(4, s(3720));
    breaker.failed(4, s(3720), Some(s(1)), s(3720));
    assert!(next_probe(&breaker, s(3720)) > s(3720 + 50), "never sooner than ours");
}

#[test]
fn a_call_with_an_unknown_key_is_a_probe_only_where_no_other_comes() {
    let breaker = opened(s(0));
    assert_eq!(breaker.passage(false, s(15)), Passage::AsProbe);
    assert_eq!(breaker.passage(true, s(15)), Passage::Barred(PROBING));
    assert_eq!(breaker.passage(true, s(30)), Passage::AsProbe);
}
