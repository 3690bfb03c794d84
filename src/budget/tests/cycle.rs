//! Reserve, depart, settle, give back: what stays charged, who waits, who is refused.

use std::pin::pin;

use super::*;

#[tokio::test]
async fn a_reservation_dropped_before_it_departed_is_given_back() {
    let office = Office::new(100);
    let budget = office.open_learnt().await;
    let call = budget.ask(None, Purpose::Fill).await.unwrap();
    assert_eq!(budget.used(), 2);
    drop(call);
    assert_eq!(budget.used(), 1);
    budget.close().await;
    assert_eq!(office.open().used(), 1, "and on disk too");
}

#[tokio::test]
async fn a_call_that_departed_stays_charged_whatever_becomes_of_it() {
    let office = Office::new(100);
    let budget = office.open_learnt().await;
    drop(sent(&budget, Purpose::Fill).await);
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(500)));
    assert_eq!(budget.used(), 3);
    assert_eq!(budget.account(0).in_flight, 0);
}

#[tokio::test]
async fn a_call_whose_connection_was_never_made_is_given_back() {
    let budget = Office::new(100).open_learnt().await;
    sent(&budget, Purpose::Fill).await.give_back();
    assert_eq!(budget.used(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_500_that_ask_at_once_ten_are_granted_when_ten_are_left() {
    let mut office = Office::new(11);
    office.settings.max_waiting = NonZeroUsize::new(500).unwrap();
    let budget = office.open_learnt().await;
    let asking: Vec<_> = (0..500)
        .map(|_| {
            let budget = budget.clone();
            tokio::spawn(async move {
                let mut call = budget.ask(None, Purpose::Fill).await?;
                call.depart();
                tokio::task::yield_now().await;
                drop(call.settle(&bare(200)));
                Ok::<_, Refused>(())
            })
        })
        .collect();
    let mut granted = 0;
    for asked in asking {
        match asked.await.unwrap() {
            Ok(()) => granted += 1,
            Err(refused) => assert_eq!((refused.reason(), refused.used, refused.limit), ("exhausted", 11, 11)),
        }
    }
    assert_eq!((granted, budget.used()), (10, 11), "refusals are never charged");
    assert_eq!(budget.account(0).state, State::Exhausted);
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_the_settings_allow() {
    let budget = Office::new(100).open_learnt().await;
    let mut calls = Vec::new();
    for _ in 0..8 {
        calls.push(sent(&budget, Purpose::Fill).await);
    }
    let mut ninth = pin!(budget.ask(None, Purpose::Fill));
    assert!(waits(&budget, ninth.as_mut()).await);
    // A body that is still read counts.
    let reading = calls.pop().unwrap().settle(&bare(200));
    assert!(waits(&budget, ninth.as_mut()).await);
    drop(reading);
    drop(ninth.await.unwrap());
    assert_eq!(budget.used(), 9);
}

#[tokio::test]
async fn a_future_dropped_while_it_waits_leaves_no_charge_and_no_permit_behind() {
    let budget = Office::new(1000).open_learnt().await;
    for polls in 0..40 {
        let mut asking = Box::pin(budget.ask(None, Purpose::Fill));
        for _ in 0..polls % 4 {
            if asking.as_mut().now_or_never().is_some() {
                break;
            }
            if polls % 3 == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    assert_eq!(budget.used(), 1);
    let mut calls = Vec::new();
    for _ in 0..8 {
        calls.push(budget.ask(None, Purpose::Fill).await.unwrap());
    }
    assert_eq!(budget.used(), 9);
}

#[tokio::test]
async fn reserves_are_kept_for_their_purpose() {
    let mut office = Office::new(100);
    office.settings.look_reserve = 50;
    office.settings.revalidation_reserve = 2;
    let budget = office.open();
    drop(sent(&budget, Purpose::Look).await.settle(&answer(200, 100, 99, TONIGHT)));
    assert_eq!(budget.account(0).reserves, Reserves { look: 4, revalidation: 2 }, "at most a twentieth of the day, less the first look");
    for _ in 0..93 {
        drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    }
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "exhausted");
    for _ in 0..2 {
        drop(sent(&budget, Purpose::Revalidation).await.settle(&bare(200)));
    }
    assert_eq!(budget.ask(None, Purpose::Revalidation).await.unwrap_err().reason(), "exhausted");
    for _ in 0..4 {
        drop(sent(&budget, Purpose::Look).await.settle(&bare(200)));
    }
    let refused = budget.ask(None, Purpose::Look).await.unwrap_err();
    assert_eq!((refused.used, refused.until), (100, at("2026-03-02T00:00:02Z")));
}

#[tokio::test]
async fn revalidation_spends_its_reserve_and_nothing_else() {
    let mut office = Office::new(100);
    office.settings.revalidation_reserve = 1;
    let budget = office.open_learnt().await;
    drop(sent(&budget, Purpose::Revalidation).await.settle(&bare(200)));
    assert_eq!(budget.ask(None, Purpose::Revalidation).await.unwrap_err().reason(), "reserve-spent");
}

#[tokio::test]
async fn fields_for_clients_show_the_ledgers_present_state() {
    let budget = Office::new(100).open_learnt().await;
    assert_eq!(
        budget.rate_limits(PORTAL, TeamId::DEFAULT).portal,
        RateLimit { limit: 100, remaining: 99, reset: at("2026-03-02T00:00:00Z") }
    );
}

#[tokio::test]
async fn a_closed_budget_refuses() {
    let budget = Office::new(100).open_learnt().await;
    budget.close().await;
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "shutting-down");
    budget.close().await;
}

#[tokio::test]
async fn whoever_waits_when_the_budget_is_closed_is_refused() {
    let budget = Office::new(100).open();
    let alone = sent(&budget, Purpose::Fill).await;
    let mut second = pin!(budget.ask(None, Purpose::Fill));
    assert!(waits(&budget, second.as_mut()).await);
    budget.close().await;
    assert_eq!(second.await.unwrap_err().reason(), "shutting-down");
    drop(alone);
}
