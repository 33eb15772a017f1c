//! When one denial repeats another, and for how long a verdict stands for its like.

use super::admission::AdmissionWindow;
use super::denial::{Attribution, Kind, Service};
use crate::ledger::event::{Denied, Hash};
use crate::ledger::grant::Stage;
use crate::ledger::id::{DenialId, GrantId};
use crate::net::resource_id::ResourceId;
use crate::policy::Basis;
use crate::policy::precedent::Precedent;
use crate::policy::verdict::{NoteCode, Verdict};
use crate::state::{Asked, Decision, GrantRecord, State};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

/// How long what stands for a denial stands for those like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DedupPolicy {
    /// After a verdict, denials that repeat it get no other for this long.
    pub repeat: SignedDuration,
    /// After a person's no, denials like the one that was asked about ask nobody for this long.
    pub no: SignedDuration,
    /// A denial that is older when it arrives opens nothing: whoever was refused has gone or tries
    /// again.
    pub max_age: SignedDuration,
    /// How long an entry may take to reach every front end: until then its address may be refused.
    pub grace: SignedDuration,
}

impl Default for DedupPolicy {
    fn default() -> Self {
        Self {
            repeat: SignedDuration::from_mins(15),
            no: SignedDuration::from_mins(15),
            max_age: SignedDuration::from_mins(30),
            grace: SignedDuration::from_mins(2),
        }
    }
}

impl DedupPolicy {
    /// Whether a denial that is looked at `now` is too old to open anything.
    pub fn too_old(&self, denied: &Denied, now: Timestamp) -> bool {
        let at = denied.report.at;
        at.is_some_and(|at| now.duration_since(at) > self.max_age)
    }

    /// The keys of verdicts that stand for a denial like it.
    pub fn keys(&self, denied: &Denied, now: Timestamp) -> impl Iterator<Item = DenialKey> {
        let all = self.strength(denied, now);
        let within = ReportStrength::all().filter(move |strength| strength.covers(all));
        within.map(|strength| key_of_weak(denied, strength))
    }

    /// What is weak about a denial that is looked at `now`.
    pub(crate) fn strength(&self, denied: &Denied, now: Timestamp) -> ReportStrength {
        let denial = &denied.report.denial;
        ReportStrength::of([
            denial.kind == Kind::Suspected,
            self.too_old(denied, now),
            denied.report.at.is_none(),
            denial.attribution == Some(Attribution::Inferred),
        ])
    }
}

/// Why a verdict on a denial may say less than one on the same denial reported better: for each of
/// [`WEAK`] a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReportStrength(u8);

/// What can be weak; `guessed` is which registry refused.
const WEAK: [&str; 4] = ["suspected", "old", "undated", "guessed"];

impl ReportStrength {
    /// Those of [`WEAK`] that are so.
    fn of(are: [bool; WEAK.len()]) -> Self {
        let bits = are.into_iter().rev();
        Self(bits.fold(0, |bits, is| bits << 1 | u8::from(is)))
    }

    /// Every one that there can be.
    fn all() -> impl Iterator<Item = Self> {
        (0..1 << WEAK.len()).map(Self)
    }

    /// Whether what holds for this one holds for `other`: that is no better.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Their names.
    fn names(self) -> impl Iterator<Item = &'static str> {
        let named = WEAK.into_iter().enumerate();
        named.filter_map(move |(bit, name)| (self.0 >> bit & 1 > 0).then_some(name))
    }
}

/// What makes two denials the same: a hash over address, registry, repository and reference; of another
/// service's firewall, over the service and its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DenialKey([u8; 16]);

impl DenialKey {
    /// A hash over parts, none of which can pass for the end of another.
    fn of<'a>(parts: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut text = String::with_capacity(160);
        for part in parts {
            // Writing into a string does not fail.
            match part {
                Some(part) => write!(text, "{}:{part}", part.len()).ok(),
                None => write!(text, "-:").ok(),
            };
        }
        let hash = Hash::of(text.as_bytes());
        Self(hash.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

/// The key by which a repeat is recognised.
pub fn key(denied: &Denied) -> DenialKey {
    key_from(denied, &[])
}

/// The key by which a repeat from the same source is recognised while there is no verdict yet.
pub(crate) fn key_within_source(denied: &Denied) -> DenialKey {
    key_from(denied, &[Some(&denied.source)])
}

/// The key of a verdict on a weak report, which must not stand for what another source, or the same
/// one later, knows better.
fn key_of_weak(denied: &Denied, strength: ReportStrength) -> DenialKey {
    let mut why: Vec<Option<&str>> = strength.names().map(Some).collect();
    if why.is_empty() {
        return key(denied);
    }
    why.insert(0, Some(&denied.source));
    key_from(denied, &why)
}

/// The key under which a verdict is remembered.
pub fn verdict_key(denied: &Denied, verdict: &Verdict) -> DenialKey {
    let has = |code| verdict.notes.iter().any(|note| note.code == code);
    let strength = ReportStrength::of([
        has(NoteCode::Suspected),
        has(NoteCode::TooOld),
        has(NoteCode::AgeUnknown),
        has(NoteCode::RegistryInferred),
    ]);
    key_of_weak(denied, strength)
}

fn key_from(denied: &Denied, more: &[Option<&str>]) -> DenialKey {
    let denial = &denied.report.denial;
    let address = denial.ip.map(|ip| ip.to_canonical().to_string());
    let registry = denial.registry.as_ref();
    let registry = registry.or(denied.report.login_server.as_ref());
    // Where nothing in it names a host, its resource id or its source says which registry is meant.
    let meant = || denied.registry.as_ref().map(ResourceId::key);
    let other = (denial.service != Service::Acr).then(|| format!("{:?}", denial.service));
    let resource = denial.resource.as_deref().filter(|_| other.is_some());
    // What a job's token proves makes its report another than everybody else's.
    let job = denied.proof.as_ref().map(|_| denied.source.as_str());
    let parts = [
        job,
        address.as_deref(),
        registry.map(String::as_str).or_else(meant),
        denial.repository.as_deref(),
        denial.reference.as_deref(),
        other.as_deref(),
        resource,
    ];
    DenialKey::of(parts.iter().chain(more).copied())
}

impl Denied {
    /// The key of its event: the same event of the same source with the same denial counts once. The
    /// event's id is the sender's, of any length and with any signs: no database is given it as a key.
    pub fn event(&self) -> Option<String> {
        let event = self.report.event_id.as_ref()?;
        let what = serde_json::to_string(&(event, &self.report.denial)).unwrap_or_default();
        let what = Hash::of(what.as_bytes());
        Some(format!("denied:{}:{what}", self.source))
    }

    /// The fingerprint of such a key, for memories in which the key itself would be too long.
    pub fn fingerprint(event: &str) -> u64 {
        let hash = Hash::of(event.as_bytes());
        u64::from_be_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

/// Fingerprints as an entry holds them.
fn fingerprints(events: &str) -> impl Iterator<Item = u64> {
    events
        .as_bytes()
        .chunks(16)
        .filter_map(|digits| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
}

impl State {
    /// The denial that stands for one that came again: its grant or its request is open, or its
    /// verdict is young and none of those that are `reopened`, or it happened before a grant that is over
    /// had had its effect.
    pub fn repeats(
        &self,
        denied: &Denied,
        registry: Option<&ResourceId>,
        now: Timestamp,
        (windows, reopened): (&DedupPolicy, &[DenialId]),
    ) -> Option<DenialId> {
        let address = denied.report.denial.ip.map(|ip| ip.to_canonical());
        let standing = match (registry, address) {
            (Some(registry), Some(IpAddr::V4(ip))) => self
                .covers(denied, (registry, ip), (now, reopened))
                .or_else(|| self.revoked_within(registry, ip, now, windows))
                .or_else(|| self.answered(denied, (registry, ip), windows)),
            _ => None,
        };
        let recent = |key: &DenialKey| {
            let decided = self.decided.get(key);
            let decided = decided.filter(|it| it.stands(now, windows.repeat));
            let decided = decided.filter(|it| !reopened.contains(&it.denial));
            let refused = self.refused.get(key);
            decided.or_else(|| refused.filter(|it| it.stands(now, windows.no)))
        };
        standing.or_else(|| {
            let mut keys = windows.keys(denied, now);
            keys.find_map(|key| recent(&key)).map(|it| it.denial)
        })
    }

    /// The verdicts that would stand for a denial like them, and whose causes may have passed since.
    pub fn precedents(
        &self,
        denied: &Denied,
        registry: Option<&ResourceId>,
        (windows, now): (&DedupPolicy, Timestamp),
    ) -> Vec<Precedent> {
        let keys = windows.keys(denied, now);
        let known = keys.filter_map(|key| self.decided.get(&key));
        let young = known.filter(|it| it.stands(now, windows.repeat));
        let open = self.open_request(denied, registry, now);
        let asked = open.and_then(|asked| asked.precedent.as_ref());
        young.chain(asked).cloned().collect()
    }

    /// The open request about the refused address.
    pub fn open_request(
        &self,
        denied: &Denied,
        registry: Option<&ResourceId>,
        now: Timestamp,
    ) -> Option<&Asked> {
        let IpAddr::V4(address) = denied.report.denial.ip?.to_canonical() else {
            return None;
        };
        let (_, requests) = self.registries.get(registry?)?.standing.get(&address)?;
        let mut requests = requests.iter().filter_map(|id| self.requests.get(id));
        // What a job's token proves was not known to whoever asked for another sender.
        let known =
            |asked: &&Asked| denied.proof.is_none() || asked.request.source == denied.source;
        // Nor does a question on a guess stand for a denial that says which registry refused.
        let guess = denied.report.denial.attribution == Some(Attribution::Inferred);
        let as_sure = |asked: &&Asked| guess || !asked.request.is_guess();
        requests.find(|asked| asked.open(now) && known(asked) && as_sure(asked))
    }

    /// The denial without a verdict that is the same as one that arrives `now`, by its key within its
    /// source.
    pub(crate) fn waits(
        &self,
        (denied, within): (&Denied, &DenialKey),
        now: Timestamp,
        windows: &DedupPolicy,
    ) -> Option<DenialId> {
        let id = self.waiting.get(within)?;
        let (_, first) = self.undecided.get(id)?;
        let strength = windows.strength(denied, now);
        let comparable = windows.strength(first, now).covers(strength);
        (comparable && first.registry == denied.registry).then_some(*id)
    }

    /// The denial of the grant or the open request for `address`.
    fn covers(
        &self,
        denied: &Denied,
        (registry, address): (&ResourceId, Ipv4Addr),
        (now, reopened): (Timestamp, &[DenialId]),
    ) -> Option<DenialId> {
        let (grants, _) = self.registries.get(registry)?.standing.get(&address)?;
        let grants = grants.iter().filter_map(|id| self.grants.get(id));
        // Where an entry of others admits the address, the verdict's window is all that stands: they may
        // take it away.
        let open = |standing: &&GrantRecord| {
            standing.stage != Stage::CoveredByExisting && !standing.is_over(now)
        };
        let mut grants = grants.filter(open);
        let granted = grants.next().map(|standing| standing.grant.denial);
        granted.or_else(|| {
            let asked = self.open_request(denied, Some(registry), now)?;
            let denial = asked.request.denial;
            (!reopened.contains(&denial)).then_some(denial)
        })
    }

    /// The denial whose grant had answered one of which a log tells after the end.
    fn answered(
        &self,
        denied: &Denied,
        (registry, address): (&ResourceId, Ipv4Addr),
        windows: &DedupPolicy,
    ) -> Option<DenialId> {
        let answered = &self.registries.get(registry)?.answered;
        answered.by(address, denied.report.at?, windows.grace)
    }

    /// How many requests about `registry` can be answered.
    pub fn open_requests(&self, registry: &ResourceId, now: Timestamp) -> usize {
        let of = |asked: &&Asked| asked.request.registry == *registry && asked.open(now);
        self.requests.values().filter(of).count()
    }

    /// How often a denial came again.
    pub fn times_repeated(&self, denial: DenialId) -> u64 {
        self.repeats.get(&denial).copied().unwrap_or_default()
    }

    pub(crate) fn enqueue(&mut self, at: Timestamp, denied: &Denied) {
        if let Some(event) = denied.event() {
            self.events.insert(Denied::fingerprint(&event), ());
        }
        self.admission(denied.registry.as_ref())
            .enter(at, denied.report.denial.ip, denied.owned);
        self.waiting.insert(key_within_source(denied), denied.id);
        self.undecided.insert(denied.id, (at, denied.clone()));
    }

    /// A denial has its verdict.
    pub(crate) fn dequeue(&mut self, denial: DenialId) -> Option<Denied> {
        let (_, denied) = self.undecided.remove(&denial)?;
        let key = key_within_source(&denied);
        if self.waiting.get(&key) == Some(&denial) {
            self.waiting.remove(&key);
        }
        Some(denied)
    }

    /// A verdict was looked at, and stands for a denial like its own.
    pub(crate) fn looked_again(
        &mut self,
        at: Timestamp,
        denied: &Denied,
        (of, basis): (DenialId, Option<Basis>),
    ) {
        let asked = self.requests.values_mut();
        let asked = asked.filter_map(|asked| asked.precedent.as_mut());
        for known in asked.filter(|known| known.denial == of) {
            known.look(at, basis);
        }
        for key in ReportStrength::all().map(|strength| key_of_weak(denied, strength)) {
            if let Some(known) = self.decided.get_mut(&key)
                && known.denial == of
            {
                known.look(at, basis);
            }
        }
    }

    pub(crate) fn count(&mut self, of: DenialId, count: u64) {
        match self.repeats.get_mut(&of) {
            Some(known) => *known = known.saturating_add(count),
            None => self.repeats.insert(of, count),
        }
    }

    pub(crate) fn remember(&mut self, events: &str) {
        for event in fingerprints(events) {
            self.events.insert(event, ());
        }
    }

    pub(crate) fn admission(&mut self, registry: Option<&ResourceId>) -> &mut AdmissionWindow {
        self.admissions.entry(registry.cloned()).or_default()
    }

    /// The verdict behind a grant that others' entry satisfies stands for its window, like any other.
    pub(crate) fn refresh_dedup_key(&mut self, at: Timestamp, grant: GrantId) {
        let Some(standing) = self.grants.get(&grant) else {
            return;
        };
        if let Some(key) = standing.key {
            self.decided
                .insert(key, Precedent::satisfied(at, &standing.grant));
        }
    }

    /// A grant or a request stands for its denial itself: once it is over, the same denial is new.
    pub(crate) fn clear_dedup_key(&mut self, decision: &Decision) {
        let key = verdict_key(&decision.denial, &decision.verdict);
        let known = self.decided.get(&key);
        if known.is_some_and(|known| known.denial == decision.denial.id) {
            self.decided.remove(&key);
        }
    }
}
