//! What becomes of a denial: policy is asked, and then all that may hold back what it says, in one place.
//!
//! Whoever decides gathers a [`Situation`] first and calls [`judge`]: triage, replay and the shadow policy alike, so
//! that what a replay says is what the service would have done.

use super::verdict::{Action, Note, NoteCode, Verdict};
use super::{Basis, Facts, Policy, Rule, decide};
use crate::ledger::id::DenialId;
use crate::messages::wording;
use crate::sets::Sets;
use jiff::Timestamp;

/// All that deciding a denial looks at, gathered at one moment.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// The address sets as they were last loaded.
    pub sets: &'a Sets,
    /// What is known of the denial and its registry.
    pub facts: &'a Facts<'a>,
    /// What is used up, and what stops opening at the moment.
    pub limits: &'a Limits,
    /// What is used up of a rule, by its name.
    pub rule_use: &'a dyn Fn(&str) -> RuleUse,
    /// Why no enrolled registry is meant, for people.
    pub no_registry: Option<&'a str>,
    /// The registry is not readable, and why, for people.
    pub unreadable: Option<&'a str>,
    /// Whether the registry is still waited for: nothing opens before it was read.
    pub awaits_read: bool,
    /// The denial of an open request for the same address and registry.
    pub open_request: Option<DenialId>,
    /// When.
    pub now: Timestamp,
}

/// What is used up, and what stops opening at the moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Whether the denied address is in a set that is owned, or the reporting job's own.
    pub owned: bool,
    /// When the denial happened, if that is too long ago to open anything for.
    pub too_old: Option<Timestamp>,
    /// Whether so many addresses that nobody owns are refused that they are only counted.
    pub flood: bool,
    /// What is used up of the registry; none where no registry is meant.
    pub registry: Option<RegistryUse>,
}

/// What is used up of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleUse {
    /// How many of its grants stand (`max_active`).
    pub active: usize,
    /// How many were decided within the hour (`per_hour`).
    pub within_the_hour: usize,
}

/// What is used up of a registry, and what stops opening on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryUse {
    /// Its name.
    pub name: String,
    /// Why an operator paused it, for people.
    pub paused: Option<String>,
    /// Until when Azure asks not to write, for people.
    pub throttled: Option<String>,
    /// How many grants were decided within the hour.
    pub granted: usize,
    /// How many may be (`grants_per_hour`).
    pub budget: usize,
    /// Whether another person may be asked.
    pub may_ask: bool,
}

impl RegistryUse {
    /// Of a budget of `all` grants an hour, how many are kept for addresses that are owned: a quarter.
    pub fn kept_for_owned(all: usize, owned: bool) -> usize {
        if owned { 0 } else { all / 4 }
    }
}

/// What becomes of a denial.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing yet: its registry is about to be read.
    Wait,
    /// It repeats another, which has an open request.
    Repeat {
        /// The other one.
        of: DenialId,
        /// What policy and sets say of the address.
        basis: Option<Basis>,
    },
    /// It gets a verdict.
    Verdict {
        /// What is done.
        verdict: Box<Verdict>,
        /// What policy alone says, to compare another policy with.
        policy_says: Box<Verdict>,
    },
}

/// Decides. The same situation always gets the same decision.
pub fn judge(situation: &Situation<'_>) -> Decision {
    let limits = situation.limits;
    let policy_says = ask(situation);
    let mut verdict = policy_says.clone();
    cap(limits, &mut verdict);
    rule_limits(situation, &mut verdict);
    if let Some(registry) = &limits.registry {
        pause(registry, &mut verdict);
        budgets(registry, limits.owned, &mut verdict);
    }
    if let (Some(of), Action::Ask) = (situation.open_request, verdict.action) {
        let basis = verdict.basis;
        return Decision::Repeat { of, basis };
    }
    // What a read may forbid opens nothing before it.
    if situation.awaits_read && verdict.action == Action::Allow {
        return Decision::Wait;
    }
    if let Some(why) = situation.unreadable {
        unreadable(why, &mut verdict);
    }
    Decision::Verdict {
        verdict: Box::new(verdict),
        policy_says: Box::new(policy_says),
    }
}

/// What policy says, without limits.
fn ask(situation: &Situation<'_>) -> Verdict {
    let Situation {
        policy,
        sets,
        facts,
        now,
        ..
    } = *situation;
    let mut verdict = decide(policy, sets, facts, now);
    verdict.basis = Some(Basis::of(policy, sets, facts.denial.ip, now));
    if let Some(why) = situation.no_registry {
        verdict.reword(NoteCode::NoRegistry, why);
    }
    verdict
}

/// What opens less than policy says: an old event, a flood.
fn cap(limits: &Limits, verdict: &mut Verdict) {
    if let Some(at) = limits.too_old {
        let text = format!(
            "the denial is from {}, too old to open anything for",
            wording::time(at)
        );
        verdict.cap(Action::Alert, NoteCode::TooOld, text);
    }
    if limits.flood && !limits.owned {
        let text = "too many addresses that are in no set of yours are refused at the moment";
        verdict.cap(Action::Alert, NoteCode::Flood, text.to_owned());
    }
}

/// A rule that has as many grants as it may have asks a person about the next one.
fn rule_limits(situation: &Situation<'_>, verdict: &mut Verdict) {
    let rule = verdict.rule.as_deref();
    let rule = rule.and_then(|name| situation.policy.rule(name));
    let limited = rule.filter(|rule| {
        verdict.action == Action::Allow && (rule.max_active, rule.per_hour) != (None, None)
    });
    let spent = limited.and_then(|rule| spent(rule, (situation.rule_use)(&rule.name)));
    if let Some(text) = spent {
        verdict.cap(Action::Ask, NoteCode::RuleLimit, text);
    }
}

fn spent(rule: &Rule, used: RuleUse) -> Option<String> {
    let reached =
        |count: usize, limit: Option<u32>| limit.filter(|limit| count as u64 >= u64::from(*limit));
    let name = &rule.name;
    if let Some(limit) = reached(used.active, rule.max_active) {
        return Some(format!(
            "rule `{name}` has {limit} active grants, as many as its `max_active` allows"
        ));
    }
    let limit = reached(used.within_the_hour, rule.per_hour)?;
    Some(format!(
        "rule `{name}` has had {limit} grants within the hour, as many as its `per_hour` allows"
    ))
}

/// While an operator has paused a registry, people hear of what would have been opened.
fn pause(registry: &RegistryUse, verdict: &mut Verdict) {
    if let (Some(text), Action::Allow) = (&registry.paused, verdict.action) {
        verdict.cap(Action::Alert, NoteCode::Paused, text.clone());
    }
    if let (Some(text), Action::Allow) = (&registry.throttled, verdict.action) {
        verdict.notes.push(Note {
            code: NoteCode::Throttled,
            text: text.clone(),
        });
    }
}

/// A spent budget opens nothing. A quarter of the grants is kept for addresses that are owned.
fn budgets(registry: &RegistryUse, owned: bool, verdict: &mut Verdict) {
    let RegistryUse { name, budget, .. } = registry;
    let kept = RegistryUse::kept_for_owned(*budget, owned);
    if verdict.action == Action::Allow && registry.granted >= budget.saturating_sub(kept) {
        let but = if kept > 0 {
            ", except for those kept for addresses that are your own"
        } else {
            ""
        };
        let text = format!(
            "`{name}` has had its {budget} grants of this hour{but}: raise `grants_per_hour` on the registry, or wait"
        );
        verdict.cap(Action::Alert, NoteCode::BudgetSpent, text);
    }
    if verdict.action == Action::Ask && !registry.may_ask {
        let text = format!(
            "as many requests about `{name}` are open as may be, so nobody is asked about another"
        );
        verdict.cap(Action::Alert, NoteCode::TooManyRequests, text);
    }
}

/// What would open a registry that Azure does not show opens nothing, and says why.
fn unreadable(why: &str, verdict: &mut Verdict) {
    verdict.restate(NoteCode::NoRegistry, NoteCode::AzureUnreadable, why);
    if verdict.action == Action::Allow {
        verdict.cap(Action::Alert, NoteCode::AzureUnreadable, why.to_owned());
    }
}
