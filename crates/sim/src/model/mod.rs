//! The model: everything that exists in the simulated Azure, and how it changes with time.

mod egress;
mod journal;
mod network;
mod operation;
mod registry;

pub use journal::{Author, Happened};
pub use registry::{DefaultAction, IpRule, NetworkRuleSet, Registry, Sku, VirtualNetworkRule};

pub(super) use operation::{Operation, Patch};
pub(super) use registry::{Firewall, bare, network};

use super::knobs::Outcome;
use super::{CLIENT_ID, CLIENT_SECRET};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An app registration that may ask for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: String,
    /// The subject that its federated credential trusts.
    pub federated_subject: String,
}

impl Default for App {
    fn default() -> Self {
        Self {
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            federated_subject: "system:serviceaccount:doorward:doorward".to_owned(),
        }
    }
}

/// A registry with what lies behind it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) registry: Registry,
    /// As it was before the last change.
    previous: Option<Registry>,
    /// How many reads still see that.
    stale_reads: u32,
    /// The firewall's states and since when, oldest first; the first since ever.
    history: Vec<(Timestamp, Firewall)>,
    pub(super) operations: Vec<Operation>,
    journal: journal::Journal,
    /// When it was last looked at.
    now: Timestamp,
}

/// How many past states of a firewall are remembered.
const REMEMBERED: usize = 4096;

/// Everything that exists.
#[derive(Clone, Debug, Default)]
pub struct Model {
    registries: BTreeMap<String, Held>,
    resources: BTreeMap<String, Value>,
    service_tags: Vec<Value>,
    /// How often the service tags were changed since they were first published.
    tags_changed: u32,
    /// Resources that Resource Graph has not noticed yet, by their lower-case ids.
    unnoticed: BTreeSet<String>,
    /// Pages of the web, by their paths.
    pages: BTreeMap<String, String>,
    apps: Vec<App>,
    /// Diagnostic records of the data plane, oldest first.
    log: Vec<Value>,
    /// When rows were taken in by the workspace, where that is not as long after they happened as usual.
    taken_in: BTreeMap<usize, Timestamp>,
    forwarded: usize,
    front_end: usize,
}

impl Model {
    /// Adds a registry, or puts it in the place of one with the same name.
    pub fn add_registry(&mut self, registry: Registry) {
        let held = Held {
            history: vec![(Timestamp::MIN, registry.firewall())],
            previous: None,
            stale_reads: 0,
            operations: Vec::new(),
            journal: journal::Journal::default(),
            now: Timestamp::MIN,
            registry,
        };
        let name = held.registry.name.to_ascii_lowercase();
        self.registries.insert(name, held);
    }

    /// Deletes a registry.
    pub fn remove_registry(&mut self, name: &str) {
        self.registries.remove(&name.to_ascii_lowercase());
    }

    /// Registers an app.
    pub fn add_app(&mut self, app: App) {
        self.apps.push(app);
    }

    /// The next `reads` GETs of this registry show it as it was before its last change.
    pub fn read_stale(&mut self, name: &str, reads: u32) {
        if let Some(held) = self.registries.get_mut(&name.to_ascii_lowercase()) {
            held.stale_reads = reads;
        }
    }

    /// What happened to this registry since this was last asked, in order.
    pub fn take_journal(&mut self, name: &str) -> Vec<Happened> {
        self.registries
            .get_mut(&name.to_ascii_lowercase())
            .map(|held| held.journal.take())
            .unwrap_or_default()
    }

    /// Whether an operation on this registry is under way.
    pub fn is_updating(&self, name: &str) -> bool {
        self.held(&name.to_ascii_lowercase())
            .is_some_and(Held::is_updating)
    }

    pub(super) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// Carries out what has fallen due.
    pub(super) fn settle(&mut self, now: Timestamp) {
        for held in self.registries.values_mut() {
            held.settle(now);
        }
    }

    pub(super) fn held(&self, name: &str) -> Option<&Held> {
        self.registries.get(name)
    }

    pub(super) fn held_mut(&mut self, name: &str) -> Option<&mut Held> {
        self.registries.get_mut(name)
    }

    pub(super) fn registries(&self) -> impl Iterator<Item = &Held> {
        self.registries.values()
    }

    /// The registry that answers to this host name.
    pub(super) fn by_host(&self, host: &str) -> Option<&Held> {
        self.registries.values().find(|held| {
            let registry = &held.registry;
            registry.login_server.eq_ignore_ascii_case(host)
                || registry
                    .data_endpoints
                    .iter()
                    .any(|endpoint| endpoint.eq_ignore_ascii_case(host))
        })
    }

    pub(super) fn has_subscription(&self, id: &str) -> bool {
        self.subscriptions()
            .iter()
            .any(|known| known.eq_ignore_ascii_case(id))
    }

    /// The subscriptions that something lies in, and the one that is always there.
    pub(super) fn subscriptions(&self) -> BTreeSet<String> {
        let registries = self.registries.values();
        let of_registries = registries.map(|held| held.registry.subscription.to_ascii_lowercase());
        let of_resources = self
            .resources
            .keys()
            .filter_map(|id| Some(id.split('/').nth(2)?.to_owned()));
        of_registries
            .chain(of_resources)
            .chain([super::SUBSCRIPTION.to_owned()])
            .collect()
    }

    /// The lag of the front end whose turn it is.
    pub(super) fn next_lag(&mut self, lags: &[Duration]) -> Duration {
        let turn = self.front_end.checked_rem(lags.len()).unwrap_or_default();
        self.front_end = self.front_end.wrapping_add(1);
        lags.get(turn).copied().unwrap_or_default()
    }

    /// Notes what the data plane answered.
    pub(super) fn note(&mut self, record: Value) {
        self.log.push(record);
    }

    /// A diagnostic record that the workspace takes in at this time, whenever it happened.
    pub fn add_log_row(&mut self, record: Value, taken_in: Timestamp) {
        self.taken_in.insert(self.log.len(), taken_in);
        self.log.push(record);
    }

    /// Every record with when the workspace takes it in, `usual` after it happened unless it was said.
    pub(super) fn log_rows(&self, usual: Duration) -> Vec<(Timestamp, &Value)> {
        let rows = self.log.iter().enumerate();
        rows.map(|(index, record)| {
            let at = record.get("time").and_then(Value::as_str);
            let at: Option<Timestamp> = at.and_then(|at| at.parse().ok());
            let usual = at.map(|at| clock::add(at, usual));
            let taken_in = self.taken_in.get(&index).copied().or(usual);
            (taken_in.unwrap_or_default(), record)
        })
        .collect()
    }

    /// The diagnostic records that have not been forwarded yet; now they have.
    pub fn take_diagnostic_records(&mut self) -> Vec<Value> {
        let records = self.log.get(self.forwarded..).unwrap_or_default().to_vec();
        self.forwarded = self.log.len();
        records
    }

    /// Every diagnostic record so far.
    pub fn diagnostic_records(&self) -> &[Value] {
        &self.log
    }
}

impl Held {
    /// Changes the registry, now, as somebody.
    pub(super) fn change(
        &mut self,
        at: Timestamp,
        author: &Author,
        edit: impl FnOnce(&mut Registry),
    ) {
        let before = self.registry.clone();
        edit(&mut self.registry);
        self.registry.last_modified_by.clone_from(&author.by);
        // No two changes have one time, as in Azure, even where the clock stands still.
        let next = clock::add(before.last_modified_at, Duration::from_micros(1));
        self.registry.last_modified_at = at.max(next);
        self.journal.note(Happened::Changed {
            author: author.clone(),
            before: Box::new(before.clone()),
            after: Box::new(self.registry.clone()),
        });
        self.previous = Some(before);
        let firewall = self.registry.firewall();
        self.history.push((at, firewall));
        if self.history.len() > REMEMBERED {
            self.history.remove(0);
        }
    }

    /// What a GET sees.
    pub(super) fn read(&mut self, author: Author) -> &Registry {
        let shown = match (&self.previous, self.stale_reads) {
            (Some(previous), 1..) => {
                self.stale_reads = self.stale_reads.saturating_sub(1);
                previous
            }
            _ => &self.registry,
        };
        self.journal.note(Happened::Read {
            at: self.now,
            author,
            shown: Box::new(shown.clone()),
        });
        shown
    }

    /// Whether an operation is under way.
    pub(super) fn is_updating(&self) -> bool {
        self.operations.iter().any(|operation| !operation.is_over)
    }

    /// The firewall as it was `lag` ago.
    pub(super) fn firewall(&self, now: Timestamp, lag: Duration) -> Option<&Firewall> {
        let at = now.checked_sub(lag).unwrap_or(Timestamp::MIN);
        let past = self.history.iter().rev().find(|(since, _)| *since <= at);
        past.or(self.history.first()).map(|(_, firewall)| firewall)
    }

    fn settle(&mut self, now: Timestamp) {
        self.now = now;
        let mut due = Vec::new();
        for operation in &mut self.operations {
            if !operation.is_over && operation.ends <= now {
                operation.is_over = true;
                if matches!(
                    operation.outcome,
                    Outcome::Succeeded | Outcome::FailedButApplied
                ) {
                    due.push((
                        operation.ends,
                        operation.author.clone(),
                        operation.patch.clone(),
                    ));
                }
            }
        }
        due.sort_by_key(|(at, ..)| *at);
        for (at, author, patch) in due {
            self.change(at, &author, |registry| patch.apply(registry));
        }
    }
}
