//! The ledger: what happened, in order, each entry chained to the one before it by a hash.

use super::actor::Actor;
use super::alert::Alert;
use super::feed::FeedAdvanced;
use super::grant::{Ending, Grant};
use super::id::{AlertId, DenialId, GrantId, RequestId, WriteId};
use super::request::{Answer, Given, Request};
use crate::firewall::{Answer as DriftAnswer, Drift, Overwritten, Seen};
use crate::intake::report::Changed;
use crate::net::resource_id::ResourceId;
use crate::policy::Basis;
use crate::policy::verdict::Verdict;
use crate::sets::Snapshot;
use crate::state::effectiveness::{GrantOutcome, Refused};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub use crate::ledger::chain::{Entry, Hash, link};
pub use crate::ledger::denied::Denied;
pub use crate::ledger::write::{Write, WriteOutcome};

/// One thing that happened. The name of a variant is the entry's `kind` in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LedgerEvent {
    /// A source reported a denial.
    Denied(Denied),
    /// Policy was asked about a denial.
    Decided {
        /// The denial.
        denial: DenialId,
        /// The registry it is about, where that is known.
        registry: Option<ResourceId>,
        /// What policy said, after the guardrails.
        verdict: Verdict,
    },
    /// The same denial again, while its grant or request stands or shortly after its verdict: no
    /// new decision.
    Repeated {
        /// The denial that came again.
        denial: DenialId,
        /// The denial that was decided.
        of: DenialId,
        /// What policy and sets say of the address now, where that is something else than before and leads
        /// to the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        basis: Option<Basis>,
    },
    /// Denials that repeat others that stand, of one source: counted, not written down one by one.
    Counted {
        /// The source.
        source: String,
        /// How many, by the denial that they repeat.
        counts: BTreeMap<DenialId, u64>,
        /// The events' [fingerprints](Denied::fingerprint), sixteen hexadecimal digits each.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        events: String,
        /// The last of those that a grant stands for, by the denial that they repeat.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        refused: BTreeMap<DenialId, Refused>,
    },
    /// New denials of one source that were too many to write down one by one.
    Suppressed {
        /// The registry they are about, where that is known.
        registry: Option<ResourceId>,
        /// The source.
        source: String,
        /// How many.
        count: u64,
        /// Whether the registry was in a flood; else single addresses had too many.
        flood: bool,
        /// Addresses among them that were the registry's first in this window, while these are few.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        addresses: Vec<IpAddr>,
        /// The events' [fingerprints](Denied::fingerprint), sixteen hexadecimal digits each.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        events: String,
    },
    /// People are told of a flood.
    Flood {
        /// The registry, where that is known.
        registry: Option<ResourceId>,
        /// When it began.
        since: Timestamp,
        /// How many denials were counted so far instead of written down.
        suppressed: u64,
        /// Whether it is over; else it has begun.
        over: bool,
    },
    /// An opening was decided. Intent.
    Granted(Grant),
    /// A PATCH is about to be sent. Intent.
    WriteIntended(Write),
    /// What became of a PATCH. Outcome.
    WriteSettled {
        /// The write.
        write: WriteId,
        /// The registry, as in the intent.
        registry: ResourceId,
        /// What is known of it.
        outcome: WriteOutcome,
    },
    /// After a write of ours, virtual network rules were gone that a read had shown before it.
    VirtualNetworkRulesLost {
        /// The registry.
        registry: ResourceId,
        /// The write.
        write: WriteId,
        /// The subnets that the rules named.
        subnets: Vec<String>,
    },
    /// A grant's time is over and its entry stays for now: nothing can be written as the registry stands.
    /// Its end follows once that has changed.
    EndWaits {
        /// The grant.
        grant: GrantId,
        /// What stands against it, by name: `default_allow`.
        code: String,
    },
    /// Azure asked for patience: nothing is added before it is over, whoever writes to the registry; what is
    /// over is taken away all the same.
    Throttled {
        /// The registry.
        registry: ResourceId,
        /// Until when.
        until: Timestamp,
        /// What Azure said.
        reason: String,
    },
    /// Writes of these entries were lost, could no longer land, and a read showed none of them: they are
    /// not looked for any more.
    NeverLanded {
        /// The registry.
        registry: ResourceId,
        /// The entries.
        #[serde(with = "crate::net::network::list")]
        entries: Vec<Ipv4Net>,
    },
    /// A grant's entry stands on the registry and is ours. Outcome.
    Opened {
        /// The grant.
        grant: GrantId,
        /// The entry, where it is wider than the grant's address: one that stands for several grants.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<Ipv4Net>,
    },
    /// An entry that is not ours admits a grant's address: nothing is written, nothing will be
    /// removed. Outcome.
    CoveredByExisting {
        /// The grant.
        grant: GrantId,
        /// The entry, as Azure shows it.
        entry: String,
    },
    /// A grant was not opened and will not be. Outcome.
    NotOpened {
        /// The grant.
        grant: GrantId,
        /// The cause's stable name.
        code: String,
        /// What stood against it, and what would help.
        reason: String,
    },
    /// What is known of whether a grant helped.
    GrantOutcome(GrantOutcome),
    /// A read shows a registry otherwise than the one before it.
    RegistrySeen {
        /// The registry.
        registry: ResourceId,
        /// What it shows; none if there is no such registry any more.
        seen: Option<Seen>,
        /// The write that was made from this read, where its reply was lost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_of: Option<WriteId>,
        /// When it was asked for, and when the read before it was, if the same process made one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<(Option<Timestamp>, Timestamp)>,
        /// When the registry was changed last, as it shows: a read that shows an older time is stale.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified: Option<Timestamp>,
    },
    /// Others changed a registry, and reads have shown it long enough to be believed.
    Drifted {
        /// The registry.
        registry: ResourceId,
        /// What changed.
        drift: Drift,
        /// Who changed the registry about then, as its events tell.
        by: Vec<String>,
        /// What is done about it.
        answer: DriftAnswer,
    },
    /// Others took a grant's entry away, and it is to be written again. Intent.
    Restoring {
        /// The grant.
        grant: GrantId,
    },
    /// What others wrote while a write of ours was on its way may be lost.
    PossiblyOverwritten(Overwritten),
    /// A grant is over, and nothing of it stands on the registry. Outcome.
    Ended {
        /// The grant.
        grant: GrantId,
        /// How.
        ending: Ending,
    },
    /// An operator ends a grant before its time: it is over from now on, and its entry goes.
    Revoked {
        /// The grant.
        grant: GrantId,
        /// Who.
        by: Actor,
        /// Why, if they say so.
        because: Option<String>,
    },
    /// A grant's end is put off.
    Extended {
        /// The grant.
        grant: GrantId,
        /// Its new end.
        until: Timestamp,
        /// Who: an operator, or the program where the address was seen in use.
        #[serde(deserialize_with = "crate::ledger::actor::of_extension")]
        by: Actor,
        /// Why, if they say so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// An operator hands a grant's entry over to people: it is ours no longer, and the grant is over.
    /// Outcome.
    Kept {
        /// The grant.
        grant: GrantId,
        /// Who.
        by: Actor,
        /// Why, if they say so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// An operator stops all opening; closing goes on.
    Paused {
        /// The registry; none for all.
        registry: Option<ResourceId>,
        /// Who.
        by: Actor,
        /// Why, if they say so.
        because: Option<String>,
        /// When it ends by itself, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// An operator lets opening go on.
    Resumed {
        /// The registry; none for all, those that were paused by themselves too.
        registry: Option<ResourceId>,
        /// Who.
        by: Actor,
        /// Why, if they say so.
        because: Option<String>,
    },
    /// An operator wants the next denial of an address decided anew: verdicts on it stand for no repeat any
    /// more, nor does a person's no, nor that a grant was revoked.
    VerdictsCleared {
        /// The address.
        address: IpAddr,
        /// The registry; none for all.
        registry: Option<ResourceId>,
        /// Who.
        by: Actor,
        /// Why, if they say so.
        because: Option<String>,
    },
    /// The ledger knew nothing of a registry, and an ownership tag in its tags says that one of its entries
    /// is ours: a grant for it, so that it ends on time.
    Recovered {
        /// The grant; an address of the entry's network.
        grant: Grant,
        /// The entry.
        network: Ipv4Net,
    },
    /// Somebody changed an enrolled registry, as Event Grid tells.
    RegistryChanged {
        /// The registry.
        registry: ResourceId,
        /// What became of it.
        change: Changed,
        /// The object id of whoever did it, where the event names it. As the sender says.
        by: Option<String>,
        /// When, as the event says.
        at: Option<Timestamp>,
        /// The write of ours that it was, if the event's correlation id is that of one.
        ours: Option<WriteId>,
        /// The source whose sender was proven.
        source: String,
        /// The event's own id.
        event_id: Option<String>,
    },
    /// An address set holds these addresses from now on.
    SetLoaded(Snapshot),
    /// What a source says now changes a set too much: a person must confirm it.
    SetRefused {
        /// What it says.
        candidate: Snapshot,
        /// What changes too much.
        reason: String,
    },
    /// A person confirms what was refused.
    SetConfirmed {
        /// Where the addresses come from.
        set: String,
        /// The hash of what was refused.
        hash: String,
        /// Who.
        #[serde(default)]
        by: Option<Actor>,
    },
    /// A person is asked.
    Requested(Request),
    /// A question was not sent to some channels, since too many were lately. The request is open all the same.
    QuestionWithheld {
        /// The request.
        request: RequestId,
        /// The channels.
        channels: Vec<String>,
        /// Whether no channel is left that it is sent to.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        wholly: bool,
    },
    /// One of several people who have to approve a request did: it stays open for the others.
    Approval {
        /// The request.
        request: RequestId,
        /// Who.
        by: Actor,
        /// How.
        given: Given,
    },
    /// A person answered, and a request is closed.
    Answered {
        /// The request.
        request: RequestId,
        /// What was said.
        answer: Answer,
        /// Who, or by which way it came.
        #[serde(deserialize_with = "crate::ledger::actor::of_answer")]
        by: Actor,
        /// How; older ledgers do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        given: Option<Given>,
    },
    /// People are told. Intent; each channel's delivery follows.
    Alerted(Alert),
    /// A channel took a message. Outcome.
    Delivered {
        /// The message.
        alert: AlertId,
        /// The channel.
        channel: String,
        /// By what the channel knows the message, where it can be updated by that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<String>,
    },
    /// A channel did not take a message, and it is not tried again. Outcome.
    Undelivered {
        /// The message.
        alert: AlertId,
        /// The channel.
        channel: String,
        /// Why, without the channel's address.
        reason: String,
    },
    /// A feed was read up to here.
    FeedAdvanced(FeedAdvanced),
}

#[cfg(test)]
mod tests;
