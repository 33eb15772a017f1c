//! The pages for operators: what needs a person, what is open, and the whole story of everything that has a
//! name. A `GET` changes nothing; what can be done asks for confirmation, and is written down with who did it.

mod actions;
mod charts;
mod grants;
mod live;
mod overview;
mod policy;
mod refused;
mod registries;
mod requests;
mod senders;
mod story;
mod svg;
mod timeline;
mod view;

use crate::flow::app::App;
use crate::flow::view::readiness;
use crate::http::caller::Caller;
use crate::http::pages::prose::Prose;
use crate::http::pages::{answers, page};
use crate::http::viewer::Viewer;
use crate::http::{HttpError, Web};
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use doorward_core::ledger::id::RequestId;
use doorward_core::ledger::orders::Pause;
use doorward_core::messages::{invisible, wording};
use jiff::Timestamp;
use view::View;

/// The pages that every page leads to, by path below the root and name.
pub(in crate::http) const NAVIGATION: [(&str, &str); 7] = [
    ("./", "Overview"),
    ("grants", "Grants"),
    ("requests", "Requests"),
    ("registries", "Registries"),
    ("timeline", "Timeline"),
    ("charts", "Charts"),
    ("policy", "Policy"),
];

/// The largest form here: a name and a reason.
const LARGEST_FORM: usize = 4096;

/// The routes. `links`: whether what links lead to is answered beside them.
pub(in crate::http) fn routes(links: bool) -> Router<Web> {
    let request = if links {
        Router::new()
    } else {
        Router::new().route("/requests/{id}", get(requests::one))
    };
    request
        .route("/", get(overview::page))
        .route("/waiting", get(overview::waiting))
        .route("/grants", get(grants::all))
        .route("/grants/{id}", get(grants::one))
        .route(
            "/grants/{id}/revoke",
            get(actions::ask_revoke).post(actions::revoke),
        )
        .route(
            "/grants/{id}/extend",
            get(actions::ask_extend).post(actions::extend),
        )
        .route("/requests", get(requests::all))
        .route("/denials/{id}", get(refused::denial))
        .route("/addresses/{address}", get(refused::address))
        .route("/registries", get(registries::all))
        .route("/registries/{name}", get(registries::one))
        .route("/pause", get(actions::ask_pause).post(actions::pause))
        .route("/resume", get(actions::ask_resume).post(actions::resume))
        .route("/sources/{name}", get(senders::source))
        .route("/sets/{name}", get(senders::set))
        .route("/rules/{name}", get(policy::rule))
        .route("/policy", get(policy::page))
        .route("/timeline", get(timeline::page))
        .route("/charts", get(charts::page))
        .route("/live", get(live::stream))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
}

/// `GET /requests/{token}` where links are answered here too: an id leads to the operators' page.
pub(in crate::http) async fn by_id_or_link(
    web: State<Web>,
    caller: Extension<Caller>,
    viewer: Result<Viewer, HttpError>,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    match token {
        Ok(Path(id)) if id.parse::<RequestId>().is_ok() => requests::one(web, Path(id)).await,
        token => answers::show(web, caller, viewer, token).await,
    }
}

/// A page with what every page has.
fn framed(app: &App, title: impl Into<String>, depth: usize) -> View {
    View {
        title: invisible::escaped(&title.into()),
        depth,
        now: Prose::time(app.clock.now()),
        banners: banners(app),
        ..View::default()
    }
}

/// A page as an answer.
fn shown(view: Result<View, HttpError>) -> Response {
    match view.and_then(|view| page::html(&view)) {
        Ok(page) => page.into_response(),
        Err(error) => page::failed(&error),
    }
}

/// What everybody must see first: what is paused or only observed, since when and by whom.
fn banners(app: &App) -> Vec<Prose> {
    let paused = app.ledger.read(|state| {
        let all = state.pauses.all().map(|pause| (None, pause));
        let each = state.pauses.registries();
        let each = each.map(|(id, pause)| (Some(id.name()), pause));
        let said = |(name, pause): (Option<&str>, &Pause)| {
            let on = name.map_or_else(|| "All registries".to_owned(), |name| format!("`{name}`"));
            wording::sentence(&format!("{on}: {}", wording::paused(pause)))
        };
        let stopped = state
            .stopped()
            .map(|id| wording::sentence(&format!("`{}`: {}", id.name(), wording::stopped(id))));
        let paused = all.into_iter().chain(each).map(said);
        paused.chain(stopped).collect::<Vec<_>>()
    });
    let observed = (!app.may_add).then(|| {
        "Observe mode: doorward decides and reports, and writes no firewall rules. `mode: enforce` in the configuration changes that."
            .to_owned()
    });
    let policy = readiness::policy_refused(app);
    let all = observed.into_iter().chain(policy).chain(paused);
    all.map(Prose::new).collect()
}

/// How long ago, in one unit: `5 min`.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A path below the root for something with a name that may hold anything.
fn path(folder: &str, name: &str) -> String {
    format!("{folder}/{}", encoded(name))
}

/// A text that may hold anything, for a path's part or a query's value.
fn encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut safe = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            write!(safe, "%{byte:02X}").ok();
        }
    }
    safe
}
