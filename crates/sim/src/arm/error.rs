//! Resource Manager's errors: `{"error": {"code", "message"}}`.

use super::super::wire::{json, set};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

/// An error as Resource Manager says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArmError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// `WWW-Authenticate`.
    challenge: Option<String>,
}

impl ArmError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            challenge: None,
        }
    }

    /// 400 with this code.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404 for a resource that is not there.
    pub(super) fn no_resource(kind: &str, name: &str, group: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            format!(
                "The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    /// 403 for a missing permission.
    pub(super) fn no_authorization(caller: &str, action: &str, scope: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "AuthorizationFailed",
            format!(
                "The client '{caller}' with object id '{caller}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
            ),
        )
    }

    /// 401, with the challenge that names the authority.
    pub(super) fn no_authentication(authority: &str, code: &'static str, message: String) -> Self {
        let challenge = format!(
            "Bearer authorization_uri=\"{authority}\", error=\"invalid_token\", error_description=\"{message}\""
        );
        Self {
            challenge: Some(challenge),
            ..Self::new(StatusCode::UNAUTHORIZED, code, message)
        }
    }

    pub(super) fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = json(self.status, &body);
        if let Some(challenge) = self.challenge {
            set(&mut response, "www-authenticate", &challenge);
        }
        response
    }
}

/// The reply for an injected error status.
pub(crate) fn injected(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (code, message) = match status {
        StatusCode::TOO_MANY_REQUESTS => (
            "SubscriptionRequestsThrottled",
            "Number of requests for subscription and principal exceeded the limit. Please try again later.",
        ),
        StatusCode::CONFLICT => (
            "RegistryOperationInProgress",
            "Registry operation is in progress. Please try again later.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "ServerTimeout",
            "The server is busy and could not process the request within the specified timeout period. Please try again later.",
        ),
        StatusCode::GATEWAY_TIMEOUT => (
            "GatewayTimeout",
            "The gateway did not receive a response from 'Microsoft.ContainerRegistry' within the specified time period.",
        ),
        _ => (
            "InternalServerError",
            "There was an internal server error while processing the request.",
        ),
    };
    ArmError::new(status, code, message).into_response()
}
