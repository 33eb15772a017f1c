//! The service put together: configuration in, listeners and loops out.

mod parts;

use crate::config::{Config, StateUrl};
use crate::flow::app::App;
use crate::flow::refusals;
use crate::flow::supervise::Supervisor;
use crate::http::{Front, Gate, Known, Limits};
use crate::store::{Ledger, Lock, StoreError};
use crate::{flow, http};
use anyhow::Context;
use clock::Clock;
use doorward_core::state::readiness::{Condition, ConditionCode};
use parts::{limits, parts};
use std::net::SocketAddr;
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
    /// Where metrics are shown beside it, if anywhere.
    pub metrics: Option<SocketAddr>,
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
    /// Where metrics will be shown beside it, if anywhere.
    pub metrics: Option<SocketAddr>,
    config: Config,
    clock: Clock,
    build: Build,
    /// In front of the senders, of the operators, and of Prometheus.
    gates: [Gate; 3],
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
        let [public, operators, scrapers] = &self.gates;
        self.known.is(&app);
        public.open(http::public_router_within(Arc::clone(&app), self.limits));
        operators.open(http::admin_router(Arc::clone(&app), self.admin));
        if let Some(address) = self.metrics {
            scrapers.open(http::metrics_router(Arc::clone(&app), address));
        }
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
            metrics: self.metrics,
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
        let scrapers = match config.metrics {
            Some(address) => Some(bind(address, "metrics").await?),
            None => None,
        };
        let local =
            |listener: &TcpListener| listener.local_addr().context("the listener has no address");
        let listen = public.as_ref().map(local).transpose()?;
        let admin = local(&operators)?;
        let metrics = scrapers.as_ref().map(local).transpose()?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        // What is under way has most of the time to come to its end, and is dropped before it is over.
        let grace = config.shutdown_timeout.saturating_mul(4) / 5;
        let limits = Limits {
            drain: grace,
            ..limits(&config.connections)
        };
        let gates = [Gate::default(), Gate::default(), Gate::default()];
        let known = Known::trusting(&config.trusted_proxies);
        let serve = |listener, gate: &Gate| {
            let front = Front::from(gate.router()).within(limits).of(&known);
            tasks.spawn(http::serve(listener, front, stop.clone()))
        };
        let [first, second, third] = &gates;
        let public = public.map(|public| ("listener", serve(public, first)));
        let operators = ("admin listener", serve(operators, second));
        let scrapers = scrapers.map(|scrapers| ("metrics listener", serve(scrapers, third)));
        let listeners = public.into_iter().chain([operators]).chain(scrapers);
        let listeners = listeners.collect();
        Ok(Starting {
            listen,
            admin,
            metrics,
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
        if let Some(traces) = &self.app.traces {
            traces.end().await;
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
