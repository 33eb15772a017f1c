//! How a source is.

use super::SourceState;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a source that says nothing of its own counts as fed after it was heard.
pub const UNTOLD: Duration = Duration::from_hours(24);

/// What is known of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// When it was last heard: a delivery that was believed, or a feed that was read to its end.
    pub heard: Option<Timestamp>,
    /// When somebody in its name was last not believed, or a feed was refused.
    pub refused: Option<Timestamp>,
    /// How often it speaks at least, where that is configured.
    pub expect_every: Option<Duration>,
}

impl SourceFacts {
    /// When it is silent for too long, counted from `since` where it was never heard.
    pub fn silent_from(&self, since: Timestamp) -> Option<Timestamp> {
        let within = SignedDuration::try_from(self.expect_every?).ok()?;
        let heard = self.heard.map_or(since, |heard| heard.max(since));
        heard.checked_add(within).ok()
    }
}

impl SourceState {
    /// How a source is at `now`. A source that is heard is fed, whoever else tries in its name.
    pub fn of(facts: &SourceFacts, now: Timestamp) -> Self {
        let within = facts.expect_every.unwrap_or(UNTOLD);
        let within = SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX);
        match (facts.heard, facts.refused) {
            (Some(heard), _) if now.duration_since(heard) < within => Self::Fed,
            (heard, Some(refused)) if heard.is_none_or(|heard| refused > heard) => Self::Refused,
            (Some(_), _) => Self::Silent,
            (None, _) => Self::NeverSeen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn source_is_fed_for_as_long_as_it_says_and_refusals_of_others_do_not_change_that() {
        let facts = |heard: Option<i64>, refused: Option<i64>| SourceFacts {
            heard: heard.map(at),
            refused: refused.map(at),
            expect_every: Some(Duration::from_hours(1)),
        };
        let of = |facts, minute| SourceState::of(&facts, at(minute));
        assert_eq!(of(facts(None, None), 0), SourceState::NeverSeen);
        assert_eq!(of(facts(None, Some(0)), 0), SourceState::Refused);
        assert_eq!(of(facts(Some(0), None), 59), SourceState::Fed);
        assert_eq!(of(facts(Some(0), Some(30)), 59), SourceState::Fed);
        assert_eq!(of(facts(Some(0), Some(30)), 61), SourceState::Refused);
        assert_eq!(of(facts(Some(30), Some(0)), 91), SourceState::Silent);
        let untold = SourceFacts {
            expect_every: None,
            ..facts(Some(0), None)
        };
        assert_eq!(of(untold, 24 * 60 - 1), SourceState::Fed);
        assert_eq!(of(untold, 24 * 60 + 1), SourceState::Silent);
        assert_eq!(untold.silent_from(at(0)), None);
        assert_eq!(facts(Some(5), None).silent_from(at(10)), Some(at(70)));
        assert_eq!(facts(None, None).silent_from(at(10)), Some(at(70)));
    }
}
