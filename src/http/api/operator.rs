//! Who may use the admin listener: whoever reaches it, or whoever knows its token where it has one;
//! and orders come from commands alone, never from a browser.

use super::wire::COMMAND;
use crate::http::pages::assets;
use crate::http::{HttpError, Web, auth, caller};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A browser asks for a user name, which means nothing, and a password (RFC 7617); a command sends the
/// token as it is (RFC 6750).
const CHALLENGE: &str = "Basic realm=\"doorward\", charset=\"UTF-8\"";

/// What is answered to whoever asks: whether it is alive, and what pages load.
const OPEN: [&str; 4] = [
    "/healthz",
    "/readyz",
    assets::STYLE_PATH,
    assets::SCRIPT_PATH,
];

/// Lets requests pass that know the token, where one is configured.
pub(in crate::http) async fn known(
    State(web): State<Web>,
    request: Request,
    next: Next,
) -> Response {
    let open = OPEN.contains(&request.uri().path());
    let good = match &web.app.admin_token {
        Some(token) if !open => {
            let offered = offered(request.headers()).unwrap_or_default();
            auth::one_of(std::slice::from_ref(token), &offered)
        }
        _ => true,
    };
    if good && !open {
        caller::proven(request.extensions());
    }
    if good {
        next.run(request).await
    } else {
        let challenge = CHALLENGE;
        HttpError::Unauthorized { challenge }.into_response()
    }
}

/// Lets orders pass that a page of another site cannot have sent. A browser says of every `POST` where
/// it comes from, and sends [`COMMAND`] for its own pages only.
pub(in crate::http) async fn commands_only(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let browser = headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site");
    if request.method() == Method::GET || (headers.contains_key(COMMAND) && !browser) {
        next.run(request).await
    } else {
        HttpError::NotACommand.into_response()
    }
}

/// The token that a request shows.
fn offered(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = STANDARD.decode(rest).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    pair.get(colon.saturating_add(1)..).map(<[u8]>::to_vec)
}
