//! `doorward report`: hands a denial's text to a running doorward, as a CI job does whose pull was refused.

use super::refuse_clear_text;
use crate::azure::http::{Http, Reply};
use crate::azure::retry_after;
use crate::cli::Failure;
use crate::cli::health::{endpoint, shown};
use crate::cli::policy::{count, print};
use crate::config::SecretRef;
use anyhow::{Context, anyhow};
use clock::Clock;
use doorward_core::intake::delivery;
use doorward_core::messages::wording;
use doorward_core::yaml::duration;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The exit code where the text holds no denial.
const NOTHING: u8 = 3;

/// The variables that hold the proof, where no file does.
const TOKEN: &str = "DOORWARD_TOKEN";
const KEY: &str = "DOORWARD_KEY";

/// The largest text, in bytes: what a source takes unless its configuration says otherwise.
const LARGEST: u64 = 4 << 20;

/// How long one exchange may take, and how long to wait where the answer does not say.
const EXCHANGE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(3);

/// What `doorward report` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The proof is a token (DOORWARD_TOKEN, --token-file) or a shared key (DOORWARD_KEY, --key-file); it is never given on the command line, where others on the machine could read it.\nExit codes: 0 when it was accepted, 1 when it was not, 2 when what was given cannot be used or the proof was refused, 3 when the text holds no denial, so that nothing was sent."
)]
pub(crate) struct Report {
    /// The file with the text; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// The source in doorward's configuration
    #[arg(long, value_name = "NAME")]
    source: String,
    /// Where doorward listens for senders
    #[arg(long, value_name = "URL", env = "DOORWARD_URL")]
    url: Url,
    /// A file with the bearer token of this job
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    token_file: Option<PathBuf>,
    /// A file with the key that this source shares with doorward
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// How long to try while doorward does not answer or asks to come later
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration::parse)]
    timeout: Duration,
}

/// What proves who reports.
enum Proof {
    Token(SecretString),
    Key(SecretString),
}

impl Report {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        let text = self.read()?;
        if delivery::denials(&text).is_empty() {
            let what = anyhow!(
                "there is no denial of a registry's firewall in this text: nothing was sent"
            );
            return Err(Failure::of_code(NOTHING, what));
        }
        let proof = self.proof()?;
        let url = endpoint(&self.url, &format!("events/{}", self.source))?;
        refuse_clear_text(&url)?;
        let request = request(&url, &text, &proof)?;
        let reply = self.send(request).await?;
        let receipt: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let number = |name: &str| {
            receipt
                .get(name)
                .and_then(Value::as_u64)
                .unwrap_or_default()
        };
        let denials = usize::try_from(number("denials")).unwrap_or(usize::MAX);
        print(format_args!(
            "accepted: {}, {} new",
            count(denials, "denial"),
            number("new")
        ))
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let mut text = Vec::new();
        let read = if self.file == Path::new("-") {
            std::io::stdin()
                .lock()
                .take(LARGEST + 1)
                .read_to_end(&mut text)
        } else {
            std::fs::File::open(&self.file)
                .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
        };
        let what = || format!("`{}` cannot be read", self.file.display());
        read.with_context(what).map_err(Failure::wrong_input)?;
        if text.len() as u64 > LARGEST {
            let what = anyhow!(
                "the text is larger than {} MiB: give the part with the denial",
                LARGEST >> 20
            );
            return Err(Failure::wrong_input(what));
        }
        Ok(text)
    }

    fn proof(&self) -> Result<Proof, Failure> {
        let read = |path: &PathBuf| {
            let secret = SecretRef::File(path.clone()).read();
            secret.map_err(Failure::wrong_input)
        };
        let env = |name: &str| SecretRef::Env(name.to_owned()).read().ok();
        if let Some(path) = &self.token_file {
            return read(path).map(Proof::Token);
        }
        if let Some(path) = &self.key_file {
            return read(path).map(Proof::Key);
        }
        let proof = env(TOKEN)
            .map(Proof::Token)
            .or_else(|| env(KEY).map(Proof::Key));
        proof.ok_or_else(|| {
            Failure::wrong_input(anyhow!(
                "nothing proves who reports: set `{TOKEN}` or `--token-file` (a job's token), or `{KEY}` or `--key-file` (a shared key)"
            ))
        })
    }

    /// Sends it until it is accepted or refused for good, or the time is over.
    async fn send(&self, request: Request) -> Result<Reply, Failure> {
        let http = Http::new(None).map_err(anyhow::Error::new)?;
        let clock = Clock::system();
        let since = clock.stopwatch();
        let shown = shown(&self.url);
        loop {
            // The body is held in memory, so that it can be sent again.
            let again = request
                .try_clone()
                .ok_or_else(|| anyhow!("it cannot be sent"))?;
            let (why, asked) = match http.send(again).await {
                Ok(reply) if reply.status.is_success() => return Ok(reply),
                Ok(reply) if is_for_good(reply.status) => {
                    return Err(refused(&self.source, &shown, &reply));
                }
                Ok(reply) => (
                    format!("status {}", reply.status.as_u16()),
                    retry_after(&reply.headers, clock.now()),
                ),
                Err(error) => (error.to_string(), None),
            };
            let pause = asked.unwrap_or(PAUSE).max(Duration::from_secs(1));
            if since.elapsed().saturating_add(pause) > self.timeout {
                let what = anyhow!(
                    "not accepted by {shown} within {}: {why}",
                    duration::Show(self.timeout)
                );
                return Err(what.into());
            }
            clock.sleep(pause).await;
        }
    }
}

/// Whether the same delivery would be refused again.
fn is_for_good(status: StatusCode) -> bool {
    status.is_redirection()
        || status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429)
}

fn refused(source: &str, at: &str, reply: &Reply) -> Failure {
    let what = match reply.status.as_u16() {
        401 | 403 => format!(
            "{at} does not accept the proof for the source `{source}`: check the token's audience and claims, or the key, against its `auth`; doorward's log says why"
        ),
        404 => format!("there is no source `{source}` at {at}: check `--source` and `--url`"),
        status => {
            let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let said = said
                .get("error")
                .and_then(Value::as_str)
                .map(wording::quoted);
            format!(
                "{at} refused it (status {status}): {}",
                said.unwrap_or_default()
            )
        }
    };
    Failure::wrong_input(anyhow!(what))
}

fn request(url: &Url, text: &[u8], proof: &Proof) -> Result<Request, Failure> {
    let (name, value) = match proof {
        Proof::Token(token) => (AUTHORIZATION, format!("Bearer {}", token.expose_secret())),
        Proof::Key(key) => (
            HeaderName::from_static("x-doorward-key"),
            key.expose_secret().to_owned(),
        ),
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        Failure::wrong_input(anyhow!("the proof has characters that no header takes"))
    })?;
    value.set_sensitive(true);
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    let kind = if json {
        "application/json"
    } else {
        "text/plain"
    };
    let mut request = Request::new(Method::POST, url.clone());
    request.headers_mut().insert(name, value);
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    *request.body_mut() = Some(text.to_vec().into());
    *request.timeout_mut() = Some(EXCHANGE);
    Ok(request)
}
