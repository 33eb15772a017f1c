//! `doorward wait`: until a registry's firewall lets this machine in.

use super::is_here;
use crate::azure::http::Http;
use crate::azure::retry_after;
use crate::cli::Failure;
use crate::cli::health::{endpoint, shown};
use crate::cli::policy::print;
use anyhow::anyhow;
use clock::Clock;
use doorward_core::yaml::duration;
use reqwest::{Method, Request, StatusCode, Url};
use std::path::PathBuf;
use std::time::Duration;

/// How long one exchange may take.
const EXCHANGE: Duration = Duration::from_secs(10);

/// What `doorward wait` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 when the registry lets this machine in (it asks for a login: 401), 1 when the time is over, 2 when the registry's name cannot be used."
)]
pub(crate) struct Wait {
    /// The registry's host: contosoprod.azurecr.io
    #[arg(long, value_name = "HOST")]
    registry: String,
    /// How long to wait in all
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = duration::parse)]
    timeout: Duration,
    /// How long to wait between two tries, where the registry does not say
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse)]
    interval: Duration,
    /// A PEM file with further certificate authorities
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// What one try says.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The firewall lets us through: what comes behind it answers.
    Open,
    /// It does not, or nothing is known.
    Not(String),
}

impl Wait {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        let base = registry(&self.registry)?;
        // The trailing slash is part of the path that registries answer.
        let url = endpoint(&base, "v2/")?;
        let http = Http::new(self.ca_file.as_deref()).map_err(Failure::wrong_input)?;
        let clock = Clock::system();
        let since = clock.stopwatch();
        loop {
            let mut request = Request::new(Method::GET, url.clone());
            *request.timeout_mut() = Some(EXCHANGE.min(self.timeout));
            let (seen, asked) = match http.send(request).await {
                Ok(reply) => (seen(reply.status), retry_after(&reply.headers, clock.now())),
                Err(error) => (Seen::Not(error.to_string()), None),
            };
            let why = match seen {
                Seen::Open => {
                    let took = duration::Show(since.elapsed());
                    return print(format_args!(
                        "{} lets this machine in (waited {took})",
                        shown(&base)
                    ));
                }
                Seen::Not(why) => why,
            };
            let pause = asked.unwrap_or(self.interval);
            if since.elapsed().saturating_add(pause) > self.timeout {
                let (at, within) = (shown(&base), duration::Show(self.timeout));
                return Err(
                    anyhow!("{at} does not let this machine in within {within}: {why}").into(),
                );
            }
            clock.sleep(pause).await;
        }
    }
}

/// A registry's firewall answers before it asks for a login.
fn seen(status: StatusCode) -> Seen {
    match status.as_u16() {
        200 | 401 => Seen::Open,
        403 => Seen::Not("its firewall still refuses (403)".to_owned()),
        status => Seen::Not(format!("it answers with status {status}")),
    }
}

/// The registry's URL: https, or plain HTTP to this machine.
fn registry(text: &str) -> Result<Url, Failure> {
    let written = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let refuse = || {
        Failure::wrong_input(anyhow!(
            "`--registry` takes the registry's host, such as `contosoprod.azurecr.io`"
        ))
    };
    let url = Url::parse(&written).map_err(|_| refuse())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let here = is_here(&url);
    let safe = url.scheme() == "https" || url.scheme() == "http" && here;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if safe && bare && !host.is_empty() {
        Ok(url)
    } else {
        Err(refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_behind_the_firewall_counts_as_open() {
        for (status, open) in [
            (200, true),
            (401, true),
            (403, false),
            (404, false),
            (503, false),
            (302, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(seen(status) == Seen::Open, open, "{status}");
        }
    }

    #[test]
    fn registry_is_a_host_and_nothing_else() {
        assert_eq!(
            registry("x.azurecr.io").unwrap().as_str(),
            "https://x.azurecr.io/"
        );
        assert!(registry("http://127.0.0.1:8180").is_ok());
        for wrong in [
            "http://x.azurecr.io",
            "x.azurecr.io/v2",
            "ftp://x",
            "me:pw@x",
            "",
            "https://x/?a=b",
        ] {
            assert!(registry(wrong).is_err(), "{wrong}");
        }
    }
}
