//! How a set is kept up to date, where its policy says so.

use super::{External, USUAL_BOUND};
use std::time::Duration;

/// The most networks that a list from the web may have, unless the policy says otherwise.
const USUAL_SIZE: u32 = 10_000;

/// What the policy says of refreshing a set; what it does not say is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// How often it is loaded anew.
    pub refresh: Option<Duration>,
    /// How much of it may go or come at once, in percent.
    pub max_refresh_change: Option<u32>,
    /// How many networks a list from the web may have.
    pub max_size: Option<u32>,
}

impl RefreshPolicy {
    /// The stricter of two that are said of the same addresses.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let least = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();
        Self {
            refresh: self.refresh.into_iter().chain(other.refresh).min(),
            max_refresh_change: least(self.max_refresh_change, other.max_refresh_change),
            max_size: least(self.max_size, other.max_size),
        }
    }

    /// How often it is loaded anew.
    pub fn period(&self, external: &External) -> Duration {
        self.refresh.unwrap_or_else(|| external.usual_refresh())
    }

    /// How much of it may go or come at once, in percent.
    pub fn bound(&self) -> u32 {
        self.max_refresh_change.unwrap_or(USUAL_BOUND)
    }

    /// How many networks a list from the web may have.
    pub fn most(&self) -> u32 {
        self.max_size.unwrap_or(USUAL_SIZE)
    }
}
