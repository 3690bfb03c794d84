//! What many distinct questions leave in memory.

use super::behind::{RECORDS, answer, is_look, quota};
use super::http;
use super::raw_portal::RawPortal;
use super::served::Served;

const QUESTIONS: usize = 12_000;

/// Each stored response accounts for about 2 KB, so the store is full long before the last question.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_takes_the_memory_that_it_is_allowed() {
    let portal = RawPortal::start(|mut connection| async move {
        let fields = "Content-Type: application/json; charset=utf-8\r\nServer: openresty\r\nX-Content-Type-Options: nosniff\r\n";
        let plenty = quota().replace("5000", "1000000").replace("4999", "999999");
        let body = answer("200 OK", fields, format!("[\"{}\"]", "x".repeat(1000)));
        while let Some(head) = connection.head().await {
            let said = if is_look(&head) { answer("200 OK", &plenty, "[]") } else { body.clone() };
            connection.say(said).await;
        }
    })
    .await;
    let data = tempfile::tempdir().expect("a directory");
    let config = data.path().join("preau.toml");
    let portals = format!("[[portal]]\nname = \"box\"\nurl = \"http://127.0.0.1:{}\"\ndaily_calls = 1_000_000\n", portal.port);
    std::fs::write(&config, format!("[cache]\nmemory_bytes = \"16 MiB\"\n{portals}")).expect("it is ours");
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let server = Served::start(&["--config", &path(&config), "--data", &path(data.path())]);
    http::get(server.mirror, RECORDS).await;
    let before = server.resident();
    let mut clients = tokio::task::JoinSet::new();
    let mirror = server.mirror;
    for client in 0..8 {
        clients.spawn(async move {
            for question in (client..QUESTIONS).step_by(8) {
                assert_eq!(http::get(mirror, &format!("{RECORDS}?offset={question}")).await.status, 200);
            }
        });
    }
    clients.join_all().await;
    let grown = (server.resident() - before) >> 20;
    println!("grown by {grown} MiB");
    assert!(grown < 48, "16 MiB of responses take {grown} MiB");
}
