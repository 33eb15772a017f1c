//! Verdicts, and what people are asked and answer, folded into what stands.

use super::{Asked, Decision, LAST_DECISIONS, State, Voice};
use crate::intake::dedup::{key, verdict_key};
use crate::ledger::alert::Alert;
use crate::ledger::event::LedgerEvent;
use crate::ledger::grant::Grant;
use crate::ledger::id::{AlertId, DenialId, GrantId};
use crate::ledger::request::{Answer, Request};
use crate::messages::codes;
use crate::messages::wording;
use crate::net::resource_id::ResourceId;
use crate::policy::precedent::Precedent;
use crate::policy::verdict::Verdict;
use jiff::Timestamp;
use std::sync::Arc;

impl State {
    pub(super) fn decide(
        &mut self,
        at: Timestamp,
        denial: DenialId,
        registry: Option<&ResourceId>,
        verdict: &Verdict,
    ) {
        let Some(denied) = self.dequeue(denial) else {
            return;
        };
        let key = verdict_key(&denied, verdict);
        let precedent = Precedent::new(at, &denied, registry, verdict);
        let precedent = precedent.after(self.decided.get(&key));
        self.decided.insert(key, precedent);
        let registry = registry.cloned();
        self.verdicts.push_front(Arc::new(Decision {
            at,
            denial: denied,
            registry,
            verdict: verdict.clone(),
        }));
        self.verdicts.truncate(LAST_DECISIONS);
    }

    pub(super) fn ask(&mut self, request: &Request) {
        // It is written down right behind its verdict.
        let decision = self.last_decision(request.denial);
        if let Some(decision) = &decision {
            self.clear_dedup_key(decision);
        }
        let asked = Asked::new(request.clone(), decision);
        self.requests.insert(request.id, asked);
        let registry = self.registry(&request.registry);
        let standing = registry.standing.entry(request.address.get());
        standing.or_default().1.insert(request.id);
    }

    /// After a no, the same denial is not asked about again at once.
    pub(super) fn answer(&mut self, at: Timestamp, what: &LedgerEvent) {
        let (LedgerEvent::Approval { request, by, .. } | LedgerEvent::Answered { request, by, .. }) =
            what
        else {
            return;
        };
        let Some(asked) = self.requests.get_mut(request) else {
            return;
        };
        if let LedgerEvent::Approval { given, .. } = what {
            let (by, given) = (by.clone(), given.clone());
            asked.voices.push(Voice { at, by, given });
        }
        let LedgerEvent::Answered { answer, given, .. } = what else {
            return;
        };
        let answer = *answer;
        asked.answer = Some((at, answer));
        asked.by = Some(by.clone());
        asked.given.clone_from(given);
        let (registry, address) = (asked.request.registry.clone(), asked.request.address);
        if let (Answer::Deny, Some(decision)) = (answer, &asked.decision) {
            let key = key(&decision.denial);
            self.decided.remove(&key);
            self.refused.insert(key, Precedent::no(at, decision));
        }
        if answer == Answer::Deny {
            self.registry(&registry).seen.forget_address(address);
        }
    }

    /// The verdict that a grant follows from: of its request, or the one right before it.
    pub(super) fn decision_behind(&self, grant: &Grant) -> Option<Arc<Decision>> {
        let asked = grant.request.and_then(|id| self.requests.get(&id));
        let asked = asked.and_then(|asked| asked.decision.clone());
        asked.or_else(|| self.last_decision(grant.denial))
    }

    /// The latest verdicts hold it: what follows from a verdict is written down with it.
    pub(super) fn last_decision(&self, denial: DenialId) -> Option<Arc<Decision>> {
        let mut verdicts = self.verdicts.iter();
        let found = verdicts.find(|decision| decision.denial.id == denial);
        found.cloned()
    }

    pub(super) fn crowd_in(&mut self, at: Timestamp, what: &LedgerEvent) {
        if let LedgerEvent::Suppressed {
            registry,
            count,
            flood,
            addresses,
            events,
            ..
        } = what
        {
            if *flood {
                self.admission(registry.as_ref())
                    .suppress(at, *count, addresses);
            }
            self.remember(events);
        } else if let LedgerEvent::Flood { registry, over, .. } = what {
            let admission = self.admission(registry.as_ref());
            if *over {
                admission.calm();
            } else {
                admission.announce();
            }
        }
    }

    pub(super) fn notified(&mut self, at: Timestamp, grant: GrantId, code: &str) {
        if let Some(standing) = self.grants.get_mut(&grant) {
            standing.notified_at.insert(code.to_owned(), at);
        }
    }

    pub(super) fn tell(&mut self, at: Timestamp, alert: &Alert) {
        self.questions.ask(at, alert);
        for grant in alert.all_grants() {
            self.notified(at, grant, &alert.code);
        }
        let source = alert.details.as_ref().and_then(|it| it.source.as_ref());
        match (alert.code.as_str(), source) {
            (codes::SOURCE_SILENT, Some(source)) => {
                self.silent_sources.insert(source.clone(), at);
            }
            (codes::SOURCE_HEARD, Some(source)) => _ = self.silent_sources.remove(source),
            _ => {}
        }
        let of_all = alert.grant.is_none() && alert.denial.is_none() && alert.request.is_none();
        // These are told of a registry's entries together, however many there are.
        let of_all =
            of_all || [wording::OVERDUE, wording::END_UNKNOWN].contains(&alert.code.as_str());
        if let Some(registry) = alert.registry.as_ref().filter(|_| of_all) {
            let notified_at = &mut self.registry(registry).notified_at;
            notified_at.insert(alert.code.clone(), at);
        }
        if let Some(dead) = alert.resends {
            self.deliveries.resent(dead, &alert.channels);
        }
        if !alert.channels.is_empty() {
            self.outbox.insert(alert.id, (at, alert.clone()));
        }
    }

    pub(super) fn reach(&mut self, at: Timestamp, what: &LedgerEvent) {
        if let LedgerEvent::Delivered {
            alert,
            channel,
            receipt,
        } = what
        {
            if let Some((_, message)) = self.outbox.get(alert) {
                let receipt = receipt.as_ref();
                self.deliveries.delivered(at, message, channel, receipt);
            }
            self.reached(*alert, channel);
        } else if let LedgerEvent::Undelivered {
            alert,
            channel,
            reason,
        } = what
        {
            if let Some((_, message)) = self.outbox.get(alert) {
                self.deliveries.given_up(at, message, channel, reason);
            }
            self.reached(*alert, channel);
        }
    }

    pub(super) fn reached(&mut self, alert: AlertId, channel: &str) {
        let Some((_, waiting)) = self.outbox.get_mut(&alert) else {
            return;
        };
        waiting.channels.retain(|name| name != channel);
        if waiting.channels.is_empty() {
            self.outbox.remove(&alert);
        }
    }
}
