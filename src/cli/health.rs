//! `preau health`: for health checks of containers and service managers.

use std::process::ExitCode;

use http::StatusCode;

use super::admin_client;
use crate::config::{Config, Environment, Overrides};

pub(super) async fn run(overrides: &Overrides, environment: &Environment) -> anyhow::Result<ExitCode> {
    let config = Config::load(overrides, environment).map_err(anyhow::Error::msg)?;
    let (status, answer) = admin_client::get(config.listen.admin, "/readyz").await?;
    println!("{}", String::from_utf8_lossy(&answer));
    Ok(if status == StatusCode::OK { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
