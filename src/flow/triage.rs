//! Each new denial gets its verdict, and what follows from it is written down with it.

use crate::app::{App, REPEAT_WINDOW};
use crate::domain::address::GlobalIpv4;
use crate::domain::alert::About;
use crate::domain::event::Evidence;
use crate::domain::grant::Grant;
use crate::domain::id::{GrantId, RequestId};
use crate::domain::ledger::{Denied, What};
use crate::domain::policy::{DEFAULT_TTL, Facts, decide};
use crate::domain::registry::NoRegistry;
use crate::domain::request::Request;
use crate::domain::resource_id::ResourceId;
use crate::domain::verdict::{Action, NoteCode, Verdict};
use crate::domain::words;
use crate::store::StoreError;
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;
use std::time::Duration;

/// A denial that is older than this when it arrives opens nothing: whoever was refused has gone or
/// tries again.
const MAX_EVENT_AGE: SignedDuration = SignedDuration::from_mins(30);

/// How long a denial waits for Azure to say which registry its host leads to.
const HOSTS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Gives a verdict to every denial that has none, in order of arrival; how many it was. Those that
/// wait for Azure to describe a registry stay.
pub async fn turn(app: &App) -> Result<usize, StoreError> {
    let waiting: Vec<(Timestamp, Denied)> = app
        .ledger
        .read(|state| state.undecided.values().cloned().collect());
    let mut decided = 0;
    for (arrived, denied) in waiting {
        if let Some(what) = judge(app, arrived, &denied) {
            match app.ledger.append(app.clock.now(), what).await {
                Ok(()) => decided += 1,
                // Another process was faster; its verdict stands.
                Err(StoreError::Already) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(decided)
}

/// What is to be written down for one denial; nothing while its registry cannot be told yet.
fn judge(app: &App, arrived: Timestamp, denied: &Denied) -> Option<Vec<What>> {
    let now = app.clock.now();
    let registry = match app.registry_of(denied) {
        Err(NoRegistry::NotYetKnown(_)) if now.duration_since(arrived) < HOSTS_WITHIN => {
            return None;
        }
        Ok(id) if app.login_server(&id).is_none() && now.duration_since(arrived) < HOSTS_WITHIN => {
            return None;
        }
        registry => registry,
    };
    let id = registry.as_ref().ok();
    if let Some(of) = app
        .ledger
        .read(|state| state.repeats(denied, id, now, REPEAT_WINDOW))
    {
        return Some(vec![What::Repeated {
            denial: denied.id,
            of,
        }]);
    }
    let mut verdict = ask_policy(app, denied, &registry, now);
    cap(app, denied, id, &mut verdict, now);
    rule_limits(app, &mut verdict, now);
    tracing::info!(denial = %denied.id, verdict = %verdict.action, rule = verdict.rule.as_deref(), "{}", words::denial(denied));
    let mut what = vec![What::Decided {
        denial: denied.id,
        registry: id.cloned(),
        verdict: verdict.clone(),
    }];
    what.extend(follow(app, denied, id, &verdict, now));
    Some(what)
}

fn ask_policy(
    app: &App,
    denied: &Denied,
    registry: &Result<ResourceId, NoRegistry>,
    now: Timestamp,
) -> Verdict {
    let source = app.sources.get(&denied.source);
    let trusted = source.is_some_and(|source| source.trust_status_403);
    let host = registry.as_ref().ok().and_then(|id| app.login_server(id));
    let facts = Facts {
        denial: &denied.report.denial,
        registry: host.as_deref(),
        source: &denied.source,
        identity: denied.report.identity.as_deref(),
        user_agent: denied.report.user_agent.as_deref(),
        trusted_status_403: trusted && denied.report.evidence == Evidence::Status403,
        max_ttl: app.max_ttl,
    };
    let mut verdict = decide(&app.policy.load(), &app.sets.load(), &facts, now);
    if let Err(why) = registry {
        verdict.reword(NoteCode::NoRegistry, &why.to_string());
    }
    verdict
}

/// What opens less than policy says: an old event, a spent budget.
fn cap(
    app: &App,
    denied: &Denied,
    registry: Option<&ResourceId>,
    verdict: &mut Verdict,
    now: Timestamp,
) {
    if let Some(at) = denied
        .report
        .at
        .filter(|at| now.duration_since(*at) > MAX_EVENT_AGE)
    {
        let text = format!(
            "the denial is from {}, too old to open anything for",
            words::time(at)
        );
        verdict.cap(Action::Alert, NoteCode::TooOld, text);
    }
    let budget = registry.and_then(|id| Some((id, app.registries.get(id)?.grants_per_hour)));
    let spent = |(id, budget): &(&ResourceId, usize)| {
        app.ledger
            .read(|state| state.granted_within_the_hour(id, now))
            >= *budget
    };
    if let Some((id, budget)) = budget
        .filter(spent)
        .filter(|_| verdict.action == Action::Allow)
    {
        let text = format!(
            "`{}` has had its {budget} grants of this hour: raise `grants_per_hour` on the registry, or wait",
            id.name()
        );
        verdict.cap(Action::Alert, NoteCode::BudgetSpent, text);
    }
}

/// A rule that has as many grants as it may have asks a person about the next one.
fn rule_limits(app: &App, verdict: &mut Verdict, now: Timestamp) {
    let policy = app.policy.load();
    let Some(rule) = verdict.rule.as_deref().and_then(|name| policy.rule(name)) else {
        return;
    };
    if verdict.action != Action::Allow || (rule.max_active, rule.per_hour) == (None, None) {
        return;
    }
    let (active, hour) = app
        .ledger
        .read(|state| state.granted_by_rule(&rule.name, now));
    let reached =
        |count: usize, limit: Option<u32>| limit.filter(|limit| count as u64 >= u64::from(*limit));
    let name = &rule.name;
    let text = match (
        reached(active, rule.max_active),
        reached(hour, rule.per_hour),
    ) {
        (Some(limit), _) => {
            format!(
                "rule `{name}` has {limit} grants standing, as many as its `max_active` lets it"
            )
        }
        (None, Some(limit)) => {
            format!(
                "rule `{name}` has had {limit} grants within the hour, as many as its `per_hour` lets it"
            )
        }
        (None, None) => return,
    };
    verdict.cap(Action::Ask, NoteCode::RuleLimit, text);
}

/// What a verdict leads to.
fn follow(
    app: &App,
    denied: &Denied,
    registry: Option<&ResourceId>,
    verdict: &Verdict,
    now: Timestamp,
) -> Vec<What> {
    let address = denied
        .report
        .denial
        .ip
        .and_then(|ip| GlobalIpv4::try_from(ip).ok());
    match (verdict.action, registry, address) {
        (Action::Allow, Some(registry), Some(address)) => vec![What::Granted(Grant {
            id: GrantId(app.clock.id()),
            registry: registry.clone(),
            address,
            until: crate::clock::add(now, ttl(app, verdict)),
            denial: denied.id,
            request: None,
            rule: verdict.rule.clone(),
            channel: verdict.channel.clone(),
        })],
        (Action::Ask, Some(registry), Some(address)) => {
            ask(app, denied, registry, address, verdict)
        }
        (Action::Forbid, ..) if verdict.channel.is_none() => Vec::new(),
        (Action::Ignore, ..) => Vec::new(),
        (Action::Allow | Action::Ask | Action::Alert | Action::Forbid, ..) => {
            let code = verdict
                .notes
                .first()
                .map_or("alert", |note| note.code.name());
            vec![app.alert(
                code,
                words::verdict_text(denied, verdict),
                &about(denied, registry, verdict),
            )]
        }
    }
}

fn ask(
    app: &App,
    denied: &Denied,
    registry: &ResourceId,
    address: GlobalIpv4,
    verdict: &Verdict,
) -> Vec<What> {
    let report = &denied.report;
    let request = Request {
        id: RequestId(app.clock.id()),
        registry: registry.clone(),
        address,
        ttl_seconds: ttl(app, verdict).as_secs(),
        until: crate::clock::add(app.clock.now(), app.links_valid_for),
        denial: denied.id,
        repository: report.denial.repository.clone(),
        reference: report.denial.reference.clone(),
        source: denied.source.clone(),
        rule: verdict.rule.clone(),
        because: verdict.because.clone(),
        approvals: verdict.approvals,
        channel: verdict.channel.clone(),
    };
    let mut about = about(denied, Some(registry), verdict);
    about.request = Some(request.id);
    let text = words::ask(denied, verdict, ttl(app, verdict));
    vec![
        What::Requested(request),
        app.alert(words::ASK, text, &about),
    ]
}

fn ttl(app: &App, verdict: &Verdict) -> Duration {
    verdict.ttl.unwrap_or(DEFAULT_TTL).min(app.max_ttl)
}

fn about(denied: &Denied, registry: Option<&ResourceId>, verdict: &Verdict) -> About {
    About {
        registry: registry.cloned(),
        address: denied.report.denial.ip.map(|ip: IpAddr| ip.to_canonical()),
        denial: Some(denied.id),
        channel: verdict.channel.clone(),
        ..About::default()
    }
}
