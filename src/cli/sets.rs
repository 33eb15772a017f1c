//! `doorward sets`: what the address sets of a running doorward hold, and what waits to be confirmed.

use super::Failure;
use super::policy::print;
use super::whois::Output;
use crate::azure::http::Http;
use crate::domain::words;
use crate::flow::sets::{Confirmed, Listed};
use crate::http::Confirm;
use anyhow::Context;
use clap::Subcommand;
use jiff::SignedDuration;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use serde::de::DeserializeOwned;

/// What `doorward sets` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Sets {
    /// Show every address set: how large, how old, and what waits to be confirmed
    List(List),
    /// Let a set become what was refused since it changes too much
    Confirm(ConfirmSet),
}

/// Which doorward.
#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    /// The operator listener of the running doorward
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    admin: Url,
}

/// What `doorward sets list` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    running: Where,
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What `doorward sets confirm` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfirmSet {
    /// The set's name, as `sets list` shows it
    name: String,
    /// The hash of what it may become, or its first 8 digits or more
    hash: String,
    #[command(flatten)]
    running: Where,
}

impl Sets {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Confirm(confirm) => confirm.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let listed: Vec<Listed> = self.running.ask("/sets", None).await?;
        match self.output {
            Output::Json => {
                let json = serde_json::to_string_pretty(&listed).map_err(anyhow::Error::new)?;
                print(format_args!("{json}"))
            }
            Output::Text => listed.iter().try_for_each(show),
        }
    }
}

impl ConfirmSet {
    async fn run(self) -> Result<(), Failure> {
        let Self {
            name,
            hash,
            running,
        } = self;
        let body = Confirm { name, hash };
        let confirmed: Confirmed = running.ask("/sets/confirm", Some(&body)).await?;
        print(format_args!(
            "`{}` may become {}: its source is asked again now, and counts if it still says that",
            confirmed.name, confirmed.hash
        ))
    }
}

impl Where {
    /// Asks the running doorward, and reads its answer or what it says against it.
    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&Confirm>,
    ) -> Result<T, Failure> {
        let mut url = self.admin.clone();
        url.set_path(path);
        let mut request = Request::new(Method::GET, url);
        if let Some(body) = body {
            *request.method_mut() = Method::POST;
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            let body = serde_json::to_vec(body).map_err(anyhow::Error::new)?;
            *request.body_mut() = Some(body.into());
        }
        let http = Http::new(None).map_err(anyhow::Error::new)?;
        let reply = http.send(request).await.with_context(|| {
            format!(
                "no doorward answers at {}: is it running, and is that its `admin` listener?",
                self.admin
            )
        })?;
        if reply.status.is_success() {
            return serde_json::from_slice(&reply.body)
                .context("the answer is not that of a doorward like this one")
                .map_err(Failure::from);
        }
        let said: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let said = said.get("error").and_then(serde_json::Value::as_str);
        let said = said.unwrap_or("it does not say why");
        let error = anyhow::anyhow!("{} ({})", said, reply.status);
        Err(if reply.status.is_client_error() {
            Failure::wrong_input(error)
        } else {
            Failure::from(error)
        })
    }
}

/// A set in some lines.
fn show(set: &Listed) -> Result<(), Failure> {
    let owned = if set.owned { "owned" } else { "shared" };
    let size = set.size.map_or_else(
        || "never loaded, matches nothing".to_owned(),
        |size| size.to_string(),
    );
    print(format_args!("{}  {} ({owned}): {size}", set.name, set.kind))?;
    if set.from != set.name {
        print(format_args!("  from      {}", set.from))?;
    }
    if let Some(hash) = &set.hash {
        print(format_args!("  hash      {hash}"))?;
    }
    if let (Some(at), Some(age)) = (set.loaded_at, set.age_seconds) {
        let age = words::duration(SignedDuration::from_secs(age));
        print(format_args!("  loaded    {} ({age} ago)", words::time(at)))?;
    }
    if let Some(number) = set.change_number {
        print(format_args!("  edition   changeNumber {number}"))?;
    }
    if let Some(next) = set.next {
        print(format_args!("  next      {}", words::time(next)))?;
    }
    for (what, text) in [("error", &set.error), ("note", &set.note)] {
        if let Some(text) = text {
            print(format_args!("  {what:<9} {text}"))?;
        }
    }
    if let Some(waits) = &set.pending {
        print(format_args!(
            "  waits     {} since {}: {}\n            doorward sets confirm {} {}",
            waits.size,
            words::time(waits.since),
            waits.reason,
            set.name,
            waits.hash
        ))?;
    }
    Ok(())
}
