//! The script of a day: a configuration of préau's, the portal, who asks what and when, and what happens besides.
//!
//! One TOML file. Its tables below `preau` are a configuration file of their own, read as any other; the rest is here.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use ipnet::IpNet;
use jiff::civil::{Date, Time};
use serde::Deserialize;

use crate::cli::scratch::Scratch;
use crate::config::{Config, Environment, Overrides};

/// A day, ready to be played.
#[derive(Debug)]
pub struct Script {
    /// The day, in UTC.
    pub day: Date,
    /// The portal in a box.
    pub portal: Portal,
    /// How préau is configured; addresses and the data directory are the player's to choose.
    pub config: Config,
    /// What is asked and what happens, in order of time and, within an instant, of the file.
    pub steps: Vec<Step>,
}

/// `[portal]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portal {
    /// Calls that it grants in the day.
    pub daily_calls: u64,
    /// Chooses its data.
    #[serde(default = "one")]
    pub seed: u64,
}

fn one() -> u64 {
    1
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When, since midnight.
    pub at: Duration,
    /// What.
    pub deed: Deed,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A client of a team asks.
    Ask {
        /// The team's place in the configuration.
        team: usize,
        /// The client's address.
        client: String,
        /// The origin of the page that it shows, if it is a browser that shows another's.
        origin: Option<String>,
        /// What it asks.
        target: String,
    },
    /// The portal is told something (`preau simulate --help` lists what): that others have spent calls, that a dataset has moved.
    Portal {
        /// A control of the simulator, with its parameters.
        control: String,
    },
    /// The portal fails in some way, or does so no more.
    Fault {
        /// The simulator's fault, as JSON; none ends them all.
        fault: Option<serde_json::Value>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    day: Date,
    portal: Portal,
    #[serde(default)]
    ask: Vec<Ask>,
    #[serde(default)]
    event: Vec<Event>,
    /// Read as a configuration file of its own.
    #[serde(default, rename = "preau")]
    _preau: toml::Table,
}

/// `[[ask]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    team: String,
    /// Once, or from here on.
    at: Time,
    to: Option<Time>,
    /// Seconds between two times.
    every_s: Option<u64>,
    /// Questions each time.
    #[serde(default = "one")]
    burst: u64,
    /// Clients of the team that ask in turn.
    #[serde(default = "one")]
    clients: u64,
    /// The origin of the page that asks, if one does.
    origin: Option<String>,
    /// `{n}` stands for a number that counts on with each question…
    question: String,
    /// …and begins anew after so many.
    distinct: Option<u64>,
}

/// `[[event]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    at: Time,
    control: Option<String>,
    fault: Option<toml::Table>,
    #[serde(default)]
    forget_faults: bool,
}

/// More steps than any day of people has.
const MOST_STEPS: u64 = 1_000_000;

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it, by line where that is known.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no day that can be played", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        let config = configuration(text)?;
        let mut steps = Vec::new();
        for ask in &file.ask {
            ask.unfold(&config, &mut steps).with_context(|| format!("the [[ask]] of `{}` at {}", ask.team, ask.at))?;
        }
        for event in file.event {
            steps.push(event.step()?);
        }
        ensure!(!steps.is_empty(), "nothing happens; write at least one [[ask]]");
        steps.sort_by_key(|step| step.at);
        Ok(Self { day: file.day, portal: file.portal, config, steps })
    }
}

impl Ask {
    fn unfold(&self, config: &Config, steps: &mut Vec<Step>) -> anyhow::Result<()> {
        let team = config.teams.iter().position(|team| team.name == self.team).with_context(|| {
            let known: Vec<&str> = config.teams.iter().map(|team| team.name.as_str()).collect();
            format!("there is no such team; there are {}", known.join(", "))
        })?;
        ensure!(self.question.starts_with('/'), "`question` is a path of the portal and begins with a slash");
        let (first, last) = (since_midnight(self.at), self.to.map(since_midnight));
        let times = match (self.every_s, last) {
            (None, None) => 1,
            (Some(every), Some(last)) if every > 0 && last > first => (last - first).as_secs() / every + 1,
            _ => bail!("`to` and `every_s` belong together: until when, and with how many seconds between"),
        };
        ensure!(times.saturating_mul(self.burst) <= MOST_STEPS, "more than {MOST_STEPS} questions are more than a day has");
        ensure!(self.clients > 0 && self.distinct != Some(0), "`clients` and `distinct` are at least 1");
        let address = |client: u64| address(config.teams[team].networks.first(), client);
        for number in 0..times * self.burst {
            let at = first + Duration::from_secs(self.every_s.unwrap_or(0) * (number / self.burst));
            let n = self.distinct.map_or(number, |distinct| number % distinct);
            let target = self.question.replace("{n}", &n.to_string());
            steps.push(Step { at, deed: Deed::Ask { team, client: address(number % self.clients)?, origin: self.origin.clone(), target } });
        }
        Ok(())
    }
}

impl Event {
    fn step(self) -> anyhow::Result<Step> {
        let deed = match (self.control, self.fault, self.forget_faults) {
            (Some(control), None, false) => Deed::Portal { control },
            (None, Some(fault), false) => Deed::Fault { fault: Some(serde_json::to_value(fault)?) },
            (None, None, true) => Deed::Fault { fault: None },
            _ => bail!("an [[event]] at {} has one of `control`, `fault` and `forget_faults = true`", self.at),
        };
        Ok(Step { at: since_midnight(self.at), deed })
    }
}

/// An address of the team's network; of a team that has none, one that belongs to nobody's (RFC 5737).
fn address(network: Option<&IpNet>, client: u64) -> anyhow::Result<String> {
    let network = network.copied().unwrap_or_else(|| "192.0.2.0/24".parse().expect("the constant is a network"));
    let client = usize::try_from(client).unwrap_or(usize::MAX);
    network.hosts().nth(client).map(|host| host.to_string()).with_context(|| format!("{network} has no {} clients", client + 1))
}

fn since_midnight(time: Time) -> Duration {
    Duration::try_from(time.duration_since(Time::midnight())).unwrap_or_default()
}

/// The tables below `preau`, as a configuration file: every other line is left empty, so that faults name the script's own lines.
fn configuration(text: &str) -> anyhow::Result<Config> {
    let mut ours = false;
    let mut file = String::with_capacity(text.len());
    for line in text.lines() {
        let header = line.trim_start();
        if header.starts_with('[') {
            let stripped = header.replacen("[preau.", "[", 1);
            ours = stripped != header;
            file.push_str(if ours { &stripped } else { "" });
        } else if ours {
            file.push_str(line);
        }
        file.push('\n');
    }
    let scratch = Scratch::new("preau-day")?;
    let path = scratch.path().join("preau.toml");
    std::fs::write(&path, file)?;
    let overrides = Overrides { config: Some(path.clone()), ..Overrides::default() };
    let faults =
        |faults: crate::config::Faults| anyhow::anyhow!("{}", faults.to_string().replace(&format!("{}:", path.display()), "line "));
    Config::load(&overrides, &Environment::default()).map_err(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "day = \"2026-03-03\"\n[portal]\ndaily_calls = 100\n[[preau.team]]\nname = \"maps\"\nnetworks = [\"10.1.0.0/16\"]\n";

    fn steps(more: &str) -> Vec<Step> {
        Script::parse(&format!("{HEAD}{more}")).unwrap().steps
    }

    fn wrong(text: &str) -> String {
        format!("{:#}", Script::parse(text).unwrap_err())
    }

    #[test]
    fn a_burst_unfolds_into_questions_of_several_clients() {
        let ask = "[[ask]]\nteam = \"maps\"\nat = \"08:00\"\nto = \"08:02\"\nevery_s = 60\nburst = 2\nclients = 2\ndistinct = 3\nquestion = \"/q?{n}\"\n";
        let asked: Vec<(u64, String, String)> = steps(ask)
            .into_iter()
            .map(|step| match step.deed {
                Deed::Ask { client, target, .. } => (step.at.as_secs() - 8 * 3600, client, target),
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = [
            (0, "10.1.0.1", "/q?0"),
            (0, "10.1.0.2", "/q?1"),
            (60, "10.1.0.1", "/q?2"),
            (60, "10.1.0.2", "/q?0"),
            (120, "10.1.0.1", "/q?1"),
            (120, "10.1.0.2", "/q?2"),
        ];
        assert_eq!(asked, expected.map(|(at, client, target)| (at, client.to_owned(), target.to_owned())));
    }

    #[test]
    fn what_happens_is_in_order_of_time_and_of_the_file() {
        let more = "[[ask]]\nteam = \"default\"\nat = \"09:00\"\nquestion = \"/b\"\n[[ask]]\nteam = \"maps\"\nat = \"08:00\"\nquestion = \"/a\"\n\
                    [[event]]\nat = \"09:00\"\ncontrol = \"quota?used=5\"\n[[event]]\nat = \"10:00\"\nforget_faults = true\n";
        let at: Vec<u64> = steps(more).iter().map(|step| step.at.as_secs() / 3600).collect();
        assert_eq!(at, [8, 9, 9, 10]);
        assert!(matches!(&steps(more)[1].deed, Deed::Ask { client, .. } if client == "192.0.2.1"));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        for (text, says) in [
            (HEAD.to_owned(), "nothing happens"),
            (format!("{HEAD}[[ask]]\nteam = \"map\"\nat = \"08:00\"\nquestion = \"/a\"\n"), "there are default, browser, maps"),
            (format!("{HEAD}[[ask]]\nteam = \"maps\"\nat = \"08:00\"\nquestion = \"a\"\n"), "begins with a slash"),
            (format!("{HEAD}[[ask]]\nteam = \"maps\"\nat = \"08:00\"\nto = \"09:00\"\nquestion = \"/a\"\n"), "belong together"),
            (format!("{HEAD}[[event]]\nat = \"08:00\"\n"), "has one of"),
            (format!("{HEAD}[preau.cache]\nmemory_byte = 5\n"), "line 8: cache.memory_byte: no such key"),
            ("day = \"2026-03-03\"\n".to_owned(), "missing field `portal`"),
        ] {
            let said = wrong(&text);
            assert!(said.contains(says), "{says:?} is not in {said:?}");
        }
    }
}
