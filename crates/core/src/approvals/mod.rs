//! How strong a yes must be: what a registry asks for and a rule raises, who may answer, and what an
//! answer is bound to.

pub mod approver;
pub mod may;
pub mod read;
pub mod shown;
pub mod terms;
#[cfg(test)]
mod tests;

pub use approver::{Approver, Approvers, Asker};
pub use may::{Refusal, Who, Wish, may_answer};
pub use shown::{Part, Seen, Shown};
pub use terms::{Approvals, Strength, Terms};
