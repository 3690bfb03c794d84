//! Bytes that two readers of HTTP might read differently.

use std::time::Duration;

use super::http;
use super::roof::{DIRECTORY, Roof};

const QUIET: Duration = Duration::from_millis(500);

/// The statuses of what is answered to `bytes`, and the text.
async fn say(roof: &Roof, bytes: &str) -> (Vec<u16>, String) {
    let answer = http::raw(roof.mirror(), bytes.as_bytes(), QUIET).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let statuses = text.match_indices("HTTP/1.1 ").filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok()).collect();
    (statuses, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_not_one_number_ends_the_connection() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=1");
    for framing in [
        "Content-Length: 5, 5",
        "Content-Length: 0x5",
        "Content-Length: ",
        "Content-Length: -1",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\u{b}chunked",
        " X: folded",
        "X: a\rb",
        "X: a\0b",
        ": empty",
    ] {
        let (statuses, text) = say(&roof, &format!("GET {target} HTTP/1.1\r\nHost: roof\r\n{framing}\r\n\r\nhello")).await;
        assert_eq!(statuses, [400], "{framing}: {text}");
    }
    let (statuses, text) = say(&roof, &format!("GET {target} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).await;
    assert_eq!(statuses, [400], "{text}");
    assert_eq!(roof.calls().await.received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_is_ever_taken_for_a_request() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=1");
    let smuggled = format!("GET {DIRECTORY}/records?limit=9 HTTP/1.1\r\nHost: roof\r\n\r\n");
    let length = smuggled.len();
    for (method, framing) in [
        ("GET", format!("Content-Length: {length}\r\n\r\n{smuggled}")),
        ("GET", format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{smuggled}\r\n0\r\n\r\n")),
        // With both, the chunks count and the connection ends after one answer, which RFC 9112 section 6.1 allows beside a 400.
        ("GET", format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("GET", format!("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{smuggled}")),
        ("POST", format!("Content-Length: {length}\r\n\r\n{smuggled}")),
        ("POST", format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{smuggled}\r\n0\r\n\r\n")),
        ("OPTIONS", format!("Content-Length: {length}\r\n\r\n{smuggled}")),
        ("POST", format!("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{smuggled}")),
        ("GET", format!("Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{smuggled}")),
    ] {
        let (statuses, text) = say(&roof, &format!("{method} {target} HTTP/1.1\r\nHost: roof\r\n{framing}")).await;
        assert_eq!(statuses.len(), 1, "{method} {framing}: {text}");
    }
    assert_eq!(roof.calls().await.received, 2, "a look and the first question, nothing smuggled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_expects_is_told_to_go_on_only_if_its_body_is_read() {
    let roof = Roof::new().await;
    let expecting = |method: &str, target: &str| {
        format!(
            "{method} {target} HTTP/1.1\r\nHost: roof\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
    };
    let (statuses, text) = say(&roof, &expecting("POST", &format!("{DIRECTORY}/records"))).await;
    assert_eq!(statuses, [405], "{text}");
    let (statuses, text) = say(&roof, &expecting("POST", "/api/records/1.0/search")).await;
    assert_eq!(statuses, [100], "{text}");
    let long =
        format!("POST /api/records/1.0/search HTTP/1.1\r\nHost: roof\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n", 2 << 20);
    let (statuses, text) = say(&roof, &long).await;
    assert_eq!(statuses, [413], "nothing is read of what is too long: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_target_makes_an_open_proxy_or_a_strange_address() {
    let roof = Roof::new().await;
    for (request, expected) in [
        ("GET * HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
        ("HEAD * HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: roof\r\n\r\n", 204),
        ("GET evil.example:80 HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
        ("GET @evil.example/ HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
        ("GET .evil.example/ HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
        ("GET http:/x HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
        ("GET ftp://evil.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
        ("GET //evil.example/ HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
        ("GET /\\evil.example HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
        ("GET /a/..;/b HTTP/1.1\r\nHost: roof\r\n\r\n", 307),
        ("CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: roof\r\n\r\n", 400),
    ] {
        let (statuses, text) = say(&roof, request).await;
        assert_eq!(statuses, [expected], "{request}: {text}");
        if let Some(location) = text.lines().find(|line| line.starts_with("location: ")) {
            assert!(location.starts_with(&format!("location: http://{}/", roof.portal.addr())), "{location}");
        }
    }
    assert_eq!(roof.calls().await.received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_hosts_choose_nothing_or_are_refused() {
    let roof = Roof::new().await;
    for (host, expected) in [
        ("roof.", 307),
        ("ROOF:80", 307),
        ("[::1]:8080", 307),
        ("[::1]", 307),
        ("evil.example", 307),
        ("", 400),
        (":8080", 400),
        ("a b", 400),
        ("a/b", 400),
        ("a,b", 307),
        ("user@roof", 400),
        ("a?b", 400),
        ("a#b", 400),
        ("[::1", 400),
        ("a:b:c", 400),
    ] {
        let (statuses, text) = say(&roof, &format!("GET /page HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(statuses, [expected], "{host:?}: {text}");
        assert!(!text.contains("evil"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_not_taken_up() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=1");
    let request = format!("GET {target} HTTP/1.1\r\nHost: roof\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x01\x02raw");
    let (statuses, text) = say(&roof, &request).await;
    assert_eq!(statuses, [200, 400], "what follows is read as HTTP, by us: {text}");
    let head = roof.portal.addr();
    let seen = http::get(head, "/_simulator/requests?last=1").await.json().to_string().to_ascii_lowercase();
    assert!(!seen.contains("upgrade"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_fragment_is_seen_in_a_pipelined_request_too() {
    let roof = Roof::new().await;
    let get = |target: &str| format!("GET {DIRECTORY}/records?limit={target} HTTP/1.1\r\nHost: roof\r\n\r\n");
    let (statuses, text) = say(&roof, &format!("{}{}{}", get("1"), get("2#3"), get("1"))).await;
    assert_eq!(statuses, [200, 400, 200], "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_behind_one_another_are_answered_in_order_whatever_their_answers() {
    let roof = Roof::new().await;
    let form = "dataset=fr-en-calendrier-scolaire&rows=1";
    let request = |line: &str, fields: &str, body: &str| format!("{line} HTTP/1.1\r\nHost: roof\r\n{fields}\r\n{body}");
    let post = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", form.len());
    let requests = [
        request("GET /page/1", "", ""),
        request(&format!("GET {DIRECTORY}/exports/csv?limit=3000"), "", ""),
        request(&format!("HEAD {DIRECTORY}/records"), "", ""),
        request("POST /api/records/1.0/search", &post, form),
        request("OPTIONS /x", "", ""),
        request(&format!("GET {DIRECTORY}/records?limit=1"), "", ""),
        request("GET /api/nothing", "Connection: close\r\n", ""),
    ];
    for at_once in [1, 3, requests.len()] {
        let mut stream = tokio::net::TcpStream::connect(roof.mirror()).await.expect("it listens");
        for chunk in requests.chunks(at_once) {
            tokio::io::AsyncWriteExt::write_all(&mut stream, chunk.concat().as_bytes()).await.expect("it reads");
            tokio::task::yield_now().await;
        }
        let mut said = Vec::new();
        let reading = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut said);
        tokio::time::timeout(http::PATIENCE, reading).await.expect("it ends").expect("it reads");
        let text = String::from_utf8_lossy(&said);
        let statuses: Vec<_> = text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
        assert_eq!(statuses, ["307", "200", "200", "200", "204", "200", "404"], "{at_once} at once");
    }
}
