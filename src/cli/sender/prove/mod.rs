//! `doorward prove`: a synthetic denial through the real endpoint, as a configured sender would send it, followed
//! through every stage. It names an address of documentation (RFC 5737), for which nothing is ever opened.

mod canary;
mod way;

use super::refuse_clear_text;
use crate::azure::http::Http;
use crate::cli::health::{endpoint, shown};
use crate::cli::{ConfigFile, Failure};
use crate::config::{self, Auth, Config, SecretRef};
use crate::store::Ledger;
use anyhow::{Context, anyhow};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clock::Clock;
use doorward_core::yaml::duration;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::ExposeSecret;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;
use way::Way;

/// The networks of documentation (RFC 5737): nobody has them.
const DOCUMENTATION: [[u8; 3]; 3] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];

/// How long doorward may take to accept a delivery, as a sender has it.
const EXCHANGE: Duration = Duration::from_secs(30);

/// How long all stages may take where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What `doorward prove` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It reads the configuration and the ledger of the running doorward, so run it where that runs. Nothing is opened: the guardrails refuse addresses of documentation. The verdict may send a message to the channels.\nExit codes: 0 when every stage was seen, 1 when one was not, 2 when the configuration cannot be used or the proof was refused."
)]
pub(crate) struct Prove {
    #[command(flatten)]
    file: ConfigFile,
    /// The source to send as; left out, the first whose proof is in the configuration
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// A file with a token, for a source whose senders show one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Where to send to, instead of the configuration's `public_url`
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// How long to wait for all stages together, once it is accepted: 30s; with `--canary` 20m
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Let the registry itself produce the denial, by asking it from here without a login, and wait until it comes
    /// back by the configured way. It is a real one: policy decides about this machine's address
    #[arg(long, conflicts_with_all = ["token_file", "url"])]
    canary: bool,
    /// With `--canary`: the registry that is asked, by its name; left out, the first
    #[arg(long, value_name = "NAME", requires = "canary")]
    registry: Option<String>,
    /// With `--canary`: where the registry is reached, instead of by its name
    #[arg(long, value_name = "URL", requires = "canary")]
    registry_url: Option<Url>,
}

impl Prove {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        let config = config::load(&self.file.config).map_err(Failure::wrong_input)?;
        if self.canary {
            return canary::run(&self, &config).await;
        }
        let source = self.source(&config)?;
        let base = match &self.url {
            Some(url) => url.clone(),
            None => Url::parse(&config.public_url).map_err(Failure::wrong_input)?,
        };
        let url = endpoint(&base, &format!("events/{}", source.name))?;
        refuse_clear_text(&url)?;
        let clock = Clock::system();
        let address = address(&clock);
        let text = format!(
            "doorward prove: {}: client with IP '{address}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
            host(&config, source)
        );
        let request = self.request(source, &url, &text, &clock)?;
        let state = config.state.url().map_err(Failure::wrong_input)?;
        let ledger = Ledger::open_read_only(&state.expose()).await;
        let ledger = ledger.with_context(|| {
            format!("the ledger `{state}` cannot be read: is doorward running here?")
        })?;
        let mut way = Way {
            since: clock.stopwatch(),
            accepted: clock.stopwatch(),
            seq: 0,
            seen: Vec::new(),
            ledger,
            clock,
            source: source.name.clone(),
            address,
            timeout: self.timeout.unwrap_or(TIMEOUT),
        };
        way.skip().await?;
        way.since = way.clock.stopwatch();
        accepted(&base, &way, &config, request).await?;
        way.accepted = way.clock.stopwatch();
        let denial = way.recorded().await?;
        let verdict = way.decided(denial).await?;
        way.notified(denial).await?;
        way.refused(denial, &verdict)
    }

    fn source<'a>(&self, config: &'a Config) -> Result<&'a config::Source, Failure> {
        let has_key = |source: &&config::Source| {
            matches!(source.auth, Auth::SharedKey { .. } | Auth::Signature { .. })
        };
        let found = match &self.source {
            Some(name) => config.sources.iter().find(|source| source.name == *name),
            None if self.token_file.is_some() => {
                config.sources.iter().find(|source| !has_key(source))
            }
            None => config.sources.iter().find(has_key),
        };
        found.ok_or_else(|| {
            Failure::wrong_input(anyhow!(
                "no source of {} fits: name one by `--source`, and for one whose senders show a token give one by `--token-file`",
                self.file.config.display()
            ))
        })
    }

    /// The delivery, with the proof that this source takes.
    fn request(
        &self,
        source: &config::Source,
        url: &Url,
        text: &str,
        clock: &Clock,
    ) -> Result<Request, Failure> {
        let mut request = Request::new(Method::POST, url.clone());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let mut proofs: Vec<(HeaderName, String)> = Vec::new();
        match &source.auth {
            Auth::SharedKey { keys, .. } => {
                proofs.push((HeaderName::from_static("x-doorward-key"), first(keys)?));
            }
            Auth::Signature { keys } => {
                let (id, at) = (format!("prove-{}", clock.id()), clock.now().as_second());
                let signature = signature(&first(keys)?, &format!("{id}.{at}.{text}"));
                proofs.push((HeaderName::from_static("webhook-signature"), signature));
                proofs.push((HeaderName::from_static("webhook-id"), id));
                proofs.push((HeaderName::from_static("webhook-timestamp"), at.to_string()));
            }
            Auth::Feed(_) => {
                return Err(Failure::wrong_input(anyhow!(
                    "nobody sends to `{}`: doorward fetches it itself; name a source that is sent to",
                    source.name
                )));
            }
            Auth::EntraToken { .. } | Auth::CiToken { .. } => {
                let file = self.token_file.clone().ok_or_else(|| {
                    Failure::wrong_input(anyhow!(
                        "senders of `{}` show a token: give one by `--token-file`",
                        source.name
                    ))
                })?;
                let token = SecretRef::File(file).read().map_err(Failure::wrong_input)?;
                proofs.push((AUTHORIZATION, format!("Bearer {}", token.expose_secret())));
            }
        }
        for (name, value) in proofs {
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                Failure::wrong_input(anyhow!("the proof has characters that no header takes"))
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        *request.timeout_mut() = Some(EXCHANGE);
        *request.body_mut() = Some(text.to_owned().into());
        Ok(request)
    }
}

fn first(keys: &[config::Secret]) -> Result<String, Failure> {
    let key = keys
        .first()
        .ok_or_else(|| Failure::wrong_input(anyhow!("the source has no key")))?;
    let read = key.from.read().map_err(Failure::wrong_input)?;
    Ok(read.expose_secret().to_owned())
}

/// A signature in the form of Standard Webhooks.
fn signature(key: &str, content: &str) -> String {
    let bytes = match key.strip_prefix("whsec_") {
        Some(coded) => STANDARD.decode(coded).unwrap_or_default(),
        None => key.as_bytes().to_vec(),
    };
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        content.as_bytes(),
    );
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

/// An address of documentation, mostly another one each time: a repeat would stand for the verdict before.
fn address(clock: &Clock) -> Ipv4Addr {
    let random = clock.id().into_bytes();
    let [.., network, last] = random;
    let [a, b, c] = DOCUMENTATION
        .into_iter()
        .nth(usize::from(network) % DOCUMENTATION.len())
        .unwrap_or([192, 0, 2]);
    Ipv4Addr::new(a, b, c, last)
}

/// A registry that the source may speak of.
fn host(config: &Config, source: &config::Source) -> String {
    let own = source
        .registry
        .clone()
        .or_else(|| source.registries.first().cloned());
    own.unwrap_or_else(|| {
        let registry = config.registries.first();
        let custom = registry.and_then(|registry| registry.hosts.first().cloned());
        let name = registry.map(|registry| registry.id.name().to_ascii_lowercase());
        custom.unwrap_or_else(|| format!("{}.azurecr.io", name.unwrap_or_default()))
    })
}

/// The first stage: doorward accepts the delivery.
async fn accepted(base: &Url, way: &Way, config: &Config, request: Request) -> Result<(), Failure> {
    let at = shown(base);
    let http = Http::new(config.azure.ca_file.as_deref()).map_err(Failure::wrong_input)?;
    let reply = http.send(request).await;
    let reply = reply.with_context(|| format!("accepted: no; nothing answers at {at}"))?;
    match reply.status.as_u16() {
        202 => way.stage("accepted", &format!("by {at} as `{}`, durably", way.source)),
        401 => Err(Failure::wrong_input(anyhow!(
            "accepted: no; {at} refuses the proof of `{}`: does the running doorward have this key?",
            way.source
        ))),
        404 => Err(Failure::wrong_input(anyhow!(
            "accepted: no; there is no source `{}` at {at}: does the running doorward have this configuration?",
            way.source
        ))),
        status => Err(anyhow!("accepted: no; {at} answers with status {status}").into()),
    }
}

#[cfg(test)]
mod tests;
