//! What becomes of keys that clients send: passed, taken off or refused; what they unlock, for how long; and what a refusal ends.

use std::time::Duration;

use jiff::Timestamp;
use preau::clock::Clock;
use preau::config::{ClientKeys, Config, Secret};
use preau::simulator::Settings;
use serde_json::json;

use super::askers::{ALPHA, BEARER, BETA, INVENTED, NOBODY};
use super::http;
use super::roof::{DIRECTORY, Roof};

const CALENDAR: &str = "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire";
const STORED_OR_NOTHING: [(&str, &str); 1] = [("cache-control", "only-if-cached, max-stale")];

async fn roof(configure: impl FnOnce(&mut Config)) -> (Roof, Clock) {
    let clock = Clock::manual(Timestamp::now());
    let roof = Roof::build(Settings { clock: clock.clone(), ..Settings::default() }, clock.clone(), configure).await;
    roof.control("/_simulator/callers?tell=1").await;
    // Keys are told from invented ones once the anonymous limit is known.
    NOBODY.get(&roof, "/api/explore/v2.1").await;
    (roof, clock)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn where_keys_are_taken_off_everybody_is_asked_and_answered_alike() {
    let (roof, _) = roof(|config| config.portals[0].client_keys = ClientKeys::Strip).await;
    let target = format!("{DIRECTORY}/records?limit=1");
    for (asker, cost) in [(ALPHA, "1"), (BETA, "0"), (BEARER, "0"), (INVENTED, "0"), (NOBODY, "0")] {
        let answer = asker.get(&roof, &target).await;
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, cost), "{}: {answer:?}", asker.name);
        assert!(NOBODY.owns(&answer) && answer.field("cache-control").starts_with("public"), "{answer:?}");
    }
    let by_parameter = NOBODY.get(&roof, &format!("{target}&apikey=valid-gamma")).await;
    assert_eq!(by_parameter.field("x-preau-cost"), "0");
    let seen = http::get(roof.portal.addr(), "/_simulator/requests?last=100").await.json().to_string();
    assert!(!seen.contains("valid-") && !seen.contains("invented"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_keys_are_refused_a_question_with_one_is_not_asked() {
    let (roof, _) = roof(|config| {
        config.portals[0].client_keys = ClientKeys::Refuse;
        config.portals[0].same_as_anonymous = vec![Secret::new("public-read-key")];
    })
    .await;
    let target = format!("{DIRECTORY}/records?limit=1");
    let before = roof.calls().await;
    for asker in [ALPHA, BEARER, INVENTED] {
        let answer = asker.get(&roof, &target).await;
        assert_eq!((answer.status.as_u16(), answer.cache_status()), (403, "preau; detail=client-key"), "{answer:?}");
        assert_eq!((answer.json()["error_code"].as_str(), answer.field("x-preau-cost")), (Some("ClientKey"), "0"));
        assert!(!String::from_utf8_lossy(&answer.body).contains("0123456789"), "{answer:?}");
    }
    let by_parameter = NOBODY.get(&roof, &format!("{target}&apikey=valid-gamma")).await;
    assert_eq!(by_parameter.status, 403);
    assert_eq!(roof.calls().await, before);
    let public = NOBODY.get(&roof, &format!("{target}&apikey=public-read-key")).await;
    assert_eq!(public.status, 200, "a key that counts as none is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_portal_does_not_know_is_asked_about_once_a_minute() {
    let (roof, clock) = roof(|_| {}).await;
    let target = |limit: u32| format!("{CALENDAR}/records?limit={limit}");
    NOBODY.get(&roof, &target(1)).await;
    let first = INVENTED.get(&roof, &target(1)).await;
    assert_eq!((first.status.as_u16(), first.field("x-preau-cost")), (401, "1"));
    assert!(INVENTED.owns(&first) && first.field("x-ratelimit-limit").is_empty(), "{first:?}");
    let (calls, used) = (roof.calls().await, roof.used().await);
    clock.advance(s(40));
    for limit in 1..20 {
        let refused = INVENTED.get(&roof, &target(limit)).await;
        assert_eq!((refused.status.as_u16(), refused.cache_status()), (401, "preau; detail=key-rejected"), "{refused:?}");
        // Some more, so that not all come back at once.
        let wait: u64 = refused.field("retry-after").parse().expect("seconds");
        assert!((20..=60).contains(&wait) && refused.field("x-preau-cost") == "0", "{refused:?}");
        assert!(refused.field("www-authenticate").starts_with("Apikey "), "{refused:?}");
    }
    assert_eq!((roof.calls().await, roof.used().await), (calls, used), "no call, and no charge");
    assert_eq!(ALPHA.get(&roof, &target(1)).await.status, 200, "other keys are none of it");
    // What an unknown key is told says nothing of the dataset to others.
    let anonymous = NOBODY.get(&roof, &target(1)).await;
    assert_eq!((anonymous.status.as_u16(), anonymous.field("x-preau-cost")), (200, "0"));
    clock.advance(s(21));
    let again = INVENTED.get(&roof, &target(1)).await;
    assert_eq!((again.status.as_u16(), again.field("x-preau-cost")), (401, "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_anything_loses_all_that_it_has_unlocked() {
    for status in [401, 403] {
        let (roof, clock) = roof(|_| {}).await;
        let target = format!("{DIRECTORY}/records?limit=1");
        for asker in [ALPHA, BETA, NOBODY] {
            assert_eq!(asker.get(&roof, &target).await.status, 200);
        }
        roof.control(&format!("/_simulator/hide?dataset=fr-en-calendrier-scolaire&status={status}")).await;
        clock.advance(s(1));
        assert_eq!(ALPHA.get(&roof, CALENDAR).await.status, status);
        let kept = async |asker: super::askers::Asker| asker.get_with(&roof, &target, &STORED_OR_NOTHING).await.status.as_u16();
        assert_eq!((kept(BETA).await, kept(NOBODY).await), (200, 200), "{status}: what others have stays");
        let lost = kept(ALPHA).await;
        assert_eq!(lost, if status == 401 { 401 } else { 504 });
        clock.advance(s(61));
        assert_eq!(kept(ALPHA).await, 504, "and it does not come back by itself");
        let anew = ALPHA.get(&roof, &target).await;
        assert_eq!((anew.status.as_u16(), anew.cache_status()), (200, "preau; fwd=uri-miss; fwd-status=200; stored"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_is_gone_for_a_key_takes_its_answers_along_and_no_others() {
    for status in [404, 410] {
        let (roof, clock) = roof(|_| {}).await;
        let (records, other) = (format!("{CALENDAR}/records?limit=1"), format!("{DIRECTORY}/records?limit=1"));
        for asker in [ALPHA, BETA, NOBODY] {
            for target in [&records, &other] {
                assert_eq!(asker.get(&roof, target).await.status, 200);
            }
        }
        roof.control(&format!("/_simulator/hide?dataset=fr-en-calendrier-scolaire&listed=1&status={status}")).await;
        clock.advance(s(1));
        assert_eq!(ALPHA.get(&roof, CALENDAR).await.status, status);
        for (asker, target, left) in
            [(ALPHA, &records, 504), (ALPHA, &other, 200), (BETA, &records, 200), (NOBODY, &records, 200), (NOBODY, &other, 200)]
        {
            let answer = asker.get_with(&roof, target, &STORED_OR_NOTHING).await;
            assert_eq!(answer.status, left, "{}: {target}: {answer:?}", asker.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_unlocks_is_fresh_for_ten_minutes_and_serves_stale_for_an_hour() {
    let (roof, clock) = roof(|config| config.cache.lifetimes.records = s(86_400)).await;
    let target = format!("{DIRECTORY}/records?limit=1");
    let first = ALPHA.get(&roof, &target).await;
    assert_eq!(first.cache_status(), "preau; fwd=uri-miss; fwd-status=200; stored");
    clock.advance(s(599));
    let hit = ALPHA.get(&roof, &target).await;
    assert_eq!((hit.cache_status(), hit.field("age")), ("preau; hit; ttl=1", "599"));
    clock.advance(s(1));
    let renewed = ALPHA.get(&roof, &target).await;
    assert_eq!((renewed.cache_status(), renewed.field("x-preau-cost")), ("preau; fwd=stale; fwd-status=200; stored", "1"));
    roof.fault("*", "status", None, json!({"code": 503})).await;
    clock.advance(s(600 + 3599));
    let stale = ALPHA.get(&roof, &target).await;
    assert_eq!((stale.status.as_u16(), stale.cache_status()), (200, "preau; fwd=stale; fwd-status=503; ttl=-3599; detail=fill-failed"));
    assert_eq!(
        (stale.field("cache-control"), stale.field("vary")),
        ("private, no-store", "Accept-Encoding, Accept-Language, Authorization")
    );
    assert_eq!(stale.field("x-ratelimit-limit"), "100000", "of the key's own account");
    clock.advance(s(1));
    assert_eq!(ALPHA.get(&roof, &target).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stale_is_served_to_a_key_that_is_refused_while_its_asker_waits() {
    let (roof, clock) = roof(|config| config.cache.patience = s(3)).await;
    let target = format!("{DIRECTORY}/records?limit=1");
    assert_eq!(ALPHA.get(&roof, &target).await.status, 200);
    clock.advance(s(601));
    roof.control("/_simulator/hide?dataset=fr-en-calendrier-scolaire&status=403").await;
    roof.fault("records", "delay", Some(1), json!({"ms": 4000})).await;
    let before = roof.calls().await.received;
    let waiting = ALPHA.get(&roof, &target);
    let refused = async {
        while roof.calls().await.received == before {
            tokio::task::yield_now().await;
        }
        ALPHA.get(&roof, CALENDAR).await
    };
    let (waiting, refused) = tokio::join!(waiting, refused);
    assert_eq!(refused.status, 403);
    assert_eq!(waiting.status, 200, "the portal gives this one still: {waiting:?}");
    assert!(waiting.cache_status().starts_with("preau; fwd=uri-miss; fwd-status=200; collapsed"), "{}", waiting.cache_status());
    assert_eq!(waiting.field("x-preau-cost"), "1", "its own call left");
}
