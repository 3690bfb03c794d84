//! The whole portal is down for an hour, in each of the ways in which one can be, and comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use preau::clock::Clock;
use preau::config::Config;
use preau::simulator::Settings;
use serde_json::json;

use super::clients::Clients;
use super::gate::Gate;
use super::load::{self, is_labelled, seconds};
use super::roof::{DIRECTORY, Roof};
use super::{ALONE, MORNING, target};

/// Questions whose answers are stored.
const STORED: usize = 40;
const HOUR: u64 = 3600;
const STEP: u64 = 5;
/// What an hour of it may cost, looks and audits included.
const MOST_CALLS: u64 = 30;
/// The longest time between two probes.
const LONGEST_WAIT: u64 = 300;

/// In which way the portal fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Nobody listens.
    Refuses,
    /// Whoever listens resets the connection.
    Resets,
    /// Status 503.
    Unavailable,
    /// No answer.
    Hangs,
    /// The head of an answer, late, and half of its body.
    BreaksOff,
}

impl Way {
    async fn begin(self, roof: &Roof, gate: &mut Gate) {
        match self {
            Self::Refuses => gate.shut().await,
            Self::Resets => gate.reset().await,
            Self::Unavailable => roof.fault("*", "status", None, json!({"code": 503})).await,
            Self::Hangs => roof.fault("*", "hang", None, json!({})).await,
            Self::BreaksOff => {
                roof.fault("*", "delay", None, json!({"ms": 30})).await;
                roof.fault("*", "truncate", None, json!({})).await;
            }
        }
    }

    async fn end(self, roof: &Roof, gate: &mut Gate) {
        match self {
            Self::Refuses => gate.reopen().await,
            Self::Resets => {
                gate.shut().await;
                gate.reopen().await;
            }
            _ => roof.forget_faults().await,
        }
    }
}

/// The load, and what it was answered.
struct Load {
    clock: Clock,
    clients: Clients,
    asked: usize,
    /// Answers that were stored, by their label; those that were not, by their status and word.
    stored: BTreeMap<String, usize>,
    others: BTreeMap<String, usize>,
}

impl Load {
    /// Some seconds pass, and what is asked in them is: what is stored, what nobody has asked before, what fails again and again, what has a key,
    /// and what is stored with a lifetime. Whether all that is stored was fresh, and whether what is new was answered.
    async fn step(&mut self, step: u64) -> (bool, bool) {
        self.clock.advance(seconds(step));
        self.asked += 1;
        let mut targets: Vec<String> = (0..10).map(|n| target((self.asked * 7 + n * 4) % STORED)).collect();
        let new = targets.len();
        targets.extend((0..3).map(|n| target(1000 + self.asked * 3 + n)));
        targets.push(target(999));
        targets.push(format!("{}&apikey=nobodys", target(998)));
        let (mut fresh, mut answered) = (true, true);
        for (at, answer) in load::all(&self.clients, &targets).await {
            if at < new {
                assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "0"), "{}", answer.cache_status());
                let label = if is_labelled(&answer) { load::detail(&answer) } else { "fresh".to_owned() };
                fresh &= label == "fresh";
                *self.stored.entry(label).or_default() += 1;
            } else {
                let word =
                    if answer.status == 200 { "200".to_owned() } else { format!("{} {}", answer.status.as_u16(), load::detail(&answer)) };
                answered &= answer.status == 200 || at > new + 2;
                assert!(answer.status == 200 || answer.status == 401 || answer.status.is_server_error(), "{word}");
                let again = answer.field("retry-after").parse::<u64>();
                assert!(
                    !word.ends_with("portal-down") || again.is_ok_and(|again| (1..=LONGEST_WAIT + LONGEST_WAIT / 10).contains(&again)),
                    "{answer:?}"
                );
                *self.others.entry(word).or_default() += 1;
            }
        }
        (fresh, answered)
    }
}

async fn outage(way: Way, configure: fn(&mut Config)) {
    let _alone = ALONE.lock().await;
    let clock = Clock::manual(MORNING);
    let portal = preau::simulator::start(Settings { clock: clock.clone(), ..Settings::default() }).await.expect("the simulator starts");
    let mut gate = Gate::open(portal.addr()).await;
    let data = tempfile::tempdir().expect("a directory for the ledger");
    let mut config = super::roof::settings(gate.addr, data.path());
    configure(&mut config);
    let server = preau::server::Server::start(&config, clock.clone()).await.expect("the server starts");
    let roof = Roof { portal, server, data, config };
    // It makes its rows when they are first asked for, and may take longer over that than préau waits here.
    roof.ask_portal(&target(0)).await;
    let clients = Clients::of(roof.mirror(), &[]);
    for (_, answer) in load::all(&clients, &(0..STORED).map(target).collect::<Vec<_>>()).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let mut load = Load { clock: clock.clone(), clients, asked: 0, stored: BTreeMap::new(), others: BTreeMap::new() };

    way.begin(&roof, &mut gate).await;
    let (before, used, taken) = (roof.calls().await, roof.used().await, gate.taken());
    for _ in 0..HOUR / STEP {
        load.step(STEP).await;
    }
    let (after, spent) = (roof.calls().await, roof.used().await - used);
    let (received, connections) = (after.received - before.received, gate.taken() - taken);
    println!("{way:?}: {received} calls, {spent} charged, {connections} connections; stored {:?}; others {:?}", load.stored, load.others);
    assert!(received <= MOST_CALLS && spent <= MOST_CALLS && connections <= MOST_CALLS, "{received} {spent} {connections}");
    assert!(load.others.keys().any(|word| word == "503 portal-down"), "{:?}", load.others);
    assert!(!load.stored.is_empty() && !load.others.contains_key("200"), "{:?}", load.others);
    let down = super::http::get(roof.server.admin(), "/api/v1/budget").await.json()["portals"][0]["down_until"].clone();
    assert!(down.is_string(), "the operator is told: {down}");

    way.end(&roof, &mut gate).await;
    let mut waited = 0;
    loop {
        waited += 1;
        let (fresh, answered) = load.step(1).await;
        if fresh && answered {
            break;
        }
        assert!(waited <= LONGEST_WAIT + 2, "{waited} s, {:?} {:?}", load.stored, load.others);
    }
    println!("{way:?}: fresh again after {waited} s");
    let answer = roof.get(&format!("{DIRECTORY}/records?limit=1")).await;
    assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "1"), "{}", answer.cache_status());
    roof.server.stop().await;
    roof.portal.stop().await;
}

/// Nobody waits long for what is slow in real time while simulated time flies.
fn hasty(config: &mut Config) {
    config.cache.patience = Duration::from_millis(20);
    config.origin.first_byte_timeout = Duration::from_millis(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_in_which_nobody_listens_costs_no_call_and_few_attempts() {
    outage(Way::Refuses, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_connections_that_are_reset_costs_a_few_calls() {
    outage(Way::Resets, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_503_costs_a_few_calls() {
    outage(Way::Unavailable, |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_silence_costs_a_few_calls() {
    outage(Way::Hangs, hasty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_answers_that_break_off_costs_a_few_calls() {
    outage(Way::BreaksOff, hasty).await;
}
