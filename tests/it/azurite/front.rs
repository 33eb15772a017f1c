//! What stands in front of a service: it passes everything on, hangs, or answers by itself.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They go on to the service.
    Pass,
    /// Nobody is ever answered.
    Hang,
    /// All are answered with this status and error code.
    Answer(u16, &'static str),
    /// Only deletes are answered so; others go on.
    RefuseDeletes(u16, &'static str),
}

#[derive(Clone)]
struct Shared {
    service: String,
    mode: Arc<Mutex<Mode>>,
    received: Arc<AtomicUsize>,
    client: reqwest::Client,
}

/// A front before a service.
pub(crate) struct Front {
    /// Where it is reached.
    pub(crate) url: String,
    mode: Arc<Mutex<Mode>>,
    received: Arc<AtomicUsize>,
}

impl Front {
    /// A front before the service at `url`, such as `http://127.0.0.1:10001/account`.
    pub(crate) async fn before(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let shared = Shared {
            service: format!("{scheme}://{host}"),
            mode: Arc::new(Mutex::new(Mode::Pass)),
            received: Arc::default(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        let (mode, received) = (Arc::clone(&shared.mode), Arc::clone(&shared.received));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/{path}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(shared);
        tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, router).await });
        Self {
            url,
            mode,
            received,
        }
    }

    /// How many messages were handed out, each time that one was.
    pub(crate) fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }

    pub(crate) fn is(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mode = *shared.mode.lock().unwrap();
    match mode {
        Mode::Hang => std::future::pending().await,
        Mode::Answer(status, code) => refusal(status, code),
        Mode::RefuseDeletes(status, code) if method == Method::DELETE => refusal(status, code),
        Mode::RefuseDeletes(..) | Mode::Pass => {
            let url = format!("{}{uri}", shared.service);
            let mut request = shared.client.request(method, url).body(body);
            for (name, value) in &headers {
                if name != "host" {
                    request = request.header(name, value);
                }
            }
            let answer = request.send().await.unwrap();
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                if name != "transfer-encoding" {
                    response = response.header(name, value);
                }
            }
            let body = answer.bytes().await.unwrap();
            let messages = memchr::memmem::find_iter(&body, b"<PopReceipt>").count();
            shared.received.fetch_add(messages, Ordering::SeqCst);
            response.body(Body::from(body)).unwrap()
        }
    }
}

fn refusal(status: u16, code: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("x-ms-error-code", code)], String::new()).into_response()
}
