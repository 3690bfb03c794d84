//! The end of a UTC day, on an injected clock, over sockets.

use std::time::Duration;

use jiff::Timestamp;
use preau::clock::Clock;
use preau::simulator::Settings;
use serde_json::json;

use super::http;
use super::roof::{DIRECTORY, Roof};

const EVENING: &str = "2026-03-01T23:59:50Z";

/// A roof and its portal late in the evening, five calls into the day; the portal's clock is `skew_s` seconds ahead of ours.
async fn evening(skew_s: i64) -> (Roof, Clock) {
    let now: Timestamp = EVENING.parse().expect("a time");
    let clock = Clock::manual(now);
    let roof = Roof::build(Settings::default(), clock.clone(), |_| {}).await;
    set_portal_clock(&roof, now + jiff::SignedDuration::from_secs(skew_s)).await;
    for number in 0..4 {
        assert_eq!(ask(&roof, number).await, 200);
    }
    assert_eq!(roof.used().await, 5, "a look and four questions");
    (roof, clock)
}

async fn set_portal_clock(roof: &Roof, now: Timestamp) {
    roof.control(&format!("/_simulator/clock?now={now}")).await;
}

async fn ask(roof: &Roof, number: usize) -> u16 {
    roof.get(&format!("{DIRECTORY}/records?limit=1&where=code_postal%3D%22{number:05}%22")).await.status.as_u16()
}

/// What the portal says of its own count today, without asking it for anything that counts.
async fn charged_by_portal(roof: &Roof) -> u64 {
    let counted = http::get(roof.portal.addr(), "/_simulator/calls").await.json();
    counted["anonymous_used_today"].as_u64().unwrap_or_else(|| panic!("{counted}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_day_is_open_and_counts_no_less_than_the_portal_whichever_clock_is_ahead() {
    for skew in [-2, 0, 2] {
        let (roof, clock) = evening(skew).await;
        for second in 0..20 {
            clock.advance(Duration::from_secs(1));
            set_portal_clock(&roof, clock.now() + jiff::SignedDuration::from_secs(skew)).await;
            assert_eq!(ask(&roof, 100 + second).await, 200, "skew {skew}, second {second}");
            let (used, charged) = (roof.used().await, charged_by_portal(&roof).await);
            // While the portal's day is not ours the two figures are of different days.
            let same_day = (clock.now() + jiff::SignedDuration::from_secs(skew)).as_second() / 86_400 == clock.now().as_second() / 86_400;
            assert!(!same_day || used >= charged, "skew {skew}, second {second}: {used} < {charged}");
        }
        let account = roof.account().await;
        assert_eq!(account["state"], "open", "{account}");
        assert_eq!(account["resets_at"], "2026-03-03T00:00:00Z", "{account}");
        let used = account["used"].as_u64().expect("a count");
        let after_midnight = 11;
        let doubly = 8;
        assert!((after_midnight..=after_midnight + doubly).contains(&used), "skew {skew}: {used} used on the new day");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_yesterday_says_nothing_about_today() {
    for fault in ["quota-10005", "quota-10002", "trailing-white-space"] {
        let (roof, clock) = evening(0).await;
        // Somebody else has all but nine of the day's calls.
        roof.control("/_simulator/quota?used=4990").await;
        roof.fault("records", fault, Some(1), json!({})).await;
        roof.fault("records", "delay", Some(1), json!({"ms": 700})).await;
        let late = {
            let to = roof.mirror();
            let target = format!("{DIRECTORY}/records?limit=1&where=code_postal%3D%22late%22");
            tokio::spawn(async move { http::get(to, &target).await })
        };
        while roof.calls().await.received < 6 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(15));
        late.await.expect("it is answered");
        set_portal_clock(&roof, clock.now()).await;
        assert_eq!(ask(&roof, 200).await, 200, "{fault}");
        let account = roof.account().await;
        assert_eq!(account["state"], "open", "{fault}: {account}");
        assert!(account["used"].as_u64().is_some_and(|used| (1..=3).contains(&used)), "{fault}: {account}");
    }
}
