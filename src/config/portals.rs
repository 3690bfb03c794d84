//! The list of portals: `[[portal]]` of the file, and `--portal` or `PREAU_PORTAL` in its place.
//!
//! A list from a flag or variable replaces the file's, but a portal whose name is in the file keeps its other settings. Here each portal is
//! read; what they must not have in common is checked here too, because only the list knows the lines.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::path::Path;

use url::Url;

use super::faults::{Mistake, Place};
use super::file::{Found, PortalTable};
use super::layers::{Layers, resolved};
use super::values::{self, Value};
use super::{Portal, Secret};

/// The keys of a portal's table.
pub(super) const KEYS: &[&str] =
    &["name", "url", "hosts", "daily_calls", "public_url", "rewrite_links", "may_force", "same_as_anonymous_file"];
const DEFAULT_NAME: &str = "education";
const DEFAULT_URL: &str = "https://data.education.gouv.fr";
const DEFAULT_DAILY_CALLS: NonZeroU32 = NonZeroU32::new(5000).expect("it is not zero");

/// Reads the list.
pub(super) fn read(layers: &mut Layers<'_>) -> Vec<Portal> {
    let (tables, whole) = layers.take_portals();
    let listed = tables.as_ref().map(Vec::len);
    let mut portals: Vec<(Portal, Place)> = tables.into_iter().flatten().filter_map(|table| from_table(table, whole, layers)).collect();
    if let Some(texts) = layers.portals.take() {
        portals = texts.into_iter().filter_map(|found| from_text(&found, &portals, layers)).collect();
    } else if listed.is_none() {
        portals.push((default_portal(), Place::Default));
    } else if listed == Some(0) && whole {
        let mistake = Mistake::new("the list is empty", "leave it out for the default portal, or name one");
        layers.fault(layers.place_of_table("portal"), "portal", mistake);
    }
    refuse_common(&portals, layers);
    portals.into_iter().map(|(portal, _)| portal).collect()
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
    }
}

fn default_url() -> Url {
    Url::parse(DEFAULT_URL).expect("the constant is a URL")
}

/// One `[[portal]]`. Name and URL have their defaults together or not at all: a name that is ours on another's address would mislead.
fn from_table(mut table: PortalTable, whole: bool, layers: &mut Layers<'_>) -> Option<(Portal, Place)> {
    let bare = !table.keys.contains_key("name") && !table.keys.contains_key("url");
    let named_default = table.keys.get("name").is_some_and(|found| found.value == Value::Text(DEFAULT_NAME.to_owned()));
    let mut missing = |table: &PortalTable, key: &str, right: &str| {
        if whole && !table.keys.contains_key(key) {
            layers.fault(table.place.clone(), &format!("portal.{key}"), Mistake::new("the key is missing", right));
        }
    };
    if !bare {
        missing(&table, "name", "write name = \"…\" in lower-case letters, digits and hyphens");
        if !named_default {
            missing(&table, "url", "write url = \"https://…\", the portal's origin");
        }
    }
    let name = read_key(&mut table.keys, "name", values::portal_name, layers);
    let url = read_key(&mut table.keys, "url", values::origin, layers);
    let hosts = read_key(&mut table.keys, "hosts", values::hosts, layers).map_or_else(Vec::new, |(hosts, _)| hosts);
    let daily_calls = read_key(&mut table.keys, "daily_calls", values::count(1..=u32::MAX), layers);
    let public_url = read_key(&mut table.keys, "public_url", values::public_url, layers);
    let rewrite_links = read_key(&mut table.keys, "rewrite_links", values::switch, layers);
    let may_force = read_key(&mut table.keys, "may_force", values::switch, layers);
    let keys_file = read_key(&mut table.keys, "same_as_anonymous_file", values::text, layers);
    let same_as_anonymous = keys_file.map_or_else(Vec::new, |(path, place)| read_keys_file(&resolved(&place, &path), place, layers));
    layers.refuse_rest(table.keys, KEYS);
    let portal = Portal {
        name: name.map(|(name, _)| name).or_else(|| bare.then(|| DEFAULT_NAME.to_owned()))?,
        url: url.map(|(url, _)| url).or_else(|| (bare || named_default).then(default_url))?,
        hosts,
        daily_calls: daily_calls.and_then(|(calls, _)| NonZeroU32::new(calls)).unwrap_or(DEFAULT_DAILY_CALLS),
        public_url: public_url.map(|(url, _)| url),
        rewrite_links: rewrite_links.is_none_or(|(on, _)| on),
        may_force: may_force.is_some_and(|(on, _)| on),
        same_as_anonymous,
    };
    Some((portal, table.place))
}

fn read_key<T>(
    keys: &mut BTreeMap<String, Found>,
    key: &str,
    parse: impl Fn(&Value) -> Result<T, Mistake>,
    layers: &mut Layers<'_>,
) -> Option<(T, Place)> {
    let found = keys.remove(key)?;
    let value = layers.accept(&found.place, &format!("portal.{key}"), parse(&found.value))?;
    Some((value, found.place))
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

/// Reads a file of keys, one a line; empty lines and lines that start with `#` are skipped. Nothing of it is repeated in a fault, not even
/// the path: somebody may have written the key there.
fn read_keys_file(path: &Path, place: Place, layers: &mut Layers<'_>) -> Vec<Secret> {
    const RIGHT: &str = "name a text file with one key of visible ASCII a line";
    const KEY: &str = "portal.same_as_anonymous_file";
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            layers.fault(place, KEY, Mistake::new(format!("the file cannot be read: {}", error.kind()), RIGHT));
            return Vec::new();
        }
    };
    let mut keys = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.len() <= 256 && line.bytes().all(|byte| byte.is_ascii_graphic()) {
            keys.push(Secret::new(line));
        } else {
            let place = Place::File { path: path.to_owned(), line: index + 1 };
            layers.fault(place, KEY, Mistake::new("this line is not one key", RIGHT));
        }
    }
    if keys.is_empty() {
        layers.fault(place, KEY, Mistake::new("the file holds no key", RIGHT));
    }
    keys
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
