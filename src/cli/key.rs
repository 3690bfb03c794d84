//! `preau key new NAME`: a key for a team.
//!
//! The key is printed once and kept nowhere: the configuration has its hash. Nothing is read or written, so it runs on any machine.

use std::fmt;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::config::{KEY_PREFIX, KeyHash, team_name};

/// Flags of `preau key`.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Make a key for a team: prints it once, and the lines for the configuration.
    New {
        /// The team's name.
        #[arg(value_name = "NAME", value_parser = team)]
        name: String,
    },
}

fn team(text: &str) -> Result<String, String> {
    let name = team_name(text)?;
    if name == "browser" { Err("that of foreign pages has no keys; choose another team".to_owned()) } else { Ok(name) }
}

pub(super) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let Command::New { name } = options.command;
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    print!("{}", New { name: &name, random });
    Ok(ExitCode::SUCCESS)
}

/// A new key. The first line is the key and nothing else, for scripts that hand it on.
struct New<'a> {
    name: &'a str,
    /// 256 bits: nobody guesses them, and no slow hash is needed to keep them.
    random: [u8; 32],
}

impl fmt::Display for New<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String = self.random.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = format!("{KEY_PREFIX}{digits}");
        let Self { name, .. } = self;
        writeln!(f, "{key}\n")?;
        writeln!(f, "# The key above is shown this once: hand it to the team. The file has only its hash:")?;
        writeln!(f, "[[team]]\nname = \"{name}\"\nkeys = [\"{}\"]\n", KeyHash::of(key.as_bytes()))?;
        writeln!(f, "# If the team is there already, add the hash to its keys, and take the old one out once nobody uses it.")?;
        writeln!(f, "# Clients send the key in the field X-Preau-Key, or as the password of {name} (HTTP Basic).")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Overrides};

    #[test]
    fn what_is_printed_below_the_key_is_a_configuration_that_knows_it() {
        let text = New { name: "carte-scolaire", random: [0xa5; 32] }.to_string();
        let (key, rest) = text.split_once('\n').unwrap();
        assert_eq!(key, format!("preau_{}", "a5".repeat(32)));
        assert!(!rest.contains(key), "{rest}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f.toml");
        std::fs::write(&path, rest).unwrap();
        let overrides = Overrides { config: Some(path), ..Overrides::default() };
        let config = Config::load(&overrides, &Environment::from_iter([("HOME", "/")])).unwrap();
        assert_eq!(
            (config.teams[2].name.as_str(), config.teams[2].keys.as_slice()),
            ("carte-scolaire", &[KeyHash::of(key.as_bytes())][..])
        );
    }

    #[test]
    fn a_key_is_made_for_a_team_that_can_have_one() {
        assert_eq!(team("carte-scolaire").as_deref(), Ok("carte-scolaire"));
        assert_eq!(team("default").as_deref(), Ok("default"));
        for bad in ["", "Carte", "a:b", "browser", &"a".repeat(33)] {
            assert!(team(bad).is_err(), "{bad}");
        }
    }
}
