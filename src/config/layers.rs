//! The layers of settings, one over the other: defaults, the file, `PREAU_*` variables, flags.
//!
//! Each setting is asked for once by its key. What was asked for is what exists, so a key of the file or a variable that nobody asked for is
//! unknown, and the nearest known one can be named. A value that a higher layer hides is read all the same: a fault hidden today is a fault
//! tomorrow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::environment::{Environment, is_service_link};
use super::faults::{Fault, Faults, Mistake, Place};
use super::file::{File, Found, LISTS};
use super::values::Value;
use super::{Overrides, values};

/// Keys that had another name: old name, what to write today. Removed a year after the rename.
const RENAMED: &[(&str, &str)] = &[
    // Not renamed, but often tried: secrets are read from files alone.
    ("portal.same_as_anonymous", "portal.same_as_anonymous_file, the path of a file with one key a line"),
    ("account.key", "account.key_file, the path of a file with the key"),
    ("team.key", "team.keys, the list of hashes that `preau key new` prints"),
    ("budget.webhook", "budget.webhook_file, the path of a file with the address"),
];

/// Settings whose flag and variable have a short name: key, flag, variable.
const SHORT: &[(&str, &str, &str)] =
    &[("listen.mirror", "--listen", "PREAU_LISTEN"), ("listen.admin", "--admin", "PREAU_ADMIN"), ("data", "--data", "PREAU_DATA")];

/// All layers above the defaults.
pub(super) struct Layers<'a> {
    file: File,
    environment: &'a Environment,
    flags: BTreeMap<&'static str, Found>,
    /// `--portal` or `PREAU_PORTAL`, `NAME=URL` each, if given.
    pub portals: Option<Vec<Found>>,
    known: BTreeSet<&'static str>,
    places: BTreeMap<&'static str, Place>,
    faults: Vec<Fault>,
}

impl<'a> Layers<'a> {
    /// Gathers the layers; reads the file that a flag or `PREAU_CONFIG` names.
    pub fn gather(overrides: &Overrides, environment: &'a Environment) -> Self {
        let flag = |flag: &'static str, text: &str| Found { value: Value::Plain(text.to_owned()), place: Place::Flag { flag } };
        let file = match (&overrides.config, environment.get("PREAU_CONFIG")) {
            (Some(path), _) => File::read(path, Place::Flag { flag: "--config" }),
            (None, Some(path)) => File::read(Path::new(path), variable("PREAU_CONFIG")),
            (None, None) => File::default(),
        };
        let data = overrides.data.as_ref().map(|path| path.to_string_lossy().into_owned());
        let given = [overrides.listen.as_ref(), overrides.admin.as_ref(), data.as_ref()];
        let flags = SHORT.iter().zip(given).filter_map(|(&(key, name, _), text)| Some((key, flag(name, text?)))).collect();
        let from_flags = || overrides.portals.iter().map(|text| flag("--portal", text)).collect();
        let from_variable = |list: &str| {
            list.split(',').map(|text| Found { value: Value::Plain(text.trim().to_owned()), place: variable("PREAU_PORTAL") }).collect()
        };
        let portals = if overrides.portals.is_empty() { environment.get("PREAU_PORTAL").map(from_variable) } else { Some(from_flags()) };
        let faults = file.faults.clone();
        Self { file, environment, flags, portals, known: BTreeSet::new(), places: BTreeMap::new(), faults }
    }

    /// The environment.
    pub fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// The setting `key`, from the highest layer that has a readable value. Unreadable ones become faults.
    pub fn read<T>(&mut self, key: &'static str, parse: impl Fn(&Value) -> Result<T, Mistake>) -> Option<T> {
        self.known.insert(key);
        let name = variable_name(key);
        let from_variable = self.environment.get(&name).map(|text| Found { value: Value::Plain(text.to_owned()), place: variable(&name) });
        if self.environment.is_garbled(&name) {
            self.fault(variable(&name), key, Mistake::new("the value is not Unicode text", "write it in UTF-8"));
        }
        let mut highest = None;
        for found in [self.file.keys.remove(key), from_variable, self.flags.remove(key)].into_iter().flatten() {
            if let Some(value) = self.accept(&found.place, key, parse(&found.value)) {
                self.places.insert(key, found.place);
                highest = Some(value);
            }
        }
        highest
    }

    /// As [`read`](Self::read), or `default`.
    pub fn read_or<T>(&mut self, key: &'static str, parse: impl Fn(&Value) -> Result<T, Mistake>, default: T) -> T {
        self.read(key, parse).unwrap_or(default)
    }

    /// As [`read`](Self::read), for a path. One in the file is relative to the file's directory, any other to the working directory.
    pub fn read_path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.read(key, values::text)?;
        Some(resolved(&self.place(key), &text))
    }

    /// Where the value of `key` that is in force was written.
    pub fn place(&self, key: &str) -> Place {
        self.places.get(key).cloned().unwrap_or(Place::Default)
    }

    /// Notes that the value of `key` that is in force does not do.
    pub fn refuse(&mut self, key: &str, wrong: impl Into<String>, right: impl Into<String>) {
        self.fault(self.place(key), key, Mistake::new(wrong, right));
    }

    /// Notes a fault.
    pub fn fault(&mut self, place: Place, key: &str, mistake: Mistake) {
        self.faults.push(Fault { place, key: key.to_owned(), wrong: mistake.wrong, right: mistake.right });
    }

    /// The value of `key`, written at `place`; a mistake becomes a fault.
    pub fn accept<T>(&mut self, place: &Place, key: &str, read: Result<T, Mistake>) -> Option<T> {
        read.map_err(|mistake| self.fault(place.clone(), key, mistake)).ok()
    }

    /// The keys that were asked for so far.
    #[cfg(test)]
    pub fn known(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().copied()
    }

    /// Where the file starts a table.
    pub fn place_of_table(&self, table: &str) -> Place {
        self.file.tables.get(table).cloned().unwrap_or(Place::Default)
    }

    /// The file's entries of a list, if it has that; and whether an absence in them was meant.
    pub fn take_list(&mut self, list: &str) -> (Option<Vec<Entry>>, bool) {
        (self.file.lists.remove(list), self.file.is_whole())
    }

    /// Refuses what is left of `keys`, an entry of a list.
    pub fn refuse_rest(&mut self, list: &str, keys: BTreeMap<String, Found>, known: &[&str]) {
        for (key, found) in keys {
            let full = format!("{list}.{key}");
            let mistake = renamed(&full).unwrap_or_else(|| unknown(&key, known, list));
            self.fault(found.place, &full, mistake);
        }
    }

    /// Refuses what nobody asked for, and gives the verdict on everything.
    pub fn finish(mut self) -> Result<(), Faults> {
        let known: Vec<&str> = self.known.iter().copied().collect();
        let tables: BTreeSet<&str> = known.iter().flat_map(|key| prefixes(key)).chain(LISTS).collect();
        for (table, place) in std::mem::take(&mut self.file.tables) {
            let outer_is_unknown = prefixes(&table).any(|outer| !tables.contains(outer));
            if tables.contains(table.as_str()) || outer_is_unknown {
                continue;
            }
            let mistake = if known.contains(&table.as_str()) {
                Mistake::new("this is a key, not a table", format!("write {table} = … with its value"))
            } else {
                unknown_table(&table, &tables)
            };
            self.fault(place, &table, mistake);
        }
        for (key, found) in std::mem::take(&mut self.file.keys) {
            let table = key.rsplit_once('.').map_or("", |(table, _)| table);
            if !table.is_empty() && !tables.contains(table) {
                continue; // its table was refused above
            }
            let mistake = if tables.contains(key.as_str()) {
                Mistake::new("this is a table, not a key", format!("write [{key}] and its keys below"))
            } else {
                renamed(&key).unwrap_or_else(|| misplaced(&key, table, &known))
            };
            self.fault(found.place, &key, mistake);
        }
        self.refuse_unknown_variables(&known, &tables);
        Faults::collected(self.faults).map_or(Ok(()), Err)
    }

    /// Variables outside our tables are left alone: other programs' names may start alike.
    fn refuse_unknown_variables(&mut self, known: &[&str], tables: &BTreeSet<&str>) {
        let ours: BTreeSet<String> = known.iter().map(|key| variable_name(key)).collect();
        let prefixes: Vec<String> = tables.iter().map(|table| format!("PREAU_{}_", upper(table))).collect();
        let environment = self.environment;
        for name in environment.names("PREAU_") {
            let in_a_table = prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
            if ours.contains(name) || !in_a_table || is_service_link(name) {
                continue;
            }
            let short = SHORT.iter().find(|(key, ..)| name == format!("PREAU_{}", upper(key)));
            let mistake = match short {
                Some((_, _, short)) => Mistake::new("no such variable", format!("write {short}")),
                None => {
                    let right = nearest(name, ours.iter().map(String::as_str)).map_or_else(
                        || "variables are called PREAU_<TABLE>_<KEY>, after the tables and keys of the file".to_owned(),
                        |near| format!("did you mean {near}?"),
                    );
                    Mistake::new("no such variable", right)
                }
            };
            self.fault(variable(name), name, mistake);
        }
    }
}

/// `text` as a path, seen from `place`.
pub(super) fn resolved(place: &Place, text: &str) -> PathBuf {
    match place {
        Place::File { path, .. } => path.parent().unwrap_or(Path::new("")).join(text),
        _ => PathBuf::from(text),
    }
}

fn variable(name: &str) -> Place {
    Place::Environment { variable: name.to_owned() }
}

/// The variable of a key: `cache.memory_bytes` is `PREAU_CACHE_MEMORY_BYTES`.
fn variable_name(key: &str) -> String {
    let short = SHORT.iter().find(|(short, ..)| *short == key);
    short.map_or_else(|| format!("PREAU_{}", upper(key)), |(_, _, name)| (*name).to_owned())
}

fn upper(key: &str) -> String {
    key.replace('.', "_").to_ascii_uppercase()
}

/// The tables around a key, from the outside in.
fn prefixes(key: &str) -> impl Iterator<Item = &str> {
    key.match_indices('.').map(|(at, _)| &key[..at])
}

fn renamed(key: &str) -> Option<Mistake> {
    let (_, successor) = RENAMED.iter().find(|(old, _)| *old == key)?;
    Some(Mistake::new("no such key", format!("write {successor}")))
}

/// What to say of an unknown key of `table`, given every known key: it may be a slip, or it may belong to another table.
fn misplaced(key: &str, table: &str, known: &[&str]) -> Mistake {
    let name = key.rsplit('.').next().unwrap_or(key);
    let of_table: Vec<&str> = known
        .iter()
        .filter_map(|known| if table.is_empty() { Some(*known) } else { known.strip_prefix(table)?.strip_prefix('.') })
        .filter(|key| !key.contains('.'))
        .collect();
    let elsewhere = known.iter().find(|known| known.rsplit('.').next() == Some(name));
    match elsewhere {
        Some(elsewhere) => {
            Mistake::new("no such key here", format!("write {name} under [{}]", elsewhere.rsplit_once('.').map_or("", |(table, _)| table)))
        }
        None => unknown(name, &of_table, table),
    }
}

fn unknown(name: &str, known: &[&str], table: &str) -> Mistake {
    let right = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if table.is_empty() => format!("at the top level there is {}", known.join(", ")),
        None => format!("in [{table}] there are {}", known.join(", ")),
    };
    Mistake::new("no such key", right)
}

fn unknown_table(table: &str, tables: &BTreeSet<&str>) -> Mistake {
    let right = nearest(table, tables.iter().copied()).map_or_else(
        || format!("the tables are {}", tables.iter().copied().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean [{near}]?"),
    );
    Mistake::new("no such table", right)
}

/// The candidate that a slip of the pen would turn into `name`, if there is one.
fn nearest<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let far = (name.len() / 3).max(2);
    let measured = candidates.map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate));
    measured.min().filter(|(distance, _)| *distance <= far).map(|(_, candidate)| candidate)
}
