//! What stands: the ledger's entries folded, one after the other, into what is still to be done.
//!
//! There is no other memory. Whatever the program knows about grants, requests, writes and messages
//! is here, and is the same again after a restart.

use super::alert::Alert;
use super::event::Evidence;
use super::grant::{Ending, Grant, Stage};
use super::id::{AlertId, DenialId, GrantId, RequestId};
use super::ledger::{Denied, What, Write, WriteOutcome};
use super::request::{Answer, Request};
use super::resource_id::ResourceId;
use super::verdict::Verdict;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

/// How many verdicts the operator page remembers.
const LAST_VERDICTS: usize = 50;

/// How far back the hourly budget of grants looks.
const BUDGET_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How often outdated things are dropped.
const TIDY_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// How long a verdict is remembered for denials that repeat it; the configured window is at most
/// this.
pub const LONGEST_REPEAT_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Everything that stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Denials without a verdict, in order of arrival.
    pub undecided: BTreeMap<DenialId, (Timestamp, Denied)>,
    /// Grants that are not over.
    pub grants: BTreeMap<GrantId, Standing>,
    /// The writers' memory, by registry.
    pub registries: BTreeMap<ResourceId, Registry>,
    /// Requests that can still be answered, or were answered and are not forgotten yet.
    pub requests: BTreeMap<RequestId, Asked>,
    /// Messages not yet delivered, each with the channels still to reach.
    pub outbox: BTreeMap<AlertId, (Timestamp, Alert)>,
    /// The latest verdicts, newest first.
    pub verdicts: VecDeque<Decision>,
    /// The latest verdict for each thing denied, for recognising a repeat.
    pub decided: BTreeMap<DenialKey, (Timestamp, DenialId)>,
    /// When grants of each rule were decided within the last hour, oldest first.
    by_rule: BTreeMap<String, VecDeque<Timestamp>>,
    tidied: Option<Timestamp>,
}

/// A grant and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The grant.
    pub grant: Grant,
    /// How far it has come.
    pub stage: Stage,
    /// When it was decided.
    pub since: Timestamp,
    /// What people were last told of it, by the message's code.
    pub told: BTreeMap<String, Timestamp>,
    /// What it rests on: a grant for a status-403 row explains itself otherwise when it does not help.
    pub evidence: Evidence,
}

/// What is known of one registry's entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registry {
    /// The write that was begun and of which the outcome is not known.
    pub unsettled: Option<(Timestamp, Write)>,
    /// Addresses whose entries we wrote, or began to write: if they stand there, they are ours.
    pub claimed: BTreeMap<Ipv4Addr, Claim>,
    /// When grants were decided within the last hour, oldest first.
    pub granted: VecDeque<Timestamp>,
}

/// How sure we are that we wrote an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A read after our write showed it.
    Seen,
    /// A write of it was begun at this time; it may yet land.
    Begun(Timestamp),
}

/// A request, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// What a person said, and when.
    pub answer: Option<(Timestamp, Answer)>,
    /// What was denied, for recognising a repeat after a no.
    key: Option<DenialKey>,
}

/// What makes two denials the same.
pub type DenialKey = (
    Option<IpAddr>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// A verdict as the operator page shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// The denial.
    pub denial: Denied,
    /// The registry, where it is known.
    pub registry: Option<ResourceId>,
    /// What policy said.
    pub verdict: Verdict,
}

/// The key by which a repeat is recognised.
pub fn key(denied: &Denied) -> DenialKey {
    let report = &denied.report;
    let registry = report
        .denial
        .registry
        .clone()
        .or_else(|| report.login_server.clone());
    (
        report.denial.ip,
        registry,
        report.denial.repository.clone(),
        report.denial.reference.clone(),
    )
}

impl State {
    /// Takes in what happened at `at`.
    pub fn apply(&mut self, at: Timestamp, what: &What) {
        match what {
            What::Denied(denied) => {
                self.undecided.insert(denied.id, (at, denied.clone()));
            }
            What::Decided {
                denial,
                registry,
                verdict,
            } => self.decide(at, *denial, registry.as_ref(), verdict),
            What::Repeated { denial, .. } => {
                self.undecided.remove(denial);
            }
            What::Granted(grant) => self.grant(at, grant),
            What::WriteIntended(write) => self.begin(at, write),
            What::WriteSettled {
                registry, outcome, ..
            } => self.settle(registry, outcome),
            What::Opened { grant } => self.stage(*grant, Stage::Open),
            What::Satisfied { grant, .. } => self.stage(*grant, Stage::Satisfied),
            What::NotOpened { grant, .. } => self.end(*grant, None),
            What::Ended { grant, ending } => self.end(*grant, Some(*ending)),
            What::Requested(request) => self.ask(request),
            What::Answered {
                request, answer, ..
            } => self.answer(at, *request, *answer),
            What::Alerted(alert) => self.tell(at, alert),
            What::Delivered { alert, channel } | What::Undelivered { alert, channel, .. } => {
                self.reached(*alert, channel);
            }
        }
        self.forget(at);
    }

    /// The grants of one registry.
    pub fn grants_of<'a>(&'a self, registry: &'a ResourceId) -> impl Iterator<Item = &'a Standing> {
        self.grants
            .values()
            .filter(move |standing| standing.grant.registry == *registry)
    }

    /// How many grants for `registry` were decided within the hour before `now`.
    pub fn granted_within_the_hour(&self, registry: &ResourceId, now: Timestamp) -> usize {
        let recent = |at: &&Timestamp| now.duration_since(**at) < BUDGET_WINDOW;
        self.registries
            .get(registry)
            .map_or(0, |known| known.granted.iter().filter(recent).count())
    }

    /// How many grants of a policy's rule stand, and how many were decided within the hour before `now`.
    pub fn granted_by_rule(&self, rule: &str, now: Timestamp) -> (usize, usize) {
        let standing = self.grants.values().filter(|standing| {
            !standing.is_over(now) && standing.grant.rule.as_deref() == Some(rule)
        });
        let recent = |at: &&Timestamp| now.duration_since(**at) < BUDGET_WINDOW;
        let decided = self.by_rule.get(rule);
        let decided = decided.map_or(0, |times| times.iter().filter(recent).count());
        (standing.count(), decided)
    }

    /// The denial that stands for one that came again: its grant or its request is open, or its
    /// verdict is younger than `window`.
    pub fn repeats(
        &self,
        denied: &Denied,
        registry: Option<&ResourceId>,
        now: Timestamp,
        window: SignedDuration,
    ) -> Option<DenialId> {
        let address = denied.report.denial.ip.map(|ip| ip.to_canonical());
        let same = |other: &ResourceId, ip: Ipv4Addr| {
            registry == Some(other) && address == Some(IpAddr::V4(ip))
        };
        let granted = self.grants.values().map(|standing| &standing.grant);
        let granted =
            granted.filter(|grant| grant.until > now && same(&grant.registry, grant.address.get()));
        let asked = self
            .requests
            .values()
            .filter(|asked| asked.open(now))
            .map(|asked| &asked.request);
        let asked = asked.filter(|request| same(&request.registry, request.address.get()));
        let recent = || {
            self.decided
                .get(&key(denied))
                .filter(|(at, _)| now.duration_since(*at) < window)
        };
        granted
            .map(|grant| grant.denial)
            .chain(asked.map(|request| request.denial))
            .next()
            .or_else(|| recent().map(|(_, denial)| *denial))
    }

    /// What an applied write means for the grants of its registry.
    pub fn outcomes(&self, write: &Write, now: Timestamp) -> Vec<What> {
        let of = |standing: &Standing| {
            let (grant, address) = (standing.grant.id, standing.grant.address.get());
            if standing.stage == Stage::Intended && write.add.contains(&address) {
                Some(What::Opened { grant })
            } else if standing.is_over(now) && write.remove.contains(&address) {
                let opened = standing.stage == Stage::Open;
                let ending = if opened {
                    Ending::Expired
                } else {
                    Ending::NeverOpened
                };
                Some(What::Ended { grant, ending })
            } else {
                None
            }
        };
        self.grants_of(&write.registry).filter_map(of).collect()
    }

    fn decide(
        &mut self,
        at: Timestamp,
        denial: DenialId,
        registry: Option<&ResourceId>,
        verdict: &Verdict,
    ) {
        let Some((_, denied)) = self.undecided.remove(&denial) else {
            return;
        };
        let key = key(&denied);
        self.decided.insert(key, (at, denial));
        let registry = registry.cloned();
        self.verdicts.push_front(Decision {
            at,
            denial: denied,
            registry,
            verdict: verdict.clone(),
        });
        self.verdicts.truncate(LAST_VERDICTS);
    }

    fn grant(&mut self, at: Timestamp, grant: &Grant) {
        let decided = self
            .verdicts
            .iter()
            .find(|decision| decision.denial.id == grant.denial);
        let evidence = decided.map_or(Evidence::Message, |decision| {
            decision.denial.report.evidence
        });
        let standing = Standing {
            grant: grant.clone(),
            stage: Stage::Intended,
            since: at,
            told: BTreeMap::new(),
            evidence,
        };
        self.grants.insert(grant.id, standing);
        self.registry(&grant.registry).granted.push_back(at);
        if let Some(rule) = &grant.rule {
            self.by_rule.entry(rule.clone()).or_default().push_back(at);
        }
        self.close_window(grant.denial);
    }

    fn ask(&mut self, request: &Request) {
        let key = self.close_window(request.denial);
        let asked = Asked {
            request: request.clone(),
            answer: None,
            key,
        };
        self.requests.insert(request.id, asked);
    }

    /// After a no, the same denial is not asked about again at once.
    fn answer(&mut self, at: Timestamp, request: RequestId, answer: Answer) {
        let Some(asked) = self.requests.get_mut(&request) else {
            return;
        };
        asked.answer = Some((at, answer));
        if let (Answer::Deny, Some(key)) = (answer, &asked.key) {
            self.decided.insert(key.clone(), (at, asked.request.denial));
        }
    }

    /// A grant or a request stands for its denial itself: once it is over, the same denial is new.
    fn close_window(&mut self, denial: DenialId) -> Option<DenialKey> {
        let decided = self
            .verdicts
            .iter()
            .find(|decision| decision.denial.id == denial);
        let key = decided.map(|decision| key(&decision.denial))?;
        self.decided.remove(&key);
        Some(key)
    }

    fn begin(&mut self, at: Timestamp, write: &Write) {
        let registry = self.registry(&write.registry);
        for address in &write.add {
            registry.claimed.entry(*address).or_insert(Claim::Begun(at));
        }
        registry.unsettled = Some((at, write.clone()));
    }

    fn settle(&mut self, registry: &ResourceId, outcome: &WriteOutcome) {
        let registry = self.registry(registry);
        let Some((_, write)) = registry.unsettled.take() else {
            return;
        };
        match outcome {
            WriteOutcome::Applied { .. } => {
                registry
                    .claimed
                    .retain(|address, _| !write.remove.contains(address));
                registry
                    .claimed
                    .extend(write.add.iter().map(|address| (*address, Claim::Seen)));
            }
            WriteOutcome::NotApplied { .. } => registry
                .claimed
                .retain(|address, claim| *claim == Claim::Seen || !write.add.contains(address)),
            WriteOutcome::Lost { .. } => {}
        }
    }

    fn stage(&mut self, grant: GrantId, stage: Stage) {
        if let Some(standing) = self.grants.get_mut(&grant) {
            standing.stage = stage;
        }
    }

    fn end(&mut self, grant: GrantId, ending: Option<Ending>) {
        let Some(standing) = self.grants.remove(&grant) else {
            return;
        };
        let Grant {
            registry, address, ..
        } = standing.grant;
        let shared = self
            .grants_of(&registry)
            .any(|other| other.grant.address == address);
        // Whoever else still needs the address needs to know whose entry it is.
        if !shared || ending == Some(Ending::RemovedByOthers) {
            self.registry(&registry).claimed.remove(&address.get());
        }
    }

    fn tell(&mut self, at: Timestamp, alert: &Alert) {
        if let Some(standing) = alert.grant.and_then(|grant| self.grants.get_mut(&grant)) {
            standing.told.insert(alert.code.clone(), at);
        }
        if !alert.channels.is_empty() {
            self.outbox.insert(alert.id, (at, alert.clone()));
        }
    }

    fn reached(&mut self, alert: AlertId, channel: &str) {
        let Some((_, waiting)) = self.outbox.get_mut(&alert) else {
            return;
        };
        waiting.channels.retain(|name| name != channel);
        if waiting.channels.is_empty() {
            self.outbox.remove(&alert);
        }
    }

    fn registry(&mut self, id: &ResourceId) -> &mut Registry {
        self.registries.entry(id.clone()).or_default()
    }

    /// Drops what time has made meaningless, once a minute, so that the state stays as small as what
    /// stands.
    fn forget(&mut self, now: Timestamp) {
        if self
            .tidied
            .is_some_and(|last| now.duration_since(last) < TIDY_EVERY)
        {
            return;
        }
        self.tidied = Some(now);
        self.decided
            .retain(|_, (at, _)| now.duration_since(*at) < LONGEST_REPEAT_WINDOW);
        self.requests.retain(|_, asked| asked.request.until > now);
        self.by_rule.retain(|_, times| {
            times.retain(|at| now.duration_since(*at) < BUDGET_WINDOW);
            !times.is_empty()
        });
        for registry in self.registries.values_mut() {
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

impl Asked {
    /// Whether it can still be answered.
    pub fn open(&self, now: Timestamp) -> bool {
        self.answer.is_none() && self.request.until > now
    }
}

impl Standing {
    /// Whether its time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.grant.until <= now
    }

    /// Whether something is to be done for it: to open it, or to bring it to its end.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.stage == Stage::Intended || self.is_over(now)
    }
}
