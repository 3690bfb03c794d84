//! One table of a list, `[[portal]]`, `[[team]]` or `[[account]]`, read key by key.
//!
//! Each key is asked for once; [`Entry::finish`] refuses what nobody asked for. What the entries of a list must not have in common is for
//! whoever reads the list.

use std::collections::BTreeMap;

use super::faults::{Mistake, Place};
use super::file::Found;
use super::layers::Layers;
use super::values::Value;

/// One table of a list.
#[derive(Debug)]
pub(super) struct Entry {
    /// The name of the list.
    pub list: &'static str,
    /// Where it begins.
    pub place: Place,
    /// What has not been asked for yet.
    pub keys: BTreeMap<String, Found>,
}

impl Entry {
    /// Whether the key is there, readable or not.
    pub fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// The text of a key that is still to be asked for, whether it is right or not.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.keys.get(key)?.value.text()
    }

    /// The value of `key`, if it is there and right. What is wrong with it becomes a fault.
    pub fn read<T>(&mut self, key: &str, parse: impl Fn(&Value) -> Result<T, Mistake>, layers: &mut Layers<'_>) -> Option<T> {
        self.read_placed(key, parse, layers).map(|(value, _)| value)
    }

    /// As [`read`](Self::read), with where it stands.
    pub fn read_placed<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&Value) -> Result<T, Mistake>,
        layers: &mut Layers<'_>,
    ) -> Option<(T, Place)> {
        let found = self.keys.remove(key)?;
        let value = layers.accept(&found.place, &format!("{}.{key}", self.list), parse(&found.value))?;
        Some((value, found.place))
    }

    /// Says that `key` is missing, if it is and the file is `whole`: what is absent from a broken file may have been written.
    pub fn demand(&self, key: &str, right: &str, whole: bool, layers: &mut Layers<'_>) {
        if whole && !self.has(key) {
            layers.fault(self.place.clone(), &format!("{}.{key}", self.list), Mistake::new("the key is missing", right));
        }
    }

    /// Refuses the keys that nobody asked for, of which `known` are all that there are; gives the place where the entry begins.
    pub fn finish(self, known: &[&str], layers: &mut Layers<'_>) -> Place {
        layers.refuse_rest(self.list, self.keys, known);
        self.place
    }
}
