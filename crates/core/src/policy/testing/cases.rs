//! Cases: what a policy is expected to say, written beside it in `*.cases.yaml`.

use super::expect::{Expect, read_expect};
use super::suppose::{Ago, more_facts};
use crate::auth::proof::Proof;
use crate::firewall::Live;
use crate::intake::denial::{Attribution, Denial, Kind, Service};
use crate::policy::language::rule::KINDS;
use crate::policy::verdict::Verdict;
use crate::policy::{Facts, Policy, Posture, Rule, decide};
use crate::sets::{External, Kind as SetKind, Sets, parse_cidr};
use crate::yaml::problem::{Place, Problems, Sink, did_you_mean};
use crate::yaml::{self, Fields, Item};
use ipnet::IpNet;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// The limit of a case that names none: the same as a configuration's.
const MAX_TTL: Duration = Duration::from_hours(24);
/// Addresses that stand in for those of a set from elsewhere.
type Literal = (External, Vec<IpNet>);

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// Where in it.
    pub place: Place,
    denial: Denial,
    enrolled: bool,
    source: String,
    identity: Option<String>,
    user_agent: Option<String>,
    proof: Option<Proof>,
    trusted_status_403: bool,
    pub(in crate::policy) before: Ago,
    pub(in crate::policy) posture: Option<Live>,
    pub(in crate::policy) holders: Vec<String>,
    pub(in crate::policy) import: bool,
    max_ttl: Duration,
    at: Timestamp,
    literals: Vec<Literal>,
    expect: Expect,
}

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the policy says.
    pub verdict: Verdict,
    /// What of it is not as expected, a sentence each.
    pub wrong: Vec<String>,
}

impl Outcome {
    /// Whether a rule had its say here: it decided, or would have if it were in force.
    pub fn reaches(&self, rule: &Rule) -> bool {
        self.verdict.rule.as_ref() == Some(&rule.name)
            || self
                .verdict
                .observed
                .iter()
                .any(|seen| seen.rule == rule.name)
    }
}

impl Case {
    /// A case that supposes nothing beside who was refused.
    fn plain(file: &str, place: &Place, denial: Denial, expect: Expect) -> Self {
        Self {
            name: String::new(),
            file: file.to_owned(),
            place: place.clone(),
            denial,
            enrolled: true,
            source: String::new(),
            identity: None,
            user_agent: None,
            proof: None,
            trusted_status_403: false,
            before: Ago::default(),
            posture: None,
            holders: Vec::new(),
            import: false,
            max_ttl: MAX_TTL,
            at: Timestamp::default(),
            literals: Vec::new(),
            expect,
        }
    }

    /// Asks the policy, with what is loaded of its sets and what the case puts in their place.
    pub fn run(&self, policy: &Policy, sets: &Sets) -> Outcome {
        let mut sets = sets.clone();
        for (external, networks) in &self.literals {
            sets = sets.with(external.clone(), networks.iter().copied(), self.at);
        }
        let registry = self.denial.registry.as_deref().filter(|_| self.enrolled);
        let ours = BTreeSet::new();
        let posture = self.posture.as_ref();
        let facts = Facts {
            before: self.before.as_of(self.at),
            posture: posture.map(|live| Posture { live, ours: &ours }),
            holders: &self.holders,
            import: self.import,
            denial: &self.denial,
            registry,
            source: &self.source,
            identity: self.identity.as_deref(),
            user_agent: self.user_agent.as_deref(),
            proof: self.proof.as_ref(),
            age_unknown: false,
            trusted_status_403: self.trusted_status_403,
            max_ttl: self.max_ttl,
        };
        let verdict = decide(policy, &sets, &facts, self.at);
        let wrong = self.expect.compare(&verdict);
        Outcome { verdict, wrong }
    }
}

/// Reads a file of cases for a policy.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn parse(file: &str, text: &str, policy: &Policy) -> Result<Vec<Case>, Problems> {
    let mut sink = Sink::new(file, text);
    let node = yaml::load(text, &mut sink);
    let cases = node.and_then(|node| document(&Item::document(&node), policy, &mut sink));
    match cases {
        Some(cases) if !sink.failed() => Ok(cases),
        _ => Err(sink.finish()),
    }
}

fn document(item: &Item<'_>, policy: &Policy, sink: &mut Sink<'_>) -> Option<Vec<Case>> {
    let mut fields = item.fields(sink)?;
    let at = fields.take("at").and_then(|at| at.parsed(TIME, sink));
    let common = literals(&mut fields, policy, sink);
    let help = "write the cases, as in `cases: [{ name: .., denial: { ip: .. }, expect: { verdict: ask } }]`";
    let list = fields.need("cases", help, sink);
    fields.finish(sink);
    let cases = list?.list(sink)?;
    let read = cases
        .iter()
        .filter_map(|item| case(item, (at, &common), policy, sink));
    Some(read.collect())
}

/// How a time is written.
const TIME: &str = "write a time with its zone, such as 2026-11-20T09:00:00+01:00";

fn case(
    item: &Item<'_>,
    (common_at, common): (Option<Timestamp>, &[Literal]),
    policy: &Policy,
    sink: &mut Sink<'_>,
) -> Option<Case> {
    let mut fields = item.fields(sink)?;
    let name = fields.need("name", "say in a few words what the case shows", sink);
    let denial = fields.need(
        "denial",
        "say who was refused: `denial: { ip: 20.1.2.3, registry: contosoprod.azurecr.io }`",
        sink,
    );
    let facts = fields.take("facts");
    let at = moment(item, &mut fields, common_at, policy, sink);
    let mut all = common.to_vec();
    all.extend(literals(&mut fields, policy, sink));
    let expect = fields.need(
        "expect",
        "say what the policy is to answer: `expect: { verdict: ask }`",
        sink,
    );
    fields.finish(sink);
    let denial = denial.and_then(|denial| read_denial(&denial, sink));
    let expect = expect.and_then(|expect| read_expect(&expect, policy, sink));
    let name = name?;
    let mut case = Case {
        name: name.text(sink)?.to_owned(),
        at: at.unwrap_or_default(),
        literals: all,
        ..Case::plain(sink.file(), name.place(), denial?, expect?)
    };
    if let Some(facts) = facts {
        read_facts(&mut case, &facts, sink)?;
    }
    Some(case)
}

/// When a case happens: as it says, else as its file does. Rules with hours need one of the two.
fn moment(
    item: &Item<'_>,
    fields: &mut Fields<'_>,
    common: Option<Timestamp>,
    policy: &Policy,
    sink: &mut Sink<'_>,
) -> Option<Timestamp> {
    let written = fields.take("at");
    let at = written
        .as_ref()
        .and_then(|at| at.parsed(TIME, sink))
        .or(common);
    let has_hours = || policy.rules.iter().any(|rule| !rule.when.hours.is_empty());
    if at.is_none() && written.is_none() && has_hours() {
        item.error(
            "this policy has rules with hours, and the case does not say when it happens",
            "add `at: 2026-11-20T09:00:00+01:00`",
            sink,
        );
    }
    at
}

fn text(fields: &mut Fields<'_>, name: &'static str, sink: &mut Sink<'_>) -> Option<String> {
    Some(fields.take(name)?.text(sink)?.to_owned())
}

fn read_denial(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Denial> {
    let mut fields = item.fields(sink)?;
    let ip = fields.take("ip");
    let kind = fields.take("kind");
    let attribution = fields.take("attribution");
    let attribution = attribution.and_then(|grade| grade.word(&Attribution::NAMES, sink));
    let attribution = attribution.unwrap_or(Attribution::Stated);
    let denial = Denial {
        kind: kind
            .and_then(|kind| kind.word(&KINDS, sink))
            .unwrap_or(Kind::Denied),
        service: Service::Acr,
        ip: ip.and_then(|ip| ip.parsed("write the refused address, such as 20.1.2.3", sink)),
        registry: text(&mut fields, "registry", sink).map(|host| host.to_lowercase()),
        repository: text(&mut fields, "repository", sink),
        reference: text(&mut fields, "reference", sink),
        resource: None,
        attribution: Some(attribution),
    };
    fields.finish(sink);
    Some(denial)
}

fn read_facts(case: &mut Case, item: &Item<'_>, sink: &mut Sink<'_>) -> Option<()> {
    let mut fields = item.fields(sink)?;
    case.source = text(&mut fields, "source", sink).unwrap_or_default();
    case.identity = text(&mut fields, "identity", sink);
    case.user_agent = text(&mut fields, "user_agent", sink);
    if let Some(item) = fields.take("enrolled") {
        case.enrolled = item.flag(sink)?;
    }
    if let Some(item) = fields.take("claims") {
        case.proof = Some(read_proof(&item, case.denial.ip, sink));
    }
    if let Some(item) = fields.take("trusted_status_403") {
        case.trusted_status_403 = item.flag(sink)?;
    }
    more_facts(case, &mut fields, sink);
    if let Some(item) = fields.take("max_ttl") {
        case.max_ttl = item.duration(sink)?;
    }
    fields.finish(sink);
    Some(())
}

/// What a CI job's token proved, with the reported address as the job's own.
fn read_proof(item: &Item<'_>, peer: Option<IpAddr>, sink: &mut Sink<'_>) -> Proof {
    let mut claims = BTreeMap::new();
    for (name, value) in item.entries(sink) {
        if let (Some(name), Some(value)) = (name.text(sink), value.text(sink)) {
            claims.insert(name.to_owned(), value.to_owned());
        }
    }
    Proof { claims, peer }
}

/// `sets: { build-egress: [20.50.1.0/30] }`: addresses for sets that come from elsewhere.
fn literals(fields: &mut Fields<'_>, policy: &Policy, sink: &mut Sink<'_>) -> Vec<Literal> {
    let Some(item) = fields.take("sets") else {
        return Vec::new();
    };
    let mut literals = Vec::new();
    for (key, value) in item.entries(sink) {
        let Some(name) = key.text(sink) else {
            continue;
        };
        let external = match external_of(policy, name) {
            Ok(external) => external,
            Err(help) => {
                key.error(
                    format!("`{name}` is no set that comes from elsewhere"),
                    help,
                    sink,
                );
                continue;
            }
        };
        let mut networks = Vec::new();
        for item in value.each() {
            match item.text(sink).map(parse_cidr) {
                Some(Ok(network)) => networks.push(network),
                Some(Err(error)) => item.error(error.to_string(), "", sink),
                None => {}
            }
        }
        literals.push((external, networks));
    }
    literals
}

/// Where the addresses of a named set come from, or of one that is written in a rule and is called by
/// what it is made of.
///
/// # Errors
/// What may be meant, where there is no such set.
pub fn external_of(policy: &Policy, name: &str) -> Result<External, String> {
    if let Some(set) = policy.sets.get(name) {
        return match &set.kind {
            SetKind::External(external) => Ok(external.clone()),
            SetKind::Cidrs { .. } | SetKind::AnyOf(_) => {
                Err("the policy itself says what is in it".to_owned())
            }
        };
    }
    let needs = policy.needs();
    if let Some(found) = needs.iter().find(|external| external.to_string() == name) {
        return Ok(found.clone());
    }
    let from_elsewhere = |set: &str| external_of_named(policy, set);
    let known = policy
        .sets
        .keys()
        .map(String::as_str)
        .filter(|set| from_elsewhere(set));
    Err(did_you_mean(name, known)
        .unwrap_or_else(|| "name a set of the policy that has no addresses of its own".to_owned()))
}

fn external_of_named(policy: &Policy, name: &str) -> bool {
    let set = policy.sets.get(name);
    set.is_some_and(|set| matches!(set.kind, SetKind::External(_)))
}
