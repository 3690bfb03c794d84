//! Warnings: once each a day and scope, in the log and to the webhook, also over a restart.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use preau::config::{PerPortal, Secret};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::stage::{RECORDS, Stage};

/// Takes warnings, and answers as it is told.
#[derive(Clone)]
struct Hook {
    addr: SocketAddr,
    taken: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Hook {
    async fn listen(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let hook = Self { addr: listener.local_addr().expect("an address"), taken: Arc::default() };
        let taken = Arc::clone(&hook.taken);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                let (head, body) = loop {
                    let read = stream.read(&mut buffer).await.expect("it sends");
                    request.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head
                        .to_ascii_lowercase()
                        .split("content-length: ")
                        .nth(1)
                        .map(|rest| rest.lines().next().unwrap_or_default().to_owned());
                    if length.is_some_and(|length| length.trim() == body.len().to_string()) {
                        break (head.to_owned(), body.to_owned());
                    }
                };
                taken.lock().expect("nobody panicked").push((head, serde_json::from_str(&body).expect("JSON")));
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("it listens");
            }
        });
        hook
    }

    fn secret(&self) -> Option<Secret> {
        Some(Secret::new(format!("http://{}/hooks/s3cret?token=t0ken", self.addr)))
    }

    /// The warnings, once there are as many.
    async fn taken(&self, number: usize) -> Vec<(String, u64)> {
        for _ in 0..5_000 {
            let taken = self.taken.lock().expect("nobody panicked").clone();
            if taken.len() >= number {
                let told = |(_, warning): &(String, Value)| {
                    (warning["team"].as_str().unwrap_or("portal").to_owned(), warning["level"].as_u64().expect("a level"))
                };
                let mut told: Vec<_> = taken.iter().map(told).collect();
                told.sort();
                return told;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        panic!("{:?}", self.taken.lock().expect("nobody panicked"));
    }
}

async fn spend(stage: &Stage, calls: std::ops::Range<u32>) {
    for n in calls {
        stage.get(&format!("{RECORDS}?limit=1&offset={n}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_is_told_once_a_day_and_scope_also_over_a_restart() {
    let hook = Hook::listen("204 No Content").await;
    let stage = Stage::new(40, |config| {
        (config.budget.look_reserve, config.budget.revalidation_reserve) = (0, 0);
        config.budget.webhook = hook.secret();
        config.teams[0].ceiling = PerPortal { each: Some(100), ..PerPortal::default() };
    })
    .await;
    spend(&stage, 0..25).await;
    let told = hook.taken(1).await;
    assert_eq!(told, [("portal".to_owned(), 50)]);
    let (head, warning) = hook.taken.lock().expect("nobody panicked")[0].clone();
    assert!(head.starts_with("POST /hooks/s3cret?token=t0ken HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    assert!(warning["text"].as_str().unwrap().contains("of the 40 calls of today of portal box are used (5"), "{warning}");

    let stage = stage.restart().await;
    spend(&stage, 100..102).await;
    assert_eq!(hook.taken(1).await.len(), 1, "what was told is not told again");
    spend(&stage, 102..150).await;
    let told = hook.taken(3).await;
    assert_eq!(told, [("portal".to_owned(), 50), ("portal".to_owned(), 80), ("portal".to_owned(), 95)]);

    // The next day is another.
    stage.pass(24 * 60);
    spend(&stage, 200..230).await;
    assert_eq!(hook.taken(4).await.iter().filter(|(_, level)| *level == 50).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_with_a_ceiling_is_told_apart() {
    let hook = Hook::listen("200 OK").await;
    let stage = Stage::new(1_000, |config| {
        config.budget.webhook = hook.secret();
        config.teams[0].ceiling = PerPortal { each: Some(20), ..PerPortal::default() };
    })
    .await;
    spend(&stage, 0..20).await;
    let told = hook.taken(3).await;
    assert_eq!(told, [("default".to_owned(), 50), ("default".to_owned(), 80), ("default".to_owned(), 95)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_or_is_not_there_keeps_nobody_from_an_answer() {
    let hook = Hook::listen("500 Internal Server Error").await;
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    for address in [hook.secret(), Some(Secret::new(format!("http://{closed}/s3cret")))] {
        let stage = Stage::new(10, |config| {
            (config.budget.look_reserve, config.budget.revalidation_reserve) = (0, 0);
            config.budget.webhook = address;
        })
        .await;
        spend(&stage, 0..8).await;
        assert_eq!(stage.get(&format!("{RECORDS}?limit=1&offset=0")).await.status, 200);
    }
    hook.taken(1).await;
}
