//! The kinds of things that can be looked at, by the names that people try.

use crate::cli::Failure;
use doorward_core::states::{GrantState, RegistryState, RequestState, SetState, SourceState};
use doorward_core::yaml::problem::did_you_mean;

/// A kind.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What one of it is called.
    singular: &'static str,
    /// What several are called; also where they are in the API.
    pub(super) plural: &'static str,
    /// The columns of a table: the head, and where the value is.
    pub(super) columns: &'static [(&'static str, &'static str)],
    /// Further ones where there is room.
    pub(super) wide: &'static [(&'static str, &'static str)],
    /// The words for how one is; empty where there are none.
    pub(super) states: fn() -> Vec<&'static str>,
}

const GRANTS: Kind = Kind {
    singular: "grant",
    plural: "grants",
    columns: &[
        ("ID", "/id"),
        ("REGISTRY", "/registry"),
        ("ADDRESS", "/address"),
        ("STATE", "/state"),
        ("UNTIL", "/until"),
        ("RULE", "/rule"),
    ],
    wide: &[
        ("STAGE", "/stage"),
        ("SINCE", "/since"),
        ("DENIAL", "/denial"),
        ("REQUEST", "/request"),
    ],
    states: || GrantState::ALL.map(GrantState::name).to_vec(),
};

pub(super) const REQUESTS: Kind = Kind {
    singular: "request",
    plural: "requests",
    columns: &[
        ("ID", "/id"),
        ("STATE", "/state"),
        ("REGISTRY", "/registry"),
        ("ADDRESS", "/address"),
        ("UNTIL", "/until"),
        ("RULE", "/rule"),
    ],
    wide: &[
        ("SOURCE", "/source"),
        ("REPOSITORY", "/repository"),
        ("SINCE", "/since"),
        ("ANSWER", "/answer/answer"),
        ("BY", "/answer/by"),
    ],
    states: || RequestState::ALL.map(RequestState::name).to_vec(),
};

pub(super) const DENIALS: Kind = Kind {
    singular: "denial",
    plural: "denials",
    columns: &[
        ("ID", "/id"),
        ("AT", "/at"),
        ("REGISTRY", "/registry"),
        ("ADDRESS", "/address"),
        ("VERDICT", "/verdict/action"),
        ("REPEATS", "/repeats"),
    ],
    wide: &[
        ("SOURCE", "/source"),
        ("REPOSITORY", "/repository"),
        ("WHY", "/verdict/why"),
    ],
    states: Vec::new,
};

pub(super) const REGISTRIES: Kind = Kind {
    singular: "registry",
    plural: "registries",
    columns: &[
        ("NAME", "/name"),
        ("STATE", "/state"),
        ("OURS", "/entries/doorward"),
        ("OTHERS", "/entries/others"),
        ("FREE", "/entries/free"),
        ("OPEN", "/grants/open"),
        ("WAITING", "/requests_waiting"),
        ("READ", "/read_at"),
    ],
    wide: &[
        ("LOGIN SERVER", "/login_server"),
        ("SKU", "/sku"),
        ("DEFAULT DENY", "/default_deny"),
        ("ERROR", "/error"),
    ],
    states: || RegistryState::ALL.map(RegistryState::name).to_vec(),
};

const SOURCES: Kind = Kind {
    singular: "source",
    plural: "sources",
    columns: &[
        ("NAME", "/name"),
        ("STATE", "/state"),
        ("KIND", "/kind"),
        ("HEARD", "/heard_at"),
        ("PER SECOND", "/rate_per_second"),
        ("STATUS 403", "/trust_status_403"),
    ],
    wide: &[("MAX BODY", "/max_body_bytes")],
    states: || SourceState::ALL.map(SourceState::name).to_vec(),
};

const SETS: Kind = Kind {
    singular: "set",
    plural: "sets",
    columns: &[
        ("NAME", "/name"),
        ("STATE", "/state"),
        ("KIND", "/kind"),
        ("OWNED", "/owned"),
        ("LOADED", "/loaded_at"),
        ("ERROR", "/error"),
    ],
    wide: &[("FROM", "/from"), ("HASH", "/hash"), ("NEXT", "/next")],
    states: || SetState::ALL.map(SetState::name).to_vec(),
};

const RULES: Kind = Kind {
    singular: "rule",
    plural: "rules",
    columns: &[
        ("#", "/position"),
        ("NAME", "/name"),
        ("THEN", "/then"),
        ("GRANTS", "/grants"),
        ("FILE", "/file"),
        ("LINE", "/line"),
    ],
    wide: &[
        ("SECONDS", "/ttl_seconds"),
        ("CHANNEL", "/channel"),
        ("OBSERVE", "/observe"),
        ("BECAUSE", "/because"),
    ],
    states: Vec::new,
};

static KINDS: [Kind; 7] = [GRANTS, REQUESTS, DENIALS, REGISTRIES, SOURCES, SETS, RULES];

impl Kind {
    /// Whether things of this kind can be in this state.
    pub(super) fn check_state(&self, state: &str) -> Result<(), Failure> {
        let all = (self.states)();
        if all.iter().any(|word| word.eq_ignore_ascii_case(state)) {
            return Ok(());
        }
        let what = if all.is_empty() {
            format!("{} have no state that they could be chosen by", self.plural)
        } else {
            let (plural, all) = (self.plural, all.join(", "));
            format!("`--state {state}`: {plural} are {all}")
        };
        Err(Failure::wrong_input(anyhow::anyhow!(what)))
    }
}

/// The kind that people call by this name.
pub(super) fn named(name: &str) -> Result<&'static Kind, String> {
    let wanted = name.to_ascii_lowercase();
    let found = KINDS
        .iter()
        .find(|kind| kind.singular == wanted || kind.plural == wanted);
    found.ok_or_else(|| {
        let all = KINDS.iter().map(|kind| kind.plural);
        let near = did_you_mean(&wanted, all.clone());
        let near = near.map_or_else(String::new, |near| format!("; {near}"));
        let all: Vec<&str> = all.collect();
        format!("there are {}{near}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_one_and_by_many_and_others_are_refused() {
        assert_eq!(named("grant").unwrap().plural, "grants");
        assert_eq!(named("Registries").unwrap().singular, "registry");
        let refused = named("grnts").unwrap_err();
        assert!(refused.contains("requests"), "{refused}");
    }
}
