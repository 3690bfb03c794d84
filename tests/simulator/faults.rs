//! Each fault, byte for byte. Time is paused: what waits, waits in no time.

use std::io::ErrorKind;
use std::time::Duration;

use preau::simulator::Settings;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::client::{Answer, CALENDAR, PATIENCE, Portal, request};

const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/records?limit=5";

#[tokio::test(start_paused = true)]
async fn a_delay_is_waited_for_and_the_settings_add_one_to_every_answer() {
    let portal = Portal::with(Settings { delay: Duration::from_millis(200), ..Settings::default() }).await;
    let started = Instant::now();
    let plain = portal.get(RECORDS).await;
    assert_eq!(started.elapsed().as_millis(), 200);
    portal.fault(r#"{"family":"records","kind":"delay","times":1,"ms":1500}"#).await;
    for expected in [1700, 200] {
        let started = Instant::now();
        let answer = portal.get(RECORDS).await;
        assert_eq!(started.elapsed().as_millis(), expected);
        assert_eq!(answer.body, plain.body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_is_answered_instead() {
    let portal = Portal::new().await;
    for code in [204, 302, 403, 404, 500, 502, 503] {
        portal.fault(&format!(r#"{{"family":"records","kind":"status","times":1,"code":{code}}}"#)).await;
        let answer = portal.get(RECORDS).await;
        assert_eq!((answer.status, answer.whole), (code, true));
        assert_eq!(answer.field("location"), if code == 302 { "/moved/elsewhere" } else { "" });
        if code >= 400 {
            assert_eq!(answer.json()["error_code"], "SimulatedFault");
        }
    }
    assert_eq!(portal.get(RECORDS).await.status, 200, "each struck once");
}

#[tokio::test(start_paused = true)]
async fn a_hang_says_nothing_and_the_call_is_counted() {
    let portal = Portal::new().await;
    portal.fault(r#"{"family":"records","kind":"hang","times":1}"#).await;
    let started = Instant::now();
    let error = portal.send(&request("GET", RECORDS, &[], "")).await.unwrap_err();
    assert_eq!((error.kind(), started.elapsed()), (ErrorKind::TimedOut, PATIENCE));
    let calls = portal.calls().await;
    assert_eq!((&calls["received"], &calls["charged"]), (&1.into(), &1.into()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_reset_and_nothing_is_counted_before_the_head_is_read() {
    let portal = Portal::new().await;
    portal.fault(r#"{"family":"*","kind":"refuse","times":1}"#).await;
    assert_eq!(portal.send(&request("GET", RECORDS, &[], "")).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(portal.calls().await["received"], 0);

    portal.fault(r#"{"family":"records","kind":"refuse","times":1}"#).await;
    assert_eq!(portal.get(CALENDAR).await.status, 200, "another family");
    assert_eq!(portal.send(&request("GET", RECORDS, &[], "")).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(portal.calls().await["by_family"]["records"], 1);
    assert_eq!(portal.get(RECORDS).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_port_on_which_nobody_listens_refuses_and_comes_back_with_its_idle_connections_gone() {
    let portal = Portal::new().await;
    let mut idle = TcpStream::connect(portal.addr()).await.unwrap();
    // Its request shows that it was accepted.
    let asked = String::from_utf8(request("GET", RECORDS, &[], "")).unwrap().replace("Connection: close\r\n", "");
    tokio::io::AsyncWriteExt::write_all(&mut idle, asked.as_bytes()).await.unwrap();
    assert_eq!(portal.get(RECORDS).await.status, 200);
    portal.fault(r#"{"family":"*","kind":"refuse","ms":5000}"#).await;

    let mut answered = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut idle, &mut answered).await.unwrap();
    assert!(answered.ends_with(b"0\r\n\r\n"), "what was asked before was answered");
    let started = Instant::now();
    assert_eq!(TcpStream::connect(portal.addr()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(started.elapsed().is_zero());
    tokio::time::sleep(Duration::from_millis(5001)).await;
    assert_eq!(portal.get(RECORDS).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_has_no_answer() {
    let portal = Portal::new().await;
    portal.fault(r#"{"family":"records","kind":"close","times":1}"#).await;
    assert_eq!(portal.send(&request("GET", RECORDS, &[], "")).await.unwrap(), b"");
    assert_eq!(portal.calls().await["charged"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_truncated_body_breaks_off_where_it_is_told_to() {
    let portal = Portal::new().await;
    let plain = portal.get(RECORDS).await;
    for (after, length) in [("7", 7), ("null", plain.body.len() / 2), ("0", 0)] {
        portal.fault(&format!(r#"{{"family":"records","kind":"truncate","times":1,"after_bytes":{after}}}"#)).await;
        let cut = portal.get(RECORDS).await;
        assert_eq!((cut.status, cut.whole), (200, false), "{after}");
        assert_eq!(cut.body, plain.body[..length]);
    }
    portal.fault(r#"{"family":"export","kind":"truncate","times":1,"after_bytes":100000}"#).await;
    let cut = portal.get(&format!("{CALENDAR}/exports/json")).await;
    assert_eq!((cut.body.len(), cut.whole), (100_000, false));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_length_promises_more_or_less_than_comes() {
    let portal = Portal::new().await;
    let plain = portal.get(RECORDS).await.body;
    for (variant, told) in [("too-long", plain.len() + 100), ("too-short", plain.len() / 2)] {
        portal.fault(&format!(r#"{{"family":"records","kind":"wrong-length","times":1,"variant":"{variant}"}}"#)).await;
        let answer = portal.get(RECORDS).await;
        assert_eq!((answer.field("content-length"), answer.whole), (told.to_string().as_str(), false), "{variant}");
        assert_eq!(answer.body, plain, "{variant}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_type_and_a_page_with_200_are_whole_and_wrong() {
    let portal = Portal::new().await;
    let plain = portal.get(RECORDS).await;
    portal.fault(r#"{"family":"records","kind":"wrong-content-type","times":1}"#).await;
    let answer = portal.get(RECORDS).await;
    assert_eq!((answer.field("content-type"), &answer.body), ("image/png", &plain.body));
    portal.fault(r#"{"family":"records","kind":"html-200","times":1}"#).await;
    let answer = portal.get(RECORDS).await;
    assert_eq!((answer.status, answer.field("content-type")), (200, "text/html; charset=utf-8"));
    assert!(answer.whole && answer.text().starts_with("<!DOCTYPE html>"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_drip_sends_a_few_bytes_at_a_time() {
    let portal = Portal::new().await;
    let plain = portal.get(RECORDS).await.body;
    portal.fault(r#"{"family":"records","kind":"slow-drip","times":1,"ms":100,"bytes":64}"#).await;
    let started = Instant::now();
    let answer = portal.get(RECORDS).await;
    assert!(answer.whole && answer.body == plain);
    let drops = plain.len().div_ceil(64);
    assert_eq!(answer.chunks.len(), drops);
    assert!(answer.chunks[..drops - 1].iter().all(|size| *size == 64));
    assert_eq!(started.elapsed(), Duration::from_millis(100) * u32::try_from(drops).unwrap());
}

#[tokio::test(start_paused = true)]
async fn each_of_the_429s_has_its_body() {
    let portal = Portal::new().await;
    portal.control("POST", "clock?now=2021-01-25T09:00:00Z", "").await;
    let ask = async |kind: &str| -> Answer {
        portal.fault(&format!(r#"{{"family":"*","kind":"{kind}","times":1}}"#)).await;
        let answer = portal.get(RECORDS).await;
        assert_eq!((answer.status, answer.whole, answer.field("retry-after")), (429, true, ""), "{kind}");
        answer
    };
    for (kind, code, error) in [
        ("quota-10002", 10002, "Too many requests on the domain. Please contact the domain administrator."),
        ("quota-10005", 10005, "You have exceeded the requests limit for anonymous users."),
    ] {
        let body = ask(kind).await.json();
        assert_eq!((&body["errorcode"], &body["error"]), (&code.into(), &error.into()));
        assert_eq!((&body["reset_time"], &body["limit_time_unit"]), (&"2021-01-26T00:00:00Z".into(), &"day".into()));
        assert_eq!(body["call_limit"], 5000);
    }
    let page = ask("quota-html").await;
    assert!(page.field("content-type").starts_with("text/html") && page.text().contains("<html>"));
    assert_eq!(ask("quota-empty").await.body, b"");
    assert_eq!(portal.calls().await["charged"], 0);
}

#[tokio::test(start_paused = true)]
async fn trailing_white_space_arrives_as_it_is() {
    let portal = Portal::new().await;
    portal.fault(r#"{"family":"records","kind":"trailing-white-space","times":1}"#).await;
    let answer = portal.get(RECORDS).await;
    assert_eq!(answer.field("content-security-policy"), "upgrade-insecure-requests; \t ");
    assert!(answer.whole);
}

#[tokio::test(start_paused = true)]
async fn faults_are_forgotten_on_demand_and_strike_no_control_path() {
    let portal = Portal::new().await;
    portal.fault(r#"{"family":"*","kind":"status","code":503}"#).await;
    for _ in 0..3 {
        assert_eq!(portal.get(RECORDS).await.status, 503, "for ever");
    }
    portal.control("DELETE", "faults", "").await;
    assert_eq!(portal.get(RECORDS).await.status, 200);
    portal.fault(r#"{"family":"*","kind":"refuse"}"#).await;
    portal.control("DELETE", "faults", "").await;
    portal.fault(r#"{"family":"*","kind":"close"}"#).await;
    portal.control("POST", "reset", "").await;
    assert_eq!(portal.get(RECORDS).await.status, 200);

    let wrong = portal.ask("POST", "/_simulator/faults", &[], r#"{"family":"*","kind":"explode"}"#).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["error"].as_str().is_some_and(|error| error.contains("explode") && error.contains("slow-drip")));
}
