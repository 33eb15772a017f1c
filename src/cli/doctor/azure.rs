//! What Azure says of its time, of us, and of each registry.

use super::OFFLINE;
use super::local::Read;
use crate::azure::{Arm, ArmError, Call, TokenError};
use crate::config::{self, Config, Mode};
use clock::Clock;
use doorward_core::doctor::Finding;
use doorward_core::doctor::facts::{Fact, Unknown};
use doorward_core::doctor::machine;
use doorward_core::doctor::registry::{self, Expected};
use doorward_core::firewall::Live;
use doorward_core::firewall::raw_json::RawJson;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::State;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;

/// The right to read the limit of entries: without it the limit is silently not known.
const USAGES: &str = "Microsoft.ContainerRegistry/registries/listUsages/read";

/// Why a registry is not asked about without a token.
const NO_TOKEN: &str = "there is no token";

/// Asks, and says what the answers come to.
pub(super) async fn findings(
    config: &Config,
    read: &Read,
    offline: bool,
    clock: &Clock,
) -> Vec<Finding> {
    // Settings that cannot be used have been reported with the configuration.
    let Ok(arm) = Arm::new(&config.azure, clock.clone()) else {
        return Vec::new();
    };
    let (ahead, identity) = if offline {
        (
            Err(Unknown::Skipped(OFFLINE)),
            Err(Unknown::Skipped(OFFLINE)),
        )
    } else {
        (
            ahead(&arm, clock).await,
            arm.identity().await.map_err(of_token),
        )
    };
    let why_not = match &identity {
        Err(Unknown::Skipped(why)) => Some(*why),
        Err(Unknown::Forbidden(_) | Unknown::NotFound | Unknown::Failed(_)) => Some(NO_TOKEN),
        Ok(_) => None,
    };
    let mut findings = vec![
        machine::clock(ahead),
        machine::credential(arm.credential(), identity),
    ];
    let each = config.registries.iter().map(async |registry| {
        let mut facts = known_beforehand(config, registry, read, clock.now());
        match why_not {
            Some(why) => skip(&mut facts, why),
            None => ask(&arm, &registry.id, &mut facts).await,
        }
        registry::findings(&facts)
    });
    findings.extend(join_all(each).await.into_iter().flatten());
    findings
}

/// How far our clock is ahead of Azure's.
async fn ahead(arm: &Arm, clock: &Clock) -> Result<jiff::SignedDuration, Unknown> {
    match arm.time().await {
        Ok(Some(theirs)) => Ok(clock.now().duration_since(theirs)),
        Ok(None) => Err(Unknown::NotFound),
        Err(error) => Err(Unknown::Failed(error.to_string())),
    }
}

fn of_token(error: TokenError) -> Unknown {
    match error {
        TokenError::Refused { why, .. } | TokenError::Unavailable { why, .. } => {
            Unknown::Failed(why)
        }
    }
}

/// What is known of a registry without asking.
fn known_beforehand(
    config: &Config,
    registry: &config::Registry,
    read: &Read,
    now: Timestamp,
) -> registry::Registry {
    let skipped = || Unknown::Skipped(NO_TOKEN);
    registry::Registry {
        name: registry.id.name().to_owned(),
        id: registry.id.to_string(),
        writes: config.mode == Mode::Enforce,
        max_entries: registry.max_entries,
        reserve: registry.reserve,
        live: Fact::Unknown(skipped()),
        bypass: (None, None),
        permissions: Fact::Unknown(skipped()),
        limit: Fact::Unknown(skipped()),
        settings: Fact::Unknown(skipped()),
        log_sources: log_sources(config, registry),
        expected: read
            .state
            .as_ref()
            .map(|state| expected(state, &registry.id, now)),
    }
}

/// The sources that records without the firewall's words may open from: they are fed by the registry's logs.
fn log_sources(config: &Config, registry: &config::Registry) -> Vec<String> {
    let host = format!("{}.", registry.id.name().to_ascii_lowercase());
    let speaks = |source: &&config::Source| {
        let mut hosts = source.registries.iter();
        source.registries.is_empty()
            || hosts.any(|it| it.starts_with(&host) || registry.hosts.contains(it))
    };
    let fed = config
        .sources
        .iter()
        .filter(|source| source.trust_status_403);
    fed.filter(speaks)
        .map(|source| format!("`{}`", source.name))
        .collect()
}

fn expected(state: &State, id: &ResourceId, now: Timestamp) -> Expected {
    let ours = state.ours(id, now);
    let overdue = ours.claimed.iter().filter(|net| {
        let in_force = state
            .grants_of(id)
            .any(|it| !it.is_over(now) && net.contains(&it.grant.address.network()));
        !in_force
    });
    Expected {
        overdue: overdue.copied().collect(),
        open: ours.open.into_iter().map(|(_, net)| net).collect(),
    }
}

fn skip(facts: &mut registry::Registry, why: &'static str) {
    facts.live = Fact::Unknown(Unknown::Skipped(why));
    facts.permissions = Fact::Unknown(Unknown::Skipped(why));
    facts.settings = Fact::Unknown(Unknown::Skipped(why));
}

/// Asks Azure about one registry.
async fn ask(arm: &Arm, id: &ResourceId, facts: &mut registry::Registry) {
    let call = Call::random();
    let read = arm.registry(id, arm.read_api_version(), &call).await;
    facts.live = match read {
        Err(error) => Fact::Unknown(unknown(&error)),
        Ok(raw) => {
            facts.bypass = bypass(&raw);
            match Live::read(&raw) {
                Ok(live) => Fact::Known(live),
                Err(error) => Fact::Unknown(Unknown::Failed(error.to_string())),
            }
        }
    };
    facts.permissions = fact(arm.permissions(id, &call).await);
    facts.settings = fact(arm.diagnostic_settings(id, &call).await);
    facts.limit = match (arm.ip_rule_limit(id, &call).await, &facts.permissions) {
        (Ok(None), Fact::Known(permissions)) if !permissions.allow(USAGES) => {
            Fact::Unknown(Unknown::Forbidden(None))
        }
        (limit, _) => fact(limit),
    };
}

fn fact<T>(answer: Result<T, ArmError>) -> Fact<T> {
    match answer {
        Ok(known) => Fact::Known(known),
        Err(error) => Fact::Unknown(unknown(&error)),
    }
}

fn unknown(error: &ArmError) -> Unknown {
    match error {
        ArmError::Refused { status: 403, .. } => {
            Unknown::Forbidden(error.missing_action().map(str::to_owned))
        }
        ArmError::NotFound { .. } => Unknown::NotFound,
        _ => Unknown::Failed(error.to_string()),
    }
}

/// Whether trusted services bypass the firewall, and whether tasks do.
fn bypass(registry: &RawJson) -> (Option<String>, Option<bool>) {
    let registry: Value = serde_json::from_str(&registry.to_string()).unwrap_or_default();
    let property = |name: &str| registry.get("properties")?.get(name);
    let services = property("networkRuleBypassOptions").and_then(Value::as_str);
    let tasks = property("networkRuleBypassAllowedForTasks").and_then(Value::as_bool);
    (
        services.map(doorward_core::messages::wording::quoted),
        tasks,
    )
}
