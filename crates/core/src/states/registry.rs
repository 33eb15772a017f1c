//! How a registry is.

use super::RegistryState;

/// What is known of a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any of them may hold together"
)]
pub struct RegistryFacts {
    /// Whether it was read, and the last read did not fail.
    pub is_read: bool,
    /// Whether an operator has paused it, or all.
    pub is_paused: bool,
    /// Whether its settings, its full list, or refused writes stand against entries.
    pub is_blocked: bool,
    /// Whether reads show what others changed and nobody has concluded on.
    pub has_drifted: bool,
}

impl RegistryState {
    /// How a registry is of which this is known: what is worst comes first.
    pub fn of(facts: RegistryFacts) -> Self {
        match facts {
            RegistryFacts { is_read: false, .. } => Self::Unreachable,
            RegistryFacts {
                is_paused: true, ..
            } => Self::Paused,
            RegistryFacts {
                is_blocked: true, ..
            } => Self::Blocked,
            RegistryFacts {
                has_drifted: true, ..
            } => Self::Drifted,
            RegistryFacts { .. } => Self::Writable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_is_writable_only_if_it_was_read_and_nothing_stands_against_it() {
        let read = RegistryFacts {
            is_read: true,
            ..RegistryFacts::default()
        };
        let all = RegistryFacts {
            is_read: true,
            is_paused: true,
            is_blocked: true,
            has_drifted: true,
        };
        let blocked = RegistryFacts {
            is_paused: false,
            ..all
        };
        let drifted = RegistryFacts {
            is_blocked: false,
            ..blocked
        };
        for (facts, state) in [
            (read, RegistryState::Writable),
            (all, RegistryState::Paused),
            (blocked, RegistryState::Blocked),
            (drifted, RegistryState::Drifted),
            (RegistryFacts::default(), RegistryState::Unreachable),
        ] {
            assert_eq!(RegistryState::of(facts), state);
        }
    }
}
