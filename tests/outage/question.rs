//! One question that fails while the portal works, and one client that asks too much.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use super::clients::Clients;
use super::http;
use super::load::{self, seconds};
use super::roof::{DIRECTORY, Roof};
use super::{ALONE, MORNING, target};

/// Asked by everybody, and answered by nobody.
const FAILING: usize = 777;
const CALLERS: usize = 10;
/// Calls in ten minutes: at once, and after 2, 4, 8 … 256 seconds more.
const CALLS_IN_TEN_MINUTES: usize = 9;

async fn roof() -> (Roof, Clock) {
    let clock = Clock::manual(MORNING);
    let roof = Roof::build(Settings { clock: clock.clone(), ..Settings::default() }, clock.clone(), |config| {
        config.budget.audits_per_day = 0;
        config.cache.patience = Duration::from_secs(20);
    })
    .await;
    roof.ask_portal(&target(0)).await;
    (roof, clock)
}

/// How often the portal was asked what fails.
async fn asked_for_failing(roof: &Roof) -> usize {
    let path = format!("/_simulator/requests?last=10000&containing=offset%3D{FAILING}");
    let listed = http::get(roof.portal.addr(), &path).await.json();
    listed.as_array().or(listed["requests"].as_array()).unwrap_or_else(|| panic!("a list: {listed}")).len()
}

/// Ten minutes in which ten callers a second ask what fails, and somebody what does not.
async fn ten_minutes(clock: &Clock, clients: &Clients, mut each: impl FnMut(&http::Answer)) {
    for second in 0..600 {
        let targets: Vec<String> = std::iter::repeat_n(target(FAILING), CALLERS).chain([target(1_000 + second)]).collect();
        for (at, answer) in load::all(clients, &targets).await {
            if at < CALLERS { each(&answer) } else { assert_eq!(answer.status, 200, "others are answered: {}", answer.cache_status()) }
        }
        clock.advance(seconds(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_fails_again_and_again_is_not_tried_by_each_who_asks() {
    let _alone = ALONE.lock().await;
    for kind in ["status", "truncate", "html-200", "close"] {
        let (roof, clock) = roof().await;
        let clients = Clients::of(roof.mirror(), &[]);
        assert_eq!(clients.get(&target(FAILING)).await.status, 200);
        let mut more = json!({"containing": format!("offset={FAILING}")});
        if kind == "status" {
            more["code"] = 500.into();
        }
        roof.fault("records", kind, None, more).await;
        roof.control("/_simulator/touch?dataset=fr-en-annuaire-education").await;
        clock.advance(seconds(400));
        let before = asked_for_failing(&roof).await;
        let mut words = std::collections::BTreeMap::<String, usize>::new();
        ten_minutes(&clock, &clients, |answer| {
            assert_eq!(answer.status, 200, "{kind}: {}", answer.cache_status());
            *words.entry(load::detail(answer)).or_default() += 1;
        })
        .await;
        let calls = asked_for_failing(&roof).await - before;
        println!("{kind}: {calls} calls, {words:?}");
        assert!((5..=CALLS_IN_TEN_MINUTES).contains(&calls), "{kind}: {calls} calls");
        assert!(words["failed-before"] > 5000, "{words:?}");
        roof.forget_faults().await;
        clock.advance(seconds(300));
        let answer = clients.get(&target(FAILING)).await;
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "1"), "{}", answer.cache_status());
        roof.server.stop().await;
        roof.portal.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miss_that_fails_tells_all_who_ask_of_the_same_failure_and_when_to_come_back() {
    let _alone = ALONE.lock().await;
    let (roof, clock) = roof().await;
    let clients = Clients::of(roof.mirror(), &[]);
    roof.fault("records", "status", None, json!({"code": 500, "containing": format!("offset={FAILING}")})).await;
    let (mut paid, mut told) = (0, 0);
    ten_minutes(&clock, &clients, |answer| {
        assert_eq!(answer.status, 500, "{}", answer.cache_status());
        if answer.cache_status() == "preau; detail=failed-before" {
            told += 1;
            assert_eq!(answer.field("x-preau-cost"), "0");
            assert!(answer.field("retry-after").parse::<u64>().is_ok_and(|wait| (1..=330).contains(&wait)), "{answer:?}");
        } else if answer.field("x-preau-cost") == "1" {
            paid += 1;
        } else {
            assert!(answer.cache_status().contains("; collapsed"), "{}", answer.cache_status());
        }
    })
    .await;
    assert_eq!((paid, asked_for_failing(&roof).await), (CALLS_IN_TEN_MINUTES, CALLS_IN_TEN_MINUTES));
    assert!(told > 5000, "{told}");
    roof.forget_faults().await;
    clock.advance(seconds(300));
    assert_eq!(clients.get(&target(FAILING)).await.status, 200);
}

/// Asks from another address of the loopback; the head of the answer.
async fn get_from(address: &str, to: SocketAddr, target: &str) -> String {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{address}:0").parse().expect("an address")).expect("the loopback has more than one address");
    let mut stream = socket.connect(to).await.expect("somebody listens");
    let request = format!("GET {target} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).split("\r\n\r\n").next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_loops_is_slowed_and_nobody_else_is() {
    let clock = Clock::manual(MORNING);
    let roof = Roof::build(Settings { clock: clock.clone(), ..Settings::default() }, clock.clone(), |config| {
        (config.budget.misses_per_second, config.budget.misses_burst) = (2, NonZeroU32::new(5).expect("positive"));
        config.budget.audits_per_day = 0;
    })
    .await;
    roof.ask_portal(&target(0)).await;
    let mut statuses = Vec::new();
    for number in 0..10 {
        let answer = roof.get(&target(number)).await;
        if answer.status == 429 {
            assert_eq!((answer.cache_status(), answer.field("x-preau-cost")), ("preau; detail=too-fast", "0"));
            assert_eq!(answer.field("retry-after"), "1");
        }
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [[200; 5], [429; 5]].concat());
    for _ in 0..50 {
        assert_eq!(roof.get(&target(1)).await.field("x-preau-cost"), "0", "hits are never refused");
    }
    assert!(get_from("127.0.0.2", roof.mirror(), &target(6)).await.starts_with("HTTP/1.1 200"), "another client");
    assert_eq!(roof.get(&target(6)).await.status, 200, "what that one has had fetched is a hit for all");
    clock.advance(seconds(1));
    let mut answered = 0;
    for number in 7..10 {
        answered += usize::from(roof.get(&target(number)).await.status == 200);
    }
    assert_eq!(answered, 2, "two a second");
    // A question with a key, which is nobody else's, is a call as well.
    assert_eq!(roof.get(&format!("{}&apikey=x", target(1))).await.status, 429);

    // What is stale is served.
    roof.control("/_simulator/touch?dataset=fr-en-annuaire-education").await;
    clock.advance(seconds(400));
    for number in 0..5 {
        assert_eq!(roof.get(&target(number)).await.field("x-preau-cost"), "1");
    }
    let stale = roof.get(&target(6)).await;
    assert_eq!((stale.status.as_u16(), load::detail(&stale).as_str()), (200, "too-fast"), "{}", stale.cache_status());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_join_one_fill_are_no_misses() {
    let clock = Clock::manual(MORNING);
    let roof = Roof::build(Settings { clock: clock.clone(), ..Settings::default() }, clock, |config| {
        (config.budget.misses_per_second, config.budget.misses_burst) = (1, NonZeroU32::MIN);
        config.budget.audits_per_day = 0;
    })
    .await;
    roof.fault("records", "delay", None, json!({"ms": 300})).await;
    let clients = Clients::of(roof.mirror(), &[]);
    let one = format!("{DIRECTORY}/records?limit=1");
    let first = clients.get(&one);
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        load::all(&clients, &vec![one.clone(); 1000]).await
    };
    let (first, others) = tokio::join!(first, others);
    assert_eq!(first.status, 200);
    assert!(others.iter().all(|(_, answer)| answer.status == 200));
    assert_eq!(roof.get(&target(3)).await.status, 429);
}
