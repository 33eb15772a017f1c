//! Azure Resource Manager: who may ask, which api-version, and the headers on every reply.

mod body;
mod error;
mod fields;
mod graph;
mod logs;
mod network;
mod patch;
mod properties;
mod registry;
mod version;
mod write;

pub(super) use error::injected;

use super::calls::Route;
use super::model::Author;
use super::start::Shared;
use super::wire::{Incoming, json, lock, set};
use crate::identity::tokens::BadToken;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use error::ArmError;
use jiff::Timestamp;
use serde_json::{Value, json};
use version::Version;

/// A request whose sender is known.
struct Asked<'a> {
    shared: &'a Shared,
    request: &'a Incoming,
    /// The sender's object id.
    by: String,
    version: Version,
}

/// Audiences that Resource Manager takes, of the public, US government and China clouds.
const AUDIENCES: [&str; 6] = [
    // Of the log query service itself, which takes the same queries.
    "https://api.loganalytics.io",
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.core.usgovcloudapi.net",
    "https://management.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
];

/// Answers a request to Resource Manager.
pub(super) fn answer(shared: &Shared, request: &Incoming, route: &Route) -> Response {
    let answered = sender(shared, request).and_then(|by| {
        let asked = Asked {
            shared,
            request,
            by,
            version: match route {
                Route::Logs { direct: true, .. } => Version::default(),
                _ => version::check(request)?,
            },
        };
        asked.answer(route)
    });
    let mut response = answered.unwrap_or_else(ArmError::into_response);
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
    let date = jiff::fmt::rfc2822::DateTimePrinter::new();
    let date = date.timestamp_to_rfc9110_string(&shared.clock.now());
    set(response, "date", &date.unwrap_or_default());
}

/// Who sent a request: the bearer of the static token, or of a token of our own authority for
/// Resource Manager.
fn sender(shared: &Shared, request: &Incoming) -> Result<String, ArmError> {
    let refuse = |code, message: String| {
        Err(ArmError::no_authentication(
            &shared.origins.authority,
            code,
            message,
        ))
    };
    let Some(token) = request.bearer() else {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return refuse("AuthenticationFailed", message.to_owned());
    };
    if token == shared.static_token {
        return Ok("static-token".to_owned());
    }
    let claims = match shared.issuer.verify(token) {
        Ok(claims) => claims,
        Err(BadToken::Expired(end)) => {
            let end = Timestamp::from_second(end).unwrap_or_default();
            let now = shared.clock.now();
            let message = format!(
                "The access token expiry UTC time '{end}' is earlier than current UTC time '{now}'."
            );
            return refuse("ExpiredAuthenticationToken", message);
        }
        Err(BadToken::Invalid) => {
            let message = "The access token is invalid.";
            return refuse("InvalidAuthenticationToken", message.to_owned());
        }
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let audience = text("aud").trim_end_matches('/');
    let own = [&shared.origins.plain, &shared.origins.tls];
    let is_own = own.iter().any(|own| own.trim_end_matches('/') == audience);
    if is_own || AUDIENCES.contains(&audience) {
        return Ok(text("oid").to_owned());
    }
    let message = format!(
        "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.azure.com/'."
    );
    refuse("InvalidAuthenticationTokenAudience", message)
}

impl Asked<'_> {
    fn author(&self) -> Author {
        let correlation = self.request.header("x-ms-correlation-request-id");
        Author {
            by: self.by.clone(),
            correlation: correlation.map(str::to_owned),
        }
    }

    fn answer(&self, route: &Route) -> Result<Response, ArmError> {
        let method = &self.request.method;
        if let Route::Registry(path) = route
            && method == Method::PATCH
        {
            return write::patch(self, path);
        }
        if let Route::Logs { registry, .. } = route
            && *method == Method::POST
        {
            return logs::answer(self, registry);
        }
        if let (Route::DiagnosticSetting(path, name), &Method::PUT) = (route, method) {
            return registry::put_diagnostic_setting(self, path, name);
        }
        if matches!(route, Route::ResourceGraph) && method == Method::POST {
            return graph::answer(self);
        }
        if matches!(route, Route::UnknownResource) {
            return Err(ArmError::new(
                StatusCode::NOT_FOUND,
                "InvalidResourceType",
                "The resource type could not be found in the namespace for the api version given; the simulated Azure knows registries and their agent pools, resources of Microsoft.Network, clusters of AKS, pools of Managed DevOps Pools, apps of App Service and Container Apps, and service tags.",
            ));
        }
        if method != Method::GET || matches!(route, Route::Logs { .. }) {
            return Err(ArmError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                format!("The simulated Azure does not take {method} here."),
            ));
        }
        match route {
            Route::Registry(path) => registry::get(self, path),
            Route::Registries {
                subscription,
                group,
            } => registry::list(self, subscription, group.as_deref()),
            Route::Resources(subscription) => registry::resources(self, subscription),
            Route::Usages(path) => registry::usages(self, path),
            Route::Permissions(path) => registry::permissions(self, path),
            Route::DiagnosticSettings(path) | Route::DiagnosticSetting(path, _) => {
                registry::diagnostic_settings(self, path)
            }
            Route::Operation(path, id) => write::operation(self, path, id),
            Route::Resource(id) => network::resource(self, id),
            Route::ServiceTags {
                subscription,
                location,
            } => network::service_tags(self, subscription, location),
            Route::Subscription(id) => network::subscription(self, id),
            Route::Tenants => Ok(network::tenants()),
            _ => Ok(network::subscriptions(self)),
        }
    }

    /// Refuses whom a knob denies this action.
    fn authorize(&self, action: &str, scope: &str) -> Result<(), ArmError> {
        let knobs = lock(&self.shared.knobs);
        let mut denied = knobs.denied_actions.iter();
        if denied.any(|denied| denied.eq_ignore_ascii_case(action)) {
            return Err(ArmError::no_authorization(&self.by, action, scope));
        }
        Ok(())
    }
}

fn ok(body: &Value) -> Response {
    json(StatusCode::OK, body)
}

fn list(values: &[Value]) -> Value {
    json!({ "value": values })
}
