//! An ordered map for keys that mostly come in order: a million waiting messages must take little more than they
//! are.
//!
//! Entries lie in sorted runs. What comes at the end fills the last run to its brim, where a B-tree would leave
//! its nodes half empty; what comes in between splits a run.

use std::collections::VecDeque;

/// Entries in a run at most. What one insertion or removal moves in memory is at most a run.
const RUN: usize = 128;
/// Neighbours that together hold no more than this become one run.
const FEW: usize = RUN / 2;

#[derive(Debug)]
pub(crate) struct Shelf<K, V> {
    runs: VecDeque<Run<K, V>>,
    length: usize,
}

/// Never empty.
#[derive(Debug)]
struct Run<K, V> {
    /// The key of the first entry, so that a search looks at runs without reading into them.
    first: K,
    entries: Vec<(K, V)>,
}

/// Where a key is, or would be.
type Place = (usize, Result<usize, usize>);

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { runs: VecDeque::new(), length: 0 }
    }
}

impl<K: Copy + Ord, V> Shelf<K, V> {
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        let (run, Ok(at)) = self.find(key) else { return None };
        self.runs.get(run)?.entries.get(at).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        let (run, Ok(at)) = self.find(key) else { return None };
        self.runs.get_mut(run)?.entries.get_mut(at).map(|(_, value)| value)
    }

    /// The entry with the least key.
    pub(crate) fn first(&self) -> Option<(K, &V)> {
        self.runs.front()?.entries.first().map(|(key, value)| (*key, value))
    }

    /// Adds an entry, or replaces the one of that key.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (run, place) = self.find(key);
        match (place, self.runs.get_mut(run)) {
            (Ok(at), Some(run)) => {
                let old = run.entries.get_mut(at)?;
                return Some(std::mem::replace(&mut old.1, value));
            }
            (Err(at), Some(found)) => {
                if found.entries.len() < RUN {
                    found.put(at, (key, value));
                } else {
                    self.split(run, at, (key, value));
                }
            }
            (Ok(_) | Err(_), None) => self.runs.push_back(Run { first: key, entries: vec![(key, value)] }),
        }
        self.length += 1;
        None
    }

    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let (at_run, Ok(at)) = self.find(key) else { return None };
        let run = self.runs.get_mut(at_run)?;
        let (_, value) = run.entries.remove(at);
        self.length -= 1;
        match run.entries.first() {
            None => drop(self.runs.remove(at_run)),
            Some((first, _)) => {
                run.first = *first;
                self.join(at_run);
            }
        }
        Some(value)
    }

    /// The entries whose key is above this one, in order.
    pub(crate) fn above(&self, key: Option<K>) -> impl Iterator<Item = (K, &V)> {
        let (run, at) = match key.map(|key| self.find(key)) {
            None => (0, 0),
            Some((run, Ok(at))) => (run, at + 1),
            Some((run, Err(at))) => (run, at),
        };
        let entries = self.runs.iter().skip(run).flat_map(|run| &run.entries);
        entries.skip(at).map(|(key, value)| (*key, value))
    }

    /// The entries whose key is at most this one, in order.
    pub(crate) fn up_to(&self, key: K) -> impl Iterator<Item = (K, &V)> {
        self.above(None).take_while(move |(known, _)| *known <= key)
    }

    /// The same, from this key down.
    pub(crate) fn down_from(&self, key: K) -> impl Iterator<Item = (K, &V)> {
        let (run, _) = self.find(key);
        let entries = self.runs.range(..self.runs.len().min(run + 1)).rev();
        let entries = entries.flat_map(|run| run.entries.iter().rev()).map(|(key, value)| (*key, value));
        entries.skip_while(move |(known, _)| *known > key)
    }

    fn find(&self, key: K) -> Place {
        // Where most of them go.
        let last = self.runs.len().saturating_sub(1);
        let run = match self.runs.back() {
            Some(back) if back.first <= key => last,
            Some(_) | None => self.runs.partition_point(|run| run.first <= key).saturating_sub(1),
        };
        let place = self.runs.get(run).map_or(Err(0), |run| run.find(key));
        (run, place)
    }

    /// Adds to a full run by making two of it; one that was filled in order stays full.
    fn split(&mut self, at_run: usize, at: usize, entry: (K, V)) {
        let Some(run) = self.runs.get_mut(at_run) else { return };
        let middle = if at == RUN { RUN } else { RUN / 2 };
        let mut behind = Vec::new();
        if middle < RUN {
            behind.reserve_exact(RUN);
            behind.extend(run.entries.drain(middle..));
        }
        if at < middle {
            run.put(at, entry);
        } else {
            behind.insert(at - middle, entry);
        }
        if let Some(&(first, _)) = behind.first() {
            self.runs.insert(at_run + 1, Run { first, entries: behind });
        }
    }

    /// Makes one run of this and the next, or of the one before and this, if that is a small one.
    fn join(&mut self, at_run: usize) {
        let few = |run: Option<&Run<K, V>>| run.map_or(RUN, |run| run.entries.len());
        let [before, this, behind] =
            [at_run.wrapping_sub(1), at_run, at_run + 1].map(|run| few(self.runs.get(run)));
        let front = if this + behind <= FEW {
            at_run
        } else if before + this <= FEW {
            at_run - 1
        } else {
            return;
        };
        if let Some(taken) = self.runs.remove(front + 1)
            && let Some(run) = self.runs.get_mut(front)
        {
            run.entries.extend(taken.entries);
        }
    }
}

impl<K: Copy + Ord, V> Run<K, V> {
    fn find(&self, key: K) -> Result<usize, usize> {
        match self.entries.last() {
            Some((last, _)) if *last < key => Err(self.entries.len()),
            Some(_) | None => self.entries.binary_search_by(|(known, _)| known.cmp(&key)),
        }
    }

    fn put(&mut self, at: usize, entry: (K, V)) {
        if at == 0 {
            self.first = entry.0;
        }
        self.entries.insert(at, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(shelf: &Shelf<u64, u64>, wanted: &BTreeMap<u64, u64>) {
        let all: Vec<(u64, u64)> = shelf.above(None).map(|(key, value)| (key, *value)).collect();
        assert_eq!(all, wanted.iter().map(|(key, value)| (*key, *value)).collect::<Vec<_>>());
        assert_eq!(shelf.len(), wanted.len());
        for run in &shelf.runs {
            assert_eq!(run.first, run.entries[0].0);
            assert!(run.entries.len() <= RUN);
        }
    }

    #[test]
    fn it_does_what_a_tree_does() {
        let mut chance = 7_u64;
        let mut next = || {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            chance >> 33
        };
        let (mut shelf, mut tree) = (Shelf::default(), BTreeMap::new());
        for round in 0..40_000 {
            // It grows, then shrinks to nothing, and again.
            let grows = (round / 10_000) % 2 == 0;
            let key = next() % 5000;
            if next() % 10 < if grows { 8 } else { 1 } {
                assert_eq!(shelf.insert(key, round), tree.insert(key, round));
            } else {
                let key =
                    if next() % 2 == 0 { key } else { tree.first_key_value().map_or(0, |(key, _)| *key) };
                assert_eq!(shelf.get(key), tree.get(&key));
                assert_eq!(shelf.get_mut(key), tree.get_mut(&key));
                assert_eq!(shelf.remove(key), tree.remove(&key));
            }
            let first = shelf.first().map(|(key, value)| (key, *value));
            assert_eq!(first, tree.first_key_value().map(|(key, value)| (*key, *value)));
            if round % 500 == 0 {
                check(&shelf, &tree);
                let behind: Vec<u64> = shelf.above(Some(key)).map(|(key, _)| key).collect();
                assert_eq!(behind, tree.range(key + 1..).map(|(key, _)| *key).collect::<Vec<_>>());
                let before: Vec<u64> = shelf.up_to(key).map(|(key, _)| key).collect();
                assert_eq!(before, tree.range(..=key).map(|(key, _)| *key).collect::<Vec<_>>());
                let down: Vec<u64> = shelf.down_from(key).map(|(key, _)| key).collect();
                assert_eq!(down, tree.range(..=key).rev().map(|(key, _)| *key).collect::<Vec<_>>());
            }
        }
        check(&shelf, &tree);
    }

    #[test]
    fn what_comes_in_order_leaves_no_holes() {
        let mut shelf = Shelf::default();
        for key in 0..100 * RUN as u64 {
            shelf.insert(key, ());
        }
        assert_eq!(shelf.runs.len(), 100);
        // Nor does what goes leave many: one in fifty stays.
        for key in (0..100 * RUN as u64).filter(|key| key % 50 != 0) {
            shelf.remove(key);
        }
        assert_eq!(shelf.len(), 256);
        assert!(shelf.runs.len() <= 8, "{}", shelf.runs.len());
    }
}
