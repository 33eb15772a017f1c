//! A forwarder of resource logs, as somebody builds one between an event hub and an endpoint:
//! `{"records": […]}` or JSON lines, with a few retries of its own.

use super::super::model::Registry;
use super::{Attempt, Delivery, Ending, Endpoint, Next};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;

/// How many times it tries again, waiting twice as long each time, from one second on.
const RETRIES: u32 = 5;

/// The form that records are sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `{"records": […]}`, as event hubs carry them.
    Records,
    /// One record a line, as storage accounts keep them.
    Lines,
}

/// Forwards diagnostic records.
#[derive(Clone, Debug)]
pub struct Forwarder {
    endpoint: Endpoint,
    form: Form,
}

impl Forwarder {
    /// Sends to this endpoint.
    pub fn new(endpoint: Endpoint, form: Form) -> Self {
        Self { endpoint, form }
    }

    /// Sends these records in one body, and tries again after 429, 5xx and lost replies, as
    /// `Retry-After` says where it is longer.
    pub async fn forward(&self, records: &[Value]) -> Delivery {
        let (content_type, body) = match self.form {
            Form::Records => (
                "application/json",
                json!({ "records": records }).to_string(),
            ),
            Form::Lines => {
                let lines: Vec<String> = records.iter().map(Value::to_string).collect();
                ("application/x-ndjson", lines.join("\n"))
            }
        };
        let headers = |_| vec![("content-type", content_type.to_owned())];
        self.endpoint.insist(&body, headers, after).await
    }
}

fn after(count: usize, attempt: &Attempt, replied: &HeaderMap) -> Next {
    match attempt.status {
        Some(200..=299) => return Next::End(Ending::Delivered),
        None | Some(408 | 429 | 500..) => {}
        Some(_) => return Next::End(Ending::Dropped),
    }
    match u32::try_from(count) {
        Ok(count) if count < RETRIES => {
            let asked = replied
                .get("retry-after")
                .and_then(|v| v.to_str().ok()?.parse().ok());
            let seconds = 2_u64.saturating_pow(count).max(asked.unwrap_or(0));
            Next::Wait(Duration::from_secs(seconds))
        }
        _ => Next::End(Ending::GivenUp),
    }
}

/// A row of `ContainerRegistryLoginEvents` as it is exported: upper-case resource id, the status as
/// text in `resultDescription`, and never the firewall's message.
pub fn login_event(registry: &Registry, caller: IpAddr, status: u16, at: Timestamp) -> Value {
    let properties = json!({ "loginServer": registry.login_server, "userAgent": "docker/28.3.0 go/go1.24 os/linux arch/amd64" });
    row(registry, "Login", (caller, status, at), &properties)
}

/// A row of the registry's resource log.
pub(crate) fn row(
    registry: &Registry,
    operation: &str,
    (caller, status, at): (IpAddr, u16, Timestamp),
    properties: &Value,
) -> Value {
    let category = match operation {
        "Login" => "ContainerRegistryLoginEvents",
        _ => "ContainerRegistryRepositoryEvents",
    };
    json!({
        "time": at.to_string(), "category": category, "resourceId": registry.id().to_ascii_uppercase(),
        "operationName": operation, "identity": if status < 400 { registry.login.0.as_str() } else { "" },
        "location": registry.location, "resultType": "HttpStatusCode", "resultDescription": status.to_string(),
        "durationMs": "3.141592", "callerIpAddress": caller.to_string(),
        "correlationId": uuid::Uuid::new_v4().to_string(), "properties": properties, "RegionStamp": "weu-3",
    })
}
