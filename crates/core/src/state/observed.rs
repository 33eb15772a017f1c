//! What stands about registries as reads and events show them, and about whether grants helped.

use super::effectiveness::{Effectiveness, GrantOutcome, Refused};
use super::{State, Throttle};
use crate::firewall::{Drift, Glance, Other, Ours, Overwritten, Seen};
use crate::intake::report::Changed;
use crate::ledger::actor::Actor;
use crate::ledger::event::LedgerEvent;
use crate::ledger::grant::Stage;
use crate::ledger::id::{DenialId, GrantId};
use crate::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// How long an attempt to restore an entry counts.
const RESTORE_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How often one entry is restored in that time.
const MOST_RESTORES: usize = 3;

/// How many grants are watched for a use of them at most.
const MOST_WATCHED: usize = 256;

impl State {
    /// Takes in what reads and events show of a registry.
    pub(super) fn notice(&mut self, at: Timestamp, what: &LedgerEvent) {
        if let LedgerEvent::RegistryChanged {
            registry,
            change: Changed::Written | Changed::Deleted,
            by,
            at: when,
            ours: None,
            event_id,
            source,
        } = what
        {
            let sight = &mut self.registry(registry).sight;
            let number = sight.heard;
            let event = event_id.clone().unwrap_or_else(|| format!("{at}.{number}"));
            let other = Other {
                event: format!("{source}:{event}"),
                at: when.unwrap_or(at),
                by: by.clone(),
            };
            sight.record_external_change(at, other);
        } else if let LedgerEvent::RegistrySeen {
            registry,
            seen,
            base_of,
            asked,
            modified,
        } = what
        {
            let hangs = self.registry(registry).unsettled.as_ref();
            let hangs = hangs.map(|(_, write)| write.id);
            if base_of.is_some_and(|base_of| hangs != Some(base_of)) {
                // Another process has given that write up, and has read since: this is no news.
                return;
            }
            let asked = asked.unwrap_or((None, at));
            self.record_read(at, registry, seen.as_ref(), (asked, *modified));
            let known = &mut self.registry(registry).modified;
            *known = modified.or(*known);
            if let Some((write, seen)) = base_of.zip(seen.as_ref()) {
                self.registry(registry)
                    .sight
                    .based_on(write, seen, *modified);
            }
        } else if let LedgerEvent::Throttled {
            registry,
            until,
            reason,
        } = what
        {
            self.registry(registry).throttled = Some(Throttle {
                until: *until,
                reason: reason.clone(),
            });
        } else if let LedgerEvent::Drifted {
            registry, drift, ..
        } = what
        {
            self.registry(registry).sight.conclude(drift);
        } else if let LedgerEvent::PossiblyOverwritten(overwritten) = what {
            let registry = self.registry(&overwritten.registry);
            registry.sight.mark_reported(overwritten);
        }
    }

    /// What Azure asked for on a registry, if that is not over at `now`.
    pub fn throttled(&self, registry: &ResourceId, now: Timestamp) -> Option<&Throttle> {
        let throttled = self.registries.get(registry)?.throttled.as_ref();
        throttled.filter(|throttle| throttle.until > now)
    }

    fn record_read(
        &mut self,
        at: Timestamp,
        registry: &ResourceId,
        seen: Option<&Seen>,
        (asked, modified): ((Option<Timestamp>, Timestamp), Option<Timestamp>),
    ) {
        let claimed = self.claimed(registry, at);
        let known = self.registry(registry);
        let hanging = known.unsettled.as_ref().map(|(_, write)| write);
        let glance = Glance {
            asked,
            modified: (known.modified, modified),
            claimed: &claimed,
            hanging,
        };
        known.sight.record_read(at, seen, &glance);
        let shown = claimed.into_iter();
        let shown = shown.filter(|net| seen.is_some_and(|seen| seen.shows(*net)));
        self.restored(registry, &shown.collect::<Vec<_>>());
    }

    /// Takes in a verdict on whether a grant helped.
    pub(super) fn helped(&mut self, at: Timestamp, helped: &GrantOutcome) {
        if let Some(standing) = self.grants.get_mut(&helped.grant) {
            standing.course.judge(at, helped);
        }
    }

    /// What is over stays over, and no end comes nearer.
    pub(super) fn extend(
        &mut self,
        at: Timestamp,
        (grant, until): (GrantId, Timestamp),
        by: &Actor,
    ) {
        let standing = self.grants.get_mut(&grant);
        if let Some(standing) = standing.filter(|standing| !standing.is_over(at)) {
            standing.grant.until = standing.grant.until.max(until);
            if *by == Actor::USE {
                standing.course.extended_at = Some(at);
            }
        }
    }

    /// A denial that repeats one that stands: counted, and a sign for the grant that stands for it.
    pub(super) fn again(&mut self, at: Timestamp, what: &LedgerEvent) {
        if let LedgerEvent::Repeated { denial, of, basis } = what {
            self.refused_again(*denial, *of);
            if let Some(denied) = self.dequeue(*denial) {
                self.looked_again(at, &denied, (*of, *basis));
            }
            self.count(*of, 1);
        } else if let LedgerEvent::Counted {
            counts,
            events,
            refused,
            ..
        } = what
        {
            for (of, count) in counts {
                self.count(*of, *count);
            }
            self.remember(events);
            self.refused(refused);
        }
    }

    /// Which entries of a registry are ours at `now`.
    pub fn ours(&self, id: &ResourceId, now: Timestamp) -> Ours {
        let unsettled = self.registries.get(id);
        let unsettled = unsettled.and_then(|registry| registry.unsettled.as_ref());
        let in_flight = unsettled.into_iter();
        let in_flight = in_flight.flat_map(|(_, write)| write.add.iter().chain(&write.remove));
        let open = self.grants_of(id).filter(|standing| {
            standing.stage == Stage::Open && !standing.is_over(now) && !standing.restoring
        });
        Ours {
            claimed: self.claimed(id, now),
            in_flight: in_flight.copied().collect(),
            open: open
                .map(|standing| (standing.grant.id, standing.grant.address.network()))
                .collect(),
        }
    }

    fn claimed(&self, id: &ResourceId, now: Timestamp) -> BTreeSet<Ipv4Net> {
        let registry = self.registries.get(id);
        let claims = registry.map(|registry| registry.claimed.all(now));
        claims.into_iter().flatten().map(|(net, _)| net).collect()
    }

    /// Whether others changed something on a registry, as its last read shows, that is not concluded.
    pub fn differs(&self, id: &ResourceId, now: Timestamp) -> bool {
        let registry = self.registries.get(id);
        registry.is_some_and(|registry| registry.sight.differs(&self.ours(id, now)))
    }

    /// What others changed on a registry and is not concluded, of that which all reads have shown for
    /// `long` at `now`; each with since when.
    pub fn drift(
        &self,
        id: &ResourceId,
        now: Timestamp,
        long: SignedDuration,
    ) -> Vec<(Timestamp, Drift)> {
        let until = now.checked_sub(long).unwrap_or(Timestamp::MIN);
        let registry = self.registries.get(id);
        registry.map_or_else(Vec::new, |it| it.sight.drift(&self.ours(id, now), until))
    }

    /// Changes of others that a write of ours may have undone, not told yet, as far as they were known at
    /// `until`.
    pub fn overwritten(&self, id: &ResourceId, until: Timestamp) -> Vec<Overwritten> {
        let registry = self.registries.get(id);
        registry.map_or_else(Vec::new, |registry| registry.sight.overwritten(id, until))
    }

    /// Whether a grant's entry may be written again once more.
    pub fn may_restore(&self, grant: GrantId, now: Timestamp) -> bool {
        let recent = |at: &&Timestamp| now.duration_since(**at) < RESTORE_WINDOW;
        self.grants.get(&grant).is_some_and(|standing| {
            let times = standing.restores.iter().filter(recent).count();
            !standing.is_over(now) && times < MOST_RESTORES
        })
    }

    /// Others took the entry away: it is not ours any more until it is written again.
    pub(super) fn restore(&mut self, at: Timestamp, grant: GrantId) {
        let Some(standing) = self.grants.get_mut(&grant) else {
            return;
        };
        standing.restoring = true;
        standing
            .restores
            .retain(|then| at.duration_since(*then) < RESTORE_WINDOW);
        standing.restores.push(at);
        let (id, address) = (standing.grant.registry.clone(), standing.grant.address);
        let others = self.grants_of(&id);
        let others = others.filter(|other| other.grant.id != grant && !other.restoring);
        let others: BTreeSet<Ipv4Addr> = others.map(|other| other.grant.address.get()).collect();
        let needed = |network: Ipv4Net| others.iter().any(|other| network.contains(other));
        self.registry(&id).claimed.lose(address.get(), needed);
    }

    /// What was to be written again stands again.
    pub(super) fn restored(&mut self, registry: &ResourceId, shown: &[Ipv4Net]) {
        for standing in self.grants.values_mut() {
            let address = standing.grant.address.get();
            let covers = |net: &Ipv4Net| net.contains(&address);
            if standing.grant.registry == *registry && shown.iter().any(covers) {
                standing.restoring = false;
            }
        }
    }

    /// A grant's entry stands for the first time.
    pub(super) fn opened(&mut self, at: Timestamp, grant: GrantId, within: Option<Ipv4Net>) {
        self.stage(grant, Stage::Open);
        self.claim(grant, within);
        if let Some(standing) = self.grants.get_mut(&grant) {
            standing.course.opened_at.get_or_insert(at);
        }
    }

    /// The refusals of addresses that grants stand for.
    fn refused(&mut self, refused: &BTreeMap<DenialId, Refused>) {
        if refused.is_empty() {
            return;
        }
        for standing in self.grants.values_mut() {
            if let Some(refused) = refused.get(&standing.grant.denial) {
                standing.course.refuse(*refused);
            }
        }
    }

    /// The same of a denial that waited for its verdict.
    fn refused_again(&mut self, denial: DenialId, of: DenialId) {
        let Some((arrived, denied)) = self.undecided.get(&denial) else {
            return;
        };
        let refused = Refused {
            at: denied.report.at.unwrap_or(*arrived),
            evidence: denied.report.evidence,
        };
        self.refused(&BTreeMap::from([(of, refused)]));
    }

    /// Whether a grant that `denial` was decided for stands open for this address.
    pub fn stands_open(&self, registry: &ResourceId, address: Ipv4Addr) -> bool {
        let standing = self.registries.get(registry);
        let standing = standing.and_then(|registry| registry.standing.get(&address));
        let mut grants = standing.into_iter().flat_map(|(grants, _)| grants);
        grants.any(|id| {
            let grant = self.grants.get(id);
            grant.is_some_and(|standing| standing.stage == Stage::Open)
        })
    }

    /// The addresses of open grants of which a use would say something: that they work, or that they
    /// are to be renewed.
    pub fn watched(&self, now: Timestamp) -> BTreeSet<Ipv4Addr> {
        let open = self.grants.values();
        let open = open.filter(|it| it.stage == Stage::Open && !it.is_over(now));
        let watched = open.filter(|standing| {
            standing.course.effect_at.is_none() || standing.grant.renew.is_some()
        });
        let addresses = watched.map(|standing| standing.grant.address.get());
        addresses.take(MOST_WATCHED).collect()
    }

    /// The last word on a grant that was open and ends: neither use nor refusal was seen.
    pub fn not_seen_again(&self, grant: GrantId) -> Option<LedgerEvent> {
        let course = self.grants.get(&grant)?.course;
        let silent = course.opened_at.is_some() && course.help.is_none();
        silent.then(|| {
            LedgerEvent::GrantOutcome(course.verdict(grant, Effectiveness::NotSeenAgain, None))
        })
    }
}
