//! Azure Resource Manager: reading a registry and changing it, one exchange at a time.

use super::call::Call;
use super::cloud::Cloud;
use super::error::{ArmError, PatchError, retry_after};
use super::http::{Http, Reply, SendError};
use super::identity::audience::Audiences;
use super::identity::token::Tokens;
use super::identity::token_error::TokenError;
use super::operation::{self, Accepted};
use super::rate_budget::RateBudget;
use super::settings::{Settings, SettingsError};
use clock::Clock;
use doorward_core::firewall::raw_json::{RawJson, RawObject};
use doorward_core::net::resource_id::ResourceId;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest link that is followed.
const MAX_LINK: usize = 8 << 10;

/// The most pages of one list that are read.
const MAX_PAGES: usize = 100;

/// How long the exchange of a `PATCH` may take, from before the connection is made. What it set going
/// may take longer.
pub const PATCH_WITHIN: Duration = Duration::from_secs(20);

/// A client of Azure Resource Manager. Cheap to clone; the clones share their token.
#[derive(Clone, Debug)]
pub struct Arm(Arc<Inner>, String);

#[derive(Debug)]
struct Inner {
    base: Url,
    read_api_version: String,
    http: Http,
    tokens: Tokens,
    cloud: Cloud,
    audiences: Audiences,
    clock: Clock,
    rate_budget: Mutex<RateBudget>,
}

/// An exchange that did not come to an answer.
pub(super) enum NoReply {
    /// It may not be sent any more.
    TooLate,
    Token(TokenError),
    Send(SendError),
}

impl From<NoReply> for ArmError {
    fn from(none: NoReply) -> Self {
        match none {
            NoReply::TooLate => SendError::NotSent(PatchError::TooLate.to_string()).into(),
            NoReply::Token(error) => error.into(),
            NoReply::Send(error) => error.into(),
        }
    }
}

impl Arm {
    /// Checks the settings, reads what they refer to, and asks nobody yet.
    pub fn new(settings: &Settings, clock: Clock) -> Result<Self, SettingsError> {
        settings.validate()?;
        let endpoints = settings.endpoints()?;
        let http = Http::new(settings.ca_file.as_deref())
            .map_err(|error| SettingsError::new("ca_file", error.to_string()))?;
        let base = endpoints.resource_manager.clone();
        let credential = settings.credential.clone();
        let audiences = Audiences::new(
            credential.clone(),
            endpoints.clone(),
            http.clone(),
            clock.clone(),
        );
        let tokens = Tokens::new(credential, endpoints, http.clone(), clock.clone());
        tokens
            .check()
            .map_err(|error| SettingsError::new("credential", error.to_string()))?;
        let api_version = settings.api_version.clone();
        let inner = Inner {
            base,
            read_api_version: settings.read_api_version.clone(),
            http,
            tokens,
            cloud: settings.cloud,
            audiences,
            clock,
            rate_budget: Mutex::default(),
        };
        Ok(Self(Arc::new(inner), api_version))
    }

    /// The api-version to read a registry with: one that shows virtual network rules.
    pub fn read_api_version(&self) -> &str {
        &self.0.read_api_version
    }

    /// The api-version that [`Arm::patch_registry`] writes with.
    pub fn api_version(&self) -> &str {
        &self.1
    }

    /// The same client, which writes with another api-version.
    #[must_use]
    pub fn with_api_version(&self, api_version: &str) -> Self {
        Self(Arc::clone(&self.0), api_version.to_owned())
    }

    /// The cloud.
    pub(super) fn cloud(&self) -> Cloud {
        self.0.cloud
    }

    /// Tokens for other services.
    pub(super) fn audiences(&self) -> &Audiences {
        &self.0.audiences
    }

    /// The kind of the credential that it asks with.
    pub fn credential(&self) -> &'static str {
        self.0.tokens.credential()
    }

    /// Gets a token, as any later exchange will: for telling at the start whether there is one.
    pub async fn check_token(&self) -> Result<(), TokenError> {
        self.0.tokens.get().await.map(drop)
    }

    /// The registry as it stands
    /// (<https://learn.microsoft.com/rest/api/containerregistry/registries/get>).
    pub async fn registry(
        &self,
        id: &ResourceId,
        api_version: &str,
        call: &Call,
    ) -> Result<RawJson, ArmError> {
        let url = self.url(id.as_str(), api_version);
        let path = url.path().to_owned();
        let reply = self.read(url, call).await?;
        RawJson::parse(&reply.body).map_err(|error| not_json(&path, &error))
    }

    /// Sends one `PATCH` with `body`
    /// (<https://learn.microsoft.com/rest/api/containerregistry/registries/update>).
    ///
    /// The request is sent at most once, and only if `may_send` says so right before it is. After [`PatchError::Unknown`] and
    /// [`PatchError::OperationFailed`] only reading the registry tells what stands.
    pub async fn patch_registry(
        &self,
        id: &ResourceId,
        body: &RawObject,
        call: &Call,
        may_send: impl Fn() -> bool,
    ) -> Result<Accepted, PatchError> {
        let url = self.url(id.as_str(), self.api_version());
        let mut request = Request::new(Method::PATCH, url.clone());
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.to_string().into());
        *request.timeout_mut() = Some(PATCH_WITHIN);
        let reply = match self.exchange_if(request, call, may_send).await {
            Ok(reply) => reply,
            Err(NoReply::TooLate) => return Err(PatchError::TooLate),
            Err(none @ (NoReply::Token(_) | NoReply::Send(SendError::NotSent(_)))) => {
                return Err(PatchError::NotApplied(none.into()));
            }
            Err(NoReply::Send(error)) => return Err(PatchError::unknown(&error)),
        };
        match reply.status.as_u16() {
            200..=202 | 204 => operation::begun(self, &reply, url),
            // 408 is a time-out: the service may have begun.
            400..=407 | 409..=499 => Err(PatchError::NotApplied(self.refusal(&reply, &url))),
            status => Err(PatchError::Unknown {
                why: format!("status {status}: {}", self.refusal(&reply, &url)),
                retry_after: retry_after(&reply.headers, self.0.clock.now()),
            }),
        }
    }

    /// Reads a JSON document. `url` lies within the resource manager's origin.
    pub(super) async fn get(&self, url: Url, call: &Call) -> Result<Value, ArmError> {
        let reply = self.read(url.clone(), call).await?;
        json(&reply, url.path())
    }

    /// Reads whatever is there, with a status of success.
    pub(super) async fn read(&self, url: Url, call: &Call) -> Result<Reply, ArmError> {
        let reply = self
            .exchange(Request::new(Method::GET, url.clone()), call)
            .await?;
        if reply.status.is_success() {
            Ok(reply)
        } else {
            Err(self.refusal(&reply, &url))
        }
    }

    /// Asks by POST for what changes nothing, a query.
    pub(super) async fn ask(&self, url: Url, body: &Value, call: &Call) -> Result<Reply, ArmError> {
        let mut request = Request::new(Method::POST, url.clone());
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.to_string().into());
        let reply = self.exchange(request, call).await?;
        if reply.status.is_success() {
            Ok(reply)
        } else {
            Err(self.refusal(&reply, &url))
        }
    }

    /// Reads the `value` of a list, all its pages.
    pub(super) async fn list(&self, first: Url, call: &Call) -> Result<Vec<Value>, ArmError> {
        let path = first.path().to_owned();
        let bad = |why: String| ArmError::bad_reply(&path, why);
        let mut found = Vec::new();
        let mut next = Some(first);
        let (mut pages, mut bytes) = (0_usize, 0_usize);
        while let Some(url) = next {
            let reply = self.read(url, call).await?;
            (pages, bytes) = (pages + 1, bytes.saturating_add(reply.body.len()));
            if pages > MAX_PAGES || bytes > super::http::MAX_ANSWER {
                return Err(bad(format!(
                    "the list does not end within {MAX_PAGES} pages"
                )));
            }
            let mut page = json(&reply, &path)?;
            match page.get_mut("value").map(Value::take) {
                Some(Value::Array(values)) => found.extend(values),
                _ => return Err(bad("a list has a `value`, and this has none".to_owned())),
            }
            next = match page.get("nextLink").and_then(Value::as_str) {
                None | Some("") => None,
                Some(link) => Some(self.link(link).map_err(bad)?),
            };
        }
        Ok(found)
    }

    /// The URL of a resource, or of something below it.
    pub(super) fn url(&self, path: &str, api_version: &str) -> Url {
        let mut url = self.0.base.clone();
        url.set_path(path);
        url.query_pairs_mut()
            .append_pair("api-version", api_version);
        url
    }

    /// A link that Azure gave us, if it stays with the configured resource manager: our token goes
    /// there with it.
    pub(super) fn link(&self, link: &str) -> Result<Url, String> {
        let base = &self.0.base;
        let url = match base.join(link) {
            _ if link.len() > MAX_LINK => Err(format!("a link is longer than {MAX_LINK} bytes")),
            Err(_) => Err("a link is not an URL".to_owned()),
            Ok(url) => Ok(url),
        }?;
        if url.origin() == base.origin() && url.username().is_empty() && url.password().is_none() {
            Ok(url)
        } else {
            Err("a link leads away from the configured resource manager".to_owned())
        }
    }

    /// How long to wait instead of `pause` before a read that nobody waits for: longer while ARM says
    /// that it will soon ask for patience.
    pub fn backoff_for_reads(&self, pause: Duration) -> Duration {
        let now = self.0.clock.now();
        self.rate_budget().backoff_for_reads(pause, now)
    }

    /// Every how long to add entries instead of `pause`: longer while ARM says that few writes are left.
    pub fn sparing(&self, pause: Duration) -> Duration {
        let now = self.0.clock.now();
        self.rate_budget().sparing(pause, now)
    }

    /// After what time to read again what is read every `period`: at most four times as long, while few
    /// reads are left.
    pub fn seldom(&self, period: Duration) -> Duration {
        let now = self.0.clock.now();
        self.rate_budget().seldom(period, now)
    }

    fn rate_budget(&self) -> MutexGuard<'_, RateBudget> {
        let rate_budget = self.0.rate_budget.lock();
        rate_budget.unwrap_or_else(PoisonError::into_inner)
    }

    /// The client, for what needs no token.
    pub(super) fn http(&self) -> &Http {
        &self.0.http
    }

    /// A token, as a header shows it.
    pub(super) async fn token(&self) -> Result<HeaderValue, TokenError> {
        Ok(self.0.tokens.get().await?.authorization)
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn refusal(&self, reply: &Reply, url: &Url) -> ArmError {
        ArmError::read(reply, url.path(), self.0.clock.now())
    }

    /// One request, sent once with a token, and its answer of whatever status.
    pub(super) async fn exchange(&self, request: Request, call: &Call) -> Result<Reply, NoReply> {
        self.exchange_if(request, call, || true).await
    }

    /// The same, if `may_send` says so when all is ready.
    async fn exchange_if(
        &self,
        mut request: Request,
        call: &Call,
        may_send: impl Fn() -> bool,
    ) -> Result<Reply, NoReply> {
        let token = self.0.tokens.get().await.map_err(NoReply::Token)?;
        let id = HeaderValue::try_from(call.correlation_id.to_string())
            .unwrap_or(HeaderValue::from_static("none"));
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, token.authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert("x-ms-correlation-request-id", id.clone());
        headers.insert("x-ms-client-request-id", id);
        let method = request.method().clone();
        let path = request.url().path().to_owned();
        let correlation = call.correlation_id.to_string();
        if !may_send() {
            return Err(NoReply::TooLate);
        }
        let reply = self.0.http.send(request).await.map_err(|error| {
            tracing::debug!(%method, path, correlation, %error, "no answer from ARM");
            NoReply::Send(error)
        })?;
        tracing::debug!(
            %method, path, correlation,
            status = reply.status.as_u16(),
            request = header(&reply, "x-ms-request-id"),
            remaining = remaining(&reply),
            "asked ARM"
        );
        self.rate_budget().note(&reply.headers, self.0.clock.now());
        if reply.status == reqwest::StatusCode::UNAUTHORIZED {
            self.0.tokens.forget(&token).await;
        }
        Ok(reply)
    }
}

/// The answer's document; an error says where it breaks off, never what it holds.
pub(super) fn json(reply: &Reply, path: &str) -> Result<Value, ArmError> {
    serde_json::from_slice(&reply.body).map_err(|error| not_json(path, &error))
}

pub(super) fn not_json(path: &str, error: &serde_json::Error) -> ArmError {
    let (line, column) = (error.line(), error.column());
    ArmError::bad_reply(
        path,
        format!("it is not JSON from line {line}, column {column} on"),
    )
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.get(name)?.to_str().ok()
}

/// What the answer says is left before ARM throttles: `subscription-reads=249`
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>).
fn remaining(reply: &Reply) -> String {
    let left = reply.headers.iter().filter_map(|(name, value)| {
        let of = name.as_str().strip_prefix("x-ms-ratelimit-remaining-")?;
        Some(format!("{of}={}", value.to_str().ok()?))
    });
    left.collect::<Vec<_>>().join(" ")
}
