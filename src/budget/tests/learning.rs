//! After a boot, with an empty or foreign ledger, or when the clock leapt: one call at a time until an answer tells day and count.

use std::pin::pin;

use jiff::SignedDuration;

use super::*;

#[tokio::test]
async fn an_empty_ledger_lets_one_look_out_alone_and_learns_the_base_from_it() {
    let budget = Office::new(5000).open();
    assert!(budget.wants_look(PORTAL));
    let look = sent(&budget, Purpose::Look).await;
    assert!(!budget.wants_look(PORTAL), "one is under way");
    let mut fill = pin!(budget.ask(None, Purpose::Fill));
    assert!(waits(&budget, fill.as_mut()).await);
    assert_eq!(budget.account(0).state, State::Learning);
    drop(look.settle(&answer(200, 5000, 2000, TONIGHT)));
    drop(fill.await.unwrap());
    let account = budget.account(0);
    assert_eq!((account.used, account.drift, account.state, account.verified), (3000, 0, State::Open, true));
    assert!(!budget.wants_look(PORTAL));
}

#[tokio::test]
async fn a_look_that_waits_goes_before_fills_that_wait() {
    let budget = Office::new(100).open();
    let alone = sent(&budget, Purpose::Fill).await;
    let mut fill = pin!(budget.ask(None, Purpose::Fill));
    assert!(waits(&budget, fill.as_mut()).await);
    let mut look = pin!(budget.ask(None, Purpose::Look));
    assert!(waits(&budget, look.as_mut()).await);
    drop(alone);
    assert!(waits(&budget, fill.as_mut()).await, "it lets the look pass");
    let look = look.await.unwrap();
    assert!(waits(&budget, fill.as_mut()).await);
    drop(look);
    drop(fill.await.unwrap());
}

#[tokio::test]
async fn a_look_that_gives_up_its_place_lets_the_next_go() {
    let budget = Office::new(100).open();
    let alone = sent(&budget, Purpose::Fill).await;
    let mut fill = pin!(budget.ask(None, Purpose::Fill));
    {
        let mut look = pin!(budget.ask(None, Purpose::Look));
        assert!(waits(&budget, look.as_mut()).await);
    }
    assert!(waits(&budget, fill.as_mut()).await);
    drop(alone);
    drop(fill.await.unwrap());
}

#[tokio::test]
async fn learning_never_stops_at_calls_that_fail() {
    let budget = Office::new(100).open();
    for end in 0..4 {
        let call = sent(&budget, Purpose::Fill).await;
        match end {
            0 => drop(call),
            1 => call.give_back(),
            2 => drop(call.settle(&bare(500))),
            _ => drop(call.settle(&answer(200, "abc", -3, "tomorrow"))),
        }
    }
    assert_eq!((budget.used(), budget.account(0).state, budget.account(0).verified), (3, State::Open, false));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_turn_too_long_is_refused() {
    let budget = Office::new(100).open();
    let _alone = sent(&budget, Purpose::Fill).await;
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "learning");
    assert_eq!(budget.used(), 1);
}

#[tokio::test]
async fn a_look_that_told_nothing_is_tried_again_after_a_while_and_fills_go_meanwhile() {
    let office = Office::new(100);
    let budget = office.open();
    drop(sent(&budget, Purpose::Look).await.settle(&bare(503)));
    assert!(!budget.wants_look(PORTAL));
    drop(sent(&budget, Purpose::Fill).await);
    office.pass(60);
    assert!(budget.wants_look(PORTAL));
    drop(sent(&budget, Purpose::Look).await);
    office.pass(60);
    assert!(!budget.wants_look(PORTAL), "twice as long");
    office.pass(60);
    assert!(budget.wants_look(PORTAL));
    sent(&budget, Purpose::Look).await.give_back();
    assert!(!budget.wants_look(PORTAL), "no connection is an attempt too");
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 100, 90, TONIGHT)));
    assert_eq!((budget.used(), budget.wants_look(PORTAL)), (10, false));
}

#[tokio::test]
async fn a_ledger_of_this_very_day_still_looks_once() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    budget.close().await;
    let budget = office.open();
    assert_eq!((budget.used(), budget.wants_look(PORTAL)), (1, true));
    // Others called meanwhile, or the ledger is a backup of an hour ago.
    drop(sent(&budget, Purpose::Look).await.settle(&answer(200, 5000, 1000, TONIGHT)));
    assert_eq!(budget.used(), 4000);
}

#[tokio::test]
async fn a_leap_of_the_clock_has_one_call_ask_and_moves_no_day() {
    for hours in [-1, 1, 24, -24, 24 * 365] {
        let office = Office::new(5000);
        let budget = office.open_learnt().await;
        office.clock.leap(SignedDuration::from_hours(hours));
        assert!(budget.wants_look(PORTAL), "{hours} h");
        assert_eq!((budget.used(), budget.rate_limits(PORTAL, TeamId::DEFAULT).portal.reset), (1, at("2026-03-02T00:00:00Z")));
        let look = sent(&budget, Purpose::Look).await;
        assert!(waits(&budget, pin!(budget.ask(None, Purpose::Fill))).await);
        let date = Some(at(NOON));
        drop(look.settle(&Seen { date, ..answer(200, 5000, 4998, TONIGHT) }));
        let report = budget.report(PORTAL);
        assert_eq!((report.accounts[0].used, report.day_known, report.accounts[0].resets_at), (2, true, at("2026-03-02T00:00:00Z")));
        // `Date` has whole seconds.
        assert!(report.clock_correction_s.abs_diff(-hours * 3600) <= 1);
        // The next day begins by the portal's clock.
        office.pass(12 * 3600 - 2);
        assert_eq!(budget.used(), 2);
        office.pass(3);
        assert_eq!(budget.rate_limits(PORTAL, TeamId::DEFAULT).portal.reset, at("2026-03-03T00:00:00Z"));
        // By the clock as it was, the look may have been counted on that day; nothing else can.
        assert_eq!(budget.used(), u64::from(hours == 24));
    }
}

#[tokio::test]
async fn a_ledger_from_the_future_is_kept_and_the_portal_decides() {
    let office = Office::at("2026-03-02T12:00:00Z", 5000);
    let budget = office.open_learnt().await;
    budget.close().await;
    office.clock.leap(SignedDuration::from_hours(-24));
    let budget = office.open();
    assert_eq!(budget.rate_limits(PORTAL, TeamId::DEFAULT).portal.reset, at("2026-03-03T00:00:00Z"), "the later day is kept");
    let look = sent(&budget, Purpose::Look).await;
    assert_eq!(budget.used(), 2, "and charged");
    drop(look.settle(&answer(200, 5000, 4000, TONIGHT)));
    let account = budget.account(0);
    assert_eq!((account.used, account.resets_at), (1000, at("2026-03-02T00:00:00Z")), "the clock was right");
}

#[tokio::test]
async fn a_full_ledger_ahead_of_the_clock_asks_once_an_hour() {
    let office = Office::at("2026-03-02T12:00:00Z", 2);
    let budget = office.open_learnt().await;
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    budget.close().await;
    office.clock.leap(SignedDuration::from_hours(-24));
    let budget = office.open();
    drop(sent(&budget, Purpose::Look).await.settle(&bare(500)));
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "exhausted");
    office.pass(3600);
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 2, 1, TONIGHT)));
    assert_eq!(budget.rate_limits(PORTAL, TeamId::DEFAULT).portal.reset, at("2026-03-02T00:00:00Z"));
}

#[tokio::test]
async fn one_answer_of_another_day_only_makes_the_next_go_alone() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 5000, 4999, TOMORROW_NIGHT)));
    assert_eq!((budget.used(), budget.report(PORTAL).day_known), (2, false));
    drop(sent(&budget, Purpose::Look).await.settle(&answer(200, 5000, 4997, TONIGHT)));
    assert_eq!((budget.used(), budget.report(PORTAL).day_known), (3, true));
}

#[tokio::test]
async fn resets_of_no_day_are_ignored() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    for reset in ["2036-03-02 00:00:00+00:00", "2016-03-02 00:00:00+00:00", "1772409600", "2026-03-02 01:00:00+00:00"] {
        drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 5000, 0, reset)));
    }
    assert_eq!((budget.used(), budget.report(PORTAL).day_known), (5, true));
}

#[tokio::test]
async fn looks_of_the_day_are_counted_whatever_became_of_them_and_across_a_restart() {
    let office = Office::at("2026-03-01T22:00:00Z", 100);
    let budget = office.open_learnt().await;
    assert_eq!(budget.looks_today(PORTAL), (1, Duration::from_secs(2 * 3600)));
    drop(sent(&budget, Purpose::Look).await);
    drop(sent(&budget, Purpose::Look).await.settle(&bare(503)));
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    drop(budget.ask(None, Purpose::Look).await.unwrap());
    assert_eq!(budget.looks_today(PORTAL).0, 3, "what never left is none");
    budget.close().await;
    drop(budget);
    office.pass(3600);
    let budget = office.open();
    assert_eq!(budget.looks_today(PORTAL), (3, Duration::from_secs(3600)));
    office.learn(&budget, 96).await;
    assert_eq!(budget.looks_today(PORTAL).0, 4);
    office.pass(3700);
    assert_eq!(budget.looks_today(PORTAL), (0, Duration::from_secs(86_400 - 100)), "each day has its own");
}
