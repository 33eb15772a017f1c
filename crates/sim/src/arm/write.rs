//! Registries: written, and the operations that writes may be.

use super::super::calls::RegistryPath;
use super::super::knobs::{Concurrent, Outcome, Writes};
use super::super::model::{NetworkRuleSet, Operation, Patch};
use super::super::wire::{json, lock, set};
use super::body::body;
use super::error::ArmError;
use super::registry::{KIND, find};
use super::{Asked, ok, patch as content};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

/// PATCH of a registry: 200 and done, or 201 and an operation to follow.
pub(super) fn patch(asked: &Asked, path: &RegistryPath) -> Result<Response, ArmError> {
    let mut model = asked.shared.settled();
    let held = find(&mut model, path)?;
    let version = &asked.version;
    version.for_registries(&held.registry.location)?;
    let id = held.registry.id();
    asked.authorize(&format!("{KIND}/write"), &id)?;
    takes_json(asked)?;
    let knobs = lock(&asked.shared.knobs).clone();
    if held.is_updating() && knobs.concurrent == Concurrent::Conflict {
        let name = &held.registry.name;
        return Err(ArmError::new(
            StatusCode::CONFLICT,
            "RegistryOperationInProgress",
            format!(
                "An operation on the registry '{name}' is in progress. Please try again later."
            ),
        ));
    }
    let wish = content::parse(&asked.request.body, version, &held.registry, &knobs)?;
    if let Some(rules) = &wish.network_rules {
        may_join(asked, rules)?;
    }
    if knobs.writes == Writes::Immediate {
        let now = asked.shared.clock.now();
        held.change(now, &asked.author(), |registry| wish.apply(registry));
        return Ok(ok(&body(&held.registry, version, held.is_updating())));
    }
    let mut wanted = held.registry.clone();
    wish.apply(&mut wanted);
    let operation = operation_for(asked, wish, &knobs.writes);
    let mut response = json(StatusCode::CREATED, &body(&wanted, version, true));
    follow(asked, &mut response, &id, &operation);
    held.operations.push(operation);
    Ok(response)
}

fn operation_for(asked: &Asked, patch: Patch, writes: &Writes) -> Operation {
    let (takes, retry_after, outcome) = match *writes {
        Writes::Immediate => Default::default(),
        Writes::Asynchronous {
            takes,
            retry_after,
            outcome,
        } => (takes, retry_after, outcome),
    };
    let started = asked.shared.clock.now();
    Operation {
        id: format!("registries-{}", uuid::Uuid::new_v4()),
        started,
        ends: clock::add(started, takes),
        retry_after,
        outcome,
        author: asked.author(),
        patch,
        is_over: false,
    }
}

/// Says where to follow an operation, and when to ask again.
fn follow(asked: &Asked, response: &mut Response, id: &str, operation: &Operation) {
    let link = format!(
        "{}{id}/operationStatuses/{}?api-version={}",
        asked.request.origin,
        operation.id,
        asked.version.as_str()
    );
    set(response, "azure-asyncoperation", &link);
    let seconds = operation.retry_after.as_secs().to_string();
    set(response, "retry-after", &seconds);
}

fn takes_json(asked: &Asked) -> Result<(), ArmError> {
    let media_type = asked.request.header("content-type").unwrap_or_default();
    if media_type.starts_with("application/json") {
        return Ok(());
    }
    Err(ArmError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UnsupportedMediaType",
        format!(
            "The content media type '{media_type}' is not supported. Only 'application/json' is supported."
        ),
    ))
}

/// Writing virtual network rules needs a right on their subnets.
fn may_join(asked: &Asked, rules: &NetworkRuleSet) -> Result<(), ArmError> {
    const ACTION: &str = "Microsoft.Network/virtualNetworks/taggedTrafficConsumers/validate/action";
    for rule in &rules.virtual_network_rules {
        if asked.authorize(ACTION, &rule.subnet).is_err() {
            let message = format!(
                "Could not validate network rule - The client '{}' does not have authorization to perform action '{ACTION}' over scope '{}'.",
                asked.by, rule.subnet
            );
            return Err(ArmError::bad("BadRequest", message));
        }
    }
    Ok(())
}

/// GET of an operation's status.
pub(super) fn operation(
    asked: &Asked,
    path: &RegistryPath,
    id: &str,
) -> Result<Response, ArmError> {
    let mut model = asked.shared.settled();
    let held = find(&mut model, path)?;
    let scope = held.registry.id();
    asked.authorize(&format!("{KIND}/operationStatuses/read"), &scope)?;
    let mut operations = held.operations.iter();
    let Some(operation) = operations.find(|operation| operation.id == id) else {
        let kind = format!("{KIND}/operationStatuses");
        return Err(ArmError::no_resource(&kind, id, &path.group));
    };
    let status = match operation.outcome {
        _ if !operation.is_over => "InProgress",
        Outcome::Succeeded => "Succeeded",
        Outcome::Failed | Outcome::FailedButApplied => "Failed",
        Outcome::Canceled => "Canceled",
    };
    let mut body = json!({
        "id": format!("{scope}/operationStatuses/{id}"), "name": id, "status": status,
        "startTime": operation.started.to_string(),
    });
    if let Some(body) = body.as_object_mut() {
        if operation.is_over {
            body.insert("endTime".to_owned(), operation.ends.to_string().into());
        }
        if status == "Failed" {
            let error = json!({ "code": "RegistryUpdateFailed", "message": "The registry could not be updated. Please try again later." });
            body.insert("error".to_owned(), error);
        }
    }
    let mut response = ok(&body);
    if !operation.is_over {
        follow(asked, &mut response, &scope, operation);
    }
    Ok(response)
}
