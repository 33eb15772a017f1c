//! The ledger in SQLite, and the state folded from it. The only SQL in the program.

mod sqlite;
mod writer;

use crate::domain::arrivals::{Arrival, Taken};
use crate::domain::ledger::{Entry, Hash, What};
use crate::domain::repeat::Windows;
use crate::domain::state::State;
use jiff::Timestamp;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;
use writer::{Job, Line, Work};

/// The ledger: what happened, on disk before anything is said to have happened, and what stands.
pub struct Ledger {
    inner: Arc<Inner>,
    queue: mpsc::Sender<Job>,
}

/// What callers and the writer share.
struct Inner {
    database: sqlite::Database,
    /// Where the chain ends: the writer's, but while it is opened.
    end: Mutex<Option<(i64, Hash)>>,
    state: RwLock<State>,
    changed: watch::Sender<i64>,
}

/// A ledger that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not do what it is asked.
    #[error("the ledger's database fails: {0}")]
    Database(Arc<sqlx::Error>),
    /// Its tables cannot be brought to what this version needs.
    #[error(
        "the ledger's tables cannot be prepared: {0}; was the database written by a newer doorward?"
    )]
    Migration(Arc<sqlx::migrate::MigrateError>),
    /// An entry does not follow from the one before it.
    #[error(
        "the ledger's chain is broken at entry {seq}: it was changed behind doorward's back. Keep the file for \
         investigation, restore a copy that `doorward ledger verify` accepts, and compare the registries' entries by hand"
    )]
    Broken {
        /// The first entry that does not follow.
        seq: i64,
    },
    /// An entry's body is not what this version can read.
    #[error("entry {seq} of the ledger cannot be read: {why}; was it written by a newer doorward?")]
    Unreadable {
        /// The entry.
        seq: i64,
        /// What the parser says.
        why: String,
    },
    /// Something that may happen once has happened already.
    #[error("it has happened already")]
    Already,
    /// Nobody writes: it was opened to be read, or the program ends.
    #[error("the ledger is not open for writing")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migration(Arc::new(error))
    }
}

impl Ledger {
    /// Opens the ledger at `url` (`sqlite:///var/lib/doorward/doorward.db`), made if it is missing,
    /// and folds what stands. The whole chain is checked on the way. Its writer is a task of its own,
    /// which ends with it.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let inner = Arc::new(Inner::around(sqlite::Database::open(url).await?));
        inner.catch_up().await?;
        let (queue, jobs) = mpsc::channel(writer::WAITING);
        TaskTracker::new().spawn(writer::run(Arc::clone(&inner), jobs));
        Ok(Self { inner, queue })
    }

    /// Opens an existing ledger to look at it; nothing can be appended.
    pub async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        let database = sqlite::Database::open_read_only(url).await?;
        Ok(Self {
            inner: Arc::new(Inner::around(database)),
            queue: mpsc::channel(1).0,
        })
    }

    /// Writes down what happened at `at`, all of it or nothing; durable when this returns.
    ///
    /// [`StoreError::Already`] if any of it may happen once only and stands already.
    pub async fn append(&self, at: Timestamp, what: Vec<What>) -> Result<(), StoreError> {
        let at = stored(at);
        let written = self.hand_over(at, Work::Append(lines(at, what)?)).await?;
        answer(written).await.map(|_| ())
    }

    /// Many [appends](Ledger::append), each all or nothing for itself, in order and on disk together
    /// where they fit; what became of each.
    pub async fn append_each(
        &self,
        at: Timestamp,
        groups: Vec<Vec<What>>,
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let at = stored(at);
        let mut written = Vec::with_capacity(groups.len());
        for what in groups {
            written.push(self.hand_over(at, Work::Append(lines(at, what)?)).await?);
        }
        let mut outcomes = Vec::with_capacity(written.len());
        for written in written {
            outcomes.push(answer(written).await.map(|_| ()));
        }
        Ok(outcomes)
    }

    /// Like [`Ledger::append`], but leaves out what stands already; says how many entries were new.
    pub async fn append_new(&self, at: Timestamp, what: Vec<What>) -> Result<usize, StoreError> {
        let at = stored(at);
        let written = self
            .hand_over(at, Work::AppendNew(lines(at, what)?))
            .await?;
        Ok(answer(written).await?.new)
    }

    /// Takes in denials that arrive at `at`: new ones as entries, the rest as counts. What was
    /// delivered before is left out. Durable when this returns.
    pub async fn take_in(
        &self,
        at: Timestamp,
        windows: Windows,
        arrivals: Vec<Arrival>,
    ) -> Result<Taken, StoreError> {
        let written = self.hand_over(stored(at), Work::Arrivals(windows, arrivals));
        answer(written.await?).await
    }

    /// Looks at what stands. Keep it short: nothing is appended meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(
            &self
                .inner
                .state
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Tells of every append by the number of the last entry.
    pub fn changed(&self) -> watch::Receiver<i64> {
        self.inner.changed.subscribe()
    }

    /// Up to `limit` entries after `seq`, in order.
    pub async fn entries(&self, seq: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        self.inner.database.entries(seq, limit).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.database.ping().await
    }

    /// Walks the whole chain; the number of entries and the hash of the last one. Keep that hash
    /// elsewhere: entries cut off at the end can only be noticed by it.
    pub async fn verify(&self) -> Result<Option<(i64, Hash)>, StoreError> {
        let mut end = None;
        self.inner.walk(&mut end, |_, _| ()).await?;
        Ok(end)
    }

    /// Hands a job to the writer. From then on it is done, whether its caller waits or not.
    async fn hand_over(
        &self,
        at: Timestamp,
        work: Work,
    ) -> Result<oneshot::Receiver<Result<Taken, StoreError>>, StoreError> {
        let (done, written) = oneshot::channel();
        let job = Job { at, work, done };
        let handed = self.queue.send(job).await;
        handed.map_err(|_| StoreError::Closed)?;
        Ok(written)
    }
}

async fn answer(
    written: oneshot::Receiver<Result<Taken, StoreError>>,
) -> Result<Taken, StoreError> {
    written.await.map_err(|_| StoreError::Closed)?
}

/// The time as the database holds it, in microseconds: what stands must be the same when it is read
/// again.
fn stored(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn lines(at: Timestamp, what: Vec<What>) -> Result<Vec<Line>, StoreError> {
    what.into_iter().map(|what| Line::new(at, what)).collect()
}

impl Inner {
    fn around(database: sqlite::Database) -> Self {
        Self {
            database,
            end: Mutex::new(None),
            state: RwLock::default(),
            changed: watch::Sender::new(0),
        }
    }

    /// Folds what stands.
    async fn catch_up(&self) -> Result<(), StoreError> {
        let mut end = self.end.lock().await;
        self.walk(&mut end, |entry, what| self.fold(entry.at, what))
            .await?;
        self.announce(*end);
        Ok(())
    }

    /// Walks the chain from `end` to where it ends now. Where that fails, `end` is how far it came.
    async fn walk(
        &self,
        end: &mut Option<(i64, Hash)>,
        mut each: impl FnMut(&Entry, &What),
    ) -> Result<(), StoreError> {
        const PAGE: i64 = 1000;
        loop {
            let entries = self
                .database
                .entries(end.map_or(0, |(seq, _)| seq), PAGE)
                .await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in &entries {
                if !entry.follows(*end) {
                    return Err(StoreError::Broken { seq: entry.seq });
                }
                each(entry, &what(entry)?);
                *end = Some(entry.end());
            }
        }
    }

    fn fold(&self, at: Timestamp, what: &What) {
        self.state
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .apply(at, what);
    }

    fn announce(&self, end: Option<(i64, Hash)>) {
        self.changed.send_replace(end.map_or(0, |(seq, _)| seq));
    }
}

/// The entries for `lines`, chained to `end`.
fn chain(mut end: Option<(i64, Hash)>, lines: &[Line]) -> Vec<Entry> {
    let follow = |line: &Line| {
        let entry = Entry::after(end, line.at, line.body.clone());
        end = Some(entry.end());
        entry
    };
    lines.iter().map(follow).collect()
}

/// What an entry says.
pub fn what(entry: &Entry) -> Result<What, StoreError> {
    serde_json::from_str(&entry.body).map_err(|error| StoreError::Unreadable {
        seq: entry.seq,
        why: error.to_string(),
    })
}
