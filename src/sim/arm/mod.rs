//! Azure Resource Manager: who may ask, which api-version, and the headers on every reply.

mod error;
mod network;
mod patch;
mod registry;
mod version;

pub(super) use error::injected;

use super::calls::Route;
use super::start::Shared;
use super::tokens::BadToken;
use super::wire::{Incoming, json, lock, set};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use error::ArmError;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Who asks: the object id in the token.
struct Caller(String);

/// Audiences that Resource Manager takes, of the public, US government and China clouds.
const AUDIENCES: [&str; 5] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.core.usgovcloudapi.net",
    "https://management.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
];

/// Answers a request to Resource Manager.
pub(super) fn answer(shared: &Shared, request: &Incoming, route: &Route) -> Response {
    let mut response = match authenticate(shared, request) {
        Err(refusal) => refusal,
        Ok(caller) => {
            route_to(shared, request, route, &caller).unwrap_or_else(ArmError::into_response)
        }
    };
    add_headers(shared, request, &mut response);
    response
}

/// The headers that every reply of Resource Manager carries.
pub(super) fn add_headers(shared: &Shared, request: &Incoming, response: &mut Response) {
    let id = uuid::Uuid::new_v4().to_string();
    let correlation = request.header("x-ms-correlation-request-id").unwrap_or(&id);
    set(response, "x-ms-request-id", &id);
    set(response, "x-ms-correlation-request-id", correlation);
    let now = shared.clock.now().strftime("%Y%m%dT%H%M%SZ");
    let routing = format!("WESTEUROPE:{now}:{correlation}");
    set(response, "x-ms-routing-request-id", &routing);
    if let Some(own) = request.header("x-ms-client-request-id")
        && request.header("x-ms-return-client-request-id") == Some("true")
    {
        set(response, "x-ms-client-request-id", own);
    }
    let knobs = lock(&shared.knobs);
    let (name, left) = if request.method == Method::GET {
        (
            "x-ms-ratelimit-remaining-subscription-reads",
            knobs.remaining_reads,
        )
    } else {
        (
            "x-ms-ratelimit-remaining-subscription-writes",
            knobs.remaining_writes,
        )
    };
    set(response, name, &left.to_string());
    set(response, "cache-control", "no-cache");
}

/// Takes the static token, or a token of our own authority for Resource Manager.
fn authenticate(shared: &Shared, request: &Incoming) -> Result<Caller, Response> {
    let refuse = |code, message: &str| {
        Err(ArmError::no_authentication(
            &shared.origins.authority,
            code,
            message,
        ))
    };
    let Some(token) = request.bearer() else {
        return refuse(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        );
    };
    if token == shared.static_token {
        return Ok(Caller("static-token".to_owned()));
    }
    let text = |claims: &Value, name: &str| Some(claims.get(name)?.as_str()?.to_owned());
    match shared.issuer.verify(token) {
        Ok(claims) => {
            let audience = text(&claims, "aud").unwrap_or_default();
            let audience = audience.trim_end_matches('/');
            let own = [&shared.origins.plain, &shared.origins.resource_manager];
            if AUDIENCES.contains(&audience)
                || own.iter().any(|own| own.trim_end_matches('/') == audience)
            {
                Ok(Caller(text(&claims, "oid").unwrap_or_default()))
            } else {
                refuse(
                    "InvalidAuthenticationTokenAudience",
                    &format!(
                        "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.azure.com/'."
                    ),
                )
            }
        }
        Err(BadToken::Expired(end)) => {
            let end = Timestamp::from_second(end).unwrap_or_default();
            let now = shared.clock.now();
            refuse(
                "ExpiredAuthenticationToken",
                &format!(
                    "The access token expiry UTC time '{end}' is earlier than current UTC time '{now}'."
                ),
            )
        }
        Err(BadToken::Invalid) => {
            refuse("InvalidAuthenticationToken", "The access token is invalid.")
        }
    }
}

fn route_to(
    shared: &Shared,
    request: &Incoming,
    route: &Route,
    caller: &Caller,
) -> Result<Response, ArmError> {
    let asked = version::check(request)?;
    let is_get = request.method == Method::GET;
    match route {
        Route::Registry(path) if is_get => registry::get(shared, path, &asked, caller),
        Route::Registry(path) if request.method == Method::PATCH => {
            registry::patch(shared, request, path, &asked, caller)
        }
        Route::Registries {
            subscription,
            group,
        } if is_get => registry::list(shared, subscription, group.as_deref(), &asked),
        Route::Usages(path) if is_get => registry::usages(shared, path, &asked, caller),
        Route::Operation(path, id) if is_get => {
            registry::operation(shared, request, path, id, caller)
        }
        Route::Network(id) if is_get => network::resource(shared, id, caller),
        Route::ServiceTags {
            subscription,
            location,
        } if is_get => network::service_tags(shared, request, subscription, location, caller),
        Route::Subscriptions if is_get => Ok(network::subscriptions(shared)),
        Route::Subscription(id) if is_get => network::subscription(shared, id),
        Route::Tenants if is_get => Ok(network::tenants()),
        Route::UnknownResource => Err(ArmError::new(
            StatusCode::NOT_FOUND,
            "InvalidResourceType",
            "The resource type could not be found in the namespace for the api version given; the simulated Azure knows registries, NAT gateways, public IP addresses and prefixes, subnets and service tags.",
        )),
        _ => Err(ArmError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("The simulated Azure does not take {} here.", request.method),
        )),
    }
}

/// Refuses a caller whom a knob denies this action.
fn authorize(shared: &Shared, caller: &Caller, action: &str, scope: &str) -> Result<(), ArmError> {
    if lock(&shared.knobs)
        .denied_actions
        .iter()
        .any(|denied| denied.eq_ignore_ascii_case(action))
    {
        return Err(ArmError::no_authorization(&caller.0, action, scope));
    }
    Ok(())
}

fn ok(body: &Value) -> Response {
    json(StatusCode::OK, body)
}

fn list(values: Vec<Value>) -> Value {
    json!({ "value": values })
}
