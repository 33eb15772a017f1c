//! The ledger's entries, one after the other, into an audit.

use super::measures::{ended, measured, refusal};
use super::{Audit, AuditedGrant, Happened, Link};
use crate::ledger::actor::Actor;
use crate::ledger::event::{Entry, LedgerEvent};
use crate::ledger::grant::Grant;
use crate::ledger::id::{DenialId, GrantId, RequestId};
use crate::ledger::request::Answer;
use crate::messages::{ledger_line, wording};
use crate::policy::verdict::Action;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// An audit in the making.
#[derive(Debug)]
pub struct Fold {
    span: (Timestamp, Timestamp),
    last: Option<Link>,
    /// What was refused, of denials that may yet lead to a grant.
    denials: BTreeMap<DenialId, (String, String)>,
    requests: BTreeMap<RequestId, Asked>,
    grants: BTreeMap<GrantId, AuditedGrant>,
    refusals: BTreeMap<String, u64>,
    changes: Vec<Happened>,
    orders: Vec<Happened>,
}

/// A request as far as it goes.
#[derive(Debug)]
struct Asked {
    until: Timestamp,
    /// Who has said yes, the last one too.
    by: Vec<String>,
    /// Whether that was enough.
    approved: bool,
}

impl Fold {
    /// Of what happens at `from` or later, and before `to`.
    pub fn new(from: Timestamp, to: Timestamp) -> Self {
        Self {
            span: (from, to),
            last: None,
            denials: BTreeMap::new(),
            requests: BTreeMap::new(),
            grants: BTreeMap::new(),
            refusals: BTreeMap::new(),
            changes: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// Takes in the next entry. Those after the span say how what began in it went on.
    pub fn take(&mut self, entry: &Entry, what: &LedgerEvent) {
        let (from, to) = self.span;
        let within = entry.at >= from && entry.at < to;
        if entry.at < to {
            self.last = Some(Link {
                seq: entry.seq,
                hash: entry.hash.to_string(),
            });
        }
        if within {
            self.count(what);
            self.note(entry, what);
        }
        self.follow(entry.at, what);
        self.answered(what);
    }

    fn follow(&mut self, at: Timestamp, what: &LedgerEvent) {
        if let LedgerEvent::Denied(denied) = what {
            let told = (wording::denial(denied), String::new());
            self.denials.insert(denied.id, told);
        } else if let LedgerEvent::Decided {
            denial, verdict, ..
        } = what
        {
            if matches!(verdict.action, Action::Allow | Action::Ask) {
                if let Some((_, why)) = self.denials.get_mut(denial) {
                    *why = wording::why(verdict);
                }
            } else {
                self.denials.remove(denial);
            }
        } else if let LedgerEvent::Repeated { denial, .. } = what {
            self.denials.remove(denial);
        } else if let LedgerEvent::Granted(grant) = what {
            self.grant(at, grant);
        } else if let LedgerEvent::Recovered { grant, .. } = what {
            self.grant(at, grant);
            self.change(grant.id, |it| it.opened_at = Some(at));
        } else {
            self.carry_on(at, what);
        }
    }

    fn carry_on(&mut self, at: Timestamp, what: &LedgerEvent) {
        if let LedgerEvent::Opened { grant, .. } = what {
            self.change(*grant, |it| {
                it.opened_at.get_or_insert(at);
                "open".clone_into(&mut it.state);
            });
        } else if let LedgerEvent::CoveredByExisting { grant, .. } = what {
            self.change(*grant, |it| {
                "covered by an entry of others".clone_into(&mut it.state);
            });
        } else if let LedgerEvent::NotOpened { grant, code, .. } = what {
            self.change(*grant, |it| {
                it.state = format!("not opened: {code}");
                it.ended_at = Some(at);
            });
        } else if let LedgerEvent::Extended {
            grant,
            until,
            by,
            because,
        } = what
        {
            let until = *until;
            let (to, by, why) = (wording::time(until), by.in_words(), why(because.as_ref()));
            let text = format!("extended to {to} by {by}{why}");
            self.change(*grant, |it| {
                it.until = until;
                it.orders.push(text);
            });
        } else if let LedgerEvent::Revoked { grant, by, because } = what {
            let text = format!("revoked by {}{}", by.in_words(), why(because.as_ref()));
            self.change(*grant, |it| {
                it.until = it.until.min(at);
                it.orders.push(text);
            });
        } else if let LedgerEvent::Kept { grant, by, because } = what {
            let (by, why) = (by.in_words(), why(because.as_ref()));
            let text = format!("handed over to people by {by}{why}");
            self.change(*grant, |it| {
                it.ended_at = Some(at);
                it.until = it.until.min(at);
                "kept".clone_into(&mut it.state);
                it.orders.push(text);
            });
        } else if let LedgerEvent::Ended { grant, ending } = what {
            let (state, ours) = ended(*ending);
            self.change(*grant, |it| {
                it.ended_at = Some(at);
                state.clone_into(&mut it.state);
                // From its end on somebody else needed the entry: it was not this grant's any more.
                if !ours {
                    it.ended_at = Some(at.min(it.until));
                }
            });
        }
    }

    fn grant(&mut self, at: Timestamp, grant: &Grant) {
        let (denial, why) = self.denials.get(&grant.denial).cloned().unwrap_or_default();
        let by = grant.request.and_then(|id| self.requests.remove(&id));
        let by = by.filter(|it| it.approved).map(|it| it.by.join(", "));
        let grant = AuditedGrant {
            id: grant.id,
            registry: grant.registry.name().to_owned(),
            address: grant.address.to_string(),
            decided_at: at,
            decided_by: by.unwrap_or_else(|| "policy".to_owned()),
            rule: grant.rule.clone(),
            why,
            denial,
            opened_at: None,
            until: grant.until,
            ended_at: None,
            state: "opening".to_owned(),
            seconds_open: 0,
            seconds_past_end: 0,
            orders: Vec::new(),
        };
        self.grants.insert(grant.id, grant);
    }

    fn change(&mut self, id: GrantId, change: impl FnOnce(&mut AuditedGrant)) {
        if let Some(grant) = self.grants.get_mut(&id) {
            change(grant);
        }
    }

    fn answered(&mut self, what: &LedgerEvent) {
        if let LedgerEvent::Requested(request) = what {
            let asked = Asked {
                until: request.until,
                by: Vec::new(),
                approved: false,
            };
            self.requests.insert(request.id, asked);
        } else if let LedgerEvent::Answered {
            request,
            answer,
            by,
            given,
        } = what
        {
            if *answer == Answer::Deny {
                self.requests.remove(request);
            } else if let Some(asked) = self.requests.get_mut(request) {
                let reason = given.as_ref().and_then(|given| given.reason.as_ref());
                asked.by.push(Actor::in_words(by) + &why(reason));
                asked.approved = true;
            }
        } else if let LedgerEvent::Approval { request, by, given } = what
            && let Some(asked) = self.requests.get_mut(request)
        {
            let said = Actor::in_words(by) + &why(given.reason.as_ref());
            asked.by.push(said);
        }
    }

    /// Counts what was refused.
    fn count(&mut self, what: &LedgerEvent) {
        if let Some((cause, count)) = refusal(what) {
            let sum = self.refusals.entry(cause).or_insert(0);
            *sum = sum.saturating_add(count);
        }
    }

    fn note(&mut self, entry: &Entry, what: &LedgerEvent) {
        let others = matches!(
            what,
            LedgerEvent::Drifted { .. }
                | LedgerEvent::PossiblyOverwritten(_)
                | LedgerEvent::VirtualNetworkRulesLost { .. }
        );
        let ordered = matches!(
            what,
            LedgerEvent::Paused { .. }
                | LedgerEvent::Resumed { .. }
                | LedgerEvent::VerdictsCleared { .. }
                | LedgerEvent::SetConfirmed { .. }
        );
        let happened = || Happened {
            seq: entry.seq,
            at: entry.at,
            what: ledger_line::line(what),
        };
        if others {
            self.changes.push(happened());
        } else if ordered {
            self.orders.push(happened());
        }
    }

    /// The audit, made at `now` of a ledger that ends with `head`.
    pub fn finish(mut self, now: Timestamp, head: Option<Link>) -> Audit {
        let (from, to) = self.span;
        let lapsed = self.requests.values();
        let lapsed = lapsed.filter(|it| !it.approved && it.until >= from && it.until < to);
        let lapsed = lapsed.filter(|it| it.until <= now).count();
        if lapsed > 0 {
            let count = u64::try_from(lapsed).unwrap_or(u64::MAX);
            self.refusals
                .insert("ask: nobody answered".to_owned(), count);
        }
        let touches = |it: &AuditedGrant| {
            let end = it.ended_at.unwrap_or(Timestamp::MAX);
            it.decided_at < to && end >= from
        };
        let grants = self.grants.into_values().filter(touches);
        let mut grants: Vec<AuditedGrant> = grants.map(|it| measured(it, now)).collect();
        grants.sort_by_key(|it| (it.decided_at, it.id));
        let past = grants.iter().map(|it| it.seconds_past_end);
        Audit {
            from,
            to,
            made_at: now,
            last: self.last,
            head,
            seconds_past_end: past.fold(0, u64::saturating_add),
            grants,
            refusals: self.refusals,
            changes: self.changes,
            orders: self.orders,
        }
    }
}

/// A reason, after who had it.
fn why(because: Option<&String>) -> String {
    because.map_or_else(String::new, |why| format!(": {}", wording::quoted(why)))
}
