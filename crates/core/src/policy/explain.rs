//! The answer to "why?": every rule with every condition, and what each came to.

use super::decide::settle;
use super::evaluate::{Field, Held, Trace, evaluate};
use super::verdict::Verdict;
use super::{Facts, Policy, Rule, When};
use crate::auth::proof::ClaimIs;
use crate::messages::wording;
use crate::sets::Sets;
use jiff::Timestamp;
use serde::Serialize;

/// A verdict and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The same as `decide` gives.
    pub verdict: Verdict,
    /// Every rule in order.
    pub rules: Vec<RuleExplained>,
}

/// What became of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleExplained {
    /// Its name.
    pub rule: String,
    /// Whether it matched; `None` where a set that it needs was never loaded.
    pub matched: Option<bool>,
    /// Whether the verdict is its own.
    pub decided: bool,
    /// Whether it is only watched.
    pub observe: bool,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// What became of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Its name in the policy.
    pub field: &'static str,
    /// Whether it holds; `None` where a set that it needs was never loaded.
    pub held: Option<bool>,
    /// Why, for people.
    pub why: String,
}

/// Explains what `decide` says, from the same evaluation.
pub fn explain(policy: &Policy, sets: &Sets, facts: &Facts<'_>, now: Timestamp) -> Explanation {
    let traces = evaluate(policy, sets, facts, now);
    let verdict = settle(policy, &traces, sets, facts);
    let rules = traces
        .iter()
        .map(|trace| rule(trace, &verdict, facts, now))
        .collect();
    Explanation { verdict, rules }
}

fn rule(trace: &Trace<'_>, verdict: &Verdict, facts: &Facts<'_>, now: Timestamp) -> RuleExplained {
    let conditions = trace.conditions.iter().map(|(field, held)| Condition {
        field: name(*field),
        held: answer(held),
        why: why(*field, held, trace.rule, (facts, now)),
    });
    RuleExplained {
        rule: trace.rule.name.clone(),
        matched: answer(&trace.held()),
        decided: verdict.rule.as_ref() == Some(&trace.rule.name),
        observe: trace.rule.observe,
        conditions: conditions.collect(),
    }
}

fn answer(held: &Held) -> Option<bool> {
    match held {
        Held::Yes(_) => Some(true),
        Held::No => Some(false),
        Held::Unknown(_) => None,
    }
}

fn name(field: Field) -> &'static str {
    match field {
        Field::Address => "address",
        Field::Registry => "registry",
        Field::Repository => "repository",
        Field::Reference => "reference",
        Field::Source => "source",
        Field::Kind => "kind",
        Field::Identity => "identity",
        Field::UserAgent => "user_agent",
        Field::Hours => "hours",
        Field::Claims => "claims",
        Field::Seen => "seen",
        Field::Attribution => "attribution",
    }
}

fn why(field: Field, held: &Held, rule: &Rule, (facts, now): (&Facts<'_>, Timestamp)) -> String {
    let when = &rule.when;
    let missing = match held {
        Held::Unknown(externals) => return rule.lacks(externals),
        Held::Yes(sets) if field == Field::Address => {
            let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
            return format!("in {}", names.join(", "));
        }
        Held::Yes(_) | Held::No => held == &Held::No,
    };
    let (value, wanted) = match field {
        Field::Address => {
            let names: Vec<&str> = when.address.iter().map(|set| set.name.as_str()).collect();
            let address = facts.denial.ip.map(|ip| ip.to_string());
            (address, names.join(", "))
        }
        Field::Registry => (facts.registry.map(str::to_owned), list(&when.registry)),
        Field::Repository => (facts.denial.repository.clone(), list(&when.repository)),
        Field::Reference => (facts.denial.reference.clone(), list(&when.reference)),
        Field::Source => {
            let source = Some(facts.source.to_owned()).filter(|source| !source.is_empty());
            (source, list(&when.source))
        }
        Field::Kind => {
            let word = |kind: &crate::intake::denial::Kind| {
                crate::policy::language::rule::kind_word(*kind).to_owned()
            };
            let wanted: Vec<String> = when.kind.iter().map(word).collect();
            (Some(word(&facts.denial.kind)), wanted.join(", "))
        }
        Field::Attribution => {
            let wanted: Vec<&str> = when.attribution.iter().map(|grade| grade.name()).collect();
            let grade = facts
                .denial
                .attribution
                .map(|grade| grade.name().to_owned());
            (grade, wanted.join(", "))
        }
        Field::Identity => (facts.identity.map(str::to_owned), list(&when.identity)),
        Field::UserAgent => (facts.user_agent.map(str::to_owned), list(&when.user_agent)),
        Field::Hours => (Some(wording::time(now)), list(&when.hours)),
        Field::Claims => return claims(when, facts),
        Field::Seen => return seen(when, facts, held == &Held::No),
    };
    match (value, missing) {
        (None, _) => "the denial does not say".to_owned(),
        (Some(value), true) => format!("`{value}` is not in {wanted}"),
        (Some(value), false) => format!("`{value}` is in {wanted}"),
    }
}

/// When the address was granted before, and whether that is what the rule wants.
fn seen(when: &When, facts: &Facts<'_>, missing: bool) -> String {
    let said =
        |at: Option<Timestamp>, by: &str| at.map(|at| format!("{by} at {}", wording::time(at)));
    let before = [
        said(facts.before.person, "by a person"),
        said(facts.before.policy, "by the policy"),
    ];
    let before: Vec<String> = before.into_iter().flatten().collect();
    let wanted = list(&when.seen);
    if before.is_empty() {
        return format!("the address was not granted here before, as is wanted {wanted}");
    }
    let not = if missing { "not " } else { "" };
    format!("granted {}: that is {not}{wanted}", before.join(", "))
}

/// What each wanted claim says.
fn claims(when: &When, facts: &Facts<'_>) -> String {
    let Some(proof) = facts.proof else {
        return "the sender showed no token of a CI job".to_owned();
    };
    let one = |wanted: &ClaimIs| {
        let name = &wanted.name;
        let patterns = list(&wanted.any);
        match proof.claim(name) {
            None => format!("the token has no claim `{name}`"),
            Some(value) if wanted.holds(value) => format!("{name} `{value}` is in {patterns}"),
            Some(value) => format!("{name} `{value}` is not in {patterns}"),
        }
    };
    let texts: Vec<String> = when.claims.iter().map(one).collect();
    texts.join(", ")
}

fn list<T: ToString>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
