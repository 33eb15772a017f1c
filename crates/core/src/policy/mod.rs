//! Policy: rules that people can read, and what they say about a denial.

pub mod advice;
mod basis;
mod decide;
mod diagnose;
mod evaluate;
mod explain;
mod judge;
pub mod language;
mod nearest;
pub mod precedent;
pub mod replay;
pub mod testing;
#[cfg(test)]
mod tests;
pub mod verdict;

pub use basis::Basis;
pub use decide::{DEFAULT_TTL, decide};
pub use diagnose::{Posture, stands_against};
pub use explain::{Condition, Explanation, RuleExplained, explain};
pub use judge::{Decision, Limits, RegistryUse, RuleUse, Situation, judge};
pub use language::glob::{GLOB_HINT, Glob, GlobError, Style};
pub use language::hours::{Hours, HoursError};
pub use language::parse::parse;
pub use nearest::{Near, SetExplained, nearest, sets_around};

use super::sets::{self, AddressSet, External, Membership, RefreshPolicy, Sets, WIDEST_OWNED};
use crate::approvals::Approvals;
use crate::auth::proof::{ClaimIs, Proof};
use crate::intake::denial::{Attribution, Denial, Kind};
use crate::policy::verdict::Action;
use crate::state::history::{Before, Seen};
use crate::yaml::duration::Show;
use crate::yaml::problem::{Place, Problems};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The JSON schema of policy files, for editors that complete and check them.
pub const SCHEMA: &str = include_str!("schema.json");

/// A checked policy, of one or more files.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The named sets.
    pub sets: BTreeMap<String, Arc<AddressSet>>,
    /// The rules in the order in which they are asked.
    pub rules: Vec<Rule>,
    /// What happens to a denial that no rule matches; never [`Action::Allow`].
    pub default: Action,
    /// What is odd about it, and allowed.
    pub warnings: Problems,
    /// `sha256:…` over the names and texts of its files.
    pub hash: String,
}

/// A rule of a policy.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the rule as people write it"
)]
pub struct Rule {
    /// Its name, unique in the policy.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What must hold.
    pub when: When,
    /// What happens then.
    pub then: Action,
    /// For how long.
    pub ttl: Option<Duration>,
    /// Why, for people.
    pub because: Option<String>,
    /// Where it is told.
    pub channel: Option<String>,
    /// What is asked of answers to a request of this rule, beside what the registry asks for.
    pub approvals: Option<Approvals>,
    /// Why addresses that others share are good enough here.
    pub accept_shared: Option<String>,
    /// How old loaded addresses may be for the rule to rely on them.
    pub fresh: Option<Duration>,
    /// Whether a denial of unknown age opens nothing by it, and asks nobody.
    pub require_age: bool,
    /// How many of its grants may stand at once.
    pub max_active: Option<u32>,
    /// How many of its grants may be decided within an hour.
    pub per_hour: Option<u32>,
    /// By how long its grants are renewed while their addresses are seen at work.
    pub renew: Option<Duration>,
    /// Whether its grants may be ended early where the list is full.
    pub evictable: bool,
    /// Whether one entry may cover several of its grants, within a set of one's own that it names.
    pub widen: bool,
    /// Whether the rule is only watched: it changes nothing.
    pub observe: bool,
}

/// The conditions of a rule. All that are not empty must hold; of each, any of its values.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// Sets that hold the address.
    pub address: Vec<Arc<AddressSet>>,
    /// The registry's login server.
    pub registry: Vec<Glob>,
    /// The repository.
    pub repository: Vec<Glob>,
    /// The tag or digest.
    pub reference: Vec<Glob>,
    /// The source that reported it.
    pub source: Vec<String>,
    /// What the token of the CI job that reported it says; all of these.
    pub claims: Vec<ClaimIs>,
    /// How much the report proves.
    pub kind: Vec<Kind>,
    /// Who the caller claimed to be.
    pub identity: Vec<Glob>,
    /// What the caller called itself.
    pub user_agent: Vec<Glob>,
    /// The time.
    pub hours: Vec<Hours>,
    /// That the address was granted before on this registry.
    pub seen: Vec<Seen>,
    /// How it is known which registry refused.
    pub attribution: Vec<Attribution>,
}

/// What the shell knows about a denial when it asks for a verdict.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The denial.
    pub denial: &'a Denial,
    /// The login server of the enrolled registry that is meant; `None` where none is, or several.
    pub registry: Option<&'a str>,
    /// The name of the source that reported it.
    pub source: &'a str,
    /// What the token of the CI job that reported it proved.
    pub proof: Option<&'a Proof>,
    /// Who the caller claimed to be.
    pub identity: Option<&'a str>,
    /// What the caller called itself.
    pub user_agent: Option<&'a str>,
    /// Whether nothing says when the denial happened.
    pub age_unknown: bool,
    /// Whether this is a status-403 record of a source that is trusted with them.
    pub trusted_status_403: bool,
    /// When the address was last granted on this registry.
    pub before: Before,
    /// The registry as it was read a short while ago; `None` where that is not known.
    pub posture: Option<Posture<'a>>,
    /// Service tags and lists that are known to hold the address, beside the policy's own sets.
    pub holders: &'a [String],
    /// Whether an import between registries was refused.
    pub import: bool,
    /// The longest that anything may be open.
    pub max_ttl: Duration,
}

impl Rule {
    /// Says what is missing of these: they were never loaded, or too long ago.
    fn lacks(&self, missing: &[External]) -> String {
        let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let names = names.join(", ");
        match self.fresh {
            Some(fresh) => format!("{names} was not loaded within the last {}", Show(fresh)),
            None => format!("{names} was never loaded"),
        }
    }
}

impl Policy {
    /// The rule of this name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// The addresses that must be loaded from elsewhere.
    pub fn needs(&self) -> BTreeSet<External> {
        self.wants().into_keys().collect()
    }

    /// The same, each with how it is kept up to date; where several sets want it, the strictest.
    pub fn wants(&self) -> BTreeMap<External, RefreshPolicy> {
        let mut wants: BTreeMap<External, RefreshPolicy> = BTreeMap::new();
        for set in self.all_sets() {
            set.each_care(&mut |external, refresh_policy| {
                let known = wants.entry(external.clone()).or_default();
                *known = known.and(refresh_policy);
            });
        }
        wants
    }

    /// What people call a source of addresses: the name of the set that is made of it, or what it is.
    pub fn name_of(&self, external: &External) -> String {
        let is_it = |(_, set): &(&String, &Arc<AddressSet>)| matches!(&set.kind, sets::Kind::External(of) if of == external);
        let named = self.sets.iter().find(is_it);
        named.map_or_else(|| external.to_string(), |(name, _)| name.clone())
    }

    /// Those of [`Policy::needs`] that stand as evidence in a rule that allows, where they must not be
    /// wider than [`WIDEST_OWNED`].
    pub fn evidence(&self) -> BTreeSet<External> {
        let mut evidence = BTreeSet::new();
        let relies = |rule: &&Rule| {
            rule.then == Action::Allow && rule.accept_shared.is_none() && !rule.rests_on_claims()
        };
        for set in self
            .rules
            .iter()
            .filter(relies)
            .flat_map(|rule| &rule.when.address)
        {
            set.each_evidence(&mut |external| {
                evidence.insert(external.clone());
            });
        }
        evidence
    }

    /// Whether `address` is in a set that somebody owns, and that a rule relies on to open or to ask.
    /// What it says of an address that nobody could own is nothing: too wide a set does not count.
    pub fn owns(&self, address: IpAddr, sets: &Sets) -> bool {
        let relies = |rule: &&Rule| matches!(rule.then, Action::Allow | Action::Ask);
        let mut sets_in_use = self
            .rules
            .iter()
            .filter(relies)
            .flat_map(|rule| &rule.when.address);
        sets_in_use.any(|set| {
            set.is_evidence(sets) && matches!(set.holds(address, sets), Membership::Inside(_))
        })
    }

    /// The named sets and those written in rules.
    pub fn all_sets(&self) -> impl Iterator<Item = &Arc<AddressSet>> {
        let inline = self.rules.iter().flat_map(|rule| &rule.when.address);
        self.sets.values().chain(inline)
    }
}

impl Rule {
    /// Whether what a job's token says is the evidence of this rule: it names claims, and its sets, if
    /// any, are not its own alone.
    pub fn rests_on_claims(&self) -> bool {
        self.then == Action::Allow
            && self.accept_shared.is_none()
            && !self.when.claims.is_empty()
            && !self.has_own_addresses()
    }

    /// Whether it names addresses, and all of them are in sets of one's own.
    pub fn has_own_addresses(&self) -> bool {
        let sets = &self.when.address;
        let own = |set: &Arc<AddressSet>| set.is_owned() && set.wider_than(WIDEST_OWNED).is_none();
        !sets.is_empty() && sets.iter().all(own)
    }
}
