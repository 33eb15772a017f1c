//! An endpoint for the senders' stories.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use clock::Clock;
use doorward_sim::senders::Endpoint;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;

/// An endpoint that passes handshakes, answers deliveries by a script (202 when it is used up), and
/// remembers what it was sent. It ends when it is dropped.
pub(super) struct Receiver {
    pub(super) clock: Clock,
    url: String,
    inner: Arc<Inner>,
    _server: JoinSet<()>,
}

#[derive(Default)]
struct Inner {
    script: Mutex<VecDeque<u16>>,
    received: Mutex<Vec<(HeaderMap, String, Bytes)>>,
    shy: bool,
}

impl Receiver {
    pub(super) async fn answering(script: &[u16]) -> Self {
        Self::start(script, false).await
    }

    pub(super) async fn start(script: &[u16], shy: bool) -> Self {
        let inner = Arc::new(Inner {
            script: Mutex::new(script.iter().copied().collect()),
            received: Mutex::default(),
            shy,
        });
        let app = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/events/grid?key=secret",
            listener.local_addr().unwrap()
        );
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        let clock = Clock::set_to("2026-03-01T10:00:00Z".parse().unwrap());
        Self {
            clock,
            url,
            inner,
            _server: server,
        }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::new(&self.clock, &self.url)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The last request: its headers, query and body.
    pub(super) fn last(&self) -> (HeaderMap, String, Value) {
        let received = self.inner.received.lock().unwrap();
        let (headers, query, body) = received.last().unwrap().clone();
        (
            headers,
            query,
            serde_json::from_slice(&body).unwrap_or(Value::Null),
        )
    }

    /// The last request's body as text.
    pub(super) fn last_text(&self) -> String {
        let received = self.inner.received.lock().unwrap();
        String::from_utf8(received.last().unwrap().2.to_vec()).unwrap()
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
    let handshake = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let code = handshake[0]["data"]["validationCode"].clone();
    let query = head.uri.query().unwrap_or_default().to_owned();
    inner
        .received
        .lock()
        .unwrap()
        .push((head.headers, query, body));
    if head.method == Method::OPTIONS {
        let rate = if inner.shy { "no" } else { "*" };
        let headers = [
            ("webhook-allowed-origin", "eventgrid.azure.net"),
            ("webhook-allowed-rate", rate),
        ];
        return headers.into_response();
    }
    if !code.is_null() {
        let status = if inner.shy {
            StatusCode::ACCEPTED
        } else {
            StatusCode::OK
        };
        return (status, json!({ "validationResponse": code }).to_string()).into_response();
    }
    let next = inner.script.lock().unwrap().pop_front().unwrap_or(202);
    StatusCode::from_u16(next).unwrap().into_response()
}
