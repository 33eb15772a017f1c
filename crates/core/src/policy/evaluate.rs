//! Asking every rule of a policy about a denial: which of its conditions hold.

use super::verdict::Action;
use super::{Facts, Glob, Policy, Rule};
use crate::sets::SetUsed;
use crate::sets::{External, Membership, Sets, any_holds};
use jiff::Timestamp;

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// It does, by these sets if it is about the address.
    Yes(Vec<SetUsed>),
    /// It does not.
    No,
    /// Nobody can say: these were never loaded.
    Unknown(Vec<External>),
}

/// The conditions that a rule can have, by their names in the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Address,
    Registry,
    Repository,
    Reference,
    Source,
    Kind,
    Identity,
    UserAgent,
    Hours,
    Claims,
    Seen,
    Attribution,
}

impl Field {
    pub(super) const ALL: [Self; 12] = [
        Self::Address,
        Self::Registry,
        Self::Repository,
        Self::Reference,
        Self::Source,
        Self::Kind,
        Self::Identity,
        Self::UserAgent,
        Self::Hours,
        Self::Claims,
        Self::Seen,
        Self::Attribution,
    ];
}

/// A rule and what became of its conditions.
pub(super) struct Trace<'a> {
    pub(super) rule: &'a Rule,
    pub(super) conditions: Vec<(Field, Held)>,
}

impl Trace<'_> {
    /// The sets that held the address, if the rule matches.
    pub(super) fn matched(&self) -> Option<Vec<SetUsed>> {
        let mut sets = Vec::new();
        for (_, held) in &self.conditions {
            match held {
                Held::Yes(used) => sets.extend(used.iter().cloned()),
                Held::No | Held::Unknown(_) => return None,
            }
        }
        Some(sets)
    }

    /// What would have to be loaded to know whether the rule matches, if that is all that is missing.
    pub(super) fn undecided(&self) -> Option<&[External]> {
        let mut missing = None;
        for (_, held) in &self.conditions {
            match held {
                Held::No => return None,
                Held::Yes(_) => {}
                Held::Unknown(externals) => missing = Some(externals.as_slice()),
            }
        }
        missing
    }

    pub(super) fn held(&self) -> Held {
        match (self.matched(), self.undecided()) {
            (Some(sets), _) => Held::Yes(sets),
            (None, Some(missing)) => Held::Unknown(missing.to_vec()),
            (None, None) => Held::No,
        }
    }
}

/// Asks every rule.
pub(super) fn evaluate<'a>(
    policy: &'a Policy,
    sets: &Sets,
    facts: &Facts<'_>,
    now: Timestamp,
) -> Vec<Trace<'a>> {
    let trace = |rule: &'a Rule| Trace {
        rule,
        conditions: Field::ALL
            .into_iter()
            .filter_map(|field| Some((field, ask(rule, field, sets, (facts, now))?)))
            .collect(),
    };
    policy.rules.iter().map(trace).collect()
}

/// Whether a condition of the rule holds; `None` if the rule does not have it.
fn ask(
    rule: &Rule,
    field: Field,
    sets: &Sets,
    (facts, now): (&Facts<'_>, Timestamp),
) -> Option<Held> {
    let when = &rule.when;
    let denial = facts.denial;
    let globs = |globs: &[Glob], name: Option<&str>| {
        let held = name.is_some_and(|name| globs.iter().any(|glob| glob.matches(name)));
        (!globs.is_empty()).then_some(held)
    };
    let held = match field {
        Field::Address if when.address.is_empty() => None,
        Field::Address => {
            let membership = denial.ip.map(|ip| any_holds(&when.address, ip, sets));
            let stale = stale(rule, sets, now);
            return Some(match membership {
                None => Held::No,
                // What only allows need not know whether it would.
                Some(Membership::Outside) if stale.is_empty() || rule.then == Action::Allow => {
                    Held::No
                }
                Some(Membership::Inside(used)) if stale.is_empty() => Held::Yes(used),
                Some(Membership::Inside(_) | Membership::Outside) => Held::Unknown(stale),
                Some(Membership::Unknown(missing)) => Held::Unknown(missing),
            });
        }
        Field::Registry => globs(&when.registry, facts.registry),
        Field::Repository => globs(&when.repository, denial.repository.as_deref()),
        Field::Reference => globs(&when.reference, denial.reference.as_deref()),
        Field::Identity => globs(&when.identity, facts.identity),
        Field::UserAgent => globs(&when.user_agent, facts.user_agent),
        Field::Source => any(&when.source, |source| source == facts.source),
        Field::Kind => any(&when.kind, |kind| *kind == denial.kind),
        Field::Attribution => any(&when.attribution, |grade| {
            denial.attribution == Some(*grade)
        }),
        Field::Seen => any(&when.seen, |seen| seen.holds(facts.before, now)),
        Field::Hours => any(&when.hours, |hours| hours.contain(now)),
        Field::Claims => (!when.claims.is_empty()).then(|| {
            when.claims.iter().all(|wanted| {
                let value = facts.proof.and_then(|proof| proof.claim(&wanted.name));
                value.is_some_and(|value| wanted.holds(value))
            })
        }),
    };
    held.map(|held| {
        if held {
            Held::Yes(Vec::new())
        } else {
            Held::No
        }
    })
}

/// What the rule relies on and was loaded longer ago than its `fresh`.
pub(super) fn stale(rule: &Rule, sets: &Sets, now: Timestamp) -> Vec<External> {
    let mut stale = Vec::new();
    let Some(fresh) = rule.fresh else {
        return stale;
    };
    for set in &rule.when.address {
        set.each_external(&mut |external| {
            let age = sets
                .get(external)
                .map(|loaded| now.duration_since(loaded.loaded_at));
            // A clock that was set back makes nothing stale.
            if age.is_some_and(|age| age.unsigned_abs() > fresh && age.is_positive()) {
                stale.push(external.clone());
            }
        });
    }
    stale
}

fn any<T>(values: &[T], holds: impl Fn(&T) -> bool) -> Option<bool> {
    (!values.is_empty()).then(|| values.iter().any(holds))
}
