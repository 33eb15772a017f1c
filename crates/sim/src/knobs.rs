//! Knobs: what Azure's pages leave open, and what goes wrong.

use super::calls::{Call, Target};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with this `Retry-After`; nothing is done.
    Throttled {
        /// Sent in whole seconds.
        retry_after: Duration,
    },
    /// The same with the moment as an HTTP date.
    ThrottledUntil(Timestamp),
    /// An error status (500, 503, 409, …); nothing is done.
    Status {
        /// The status.
        status: u16,
        /// Sent in whole seconds, if at all.
        retry_after: Option<Duration>,
    },
    /// The connection ends without a reply, and nothing is done.
    LostBefore,
    /// The connection ends without a reply, and everything is done.
    LostAfter,
    /// 307 to the same path at this origin; nothing is done.
    Redirect(String),
    /// Links in the reply (`Azure-AsyncOperation`, `nextLink`) lead to this origin.
    ForeignLinks(String),
    /// The reply is followed by blanks up to this many bytes, sent in pieces without a length.
    Oversized(usize),
    /// The reply's JSON breaks off in the middle.
    Garbled,
}

/// How a write is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writes {
    /// 200, done.
    Immediate,
    /// 201 with `Azure-AsyncOperation` and `Retry-After`, in whose body the write stands; done when
    /// its time has passed. Until then the registry shows its old state and `Updating`.
    Asynchronous {
        /// How long it takes, by the clock.
        takes: Duration,
        /// Sent in whole seconds.
        retry_after: Duration,
        /// How it ends.
        outcome: Outcome,
    },
}

/// How an asynchronous operation ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// The write is applied.
    #[default]
    Succeeded,
    /// It is not, and the status says why.
    Failed,
    /// It is, and the status says that it is not.
    FailedButApplied,
    /// It is not.
    Canceled,
}

/// What a write does to virtual network rules. Azure's pages do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VirtualNetworkRules {
    /// They stay where the api-version does not know them; where it does, they are what is sent.
    Kept,
    /// They are gone where the api-version does not know them; where it does, they are what is sent.
    Wiped,
    /// They are gone after any write, even one that sends them.
    Dropped,
}

/// What a write of a rule set without `ipRules` does to the entries that stand. Azure's pages do not say, and
/// `az acr update --default-action` sends exactly that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnnamedIpRules {
    /// They are gone: the worse for whoever relies on them.
    Emptied,
    /// They stay.
    Kept,
}

/// What a write with the same network twice comes to. Azure's pages do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// 400.
    Refused,
    /// Both stand.
    Accepted,
}

/// What a write during another's asynchronous operation comes to. Azure's pages do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concurrent {
    /// 409 `RegistryOperationInProgress`.
    Conflict,
    /// Both are carried out, each at its own time.
    LastWriterWins,
}

/// What a write with tags does to those that it does not name. The pages of the registry's own PATCH
/// do not say; that of ARM's tags API knows both, replace and merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// They are gone.
    Replaced,
    /// They stay.
    Merged,
    /// Nothing: an Azure Policy refuses a write of tags, whole.
    Refused,
}

/// Where the registries' logs go, and who is shown them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogAccess {
    /// To a workspace that shows them to those who may read the registry.
    #[default]
    Whole,
    /// Nowhere: 200 without rows.
    NoDiagnosticSetting,
    /// To a workspace that shows them only to its own readers: 200 without rows.
    WorkspaceRefuses,
    /// To a workspace that nothing was ever sent to: 204.
    Empty,
    /// The registry's log may not be read: 403.
    Forbidden,
    /// Nothing is shown, and the query names tables that are not known then: 400, where else it is 200. Azure's
    /// pages say that both happen.
    UnknownTables,
}

/// How the registries' logs are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Who is shown them.
    pub access: LogAccess,
    /// Tables that are left out in silence.
    pub denied_tables: BTreeSet<String>,
    /// Whether the answer says what may be read when it is asked to.
    pub tells_permissions: bool,
    /// Whether the answer is only a part, and says so.
    pub partial: bool,
    /// How long after it happened a row can be read.
    pub ingestion: Duration,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            access: LogAccess::Whole,
            denied_tables: BTreeSet::new(),
            tells_permissions: true,
            partial: false,
            ingestion: Duration::from_mins(4),
        }
    }
}

/// The standing behaviour, and the faults to come.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// How writes are carried out.
    pub writes: Writes,
    /// What writes that do not know virtual network rules do to them.
    pub virtual_network_rules: VirtualNetworkRules,
    /// What a rule set without `ipRules` does to those that stand.
    pub unnamed_ip_rules: UnnamedIpRules,
    /// What the same network twice comes to.
    pub duplicates: Duplicates,
    /// What writes during an operation come to.
    pub concurrent: Concurrent,
    /// What a write with tags does.
    pub tags: Tags,
    /// How long each front end of the data plane lags behind Resource Manager, opening and closing
    /// alike; requests go round them. One of 30 s at first.
    pub propagation: Vec<Duration>,
    /// Actions that callers are not allowed (`Microsoft.ContainerRegistry/registries/listUsages/read`):
    /// 403 `AuthorizationFailed`.
    pub denied_actions: BTreeSet<String>,
    /// How the registries' logs can be read.
    pub logs: Logs,
    /// How long tokens of the token endpoint live; those of managed identity live a day.
    pub token_lifetime: Duration,
    /// Sent as `x-ms-ratelimit-remaining-subscription-reads`.
    pub remaining_reads: u32,
    /// Sent as `x-ms-ratelimit-remaining-subscription-writes`.
    pub remaining_writes: u32,
    /// How many service tags stand on one page.
    pub page_size: usize,
    faults: Vec<Planned>,
}

#[derive(Clone, Debug)]
struct Planned {
    target: Target,
    fault: Fault,
    /// None for always.
    left: Option<u32>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            writes: Writes::Immediate,
            virtual_network_rules: VirtualNetworkRules::Kept,
            unnamed_ip_rules: UnnamedIpRules::Emptied,
            duplicates: Duplicates::Refused,
            concurrent: Concurrent::Conflict,
            tags: Tags::Replaced,
            propagation: vec![Duration::from_secs(30)],
            denied_actions: BTreeSet::new(),
            logs: Logs::default(),
            token_lifetime: Duration::from_hours(1),
            remaining_reads: 249,
            remaining_writes: 199,
            page_size: usize::MAX,
            faults: Vec::new(),
        }
    }
}

impl Knobs {
    /// The next request that meets the target goes wrong. Several are taken in the order given.
    pub fn next(&mut self, target: impl Into<Target>, fault: Fault) {
        self.times(1, target, fault);
    }

    /// The next `count` requests that meet the target go wrong.
    pub fn times(&mut self, count: u32, target: impl Into<Target>, fault: Fault) {
        self.plan(target.into(), fault, Some(count));
    }

    /// Every request that meets the target goes wrong, until [`Knobs::no_faults`].
    pub fn always(&mut self, target: impl Into<Target>, fault: Fault) {
        self.plan(target.into(), fault, None);
    }

    /// Nothing goes wrong any more.
    pub fn no_faults(&mut self) {
        self.faults.clear();
    }

    /// The data plane lags by this much.
    pub fn propagates_in(&mut self, lag: Duration) {
        self.propagation = vec![lag];
    }

    fn plan(&mut self, target: Target, fault: Fault, left: Option<u32>) {
        self.faults.push(Planned {
            target,
            fault,
            left,
        });
    }

    /// Takes the fault for this request, if there is one.
    pub(super) fn take(&mut self, call: Call, path: &str) -> Option<Fault> {
        let planned = self
            .faults
            .iter_mut()
            .find(|planned| planned.left != Some(0) && planned.target.meets(call, path))?;
        planned.left = planned.left.map(|left| left.saturating_sub(1));
        let fault = planned.fault.clone();
        self.faults.retain(|planned| planned.left != Some(0));
        Some(fault)
    }
}
