//! What really happened to the registries, in order: what each read was shown, and every change with
//! the list before and after it. No caller of Azure has this; tests judge by it.

use super::registry::Registry;
use jiff::Timestamp;
use std::mem;

/// Whoever reads or changes a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// Its name, or the object id of its token.
    pub by: String,
    /// The correlation id of its request, where it came through Resource Manager.
    pub correlation: Option<String>,
}

/// One thing that happened to a registry.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A GET was answered with this, which may be stale.
    Read {
        /// When.
        at: Timestamp,
        /// Who asked.
        author: Author,
        /// What was shown.
        shown: Box<Registry>,
    },
    /// The registry changed.
    Changed {
        /// Who changed it.
        author: Author,
        /// As it was right before.
        before: Box<Registry>,
        /// As it was right after.
        after: Box<Registry>,
    },
}

/// How much is kept for somebody who never takes it.
const KEPT: usize = 10_000;

/// What happened since it was last taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal(Vec<Happened>);

impl Journal {
    pub(super) fn note(&mut self, happened: Happened) {
        if self.0.len() < KEPT {
            self.0.push(happened);
        }
    }

    pub(super) fn take(&mut self) -> Vec<Happened> {
        mem::take(&mut self.0)
    }
}

impl Author {
    /// Somebody who does not come through Resource Manager.
    pub(crate) fn named(by: &str) -> Self {
        Self {
            by: by.to_owned(),
            correlation: None,
        }
    }
}
