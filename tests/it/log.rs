//! The log: enough to follow a delivery by, and nothing that opens anything.

use crate::parts::{KEY, ORIGIN, OTHER_KEY, PROD, Parts, post};
use crate::process::{Installation, until};
use crate::world::{OURS, furnished, message, with_shown};
use axum::body::Body;
use axum::http::Request;
use clock::Clock;
use doorward_sim::Call;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::Level;

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(crate) fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn keys_tokens_and_bodies_are_never_logged() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());

    parts.deliver("text/plain", "a secret body").await;
    parts
        .deliver("application/json", "{ \"secret body\": ")
        .await;
    let in_query = post(&format!("/events/grid?key={OTHER_KEY}"));
    parts
        .call(in_query.body(Body::from("a secret body")).unwrap())
        .await;
    let wrong = post("/events/alerts?key=wrong-key").header("x-doorward-key", "wrong-key");
    parts.call(wrong.body(Body::empty()).unwrap()).await;
    let page = parts
        .call(Request::get(&link).body(Body::empty()).unwrap())
        .await;
    let yes = with_shown("answer=allow", &page.text);
    for _ in 0..2 {
        let form = post(&link)
            .header("origin", ORIGIN)
            .header("content-type", "application/x-www-form-urlencoded");
        parts.call(form.body(yes.clone().into()).unwrap()).await;
    }
    parts
        .call(
            Request::get("/requests/forged-token")
                .body(Body::empty())
                .unwrap(),
        )
        .await;

    let log = lines.all();
    let token = link.rsplit('/').next().unwrap();
    for secret in [
        KEY,
        OTHER_KEY,
        "wrong-key",
        token,
        "forged-token",
        "secret body",
        "?key",
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    for told in [
        "route=\"/requests/{token}\"",
        "route=\"/events/{source}\"",
        "source=\"grid\"",
        "status=401",
        "status=409",
    ] {
        assert!(log.contains(told), "{told}: {log}");
    }
}

#[tokio::test]
async fn a_patch_stands_in_the_log_with_the_id_under_which_azure_tells_of_it() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "3s", |_| {});
    let process = installed.serve().await;
    process.deliver(message(OURS)).await;
    let ids = || -> Vec<String> {
        let patches = azure.requests_of(Call::PatchRegistry);
        let ids = patches.iter().map(|patch| &patch.headers);
        ids.map(|headers| headers["x-ms-correlation-request-id"].clone())
            .collect()
    };
    // One that opens, and one that closes; both at the level that a service has unless told otherwise.
    let told = |id: &String| {
        let log = process.log();
        let mut lines = log.lines();
        lines.any(|line| {
            line.contains("\"INFO\"") && line.contains("\"PATCH\"") && line.contains(id)
        })
    };
    until("both stand in the log", async || {
        let ids = ids();
        ids.len() == 2 && ids.iter().all(told)
    })
    .await;
}

#[tokio::test]
async fn refusals_of_unknown_callers_do_not_fill_the_log_and_are_all_counted() {
    let parts = Parts::new().await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    for _ in 0..300 {
        for uri in ["/events/alerts", "/events/nobody", "/requests/forged"] {
            parts.call(post(uri).body(Body::empty()).unwrap()).await;
        }
        for uri in ["/nothing", "/events/alerts", "/requests/forged"] {
            let request = Request::get(uri).body(Body::empty()).unwrap();
            parts.call(request).await;
        }
    }
    let log = lines.all();
    assert!(log.len() < 20_000, "{} bytes: {log}", log.len());
    for kind in ["401", "404", "405", "403"] {
        assert!(log.contains(&format!("status={kind}")), "{kind}: {log}");
    }
    let counted = parts.world.app.metrics.render();
    for (reason, count) in [
        ("unauthorized", 300),
        ("unknown_source", 300),
        ("not_found", 300),
        ("foreign_origin", 300),
        ("invalid_link", 300),
        ("method_not_allowed", 300),
    ] {
        let line = format!("doorward_refusals_total{{reason=\"{reason}\"}} {count}\n");
        assert!(counted.contains(&line), "{line}: {counted}");
    }
    // A sender that is proven is told of one by one.
    for _ in 0..20 {
        parts.deliver("application/json", "{").await;
    }
    assert_eq!(lines.all().matches("status=400").count(), 20);
}
