//! Several portals under one roof: addresses, answers and accounts of their own.

use preau::clock::Clock;
use preau::server::Server;
use preau::simulator::{self, Settings};

use super::http;
use super::roof::settings;

#[tokio::test(flavor = "multi_thread")]
async fn two_portals_answer_under_their_names_and_hosts_and_count_apart() {
    let one = simulator::start(Settings { quota: 700, ..Settings::default() }).await.expect("it starts");
    let two = simulator::start(Settings { quota: 300, seed: 2, ..Settings::default() }).await.expect("it starts");
    let data = tempfile::tempdir().expect("a directory");
    let mut config = settings(one.addr(), data.path());
    let mut second = config.portals[0].clone();
    second.name = "two".into();
    second.url = format!("http://{}", two.addr()).parse().expect("an address");
    second.hosts = vec!["two.intern.example".into()];
    config.portals.push(second);
    let server = Server::start(&config, Clock::system()).await.expect("it starts");

    let target = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=2";
    let default = http::get(server.mirror(), target).await;
    let by_name = http::get(server.mirror(), &format!("/two{target}")).await;
    assert_eq!(default.body, http::get(one.addr(), target).await.body);
    assert_eq!(by_name.body, http::get(two.addr(), target).await.body);
    assert_ne!(default.body, by_name.body, "the same path is another question at another portal");
    assert_eq!((default.field("x-preau-cost"), by_name.field("x-preau-cost")), ("1", "1"));
    let by_host = http::get_with(server.mirror(), target, &[("host", "Two.intern.example:8080")]).await;
    assert_eq!((by_host.field("x-preau-cost"), &by_host.body), ("0", &by_name.body));
    let own_name = http::get(server.mirror(), &format!("/box{target}")).await;
    assert_eq!((own_name.field("x-preau-cost"), &own_name.body), ("0", &default.body));
    let unknown = http::get_with(server.mirror(), target, &[("host", "anything.example")]).await;
    assert_eq!((unknown.field("x-preau-cost"), &unknown.body), ("0", &default.body), "an unknown host chooses nothing");
    let page = http::get(server.mirror(), "/two/pages/accueil/").await;
    assert_eq!((page.status.as_u16(), page.field("location")), (307, format!("http://{}/pages/accueil/", two.addr()).as_str()));

    let report = http::get(server.admin(), "/api/v1/budget").await.json();
    for (portal, name, limit) in [(0, "box", 700), (1, "two", 300)] {
        let portal = &report["portals"][portal];
        let account = &portal["accounts"][0];
        assert_eq!(
            (portal["portal"].as_str(), account["limit"].as_u64(), account["used"].as_u64()),
            (Some(name), Some(limit), Some(2)),
            "{report}"
        );
    }
    assert_eq!(default.field("x-ratelimit-limit"), "700");
    assert_eq!(by_name.field("x-ratelimit-limit"), "300");
    server.stop().await;
}
