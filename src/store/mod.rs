//! The ledger in SQLite or PostgreSQL, and the state folded from it. The only SQL in the program.

mod access;
mod audit;
mod connect;
mod database;
mod error;
mod files;
mod fold;
mod follow;
mod health;
mod lease;
mod postgres;
mod sqlite;
mod writer;

pub use access::{ApiToken, NewToken, Session};
pub use connect::PARAMETERS as URL_PARAMETERS;
pub use error::StoreError;
pub use files::{Lock, LockError};
pub use fold::what;
pub use lease::Lease;

use database::Database;
use doorward_core::intake::arrivals::{Arrival, IntakeResult};
use doorward_core::intake::dedup::DedupPolicy;
use doorward_core::ledger::event::{Entry, Hash, LedgerEvent};
use doorward_core::ledger::feed::FeedAdvanced;
use doorward_core::ledger::id::AlertId;
use doorward_core::state::State;
use doorward_core::state::readiness::Condition;
use futures_util::future::BoxFuture;
use health::Health;
use jiff::Timestamp;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use writer::{Job, Line, Work, Written};

/// The ledger: what happened, on disk before anything is said to have happened, and what stands.
pub struct Ledger {
    inner: Arc<Inner>,
    queue: mpsc::Sender<Job>,
    /// This process, as other processes know it.
    holder: Uuid,
    /// Whether one of its tasks has ended.
    ended: CancellationToken,
    /// Ends what runs beside it.
    _stop: DropGuard,
}

/// How many entries are read at once.
const PAGE: i64 = 1000;

/// What callers and the writer share.
struct Inner {
    database: Database,
    health: Health,
    /// Where the chain ends, as far as it is folded. Whoever appends or folds holds it.
    end: Mutex<Option<(i64, Hash)>>,
    folded: RwLock<Folded>,
    changed: watch::Sender<i64>,
    /// The same, but not for an append of arrivals alone.
    moved: watch::Sender<i64>,
    observer: OnceLock<Observer>,
}

/// Is told of every entry that this process has written, with what stood before it. It must be quick:
/// nothing is read or appended meanwhile.
pub type Observer = Box<dyn Fn(&State, Timestamp, &LedgerEvent) + Send + Sync>;

/// What stands, and as of which entry.
#[derive(Default)]
struct Folded {
    state: State,
    /// The last entry that is folded in.
    seq: i64,
    /// The last one among them that decisions rest on.
    invalidates_decisions: i64,
    /// The last one among them that says how a write fares.
    written: i64,
}

impl Ledger {
    /// Opens the ledger at `url` (`sqlite:///var/lib/doorward/doorward.db`, made if it is missing, or
    /// `postgres://user:password@host/database`), and folds what stands. The whole chain is checked on
    /// the way. Its writer is a task of its own, and so is what follows other processes' appends; they
    /// end with it.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner::around(Database::open(url).await?));
        inner.catch_up().await?;
        audit::judged(&inner.database.schema().await?)?;
        let (queue, jobs) = mpsc::channel(writer::WAITING);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let ledger = Self::of(Arc::clone(&inner), queue, stop.clone());
        // However a task ends, in a panic too, it is noticed.
        let noticed = |task: BoxFuture<'static, ()>| {
            let ended = ledger.ended.clone().drop_guard();
            tasks.spawn(async move {
                let _ended = ended;
                task.await;
            });
        };
        noticed(Box::pin(writer::run(Arc::clone(&inner), jobs)));
        if inner.database.is_shared() {
            noticed(Box::pin(follow::run(inner, stop)));
        }
        Ok(ledger)
    }

    /// Opens an existing ledger to look at it; nothing can be appended.
    pub async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        let inner = Inner::around(Database::open_read_only(url).await?);
        let queue = mpsc::channel(1).0;
        Ok(Self::of(Arc::new(inner), queue, CancellationToken::new()))
    }

    fn of(inner: Arc<Inner>, queue: mpsc::Sender<Job>, stop: CancellationToken) -> Self {
        Self {
            inner,
            queue,
            holder: Uuid::new_v4(),
            ended: CancellationToken::new(),
            _stop: stop.drop_guard(),
        }
    }

    /// Writes down what happened at `at`, all of it or nothing; durable when this returns.
    ///
    /// [`StoreError::Duplicate`] if any of it may happen once only and stands already.
    pub async fn append(&self, at: Timestamp, what: Vec<LedgerEvent>) -> Result<(), StoreError> {
        let at = stored(at);
        let written = self.hand_over(at, Work::Append(lines(at, what)?)).await?;
        answer(written).await.map(|_| ())
    }

    /// Like [`Ledger::append`], for what rests on what stood as of `as_of`, writes under way included.
    ///
    /// [`StoreError::Conflict`] if anything of that was written down since: then nothing is written, and it is
    /// to be decided anew.
    pub async fn append_as_of(
        &self,
        at: Timestamp,
        as_of: i64,
        what: Vec<LedgerEvent>,
    ) -> Result<(), StoreError> {
        let at = stored(at);
        let work = Work::AppendAsOf(as_of, lines(at, what)?);
        answer(self.hand_over(at, work).await?).await.map(|_| ())
    }

    /// Writes down decisions that rest on what stood as of `as_of`: many groups, each all or nothing for
    /// itself, on disk together. Which of them are new; the others stand already.
    ///
    /// [`StoreError::Conflict`] if anything that decisions rest on was written down since: then nothing is
    /// written, and it is to be decided anew. However many processes decide, their decisions come one
    /// after the other, each in the knowledge of those before it.
    pub async fn decide(
        &self,
        at: Timestamp,
        as_of: i64,
        groups: Vec<Vec<LedgerEvent>>,
    ) -> Result<Vec<bool>, StoreError> {
        let at = stored(at);
        let groups = groups.into_iter().map(|what| lines(at, what));
        let groups = groups.collect::<Result<_, _>>()?;
        let written = self.hand_over(at, Work::Decide(as_of, groups)).await?;
        Ok(answer(written).await?.groups)
    }

    /// Lets `observer` know of what this process writes from now on. Only the first one is taken.
    pub fn observe(&self, observer: Observer) {
        self.inner.observer.set(observer).ok();
    }

    /// How many bytes the ledger takes up in its database.
    pub async fn size(&self) -> Result<u64, StoreError> {
        self.inner.database.size().await
    }

    /// The last entry that is folded into what [`Ledger::read`] shows.
    pub fn as_of(&self) -> i64 {
        self.inner.folded(|folded| folded.seq)
    }

    /// Like [`Ledger::append`], but leaves out what stands already; says how many entries were new.
    pub async fn append_new(
        &self,
        at: Timestamp,
        what: Vec<LedgerEvent>,
    ) -> Result<usize, StoreError> {
        let at = stored(at);
        let written = self
            .hand_over(at, Work::AppendNew(lines(at, what)?))
            .await?;
        Ok(answer(written).await?.taken.new)
    }

    /// Takes in denials that arrive at `at`: new ones as entries, the rest as counts. What was
    /// delivered before is left out. Durable when this returns.
    pub async fn take_in(
        &self,
        at: Timestamp,
        windows: DedupPolicy,
        arrivals: Vec<Arrival>,
    ) -> Result<IntakeResult, StoreError> {
        let written = self.hand_over(stored(at), Work::Arrivals(windows, arrivals));
        Ok(answer(written.await?).await?.taken)
    }

    /// The same for denials of a feed, in one transaction with its advance.
    ///
    /// [`StoreError::Duplicate`] if the feed has advanced since: then nothing is written.
    pub async fn take_in_feed(
        &self,
        at: Timestamp,
        (windows, arrivals): (DedupPolicy, Vec<Arrival>),
        advanced: FeedAdvanced,
    ) -> Result<IntakeResult, StoreError> {
        let at = stored(at);
        let advance = Box::new(Line::new(at, LedgerEvent::FeedAdvanced(advanced))?);
        let written = self.hand_over(at, Work::Feed(windows, arrivals, advance));
        Ok(answer(written.await?).await?.taken)
    }

    /// Looks at what stands. Keep it short: nothing is appended meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.inner.folded(|folded| look(&folded.state))
    }

    /// Returns when a task that writes the ledger, or that follows what others write, has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Folds what stands by now, in a ledger that was opened to look at it.
    pub async fn fold(&self) -> Result<(), StoreError> {
        self.inner.catch_up().await
    }

    /// Folds in what other processes have written, now. It is done by itself soon after they have.
    pub async fn follow(&self) -> Result<(), StoreError> {
        if self.inner.database.is_shared() {
            self.inner.catch_up().await?;
        }
        Ok(())
    }

    /// Takes the lease `name`, or renews it, for `good_for` from now; what is begun under it may take
    /// `deadline`, and nobody else has the lease before both are over.
    pub async fn acquire(
        &self,
        name: &str,
        good_for: Duration,
        deadline: Duration,
    ) -> Result<Lease, StoreError> {
        let database = &self.inner.database;
        database
            .acquire(name, self.holder, (good_for, deadline))
            .await
    }

    /// Lets go of the lease `name`; somebody else may have it after `pause`.
    pub async fn release(&self, name: &str, pause: Duration) -> Result<(), StoreError> {
        let database = &self.inner.database;
        database.release(name, self.holder, pause).await
    }

    /// Takes a message to deliver it within `good_for`. `false` while another process has it.
    pub async fn take_message(
        &self,
        alert: AlertId,
        channel: &str,
        good_for: Duration,
    ) -> Result<bool, StoreError> {
        let database = &self.inner.database;
        database.take_message(alert, channel, good_for).await
    }

    /// Gives a message back that was not delivered.
    pub async fn release_delivery(&self, alert: AlertId, channel: &str) -> Result<(), StoreError> {
        self.inner.database.release_delivery(alert, channel).await
    }

    /// Tells of every append by the number of the last entry.
    pub fn changed(&self) -> watch::Receiver<i64> {
        self.inner.changed.subscribe()
    }

    /// Tells of every append that is more than arrivals: denials that came, and counts of them.
    pub fn moved(&self) -> watch::Receiver<i64> {
        self.inner.moved.subscribe()
    }

    /// Up to `limit` entries after `seq`, in order.
    pub async fn entries(&self, seq: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        self.inner.database.entries(seq, limit).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.database.ping().await
    }

    /// How many changes of the tables the next start makes, and how many there are that this program does not
    /// know.
    pub async fn steps(&self) -> Result<(i64, i64), StoreError> {
        let (made, known) = self.inner.database.steps().await?;
        let known = i64::try_from(known).unwrap_or(i64::MAX);
        let pending = known.saturating_sub(made).max(0);
        Ok((pending, made.saturating_sub(known).max(0)))
    }

    /// What keeps the ledger from being written now, and what soon will.
    pub fn conditions(&self) -> (Option<Condition>, Option<Condition>) {
        let Inner {
            database, health, ..
        } = &*self.inner;
        if let Err(error) = database.in_place() {
            health.wrote(Some(&error));
        }
        health.space(database.low_on_space());
        (health.blocks(), health.warns())
    }

    /// Walks the whole chain, compares what stands beside each entry with the entry, and looks at the
    /// tables, their protection and (in a file) every page; the number of entries and the hash of the last
    /// one. Keep that hash elsewhere: entries cut off at the end can only be noticed by it.
    pub async fn verify(&self) -> Result<Option<(i64, Hash)>, StoreError> {
        let database = &self.inner.database;
        let mut end = None;
        self.inner.walk(&mut end, |_, _| ()).await?;
        // From before the first: one that is counted below 1 is in nobody's chain.
        let mut after = i64::MIN;
        loop {
            let rows = database.rows(after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.entry.seq;
            if let Some(row) = rows.iter().find(|row| !row.is_sound()) {
                return Err(StoreError::Broken { seq: row.entry.seq });
            }
        }
        audit::judged(&database.audit().await?)?;
        Ok(end)
    }

    /// Hands a job to the writer. From then on it is done, whether its caller waits or not.
    async fn hand_over(
        &self,
        at: Timestamp,
        work: Work,
    ) -> Result<oneshot::Receiver<Result<Written, StoreError>>, StoreError> {
        let (done, written) = oneshot::channel();
        let job = Job { at, work, done };
        let handed = self.queue.send(job).await;
        handed.map_err(|_| StoreError::Closed)?;
        Ok(written)
    }
}

async fn answer(
    written: oneshot::Receiver<Result<Written, StoreError>>,
) -> Result<Written, StoreError> {
    written.await.map_err(|_| StoreError::Closed)?
}

/// The time as the database holds it, in microseconds: what stands must be the same when it is read
/// again.
fn stored(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn lines(at: Timestamp, what: Vec<LedgerEvent>) -> Result<Vec<Line>, StoreError> {
    what.into_iter().map(|what| Line::new(at, what)).collect()
}
