//! A running doorward's admin listener, as the commands speak to it.

use super::Failure;
use super::forms::csv;
use crate::azure::http::Http;
use crate::config::SecretRef;
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

/// Which doorward.
#[derive(Debug, clap::Args)]
pub(super) struct Admin {
    /// The admin listener of the running doorward. Its token, if it has one, is read from
    /// `DOORWARD_ADMIN_TOKEN` or `--admin-token-file`
    #[arg(
        long,
        value_name = "URL",
        env = "DOORWARD_ADMIN",
        default_value = "http://127.0.0.1:8081"
    )]
    admin: Url,
    /// A file with the admin listener's token
    #[arg(long, value_name = "FILE")]
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
    /// JSON for programs
    Json,
    /// The same as YAML
    Yaml,
    /// Comma-separated values for spreadsheets
    Csv,
}

impl Admin {
    /// Asks.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.send(Request::new(Method::GET, self.url(path)?)).await
    }

    /// Asks about one registry, or about all.
    pub(super) async fn get_of<T: DeserializeOwned>(
        &self,
        path: &[&str],
        registry: Option<&String>,
    ) -> Result<T, Failure> {
        let mut url = self.url(path)?;
        if let Some(registry) = registry {
            url.query_pairs_mut().append_pair("registry", registry);
        }
        self.send(Request::new(Method::GET, url)).await
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
            let what = "`--admin` takes an URL such as `http://127.0.0.1:8081`";
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
                "no doorward answers at {}: is it running, and is this its `admin`? (`--admin`, `DOORWARD_ADMIN`)",
                self.admin
            )
        })?;
        if reply.status == StatusCode::UNAUTHORIZED {
            let what = match (shown, &self.admin_token_file) {
                (false, _) => format!(
                    "this doorward's admin listener asks for its token: set `{TOKEN}`, or `--admin-token-file`"
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
    /// Prints what came back: as it is, or for people.
    pub(super) fn print(
        &self,
        what: &impl Serialize,
        people: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = match self.output {
            Form::Table => people(),
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
    let said = said.as_ref().and_then(|said| said.get("error")?.as_str());
    match said {
        Some(said) => anyhow::anyhow!("{said}"),
        None => anyhow::anyhow!("what answers is no doorward of this version: status {status}"),
    }
}
