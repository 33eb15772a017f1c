//! What a listener answers while the program behind it is not ready to take anything: it is there, says
//! why, and whoever sends comes back.

use crate::http::HttpError;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use doorward_core::state::readiness::{Condition, ConditionCode, Readiness};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tower::ServiceExt;

/// Stands in front of a router that comes later. Clones are the same gate.
#[derive(Clone)]
pub struct Gate {
    behind: Arc<OnceLock<Router>>,
    closed_by: Arc<Mutex<Condition>>,
}

impl Default for Gate {
    fn default() -> Self {
        let opening = Condition::new(
            ConditionCode::LedgerUnavailable,
            "The ledger is being opened.",
        );
        Self {
            behind: Arc::default(),
            closed_by: Arc::new(Mutex::new(opening)),
        }
    }
}

impl Gate {
    /// What a listener serves.
    pub fn router(&self) -> Router {
        Router::new().fallback(pass).with_state(self.clone())
    }

    /// Says why it is still closed.
    pub fn closed_by(&self, condition: Condition) {
        let mut known = self
            .closed_by
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *known = condition;
    }

    /// From now on requests go to `router`.
    pub fn open(&self, router: Router) {
        // Nobody opens it twice.
        self.behind.set(router).ok();
    }

    fn refuse(&self, path: &str) -> Response {
        match path {
            "/healthz" => "ok\n".into_response(),
            "/readyz" => {
                let known = self
                    .closed_by
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let readiness = Readiness::of(vec![known.clone()], Vec::new());
                (StatusCode::SERVICE_UNAVAILABLE, Json(readiness)).into_response()
            }
            _ => HttpError::Unavailable.into_response(),
        }
    }
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    match gate.behind.get() {
        Some(router) => router.clone().oneshot(request).await.into_response(),
        None => gate.refuse(request.uri().path()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;

    async fn asked(gate: &Gate, path: &str) -> Response {
        let request = Request::get(path).body(Body::empty()).unwrap();
        gate.router().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_closed_gate_refuses_for_now_and_an_open_one_lets_through() {
        let gate = Gate::default();
        let refused = asked(&gate, "/events/clusters").await;
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "10");
        assert_eq!(asked(&gate, "/healthz").await.status(), 200);
        assert_eq!(asked(&gate, "/readyz").await.status(), 503);
        gate.open(Router::new().route("/here", get(async || "it is")));
        assert_eq!(asked(&gate, "/here").await.status(), 200);
        assert_eq!(asked(&gate, "/events/clusters").await.status(), 404);
    }
}
