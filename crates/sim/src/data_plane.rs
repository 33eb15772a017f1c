//! The registries' data plane: the firewall speaks before anything else does.
//!
//! The registry is chosen by the Host header; the caller's address is what `x-caller-address` says,
//! else the peer's.

use super::model::Registry;
use super::senders::row;
use super::start::Shared;
use super::wire::{Incoming, json, lock, set};
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

/// Names the caller's address, as the registry sees it.
pub(super) const CALLER: &str = "x-caller-address";

/// What the data plane needs to know of a registry for one request.
struct Front {
    registry: Registry,
    admitted: bool,
}

/// Answers a request to a registry.
pub(super) fn answer(shared: &Shared, request: &Incoming, segments: &[String]) -> Response {
    let caller = request
        .header(CALLER)
        .and_then(|address| address.trim().parse().ok())
        .unwrap_or(request.peer);
    let Some(front) = front(shared, request, caller) else {
        return error(
            StatusCode::NOT_FOUND,
            "NAME_UNKNOWN",
            &format!("no registry answers to the host '{}'", request.host),
        );
    };
    let response = if front.admitted {
        inside(shared, request, &front, segments)
    } else {
        let message = format!(
            "client with IP '{caller}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
        );
        error(StatusCode::FORBIDDEN, "DENIED", &message)
    };
    let record = diagnostic_record(
        shared,
        request,
        &front.registry,
        segments,
        (caller, response.status()),
    );
    lock(&shared.model).note(record);
    response
}

fn front(shared: &Shared, request: &Incoming, caller: IpAddr) -> Option<Front> {
    let mut model = shared.settled();
    let propagation = lock(&shared.knobs).propagation.clone();
    let lag = model.next_lag(&propagation);
    let held = model.by_host(&request.host)?;
    let firewall = held.firewall(shared.clock.now(), lag)?;
    Some(Front {
        admitted: firewall.admits(caller),
        registry: held.registry.clone(),
    })
}

/// What a caller gets whom the firewall has let through.
fn inside(shared: &Shared, request: &Incoming, front: &Front, segments: &[String]) -> Response {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["oauth2", "token"] => token(shared, request, front),
        ["v2", rest @ ..] => {
            let known = request.bearer().is_some_and(|token| {
                let claims = shared.issuer.verify(token).ok();
                let audience = claims
                    .as_ref()
                    .and_then(|claims| claims.get("aud")?.as_str());
                audience == Some(front.registry.login_server.as_str())
            });
            match rest {
                _ if !known => unauthorized(front, rest),
                [] | [""] => json(StatusCode::OK, &json!({})),
                [repository @ .., "manifests", reference]
                    if request.method == Method::GET || request.method == Method::HEAD =>
                {
                    manifest(&repository.join("/"), reference)
                }
                _ => error(
                    StatusCode::NOT_FOUND,
                    "NAME_UNKNOWN",
                    "repository name not known to registry",
                ),
            }
        }
        _ => error(
            StatusCode::NOT_FOUND,
            "UNSUPPORTED",
            "the operation is unsupported",
        ),
    }
}

/// A registry's own token: for its user and password, or for anybody where anonymous pull is on.
fn token(shared: &Shared, request: &Incoming, front: &Front) -> Response {
    let (user, password) = &front.registry.login;
    let wanted = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    if !front.registry.anonymous_pull && request.header("authorization") != Some(&wanted) {
        return error(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "authentication required, visit https://aka.ms/acr/authorization for more information.",
        );
    }
    let claims = json!({ "aud": front.registry.login_server, "iss": "Azure Container Registry", "sub": user });
    let token = shared.issuer.mint_for(claims, Duration::from_hours(3));
    json(StatusCode::OK, &json!({ "access_token": token }))
}

fn unauthorized(front: &Front, rest: &[&str]) -> Response {
    let mut response = error(
        StatusCode::UNAUTHORIZED,
        "UNAUTHORIZED",
        "authentication required, visit https://aka.ms/acr/authorization for more information.",
    );
    let host = &front.registry.login_server;
    let mut challenge = format!("Bearer realm=\"https://{host}/oauth2/token\",service=\"{host}\"");
    if let [repository @ .., "manifests" | "blobs" | "tags", _] = rest {
        // Writing to a string cannot fail.
        write!(
            challenge,
            ",scope=\"repository:{}:pull\"",
            repository.join("/")
        )
        .ok();
    }
    set(&mut response, "www-authenticate", &challenge);
    response
}

/// A manifest for any repository: the smallest that the OCI image specification allows.
fn manifest(repository: &str, reference: &str) -> Response {
    const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
    let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let body = json!({
        "schemaVersion": 2, "mediaType": MEDIA_TYPE,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2 },
        "layers": [], "annotations": { "org.opencontainers.image.ref.name": format!("{repository}:{reference}") },
    })
    .to_string();
    let hash = digest(&SHA256, body.as_bytes());
    let mut text = "sha256:".to_owned();
    for byte in hash.as_ref() {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    let mut response = Response::new(Body::from(body));
    set(&mut response, "content-type", MEDIA_TYPE);
    set(&mut response, "docker-content-digest", &text);
    response
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    let mut response = json(status, &body);
    set(
        &mut response,
        "docker-distribution-api-version",
        "registry/2.0",
    );
    response
}

/// The resource log's row for a request: a repository event for a pull, a login event for whatever
/// the firewall or authentication ended. A denial's row holds the address and the status, not the
/// message.
fn diagnostic_record(
    shared: &Shared,
    request: &Incoming,
    registry: &Registry,
    segments: &[String],
    (caller, status): (IpAddr, StatusCode),
) -> Value {
    let agent = request.header("user-agent").unwrap_or_default();
    let host = &registry.login_server;
    let facts = (caller, status.as_u16(), shared.clock.now());
    match segments {
        [version, repository @ .., manifests, reference]
            if version == "v2" && manifests == "manifests" && status.is_success() =>
        {
            let properties = json!({
                "loginServer": host, "userAgent": agent, "repository": repository.join("/"), "tag": reference,
                "artifactType": "acr.docker", "digest": "<nil>", "mediaType": "<nil>",
            });
            row(registry, "Pull", facts, &properties)
        }
        _ => {
            let properties = json!({ "loginServer": host, "userAgent": agent });
            row(registry, "Login", facts, &properties)
        }
    }
}
