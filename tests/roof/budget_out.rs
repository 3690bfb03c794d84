//! The day's calls are spent: what is stored goes on answering, the rest is refused, and refusing costs nothing.

use std::time::Duration;

use jiff::Timestamp;
use preau::clock::Clock;
use preau::simulator::Settings;

use super::http::{self, Answer};
use super::roof::{DIRECTORY, Roof};

const QUOTA: u64 = 50;
const QUESTIONS: usize = 500;

fn question(number: usize) -> String {
    format!("{DIRECTORY}/records?limit=1&where=code_postal%3D%22{number:05}%22")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_fifty_is_spent_to_the_last_call_and_not_one_further() {
    // Far from midnight, where the quota of another day would answer.
    const NOW: &str = "2026-03-02T10:00:00Z";
    let clock = Clock::manual(NOW.parse::<Timestamp>().expect("a time"));
    let portal = Settings { quota: QUOTA, ..Settings::default() };
    let roof = Roof::build(portal, clock.clone(), |config| {
        // Lifetimes decide: there is no call left for a look.
        config.budget.looks_per_day = 0;
        // Every stale answer is tried, so that each says why it stayed.
        config.cache.refreshes_per_minute = std::num::NonZeroU32::new(500).expect("many");
        // All may wait for what is left.
        config.budget.max_waiting = std::num::NonZeroUsize::new(QUESTIONS).expect("many");
        config.budget.look_reserve = 0;
        config.budget.revalidation_reserve = 0;
        // One client asks them all.
        config.budget.misses_per_second = 0;
    })
    .await;
    roof.control(&format!("/_simulator/clock?now={NOW}")).await;

    let mut clients = tokio::task::JoinSet::new();
    for number in 0..QUESTIONS {
        let (to, target) = (roof.mirror(), question(number));
        clients.spawn(async move { (number, http::get(to, &target).await) });
    }
    let answers = clients.join_all().await;
    let (answered, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.status == 200);
    let look = 1;
    assert_eq!(answered.len() as u64, QUOTA - look);
    assert_eq!(refused.len(), QUESTIONS - answered.len());
    for (_, answer) in &refused {
        is_a_refusal(answer);
    }
    let calls = roof.calls().await;
    assert_eq!((calls.received, calls.charged, roof.used().await), (QUOTA, QUOTA, QUOTA));

    // Ten minutes later everything stored is stale. It is served all the same, and says so.
    clock.advance(Duration::from_secs(11 * 60));
    for (number, fresh) in &answered {
        let answer = roof.get(&question(*number)).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &fresh.body));
        assert!(
            answer.cache_status().starts_with("preau; hit; ttl=-6") && answer.cache_status().ends_with("; detail=exhausted"),
            "{answer:?}"
        );
        assert_eq!(answer.field("cache-control"), "no-cache");
        assert_eq!(answer.field("x-preau-cost"), "0");
        assert_eq!(answer.field("x-ratelimit-remaining"), "0");
    }
    for (number, _) in refused.iter().take(20) {
        is_a_refusal(&roof.get(&question(*number)).await);
    }
    assert_eq!(roof.calls().await, calls, "refusals and stale answers cost nothing");
    assert_eq!(roof.used().await, QUOTA);
}

fn is_a_refusal(answer: &Answer) {
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.cache_status(), "preau; detail=exhausted");
    assert_eq!(answer.field("x-preau-cost"), "0");
    assert_eq!(answer.field("content-type"), "application/problem+json");
    let wait: u64 = answer.field("retry-after").parse().expect("Retry-After is in seconds");
    assert!((1..=24 * 3600 + 60).contains(&wait), "{wait}");
    let body = answer.json();
    // RFC 9457's members, and the portal's.
    assert_eq!(body["status"], 429);
    assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
    assert_eq!(body["errorcode"], 10005);
    assert_eq!(body["limit_time_unit"], "day");
    assert_eq!(body["call_limit"], QUOTA);
    assert!(body["error"].is_string());
    let reset: Timestamp = body["reset_time"].as_str().and_then(|text| text.parse().ok()).expect("reset_time is RFC 3339");
    assert!(reset.as_second() % 86_400 <= 300, "{reset}: the end of a UTC day, and the skew that is reckoned with");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reserve_for_looks_is_not_spent_on_questions() {
    let portal = Settings { quota: 100, ..Settings::default() };
    let roof = Roof::build(portal, Clock::system(), |config| {
        config.budget.look_reserve = 50;
        config.budget.revalidation_reserve = 0;
    })
    .await;
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..200 {
        let (to, target) = (roof.mirror(), question(number));
        clients.spawn(async move { http::get(to, &target).await.status });
    }
    let answered = clients.join_all().await.into_iter().filter(|status| *status == 200).count();
    // A twentieth of 100 is kept for looks; one of those has been spent to open the day.
    assert_eq!(answered, 95);
    assert_eq!(roof.calls().await.charged, 96);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_data_directory_learns_the_base_from_one_look_alone() {
    let roof = Roof::build(Settings::default(), Clock::system(), |_| {}).await;
    for number in 0..7 {
        assert_eq!(roof.get(&question(number)).await.status, 200);
    }
    let before = roof.calls().await.charged;
    let Roof { portal, server, data, config } = roof;
    server.stop().await;
    drop(data);

    let fresh = tempfile::tempdir().expect("a directory");
    let config = preau::config::Config { data: fresh.path().to_owned(), ..config };
    let server = preau::server::Server::start(&config, Clock::system()).await.expect("it starts again");
    let roof = Roof { portal, server, data: fresh, config };
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (to, target) = (roof.mirror(), question(100 + number));
        clients.spawn(async move { http::get(to, &target).await.status });
    }
    assert!(clients.join_all().await.iter().all(|status| *status == 200));
    let requests = http::get(roof.portal.addr(), "/_simulator/requests?last=21").await;
    let text = String::from_utf8_lossy(&requests.body).into_owned();
    let look = text.find("/catalog/exports/json").expect("the look is among them");
    let first = text.find("code_postal").expect("so are the questions");
    assert!(look < first, "the look goes first, alone: {text}");
    assert_eq!(roof.calls().await.charged, before + 1 + 20);
    assert_eq!(roof.used().await, before + 1 + 20, "what was spent before the directory was emptied is known from the look");
}
