//! An account of the organisation's own: asked where the anonymous one has no call left, for the teams that may, and for nobody else.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use preau::clock::Clock;
use preau::config::{Account, Secret};
use preau::simulator::Settings;

use super::askers::{Asker, NOBODY};
use super::http::{self, Answer};
use super::roof::{DIRECTORY, Roof};

const KEY: &str = "valid-of-our-own-0123456789";
/// Calls that the portal grants an anonymous caller.
const QUOTA: u64 = 40;

/// A roof whose anonymous account is spent, to the reserves, with one answer that was stored before.
struct Spent {
    roof: Roof,
    clock: Clock,
    stored: String,
}

fn target(number: u64) -> String {
    format!("{DIRECTORY}/records?limit={}", number % 100 + 1)
}

impl Spent {
    async fn new(key: &str, may: bool) -> Self {
        let clock = Clock::manual(Timestamp::now());
        let portal = Settings { quota: QUOTA, clock: clock.clone(), ..Settings::default() };
        let roof = Roof::build(portal, clock.clone(), |config| {
            let daily_calls = NonZeroU32::new(QUOTA as u32).expect("not zero");
            config.portals[0].daily_calls = daily_calls;
            // So that what is stored is not fresh for ever.
            config.budget.looks_per_day = 0;
            let (name, portal) = ("reserve".to_owned(), config.portals[0].name.clone());
            config.accounts =
                vec![Account { name, portal, key: Secret::new(key), daily_calls: NonZeroU32::new(90_000).expect("not zero") }];
            if may {
                config.teams[0].overflow = vec!["reserve".to_owned()];
            }
        })
        .await;
        roof.control("/_simulator/callers?tell=1").await;
        NOBODY.get(&roof, "/api/explore/v2.1").await;
        let stored = target(0);
        assert!(NOBODY.owns(&NOBODY.get(&roof, &stored).await));
        let site = Self { roof, clock, stored };
        let mut number = 1;
        while NOBODY.owns(&site.get(&target(number)).await) {
            number += 1;
            assert!(number < QUOTA, "the anonymous account is never spent");
        }
        site
    }

    async fn get(&self, target: &str) -> Answer {
        NOBODY.get(&self.roof, target).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_anonymous_account_has_no_call_for_is_asked_with_our_own_key() {
    let site = Spent::new(KEY, true).await;
    let (target, used) = (target(90), site.roof.used().await);
    let answer = site.get(&target).await;
    assert_eq!((answer.status.as_u16(), Asker::of(&answer)), (200, Some(KEY)), "{answer:?}");
    assert_eq!((answer.field("x-preau-cost"), answer.field("cache-control")), ("1", "private, no-store"));
    assert_eq!(answer.field("x-ratelimit-limit"), "100000", "the quota is that of the account that pays");
    let again = site.get(&target).await;
    assert_eq!((again.field("x-preau-cost"), Asker::of(&again)), ("0", Some(KEY)));
    assert!(again.cache_status().starts_with("preau; hit; ttl="), "{}", again.cache_status());
    assert_eq!(site.roof.used().await, used, "it costs the anonymous account nothing");
    let stored = site.get(&site.stored).await;
    assert_eq!((stored.field("x-preau-cost"), Asker::of(&stored)), ("0", Some("anonymous")), "what is there for everybody comes first");
    let seen = http::get(site.roof.portal.addr(), "/_simulator/requests?last=1000").await.json();
    for request in seen.as_array().expect("a list") {
        assert!(!request["target"].as_str().expect("a target").contains("valid-"), "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_answer_on_our_own_account_goes_before_a_stale_one() {
    let site = Spent::new(KEY, true).await;
    site.clock.advance(Duration::from_secs(601));
    let answer = site.get(&site.stored).await;
    assert_eq!((answer.status.as_u16(), Asker::of(&answer)), (200, Some(KEY)), "{answer:?}");
    assert_eq!(answer.cache_status(), "preau; fwd=uri-miss; fwd-status=200; stored");
    // The portal fails: then the stale one is as good as any.
    site.clock.advance(Duration::from_secs(601));
    site.roof.fault("*", "status", None, serde_json::json!({"code": 503})).await;
    let stale = site.get(&site.stored).await;
    assert_eq!((stale.status.as_u16(), Asker::of(&stale)), (200, Some("anonymous")), "{stale:?}");
    assert!(stale.cache_status().ends_with("detail=exhausted"), "{}", stale.cache_status());
    assert_eq!(stale.field("x-preau-cost"), "1", "it was tried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_that_may_not_is_refused_and_sees_nothing_of_what_others_got() {
    let site = Spent::new(KEY, false).await;
    let with_key = http::get_with(site.roof.mirror(), &target(90), &[("authorization", &format!("Apikey {KEY}"))]).await;
    assert_eq!(Asker::of(&with_key), Some(KEY), "it is stored in the key's partition");
    let refused = site.get(&target(90)).await;
    assert_eq!((refused.status.as_u16(), refused.cache_status()), (429, "preau; detail=exhausted"), "{refused:?}");
    assert!(Asker::of(&refused).is_none());
    site.clock.advance(Duration::from_secs(601));
    let stale = site.get(&site.stored).await;
    assert!(stale.status == 200 && stale.cache_status().ends_with("detail=exhausted"), "{}", stale.cache_status());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_key_the_portal_does_not_know_changes_nothing() {
    let site = Spent::new("invented-by-the-operator", true).await;
    let before = site.roof.calls().await.received;
    for _ in 0..5 {
        let refused = site.get(&target(91)).await;
        assert_eq!((refused.status.as_u16(), refused.cache_status()), (429, "preau; detail=exhausted"), "{refused:?}");
    }
    assert!(site.roof.calls().await.received <= before + 1, "the portal is asked about the key once at most");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_at_its_ceiling_spends_nothing_of_our_own_account_either() {
    const CEILING: u64 = 5;
    let roof = Roof::build(Settings::default(), Clock::system(), |config| {
        config.teams[0].ceiling.each = Some(CEILING as u32);
        config.teams[0].overflow = vec!["reserve".to_owned()];
        let (name, portal) = ("reserve".to_owned(), config.portals[0].name.clone());
        let daily_calls = config.portals[0].daily_calls;
        config.accounts = vec![Account { name, portal, key: Secret::new(KEY), daily_calls }];
    })
    .await;
    roof.control("/_simulator/callers?tell=1").await;
    for number in 0..CEILING {
        let answer = NOBODY.get(&roof, &target(number)).await;
        assert_eq!((answer.status.as_u16(), Asker::of(&answer)), (200, Some("anonymous")), "{answer:?}");
    }
    let refused = NOBODY.get(&roof, &target(CEILING)).await;
    assert_eq!((refused.cache_status(), refused.field("x-preau-cost"), Asker::of(&refused)), ("preau; detail=team-ceiling", "0", None));
}
