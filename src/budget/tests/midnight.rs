//! Midnight UTC: never fewer than the portal counts on either day, and the new day is open.

use super::*;

/// Reads the ledger's rows of the anonymous account: (day of March, own).
fn rows(office: &Office) -> Vec<(i64, i64)> {
    let first = at("2026-03-01T00:00:00Z").as_second() / 86_400 - 1;
    let ledger = office.ledger();
    let mut query = ledger.prepare("SELECT day, own FROM day WHERE account = 'anonymous' ORDER BY day").unwrap();
    let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)? - first, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_call_in_flight_at_midnight_counts_on_both_days() {
    let office = Office::at("2026-03-01T23:00:00Z", 100);
    let budget = office.open_learnt().await;
    let early = sent(&budget, Purpose::Fill).await;
    let waiting = budget.ask(None, Purpose::Fill).await.unwrap();
    office.pass(2 * 3600);
    assert_eq!(budget.used(), 2);
    drop(early.settle(&bare(200)));
    drop(waiting);
    assert_eq!(budget.used(), 1, "what never left is given back on both");
    budget.close().await;
    assert_eq!(rows(&office), [(1, 2), (2, 1)]);
}

#[tokio::test]
async fn a_call_sent_within_the_skew_of_midnight_counts_on_both_days() {
    for (seconds, expected) in
        [(3597, vec![(1, 2)]), (3599, vec![(1, 2), (2, 1)]), (3601, vec![(1, 2), (2, 1)]), (3602, vec![(1, 1), (2, 1)])]
    {
        let office = Office::at("2026-03-01T23:00:00Z", 100);
        let budget = office.open_learnt().await;
        office.pass(seconds);
        drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
        budget.close().await;
        assert_eq!(rows(&office), expected, "{seconds} s after 23:00");
    }
}

#[tokio::test]
async fn a_call_answered_just_before_midnight_may_have_been_counted_after_it() {
    let office = Office::at("2026-03-01T23:59:50Z", 100);
    let budget = office.open_learnt().await;
    let call = sent(&budget, Purpose::Fill).await;
    office.pass(9);
    drop(call.settle(&bare(200)));
    budget.close().await;
    assert_eq!(rows(&office), [(1, 2), (2, 1)]);
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_before_midnight_may_be_counted_after_it() {
    let office = Office::at("2026-03-01T23:59:00Z", 100);
    let budget = office.open_learnt().await;
    office.pass(30);
    drop(sent(&budget, Purpose::Fill).await);
    // Nobody looks at the clock until long after.
    office.pass(7200);
    assert_eq!(budget.used(), 1);
    budget.close().await;
    assert_eq!(rows(&office), [(1, 2), (2, 1)]);
}

#[tokio::test]
async fn an_old_days_last_figures_say_nothing_of_the_new_day() {
    let office = Office::at("2026-03-01T23:59:30Z", 5000);
    let budget = office.open_learnt().await;
    let call = sent(&budget, Purpose::Fill).await;
    office.pass(60);
    drop(call.settle(&answer(200, 5000, 3, TONIGHT)));
    let account = budget.account(0);
    assert_eq!((account.used, account.state, account.resets_at), (1, State::Open, at("2026-03-03T00:00:00Z")));
    drop(sent(&budget, Purpose::Fill).await);
}

#[tokio::test]
async fn an_old_days_429_does_not_close_the_new_day() {
    for code in [10002, 10005] {
        for skew in [1, 2, 60] {
            let office = Office::at("2026-03-01T23:59:58Z", 5000);
            let budget = office.open_learnt().await;
            let call = sent(&budget, Purpose::Fill).await;
            office.pass(2 + skew);
            // By the portal's clock, which is behind, it may even have been asked in the new day.
            let in_the_new_day = sent(&budget, Purpose::Fill).await;
            drop(call.settle(&refusal(code, Some("2026-03-02T00:00:00Z"))));
            if skew <= 2 {
                drop(in_the_new_day.settle(&refusal(code, Some("2026-03-02T00:00:00Z"))));
            }
            // Two seconds after midnight it is not within the measured skew any more: we wait a minute, but the day stays open.
            let state = if skew == 2 { State::BackingOff } else { State::Open };
            assert_eq!(budget.account(0).state, state, "{code} {skew}");
            office.pass(60);
            drop(sent(&budget, Purpose::Fill).await);
        }
    }
}

#[tokio::test]
async fn a_429_without_a_time_that_may_be_the_old_days_only_makes_us_wait() {
    let office = Office::at("2026-03-01T23:59:30Z", 5000);
    let budget = office.open_learnt().await;
    let call = sent(&budget, Purpose::Fill).await;
    office.pass(60);
    drop(call.settle(&refusal(10005, None)));
    assert_eq!((budget.account(0).state, budget.account(0).until), (State::BackingOff, Some(at("2026-03-02T00:01:30Z"))));
    office.pass(60);
    assert_eq!(budget.account(0).state, State::Open);
}

#[tokio::test]
async fn the_day_of_the_portals_answer_is_charged_whatever_our_clock_says() {
    // Our clock is 40 s behind: the portal counts the call on the next day already.
    let office = Office::at("2026-03-01T23:59:30Z", 5000);
    let budget = office.open_learnt().await;
    let call = sent(&budget, Purpose::Fill).await;
    let date = Some(at("2026-03-02T00:00:10Z"));
    drop(call.settle(&Seen { date, ..answer(200, 5000, 4999, TOMORROW_NIGHT) }));
    assert!(budget.report(PORTAL).day_known, "40 s are skew");
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    budget.close().await;
    assert_eq!(rows(&office), [(1, 3), (2, 2)], "from now on calls within 40 s of midnight count on both");
}

#[tokio::test]
async fn an_exhausted_day_ends_at_midnight() {
    let office = Office::at("2026-03-01T23:59:00Z", 2);
    let budget = office.open_learnt().await;
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    let refused = budget.ask(None, Purpose::Fill).await.unwrap_err();
    assert_eq!((refused.reason(), refused.until), ("exhausted", at("2026-03-02T00:00:02Z")));
    office.pass(61);
    assert_eq!(budget.ask(None, Purpose::Fill).await.unwrap_err().reason(), "exhausted", "the portal's clock may be behind");
    office.pass(1);
    drop(sent(&budget, Purpose::Fill).await.settle(&bare(200)));
    assert_eq!(budget.used(), 1);
}

#[tokio::test]
async fn the_first_figure_of_a_day_that_began_by_the_clock_cannot_empty_it_alone() {
    let office = Office::at("2026-03-01T23:00:00Z", 5000);
    let budget = office.open_learnt().await;
    office.pass(2 * 3600);
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 5000, 0, TOMORROW_NIGHT)));
    assert_eq!(budget.used(), 1);
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 5000, 4998, TOMORROW_NIGHT)));
    assert_eq!((budget.used(), budget.account(0).verified), (2, true));
}
