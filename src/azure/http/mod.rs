//! The HTTP client: one way out, with time-outs, bounded answers, no redirects and no replays.

use super::settings::is_loopback;
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Client, ClientBuilder, Method, Request, StatusCode, Url};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a connection, TLS included, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a whole exchange may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_mins(1);

/// The longest answer that is read, unpacked. A registry's is some kilobytes; the list of service
/// tags, the longest of Azure's answers read here, about 4 MB.
pub const MAX_ANSWER: usize = 8 << 20;

/// The clients, each for its purpose. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    /// Reads keep their connections.
    reads: Client,
    /// A write has a connection of its own, over HTTP/1.1: neither a pooled connection that has
    /// just died nor HTTP/2's refused streams can leave it unclear whether it was sent.
    writes: Client,
    /// What goes to this machine, or without TLS to the host's own identity endpoint, never takes
    /// a proxy.
    direct: Client,
}

/// An HTTP client that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The file with further authorities.
    #[error(
        "the file `{path}` cannot be used: {why}; it must hold PEM certificates (`-----BEGIN CERTIFICATE-----`)"
    )]
    CaFile {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS does not come up.
    #[error("the TLS client cannot be set up: {0}")]
    Tls(String),
}

/// An exchange without a whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No connection came about: the request has certainly not been sent.
    #[error("no connection: {0}")]
    NotSent(String),
    /// The request may have been sent and acted on; its answer is not known.
    #[error("the answer did not arrive: {0}")]
    Lost(String),
    /// The answer's head arrived, but its body is longer than [`MAX_ANSWER`].
    #[error("the answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most [`MAX_ANSWER`] bytes.
    pub body: Vec<u8>,
}

impl Http {
    /// Trusts the authorities of the system, those of Mozilla's list, and those of `ca_file`.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, HttpError> {
        let mut trusted = well_known()?;
        if let Some(path) = ca_file {
            trusted.extend(read_certificates(path)?);
        }
        let build =
            |builder: ClientBuilder| builder.build().map_err(|e| HttpError::Tls(causes(&e)));
        Ok(Self {
            reads: build(base(&trusted))?,
            writes: build(base(&trusted).http1_only().pool_max_idle_per_host(0))?,
            direct: build(
                base(&trusted)
                    .http1_only()
                    .pool_max_idle_per_host(0)
                    .no_proxy(),
            )?,
        })
    }

    /// The same client, whose requests of every kind keep their connections: for what may be sent twice.
    #[must_use]
    pub fn pooled(&self) -> Self {
        Self {
            writes: self.reads.clone(),
            ..self.clone()
        }
    }

    /// Sends `request` once and reads the answer to its end.
    pub async fn send(&self, request: Request) -> Result<Reply, SendError> {
        let client = self.client_for(&request);
        let mut answer = client.execute(request).await.map_err(send_error)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(send_error)? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(SendError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status: answer.status(),
            headers: std::mem::take(answer.headers_mut()),
            body,
        })
    }

    fn client_for(&self, request: &Request) -> &Client {
        if request.url().scheme() == "http" || is_loopback(request.url()) {
            &self.direct
        } else if request.method() == Method::GET {
            &self.reads
        } else {
            &self.writes
        }
    }
}

/// Whether what is sent to `url` can be read by nobody on the way: over TLS, or on this machine.
pub fn keeps_secrets(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

fn base(trusted: &[Certificate]) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(trusted.iter().cloned())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(EXCHANGE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
}

/// Mozilla's authorities, so that the client comes up on a system that has none of its own.
fn well_known() -> Result<Vec<Certificate>, HttpError> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect::<Result<_, _>>()
        .map_err(|error| HttpError::Tls(causes(&error)))
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>, HttpError> {
    let refuse = |why: String| HttpError::CaFile {
        path: path.to_owned(),
        why,
    };
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| refuse(causes(&error)))?;
    if found.is_empty() {
        return Err(refuse("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

fn send_error(error: reqwest::Error) -> SendError {
    let never_sent = error.is_connect() || error.is_builder();
    let why = causes(&error.without_url());
    if never_sent {
        SendError::NotSent(why)
    } else {
        SendError::Lost(why)
    }
}

/// An error and what caused it, on one line. The caller has taken the URL out.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut parts: Vec<String> = chain.map(ToString::to_string).collect();
    parts.dedup();
    parts.join(": ")
}

#[cfg(test)]
mod tests;
