//! `preau simulate-day`: a day of many teams, played in simulated time, and who spent what.
//!
//! A portal in a box and préau in front of it, on one clock that is moved by hand from one instant of the script to the next; clients ask
//! over real sockets, one after the other, so that the same script gives the same day. Nothing outside this machine is asked.

mod outcome;
mod play;
mod script;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::script::Script;
use crate::config::Telemetry;
use crate::telemetry;

/// Flags of `preau simulate-day`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The script of the day; `examples/day.toml` is one that explains itself.
    #[arg(value_name = "FILE")]
    script: PathBuf,
    /// The day as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let script = Script::read(&options.script)?;
    // A line for each question, and for each fault that the script asks for, would bury what came of them.
    let telemetry = Telemetry { log_filter: "off".into(), ..script.config.telemetry.clone() };
    telemetry::install(&telemetry).map_err(anyhow::Error::msg)?;
    let outcome = play::play(&script).await?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print!("{outcome}");
    }
    Ok(if outcome.adds_up() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
