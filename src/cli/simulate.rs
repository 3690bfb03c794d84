//! `preau simulate`: the portal in a box, until it is asked to stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::StopSignals;
use crate::simulator::{self, Settings};

/// Flags of `preau simulate`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Where it answers. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Calls that it grants a caller per UTC day.
    #[arg(long, value_name = "N", default_value_t = 5000)]
    quota: u64,
    /// How long it takes over each answer, such as `300ms`.
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = duration)]
    delay: Duration,
    /// Chooses the data: the same seed has the same records.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a length of time; `300ms` or `2 s` would be");
    text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok()).ok_or_else(wrong)
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Options { listen, quota, delay, seed } = options;
    let mut signals = StopSignals::listen()?;
    let portal = simulator::start(Settings { listen, quota, delay, seed }).await?;
    println!("portal http://{}", portal.addr());
    signals.next().await?;
    portal.stop().await;
    Ok(ExitCode::SUCCESS)
}
