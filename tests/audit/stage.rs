//! A portal and a server on one clock, which a test moves.

use std::time::Duration;

use preau::clock::Clock;
use preau::config::Config;
use preau::server::Server;
use preau::simulator::Settings;
use serde_json::{Value, json};

use super::http::{self, Answer};
use super::roof::Roof;

/// A dataset that the tests lie about.
pub const DATASET: &str = "fr-en-annuaire-education";

/// Its records.
pub const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records";

/// A server over the simulator.
pub struct Stage {
    pub roof: Roof,
    pub clock: Clock,
}

impl Stage {
    /// Half an hour into a day.
    pub async fn new(configure: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual("2026-03-02T00:30:00Z".parse().expect("a time"));
        let settings = Settings { clock: clock.clone(), ..Settings::default() };
        let roof = Roof::build(settings, clock.clone(), configure).await;
        Self { roof, clock }
    }

    pub async fn get(&self, target: &str) -> Answer {
        let answer = self.roof.get(target).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        answer
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn admin(&self, path: &str) -> Value {
        http::get(self.roof.server.admin(), path).await.json()
    }

    pub async fn post(&self, path: &str, document: &Value) -> Answer {
        let fields = [("content-type", "application/json")];
        let body = document.to_string().into_bytes().into();
        http::send(self.roof.server.admin(), ::http::Method::POST, path, &fields, body).await
    }

    /// The state of the audit, once none is under way.
    pub async fn audits(&self) -> Value {
        loop {
            let report = self.admin("/api/v1/audit").await["portals"][0].clone();
            if report["under_way"] == false {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// What is off.
    pub async fn off(&self) -> Vec<String> {
        names(&self.audits().await)
    }

    /// An audit now.
    pub async fn audit(&self) -> Value {
        let answer = self.post("/api/v1/audit", &json!({})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub async fn status(&self) -> Value {
        self.admin("/api/v1/status").await["portals"][0].clone()
    }

    /// Tells the portal to lie.
    pub async fn lie(&self, how: &str) {
        self.roof.control(&format!("/_simulator/lie?{how}")).await;
    }

    /// The same data under another process.
    pub async fn restart(self) -> Self {
        let Self { roof: Roof { portal, server, data, config }, clock } = self;
        server.stop().await;
        let server = Server::start(&config, clock.clone()).await.expect("the server starts");
        Self { roof: Roof { portal, server, data, config }, clock }
    }
}

/// The switches in a report of what is off.
pub fn names(report: &Value) -> Vec<String> {
    let off = report["off"].as_array().expect("a list");
    off.iter().map(|finding| finding["switch"].as_str().expect("a name").to_owned()).collect()
}
