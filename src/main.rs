//! The `preau` command.

use std::process::ExitCode;

use clap::Parser;
use preau::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(status) => status,
        Err(error) => {
            eprintln!("preau: {error:#}");
            ExitCode::FAILURE
        }
    }
}
