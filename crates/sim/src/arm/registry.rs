//! Registries: read, listed, and their usages.

use super::super::calls::RegistryPath;
use super::super::model::{Held, Model};
use super::super::wire::lock;
use super::body::body;
use super::error::ArmError;
use super::{Asked, list as list_of, ok};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

pub(super) const KIND: &str = "Microsoft.ContainerRegistry/registries";

/// GET of a registry.
pub(super) fn get(asked: &Asked, path: &RegistryPath) -> Result<Response, ArmError> {
    let mut model = asked.shared.settled();
    let held = find(&mut model, path)?;
    asked.version.for_registries(&held.registry.location)?;
    asked.authorize(&format!("{KIND}/read"), &held.registry.id())?;
    let updating = held.is_updating();
    Ok(ok(&body(
        held.read(asked.author()),
        &asked.version,
        updating,
    )))
}

/// GET of all registries of a subscription or one of its resource groups.
pub(super) fn list(
    asked: &Asked,
    subscription: &str,
    group: Option<&str>,
) -> Result<Response, ArmError> {
    asked.version.for_registries("westeurope")?;
    let model = asked.shared.settled();
    if !model.has_subscription(subscription) {
        return Err(no_subscription(subscription));
    }
    let wanted = |held: &&Held| {
        let registry = &held.registry;
        registry.subscription.eq_ignore_ascii_case(subscription)
            && group.is_none_or(|group| registry.resource_group.eq_ignore_ascii_case(group))
    };
    let values: Vec<_> = model
        .registries()
        .filter(wanted)
        .map(|held| body(&held.registry, &asked.version, held.is_updating()))
        .collect();
    Ok(ok(&list_of(&values)))
}

/// GET of a subscription's resources, as far as they are registries: `az` finds them this way.
/// Takes the filter `resourceType eq '…'`.
pub(super) fn resources(asked: &Asked, subscription: &str) -> Result<Response, ArmError> {
    let model = asked.shared.settled();
    if !model.has_subscription(subscription) {
        return Err(no_subscription(subscription));
    }
    let filter = asked.request.parameter("$filter").unwrap_or_default();
    let kind = filter.split('\'').nth(1).unwrap_or(KIND);
    let values: Vec<_> = model
        .registries()
        .map(|held| &held.registry)
        .filter(|registry| registry.subscription.eq_ignore_ascii_case(subscription))
        .filter(|_| kind.eq_ignore_ascii_case(KIND))
        .map(|registry| {
            json!({
                "id": registry.id(), "name": registry.name, "type": KIND, "location": registry.location,
                "tags": registry.tags, "sku": { "name": registry.sku.name(), "tier": registry.sku.name() },
            })
        })
        .collect();
    Ok(ok(&list_of(&values)))
}

/// GET of `listUsages`.
pub(super) fn usages(asked: &Asked, path: &RegistryPath) -> Result<Response, ArmError> {
    let mut model = asked.shared.settled();
    let registry = &find(&mut model, path)?.registry;
    asked.version.for_registries(&registry.location)?;
    asked.authorize(&format!("{KIND}/listUsages/read"), &registry.id())?;
    let count = |name: &str, limit: usize, current: usize| json!({ "name": name, "limit": limit, "currentValue": current, "unit": "Count" });
    let rules = &registry.network_rules;
    Ok(ok(&list_of(&[
        json!({ "name": "Size", "limit": 536_870_912_000_u64, "currentValue": 1_234_567, "unit": "Bytes" }),
        count("Webhooks", 500, 0),
        count("Geo-replications", 100, 0),
        count("IPRules", registry.ip_rule_limit, rules.ip_rules.len()),
        count("VNetRules", 100, rules.virtual_network_rules.len()),
        count("PrivateEndpointConnections", 200, 0),
    ])))
}

/// GET of what the caller may do on a registry: everything but what the knobs deny. Azure's pages do not
/// say which right reading this takes; the knobs may deny `Microsoft.Authorization/permissions/read`.
pub(super) fn permissions(asked: &Asked, path: &RegistryPath) -> Result<Response, ArmError> {
    let mut model = asked.shared.settled();
    let registry = &find(&mut model, path)?.registry;
    asked.authorize("Microsoft.Authorization/permissions/read", &registry.id())?;
    let denied = lock(&asked.shared.knobs).denied_actions.clone();
    Ok(ok(&list_of(&[json!({
        "actions": ["*"], "notActions": denied, "dataActions": [], "notDataActions": [],
    })])))
}

/// GET of a registry's diagnostic settings.
pub(super) fn diagnostic_settings(
    asked: &Asked,
    path: &RegistryPath,
) -> Result<Response, ArmError> {
    let mut model = asked.shared.settled();
    let registry = &find(&mut model, path)?.registry;
    let id = registry.id();
    asked.authorize("Microsoft.Insights/diagnosticSettings/read", &id)?;
    let setting = |to: &String| {
        json!({
            "id": format!("{id}/providers/microsoft.insights/diagnosticSettings/logs"), "name": "logs",
            "type": "Microsoft.Insights/diagnosticSettings",
            "properties": {
                "workspaceId": to,
                "logs": [{ "category": "ContainerRegistryLoginEvents", "categoryGroup": null, "enabled": true }],
                "metrics": [],
            },
        })
    };
    let settings: Vec<_> = registry.logs_to.iter().map(setting).collect();
    Ok(ok(&list_of(&settings)))
}

/// PUT of a diagnostic setting: login events go to the workspace that it names. A registry has one here, whatever its
/// name; Azure allows five.
pub(super) fn put_diagnostic_setting(
    asked: &Asked,
    path: &RegistryPath,
    name: &str,
) -> Result<Response, ArmError> {
    let refuse = |message: &str| {
        Err(ArmError::new(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            message.to_owned(),
        ))
    };
    let Ok(sent) = serde_json::from_slice::<Value>(&asked.request.body) else {
        return refuse("The request content is not JSON.");
    };
    let of = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let properties = of(&sent, "properties");
    let workspace = of(&properties, "workspaceId");
    let Some(workspace) = workspace.as_str() else {
        return refuse("The simulated Azure exports to a workspace only: name it in workspaceId.");
    };
    let logs = of(&properties, "logs");
    let mut enabled = logs.as_array().into_iter().flatten();
    let exports = enabled.any(|log| {
        let named = of(log, "category") == "ContainerRegistryLoginEvents";
        of(log, "enabled") == true && (named || of(log, "categoryGroup").is_string())
    });
    let mut model = asked.shared.settled();
    let registry = &mut find(&mut model, path)?.registry;
    let id = registry.id();
    asked.authorize("Microsoft.Insights/diagnosticSettings/write", &id)?;
    registry.logs_to = exports.then(|| workspace.to_owned());
    Ok(ok(&json!({
        "id": format!("{id}/providers/microsoft.insights/diagnosticSettings/{name}"),
        "name": name, "type": "Microsoft.Insights/diagnosticSettings", "properties": properties,
    })))
}

/// The registry at this path, or the error that says which part of it is not there.
pub(super) fn find<'a>(
    model: &'a mut Model,
    path: &RegistryPath,
) -> Result<&'a mut Held, ArmError> {
    if !model.has_subscription(&path.subscription) {
        return Err(no_subscription(&path.subscription));
    }
    let is_meant = |held: &&mut Held| {
        let registry = &held.registry;
        registry
            .subscription
            .eq_ignore_ascii_case(&path.subscription)
            && registry.resource_group.eq_ignore_ascii_case(&path.group)
    };
    let held = model.held_mut(&path.name).filter(is_meant);
    held.ok_or_else(|| ArmError::no_resource(KIND, &path.name, &path.group))
}

pub(super) fn no_subscription(id: &str) -> ArmError {
    ArmError::new(
        StatusCode::NOT_FOUND,
        "SubscriptionNotFound",
        format!("The subscription '{id}' could not be found."),
    )
}
