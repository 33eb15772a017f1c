//! Denials as they arrive, sorted before anything is written down: duplicates, repeats of what
//! stands, new ones, and those that are too many.
//!
//! Only new denials become entries of their own. The rest is counted, one entry for all that were
//! written down together, so that a flood costs the ledger no more than it tells.

use super::admission::{Admission, AdmissionWindow};
use super::dedup::{DedupPolicy, DenialKey, ReportStrength, key_within_source};
use crate::ledger::event::{Denied, LedgerEvent};
use crate::ledger::id::DenialId;
use crate::net::resource_id::ResourceId;
use crate::state::State;
use crate::state::effectiveness::Refused;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::net::IpAddr;

/// One denial on its way in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The denial.
    pub denied: Denied,
    /// [`Denied::event`] of it.
    pub event: Option<String>,
    /// How many unknown sources its registry may have in a window.
    pub limit: usize,
    /// The denials whose verdicts do not stand for it: their causes have passed.
    pub reopened: Vec<DenialId>,
}

/// What became of the denials of one delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntakeResult {
    /// Written down, to be decided.
    pub new: usize,
    /// Counted as repeats of what stands.
    pub repeated: usize,
    /// Counted as too many.
    pub suppressed: usize,
    /// Delivered before: nothing was done.
    pub duplicate: usize,
}

/// Sorts what is to be written down together. It sees what stands and what it has sorted before.
#[derive(Debug)]
pub struct IntakeDeduplicator<'a> {
    state: &'a State,
    windows: DedupPolicy,
    fresh: HashMap<DenialKey, (DenialId, ReportStrength)>,
    events: HashSet<u64>,
    admissions: BTreeMap<Option<ResourceId>, AdmissionWindow>,
    counted: BTreeMap<String, (BTreeMap<DenialId, u64>, Count)>,
    suppressed: BTreeMap<(Option<ResourceId>, String, bool), Count>,
}

#[derive(Debug, Default)]
struct Count {
    number: u64,
    addresses: Vec<IpAddr>,
    events: String,
    refused: BTreeMap<DenialId, Refused>,
}

impl Count {
    fn add(&mut self, event: Option<u64>) {
        self.number = self.number.saturating_add(1);
        if let Some(event) = event {
            // Writing into a string does not fail.
            write!(self.events, "{event:016x}").ok();
        }
    }
}

impl<'a> IntakeDeduplicator<'a> {
    /// A sorter beside what stands.
    pub fn new(state: &'a State, windows: DedupPolicy) -> Self {
        Self {
            state,
            windows,
            fresh: HashMap::new(),
            events: HashSet::new(),
            admissions: BTreeMap::new(),
            counted: BTreeMap::new(),
            suppressed: BTreeMap::new(),
        }
    }

    /// Sorts one denial that arrives at `at` into `taken`; it is given back if it is to be written
    /// down. `known` says whether its event stands in the database.
    pub fn sort(
        &mut self,
        at: Timestamp,
        arrival: Arrival,
        known: bool,
        taken: &mut IntakeResult,
    ) -> Option<Denied> {
        let Arrival {
            denied,
            event,
            limit,
            reopened,
        } = arrival;
        let event = event.as_deref().map(Denied::fingerprint);
        if known || event.is_some_and(|event| self.is_duplicate(event)) {
            taken.duplicate = taken.duplicate.saturating_add(1);
            return None;
        }
        let within = key_within_source(&denied);
        if let Some(of) = self.stands((&denied, &within), at, &reopened) {
            let refused = self.refused(&denied, at);
            let (counts, all) = self.counted.entry(denied.source).or_default();
            if let Some(refused) = refused {
                let last = all.refused.entry(of).or_insert(refused);
                *last = if last.at <= refused.at {
                    refused
                } else {
                    *last
                };
            }
            let count = counts.entry(of).or_default();
            *count = count.saturating_add(1);
            all.add(event);
            taken.repeated = taken.repeated.saturating_add(1);
            return None;
        }
        let address = denied.report.denial.ip;
        let state = self.state;
        let admission = self
            .admissions
            .entry(denied.registry.clone())
            .or_insert_with_key(|registry| {
                state.admissions.get(registry).cloned().unwrap_or_default()
            });
        let place = admission.place(at, address, denied.owned, limit);
        if place == Admission::Own {
            admission.enter(at, address, denied.owned);
            let strength = self.windows.strength(&denied, at);
            self.fresh.insert(within, (denied.id, strength));
            taken.new = taken.new.saturating_add(1);
            return Some(denied);
        }
        let flood = place == Admission::Flood;
        let key = (denied.registry, denied.source, flood);
        let count = self.suppressed.entry(key).or_default();
        count.add(event);
        if let (true, Some(ip)) = (flood && admission.is_new(address, limit), address) {
            count.addresses.push(ip);
            admission.suppress(at, 1, &[ip]);
        } else if flood {
            admission.suppress(at, 1, &[]);
        }
        taken.suppressed = taken.suppressed.saturating_add(1);
        None
    }

    /// The counts, as entries.
    pub fn finish(self) -> Vec<LedgerEvent> {
        let counted = self.counted.into_iter();
        let counted = counted.map(|(source, (counts, all))| LedgerEvent::Counted {
            source,
            counts,
            events: all.events,
            refused: all.refused,
        });
        let suppressed = self.suppressed.into_iter();
        let suppressed =
            suppressed.map(
                |((registry, source, flood), count)| LedgerEvent::Suppressed {
                    registry,
                    source,
                    count: count.number,
                    flood,
                    addresses: count.addresses,
                    events: count.events,
                },
            );
        counted.chain(suppressed).collect()
    }

    /// The refusal of an address for which a grant stands open.
    fn refused(&self, denied: &Denied, at: Timestamp) -> Option<Refused> {
        let (registry, address) = (denied.registry.as_ref()?, denied.report.denial.ip?);
        let IpAddr::V4(address) = address.to_canonical() else {
            return None;
        };
        let open = self.state.stands_open(registry, address);
        open.then(|| Refused {
            at: denied.report.at.unwrap_or(at),
            evidence: denied.report.evidence,
        })
    }

    fn is_duplicate(&mut self, event: u64) -> bool {
        self.state.events.contains(&event) || !self.events.insert(event)
    }

    /// The denial that a new one repeats, decided or waiting.
    fn stands(
        &self,
        (denied, within): (&Denied, &DenialKey),
        at: Timestamp,
        reopened: &[DenialId],
    ) -> Option<DenialId> {
        let (state, windows) = (self.state, &self.windows);
        let rest = (windows, reopened);
        state
            .repeats(denied, denied.registry.as_ref(), at, rest)
            .or_else(|| state.waits((denied, within), at, windows))
            .or_else(|| {
                let (id, strength) = self.fresh.get(within)?;
                let same = strength.covers(windows.strength(denied, at));
                same.then_some(*id)
            })
    }
}
