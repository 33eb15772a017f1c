//! What operators do on pages. Each asks for confirmation first, is heard from doorward's own pages alone,
//! and is written down with who did it.

use super::overview::missing;
use super::view::{Confirm, Field, View};
use super::{encoded, framed, path, shown};
use crate::flow::app::App;
use crate::flow::orders::{self, By};
use crate::http::listener::origin;
use crate::http::pages::page;
use crate::http::pages::prose::Prose;
use crate::http::{HttpError, Web};
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::response::{IntoResponse, Redirect, Response};
use doorward_core::ledger::id::GrantId;
use doorward_core::messages::wording;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::state::GrantRecord;
use doorward_core::yaml::duration;
use serde::Deserialize;

/// A confirmation.
#[derive(Deserialize)]
pub(in crate::http) struct Order {
    by: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    time: String,
}

/// Which registry is meant; none for all.
#[derive(Deserialize)]
pub(in crate::http) struct Of {
    registry: Option<String>,
}

type Sent = Result<Form<Order>, FormRejection>;

fn field(name: &'static str, label: &'static str, value: &str, required: bool) -> Field {
    Field {
        name,
        label,
        kind: "text",
        value: value.to_owned(),
        required,
    }
}

/// The page that asks whether this is meant.
fn ask(app: &App, title: String, depth: usize, lead: String, confirm: Confirm) -> View {
    let mut view = framed(app, title, depth);
    view.lead = Prose::new(lead);
    view.confirm = Some(confirm);
    view
}

fn who() -> Field {
    field(
        "by",
        "Your name, for the audit log (not verified)",
        "",
        true,
    )
}

fn why() -> Field {
    field("reason", "Reason", "", false)
}

/// Who orders, as the form says, if it comes from a page of ours.
fn by(headers: &HeaderMap, sent: Sent) -> Result<(By, Order), HttpError> {
    // Which hosts are good was seen before: see `listener::hosts`.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = format!("http://{}", host.unwrap_or_default());
    if !origin::own(headers, &own) {
        return Err(HttpError::ForeignOrigin);
    }
    let Form(order) = sent.map_err(|error| HttpError::BadOrder(error.body_text()))?;
    let reason = Some(order.reason.trim()).filter(|reason| !reason.is_empty());
    let by = By::new(&order.by, reason)?;
    Ok((by, order))
}

/// A page that shows what was done.
fn done(result: Result<String, HttpError>) -> Response {
    match result {
        Ok(to) => Redirect::to(&to).into_response(),
        Err(error) => page::failed(&error),
    }
}

fn standing(app: &App, id: &str) -> Result<GrantRecord, HttpError> {
    let id: GrantId = id.parse().map_err(|_| missing())?;
    let known = app.ledger.read(|state| state.grants.get(&id).cloned());
    known.ok_or_else(missing)
}

fn grant_form(app: &App, id: &str, verb: &str, fields: Vec<Field>) -> Result<View, HttpError> {
    let grant = standing(app, id)?.grant;
    let title = format!("{verb} {} on {}?", grant.address, grant.registry.name());
    let until = wording::time(grant.until);
    let lead = format!("The grant is active until {until}.");
    let confirm = Confirm {
        button: verb.to_owned(),
        back: format!("grants/{}", grant.id),
        fields,
    };
    Ok(ask(app, title, 2, lead, confirm))
}

/// `GET /grants/{id}/revoke`.
pub(in crate::http) async fn ask_revoke(
    State(web): State<Web>,
    Path(id): Path<String>,
) -> Response {
    shown(grant_form(&web.app, &id, "Revoke", vec![who(), why()]))
}

/// `POST /grants/{id}/revoke`.
pub(in crate::http) async fn revoke(
    State(web): State<Web>,
    Path(id): Path<String>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let result = async {
        let (by, _) = by(&headers, sent)?;
        let grant = standing(&web.app, &id)?.grant.id;
        orders::revoke(&web.app, grant, &by).await?;
        Ok(format!("../{grant}"))
    };
    done(result.await)
}

/// `GET /grants/{id}/extend`.
pub(in crate::http) async fn ask_extend(
    State(web): State<Web>,
    Path(id): Path<String>,
) -> Response {
    let time = field("time", "For how long from now (30m, 2h)", "1h", true);
    shown(grant_form(&web.app, &id, "Extend", vec![time, who()]))
}

/// `POST /grants/{id}/extend`.
pub(in crate::http) async fn extend(
    State(web): State<Web>,
    Path(id): Path<String>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let result = async {
        let (by, order) = by(&headers, sent)?;
        let grant = standing(&web.app, &id)?.grant.id;
        let time = duration::parse(order.time.trim());
        let time = time.map_err(|error| HttpError::BadOrder(error.to_string()))?;
        orders::extend(&web.app, grant, time, &by).await?;
        Ok(format!("../{grant}"))
    };
    done(result.await)
}

/// The registry that is meant; none for all.
fn registry(app: &App, of: &Of) -> Result<Option<ResourceId>, HttpError> {
    let name = of.registry.as_deref().filter(|name| !name.is_empty());
    let id = name.map(|name| orders::registry(app, name));
    Ok(id.transpose()?)
}

fn registry_form(app: &App, of: &Of, verb: &str, lead: &str) -> Result<View, HttpError> {
    let id = registry(app, of)?;
    let (name, back) = match &id {
        None => ("all registries", "registries".to_owned()),
        Some(id) => (id.name(), path("registries", id.name())),
    };
    let confirm = Confirm {
        button: verb.to_owned(),
        back,
        fields: vec![who(), why()],
    };
    Ok(ask(
        app,
        format!("{verb} {name}?"),
        0,
        lead.to_owned(),
        confirm,
    ))
}

/// Where one comes to afterwards.
fn after(id: Option<&ResourceId>) -> String {
    id.map_or_else(
        || "registries".to_owned(),
        |id| format!("registries/{}", encoded(id.name())),
    )
}

/// `GET /pause`.
pub(in crate::http) async fn ask_pause(State(web): State<Web>, Query(of): Query<Of>) -> Response {
    let lead = "Nothing more is opened until somebody resumes. Rules that are over are removed all the same.";
    shown(registry_form(&web.app, &of, "Pause", lead))
}

/// `POST /pause`.
pub(in crate::http) async fn pause(
    State(web): State<Web>,
    Query(of): Query<Of>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let result = async {
        let (by, _) = by(&headers, sent)?;
        let id = registry(&web.app, &of)?;
        orders::pause(&web.app, id.clone(), None, &by).await?;
        Ok(after(id.as_ref()))
    };
    done(result.await)
}

/// `GET /resume`.
pub(in crate::http) async fn ask_resume(State(web): State<Web>, Query(of): Query<Of>) -> Response {
    let lead = "What policy or people have granted meanwhile, and is not over, is opened then.";
    shown(registry_form(&web.app, &of, "Resume", lead))
}

/// `POST /resume`.
pub(in crate::http) async fn resume(
    State(web): State<Web>,
    Query(of): Query<Of>,
    headers: HeaderMap,
    sent: Sent,
) -> Response {
    let result = async {
        let (by, _) = by(&headers, sent)?;
        let id = registry(&web.app, &of)?;
        orders::resume(&web.app, id.clone(), &by).await?;
        Ok(after(id.as_ref()))
    };
    done(result.await)
}
