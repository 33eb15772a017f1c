//! A memory with an upper bound: when it is full, what came first goes first.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How many places of forgotten keys are borne with before the order is tidied.
const SLACK: usize = 64;

/// A map of at most `MOST` keys. Every operation costs constant time, taken over many.
#[derive(Clone, Debug, PartialEq)]
pub struct Recent<K: Eq + Hash, V, const MOST: usize> {
    known: HashMap<K, (u64, V)>,
    order: VecDeque<(u64, K)>,
    next: u64,
}

impl<K: Eq + Hash, V, const MOST: usize> Default for Recent<K, V, MOST> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
        }
    }
}

impl<K: Eq + Hash + Copy, V, const MOST: usize> Recent<K, V, MOST> {
    /// Takes a value in as the newest; one that was there under the same key is replaced.
    pub fn insert(&mut self, key: K, value: V) {
        self.next = self.next.saturating_add(1);
        self.known.insert(key, (self.next, value));
        self.order.push_back((self.next, key));
        while self.known.len() > MOST {
            self.drop_first();
        }
        if self.order.len() > self.known.len().saturating_mul(2).saturating_add(SLACK) {
            let known = &self.known;
            self.order
                .retain(|(turn, key)| known.get(key).is_some_and(|(at, _)| at == turn));
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.known.get(key).map(|(_, value)| value)
    }

    /// The value under `key`, to be changed in its place.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.known.get_mut(key).map(|(_, value)| value)
    }

    /// Whether there is a value under `key`.
    pub fn contains(&self, key: &K) -> bool {
        self.known.contains_key(key)
    }

    /// Takes the value under `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.known.remove(key).map(|(_, value)| value)
    }

    /// Takes out the values that are not to stay; how many these were.
    pub fn retain(&mut self, stays: impl Fn(&V) -> bool) -> usize {
        let before = self.known.len();
        self.known.retain(|_, (_, value)| stays(value));
        before.saturating_sub(self.known.len())
    }

    /// The values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.known.values().map(|(_, value)| value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Drops the oldest for as long as they are `over`.
    pub fn forget(&mut self, over: impl Fn(&V) -> bool) {
        while let Some((turn, key)) = self.order.front() {
            match self.known.get(key) {
                Some((at, value)) if at == turn && !over(value) => return,
                Some(_) | None => self.drop_first(),
            }
        }
    }

    fn drop_first(&mut self) {
        if let Some((turn, key)) = self.order.pop_front()
            && self.known.get(&key).is_some_and(|(at, _)| *at == turn)
        {
            self.known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_when_it_is_full_and_what_comes_again_is_new() {
        let mut recent = Recent::<_, _, 2>::default();
        recent.insert('a', 1);
        recent.insert('b', 2);
        recent.insert('a', 3);
        recent.insert('c', 4);
        assert_eq!(recent.get(&'a'), Some(&3));
        assert!(!recent.contains(&'b'));
        assert_eq!(recent.len(), 2);
    }

    #[test]
    fn what_comes_again_and_again_takes_no_room() {
        let mut recent = Recent::<_, _, 1000>::default();
        recent.insert(0, ());
        for _ in 0..100_000 {
            recent.insert(1, ());
        }
        assert!(recent.contains(&0));
        assert!(recent.order.len() < 100);
    }

    #[test]
    fn forgetting_stops_at_what_is_young_enough() {
        let mut recent = Recent::<_, _, 10>::default();
        for at in 0..5 {
            recent.insert(at, at);
        }
        recent.forget(|at| *at < 3);
        assert_eq!(recent.len(), 2);
        assert!(recent.contains(&3));
    }
}
