//! The line of those who wait for a call, as clients see it.

use std::num::NonZeroUsize;
use std::time::Duration;

use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::http::{self, Answer};
use super::roof::Roof;
use super::{MORNING, target};

/// One call at a time, two that wait.
async fn narrow() -> Roof {
    let clock = Clock::manual(MORNING);
    let roof = Roof::build(Settings { clock: clock.clone(), ..Settings::default() }, clock, |config| {
        config.budget.max_concurrent_calls = NonZeroUsize::MIN;
        config.budget.max_waiting = NonZeroUsize::new(2).expect("positive");
        config.budget.audits_per_day = 0;
        config.origin.first_byte_timeout = Duration::from_secs(3);
    })
    .await;
    assert_eq!(roof.get(&target(0)).await.status, 200);
    roof
}

fn asking(roof: &Roof, number: usize) -> JoinHandle<Answer> {
    let to = roof.mirror();
    tokio::spawn(async move { http::get(to, &target(number)).await })
}

/// Asks until the answer is that the line is full, with questions that are put in line if it is not: so many are, at most.
async fn until_full(roof: &Roof, numbers: std::ops::Range<usize>) -> Vec<JoinHandle<Answer>> {
    let mut in_line = Vec::new();
    for number in numbers {
        let mut asking = asking(roof, number);
        match tokio::time::timeout(Duration::from_millis(300), &mut asking).await {
            Err(_) => in_line.push(asking),
            Ok(answer) => {
                let answer = answer.expect("no panic");
                assert_eq!((answer.status.as_u16(), answer.cache_status()), (503, "preau; detail=queue-full"));
                assert_eq!((answer.field("x-preau-cost"), answer.field("retry-after")), ("0", "5"));
                return in_line;
            }
        }
    }
    panic!("it is never full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_line_refuses_and_whoever_leaves_makes_room() {
    let roof = narrow().await;
    roof.fault("records", "hang", Some(1), json!({})).await;
    let under_way = asking(&roof, 1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut leaves = TcpStream::connect(roof.mirror()).await.expect("it listens");
    leaves.write_all(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", target(2)).as_bytes()).await.expect("it reads");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let waits = until_full(&roof, 3..9).await;
    assert_eq!(waits.len(), 1, "and the one that leaves");
    assert_eq!(roof.get(&target(0)).await.status, 200, "what is stored is served");
    drop(leaves);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let comes = until_full(&roof, 10..19).await;
    assert_eq!(comes.len(), 1, "there is room for one");
    assert_eq!(under_way.await.expect("no panic").status, 504);
    for waited in waits.into_iter().chain(comes) {
        assert_eq!(waited.await.expect("no panic").status, 200);
    }
    let asked = http::get(roof.portal.addr(), "/_simulator/requests?last=100&containing=offset%3D2").await;
    assert!(!String::from_utf8_lossy(&asked.body).contains("offset=2"), "nobody paid for the one that left: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_start_as_far_apart_as_they_must() {
    let clock = Clock::manual(MORNING);
    let gap = Duration::from_millis(100);
    let roof = Roof::build(Settings::default(), clock, |config| {
        config.budget.min_gap = gap;
        config.budget.audits_per_day = 0;
    })
    .await;
    let began = std::time::Instant::now();
    let asking: Vec<_> = (0..10).map(|number| asking(&roof, number)).collect();
    for answer in asking {
        assert_eq!(answer.await.expect("no panic").status, 200);
    }
    assert!(began.elapsed() >= gap * 9, "{:?}", began.elapsed());
}
