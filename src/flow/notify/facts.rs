//! What a message says of an address, as of now: for people to read, no decision rests on it.

use crate::flow::app::App;
use doorward_core::ledger::denied::Denied;
use doorward_core::ledger::details::{AddressFacts, Details};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::verdict::Verdict;
use std::time::Duration;

/// The facts behind a message about a denial.
pub fn details(
    app: &App,
    denied: &Denied,
    (registry, verdict): (Option<&ResourceId>, &Verdict),
    ttl: Duration,
) -> Details {
    let denial = &denied.report.denial;
    let facts = denial.ip.map(|address| {
        let before = app
            .ledger
            .read(|state| state.granted_before(registry, denial));
        let (policy, sets) = (app.policy.load(), app.sets.load());
        AddressFacts::of(&policy, &sets, address.to_canonical(), before)
    });
    Details::of(denied, verdict, facts.unwrap_or_default(), ttl)
}
