//! Clients that hold on to a connection: slow, silent, greedy.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::behind::{Behind, RECORDS, json};
use super::http::{self, PATIENCE};
use super::roof::{DIRECTORY, Roof};

const LIMIT: Duration = Duration::from_millis(400);

/// Time until the server closes the connection, and what it said before.
async fn until_closed(stream: &mut TcpStream) -> (Duration, String) {
    let began = Instant::now();
    let mut said = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("the server closes the connection");
    (began.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

async fn impatient() -> Roof {
    Roof::build(preau::simulator::Settings::default(), preau::clock::Clock::system(), |config| {
        config.listen.header_timeout = LIMIT;
        config.listen.idle_timeout = 2 * LIMIT;
        config.listen.max_connections = std::num::NonZeroUsize::new(4).expect("four");
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_dribbles_is_cut_at_its_limit_and_silence_at_another() {
    let roof = impatient().await;
    let mut silent = TcpStream::connect(roof.mirror()).await.expect("it listens");
    let mut slow = TcpStream::connect(roof.mirror()).await.expect("it listens");
    let began = Instant::now();
    let dribbled = async {
        for byte in b"GET / HTTP/1.1\r\nHost: roof\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
            if slow.write_all(&[*byte]).await.is_err() || slow.try_read(&mut [0; 64]).is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    };
    let dribbled = timeout(PATIENCE, dribbled).await.expect("it ends");
    assert!(dribbled >= LIMIT && dribbled < LIMIT * 3, "{dribbled:?}");
    let (idle, _) = until_closed(&mut silent).await;
    assert!(idle < PATIENCE, "{idle:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_beyond_the_cap_only_make_others_wait_and_not_the_operator() {
    let roof = impatient().await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(roof.mirror()).await.expect("the kernel takes it"));
    }
    let admin = timeout(LIMIT, http::get(roof.server.admin(), "/readyz")).await.expect("the operator has a listener of his own");
    assert_eq!(admin.status, 200);
    let answer = roof.get(&format!("{DIRECTORY}/records?limit=1")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_answered_and_closed() {
    let roof = impatient().await;
    for framing in ["Content-Length: 100\r\n\r\ndataset=", "Transfer-Encoding: chunked\r\n\r\n5\r\ndatas\r\n"] {
        let mut stream = TcpStream::connect(roof.mirror()).await.expect("it listens");
        let head =
            format!("POST /api/records/1.0/search HTTP/1.1\r\nHost: roof\r\nContent-Type: application/x-www-form-urlencoded\r\n{framing}");
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let (_, said) = until_closed(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{framing}: {said}");
        assert!(said.contains("x-preau-cost: 0"), "{said}");
    }
    assert_eq!(roof.calls().await.received, 0);
}

/// A portal whose answers to `big` never end, and with one call at a time.
async fn endless() -> Behind {
    Behind::scripted(
        |config| {
            config.listen.idle_timeout = LIMIT;
            config.budget.max_concurrent_calls = std::num::NonZeroUsize::MIN;
        },
        |mut connection, head| async move {
            if !head.contains("big") {
                return connection.say(json("{\"results\":[]}")).await.then_some(connection);
            }
            connection.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000000\r\n\r\n").await;
            while connection.say(vec![b' '; 1 << 16]).await {}
            None
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_does_not_hold_its_call_for_ever() {
    let behind = endless().await;
    let mut stalled = TcpStream::connect(behind.mirror()).await.expect("it listens");
    stalled.write_all(format!("GET {RECORDS}?where=big HTTP/1.1\r\nHost: roof\r\n\r\n").as_bytes()).await.expect("it reads");
    stalled.read_exact(&mut [0; 1024]).await.expect("the answer begins");
    // It reads no more. Everybody else waits for the one call that there is.
    let answer = timeout(Duration::from_secs(20), behind.get(&format!("{RECORDS}?limit=1"))).await;
    assert_eq!(answer.expect("the call was let go").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_slow_and_steady_is_not_cut() {
    let behind = endless().await;
    let mut slow = TcpStream::connect(behind.mirror()).await.expect("it listens");
    slow.write_all(format!("GET {RECORDS}?where=big HTTP/1.1\r\nHost: roof\r\n\r\n").as_bytes()).await.expect("it reads");
    let began = Instant::now();
    let mut buffer = vec![0; 1 << 20];
    while began.elapsed() < LIMIT * 4 {
        tokio::time::sleep(LIMIT / 8).await;
        slow.read_exact(&mut buffer).await.expect("it goes on");
    }
}
