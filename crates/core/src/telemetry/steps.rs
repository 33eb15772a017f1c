//! Steps of a denial's way, each told by the ledger's entry that completes it. Latencies and traces are
//! made of them: whoever appended the entry tells of the step, so that replicas together tell each once.

use crate::ledger::id::{DenialId, GrantId, RequestId, WriteId};
use crate::net::resource_id::ResourceId;
use jiff::Timestamp;
use uuid::Uuid;

/// What a step is about. A trace's names are made of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// From the event to its arrival.
    Receive,
    /// From the arrival to the verdict.
    Decide,
    /// From the question to a person's answer.
    Ask,
    /// From the decision to a read that shows the entry.
    Open,
    /// One PATCH, from the intent to what is known of it.
    Write,
    /// From a grant's end to a read that shows its entry gone.
    Remove,
    /// From a message's making to a channel that took it.
    Deliver,
}

/// A step that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is about.
    pub kind: StepKind,
    /// The denial whose way it belongs to: every step of one way names the same.
    pub denial: DenialId,
    /// Its own number among the steps of that way, the same whoever tells of it.
    pub id: u64,
    /// The step that it is part of; none for the first.
    pub parent: Option<u64>,
    /// When it began.
    pub since: Timestamp,
    /// When it ended: never before it began.
    pub until: Timestamp,
    /// How it ended, in a word.
    pub result: &'static str,
    /// Whether it did not lead to what it was for.
    pub failed: bool,
    /// What it belongs to.
    pub of: Of,
}

/// What a step belongs to, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Of {
    /// The source of the denial.
    pub source: Option<String>,
    /// The registry.
    pub registry: Option<ResourceId>,
    /// The grant.
    pub grant: Option<GrantId>,
    /// The request.
    pub request: Option<RequestId>,
    /// The channel.
    pub channel: Option<String>,
    /// The write; also the correlation id that Azure was given.
    pub write: Option<WriteId>,
    /// The denial that this one repeats, which has a way of its own.
    pub repeats: Option<DenialId>,
}

impl StepKind {
    /// Its name: `receive`, `decide` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Decide => "decide",
            Self::Ask => "ask",
            Self::Open => "open",
            Self::Write => "write",
            Self::Remove => "remove",
            Self::Deliver => "deliver",
        }
    }
}

impl Step {
    pub(super) fn new(
        kind: StepKind,
        denial: DenialId,
        own: Uuid,
        (since, until): (Timestamp, Timestamp),
    ) -> Self {
        let root = number(StepKind::Receive, denial.0);
        Self {
            kind,
            denial,
            id: number(kind, own),
            parent: (kind != StepKind::Receive).then_some(root),
            since: since.min(until),
            until,
            result: "done",
            failed: false,
            of: Of::default(),
        }
    }

    pub(super) fn ended(self, result: &'static str, failed: bool) -> Self {
        Self {
            result,
            failed,
            ..self
        }
    }

    pub(super) fn of(self, of: Of) -> Self {
        Self { of, ..self }
    }
}

/// The number of a step: the random half of an id, told apart by what the step is. Never 0, which means
/// none.
pub(super) fn number(kind: StepKind, id: Uuid) -> u64 {
    let kind = u64::from(kind as u8).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (id.as_u64_pair().1 ^ kind).max(1)
}
