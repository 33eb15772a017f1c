//! The language of policies: from YAML to checked rules, with errors and warnings.

pub(crate) mod glob;
pub(crate) mod hours;
pub(crate) mod parse;
pub(crate) mod remote_sets;
pub(crate) mod rule;
pub(crate) mod set_definitions;
pub(crate) mod set_kinds;
pub(crate) mod unreachable;
pub(crate) mod warnings;
