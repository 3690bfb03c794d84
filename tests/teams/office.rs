//! An organisation with two teams beside the two that are always there, and a way to see which of them a request belongs to.

use preau::clock::Clock;
use preau::config::{Config, KeyHash, Team};
use preau::simulator::Settings;

use super::http::{self, Answer};
use super::roof::{DIRECTORY, Roof};

/// The key of the team `carte`.
pub const CARTE: &str = "preau_0101010101010101010101010101010101010101010101010101010101010101";
/// The key of the team `calendrier`.
pub const CALENDRIER: &str = "preau_0202020202020202020202020202020202020202020202020202020202020202";
/// The teams, in their order.
pub const TEAMS: [&str; 4] = ["default", "browser", "carte", "calendrier"];

/// Four times the same organisation: in each, another team alone may force calls. Whose request it is shows in which of them it does.
pub struct Office {
    roofs: Vec<Roof>,
    target: String,
}

impl Office {
    /// With what `configure` adds.
    pub async fn new(configure: impl Fn(&mut Config)) -> Self {
        let target = format!("{DIRECTORY}/records?limit=1");
        let mut roofs = Vec::new();
        for index in 0..TEAMS.len() {
            let roof = Roof::build(Settings::default(), Clock::system(), |config| {
                add_teams(config);
                configure(config);
                config.teams[index].may_force = true;
            })
            .await;
            assert_eq!(roof.get(&target).await.status, 200);
            roofs.push(roof);
        }
        Self { roofs, target }
    }

    /// The team whose request this is, which asks for what is stored already.
    pub async fn whose(&self, fields: &[(&str, &str)]) -> &'static str {
        let mut whose = Vec::new();
        for (roof, team) in self.roofs.iter().zip(TEAMS) {
            let answer = http::get_with(roof.mirror(), &self.target, &[fields, &[("cache-control", "no-cache")]].concat()).await;
            assert_eq!(answer.status, 200, "{fields:?}: {answer:?}");
            match answer.field("x-preau-cost") {
                "1" => whose.push(team),
                cost => assert_eq!((cost, answer.cache_status().starts_with("preau; hit")), ("0", true), "{answer:?}"),
            }
        }
        assert_eq!(whose.len(), 1, "{fields:?} is of {whose:?}");
        whose[0]
    }

    /// What such a request is answered, where no team of it matters.
    pub async fn ask(&self, fields: &[(&str, &str)]) -> Answer {
        http::get_with(self.roofs[0].mirror(), &self.target, fields).await
    }

    /// The address of the one that [`ask`](Self::ask) asks.
    pub fn host(&self) -> String {
        self.roofs[0].mirror().to_string()
    }
}

/// The two teams: one has a wide network, the other a narrow one within it.
pub fn add_teams(config: &mut Config) {
    let template = config.teams[0].clone();
    for (name, key, network) in [("carte", CARTE, "10.0.0.0/8"), ("calendrier", CALENDRIER, "10.1.0.0/16")] {
        config.teams.push(Team {
            name: name.to_owned(),
            keys: vec![KeyHash::of(key.as_bytes())],
            networks: vec![network.parse().expect("a network")],
            ..template.clone()
        });
    }
}

/// Lets requests of this machine be whosever they say, as a proxy's may.
pub fn behind_a_proxy(config: &mut Config) {
    config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}

/// Makes this machine a part of the network of `carte`.
pub fn in_the_network_of_carte(config: &mut Config) {
    config.teams[2].networks.push("127.0.0.0/8".parse().expect("a network"));
}

/// A value of `Authorization`.
pub fn basic(name: &str, key: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{name}:{key}")))
}
