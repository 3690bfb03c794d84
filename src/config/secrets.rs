//! Secrets, which are read from files of their own: keys of portals, and the address that warnings are sent to.
//!
//! A line is a secret; empty lines and lines that start with `#` are skipped. Nothing of a file is repeated in a fault, and of one that cannot
//! be read not even the path: somebody may have written the secret there.

use std::path::Path;

use url::Url;

use super::Secret;
use super::faults::{Mistake, Place};
use super::layers::{Layers, resolved};

/// Longest key.
const LONGEST_KEY: usize = 256;

/// A setting that names a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    /// Its key.
    pub key: &'a str,
    /// What it says.
    pub path: &'a str,
    /// Where it says so.
    pub place: &'a Place,
}

/// The keys in a file, one a line, at least one.
pub(super) fn keys(named: Named<'_>, layers: &mut Layers<'_>) -> Vec<Secret> {
    const RIGHT: &str = "name a text file with one key of visible ASCII a line";
    let Some(lines) = lines(named, RIGHT, layers) else { return Vec::new() };
    if lines.is_empty() {
        layers.fault(named.place.clone(), named.key, Mistake::new("the file holds no key", RIGHT));
    }
    let mut keys = Vec::new();
    for (line, place) in lines {
        if is_key(&line) {
            keys.push(Secret::new(line));
        } else {
            layers.fault(place, named.key, Mistake::new("this line is not one key", RIGHT));
        }
    }
    keys
}

/// The one key in a file.
pub(super) fn key(named: Named<'_>, layers: &mut Layers<'_>) -> Option<Secret> {
    let line = only_line(named, "name a text file with the key, visible ASCII on a line of its own", is_key, layers)?;
    Some(Secret::new(line))
}

/// The one web address in a file. Whoever has it may write there, so it is as secret as a key.
pub(super) fn address(named: Named<'_>, layers: &mut Layers<'_>) -> Option<Secret> {
    let is_address = |line: &str| Url::parse(line).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.port() != Some(0));
    let line = only_line(named, "name a text file with an http or https address on a line of its own", is_address, layers)?;
    Some(Secret::new(line))
}

fn is_key(line: &str) -> bool {
    line.len() <= LONGEST_KEY && line.bytes().all(|byte| byte.is_ascii_graphic())
}

fn only_line(named: Named<'_>, right: &str, is_right: impl Fn(&str) -> bool, layers: &mut Layers<'_>) -> Option<String> {
    let mut lines = lines(named, right, layers)?.into_iter();
    match (lines.next(), lines.next()) {
        (Some((line, _)), None) if is_right(&line) => Some(line),
        (Some((_, place)), None) | (Some(_), Some((_, place))) => {
            layers.fault(place, named.key, Mistake::new("this line is not what the file should hold", right));
            None
        }
        (None, _) => {
            layers.fault(named.place.clone(), named.key, Mistake::new("the file is empty", right));
            None
        }
    }
}

/// The lines of a file that say something, with their places.
fn lines(named: Named<'_>, right: &str, layers: &mut Layers<'_>) -> Option<Vec<(String, Place)>> {
    let path = resolved(named.place, named.path);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            layers.fault(named.place.clone(), named.key, Mistake::new(format!("the file cannot be read: {}", error.kind()), right));
            return None;
        }
    };
    let says = |(_, line): &(usize, &str)| !line.is_empty() && !line.starts_with('#');
    let lines = text.lines().map(str::trim).enumerate().filter(says);
    Some(lines.map(|(index, line)| (line.to_owned(), place_of(&path, index + 1))).collect())
}

fn place_of(path: &Path, line: usize) -> Place {
    Place::File { path: path.to_owned(), line }
}
