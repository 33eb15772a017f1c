//! Resources other than registries, service tags, subscriptions and the tenant.

use super::super::wire::lock;
use super::super::{TENANT, model::Model};
use super::error::ArmError;
use super::registry::no_subscription;
use super::{Asked, list, ok};
use axum::response::Response;
use serde_json::{Value, json};

/// GET of a resource other than a registry, by its lower-case id.
pub(super) fn resource(asked: &Asked, id: &str) -> Result<Response, ArmError> {
    let model = asked.shared.settled();
    if let Some(action) = list_action(id) {
        let subscription = id.split('/').nth(2).unwrap_or_default();
        if !model.has_subscription(subscription) {
            return Err(no_subscription(subscription));
        }
        asked.authorize(action, id)?;
        return Ok(ok(&list(&model.resources_below(id))));
    }
    let Some(resource) = model.resource(id) else {
        return Err(missing(&model, id));
    };
    let text = |name| {
        resource
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    asked.authorize(&format!("{}/read", text("type")), text("id"))?;
    Ok(ok(resource))
}

/// The right that reading a list needs, if this is the path of one.
fn list_action(path: &str) -> Option<&'static str> {
    let (_, below) = path.split_once("/providers/")?;
    let parts: Vec<&str> = below.split('/').collect();
    match *parts.as_slice() {
        ["microsoft.network", "natgateways"] => Some("Microsoft.Network/natGateways/read"),
        ["microsoft.network", "publicipaddresses"] => {
            Some("Microsoft.Network/publicIPAddresses/read")
        }
        ["microsoft.network", "publicipprefixes"] => {
            Some("Microsoft.Network/publicIPPrefixes/read")
        }
        ["microsoft.network", "virtualnetworks"] => Some("Microsoft.Network/virtualNetworks/read"),
        ["microsoft.network", "virtualnetworks", _, "subnets"] => {
            Some("Microsoft.Network/virtualNetworks/subnets/read")
        }
        ["microsoft.containerregistry", "registries", _, "agentpools"] => {
            Some("Microsoft.ContainerRegistry/registries/agentPools/read")
        }
        _ => None,
    }
}

fn missing(model: &Model, id: &str) -> ArmError {
    let segments: Vec<&str> = id.split('/').collect();
    let part = |index: usize| segments.get(index).copied().unwrap_or_default();
    if !model.has_subscription(part(2)) {
        return no_subscription(part(2));
    }
    let kind = format!("{}/{}", part(6), part(7));
    ArmError::no_resource(&kind, part(8), part(4))
}

/// GET of the service tags, a page at a time.
pub(super) fn service_tags(
    asked: &Asked,
    subscription: &str,
    location: &str,
) -> Result<Response, ArmError> {
    let model = asked.shared.settled();
    if !model.has_subscription(subscription) {
        return Err(no_subscription(subscription));
    }
    let scope = format!("/subscriptions/{subscription}");
    let action = "Microsoft.Network/locations/serviceTags/read";
    asked.authorize(action, &scope)?;
    let from = asked
        .request
        .parameter("$skipToken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let (page, next) = model.service_tags(from, lock(&asked.shared.knobs).page_size);
    let mut body = json!({
        "name": "public", "id": format!("{scope}/providers/Microsoft.Network/serviceTags/public"),
        "type": "Microsoft.Network/serviceTags", "changeNumber": model.change_number(), "cloud": "Public", "values": page,
    });
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        let version = asked.request.parameter("api-version").unwrap_or_default();
        let link = format!(
            "{}{scope}/providers/Microsoft.Network/locations/{location}/serviceTags?api-version={version}&$skipToken={next}",
            asked.request.origin
        );
        body.insert("nextLink".to_owned(), link.into());
    }
    Ok(ok(&body))
}

/// GET of all subscriptions.
pub(super) fn subscriptions(asked: &Asked) -> Response {
    let model = asked.shared.settled();
    let all = model.subscriptions();
    let all: Vec<_> = all.iter().map(|id| describe(id)).collect();
    ok(&list(&all))
}

/// GET of one subscription.
pub(super) fn subscription(asked: &Asked, id: &str) -> Result<Response, ArmError> {
    if asked.shared.settled().has_subscription(id) {
        Ok(ok(&describe(id)))
    } else {
        Err(no_subscription(id))
    }
}

/// GET of the tenants.
pub(super) fn tenants() -> Response {
    ok(&list(&[json!({
        "id": format!("/tenants/{TENANT}"), "tenantId": TENANT, "displayName": "Contoso",
        "defaultDomain": "contoso.onmicrosoft.com", "tenantCategory": "Home",
    })]))
}

fn describe(id: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"), "subscriptionId": id, "tenantId": TENANT,
        "displayName": "Simulated", "state": "Enabled", "authorizationSource": "RoleBased",
        "subscriptionPolicies": { "spendingLimit": "Off" }, "managedByTenants": [],
    })
}
