//! A verdict: what a policy says about one denial, with everything that is needed to explain it later.

use super::Basis;
use super::advice::Advice;
use crate::approvals::Approvals;
use crate::messages::wording;
use crate::sets::SetUsed;
use crate::yaml::duration;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing opens, and nobody may be asked.
    Forbid,
    /// Open for a while.
    Allow,
    /// Ask a person.
    Ask,
    /// Tell a person, without a way to open.
    Alert,
    /// Write it down, nothing else.
    Ignore,
}

impl Action {
    /// Every action by its name.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("allow", Self::Allow),
        ("ask", Self::Ask),
        ("alert", Self::Alert),
        ("ignore", Self::Ignore),
        ("forbid", Self::Forbid),
    ];

    /// This action, or `most` where this one would open more than that.
    #[must_use]
    pub fn at_most(self, most: Self) -> Self {
        if self.opens() > most.opens() {
            most
        } else {
            self
        }
    }

    /// How far an action opens a door.
    fn opens(self) -> u8 {
        match self {
            Self::Forbid | Self::Ignore => 0,
            Self::Alert => 1,
            Self::Ask => 2,
            Self::Allow => 3,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbid => "forbid",
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Alert => "alert",
            Self::Ignore => "ignore",
        })
    }
}

/// A rule in observe mode that would have decided, had it been in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Its name.
    pub rule: String,
    /// What it says.
    pub action: Action,
}

/// What a candidate policy beside the one in force would have said otherwise. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// What would have been done.
    pub action: Action,
    /// The candidate's rule; `None` is its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// For how long.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "duration::optional"
    )]
    pub ttl: Option<Duration>,
}

/// Why a verdict opens less than its rule says, and what else there is to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteCode {
    /// A set that a rule depends on was never loaded.
    SetNotLoaded,
    /// The denial names no address.
    NoAddress,
    /// The caller's address is IPv6, which ACR's IP rules cannot express.
    Ipv6Caller,
    /// The address is private, reserved or otherwise nobody's on the internet.
    SpecialAddress,
    /// Public network access is disabled: no entry counts.
    PublicAccessDisabled,
    /// The registry's SKU has no firewall.
    NotPremium,
    /// The default action is `Allow`: everybody is admitted already.
    DefaultAllow,
    /// An entry of others admits the address already.
    AlreadyCovered,
    /// Virtual network rules exist, which a write could lose.
    VirtualNetworkRules,
    /// The registry's list is full.
    ListFull,
    /// A 403 that need not come from the firewall.
    Suspected,
    /// The firewall of a service that doorward does not write.
    ForeignService,
    /// No enrolled registry is meant, or nobody can say which.
    NoRegistry,
    /// Azure does not show the registry, so what would open it is not known to be safe.
    AzureUnreadable,
    /// The rule's time is longer than the limit.
    TtlCapped,
    /// A set that a rule relies on is too wide to be anybody's own.
    SetTooWide,
    /// The denial is too old to open anything for.
    TooOld,
    /// Nothing says when the denial happened, and the rule asks for that.
    AgeUnknown,
    /// The registry has had its grants of this hour.
    BudgetSpent,
    /// The registry is in a flood of denials from addresses that nobody owns.
    Flood,
    /// As many requests about the registry are open as may be.
    TooManyRequests,
    /// A CI job reported an address that is not its own.
    NotOwnAddress,
    /// The rule has as many grants as it may have, at once or in an hour.
    RuleLimit,
    /// An operator has paused all opening.
    Paused,
    /// Azure asked for patience, so its entry is written later.
    Throttled,
    /// Which registry refused is inferred from what stands nearby: a guess.
    RegistryInferred,
}

impl NoteCode {
    /// Whether the cause may pass while the denial and the policy stay as they are: a verdict with it is
    /// thought over when it has.
    pub fn passes(self) -> bool {
        match self {
            Self::SetNotLoaded
            | Self::SetTooWide
            | Self::PublicAccessDisabled
            | Self::NotPremium
            | Self::DefaultAllow
            | Self::AlreadyCovered
            | Self::VirtualNetworkRules
            | Self::ListFull
            | Self::NoRegistry
            | Self::AzureUnreadable
            | Self::BudgetSpent
            | Self::Flood
            | Self::TooManyRequests
            | Self::Paused => true,
            Self::NoAddress
            | Self::Ipv6Caller
            | Self::SpecialAddress
            | Self::Suspected
            | Self::ForeignService
            | Self::TtlCapped
            | Self::TooOld
            | Self::AgeUnknown
            | Self::NotOwnAddress
            | Self::RuleLimit
            | Self::Throttled
            | Self::RegistryInferred => false,
        }
    }

    /// Every code.
    pub const ALL: [Self; 26] = [
        Self::SetNotLoaded,
        Self::NoAddress,
        Self::Ipv6Caller,
        Self::SpecialAddress,
        Self::PublicAccessDisabled,
        Self::NotPremium,
        Self::DefaultAllow,
        Self::AlreadyCovered,
        Self::VirtualNetworkRules,
        Self::ListFull,
        Self::Suspected,
        Self::ForeignService,
        Self::NoRegistry,
        Self::AzureUnreadable,
        Self::TtlCapped,
        Self::SetTooWide,
        Self::TooOld,
        Self::AgeUnknown,
        Self::BudgetSpent,
        Self::Flood,
        Self::TooManyRequests,
        Self::NotOwnAddress,
        Self::RuleLimit,
        Self::Paused,
        Self::Throttled,
        Self::RegistryInferred,
    ];

    /// The code of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// The code as messages show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SetNotLoaded => "set_not_loaded",
            Self::NoAddress => "no_address",
            Self::Ipv6Caller => "ipv6_caller",
            Self::SpecialAddress => "special_address",
            Self::PublicAccessDisabled => "public_access_disabled",
            Self::NotPremium => "not_premium",
            Self::DefaultAllow => "default_allow",
            Self::AlreadyCovered => "already_covered",
            Self::VirtualNetworkRules => "virtual_network_rules",
            Self::ListFull => "list_full",
            Self::Suspected => "suspected",
            Self::ForeignService => "foreign_service",
            Self::NoRegistry => "no_registry",
            Self::AzureUnreadable => wording::AZURE_UNREADABLE,
            Self::TtlCapped => "ttl_capped",
            Self::SetTooWide => "set_too_wide",
            Self::TooOld => "too_old",
            Self::AgeUnknown => "age_unknown",
            Self::BudgetSpent => "budget_spent",
            Self::Flood => "flood",
            Self::TooManyRequests => "too_many_requests",
            Self::NotOwnAddress => "not_own_address",
            Self::RuleLimit => "rule_limit",
            Self::Paused => "paused",
            Self::Throttled => "throttled",
            Self::RegistryInferred => "registry_inferred",
        }
    }

    /// Microsoft's page about it, where there is one.
    pub fn link(self) -> Option<&'static str> {
        match self {
            Self::Ipv6Caller | Self::PublicAccessDisabled | Self::DefaultAllow => Some(
                "https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks",
            ),
            Self::SpecialAddress => Some(
                "https://learn.microsoft.com/azure/container-registry/container-registry-private-link",
            ),
            Self::NotPremium | Self::ListFull => {
                Some("https://learn.microsoft.com/azure/container-registry/container-registry-skus")
            }
            Self::AlreadyCovered => Some(
                "https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access",
            ),
            Self::VirtualNetworkRules => {
                Some("https://learn.microsoft.com/azure/container-registry/container-registry-vnet")
            }
            Self::SetNotLoaded
            | Self::NoAddress
            | Self::Suspected
            | Self::ForeignService
            | Self::NoRegistry
            | Self::AzureUnreadable
            | Self::TtlCapped
            | Self::SetTooWide
            | Self::TooOld
            | Self::AgeUnknown
            | Self::BudgetSpent
            | Self::Flood
            | Self::TooManyRequests
            | Self::NotOwnAddress
            | Self::RuleLimit
            | Self::Paused
            | Self::Throttled
            | Self::RegistryInferred => None,
        }
    }
}

/// One of those, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// For programs.
    pub code: NoteCode,
    /// For people.
    pub text: String,
}

/// What a policy says about a denial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What is to be done.
    pub action: Action,
    /// The rule that said so; `None` is the policy's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The reason that the rule gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// For [`Action::Allow`] how long it is to be open, for [`Action::Ask`] how long a yes would open.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "duration::optional"
    )]
    pub ttl: Option<Duration>,
    /// By how long a grant of this is renewed while its address is seen at work.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "duration::optional"
    )]
    pub renew: Option<Duration>,
    /// Whether its entry may be taken away early where the list is full.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evictable: bool,
    /// The block around the address that one entry may cover together with other grants: wholly inside
    /// a set of one's own that the rule names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widen: Option<Ipv4Net>,
    /// The channel that the rule names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What the rule asks of answers to a request, beside what the registry asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
    /// The sets that held the address, by the rule that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<SetUsed>,
    /// Rules in observe mode that would have decided otherwise. They change nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<Observed>,
    /// Why it opens less than the rule says, and what else there is to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Better ways in than an entry. They change nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
    /// What policy and sets said of the address as a number, to see when they say something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// What a candidate policy would have said, where that is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
}

impl Verdict {
    /// Lets the verdict open at most as far as `most`, and says why where that makes a difference.
    pub fn cap(&mut self, most: Action, code: NoteCode, text: String) {
        let capped = self.action.at_most(most);
        if capped != self.action {
            self.action = capped;
            self.notes.insert(0, Note { code, text });
        }
    }

    /// Says in other words what a note says.
    pub fn reword(&mut self, code: NoteCode, text: &str) {
        self.restate(code, code, text);
    }

    /// Puts another code and other words in the place of a note's.
    pub fn restate(&mut self, code: NoteCode, other: NoteCode, text: &str) {
        for note in self.notes.iter_mut().filter(|note| note.code == code) {
            note.code = other;
            text.clone_into(&mut note.text);
        }
    }
}
