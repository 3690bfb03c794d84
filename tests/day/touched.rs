//! One dataset moves under ten thousand stored answers.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use fastrand::Rng;
use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;

use super::ALONE;
use super::clients::Clients;
use super::http::Answer;
use super::load::{self, is_labelled, seconds, seen};
use super::plan::NOON;
use super::roof::Roof;
use super::shares::Shares;

const TOUCHED: &str = "fr-en-resultats-internats";
/// The other datasets that are asked about.
const OTHERS: [&str; 3] = ["fr-en-calendrier-scolaire", "fr-en-effectifs-ecoles-rurales", "fr-en-resultats-ecoles-rurales"];
/// Questions about the dataset that moves.
const STORED: usize = 10_000;
/// Questions about each of the others.
const STORED_OF_OTHERS: usize = 100;
const PER_SECOND: usize = 200;
const BOUND: Duration = seconds(300);
/// It moves so long after the last look.
const SINCE_LOOK: Duration = seconds(250);
/// Load until then, and again after the bound.
const FIRST: u64 = 120;
const LAST: u64 = 30;

/// One of many pages, whose text says how many rows there are in all.
fn target(dataset: &str, number: usize) -> String {
    let (limit, offset) = (1 + number / 1_000, number % 1_000);
    format!("/api/explore/v2.1/catalog/datasets/{dataset}/records?limit={limit}&offset={offset}")
}

fn rows_in_all(answer: &Answer) -> u64 {
    answer.json()["total_count"].as_u64().unwrap_or_else(|| panic!("{:?}", answer.body))
}

/// What was answered within a simulated minute.
#[derive(Clone, Debug, Default)]
struct Minute {
    requests: usize,
    new: usize,
    old_unlabelled: usize,
    labelled: BTreeMap<String, usize>,
    cost: u64,
}

/// Everything that the load leads to.
struct Load {
    clock: Clock,
    clients: Clients,
    rng: Rng,
    popularity: Shares,
    rows_before: u64,
    /// By minute since the dataset moved.
    minutes: BTreeMap<u64, Minute>,
    /// How long after the move an answer was without the new rows and without a label.
    oldest_unlabelled: Duration,
    /// Whether the last answer to the most popular question was new and fresh.
    first_is_new: bool,
}

impl Load {
    /// One second of requests, `since` the dataset moved.
    async fn second(&mut self, since: Duration) {
        self.clock.advance(seconds(1));
        let about_others = PER_SECOND / 5;
        let places: Vec<usize> = (about_others..PER_SECOND).map(|_| self.popularity.draw(&mut self.rng)).collect();
        let mut targets: Vec<String> = places.iter().map(|place| target(TOUCHED, *place)).collect();
        targets.extend((0..about_others).map(|n| target(OTHERS[n % OTHERS.len()], self.rng.usize(0..STORED_OF_OTHERS))));
        let minute = self.minutes.entry(since.as_secs() / 60).or_default();
        for (at, answer) in load::all(&self.clients, &targets).await {
            assert_eq!(answer.status, 200, "{}", targets[at]);
            let cost: u64 = answer.field("x-preau-cost").parse().expect("every answer says what it cost");
            let Some(place) = places.get(at) else {
                let fresh = answer.cache_status().starts_with("preau; hit; ttl=") && !is_labelled(&answer);
                assert!(fresh && cost == 0, "of another dataset: {} {}", targets[at], answer.cache_status());
                continue;
            };
            minute.requests += 1;
            minute.cost += cost;
            let new = rows_in_all(&answer) > self.rows_before;
            match (new, is_labelled(&answer)) {
                (_, true) => *minute.labelled.entry(load::detail(&answer)).or_default() += 1,
                (true, false) => minute.new += 1,
                (false, false) => {
                    minute.old_unlabelled += 1;
                    self.oldest_unlabelled = self.oldest_unlabelled.max(since);
                }
            }
            if *place == 0 {
                self.first_is_new = new && !is_labelled(&answer);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_answers_of_a_dataset_that_moves_cost_thirty_calls_a_minute_and_none_is_old_without_saying_so() {
    let _alone = ALONE.lock().await;
    let began = Instant::now();
    let clock = Clock::manual(NOON);
    let portal = Settings { quota: 100_000, clock: clock.clone(), ..Settings::default() };
    let roof = Roof::build(portal, clock.clone(), |config| {
        config.portals[0].daily_calls = NonZeroU32::new(100_000).expect("positive");
        config.budget.max_concurrent_calls = NonZeroUsize::new(32).expect("positive");
    })
    .await;
    let clients = Clients::of(roof.mirror(), &[]);
    let mut targets: Vec<String> = (0..STORED).map(|offset| target(TOUCHED, offset)).collect();
    targets.extend(OTHERS.iter().flat_map(|dataset| (0..STORED_OF_OTHERS).map(|offset| target(dataset, offset))));
    let stored = load::all(&clients, &targets).await;
    for (at, answer) in &stored {
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "1"), "{}", targets[*at]);
    }
    let rows_before = rows_in_all(&stored.iter().find(|(at, _)| *at == 0).expect("it was asked").1);
    println!("{} answers stored in {} s", stored.len(), began.elapsed().as_secs());
    drop(stored);

    clock.advance(SINCE_LOOK);
    // From here on it is counted anew.
    roof.control("/_simulator/reset").await;
    roof.fault("records", "delay", None, json!({"ms": 300})).await;
    roof.control(&format!("/_simulator/touch?dataset={TOUCHED}")).await;
    let used_before = roof.used().await;
    let popularity = Shares::zipf(STORED);
    let mut load = Load {
        clock,
        clients,
        rng: Rng::with_seed(1),
        popularity,
        rows_before,
        minutes: BTreeMap::new(),
        oldest_unlabelled: Duration::ZERO,
        first_is_new: false,
    };
    // What the portal has been asked by the end of each second.
    let mut asked = Vec::new();
    for second in 1..=FIRST {
        load.second(seconds(second)).await;
        asked.push(seen(&roof, "records").await.received);
    }
    load.clock.advance(BOUND - seconds(FIRST));
    for second in 1..=LAST {
        load.second(BOUND + seconds(second)).await;
    }

    println!("{:<8}{:>10}{:>10}{:>18}{:>10}  labelled", "minute", "requests", "new", "old, unlabelled", "calls");
    for (at, Minute { requests, new, old_unlabelled, labelled, cost }) in &load.minutes {
        println!("{:<8}{requests:>10}{new:>10}{old_unlabelled:>18}{cost:>10}  {labelled:?}", at + 1);
    }
    let used = load::calls_of_both(&roof, used_before).await;
    let (records, looks) = (seen(&roof, "records").await, seen(&roof, "catalog-export").await);
    println!("{records:?}; looks {looks:?}; oldest unlabelled {:?}; {} s", load.oldest_unlabelled, began.elapsed().as_secs());
    assert!(load.oldest_unlabelled <= BOUND, "{:?}", load.oldest_unlabelled);
    // The look came within the bound; from then on what is old says so.
    assert!(load.oldest_unlabelled >= seconds(1), "nothing was served between the move and the look: the test tests nothing");
    assert!(load.first_is_new, "what is asked for most is renewed first");
    assert_eq!(records.most_at_once, 4, "the delay of the portal makes the refreshes meet");
    let sight = asked.iter().position(|asked| *asked > 0).expect("it was asked anew");
    let first_minute = asked[sight + 59];
    assert!((20..=30).contains(&first_minute), "{first_minute} calls in the first minute");
    assert!((1..=3).contains(&looks.received) && looks.most_at_once == 1, "{looks:?}");
    assert_eq!(used, records.received + looks.received, "préau's ledger and the portal's count");
    roof.server.stop().await;
    roof.portal.stop().await;
}
