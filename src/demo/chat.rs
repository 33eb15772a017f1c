//! Where the demonstration's messages go: an incoming webhook that remembers.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A channel on loopback.
pub(super) struct Chat {
    messages: Arc<Mutex<Vec<Value>>>,
    url: String,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Chat {
    pub(super) async fn open() -> anyhow::Result<Self> {
        let messages = Arc::<Mutex<Vec<Value>>>::default();
        let router = Router::new()
            .route("/hook", post(take))
            .with_state(Arc::clone(&messages));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(crate::http::serve(listener, router, stop.clone()));
        Ok(Self {
            messages,
            url,
            tasks,
            stop,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The latest message with this code.
    pub(super) fn last(&self, code: &str) -> Option<Value> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages
            .iter()
            .rev()
            .find(|message| message["code"] == code)
            .cloned()
    }

    pub(super) async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn take(State(messages): State<Arc<Mutex<Vec<Value>>>>, Json(message): Json<Value>) {
    messages
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(message);
}
