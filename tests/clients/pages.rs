//! Pages in a real browser, and whose calls they spend: those of a foreign origin a small team's, however they ask; those of an allowed one their
//! reader's, and they may read all that préau says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use preau::clock::Clock;
use preau::config::{Config, KeyHash, PerPortal, Team};
use preau::simulator::Settings;
use preau::team::{Class, TeamId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::browser::Site;
use crate::calls::Call;
use crate::roof::{DIRECTORY, Roof};
use crate::{curl, http, http_page};

/// What the team of foreign pages may spend.
const FEW: u32 = 4;

/// A key of the team that may spend nothing.
const KEY: &str = "preau_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What came of one request of a page.
#[derive(Debug, Deserialize)]
struct Told {
    way: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    url: String,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default)]
    text: String,
}

/// Where the foreign page and préau are, and what the browser tells of it.
pub struct Place {
    page: &'static str,
    mirror: &'static str,
    options: &'static [&'static str],
}

/// On this machine, which browsers trust: they say `Sec-Fetch-Site`.
pub const OF_THIS_MACHINE: Place = Place { page: "localhost", mirror: "127.0.0.1", options: &[] };

/// In a network without TLS: there they say no more than `Origin`, where a page reads the answer, and else `Referer`.
pub const OF_A_NETWORK: Place = Place {
    page: "elsewhere.test",
    mirror: "preau.test",
    options: &["--host-resolver-rules=MAP elsewhere.test 127.0.0.1, MAP preau.test 127.0.0.1"],
};

fn team(name: &str) -> Team {
    Team {
        name: name.to_owned(),
        keys: Vec::new(),
        networks: Vec::new(),
        guaranteed: PerPortal::default(),
        ceiling: PerPortal::default(),
        class: Class::Interactive,
        may_force: false,
        overflow: Vec::new(),
    }
}

/// The roof of an office: whoever is on this machine is of the team `office`, foreign pages have few calls, and one team has none.
async fn office(clock: Clock, configure: impl FnOnce(&mut Config)) -> Roof {
    Roof::build(Settings::default(), clock, |config| {
        let everywhere = |calls| PerPortal { each: Some(calls), ..PerPortal::default() };
        config.teams[TeamId::BROWSER.index()].ceiling = everywhere(FEW);
        let loopback = "127.0.0.0/8".parse().expect("a network");
        config.teams.push(Team { networks: vec![loopback], ..team("office") });
        config.teams.push(Team { keys: vec![KeyHash::of(KEY.as_bytes())], ceiling: everywhere(0), ..team("broke") });
        configure(config);
    })
    .await
}

/// In a language of its own: what a browser prefers makes no difference.
fn question(number: usize) -> String {
    format!("{DIRECTORY}/records?lang=fr&limit=1&where=code_postal%3D%22{number:05}%22")
}

/// What a client of this network would read of a hit: its own team's calls that are left.
async fn left_of_the_office(roof: &Roof) -> u64 {
    let answer = roof.get(&question(0)).await;
    assert_eq!(answer.field("x-preau-cost"), "0", "{answer:?}");
    answer.field("x-ratelimit-remaining").parse().expect("a number")
}

pub fn a_page_of_a_foreign_origin_spends_no_teams_budget(place: &Place) {
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let roof = office(Clock::manual(Timestamp::now()), |_| {}).await;
        roof.get(&question(0)).await;
        let (before, used) = (left_of_the_office(&roof).await, roof.used().await);
        let base = format!("http://{}:{}", place.mirror, roof.mirror().port());
        let posted = "/api/records/1.0/search?dataset=fr-en-calendrier-scolaire&rows=1".to_owned();
        let mut task: Vec<Value> = ["opaque", "image", "script", "frame"]
            .iter()
            .zip(1..)
            .map(|(way, number)| json!({"way": way, "target": format!("{base}{}", question(number))}))
            .collect();
        task.push(json!({"way": "post", "target": format!("{base}{posted}")}));
        // What is refused can be read, as what is answered can.
        task.extend((10..13).map(|number| json!({"way": "fetch", "target": format!("{base}{}", question(number))})));
        task.push(json!({"way": "fetch", "target": format!("{base}{}", question(0))}));
        let count = task.len();
        let told: Vec<Told> = Site::new(place.page).await.visit("pages.html", task.into(), place.options).await;
        assert_eq!(told.len(), count, "{told:#?}");

        let received = roof.calls().await.received;
        assert_eq!(roof.used().await - used, u64::from(FEW), "calls that the page has had made: {told:#?}");
        assert_eq!(received, roof.used().await);
        let read: Vec<&Told> = told.iter().filter(|told| told.way == "fetch").collect();
        let (stored, asked) = read.split_last().expect("it has fetched");
        for told in asked {
            assert_eq!((told.status, told.error.as_deref()), (429, None), "{told:?}");
            let problem: Value = serde_json::from_str(&told.text).expect("JSON");
            assert_eq!((&problem["reason"], &problem["team"]), (&json!("team-ceiling"), &json!("browser")), "{problem}");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("allowed_origins")), "{problem}");
            assert_eq!(told.fields["x-ratelimit-limit"], FEW.to_string());
            assert!(told.fields.contains_key("retry-after"), "{told:?}");
        }
        assert_eq!((stored.status, &*stored.fields["x-preau-cost"]), (200, "0"), "what is stored is for everybody: {stored:?}");

        // Nothing of it was the office's, whose own programs go on.
        assert_eq!(left_of_the_office(&roof).await, before - u64::from(FEW), "what it may take of the pool that all share");
        let mirror = format!("http://{}", roof.mirror());
        let outcomes = curl::ask(&[], &mirror, &[Call::to(question(20)), Call::to(question(21))]);
        for outcome in outcomes {
            assert_eq!((outcome.status, &*outcome.fields["x-preau-cost"]), (200, "1"), "{outcome:?}");
        }
    });
}

pub fn a_page_of_an_allowed_origin_reads_every_field() {
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let site = Site::new("localhost").await;
        let clock = Clock::manual(Timestamp::now());
        let roof = office(clock.clone(), |config| config.listen.allowed_origins = vec![site.origin()]).await;
        let records = format!("{DIRECTORY}/records?lang=fr&limit=5");
        roof.get(&records).await;
        // A look has confirmed its version since.
        clock.advance(Duration::from_secs(301));
        assert!(!roof.get(&records).await.field("last-modified").is_empty());

        let base = format!("http://{}", roof.mirror());
        let ask = |target: &str, init: Value| json!({"way": "fetch", "target": format!("{base}{target}"), "init": init});
        let task = [
            (200, ask(&records, json!({}))),
            (200, ask(&question(1), json!({}))),
            (206, ask(&records, json!({"headers": {"Range": "bytes=0-9"}}))),
            (405, ask(&records, json!({"method": "POST"}))),
            (401, ask(&records, json!({"headers": {"X-Preau-Key": "nobodys"}}))),
            (429, ask(&question(2), json!({"headers": {"X-Preau-Key": KEY, "Accept-Language": "fr"}}))),
            (404, ask("/api/no-such-thing", json!({}))),
        ];
        let (expected, mut task): (Vec<u16>, Vec<Value>) = task.into_iter().unzip();
        task.push(ask("/pages/accueil/", json!({})));
        let mut told: Vec<Told> = site.visit("pages.html", task.into(), &[]).await;
        let followed = told.pop().expect("the page has told of it");
        for (told, status) in told.iter().zip(expected) {
            assert_eq!((told.status, told.error.as_deref()), (status, None), "{told:?}");
        }
        let sees: BTreeSet<&str> = told.iter().flat_map(|told| told.fields.keys()).map(String::as_str).collect();
        let mut hidden = http_page::sent();
        hidden.retain(|name| !sees.contains(name.to_ascii_lowercase().as_str()));
        // No page is ever shown the head of a redirect (the Fetch standard, section 4.4): the browser follows it, and that is what shows.
        assert_eq!(hidden, BTreeSet::from(["Location".to_owned()]), "fields that docs/http.md names and a page cannot read");
        assert_eq!((followed.error.as_deref(), &*followed.url), (None, &*format!("http://{}/pages/accueil/", roof.portal.addr())));

        // It asks for its reader's team, or for that of the key it was given.
        let unspent = |told: &Told| told.fields["x-ratelimit-limit"].clone();
        assert_eq!([&told[1], &told[5]].map(unspent), ["5000", "0"], "{told:#?}");
        let problem: Value = serde_json::from_str(&told[5].text).expect("JSON");
        assert_eq!((&problem["team"], &*told[5].fields["content-language"]), (&json!("broke"), "fr"), "{problem}");
        let nobody = http::get_with(roof.mirror(), &question(3), &[("origin", "http://elsewhere.example")]).await;
        assert_eq!(nobody.field("x-ratelimit-limit"), FEW.to_string(), "any other origin is foreign");
    });
}
