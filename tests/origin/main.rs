//! The outbound client over real sockets: what leaves, what comes back, what is charged. `faults` has the portals that misbehave.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod faults;
#[path = "../raw_portal/mod.rs"]
mod raw_portal;

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use preau::budget::State;
use preau::origin::{Call, Coding, Completed, Decoded, Error, Limits, Phase, checked};
use preau::request::endpoint::classify;
use preau::request::selected_fields::SelectedFields;
use raw_portal::{Caller, HELLO, MAX_CONCURRENT_CALLS, RawPortal, origin, whole};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Long enough for a loopback, short enough to wait for.
const SHORT: Duration = Duration::from_millis(60);

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Text that does not shrink to nothing.
fn text(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(11);
    std::iter::repeat_with(|| random.alphanumeric() as u8).take(bytes).collect()
}

fn answer(fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{fields}\r\n", body.len()).as_bytes(), body].concat()
}

// What leaves.

#[tokio::test]
async fn an_anonymous_get_has_exactly_this_head() {
    let portal = RawPortal::answering(HELLO).await;
    let caller = Caller::of(&portal, &origin());
    assert_eq!(caller.body(Call::get("/api/explore/v2.1/catalog/datasets?where=a%20%3D%20%27b%27&limit=1")).await.unwrap(), b"hello");
    let expected = format!(
        "GET /api/explore/v2.1/catalog/datasets?where=a%20%3D%20%27b%27&limit=1 HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\
         user-agent: preau/{} (+opendata@school.example)\r\naccept: */*\r\naccept-encoding: gzip\r\n\r\n",
        portal.port,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(portal.heads(), [expected]);
}

#[tokio::test]
async fn a_post_has_exactly_this_head_and_nothing_else_of_its_client() {
    let portal = RawPortal::start(|mut connection| async move {
        connection.head().await;
        assert_eq!(connection.body(5).await, b"<csw>");
        connection.say(HELLO).await;
    })
    .await;
    let caller = Caller::of(&portal, &origin());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("accept", "application/xml"),
        ("content-type", "text/xml"),
        ("content-length", "999"),
        ("cookie", "session=1"),
        ("expect", "100-continue"),
        ("forwarded", "for=192.0.2.1"),
        ("host", "evil.example"),
        ("if-none-match", "\"1\""),
        ("origin", "https://evil.example"),
        ("range", "bytes=0-0"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("user-agent", "curl/8"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-http-method-override", "DELETE"),
        ("x-preau-key", "ours"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let call = Call {
        method: Method::POST,
        accept_language: Some(HeaderValue::from_static("fr")),
        authorization: Some(HeaderValue::from_static("Apikey s3cret")),
        fields: SelectedFields::select(&classify("/api/csw").expect("CSW is mirrored"), true, &headers),
        body: Some(Bytes::from_static(b"<csw>")),
        ..Call::get("/api/csw")
    };
    caller.body(call).await.unwrap();
    let expected = format!(
        "POST /api/csw HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nuser-agent: preau/{} (+opendata@school.example)\r\naccept: */*\r\n\
         accept-encoding: gzip\r\naccept-language: fr\r\nauthorization: Apikey s3cret\r\ncontent-type: text/xml\r\ncontent-length: 5\r\n\r\n",
        portal.port,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(portal.heads(), [expected]);
}

#[tokio::test]
async fn a_target_that_is_not_canonical_costs_nothing() {
    let portal = RawPortal::answering(HELLO).await;
    let caller = Caller::of(&portal, &origin());
    for target in ["/a b", "/a/../b", "/a#b", "@evil.example/", "/é"] {
        let error = caller.fetch(Call::get(target)).await.unwrap_err();
        assert!(matches!(error, Error::Target) && !error.is_charged(), "{target}");
    }
    assert_eq!((caller.used(), portal.received()), (0, 0));
}

// What comes back.

#[tokio::test]
async fn an_answer_comes_without_cookies_and_fields_of_the_connection() {
    let portal = RawPortal::answering(answer(
        "Connection: keep-alive, X-Hop, Content-Type\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
         Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: X-Sum\r\nContent-Type: text/plain\r\nLink: <a>\r\nLink: <b>\r\n",
        b"hello",
    ))
    .await;
    let caller = Caller::of(&portal, &origin());
    let answer = caller.fetch(Call::get("/")).await.unwrap();
    let fields: Vec<_> = answer.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    assert_eq!(fields, ["content-type: text/plain", "link: <a>", "link: <b>"]);
    assert_eq!((answer.content_length, answer.coding, answer.delimited), (Some(5), Coding::Identity, true));
    assert_eq!(whole(answer.body).await.unwrap(), b"hello");
}

#[tokio::test]
async fn white_space_at_the_end_of_a_value_is_harmless() {
    let portal = RawPortal::answering(answer("Content-Security-Policy: default-src 'self'; \t \r\nX-Empty: \r\n", b"hello")).await;
    let caller = Caller::of(&portal, &origin());
    let answer = caller.fetch(Call::get("/")).await.unwrap();
    assert_eq!(answer.headers[header::CONTENT_SECURITY_POLICY], "default-src 'self';");
    assert_eq!(answer.headers["x-empty"], "");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let portal = RawPortal::answering_once("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n").await;
    let caller = Caller::of(&portal, &origin());
    let answer = caller.fetch(Call::get("/")).await.unwrap();
    assert_eq!((answer.status, answer.headers[header::LOCATION].as_bytes()), (StatusCode::FOUND, &b"http://169.254.169.254/"[..]));
    assert_eq!((caller.used(), portal.received()), (1, 1));
}

#[tokio::test]
async fn other_statuses_are_told_as_they_are() {
    for (status, has_body) in [(206, true), (204, false), (410, true), (500, true)] {
        let length = if has_body { "Content-Length: 1\r\n\r\nx" } else { "\r\n" };
        let portal = RawPortal::answering_once(format!("HTTP/1.1 {status} Whatever\r\n{length}")).await;
        let caller = Caller::of(&portal, &origin());
        let answer = caller.fetch(Call::get("/")).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.delimited), (status, true));
        assert_eq!(whole(answer.body).await.unwrap().len(), usize::from(has_body));
    }
}

#[tokio::test]
async fn a_304_to_a_call_without_a_condition_is_an_error_and_charged() {
    let portal = RawPortal::answering("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n").await;
    let caller = Caller::of(&portal, &origin());
    assert!(matches!(caller.fetch(Call::get("/a")).await, Err(Error::NotModified)));
    assert_eq!(caller.used(), 1);
}

#[tokio::test]
async fn the_length_that_head_is_told_is_of_no_body() {
    let portal = RawPortal::answering("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nContent-Encoding: gzip\r\n\r\n").await;
    let caller = Caller::of(&portal, &origin());
    for _ in 0..2 {
        let answer = caller.fetch(Call { method: Method::HEAD, ..Call::get("/") }).await.unwrap();
        assert_eq!((answer.content_length, answer.delimited), (Some(12345), true));
        assert_eq!(whole(answer.body).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn a_body_is_whole_up_to_the_limit_and_passed_on_above_it() {
    let bytes = text(300_000);
    let chunked = bytes.chunks(10_000).fold(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), |mut said, chunk| {
        said.extend_from_slice(format!("{:x};ext=1\r\n", chunk.len()).as_bytes());
        said.extend_from_slice(chunk);
        said.extend_from_slice(b"\r\n");
        said
    });
    let chunked = [&chunked[..], b"0\r\nX-Sum: 1\r\n\r\n"].concat();
    let until_close = [b"HTTP/1.0 200 OK\r\n\r\n", &bytes[..]].concat();
    for (said, delimited, stated) in [(answer("", &bytes), true, true), (chunked, true, false), (until_close, false, false)] {
        let portal = RawPortal::answering_once(said).await;
        let caller = Caller::of(&portal, &origin());
        for limit in [0, 1, 8192, bytes.len() - 1, bytes.len(), usize::MAX] {
            let answer = caller.fetch(Call::get("/")).await.unwrap();
            assert_eq!((answer.delimited, answer.content_length.is_some()), (delimited, stated));
            match answer.body.complete(limit).await.unwrap() {
                Completed::Whole(received) => assert!(limit >= bytes.len() && received == bytes),
                Completed::Larger(body) => {
                    assert!(limit < bytes.len());
                    assert_eq!(body.collect().await.unwrap().to_bytes(), bytes);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_gzip_body_is_proven_whole_or_decoded_as_it_arrives() {
    let plain = text(200_000);
    let portal = RawPortal::answering(answer("Content-Encoding: gzip\r\n", &gzip(&plain))).await;
    let caller = Caller::of(&portal, &origin());
    let answer = caller.fetch(Call::get("/")).await.unwrap();
    assert_eq!(answer.coding, Coding::Gzip);
    let received = Bytes::from(whole(answer.body).await.unwrap());
    assert_eq!(checked(&received, &answer.coding, Limits::default()).unwrap(), plain);
    let answer = caller.fetch(Call::get("/")).await.unwrap();
    assert_eq!(Decoded::new(answer.body).collect().await.unwrap().to_bytes(), plain);
}

// What is charged.

#[tokio::test]
async fn a_refused_connection_gives_the_call_back() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let caller = Caller::at(&format!("http://127.0.0.1:{port}"), &origin());
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(matches!(error, Error::Connect(_)) && !error.is_charged(), "{error:?}");
    assert_eq!(caller.used(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_gives_the_call_back() {
    let caller = Caller::at("http://portal.invalid", &origin());
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    assert_eq!(caller.used(), 0);
}

#[tokio::test]
async fn a_connection_that_is_never_finished_gives_the_call_back() {
    // TCP answers, TLS never does.
    let portal = RawPortal::start(|mut connection| async move { connection.wait_for_close().await }).await;
    let settings = preau::config::Origin { connect_timeout: SHORT, ..origin() };
    let caller = Caller::at(&format!("https://127.0.0.1:{}", portal.port), &settings);
    let error = caller.fetch(Call::get("/")).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { phase: Phase::Connect, after: SHORT }), "{error:?}");
    assert_eq!(caller.used(), 0);
}

#[tokio::test]
async fn a_portal_that_closes_a_kept_connection_on_the_second_request_receives_it_once() {
    let portal = RawPortal::start(|mut connection| async move {
        connection.head().await;
        connection.say(HELLO).await;
        connection.head().await;
    })
    .await;
    let caller = Caller::of(&portal, &origin());
    for round in 1..=10 {
        assert_eq!(caller.body(Call::get("/first")).await.unwrap(), b"hello");
        let error = caller.fetch(Call::get("/second")).await.unwrap_err();
        assert!(matches!(error, Error::Closed(_)) && error.is_charged(), "{error:?}");
        assert_eq!((caller.used(), portal.received()), (2 * round, 2 * round as usize));
    }
}

#[tokio::test]
async fn a_kept_connection_that_closes_at_any_moment_never_makes_two_requests_of_one_call() {
    // The portal closes unannounced after each answer: the next call races with the news of it.
    let portal = RawPortal::answering_once(HELLO).await;
    let caller = Caller::of(&portal, &origin());
    for calls in 1..=100 {
        match caller.body(Call::get("/")).await {
            Ok(body) => assert_eq!(body, b"hello"),
            Err(error) => assert!(error.is_charged(), "{error:?}"),
        }
        assert_eq!(caller.used(), calls);
        assert!(portal.received() as u64 <= calls, "{} requests for {calls} calls", portal.received());
    }
}

#[tokio::test]
async fn a_call_that_is_abandoned_stays_charged() {
    let (arrived, heard) = tokio::sync::oneshot::channel();
    let arrived = std::sync::Mutex::new(Some(arrived));
    let portal = RawPortal::start(move |mut connection| {
        let arrived = arrived.lock().unwrap().take();
        async move {
            connection.head().await;
            let _ = arrived.unwrap().send(());
            connection.wait_for_close().await;
        }
    })
    .await;
    let caller = Caller::of(&portal, &origin());
    tokio::select! {
        answer = caller.fetch(Call::get("/")) => panic!("{answer:?}"),
        _ = heard => {}
    }
    assert_eq!((caller.used(), portal.received()), (1, 1));
}

#[tokio::test]
async fn a_call_counts_as_under_way_until_its_body_is_over_or_dropped() {
    let portal = RawPortal::answering(answer("", &text(100_000))).await;
    let caller = Caller::of(&portal, &origin());
    let mut bodies = Vec::new();
    for _ in 0..MAX_CONCURRENT_CALLS {
        match caller.fetch(Call::get("/")).await.unwrap().body.complete(10).await.unwrap() {
            Completed::Larger(body) => bodies.push(body),
            Completed::Whole(_) => panic!("it is larger"),
        }
    }
    assert!(timeout(SHORT, caller.reserve()).await.is_err(), "all calls are under way");
    let mut read = bodies.pop().unwrap();
    while read.frame().await.is_some() {}
    let ninth = caller.reserve().await;
    assert!(timeout(SHORT, caller.reserve()).await.is_err(), "one was over, and is taken again");
    bodies.pop();
    let _tenth = caller.reserve().await;
    drop((ninth, read));
}

// What the budget hears.

const REFUSAL: &str = r#"{"errorcode":10005,"reset_time":"2026-03-03T00:00:00Z","limit_time_unit":"day","call_limit":5000,"error":"You have exceeded the requests limit for anonymous users."}"#;

fn refused(fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 429 Too Many Requests\r\nContent-Length: {}\r\n{fields}\r\n", body.len()).as_bytes(), body].concat()
}

#[tokio::test]
async fn a_429_of_the_quota_closes_the_account_and_its_body_still_comes() {
    for (fields, body) in [("", REFUSAL.as_bytes().to_vec()), ("Content-Encoding: gzip\r\n", gzip(REFUSAL.as_bytes()))] {
        let portal = RawPortal::answering(refused(fields, &body)).await;
        let caller = Caller::of(&portal, &origin());
        let answer = caller.fetch(Call::get("/")).await.unwrap();
        assert_eq!(caller.account().state, State::ClosedAnonymous);
        assert_eq!(whole(answer.body).await.unwrap(), body);
    }
}

#[tokio::test]
async fn a_429_of_any_other_kind_backs_off_and_its_body_still_comes() {
    let large = text(200_000);
    let cut = [&refused("", &text(100))[..], b"never"].concat();
    let cut = cut[..cut.len() - 50].to_vec();
    for (said, length) in [
        (refused("", b""), Some(0)),
        (refused("Content-Type: text/html\r\n", b"<html>"), Some(6)),
        (refused("", &large), Some(large.len())),
        (cut, None),
    ] {
        let portal = RawPortal::answering_once(said).await;
        let caller = Caller::of(&portal, &origin());
        let answer = caller.fetch(Call::get("/")).await.unwrap();
        assert_eq!(caller.account().state, State::BackingOff);
        assert_eq!(whole(answer.body).await.ok().map(|body| body.len()), length);
    }
}
