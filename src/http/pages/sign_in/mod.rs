//! How people sign in and out: `/sign-in` leads to the provider, `/sign-in/callback` back from there.
//!
//! Between the two, the browser keeps what was sent along in a cookie of ten minutes. Nothing is stored here
//! until the provider has vouched for somebody: whoever calls these pages makes nothing grow.

mod account;
mod cookies;
mod error;

pub(in crate::http) use account::account;
pub(in crate::http) use error::SignInError;

use super::page;
use crate::auth::{self, ProviderError, SignIn, Way};
use crate::flow::access::sessions;
use crate::flow::app::App;
use crate::http::listener::origin;
use crate::http::viewer::{Viewer, session_cookie};
use crate::http::{HttpError, Web};
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookies::{UnderWay, WITHIN, add_cookie, set_cookie, under_way, under_way_cookie};
use doorward_core::auth::person::Person;
use doorward_core::auth::sign_in::{challenge, own_path};
use serde::Deserialize;

/// Where people come to who asked for no page.
const ACCOUNT: &str = "/account";

/// What the provider sends a person back with.
#[derive(Deserialize)]
pub(in crate::http) struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Where a person wants to come back to.
#[derive(Deserialize)]
pub(in crate::http) struct To {
    #[serde(default)]
    to: String,
}

/// A form that acts for a person.
#[derive(Deserialize)]
pub(in crate::http) struct Own {
    #[serde(default)]
    form_token: String,
}

/// `GET /sign-in?to=/requests/..`: to the provider.
pub(in crate::http) async fn begin(
    State(web): State<Web>,
    to: Result<Query<To>, QueryRejection>,
) -> Response {
    let to = to.map(|Query(to)| to.to).unwrap_or_default();
    let to = own_path(&to).unwrap_or(ACCOUNT);
    let begun = begun(&web.app, to).await;
    begun.unwrap_or_else(|error| page::failed(&error))
}

async fn begun(app: &App, to: &str) -> Result<Response, HttpError> {
    let sign_in = app.sign_in.as_ref().ok_or(SignInError::NotConfigured)?;
    let provider = match &sign_in.way {
        Way::Provider(provider) => provider,
        Way::EasyAuth { .. } => {
            let back = format!("/.auth/login/aad?post_login_redirect_uri={to}");
            return Ok(redirect(&back, []));
        }
    };
    let secret = || {
        auth::secret_text().map_err(|error| HttpError::from(sessions::SessionError::from(error)))
    };
    let under_way = UnderWay {
        state: secret()?,
        nonce: secret()?,
        verifier: secret()?,
        to: to.to_owned(),
        at: app.clock.now().as_second(),
    };
    let challenge = challenge(&under_way.verifier);
    let url = provider.sign_in_url(&under_way.state, &under_way.nonce, &challenge);
    let url = url.await.map_err(|error| told(error, sign_in))?;
    let kept = serde_json::to_vec(&under_way).map_err(|_| HttpError::Internal)?;
    let name = under_way_cookie(&app.public_url);
    let kept = set_cookie(app, name, URL_SAFE_NO_PAD.encode(kept), WITHIN);
    Ok(redirect(url.as_str(), [kept]))
}

/// `GET /sign-in/callback`: back from the provider. The one `GET` that writes something down, a session, and
/// only for the browser in which the sign-in began.
pub(in crate::http) async fn callback(
    State(web): State<Web>,
    method: Method,
    headers: HeaderMap,
    answer: Result<Query<Answer>, QueryRejection>,
) -> Response {
    let app = &web.app;
    if method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let done = match answer {
        Ok(Query(answer)) => called_back(app, &headers, answer).await,
        Err(_) => Err(SignInError::NotStarted.into()),
    };
    // Whatever came of it, it is not used again.
    let over = set_cookie(app, under_way_cookie(&app.public_url), String::new(), 0);
    let mut response = done.unwrap_or_else(|error| page::failed(&error));
    add_cookie(&mut response, over);
    response
}

async fn called_back(
    app: &App,
    headers: &HeaderMap,
    answer: Answer,
) -> Result<Response, HttpError> {
    let sign_in = app.sign_in.as_ref().ok_or(SignInError::NotConfigured)?;
    let under_way = under_way(app, headers).ok_or(SignInError::NotStarted)?;
    let state = answer.state.as_deref().unwrap_or_default();
    if state.is_empty() || state != under_way.state {
        return Err(SignInError::NotStarted.into());
    }
    let person = person(sign_in, &under_way, &answer)
        .await
        .map_err(|error| told(error, sign_in))?;
    let (secret, seconds) = sessions::begin(app, sign_in, person).await?;
    let name = session_cookie(&app.public_url);
    let session = set_cookie(app, name, secret, seconds);
    // Looked at again: the cookie is the browser's.
    let to = own_path(&under_way.to).unwrap_or(ACCOUNT);
    Ok(redirect(&format!("{}{to}", app.public_url), [session]))
}

/// Who signed in at the provider.
async fn person(
    sign_in: &SignIn,
    under_way: &UnderWay,
    answer: &Answer,
) -> Result<Person, ProviderError> {
    let Way::Provider(provider) = &sign_in.way else {
        return Err(ProviderError::Refused("nobody asked for it".to_owned()));
    };
    if let Some(issuer) = &answer.iss
        && !provider.is_issuer(issuer).await?
    {
        let issuer = auth::error_code(issuer);
        return Err(ProviderError::Refused(format!(
            "the answer is that of `{issuer}`"
        )));
    }
    let code = match (&answer.error, &answer.code) {
        (Some(error), _) => return Err(ProviderError::Refused(auth::error_code(error))),
        (None, Some(code)) => code,
        (None, None) => return Err(ProviderError::Refused("no code came back".to_owned())),
    };
    if sign_in.exchanges.check().is_err() {
        return Err(ProviderError::Unavailable("too many at once".to_owned()));
    }
    let claims = provider
        .redeem(code, &under_way.verifier, &under_way.nonce)
        .await?;
    Ok(sign_in.admission.person(&claims)?)
}

/// What the log says of a failure, and the person.
fn told(error: ProviderError, sign_in: &SignIn) -> HttpError {
    if let Way::Provider(provider) = &sign_in.way {
        tracing::warn!(issuer = provider.issuer(), %error, "Sign-in failed");
    }
    SignInError::from(error).into()
}

/// `POST /sign-out`.
pub(in crate::http) async fn sign_out(
    State(web): State<Web>,
    viewer: Result<Viewer, HttpError>,
    headers: HeaderMap,
    form: Result<Form<Own>, FormRejection>,
) -> Response {
    let app = &web.app;
    let signed_out = async {
        let viewer = viewer?;
        if !origin::own(&headers, &app.public_url) {
            return Err(HttpError::ForeignOrigin);
        }
        let signed_in = viewer.signed_in().ok_or(SignInError::Needed)?;
        let token = form.map(|Form(form)| form.form_token).unwrap_or_default();
        if !signed_in.is_own_form(app, &token) {
            return Err(SignInError::StaleForm.into());
        }
        match signed_in.session {
            Some(id) => drop(sessions::end(app, id).await?),
            None => return Ok(redirect("/.auth/logout", [])),
        }
        let over = set_cookie(app, session_cookie(&app.public_url), String::new(), 0);
        let mut response = page::note("Signed out", "Your session here is over.");
        add_cookie(&mut response, over);
        Ok(response)
    };
    signed_out
        .await
        .unwrap_or_else(|error| page::failed(&error))
}

fn redirect<const N: usize>(to: &str, cookies: [Option<HeaderValue>; N]) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return HttpError::Internal.into_response();
    };
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response();
    for cookie in cookies {
        add_cookie(&mut response, cookie);
    }
    response
}
