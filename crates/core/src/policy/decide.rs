//! What a policy says about a denial: one evaluation, which [`decide`] and `explain` share.

use super::diagnose;
use super::evaluate::{Trace, evaluate};
use super::verdict::{Action, Note, NoteCode, Observed, Verdict};
use super::{Facts, Policy, Rule};
use crate::intake::denial::{Kind, Service};
use crate::net::address::GlobalIpv4;
use crate::sets::SetUsed;
use crate::sets::{External, Sets, WIDEST_OWNED};
use crate::yaml::duration::Show;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

/// How long a rule opens that does not say.
pub const DEFAULT_TTL: Duration = Duration::from_hours(1);

/// What the policy says about the denial.
///
/// A rule with `forbid` wins wherever it stands; then the first rule that matches; then the default.
/// A rule whose sets were never loaded does not match, but where it might have opened less than what
/// comes after it, nothing opens without a person. The guardrails come last and have no switch.
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
    let deciding = in_force()
        .filter(forbids)
        .find_map(found)
        .or_else(|| in_force().find_map(found));

    let mut verdict = match &deciding {
        Some((trace, used)) => from_rule(trace.rule, used.clone(), sets, facts),
        None => from_default(policy),
    };
    let before = |trace: &Trace<'_>| match &deciding {
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
    // One behind another that matches would not decide if it were in force, whoever forbids after both.
    let first = in_force().find(|trace| trace.matched().is_some());
    let observed = traces.iter().filter(|trace| {
        let is_first = first.is_none_or(|first| earlier(traces, trace, first));
        let may_decide = trace.rule.then == Action::Forbid || is_first;
        trace.rule.observe && may_decide && trace.matched().is_some()
    });
    verdict.observed = observed
        .map(|trace| Observed {
            rule: trace.rule.name.clone(),
            action: trace.rule.then,
        })
        .collect();
    own_address(&mut verdict, facts);
    if let Some((trace, _)) = &deciding {
        known_age(&mut verdict, trace.rule, facts);
    }
    guessed_registry(&mut verdict, facts);
    guardrails(&mut verdict, facts);
    if !matches!(verdict.action, Action::Forbid | Action::Ignore) {
        let openable = facts
            .denial
            .ip
            .is_some_and(|ip| GlobalIpv4::try_from(ip).is_ok());
        verdict.advice = diagnose::advise(policy, sets, facts, openable);
    }
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
    let lacks = trace.rule.lacks(missing);
    let text = if trace.rule.then == Action::Allow {
        format!("rule `{rule}` was passed over: {lacks}")
    } else {
        verdict.action = verdict.action.at_most(Action::Ask);
        format!("rule `{rule}` could not be decided, so nothing opens by itself: {lacks}")
    };
    note(verdict, NoteCode::SetNotLoaded, text);
}

fn from_rule(rule: &Rule, used: Vec<SetUsed>, sets: &Sets, facts: &Facts<'_>) -> Verdict {
    let mut verdict = Verdict {
        action: rule.then,
        rule: Some(rule.name.clone()),
        because: rule.because.clone(),
        ttl: rule.ttl,
        renew: rule.renew,
        evictable: rule.evictable,
        widen: facts.denial.ip.and_then(|ip| widen(rule, ip, sets)),
        channel: rule.channel.clone(),
        approvals: rule.approvals.clone(),
        sets: used,
        observed: Vec::new(),
        notes: Vec::new(),
        advice: Vec::new(),
        basis: None,
        shadow: None,
    };
    if rule.then == Action::Allow && rule.accept_shared.is_none() && !rule.rests_on_claims() {
        for set in &rule.when.address {
            set.each_evidence(&mut |external| too_wide(&mut verdict, external, sets));
        }
    }
    verdict
}

/// The widest block around `ip` that the rule lets one entry cover: in one of its sets that are owned,
/// and not too wide to be.
fn widen(rule: &Rule, ip: IpAddr, sets: &Sets) -> Option<Ipv4Net> {
    let IpAddr::V4(address) = ip.to_canonical() else {
        return None;
    };
    let named = rule.when.address.iter().filter(|_| rule.widen);
    named
        .filter(|set| set.is_evidence(sets))
        .filter_map(|set| set.block(address, sets))
        .min_by_key(Ipv4Net::prefix_len)
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
        renew: None,
        evictable: false,
        widen: None,
        channel: None,
        approvals: None,
        sets: Vec::new(),
        observed: Vec::new(),
        notes: Vec::new(),
        advice: Vec::new(),
        basis: None,
        shadow: None,
    }
}

/// A job holds its token, not our trust: what it reports opens by itself only for the address that its
/// own connection comes from.
fn own_address(verdict: &mut Verdict, facts: &Facts<'_>) {
    let (Some(proof), Some(ip)) = (facts.proof, facts.denial.ip) else {
        return;
    };
    if !proof.is_from(ip) {
        let text = match proof.peer {
            Some(peer) => format!(
                "the CI job that reported this speaks from {}, so it cannot vouch for another address",
                peer.to_canonical()
            ),
            None => "which address the CI job that reported this speaks from cannot be told: see `trusted_proxies` in the configuration".to_owned(),
        };
        verdict.cap(Action::Ask, NoteCode::NotOwnAddress, text);
    }
}

/// A rule that asks for a denial's age opens nothing for one that nobody can tell the age of.
fn known_age(verdict: &mut Verdict, rule: &Rule, facts: &Facts<'_>) {
    if rule.require_age && facts.age_unknown {
        let text = format!(
            "nothing says when the denial happened, and rule `{}` has `require_age`: send records with their time",
            rule.name
        );
        verdict.cap(Action::Alert, NoteCode::AgeUnknown, text);
    }
}

/// On a guess which registry refused, a person decides.
fn guessed_registry(verdict: &mut Verdict, facts: &Facts<'_>) {
    if facts.registry.is_none()
        || facts.denial.names_registry_surely()
        || matches!(verdict.action, Action::Forbid | Action::Ignore)
    {
        return;
    }
    let text = "which registry refused is inferred from what stands near the error, a guess: set `registry` on the source, or send records that carry the login server or resource id".to_owned();
    verdict.cap(Action::Ask, NoteCode::RegistryInferred, text.clone());
    let noted = |note: &Note| note.code == NoteCode::RegistryInferred;
    if !verdict.notes.iter().any(noted) {
        note(verdict, NoteCode::RegistryInferred, text);
    }
}

/// What no policy can open: the verdict becomes at most an alert that says why, before all else.
fn guardrails(verdict: &mut Verdict, facts: &Facts<'_>) {
    let denial = facts.denial;
    let mut reasons = diagnose::blocking(facts);
    let mut stop = |code, text: String| reasons.push(Note { code, text });
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
            verdict.renew = None;
            verdict.evictable = false;
            verdict.widen = None;
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
