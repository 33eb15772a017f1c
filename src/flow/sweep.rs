//! A sweep: entries whose breadcrumbs say that they have ended are taken away, without a ledger.
//!
//! It writes as the service does: a read, a plan by the same planner, a read right before the PATCH, one
//! PATCH, a read to see. It is meant for a doorward that is gone, and changes nothing but entries that a
//! breadcrumb names, and these breadcrumbs.

use crate::azure::{Arm, ArmError, Call, PatchError};
use crate::clock::{self, Clock};
use crate::domain::breadcrumbs::{self, CrumbKey, Crumbs};
use crate::domain::firewall::{Live, Malformed, Obstacle, Patch, Wanted, missing_in, plan};
use crate::domain::resource_id::ResourceId;
use crate::flow::reconcile;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often, and how long, a write of which the fate is not known is looked for.
const LOOKS: u32 = 12;
const BETWEEN: Duration = Duration::from_secs(5);

/// What a sweep needs.
pub struct Sweep<'a> {
    /// Azure Resource Manager.
    pub arm: &'a Arm,
    /// Where the time comes from.
    pub clock: &'a Clock,
    /// Checks breadcrumbs.
    pub key: &'a CrumbKey,
    /// The registry.
    pub registry: &'a ResourceId,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entries that had ended: taken away, but for a dry run.
    pub ended: BTreeMap<Ipv4Net, Timestamp>,
    /// Entries that have not ended yet.
    pub standing: BTreeMap<Ipv4Net, Timestamp>,
    /// Entries whose breadcrumbs are too old to be believed.
    pub too_old: BTreeSet<Ipv4Net>,
    /// Tags that bear our name and do not verify.
    pub unverified: BTreeSet<String>,
    /// How many entries no breadcrumb names.
    pub others: usize,
}

/// A sweep that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Azure does not answer, or refuses.
    #[error(transparent)]
    Arm(#[from] ArmError),
    /// Azure's answer is no registry.
    #[error(transparent)]
    Ground(#[from] Malformed),
    /// Nothing may be written now.
    #[error("entries have ended and cannot be taken away now: {0}")]
    Stuck(Obstacle),
    /// Somebody is at it.
    #[error(
        "the registry is being updated, or was changed just now: nothing was written; run it again in a minute"
    )]
    Busy,
    /// The operation was accepted and failed.
    #[error("Azure began and could not do it ({code}): {message}; run it again")]
    Failed {
        /// Azure's code.
        code: String,
        /// Azure's words.
        message: String,
    },
    /// Nobody can tell.
    #[error("what became of the write is not known ({0}): look at the registry, and run it again")]
    Unknown(String),
}

/// What one read comes to.
struct Ground {
    live: Live,
    crumbs: Crumbs,
    found: Swept,
    patch: Patch,
}

impl Sweep<'_> {
    /// Takes away what has ended.
    pub async fn run(&self) -> Result<Swept, SweepError> {
        let call = Call::new(self.clock.id());
        let now = self.clock.now();
        let first = self.ground(self.arm.read_api_version(), &call, now).await?;
        if first.found.ended.is_empty() || self.dry_run {
            return Ok(first.found);
        }
        let arm = reconcile::knowing(self.arm, &first.live);
        let fresh = self.ground(arm.api_version(), &call, now).await?;
        let lacks = !missing_in(&fresh.live.entries(), &first.live.entries()).is_empty();
        if lacks || (&fresh.patch, &fresh.crumbs) != (&first.patch, &first.crumbs) {
            return Err(SweepError::Busy);
        }
        let body = self.body(&fresh);
        // No lease is held: nothing can have passed on.
        let sent = arm.patch_registry(self.registry, &body, &call, || true);
        match sent.await {
            Ok(()) | Err(PatchError::Unknown { .. }) => {}
            Err(PatchError::TooLate) => return Err(SweepError::Busy),
            Err(PatchError::NotApplied(error)) => return Err(error.into()),
            Err(PatchError::OperationFailed { code, message }) => {
                return Err(SweepError::Failed { code, message });
            }
        }
        self.see(&fresh.patch, &call).await?;
        Ok(fresh.found)
    }

    async fn ground(
        &self,
        version: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Ground, SweepError> {
        let live = Live::read(&self.arm.registry(self.registry, version, call).await?)?;
        if live.is_being_updated() {
            return Err(SweepError::Busy);
        }
        let crumbs = breadcrumbs::read(&live.tags, self.registry, self.key);
        let (ours, too_old) = crumbs.standing(&live, now);
        let (ended, standing): (BTreeMap<_, _>, _) =
            ours.into_iter().partition(|(_, end)| *end <= now);
        let named = ended.len() + standing.len();
        let found = Swept {
            others: live.rules.len().saturating_sub(named),
            unverified: crumbs.unverified.clone(),
            ended,
            standing,
            too_old,
        };
        let patch = plan_of(&live, &found.ended, now)?;
        Ok(Ground {
            live,
            crumbs,
            found,
            patch,
        })
    }

    /// The rules without what has ended, and the tags without its crumbs.
    fn body(&self, fresh: &Ground) -> Value {
        let mut body = fresh.patch.body(&fresh.live);
        let place = (self.registry, self.key);
        let ends = &fresh.found.standing;
        let packed = breadcrumbs::pack(&fresh.live.tags, ends, place, false);
        if let Some(body) = body.as_object_mut() {
            body.insert("tags".to_owned(), Value::Object(packed.tags));
        }
        body
    }

    /// Waits until a read shows the write.
    async fn see(&self, patch: &Patch, call: &Call) -> Result<(), SweepError> {
        let mut why = String::from("reads do not show it");
        for look in 0..LOOKS {
            if look > 0 {
                self.clock
                    .reached(clock::add(self.clock.now(), BETWEEN))
                    .await;
            }
            let version = self.arm.read_api_version();
            match self.arm.registry(self.registry, version, call).await {
                Ok(registry) if patch.shows_in(&Live::read(&registry)?) => return Ok(()),
                Ok(_) => {}
                Err(error) => why = error.to_string(),
            }
        }
        Err(SweepError::Unknown(why))
    }
}

/// The write that takes `ended` away: entries that are claimed and that no grant needs.
fn plan_of(
    live: &Live,
    ended: &BTreeMap<Ipv4Net, Timestamp>,
    now: Timestamp,
) -> Result<Patch, SweepError> {
    let wanted = Wanted {
        grants: Vec::new(),
        claimed: ended.keys().map(|network| (*network, false)).collect(),
        limit: u32::MAX,
        reserve: 0,
        may_add: false,
        paused: true,
        restore: BTreeSet::new(),
        give_back: Vec::new(),
    };
    let plan = plan(live, &wanted, now);
    match plan.stuck {
        Some(obstacle) => Err(SweepError::Stuck(obstacle)),
        None => Ok(plan.patch.unwrap_or_default()),
    }
}
