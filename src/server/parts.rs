//! What puts the parts together, from the configuration.

use super::StartError;
use crate::auth::{SenderAuth, SignIn};
use crate::azure::Arm;
use crate::azure::http::Http;
use crate::config::{self, Config, Mode};
use crate::flow::app::{App, Enrolled, Source};
use crate::flow::decide::shadow::ShadowPolicy;
use crate::flow::memory::Memory;
use crate::http::Limits;
use crate::metrics::Metrics;
use crate::store::Ledger;
use crate::traces::Traces;
use crate::{auth, flow};
use arc_swap::ArcSwap;
use clock::Clock;
use doorward_core::approvals::Approvers;
use doorward_core::auth::link::LinkKey;
use doorward_core::firewall::ownership_tags::OwnershipTagKey;
use doorward_core::intake::dedup::DedupPolicy;
use doorward_core::intake::routing::{Hosts, Scope};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::Policy;
use governor::{Quota, RateLimiter};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// What puts the parts together, once all settings are known to be good.
pub(super) fn parts(
    config: &Config,
    clock: Clock,
) -> Result<impl FnOnce(Ledger) -> App + Send + use<>, StartError> {
    let secrets = config.read_secrets().map_err(StartError::settings)?;
    let policy = config::load_policies(&config.policies).map_err(StartError::settings)?;
    check(config, &policy)?;
    let sets =
        config::load_files(&policy, &config.policies, clock.now()).map_err(StartError::settings)?;
    let arm = Arm::new(&config.azure, clock.clone()).map_err(StartError::settings)?;
    let link_keys = auth::link_keys(config, &secrets).map_err(StartError::settings)?;
    let ownership_tag_key = OwnershipTagKey::new(&secrets.ownership_tag_key).map_err(|error| {
        StartError::settings(config.ownership_tag_key().refused(error.to_string()))
    })?;
    if let (Some(token), Some(named)) = (&secrets.admin_token, &config.admin_token) {
        // Long enough to be one of these.
        let key = LinkKey::new(token);
        key.map_err(|error| StartError::settings(named.refused(error.to_string())))?;
    }
    let http = Http::new(config.azure.ca_file.as_deref()).map_err(StartError::settings)?;
    let auths = auth::of_sources(config, secrets.source_keys, (&http, &clock))
        .map_err(StartError::settings)?;
    let shared = (secrets.client_secret, &secrets.link_key);
    let sign_in = auth::of_people(config, shared, (&http, &clock)).map_err(StartError::settings)?;
    let registries: BTreeMap<ResourceId, Enrolled> =
        config.registries.iter().map(Enrolled::configured).collect();
    let hosts = registries.iter();
    let hosts = Hosts::configured(hosts.map(|(id, enrolled)| (id, &enrolled.hosts[..])));
    let traces = Traces::from_environment(&http).map_err(StartError::settings)?;
    let config = config.clone();
    let sources = sources(&config, auths);
    let metrics = metrics(&config);
    Ok(move |ledger| App {
        arm,
        ledger: watched(ledger, &metrics, traces.clone()),
        trusted_proxies: config.trusted_proxies.clone(),
        sources,
        channels: flow::notify::configured::channels(&config, secrets.channels),
        routes: config.routes.clone(),
        registries,
        policy: ArcSwap::from_pointee(policy),
        policies: config.policies.clone(),
        shadow: config.shadow.clone().map(ShadowPolicy::new),
        sets: ArcSwap::from_pointee(sets),
        may_add: config.mode == Mode::Enforce,
        max_ttl: config.max_ttl,
        windows: windows(&config),
        link_keys,
        approvers: Approvers {
            listed: config.approvers.clone(),
            ..sign_in.as_ref().map(SignIn::approvers).unwrap_or_default()
        },
        links_valid_for: config.links.valid_for,
        public_url: config.public_url.clone(),
        listens: config.listen.is_some(),
        admin_token: secrets.admin_token,
        sign_in,
        ownership_tag_key,
        http,
        metrics,
        traces,
        memory: Memory::knowing(hosts),
        clock,
    })
}

/// The counters, those of what is configured at 0.
fn metrics(config: &Config) -> Metrics {
    let metrics = Metrics::default();
    let sources = config.sources.iter().map(|source| source.name.as_str());
    let registries = config.registries.iter().map(|registry| registry.id.name());
    metrics.begin(sources, registries);
    metrics
}

/// The ledger, which tells what it writes to the histograms and the traces.
fn watched(ledger: Ledger, metrics: &Metrics, traces: Option<Traces>) -> Ledger {
    let latencies = metrics.latencies.clone();
    ledger.observe(Box::new(move |state, at, what| {
        for step in state.steps(at, what) {
            latencies.observe(&step);
            if let Some(traces) = &traces {
                traces.tell(&step);
            }
        }
    }));
    ledger
}

/// Policy and configuration must agree; what is odd about them is told.
fn check(config: &Config, policy: &Policy) -> Result<(), StartError> {
    let (warnings, errors) = config.check(policy).split();
    for warning in config
        .warnings
        .0
        .iter()
        .chain(&policy.warnings.0)
        .chain(&warnings.0)
    {
        tracing::warn!("{}", warning.in_a_line());
    }
    if config.channels.is_empty() {
        tracing::warn!(
            "there are no `channels`: requests and alerts stand on the operator page only, and nobody is told"
        );
    }
    if errors.0.is_empty() {
        Ok(())
    } else {
        Err(StartError::settings(errors))
    }
}

/// What each listener bears with.
pub(super) fn limits(connections: &config::Connections) -> Limits {
    Limits {
        connections: connections.max,
        per_address: connections.max_per_address,
        idle: connections.idle_timeout,
        write: connections.write_timeout,
        age: connections.max_age,
        ..Limits::default()
    }
}

fn windows(config: &Config) -> DedupPolicy {
    DedupPolicy {
        repeat: span(config.dedup_window),
        no: span(config.decline_cooldown),
        max_age: span(config.max_event_age),
        grace: span(config.propagation_grace),
    }
}

fn span(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn sources(config: &Config, mut auths: BTreeMap<String, SenderAuth>) -> BTreeMap<String, Source> {
    let source = |source: &config::Source| {
        let auth = auths.remove(&source.name)?;
        let per_second = NonZeroU32::new(source.rate_per_second).unwrap_or(NonZeroU32::MIN);
        Some(Source {
            name: source.name.clone(),
            auth,
            scope: Scope {
                registries: source.registries.clone(),
                registry: source.registry.clone(),
            },
            trust_status_403: source.trust_status_403,
            limiter: RateLimiter::direct(Quota::per_second(per_second)),
            per_second,
            max_body: source.max_body_bytes,
            options: source.options.clone(),
        })
    };
    config
        .sources
        .iter()
        .filter_map(source)
        .map(|source| (source.name.clone(), source))
        .collect()
}
