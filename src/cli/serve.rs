//! `preau serve`: the server, until it is asked to stop; at once, if it is asked again.

use std::process::ExitCode;

use super::StopSignals;
use crate::clock::Clock;
use crate::config::{Config, Environment, Overrides};
use crate::server::{Server, raise_file_limit};
use crate::telemetry;

pub(super) async fn run(overrides: &Overrides, environment: &Environment) -> anyhow::Result<ExitCode> {
    let config = match Config::load(overrides, environment) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut signals = StopSignals::listen()?;
    telemetry::install(&config.telemetry).map_err(anyhow::Error::msg)?;
    raise_file_limit();
    let server = Server::start(&config, Clock::system()).await?;
    // For people and for scripts that asked for a free port.
    println!("mirror http://{}", server.mirror());
    println!("admin  http://{}", server.admin());
    for portal in &config.portals {
        tracing::info!(portal = portal.name, url = %portal.url, daily_calls = portal.daily_calls, "mirrors");
    }
    signals.next().await?;
    tracing::info!("asked to stop");
    tokio::select! {
        () = server.stop() => {}
        again = signals.next() => {
            again?;
            // Every call that left is on disk already.
            tracing::warn!("asked to stop once more; what is under way is dropped");
        }
    }
    Ok(ExitCode::SUCCESS)
}
