//! Before anything opens: whether a firewall entry could help at all, and what would help instead.

use super::advice::{Advice, of_holders};
use super::verdict::{Note, NoteCode};
use super::{Facts, Policy};
use crate::firewall::{Live, Obstacle, RegistrySettings, diagnose};
use crate::net::address::{GlobalIpv4, NotOpenable};
use crate::sets::{AddressSet, External, Kind, Membership, Sets};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// A registry as it was read a short while ago.
#[derive(Clone, Copy, Debug)]
pub struct Posture<'a> {
    /// What the read showed.
    pub live: &'a Live,
    /// Entries that are doorward's own: they come and go, and say nothing of the caller.
    pub ours: &'a BTreeSet<Ipv4Net>,
}

impl Posture<'_> {
    /// The entry of others that admits `address`.
    fn covering(&self, address: Ipv4Addr) -> Option<&str> {
        let admits = |network: Ipv4Net| network.contains(&address) && !self.ours.contains(&network);
        let mut entries = self.live.rules.iter();
        let found = entries.find(|entry| entry.network.is_some_and(admits));
        found.map(|entry| entry.text.as_str())
    }
}

/// Why no entry can help the caller: each with a stable code, and a text that says what to do.
pub(super) fn blocking(facts: &Facts<'_>) -> Vec<Note> {
    let mut reasons = Vec::new();
    let mut stop = |code, text: String| reasons.push(Note { code, text });
    let address = facts.denial.ip.map(GlobalIpv4::try_from);
    match &address {
        Some(Ok(_)) => {}
        Some(Err(error @ NotOpenable::Ipv6(_))) => stop(NoteCode::Ipv6Caller, error.to_string()),
        Some(Err(error @ NotOpenable::Special { .. })) => {
            let text = format!(
                "{error}. A private address comes through a private endpoint or a service endpoint, which no entry of the list is about"
            );
            stop(NoteCode::SpecialAddress, text);
        }
        None => {
            let text = "the denial names no address, so there is nothing to open";
            stop(NoteCode::NoAddress, text.to_owned());
        }
    }
    let Some(posture) = facts.posture else {
        return reasons;
    };
    if let Some(obstacle) = diagnose(posture.live) {
        stop(code(&obstacle), obstacle.to_string());
    } else if let Some(Ok(address)) = address
        && let Some(entry) = posture.covering(address.get())
    {
        stop(NoteCode::AlreadyCovered, covered(facts, address, entry));
    }
    reasons
}

/// What stands against an entry for `address` as the registry is.
pub fn stands_against(posture: &Posture<'_>, address: Option<IpAddr>) -> Option<NoteCode> {
    if let Some(obstacle) = diagnose(posture.live) {
        return Some(code(&obstacle));
    }
    let address = address.and_then(|ip| GlobalIpv4::try_from(ip).ok())?;
    let covered = posture.covering(address.get()).is_some();
    covered.then_some(NoteCode::AlreadyCovered)
}

fn code(obstacle: &Obstacle) -> NoteCode {
    match obstacle {
        Obstacle::PublicAccessDisabled => NoteCode::PublicAccessDisabled,
        Obstacle::NotPremium { .. } => NoteCode::NotPremium,
        Obstacle::DefaultAllow => NoteCode::DefaultAllow,
        Obstacle::VirtualNetworkRules { .. } => NoteCode::VirtualNetworkRules,
        Obstacle::Full { .. } => NoteCode::ListFull,
    }
}

/// The address is admitted, and was refused all the same.
fn covered(facts: &Facts<'_>, address: GlobalIpv4, entry: &str) -> String {
    let cause = if facts.trusted_status_403 {
        "the 403 is probably a missing role (`AcrPull`, `AcrPush`), not the firewall"
    } else {
        "a new entry takes a few minutes to reach every front end, so try again first; then see whether the client also needs the data endpoint (`*.data.azurecr.io` or the storage behind it), or leaves through a proxy with another address"
    };
    format!("the entry `{entry}` admits {address} already: {cause}")
}

/// What else there is to know, whatever the verdict. `openable`: no guardrail is against the address.
pub(super) fn advise(
    policy: &Policy,
    sets: &Sets,
    facts: &Facts<'_>,
    openable: bool,
) -> Vec<Advice> {
    let mut advice = Vec::new();
    if let Some(ip) = facts.denial.ip.filter(|_| openable) {
        advice = of_address(policy, sets, facts, ip);
    }
    if facts.denial.registry.as_deref().is_some_and(is_not_its_own) {
        advice.push(Advice::ApplicationGateway);
    }
    if facts.import {
        advice.push(Advice::ImageImport);
    }
    if let Some(posture) = facts.posture {
        let owned = || is_owned(policy, sets, facts);
        advise_by_settings(&posture.live.settings, facts, owned, &mut advice);
    }
    advice
}

/// What the registry's own settings say of the refusal.
fn advise_by_settings(
    settings: &RegistrySettings,
    facts: &Facts<'_>,
    owned: impl FnOnce() -> bool,
    advice: &mut Vec<Advice>,
) {
    if settings.tasks_bypass == Some(false) && advice.contains(&Advice::AcrTasksSharedAgents) {
        advice.push(Advice::TasksBypassDisabled);
    }
    let agent = facts.user_agent.unwrap_or_default().to_ascii_lowercase();
    let calls_itself = |names: &[&str]| names.iter().any(|name| agent.contains(name));
    if settings.trusted_services == Some(false) && (facts.import || calls_itself(&TRUSTED)) {
        advice.push(Advice::TrustedServicesDisabled);
    }
    let is_ipv6 = facts
        .denial
        .ip
        .is_some_and(|ip| ip.to_canonical().is_ipv6());
    if settings.dual_stack == Some(true) && is_ipv6 {
        advice.push(Advice::DualStackCaller);
    }
    if settings.arm_tokens == Some(false) && calls_itself(&FOUNDRY) {
        advice.push(Advice::ArmTokensDisabled);
    }
    let host = facts.denial.registry.as_deref().unwrap_or_default();
    if settings.data_endpoint == Some(true) && host.to_ascii_lowercase().contains(".data.azurecr.")
    {
        advice.push(Advice::DedicatedDataEndpoint);
    }
    if settings.private_endpoint && owned() {
        advice.push(Advice::PrivateEndpointBypassed);
    }
}

/// What trusted services may call themselves, in part. Microsoft documents none of these names: they are
/// evidence enough for advice, which changes nothing.
const TRUSTED: [&str; 7] = [
    "artifactcache",
    "artifact-cache",
    "containerinstance",
    "container-instance",
    "defender",
    "azureml",
    "machinelearning",
];

/// What services of Foundry may call themselves, likewise.
const FOUNDRY: [&str; 3] = ["foundry", "azureai", "azure-ai"];

/// Whether a set that somebody owns holds the address.
fn is_owned(policy: &Policy, sets: &Sets, facts: &Facts<'_>) -> bool {
    let Some(ip) = facts.denial.ip else {
        return false;
    };
    policy
        .all_sets()
        .any(|set| set.is_evidence(sets) && matches!(set.holds(ip, sets), Membership::Inside(_)))
}

fn of_address(policy: &Policy, sets: &Sets, facts: &Facts<'_>, ip: IpAddr) -> Vec<Advice> {
    let holds =
        |set: &&std::sync::Arc<AddressSet>| matches!(set.holds(ip, sets), Membership::Inside(_));
    let mut holders: Vec<&str> = Vec::new();
    for set in policy.all_sets().filter(holds) {
        if set.is_evidence(sets) {
            // An egress of one's own, wherever it lies in Azure.
            return Vec::new();
        }
        match &set.kind {
            Kind::External(External::ServiceTag { tag, .. }) => holders.push(tag),
            Kind::External(External::GithubMeta { .. }) => holders.push("github"),
            Kind::External(_) | Kind::Cidrs { .. } | Kind::AnyOf(_) => {}
        }
    }
    holders.extend(facts.holders.iter().map(String::as_str));
    let proof = facts.proof.filter(|proof| proof.is_from(ip));
    let environment = proof.and_then(|proof| proof.claim("runner_environment"));
    if environment == Some("github-hosted") {
        holders.insert(0, "github");
    }
    of_holders(holders)
}

/// Whether a registry does not go by this host itself: its own names end like this in every cloud
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-firewall-access-rules>).
fn is_not_its_own(host: &str) -> bool {
    // A bare name is no host.
    if !host.contains('.') {
        return false;
    }
    let host = host.to_ascii_lowercase();
    ![".azurecr.io", ".azurecr.cn", ".azurecr.us"]
        .iter()
        .any(|end| host.ends_with(end))
}
