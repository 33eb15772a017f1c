//! A sweep: entries whose ownership tags say that they have ended are taken away, without a ledger.
//!
//! It writes as the service does: a read, a plan by the same planner, a read right before the PATCH, one
//! PATCH, a read to see. It is meant for a doorward that is gone, and changes nothing but entries that a
//! ownership tag names, and these ownership tags.
//!
//! No ownership tag stays behind its entry: if it did, and somebody added the address for good, the next
//! sweep would take that entry away. So ownership tags of entries that do not stand go too, and where a
//! write cannot take tags away, they are written once more, with nothing in them.

use super::reconcile;
use crate::azure::{Accepted, Arm, ArmError, Call, PatchError};
use clock::{self, Clock};
use doorward_core::firewall::ownership_tags;
use doorward_core::firewall::ownership_tags::{OwnershipTagKey, OwnershipTags};
use doorward_core::firewall::raw_json::{RawJson, RawObject};
use doorward_core::firewall::{Live, Malformed, Obstacle, Patch, Wanted, missing_in, plan};
use doorward_core::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// How often, and how long, a write of which the fate is not known is looked for.
const LOOKS: u32 = 12;
const BETWEEN: Duration = Duration::from_secs(5);

/// What a sweep needs.
pub struct Sweep<'a> {
    /// Azure Resource Manager.
    pub arm: &'a Arm,
    /// Where the time comes from.
    pub clock: &'a Clock,
    /// Checks ownership tags.
    pub key: &'a OwnershipTagKey,
    /// The registry.
    pub registry: &'a ResourceId,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The id under which Azure's activity log tells of it.
    pub correlation_id: Uuid,
    /// Entries that had ended: taken away, but for a dry run.
    pub ended: BTreeMap<Ipv4Net, Timestamp>,
    /// Entries that do not stand any more, whoever took them away: their ownership tags went, but for a dry
    /// run.
    pub gone: BTreeMap<Ipv4Net, Timestamp>,
    /// Entries that have not ended yet.
    pub standing: BTreeMap<Ipv4Net, Timestamp>,
    /// Entries whose ownership tags are too old to be believed.
    pub too_old: BTreeSet<Ipv4Net>,
    /// Tags that bear our name and do not verify.
    pub unverified: BTreeSet<String>,
    /// How many entries no ownership tag names.
    pub others: usize,
}

/// A sweep that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("{why} (correlation id {correlation_id})")]
pub struct Unfinished {
    /// The id under which Azure's activity log tells of it.
    pub correlation_id: Uuid,
    /// What kept it.
    pub why: SweepError,
}

/// What keeps a sweep from its end.
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
    /// Entries went and their ownership tags did not.
    #[error(
        "what has ended does not stand any more, but the tags still name it ({0}): run it again, or delete the tags \
         `doorward-tags-*` by hand, before somebody adds one of these addresses for good"
    )]
    TagsStay(String),
}

/// What one read shows.
struct Shown {
    live: Live,
    tags: OwnershipTags,
}

/// What one read comes to.
struct Ground {
    shown: Shown,
    found: Swept,
    patch: Patch,
}

impl Shown {
    /// Whether ownership tags still name what `swept` says is over.
    fn names(&self, swept: &Swept) -> bool {
        swept.is_over(self.tags.ends.keys())
    }
}

impl Swept {
    /// Whether one of `named` has ended, or is gone.
    fn is_over<'a>(&self, mut named: impl Iterator<Item = &'a Ipv4Net>) -> bool {
        named.any(|network| self.ended.contains_key(network) || self.gone.contains_key(network))
    }

    fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.gone.is_empty()
    }
}

impl Sweep<'_> {
    /// Takes away what has ended.
    pub async fn run(&self) -> Result<Swept, Unfinished> {
        let call = Call::new(self.clock.id());
        let correlation_id = call.correlation_id;
        let swept = self.sweep(&call).await;
        swept.map_err(|why| Unfinished {
            correlation_id,
            why,
        })
    }

    async fn sweep(&self, call: &Call) -> Result<Swept, SweepError> {
        let now = self.clock.now();
        let first = self.ground(self.arm.read_api_version(), call, now).await?;
        if first.found.is_empty() || self.dry_run {
            return Ok(first.found);
        }
        let arm = reconcile::client_for_api_version(self.arm, &first.shown.live);
        let fresh = self.ground(arm.api_version(), call, now).await?;
        let (entries, before) = (fresh.shown.live.entries(), first.shown.live.entries());
        let lacks = !missing_in(&entries, &before).is_empty();
        let planned = (&fresh.patch, &fresh.shown.tags) != (&first.patch, &first.shown.tags);
        if lacks || planned {
            return Err(SweepError::Busy);
        }
        let Ground {
            shown,
            found,
            patch,
        } = fresh;
        let rules = (patch != Patch::default()).then(|| patch.body(&shown.live));
        let body = self.with_tags(rules, &shown.live, &found, false);
        let known = self.send(&arm, &body, call).await?;
        // One PATCH writes both: a read that shows its rules shows its tags as they will be.
        let told = known || patch != Patch::default();
        let done = |shown: &Shown| patch.shows_in(&shown.live) && (told || !shown.names(&found));
        if self.see(done, call).await?.names(&found) {
            let blanked = self.blank(&found, call).await;
            blanked.map_err(|error| SweepError::TagsStay(error.to_string()))?;
        }
        Ok(found)
    }

    /// Where a write that names tags leaves the others, those that nobody needs are written with nothing
    /// in them. No entry is touched: what `found` names may be somebody's by now.
    async fn blank(&self, found: &Swept, call: &Call) -> Result<(), SweepError> {
        let shown = self.shown(self.arm.read_api_version(), call).await?;
        if shown.live.is_being_updated() {
            return Err(SweepError::Busy);
        }
        let body = self.with_tags(None, &shown.live, found, true);
        self.send(self.arm, &body, call).await?;
        self.see(|shown| !shown.names(found), call).await.map(drop)
    }

    /// Sends one PATCH. Whether it is known to be done.
    async fn send(&self, arm: &Arm, body: &RawObject, call: &Call) -> Result<bool, SweepError> {
        // No lease is held: nothing can have passed on.
        let sent = arm.patch_registry(self.registry, body, call, || true).await;
        tracing::info!(registry = self.registry.name(), correlation = %call.correlation_id, ok = sent.is_ok(), "PATCH");
        let known = match sent {
            Ok(Accepted::Done) => Ok(()),
            Ok(Accepted::Running(operation)) => arm.follow(operation, call).await,
            Err(error) => Err(error),
        };
        match known {
            Ok(()) => Ok(true),
            Err(PatchError::Unknown { .. }) => Ok(false),
            Err(PatchError::TooLate) => Err(SweepError::Busy),
            Err(PatchError::NotApplied(error)) => Err(error.into()),
            Err(PatchError::OperationFailed { code, message }) => {
                Err(SweepError::Failed { code, message })
            }
        }
    }

    async fn shown(&self, version: &str, call: &Call) -> Result<Shown, SweepError> {
        let live = Live::read(&self.arm.registry(self.registry, version, call).await?)?;
        let tags = ownership_tags::read(&live.tags, self.registry, self.key);
        Ok(Shown { live, tags })
    }

    async fn ground(
        &self,
        version: &str,
        call: &Call,
        now: Timestamp,
    ) -> Result<Ground, SweepError> {
        let shown = self.shown(version, call).await?;
        let Shown { live, tags } = &shown;
        if live.is_being_updated() {
            return Err(SweepError::Busy);
        }
        let (ours, too_old) = tags.standing(live, now);
        let gone = tags.ends.iter();
        let gone = gone.filter(|(network, _)| live.exact(**network).is_none());
        let gone = gone.map(|(network, end)| (*network, *end)).collect();
        let (ended, standing): (BTreeMap<_, _>, _) =
            ours.into_iter().partition(|(_, end)| *end <= now);
        let named = ended.len() + standing.len();
        let found = Swept {
            correlation_id: call.correlation_id,
            others: live.rules.len().saturating_sub(named),
            unverified: tags.unverified.clone(),
            ended,
            gone,
            standing,
            too_old,
        };
        let patch = plan_of(live, &found.ended, now)?;
        Ok(Ground {
            shown,
            found,
            patch,
        })
    }

    /// A PATCH of `rules`, if any, and of the tags without the ownership tags of what is over.
    fn with_tags(
        &self,
        rules: Option<RawObject>,
        live: &Live,
        found: &Swept,
        blank: bool,
    ) -> RawObject {
        let mut body = rules.unwrap_or_default();
        let place = (self.registry, self.key);
        let packed = ownership_tags::pack(&live.tags, &found.standing, place, blank);
        body.set("tags", RawJson::from(&packed.tags));
        body
    }

    /// Waits for a read of which `done` says that it shows the write.
    async fn see(&self, done: impl Fn(&Shown) -> bool, call: &Call) -> Result<Shown, SweepError> {
        let mut why = String::from("reads do not show it");
        for look in 0..LOOKS {
            if look > 0 {
                let next = clock::add(self.clock.now(), BETWEEN);
                self.clock.reached(next).await;
            }
            match self.shown(self.arm.read_api_version(), call).await {
                Ok(shown) if done(&shown) => return Ok(shown),
                Ok(_) => {}
                Err(SweepError::Arm(error)) => why = error.to_string(),
                Err(error) => return Err(error),
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
        restore_entries: Vec::new(),
    };
    let plan = plan(live, &wanted, now);
    match plan.stuck {
        Some(obstacle) => Err(SweepError::Stuck(obstacle)),
        None => Ok(plan.patch.unwrap_or_default()),
    }
}
