//! Who is looking at a page: nobody that is known, an operator, or a person who is signed in.

use super::api::operator::Admitted;
use super::{HttpError, Web};
use crate::auth::{SignIn, Way};
use crate::flow::access::sessions;
use crate::flow::app::App;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use cookie::Cookie;
use doorward_core::auth::easy_auth;
use doorward_core::auth::person::Person;
use std::net::SocketAddr;
use uuid::Uuid;

/// The cookie of a session. Its prefix keeps it to this very host, over https (RFC 6265bis).
const SESSION: &str = "__Host-doorward-session";

/// The same where doorward is reached on this machine without TLS: browsers take the prefix over https only.
const SESSION_ON_LOOPBACK: &str = "doorward-session";

/// Who is looking. An extractor for pages: `viewer: Viewer`; it fails only where nobody can tell.
#[derive(Clone, Debug)]
pub(in crate::http) enum Viewer {
    /// Nobody that is known.
    Nobody,
    /// Whoever may use the operators' listener, and is not signed in.
    Operator,
    /// A person who is signed in, on either listener.
    Person(Box<SignedIn>),
}

/// A person who is signed in.
#[derive(Clone, Debug)]
pub(in crate::http) struct SignedIn {
    /// Who it is.
    pub(in crate::http) person: Person,
    /// Their session; none where the platform in front keeps it.
    pub(in crate::http) session: Option<Uuid>,
    /// What every form that acts for them carries, in the field `form_token`.
    pub(in crate::http) form_token: String,
}

impl Viewer {
    /// Who is signed in.
    pub(in crate::http) fn signed_in(&self) -> Option<&SignedIn> {
        match self {
            Self::Person(signed_in) => Some(signed_in),
            Self::Nobody | Self::Operator => None,
        }
    }
}

impl SignedIn {
    /// Whom a form's token is for.
    fn whom(person: &Person, session: Option<Uuid>) -> String {
        session.map_or_else(|| person.id.to_string(), |id| id.to_string())
    }

    /// Whether a form that was shown to them carries this token.
    pub(in crate::http) fn is_own_form(&self, app: &App, token: &str) -> bool {
        let whom = Self::whom(&self.person, self.session);
        let sign_in = app.sign_in.as_ref();
        sign_in.is_some_and(|sign_in| sign_in.is_form_token(&whom, token))
    }
}

impl FromRequestParts<Web> for Viewer {
    type Rejection = HttpError;

    async fn from_request_parts(head: &mut Parts, web: &Web) -> Result<Self, HttpError> {
        if let Some(sign_in) = &web.app.sign_in
            && let Some((person, session)) = signed_in(&web.app, sign_in, head).await?
        {
            let form_token = sign_in.form_token(&SignedIn::whom(&person, session));
            return Ok(Self::Person(Box::new(SignedIn {
                person,
                session,
                form_token,
            })));
        }
        Ok(match head.extensions.get::<Admitted>() {
            Some(Admitted::Operator) => Self::Operator,
            Some(Admitted::Token(_)) | None => Self::Nobody,
        })
    }
}

async fn signed_in(
    app: &App,
    sign_in: &SignIn,
    head: &Parts,
) -> Result<Option<(Person, Option<Uuid>)>, HttpError> {
    match &sign_in.way {
        Way::Provider(_) => {
            let name = session_cookie(&app.public_url);
            let Some(secret) = cookie(&head.headers, name) else {
                return Ok(None);
            };
            let session = sessions::of(app, &secret).await?;
            Ok(session.map(|session| (session.person, Some(session.id))))
        }
        Way::EasyAuth { tenant_id } => {
            if !is_from_proxy(app, head) {
                return Ok(None);
            }
            let mut values = head.headers.get_all(easy_auth::HEADER).iter();
            let (Some(value), None) = (values.next(), values.next()) else {
                return Ok(None);
            };
            let claims = value
                .to_str()
                .ok()
                .and_then(|value| easy_auth::claims(value, tenant_id));
            let person = claims.and_then(|claims| sign_in.admission.person(&claims).ok());
            Ok(person.map(|person| (person, None)))
        }
    }
}

/// Whether the connection itself comes from a trusted proxy: only that sets the platform's headers.
fn is_from_proxy(app: &App, head: &Parts) -> bool {
    let direct = head.extensions.get::<ConnectInfo<SocketAddr>>();
    direct.is_some_and(|ConnectInfo(direct)| {
        let address = direct.ip().to_canonical();
        let proxies = &app.trusted_proxies;
        proxies.iter().any(|network| network.contains(&address))
    })
}

/// The name of the cookie of a session.
pub(in crate::http) fn session_cookie(public_url: &str) -> &'static str {
    if public_url.starts_with("https:") {
        SESSION
    } else {
        SESSION_ON_LOOPBACK
    }
}

/// A cookie's value; none if it is there twice.
pub(in crate::http) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter();
    let texts = texts.filter_map(|value| value.to_str().ok());
    let all = texts.flat_map(Cookie::split_parse).flatten();
    let mut named = all.filter(|cookie| cookie.name() == name);
    match (named.next(), named.next()) {
        (Some(one), None) => Some(one.value().to_owned()),
        _ => None,
    }
}
