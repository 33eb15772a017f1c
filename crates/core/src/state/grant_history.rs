//! What the state remembers of grants that are over: whom they were for.

use super::history::Before;
use super::past_grants::PastGrants;
use super::{GrantRecord, State};
use crate::intake::denial::Denial;
use crate::ledger::grant::{Ending, Stage};
use crate::net::resource_id::ResourceId;
use jiff::Timestamp;
use std::net::IpAddr;

impl State {
    /// When the denied address was last granted on the registry, by grants that are over.
    pub fn granted_before(&self, registry: Option<&ResourceId>, denial: &Denial) -> Before {
        let known = registry.and_then(|id| self.registries.get(id));
        match (known, denial.ip.map(|ip| ip.to_canonical())) {
            (Some(known), Some(IpAddr::V4(address))) => known.seen.of(address),
            (Some(_), Some(IpAddr::V6(_)) | None) | (None, _) => Before::default(),
        }
    }

    /// Remembers a grant that is over: it speaks for its address if it was open and ran its time. An
    /// entry that others took away, or a grant that was revoked, speaks against it.
    pub(super) fn look_back(
        &mut self,
        at: Timestamp,
        standing: &GrantRecord,
        ending: Option<Ending>,
    ) {
        let grant = &standing.grant;
        let person = grant.request.is_some();
        let registry = self.registry(&grant.registry);
        let revoked = registry.revoked.get(&grant.address.get());
        let revoked = revoked.is_some_and(|(at, _)| grant.until == *at);
        if ending == Some(Ending::RemovedByOthers) {
            registry.answered.forget_address(grant.address);
        } else if let Some(opened_at) = standing.course.opened_at {
            let over = PastGrants {
                denial: grant.denial,
                opened_at,
                ended_at: at,
            };
            registry.answered.add(grant.address, over);
        }
        let seen = &mut registry.seen;
        match ending {
            _ if revoked => seen.forget_address(grant.address),
            Some(Ending::Expired | Ending::CarriedOn) if standing.stage == Stage::Open => {
                seen.add(grant.address, standing.since, person);
            }
            Some(Ending::RemovedByOthers) => seen.forget_address(grant.address),
            Some(
                Ending::Expired
                | Ending::CarriedOn
                | Ending::NeverOpened
                | Ending::LeftToOthers
                | Ending::Evicted
                | Ending::Kept,
            )
            | None => {}
        }
    }
}
