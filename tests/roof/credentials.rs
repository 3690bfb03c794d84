//! The portal's credentials: an account and answers of their own, and no trace of them anywhere.

use super::http;
use super::roof::{DIRECTORY, Roof};

const KEY: &str = "valid-0123456789-secret";

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_question_has_a_call_and_an_answer_of_its_own() {
    let roof = Roof::new().await;
    let catalog = "/api/explore/v2.1/catalog/datasets?limit=100";
    let anonymous = roof.get(catalog).await;
    let by_field = http::get_with(roof.mirror(), catalog, &[("authorization", &format!("Apikey {KEY}"))]).await;
    let by_parameter = roof.get(&format!("{catalog}&%61pikey={KEY}")).await;
    assert_eq!(by_field.status, 200, "{by_field:?}");
    assert_ne!(anonymous.json()["total_count"], by_field.json()["total_count"], "the key unlocks a dataset");
    assert_eq!(by_field.body, by_parameter.body);
    assert_eq!((by_field.field("x-preau-cost"), by_field.cache_status()), ("1", "preau; fwd=uri-miss; fwd-status=200; stored"));
    assert_eq!((by_parameter.field("x-preau-cost"), by_parameter.cache_status()), ("0", "preau; hit; ttl=599"), "however the key is sent");
    for keyed in [&by_field, &by_parameter] {
        assert_eq!(
            (keyed.field("cache-control"), keyed.field("vary")),
            ("private, no-store", "Accept-Encoding, Accept-Language, Authorization")
        );
        assert_eq!(keyed.field("x-ratelimit-limit"), "100000", "of its own account, by the ledger");
    }
    let bearer = http::get_with(roof.mirror(), catalog, &[("authorization", "Bearer something")]).await;
    assert_eq!(bearer.cache_status(), "preau; fwd=bypass; fwd-status=401; detail=private");
    let again = roof.get(catalog).await;
    assert_eq!((again.field("x-preau-cost"), &again.body), ("0", &anonymous.body), "and nobody else is given it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_call_is_charged_to_its_own_account_and_to_the_anonymous_one() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=1");
    http::get_with(roof.mirror(), &target, &[("authorization", "Apikey invented-by-somebody")]).await;
    let report = http::get(roof.server.admin(), "/api/v1/budget").await.json();
    let accounts = report["portals"][0]["accounts"].as_array().expect("accounts").clone();
    let look = 1;
    assert_eq!((accounts[0]["account"].as_str(), accounts[0]["used"].as_u64()), (Some("anonymous"), Some(look + 1)), "{report}");
    assert!(accounts[1]["account"].as_str().is_some_and(|name| name.starts_with("key:")), "{report}");
    assert_eq!(accounts[1]["used"], 1);
    assert!(!report.to_string().contains("invented"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_different_credentials_are_refused_and_the_same_one_twice_is_one() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=1&apikey={KEY}");
    let different = http::get_with(roof.mirror(), &target, &[("authorization", "Apikey another")]).await;
    assert_eq!(different.status, 400);
    assert_eq!(different.json()["error_code"], "ContradictingCredentials");
    assert_eq!(roof.calls().await.received, 0);
    let same = http::get_with(roof.mirror(), &target, &[("authorization", &format!("ApiKey {KEY}"))]).await;
    assert_eq!(same.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reaches_the_portal_as_a_field_and_never_in_a_target() {
    let roof = Roof::new().await;
    roof.get(&format!("{DIRECTORY}/records?limit=1&apikey={KEY}")).await;
    let seen = http::get(roof.portal.addr(), "/_simulator/requests?last=1").await.json().to_string();
    assert!(seen.contains(&format!("Apikey {KEY}")), "{seen}");
    assert!(!seen.contains("apikey="), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_ours_is_unknown_until_there_are_teams_and_never_leaves() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=1");
    for (name, value) in [("x-preau-key", "team-secret"), ("authorization", "Basic dGVhbTpzZWNyZXQ=")] {
        let answer = http::get_with(roof.mirror(), &target, &[(name, value)]).await;
        assert_eq!(answer.status, 401, "{name}");
        assert!(answer.field("www-authenticate").starts_with("Basic "), "{name}");
    }
    assert_eq!(roof.calls().await.received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_key_that_is_listed_as_anonymous_shares_the_anonymous_answers() {
    let roof = Roof::build(preau::simulator::Settings::default(), preau::clock::Clock::system(), |config| {
        config.portals[0].same_as_anonymous = vec![preau::config::Secret::new(KEY)];
    })
    .await;
    let target = format!("{DIRECTORY}/records?limit=1");
    roof.get(&target).await;
    let keyed = http::get_with(roof.mirror(), &target, &[("authorization", &format!("Apikey {KEY}"))]).await;
    assert_eq!(keyed.field("x-preau-cost"), "0");
    let seen = http::get(roof.portal.addr(), "/_simulator/requests?last=9").await.json().to_string();
    assert!(!seen.contains(KEY), "{seen}");
}
