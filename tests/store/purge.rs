//! Purging through the admin API and the command line: what is stale from then on, what is gone, and what that costs.

use std::process::{Command, Output};

use bytes::Bytes;
use preau::simulator::{self, Settings, Simulator};
use serde_json::{Value, json};

use super::http::{self, Answer};
use super::roof::DIRECTORY;
use super::served::Served;

const CALENDAR: &str = "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire";
const CATALOGUE: &str = "/api/explore/v2.1/catalog/datasets?limit=2";

/// The server and the portal behind it.
struct Site {
    portal: Simulator,
    server: Served,
    config: std::path::PathBuf,
    _data: tempfile::TempDir,
}

impl Site {
    /// With a disk store, or with memory alone.
    async fn start(disk: bool) -> Self {
        let portal = simulator::start(Settings::default()).await.expect("it starts");
        let data = tempfile::tempdir().expect("a directory");
        let config = data.path().join("preau.toml");
        let disk_bytes = if disk { "1 GiB" } else { "0" };
        let text = format!(
            "data = \"data\"\n[cache]\ndisk_bytes = \"{disk_bytes}\"\nbuffer_limit = \"16 KiB\"\n[[portal]]\nname = \"box\"\nurl = \"http://{}\"\n",
            portal.addr()
        );
        std::fs::write(&config, text.replace("\"0\"", "0")).expect("it can be written");
        let server = Served::start(&["--config", config.to_str().expect("UTF-8")]);
        Self { portal, server, config, _data: data }
    }

    async fn restart(self) -> Self {
        self.server.terminate();
        let server = Served::start(&["--config", self.config.to_str().expect("UTF-8")]);
        Self { server, ..self }
    }

    async fn get(&self, target: &str) -> Answer {
        http::get(self.server.mirror, target).await
    }

    /// Asks, and asserts what it cost.
    async fn costs(&self, cost: &str, targets: &[&str]) {
        for target in targets {
            let answer = self.get(target).await;
            assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, cost), "{target}: {}", answer.cache_status());
        }
    }

    async fn post(&self, document: impl Into<Bytes>, content_type: &str) -> Answer {
        let fields = [("content-type", content_type)];
        http::send(self.server.admin, ::http::Method::POST, "/api/v1/purge", &fields, document.into()).await
    }

    /// Purges, and says how many it was about.
    async fn purge(&self, document: Value) -> u64 {
        let answer = self.post(document.to_string(), "application/json").await;
        assert_eq!(answer.status, 200, "{document}: {answer:?}");
        let report = answer.json();
        assert_eq!((report["portal"].as_str(), &report["calls"]), (Some("box"), &report["entries"]), "{report}");
        assert_eq!(report["mode"], document.get("mode").cloned().unwrap_or(json!("soft")), "{report}");
        assert_eq!(report["bytes"].as_u64() > Some(0), report["entries"].as_u64() > Some(0), "{report}");
        report["entries"].as_u64().expect("a count")
    }

    /// What the command line says. It is blocking, and the server is another process.
    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
        command.arg("purge").args(arguments).args(["--admin", &self.server.admin.to_string()]);
        command.env_clear().output().expect("it runs")
    }

    /// A portal that answers nothing but errors, for ever or not any more.
    async fn break_portal(&self, broken: bool) {
        let fault = json!({"family": "*", "kind": "status", "code": 503}).to_string();
        let (method, body) = if broken { (::http::Method::POST, fault) } else { (::http::Method::DELETE, String::new()) };
        let fields = [("content-type", "application/json")];
        let answer = http::send(self.portal.addr(), method, "/_simulator/faults", &fields, body.into()).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
}

/// Answers that are stored: of two datasets, in four families, and one of them large and in a file.
fn stored() -> [String; 6] {
    [
        format!("{DIRECTORY}/records?limit=5"),
        format!("{DIRECTORY}/records?limit=6"),
        format!("{DIRECTORY}/exports/csv?limit=600"),
        format!("{CALENDAR}/records?limit=5"),
        CALENDAR.to_owned(),
        CATALOGUE.to_owned(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_say_what_is_meant_finds_that_and_no_more() {
    for disk in [true, false] {
        let site = Site::start(disk).await;
        let stored = stored();
        let mut all: Vec<&str> = stored.iter().map(String::as_str).collect();
        if !disk {
            // Without a disk a large body has nowhere to stay.
            site.costs("1", &[all.remove(2)]).await;
        }
        site.costs("1", &all).await;
        site.costs("0", &all).await;
        let directory = all.iter().filter(|target| target.starts_with(DIRECTORY)).count() as u64;
        let mirror = site.server.mirror;
        let what = [
            (json!({"url": all[0]}), 1),
            (json!({"url": format!("http://{mirror}{}", all[0])}), 1),
            (json!({"url": format!("http://{}{}", site.portal.addr(), all[0])}), 1),
            (json!({"url": format!("{DIRECTORY}/records/?offset=0&limit=%35")}), 1),
            (json!({"url": format!("{DIRECTORY}/records?limit=7")}), 0),
            (json!({"dataset": "fr-en-annuaire-education"}), directory),
            (json!({"dataset": "fr-en-calendrier-scolaire", "portal": "box"}), 2),
            (json!({"dataset": "nothing"}), 0),
            (json!({"family": "records"}), 3),
            (json!({"family": "catalog"}), 1),
            (json!({"family": "export"}), u64::from(disk)),
            (json!({"all": true}), all.len() as u64),
        ];
        for (what, entries) in &what {
            let mut count = what.clone();
            count["mode"] = json!("count");
            assert_eq!(site.purge(count).await, *entries, "{what}, disk: {disk}");
        }
        // Counting does nothing.
        site.costs("0", &all).await;

        for mode in ["soft", "hard"] {
            let purge = async |mut what: Value| {
                if mode == "hard" {
                    what["mode"] = json!("hard");
                }
                site.purge(what).await
            };
            // The rest is left alone.
            assert_eq!(purge(json!({"url": format!("{DIRECTORY}/records/?limit=%35")})).await, 1);
            site.costs("0", &all[1..]).await;
            site.costs("1", &all[..1]).await;
            assert_eq!(purge(json!({"dataset": "fr-en-calendrier-scolaire"})).await, 2);
            let [others @ .., records, dataset, catalogue] = &all[..] else { panic!("{all:?}") };
            site.costs("0", others).await;
            site.costs("0", &[catalogue]).await;
            site.costs("1", &[records, dataset]).await;
            assert_eq!(purge(json!({"family": "records"})).await, 3);
            site.costs("0", &[dataset, catalogue]).await;
            site.costs("1", &[all[0], all[1], records]).await;
            assert_eq!(purge(json!({"all": true})).await, all.len() as u64);
            site.costs("1", &all).await;
            site.costs("0", &all).await;
        }
        let calls = http::get(site.server.admin, "/api/v1/budget").await.json()["portals"][0]["accounts"][0]["used"].clone();
        let received = http::get(site.portal.addr(), "/_simulator/calls").await.json()["received"].clone();
        assert_eq!(calls, received, "a purge costs nothing by itself");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_purged_softly_still_answers_when_the_portal_does_not() {
    for disk in [true, false] {
        let mut site = Site::start(disk).await;
        let stored = stored();
        let targets: Vec<&str> = stored.iter().map(String::as_str).filter(|target| disk || !target.contains("/exports/")).collect();
        let mut bodies = Vec::new();
        for target in &targets {
            bodies.push(site.get(target).await.body);
        }
        assert_eq!(site.purge(json!({"all": true})).await, targets.len() as u64);
        site.break_portal(true).await;
        // In memory or not, and after a restart too.
        for restarted in [false, true] {
            if restarted && disk {
                site = site.restart().await;
            }
            for (target, body) in targets.iter().zip(&bodies) {
                let stale = site.get(target).await;
                assert_eq!(stale.status, 200, "{target}: {stale:?}");
                let status = stale.cache_status();
                let tried = status.starts_with("preau; fwd=stale; fwd-status=503; ttl=-") && status.ends_with("; detail=fill-failed");
                // Nothing is tried for a while after it has failed, and nothing at all after five failures in a row.
                let left_alone = ["; detail=failed-before", "; detail=portal-down"].iter().any(|detail| status.ends_with(detail));
                assert!(tried || (status.starts_with("preau; hit; ttl=-") && left_alone), "{target}: {status}");
                // The server has another address now, and links lead to it.
                assert!(*target == CATALOGUE || stale.body == body, "{target}");
            }
        }
        site.break_portal(false).await;
        if disk {
            // Another process does not know that the portal has failed, and tries at once.
            site = site.restart().await;
            site.costs("1", &targets).await;
            site.costs("0", &targets).await;
        }

        // What is gone is gone, also after a restart.
        assert_eq!(site.purge(json!({"all": true, "mode": "hard"})).await, targets.len() as u64);
        site.break_portal(true).await;
        for restarted in [false, true] {
            if restarted && disk {
                site = site.restart().await;
            }
            for target in &targets {
                assert_eq!(site.get(target).await.status, 503, "{target}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_purges_and_says_what_it_costs_before_it_removes() {
    let site = Site::start(true).await;
    let stored = stored();
    let targets: Vec<&str> = stored.iter().map(String::as_str).collect();
    site.costs("1", &targets).await;
    let said = |output: &Output| String::from_utf8(output.stdout.clone()).expect("UTF-8");

    let count = site.command(&["--count", "--dataset", "fr-en-annuaire-education"]);
    assert!(count.status.success() && said(&count).starts_with("box: 3 stored answers ("), "{count:?}");
    assert!(said(&count).ends_with("would cost at most 3 calls\n"), "{count:?}");
    site.costs("0", &targets).await;

    let soft = site.command(&[&format!("http://any.example{}", targets[0])]);
    assert!(soft.status.success() && said(&soft).starts_with("box: 1 stored answer ("), "{soft:?}");
    assert!(said(&soft).contains("made stale; each is fetched again when it is asked for, at most 1 calls"), "{soft:?}");
    site.costs("1", &targets[..1]).await;

    // Shown first, and nothing is done.
    let shown = site.command(&["--all", "--hard"]);
    assert!(!shown.status.success() && said(&shown).contains("box: 6 stored answers ("), "{shown:?}");
    assert!(said(&shown).contains("would cost at most 6 calls\nnothing was removed yet; add --yes to remove them\n"), "{shown:?}");
    site.costs("0", &targets).await;
    let hard = site.command(&["--all", "--hard", "--yes"]);
    assert!(hard.status.success() && said(&hard).ends_with("removed; to have them again costs at most 6 calls\n"), "{hard:?}");
    site.costs("1", &targets).await;

    let family = site.command(&["--family", "records", "--portal", "box"]);
    assert!(family.status.success() && said(&family).starts_with("box: 3 stored answers ("), "{family:?}");

    for (arguments, says) in [
        (&["--family", "recods"][..], "no family is called \"recods\"; there are navigation, "),
        (&["--all", "--portal", "nobody"], "no portal is called \"nobody\""),
        (&["/pages/accueil/"], "this page is the portal's and is not stored here"),
        (&["/api/explore/v2.1/catalog/datasets/x/records?limit=%zz"], "percent"),
        (&[], "required"),
        (&["--all", "--dataset", "x"], "cannot be used with"),
        (&["--all", "--count", "--hard"], "cannot be used with"),
        (&["--all", "--yes"], "--hard"),
    ] {
        let refused = site.command(arguments);
        let text = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && text.contains(says), "{arguments:?}: {text}");
    }
    site.server.terminate();
    let nobody = Command::new(env!("CARGO_BIN_EXE_preau")).args(["purge", "--all", "--admin", "127.0.0.1:1"]).env_clear().output();
    let nobody = String::from_utf8(nobody.expect("it runs").stderr).expect("UTF-8");
    assert!(nobody.contains("no server answers on the admin address 127.0.0.1:1"), "{nobody}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_purge_is_refused_and_purges_nothing() {
    let site = Site::start(true).await;
    site.costs("1", &[CALENDAR]).await;
    for (document, says) in [
        ("{}", "write one of"),
        (r#"{"all": false}"#, "write one of"),
        (r#"{"all": true, "dataset": "x"}"#, "write one of"),
        (r#"{"url": "/api/v2", "family": "records"}"#, "write one of"),
        (r#"{"all": true, "mode": "gentle"}"#, "gentle"),
        (r#"{"all": true, "hard": true}"#, "unknown field"),
        (r#"{"all": "yes"}"#, "invalid type"),
        (r#"[]"#, "write one of"),
        (r#"{"family": "Records"}"#, "no family is called"),
        (r#"{"all": true, "portal": "education"}"#, "no portal is called"),
        (r#"{"url": ""}"#, ""),
        (r#"{"url": "/api/records/1.0/nothing/"}"#, "does not exist"),
        (r#"{"url": "https://data.example/explore/dataset/x/"}"#, "not stored here"),
    ] {
        let answer = site.post(document, "application/json").await;
        assert_eq!(answer.status, 400, "{document}: {answer:?}");
        let error = answer.json()["error"].as_str().expect("a sentence").to_owned();
        assert!(!error.is_empty() && error.contains(says), "{document}: {error}");
    }
    for (document, content_type, status) in [
        ("{\"all\": true", "application/json", 400),
        ("{\"all\": true, \"mode\": \"hard\"}", "text/plain", 415),
        ("all=true", "application/x-www-form-urlencoded", 415),
    ] {
        assert_eq!(site.post(document, content_type).await.status, status, "{document}");
    }
    let get = http::get(site.server.admin, "/api/v1/purge").await;
    assert_eq!((get.status.as_u16(), get.field("allow")), (405, "POST"));
    site.costs("0", &[CALENDAR]).await;
}
