//! The most frequent of many, in bounded memory: the space-saving algorithm (Metwally, Agrawal, El Abbadi 2005).
//!
//! Of `capacity` counters, the least is given to whatever comes new and inherits its count. So what is truly frequent is always there, a count
//! is never too low, and by how much it may be too high is known.

use std::collections::HashMap;

/// The most frequent keys, with something to remember of each.
#[derive(Debug)]
pub struct Top<T> {
    capacity: usize,
    entries: HashMap<Box<str>, Entry<T>>,
}

/// One of them.
#[derive(Debug)]
pub struct Entry<T> {
    /// How often it was met, at most.
    pub count: u64,
    /// By how much that may be too high.
    pub error: u64,
    /// What is remembered of it since it has its counter.
    pub about: T,
}

impl<T> Entry<T> {
    /// How often it was met, at least.
    pub fn certain(&self) -> u64 {
        self.count - self.error
    }
}

impl<T> Top<T> {
    /// As many counters.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), entries: HashMap::new() }
    }

    /// Counts `key` as met `times` times more; `begin` makes what is remembered of one that is new.
    pub fn count(&mut self, key: &str, times: u64, begin: impl FnOnce() -> T) -> &mut T {
        if !self.entries.contains_key(key) {
            let error = if self.entries.len() < self.capacity { 0 } else { self.give_up_least() };
            self.entries.insert(key.into(), Entry { count: error, error, about: begin() });
        }
        let entry = self.entries.get_mut(key).expect("it is there, or was just put there");
        entry.count = entry.count.saturating_add(times);
        &mut entry.about
    }

    fn give_up_least(&mut self) -> u64 {
        let least = self.entries.iter().min_by(|one, other| (one.1.count, one.0).cmp(&(other.1.count, other.0)));
        let least = least.map(|(key, _)| key.clone()).expect("it is full, and has room for one at least");
        self.entries.remove(&least).map_or(0, |entry| entry.count)
    }

    /// All of them, the most frequent first.
    pub fn sorted(&self) -> Vec<(&str, &Entry<T>)> {
        let mut sorted: Vec<_> = self.entries.iter().map(|(key, entry)| (&**key, entry)).collect();
        sorted.sort_unstable_by(|one, other| other.1.certain().cmp(&one.1.certain()).then_with(|| one.0.cmp(other.0)));
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_frequent_is_found_among_many_that_are_not() {
        let mut top = Top::new(16);
        for n in 0..10_000 {
            top.count(&format!("once-{n}"), 1, || ());
            if n % 5 == 0 {
                top.count("frequent", 1, || ());
            }
            if n % 9 == 0 {
                top.count("less", 1, || ());
            }
        }
        assert!(top.entries.len() <= 16);
        let sorted = top.sorted();
        let of = |key: &str| sorted.iter().find(|(known, _)| *known == key).map(|(_, entry)| (entry.certain(), entry.count)).unwrap();
        let (least, most) = of("frequent");
        assert!(least <= 2_000 && 2_000 <= most, "{least} {most}");
        let (least, most) = of("less");
        assert!(least <= 1_112 && 1_112 <= most, "{least} {most}");
        assert_eq!(sorted[0].0, "frequent");
    }

    #[test]
    fn without_contention_counts_are_exact() {
        let mut top = Top::new(3);
        for key in ["a", "b", "a", "c", "a", "b"] {
            *top.count(key, 1, || 0) += 10;
        }
        let told: Vec<(&str, u64, u64, i32)> =
            top.sorted().into_iter().map(|(key, entry)| (key, entry.count, entry.error, entry.about)).collect();
        assert_eq!(told, [("a", 3, 0, 30), ("b", 2, 0, 20), ("c", 1, 0, 10)]);
        top.count("d", 1, || 0);
        let sorted = top.sorted();
        let (_, entry) = sorted.iter().find(|(key, _)| *key == "d").unwrap();
        assert_eq!((entry.count, entry.error, entry.about), (2, 1, 0), "it has the counter of the least");
    }
}
