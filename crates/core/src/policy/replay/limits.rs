//! What a replay uses up: a rule's grants and a registry's, counted as the service counts them.

use crate::policy::RuleUse;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// How far back hourly limits look.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The grants of the last hour, oldest first.
#[derive(Default)]
pub(super) struct Spent {
    rules: BTreeMap<String, VecDeque<Timestamp>>,
    registries: BTreeMap<String, VecDeque<Timestamp>>,
}

impl Spent {
    /// What is used up of a rule of which `active` grants stand.
    pub(super) fn of_rule(&self, rule: &str, active: usize, at: Timestamp) -> RuleUse {
        RuleUse {
            active,
            within_the_hour: within(self.rules.get(rule), at),
        }
    }

    /// How many grants a registry had within the hour.
    pub(super) fn of_registry(&self, registry: &str, at: Timestamp) -> usize {
        within(self.registries.get(registry), at)
    }

    /// Takes in a grant.
    pub(super) fn add(&mut self, rule: Option<&String>, registry: Option<&String>, at: Timestamp) {
        if let Some(rule) = rule {
            push(self.rules.entry(rule.clone()).or_default(), at);
        }
        if let Some(registry) = registry {
            push(self.registries.entry(registry.clone()).or_default(), at);
        }
    }
}

fn within(times: Option<&VecDeque<Timestamp>>, at: Timestamp) -> usize {
    let recent = |then: &&Timestamp| at.duration_since(**then) < HOUR;
    times.map_or(0, |times| times.iter().filter(recent).count())
}

fn push(times: &mut VecDeque<Timestamp>, at: Timestamp) {
    while times
        .front()
        .is_some_and(|then| at.duration_since(*then) >= HOUR)
    {
        times.pop_front();
    }
    times.push_back(at);
}
