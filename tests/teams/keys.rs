//! Keys, in the field and by Basic.

use super::http;
use super::office::{CALENDRIER, CARTE, Office, add_teams, basic, in_the_network_of_carte};
use super::roof::{DIRECTORY, Roof};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_tells_the_team_by_field_and_by_basic() {
    let office = Office::new(in_the_network_of_carte).await;
    assert_eq!(office.whose(&[]).await, "carte");
    for (fields, team) in [
        ([("x-preau-key", CARTE.to_owned())], "carte"),
        ([("X-PREAU-KEY", CALENDRIER.to_owned())], "calendrier"),
        ([("authorization", basic("calendrier", CALENDRIER))], "calendrier"),
        ([("authorization", basic("", CALENDRIER))], "calendrier"),
    ] {
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(office.whose(&fields).await, team, "{fields:?}");
    }
    let both = [("x-preau-key", CALENDRIER), ("authorization", &basic("calendrier", CALENDRIER))];
    assert_eq!(office.whose(&both).await, "calendrier");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_told_so_and_costs_nothing_whatever_is_stored() {
    let roof = Roof::build(Default::default(), preau::clock::Clock::system(), add_teams).await;
    let stored = format!("{DIRECTORY}/records?limit=1");
    roof.get(&stored).await;
    let calls = roof.calls().await;
    let unknown = CARTE.replace('1', "3");
    for (name, value) in [
        ("x-preau-key", unknown.clone()),
        ("x-preau-key", String::new()),
        ("authorization", basic("carte", &unknown)),
        ("authorization", "Basic ???".to_owned()),
        ("authorization", basic("calendrier", CARTE)),
    ] {
        for target in [stored.as_str(), "/api/explore/v2.1/catalog/datasets?limit=3", "/explore/"] {
            let answer = http::get_with(roof.mirror(), target, &[(name, &value)]).await;
            assert_eq!(answer.status, 401, "{name}: {value}");
            assert_eq!(answer.field("www-authenticate"), "Basic realm=\"preau\", charset=\"UTF-8\"");
            assert_eq!(answer.field("x-preau-cost"), "0");
            let word = if value == basic("calendrier", CARTE) { "other-name" } else { "unknown-key" };
            assert_eq!(answer.cache_status(), format!("preau; detail={word}"));
            assert_eq!(answer.json()["error_code"], "UnknownKey");
        }
    }
    assert_eq!(roof.calls().await, calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_disagree_are_refused() {
    let office = Office::new(|_| {}).await;
    let other = basic("calendrier", CALENDRIER);
    for fields in [
        [("x-preau-key", CARTE), ("authorization", other.as_str())],
        [("x-preau-key", CARTE), ("x-preau-key", CALENDRIER)],
        [("authorization", other.as_str()), ("authorization", &basic("carte", CARTE))],
    ] {
        let answer = office.ask(&fields).await;
        assert_eq!((answer.status.as_u16(), answer.cache_status()), (400, "preau; detail=contradicting-keys"), "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_ours_and_one_of_the_portal_go_together() {
    let roof = Roof::build(Default::default(), preau::clock::Clock::system(), add_teams).await;
    let target = format!("{DIRECTORY}/records?limit=1");
    let by_field = [("x-preau-key", CARTE), ("authorization", "Apikey valid-0123456789")];
    assert_eq!(http::get_with(roof.mirror(), &target, &by_field).await.status, 200);
    let by_parameter = [("authorization", basic("carte", CARTE))];
    let by_parameter = by_parameter.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(http::get_with(roof.mirror(), &format!("{target}&apikey=valid-0123456789"), &by_parameter).await.status, 200);
    let seen = http::get(roof.portal.addr(), "/_simulator/requests?last=9").await.json().to_string();
    assert!(seen.contains("Apikey valid-0123456789"), "{seen}");
    assert!(!seen.contains(CARTE) && !seen.to_lowercase().contains("basic"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_does_not_change_what_is_answered() {
    let roof = Roof::build(Default::default(), preau::clock::Clock::system(), add_teams).await;
    let target = format!("{DIRECTORY}/records?limit=2");
    let first = http::get_with(roof.mirror(), &target, &[("x-preau-key", CARTE)]).await;
    assert_eq!((first.status.as_u16(), first.field("x-preau-cost")), (200, "1"));
    for fields in [vec![], vec![("x-preau-key", CALENDRIER)], vec![("origin", "https://evil.example")]] {
        let again = http::get_with(roof.mirror(), &target, &fields).await;
        assert_eq!((again.field("x-preau-cost"), &again.body, again.field("etag")), ("0", &first.body, first.field("etag")), "{fields:?}");
        assert_eq!(again.field("cache-control"), "public, max-age=0, must-revalidate");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_mirrored_is_named_and_not_redirected_to_where_a_key_came_along() {
    let roof = Roof::build(Default::default(), preau::clock::Clock::system(), add_teams).await;
    let page = "/explore/dataset/x/?tab=table&apikey=s3cret";
    let without = roof.get(page).await;
    assert_eq!(without.status, 307);
    for (name, value) in [("x-preau-key", CARTE.to_owned()), ("authorization", basic("carte", CARTE))] {
        let answer = http::get_with(roof.mirror(), page, &[(name, &value)]).await;
        assert_eq!((answer.status.as_u16(), answer.field("location")), (404, ""), "{answer:?}");
        assert_eq!(answer.cache_status(), "preau; detail=page-with-key");
        let address = format!("http://{}/explore/dataset/x/?tab=table&apikey=…", roof.portal.addr());
        assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.ends_with(&address)), "{}", answer.json());
    }
    assert_eq!(roof.calls().await.received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_for_one_of_the_portals_goes_nowhere() {
    let roof = Roof::build(Default::default(), preau::clock::Clock::system(), add_teams).await;
    let target = format!("{DIRECTORY}/records?limit=1");
    for value in [format!("Apikey {CARTE}"), format!("Bearer {CARTE}"), CARTE.to_owned()] {
        let answer = http::get_with(roof.mirror(), &target, &[("authorization", &value)]).await;
        assert_eq!((answer.status.as_u16(), answer.cache_status()), (400, "preau; detail=misplaced-key"), "{value}");
    }
    let form = format!("dataset=fr-en-annuaire-education&apikey={CARTE}");
    let fields = [("content-type", "application/x-www-form-urlencoded")];
    let answer = http::send(roof.mirror(), ::http::Method::POST, "/api/records/1.0/search", &fields, form.into()).await;
    assert_eq!((answer.status.as_u16(), answer.cache_status()), (400, "preau; detail=misplaced-key"));
    assert_eq!(roof.calls().await.received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_an_address_goes_nowhere() {
    let roof = Roof::build(Default::default(), preau::clock::Clock::system(), add_teams).await;
    for target in
        [format!("{DIRECTORY}/records?key={CARTE}"), format!("/explore/{CARTE}/"), format!("{DIRECTORY}/records?where=a%3D{CARTE}")]
    {
        let answer = roof.get(&target).await;
        assert_eq!((answer.status.as_u16(), answer.cache_status()), (400, "preau; detail=misplaced-key"), "{target}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(CARTE) && answer.field("location").is_empty());
    }
    assert_eq!(roof.calls().await.received, 0);
}
