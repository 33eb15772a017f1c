//! `doorward health`: whether a running doorward can do its work, for a container's health check.

use super::Failure;
use super::policy::print;
use crate::azure::http::Http;
use anyhow::{Context, anyhow};
use doorward_core::messages::wording;
use doorward_core::yaml::duration;
use reqwest::{Method, Request, Url};
use std::time::Duration;

/// What `doorward health` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 when it is ready, 1 when it is not or does not answer, 2 when the URL cannot be used."
)]
pub(crate) struct Health {
    /// The running doorward, at either of its listeners
    #[arg(
        long,
        value_name = "URL",
        env = "DOORWARD_URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: Url,
    /// How long to wait for the answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    timeout: Duration,
}

impl Health {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let at = endpoint(&self.url, "readyz")?;
        let mut request = Request::new(Method::GET, at);
        *request.timeout_mut() = Some(self.timeout);
        let http = Http::new(None).map_err(anyhow::Error::new)?;
        let shown = shown(&self.url);
        let reply = http.send(request).await;
        let reply = reply.with_context(|| format!("no doorward answers at {shown}"))?;
        let said: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let conditions = ["missing", "degraded"].map(|part| details(&said, part));
        let [missing, degraded] = conditions;
        if !reply.status.is_success() {
            let why = if missing.is_empty() {
                format!("status {}", reply.status)
            } else {
                missing.join("; ")
            };
            return Err(anyhow!("not ready: {why}").into());
        }
        if said.get("ready").is_none() {
            return Err(anyhow!("what answers at {shown} is not doorward").into());
        }
        if degraded.is_empty() {
            print(format_args!("ready"))
        } else {
            print(format_args!("ready, degraded: {}", degraded.join("; ")))
        }
    }
}

/// A path below a base URL.
pub(super) fn endpoint(base: &Url, path: &str) -> Result<Url, Failure> {
    let mut url = base.clone();
    let segments = url.path_segments_mut().map(|mut segments| {
        segments.pop_if_empty().extend(path.split('/'));
    });
    segments.map_err(|()| {
        Failure::wrong_input(anyhow!("this takes a URL such as `http://127.0.0.1:8080`"))
    })?;
    Ok(url)
}

/// A URL without what may be secret in it.
pub(super) fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// What the answer says of each condition, in words that are safe to print.
fn details(said: &serde_json::Value, part: &str) -> Vec<String> {
    let all = said.get(part).and_then(serde_json::Value::as_array);
    let texts = all
        .into_iter()
        .flatten()
        .filter_map(|it| it.get("detail")?.as_str());
    texts.map(wording::quoted).collect()
}
