//! The registry's own list: reading it, judging it, and planning the smallest change of it.

pub(crate) mod answers;
mod differences;
pub(crate) mod drift;
mod forecast;
mod gaps;
mod live;
mod observed;
mod overwritten;
pub mod owned_entries;
pub mod ownership_tags;
mod patch;
mod plan;
mod posture;
mod quota;
pub mod raw_json;
mod settings;
#[cfg(test)]
mod tests;

pub use answers::{Answer, Answers, Class};
pub use drift::{Drift, Ours, Seen, compare, missing_in};
pub use forecast::{Effect, Hindrance, change, effect, foresee};
pub use live::{Live, Malformed, Rule};
pub use observed::{Glance, ObservedState};
pub use overwritten::{Other, Overwritten};
pub use patch::Patch;
pub use plan::{Plan, Step, Wanted, plan};
pub use posture::{Obstacle, diagnose, forbids_writing};
pub use quota::{Places, scaled_reserve};
pub use settings::RegistrySettings;
