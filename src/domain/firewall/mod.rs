//! The registry's own list: reading it, judging it, and planning the smallest change of it.

mod answers;
mod differences;
mod drift;
mod foresee;
mod gaps;
mod landed;
mod live;
mod overwritten;
mod patch;
mod plan;
mod posture;
mod quota;
mod sight;
mod telling;
#[cfg(test)]
mod tests;

pub use answers::{Answer, Answers, Class};
pub use drift::{Drift, Ours, Seen, compare, missing_in};
pub use foresee::{Hindrance, foresee};
pub use live::{Live, Malformed, Rule};
pub use overwritten::{Other, Overwritten};
pub use patch::Patch;
pub use plan::{Plan, Step, Wanted, plan};
pub use posture::{Obstacle, diagnose, forbids_writing};
pub use quota::{Places, scaled_reserve};
pub use sight::{Glance, Sight};
