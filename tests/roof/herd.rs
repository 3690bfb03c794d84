//! Many clients, one cold question, one call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use preau::clock::Clock;
use preau::server::raise_file_limit;
use preau::simulator::Settings;

use super::http;
use super::roof::Roof;

const CLIENTS: usize = 1_000;

/// One question on v2.1 in 16 spellings: order, encoding, spaces, defaults, operators' case, ignored names, trailing slash.
const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records";
const V2_1: [&str; 16] = [
    "?where=libelle_academie%3D%22Lille%22%20and%20etat%3D%22OUVERT%22&limit=20",
    "/?where=libelle_academie%3D%22Lille%22%20and%20etat%3D%22OUVERT%22&limit=20",
    "?limit=20&where=libelle_academie%3D%22Lille%22%20and%20etat%3D%22OUVERT%22",
    "?limit=20&where=libelle_academie%3D%22Lille%22+and+etat%3D%22OUVERT%22",
    "?limit=20&where=libelle_academie=%22Lille%22+and+etat=%22OUVERT%22",
    "?limit=20&where=libelle_academie%3d%22Lille%22%20and%20etat%3d%22OUVERT%22",
    "?limit=20&where=libelle_academie%3D%22Lille%22%20AND%20etat%3D%22OUVERT%22",
    "?limit=20&where=libelle_academie%3D%22Lille%22%20And%20etat%3D%22OUVERT%22",
    "?limit=20&where=libelle_academie%3D%22Lille%22%20%20and%20%20etat%3D%22OUVERT%22",
    "?limit=20&where=libelle_academie%3D%22Lille%22%0Aand%09etat%3D%22OUVERT%22",
    "?limit=20&offset=0&where=libelle_academie%3D%22Lille%22%20and%20etat%3D%22OUVERT%22",
    "?limit=20&timezone=UTC&where=libelle_academie%3D%22Lille%22%20and%20etat%3D%22OUVERT%22",
    "/?limit=20&offset=0&timezone=UTC&where=libelle_academie%3D%22Lille%22+AND+etat%3D%22OUVERT%22",
    "?_=1772000000000&limit=20&where=libelle_academie%3D%22Lille%22%20and%20etat%3D%22OUVERT%22",
    "?limit=20&utm_source=lettre&where=libelle_academie%3D%22Lille%22%20and%20etat%3D%22OUVERT%22",
    "?%6Cimit=20&%77here=%6Cibelle_academie%3D%22%4Cille%22%20and%20etat%3D%22OUVERT%22",
];

/// What v1 allows, because it echoes its parameters: encoding, `+`, order of names, trailing slash.
const SEARCH: &str = "/api/records/1.0/search";
const V1: [&str; 8] = [
    "?dataset=fr-en-calendrier-scolaire&q=zone%20A&rows=5",
    "/?dataset=fr-en-calendrier-scolaire&q=zone%20A&rows=5",
    "?dataset=fr-en-calendrier-scolaire&q=zone+A&rows=5",
    "/?rows=5&q=zone+A&dataset=fr-en-calendrier-scolaire",
    "?q=zone%20A&dataset=fr-en-calendrier-scolaire&rows=5",
    "?q=%7Aone%20A&dataset=fr-en-calendrier-scolaire&rows=5",
    "?%71=zone%20A&dataset=fr-en-calendrier-scolaire&rows=%35",
    "/?rows=5&dataset=fr%2Den-calendrier-scolaire&q=zone%20A",
];

/// The same on v2.0, which echoes them in links.
const RECORDS_2_0: &str = "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire/records";
const V2_0: [&str; 8] = [
    "?limit=5&where=zones%3D%22Zone%20A%22",
    "/?limit=5&where=zones%3D%22Zone%20A%22",
    "?where=zones%3D%22Zone%20A%22&limit=5",
    "?where=zones%3D%22Zone+A%22&limit=5",
    "/?where=zones=%22Zone+A%22&limit=5",
    "?where=%7Aones%3d%22Zone%20A%22&limit=5",
    "?%6Cimit=5&where=zones%3D%22Zone%20A%22",
    "/?limit=%35&where=zones%3D%22Zone%20A%22",
];

async fn one_call_serves_all(path: &str, spellings: &[&str]) {
    raise_file_limit();
    // Slow enough that the clients meet on the way; how many find it under way and how many find it done does not matter.
    let portal = Settings { delay: Duration::from_millis(300), ..Settings::default() };
    let roof = Arc::new(Roof::build(portal, Clock::system(), |_| {}).await);
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let target = format!("{path}{}", spellings[number % spellings.len()]);
        let to = roof.mirror();
        clients.spawn(async move { http::get(to, &target).await });
    }
    let answers = clients.join_all().await;

    let look = 1;
    assert_eq!(roof.calls().await.received, look + 1, "one call, beside the look that opens the day");
    assert_eq!(roof.used().await, look + 1);
    let mut outcomes = BTreeMap::<&str, usize>::new();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        let outcome = match answer.cache_status() {
            status if status.starts_with("preau; hit") => "shared",
            status if status.ends_with("; collapsed") => "shared",
            "preau; fwd=uri-miss; fwd-status=200; stored" => "forwarded",
            other => panic!("{other}"),
        };
        *outcomes.entry(outcome).or_default() += 1;
        let cost = if outcome == "forwarded" { "1" } else { "0" };
        assert_eq!(answer.field("x-preau-cost"), cost);
    }
    assert_eq!(outcomes, BTreeMap::from([("forwarded", 1), ("shared", CLIENTS - 1)]));
    for spelling in spellings {
        let own = roof.ask_portal(&format!("{path}{spelling}")).await;
        assert!(own.body.len() > 1_000, "{spelling}: a question with an answer");
        assert!(answers.iter().all(|answer| answer.body == roof.linked_here(&own.body)), "{spelling}: the bytes are the portal's own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_and_sixteen_spellings_are_one_call_on_v2_1() {
    one_call_serves_all(RECORDS, &V2_1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_and_eight_spellings_are_one_call_on_v1() {
    one_call_serves_all(SEARCH, &V1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_and_eight_spellings_are_one_call_on_v2_0() {
    one_call_serves_all(RECORDS_2_0, &V2_0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fill_survives_its_first_asker() {
    let portal = Settings { delay: Duration::from_millis(300), ..Settings::default() };
    let roof = Roof::build(portal, Clock::system(), |_| {}).await;
    let target = format!("{RECORDS}{}", V2_1[0]);
    let first = {
        let (to, target) = (roof.mirror(), target.clone());
        tokio::spawn(async move { http::get(to, &target).await })
    };
    // The look and then the question: once the portal has heard of both, the first asker goes.
    while roof.calls().await.received < 2 {
        tokio::task::yield_now().await;
    }
    let second = roof.get(&target);
    first.abort();
    let answer = second.await;
    assert_eq!(answer.status, 200);
    assert_eq!(roof.calls().await.received, 2);
    assert_eq!(roof.get(&target).await.field("x-preau-cost"), "0");
}
