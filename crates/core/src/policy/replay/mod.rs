//! What if: captured denials through a policy, without Azure and without waiting.

mod compare;
mod limits;

pub use compare::{Change, compare};

use super::verdict::{Action, Verdict};
use super::{Decision, Facts, Limits, Policy, RegistryUse, Situation, judge};
use crate::auth::proof::Proof;
use crate::intake::denial::Attribution;
use crate::intake::report::{Evidence, Report};
use crate::sets::Sets;
use crate::state::history::Before;
use jiff::{SignedDuration, Timestamp};
use limits::Spent;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// A denial as it was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When it happened, or arrived.
    pub at: Timestamp,
    /// The source that reported it.
    pub source: String,
    /// What was reported.
    pub report: Report,
    /// What the sender's token proved, where it was a CI job.
    pub proof: Option<Proof>,
    /// How often it is told: a ledger counts what repeats.
    pub times: usize,
}

/// What the replay takes as given, since no configuration is read.
#[derive(Clone, Debug)]
pub struct Given {
    /// The registry that is meant where a denial names none. Those that are named count as enrolled.
    pub registry: Option<String>,
    /// The longest that anything may be open.
    pub max_ttl: Duration,
    /// How long a verdict stands for denials that repeat it.
    pub dedup_window: SignedDuration,
    /// How long a request can be answered.
    pub answers_within: SignedDuration,
    /// Whether status-403 records are trusted to open.
    pub trust_status_403: bool,
    /// How many grants a registry may have within an hour.
    pub grants_per_hour: usize,
}

/// One denial and what became of it.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// When.
    pub at: Timestamp,
    /// Who was refused.
    pub address: Option<IpAddr>,
    /// Where.
    pub registry: Option<String>,
    /// What the policy says; `None` for one that repeats another that stands.
    pub verdict: Option<Verdict>,
}

/// What a replay comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All denials.
    pub denials: usize,
    /// Those that only repeated another.
    pub repeats: usize,
    /// How many verdicts there were of each kind: `allow` grants, `ask` requests.
    pub verdicts: BTreeMap<String, usize>,
    /// How many verdicts each rule gave; the policy's own default is `(default)`.
    pub rules: BTreeMap<String, usize>,
    /// What there was to note, by code.
    pub notes: BTreeMap<&'static str, usize>,
    /// The most entries that stood at once, by registry.
    pub peaks: BTreeMap<String, Peak>,
}

/// The most that stood at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// How many entries.
    pub entries: usize,
    /// When that was first so.
    pub at: Timestamp,
}

/// The address and registry that an entry or a request is about.
type Door = (Option<IpAddr>, Option<String>);

/// What stands while a replay goes on.
#[derive(Default)]
struct GrantRecord {
    grants: BTreeMap<Door, Open>,
    requests: BTreeMap<Door, Timestamp>,
    decided: BTreeMap<(Door, Option<String>, Option<String>), Timestamp>,
    before: BTreeMap<Door, Before>,
    spent: Spent,
}

/// A grant that stands.
struct Open {
    at: Timestamp,
    until: Timestamp,
    rule: Option<String>,
}

/// Runs the denials through the policy in the order of their times; equal times keep their order.
/// The same input gives the same output.
pub fn replay(
    policy: &Policy,
    sets: &Sets,
    captured: &[Captured],
    given: &Given,
) -> (Vec<Replayed>, Summary) {
    let mut ordered: Vec<&Captured> = captured.iter().collect();
    ordered.sort_by_key(|captured| captured.at);
    let mut standing = GrantRecord::default();
    let mut summary = Summary::default();
    let mut replayed = Vec::new();
    for captured in ordered {
        let address = captured.report.denial.ip.map(|ip| ip.to_canonical());
        let registry = registry(&captured.report, given);
        let door = (address, registry.clone());
        summary.denials = summary.denials.saturating_add(captured.times);
        let verdict = if standing.repeats(captured, &door, given) {
            summary.repeats = summary.repeats.saturating_add(captured.times);
            None
        } else {
            standing.pass(captured.at, given);
            let before = standing.before.get(&door).copied().unwrap_or_default();
            let owned = address.is_some_and(|ip| policy.owns(ip, sets));
            let limits = standing.limits((registry.as_deref(), owned), captured.at, given);
            let rule_use = |rule: &str| {
                let active = standing.of_rule(Some(rule));
                standing.spent.of_rule(rule, active, captured.at)
            };
            let known = (registry.as_deref(), before, given);
            let verdict = with_facts(captured, known, |facts| {
                judge(&Situation {
                    policy,
                    sets,
                    facts,
                    limits: &limits,
                    rule_use: &rule_use,
                    no_registry: None,
                    unreadable: None,
                    awaits_read: false,
                    open_request: None,
                    now: captured.at,
                })
            });
            // Nothing is waited for, and requests that are open were looked for above.
            let Decision::Verdict { verdict, .. } = verdict else {
                continue;
            };
            let verdict = *verdict;
            standing.follow(captured, &door, &verdict, given);
            summary.count(&verdict);
            let again = captured.times.saturating_sub(1);
            summary.repeats = summary.repeats.saturating_add(again);
            summary.peak(captured.at, registry.as_deref(), &standing);
            Some(verdict)
        };
        replayed.push(Replayed {
            at: captured.at,
            address,
            registry,
            verdict,
        });
    }
    (replayed, summary)
}

/// The host of the registry that a report is about; none where text and envelope disagree.
fn registry(report: &Report, given: &Given) -> Option<String> {
    let named = (&report.denial.registry, &report.login_server);
    match named {
        (Some(text), Some(envelope)) if !text.eq_ignore_ascii_case(envelope) => None,
        (Some(host), _) | (None, Some(host)) => Some(host.to_ascii_lowercase()),
        (None, None) => given.registry.clone(),
    }
}

/// Asks something with what is known of a captured denial.
fn with_facts<T>(
    captured: &Captured,
    (registry, before, given): (Option<&str>, Before, &Given),
    ask: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let report = &captured.report;
    let mut denial = report.denial.clone();
    // Before grades were written down, whatever was named counted as stated.
    denial.attribution = denial.attribution.or(Some(Attribution::Stated));
    ask(&Facts {
        denial: &denial,
        registry,
        source: &captured.source,
        identity: report.identity.as_deref(),
        user_agent: report.user_agent.as_deref(),
        proof: captured.proof.as_ref(),
        age_unknown: report.at.is_none(),
        trusted_status_403: given.trust_status_403 && report.evidence == Evidence::Status403,
        before,
        posture: None,
        holders: &[],
        import: report.import,
        max_ttl: given.max_ttl,
    })
}

fn after(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

impl GrantRecord {
    /// Whether a grant or request stands for this already, or it was just decided.
    fn repeats(&self, captured: &Captured, door: &Door, given: &Given) -> bool {
        let open = |until: Option<&Timestamp>| until.is_some_and(|until| *until > captured.at);
        let denial = &captured.report.denial;
        let key = (
            door.clone(),
            denial.repository.clone(),
            denial.reference.clone(),
        );
        let decided = self.decided.get(&key);
        let decided = decided.map(|at| after(*at, given.dedup_window));
        open(self.grants.get(door).map(|grant| &grant.until))
            || open(self.requests.get(door))
            || open(decided.as_ref())
    }

    /// Time goes on until `at`: what is over is no longer there, and remembered.
    fn pass(&mut self, at: Timestamp, given: &Given) {
        let before = &mut self.before;
        self.grants.retain(|door, grant| {
            let stands = grant.until > at;
            if !stands {
                before.entry(door.clone()).or_default().add(grant.at, false);
            }
            stands
        });
        self.requests.retain(|_, until| *until > at);
        self.decided
            .retain(|_, decided| after(*decided, given.dedup_window) > at);
    }

    /// What is used up for a denial of a registry.
    fn limits(
        &self,
        (registry, owned): (Option<&str>, bool),
        at: Timestamp,
        given: &Given,
    ) -> Limits {
        Limits {
            owned,
            registry: registry.map(|name| RegistryUse {
                name: name.to_owned(),
                granted: self.spent.of_registry(name, at),
                budget: given.grants_per_hour,
                may_ask: true,
                ..RegistryUse::default()
            }),
            ..Limits::default()
        }
    }

    /// How many grants of a rule stand.
    fn of_rule(&self, rule: Option<&str>) -> usize {
        let of = |grant: &&Open| grant.rule.as_deref() == rule;
        self.grants.values().filter(of).count()
    }

    fn follow(&mut self, captured: &Captured, door: &Door, verdict: &Verdict, given: &Given) {
        let at = captured.at;
        let ttl = SignedDuration::try_from(verdict.ttl.unwrap_or_default()).unwrap_or_default();
        match verdict.action {
            Action::Allow => {
                self.spent.add(verdict.rule.as_ref(), door.1.as_ref(), at);
                let grant = Open {
                    at,
                    until: after(at, ttl),
                    rule: verdict.rule.clone(),
                };
                self.grants.insert(door.clone(), grant);
            }
            Action::Ask => {
                self.requests
                    .insert(door.clone(), after(at, given.answers_within));
            }
            Action::Forbid | Action::Alert | Action::Ignore => {
                let denial = &captured.report.denial;
                let key = (
                    door.clone(),
                    denial.repository.clone(),
                    denial.reference.clone(),
                );
                self.decided.insert(key, at);
            }
        }
    }
}

impl Summary {
    fn count(&mut self, verdict: &Verdict) {
        let mut add = |name: String, to: fn(&mut Self) -> &mut BTreeMap<String, usize>| {
            let count = to(self).entry(name).or_default();
            *count = count.saturating_add(1);
        };
        add(verdict.action.to_string(), |summary| &mut summary.verdicts);
        let rule = verdict.rule.clone();
        add(rule.unwrap_or_else(|| "(default)".to_owned()), |summary| {
            &mut summary.rules
        });
        for note in &verdict.notes {
            let count = self.notes.entry(note.code.name()).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn peak(&mut self, at: Timestamp, registry: Option<&str>, standing: &GrantRecord) {
        let Some(registry) = registry else {
            return;
        };
        let here = |(_, of): &&Door| of.as_deref() == Some(registry);
        let entries = standing.grants.keys().filter(here).count();
        let before = self.peaks.get(registry).map_or(0, |peak| peak.entries);
        if entries > before {
            self.peaks.insert(registry.to_owned(), Peak { entries, at });
        }
    }
}
