//! A resource's own log, asked for through Azure Resource Manager
//! (<https://learn.microsoft.com/azure/azure-monitor/logs/api/azure-resource-queries>): no workspace's id,
//! and the token that Resource Manager takes anyway.

use super::arm::{Arm, json};
use super::call::Call;
use super::error::ArmError;
use doorward_core::net::resource_id::ResourceId;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// The api-version of log queries.
const API_VERSION: &str = "2018-03-01-preview";

/// How long Azure may take over a query, and that it is to say what may be read.
const PREFER: &str = "wait=30,include-permissions=true";

/// How long the exchange may take.
const WITHIN: Duration = Duration::from_secs(40);

impl Arm {
    /// What a query about a resource's log finds, within a time span; none where the workspace is empty.
    pub async fn query_logs(
        &self,
        id: &ResourceId,
        (query, timespan): (&str, &str),
        call: &Call,
    ) -> Result<Option<Value>, ArmError> {
        let url = self.url(
            &format!("{id}/providers/microsoft.insights/logs"),
            API_VERSION,
        );
        let mut request = Request::new(Method::POST, url.clone());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            HeaderName::from_static("prefer"),
            HeaderValue::from_static(PREFER),
        );
        let body = serde_json::json!({ "query": query, "timespan": timespan });
        *request.body_mut() = Some(body.to_string().into());
        *request.timeout_mut() = Some(WITHIN);
        let reply = self.exchange(request, call).await?;
        if reply.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        if !reply.status.is_success() {
            return Err(self.refusal(&reply, &url));
        }
        json(&reply, url.path()).map(Some)
    }
}
