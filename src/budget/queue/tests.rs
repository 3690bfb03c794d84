use std::pin::pin;

use futures_util::FutureExt;

use super::*;

const A: Lane = Lane::Team(TeamId::new(2));
const B: Lane = Lane::Team(TeamId::new(3));
const C: Lane = Lane::Team(TeamId::new(4));

fn queue(at_once: usize, waiting: usize) -> Arc<Queue> {
    Queue::new(Limits { at_once, of_one_team: at_once, waiting, gap: Duration::ZERO })
}

fn place(entry: &mut Entry) -> Option<Result<Place, Out>> {
    entry.place().now_or_never()
}

fn taken(entry: &mut Entry) -> Place {
    place(entry).expect("its turn").expect("a place")
}

/// In which order those in line get the one place that there is.
fn order(mut line: Vec<(usize, Entry)>, first: Place) -> Vec<usize> {
    let mut order = Vec::new();
    drop(first);
    while !line.is_empty() {
        let at = line.iter_mut().position(|(_, entry)| matches!(place(entry), Some(Ok(_)))).expect("a free place goes to somebody");
        // The place that it was given is free again, and the next has it.
        order.push(line.remove(at).0);
    }
    order
}

fn in_line(queue: &Arc<Queue>, lanes: &[Lane]) -> Vec<(usize, Entry)> {
    lanes.iter().enumerate().map(|(n, lane)| (n, queue.enter(*lane))).collect()
}

#[test]
fn teams_take_turns_and_looks_go_first() {
    let queue = queue(1, 100);
    let first = taken(&mut queue.enter(A));
    let line = in_line(&queue, &[A, A, A, B, B, C, Lane::Background, Lane::Look]);
    assert_eq!(order(line, first), [7, 3, 5, 6, 0, 4, 1, 2]);
}

#[test]
fn a_flood_delays_another_teams_call_by_one_round_at_most() {
    for flooding in [1, 10, 200] {
        let queue = queue(1, 1000);
        let first = taken(&mut queue.enter(A));
        let mut lanes = vec![A; flooding];
        lanes.extend([C; 50]);
        lanes.push(B);
        let line = in_line(&queue, &lanes);
        let order = order(line, first);
        let place = order.iter().position(|n| *n == flooding + 50).expect("it has its turn");
        assert!(place <= 2, "after {place} others, behind {flooding}");
    }
}

#[test]
fn a_team_that_comes_when_a_flood_has_begun_is_served_in_the_next_round() {
    let queue = queue(8, 1000);
    let mut places: Vec<Place> = (0..8).map(|_| taken(&mut queue.enter(A))).collect();
    let mut flood = in_line(&queue, &[A; 300]);
    drop(places.pop());
    let (_, served) = flood.remove(0);
    let mut served = served;
    places.push(taken(&mut served));
    let mut other = queue.enter(B);
    assert!(place(&mut other).is_none());
    drop(places.pop());
    assert!(matches!(place(&mut other), Some(Ok(_))));
}

#[test]
fn where_too_many_wait_the_team_that_waits_for_most_gives_way() {
    let queue = queue(1, 4);
    let _first = taken(&mut queue.enter(A));
    let mut line = in_line(&queue, &[A, A, A, A]);
    assert_eq!(place(&mut queue.enter(A)).expect("it is told at once").unwrap_err(), Out::Full);
    let mut other = queue.enter(B);
    assert!(place(&mut other).is_none(), "it waits");
    assert_eq!(place(&mut line[3].1).expect("it is told").unwrap_err(), Out::Full);
    assert!(line[..3].iter_mut().all(|(_, entry)| place(entry).is_none()));
    let _second = queue.enter(B);
    assert_eq!(place(&mut line[2].1).expect("it is told").unwrap_err(), Out::Full);
    assert_eq!(place(&mut queue.enter(B)).expect("its own is as long").unwrap_err(), Out::Full);
    let mut look = queue.enter(Lane::Look);
    assert!(place(&mut look).is_none(), "looks are not counted");
}

#[test]
fn whoever_leaves_makes_room_and_gives_back_a_place_that_it_never_saw() {
    let queue = queue(1, 2);
    let first = taken(&mut queue.enter(A));
    let (left, mut next) = (queue.enter(A), queue.enter(A));
    drop(left);
    let after = queue.enter(A);
    assert!(place(&mut next).is_none(), "there was room for the one that came last");
    drop(first);
    drop(after);
    drop(next);
    assert!(matches!(place(&mut queue.enter(B)), Some(Ok(_))), "it was meant for the one that has left");
    assert!(queue.line().waiting.is_empty() && queue.line().lanes.is_empty());
    assert_eq!(queue.line().under_way, 0);
}

#[test]
fn what_steps_aside_keeps_its_turn_and_comes_back_when_a_call_ends() {
    let queue = queue(2, 10);
    let under_way = taken(&mut queue.enter(A));
    let mut learning = queue.enter(A);
    let asked = taken(&mut learning);
    learning.step_aside(asked);
    let mut second = queue.enter(A);
    let asked = taken(&mut second);
    second.step_aside(asked);
    assert!(place(&mut learning).is_none() && place(&mut second).is_none());
    let other = taken(&mut queue.enter(B));
    drop(other);
    assert!(place(&mut learning).is_none(), "a place is free, and no call has ended");
    drop(under_way);
    queue.call_ended();
    let mut other = queue.enter(A);
    let (_first, _second) = (taken(&mut learning), taken(&mut second));
    assert!(place(&mut other).is_none(), "it came later");
}

#[test]
fn a_call_that_ends_while_the_book_is_asked_is_not_missed() {
    let queue = queue(2, 10);
    let under_way = taken(&mut queue.enter(A));
    let mut learning = queue.enter(A);
    let asked = taken(&mut learning);
    drop(under_way);
    queue.call_ended();
    learning.step_aside(asked);
    assert!(matches!(place(&mut learning), Some(Ok(_))));
}

#[test]
fn a_line_that_closes_sends_everybody_away() {
    let queue = queue(1, 10);
    let first = taken(&mut queue.enter(A));
    let (mut waiting, mut aside) = (queue.enter(A), queue.enter(A));
    queue.close();
    assert_eq!(place(&mut waiting).expect("it is told").unwrap_err(), Out::Closed);
    assert_eq!(place(&mut queue.enter(B)).expect("it is told").unwrap_err(), Out::Closed);
    aside.step_aside(first);
    assert_eq!(place(&mut aside).expect("it is told").unwrap_err(), Out::Closed);
}

#[tokio::test(start_paused = true)]
async fn starts_are_as_far_apart_as_they_must_be() {
    let gap = Duration::from_millis(250);
    let queue = Queue::new(Limits { at_once: 8, of_one_team: 8, waiting: 100, gap });
    let began = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..20_u32 {
        let queue = Arc::clone(&queue);
        calls.spawn(async move {
            let mut place = queue.enter(if n % 2 == 0 { A } else { B }).place().await.unwrap();
            // What comes between the place and the start: the ledger's write, of another length each time.
            tokio::time::sleep(Duration::from_millis(u64::from(n * 37 % 100))).await;
            place.start();
            let started = began.elapsed();
            tokio::time::sleep(Duration::from_millis(100)).await;
            started
        });
    }
    let mut started = calls.join_all().await;
    started.sort_unstable();
    assert!(started.windows(2).all(|pair| pair[1] - pair[0] >= gap), "{started:?}");
    assert!(started[19] <= (gap + Duration::from_millis(101)) * 20, "{started:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_start_takes_no_gap_and_one_that_leaves_passes_the_alarm_on() {
    let gap = Duration::from_secs(10);
    let queue = Queue::new(Limits { at_once: 8, of_one_team: 8, waiting: 100, gap });
    let began = Instant::now();
    let refused = queue.enter(A).place().await.unwrap();
    let mut second = queue.enter(A);
    assert!(place(&mut second).is_none(), "the first may be about to start");
    drop(refused);
    let mut under_way = taken(&mut second);
    under_way.start();
    assert_eq!(began.elapsed(), Duration::ZERO);
    let (mut leaves, mut stays) = (queue.enter(A), queue.enter(A));
    {
        let mut leaving = pin!(leaves.place());
        let mut staying = pin!(stays.place());
        assert!(futures_util::poll!(&mut leaving).is_pending() && futures_util::poll!(&mut staying).is_pending());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(futures_util::poll!(&mut leaving).is_pending());
    }
    drop(leaves);
    let _place = stays.place().await.unwrap();
    assert_eq!(began.elapsed(), gap);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_comes_during_a_gap_is_the_next_to_start() {
    let queue = Queue::new(Limits { at_once: 8, of_one_team: 8, waiting: 100, gap: Duration::from_secs(1) });
    queue.enter(A).place().await.unwrap().start();
    let (mut fill, mut look) = (queue.enter(A), queue.enter(Lane::Look));
    let (mut fill, mut look) = (pin!(fill.place()), pin!(look.place()));
    assert!(futures_util::poll!(&mut fill).is_pending());
    let look = tokio::select! {
        biased;
        _ = &mut fill => panic!("the look goes first"),
        look = &mut look => look.unwrap(),
    };
    drop(look);
    fill.await.unwrap().start();
}

#[tokio::test]
async fn a_team_that_holds_its_places_for_long_leaves_some_to_others_and_to_looks() {
    let queue = Queue::new(Limits { at_once: 4, of_one_team: 3, waiting: 100, gap: Duration::ZERO });
    let (slow, other) = (Lane::Team(TeamId::new(2)), Lane::Team(TeamId::new(3)));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(queue.enter(slow).place().await.unwrap());
    }
    let mut fourth = queue.enter(slow);
    assert!(futures_util::poll!(std::pin::pin!(fourth.place())).is_pending(), "it has as many as a team may");
    let look = queue.enter(Lane::Look).place().await.unwrap();
    drop(look);
    let place = queue.enter(other).place().await.unwrap();
    drop(place);
    held.pop();
    drop(fourth.place().await.unwrap());
}
