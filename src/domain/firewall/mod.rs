//! The registry's own list: reading it, judging it, and planning the smallest change of it.

mod live;
mod patch;
mod plan;
mod posture;
mod quota;
#[cfg(test)]
mod tests;

pub use live::{Live, Malformed, Rule};
pub use patch::Patch;
pub use plan::{Plan, Step, Wanted, plan};
pub use posture::{Obstacle, diagnose};
