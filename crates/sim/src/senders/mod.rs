//! Senders that deliver events as Azure does, retries included. Their waits are the clock's: one
//! that is set moves forward instead.

mod action_group;
mod diagnostics;
mod event;
mod event_grid;

pub use action_group::{ActionGroup, Alert, Condition};
pub(super) use diagnostics::row;
pub use diagnostics::{Form, Forwarder, login_event};
pub use event::{Event, Schema};
pub use event_grid::{EventGrid, Subscription, Unvalidated};

use super::TENANT;
use super::start::Sim;
use clock::Clock;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// Event Grid's own application, which its tokens name.
/// <https://learn.microsoft.com/azure/event-grid/secure-webhook-delivery>
pub const EVENT_GRID_APP: &str = "4962773b-9cdb-44cf-a8bf-237846a00ab7";
/// The action groups' own application, which the tokens of secure webhooks name.
/// <https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups>
pub const ACTION_GROUP_APP: &str = "461e8683-5575-4561-ac7f-899cc907d62a";

/// Where a sender delivers to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    clock: Clock,
    http: reqwest::Client,
    url: String,
    headers: Vec<(String, String)>,
}

/// One call of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was made.
    pub at: Timestamp,
    /// The reply's status; none if there was no reply.
    pub status: Option<u16>,
    /// The reply's body.
    pub body: String,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The endpoint took it.
    Delivered,
    /// The endpoint's status is one that the sender does not retry.
    Dropped,
    /// All retries are used up.
    GivenUp,
    /// It was not even tried: the sender avoids the endpoint after earlier failures.
    Silenced,
}

/// What became of something that was to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Every call, in order.
    pub attempts: Vec<Attempt>,
    /// How it ended.
    pub ending: Ending,
}

impl Delivery {
    /// The statuses in order; 0 where there was no reply.
    pub fn statuses(&self) -> Vec<u16> {
        let attempts = self.attempts.iter();
        attempts.map(|a| a.status.unwrap_or_default()).collect()
    }

    /// How long after the first call each call was made, in seconds.
    pub fn seconds(&self) -> Vec<i64> {
        let first = self.attempts.first().map(|attempt| attempt.at);
        let since = |attempt: &Attempt| Some(attempt.at.duration_since(first?).as_secs());
        self.attempts.iter().filter_map(since).collect()
    }
}

/// What a sender does after a call.
enum Next {
    End(Ending),
    Wait(Duration),
}

impl Endpoint {
    /// An endpoint at this URL, a secret in its query included.
    pub fn new(clock: &Clock, url: &str) -> Self {
        Self {
            clock: clock.clone(),
            http: client(),
            url: url.to_owned(),
            headers: Vec::new(),
        }
    }

    /// Sends this header with every call.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Calls with this client, for an authority or a proxy of one's own.
    #[must_use]
    pub fn client(mut self, http: reqwest::Client) -> Self {
        self.http = http;
        self
    }

    /// Posts a body once, as a job does that reports what it was told.
    pub async fn post(&self, content_type: &str, body: &str) -> Attempt {
        let headers = [("content-type", content_type)];
        self.call(Method::POST, &headers, body.to_owned()).await.0
    }

    async fn call(
        &self,
        method: Method,
        headers: &[(&str, &str)],
        body: String,
    ) -> (Attempt, reqwest::header::HeaderMap) {
        let at = self.clock.now();
        let mut request = self.http.request(method, &self.url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Err(_) => {
                let attempt = Attempt {
                    at,
                    status: None,
                    body: String::new(),
                };
                (attempt, reqwest::header::HeaderMap::new())
            }
            Ok(response) => {
                let headers = response.headers().clone();
                let attempt = Attempt {
                    at,
                    status: Some(response.status().as_u16()),
                    body: response.text().await.unwrap_or_default(),
                };
                (attempt, headers)
            }
        }
    }

    /// Calls until `next` says that it is over. `headers` and `next` are given how many calls were
    /// made before.
    async fn insist(
        &self,
        body: &str,
        headers: impl Fn(usize) -> Vec<(&'static str, String)>,
        next: impl Fn(usize, &Attempt, &reqwest::header::HeaderMap) -> Next,
    ) -> Delivery {
        let mut attempts = Vec::new();
        loop {
            let own = headers(attempts.len());
            let own: Vec<(&str, &str)> = own.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let (attempt, replied) = self.call(Method::POST, &own, body.to_owned()).await;
            let decided = next(attempts.len(), &attempt, &replied);
            attempts.push(attempt);
            match decided {
                Next::End(ending) => return Delivery { attempts, ending },
                Next::Wait(wait) => self.clock.sleep(wait).await,
            }
        }
    }
}

impl Sim {
    /// A token that one of Azure's own applications ([`EVENT_GRID_APP`], [`ACTION_GROUP_APP`])
    /// would show to an endpoint that is registered as `audience`; v1, as recorded ones are.
    pub fn service_token(&self, app: &str, audience: &str) -> String {
        let issuer = format!("{}{TENANT}/", self.authority());
        let claims = json!({
            "aud": audience, "iss": issuer, "idp": issuer, "appid": app, "appidacr": "2", "oid": app, "sub": app,
            "tid": TENANT, "ver": "1.0",
        });
        let lifetime = Duration::from_mins(24 * 60 + 5);
        self.shared.issuer.mint_for(claims, lifetime)
    }
}

/// An HTTP client that follows no redirect.
pub(super) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap_or_default()
}
