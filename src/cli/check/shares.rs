//! What each team has of a portal's day: the table of effective shares.
//!
//! Effective is what the configuration comes to before anything is spent: no ceiling is above what the day has for askers, and what is
//! guaranteed to nobody is there for all. How it changes over the day, `preau budget explain` says.

use std::fmt;

use ipnet::IpNet;

use crate::config::{Config, Portal, Team};
use crate::team::{Class, TeamId};

/// One table per portal: a line per team, and what is left for all.
pub(super) fn table(config: &Config, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for portal in &config.portals {
        of_portal(config, portal, f)?;
    }
    let release = config.budget.release.as_secs() / 60;
    writeln!(f, "  guarantees hold until {:02}:{:02} UTC, then fall to nothing at 23:30", release / 60, release % 60)
}

fn of_portal(config: &Config, portal: &Portal, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (looks, revalidation) = config.budget.reserves(portal.daily_calls);
    let askers = portal.daily_calls.get() - looks - revalidation;
    let names = config.teams.iter().map(|team| team.name.len()).chain([portal.name.len(), "guaranteed to nobody".len()]);
    let width = names.max().unwrap_or(0);
    let line = |f: &mut fmt::Formatter<'_>, name: &str, cells: [&dyn fmt::Display; 4], more: &[&str]| {
        let [guaranteed, ceiling, class, keys] = cells;
        let text = format!("  {name:<width$}  {guaranteed:>10}  {ceiling:>8}  {class:<11}  {keys:>4}  {}", more.join("  "));
        writeln!(f, "{}", text.trim_end())
    };
    line(f, &portal.name, [&"guaranteed", &"ceiling", &"class", &"keys"], &["networks"])?;
    let mut left = askers;
    for (index, team) in config.teams.iter().enumerate() {
        let guaranteed = team.guaranteed.of(&portal.name).unwrap_or(0);
        let ceiling = team.ceiling.of(&portal.name).unwrap_or(askers).min(askers);
        left = left.saturating_sub(guaranteed);
        let class = match team.class {
            Class::Interactive => "interactive",
            Class::Batch => "batch",
        };
        let (networks, more) = (networks(team, index), more(config, portal, team));
        line(f, &team.name, [&guaranteed, &ceiling, &class, &team.keys.len()], &[&networks, &more])?;
    }
    line(f, "guaranteed to nobody", [&left, &"", &"", &""], &[])
}

/// Who belongs to a team without a key.
fn networks(team: &Team, index: usize) -> String {
    let whoever = if index == TeamId::DEFAULT.index() {
        Some("all others")
    } else if index == TeamId::BROWSER.index() {
        Some("pages of foreign origins")
    } else {
        None
    };
    let networks: Vec<String> = team.networks.iter().map(network).chain(whoever.map(str::to_owned)).collect();
    if networks.is_empty() { "none".to_owned() } else { networks.join(", ") }
}

/// A network as it is written: one address without its length.
pub(super) fn network(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

/// What else a team may do at a portal.
fn more(config: &Config, portal: &Portal, team: &Team) -> String {
    let account = |name: &&String| config.accounts.iter().any(|account| account.name == **name && account.portal == portal.name);
    let overflow: Vec<&str> = team.overflow.iter().filter(account).map(String::as_str).collect();
    let mut more = Vec::new();
    if !overflow.is_empty() {
        more.push(format!("overflows into {}", overflow.join(", ")));
    }
    if team.may_force && !portal.may_force {
        more.push("may force calls".to_owned());
    }
    more.join("; ")
}
