//! The service put together: configuration in, listeners and loops out.

use crate::app::{App, Auth, Channel, Enrolled, Memory, Source};
use crate::azure::Arm;
use crate::clock::Clock;
use crate::config::{self, Config, Mode};
use crate::domain::link::LinkKey;
use crate::domain::registry::{Hosts, Scope};
use crate::domain::resource_id::ResourceId;
use crate::domain::sets::Sets;
use crate::metrics::Metrics;
use crate::store::Ledger;
use crate::{flow, http};
use anyhow::Context;
use arc_swap::ArcSwap;
use governor::{Quota, RateLimiter};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A running doorward.
pub struct Server {
    /// Where events and approvals come in.
    pub listen: SocketAddr,
    /// Where the operator page is.
    pub admin: SocketAddr,
    /// Its parts.
    pub app: Arc<App>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A service that does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What the user wrote cannot be used.
    #[error(transparent)]
    Settings(anyhow::Error),
    /// What the machine does not do.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Server {
    /// Opens the ledger, loads what policy needs, listens, and starts the loops.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let (listen, admin) = (config.listen, config.admin);
        let app = Arc::new(app(config, clock).await?);
        let public = bind(listen, "listen").await?;
        let operators = bind(admin, "admin").await?;
        let local = |listener: &TcpListener| listener.local_addr().context("the listener has no address");
        let (listen, admin) = (local(&public)?, local(&operators)?);
        flow::sets::turn(&app).await;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(http::serve(public, http::public_router(Arc::clone(&app)), stop.clone()));
        tasks.spawn(http::serve(operators, http::admin_router(Arc::clone(&app), admin), stop.clone()));
        flow::run(&app, &tasks, &stop);
        tasks.close();
        Ok(Self { listen, admin, app, tasks, stop })
    }

    /// Stops: deliveries under way are answered, turns under way are finished.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// The parts, from the configuration.
pub async fn app(config: Config, clock: Clock) -> Result<App, StartError> {
    let settings = |error: anyhow::Error| StartError::Settings(error);
    let secrets = config.read_secrets().map_err(|error| settings(error.into()))?;
    let policy = config::load_policies(&config.policies).map_err(|error| settings(error.into()))?;
    let sets = Sets::default();
    let arm = Arm::new(&config.azure, clock.clone()).map_err(|error| settings(error.into()))?;
    let link_key = LinkKey::new(&secrets.link_key).context("`links.key` cannot be used").map_err(settings)?;
    let ledger = Ledger::open(&config.state).await.context("the ledger cannot be opened")?;
    let registries = registries(&config);
    let hosts = Hosts::configured(registries.iter().map(|(id, enrolled)| (id, &enrolled.hosts[..])));
    Ok(App {
        arm,
        ledger,
        sources: sources(&config, secrets.source_keys),
        channels: secrets.channel_urls.into_iter().map(|(name, url)| (name, Channel { url })).collect(),
        registries,
        policy: ArcSwap::from_pointee(policy),
        policies: config.policies.clone(),
        sets: ArcSwap::from_pointee(sets),
        may_add: config.mode == Mode::Enforce,
        max_ttl: config.max_ttl,
        link_key,
        links_valid_for: config.links.valid_for,
        public_url: config.public_url.clone(),
        http: client().map_err(settings)?,
        metrics: Metrics::default(),
        memory: Memory::knowing(hosts),
        clock,
    })
}

async fn bind(address: SocketAddr, field: &str) -> Result<TcpListener, StartError> {
    let hint = || format!("`{field}: {address}` cannot be listened on: is another doorward running?");
    Ok(TcpListener::bind(address).await.with_context(hint)?)
}

/// The client for channels: no redirects, a time-out, the usual authorities.
pub fn client() -> anyhow::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")));
    client.build().context("no HTTP client")
}

fn registries(config: &Config) -> BTreeMap<ResourceId, Enrolled> {
    let enrolled = |registry: &config::Registry| Enrolled {
        hosts: registry.hosts.clone(),
        max_entries: registry.max_entries,
        approvals: registry.approvals,
        grants_per_hour: registry.grants_per_hour,
    };
    config.registries.iter().map(|registry| (registry.id.clone(), enrolled(registry))).collect()
}

fn sources(config: &Config, keys: Vec<Vec<SecretString>>) -> BTreeMap<String, Source> {
    let source = |(source, keys): (&config::SourceC, Vec<SecretString>)| Source {
        name: source.name.clone(),
        auth: Auth::SharedKey { keys, query: source.auth.query },
        scope: Scope { registries: source.registries.clone(), registry: source.registry.clone() },
        trust_status_403: source.trust_status_403,
        limiter: RateLimiter::direct(Quota::per_second(std::num::NonZeroU32::MIN.saturating_add(49))),
        per_second: std::num::NonZeroU32::MIN.saturating_add(49),
        max_body: 4 << 20,
    };
    config.sources.iter().zip(keys).map(source).map(|source| (source.name.clone(), source)).collect()
}
