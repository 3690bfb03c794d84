//! Nothing that is secret is written down or sent on, and no client writes our log for us.

use std::time::Duration;

use super::behind::{RECORDS, answer, is_look, quota};
use super::http;
use super::raw_portal::RawPortal;
use super::served::Served;

const KEY: &str = "s3cr3tk3y0123456789";
const OURS: &str = "t3amk3y9876543210";

/// Every way in which clients have been seen to send a key, and some in which none has.
fn requests() -> Vec<String> {
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: roof\r\nConnection: close\r\n{fields}\r\n");
    let mut requests: Vec<String> = [
        format!("{RECORDS}?apikey={KEY}"),
        format!("{RECORDS}?limit=1&%61pikey={KEY}"),
        format!("{RECORDS}?ApiKey={KEY}"),
        format!("{RECORDS}?apikey%3D{KEY}"),
        format!("{RECORDS}?apikey%253D{KEY}"),
        format!("{RECORDS}?apikey[]={KEY}"),
        format!("{RECORDS}?api_key={KEY}"),
        format!("{RECORDS}?api-key={KEY}"),
        format!("{RECORDS}?limit=1?apikey={KEY}"),
        format!("{RECORDS}?limit=1;apikey={KEY}"),
        format!("{RECORDS}?limit=%ZZ&apikey={KEY}"),
        format!("{RECORDS}?apikey={KEY}%ZZ"),
        format!("{RECORDS}?apikey={KEY}&apikey=another"),
        format!("{RECORDS}?apikey={KEY}#top"),
        format!("{RECORDS}#apikey={KEY}"),
        format!("{RECORDS}/apikey={KEY}"),
        format!("{RECORDS}/../x?apikey={KEY}"),
        format!("/api/nothing?apikey={KEY}"),
        format!("/explore/dataset/x/?apikey={KEY}"),
        format!("//x?apikey={KEY}"),
        format!("http://user:{KEY}@evil.example/x"),
        format!("http://evil.example/?apikey={KEY}"),
        format!("{RECORDS}?where=x%26apikey%3D{KEY}"),
        format!("{RECORDS}?access_token={KEY}"),
        format!("{RECORDS}?apikey={KEY}&pad={}", "a".repeat(20_000)),
    ]
    .iter()
    .map(|target| get(target, ""))
    .collect();
    for fields in [
        format!("Authorization: Apikey {KEY}\r\n"),
        format!("Authorization: Bearer {KEY}\r\n"),
        format!("Authorization: {KEY}\r\n"),
        format!("Authorization: Apikey {KEY}\r\nAuthorization: Apikey other\r\n"),
        format!("Authorization: Apikey {KEY} {KEY}\r\n"),
        format!("Referer: http://roof/x?apikey={KEY}\r\n"),
        format!("Cookie: sessionid={KEY}\r\n"),
        format!("X-Preau-Key: {OURS}\r\n"),
        format!("Authorization: Basic {OURS}\r\n"),
        format!("Authorization : Apikey {KEY}\r\n"),
        format!("Authorization: Apikey {KEY}\0\r\n"),
    ] {
        requests.push(get(RECORDS, &fields));
        requests.push(get("/explore/dataset/x/", &fields));
    }
    for form in [format!("dataset=x&apikey={KEY}"), format!("dataset=x&apikey={KEY}%ZZ"), format!("q=1;apikey={KEY}")] {
        let length = form.len();
        requests.push(format!(
            "POST /api/records/1.0/search HTTP/1.1\r\nHost: roof\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{form}"
        ));
    }
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_in_a_log_line_or_in_an_answer_of_ours() {
    // A portal that fails in ways that are logged.
    let portal = RawPortal::start(|mut connection| async move {
        while let Some(head) = connection.head().await {
            if is_look(&head) {
                connection.say(answer("200 OK", &quota(), "[]")).await;
            } else if connection.number % 2 == 0 {
                connection.say(answer("500 Oops", "Connection: close\r\n", "{}")).await;
                return;
            } else {
                return;
            }
        }
    })
    .await;
    let data = tempfile::tempdir().expect("a directory");
    let log = data.path().join("log");
    let arguments =
        ["--portal", &format!("box=http://127.0.0.1:{}", portal.port), "--data", data.path().to_str().expect("UTF-8")].map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Served::start_logging("trace", &log, &arguments);
    for request in requests() {
        let answer = http::raw(server.mirror, request.as_bytes(), Duration::from_secs(10)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 "), "{request}");
        // A page of the portal is asked for at the portal, with whatever was in its address: that is where the key belongs.
        let ours: String = answer.lines().filter(|line| !line.starts_with("location: ")).collect();
        assert!(!ours.contains(KEY) && !ours.contains(OURS), "{request}\n{answer}");
    }
    let left = portal.heads().concat();
    assert!(!left.contains(OURS), "{left}");
    // What the portal does not take for a key is a parameter like any other; what it does is a field.
    assert!(left.contains(&format!("authorization: Apikey {KEY}\r\n")), "{left}");
    assert!(!left.contains("?apikey=") && !left.contains("&apikey="), "{left}");
    tokio::task::spawn_blocking(move || server.terminate()).await.expect("it ends");
    let log = std::fs::read_to_string(&log).expect("it logged");
    assert!(log.lines().count() > requests().len(), "{log}");
    for line in log.lines() {
        assert!(!line.contains(KEY) && !line.contains(OURS), "{line}");
        assert!(line.len() < 4096, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_writes_lines_or_colours_into_the_log() {
    let portal = RawPortal::answering(answer("200 OK", &quota(), "{}")).await;
    let data = tempfile::tempdir().expect("a directory");
    let log = data.path().join("log");
    let portal_argument = format!("box=http://127.0.0.1:{}", portal.port);
    let server = Served::start_logging("debug", &log, &["--portal", &portal_argument, "--data", data.path().to_str().expect("UTF-8")]);
    for target in ["/a%0d%0a2026-01-01T00:00:00Z%20INFO%20forged", "/\u{1b}[31mred", "/a\u{202e}b", "/é\u{85}x", "/a\"b\\", "/a\u{7f}"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: roof\r\nUser-Agent: \u{1b}[31m\r\nConnection: close\r\n\r\n");
        http::raw(server.mirror, request.as_bytes(), Duration::from_secs(5)).await;
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: roof\r\nConnection: close\r\n\r\n", "\u{e9}".repeat(25_000));
    http::raw(server.mirror, long.as_bytes(), Duration::from_secs(5)).await;
    tokio::task::spawn_blocking(move || server.terminate()).await.expect("it ends");
    let log = std::fs::read_to_string(&log).expect("it logged");
    for line in log.lines() {
        assert!(line.starts_with("20") && line.contains("Z "), "every line is ours: {line:?}");
        assert!(!line.contains('\u{1b}') && !line.contains('\u{202e}') && !line.contains('\u{85}'), "{line:?}");
        assert_ne!(line.split_whitespace().nth(2), Some("forged"), "{line}");
        assert!(line.len() < 8192, "{} bytes", line.len());
    }
}
