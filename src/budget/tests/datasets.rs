//! The portal's own limits of datasets, and the organisation's own keys.

use super::*;

const APRIL: &str = "2026-04-01 00:00:00+00:00";

/// An answer that states what is left of a dataset's month.
fn monthly(dataset: &str, remaining: u64, reset: &str) -> Seen {
    let mut seen = bare(200);
    seen.dataset = Some(dataset.into());
    seen.rate_limit.dataset_limit = Some("50".into());
    seen.rate_limit.dataset_remaining = Some(remaining.to_string());
    seen.rate_limit.dataset_reset = Some(reset.into());
    seen
}

impl Budget {
    async fn ask_about(&self, dataset: &str, key: Option<&str>) -> Result<Reservation, Refused> {
        let waiting = || vec![TeamId::DEFAULT];
        let wish = Wish::of_askers(&waiting).about(Some(dataset)).with_credential(key);
        let mut call = self.reserve(PORTAL, wish).await.map_err(|refused| refused.first().unwrap())?;
        call.depart();
        Ok(call)
    }
}

#[tokio::test]
async fn a_datasets_own_limit_holds_calls_for_that_dataset_alone() {
    let office = Office::new(5000);
    let budget = office.open_learnt().await;
    drop(budget.ask_about("d", None).await.unwrap().settle(&monthly("d", 2, APRIL)));
    drop(budget.ask_about("d", None).await.unwrap().settle(&bare(500)));
    // One that never left gives its call back.
    budget.ask_about("d", None).await.unwrap().give_back();
    drop(budget.ask_about("d", None).await.unwrap().settle(&bare(200)));
    let used = budget.used();
    let refused = budget.ask_about("d", None).await.unwrap_err();
    assert_eq!((refused.reason(), refused.limit, refused.used), ("dataset-limit", 50, 50));
    assert_eq!(refused.until, at("2026-03-02T12:00:00Z"), "one call a day asks whether it still holds");
    drop(budget.ask_about("e", None).await.unwrap());
    assert_eq!(budget.used(), used + 1, "refused for nothing");
    let shown = &budget.report(PORTAL).datasets[0];
    assert_eq!((shown.account.as_str(), shown.dataset.as_str(), shown.remaining), ("anonymous", "d", 0));
    budget.close().await;
    let budget = office.open();
    drop(budget.ask(None, Purpose::Look).await.unwrap());
    assert_eq!(budget.ask_about("d", None).await.unwrap_err().reason(), "dataset-limit", "also after a restart, for the whole month");
    office.pass(31 * 86_400 + 3);
    drop(budget.ask_about("d", None).await.unwrap());
}

#[tokio::test]
async fn a_datasets_limit_is_that_of_the_account_that_asked() {
    let office = Office { accounts: vec![own("k", 1000)], ..Office::new(5000) };
    let budget = office.open_learnt().await;
    drop(budget.ask_about("d", Some("k")).await.unwrap().settle(&monthly("d", 0, APRIL)));
    assert_eq!(budget.ask_about("d", Some("k")).await.unwrap_err().reason(), "dataset-limit");
    drop(budget.ask_about("d", None).await.unwrap());
}

fn own(fingerprint: &str, daily_calls: u32) -> KeyAccount {
    KeyAccount { name: "ours".into(), fingerprint: fingerprint.into(), daily_calls: NonZeroU32::new(daily_calls).unwrap() }
}

#[tokio::test]
async fn a_key_of_the_organisations_counts_as_proven_from_the_start() {
    let office = Office { accounts: vec![own("k", 3)], ..Office::new(5000) };
    let budget = office.open_learnt().await;
    assert_eq!((budget.account(1).name.as_deref(), budget.account(1).limit, budget.account(1).used), (Some("ours"), Some(3), 0));
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!((budget.used(), budget.account(1).used), (1, 1), "its own account alone");
    drop(sent_with(&budget, "k").await.settle(&bare(401)));
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!(budget.used(), 1, "one call that went wrong does not charge it to the anonymous account");
    let refused = budget.ask(Some("k"), Purpose::Fill).await.unwrap_err();
    assert_eq!((refused.reason(), refused.limit), ("exhausted", 3), "what is assumed holds until the portal states something");
    assert_eq!(budget.used(), 1);
}

#[tokio::test]
async fn a_key_of_the_organisations_has_the_limit_that_the_portal_states() {
    let office = Office { accounts: vec![own("k", 2)], ..Office::new(5000) };
    let budget = office.open_learnt().await;
    // The portal states the same limit as to anonymous callers: the operator says that it is another account.
    drop(sent_with(&budget, "k").await.settle(&answer(200, 5000, 4000, TONIGHT)));
    drop(sent_with(&budget, "k").await.settle(&bare(401)));
    drop(sent_with(&budget, "k").await.settle(&answer(200, 5000, 3998, TONIGHT)));
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    drop(sent(&budget, Purpose::Fill).await.settle(&answer(200, 5000, 4997, TONIGHT)));
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!((budget.used(), budget.account(1).limit, budget.account(1).used), (3, Some(5000), 1004));
    budget.close().await;
    for _ in 0..20 {
        office.pass(86_400);
    }
    let budget = office.open_learnt().await;
    drop(sent_with(&budget, "k").await.settle(&bare(200)));
    assert_eq!(budget.used(), 1, "also after weeks in which it was not used");
}
