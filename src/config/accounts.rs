//! The list of accounts: `[[account]]` of the file, keys of the organisation's own.
//!
//! A key is read from a file of its own, and what two accounts must not have in common is checked here. Which teams may use them is said
//! with the teams.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;

use super::entry::Entry;
use super::faults::{Mistake, Place};
use super::layers::Layers;
use super::portals::Portals;
use super::secrets::{self, Named};
use super::{Account, values};

/// The keys of an account's table.
pub(super) const KEYS: &[&str] = &["name", "portal", "key_file", "daily_calls"];
const DEFAULT_DAILY_CALLS: NonZeroU32 = NonZeroU32::new(5000).expect("it is not zero");

/// The list, and what it is called in the file.
#[derive(Debug)]
pub(super) struct Accounts {
    /// Those that can be used.
    pub read: Vec<Account>,
    /// All names, also of those that have a fault.
    pub names: BTreeSet<String>,
}

/// Reads the list.
pub(super) fn read(layers: &mut Layers<'_>, portals: &Portals) -> Accounts {
    let (entries, whole) = layers.take_list("account");
    let entries = entries.unwrap_or_default();
    let names = entries.iter().filter_map(|entry| entry.text("name").map(str::to_owned)).collect();
    let accounts: Vec<_> = entries.into_iter().filter_map(|entry| from_entry(entry, whole, layers, portals)).collect();
    refuse_common(&accounts, portals, layers);
    Accounts { read: accounts.into_iter().map(|(account, _)| account).collect(), names }
}

fn from_entry(mut entry: Entry, whole: bool, layers: &mut Layers<'_>, portals: &Portals) -> Option<(Account, Place)> {
    entry.demand("name", "write name = \"…\", by which teams refer to it", whole, layers);
    entry.demand("key_file", "write key_file = \"…\", the path of a file with the key", whole, layers);
    let only = match portals.in_force.as_slice() {
        [only] => Some(only.name.clone()),
        _ => {
            entry.demand("portal", "write portal = \"…\", the name of the portal whose key it is", whole, layers);
            None
        }
    };
    let name = entry.read("name", values::account_name, layers);
    let named_portal = entry.has("portal");
    let portal = entry.read_placed("portal", values::text, layers).and_then(|(portal, place)| {
        let known = portals.names.contains(&portal);
        if !known && whole {
            layers.fault(place, "account.portal", unknown_portal(&portal, portals));
        }
        known.then_some(portal)
    });
    let key = entry.read_placed("key_file", values::text, layers).and_then(|(path, place)| {
        let named = Named { key: "account.key_file", path: &path, place: &place };
        secrets::key(named, layers)
    });
    let daily_calls = entry.read("daily_calls", values::count(1..=u32::MAX), layers).and_then(NonZeroU32::new);
    let place = entry.finish(KEYS, layers);
    let account = Account {
        name: name?,
        portal: if named_portal { portal? } else { only? },
        key: key?,
        daily_calls: daily_calls.unwrap_or(DEFAULT_DAILY_CALLS),
    };
    Some((account, place))
}

/// What to say of the name of a portal that there is not.
pub(super) fn unknown_portal(name: &str, portals: &Portals) -> Mistake {
    let names: Vec<&str> = portals.names.iter().map(String::as_str).collect();
    Mistake::new(format!("there is no portal {}", values::shown(name)), format!("the portals are {}", names.join(", ")))
}

/// Refuses what two accounts must not share: a name, and a key, whose one quota would be counted twice.
fn refuse_common(accounts: &[(Account, Place)], portals: &Portals, layers: &mut Layers<'_>) {
    let (mut names, mut keys) = (HashMap::new(), HashMap::new());
    for (account, place) in accounts {
        if let Some(first) = names.insert(&account.name, place) {
            let wrong = format!("{:?} is the name of the account of {first} already", account.name);
            layers.fault(place.clone(), "account.name", Mistake::new(wrong, "give each account a name of its own"));
        }
        if let Some(first) = keys.insert((&account.portal, &account.key), &account.name) {
            let wrong = format!("account {first:?} has this key already, and the portal counts the calls of both together");
            layers.fault(place.clone(), "account.key_file", Mistake::new(wrong, "list each key once"));
        }
        let portal = portals.in_force.iter().find(|portal| portal.name == account.portal);
        if portal.is_some_and(|portal| portal.same_as_anonymous.contains(&account.key)) {
            let wrong = "the portal's same_as_anonymous_file has this key, so it is taken off each call";
            layers.fault(place.clone(), "account.key_file", Mistake::new(wrong, "list it in one of the two"));
        }
    }
}
