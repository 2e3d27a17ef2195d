//! A map with a limit: what was used least recently is dropped.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map of at most so many entries.
#[derive(Debug)]
pub struct RecentMap<K, V> {
    limit: usize,
    entries: HashMap<K, (u64, V)>,
    /// Keys by the moment of their last use.
    used: BTreeMap<u64, K>,
    clock: u64,
}

impl<K: Hash + Eq + Clone, V> RecentMap<K, V> {
    /// An empty map; with a limit of 0 it still holds one entry.
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            entries: HashMap::new(),
            used: BTreeMap::new(),
            clock: 0,
        }
    }

    /// The value of a key, which counts as used now; a new one when it is not there. Where the map is full, the entry that
    /// was used least recently goes.
    pub fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        self.clock += 1;
        let now = self.clock;
        if let Some((used, _)) = self.entries.get(&key) {
            self.used.remove(used);
        } else if self.entries.len() >= self.limit
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.used.insert(now, key.clone());
        let (used, value) = self.entries.entry(key).or_insert_with(|| (now, new()));
        *used = now;
        value
    }

    /// The value of a key, without counting as a use.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// All entries, the one that was used least recently first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let by_use = self.used.values();
        by_use.filter_map(|key| self.entries.get(key).map(|(_, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let mut map = RecentMap::new(2);
        *map.entry("a", || 0) += 1;
        *map.entry("b", || 0) += 1;
        *map.entry("a", || 0) += 1;
        *map.entry("c", || 0) += 1;
        let left: Vec<_> = map.iter().map(|(key, value)| (*key, *value)).collect();
        assert_eq!(left, [("a", 2), ("c", 1)]);
        assert_eq!(map.get_mut(&"b"), None);
        assert_eq!(*map.entry("b", || 7), 7);
        assert_eq!(map.get_mut(&"a"), None, "it was used before `c`");
    }
}
