//! A verdict stands for denials like its own until what it was made under has changed: a pause that is
//! over, a set that is loaded, a registry that can be written again, another policy.

use super::batch::{budget, in_flood, most_requests};
use crate::flow::app::App;
use crate::flow::registry::posture;
use doorward_core::ledger::event::Denied;
use doorward_core::ledger::id::DenialId;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::precedent::Precedent;
use doorward_core::policy::verdict::NoteCode;
use doorward_core::policy::{Basis, Policy, Posture, stands_against};
use doorward_core::sets::Sets;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// Policy and sets as they are in force at one moment: whoever decides several things together looks once.
pub(in crate::flow) struct InForce {
    pub(in crate::flow) policy: Arc<Policy>,
    pub(in crate::flow) sets: Arc<Sets>,
}

impl InForce {
    /// As they are now.
    pub(in crate::flow) fn now(app: &App) -> Self {
        Self {
            policy: app.policy.load_full(),
            sets: app.sets.load_full(),
        }
    }

    /// Whether the denied address is somebody's own, or that of the CI job that speaks.
    pub(in crate::flow) fn owned(&self, denied: &Denied) -> bool {
        let proof = denied.proof.as_ref();
        let own = |ip: IpAddr| {
            self.policy.owns(ip, &self.sets) || proof.is_some_and(|proof| proof.is_from(ip))
        };
        denied.report.denial.ip.is_some_and(own)
    }

    /// What they say of the denied address.
    pub(in crate::flow) fn basis(&self, denied: &Denied, now: Timestamp) -> Basis {
        Basis::of(&self.policy, &self.sets, denied.report.denial.ip, now)
    }
}

/// Of the denials whose verdicts would stand for `denied` those whose verdicts rest on what has changed.
pub(in crate::flow) fn reopened(
    app: &App,
    in_force: &InForce,
    (denied, registry): (&Denied, Option<&ResourceId>),
    known_now: &KnownNow<'_>,
) -> Vec<DenialId> {
    let now = app.clock.now();
    let windows = &app.windows;
    let mut known = app
        .ledger
        .read(|state| state.precedents(denied, registry, (windows, now)));
    known.retain(|precedent| precedent.may_be_reopened(now));
    if known.is_empty() {
        return Vec::new();
    }
    let basis = in_force.basis(denied, now);
    let owned = in_force.owned(denied);
    let changed = |precedent: &&Precedent| {
        let other = precedent.basis.is_some_and(|known| known != basis);
        let mut causes = precedent.causes.iter();
        other
            || causes.any(|code| {
                let look = Look {
                    app,
                    precedent,
                    registry,
                    owned,
                    now,
                };
                look.has_passed(*code, known_now)
            })
    };
    let changed = known.iter().filter(changed);
    changed.map(|precedent| precedent.denial).collect()
}

/// What whoever looks knows beside the ledger.
pub(in crate::flow) struct KnownNow<'a> {
    /// How many grants a registry has had within the hour.
    pub(in crate::flow) granted: &'a dyn Fn(&ResourceId) -> usize,
    /// Whether a registry that was not read lately is worth a look: whoever decides has just tried.
    pub(in crate::flow) may_look: bool,
}

/// One look at what a verdict rested on.
struct Look<'a> {
    app: &'a App,
    precedent: &'a Precedent,
    registry: Option<&'a ResourceId>,
    owned: bool,
    now: Timestamp,
}

impl Look<'_> {
    fn has_passed(&self, code: NoteCode, known_now: &KnownNow<'_>) -> bool {
        let Self { app, now, .. } = *self;
        let Some(id) = self.registry else {
            return false;
        };
        match code {
            NoteCode::NoRegistry | NoteCode::AzureUnreadable => app.login_server(id).is_some(),
            NoteCode::Paused => app.ledger.read(|state| state.pauses.of(id).is_none()),
            NoteCode::BudgetSpent => (known_now.granted)(id) < budget(app, id, self.owned),
            NoteCode::TooManyRequests => {
                let open = app.ledger.read(|state| state.open_requests(id, now));
                open < most_requests(self.owned)
            }
            NoteCode::Flood => !in_flood(app, Some(id)),
            NoteCode::PublicAccessDisabled
            | NoteCode::NotPremium
            | NoteCode::DefaultAllow
            | NoteCode::AlreadyCovered
            | NoteCode::VirtualNetworkRules
            | NoteCode::ListFull => self.is_writable(id, code, known_now.may_look),
            // What sets hold is in the basis; the rest does not pass.
            _ => false,
        }
    }

    /// Whether `code` no longer stands against an entry. Where the registry was not read lately, it is
    /// worth a look now and then: deciding reads it.
    fn is_writable(&self, id: &ResourceId, code: NoteCode, may_look: bool) -> bool {
        let Self { app, now, .. } = *self;
        let Some(live) = posture::of(app, id, now) else {
            return may_look && self.precedent.may_be_looked_at(now);
        };
        let ours = posture::ours(app, id, now);
        let posture = Posture {
            live: &live,
            ours: &ours,
        };
        stands_against(&posture, self.precedent.address) != Some(code)
    }
}
