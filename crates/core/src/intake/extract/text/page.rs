//! A cleaned text, with the work that may be done in it and what is known of its lines' beginnings.

use crate::intake::work::WorkBudget;
use std::cell::Cell;

/// How many lines' beginnings are remembered: those nearby, which many candidates ask about.
const REMEMBERED: usize = 16;

/// What was found at a place: nothing, or where it ends.
type Found = Option<usize>;

/// A text that is searched.
pub(in crate::intake::extract) struct Page<'t> {
    pub text: &'t str,
    pub work: &'t WorkBudget,
    /// Where the leader ends that a log puts before every line, by where the line begins.
    known: Memory,
    /// The same of what two lines have in common, by both places.
    shared: Memory,
}

impl<'t> Page<'t> {
    pub(in crate::intake::extract) fn new(text: &'t str, work: &'t WorkBudget) -> Self {
        Self {
            text,
            work,
            known: Memory::default(),
            shared: Memory::default(),
        }
    }

    /// The text from a place on.
    pub(in crate::intake::extract) fn from(&self, at: usize) -> &'t str {
        self.text.get(at..).unwrap_or_default()
    }

    /// The text before a place.
    pub(in crate::intake::extract) fn before(&self, at: usize) -> &'t str {
        self.text.get(..at).unwrap_or_default()
    }

    /// Counts one look at the whole text.
    pub(in crate::intake::extract) fn pass(&self) {
        self.work.charge(self.text.len());
    }

    /// Where a known leader at `next` ends, looked for once.
    pub(in crate::intake::extract) fn known(
        &self,
        next: usize,
        find: impl FnOnce() -> Found,
    ) -> Found {
        self.known.recall((next, next), find)
    }

    /// Where the leader at `next` ends that the line has up to `at`, looked for once.
    pub(in crate::intake::extract) fn shared(
        &self,
        at: usize,
        next: usize,
        find: impl FnOnce() -> Found,
    ) -> Found {
        self.shared.recall((at, next), find)
    }
}

/// What was found, and for which places.
type Slot = Option<((usize, usize), Found)>;

/// A few places and what was found there, the newest in the stead of older ones.
#[derive(Default)]
struct Memory([Cell<Slot>; REMEMBERED]);

impl Memory {
    fn recall(&self, key: (usize, usize), find: impl FnOnce() -> Found) -> Found {
        let slot = key.0.wrapping_add(key.1).checked_rem(REMEMBERED);
        let Some(slot) = slot.and_then(|slot| self.0.get(slot)) else {
            return find();
        };
        if let Some((known, found)) = slot.get()
            && known == key
        {
            return found;
        }
        let found = find();
        slot.set(Some((key, found)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_looked_at_once_while_it_is_remembered() {
        let memory = Memory::default();
        assert_eq!(memory.recall((1, 2), || Some(3)), Some(3));
        assert_eq!(memory.recall((1, 2), || panic!("again")), Some(3));
        assert_eq!(memory.recall((2, 1), || None), None);
        assert_eq!(memory.recall((1, 2), || Some(4)), Some(4));
    }
}
