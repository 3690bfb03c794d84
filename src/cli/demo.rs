//! `preau demo`: a portal in a box, préau in front of it, and a day's questions through real sockets.

mod replay;
mod tally;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::scratch::Scratch;
use super::{StopSignals, admin_client};
use crate::clock::Clock;
use crate::config::{Config, Environment, Overrides};
use crate::server::Server;
use crate::simulator::{self, Settings};
use crate::telemetry;

/// The questions: targets of our own writing, in the spellings of real clients, repeated as teams repeat them.
const QUESTIONS: &str = include_str!("../../examples/questions.txt");

/// Calls that the portal in the box grants, as data.education.gouv.fr does.
const QUOTA: u64 = 5000;

/// Flags of `preau demo`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Keep both up afterwards, and print lines to try.
    #[arg(long)]
    stay: bool,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let data = Scratch::new("preau-demo")?;
    let portal = simulator::start(Settings { quota: QUOTA, ..Settings::default() }).await?;
    let config = settings(portal.addr(), data.path())?;
    telemetry::install(&config.telemetry).map_err(anyhow::Error::msg)?;
    let server = Server::start(&config, Clock::system()).await?;
    println!("portal in a box  http://{}", portal.addr());
    println!("preau            http://{}   (admin http://{})\n", server.mirror(), server.admin());

    let questions: Vec<&str> = QUESTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    println!("asking {} questions …", questions.len());
    let began = Instant::now();
    let tally = replay::replay(server.mirror(), Arc::from(questions)).await?;
    let took = began.elapsed();

    let (_, report) = admin_client::get(server.admin(), "/api/v1/budget").await?;
    let report: Value = serde_json::from_slice(&report).context("the admin API's answer is not JSON")?;
    let (_, counted) = admin_client::get(portal.addr(), "/_simulator/calls").await?;
    let counted: Value = serde_json::from_slice(&counted).context("the simulator's answer is not JSON")?;
    let verdict = Verdict::of(&report, &counted);
    print!("{}", tally.summary(took));
    println!("{verdict}");
    print!("\n{}", super::budget::table(&report, Timestamp::now()));

    if options.stay {
        let mut signals = StopSignals::listen()?;
        print!("{}", to_try(&server));
        signals.next().await?;
    }
    server.stop().await;
    portal.stop().await;
    Ok(if verdict.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Defaults, but for what a demonstration must not touch: the platform's state directory, fixed ports, anybody's variables.
fn settings(portal: std::net::SocketAddr, data: &std::path::Path) -> anyhow::Result<Config> {
    let overrides = Overrides {
        listen: Some("127.0.0.1:0".into()),
        admin: Some("127.0.0.1:0".into()),
        data: Some(data.to_owned()),
        portals: vec![format!("demo=http://{portal}")],
        ..Overrides::default()
    };
    let mut config = Config::load(&overrides, &Environment::default()).map_err(anyhow::Error::msg)?;
    // A line for each of thousands of questions would bury the summary.
    config.telemetry.log_filter = "warn".into();
    Ok(config)
}

/// Whether the count is true: the one thing that a demonstration must not show wrong.
struct Verdict {
    used: u64,
    received: u64,
    charged: u64,
}

impl Verdict {
    fn of(report: &Value, counted: &Value) -> Self {
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        Self {
            used: number(&report["portals"][0]["accounts"][0]["used"]),
            received: number(&counted["received"]),
            charged: number(&counted["charged"]),
        }
    }

    fn holds(&self) -> bool {
        self.received <= self.used && self.charged <= QUOTA
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { used, received, charged } = self;
        write!(f, "the portal received {received} calls and charged {charged} of {QUOTA}; the ledger says {used}: ")?;
        f.write_str(if self.holds() { "no call left uncounted" } else { "A CALL LEFT UNCOUNTED" })
    }
}

fn to_try(server: &Server) -> String {
    let mirror = format!("http://{}", server.mirror());
    let records = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records";
    format!(
        "\nBoth stay up until Ctrl-C. To try:\n\n\
         curl -si '{mirror}{records}?limit=2&where=libelle_academie%3D%22Lille%22'\n\
         curl -si '{mirror}{records}/?where=libelle_academie+%3D+%22Lille%22&limit=2&offset=0'\n\
         curl -s --compressed '{mirror}/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/csv?limit=5'\n\
         curl -s '{mirror}/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire&rows=3'\n\
         curl -s 'http://{}/api/v1/budget'\n",
        server.admin()
    )
}
