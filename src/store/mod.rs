//! The ledger in SQLite, and the state folded from it. The only SQL in the program.

mod sqlite;

use crate::domain::ledger::{Entry, Hash, What};
use crate::domain::state::State;
use jiff::Timestamp;
use std::sync::{PoisonError, RwLock};
use tokio::sync::{Mutex, watch};

/// The ledger: what happened, on disk before anything is said to have happened, and what stands.
pub struct Ledger {
    database: sqlite::Database,
    /// One append at a time: the chain has one end.
    end: Mutex<Option<(i64, Hash)>>,
    state: RwLock<State>,
    changed: watch::Sender<i64>,
}

/// A ledger that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not do what it is asked.
    #[error("the ledger's database fails: {0}")]
    Database(#[from] sqlx::Error),
    /// Its tables cannot be brought to what this version needs.
    #[error(
        "the ledger's tables cannot be prepared: {0}; was the database written by a newer doorward?"
    )]
    Migration(#[from] sqlx::migrate::MigrateError),
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
}

/// What to do about an entry that may stand once only and stands already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Refuse,
    Skip,
}

impl Ledger {
    /// Opens the ledger at `url` (`sqlite:///var/lib/doorward/doorward.db`), made if it is missing,
    /// and folds what stands. The whole chain is checked on the way.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let ledger = Self {
            database: sqlite::Database::open(url).await?,
            end: Mutex::new(None),
            state: RwLock::default(),
            changed: watch::Sender::new(0),
        };
        ledger.catch_up().await?;
        Ok(ledger)
    }

    /// Opens an existing ledger to look at it; nothing can be appended.
    pub async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        let database = sqlite::Database::open_read_only(url).await?;
        Ok(Self {
            database,
            end: Mutex::new(None),
            state: RwLock::default(),
            changed: watch::Sender::new(0),
        })
    }

    /// Writes down what happened at `at`, all of it or nothing; durable when this returns.
    ///
    /// [`StoreError::Already`] if any of it may happen once only and stands already.
    pub async fn append(&self, at: Timestamp, what: Vec<What>) -> Result<(), StoreError> {
        self.write(at, what, Again::Refuse).await.map(|_| ())
    }

    /// Like [`Ledger::append`], but leaves out what stands already; says how many entries were new.
    pub async fn append_new(&self, at: Timestamp, what: Vec<What>) -> Result<usize, StoreError> {
        self.write(at, what, Again::Skip).await
    }

    /// Looks at what stands. Keep it short: nothing is appended meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells of every append by the number of the last entry.
    pub fn changed(&self) -> watch::Receiver<i64> {
        self.changed.subscribe()
    }

    /// Up to `limit` entries after `seq`, in order.
    pub async fn entries(&self, seq: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        self.database.entries(seq, limit).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.database.ping().await
    }

    /// Walks the whole chain; the number of entries and the hash of the last one. Keep that hash
    /// elsewhere: entries cut off at the end can only be noticed by it.
    pub async fn verify(&self) -> Result<Option<(i64, Hash)>, StoreError> {
        self.walk(None, |_, _| ()).await
    }

    /// Folds entries that are not folded yet: all of them at first, other processes' later.
    async fn catch_up(&self) -> Result<(), StoreError> {
        let mut end = self.end.lock().await;
        *end = self
            .walk(*end, |entry, what| self.fold(entry.at, what))
            .await?;
        self.announce(*end);
        Ok(())
    }

    async fn walk(
        &self,
        mut end: Option<(i64, Hash)>,
        mut each: impl FnMut(&Entry, &What),
    ) -> Result<Option<(i64, Hash)>, StoreError> {
        const PAGE: i64 = 1000;
        loop {
            let entries = self
                .database
                .entries(end.map_or(0, |(seq, _)| seq), PAGE)
                .await?;
            if entries.is_empty() {
                return Ok(end);
            }
            for entry in &entries {
                if !entry.follows(end) {
                    return Err(StoreError::Broken { seq: entry.seq });
                }
                each(entry, &what(entry)?);
                end = Some((entry.seq, entry.hash));
            }
        }
    }

    async fn write(
        &self,
        at: Timestamp,
        mut what: Vec<What>,
        again: Again,
    ) -> Result<usize, StoreError> {
        // The database holds microseconds, and what stands must be the same when it is read again.
        let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        let mut end = self.end.lock().await;
        loop {
            let mut transaction = self.database.begin().await?;
            if transaction.end().await? != *end {
                drop(transaction);
                *end = self
                    .walk(*end, |entry, what| self.fold(entry.at, what))
                    .await?;
                continue;
            }
            if again == Again::Skip {
                transaction.keep_new(&mut what).await?;
            }
            if what.is_empty() {
                return Ok(0);
            }
            let entries = chain(*end, at, &what)?;
            transaction.insert(&entries, &what).await?;
            transaction.commit().await?;
            *end = entries.last().map(|entry| (entry.seq, entry.hash)).or(*end);
            for what in &what {
                self.fold(at, what);
            }
            self.announce(*end);
            return Ok(what.len());
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

/// The entries for `what`, chained to `end`.
fn chain(
    mut end: Option<(i64, Hash)>,
    at: Timestamp,
    what: &[What],
) -> Result<Vec<Entry>, StoreError> {
    what.iter()
        .map(|what| {
            let body = serde_json::to_string(what)
                .map_err(|error| StoreError::Database(sqlx::Error::Encode(error.into())))?;
            let entry = Entry::after(end, at, body);
            end = Some((entry.seq, entry.hash));
            Ok(entry)
        })
        .collect()
}

/// What an entry says.
pub fn what(entry: &Entry) -> Result<What, StoreError> {
    serde_json::from_str(&entry.body).map_err(|error| StoreError::Unreadable {
        seq: entry.seq,
        why: error.to_string(),
    })
}
