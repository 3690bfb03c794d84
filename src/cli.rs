//! The command line: one subcommand a file.

pub mod admin_client;
pub mod audit;
pub mod budget;
pub mod check;
pub mod connection;
pub mod course;
pub mod demo;
pub mod health;
pub mod key;
pub mod purge;
pub mod scratch;
pub mod serve;
pub mod simulate;
pub mod simulate_day;
pub mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Environment, Overrides};

/// One roof over an open-data portal: a caching reverse proxy that shares one daily budget of calls.
#[derive(Debug, Parser)]
#[command(name = "preau", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Mirror one portal or several.
    Serve(Settings),
    /// Watch it work: a portal in a box, a day's questions, and what came of them. Needs no network and no file.
    Demo(demo::Options),
    /// Run the portal in a box alone.
    Simulate(simulate::Options),
    /// Play a day of many teams in simulated time, in front of a portal in a box: who spent what, and who was refused why.
    SimulateDay(simulate_day::Options),
    /// How it stands with each portal: its versions, what audits have switched off, what datasets have lost.
    Status(status::Options),
    /// Hold a stored answer against the portal now; list what audits have switched off; switch it on again.
    Audit(audit::Options),
    /// What is left of the day's calls, as the running server says.
    Budget(budget::Options),
    /// Make stored answers stale, or remove them.
    Purge(purge::Options),
    /// Make a key for a team.
    Key(key::Options),
    /// Say everything that is wrong with the configuration, or what is in force.
    Check(ConfigFile),
    /// Exit with 0 if the running server is ready.
    Health(ConfigFile),
}

/// Where the settings are.
#[derive(Clone, Debug, Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Settings by flag. Flags win over `PREAU_*` variables, these over the file, that over defaults.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the mirror answers. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where the admin API answers.
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// The directory of the ledger.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A portal to mirror. One answers at the root, several under /NAME/.
    #[arg(long = "portal", value_name = "NAME=URL")]
    portals: Vec<String>,
}

impl From<ConfigFile> for Overrides {
    fn from(flags: ConfigFile) -> Self {
        Self { config: flags.config, ..Self::default() }
    }
}

impl From<Settings> for Overrides {
    fn from(flags: Settings) -> Self {
        Self { config: flags.config, listen: flags.listen, admin: flags.admin, data: flags.data, portals: flags.portals }
    }
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    ///
    /// What went wrong, for people. The process then ends with status 1.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let environment = Environment::of_process();
        match self.command {
            Command::Serve(settings) => runtime()?.block_on(serve::run(&settings.into(), &environment)),
            Command::Demo(options) => runtime()?.block_on(demo::run(options)),
            Command::Simulate(options) => runtime()?.block_on(simulate::run(options)),
            Command::SimulateDay(options) => runtime()?.block_on(simulate_day::run(options)),
            Command::Status(options) => runtime()?.block_on(status::run(options, &environment)),
            Command::Audit(options) => runtime()?.block_on(audit::run(options, &environment)),
            Command::Budget(options) => runtime()?.block_on(budget::run(options, &environment)),
            Command::Purge(options) => runtime()?.block_on(purge::run(options, &environment)),
            Command::Key(options) => key::run(options),
            Command::Check(file) => {
                let verdict = check::check(&file.into(), &environment);
                print!("{}", verdict.text);
                Ok(verdict.status.into())
            }
            Command::Health(file) => runtime()?.block_on(health::run(&file.into(), &environment)),
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// The ways in which a process is asked to stop: SIGTERM from an operator or a container engine, SIGINT from a keyboard.
struct StopSignals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    /// Begins to listen. Before anything is said to be ready: until then a signal ends the process where it stands.
    fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for the next one.
    async fn next(&mut self) -> std::io::Result<()> {
        #[cfg(unix)]
        {
            tokio::select! {
                _ = self.terminate.recv() => Ok(()),
                _ = self.interrupt.recv() => Ok(()),
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn flags_that_scripts_rely_on_are_understood() {
        Cli::command().debug_assert();
        for line in [
            "preau serve",
            "preau serve --config f.toml --listen 127.0.0.1:0 --admin 127.0.0.1:0 --data d --portal a=http://a --portal b=http://b",
            "preau demo",
            "preau demo --stay",
            "preau simulate",
            "preau simulate --listen 127.0.0.1:0 --quota 50 --delay 300ms --seed 7",
            "preau simulate-day examples/day.toml",
            "preau simulate-day --json day.toml",
            "preau budget",
            "preau budget --json",
            "preau budget report",
            "preau budget report --day 2026-03-02 --team lyon --portal box --csv --admin 127.0.0.1:8081",
            "preau budget report --json",
            "preau budget explain",
            "preau budget explain --team maths --at 14:30 --portal sports --admin 127.0.0.1:8081",
            "preau key new carte-scolaire",
            "preau check",
            "preau check --config f.toml",
            "preau health",
            "preau purge /api/explore/v2.1/catalog/datasets",
            "preau purge --dataset fr-en-annuaire-education --hard --yes",
            "preau purge --portal sports --family records --count",
            "preau purge --all",
            "preau status",
            "preau status --json --admin 127.0.0.1:8081",
            "preau audit",
            "preau audit --portal sports",
            "preau audit --list --json",
            "preau audit --accept drop-defaults:v2.1:records",
            "preau audit --accept-all",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "preau",
            "preau serve --portal",
            "preau simulate --delay soon",
            "preau simulate --delay -1s",
            "preau unknown",
            "preau key",
            "preau key new",
            "preau key new Carte",
            "preau key new browser",
            "preau purge",
            "preau budget report --csv --json",
            "preau budget --json report",
            "preau audit --list --accept-all",
            "preau purge --all --family records",
            "preau purge --all --count --hard",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
