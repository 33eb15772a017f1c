//! What another policy would have said to the same denials.

use super::{Captured, Given, registry, with_facts};
use crate::policy::verdict::Verdict;
use crate::policy::{Policy, decide};
use crate::sets::Sets;
use crate::state::history::Before;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How many addresses stand for all that changed alike.
const EXAMPLES: usize = 3;

/// Denials to which two policies give different answers, all of them the same two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What is said now: action and rule.
    pub before: String,
    /// What would be said.
    pub after: String,
    /// How many denials.
    pub denials: usize,
    /// How many addresses.
    pub addresses: usize,
    /// Some of them.
    pub examples: Vec<IpAddr>,
}

/// Compares the answers of two policies to each denial for itself, repeats included: most denials first.
pub fn compare(
    (before, before_sets): (&Policy, &Sets),
    (after, after_sets): (&Policy, &Sets),
    captured: &[Captured],
    given: &Given,
) -> Vec<Change> {
    let mut found: BTreeMap<(String, String), (usize, BTreeSet<IpAddr>)> = BTreeMap::new();
    for captured in captured {
        let host = registry(&captured.report, given);
        let said = |policy, sets| {
            let known = (host.as_deref(), Before::default(), given);
            with_facts(captured, known, |facts| {
                say(&decide(policy, sets, facts, captured.at))
            })
        };
        let (before, after) = (said(before, before_sets), said(after, after_sets));
        if before != after {
            let (count, addresses) = found.entry((before, after)).or_default();
            *count = count.saturating_add(1);
            addresses.extend(captured.report.denial.ip.map(|ip| ip.to_canonical()));
        }
    }
    let mut changes: Vec<Change> = found
        .into_iter()
        .map(|((before, after), (denials, addresses))| Change {
            before,
            after,
            denials,
            addresses: addresses.len(),
            examples: addresses.into_iter().take(EXAMPLES).collect(),
        })
        .collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.denials));
    changes
}

/// What matters of a verdict: what is done, by which rule, for how long.
fn say(verdict: &Verdict) -> String {
    let rule = match &verdict.rule {
        Some(rule) => format!("rule `{rule}`"),
        None => "the default".to_owned(),
    };
    match verdict.ttl {
        Some(ttl) => format!(
            "{} for {} by {rule}",
            verdict.action,
            crate::yaml::duration::Show(ttl)
        ),
        None => format!("{} by {rule}", verdict.action),
    }
}
