//! What doorward is fed by and speaks to: address sets, sources, channels, the public URL.

use super::OFFLINE;
use super::local::Read;
use crate::auth::SenderAuth;
use crate::azure::http::Http;
use crate::config::{Auth, ChannelKind, Config, State};
use crate::flow;
use crate::flow::app::App;
use crate::server;
use clock::Clock;
use doorward_core::doctor::Finding;
use doorward_core::doctor::facts::Unknown;
use doorward_core::doctor::senders::{self, Answer, Fed, Set, Source};
use doorward_core::policy::Policy;
use futures_util::future::join_all;
use reqwest::{Method, Request, Url};
use std::time::Duration;
use tempfile::TempDir;

/// How long anything outside may take to answer.
const WITHIN: Duration = Duration::from_secs(10);

/// How long the address sets may take together.
const SETS_WITHIN: Duration = Duration::from_secs(30);

/// How long a feed may take.
const FEED_WITHIN: Duration = Duration::from_mins(1);

/// A key that no issuer publishes: whether it can be asked is what matters.
const NO_KEY: &str = "doorward-doctor";

/// What is to be asked.
pub(super) struct Outside<'a> {
    pub(super) config: &'a Config,
    pub(super) policy: Option<&'a Policy>,
    /// Whether `serve` would start.
    pub(super) sound: bool,
    pub(super) read: &'a Read,
    pub(super) offline: bool,
    pub(super) send: bool,
}

impl Outside<'_> {
    /// Asks, and says what the answers come to.
    pub(super) async fn findings(&self, clock: &Clock) -> Vec<Finding> {
        let parts = self.app(clock).await;
        let app = parts.as_ref().map(|(app, _)| app);
        let mut findings = self.sets(app).await;
        for source in &self.config.sources {
            let issuer = self.issuer(app, &source.name, &source.auth).await;
            let source = Source {
                name: source.name.clone(),
                proof: proof(&source.auth),
                issuer,
                fed: self.fed(&source.name),
            };
            findings.extend(senders::source(&source, clock.now()));
            findings.extend(feed(app, &source.name).await);
        }
        let channels = self.config.channels.iter();
        let channels = channels.map(async |channel| {
            let sent = match &channel.kind {
                ChannelKind::Log => {
                    return Finding::ok("channel", "writes into doorward's log")
                        .about(&channel.name);
                }
                _ if self.send => send(app, &channel.name).await,
                _ => Err(Unknown::Skipped("not tried: `--send` posts a test message")),
            };
            senders::channel(&channel.name, sent)
        });
        findings.extend(join_all(channels).await);
        findings.push(self.public_url().await);
        findings
    }

    /// The parts of the service around an empty ledger in a folder that is thrown away; none where `serve` would
    /// not start.
    async fn app(&self, clock: &Clock) -> Option<(App, TempDir)> {
        if self.offline || !self.sound {
            return None;
        }
        let folder = tempfile::tempdir().ok()?;
        let config = Config {
            state: State::Sqlite(folder.path().join("doctor.db")),
            ..self.config.clone()
        };
        Some((server::app(config, clock.clone()).await.ok()?, folder))
    }

    async fn sets(&self, app: Option<&App>) -> Vec<Finding> {
        let Some(app) = app else {
            let needs = self.policy.map(Policy::needs).unwrap_or_default();
            let why = if self.offline {
                OFFLINE
            } else {
                "the configuration must be right first"
            };
            let outside = needs.iter().filter(|external| !external.in_file());
            let left = outside.map(|external| {
                let finding = Finding::left_out("set", format!("not asked ({why})"));
                finding.about(&external.to_string())
            });
            return left.collect();
        };
        // What does not answer by then has no addresses.
        tokio::time::timeout(SETS_WITHIN, flow::sets::run_once(app))
            .await
            .ok();
        let listed = flow::sets::list(app).into_iter();
        let from_elsewhere = listed.filter(|listed| listed.kind != "cidrs");
        let fact = from_elsewhere.map(|listed| Set {
            name: listed.name,
            addresses: listed
                .size
                .map(|size| size.addresses.saturating_add(size.stretches_v6)),
            error: listed.error,
        });
        fact.map(|set| senders::set(&set)).collect()
    }

    /// Whether the keys can be had that a source's tokens are checked with; none where there are no tokens.
    async fn issuer(
        &self,
        app: Option<&App>,
        name: &str,
        auth: &Auth,
    ) -> Option<Result<(), Unknown>> {
        if !matches!(auth, Auth::EntraToken { .. } | Auth::CiToken { .. }) {
            return None;
        }
        if self.offline {
            return Some(Err(Unknown::Skipped(OFFLINE)));
        }
        let source = app.and_then(|app| app.sources.get(name));
        let Some(SenderAuth::Bearer(bearer)) = source.map(|source| &source.auth) else {
            return Some(Err(Unknown::Skipped(
                "the configuration must be right first",
            )));
        };
        let issuers = bearer.expected.issuers.join(" or ");
        Some(match bearer.keys.key(NO_KEY).await {
            Ok(_) | Err(crate::auth::KeyError::Unknown) => Ok(()),
            Err(crate::auth::KeyError::Unavailable { .. }) => Err(Unknown::Failed(format!(
                "no OpenID configuration with a key set at {issuers}"
            ))),
        })
    }

    fn fed(&self, source: &str) -> Fed {
        match (&self.read.state, self.read.last.get(source)) {
            (None, _) => Fed::NoLedger,
            (Some(_), None) => Fed::Never,
            (Some(_), Some(at)) => Fed::Last(*at),
        }
    }

    async fn public_url(&self) -> Finding {
        let url = &self.config.public_url;
        let Ok(parsed) = Url::parse(url) else {
            return senders::public_url(url, false, &Answer::Nothing("this is no URL".to_owned()));
        };
        let host = parsed
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']']);
        let here = host == "localhost"
            || host
                .parse()
                .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let clear = parsed.scheme() == "http" && !here;
        let answer = if self.offline {
            Answer::Skipped(OFFLINE)
        } else {
            self.answer(&format!("{url}/healthz")).await
        };
        senders::public_url(url, clear, &answer)
    }

    async fn answer(&self, url: &str) -> Answer {
        let http =
            Http::new(self.config.azure.ca_file.as_deref()).map_err(|error| error.to_string());
        let parsed = Url::parse(url).map_err(|error| error.to_string());
        let (http, url) = match (http, parsed) {
            (Ok(http), Ok(url)) => (http, url),
            (Err(why), _) | (_, Err(why)) => return Answer::Nothing(why),
        };
        let mut request = Request::new(Method::GET, url);
        *request.timeout_mut() = Some(WITHIN);
        match http.send(request).await {
            Ok(reply) if reply.body == b"ok\n" || reply.body.starts_with(b"stuck: ") => {
                Answer::Doorward
            }
            Ok(reply) => Answer::SomethingElse(reply.status.as_u16()),
            Err(error) => {
                let why = error.to_string();
                let lower = why.to_ascii_lowercase();
                if ["certificate", "tls", "handshake"]
                    .iter()
                    .any(|word| lower.contains(word))
                {
                    Answer::Tls(why)
                } else {
                    Answer::Nothing(why)
                }
            }
        }
    }
}

/// Asks a feed, if the source is one.
async fn feed(app: Option<&App>, source: &str) -> Vec<Finding> {
    let Some(app) = app else {
        return Vec::new();
    };
    let asked = tokio::time::timeout(FEED_WITHIN, flow::feeds::probe(app, source)).await;
    if let Ok(Ok(parts)) = asked {
        return parts
            .iter()
            .map(|part| senders::feed(source, part))
            .collect();
    }
    let late = Finding::unknown("source.feed", "no answer in time", "try again");
    vec![late.about(source)]
}

fn proof(auth: &Auth) -> &'static str {
    match auth {
        Auth::SharedKey { .. } => "shared_key",
        Auth::EntraToken { .. } => "entra_token",
        Auth::CiToken { .. } => "ci_token",
        Auth::Signature { .. } => "signature",
        Auth::Feed(_) => "feed",
    }
}

/// Sends a channel a test message. Its secrets are in no answer.
async fn send(app: Option<&App>, name: &str) -> Result<(), Unknown> {
    let app = app.ok_or(Unknown::Skipped("the configuration must be right first"))?;
    match flow::notify::channels::test(app, name).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) => Err(Unknown::Failed(why)),
        Err(error) => Err(Unknown::Failed(error.to_string())),
    }
}
