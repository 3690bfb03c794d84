//! The simulator with préau in front of it, on loopback sockets.

use std::net::SocketAddr;

use preau::clock::Clock;
use preau::config::{Config, Environment, Overrides};
use preau::server::Server;
use preau::simulator::{self, Settings, Simulator};
use serde_json::{Value, json};

use super::http::{self, Answer};

/// A path that most tests ask below.
pub const DIRECTORY: &str = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education";

/// The portal in a box, and the roof over it.
pub struct Roof {
    pub portal: Simulator,
    pub server: Server,
    pub data: tempfile::TempDir,
    pub config: Config,
}

/// What the simulator has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    pub received: u64,
    pub charged: u64,
}

impl Roof {
    /// Defaults, a portal without delay, the system's clock.
    pub async fn new() -> Self {
        Self::build(Settings::default(), Clock::system(), |_| {}).await
    }

    /// As `configure` says.
    pub async fn build(portal: Settings, clock: Clock, configure: impl FnOnce(&mut Config)) -> Self {
        let portal = simulator::start(portal).await.expect("the simulator starts");
        let data = tempfile::tempdir().expect("a directory for the ledger");
        let mut config = settings(portal.addr(), data.path());
        configure(&mut config);
        let server = Server::start(&config, clock).await.expect("the server starts");
        Self { portal, server, data, config }
    }

    /// Where clients ask.
    pub fn mirror(&self) -> SocketAddr {
        self.server.mirror()
    }

    /// Asks through the roof.
    pub async fn get(&self, target: &str) -> Answer {
        http::get(self.mirror(), target).await
    }

    /// Asks the portal itself. It counts as a call there.
    pub async fn ask_portal(&self, target: &str) -> Answer {
        http::get(self.portal.addr(), target).await
    }

    /// An answer of the portal with its links as the mirror gives them.
    pub fn linked_here(&self, body: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(body);
        if text.as_bytes() != body {
            return body.to_vec(); // no text, no links
        }
        text.replace(&format!("http://{}/", self.portal.addr()), &format!("http://{}/", self.mirror())).into_bytes()
    }

    /// What the portal has counted.
    pub async fn calls(&self) -> Calls {
        let counted = http::get(self.portal.addr(), "/_simulator/calls").await.json();
        Calls { received: counted["received"].as_u64().expect("a count"), charged: counted["charged"].as_u64().expect("a count") }
    }

    /// The anonymous account, as the admin API shows it.
    pub async fn account(&self) -> Value {
        http::get(self.server.admin(), "/api/v1/budget").await.json()["portals"][0]["accounts"][0].clone()
    }

    /// Calls used, by the ledger.
    pub async fn used(&self) -> u64 {
        self.account().await["used"].as_u64().expect("a count")
    }

    /// A control path of the simulator.
    pub async fn control(&self, path_and_query: &str) {
        let answer = http::send(self.portal.addr(), ::http::Method::POST, path_and_query, &[], bytes::Bytes::new()).await;
        assert!(answer.status.is_success(), "{path_and_query}: {answer:?}");
    }

    /// Makes the simulator fail; `times` none is for ever.
    pub async fn fault(&self, family: &str, kind: &str, times: Option<u64>, more: Value) {
        let mut fault = json!({"family": family, "kind": kind, "times": times});
        for (name, value) in more.as_object().into_iter().flatten() {
            fault[name] = value.clone();
        }
        let body = serde_json::to_vec(&fault).expect("JSON");
        let fields = [("content-type", "application/json")];
        let answer = http::send(self.portal.addr(), ::http::Method::POST, "/_simulator/faults", &fields, body.into()).await;
        assert!(answer.status.is_success(), "{fault}: {answer:?}");
    }

    /// Ends all faults of the simulator.
    #[allow(dead_code, reason = "each test binary uses its part")]
    pub async fn forget_faults(&self) {
        let answer = http::send(self.portal.addr(), ::http::Method::DELETE, "/_simulator/faults", &[], bytes::Bytes::new()).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
}

/// Defaults on free ports, with one portal.
pub fn settings(portal: SocketAddr, data: &std::path::Path) -> Config {
    let overrides = Overrides {
        listen: Some("127.0.0.1:0".into()),
        admin: Some("127.0.0.1:0".into()),
        data: Some(data.to_owned()),
        portals: vec![format!("box=http://{portal}")],
        ..Overrides::default()
    };
    let mut config = Config::load(&overrides, &Environment::default()).expect("defaults are right");
    // All clients of a test have one address, and its clock may stand still.
    config.budget.misses_per_second = 0;
    config
}
