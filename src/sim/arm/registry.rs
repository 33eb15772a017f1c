//! Registries: read, listed, written, their usages and their operations.

use super::super::calls::RegistryPath;
use super::super::knobs::{Concurrent, Outcome, Writes};
use super::super::model::{Held, Model, Operation, Registry};
use super::super::start::Shared;
use super::super::wire::{Incoming, json, lock, set};
use super::error::ArmError;
use super::version::Version;
use super::{Caller, authorize, list as list_of, ok, patch};
use crate::clock;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

const KIND: &str = "Microsoft.ContainerRegistry/registries";

/// GET of a registry.
pub(super) fn get(
    shared: &Shared,
    path: &RegistryPath,
    version: &Version,
    caller: &Caller,
) -> Result<Response, ArmError> {
    let mut model = shared.settled();
    let held = find(&mut model, path)?;
    version.for_registries(&held.registry.location)?;
    authorize(shared, caller, &format!("{KIND}/read"), &held.registry.id())?;
    let updating = held.is_updating();
    Ok(ok(&body(held.read(), version, updating)))
}

/// GET of all registries of a subscription or one of its resource groups.
pub(super) fn list(
    shared: &Shared,
    subscription: &str,
    group: Option<&str>,
    version: &Version,
) -> Result<Response, ArmError> {
    version.for_registries("westeurope")?;
    let model = shared.settled();
    if !model.has_subscription(subscription) {
        return Err(no_subscription(subscription));
    }
    let values = model
        .registries()
        .filter(|held| {
            held.registry
                .subscription
                .eq_ignore_ascii_case(subscription)
        })
        .filter(|held| {
            group.is_none_or(|group| held.registry.resource_group.eq_ignore_ascii_case(group))
        })
        .map(|held| body(&held.registry, version, held.is_updating()))
        .collect();
    Ok(ok(&list_of(values)))
}

/// PATCH of a registry: 200 and done, or 201 and an operation to follow.
pub(super) fn patch(
    shared: &Shared,
    request: &Incoming,
    path: &RegistryPath,
    version: &Version,
    caller: &Caller,
) -> Result<Response, ArmError> {
    let mut model = shared.settled();
    let held = find(&mut model, path)?;
    version.for_registries(&held.registry.location)?;
    let id = held.registry.id();
    authorize(shared, caller, &format!("{KIND}/write"), &id)?;
    let media_type = request.header("content-type").unwrap_or_default();
    if !media_type.starts_with("application/json") {
        return Err(ArmError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            format!(
                "The content media type '{media_type}' is not supported. Only 'application/json' is supported."
            ),
        ));
    }
    let knobs = lock(&shared.knobs).clone();
    if held.is_updating() && knobs.concurrent == Concurrent::Conflict {
        return Err(ArmError::new(
            StatusCode::CONFLICT,
            "RegistryOperationInProgress",
            format!(
                "An operation on the registry '{}' is in progress. Please try again later.",
                held.registry.name
            ),
        ));
    }
    let patch = patch::parse(&request.body, version, &held.registry, &knobs)?;
    if let Some(rules) = &patch.network_rules {
        may_join(shared, caller, rules)?;
    }
    let now = shared.clock.now();
    let Writes::Asynchronous {
        takes,
        retry_after,
        outcome,
    } = knobs.writes
    else {
        held.change(now, &caller.0, |registry| patch.apply(registry));
        return Ok(ok(&body(&held.registry, version, held.is_updating())));
    };
    let mut wanted = held.registry.clone();
    patch.apply(&mut wanted);
    let operation = format!("registries-{}", uuid::Uuid::new_v4());
    held.operations.push(Operation {
        id: operation.clone(),
        started: now,
        ends: clock::add(now, takes),
        outcome,
        by: caller.0.clone(),
        patch,
        is_over: false,
    });
    let mut response = json(StatusCode::CREATED, &body(&wanted, version, true));
    let link = format!(
        "{}{id}/operationStatuses/{operation}?api-version={}",
        request.origin,
        version.as_str()
    );
    set(&mut response, "azure-asyncoperation", &link);
    let seconds = retry_after.as_secs().to_string();
    set(&mut response, "retry-after", &seconds);
    Ok(response)
}

/// Writing virtual network rules needs a right on their subnets.
fn may_join(
    shared: &Shared,
    caller: &Caller,
    rules: &super::super::model::NetworkRuleSet,
) -> Result<(), ArmError> {
    const ACTION: &str = "Microsoft.Network/virtualNetworks/taggedTrafficConsumers/validate/action";
    let denied = |subnet: &str| authorize(shared, caller, ACTION, subnet).is_err();
    match rules
        .virtual_network_rules
        .iter()
        .find(|rule| denied(&rule.subnet))
    {
        None => Ok(()),
        Some(rule) => Err(ArmError::bad(
            "BadRequest",
            format!(
                "Could not validate network rule - The client '{}' does not have authorization to perform action '{ACTION}' over scope '{}'.",
                caller.0, rule.subnet
            ),
        )),
    }
}

/// GET of an operation's status.
pub(super) fn operation(
    shared: &Shared,
    request: &Incoming,
    path: &RegistryPath,
    id: &str,
    caller: &Caller,
) -> Result<Response, ArmError> {
    let mut model = shared.settled();
    let held = find(&mut model, path)?;
    let scope = held.registry.id();
    authorize(
        shared,
        caller,
        &format!("{KIND}/operationStatuses/read"),
        &scope,
    )?;
    let Some(operation) = held.operations.iter().find(|operation| operation.id == id) else {
        return Err(ArmError::no_resource(
            &format!("{KIND}/operationStatuses"),
            id,
            &path.group,
        ));
    };
    let status = match (operation.is_over, operation.outcome) {
        (false, _) => "InProgress",
        (true, Outcome::Succeeded) => "Succeeded",
        (true, Outcome::Failed) => "Failed",
        (true, Outcome::Canceled) => "Canceled",
    };
    let mut body = Map::new();
    body.insert(
        "id".to_owned(),
        format!("{scope}/operationStatuses/{id}").into(),
    );
    body.insert("name".to_owned(), id.into());
    body.insert("status".to_owned(), status.into());
    body.insert("startTime".to_owned(), operation.started.to_string().into());
    if operation.is_over {
        body.insert("endTime".to_owned(), operation.ends.to_string().into());
    }
    if status == "Failed" {
        let error = json!({ "code": "RegistryUpdateFailed", "message": "The registry could not be updated. Please try again later." });
        body.insert("error".to_owned(), error);
    }
    let mut response = ok(&Value::Object(body));
    if !operation.is_over {
        set(
            &mut response,
            "azure-asyncoperation",
            &format!(
                "{}{}?api-version={}",
                request.origin,
                request.path,
                request.parameter("api-version").unwrap_or_default()
            ),
        );
        if let Writes::Asynchronous { retry_after, .. } = lock(&shared.knobs).writes {
            set(
                &mut response,
                "retry-after",
                &retry_after.as_secs().to_string(),
            );
        }
    }
    Ok(response)
}

/// GET of `listUsages`.
pub(super) fn usages(
    shared: &Shared,
    path: &RegistryPath,
    version: &Version,
    caller: &Caller,
) -> Result<Response, ArmError> {
    let mut model = shared.settled();
    let held = find(&mut model, path)?;
    let registry = &held.registry;
    version.for_registries(&registry.location)?;
    authorize(
        shared,
        caller,
        &format!("{KIND}/listUsages/read"),
        &registry.id(),
    )?;
    let count = |name: &str, limit: usize, current: usize| json!({ "name": name, "limit": limit, "currentValue": current, "unit": "Count" });
    let rules = &registry.network_rules;
    Ok(ok(&list_of(vec![
        json!({ "name": "Size", "limit": 536_870_912_000_u64, "currentValue": 1_234_567, "unit": "Bytes" }),
        count("Webhooks", 500, 0),
        count("Geo-replications", 100, 0),
        count("IPRules", registry.ip_rule_limit, rules.ip_rules.len()),
        count("VNetRules", 100, rules.virtual_network_rules.len()),
        count("PrivateEndpointConnections", 200, 0),
    ])))
}

/// The registry at this path, or the error that says which part of it is not there.
fn find<'a>(model: &'a mut Model, path: &RegistryPath) -> Result<&'a mut Held, ArmError> {
    if !model.has_subscription(&path.subscription) {
        return Err(no_subscription(&path.subscription));
    }
    model
        .held_mut(&path.name)
        .filter(|held| {
            held.registry
                .subscription
                .eq_ignore_ascii_case(&path.subscription)
                && held
                    .registry
                    .resource_group
                    .eq_ignore_ascii_case(&path.group)
        })
        .ok_or_else(|| ArmError::no_resource(KIND, &path.name, &path.group))
}

pub(super) fn no_subscription(id: &str) -> ArmError {
    ArmError::new(
        StatusCode::NOT_FOUND,
        "SubscriptionNotFound",
        format!("The subscription '{id}' could not be found."),
    )
}

/// A registry as this version shows it.
fn body(registry: &Registry, version: &Version, updating: bool) -> Value {
    let enabled = |on: bool| if on { "Enabled" } else { "Disabled" };
    let state = if updating {
        "Updating"
    } else {
        &registry.provisioning_state
    };
    let created = registry.created_at.to_string();
    let mut properties = json!({
        "loginServer": registry.login_server,
        "creationDate": created,
        "provisioningState": state,
        "adminUserEnabled": registry.admin_user,
        "policies": {
            "quarantinePolicy": { "status": "disabled" },
            "trustPolicy": { "type": "Notary", "status": "disabled" },
            "retentionPolicy": { "days": 7, "status": "disabled" },
            "exportPolicy": { "status": "enabled" },
        },
        "encryption": { "status": "disabled" },
        "dataEndpointEnabled": !registry.data_endpoints.is_empty(),
        "dataEndpointHostNames": registry.data_endpoints,
        "privateEndpointConnections": [],
        "publicNetworkAccess": enabled(registry.public_network_access),
        "networkRuleBypassOptions": registry.bypass,
        "zoneRedundancy": "Disabled",
        "anonymousPullEnabled": registry.anonymous_pull,
    });
    if let Some(properties) = properties.as_object_mut() {
        properties.insert(
            "networkRuleSet".to_owned(),
            network_rules(registry, version),
        );
    }
    json!({
        "id": registry.id(), "name": registry.name, "type": KIND, "location": registry.location,
        "tags": registry.tags,
        "sku": { "name": registry.sku.name(), "tier": registry.sku.name() },
        "properties": properties,
        "systemData": {
            "createdBy": "owner@contoso.com", "createdByType": "User", "createdAt": created,
            "lastModifiedBy": registry.last_modified_by,
            "lastModifiedByType": if registry.last_modified_by.contains('@') { "User" } else { "Application" },
            "lastModifiedAt": registry.last_modified_at.to_string(),
        },
    })
}

fn network_rules(registry: &Registry, version: &Version) -> Value {
    let rules = &registry.network_rules;
    let with = |extra: &Map<String, Value>, known: Value| {
        let mut fields = extra.clone();
        if let Value::Object(known) = known {
            fields.extend(known);
        }
        Value::Object(fields)
    };
    let ip_rules: Vec<Value> = rules
        .ip_rules
        .iter()
        .map(|rule| {
            with(
                &rule.extra,
                json!({ "action": "Allow", "value": rule.value }),
            )
        })
        .collect();
    let mut known = json!({ "defaultAction": rules.default_action.name(), "ipRules": ip_rules });
    if let (Some(field), Some(known)) = (version.subnet_field(), known.as_object_mut()) {
        let subnets = rules
            .virtual_network_rules
            .iter()
            .map(|rule| {
                with(
                    &rule.extra,
                    json!({ "action": "Allow", field: rule.subnet }),
                )
            })
            .collect();
        known.insert("virtualNetworkRules".to_owned(), Value::Array(subnets));
    }
    with(&rules.extra, known)
}
