//! What became of the grants that people have approved: it is kept with the request.

use super::State;
use crate::ledger::event::What;
use crate::messages::outcome::Trail;
use jiff::Timestamp;

impl State {
    /// Takes in what happens to a grant that answers a request, before the grant may be forgotten.
    pub(super) fn follow(&mut self, at: Timestamp, what: &What) {
        if let What::Granted(grant) = what {
            let request = grant.request.and_then(|id| self.requests.get_mut(&id));
            if let Some(asked) = request {
                asked.trail = Some(Trail::new(grant.until));
            }
            return;
        }
        let (What::Opened { grant, .. }
        | What::Satisfied { grant, .. }
        | What::NotOpened { grant, .. }
        | What::Restoring { grant }
        | What::Ended { grant, .. }
        | What::Revoked { grant, .. }
        | What::Extended { grant, .. }
        | What::Kept { grant, .. }) = what
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
