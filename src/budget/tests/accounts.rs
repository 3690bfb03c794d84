//! Whose counter: what the portal's figures and refusals do to the anonymous account and to those of keys.

use super::*;

#[tokio::test]
async fn without_others_the_ledger_says_what_the_portal_says_also_when_calls_overlap() {
    let budget = Office::new(5000).open_learnt().await;
    let calls = [sent(&budget, Purpose::Fill).await, sent(&budget, Purpose::Fill).await, sent(&budget, Purpose::Fill).await];
    let waiting = budget.ask(None, Purpose::Fill).await.unwrap();
    // The portal took them in another order than they departed, and the answers come in a third.
    for (call, used) in calls.into_iter().zip([4, 2, 3]) {
        drop(call.settle(&answer(200, 5000, 5000 - used, TONIGHT)));
    }
    drop(waiting);
    assert_eq!((budget.used(), budget.account(0).drift), (4, 0));
}

#[tokio::test]
async fn calls_by_others_are_believed_and_shown() {
    let budget = Office::new(5000).open_learnt().await;
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 5000, 4990, TONIGHT)));
    let account = budget.account(0);
    assert_eq!((account.used, account.drift, account.remaining), (10, 8, Some(4990)));
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 5000, 4999, TONIGHT)));
    assert_eq!(budget.used(), 11, "a higher remainder is ignored");
}

#[tokio::test]
async fn figures_that_cannot_be_right_grant_nothing_and_take_nothing() {
    let budget = Office::new(5000).open_learnt().await;
    let huge = "99999999999999999999999";
    for (limit, remaining) in [("5000", "-1"), ("5000", "abc"), ("5000", huge), ("0", "0"), ("", ""), ("5000", "1e3")] {
        drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, limit, remaining, TONIGHT)));
    }
    let account = budget.account(0);
    assert_eq!((account.used, account.limit, account.drift), (7, Some(5000), 0));
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, huge, "99999999999999999999900", TONIGHT)));
    let account = budget.account(0);
    assert_eq!((account.used, account.limit), (99, Some(5000)), "of an absurd limit, the calls counted are believed and the limit is not");
}

#[tokio::test]
async fn a_lower_limit_is_believed_and_kept_over_a_restart() {
    let office = Office::new(5000);
    let budget = office.open();
    drop(sent(&budget, Purpose::Look).await.settle(&answer(200, 3000, 2999, TONIGHT)));
    assert_eq!(budget.rate_limits(PORTAL, TeamId::DEFAULT).portal.limit, 3000);
    budget.close().await;
    assert_eq!(office.open().rate_limits(PORTAL, TeamId::DEFAULT).portal.limit, 3000);
}

#[tokio::test]
async fn the_portals_refusals_close_the_account_until_their_reset_time() {
    for (code, reason, state) in [(10002, "closed-domain", State::ClosedDomain), (10005, "closed-anonymous", State::ClosedAnonymous)] {
        let office = Office::new(5000);
        let budget = office.open_learnt().await;
        drop(sent(&budget, Purpose::Fill).await.settle(&refusal(code, Some("2026-03-01T20:00:00Z"))));
        let refused = budget.ask(None, Purpose::Fill).await.unwrap_err();
        assert_eq!((refused.reason(), refused.until, refused.used), (reason, at("2026-03-01T20:00:00Z"), 2));
        assert_eq!((budget.account(0).state, budget.rate_limits(PORTAL, TeamId::DEFAULT).portal.remaining), (state, 0));
        office.pass(8 * 3600 + 2);
        drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
        assert_eq!(budget.account(0).state, State::Open);
    }
}

#[tokio::test]
async fn a_closed_account_is_probed_once_an_hour() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    drop(sent(&budget, Purpose::Fill).await.settle(&refusal(10005, Some("2026-03-02T00:00:00Z"))));
    for _ in 0..3 {
        office.pass(3599);
        assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "closed-anonymous");
        office.pass(1);
        let probe = sent(&budget, Purpose::Fill).await;
        assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "closed-anonymous", "one alone");
        drop(probe.settle(&refusal(10005, Some("2026-03-02T00:00:00Z"))));
    }
    office.pass(3600);
    sent(&budget, Purpose::Fill).await.give_back();
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    assert_eq!(budget.account(0).state, State::Open, "a probe that succeeds opens the account");
}

#[tokio::test]
async fn a_closed_account_stays_closed_over_a_restart() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    drop(sent(&budget, Purpose::Fill).await.settle(&refusal(10005, Some("2026-03-02T00:00:00Z"))));
    budget.close().await;
    let budget = office.open();
    assert!(!budget.wants_look(PORTAL));
    assert_eq!(budget.ask(None, Purpose::Look).await.unwrap_err().reason(), "closed-anonymous");
    office.pass(3600);
    assert!(budget.wants_look(PORTAL), "the look is the probe");
}

#[tokio::test]
async fn a_refusal_with_an_absurd_time_closes_until_the_end_of_the_day() {
    for time in [None, Some("2036-01-01T00:00:00Z"), Some("2016-01-01T00:00:00Z")] {
        let office = Office::new(5000);
        let budget = office.open_learnt().await;
        drop(sent(&budget, Purpose::Fill).await.settle(&refusal(10005, time)));
        assert_eq!(budget.account(0).until, Some(at("2026-03-02T00:00:00Z")), "{time:?}");
    }
}

#[tokio::test]
async fn any_other_429_makes_us_wait_for_minutes_and_what_was_under_way_with_it_counts_once() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    let together = [sent(&budget, Purpose::Fill).await, sent(&budget, Purpose::Fill).await];
    for call in together {
        drop(call.settle(&bare(429)));
    }
    let refused = budget.ask(None, Purpose::Fill).await.unwrap_err();
    assert_eq!((refused.reason(), refused.until), ("backing-off", at("2026-03-01T12:01:00Z")));
    office.pass(60);
    drop(sent(&budget, Purpose::Fill).await.settle(&refusal(4711, None)));
    assert_eq!(budget.account(0).until, Some(at("2026-03-01T12:03:00Z")), "twice as long");
    office.pass(120);
    let impatient = Seen { retry_after: Some(Duration::from_secs(1)), ..bare(429) };
    drop(sent(&budget, Purpose::Fill).await.settle(&impatient));
    assert_eq!(budget.account(0).until, Some(at("2026-03-01T12:07:00Z")));
    office.pass(240);
    let endless = Seen { retry_after: Some(Duration::from_secs(u64::MAX)), ..bare(429) };
    drop(sent(&budget, Purpose::Fill).await.settle(&endless));
    assert_eq!(budget.account(0).until, Some(at("2026-03-01T13:07:00Z")), "at most an hour");
    assert_eq!(budget.used(), 6, "our unit stays charged");
}

#[tokio::test]
async fn a_key_is_charged_to_both_accounts_until_it_shows_a_limit_of_its_own() {
    let budget = Office::new(5000).open_learnt().await;
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!((budget.used(), budget.account(1).used), (2, 1));
    // As the anonymous one: the two cannot be told apart.
    drop(sent_with(&budget, "k").await.settle(&answer(200, 5000, 4997, TONIGHT)));
    drop(sent_with(&budget, "k").await.settle(&answer(200, 100_000, 99_900, TONIGHT)));
    assert_eq!(budget.used(), 4);
    let key = budget.account(1);
    assert_eq!((key.account.as_str(), key.used, key.limit), ("key:k", 100, Some(100_000)));
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!((budget.used(), budget.account(1).used), (4, 101), "its own account alone");
    drop(sent_with(&budget, "k").await.settle(&bare(401)));
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!((budget.used(), budget.account(1).used), (5, 103), "a key that was refused has to prove itself again");
}

#[tokio::test]
async fn a_keys_figures_say_nothing_of_the_anonymous_account() {
    let budget = Office::new(5000).open_learnt().await;
    drop(sent_with(&budget, "k").await.settle(&answer(200, 100_000, 10, TONIGHT)));
    assert_eq!((budget.used(), budget.account(1).used), (2, 99_990));
    drop(sent_with(&budget, "invented").await.settle(&answer(401, 5000, 0, TONIGHT)));
    assert_eq!((budget.used(), budget.account(1).used), (3, 1), "nor does a refused key's answer for its own");
}

#[tokio::test]
async fn a_key_proves_nothing_while_the_anonymous_limit_was_never_stated() {
    let budget = Office::new(5000).open();
    drop(sent_with(&budget, "k").await.settle(&answer(200, 10_000, 9_999, TONIGHT)));
    drop(sent_with(&budget, "k").await.settle(&answer(200, 10_000, 9_998, TONIGHT)));
    assert_eq!(budget.used(), 2);
    assert!(budget.wants_look(PORTAL), "the day is known, the anonymous count is not");
    // Nor for longer than the anonymous limit differs.
    drop(sent(&budget, Purpose::Look).await.settle(&answer(200, 5000, 4990, TONIGHT)));
    drop(sent_with(&budget, "k").await.settle(&answer(200, 10_000, 9_997, TONIGHT)));
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!(budget.used(), 11);
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 10_000, 9_988, TONIGHT)));
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!(budget.used(), 13);
}

#[tokio::test]
async fn a_keys_exhaustion_is_its_own_and_the_anonymous_one_holds_invented_keys() {
    let budget = Office::new(4).open_learnt().await;
    drop(sent_with(&budget, "k").await.settle(&answer(200, 2, 0, TONIGHT)));
    assert_eq!(budget.ask(Some("k"), Purpose::Fill).await.unwrap_err().reason(), "exhausted");
    drop(sent_with(&budget, "a").await.settle(&bare(401)));
    drop(sent_with(&budget, "b").await.settle(&bare(401)));
    let refused = budget.ask(Some("c"), Purpose::Fill).await.unwrap_err();
    assert_eq!((refused.reason(), refused.used), ("exhausted", 4));
    assert_eq!(budget.report(PORTAL).accounts.len(), 4, "the refused one has no row");
}

#[tokio::test]
async fn more_keys_than_anybody_has_share_a_row() {
    let budget = Office::new(5000).open_learnt().await;
    for key in 0..1030 {
        drop(sent_with(&budget, &format!("{key:04}")).await.settle(&answer(200, 100_000, 5, TONIGHT)));
    }
    let accounts = budget.report(PORTAL).accounts;
    assert_eq!(accounts.len(), 1 + 1024 + 1);
    let others = accounts.iter().find(|account| account.account == "other-keys").unwrap();
    assert_eq!((others.used, others.limit, accounts[0].used), (6, None, 1031));
}

#[tokio::test]
async fn limits_of_datasets_are_shown_and_bounded_in_number() {
    let budget = Office::new(5000).open_learnt().await;
    for n in 0..300 {
        let mut seen = bare(200);
        seen.dataset = Some(format!("d{n}"));
        seen.rate_limit.dataset_limit = Some("50000".into());
        seen.rate_limit.dataset_remaining = Some("49000".into());
        seen.rate_limit.dataset_reset = Some("2026-04-01 00:00:00+00:00".into());
        drop(sent(&budget, Purpose::Fill).await.settle(&seen));
    }
    let datasets = budget.report(PORTAL).datasets;
    assert_eq!((datasets.len(), datasets[0].remaining, datasets[0].resets_at), (256, 49_000, Some(at("2026-04-01T00:00:00Z"))));
}
