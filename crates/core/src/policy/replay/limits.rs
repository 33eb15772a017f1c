//! What a replay spends: a rule's grants and a registry's, as the service counts them.

use super::{Door, Given};
use crate::policy::Policy;
use crate::policy::Rule;
use crate::policy::verdict::{Action, NoteCode, Verdict};
use crate::sets::Sets;
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
    /// Lets the verdict open no more than is left. `standing`: how many grants of its rule stand.
    pub(super) fn cap(
        &self,
        verdict: &mut Verdict,
        (policy, sets, given): (&Policy, &Sets, &Given),
        (door, at): (&Door, Timestamp),
        standing: usize,
    ) {
        let rule = verdict.rule.as_deref().and_then(|name| policy.rule(name));
        if let (Action::Allow, Some(rule)) = (verdict.action, rule)
            && let Some(text) = self.rule_is_spent(rule, standing, at)
        {
            verdict.cap(Action::Ask, NoteCode::RuleLimit, text);
        }
        let Some(registry) = &door.1 else {
            return;
        };
        let owned = door.0.is_some_and(|ip| policy.owns(ip, sets));
        let budget = given.grants_per_hour;
        let kept = if owned { 0 } else { budget / 4 };
        let had = within(self.registries.get(registry), at);
        if verdict.action == Action::Allow && had >= budget.saturating_sub(kept) {
            let text = format!("`{registry}` has had its {budget} grants of this hour");
            verdict.cap(Action::Alert, NoteCode::BudgetSpent, text);
        }
    }

    fn rule_is_spent(&self, rule: &Rule, standing: usize, at: Timestamp) -> Option<String> {
        let reached = |count: usize, limit: Option<u32>| {
            limit.filter(|limit| count as u64 >= u64::from(*limit))
        };
        let hour = within(self.rules.get(&rule.name), at);
        let name = &rule.name;
        let many = reached(standing, rule.max_active)
            .map(|limit| format!("rule `{name}` has {limit} grants standing (`max_active`)"));
        many.or_else(|| {
            reached(hour, rule.per_hour).map(|limit| {
                format!("rule `{name}` has had {limit} grants within the hour (`per_hour`)")
            })
        })
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
