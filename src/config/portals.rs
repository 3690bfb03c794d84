//! The list of portals: `[[portal]]` of the file, and `--portal` or `PREAU_PORTAL` in its place.
//!
//! A list from a flag or variable replaces the file's, but a portal whose name is in the file keeps its other settings. Here each portal is
//! read; what they must not have in common is checked here too, because only the list knows the lines.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;

use url::Url;

use super::entry::Entry;
use super::faults::{Mistake, Place};
use super::file::Found;
use super::layers::Layers;
use super::secrets::{self, Named};
use super::values::{self, Value};
use super::{ClientKeys, Portal};

/// The keys of a portal's table.
pub(super) const KEYS: &[&str] =
    &["name", "url", "hosts", "daily_calls", "public_url", "rewrite_links", "may_force", "same_as_anonymous_file", "client_keys"];
const DEFAULT_NAME: &str = "education";
const DEFAULT_URL: &str = "https://data.education.gouv.fr";
const DEFAULT_DAILY_CALLS: NonZeroU32 = NonZeroU32::new(5000).expect("it is not zero");

/// The list, and what portals are called.
#[derive(Debug)]
pub(super) struct Portals {
    /// Those that are mirrored.
    pub in_force: Vec<Portal>,
    /// Their names, and those of the file that a flag hides or that have a fault: shares may be stated of them.
    pub names: BTreeSet<String>,
}

/// Reads the list.
pub(super) fn read(layers: &mut Layers<'_>) -> Portals {
    let (entries, whole) = layers.take_list("portal");
    let listed = entries.as_ref().map(Vec::len);
    let entries = entries.unwrap_or_default();
    let mut names: BTreeSet<String> = entries.iter().filter_map(|entry| entry.text("name").map(str::to_owned)).collect();
    let mut portals: Vec<(Portal, Place)> = entries.into_iter().filter_map(|entry| from_entry(entry, whole, layers)).collect();
    if let Some(texts) = layers.portals.take() {
        portals = texts.into_iter().filter_map(|found| from_text(&found, &portals, layers)).collect();
    } else if listed.is_none() {
        portals.push((default_portal(), Place::Default));
    } else if listed == Some(0) && whole {
        let mistake = Mistake::new("the list is empty", "leave it out for the default portal, or name one");
        layers.fault(layers.place_of_table("portal"), "portal", mistake);
    }
    refuse_common(&portals, layers);
    names.extend(portals.iter().map(|(portal, _)| portal.name.clone()));
    Portals { in_force: portals.into_iter().map(|(portal, _)| portal).collect(), names }
}

fn default_portal() -> Portal {
    Portal {
        name: DEFAULT_NAME.to_owned(),
        url: default_url(),
        hosts: Vec::new(),
        daily_calls: DEFAULT_DAILY_CALLS,
        public_url: None,
        rewrite_links: true,
        may_force: false,
        same_as_anonymous: Vec::new(),
        client_keys: ClientKeys::Pass,
    }
}

fn default_url() -> Url {
    Url::parse(DEFAULT_URL).expect("the constant is a URL")
}

/// One `[[portal]]`. Name and URL have their defaults together or not at all: a name that is ours on another's address would mislead.
fn from_entry(mut entry: Entry, whole: bool, layers: &mut Layers<'_>) -> Option<(Portal, Place)> {
    let bare = !entry.has("name") && !entry.has("url");
    let named_default = entry.text("name") == Some(DEFAULT_NAME);
    if !bare {
        entry.demand("name", "write name = \"…\" in lower-case letters, digits and hyphens", whole, layers);
        if !named_default {
            entry.demand("url", "write url = \"https://…\", the portal's origin", whole, layers);
        }
    }
    let name = entry.read("name", values::portal_name, layers);
    let url = entry.read("url", values::origin, layers);
    let hosts = entry.read("hosts", values::hosts, layers).unwrap_or_default();
    let daily_calls = entry.read("daily_calls", values::count(1..=u32::MAX), layers);
    let public_url = entry.read("public_url", values::public_url, layers);
    let rewrite_links = entry.read("rewrite_links", values::switch, layers);
    let may_force = entry.read("may_force", values::switch, layers);
    let same_as_anonymous = entry.read_placed("same_as_anonymous_file", values::text, layers).map_or_else(Vec::new, |(path, place)| {
        let named = Named { key: "portal.same_as_anonymous_file", path: &path, place: &place };
        secrets::keys(named, layers)
    });
    let client_keys = entry.read("client_keys", values::client_keys, layers);
    let place = entry.finish(KEYS, layers);
    let portal = Portal {
        name: name.or_else(|| bare.then(|| DEFAULT_NAME.to_owned()))?,
        url: url.or_else(|| (bare || named_default).then(default_url))?,
        hosts,
        daily_calls: daily_calls.and_then(NonZeroU32::new).unwrap_or(DEFAULT_DAILY_CALLS),
        public_url,
        rewrite_links: rewrite_links.unwrap_or(true),
        may_force: may_force.unwrap_or(false),
        same_as_anonymous,
        client_keys: client_keys.unwrap_or_default(),
    };
    Some((portal, place))
}

/// `NAME=URL`, with the other settings of the file's portal of that name.
fn from_text(found: &Found, in_file: &[(Portal, Place)], layers: &mut Layers<'_>) -> Option<(Portal, Place)> {
    let Value::Plain(text) = &found.value else { return None };
    let Some((name, url)) = text.split_once('=') else {
        let right = "write NAME=URL, such as education=https://data.education.gouv.fr";
        layers.fault(found.place.clone(), "portal", Mistake::new(format!("{} has no \"=\"", values::shown(text)), right));
        return None;
    };
    let plain = |part: &str| Value::Plain(part.to_owned());
    let name = layers.accept(&found.place, "portal.name", values::portal_name(&plain(name)));
    let url = layers.accept(&found.place, "portal.url", values::origin(&plain(url)));
    let (name, url) = (name?, url?);
    let base = in_file.iter().find(|(portal, _)| portal.name == name).map_or_else(default_portal, |(portal, _)| portal.clone());
    Some((Portal { name, url, ..base }, found.place.clone()))
}

/// Refuses what two portals must not share: a name, a host, and an origin, whose one account two ledgers would each count alone.
fn refuse_common(portals: &[(Portal, Place)], layers: &mut Layers<'_>) {
    let (mut names, mut origins, mut hosts) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (portal, place) in portals {
        if let Some(first) = names.insert(&portal.name, place) {
            let wrong = format!("{:?} is the name of the portal of {first} already", portal.name);
            layers.fault(place.clone(), "portal.name", Mistake::new(wrong, "give each portal a name of its own"));
        }
        if let Some(first) = origins.insert(&portal.url, &portal.name) {
            let wrong = format!("portal {first:?} has this origin already, and the portal counts the calls of both together");
            layers.fault(place.clone(), "portal.url", Mistake::new(wrong, "list each origin once"));
        }
        for host in &portal.hosts {
            if let Some(first) = hosts.insert(host, &portal.name) {
                let wrong = format!("{host:?} chooses portal {first:?} already");
                layers.fault(place.clone(), "portal.hosts", Mistake::new(wrong, "list each host name once"));
            }
        }
    }
}
