//! The list of teams: `[[team]]` of the file, after the two that are always there.
//!
//! The teams `default` and `browser` have their places whether the file names them or not; if it does, it says what they may spend. What two
//! teams must not have in common is checked here, because only the list knows the lines; what their shares add up to, in `shares`.

use std::collections::HashMap;
use std::hash::Hash;

use super::accounts::{Accounts, unknown_portal};
use super::entry::Entry;
use super::faults::{Mistake, Place};
use super::layers::Layers;
use super::networks::{NETWORKS, network};
use super::portals::Portals;
use super::values::{self, Value};
use super::{PerPortal, Team, keys};
use crate::team::{Class, TeamId};

/// The keys of a team's table.
pub(super) const KEYS: &[&str] = &["name", "keys", "networks", "guaranteed", "ceiling", "class", "may_force", "overflow"];

/// Calls a day of pages of foreign origins, unless the file says otherwise.
const BROWSER_CEILING: u32 = 100;
/// Teams that there may be: each has its rows in the ledger and its lines in every report.
const MOST_TEAMS: usize = 1000;
/// Keys of all teams together: each is compared with every key that a client shows.
const MOST_KEYS: usize = 1000;
/// Networks of all teams together: each is compared with every address that asks without a key.
const MOST_NETWORKS: usize = 10_000;

/// A team, and where the file speaks of it.
#[derive(Debug)]
pub(super) struct Listed {
    /// The team.
    pub team: Team,
    /// Where it begins.
    pub place: Place,
    /// Where its guarantee stands.
    pub guaranteed: Place,
}

/// A team's name, from elsewhere than a configuration.
///
/// # Errors
///
/// What is wrong with it and what would be right, for people.
pub fn named(text: &str) -> Result<String, String> {
    values::team_name(&Value::Plain(text.to_owned())).map_err(|mistake| format!("{}; {}", mistake.wrong, mistake.right))
}

/// Reads the list.
pub(super) fn read(layers: &mut Layers<'_>, portals: &Portals, accounts: &Accounts) -> Vec<Listed> {
    let (entries, whole) = layers.take_list("team");
    let known = Known { portals, accounts, whole };
    let mut teams: Vec<Listed> = vec![always_there("default"), always_there("browser")];
    for entry in entries.unwrap_or_default() {
        let Some(listed) = from_entry(entry, &known, layers) else { continue };
        let is_new = |listed: &Listed| listed.place == Place::Default;
        match teams.iter().position(|there| is_new(there) && there.team.name == listed.team.name) {
            Some(at) => teams[at] = listed,
            None => teams.push(listed),
        }
    }
    refuse_browsers_own(&teams[TeamId::BROWSER.index()], layers);
    refuse_common(&teams, layers);
    refuse_too_many(&teams, layers);
    teams
}

/// What the list refers to.
struct Known<'a> {
    portals: &'a Portals,
    accounts: &'a Accounts,
    /// Whether an absence was meant.
    whole: bool,
}

fn always_there(name: &str) -> Listed {
    Listed { team: default_of(name), place: Place::Default, guaranteed: Place::Default }
}

fn default_of(name: &str) -> Team {
    let each = (name == "browser").then_some(BROWSER_CEILING);
    Team {
        name: name.to_owned(),
        keys: Vec::new(),
        networks: Vec::new(),
        guaranteed: PerPortal::default(),
        ceiling: PerPortal { each, ..PerPortal::default() },
        class: Class::Interactive,
        may_force: false,
        overflow: Vec::new(),
    }
}

fn from_entry(mut entry: Entry, known: &Known<'_>, layers: &mut Layers<'_>) -> Option<Listed> {
    entry.demand("name", "write name = \"…\" in lower-case letters, digits and hyphens", known.whole, layers);
    let name = entry.read("name", values::team_name, layers);
    let keys = entry.read("keys", values::list(keys::hash, "write a list of hashes, as `preau key new` prints them"), layers);
    let networks = entry.read("networks", values::list(network, NETWORKS), layers);
    let guaranteed = calls("guaranteed", &mut entry, known, layers);
    let ceiling = calls("ceiling", &mut entry, known, layers);
    let class = entry.read("class", values::class, layers);
    let may_force = entry.read("may_force", values::switch, layers);
    let overflow = overflow(&mut entry, known, layers);
    let place = entry.finish(KEYS, layers);
    let default = default_of(&name?);
    let (guaranteed, guaranteed_at) = guaranteed.unwrap_or_else(|| (PerPortal::default(), place.clone()));
    let ceiling = match ceiling {
        // Of the portals that are not named, the default stays.
        Some((named, _)) => PerPortal { each: named.each.or(default.ceiling.each), ..named },
        None => default.ceiling.clone(),
    };
    let team = Team {
        keys: keys.unwrap_or_default(),
        networks: networks.unwrap_or_default(),
        guaranteed,
        ceiling,
        class: class.unwrap_or(default.class),
        may_force: may_force.unwrap_or(default.may_force),
        overflow,
        name: default.name,
    };
    Some(Listed { team, place, guaranteed: guaranteed_at })
}

/// A number of calls by portal, each of which there is.
fn calls(key: &str, entry: &mut Entry, known: &Known<'_>, layers: &mut Layers<'_>) -> Option<(PerPortal, Place)> {
    let (calls, place) = entry.read_placed(key, values::per_portal, layers)?;
    for portal in calls.named.keys().filter(|portal| known.whole && !known.portals.names.contains(*portal)) {
        layers.fault(place.clone(), &format!("team.{key}"), unknown_portal(portal, known.portals));
    }
    Some((calls, place))
}

/// The names of accounts, each of which there is.
fn overflow(entry: &mut Entry, known: &Known<'_>, layers: &mut Layers<'_>) -> Vec<String> {
    const KEY: &str = "team.overflow";
    let name = |value: &Value| values::text(value);
    let read = entry.read_placed("overflow", values::list(name, "write a list of names of accounts, such as [\"ministry\"]"), layers);
    let Some((names, place)) = read else { return Vec::new() };
    for (at, name) in names.iter().enumerate() {
        if known.whole && !known.accounts.names.contains(name) {
            let right = match known.accounts.names.len() {
                0 => "write an [[account]] of this name with its key_file".to_owned(),
                _ => format!("the accounts are {}", known.accounts.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
            };
            layers.fault(place.clone(), KEY, Mistake::new(format!("there is no account {}", values::shown(name)), right));
        }
        if names[..at].contains(name) {
            let wrong = format!("{} is listed twice", values::shown(name));
            layers.fault(place.clone(), KEY, Mistake::new(wrong, "list each account once, the first to be used first"));
        }
    }
    names
}

/// Pages of foreign origins are told by what browsers say of them, and by nothing else.
fn refuse_browsers_own(browser: &Listed, layers: &mut Layers<'_>) {
    for (key, is_empty) in [("team.keys", browser.team.keys.is_empty()), ("team.networks", browser.team.networks.is_empty())] {
        if !is_empty {
            let wrong = "the team \"browser\" is that of foreign pages, which are known by neither key nor network";
            layers.fault(browser.place.clone(), key, Mistake::new(wrong, "give them to a team of another name"));
        }
    }
}

/// Refuses what two teams must not share: a name, a key, a network.
fn refuse_common(teams: &[Listed], layers: &mut Layers<'_>) {
    let mut names = HashMap::new();
    for listed in teams {
        if let Some(first) = names.insert(&listed.team.name, &listed.place) {
            let wrong = format!("{:?} is the name of the team of {first} already", listed.team.name);
            layers.fault(listed.place.clone(), "team.name", Mistake::new(wrong, "give each team a name of its own"));
        }
    }
    let whose = |of: &Team| format!("team {:?} has", of.name);
    refuse_shared(teams, "team.keys", |team| &team.keys, |key, of| format!("{} the key {key:?} already", whose(of)), layers);
    refuse_shared(teams, "team.networks", |team| &team.networks, |network, of| format!("{} {network} already", whose(of)), layers);
}

fn refuse_shared<T: Eq + Hash>(
    teams: &[Listed],
    key: &str,
    of: impl Fn(&Team) -> &Vec<T>,
    wrong: impl Fn(&T, &Team) -> String,
    layers: &mut Layers<'_>,
) {
    let mut owners = HashMap::new();
    for listed in teams {
        for item in of(&listed.team) {
            if let Some(first) = owners.insert(item, &listed.team) {
                layers.fault(listed.place.clone(), key, Mistake::new(wrong(item, first), "list it once"));
            }
        }
    }
}

fn refuse_too_many(teams: &[Listed], layers: &mut Layers<'_>) {
    let keys = teams.iter().map(|listed| listed.team.keys.len()).sum();
    let networks = teams.iter().map(|listed| listed.team.networks.len()).sum();
    for (key, number, most) in
        [("team", teams.len(), MOST_TEAMS), ("team.keys", keys, MOST_KEYS), ("team.networks", networks, MOST_NETWORKS)]
    {
        if number > most {
            let wrong = format!("there are {number} of all teams together");
            layers.fault(layers.place_of_table("team"), key, Mistake::new(wrong, format!("list at most {most}")));
        }
    }
}
