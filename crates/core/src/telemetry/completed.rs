//! Which steps an entry of the ledger completes.

use super::steps::{Of, Step, StepKind, number};
use crate::ledger::alert::Alert;
use crate::ledger::event::{Denied, LedgerEvent, Write, WriteOutcome};
use crate::ledger::grant::{Ending, Stage};
use crate::ledger::id::{AlertId, DenialId, GrantId, RequestId};
use crate::ledger::request::Answer;
use crate::net::resource_id::ResourceId;
use crate::policy::verdict::Action;
use crate::state::{GrantRecord, State};
use jiff::Timestamp;

impl State {
    /// The steps that `what`, which happens at `at` and is not folded in yet, completes.
    pub fn steps(&self, at: Timestamp, what: &LedgerEvent) -> Vec<Step> {
        let one = |step: Option<Step>| step.into_iter().collect();
        if let LedgerEvent::Denied(denied) = what {
            return vec![received(at, denied)];
        }
        if let LedgerEvent::Decided {
            denial,
            registry,
            verdict,
        } = what
        {
            let step = self.decided_step(at, *denial, registry.as_ref(), None);
            return one(step.map(|step| step.ended(word(verdict.action), false)));
        }
        if let LedgerEvent::Repeated { denial, of, .. } = what {
            let step = self.decided_step(at, *denial, None, Some(*of));
            return one(step.map(|step| step.ended("repeated", false)));
        }
        if let LedgerEvent::Answered {
            request, answer, ..
        } = what
        {
            return one(self.answered_step(at, *request, *answer));
        }
        if let LedgerEvent::WriteSettled {
            registry, outcome, ..
        } = what
        {
            return self.written_step(at, registry, outcome);
        }
        if let LedgerEvent::Ended { grant, ending } = what {
            return one(self.removed_step(at, *grant, *ending));
        }
        let opened = self.opening_of(at, what);
        one(opened.or_else(|| self.delivery_of(at, what)))
    }

    fn opening_of(&self, at: Timestamp, what: &LedgerEvent) -> Option<Step> {
        if let LedgerEvent::Opened { grant, .. } = what {
            self.opened_step(at, *grant, ("opened", false))
        } else if let LedgerEvent::CoveredByExisting { grant, .. } = what {
            self.opened_step(at, *grant, ("covered_by_existing", false))
        } else if let LedgerEvent::NotOpened { grant, .. } = what {
            self.opened_step(at, *grant, ("not_opened", true))
        } else {
            None
        }
    }

    fn delivery_of(&self, at: Timestamp, what: &LedgerEvent) -> Option<Step> {
        if let LedgerEvent::Delivered { alert, channel, .. } = what {
            self.delivered_step(at, *alert, channel, ("delivered", false))
        } else if let LedgerEvent::Undelivered { alert, channel, .. } = what {
            self.delivered_step(at, *alert, channel, ("undelivered", true))
        } else {
            None
        }
    }

    fn decided_step(
        &self,
        at: Timestamp,
        denial: DenialId,
        registry: Option<&ResourceId>,
        repeats: Option<DenialId>,
    ) -> Option<Step> {
        let (since, denied) = self.undecided.get(&denial)?;
        let of = Of {
            source: Some(denied.source.clone()),
            registry: registry.or(denied.registry.as_ref()).cloned(),
            repeats,
            ..Of::default()
        };
        Some(Step::new(StepKind::Decide, denial, denial.0, (*since, at)).of(of))
    }

    fn answered_step(&self, at: Timestamp, id: RequestId, answer: Answer) -> Option<Step> {
        let asked = self.requests.get(&id)?;
        let request = &asked.request;
        let since = asked.decision.as_ref().map_or(at, |decision| decision.at);
        let of = Of {
            registry: Some(request.registry.clone()),
            request: Some(id),
            ..Of::default()
        };
        let step = Step::new(StepKind::Ask, request.denial, id.0, (since, at)).of(of);
        Some(match answer {
            Answer::Allow => step.ended("approved", false),
            Answer::Deny => step.ended("denied", false),
        })
    }

    fn opened_step(
        &self,
        at: Timestamp,
        id: GrantId,
        (result, failed): (&'static str, bool),
    ) -> Option<Step> {
        // One that was open before is written again: that is no opening.
        let first = |it: &&GrantRecord| it.stage == Stage::Intended && it.restores.is_empty();
        let standing = self.grants.get(&id).filter(first);
        standing.map(|it| {
            let step = Step::new(StepKind::Open, it.grant.denial, id.0, (it.since, at));
            step.ended(result, failed).of(of_grant(it))
        })
    }

    /// A write belongs to the way of each grant that it is for.
    fn written_step(&self, at: Timestamp, id: &ResourceId, outcome: &WriteOutcome) -> Vec<Step> {
        let unsettled = self.registries.get(id).and_then(|it| it.unsettled.as_ref());
        let Some((since, write)) = unsettled else {
            return Vec::new();
        };
        let (result, failed) = match outcome {
            WriteOutcome::Applied { .. } => ("applied", false),
            WriteOutcome::NotApplied { .. } => ("not_applied", true),
            WriteOutcome::Lost { .. } => ("lost", true),
        };
        let grants = self.grants_of(id).filter_map(|it| {
            let within = role(it, write, at)?;
            let step = Step::new(StepKind::Write, it.grant.denial, write.id.0, (*since, at));
            let of = Of {
                write: Some(write.id),
                ..of_grant(it)
            };
            // Grants of one way each have this write.
            let own = step.id ^ number(StepKind::Write, it.grant.id.0);
            let step = Step {
                id: own.max(1),
                parent: Some(number(within, it.grant.id.0)),
                ..step
            };
            Some(step.ended(result, failed).of(of))
        });
        grants.collect()
    }

    fn removed_step(&self, at: Timestamp, id: GrantId, ending: Ending) -> Option<Step> {
        let result = match ending {
            Ending::Expired => "expired",
            Ending::NeverOpened => "never_opened",
            Ending::LeftToOthers => "left_to_others",
            Ending::CarriedOn => "carried_on",
            Ending::Evicted => "evicted",
            Ending::RemovedByOthers => "removed_by_others",
            Ending::Kept => "kept",
        };
        self.grants.get(&id).map(|it| {
            let times = (it.grant.until, at);
            let step = Step::new(StepKind::Remove, it.grant.denial, id.0, times);
            step.ended(result, false).of(of_grant(it))
        })
    }

    fn delivered_step(
        &self,
        at: Timestamp,
        id: AlertId,
        channel: &str,
        (result, failed): (&'static str, bool),
    ) -> Option<Step> {
        let made = self.outbox.get(&id);
        made.and_then(|(since, alert)| {
            let denial = self.denial_of(alert)?;
            let of = Of {
                registry: alert.registry.clone(),
                grant: alert.grant,
                request: alert.request,
                channel: Some(channel.to_owned()),
                ..Of::default()
            };
            let step = Step::new(StepKind::Deliver, denial, id.0, (*since, at));
            // A message goes to several channels.
            let own = channel.bytes().fold(step.id, |sum, byte| {
                sum.rotate_left(5).wrapping_add(u64::from(byte))
            });
            let step = Step {
                id: own.max(1),
                ..step
            };
            Some(step.ended(result, failed).of(of))
        })
    }

    fn denial_of(&self, alert: &Alert) -> Option<DenialId> {
        let grant = || {
            let id = alert.all_grants().next()?;
            Some(self.grants.get(&id)?.grant.denial)
        };
        alert.denial.or_else(grant)
    }
}

/// From the event, if it says when it was, and that is not after its arrival.
fn received(at: Timestamp, denied: &Denied) -> Step {
    let since = denied.report.at.unwrap_or(at);
    let of = Of {
        source: Some(denied.source.clone()),
        registry: denied.registry.clone(),
        ..Of::default()
    };
    Step::new(StepKind::Receive, denied.id, denied.id.0, (since, at)).of(of)
}

/// What a write is to a grant: part of its opening, or of its removal.
fn role(standing: &GrantRecord, write: &Write, at: Timestamp) -> Option<StepKind> {
    let address = standing.grant.address.get();
    if standing.waits_for_a_write() && write.admits(address) {
        return Some(StepKind::Open);
    }
    let removes = write.remove.iter().any(|entry| entry.contains(&address));
    (standing.is_over(at) && removes).then_some(StepKind::Remove)
}

fn of_grant(standing: &GrantRecord) -> Of {
    Of {
        registry: Some(standing.grant.registry.clone()),
        grant: Some(standing.grant.id),
        request: standing.grant.request,
        ..Of::default()
    }
}

fn word(action: Action) -> &'static str {
    let named = Action::NAMES.iter().find(|(_, one)| *one == action);
    named.map_or("unknown", |(name, _)| name)
}
