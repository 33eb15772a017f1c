//! Traces by OTLP over HTTP, where `OTEL_EXPORTER_OTLP_ENDPOINT` says to whom.
//!
//! The spans are the steps of a denial's way, as the ledger tells them. A trace has the denial's id, and each
//! span a number that follows from what it is about, so that the loops of several replicas write one trace
//! without handing anything on.

use crate::azure::http::Http;
use async_trait::async_trait;
use doorward_core::telemetry::steps::{Step, StepKind};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, Key, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// Where the collector is (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// How long the collector may take for one batch.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what is left may take when the program ends.
const LAST: Duration = Duration::from_secs(2);

/// Sends spans to the collector. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Traces {
    processor: Arc<BatchSpanProcessor<Tokio>>,
    scope: InstrumentationScope,
}

/// Traces that cannot be sent as the environment says.
#[derive(Debug, thiserror::Error)]
#[error("`OTEL_EXPORTER_OTLP_ENDPOINT` and what else begins with `OTEL_` cannot be used: {0}")]
pub struct TracesError(String);

impl Traces {
    /// What the environment asks for; none where it names no collector. Needs a runtime.
    #[expect(
        clippy::disallowed_methods,
        reason = "OpenTelemetry's library reads its settings from the environment, and so its switch is there"
    )]
    pub fn from_environment(http: &Http) -> Result<Option<Self>, TracesError> {
        let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let disabled = said("OTEL_SDK_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true"));
        let off = said("OTEL_TRACES_EXPORTER").is_some_and(|it| it == "none");
        if disabled || off || !ENDPOINTS.into_iter().any(|name| said(name).is_some()) {
            return Ok(None);
        }
        let client = Client {
            http: http.clone(),
            failing: AtomicBool::new(false),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(client)
            .build()
            .map_err(|error| TracesError(error.to_string()))?;
        let mut processor = BatchSpanProcessor::builder(exporter, Tokio).build();
        processor.set_resource(&resource());
        let scope = InstrumentationScope::builder("doorward");
        Ok(Some(Self {
            processor: Arc::new(processor),
            scope: scope.with_version(env!("CARGO_PKG_VERSION")).build(),
        }))
    }

    /// Sends a step as a span, soon.
    pub fn tell(&self, step: &Step) {
        self.processor.on_end(span(step, self.scope.clone()));
    }

    /// Sends what is left. It waits for the collector, but not long.
    pub async fn end(&self) {
        let processor = Arc::clone(&self.processor);
        let ended = tokio::task::spawn_blocking(move || processor.shutdown_with_timeout(LAST));
        // What the collector does not take by then is lost, which changes nothing but traces.
        tokio::time::timeout(LAST, ended).await.ok();
    }
}

/// What sends: `service.name` is `doorward` unless the environment says otherwise.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let name = said.get(&Key::new("service.name"));
    let named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let mut resource = Resource::builder().with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
    ]);
    if !named {
        resource = resource.with_service_name("doorward");
    }
    resource.build()
}

fn span(step: &Step, scope: InstrumentationScope) -> SpanData {
    SpanData {
        span_context: context(step.denial.0, step.id),
        parent_span_id: step.parent.map_or(SpanId::INVALID, SpanId::from),
        // Whoever wrote the entry that it belongs to may have been another process.
        parent_span_is_remote: step.parent.is_some(),
        span_kind: match step.kind {
            StepKind::Receive => SpanKind::Consumer,
            StepKind::Write => SpanKind::Client,
            StepKind::Deliver => SpanKind::Producer,
            StepKind::Decide | StepKind::Ask | StepKind::Open | StepKind::Remove => {
                SpanKind::Internal
            }
        },
        name: step.kind.name().into(),
        start_time: SystemTime::from(step.since),
        end_time: SystemTime::from(step.until),
        attributes: attributes(step),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: links(step),
        status: if step.failed {
            Status::error(step.result)
        } else {
            Status::Unset
        },
        instrumentation_scope: scope,
    }
}

fn context(trace: uuid::Uuid, span: u64) -> SpanContext {
    SpanContext::new(
        TraceId::from(trace.as_u128()),
        SpanId::from(span),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    )
}

/// Names and ids alone: what callers wrote of themselves is in none of them.
fn attributes(step: &Step) -> Vec<KeyValue> {
    let of = &step.of;
    let registry = of.registry.as_ref().map(|id| id.name().to_owned());
    let named = [
        ("doorward.denial.id", Some(step.denial.to_string())),
        ("doorward.result", Some(step.result.to_owned())),
        ("doorward.source", of.source.clone()),
        ("doorward.registry", registry),
        ("doorward.grant.id", of.grant.map(|id| id.to_string())),
        ("doorward.request.id", of.request.map(|id| id.to_string())),
        ("doorward.channel", of.channel.clone()),
        ("doorward.write.id", of.write.map(|id| id.to_string())),
    ];
    let named = named.into_iter();
    let named = named.filter_map(|(name, value)| Some(KeyValue::new(name, value?)));
    named.collect()
}

/// The way that this one repeats.
fn links(step: &Step) -> SpanLinks {
    let mut links = SpanLinks::default();
    if let Some(repeats) = step.of.repeats {
        let first = step.parent.unwrap_or(step.id);
        let of = context(repeats.0, first);
        links
            .links
            .push(opentelemetry::trace::Link::with_context(of));
    }
    links
}

/// The program's own way out, so that proxies, authorities and limits are those of everything else.
#[derive(Debug)]
struct Client {
    http: Http,
    failing: AtomicBool,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request).await;
        let failed = match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("status {}", answer.status().as_u16())),
            Err(error) => Some(error.to_string()),
        };
        match failed {
            Some(why) if !self.failing.swap(true, Ordering::Relaxed) => {
                tracing::warn!("traces are lost: the collector does not take them: {why}");
            }
            None if self.failing.swap(false, Ordering::Relaxed) => {
                tracing::info!("the collector takes traces again");
            }
            Some(_) | None => {}
        }
        sent
    }
}

impl Client {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let reply = tokio::time::timeout(PATIENCE, self.http.send(request)).await??;
        let mut answer = Response::new(Bytes::from(reply.body));
        *answer.status_mut() = reply.status;
        *answer.headers_mut() = reply.headers;
        Ok(answer)
    }
}
