//! How much work one body may cause, counted where it is done.
//!
//! A step is about what looking at one byte once costs. Every scanner is bounded, so that a body's
//! work grows with its length and no faster (`delivery/tests/hostile.rs` counts it); the budget is what holds
//! if one of them is not.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many steps any body may take, and how many more for each of its bytes. Ordinary bodies take
/// about thirty for each.
const BASE: u64 = 4 << 20;
pub(crate) const FOR_EACH_BYTE: u64 = 400;

/// The work that may still be done for a body, however many records it holds.
#[derive(Debug)]
pub struct WorkBudget {
    most: u64,
    done: Cell<u64>,
    /// Set from outside once nobody waits for the work any more.
    abandoned: Arc<AtomicBool>,
}

impl Default for WorkBudget {
    fn default() -> Self {
        Self::unlimited()
    }
}

impl WorkBudget {
    /// The budget of a body of so many bytes, unpacked.
    pub fn for_body(bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let most = bytes.saturating_mul(FOR_EACH_BYTE).saturating_add(BASE);
        Self::of(most)
    }

    /// A budget that only counts, for texts that nobody outside sent.
    pub fn unlimited() -> Self {
        Self::of(u64::MAX)
    }

    /// A budget of so many steps.
    pub fn of(most: u64) -> Self {
        Self {
            most,
            done: Cell::new(0),
            abandoned: Arc::default(),
        }
    }

    /// The same, spent as soon as `abandoned` is set.
    #[must_use]
    pub fn unless(self, abandoned: Arc<AtomicBool>) -> Self {
        Self { abandoned, ..self }
    }

    /// Counts steps. Whether there were that many left: if not, whoever asked stops where it is.
    pub fn charge(&self, steps: usize) -> bool {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        let done = self.done.get().saturating_add(steps);
        self.done.set(done);
        !self.is_spent()
    }

    /// Whether more was done than may be, or nobody waits for it. What was found by then may not be all.
    pub fn is_spent(&self) -> bool {
        self.done.get() > self.most || self.abandoned.load(Ordering::Relaxed)
    }

    /// How many steps were done.
    pub fn done(&self) -> u64 {
        self.done.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_once_and_stays_spent() {
        let work = WorkBudget::of(10);
        assert!(work.charge(10) && !work.is_spent());
        assert!(!work.charge(1) && work.is_spent());
        assert!(!work.charge(0));
        assert_eq!(work.done(), 11);
    }

    #[test]
    fn a_budget_is_spent_once_its_work_is_abandoned() {
        let abandoned = Arc::new(AtomicBool::new(false));
        let work = WorkBudget::unlimited().unless(Arc::clone(&abandoned));
        assert!(work.charge(1) && !work.is_spent());
        abandoned.store(true, Ordering::Relaxed);
        assert!(!work.charge(0) && work.is_spent());
    }

    #[test]
    fn a_budget_grows_with_the_body() {
        let small = WorkBudget::for_body(0);
        assert!(small.charge(1 << 20));
        let large = WorkBudget::for_body(1 << 20);
        assert!(large.charge(100 << 20) && !large.is_spent());
        assert!(!large.charge(usize::MAX));
    }
}
