//! What a message says beside its text: facts as of when it was written.

use super::denied::Denied;
use crate::intake::denial::{Attribution, Kind};
use crate::policy::Policy;
use crate::policy::verdict::{Action, Verdict};
use crate::sets::{Membership, Sets};
use crate::state::history::Before;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How many sets of an address are named.
const MOST_SETS: usize = 8;

/// Facts behind a message, for renderers and routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// The policy's rule that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why the rule says so, as the policy gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the policy said of the denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// How much the denial proves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The host that refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Whether that host is a guess.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
    /// The image that was asked for: the caller's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The source that reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_at: Option<Timestamp>,
    /// How long a yes would open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// What became of a request, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Whose address it is.
    pub address: AddressFacts,
    /// What would help instead of an entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<Effectiveness>,
}

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressFacts {
    /// The policy's sets that hold it, service tags, countries and autonomous systems included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<String>,
    /// Whether it is in a set that somebody owns.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub owned: bool,
    /// When a person last approved it on this registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_before: Option<Timestamp>,
    /// When the policy alone last allowed it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_before: Option<Timestamp>,
}

/// A better way in, or why nothing opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effectiveness {
    /// In a sentence.
    pub text: String,
    /// Where there is more about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Details {
    /// The facts of a denial and of what policy said about it.
    pub fn of(denied: &Denied, verdict: &Verdict, address: AddressFacts, ttl: Duration) -> Self {
        let denial = &denied.report.denial;
        let host = denial.registry.as_ref();
        let host = host.or(denied.report.login_server.as_ref());
        let help = verdict.notes.iter().map(|note| Effectiveness {
            text: note.text.clone(),
            link: note.code.link().map(str::to_owned),
        });
        let advice = verdict.advice.iter().map(|advice| Effectiveness {
            text: advice.text().to_owned(),
            link: Some(advice.link().to_owned()),
        });
        Self {
            rule: verdict.rule.clone(),
            reason: verdict.because.clone(),
            action: Some(verdict.action),
            kind: Some(denial.kind),
            host: host.or(denial.resource.as_ref()).cloned(),
            guessed: denial.attribution == Some(Attribution::Inferred),
            image: image(denied),
            source: Some(denied.source.clone()),
            denied_at: denied.report.at,
            ttl_seconds: (verdict.action == Action::Ask).then_some(ttl.as_secs()),
            outcome: None,
            address,
            help: help.chain(advice).collect(),
        }
    }
}

fn image(denied: &Denied) -> Option<String> {
    let denial = &denied.report.denial;
    let repository = denial.repository.as_deref()?;
    Some(match denial.reference.as_deref() {
        Some(digest) if digest.contains(':') => format!("{repository}@{digest}"),
        Some(tag) => format!("{repository}:{tag}"),
        None => repository.to_owned(),
    })
}

impl AddressFacts {
    /// What policy, sets and past grants say of `address`.
    pub fn of(policy: &Policy, sets: &Sets, address: IpAddr, before: Before) -> Self {
        let holding = policy.all_sets();
        let holding =
            holding.filter(|set| matches!(set.holds(address, sets), Membership::Inside(_)));
        let mut names: Vec<String> = Vec::new();
        for set in holding {
            if names.len() < MOST_SETS && !names.contains(&set.name) {
                names.push(set.name.clone());
            }
        }
        Self {
            sets: names,
            owned: policy.owns(address, sets),
            approved_before: before.person,
            allowed_before: before.policy,
        }
    }
}
