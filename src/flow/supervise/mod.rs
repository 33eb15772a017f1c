//! Keeps the loops alive. One that panics is started again, a few times; then the process is to end, so
//! that whoever keeps processes alive starts it anew. What hangs in the middle of a turn is told.

use crate::flow::app::App;
use crate::store::StoreError;
use clock::{self, Clock, Stopwatch};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How soon a turn is tried again that the ledger's database failed.
pub(super) const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// How often a loop takes a turn even if nothing wakes it: a wake-up that is lost costs a minute.
const AT_LEAST_EVERY: Duration = Duration::from_mins(1);

/// A turn that takes longer is stuck. What Azure takes its time over is bounded below that.
const STUCK_AFTER: Duration = Duration::from_mins(10);

/// How often a loop is started again within [`RESTARTS_WITHIN`] before it is given up.
const RESTARTS: u32 = 5;

/// Restarts longer ago than this do not count any more.
const RESTARTS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// The pause before the first restart; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What a turn says: when the next one is due, if nothing happens before.
pub type Outcome = Result<Option<Timestamp>, StoreError>;

/// What gives a loop a turn before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WokenBy {
    /// Whatever is appended to the ledger.
    Appends,
    /// The same, arrivals aside: what follows from a denial is appended with its verdict.
    MoreThanArrivals,
    /// Nothing.
    Time,
}

/// What is known of the loops, by name.
pub type Loops = BTreeMap<String, Pulse>;

/// What is known of one loop.
#[derive(Debug, Default)]
pub struct Pulse {
    /// The turn that is under way, if one is.
    running_since: Option<Stopwatch>,
    /// When it was started again of late, oldest first.
    restarts: VecDeque<Timestamp>,
}

impl Pulse {
    /// The pause before the loop that has just fallen is started again; none if it is given up.
    fn falls(&mut self, now: Timestamp) -> Option<Duration> {
        self.running_since = None;
        self.restarts
            .retain(|at| now.duration_since(*at) < RESTARTS_WITHIN);
        let before = u32::try_from(self.restarts.len()).unwrap_or(u32::MAX);
        if before >= RESTARTS {
            return None;
        }
        self.restarts.push_back(now);
        Some(FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(before)))
    }
}

/// The loops that are in the middle of a turn that takes too long.
pub fn stuck(app: &App) -> Vec<String> {
    app.loops(|loops| {
        let is_stuck = |pulse: &Pulse| {
            let since = pulse.running_since.as_ref();
            since.is_some_and(|since| since.elapsed() > STUCK_AFTER)
        };
        let stuck = loops.iter().filter(|(_, pulse)| is_stuck(pulse));
        stuck.map(|(name, _)| name.clone()).collect()
    })
}

/// Starts loops and tasks that must not end, and notices if they do.
#[derive(Clone)]
pub struct Supervisor {
    app: Arc<App>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// How long a turn that is under way may go on after `stop`.
    grace: Duration,
    failed: Arc<OnceLock<String>>,
    has_failed: CancellationToken,
}

/// How a loop ended.
enum End {
    /// It was told to.
    Stopped,
    /// Nothing can be written down any more.
    LedgerClosed,
}

impl Supervisor {
    /// Nothing runs yet. After `stop` turns that are under way have `grace` to come to their end; then they
    /// are dropped, which is as safe as a kill.
    pub fn new(app: Arc<App>, stop: CancellationToken, grace: Duration) -> Self {
        Self {
            app,
            tasks: TaskTracker::new(),
            stop,
            grace,
            failed: Arc::default(),
            has_failed: CancellationToken::new(),
        }
    }

    /// The tasks that were started, to be waited for.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Runs `run_once` again and again: when it is woken, when the time comes that it names, and once a
    /// minute.
    pub fn keep(
        &self,
        name: &str,
        woken_by: WokenBy,
        run_once: impl for<'a> Fn(&'a App) -> BoxFuture<'a, Outcome> + Send + Sync + 'static,
    ) {
        let (keeper, name) = (self.clone(), name.to_owned());
        self.app.loops(|loops| {
            loops.entry(name.clone()).or_default();
        });
        self.tasks
            .spawn(async move { keeper.keep_alive((&name, woken_by), run_once).await });
    }

    /// Runs a task that must not end before it is told to stop, and that cannot be started again.
    pub fn watch(&self, name: &str, task: impl Future<Output = ()> + Send + 'static) {
        let (keeper, name) = (self.clone(), name.to_owned());
        self.tasks.spawn(async move {
            let ended = AssertUnwindSafe(task).catch_unwind().await;
            if !keeper.stop.is_cancelled() {
                let how = if ended.is_ok() { "ended" } else { "panicked" };
                keeper.give_up(&name, how);
            }
        });
    }

    /// Waits until something has been given up; its name.
    pub async fn failed(&self) -> String {
        self.has_failed.cancelled().await;
        self.failed.get().cloned().unwrap_or_default()
    }

    async fn keep_alive(
        &self,
        (name, woken_by): (&str, WokenBy),
        run_once: impl for<'a> Fn(&'a App) -> BoxFuture<'a, Outcome> + Send + Sync,
    ) {
        loop {
            match AssertUnwindSafe(self.run((name, woken_by), &run_once))
                .catch_unwind()
                .await
            {
                Ok(End::Stopped) => return,
                Ok(End::LedgerClosed) => {
                    return self.give_up(name, "found that nothing can be written to the ledger");
                }
                Err(_) if self.stop.is_cancelled() => return,
                Err(_) => {}
            }
            let now = self.app.clock.now();
            let falls = |loops: &mut Loops| loops.entry(name.to_owned()).or_default().falls(now);
            let Some(pause) = self.app.loops(falls) else {
                return self.give_up(name, "panicked again and again");
            };
            tracing::error!(
                name,
                "a loop panicked; it is started again in {} s",
                pause.as_secs()
            );
            self.app.metrics.health.loop_restarted(name);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.app.clock.reached(clock::add(now, pause)) => {}
            }
        }
    }

    async fn run(
        &self,
        (name, woken_by): (&str, WokenBy),
        run_once: &(impl for<'a> Fn(&'a App) -> BoxFuture<'a, Outcome> + Send + Sync),
    ) -> End {
        let app = &*self.app;
        let mut changed = match woken_by {
            WokenBy::Appends => app.ledger.changed(),
            WokenBy::MoreThanArrivals | WokenBy::Time => app.ledger.moved(),
        };
        loop {
            changed.mark_unchanged();
            self.pulse(name, Some(app.clock.stopwatch()));
            let outcome = tokio::select! {
                biased;
                outcome = run_once(app) => outcome,
                () = self.out_of_time() => return End::Stopped,
            };
            self.pulse(name, None);
            app.metrics.health.loop_ran(name, app.clock.now());
            let again = match outcome {
                Ok(again) => again,
                Err(StoreError::Closed) => return End::LedgerClosed,
                Err(error) => Some(after_a_failure(app, &error)),
            };
            if let Some(end) = self.wait((&mut changed, woken_by), again).await {
                return end;
            }
        }
    }

    /// Waits for what wakes the loop, or for a time to come; how the loop ends, if it does.
    async fn wait(
        &self,
        (changed, woken_by): (&mut watch::Receiver<i64>, WokenBy),
        until: Option<Timestamp>,
    ) -> Option<End> {
        let latest = clock::add(self.app.clock.now(), AT_LEAST_EVERY);
        let until = until.map_or(latest, |until| until.min(latest));
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Some(End::Stopped),
            changed = changed.changed(), if woken_by != WokenBy::Time => changed.is_err().then_some(End::LedgerClosed),
            () = self.app.clock.reached(until) => None,
        }
    }

    /// Returns when a turn has had its time after `stop`. That is real time, whatever the clock says.
    async fn out_of_time(&self) {
        self.stop.cancelled().await;
        Clock::system().sleep(self.grace).await;
    }

    fn pulse(&self, name: &str, running_since: Option<Stopwatch>) {
        self.app.loops(|loops| {
            loops.entry(name.to_owned()).or_default().running_since = running_since;
        });
    }

    fn give_up(&self, name: &str, how: &str) {
        tracing::error!(name, "`{name}` {how}: the process ends");
        // The first one counts.
        self.failed.set(name.to_owned()).ok();
        self.has_failed.cancel();
    }
}

fn after_a_failure(app: &App, error: &StoreError) -> Timestamp {
    tracing::error!("{error}");
    clock::add(app.clock.now(), AFTER_A_FAILURE)
}

#[cfg(test)]
mod tests;
