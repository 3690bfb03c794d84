//! Who leads, who joins, who hears, and who is known to wait.

use super::*;

type Of = Fills<&'static str, u32, &'static str>;

#[tokio::test]
async fn the_first_asker_leads_and_all_hear_the_outcome() {
    let fills = Of::default();
    let mut first = fills.join(&"a", Some("x"));
    let mut second = fills.join(&"a", Some("x"));
    assert!(first.lead.is_some() && second.lead.is_none());
    assert!(fills.join(&"b", Some("x")).lead.is_some(), "another key has a fill of its own");
    first.lead.take().unwrap().finish(7);
    assert_eq!(first.waiter.outcome().await, Ok(7));
    assert_eq!(second.waiter.outcome().await, Ok(7));
    assert!(fills.join(&"a", Some("x")).lead.is_some(), "a fill that has ended is not joined");
}

#[tokio::test]
async fn who_may_not_lead_joins_all_the_same_and_begins_nothing() {
    let fills = Of::default();
    assert_eq!(fills.join_if(&"a", Some("x"), || Err("not now")).map(drop), Err("not now"));
    assert!(!fills.is_under_way(&"a"));
    let _led = fills.join(&"a", Some("x"));
    let joined = fills.join_if(&"a", Some("y"), || Err("not now")).unwrap();
    assert!(joined.lead.is_none());
}

#[tokio::test]
async fn a_lead_that_panics_wakes_the_waiters_and_one_of_them_leads_anew() {
    let fills = Of::default();
    let Joined { mut waiter, lead } = fills.join(&"a", Some("x"));
    let mut other = fills.join(&"a", Some("x")).waiter;
    let task = tokio::spawn(async move {
        let _lead = lead;
        panic!("as a fill might");
    });
    assert_eq!(waiter.outcome().await, Err(Lost));
    assert_eq!(other.outcome().await, Err(Lost));
    assert!(task.await.is_err());
    let led = [fills.join(&"a", Some("x")), fills.join(&"a", Some("x"))].iter().filter(|joined| joined.lead.is_some()).count();
    assert_eq!(led, 1);
}

#[tokio::test]
async fn what_is_announced_is_heard_by_all_until_the_lead_is_dropped() {
    let fills = Of::default();
    let Joined { mut waiter, lead } = fills.join(&"a", Some("x"));
    let lead = lead.unwrap();
    lead.announce(7);
    assert_eq!(waiter.outcome().await, Ok(7));
    let mut late = fills.join(&"a", Some("x"));
    assert!(late.lead.is_none());
    assert!(futures_util::poll!(std::pin::pin!(lead.heard())).is_pending());
    drop(waiter);
    assert!(futures_util::poll!(std::pin::pin!(lead.heard())).is_pending());
    let mut over = std::pin::pin!(fills.over(&"a"));
    assert!(futures_util::poll!(&mut over).is_pending());
    let ended = lead.end();
    over.await;
    fills.over(&"a").await;
    assert_eq!(late.waiter.outcome().await, Ok(7), "it joined in time");
    let mut heard = std::pin::pin!(ended.heard());
    assert!(futures_util::poll!(&mut heard).is_pending());
    drop(late);
    heard.await;
    assert!(fills.join(&"a", Some("x")).lead.is_some());
}

#[tokio::test]
async fn a_fill_is_abandoned_only_when_the_last_waiter_has_left() {
    let fills = Of::default();
    let Joined { waiter, lead } = fills.join(&"a", Some("x"));
    let lead = lead.unwrap();
    let follower = fills.join(&"a", Some("x")).waiter;
    drop(waiter);
    let mut abandoned = std::pin::pin!(lead.abandoned());
    assert!(futures_util::poll!(&mut abandoned).is_pending());
    drop(follower);
    abandoned.await;
    assert!(fills.under_way().is_empty());
}

#[tokio::test]
async fn a_fill_that_was_promised_goes_on_without_waiters() {
    let fills = Of::default();
    let Joined { waiter, lead } = fills.join(&"a", Some("x"));
    let lead = lead.unwrap();
    waiter.leave_it_running();
    assert!(futures_util::poll!(std::pin::pin!(lead.abandoned())).is_pending());
    assert!(fills.join(&"a", Some("x")).lead.is_none(), "and can still be joined");
}

#[tokio::test]
async fn dropping_a_lead_after_another_fill_of_the_key_began_leaves_that_one_alone() {
    let fills = Of::default();
    let Joined { waiter, lead } = fills.join(&"a", Some("x"));
    let old = lead.unwrap();
    drop(waiter);
    old.abandoned().await;
    let new = fills.join(&"a", Some("x"));
    drop(old);
    assert!(fills.join(&"a", Some("x")).lead.is_none());
    drop(new);
}

#[tokio::test]
async fn a_lead_knows_who_waits_in_order_of_arrival() {
    let fills = Of::default();
    let Joined { waiter: first, lead } = fills.join(&"a", Some("first"));
    let lead = lead.unwrap();
    let second = fills.join_under_way(&"a", "second").unwrap();
    let third = fills.join(&"a", Some("third")).waiter;
    let _for_its_own_sake = fills.join(&"a", None).waiter;
    assert_eq!(lead.askers(), ["first", "second", "third"]);
    drop(first);
    assert_eq!(lead.askers(), ["second", "third"]);
    third.leave_it_running();
    drop(second);
    assert_eq!(lead.askers(), ["third"], "it counts on the fill");
}

#[tokio::test]
async fn however_many_askers_give_up_waiting_one_of_each_kind_remains() {
    let fills = Of::default();
    let Joined { waiter: first, lead } = fills.join(&"a", Some("x"));
    let lead = lead.unwrap();
    let waits = fills.join_under_way(&"a", "y").unwrap();
    for _ in 0..1_000 {
        fills.join_under_way(&"a", "z").unwrap().leave_it_running();
        fills.join_under_way(&"a", "x").unwrap().leave_it_running();
    }
    let kept = || {
        let list = lead.fill.askers.list();
        (list.waiting.len(), list.left.len())
    };
    assert_eq!(kept(), (2, 2));
    assert_eq!(lead.askers(), ["x", "y", "z"], "each once, as it first came");
    drop(first);
    assert_eq!(lead.askers(), ["y", "z", "x"], "another of its kind still counts on the fill");
    waits.leave_it_running();
    fills.join_under_way(&"a", "y").unwrap().leave_it_running();
    assert_eq!((kept(), lead.askers()), ((0, 3), vec!["y", "z", "x"]));
}
