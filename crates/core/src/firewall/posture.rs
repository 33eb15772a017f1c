//! Whether a firewall entry could help at all, and what would help where it could not.

use super::live::Live;
use std::fmt;

/// Why nothing is written to a registry. Each has a stable code and says what would help instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// `publicNetworkAccess` is `Disabled`, which overrides every rule.
    PublicAccessDisabled,
    /// Only Premium registries have a firewall.
    NotPremium {
        /// The SKU it has.
        sku: String,
    },
    /// `defaultAction` is `Allow`: everybody is admitted already.
    DefaultAllow,
    /// Virtual network rules exist, and Azure has lost such rules over a write of ours before.
    VirtualNetworkRules {
        /// How many.
        count: usize,
    },
    /// The list is full.
    Full {
        /// How many entries it would need, as few as would do.
        needed: usize,
        /// How many of its entries are not ours.
        others: usize,
        /// How many are.
        ours: usize,
        /// How many places are kept for people.
        reserve: u32,
        /// How many entries it may have.
        limit: u32,
    },
}

/// What stands against writing an entry to this registry, if anything does.
///
/// Sources: <https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks>
/// (public access overrides rules, Premium only).
pub fn diagnose(live: &Live) -> Option<Obstacle> {
    if !live.public_access {
        Some(Obstacle::PublicAccessDisabled)
    } else if !live.sku.eq_ignore_ascii_case("Premium") {
        Some(Obstacle::NotPremium {
            sku: live.sku.clone(),
        })
    } else {
        forbids_writing(live)
    }
}

/// What stands against any write, the removal of our own entries included: what a PATCH that says
/// `Deny` would change beside them.
pub fn forbids_writing(live: &Live) -> Option<Obstacle> {
    let count = live.subnets.len();
    if !live.default_deny {
        Some(Obstacle::DefaultAllow)
    } else if live.loses_subnets && count > 0 {
        Some(Obstacle::VirtualNetworkRules { count })
    } else {
        None
    }
}

impl Obstacle {
    /// The stable name, for routing and for tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PublicAccessDisabled => "public_access_disabled",
            Self::NotPremium { .. } => "not_premium",
            Self::DefaultAllow => "default_allow",
            Self::VirtualNetworkRules { .. } => "virtual_network_rules",
            Self::Full { .. } => "list_full",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublicAccessDisabled => f.write_str(
                "public network access is disabled, which overrides every firewall entry: reach the registry through a \
                 private endpoint, or set public network access to `Enabled` with the default action `Deny`",
            ),
            Self::NotPremium { sku } => write!(
                f,
                "the registry's SKU is {sku}, and only Premium registries have a firewall: the refusal has another cause"
            ),
            Self::DefaultAllow => f.write_str(
                "the default action is `Allow`, so every address is admitted already: the refusal has another cause, or \
                 the firewall was opened after it",
            ),
            Self::VirtualNetworkRules { count } => write!(
                f,
                "the registry has {count} virtual network rule(s), and Azure has lost such rules over a write of doorward's \
                 before: add the address by hand (`az acr network-rule add`), or move those networks to private endpoints"
            ),
            Self::Full {
                needed,
                others,
                ours,
                reserve,
                limit,
            } => write!(
                f,
                "the list is full: {others} entries are not doorward's, {ours} are, {reserve} of {limit} places are kept \
                 for people, and {needed} entries would be needed at least; remove entries that nobody needs \
                 (`az acr network-rule list`), let rules share entries (`widen: true`) or go early (`evictable: true`), \
                 or lower `reserved_entries`"
            ),
        }
    }
}
