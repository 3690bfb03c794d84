//! The catalogue is away for an hour, and comes back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use preau::clock::Clock;
use preau::config::Config;
use preau::simulator::Settings;
use serde_json::{Value, json};

use super::ALONE;
use super::clients::Clients;
use super::load::{self, is_labelled, seconds, seen};
use super::plan::NOON;
use super::roof::Roof;

const DATASETS: [&str; 4] =
    ["fr-en-annuaire-education", "fr-en-calendrier-scolaire", "fr-en-effectifs-ecoles-rurales", "fr-en-resultats-ecoles-rurales"];
/// Questions about each dataset.
const STORED: usize = 50;
const STEP: u64 = 5;
const PER_STEP: usize = 25;
const HOUR: u64 = 3600;
/// The longest time between two looks that fail.
const LONGEST_WAIT: u64 = 15 * 60;

fn target(dataset: &str, offset: usize) -> String {
    format!("/api/explore/v2.1/catalog/datasets/{dataset}/records?limit=2&offset={offset}")
}

/// The load, and what it was answered.
struct Load {
    clock: Clock,
    clients: Clients,
    rng: Rng,
    /// Questions that nobody had asked before.
    first_asked: usize,
    fresh: usize,
    labelled: BTreeMap<String, usize>,
    /// Since the last look that worked: when an answer came without a label.
    latest_fresh: Duration,
}

impl Load {
    /// Some seconds pass, and what is asked in them is. `since` the last look that worked. How many answers said that they are stale.
    async fn step(&mut self, step: u64, since: Duration) -> usize {
        self.clock.advance(seconds(step));
        let mut targets: Vec<String> = (0..PER_STEP).map(|n| target(DATASETS[n % DATASETS.len()], self.rng.usize(0..STORED))).collect();
        // Once a minute somebody asks what nobody has asked before.
        let new = since.as_secs() % 60 < step;
        if new {
            targets.push(target(DATASETS[0], STORED + self.first_asked));
            self.first_asked += 1;
        }
        let mut labelled = 0;
        for (at, answer) in load::all(&self.clients, &targets).await {
            assert_eq!(answer.status, 200, "{}", targets[at]);
            if at == PER_STEP {
                assert_eq!(answer.field("x-preau-cost"), "1", "{}", answer.cache_status());
                continue;
            }
            assert_eq!(answer.field("x-preau-cost"), "0", "{}: {}", targets[at], answer.cache_status());
            if is_labelled(&answer) {
                labelled += 1;
                *self.labelled.entry(load::detail(&answer)).or_default() += 1;
            } else {
                self.fresh += 1;
                self.latest_fresh = self.latest_fresh.max(since);
            }
        }
        labelled
    }
}

/// An hour of a catalogue that has this fault, under load, and what comes after it.
async fn outage(name: &str, kind: &str, more: Value, configure: fn(&mut Config)) {
    let _alone = ALONE.lock().await;
    let began = Instant::now();
    let clock = Clock::manual(NOON);
    let roof = Roof::build(Settings { clock: clock.clone(), ..Settings::default() }, clock.clone(), configure).await;
    let clients = Clients::of(roof.mirror(), &[]);
    let stored: Vec<String> = DATASETS.iter().flat_map(|dataset| (0..STORED).map(|offset| target(dataset, offset))).collect();
    // The portal makes its rows when they are first asked for, and may take longer over that than préau waits here.
    for dataset in DATASETS {
        roof.ask_portal(&target(dataset, 0)).await;
    }
    let warmed = seen(&roof, "records").await.received;
    for (at, answer) in load::all(&clients, &stored).await {
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "1"), "{}", stored[at]);
    }
    let mut load =
        Load { clock, clients, rng: Rng::with_seed(1), first_asked: 0, fresh: 0, labelled: BTreeMap::new(), latest_fresh: Duration::ZERO };

    let mut fault = more;
    // Whichever way it is read.
    fault["containing"] = "metadata_processed".into();
    roof.fault("*", kind, None, fault).await;
    let before = seen(&roof, "catalog-export").await;
    for step in 1..=HOUR / STEP {
        load.step(STEP, seconds(step * STEP)).await;
    }
    let hour = seen(&roof, "catalog-export").await;
    let in_the_hour = hour.received - before.received;
    println!("{name}: {} fresh until {:?}, labelled {:?}, {in_the_hour} looks in the hour", load.fresh, load.latest_fresh, load.labelled);
    // Nothing vouches for an answer any longer than the bound.
    assert!(load.latest_fresh <= seconds(300), "{:?}", load.latest_fresh);
    assert!((4..=12).contains(&in_the_hour), "{in_the_hour} looks in the hour");
    assert_eq!(load.labelled.keys().collect::<Vec<_>>(), ["version-unchecked"]);

    roof.forget_faults().await;
    let mut labelled = 0;
    for second in 1..=60 {
        labelled += load.step(1, seconds(HOUR + second)).await;
    }
    let minute = seen(&roof, "catalog-export").await;
    let in_the_minute = minute.received - hour.received;
    assert!(in_the_minute <= 2, "{in_the_minute} looks in the first minute");
    let mut waited = 60;
    while load.step(STEP, seconds(HOUR + waited)).await > 0 {
        waited += STEP;
        assert!(waited <= LONGEST_WAIT + 2 * STEP, "still unchecked");
    }
    let after = seen(&roof, "catalog-export").await;
    println!(
        "{name}: {labelled} labelled and {in_the_minute} looks in the first minute after; fresh after {waited} s, {} looks in all; {} s",
        after.received - before.received,
        began.elapsed().as_secs()
    );
    assert_eq!(after.most_at_once, 1, "one look at a time");
    assert_eq!(seen(&roof, "catalog").await.received, 0, "nor is it looked for in another way");
    let asked = seen(&roof, "records").await.received - warmed;
    assert_eq!(asked, (stored.len() + load.first_asked) as u64, "no answer was asked for twice");
    roof.server.stop().await;
    roof.portal.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_fails_for_an_hour_costs_a_dozen_looks_and_nobody_an_answer() {
    outage("status 503", "status", json!({"code": 503}), |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_hangs_for_an_hour_costs_a_dozen_looks_and_nobody_an_answer() {
    let configure = |config: &mut Config| {
        // A hanging look goes on for many of the simulated seconds, and nobody waits for it as long.
        config.origin.first_byte_timeout = Duration::from_millis(400);
        config.cache.patience = Duration::from_millis(20);
    };
    outage("hang", "hang", json!({}), configure).await;
}
