//! Forgets what time has made meaningless.

use super::{Asked, BUDGET_WINDOW, LONGEST_DEDUP_WINDOW, State};
use crate::firewall::owned_entries::MAY_LAND_WITHIN;
use crate::ledger::id::RequestId;
use crate::policy::precedent::Precedent;
use jiff::{SignedDuration, Timestamp};

/// How often outdated things are dropped.
const TIDY_EVERY: SignedDuration = SignedDuration::from_mins(1);

impl State {
    /// Drops what time has made meaningless, once a minute, so that the state stays as small as what
    /// stands.
    pub(super) fn forget(&mut self, now: Timestamp) {
        if self
            .tidied
            .is_some_and(|last| now.duration_since(last) < TIDY_EVERY)
        {
            return;
        }
        self.tidied = Some(now);
        let old = |known: &Precedent| !known.stands(now, LONGEST_DEDUP_WINDOW);
        self.decided.forget(old);
        self.refused.forget(old);
        let over = self.requests.iter();
        let over = over.filter(|(_, asked)| asked.request.until <= now);
        let over: Vec<RequestId> = over.map(|(id, _)| *id).collect();
        for id in over {
            let Some(Asked { request, .. }) = self.requests.remove(&id) else {
                continue;
            };
            let registry = self.registry(&request.registry);
            if let Some((_, requests)) = registry.standing.get_mut(&request.address.get()) {
                requests.remove(&id);
            }
            registry.drop_empty(request.address.get());
        }
        self.questions.forget(now);
        self.by_rule.retain(|_, times| {
            times.retain(|at| now.duration_since(*at) < BUDGET_WINDOW);
            !times.is_empty()
        });
        for registry in self.registries.values_mut() {
            registry.seen.forget(now);
            registry.answered.forget(now);
            registry
                .may_return
                .retain(|_, lost| now.duration_since(*lost) < MAY_LAND_WITHIN);
            registry
                .revoked
                .retain(|_, (at, _)| now.duration_since(*at) < LONGEST_DEDUP_WINDOW);
            while registry
                .granted
                .front()
                .is_some_and(|at| now.duration_since(*at) >= BUDGET_WINDOW)
            {
                registry.granted.pop_front();
            }
        }
    }
}
