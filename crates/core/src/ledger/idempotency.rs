//! Which entries of the ledger may stand in it once only.

use super::actor::Actor;
use super::event::{Hash, LedgerEvent};
use super::id::RequestId;
use super::request::Given;
use crate::net::resource_id::ResourceId;

impl LedgerEvent {
    /// A key that may stand in the ledger once only: the database refuses the second. One verdict
    /// for a denial, one answer to a request, one end of a grant. It is stored, and `ledger verify` compares it
    /// with the entry: what it gives for entries of old must stay.
    pub fn idempotency_key(&self) -> Option<String> {
        match self {
            Self::Denied(denied) => denied.event(),
            Self::Counted { .. }
            | Self::Suppressed { .. }
            | Self::RegistrySeen { .. }
            | Self::Drifted { .. }
            | Self::Restoring { .. }
            | Self::SetLoaded(_)
            | Self::SetRefused { .. }
            | Self::SetConfirmed { .. }
            // Who pauses what is paused changes nothing.
            | Self::Throttled { .. }
            | Self::NeverLanded { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::VerdictsCleared { .. } => None,
            Self::Recovered { grant, network } => {
                let (registry, address) = (grant.registry.key(), grant.address);
                let until = grant.until;
                Some(format!("recovered:{registry}:{network}:{address}:{until}"))
            }
            Self::Revoked { grant, .. } => Some(format!("revoked:{grant}")),
            Self::Flood {
                registry,
                since,
                over,
                ..
            } => {
                let registry = registry.as_ref().map_or("", ResourceId::key);
                Some(format!("flood:{registry}:{since}:{over}"))
            }
            Self::Decided { denial, .. } | Self::Repeated { denial, .. } => {
                Some(format!("decided:{denial}"))
            }
            Self::Extended { grant, until, .. } => Some(format!("extended:{grant}:{until}")),
            Self::GrantOutcome(helped) => Some(helped.idempotency_key()),
            Self::PossiblyOverwritten(overwritten) => Some(overwritten.idempotency_key()),
            Self::Granted(grant) => Some(format!("granted:{}", grant.id)),
            Self::WriteIntended(write) => Some(format!("write:{}", write.id)),
            Self::WriteSettled { write, .. } => Some(format!("settled:{write}")),
            Self::VirtualNetworkRulesLost { write, .. } => Some(format!("networks_lost:{write}")),
            Self::Opened { grant, .. } => Some(format!("opened:{grant}")),
            Self::EndWaits { grant, .. } => Some(format!("end_waits:{grant}")),
            Self::CoveredByExisting { grant, .. } => Some(format!("covered_by_existing:{grant}")),
            Self::NotOpened { grant, .. }
            | Self::Ended { grant, .. }
            | Self::Kept { grant, .. } => Some(format!("ended:{grant}")),
            Self::RegistryChanged {
                source, event_id, ..
            } => Some(changed(source, event_id.as_deref()?)),
            Self::FeedAdvanced(advanced) => Some(advanced.idempotency_key()),
            Self::Requested(it) => Some(format!("requested:{}", it.id)),
            Self::QuestionWithheld { request, .. } => Some(format!("withheld:{request}")),
            Self::Approval { request, by, given } => Some(approval(request, by, given)),
            Self::Answered { request, .. } => Some(format!("answered:{request}")),
            Self::Alerted(alert) => Some(format!("alerted:{}", alert.id)),
            Self::Delivered { alert, channel, .. } | Self::Undelivered { alert, channel, .. } => {
                Some(format!("delivered:{alert}:{channel}"))
            }
        }
    }
}

/// One report of a change by each source.
fn changed(source: &str, event: &str) -> String {
    format!("changed:{source}:{}", Hash::of(event.as_bytes()))
}

/// One yes of each person to what they were shown.
fn approval(request: &RequestId, by: &Actor, given: &Given) -> String {
    let who = match by {
        Actor::Known(known) => format!("{}\n{}", known.id.issuer, known.id.subject),
        Actor::Person(_) | Actor::Token(_) | Actor::System(_) => by.to_string(),
    };
    let who = Hash::of(who.as_bytes());
    let shown = given.shown.as_deref().unwrap_or_default();
    format!("approval:{request}:{who}:{shown}")
}
