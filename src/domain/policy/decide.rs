//! What a policy says about a denial: one evaluation, which [`decide`] and `explain` share.

use super::{Facts, Policy, Rule};
use crate::domain::address::GlobalIpv4;
use crate::domain::denial::{Kind, Service};
use crate::domain::sets::{External, Membership, Sets, WIDEST_OWNED, any_holds};
use crate::domain::ttl::Show;
use crate::domain::verdict::{Action, Note, NoteCode, Observed, SetUsed, Verdict};
use jiff::Timestamp;
use std::time::Duration;

/// How long a rule opens that does not say.
pub const DEFAULT_TTL: Duration = Duration::from_hours(1);

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
}

impl Field {
    pub(super) const ALL: [Self; 9] = [
        Self::Address,
        Self::Registry,
        Self::Repository,
        Self::Reference,
        Self::Source,
        Self::Kind,
        Self::Identity,
        Self::UserAgent,
        Self::Hours,
    ];
}

/// A rule and what became of its conditions.
pub(super) struct Trace<'a> {
    pub(super) rule: &'a Rule,
    pub(super) conditions: Vec<(Field, Held)>,
}

impl Trace<'_> {
    /// The sets that held the address, if the rule matches.
    fn matched(&self) -> Option<Vec<SetUsed>> {
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
    fn undecided(&self) -> Option<&[External]> {
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
    let globs = |globs: &[super::Glob], name: Option<&str>| {
        let held = name.is_some_and(|name| globs.iter().any(|glob| glob.matches(name)));
        (!globs.is_empty()).then_some(held)
    };
    let held = match field {
        Field::Address if when.address.is_empty() => None,
        Field::Address => {
            let membership = denial.ip.map(|ip| any_holds(&when.address, ip, sets));
            return Some(match membership {
                Some(Membership::Inside(used)) => Held::Yes(used),
                Some(Membership::Outside) | None => Held::No,
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
        Field::Hours => any(&when.hours, |hours| hours.contain(now)),
    };
    held.map(|held| {
        if held {
            Held::Yes(Vec::new())
        } else {
            Held::No
        }
    })
}

fn any<T>(values: &[T], holds: impl Fn(&T) -> bool) -> Option<bool> {
    (!values.is_empty()).then(|| values.iter().any(holds))
}

/// What the policy says about the denial.
///
/// A rule with `forbid` wins wherever it stands; then the first rule that matches; then the default.
/// A rule whose sets were never loaded does not match, but where it might have opened less than what
/// comes after it, nothing opens without a person. The rails come last and have no switch.
pub fn decide(policy: &Policy, sets: &Sets, facts: &Facts<'_>, now: Timestamp) -> Verdict {
    let traces = evaluate(policy, sets, facts, now);
    settle(policy, &traces, sets, facts)
}

/// The verdict that follows from what the rules answered.
pub(super) fn settle(
    policy: &Policy,
    traces: &[Trace<'_>],
    sets: &Sets,
    facts: &Facts<'_>,
) -> Verdict {
    let in_force = || traces.iter().filter(|trace| !trace.rule.observe);
    let found = |trace| Some((trace, Trace::matched(trace)?));
    let forbids = |trace: &&Trace<'_>| trace.rule.then == Action::Forbid;
    let decisive = in_force()
        .filter(forbids)
        .find_map(found)
        .or_else(|| in_force().find_map(found));

    let mut verdict = match &decisive {
        Some((trace, used)) => from_rule(trace.rule, used.clone(), sets),
        None => from_default(policy),
    };
    let before = |trace: &Trace<'_>| match &decisive {
        Some((winner, _)) => earlier(traces, trace, winner),
        None => true,
    };
    if verdict.action != Action::Forbid {
        for trace in in_force() {
            if forbids(&trace) || before(trace) {
                hold_back(&mut verdict, trace);
            }
        }
    }
    let observed = traces.iter().filter(|trace| {
        let first = trace.rule.then == Action::Forbid || before(trace);
        trace.rule.observe && first && trace.matched().is_some()
    });
    verdict.observed = observed
        .map(|trace| Observed {
            rule: trace.rule.name.clone(),
            action: trace.rule.then,
        })
        .collect();
    rails(&mut verdict, facts);
    limit(&mut verdict, facts.max_ttl);
    verdict
}

/// Whether `trace` stands before `winner`.
fn earlier(traces: &[Trace<'_>], trace: &Trace<'_>, winner: &Trace<'_>) -> bool {
    let place = |wanted: &Trace<'_>| traces.iter().position(|trace| std::ptr::eq(trace, wanted));
    place(trace) < place(winner)
}

/// A rule that cannot be decided lets nothing open that it might have kept shut.
fn hold_back(verdict: &mut Verdict, trace: &Trace<'_>) {
    let Some(missing) = trace.undecided() else {
        return;
    };
    let rule = &trace.rule.name;
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let missing = missing.join(", ");
    let text = if trace.rule.then == Action::Allow {
        format!("rule `{rule}` was passed over: {missing} was never loaded")
    } else {
        verdict.action = verdict.action.at_most(Action::Ask);
        format!(
            "rule `{rule}` could not be decided, so nothing opens by itself: {missing} was never loaded"
        )
    };
    note(verdict, NoteCode::SetNotLoaded, text);
}

fn from_rule(rule: &Rule, used: Vec<SetUsed>, sets: &Sets) -> Verdict {
    let mut verdict = Verdict {
        action: rule.then,
        rule: Some(rule.name.clone()),
        because: rule.because.clone(),
        ttl: rule.ttl,
        channel: rule.channel.clone(),
        approvals: rule.approvals,
        sets: used,
        observed: Vec::new(),
        notes: Vec::new(),
    };
    if rule.then == Action::Allow && rule.accept_shared.is_none() {
        for set in &rule.when.address {
            set.each_evidence(&mut |external| too_wide(&mut verdict, external, sets));
        }
    }
    verdict
}

/// What was checked for addresses in the policy holds for loaded ones too: nobody owns that many.
fn too_wide(verdict: &mut Verdict, external: &External, sets: &Sets) {
    if sets.get(external).is_some_and(|loaded| loaded.wide) {
        let text = format!("{external} is wider than a /{WIDEST_OWNED}, which nobody owns");
        verdict.cap(Action::Ask, NoteCode::SetTooWide, text);
    }
}

fn from_default(policy: &Policy) -> Verdict {
    Verdict {
        action: policy.default,
        rule: None,
        because: None,
        ttl: None,
        channel: None,
        approvals: None,
        sets: Vec::new(),
        observed: Vec::new(),
        notes: Vec::new(),
    }
}

/// What no policy can open: the verdict becomes at most an alert that says why, before all else.
fn rails(verdict: &mut Verdict, facts: &Facts<'_>) {
    let denial = facts.denial;
    let mut reasons = Vec::new();
    let mut stop = |code, text: String| reasons.push(Note { code, text });
    match denial.ip.map(GlobalIpv4::try_from) {
        Some(Ok(_)) => {}
        Some(Err(error)) => stop(NoteCode::NotOpenable, error.to_string()),
        None => {
            let text = "the denial names no address, so there is nothing to open";
            stop(NoteCode::NoAddress, text.to_owned());
        }
    }
    if denial.kind == Kind::Suspected && !facts.trusted_status_403 {
        let text = "a 403 without the firewall's message may be a missing role: `trust_status_403: true` on the source lets its status-403 records open";
        stop(NoteCode::Suspected, text.to_owned());
    }
    if denial.service != Service::Acr {
        let text =
            "the firewall that refused is not a container registry's; doorward writes no other";
        stop(NoteCode::ForeignService, text.to_owned());
    }
    if facts.registry.is_none() {
        let text = "which enrolled registry is meant cannot be told";
        stop(NoteCode::NoRegistry, text.to_owned());
    }
    if reasons.is_empty() || matches!(verdict.action, Action::Forbid | Action::Ignore) {
        return;
    }
    verdict.action = verdict.action.at_most(Action::Alert);
    verdict.notes.splice(0..0, reasons);
}

/// An end for whatever may open, at most `most` away; none for the rest.
fn limit(verdict: &mut Verdict, most: Duration) {
    match verdict.action {
        Action::Allow | Action::Ask => {}
        Action::Forbid | Action::Alert | Action::Ignore => {
            verdict.ttl = None;
            return;
        }
    }
    let wanted = verdict.ttl.unwrap_or(DEFAULT_TTL);
    if let (Some(_), true) = (verdict.ttl, wanted > most) {
        let text = format!("{} shortened to `max_ttl`, {}", Show(wanted), Show(most));
        note(verdict, NoteCode::TtlCapped, text);
    }
    verdict.ttl = Some(wanted.min(most));
}

fn note(verdict: &mut Verdict, code: NoteCode, text: String) {
    verdict.notes.push(Note { code, text });
}
