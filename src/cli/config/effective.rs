//! The configuration in effect as a tree, defaults included.

use super::emit::Value;
use super::people::sign_in;
use crate::azure::{Cloud, Credential, Settings};
use crate::config::{
    Auth, Config, Connections, Drift, Links, Mode, Registry, Secret, Source, State,
};
use doorward_core::approvals::Approvals;
use doorward_core::auth::proof::ClaimIs;
use doorward_core::firewall::{Answer, Class};
use doorward_core::yaml::Item;
use doorward_core::yaml::duration::Show;
use std::time::Duration;

/// The tree. `written` is the file's document: what the configuration keeps in another form is taken from
/// there.
pub(super) fn tree(config: &Config, written: Option<&Item<'_>>) -> Value {
    let sources = written.and_then(|document| document.field("sources"));
    let sources = sources.map(|item| item.each()).unwrap_or_default();
    let source = |(index, source): (usize, &Source)| of_source(source, sources.get(index));
    Value::map([
        ("listen", listen(config)),
        ("admin", Value::text(config.admin)),
    ])
    .with("metrics", config.metrics.map(Value::text))
    .with("admin_token", config.admin_token.as_ref().map(secret))
    .with("public_url", Some(Value::text(&config.public_url)))
    .with("state", Some(state(&config.state)))
    .with("wait_for_database", config.wait_for_database.map(lasts))
    .with("policies", Some(policies(config)))
    .with("mode", Some(Value::text(mode(config.mode))))
    .with(
        "trusted_proxies",
        Some(Value::texts(&config.trusted_proxies)),
    )
    .with("connections", Some(connections(&config.connections)))
    .with("max_ttl", Some(lasts(config.max_ttl)))
    .with("max_event_age", Some(lasts(config.max_event_age)))
    .with("dedup_window", Some(lasts(config.dedup_window)))
    .with("decline_cooldown", Some(lasts(config.decline_cooldown)))
    .with("propagation_grace", Some(lasts(config.propagation_grace)))
    .with("shutdown_timeout", Some(lasts(config.shutdown_timeout)))
    .with("links", Some(links(&config.links)))
    .with(
        "ownership_tag_key",
        config.ownership_tag_key.as_ref().map(secret),
    )
    .with("azure", Some(azure(&config.azure)))
    .with(
        "registries",
        Some(Value::List(
            config.registries.iter().map(registry).collect(),
        )),
    )
    .with(
        "sources",
        Some(Value::List(
            config.sources.iter().enumerate().map(source).collect(),
        )),
    )
    .with("approvers", written_or_none(written, "approvers"))
    .with("channels", written_or_none(written, "channels"))
    .with("routes", written_or_none(written, "routes"))
    .with("sign_in", config.sign_in.as_ref().map(sign_in))
}

fn listen(config: &Config) -> Value {
    let none = || Value::text("none");
    config.listen.map_or_else(none, Value::text)
}

/// A list that has no defaults: as it is written.
fn written_or_none(written: Option<&Item<'_>>, name: &str) -> Option<Value> {
    let item = written.and_then(|document| document.field(name))?;
    Some(as_written(&item))
}

/// What is written at a place. Secrets are written as references only: the reader takes nothing else.
fn as_written(item: &Item<'_>) -> Value {
    if item.is_mapping() {
        let pairs = item.pairs().into_iter();
        let named = pairs.map(|(name, item)| (name.to_owned(), Some(as_written(&item))));
        return Value::Map(named.collect());
    }
    if item.is_list() {
        return Value::List(item.each().iter().map(as_written).collect());
    }
    let mut text = None;
    item.each_scalar(&mut |scalar, _| text = Some(scalar.to_owned()));
    Value::Text(text.unwrap_or_default())
}

pub(super) fn secret(secret: &Secret) -> Value {
    Value::Secret(secret.from.clone())
}

pub(super) fn lasts(time: Duration) -> Value {
    Value::text(Show(time))
}

fn state(state: &State) -> Value {
    match state {
        State::Sqlite(path) => Value::Text(format!("sqlite://{}", path.display())),
        State::Postgres(url) => Value::text(url),
        State::Secret(named) => secret(named),
    }
}

fn policies(config: &Config) -> Value {
    let dir = Value::text(config.policies.display());
    match &config.shadow {
        None => dir,
        Some(shadow) => Value::map([("dir", dir), ("shadow", Value::text(shadow.display()))]),
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    }
}

fn connections(connections: &Connections) -> Value {
    Value::map([
        ("max", Value::text(connections.max)),
        ("max_per_address", Value::text(connections.max_per_address)),
        ("idle_timeout", lasts(connections.idle_timeout)),
        ("write_timeout", lasts(connections.write_timeout)),
        ("max_age", lasts(connections.max_age)),
    ])
}

fn azure(settings: &Settings) -> Value {
    let cloud = match settings.cloud {
        Cloud::Public => "public",
        Cloud::UsGov => "usgov",
        Cloud::China => "china",
    };
    let ca_file = settings
        .ca_file
        .as_ref()
        .map(|path| Value::text(path.display()));
    Value::map([("cloud", Value::text(cloud))])
        .with(
            "resource_manager",
            settings.resource_manager.as_ref().map(Value::text),
        )
        .with("authority", settings.authority.as_ref().map(Value::text))
        .with("scope", settings.scope.as_ref().map(Value::text))
        .with("api_version", Some(Value::text(&settings.api_version)))
        .with(
            "read_api_version",
            Some(Value::text(&settings.read_api_version)),
        )
        .with("ca_file", ca_file)
        .with("credential", Some(credential(&settings.credential)))
}

fn credential(credential: &Credential) -> Value {
    let kind = Value::map([("kind", Value::text(credential.kind()))]);
    match credential {
        Credential::ManagedIdentity { client_id } => {
            kind.with("client_id", client_id.as_ref().map(Value::text))
        }
        Credential::WorkloadIdentity {
            tenant_id,
            client_id,
            token_file,
        } => kind
            .with("tenant_id", tenant_id.as_ref().map(Value::text))
            .with("client_id", client_id.as_ref().map(Value::text))
            .with(
                "token_file",
                token_file.as_ref().map(|path| Value::text(path.display())),
            ),
        Credential::AzureCli => kind,
        Credential::ClientSecret {
            tenant_id,
            client_id,
            secret,
        } => kind
            .with("tenant_id", Some(Value::text(tenant_id)))
            .with("client_id", Some(Value::text(client_id)))
            .with("secret", Some(Value::Secret(secret.clone()))),
        Credential::StaticToken(crate::config::SecretRef::Env(name)) => {
            kind.with("env", Some(Value::text(name)))
        }
        Credential::StaticToken(crate::config::SecretRef::File(path)) => {
            kind.with("file", Some(Value::text(path.display())))
        }
    }
}

fn registry(registry: &Registry) -> Value {
    Value::map([
        ("id", Value::text(&registry.id)),
        ("hosts", Value::texts(&registry.hosts)),
        ("max_entries", Value::text(registry.max_entries)),
        ("reserved_entries", Value::text(registry.reserve)),
        (
            "questions_per_hour",
            Value::text(registry.questions_per_hour),
        ),
        ("grants_per_hour", Value::text(registry.grants_per_hour)),
        (
            "max_unknown_addresses",
            Value::text(registry.max_unknown_addresses),
        ),
        (
            "ownership_tags",
            Value::text(if registry.ownership_tags {
                "tags"
            } else {
                "none"
            }),
        ),
        ("approvals", approvals(&registry.approvals)),
        (
            "restore_foreign",
            Value::text(registry.drift.restore_foreign),
        ),
        ("drift", drift(&registry.drift)),
    ])
}

fn approvals(approvals: &Approvals) -> Value {
    if let Some(word) = approvals.as_word() {
        return Value::text(word);
    }
    let reason = |required| Value::text(if required { "required" } else { "optional" });
    let by = (!approvals.by.is_empty()).then(|| Value::texts(&approvals.by));
    Value::map([])
        .with("strength", approvals.strength.map(Value::text))
        .with("count", approvals.count.map(Value::text))
        .with("by", by)
        .with("reason", approvals.reason.map(reason))
        .with("max", approvals.max.map(lasts))
}

fn links(links: &Links) -> Value {
    let keys = (!links.older.is_empty()).then(|| {
        let all = std::iter::once(&links.key).chain(&links.older);
        Value::List(all.map(secret).collect())
    });
    let key = keys.is_none().then(|| secret(&links.key));
    Value::map([])
        .with("key", key)
        .with("keys", keys)
        .with("valid_for", Some(lasts(links.valid_for)))
}

fn drift(drift: &Drift) -> Value {
    let word = |answer| match answer {
        Answer::Alert => "alert",
        Answer::Accept => "accept",
        Answer::Restore => "restore",
    };
    let every = Value::map([("every", lasts(drift.every))]);
    Class::ALL.into_iter().fold(every, |map, class| {
        map.with(
            class.name(),
            Some(Value::text(word(drift.answers.to(class)))),
        )
    })
}

fn of_source(source: &Source, written: Option<&Item<'_>>) -> Value {
    if let (Auth::Feed(_), Some(item)) = (&source.auth, written) {
        return as_written(item);
    }
    let options = &source.options;
    let names = |names: &[String]| (!names.is_empty()).then(|| Value::texts(names));
    let dimensions = &options.dimensions;
    let given = [
        &dimensions.address,
        &dimensions.registry,
        &dimensions.resource,
    ];
    let dimensions = given.iter().any(|names| !names.is_empty()).then(|| {
        Value::map([])
            .with("address", names(&dimensions.address))
            .with("registry", names(&dimensions.registry))
            .with("resource", names(&dimensions.resource))
    });
    let subscription = options.subscription.as_ref();
    let registries = (!source.registries.is_empty()).then(|| Value::texts(&source.registries));
    Value::map([
        ("name", Value::text(&source.name)),
        (
            "auth",
            auth(
                &source.auth,
                written.and_then(|item| item.field("auth")).as_ref(),
            ),
        ),
    ])
    .with("registries", registries)
    .with("registry", source.registry.as_ref().map(Value::text))
    .with(
        "trust_status_403",
        Some(Value::text(source.trust_status_403)),
    )
    .with("rate_per_second", Some(Value::text(source.rate_per_second)))
    .with("max_body_bytes", Some(Value::text(source.max_body_bytes)))
    .with("expect_every", options.expect_every.map(lasts))
    .with("dimensions", dimensions)
    .with(
        "event_grid",
        subscription.map(|name| Value::map([("subscription", Value::text(name))])),
    )
    .with(
        "cloud_events",
        Some(
            Value::map([("allowed_origins", Value::texts(&options.allowed_origins))])
                .with("allowed_rate", options.allowed_rate.map(Value::text)),
        ),
    )
}

fn auth(auth: &Auth, written: Option<&Item<'_>>) -> Value {
    let kind = |name| Value::map([("kind", Value::text(name))]);
    let secrets = |keys: &[Secret]| Some(Value::List(keys.iter().map(secret).collect()));
    match auth {
        Auth::SharedKey { keys, query } => kind("shared_key")
            .with("keys", secrets(keys))
            .with("query", Some(Value::text(query))),
        Auth::Feed(_) => Value::map([]),
        Auth::Signature { keys } => kind("signature").with("keys", secrets(keys)),
        Auth::EntraToken {
            tenant_id,
            audiences,
            app_id,
            role,
        } => kind("entra_token")
            .with("tenant_id", Some(Value::text(tenant_id)))
            .with("audience", Some(Value::texts(audiences)))
            .with(
                "app_id",
                Some(Value::text(app_id.as_deref().unwrap_or("any"))),
            )
            .with("role", role.as_ref().map(Value::text)),
        Auth::CiToken {
            issuer,
            audiences,
            claims,
        } => {
            let provider = written.and_then(|item| item.field("provider"));
            let mut provider_text = None;
            if let Some(item) = &provider {
                item.each_scalar(&mut |text, _| provider_text = Some(Value::text(text)));
            }
            let claim = |claim: &ClaimIs| (claim.name.clone(), Some(Value::texts(&claim.any)));
            kind("ci_token")
                .with("provider", provider_text)
                .with("issuer", Some(Value::text(issuer)))
                .with("audience", Some(Value::texts(audiences)))
                .with(
                    "claims",
                    Some(Value::Map(claims.iter().map(claim).collect())),
                )
        }
    }
}
