//! Every text for people: messages, outcomes, lines of the ledger, with the stable codes.

pub mod channels;
pub mod codes;
pub(crate) mod drift;
pub mod excerpt;
pub mod invisible;
pub mod ledger_line;
pub mod message;
pub mod outcome;
pub mod overdue;
pub mod prose;
pub mod routing;
pub mod wording;
