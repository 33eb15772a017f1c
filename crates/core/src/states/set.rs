//! How an address set is.

use super::SetState;

/// What is known of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetFacts {
    /// Whether it was ever loaded.
    pub is_loaded: bool,
    /// Whether its source could not be used when it was last asked.
    pub has_failed: bool,
    /// Whether something waits for a person's word.
    pub waits: bool,
}

impl SetState {
    /// How a set is of which this is known.
    pub fn of(facts: SetFacts) -> Self {
        match facts {
            SetFacts { waits: true, .. } => Self::Waiting,
            SetFacts {
                is_loaded: false, ..
            } => Self::NeverLoaded,
            SetFacts {
                has_failed: true, ..
            } => Self::Stale,
            SetFacts { .. } => Self::Fresh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_is_fresh_only_if_it_was_loaded_and_its_source_answered() {
        let of = |is_loaded, has_failed, waits| {
            SetState::of(SetFacts {
                is_loaded,
                has_failed,
                waits,
            })
        };
        assert_eq!(of(true, false, false), SetState::Fresh);
        assert_eq!(of(true, true, false), SetState::Stale);
        assert_eq!(of(false, true, false), SetState::NeverLoaded);
        assert_eq!(of(false, false, false), SetState::NeverLoaded);
        assert_eq!(of(false, false, true), SetState::Waiting);
        assert_eq!(SetState::of(SetFacts::default()), SetState::NeverLoaded);
    }
}
