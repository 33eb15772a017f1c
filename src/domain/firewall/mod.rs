//! The registry's own list: reading it, judging it, and planning the smallest change of it.

mod live;
mod plan;
mod posture;
#[cfg(test)]
mod tests;

pub use live::{Live, Malformed, Rule};
pub use plan::{Patch, Plan, Step, Wanted, plan};
pub use posture::{Obstacle, diagnose};
