//! A day under versions beside the same day under lifetimes: nobody reads what is old, and the calls suffice.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use preau::config::Config;
use preau::simulator::{self, Settings};

use super::ALONE;
use super::clients::Clients;
use super::dataset::Dataset;
use super::live::{Manner, live};
use super::plan::{Plan, REQUESTS};
use super::tally::{Table, Tally};

const SEED: u64 = 1;

/// `cache.freshness_bound`, as it is by default.
const BOUND: Duration = Duration::from_secs(300);

/// What all may come to, of the five thousand that the portal grants.
const CALLS: u64 = 4_300;

/// A portal with three hundred datasets that everybody may ask about; a few of those that it shows are not.
fn portal() -> Settings {
    Settings { datasets: 310, ..Settings::default() }
}

/// A day at a portal that answers at once, a third of a minute at a time.
fn manner(name: &'static str, configure: fn(&mut Config)) -> Manner {
    Manner { name, delay: Duration::ZERO, step: Duration::from_secs(20), at_once: 4, configure }
}

/// As it is by default, but for audits: these ask on purpose what is known already.
fn versions(config: &mut Config) {
    config.budget.audits_per_day = 0;
}

/// No versions, and none of what they brought: an answer is fresh for ten minutes, and then whoever asks has it fetched.
fn lifetimes(config: &mut Config) {
    config.budget.looks_per_day = 0;
    config.cache.concurrent_refreshes = NonZeroUsize::MAX;
    config.cache.refreshes_per_minute = NonZeroU32::MAX;
}

async fn planned() -> Plan {
    let datasets = datasets().await;
    assert!(datasets.len() >= 300, "{} datasets", datasets.len());
    Plan::new(SEED, &datasets)
}

/// The datasets that everybody may read.
async fn datasets() -> Vec<Dataset> {
    let portal = simulator::start(portal()).await.expect("it starts");
    let clients = Clients::of(portal.addr(), &[]);
    let mut datasets = Vec::new();
    for page in 0.. {
        let listed = clients.get(&format!("/api/explore/v2.1/catalog/datasets?limit=100&offset={}", 100 * page)).await.json();
        let results = listed["results"].as_array().expect("a list");
        datasets.extend(results.iter().filter_map(Dataset::read));
        if results.is_empty() {
            break;
        }
    }
    portal.stop().await;
    datasets
}

/// What holds of any day under versions.
fn keeps_its_promises(day: &Tally) {
    assert_eq!(day.wrong, Vec::<String>::new(), "answers that the portal never gave");
    assert!(day.refused.is_empty(), "{:?}", day.refused);
    assert!(day.oldest_unlabelled <= BOUND, "an answer without a label is {} s behind the portal", day.oldest_unlabelled.as_secs());
    // What was asked again after a change may have been asked too soon after it, and is then asked once more.
    let most = day.distinct + 2 * day.asked_again;
    assert!(day.fills() <= most as u64, "{} calls for {} questions, {} of them asked again", day.fills(), day.distinct, day.asked_again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_a_hundred_thousand_requests_needs_no_more_calls_than_there_are_things_to_know() {
    let plan = planned().await;
    assert!(plan.requests.len() == REQUESTS && plan.asked().len() >= 3_000 && plan.changes.len() == 5);
    let versions = live(&plan, portal(), manner("versions", versions)).await;
    let lifetimes = live(&plan, portal(), manner("lifetimes of 10 min", lifetimes)).await;
    let days = [versions, lifetimes];
    println!("{}", Table(&days));
    let [versions, lifetimes] = days;
    keeps_its_promises(&versions);
    assert!(versions.calls <= CALLS, "{} calls", versions.calls);
    assert_eq!(lifetimes.wrong, Vec::<String>::new(), "answers that the portal never gave");
}

/// The delay is real, so this is a part of the day: three busy hours, at the pace and in the order of the whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_portal_that_takes_300_ms_makes_nobody_read_a_stale_answer() {
    let _alone = ALONE.lock().await;
    let plan = planned().await.between(8..11);
    assert!(plan.requests.len() >= 20_000 && plan.changes.len() == 2);
    // A minute at a time, and no more at once than may be under way at the portal: of a minute's clients few meet.
    let slow = Manner { delay: Duration::from_millis(300), step: Duration::from_secs(60), at_once: 8, ..manner("300 ms", versions) };
    let day = live(&plan, portal(), slow).await;
    println!("{}", Table(std::slice::from_ref(&day)));
    keeps_its_promises(&day);
    assert!(day.labelled.is_empty(), "{:?}", day.labelled);
}
