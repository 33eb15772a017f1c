//! Spans for a collector, and that neither they nor metrics nor the log hold a secret.

use crate::process::{Installation, until};
use crate::world::{KEY, OURS, REGISTRY, furnished, message};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use clock::Clock;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// What the collector asks for, what stands in a body and what a sender proves itself by: nobody may repeat it.
const PLANTED: [&str; 3] = ["planted-in-a-header", "planted-in-a-body", KEY];

/// A collector of spans.
#[derive(Clone, Default)]
struct Collector {
    bodies: Arc<Mutex<Vec<Bytes>>>,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Collector {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let take = async |State(collector): State<Self>, headers: HeaderMap, body: Bytes| {
            collector.bodies.lock().unwrap().push(body);
            collector.headers.lock().unwrap().push(headers);
        };
        let routes = Router::new().route("/v1/traces", post(take));
        let routes = routes.with_state(self.clone());
        tokio_util::task::TaskTracker::new()
            .spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}")
    }

    /// Every span so far, with the process that sent it.
    fn spans(&self) -> Vec<(String, Span)> {
        let bodies = self.bodies.lock().unwrap().clone();
        let decode = |body| ExportTraceServiceRequest::decode(body).unwrap();
        let sent = bodies
            .into_iter()
            .map(decode)
            .flat_map(|it| it.resource_spans);
        let spans = sent.flat_map(|of| {
            let resource = of.resource.unwrap().attributes;
            let find = |name: &str| {
                let found = resource.iter().find(|it| it.key == name).unwrap();
                format!("{:?}", found.value)
            };
            assert!(find("service.name").contains("doorward"));
            let instance = find("service.instance.id");
            let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let spans = spans.map(move |span| (instance.clone(), span));
            spans.collect::<Vec<_>>()
        });
        spans.collect()
    }

    fn names(&self) -> Vec<String> {
        let spans = self.spans().into_iter();
        spans.map(|(_, span)| span.name).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_hold_a_denials_way_across_processes_and_no_secret() {
    let azure = furnished(&Clock::system()).await;
    let collector = Collector::default();
    let endpoint = collector.start().await;
    let mut installed = Installation::new(&azure, "4s");
    installed.environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            format!("api-key={}", PLANTED[0]),
        ),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
        ("DOORWARD_LOG", "debug".to_owned()),
    ];
    let first = installed.serve().await;
    let text = format!("{} {}", message(OURS), PLANTED[1]);
    first.deliver(text).await;
    until("the entry", async || !azure.entries(REGISTRY).is_empty()).await;
    until("its span", async || {
        collector.names().contains(&"open".to_owned())
    })
    .await;
    let mut told = first.said.clone() + &first.log() + &first.get("/metrics").await.1;
    assert!(first.terminate().await.success());
    let second = installed.serve().await;
    until("the removal", async || azure.entries(REGISTRY).is_empty()).await;
    until("its span", async || {
        collector.names().contains(&"remove".to_owned())
    })
    .await;
    told += &second.log();
    drop(second);

    is_one_way(&collector.spans());

    let headers = collector.headers.lock().unwrap();
    assert!(headers.iter().all(|it| it["api-key"] == PLANTED[0]));
    let sent = collector.bodies.lock().unwrap().concat();
    let sent = String::from_utf8_lossy(&sent).into_owned();
    for secret in PLANTED {
        assert!(!sent.contains(secret), "{secret} in a span");
        assert!(
            !told.contains(secret),
            "{secret} in the log or the metrics:\n{told}"
        );
    }
}

/// The spans are those of one denial, of which two processes wrote a part.
fn is_one_way(spans: &[(String, Span)]) {
    let of = |name: &str| &spans.iter().find(|(_, span)| span.name == name).unwrap().1;
    let root = of("receive");
    for name in ["decide", "open", "remove"] {
        assert_eq!(of(name).trace_id, root.trace_id, "{name}");
        assert_eq!(of(name).parent_span_id, root.span_id, "{name}");
        assert!(of(name).end_time_unix_nano >= of(name).start_time_unix_nano);
    }
    let write = of("write");
    assert_eq!(write.trace_id, root.trace_id);
    assert_eq!(write.parent_span_id, of("open").span_id);
    let grant = |span: &Span| {
        let found = span
            .attributes
            .iter()
            .find(|it| it.key == "doorward.grant.id");
        format!("{:?}", found.unwrap().value)
    };
    assert_eq!(grant(of("open")), grant(of("remove")));
    let sender = |name: &str| &spans.iter().find(|(_, span)| span.name == name).unwrap().0;
    assert_ne!(
        sender("open"),
        sender("remove"),
        "two processes wrote this trace"
    );
    let keys = spans.iter().map(|(_, span)| span.span_id.clone());
    let keys: std::collections::BTreeSet<Vec<u8>> = keys.collect();
    assert_eq!(keys.len(), spans.len(), "each span once");
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_hangs_or_refuses_stops_nothing() {
    let azure = furnished(&Clock::system()).await;
    // It takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut installed = Installation::new(&azure, "10m");
    installed.environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
    ];
    let process = installed.serve().await;
    process.deliver(message(OURS)).await;
    until("the entry", async || !azure.entries(REGISTRY).is_empty()).await;
    let clock = Clock::system();
    let began = clock.stopwatch();
    assert!(process.terminate().await.success());
    assert!(began.elapsed() < Duration::from_secs(12));

    drop(silent);
    let process = installed.serve().await;
    process.deliver(message("20.61.10.17")).await;
    until("the second", async || azure.entries(REGISTRY).len() == 2).await;
    until("the warning", async || {
        process.log().contains("traces are lost")
    })
    .await;
}
