//! What clients are told beside the answer: what their team may still spend, and, of a refusal, why, until when and what to do.

use std::time::Duration;

use ::http::Method;
use bytes::Bytes;
use jiff::Timestamp;
use preau::clock::Clock;
use preau::simulator::Settings;

use super::http::{self, Answer};
use super::roof::{DIRECTORY, Roof};

const NOON: &str = "2026-03-02T12:00:00Z";

/// A portal that grants little, at noon.
async fn roof(quota: u64, configure: impl FnOnce(&mut preau::config::Config)) -> (Roof, Clock) {
    let clock = Clock::manual(NOON.parse::<Timestamp>().expect("a time"));
    let roof = Roof::build(Settings { quota, ..Settings::default() }, clock.clone(), |config| {
        config.budget.looks_per_day = 0;
        config.budget.look_reserve = 0;
        config.budget.revalidation_reserve = 0;
        configure(config);
    })
    .await;
    roof.control(&format!("/_simulator/clock?now={NOON}")).await;
    (roof, clock)
}

fn question(number: u64) -> String {
    format!("{DIRECTORY}/records?limit=1&where=code_postal%3D%22{number:05}%22")
}

/// A field with a place for each figure that the moment decides.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let end = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        shape.push_str(if end.len() < piece.len() { "#" } else { "" });
        shape.push_str(end);
    }
    shape
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_and_every_error_says_what_is_left_to_spend() {
    let (roof, clock) = roof(50, |_| {}).await;
    let target = format!("{DIRECTORY}/records?limit=20");
    let miss = roof.get(&target).await;
    let etag = roof.get(&target).await.field("etag").to_owned();
    let ask =
        async |method: Method, target: &str, fields: &[(&str, &str)]| http::send(roof.mirror(), method, target, fields, Bytes::new()).await;
    let answers = [
        (200, miss),
        (200, ask(Method::GET, &target, &[]).await),
        (200, ask(Method::HEAD, &target, &[]).await),
        (304, ask(Method::GET, &target, &[("if-none-match", &etag)]).await),
        (206, ask(Method::GET, &target, &[("range", "bytes=0-4")]).await),
        (206, ask(Method::GET, &target, &[("range", "bytes=0-1,4-5")]).await),
        (416, ask(Method::GET, &target, &[("range", "bytes=999999-")]).await),
        (200, ask(Method::GET, &format!("{DIRECTORY}/exports/csv"), &[]).await),
        (200, ask(Method::POST, "/api/records/1.0/search?dataset=fr-en-calendrier-scolaire&rows=1", &[]).await),
        (404, ask(Method::GET, "/api/no-such-thing", &[]).await),
        (400, ask(Method::GET, "/api/..%2f", &[]).await),
        (405, ask(Method::DELETE, &target, &[]).await),
        (504, ask(Method::GET, &question(1), &[("cache-control", "only-if-cached")]).await),
    ];
    for (status, answer) in &answers {
        assert_eq!(answer.status.as_u16(), *status, "{answer:?}");
        assert_eq!(answer.field("x-ratelimit-limit"), "50", "{answer:?}");
        assert_eq!(answer.field("x-ratelimit-reset"), "2026-03-03 00:00:00+00:00", "{answer:?}");
        assert_eq!(answer.field("ratelimit-policy"), "\"team\";q=50;w=86400, \"portal\";q=50;w=86400", "{answer:?}");
        assert_eq!(shape(answer.field("ratelimit")), "\"team\";r=#;t=#, \"portal\";r=#;t=#", "{answer:?}");
        let left = answer.field("x-ratelimit-remaining");
        assert!(answer.field("ratelimit").starts_with(&format!("\"team\";r={left};t=43200, ")), "{answer:?}");
    }
    // What was stored with an answer is old news: the same hit tells the present.
    let before = roof.get(&target).await;
    roof.get(&question(2)).await;
    clock.advance(Duration::from_secs(1));
    let after = roof.get(&target).await;
    let left = |answer: &Answer| answer.field("x-ratelimit-remaining").parse::<u64>().expect("a number");
    assert_eq!(left(&after) + 1, left(&before));
    assert!(after.field("ratelimit").contains(";t=43199"), "{after:?}");

    // Whoever is on the way to somewhere else, or nobody, is not told.
    for answer in [
        ask(Method::OPTIONS, &target, &[]).await,
        ask(Method::GET, "/pages/accueil/", &[]).await,
        ask(Method::GET, &target, &[("x-preau-key", "nobodys")]).await,
        ask(Method::GET, &target, &[("host", "a@b")]).await,
    ] {
        assert!(!answer.fields.keys().any(|name| name.as_str().contains("ratelimit")), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_the_draft_can_be_turned_off() {
    let (roof, _) = roof(50, |config| config.budget.rate_limit_fields = false).await;
    for target in [question(0), "/api/no-such-thing".to_owned()] {
        let answer = roof.get(&target).await;
        assert_eq!(answer.field("x-ratelimit-limit"), "50");
        assert_eq!((answer.field("ratelimit"), answer.field("ratelimit-policy")), ("", ""), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_answer_has_the_figures_of_its_key_alone() {
    let (roof, _) = roof(50, |_| {}).await;
    let keyed = http::get_with(roof.mirror(), &question(0), &[("authorization", "Apikey valid-client")]).await;
    let own = http::get_with(roof.portal.addr(), &question(0), &[("authorization", "Apikey valid-client")]).await;
    assert_eq!(keyed.field("x-ratelimit-limit"), own.field("x-ratelimit-limit"));
    assert_eq!((keyed.field("ratelimit"), keyed.field("ratelimit-policy")), ("", ""), "{keyed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_speaks_its_readers_language_and_says_the_same_to_programs() {
    // One of the four tells what the day has.
    let (roof, _) = roof(4, |config| config.budget.contact = Some("data@ac-exemple.fr".into())).await;
    for number in 0..3 {
        assert_eq!(roof.get(&question(number)).await.status, 200);
    }
    let ask = async |language: &str| http::get_with(roof.mirror(), &question(7), &[("accept-language", language)]).await;
    let (french, english, neither) = (ask("fr-FR,fr;q=0.9,en;q=0.8").await, ask("en").await, roof.get(&question(7)).await);
    for (answer, language, said, opens) in [
        (&french, "fr", "épuisés", "demain à 1\u{a0}h\u{a0}0"),
        (&english, "en", "are spent", "tomorrow at 00:0"),
        (&neither, "en", "are spent", "tomorrow at 00:0"),
    ] {
        let body = answer.json();
        assert_eq!((answer.status.as_u16(), answer.field("content-language")), (429, language));
        assert_eq!(answer.field("vary"), "Accept-Language");
        assert!(body["title"].as_str().expect("a text").contains(said), "{body}");
        let detail = body["detail"].as_str().expect("a text");
        assert!(detail.contains(opens) && detail.contains("data@ac-exemple.fr") && detail.contains("in (\"a\", \"b\")"), "{detail}");
        assert_eq!(body["error"], body["detail"]);
        for (member, value) in [("reason", "exhausted".into()), ("team", "default".into()), ("limit", 4.into()), ("used", 4.into())] {
            let value: serde_json::Value = value;
            assert_eq!(body[member], value, "{body}");
        }
        let opens: Timestamp = body["reset_time"].as_str().expect("a text").parse().expect("a time");
        let wait: i64 = answer.field("retry-after").parse().expect("seconds");
        let earliest = opens.as_second() - NOON.parse::<Timestamp>().expect("a time").as_second();
        assert!((earliest..=earliest + 30).contains(&wait), "{wait} for {earliest}");
        assert!(answer.field("ratelimit").starts_with("\"team\";r=0;t=43200"), "{answer:?}");
    }
    // All texts differ, and nothing else.
    let (french, english) = (french.json(), english.json());
    for (member, value) in french.as_object().expect("an object") {
        let is_text = ["title", "detail", "error"].contains(&member.as_str());
        assert_eq!(*value == english[member], !is_text, "{member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_were_refused_together_do_not_come_back_together() {
    let (roof, _) = roof(2, |_| {}).await;
    assert_eq!(roof.get(&question(0)).await.status, 200);
    let mut waits = std::collections::BTreeSet::new();
    for _ in 0..40 {
        waits.insert(roof.get(&question(7)).await.field("retry-after").to_owned());
    }
    // One of thirty-one seconds each: forty equal draws are no accident that anybody will see.
    assert!(waits.len() > 1, "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_speak_their_readers_language() {
    let (roof, _) = roof(50, |_| {}).await;
    let ask = async |target: &str, field: (&str, &str)| {
        let answer = http::get_with(roof.mirror(), target, &[("accept-language", "fr"), field]).await;
        assert_eq!(answer.field("content-language"), "fr", "{answer:?}");
        let body = answer.json();
        assert_eq!(
            (&body["message"], answer.field("cache-status")),
            (&body["detail"], &*format!("preau; detail={}", body["reason"].as_str().expect("a word")))
        );
        (answer.status.as_u16(), body["title"].as_str().expect("a text").to_owned())
    };
    assert_eq!(ask(&question(0), ("x-preau-key", "nobodys")).await, (401, "Clé inconnue".into()));
    assert_eq!(ask("/api/no-such-thing", ("accept", "*/*")).await, (404, "Introuvable".into()));
    let contradictory = format!("{}&apikey=a", question(0));
    assert_eq!(ask(&contradictory, ("authorization", "Apikey b")).await, (400, "Clés contradictoires".into()));
    roof.fault("records", "close", None, serde_json::json!({})).await;
    assert_eq!(ask(&question(5), ("accept", "*/*")).await, (502, "Le portail n’a pas pu être interrogé".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_too_fast_and_a_portal_that_is_down_are_told_of_in_both_languages() {
    for (language, slower, down) in [
        ("fr", "Trop de nouvelles questions à la fois", "Le portail est en panne"),
        ("en", "Too many new questions at a time", "The portal is out of order"),
    ] {
        let ask = async |roof: &Roof, number| http::get_with(roof.mirror(), &question(number), &[("accept-language", language)]).await;
        // The clock stands still: nothing of the burst comes back.
        let (hurried, _) = roof(50, |config| {
            (config.budget.misses_per_second, config.budget.misses_burst) = (1, 2.try_into().expect("some"));
        })
        .await;
        for number in 0..2 {
            assert_eq!(ask(&hurried, number).await.status, 200);
        }
        let too_fast = ask(&hurried, 2).await;
        assert_eq!((too_fast.status.as_u16(), too_fast.cache_status()), (429, "preau; detail=too-fast"), "{too_fast:?}");
        let (deserted, _) = roof(50, |_| {}).await;
        assert_eq!(ask(&deserted, 0).await.status, 200);
        deserted.fault("records", "close", None, serde_json::json!({})).await;
        for number in 1..6 {
            assert_eq!(ask(&deserted, number).await.status, 502);
        }
        let is_down = ask(&deserted, 6).await;
        assert_eq!((is_down.status.as_u16(), is_down.cache_status()), (503, "preau; detail=portal-down"), "{is_down:?}");
        for (answer, title) in [(&too_fast, slower), (&is_down, down)] {
            assert_eq!((answer.json()["title"].as_str(), answer.field("content-language")), (Some(title), language));
            assert!(answer.field("retry-after").parse::<u64>().is_ok_and(|wait| (1..=33).contains(&wait)), "{answer:?}");
            assert!(answer.field("ratelimit").starts_with("\"team\";r="), "{answer:?}");
        }
    }
}
