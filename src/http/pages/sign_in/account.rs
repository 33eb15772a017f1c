//! Who is signed in, and how to sign out.

use super::{SignInError, redirect};
use crate::http::pages::{assets, page};
use crate::http::viewer::Viewer;
use crate::http::{HttpError, Web};
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    name: String,
    subject: String,
    issuer: String,
    roles: String,
    form_token: String,
    /// Whether doorward keeps the session, and can end it.
    own_session: bool,
    /// How far below the root the page is.
    depth: usize,
}

/// `GET /account`: who is signed in.
pub(in crate::http) async fn account(
    State(web): State<Web>,
    viewer: Result<Viewer, HttpError>,
) -> Response {
    let shown = match (&web.app.sign_in, viewer) {
        (None, _) => Err(SignInError::NotConfigured.into()),
        (Some(_), Err(error)) => Err(error),
        (Some(_), Ok(Viewer::Person(signed_in))) => {
            let person = signed_in.person;
            page::html(&Account {
                name: person.name,
                subject: person.id.subject,
                issuer: person.id.issuer,
                roles: person.roles.into_iter().collect::<Vec<_>>().join(", "),
                form_token: signed_in.form_token,
                own_session: signed_in.session.is_some(),
                depth: 0,
            })
            .map(IntoResponse::into_response)
        }
        (Some(_), Ok(Viewer::Nobody | Viewer::Operator)) => {
            return redirect(&format!("{}/sign-in", web.app.public_url), []);
        }
    };
    shown.unwrap_or_else(|error| page::failed(&error))
}
