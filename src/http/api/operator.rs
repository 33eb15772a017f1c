//! Who may use the admin listener: whoever reaches it, or whoever knows its token where it has one, or a
//! program with an API token for what its scopes allow. Orders come from commands alone, never from a browser.

use super::wire::{API, COMMAND};
use crate::flow::access::api_tokens;
use crate::flow::orders::{By, OrderError};
use crate::http::pages::assets;
use crate::http::{HttpError, Web, auth, caller};
use crate::store::ApiToken;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use doorward_core::auth::api_token::{Scope, looks_like_one};

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

/// Below the API: who may come in. Only operators see to that.
const OPERATORS_ONLY: [&str; 2] = ["/tokens", "/sessions"];

/// Below the API: what answers requests.
const ANSWERS: &str = "/requests/";

/// Who is admitted to the admin listener; in the extensions of every request that is.
#[derive(Clone, Debug)]
pub(in crate::http) enum Admitted {
    /// Whoever reaches it, and knows its token where it has one.
    Operator,
    /// A program that showed an API token.
    Token(ApiToken),
}

impl Admitted {
    /// Whether this is within its scopes.
    pub(in crate::http) fn may(&self, scope: Scope) -> bool {
        match self {
            Self::Operator => true,
            Self::Token(token) => token.scopes.has(scope),
        }
    }

    /// Who orders: the token's name, or the name that an operator gives.
    pub(in crate::http) fn by(&self, said: &str, because: Option<&str>) -> Result<By, OrderError> {
        match self {
            Self::Operator => By::new(said, because),
            Self::Token(token) => By::token(&token.name, because),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Admitted {
    type Rejection = HttpError;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, HttpError> {
        // Whoever was not admitted does not come as far as a handler.
        let admitted = head.extensions.get::<Self>();
        admitted.cloned().ok_or(HttpError::Unauthorized {
            challenge: CHALLENGE,
        })
    }
}

/// Lets requests pass that know the token, where one is configured, or show an API token for what they ask.
pub(in crate::http) async fn known(
    State(web): State<Web>,
    request: Request,
    next: Next,
) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let (mut head, body) = request.into_parts();
    match admitted(&web, &head).await {
        Ok(admitted) => {
            caller::proven(&head.extensions);
            head.extensions.insert(admitted);
            next.run(Request::from_parts(head, body)).await
        }
        Err(error) => error.into_response(),
    }
}

async fn admitted(web: &Web, head: &Parts) -> Result<Admitted, HttpError> {
    let offered = offered(&head.headers).unwrap_or_default();
    let own = web.app.admin_token.as_ref();
    if own.is_some_and(|token| auth::one_of(std::slice::from_ref(token), &offered)) {
        return Ok(Admitted::Operator);
    }
    if looks_like_one(&offered) {
        let token = api_tokens::of(&web.app, &offered).await?;
        let admitted = token.map(Admitted::Token).ok_or(HttpError::Unauthorized {
            challenge: CHALLENGE,
        })?;
        let needed = needed(&head.method, head.uri.path());
        let allowed = needed.is_some_and(|scope| admitted.may(scope));
        return allowed
            .then_some(admitted)
            .ok_or(HttpError::OutOfScope { needed });
    }
    match own {
        None => Ok(Admitted::Operator),
        Some(_) => Err(HttpError::Unauthorized {
            challenge: CHALLENGE,
        }),
    }
}

/// The scope that a request needs; none where no token will do. Whatever is not named here is an order.
fn needed(method: &Method, path: &str) -> Option<Scope> {
    let below = path.strip_prefix(API).unwrap_or_default();
    let is_or_below = |area: &str| {
        let rest = below.strip_prefix(area);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if OPERATORS_ONLY.iter().any(|area| is_or_below(area)) {
        return None;
    }
    Some(match *method {
        Method::GET | Method::HEAD => Scope::Read,
        _ if below.starts_with(ANSWERS) => Scope::Answer,
        _ => Scope::Operate,
    })
}

/// Lets orders pass that a page of another site cannot have sent. A browser says of every `POST` where
/// it comes from, and sends [`COMMAND`] for its own pages only. Nor can it know an API token.
pub(in crate::http) async fn commands_only(mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let method = request.method();
    if ![Method::GET, Method::HEAD, Method::POST].contains(method) {
        // Whatever else there may be one day is no order without being one of these: no route has this method,
        // so the answer is 405, with what the path takes.
        *request.method_mut() = Method::TRACE;
        return next.run(request).await;
    }
    let browser = headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site");
    let token = matches!(request.extensions().get(), Some(Admitted::Token(_)));
    let meant = headers.contains_key(COMMAND) || token;
    if method != Method::POST || (meant && !browser) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_needs_a_scope_and_tokens_and_sessions_take_none() {
        for (method, path, scope) in [
            (Method::GET, "/api/v1/grants", Some(Scope::Read)),
            (Method::HEAD, "/", Some(Scope::Read)),
            (Method::GET, "/metrics", Some(Scope::Read)),
            (Method::POST, "/api/v1/pause", Some(Scope::Operate)),
            (Method::DELETE, "/api/v1/grants/x", Some(Scope::Operate)),
            (
                Method::POST,
                "/api/v1/requests/x/answer",
                Some(Scope::Answer),
            ),
            (Method::POST, "/requests/token", Some(Scope::Operate)),
            (Method::POST, "/api/v1/tokensmith", Some(Scope::Operate)),
            (Method::GET, "/api/v1/tokens", None),
            (Method::POST, "/api/v1/tokens/revoke", None),
            (Method::GET, "/api/v1/sessions", None),
            (Method::POST, "/api/v1/sessions/end", None),
        ] {
            assert_eq!(needed(&method, path), scope, "{method} {path}");
        }
    }
}
