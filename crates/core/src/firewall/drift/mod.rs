//! What others changed on a registry between two reads of ours.

use super::answers::Class;
use super::live::Live;
use super::ownership_tags;
use crate::ledger::id::GrantId;
use crate::net::network;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a read showed of a registry, as far as its firewall depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The entries as Azure shows them, in its order.
    pub entries: Vec<String>,
    /// Whether the default action was `Deny`.
    pub default_deny: bool,
    /// Whether public network access was enabled.
    pub public_access: bool,
    /// The SKU's name.
    pub sku: String,
    /// `properties.provisioningState`.
    pub provisioning_state: String,
    /// A hash of the tags, doorward's own aside: others' changes of them are no drift, but explain events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
}

/// Which entries are ours, when two reads are compared.
#[derive(Clone, Debug, Default)]
pub struct Ours {
    /// Those that we claim.
    pub claimed: BTreeSet<Ipv4Net>,
    /// Those that a write under way adds or takes away: whether they stand says nothing of others.
    pub in_flight: BTreeSet<Ipv4Net>,
    /// The addresses of open grants in force.
    pub open: Vec<(GrantId, Ipv4Net)>,
}

/// One thing that others changed. The name of a variant is its [`Class`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Drift {
    /// Entries of ours are gone whose grants are in force.
    OursMissing {
        /// The entries.
        entries: Vec<String>,
        /// The grants that they stood for.
        grants: Vec<GrantId>,
    },
    /// Entries came that we did not write.
    ForeignNew {
        /// The entries.
        entries: Vec<String>,
    },
    /// Entries went that we did not write.
    ForeignGone {
        /// The entries.
        entries: Vec<String>,
    },
    /// The list was replaced whole, as Terraform, Bicep and whoever declares it do. That is: every
    /// entry of ours went, two or more of them or together with entries of others; or nothing is left
    /// of a list of two or more, and there is another one.
    Replaced {
        /// The entries that went, ours and others'.
        gone: Vec<String>,
        /// The entries that came.
        new: Vec<String>,
        /// The grants whose entries went.
        grants: Vec<GrantId>,
    },
    /// The default action was changed.
    DefaultAction {
        /// Whether it is `Allow` now.
        allow: bool,
    },
    /// Public network access was changed.
    PublicAccess {
        /// Whether it is enabled now.
        enabled: bool,
    },
    /// The SKU was changed.
    Sku {
        /// What it was.
        before: String,
        /// What it is.
        after: String,
    },
    /// There is no such registry any more.
    RegistryGone,
    /// There is one again.
    RegistryBack,
}

impl Drift {
    /// Its kind.
    pub fn class(&self) -> Class {
        match self {
            Self::OursMissing { .. } => Class::OursMissing,
            Self::ForeignNew { .. } => Class::ForeignNew,
            Self::ForeignGone { .. } => Class::ForeignGone,
            Self::Replaced { .. } => Class::Replaced,
            Self::DefaultAction { .. } => Class::DefaultAction,
            Self::PublicAccess { .. } => Class::PublicAccess,
            Self::Sku { .. } => Class::Sku,
            Self::RegistryGone | Self::RegistryBack => Class::Registry,
        }
    }

    /// The stable name of its message.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OursMissing { .. } => "ours_missing",
            Self::ForeignNew { .. } => "foreign_new",
            Self::ForeignGone { .. } => "foreign_gone",
            Self::Replaced { .. } => "list_replaced",
            Self::DefaultAction { .. } => "default_action_changed",
            Self::PublicAccess { .. } => "public_access_changed",
            Self::Sku { .. } => "sku_changed",
            Self::RegistryGone => "registry_gone",
            Self::RegistryBack => "registry_back",
        }
    }

    /// The grants whose entries it took.
    pub fn grants(&self) -> &[GrantId] {
        match self {
            Self::OursMissing { grants, .. } | Self::Replaced { grants, .. } => grants,
            Self::ForeignNew { .. }
            | Self::ForeignGone { .. }
            | Self::DefaultAction { .. }
            | Self::PublicAccess { .. }
            | Self::Sku { .. }
            | Self::RegistryGone
            | Self::RegistryBack => &[],
        }
    }
}

impl Seen {
    /// What `live` shows.
    pub fn of(live: &Live) -> Self {
        Self {
            entries: live.entries(),
            default_deny: live.default_deny,
            public_access: live.public_access,
            sku: live.sku.clone(),
            provisioning_state: live.provisioning_state.clone(),
            tags: Some(ownership_tags::hash_of_others(&live.tags)),
        }
    }

    /// In how many things beside the list it differs from another, as far as others change them.
    pub fn flags_unlike(&self, other: &Self) -> usize {
        let unlike = [
            self.default_deny != other.default_deny,
            self.public_access != other.public_access,
            self.sku != other.sku,
            self.retagged(other),
        ];
        unlike.into_iter().filter(|unlike| *unlike).count()
    }

    fn retagged(&self, other: &Self) -> bool {
        let both = self.tags.as_ref().zip(other.tags.as_ref());
        both.is_some_and(|(one, another)| one != another)
    }

    /// Whether both show the same, in whatever order and form their entries stand; `in_flight` aside.
    pub fn is_same(&self, other: &Self, in_flight: &BTreeSet<Ipv4Net>) -> bool {
        let keys = |seen: &Self| -> BTreeSet<Key> {
            let keys = seen.entries.iter().map(|text| Key::of(text));
            keys.filter(|key| !key.is_in(in_flight)).collect()
        };
        keys(self) == keys(other)
            && (self.default_deny, self.public_access) == (other.default_deny, other.public_access)
            && (&self.sku, &self.provisioning_state) == (&other.sku, &other.provisioning_state)
            && !self.retagged(other)
    }

    /// Takes in what a write of ours did, or what stands of it.
    pub fn write(&mut self, add: &[Ipv4Net], remove: &[Ipv4Net]) {
        let stays = |text: &String| !remove.iter().any(|net| Key::of(text) == Key::Net(*net));
        self.entries.retain(stays);
        for net in add {
            if !self.shows(*net) {
                self.entries.push(network::text(*net));
            }
        }
    }

    /// Whether there is an entry for exactly this.
    pub fn shows(&self, net: Ipv4Net) -> bool {
        self.entries
            .iter()
            .any(|text| Key::of(text) == Key::Net(net))
    }
}

/// What makes two entries the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Net(Ipv4Net),
    Text(String),
}

impl Key {
    pub(super) fn of(text: &str) -> Self {
        network::parse(text).map_or_else(|| Self::Text(text.to_owned()), Self::Net)
    }

    fn is_in(&self, nets: &BTreeSet<Ipv4Net>) -> bool {
        matches!(self, Self::Net(net) if nets.contains(net))
    }
}

/// The texts of `of` that `other` does not have in any form.
pub fn missing_in(other: &[String], of: &[String]) -> Vec<String> {
    let there: BTreeSet<Key> = other.iter().map(|text| Key::of(text)).collect();
    let gone = of.iter().filter(|text| !there.contains(&Key::of(text)));
    gone.cloned().collect()
}

/// What others changed between two states of a registry. Entries that we claim are not theirs: where
/// one went that no grant in force needs, a write of ours that seemed lost may have done it.
pub fn compare(before: &Seen, after: &Seen, ours: &Ours) -> Vec<Drift> {
    let mut drifts = entries(before, after, ours);
    if before.default_deny != after.default_deny {
        let allow = !after.default_deny;
        drifts.push(Drift::DefaultAction { allow });
    }
    if before.public_access != after.public_access {
        let enabled = after.public_access;
        drifts.push(Drift::PublicAccess { enabled });
    }
    if before.sku != after.sku {
        drifts.push(Drift::Sku {
            before: before.sku.clone(),
            after: after.sku.clone(),
        });
    }
    drifts
}

fn entries(before: &Seen, after: &Seen, ours: &Ours) -> Vec<Drift> {
    let foreign = |text: &&String| !ours.has(text);
    let gone = missing_in(&after.entries, &before.entries);
    let new = missing_in(&before.entries, &after.entries);
    let foreign_gone: Vec<String> = gone.iter().filter(foreign).cloned().collect();
    let foreign_new: Vec<String> = new.iter().filter(foreign).cloned().collect();
    let of_ours = |text: &&String| {
        let key = Key::of(text);
        key.is_in(&ours.claimed) && !key.is_in(&ours.in_flight) && !ours.grants_of(&key).is_empty()
    };
    let ours_before = before.entries.iter().filter(of_ours).count();
    let missed = |text: &String| ours.without_a_door(&Key::of(text), after);
    let ours_gone = gone.iter().filter(of_ours);
    let ours_gone: Vec<String> = ours_gone
        .filter(|text| !missed(text).is_empty())
        .cloned()
        .collect();
    let grants: BTreeSet<GrantId> = ours_gone.iter().flat_map(missed).collect();
    let grants: Vec<GrantId> = grants.into_iter().collect();
    let all_of_ours = !ours_gone.is_empty() && ours_gone.len() == ours_before;
    let with_others = ours_gone.len() >= 2 || !foreign_gone.is_empty();
    let nothing_left = before.entries.len() >= 2
        && foreign_gone.len().saturating_add(ours_gone.len()) == before.entries.len()
        && !foreign_new.is_empty();
    if (all_of_ours && with_others) || nothing_left {
        return vec![Drift::Replaced {
            gone: [ours_gone, foreign_gone].concat(),
            new: foreign_new,
            grants,
        }];
    }
    let mut drifts = Vec::new();
    if !ours_gone.is_empty() {
        let entries = ours_gone;
        drifts.push(Drift::OursMissing { entries, grants });
    }
    if !foreign_gone.is_empty() {
        let entries = foreign_gone;
        drifts.push(Drift::ForeignGone { entries });
    }
    if !foreign_new.is_empty() {
        let entries = foreign_new;
        drifts.push(Drift::ForeignNew { entries });
    }
    drifts
}

impl Ours {
    /// Whether an entry is ours, or may be.
    pub fn has(&self, text: &str) -> bool {
        let key = Key::of(text);
        key.is_in(&self.claimed) || key.is_in(&self.in_flight)
    }

    /// The open grants that an entry stood for and that no entry of ours in `after` admits: one that is
    /// gone beside a range that covers it is missed by nobody.
    fn without_a_door(&self, key: &Key, after: &Seen) -> Vec<GrantId> {
        let mut grants = self.grants_of(key);
        let stand = self.claimed.iter().filter(|net| after.shows(**net));
        let stand: Vec<&Ipv4Net> = stand.collect();
        let admitted = |grant: &GrantId| {
            let mut open = self.open.iter();
            let address = open.find(|(open, _)| open == grant);
            address.is_some_and(|(_, address)| stand.iter().any(|net| net.contains(address)))
        };
        grants.retain(|grant| !admitted(grant));
        grants
    }

    /// The open grants that an entry stands for.
    fn grants_of(&self, key: &Key) -> Vec<GrantId> {
        let Key::Net(net) = key else {
            return Vec::new();
        };
        let within =
            |(grant, address): &(GrantId, Ipv4Net)| net.contains(address).then_some(*grant);
        self.open.iter().filter_map(within).collect()
    }
}

#[cfg(test)]
mod tests;
