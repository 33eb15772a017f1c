//! A running doorward's admin listener, as the commands speak to it.

use super::Failure;
use super::forms::csv;
use crate::azure::http::Http;
use crate::config::SecretRef;
use crate::http::api::idempotency::KEY;
use crate::http::api::page::Page;
use crate::http::api::wire::{API, COMMAND};
use anyhow::Context;
use clap::ValueEnum;
use doorward_core::messages::invisible::escaped_lines;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Write;
use std::path::PathBuf;

/// The variable that holds the admin listener's token, where it has one.
const TOKEN: &str = "DOORWARD_ADMIN_TOKEN";

/// How many items of a list are asked for at most.
const MOST: usize = 10_000;

/// Which doorward.
#[derive(Debug, clap::Args)]
pub(super) struct Admin {
    /// The admin listener of the running doorward. Its token, if it has one, is read from
    /// `DOORWARD_ADMIN_TOKEN` or `--token-file`
    #[arg(
        long = "server",
        visible_alias = "admin",
        value_name = "URL",
        env = "DOORWARD_ADMIN",
        default_value = "http://127.0.0.1:8081"
    )]
    admin: Url,
    /// A file with the admin listener's token
    #[arg(
        long = "token-file",
        visible_alias = "admin-token-file",
        value_name = "FILE"
    )]
    admin_token_file: Option<PathBuf>,
}

/// Who orders.
#[derive(Debug, clap::Args)]
pub(super) struct By {
    /// Who you are, for the ledger; nothing proves it
    #[arg(long = "by", value_name = "NAME", env = "USER")]
    pub(super) name: String,
}

/// How an answer is printed.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// How it is printed
    #[arg(long, short, value_enum, default_value_t = Form::Table)]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Columns for people
    Table,
    /// The same with more of them
    Wide,
    /// JSON for programs
    Json,
    /// The same as YAML
    Yaml,
    /// Comma-separated values for spreadsheets
    Csv,
}

impl Admin {
    /// The one at this URL.
    pub(super) fn at(admin: Url, admin_token_file: Option<PathBuf>) -> Self {
        Self {
            admin,
            admin_token_file,
        }
    }

    /// One page of a list.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Page<T>, Failure> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.send(Request::new(Method::GET, url)).await
    }

    /// Asks.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.send(Request::new(Method::GET, self.url(path)?)).await
    }

    /// A whole list, page by page; `query` narrows it. Where it has more than [`MOST`] items, the rest is left
    /// out, and `next` says so.
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Page<T>, Failure> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut url = self.url(path)?;
            url.query_pairs_mut()
                .extend_pairs(query)
                .append_pair("limit", "500")
                .extend_pairs(cursor.as_ref().map(|cursor| ("cursor", cursor)));
            let page: Page<T> = self.send(Request::new(Method::GET, url)).await?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() || items.len() >= MOST {
                let next = cursor;
                return Ok(Page { items, next });
            }
        }
    }

    /// The same of one registry, or of all.
    pub(super) async fn all_of<T: DeserializeOwned>(
        &self,
        path: &[&str],
        registry: Option<&String>,
    ) -> Result<Page<T>, Failure> {
        let query: Vec<(&str, &str)> = registry
            .map(|registry| ("registry", registry.as_str()))
            .into_iter()
            .collect();
        self.all(path, &query).await
    }

    /// Orders.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        order: &impl Serialize,
    ) -> Result<T, Failure> {
        let mut request = Request::new(Method::POST, self.url(path)?);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            HeaderName::from_static(COMMAND),
            HeaderValue::from_static("1"),
        );
        // Whoever stands between may send it again.
        let key = uuid::Uuid::new_v4().to_string();
        if let Ok(key) = HeaderValue::from_str(&key) {
            headers.insert(HeaderName::from_static(KEY), key);
        }
        let body = serde_json::to_vec(order).map_err(anyhow::Error::new)?;
        *request.body_mut() = Some(body.into());
        self.send(request).await
    }

    fn url(&self, path: &[&str]) -> Result<Url, Failure> {
        let mut url = self.admin.clone();
        let segments = url.path_segments_mut().map(|mut segments| {
            segments
                .pop_if_empty()
                .extend(API.trim_start_matches('/').split('/'))
                .extend(path);
        });
        segments.map_err(|()| {
            let what = "`--server` takes an URL such as `http://127.0.0.1:8081`";
            Failure::wrong_input(anyhow::anyhow!(what))
        })?;
        Ok(url)
    }

    async fn send<T: DeserializeOwned>(&self, mut request: Request) -> Result<T, Failure> {
        let token = self.token()?;
        let shown = token.is_some();
        if let Some(token) = token {
            request.headers_mut().insert(AUTHORIZATION, token);
        }
        let http = Http::new(None).map_err(anyhow::Error::new)?;
        let reply = http.send(request).await.with_context(|| {
            format!(
                "no doorward answers at {}: is it running, and is this its `admin`? (`--server`, `DOORWARD_ADMIN`)",
                self.admin
            )
        })?;
        if reply.status == StatusCode::UNAUTHORIZED {
            let what = match (shown, &self.admin_token_file) {
                (false, _) => format!(
                    "this doorward's admin listener asks for its token: set `{TOKEN}`, or `--token-file`"
                ),
                (true, Some(file)) => format!(
                    "the token in `{}` is not that of the admin listener at {}",
                    file.display(),
                    self.admin
                ),
                (true, None) => format!(
                    "the token in `{TOKEN}` is not that of the admin listener at {}",
                    self.admin
                ),
            };
            return Err(Failure::wrong_input(anyhow::anyhow!(what)));
        }
        if !reply.status.is_success() {
            return Err(refusal(reply.status, &reply.body).into());
        }
        let answer = serde_json::from_slice(&reply.body);
        Ok(answer.context("the answer is not doorward's: is it of another version?")?)
    }

    /// The header that shows the token, if there is one.
    fn token(&self) -> Result<Option<HeaderValue>, Failure> {
        let token = match &self.admin_token_file {
            Some(file) => Some(
                SecretRef::File(file.clone())
                    .read()
                    .map_err(Failure::wrong_input)?,
            ),
            // A variable that is not set is no token.
            None => SecretRef::Env(TOKEN.to_owned()).read().ok(),
        };
        let header = token.map(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))?;
            value.set_sensitive(true);
            Ok::<_, reqwest::header::InvalidHeaderValue>(value)
        });
        let header = header.transpose();
        header.map_err(|_| {
            Failure::wrong_input(anyhow::anyhow!(
                "the token has characters that no header takes"
            ))
        })
    }
}

impl Output {
    /// Whether people want all columns.
    pub(super) fn is_wide(&self) -> bool {
        self.output == Form::Wide
    }

    /// Whether it is for people.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.output, Form::Table | Form::Wide)
    }

    /// Prints what came back: as it is, or for people.
    pub(super) fn print(
        &self,
        what: &impl Serialize,
        people: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = match self.output {
            Form::Table | Form::Wide => people(),
            Form::Json => {
                let json = serde_json::to_string_pretty(what).map_err(anyhow::Error::new)?;
                escaped_lines(&json) + "\n"
            }
            Form::Yaml => {
                let yaml = serde_saphyr::to_string(what).map_err(anyhow::Error::new)?;
                escaped_lines(yaml.trim_end()) + "\n"
            }
            Form::Csv => {
                let value = serde_json::to_value(what).map_err(anyhow::Error::new)?;
                escaped_lines(&csv(&value))
            }
        };
        let written = std::io::stdout().write_all(text.as_bytes());
        written.map_err(|error| anyhow::Error::new(error).into())
    }
}

/// What doorward says of an order that it does not follow.
fn refusal(status: StatusCode, body: &[u8]) -> anyhow::Error {
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said = said.as_ref().and_then(|said| said.get("detail")?.as_str());
    match said {
        Some(said) => anyhow::anyhow!("{said}"),
        None => anyhow::anyhow!("what answers is no doorward of this version: status {status}"),
    }
}
