//! Each new denial gets its verdict, and what follows from it is written down with it.

mod follow_up;

use super::batch::{Batch, budget};
use super::precedents::InForce;
use super::{flood, shadow};
use crate::azure::Reason;
use crate::flow::app::App;
use crate::flow::effectiveness;
use crate::flow::registry::{outages, posture};
use crate::store::StoreError;
use doorward_core::intake::report::Evidence;
use doorward_core::intake::routing::{LOGIN_SERVERS, NoRegistry};
use doorward_core::ledger::actor::Actor;
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::{Denied, LedgerEvent};
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::{GrantId, RequestId};
use doorward_core::ledger::request::{Answer, Request};
use doorward_core::messages::wording;
use doorward_core::net::address::GlobalIpv4;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::verdict::{Action, Note, NoteCode, Verdict};
use doorward_core::policy::{DEFAULT_TTL, Facts, Policy, Posture, decide};
use follow_up::follow;
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;
use std::time::Duration;

/// How long what would open waits for Azure to show a registry for the first time.
const READ_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The same where Azure says that there is no such registry.
const FOUND_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// How many verdicts are written down together.
const AT_ONCE: usize = 500;

/// How often verdicts are thought over that others have overtaken, before other things get their turn.
const ATTEMPTS: u32 = 20;

/// Gives a verdict to every denial that has none; how many it was. Addresses that somebody owns come
/// first, then all others, each in order of arrival. What would open a registry that Azure has not shown yet
/// stays for a while.
pub async fn run_once(app: &App) -> Result<usize, StoreError> {
    flood::run_once(app).await?;
    effectiveness::run_once(app).await?;
    outages::run_once(app).await?;
    let mut decided = 0;
    for attempt in 1.. {
        match decide_all(app, &mut decided).await {
            // Somebody answered, or another process decided, while we did.
            Err(StoreError::Conflict) if attempt < ATTEMPTS => app.ledger.follow().await?,
            Ok(()) | Err(StoreError::Conflict) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(decided)
}

async fn decide_all(app: &App, decided: &mut usize) -> Result<(), StoreError> {
    let mut waiting: Vec<(Timestamp, Denied)> = app
        .ledger
        .read(|state| state.undecided.values().cloned().collect());
    let in_force = InForce::now(app);
    waiting.sort_by_key(|(_, denied)| !in_force.owned(denied));
    let meant = waiting
        .iter()
        .filter_map(|(_, denied)| app.registry_of(denied).ok());
    posture::refresh(app, meant.collect()).await;
    for waiting in waiting.chunks(AT_ONCE) {
        let as_of = app.ledger.as_of();
        let mut batch = Batch::new(app);
        let judged: Vec<Vec<LedgerEvent>> = waiting
            .iter()
            .filter_map(|(arrived, denied)| judge(app, &mut batch, *arrived, denied))
            .collect();
        if !judged.is_empty() {
            let written = app.ledger.decide(app.clock.now(), as_of, judged).await?;
            *decided += written.into_iter().filter(|new| *new).count();
        }
    }
    Ok(())
}

/// Which registry a denial is about, as far as that can be told now.
struct Meant {
    registry: Result<ResourceId, NoRegistry>,
    /// Its login server, as policy is asked about it.
    host: Option<String>,
    /// Whether Azure has not shown it yet: then it goes by its name, and nothing opens by itself.
    unread: bool,
}

fn meant(app: &App, policy: &Policy, denied: &Denied) -> Meant {
    let registry = app.registry_of(denied);
    let host = registry.as_ref().ok().and_then(|id| app.login_server(id));
    let unread = match &registry {
        Ok(_) => host.is_none(),
        Err(why) => matches!(why, NoRegistry::NotYetKnown(_)),
    };
    let mut meant = Meant {
        registry,
        host,
        unread,
    };
    if unread && let Ok(id) = app.presumed_registry_of(denied) {
        meant.host = presumed_host(policy, denied, &id);
        meant.registry = Ok(id);
    }
    meant
}

/// What an unread registry's login server must be called for policy: as the denial says, or as its name
/// says where no rule looks at it.
fn presumed_host(policy: &Policy, denied: &Denied, id: &ResourceId) -> Option<String> {
    let name = id.name().to_ascii_lowercase();
    let mut own = LOGIN_SERVERS.iter().map(|end| format!("{name}{end}"));
    let report = &denied.report;
    let said = report.denial.registry.iter().chain(&report.login_server);
    let said: Vec<String> = said.map(|host| host.to_ascii_lowercase()).collect();
    let usual = own.next();
    let said = usual
        .iter()
        .cloned()
        .chain(own)
        .find(|host| said.contains(host));
    let rules = &policy.rules;
    said.or_else(|| usual.filter(|_| rules.iter().all(|rule| rule.when.registry.is_empty())))
}

/// How long a denial waits for its registry to be shown.
fn patience(app: &App, registry: Option<&ResourceId>) -> SignedDuration {
    let failing = registry.and_then(|id| posture::failing(app, id));
    match failing.map(|failing| failing.why.reason) {
        Some(Reason::NotFound) => FOUND_WITHIN,
        _ => READ_WITHIN,
    }
}

/// What is to be written down for one denial; nothing while it waits for its registry to be shown.
fn judge(
    app: &App,
    batch: &mut Batch,
    arrived: Timestamp,
    denied: &Denied,
) -> Option<Vec<LedgerEvent>> {
    let now = app.clock.now();
    let meant = meant(app, &batch.in_force.policy, denied);
    let id = meant.registry.as_ref().ok();
    let waits = meant.unread && now.duration_since(arrived) < patience(app, id);
    if waits && meant.host.is_none() {
        return None;
    }
    if let Some(of) = batch.repeats(app, denied, id, now) {
        return Some(vec![LedgerEvent::Repeated {
            denial: denied.id,
            of,
            basis: None,
        }]);
    }
    // Only one that was asked under other circumstances is open here.
    let open = app.ledger.read(|state| {
        let asked = state.open_request(denied, id, now)?;
        Some((asked.request.id, asked.request.denial))
    });
    let owned = batch.in_force.owned(denied);
    let policy_says = ask_policy(app, &batch.in_force, (denied, &meant), now);
    let mut verdict = policy_says.clone();
    cap(app, (denied, owned), id, &mut verdict, now);
    rule_limits(app, batch, &mut verdict, now);
    if let Some(id) = id {
        pause(app, id, &mut verdict);
        budgets(app, batch, owned, id, &mut verdict);
    }
    if let (Some((_, of)), Action::Ask) = (open, verdict.action) {
        return Some(vec![LedgerEvent::Repeated {
            denial: denied.id,
            of,
            basis: verdict.basis,
        }]);
    }
    // What a read may forbid opens nothing before it.
    if waits && verdict.action == Action::Allow {
        return None;
    }
    unreadable(app, &meant, &mut verdict);
    verdict.shadow = with_facts(app, (denied, &meant), now, |facts| {
        shadow::ask(app, &batch.in_force.sets, facts, &policy_says, now)
    });
    tracing::info!(denial = %denied.id, verdict = %verdict.action, rule = verdict.rule.as_deref(), "{}", wording::denial(denied));
    let mut what = vec![LedgerEvent::Decided {
        denial: denied.id,
        registry: id.cloned(),
        verdict: verdict.clone(),
    }];
    let mut follows = follow(app, denied, id, &verdict, now);
    let tells = !in_flood(app, owned, id) && batch.may_tell(app, owned);
    // In a flood one message stands for all; and messages that nobody takes are not heaped up.
    follows.retain(|what| tells || !matches!(what, LedgerEvent::Alerted(_)));
    batch.add(denied, &verdict, &follows);
    if let (Some((request, _)), Action::Allow) = (open, verdict.action) {
        what.push(LedgerEvent::Answered {
            request,
            answer: Answer::Allow,
            by: Actor::POLICY,
        });
    }
    what.extend(follows);
    Some(what)
}

fn ask_policy(
    app: &App,
    in_force: &InForce,
    (denied, meant): (&Denied, &Meant),
    now: Timestamp,
) -> Verdict {
    let mut verdict = with_facts(app, (denied, meant), now, |facts| {
        decide(&in_force.policy, &in_force.sets, facts, now)
    });
    verdict.basis = Some(in_force.basis(denied, now));
    if let Err(why) = &meant.registry {
        verdict.reword(NoteCode::NoRegistry, &why.to_string());
    }
    verdict
}

/// Asks something with all that is known about a denial.
fn with_facts<T>(
    app: &App,
    (denied, meant): (&Denied, &Meant),
    now: Timestamp,
    ask: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let source = app.sources.get(&denied.source);
    let trusted = source.is_some_and(|source| source.trust_status_403);
    let id = meant.registry.as_ref().ok();
    let live = id.and_then(|id| posture::of(app, id, now));
    let ours = id.map(|id| posture::ours(app, id, now)).unwrap_or_default();
    let posture = live.as_deref().map(|live| Posture { live, ours: &ours });
    let before = app
        .ledger
        .read(|state| state.granted_before(id, &denied.report.denial));
    ask(&Facts {
        denial: &denied.report.denial,
        registry: meant.host.as_deref(),
        source: &denied.source,
        before,
        posture,
        holders: &[],
        import: denied.report.import,
        proof: denied.proof.as_ref(),
        identity: denied.report.identity.as_deref(),
        user_agent: denied.report.user_agent.as_deref(),
        age_unknown: denied.report.at.is_none(),
        trusted_status_403: trusted && denied.report.evidence == Evidence::Status403,
        max_ttl: app.max_ttl,
    })
}

/// What would open a registry that Azure still does not show opens nothing, and says why.
fn unreadable(app: &App, meant: &Meant, verdict: &mut Verdict) {
    if !meant.unread {
        return;
    }
    let failing = |id: &ResourceId| posture::failing(app, id);
    let why = |failing: Option<posture::Failing>| match failing {
        Some(failing) => failing.why.to_string(),
        None => "Azure has not answered yet".to_owned(),
    };
    let text = match &meant.registry {
        Ok(id) => format!("`{}` cannot be read: {}", id.name(), why(failing(id))),
        Err(no) => format!("{no}: {}", why(app.registries.keys().find_map(failing))),
    };
    verdict.restate(NoteCode::NoRegistry, NoteCode::AzureUnreadable, &text);
    if verdict.action == Action::Allow {
        verdict.cap(Action::Alert, NoteCode::AzureUnreadable, text);
    }
}

/// What opens less than policy says: an old event, a flood.
fn cap(
    app: &App,
    (denied, owned): (&Denied, bool),
    registry: Option<&ResourceId>,
    verdict: &mut Verdict,
    now: Timestamp,
) {
    let old = app.windows.too_old(denied, now);
    if let Some(at) = denied.report.at.filter(|_| old) {
        let text = format!(
            "the denial is from {}, too old to open anything for",
            wording::time(at)
        );
        verdict.cap(Action::Alert, NoteCode::TooOld, text);
    }
    if in_flood(app, owned, registry) {
        let text = "too many addresses that are in no set of yours are refused at the moment";
        verdict.cap(Action::Alert, NoteCode::Flood, text.to_owned());
    }
}

/// Whether the denial is one of a flood's: its registry is in one, and nobody owns its address.
fn in_flood(app: &App, owned: bool, registry: Option<&ResourceId>) -> bool {
    let registry = registry.cloned();
    let flood = app.ledger.read(|state| {
        let admission = state.admissions.get(&registry);
        admission.is_some_and(|admission| admission.flood.is_some())
    });
    flood && !owned
}

/// A spent budget opens nothing. A quarter of the grants is kept for addresses that somebody owns.
fn budgets(app: &App, batch: &Batch, owned: bool, registry: &ResourceId, verdict: &mut Verdict) {
    let now = app.clock.now();
    let (share, budget, kept) = budget(app, registry, owned);
    let spent = || batch.granted(app, registry, now) >= share;
    if verdict.action == Action::Allow && spent() {
        let text = format!(
            "`{}` has had its {budget} grants of this hour{}: raise `grants_per_hour` on the registry, or wait",
            registry.name(),
            if kept > 0 {
                ", but for those kept for addresses that are your own"
            } else {
                ""
            }
        );
        verdict.cap(Action::Alert, NoteCode::BudgetSpent, text);
    }
    if verdict.action == Action::Ask && !batch.may_ask(app, registry, owned, now) {
        let text = format!(
            "as many requests about `{}` are open as may be, so nobody is asked about another",
            registry.name()
        );
        verdict.cap(Action::Alert, NoteCode::TooManyRequests, text);
    }
}

/// While an operator has paused a registry, people are told of what would have been opened.
fn pause(app: &App, registry: &ResourceId, verdict: &mut Verdict) {
    let pause = app.ledger.read(|state| state.pauses.of(registry).cloned());
    if let (Some(pause), Action::Allow) = (pause, verdict.action) {
        let text = wording::paused(&pause);
        verdict.cap(Action::Alert, NoteCode::Paused, text);
    }
    let now = app.clock.now();
    let throttled = app
        .ledger
        .read(|state| state.throttled(registry, now).map(wording::throttled));
    if let (Some(text), Action::Allow) = (throttled, verdict.action) {
        verdict.notes.push(Note {
            code: NoteCode::Throttled,
            text,
        });
    }
}

/// A rule that has as many grants as it may have asks a person about the next one.
fn rule_limits(app: &App, batch: &Batch, verdict: &mut Verdict, now: Timestamp) {
    let policy = &batch.in_force.policy;
    let Some(rule) = verdict.rule.as_deref().and_then(|name| policy.rule(name)) else {
        return;
    };
    if verdict.action != Action::Allow || (rule.max_active, rule.per_hour) == (None, None) {
        return;
    }
    let (active, hour) = batch.granted_by_rule(app, &rule.name, now);
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
