//! What became of the grants that people have approved: it is kept with the request.

use super::State;
use crate::ledger::event::LedgerEvent;
use crate::messages::outcome::Trail;
use jiff::Timestamp;

impl State {
    /// Takes in what happens to a grant that answers a request, before the grant may be forgotten.
    pub(super) fn follow(&mut self, at: Timestamp, what: &LedgerEvent) {
        if let LedgerEvent::Granted(grant) = what {
            let request = grant.request.and_then(|id| self.requests.get_mut(&id));
            if let Some(asked) = request {
                asked.trail = Some(Trail::new(grant.until));
            }
            return;
        }
        let (LedgerEvent::Opened { grant, .. }
        | LedgerEvent::CoveredByExisting { grant, .. }
        | LedgerEvent::NotOpened { grant, .. }
        | LedgerEvent::Restoring { grant }
        | LedgerEvent::Ended { grant, .. }
        | LedgerEvent::Revoked { grant, .. }
        | LedgerEvent::Extended { grant, .. }
        | LedgerEvent::Kept { grant, .. }) = what
        else {
            return;
        };
        let standing = self.grants.get(grant);
        let request = standing.and_then(|standing| standing.grant.request);
        let asked = request.and_then(|id| self.requests.get_mut(&id));
        if let Some(trail) = asked.and_then(|asked| asked.trail.as_mut()) {
            trail.follow(at, what);
        }
    }
}
