//! `preau simulate`: the portal in a box, until it is asked to stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::StopSignals;
use crate::clock::Clock;
use crate::simulator::{self, DATASETS, MOST_DATASETS, Settings};

/// Flags of `preau simulate`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = simulator::help())]
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
    /// Datasets that everybody sees.
    #[arg(long, value_name = "N", default_value_t = DATASETS as u64, value_parser = clap::value_parser!(u64).range(DATASETS as u64..=MOST_DATASETS as u64))]
    datasets: u64,
    /// What its clock reads at the start, such as `2026-03-01T06:00:00Z`. It runs on from there.
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a length of time; `300ms` or `2 s` would be");
    text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok()).ok_or_else(wrong)
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Options { listen, quota, delay, seed, datasets, now } = options;
    let settings = Settings { listen, quota, delay, seed, datasets: datasets as usize, now, clock: Clock::system() };
    let mut signals = StopSignals::listen()?;
    let portal = simulator::start(settings).await?;
    println!("portal http://{}", portal.addr());
    signals.next().await?;
    portal.stop().await;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn a_portal_has_a_bounded_size_and_starts_at_a_time() {
        let takes = |flags: &str| Cli::try_parse_from(format!("preau simulate {flags}").split_whitespace()).is_ok();
        assert!(takes("--datasets 64") && takes("--datasets 2000 --now 2026-03-01T06:00:00Z"));
        for wrong in ["--datasets 63", "--datasets 2001", "--now tomorrow"] {
            assert!(!takes(wrong), "{wrong}");
        }
    }
}
