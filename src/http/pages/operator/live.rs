//! What tells pages that something has changed: server-sent events.

use crate::http::listener::server::Stopping;
use crate::http::{HttpError, Web};
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// How often something is sent where nothing happens, so that a dead connection shows.
const EVERY: Duration = Duration::from_secs(15);

/// What a stream holds.
struct Watching {
    changed: watch::Receiver<i64>,
    stopping: Option<Stopping>,
    greeted: bool,
    _place: OwnedSemaphorePermit,
}

/// `GET /live`: an event whenever the ledger has grown; it says nothing of what happened.
pub(in crate::http) async fn stream(
    State(web): State<Web>,
    stopping: Option<Extension<Stopping>>,
) -> Response {
    let places = Arc::clone(&web.app.memory.watching.0);
    let Ok(place) = places.try_acquire_owned() else {
        return HttpError::Busy.into_response();
    };
    let watching = Watching {
        changed: web.app.ledger.changed(),
        stopping: stopping.map(|Extension(it)| it),
        greeted: false,
        _place: place,
    };
    let events = stream::unfold(watching, |mut it| async {
        if !std::mem::replace(&mut it.greeted, true) {
            let first = Event::default()
                .retry(Duration::from_secs(2))
                .comment("doorward");
            return Some((Ok::<_, Infallible>(first), it));
        }
        let stopped = it.stopping.clone();
        let stopped = async {
            match &stopped {
                Some(Stopping(token)) => token.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let grown = tokio::select! {
            grown = it.changed.changed() => grown.is_ok(),
            () = stopped => false,
        };
        grown.then(|| (Ok(Event::default().event("changed").data("1")), it))
    });
    let alive = KeepAlive::new().interval(EVERY);
    Sse::new(events).keep_alive(alive).into_response()
}
