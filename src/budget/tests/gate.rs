//! Who calls next, and whether anybody does: the queue and the breaker, as callers of the budget meet them.

use std::pin::pin;

use super::*;

impl Budget {
    async fn ask_alone(&self, team: TeamId) -> Result<Reservation, Refused> {
        let waiting = || vec![team];
        self.reserve(PORTAL, Wish::of_askers(&waiting)).await.map_err(|refused| refused.of(team).expect("it waits"))
    }
}

#[tokio::test]
async fn a_flood_of_one_team_delays_another_by_one_call_and_a_line_that_is_full_refuses_the_flood() {
    let mut office = Office::new(5000);
    office.settings.max_concurrent_calls = NonZeroUsize::MIN;
    office.settings.max_waiting = NonZeroUsize::new(20).unwrap();
    let budget = office.open_learnt().await;
    let mut under_way = budget.ask_alone(TeamId::DEFAULT).await.unwrap();
    let mut flood: Vec<_> = (0..20).map(|_| Box::pin(budget.ask_alone(TeamId::DEFAULT))).collect();
    for asking in &mut flood {
        assert!(asking.as_mut().now_or_never().is_none());
    }
    let refused = budget.ask_alone(TeamId::DEFAULT).await.unwrap_err();
    assert_eq!((refused.reason(), refused.limit), ("queue-full", 20));
    let mut other = pin!(budget.ask_alone(TeamId::BROWSER));
    assert!(other.as_mut().now_or_never().is_none(), "it waits");
    assert_eq!(flood.pop().unwrap().await.unwrap_err().reason(), "queue-full", "and the flood's last has made room for it");
    under_way.depart();
    drop(under_way.settle(&bare(200)));
    let others_call = other.await.unwrap();
    assert!(flood.iter_mut().all(|asking| asking.as_mut().now_or_never().is_none()), "its turn came first");
    drop(others_call);
    drop(flood.remove(0).await.unwrap());
}

#[tokio::test]
async fn calls_that_fail_bar_all_others_and_calls_that_are_abandoned_do_not() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    for _ in 0..20 {
        drop(sent(&budget, Purpose::Fill).await);
        drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
        drop(budget.ask(None, Purpose::Fill).await.unwrap());
    }
    assert_eq!(budget.report(PORTAL).down_until, None, "dropped before they left, on their way, and while their bodies came");
    for fails in [0, 1, 2, 3, 4] {
        let call = sent(&budget, if fails == 3 { Purpose::Look } else { Purpose::Fill }).await;
        match fails {
            0 => call.fail(),
            1 => call.give_back(),
            2 => drop(call.settle(&bare(500))),
            3 => drop(call.settle(&bare(504))),
            _ => call.settle(&bare(200)).ended(false),
        }
    }
    for purpose in [Purpose::Fill, Purpose::Look, Purpose::Revalidation] {
        let refused = budget.ask(None, purpose).await.unwrap_err();
        let why = if purpose == Purpose::Revalidation { "reserve-spent" } else { "portal-down" };
        assert_eq!(refused.reason(), why);
    }
    assert!(budget.report(PORTAL).down_until.is_some_and(|until| until <= at("2026-03-01T12:00:15Z")));
    office.pass(15);
    let probe = sent(&budget, Purpose::Fill).await;
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "portal-down", "one at a time");
    let body = probe.settle(&bare(200));
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "portal-down", "until it is whole");
    body.ended(true);
    drop(sent(&budget, Purpose::Fill).await);
    assert!(budget.recovered(PORTAL).is_some());
}

#[tokio::test]
async fn a_gate_that_answers_for_a_dead_portal_does_not_pass_for_it() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    for status in [500, 401, 500, 302, 500, 403, 500, 401, 500] {
        drop(sent(&budget, Purpose::Fill).await.settle(&bare(status)));
    }
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "portal-down");
    office.pass(15);
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(401)));
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "portal-down");
    // What a gate answers tells nothing, and the next probe waits longer.
    office.pass(30);
    sent(&budget, Purpose::Fill).await.settle(&bare(404)).ended(true);
    drop(sent(&budget, Purpose::Fill).await);
}

#[tokio::test]
async fn a_key_that_nobody_knows_is_no_probe_while_others_ask() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    for _ in 0..5 {
        sent(&budget, Purpose::Fill).await.fail();
    }
    office.pass(15);
    assert_eq!(budget.ask(Some("invented"), Purpose::Fill).await.unwrap_err().reason(), "portal-down");
    drop(sent(&budget, Purpose::Fill).await);
    office.pass(45);
    drop(sent_with(&budget, "invented").await);
}
