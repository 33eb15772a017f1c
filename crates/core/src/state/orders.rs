//! Operators' orders, folded into what stands.

use super::{Networks, Registry, State};
use crate::firewall::ownership_tags::to_the_minute;
use crate::intake::dedup::DedupPolicy;
use crate::ledger::event::LedgerEvent;
use crate::ledger::grant::{Ending, Grant, Stage};
use crate::ledger::id::{DenialId, GrantId};
use crate::ledger::orders::Pause;
use crate::net::resource_id::ResourceId;
use crate::policy::precedent::Precedent;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

impl State {
    pub(super) fn apply_order(&mut self, at: Timestamp, order: &LedgerEvent) {
        if let LedgerEvent::Revoked { grant, .. } = order {
            self.revoke(at, *grant);
        } else if let LedgerEvent::Kept { grant, .. } = order {
            self.end(at, *grant, Some(Ending::Kept));
        } else if let LedgerEvent::Paused {
            registry,
            by,
            because,
            until,
        } = order
        {
            let pause = Pause {
                since: at,
                by: by.clone(),
                because: because.clone(),
                until: *until,
            };
            self.pauses.begin(registry.as_ref(), pause);
        } else if let LedgerEvent::Resumed { registry, .. } = order {
            self.look_again(registry.as_ref());
            self.pauses.end(registry.as_ref());
        } else if let LedgerEvent::VerdictsCleared {
            address, registry, ..
        } = order
        {
            self.clear(*address, registry.as_ref());
        }
    }

    /// A person has looked at registries whose virtual network rules were lost.
    fn look_again(&mut self, registry: Option<&ResourceId>) {
        for (id, known) in &mut self.registries {
            if registry.is_none_or(|resumed| resumed == id)
                && known.networks == Some(Networks::Lost)
            {
                known.networks = Some(Networks::Seen);
            }
        }
    }

    /// An entry of ours is known again.
    pub(super) fn recover(&mut self, at: Timestamp, grant: &Grant, network: Ipv4Net) {
        self.grant(at, grant);
        let registry = self.registry(&grant.registry);
        registry.held.insert(network, ());
        registry.claimed.applied(&[network], &[]);
        if let Some(standing) = self.grants.get_mut(&grant.id) {
            standing.stage = Stage::Open;
        }
    }

    /// The entries of a registry that are ours, each with the end of the last grant that needs it, to
    /// the minute: what ownership tags say.
    pub fn owned(&self, registry: &ResourceId, now: Timestamp) -> BTreeMap<Ipv4Net, Timestamp> {
        let Some(known) = self.registries.get(registry) else {
            return BTreeMap::new();
        };
        let end = |network: Ipv4Net| {
            let grants = self.grants_of(registry);
            let within = grants.filter(|standing| {
                standing.stage != Stage::CoveredByExisting
                    && network.contains(&standing.grant.address.get())
            });
            within
                .map(|standing| to_the_minute(standing.grant.until))
                .max()
        };
        let claimed = known.claimed.all(now);
        claimed
            .filter_map(|(network, _)| Some((network, end(network)?)))
            .collect()
    }

    /// The registries on which nothing is opened since they lost virtual network rules over a write of
    /// ours, and no person has looked yet.
    pub fn stopped(&self) -> impl Iterator<Item = &ResourceId> {
        let lost = |known: &Registry| known.networks == Some(Networks::Lost);
        let stopped = self.registries.iter().filter(move |(_, known)| lost(known));
        stopped.map(|(id, _)| id)
    }

    /// The entry of ours that admits a grant's address where none is for that address alone: it is
    /// wider than what was granted, and may stand for other grants too.
    pub fn shared_entry(&self, grant: &Grant) -> Option<Ipv4Net> {
        let claimed = &self.registries.get(&grant.registry)?.claimed;
        let (address, own) = (grant.address.get(), grant.address.network());
        let all = claimed.all(grant.until).map(|(network, _)| network);
        let wider = all.filter(|network| *network != own && network.contains(&address));
        let wider: Vec<Ipv4Net> = wider.collect();
        if claimed.admit(address, &wider) {
            return None;
        }
        wider.into_iter().max_by_key(Ipv4Net::prefix_len)
    }

    /// Whether the ledger knows, or knew, this entry of a registry as ours.
    pub fn ever_held(&self, registry: &ResourceId, network: Ipv4Net) -> bool {
        let known = self.registries.get(registry);
        known.is_some_and(|known| known.held.contains(&network))
    }

    fn revoke(&mut self, at: Timestamp, grant: GrantId) {
        let Some(standing) = self.grants.get_mut(&grant) else {
            return;
        };
        standing.grant.until = standing.grant.until.min(at);
        let Grant {
            registry,
            address,
            denial,
            ..
        } = standing.grant.clone();
        let registry = self.registry(&registry);
        registry.revoked.insert(address.get(), (at, denial));
    }

    /// What stands for repeats of denials of an address no longer does.
    fn clear(&mut self, address: IpAddr, registry: Option<&ResourceId>) {
        self.decided.retain(|known| !known.is_of(address, registry));
        self.refused.retain(|known| !known.is_of(address, registry));
        let IpAddr::V4(address) = address.to_canonical() else {
            return;
        };
        for (id, known) in &mut self.registries {
            if registry.is_none_or(|only| only == id) {
                known.revoked.remove(&address);
                known.answered.clear(address);
            }
        }
    }

    /// How many verdicts on denials of an address stand for repeats: revoked grants count too.
    pub fn verdicts_on(
        &self,
        address: IpAddr,
        registry: Option<&ResourceId>,
        (windows, now): (&DedupPolicy, Timestamp),
    ) -> usize {
        let of = |known: &&Precedent| known.is_of(address, registry);
        let decided = self.decided.values().filter(of);
        let decided = decided.filter(|known| known.stands(now, windows.repeat));
        let refused = self.refused.values().filter(of);
        let refused = refused.filter(|known| known.stands(now, windows.no));
        let IpAddr::V4(address) = address.to_canonical() else {
            return decided.count().saturating_add(refused.count());
        };
        let revoked = self.registries.keys().filter(|id| {
            registry.is_none_or(|only| only == *id)
                && self.revoked_within(id, address, now, windows).is_some()
        });
        decided
            .count()
            .saturating_add(refused.count())
            .saturating_add(revoked.count())
    }

    /// The denial whose grant for `address` was revoked so lately that it is not granted again.
    pub(crate) fn revoked_within(
        &self,
        registry: &ResourceId,
        address: Ipv4Addr,
        now: Timestamp,
        windows: &DedupPolicy,
    ) -> Option<DenialId> {
        let (at, denial) = self.registries.get(registry)?.revoked.get(&address)?;
        (now.duration_since(*at) < windows.repeat).then_some(*denial)
    }
}
