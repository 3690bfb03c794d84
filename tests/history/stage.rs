//! A portal and a server on one clock, which a test moves.

use std::time::Duration;

use preau::clock::Clock;
use preau::config::Config;
use preau::server::Server;
use preau::simulator::Settings;
use serde_json::Value;

use super::http::{self, Answer};
use super::roof::Roof;

/// Records of a dataset.
pub const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records";

/// A server over the simulator.
pub struct Stage {
    pub roof: Roof,
    pub clock: Clock,
}

impl Stage {
    /// Eight in the morning, with a portal that grants `quota` calls.
    pub async fn new(quota: u32, configure: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual("2026-03-02T08:00:00Z".parse().expect("a time"));
        let settings = Settings { clock: clock.clone(), quota: quota.into(), ..Settings::default() };
        let roof = Roof::build(settings, clock.clone(), |config| {
            config.portals[0].daily_calls = quota.try_into().expect("some calls");
            configure(config);
        });
        Self { roof: roof.await, clock }
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.roof.get(target).await
    }

    /// Lets minutes pass.
    pub fn pass(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    pub async fn admin(&self, path: &str) -> Value {
        http::get(self.roof.server.admin(), path).await.json()
    }

    /// The report of today, or as the query says.
    pub async fn report(&self, query: &str) -> Value {
        self.admin(&format!("/api/v1/budget/report{query}")).await
    }

    /// The same data under another process.
    pub async fn restart(self) -> Self {
        let Self { roof: Roof { portal, server, data, config }, clock } = self;
        server.stop().await;
        let server = Server::start(&config, clock.clone()).await.expect("the server starts");
        Self { roof: Roof { portal, server, data, config }, clock }
    }
}

/// A count of all rows that fit.
pub fn sum(report: &Value, count: &str, fits: impl Fn(&Value) -> bool) -> u64 {
    let rows = report["rows"].as_array().expect("rows").iter().filter(|row| fits(row));
    rows.map(|row| row[count].as_u64().expect("a count")).sum()
}
