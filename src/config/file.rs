//! The configuration file: TOML text, taken apart into keys with their lines.
//!
//! Nothing is interpreted here. A file with syntax errors still gives the keys that could be read, so that one run names every fault.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::entry::Entry;
use super::faults::{Fault, Place};
use super::values::Value;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub value: Value,
    pub place: Place,
}

/// The arrays of tables that a file may have: `[[portal]]` and so on.
pub(super) const LISTS: [&str; 3] = ["portal", "team", "account"];

/// What one file says.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Keys with their tables' names before them: `cache.memory_bytes`.
    pub keys: BTreeMap<String, Found>,
    /// Tables, empty ones too, by name.
    pub tables: BTreeMap<String, Place>,
    /// The entries of each of [`LISTS`] that the file has, in order.
    pub lists: BTreeMap<&'static str, Vec<Entry>>,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

impl File {
    /// Reads the file at `path`, which `named_at` asked for.
    pub fn read(path: &Path, named_at: Place) -> Self {
        let unreadable = |wrong: String| {
            let right = "name a TOML file that this process may read".to_owned();
            Self { faults: vec![Fault { place: named_at, key: "config".to_owned(), wrong, right }], ..Self::default() }
        };
        match std::fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => Self::parse(&text, path),
            Ok(Err(_)) => unreadable(format!("{} is not UTF-8 text", path.display())),
            Err(error) => unreadable(format!("{} cannot be read: {error}", path.display())),
        }
    }

    /// Takes `text` apart; `path` is for the places alone.
    pub fn parse(text: &str, path: &Path) -> Self {
        let lines = Lines::of(text, path);
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut file = Self::default();
        file.take(table.get_ref(), "", &lines);
        let broken: Vec<Place> = errors.iter().map(|error| lines.place(error.span().map_or(0, |span| span.start))).collect();
        // What recovery made of a broken line was not written by anybody.
        file.keys.retain(|_, found| !broken.contains(&found.place));
        for entry in file.lists.values_mut().flatten() {
            entry.keys.retain(|_, found| !broken.contains(&found.place));
        }
        for (error, place) in errors.iter().zip(broken) {
            let (wrong, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
            let right = match expected {
                "" | "nothing" => "write TOML: `key = value` a line, under its `[table]`".to_owned(),
                expected => format!("expected {expected}"),
            };
            file.faults.push(Fault { place, key: "TOML".to_owned(), wrong: wrong.to_owned(), right });
        }
        file
    }

    /// Whether every byte of the text was understood, so that what is absent was left out on purpose.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }

    fn take(&mut self, table: &DeTable<'_>, prefix: &str, lines: &Lines) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            let place = lines.place(name.span().start);
            let list = LISTS.into_iter().find(|list| *list == key);
            match (value.get_ref(), list) {
                (DeValue::Array(items), Some(list)) => {
                    let entries = items.iter().filter_map(|item| {
                        let place = lines.place(item.span().start);
                        if let DeValue::Table(table) = item.get_ref() {
                            return Some(Entry { list, place, keys: keys_of(table, lines) });
                        }
                        self.faults.push(list_shape(list, place));
                        None
                    });
                    self.lists.insert(list, entries.collect());
                    self.tables.insert(key, place);
                }
                (_, Some(list)) => self.faults.push(list_shape(list, place)),
                (DeValue::Table(inner), None) => {
                    self.tables.insert(key.clone(), place);
                    self.take(inner, &key, lines);
                }
                (other, None) => {
                    self.keys.insert(key, Found { value: value_of(other), place });
                }
            }
        }
    }
}

fn list_shape(list: &str, place: Place) -> Fault {
    let right = format!("write [[{list}]] and its keys under it, once for each");
    Fault { place, key: list.to_owned(), wrong: "this is not a list of tables".to_owned(), right }
}

fn keys_of(table: &DeTable<'_>, lines: &Lines) -> BTreeMap<String, Found> {
    table
        .iter()
        .map(|(name, value)| {
            let found = Found { value: value_of(value.get_ref()), place: lines.place(name.span().start) };
            (name.get_ref().to_string(), found)
        })
        .collect()
}

fn value_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        // Out of range of every setting: saturating keeps it so.
        DeValue::Integer(number) => Value::Integer(i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX)),
        DeValue::Boolean(on) => Value::Switch(*on),
        DeValue::Array(items) => Value::List(items.iter().map(|item| value_of(item.get_ref())).collect()),
        DeValue::Table(table) => {
            Value::Table(table.iter().map(|(name, value)| (name.get_ref().to_string(), value_of(value.get_ref()))).collect())
        }
        other => Value::Other(other.type_str()),
    }
}

/// Line numbers of byte offsets.
struct Lines {
    path: PathBuf,
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str, path: &Path) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path: path.to_owned(), starts }
    }

    fn place(&self, offset: usize) -> Place {
        Place::File { path: self.path.clone(), line: self.starts.partition_point(|start| *start <= offset) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> File {
        File::parse(text, Path::new("f.toml"))
    }

    fn line(line: usize) -> Place {
        Place::File { path: "f.toml".into(), line }
    }

    #[test]
    fn keys_know_their_tables_and_lines() {
        let file =
            parse("data = \"/d\"\n\n[cache]\nmemory_bytes = 0x10\nlifetimes.records = \"1 s\"\n[[portal]]\nname = \"a\"\n[[portal]]\n");
        assert!(file.is_whole());
        assert_eq!(file.keys["data"].place, line(1));
        assert_eq!((&file.keys["cache.memory_bytes"].value, &file.keys["cache.memory_bytes"].place), (&Value::Integer(16), &line(4)));
        assert_eq!(file.keys["cache.lifetimes.records"].place, line(5));
        let portals = &file.lists["portal"];
        assert_eq!(portals.len(), 2);
        assert_eq!(portals[0].keys["name"].place, line(7));
        assert_eq!(portals[1].place, line(8));
    }

    #[test]
    fn every_syntax_error_is_reported_and_the_readable_lines_are_kept() {
        let file = parse("[cache]\nmemory_bytes = = 3\nbuffer_limit = 5\nbuffer_limit = 6\npatience = \"1 s\n");
        let lines: Vec<_> = file.faults.iter().map(|fault| fault.place.clone()).collect();
        for broken in [2, 4, 5] {
            assert!(lines.contains(&line(broken)), "line {broken} in {lines:?}");
        }
        assert_eq!(file.keys["cache.buffer_limit"].value, Value::Integer(5));
        assert!(!file.keys.contains_key("cache.memory_bytes") && !file.keys.contains_key("cache.patience"));
    }

    #[test]
    fn portals_teams_and_accounts_are_lists_of_tables() {
        for list in LISTS {
            for text in [format!("[{list}]\nname = \"a\""), format!("{list} = \"a\""), format!("{list} = [1]")] {
                let file = parse(&text);
                assert_eq!(file.faults.len(), 1, "{text}");
                assert_eq!((file.faults[0].place.clone(), file.faults[0].key.as_str()), (line(1), list));
            }
        }
    }

    #[test]
    fn a_table_inside_an_entry_is_a_value_however_it_is_written() {
        for text in ["[[team]]\nguaranteed = { a = 1 }", "[[team]]\nguaranteed.a = 1", "[[team]]\n[team.guaranteed]\na = 1"] {
            let file = parse(text);
            let value = &file.lists["team"][0].keys["guaranteed"].value;
            assert_eq!(value, &Value::Table([("a".to_owned(), Value::Integer(1))].into()), "{text}");
        }
    }
}
