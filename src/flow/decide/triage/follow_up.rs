//! What a verdict leads to: a grant, a request, a message.

use crate::flow::app::App;
use crate::flow::notify;
use doorward_core::approvals::Asker;
use doorward_core::intake::routing::NoRegistry;
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::{Denied, LedgerEvent};
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::{GrantId, RequestId};
use doorward_core::ledger::request::Request;
use doorward_core::messages::wording;
use doorward_core::net::address::GlobalIpv4;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::DEFAULT_TTL;
use doorward_core::policy::verdict::{Action, Verdict};
use jiff::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

/// What a verdict leads to.
pub(super) fn follow(
    app: &App,
    denied: &Denied,
    registry: Option<&ResourceId>,
    verdict: &Verdict,
    now: Timestamp,
) -> Vec<LedgerEvent> {
    let address = denied
        .report
        .denial
        .ip
        .and_then(|ip| GlobalIpv4::try_from(ip).ok());
    match (verdict.action, registry, address) {
        (Action::Allow, Some(registry), Some(address)) => vec![LedgerEvent::Granted(Grant {
            id: GrantId(app.clock.id()),
            registry: registry.clone(),
            address,
            until: clock::add(now, ttl(app, verdict)),
            denial: denied.id,
            request: None,
            rule: verdict.rule.clone(),
            channel: verdict.channel.clone(),
            renew: verdict.renew,
            evictable: verdict.evictable,
            widen: verdict.widen,
        })],
        (Action::Ask, Some(registry), Some(address)) => {
            ask(app, denied, registry, address, verdict)
        }
        (Action::Forbid, ..) if verdict.channel.is_none() => Vec::new(),
        (Action::Ignore, ..) => Vec::new(),
        (Action::Allow | Action::Ask | Action::Alert | Action::Forbid, ..) => {
            let notes = wording::notes_to_show(verdict);
            let code = notes.first().map_or("alert", |note| note.code.name());
            vec![app.alert(
                code,
                wording::verdict_text(denied, verdict),
                &about(app, denied, registry, (verdict, ttl(app, verdict))),
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
) -> Vec<LedgerEvent> {
    let report = &denied.report;
    let presumed = match app.registry_of(denied) {
        Err(NoRegistry::NotYetKnown(host)) => Some(host),
        _ => None,
    };
    let lasts = ttl(app, verdict).min(app.longest_on(registry, verdict));
    let request = Request {
        presumed,
        id: RequestId(app.clock.id()),
        registry: registry.clone(),
        address,
        ttl_seconds: lasts.as_secs(),
        until: clock::add(app.clock.now(), app.links_valid_for),
        denial: denied.id,
        repository: report.denial.repository.clone(),
        reference: report.denial.reference.clone(),
        source: denied.source.clone(),
        rule: verdict.rule.clone(),
        because: verdict.because.clone(),
        approvals: verdict.approvals.clone(),
        asker: asker(denied),
        channel: verdict.channel.clone(),
        renew: verdict.renew,
        evictable: verdict.evictable,
        widen: verdict.widen,
        attribution: report.denial.attribution,
    };
    let mut about = about(app, denied, Some(registry), (verdict, lasts));
    about.request = Some(request.id);
    let text = wording::ask(denied, verdict, lasts);
    vec![
        LedgerEvent::Requested(request),
        app.alert(wording::ASK, text, &about),
    ]
}

/// Who started the CI job that reported a denial, where its token says so: GitHub's `actor`
/// (<https://docs.github.com/actions/reference/security/oidc>), GitLab's `user_login`
/// (<https://docs.gitlab.com/ci/secrets/id_token_authentication/>).
fn asker(denied: &Denied) -> Option<Asker> {
    let proof = denied.proof.as_ref()?;
    let mut claims = ["actor", "user_login"].into_iter();
    let name = claims.find_map(|claim| proof.claim(claim))?;
    Some(Asker::Ci(name.to_owned()))
}

fn ttl(app: &App, verdict: &Verdict) -> Duration {
    verdict.ttl.unwrap_or(DEFAULT_TTL).min(app.max_ttl)
}

fn about(
    app: &App,
    denied: &Denied,
    registry: Option<&ResourceId>,
    (verdict, lasts): (&Verdict, Duration),
) -> About {
    let details = notify::facts::details(app, denied, (registry, verdict), lasts);
    About {
        registry: registry.cloned(),
        address: denied.report.denial.ip.map(|ip: IpAddr| ip.to_canonical()),
        denial: Some(denied.id),
        channel: verdict.channel.clone(),
        rule: verdict.rule.clone(),
        details: Some(Box::new(details)),
        ..About::default()
    }
}
