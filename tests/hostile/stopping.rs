//! SIGTERM at the worst instants: the real binary.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::behind::{RECORDS, answer, is_look, json, quota};
use super::http;
use super::raw_portal::RawPortal;
use super::served::Served;

/// A portal that never ends its answers to `big`, and never begins those to `hang`.
async fn portal() -> RawPortal {
    RawPortal::start(|mut connection| async move {
        while let Some(head) = connection.head().await {
            if is_look(&head) {
                connection.say(answer("200 OK", &quota(), "[]")).await;
            } else if head.contains("big") {
                connection.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000000\r\n\r\n").await;
                while connection.say(vec![b' '; 1 << 16]).await {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                return;
            } else if head.contains("hang") {
                connection.wait_for_close().await;
                return;
            } else {
                connection.say(json("{}")).await;
            }
        }
    })
    .await
}

fn serve(portal: &RawPortal, data: &std::path::Path, deadline: &str) -> Served {
    let config = data.join("preau.toml");
    std::fs::write(&config, format!("[listen]\nshutdown_deadline = \"{deadline}\"\n")).expect("it is ours");
    Served::start(&[
        "--config",
        config.to_str().expect("UTF-8"),
        "--portal",
        &format!("box=http://127.0.0.1:{}", portal.port),
        "--data",
        data.to_str().expect("UTF-8"),
    ])
}

async fn used(server: &Served) -> u64 {
    http::get(server.admin, "/api/v1/budget").await.json()["portals"][0]["accounts"][0]["used"].as_u64().expect("a count")
}

/// A stream that is being read, and a fill whose portal says nothing.
async fn busy(server: &Served, portal: &RawPortal) -> tokio::task::JoinHandle<()> {
    let mut stream = TcpStream::connect(server.mirror).await.expect("it listens");
    stream.write_all(format!("GET {RECORDS}?where=big HTTP/1.1\r\nHost: roof\r\n\r\n").as_bytes()).await.expect("it reads");
    stream.read_exact(&mut [0; 1024]).await.expect("the answer begins");
    let mut waiting = TcpStream::connect(server.mirror).await.expect("it listens");
    waiting.write_all(format!("GET {RECORDS}?where=hang HTTP/1.1\r\nHost: roof\r\n\r\n").as_bytes()).await.expect("it reads");
    while portal.received() < 3 {
        tokio::task::yield_now().await;
    }
    tokio::spawn(async move {
        let _waiting = waiting;
        let mut buffer = vec![0; 1 << 16];
        while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {}
    })
}

async fn ended(server: Served) -> Duration {
    let began = Instant::now();
    tokio::task::spawn_blocking(move || server.terminate()).await.expect("it ends without a fault");
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_midst_of_everything_ends_by_its_deadline_and_forgets_no_call() {
    let (portal, data) = (portal().await, tempfile::tempdir().expect("a directory"));
    let server = serve(&portal, data.path(), "1 s");
    let client = busy(&server, &portal).await;
    let lasted = ended(server).await;
    assert!(lasted < Duration::from_secs(15), "{lasted:?}");
    client.await.expect("its connection ended");
    let server = serve(&portal, data.path(), "1 s");
    assert_eq!(used(&server).await, 3, "a look, a stream and a call that hung");
    ended(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_twice_means_it() {
    let (portal, data) = (portal().await, tempfile::tempdir().expect("a directory"));
    let server = serve(&portal, data.path(), "10 min");
    busy(&server, &portal).await;
    server.signal();
    // The first word has been heard once nobody new is let in.
    while TcpStream::connect(server.mirror).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let lasted = tokio::time::timeout(Duration::from_secs(20), ended(server)).await.expect("it does not wait for the deadline");
    assert!(lasted < Duration::from_secs(15), "{lasted:?}");
    let server = serve(&portal, data.path(), "1 s");
    assert_eq!(used(&server).await, 3);
    ended(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_instant_of_the_start_is_a_stop() {
    let portal = Arc::new(portal().await);
    for _ in 0..20 {
        let data = tempfile::tempdir().expect("a directory");
        ended(serve(&portal, data.path(), "1 s")).await;
    }
}
