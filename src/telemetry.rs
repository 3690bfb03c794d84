//! Logs: one line per exchange, text or JSON, to standard error.
//!
//! What a line may carry is decided where it is written: targets go through [`redacted`](crate::request::credential::redacted) first, secrets print
//! as `…` by type.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{LogFormat, Telemetry};

/// Installs the subscriber for the process. The second call in a process changes nothing: tests start many servers.
///
/// # Errors
///
/// The filter's syntax error, in words.
pub fn install(settings: &Telemetry) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.log_filter)
        .map_err(|error| format!("log_filter `{}` is not a filter: {error}; `info` or `preau=debug,info` would be", settings.log_filter))?;
    // Without the module's name: it is nobody's affair outside, and its key in JSON is that of a request's target.
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let installed = match settings.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    // Somebody else's subscriber is as good.
    drop(installed);
    Ok(())
}
