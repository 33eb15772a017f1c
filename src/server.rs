//! The service put together: configuration in, listeners and loops out.

use crate::auth::{SenderAuth, SignIn};
use crate::azure::Arm;
use crate::azure::http::Http;
use crate::config::{self, Config, Mode, StateUrl};
use crate::flow::app::{App, Enrolled, Source};
use crate::flow::decide::shadow::ShadowPolicy;
use crate::flow::memory::Memory;
use crate::flow::refusals;
use crate::flow::supervise::Supervisor;
use crate::http::{Front, Gate, Known, Limits};
use crate::metrics::Metrics;
use crate::store::{Ledger, Lock, StoreError};
use crate::{auth, flow, http};
use anyhow::Context;
use arc_swap::ArcSwap;
use clock::Clock;
use doorward_core::approvals::Approvers;
use doorward_core::auth::link::LinkKey;
use doorward_core::firewall::ownership_tags::OwnershipTagKey;
use doorward_core::intake::dedup::DedupPolicy;
use doorward_core::intake::routing::{Hosts, Scope};
use doorward_core::net::resource_id::ResourceId;
use doorward_core::policy::Policy;
use doorward_core::state::readiness::{Condition, ConditionCode};
use governor::{Quota, RateLimiter};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// How soon a database that is not to be had is tried again, at first and at the latest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a start waits for address sets.
const SETS_WITHIN: Duration = Duration::from_secs(10);

/// A running doorward.
pub struct Server {
    /// Where events and approvals come in, if anybody may send.
    pub listen: Option<SocketAddr>,
    /// Where the operator page is.
    pub admin: SocketAddr,
    /// Its parts.
    pub app: Arc<App>,
    keeper: Supervisor,
    stop: CancellationToken,
    shutdown_timeout: Duration,
    /// Held as long as this doorward writes, if its ledger is a file.
    _lock: Option<Lock>,
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

impl StartError {
    fn settings(error: impl Into<anyhow::Error>) -> Self {
        Self::Settings(error.into())
    }
}

/// A doorward that listens, and answers 503 until its ledger is open.
pub struct Starting {
    /// Where events and approvals will come in, if anybody may send.
    pub listen: Option<SocketAddr>,
    /// Where the operator page will be.
    pub admin: SocketAddr,
    config: Config,
    clock: Clock,
    build: Build,
    /// In front of the senders and of the operators.
    gates: [Gate; 2],
    known: Known,
    limits: Limits,
    listeners: Vec<(&'static str, JoinHandle<()>)>,
    stop: CancellationToken,
    /// Ends the listeners if it never becomes a server.
    given_up: DropGuard,
    lock: Option<Lock>,
}

/// Puts the parts together around an open ledger.
type Build = Box<dyn FnOnce(Ledger) -> App + Send>;

impl Starting {
    /// Opens the ledger, loads what policy needs, and starts the loops. A database server that is not to
    /// be had is waited for, as long as the configuration says.
    pub async fn ready(self) -> Result<Server, StartError> {
        let ledger = self.ledger().await?;
        let app = Arc::new((self.build)(ledger));
        // What does not answer by then is loaded later: the rest is not to wait for it.
        tokio::time::timeout(SETS_WITHIN, flow::sets::run_once(&app))
            .await
            .ok();
        let [public, operators] = &self.gates;
        self.known.is(&app);
        public.open(http::public_router_within(Arc::clone(&app), self.limits));
        operators.open(http::admin_router(Arc::clone(&app), self.admin));
        let keeper = Supervisor::new(Arc::clone(&app), self.stop.clone(), self.limits.drain);
        for (name, listener) in self.listeners {
            keeper.watch(name, async move {
                listener.await.ok();
            });
        }
        let (kept, stopped) = (Arc::clone(&app), self.stop.clone());
        keeper.watch("ledger", async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = kept.ledger.ended() => {}
            }
        });
        let sums = refusals::sum_up(Arc::clone(&app), self.stop.clone());
        keeper.watch("log of refusals", sums);
        flow::run(&app, &keeper);
        keeper.tasks().close();
        self.given_up.disarm();
        Ok(Server {
            listen: self.listen,
            admin: self.admin,
            app,
            keeper,
            stop: self.stop,
            shutdown_timeout: self.config.shutdown_timeout,
            _lock: self.lock,
        })
    }

    async fn ledger(&self) -> Result<Ledger, StartError> {
        let waiting = self.clock.stopwatch();
        let since = self.clock.now();
        let (mut pause, mut told) = (FIRST_PAUSE, String::new());
        loop {
            // Read each time: it may be what is mended.
            let state = self.config.state.url().map_err(StartError::settings)?;
            let error = match Ledger::open(&state.expose()).await {
                Ok(ledger) => return Ok(ledger),
                Err(error) => error,
            };
            let most = self.config.wait_for_database;
            let in_vain = most.is_some_and(|most| waiting.elapsed().saturating_add(pause) > most);
            if in_vain || !error.may_pass() || matches!(state, StateUrl::Sqlite(_)) {
                let opened: Result<Ledger, StoreError> = Err(error);
                return Ok(opened.with_context(|| cannot_be_opened(&state))?);
            }
            if told.is_empty() {
                let all = self.listen.into_iter().chain([self.admin]);
                let all: Vec<String> = all.map(|address| format!("http://{address}")).collect();
                let all = all.join(" and ");
                tracing::warn!("{all} answer 503 until the ledger's database can be used");
            }
            if told != error.to_string() {
                told = error.to_string();
                tracing::error!("{told}");
            }
            let condition = Condition::new(ConditionCode::LedgerUnavailable, error.brief());
            for gate in &self.gates {
                gate.closed_by(condition.clone().since(since));
            }
            self.clock.sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }
}

fn cannot_be_opened(state: &StateUrl) -> String {
    format!("the ledger `{state}` cannot be opened")
}

impl Server {
    /// Listens, opens the ledger, loads what policy needs, and starts the loops.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        Self::bind(config, clock).await?.ready().await
    }

    /// Checks the settings and listens.
    pub async fn bind(config: Config, clock: Clock) -> Result<Starting, StartError> {
        let state = config.state.url().map_err(StartError::settings)?;
        let build = Box::new(parts(&config, clock.clone())?);
        let lock = lock(&state)?;
        let public = match config.listen {
            Some(address) => Some(bind(address, "listen").await?),
            None => None,
        };
        let operators = bind(config.admin, "admin").await?;
        let local =
            |listener: &TcpListener| listener.local_addr().context("the listener has no address");
        let listen = public.as_ref().map(local).transpose()?;
        let admin = local(&operators)?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        // What is under way has most of the time to come to its end, and is dropped before it is over.
        let grace = config.shutdown_timeout.saturating_mul(4) / 5;
        let limits = Limits {
            drain: grace,
            ..limits(&config.connections)
        };
        let gates = [Gate::default(), Gate::default()];
        let known = Known::trusting(&config.trusted_proxies);
        let serve = |listener, gate: &Gate| {
            let front = Front::from(gate.router()).within(limits).of(&known);
            tasks.spawn(http::serve(listener, front, stop.clone()))
        };
        let [first, second] = &gates;
        let public = public.map(|public| ("listener", serve(public, first)));
        let operators = ("admin listener", serve(operators, second));
        let listeners = public.into_iter().chain([operators]).collect();
        Ok(Starting {
            listen,
            admin,
            config,
            clock,
            build,
            gates,
            known,
            limits,
            listeners,
            given_up: stop.clone().drop_guard(),
            stop,
            lock,
        })
    }

    /// Waits until a part that it cannot do without has ended for good; its name.
    pub async fn failed(&self) -> String {
        self.keeper.failed().await
    }

    /// Reads the policy again, now.
    pub async fn reload(&self) {
        flow::policy::take_in(&self.app).await;
    }

    /// Stops: deliveries under way are answered and turns under way are finished, as far as they can be
    /// within `shutdown_timeout`. What is cut short is as safe as if the process had been killed.
    pub async fn stop(self) {
        self.stop.cancel();
        let ended = self.keeper.tasks().wait();
        if tokio::time::timeout(self.shutdown_timeout, ended)
            .await
            .is_err()
        {
            tracing::warn!("not everything came to its end within `shutdown_timeout`");
        }
    }
}

/// The parts, from the configuration.
pub async fn app(config: Config, clock: Clock) -> Result<App, StartError> {
    let build = parts(&config, clock)?;
    let state = config.state.url().map_err(StartError::settings)?;
    let ledger = Ledger::open(&state.expose()).await;
    let ledger = ledger.with_context(|| cannot_be_opened(&state))?;
    Ok(build(ledger))
}

/// What puts the parts together, once all settings are known to be good.
fn parts(
    config: &Config,
    clock: Clock,
) -> Result<impl FnOnce(Ledger) -> App + Send + use<>, StartError> {
    let secrets = config.read_secrets().map_err(StartError::settings)?;
    let policy = config::load_policies(&config.policies).map_err(StartError::settings)?;
    check(config, &policy)?;
    let sets =
        config::load_files(&policy, &config.policies, clock.now()).map_err(StartError::settings)?;
    let arm = Arm::new(&config.azure, clock.clone()).map_err(StartError::settings)?;
    let link_keys = auth::link_keys(config, &secrets).map_err(StartError::settings)?;
    let ownership_tag_key = OwnershipTagKey::new(&secrets.ownership_tag_key).map_err(|error| {
        StartError::settings(config.ownership_tag_key().refused(error.to_string()))
    })?;
    if let (Some(token), Some(named)) = (&secrets.admin_token, &config.admin_token) {
        LinkKey::new(token)
            .map_err(|error| StartError::settings(named.refused(error.to_string())))?;
    }
    let http = Http::new(config.azure.ca_file.as_deref()).map_err(StartError::settings)?;
    let auths = auth::of_sources(config, secrets.source_keys, (&http, &clock))
        .map_err(StartError::settings)?;
    let shared = (secrets.client_secret, &secrets.link_key);
    let sign_in = auth::of_people(config, shared, (&http, &clock)).map_err(StartError::settings)?;
    let registries: BTreeMap<ResourceId, Enrolled> =
        config.registries.iter().map(Enrolled::configured).collect();
    let hosts = Hosts::configured(
        registries
            .iter()
            .map(|(id, enrolled)| (id, &enrolled.hosts[..])),
    );
    let config = config.clone();
    let sources = sources(&config, auths);
    Ok(move |ledger| App {
        arm,
        ledger,
        trusted_proxies: config.trusted_proxies.clone(),
        sources,
        channels: flow::notify::configured::channels(&config, secrets.channels),
        routes: config.routes.clone(),
        registries,
        policy: ArcSwap::from_pointee(policy),
        policies: config.policies.clone(),
        shadow: config.shadow.clone().map(ShadowPolicy::new),
        sets: ArcSwap::from_pointee(sets),
        may_add: config.mode == Mode::Enforce,
        max_ttl: config.max_ttl,
        windows: windows(&config),
        link_keys,
        approvers: Approvers {
            listed: config.approvers.clone(),
            ..sign_in.as_ref().map(SignIn::approvers).unwrap_or_default()
        },
        links_valid_for: config.links.valid_for,
        public_url: config.public_url.clone(),
        listens: config.listen.is_some(),
        admin_token: secrets.admin_token,
        sign_in,
        ownership_tag_key,
        http,
        metrics: Metrics::default(),
        memory: Memory::knowing(hosts),
        clock,
    })
}

/// Policy and configuration must agree; what is odd about them is told.
fn check(config: &Config, policy: &Policy) -> Result<(), StartError> {
    let (warnings, errors) = config.check(policy).split();
    for warning in config
        .warnings
        .0
        .iter()
        .chain(&policy.warnings.0)
        .chain(&warnings.0)
    {
        tracing::warn!("{}", warning.in_a_line());
    }
    if config.channels.is_empty() {
        tracing::warn!(
            "there are no `channels`: requests and alerts stand on the operator page only, and nobody is told"
        );
    }
    if errors.0.is_empty() {
        Ok(())
    } else {
        Err(StartError::settings(errors))
    }
}

/// What each listener bears with.
fn limits(connections: &config::Connections) -> Limits {
    Limits {
        connections: connections.max,
        per_address: connections.max_per_address,
        idle: connections.idle_timeout,
        write: connections.write_timeout,
        age: connections.max_age,
        ..Limits::default()
    }
}

fn windows(config: &Config) -> DedupPolicy {
    DedupPolicy {
        repeat: span(config.dedup_window),
        no: span(config.decline_cooldown),
        max_age: span(config.max_event_age),
        grace: span(config.propagation_grace),
    }
}

fn span(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn sources(config: &Config, mut auths: BTreeMap<String, SenderAuth>) -> BTreeMap<String, Source> {
    let source = |source: &config::Source| {
        let auth = auths.remove(&source.name)?;
        let per_second = NonZeroU32::new(source.rate_per_second).unwrap_or(NonZeroU32::MIN);
        Some(Source {
            name: source.name.clone(),
            auth,
            scope: Scope {
                registries: source.registries.clone(),
                registry: source.registry.clone(),
            },
            trust_status_403: source.trust_status_403,
            limiter: RateLimiter::direct(Quota::per_second(per_second)),
            per_second,
            max_body: source.max_body_bytes,
            options: source.options.clone(),
        })
    };
    config
        .sources
        .iter()
        .filter_map(source)
        .map(|source| (source.name.clone(), source))
        .collect()
}

/// One doorward writes an SQLite ledger, and so the registries behind it. A server's ledger is shared:
/// there each registry's writer holds a lease.
fn lock(state: &StateUrl) -> anyhow::Result<Option<Lock>> {
    let StateUrl::Sqlite(path) = state else {
        return Ok(None);
    };
    let lock = Lock::take(path);
    Ok(Some(lock.with_context(|| {
        format!("the ledger `{state}` cannot be locked")
    })?))
}

async fn bind(address: SocketAddr, field: &str) -> Result<TcpListener, StartError> {
    let hint =
        || format!("`{field}: {address}` cannot be listened on: is another doorward running?");
    Ok(TcpListener::bind(address).await.with_context(hint)?)
}

/// Waits for SIGTERM or Ctrl-C.
pub async fn asked_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}
