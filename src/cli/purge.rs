//! `preau purge`: stored answers made stale, or removed.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::admin_client::{self, Server, answered};
use crate::config::{Environment, size_text};

/// Flags of `preau purge`.
#[derive(Clone, Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true)), group(clap::ArgGroup::new("how")))]
pub struct Options {
    /// All answers to this URL or target, in any spelling.
    #[arg(value_name = "URL", group = "what")]
    url: Option<String>,
    /// All answers about this dataset.
    #[arg(long, value_name = "ID", group = "what")]
    dataset: Option<String>,
    /// All answers of this endpoint family, such as `records` or `export`.
    #[arg(long, value_name = "NAME", group = "what")]
    family: Option<String>,
    /// All answers of the portal.
    #[arg(long, group = "what")]
    all: bool,
    /// The portal. Default: the first one.
    #[arg(long, value_name = "NAME")]
    portal: Option<String>,
    /// Remove them instead of making them stale: until they are fetched again there is nothing to fall back on.
    #[arg(long, group = "how")]
    hard: bool,
    /// Only say how many there are.
    #[arg(long, group = "how")]
    count: bool,
    /// Remove without being shown the cost first.
    #[arg(long, requires = "hard")]
    yes: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(options: Options, environment: &Environment) -> anyhow::Result<ExitCode> {
    let admin = options.server.address(environment)?;
    // What is removed must be paid again: that is said before it is done.
    let unconfirmed = options.hard && !options.yes;
    let mode = if options.count || unconfirmed {
        "count"
    } else if options.hard {
        "hard"
    } else {
        "soft"
    };
    let answer = answered(admin_client::post(admin, "/api/v1/purge", &options.document(mode)).await?)?;
    println!("{}", sentence(&answer));
    if unconfirmed {
        println!("nothing was removed yet; add --yes to remove them");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn document(&self, mode: &str) -> Value {
        let mut document = json!({"mode": mode});
        if let Some(portal) = &self.portal {
            document["portal"] = json!(portal);
        }
        for (name, value) in [("url", &self.url), ("dataset", &self.dataset), ("family", &self.family)] {
            if let Some(value) = value {
                document[name] = json!(value);
            }
        }
        if self.all {
            document["all"] = json!(true);
        }
        document
    }
}

/// What was done, or would be, for people.
fn sentence(report: &Value) -> String {
    let number = |name: &str| report[name].as_u64().unwrap_or(0);
    let (entries, calls) = (number("entries"), number("calls"));
    let answers = if entries == 1 { "1 stored answer".to_owned() } else { format!("{entries} stored answers") };
    let weight = size_text(number("bytes"));
    let portal = report["portal"].as_str().unwrap_or("?");
    match report["mode"].as_str() {
        Some("soft") => {
            format!("{portal}: {answers} ({weight}) made stale; each is fetched again when it is asked for, at most {calls} calls in all")
        }
        Some("hard") => format!("{portal}: {answers} ({weight}) removed; to have them again costs at most {calls} calls"),
        _ => format!("{portal}: {answers} ({weight}); to have them again would cost at most {calls} calls"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_what_it_costs() {
        let report = |mode: &str| json!({"portal": "education", "mode": mode, "entries": 12, "bytes": 2048, "calls": 12});
        assert_eq!(sentence(&report("hard")), "education: 12 stored answers (2 KiB) removed; to have them again costs at most 12 calls");
        assert!(sentence(&report("count")).ends_with("would cost at most 12 calls"));
        assert!(sentence(&report("soft")).contains("made stale"));
    }
}
