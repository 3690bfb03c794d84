//! What clients are told adds up to what the ledger says, and time that leaps ages nothing.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::behind::{Behind, RECORDS, json as whole, noon};
use super::http;
use super::roof::{DIRECTORY, Roof};

/// Hits, misses, large answers, keyed and posted ones, refusals of ours, errors of the portal.
fn target(number: u64) -> String {
    match number % 11 {
        0 => format!("{DIRECTORY}/records?limit=100&offset={}", number % 3),
        1 => "/api/nothing".to_owned(),
        2 => "/pages/x".to_owned(),
        3 => format!("{DIRECTORY}/records?limit=500"),
        4 => format!("{DIRECTORY}/records?limit=1&apikey=valid-1"),
        5 => format!("{DIRECTORY}/records?limit=2&offset={}", number % 7),
        6 => format!("{DIRECTORY}/facets?facet=etat"),
        _ => format!("{DIRECTORY}/records?limit={}", number % 20),
    }
}

/// The sum of the costs that the answers to `clients` concurrent clients state; each leaves early once in `leave` times.
async fn load(roof: &Roof, clients: u64, each: u64, leave: Option<u64>) -> u64 {
    let mirror = roof.mirror();
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..clients {
        tasks.spawn(async move {
            let mut dice = fastrand::Rng::with_seed(client);
            let mut costs = 0;
            for _ in 0..each {
                let target = target(dice.u64(0..400));
                if leave.is_some_and(|leave| dice.u64(0..leave) == 0) {
                    let mut stream = TcpStream::connect(mirror).await.expect("it listens");
                    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: roof\r\n\r\n").as_bytes()).await.expect("it reads");
                    for _ in 0..dice.u64(0..2_000) {
                        tokio::task::yield_now().await;
                    }
                    continue;
                }
                // A stream may be one that the portal breaks off.
                let answer = http::try_send(mirror, ::http::Method::GET, &target, &[], bytes::Bytes::new()).await;
                costs += answer.map_or(1, |answer| answer.field("x-preau-cost").parse().expect("a number"));
            }
            costs
        });
    }
    tasks.join_all().await.into_iter().sum()
}

async fn troubled() -> Roof {
    let settings = Settings { delay: Duration::from_millis(10), quota: 100_000, ..Settings::default() };
    let roof = Roof::build(settings, Clock::system(), |config| {
        config.portals[0].daily_calls = std::num::NonZeroU32::new(100_000).expect("many");
        config.cache.lifetimes.records = Duration::from_millis(50);
        config.cache.patience = Duration::from_secs(30);
        // A hundred records are more.
        config.cache.buffer_limit = std::num::NonZeroUsize::new(16 << 10).expect("not zero");
        config.cache.negative_lifetime = Duration::from_millis(50);
    })
    .await;
    for (kind, more) in [("status", json!({"code": 503})), ("close", json!({})), ("truncate", json!({})), ("html-200", json!({}))] {
        roof.fault("records", kind, Some(8), more).await;
    }
    roof
}

/// Looks that the ledger counts.
const LOOKS: u64 = 1;

#[tokio::test(flavor = "multi_thread")]
async fn the_costs_that_clients_are_told_add_up_to_the_ledger() {
    let roof = troubled().await;
    let told = load(&roof, 16, 25, None).await;
    let used = roof.used().await;
    assert_eq!((told, roof.calls().await.received), (used - LOOKS, used));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_take_costs_with_them_and_add_none() {
    let roof = troubled().await;
    let told = load(&roof, 16, 25, Some(3)).await;
    let used = roof.used().await;
    assert!(told <= used - LOOKS, "told {told}, used {used}");
    assert!(roof.calls().await.received <= used);
    // And nothing is left behind by them: every call can still be made. A stream whose first asker left may be told to one who came later.
    let told = told + load(&roof, 8, 5, None).await;
    let used = roof.used().await;
    assert!(told <= used - LOOKS, "told {told}, used {used}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_refresh_is_told_to_the_client_that_began_it() {
    let clock = Clock::manual(noon());
    let roof = Roof::build(Settings::default(), clock.clone(), |config| {
        config.cache.patience = Duration::from_millis(200);
        // Without looks, lifetimes decide.
        config.budget.looks_per_day = 0;
    })
    .await;
    roof.control(&format!("/_simulator/clock?now={}", noon())).await;
    let target = format!("{DIRECTORY}/records?limit=3");
    roof.get(&target).await;
    clock.advance(Duration::from_secs(601));
    roof.fault("records", "delay", Some(1), json!({"ms": 1500})).await;
    let (first, second) = (roof.get(&target).await, roof.get(&target).await);
    assert_eq!((first.field("x-preau-cost"), second.field("x-preau-cost")), ("1", "0"), "{first:?} {second:?}");
    assert_eq!(roof.used().await, 3, "a look and two calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_leaps_ages_and_expires_nothing() {
    for leap in [SignedDuration::from_hours(-1), SignedDuration::from_hours(24), SignedDuration::from_hours(-24 * 400)] {
        let clock = Clock::manual("2026-03-02T10:00:00Z".parse::<Timestamp>().expect("a time"));
        let behind = Behind::telling(|_| {}, clock.clone(), vec![whole("{\"a\": 1}"), whole("{\"a\": 2}")]).await;
        behind.get(RECORDS).await;
        clock.advance(Duration::from_secs(10));
        clock.leap(leap);
        let hit = behind.get(RECORDS).await;
        assert_eq!((hit.field("age"), hit.cache_status()), ("10", "preau; hit; ttl=290"), "{leap}");
        assert_eq!(behind.calls(), 1);
        // And calls still leave, once the day is known again.
        let other = behind.get(&format!("{RECORDS}?limit=1")).await;
        assert_eq!(other.status, 200, "{leap}: {other:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hit_is_the_same_answer_with_labels_of_its_own() {
    // The clock stands still: what counts seconds is the same too.
    let roof = Roof::build(Settings::default(), Clock::manual(Timestamp::now()), |_| {}).await;
    let target = format!("{DIRECTORY}/records?limit=5");
    // The portal makes its rows when they are first asked for, which may take more than a second.
    roof.ask_portal(&target).await;
    let (miss, hit) = (roof.get(&target).await, roof.get(&target).await);
    let others = |answer: &http::Answer| {
        let mut fields: Vec<String> = answer.fields.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        fields.retain(|field| !["age: ", "cache-status: ", "x-preau-cost: "].iter().any(|label| field.starts_with(label)));
        fields
    };
    assert_eq!((others(&miss), &miss.body), (others(&hit), &hit.body));
    assert_eq!((miss.field("age"), hit.field("age")), ("", "0"));
    for answer in [&miss, &hit] {
        assert_eq!(answer.field("content-length"), answer.body.len().to_string());
        assert_eq!((answer.field("content-encoding"), answer.field("via")), ("", "1.1 preau"));
        for name in ["age", "cache-status", "x-preau-cost", "vary", "via", "content-length", "cache-control", "date", "x-ratelimit-limit"] {
            assert!(answer.fields.get_all(name).iter().count() <= 1, "{name}: {answer:?}");
        }
    }
}
