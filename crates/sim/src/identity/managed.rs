//! Managed identity as App Service and Container Apps offer it: `IDENTITY_ENDPOINT` with
//! `X-IDENTITY-HEADER`, api-version 2019-08-01.
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use super::authority::claims;
use crate::CLIENT_ID;
use crate::start::Shared;
use crate::wire::{Incoming, empty, json, lock};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use std::time::Duration;

/// Tokens of managed identities live a day.
const LIFETIME: Duration = Duration::from_hours(24);

/// Answers a request for the identity's token.
pub(crate) fn answer(shared: &Shared, request: &Incoming) -> Response {
    if request.method != Method::GET {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let refuse = |status, message: &str| {
        let id = uuid::Uuid::new_v4().to_string();
        let body = json!({ "statusCode": StatusCode::as_u16(&status), "message": message, "correlationId": id });
        json(status, &body)
    };
    if request.header("x-identity-header") != Some(shared.identity_header.as_str()) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "The X-IDENTITY-HEADER is missing or wrong.",
        );
    }
    if request.parameter("api-version") != Some("2019-08-01") {
        return refuse(
            StatusCode::BAD_REQUEST,
            "The api-version must be 2019-08-01.",
        );
    }
    let Some(resource) = request.parameter("resource").filter(|r| !r.is_empty()) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "The resource parameter is missing.",
        );
    };
    let client = request.parameter("client_id").unwrap_or(CLIENT_ID);
    if lock(&shared.model).app(client).is_none() {
        return refuse(
            StatusCode::BAD_REQUEST,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        );
    }
    let token = shared
        .issuer
        .mint_for(claims(shared, resource, client, "2"), LIFETIME);
    let end = clock::add(shared.clock.now(), LIFETIME).as_second();
    json(
        StatusCode::OK,
        &json!({
            "access_token": token, "expires_on": Value::String(end.to_string()), "resource": resource,
            "token_type": "Bearer", "client_id": client,
        }),
    )
}
