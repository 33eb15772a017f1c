//! Microsoft Entra ID: the token endpoint, the `OpenID` configuration and the key set.

use crate::calls::Route;
use crate::model::App;
use crate::start::Shared;
use crate::wire::{Incoming, empty, json, lock};
use crate::{CLIENT_ID, TENANT};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

/// The audience of an assertion that is exchanged for a token.
const EXCHANGE: &str = "api://AzureADTokenExchange";

/// An error of the token endpoint: OAuth 2.0's code, Entra's number and words.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    code: u32,
    message: String,
}

/// Answers a request to the authority.
pub(crate) fn answer(shared: &Shared, request: &Incoming, route: &Route) -> Response {
    let is_get = request.method == Method::GET;
    match route {
        Route::Token(tenant) if request.method == Method::POST => {
            token(shared, request, tenant).unwrap_or_else(|refusal| refuse(shared, &refusal))
        }
        Route::OpenId { tenant, v2 } if is_get => match known(tenant) {
            Ok(()) => json(StatusCode::OK, &configuration(shared, request, *v2)),
            Err(refusal) => refuse(shared, &refusal),
        },
        Route::InstanceDiscovery if is_get => json(StatusCode::OK, &instances(request)),
        Route::KeySet(tenant) if is_get => match known(tenant) {
            Ok(()) => {
                let issuer = shared.issuer_name();
                json(StatusCode::OK, &shared.issuer.key_set(&issuer))
            }
            Err(refusal) => refuse(shared, &refusal),
        },
        Route::Token(_) | Route::OpenId { .. } | Route::InstanceDiscovery | Route::KeySet(_) => {
            empty(StatusCode::METHOD_NOT_ALLOWED)
        }
        _ => empty(StatusCode::NOT_FOUND),
    }
}

/// Client credentials, by secret or by assertion (workload identity federation).
fn token(shared: &Shared, request: &Incoming, tenant: &str) -> Result<Response, Refusal> {
    known(tenant)?;
    let form = request.form();
    if needed(&form, "grant_type")? != "client_credentials" {
        let message = "The app requested an unsupported grant type.";
        return Err(bad("unsupported_grant_type", 70_003, message.to_owned()));
    }
    let client = needed(&form, "client_id")?;
    let app = lock(&shared.model).app(client).cloned().ok_or_else(|| {
        let message = format!(
            "Application with identifier '{client}' was not found in the directory 'Contoso'."
        );
        bad("unauthorized_client", 700_016, message)
    })?;
    let strength = prove(shared, &app, &form)?;
    let scope = needed(&form, "scope")?;
    let Some(audience) = scope.strip_suffix("/.default") else {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."
        );
        return Err(bad("invalid_scope", 1_002_012, message));
    };
    let lifetime = lock(&shared.knobs).token_lifetime;
    let claims = claims(shared, audience, &app.client_id, strength);
    let seconds = lifetime.as_secs();
    let token = shared.issuer.mint_for(claims, lifetime);
    Ok(json(
        StatusCode::OK,
        &json!({
            "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
        }),
    ))
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = form.iter().find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

fn needed<'a>(form: &'a [(String, String)], name: &str) -> Result<&'a str, Refusal> {
    field(form, name).ok_or_else(|| {
        let message = format!("The request body must contain the following parameter: '{name}'.");
        bad("invalid_request", 900_144, message)
    })
}

fn bad(error: &'static str, code: u32, message: String) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        error,
        code,
        message,
    }
}

/// How the app proved itself: `1` by its secret, `2` by an assertion.
fn prove(shared: &Shared, app: &App, form: &[(String, String)]) -> Result<&'static str, Refusal> {
    match (
        field(form, "client_secret"),
        field(form, "client_assertion"),
    ) {
        (Some(secret), _) => by_secret(app, secret),
        (None, Some(assertion)) => by_assertion(shared, app, assertion),
        (None, None) => {
            let message = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
            Err(bad("invalid_client", 7_000_216, message.to_owned()))
        }
    }
}

fn by_secret(app: &App, secret: &str) -> Result<&'static str, Refusal> {
    if secret == app.client_secret {
        return Ok("1");
    }
    Err(Refusal {
        status: StatusCode::UNAUTHORIZED,
        error: "invalid_client",
        code: 7_000_215,
        message: format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
            app.client_id
        ),
    })
}

fn by_assertion(shared: &Shared, app: &App, assertion: &str) -> Result<&'static str, Refusal> {
    let refuse = |code, message: String| Refusal {
        status: StatusCode::UNAUTHORIZED,
        error: "invalid_client",
        code,
        message,
    };
    let claims = shared.issuer.verify(assertion).map_err(|_| {
        let message =
            "Client assertion failed signature validation, or is not within its valid time range.";
        refuse(700_027, message.to_owned())
    })?;
    let says = |name: &str, wanted: &str| claims.get(name).and_then(Value::as_str) == Some(wanted);
    if says("aud", EXCHANGE)
        && says("sub", &app.federated_subject)
        && says("iss", &shared.issuer_name())
    {
        return Ok("2");
    }
    let message = "No matching federated identity record found for presented assertion subject.";
    Err(refuse(700_213, message.to_owned()))
}

/// The claims of an access token (v1, as Resource Manager's are). `strength`: 1 secret, 2 assertion.
pub(crate) fn claims(shared: &Shared, audience: &str, client: &str, strength: &str) -> Value {
    let object = object_id(client);
    json!({
        "aud": audience, "iss": format!("{}{TENANT}/", shared.origins.authority), "idp": format!("{}{TENANT}/", shared.origins.authority),
        "appid": client, "appidacr": strength, "idtyp": "app", "oid": object, "sub": object,
        "tid": TENANT, "uti": uuid::Uuid::new_v4().simple().to_string(), "ver": "1.0",
    })
}

/// The service principal's object id of an app: like the app's id, but another.
pub(crate) fn object_id(client: &str) -> String {
    if client == CLIENT_ID {
        return "33333333-0000-4000-8000-000000000001".to_owned();
    }
    client.replacen(|digit: char| digit.is_ascii_hexdigit(), "3", 1)
}

/// A claims set for a federated token of this app, as a Kubernetes cluster would issue it.
pub(crate) fn federated_claims(shared: &Shared, subject: &str) -> Value {
    json!({ "iss": shared.issuer_name(), "sub": subject, "aud": EXCHANGE })
}

fn known(tenant: &str) -> Result<(), Refusal> {
    if [TENANT, "common", "organizations", "contoso.onmicrosoft.com"].contains(&tenant) {
        return Ok(());
    }
    Err(Refusal {
        status: StatusCode::BAD_REQUEST,
        error: "invalid_tenant",
        code: 90_002,
        message: format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
        ),
    })
}

fn configuration(shared: &Shared, request: &Incoming, v2: bool) -> Value {
    let base = format!("{}/{TENANT}", request.origin);
    let (oauth, keys) = if v2 {
        ("oauth2/v2.0", "discovery/v2.0/keys")
    } else {
        ("oauth2", "discovery/keys")
    };
    let issuer = if v2 {
        shared.issuer_name()
    } else {
        format!("{}{TENANT}/", shared.origins.authority)
    };
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{base}/{oauth}/token"),
        "authorization_endpoint": format!("{base}/{oauth}/authorize"),
        "device_authorization_endpoint": format!("{base}/{oauth}/devicecode"),
        "end_session_endpoint": format!("{base}/{oauth}/logout"),
        "jwks_uri": format!("{base}/{keys}"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "tenant_region_scope": "EU", "cloud_instance_name": "localhost",
    })
}

fn instances(request: &Incoming) -> Value {
    json!({
        "tenant_discovery_endpoint": format!("{}/{TENANT}/v2.0/.well-known/openid-configuration", request.origin),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": request.host, "preferred_cache": request.host, "aliases": [request.host],
        }],
    })
}

/// What a cloud consists of: `metadata/endpoints` of Resource Manager, open to everybody.
pub(crate) fn cloud(shared: &Shared, resource_manager: &str) -> Response {
    let body = json!({
        "name": "SimulatedAzure", "portal": "https://portal.azure.com", "resourceManager": resource_manager,
        "authentication": {
            "loginEndpoint": shared.origins.authority.trim_end_matches('/'), "tenant": "common", "identityProvider": "AAD",
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        },
        "graph": "https://graph.windows.net/", "graphAudience": "https://graph.windows.net/",
        "microsoftGraphResourceId": "https://graph.microsoft.com/", "gallery": "https://gallery.azure.com/",
        "batch": "https://batch.core.windows.net/", "media": "https://rest.media.azure.net",
        "sqlManagement": "https://management.core.windows.net:8443/", "vmImageAliasDoc": "",
        "suffixes": {
            "acrLoginServer": "azurecr.io", "keyVaultDns": "vault.azure.net", "storage": "core.windows.net",
            "sqlServerHostname": "database.windows.net",
        },
    });
    json(StatusCode::OK, &body)
}

fn refuse(shared: &Shared, refusal: &Refusal) -> Response {
    let now = shared
        .clock
        .now()
        .strftime("%Y-%m-%d %H:%M:%SZ")
        .to_string();
    let [trace, correlation] = [(); 2].map(|()| uuid::Uuid::new_v4().to_string());
    let code = refusal.code;
    json(
        refusal.status,
        &json!({
            "error": refusal.error,
            "error_description": format!("AADSTS{code}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}", refusal.message),
            "error_codes": [code], "timestamp": now, "trace_id": trace, "correlation_id": correlation,
            "error_uri": format!("{}error?code={code}", shared.origins.authority),
        }),
    )
}
