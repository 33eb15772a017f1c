//! What is asked of answers, who may give them, and the links that lead to requests.

mod against_policy;
mod approvers;
mod links;

pub(super) use against_policy::without_effect;
pub(super) use approvers::approvers;
pub(super) use links::links;

use doorward_core::approvals::Approvals;
use doorward_core::approvals::read::approvals;
use doorward_core::yaml::Item;
use doorward_core::yaml::problem::Sink;

/// `approvals` of a registry: a rule can only raise it, so it says how strong an answer must be.
pub(super) fn of_registry(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Approvals> {
    let read = approvals(item, sink)?;
    if read.strength.is_none() {
        let help = "add `strength: link`, `chat`, `sign_in` or `none`";
        item.error("this does not say what must prove an answer", help, sink);
        return None;
    }
    Some(read)
}
