//! The one task that writes: whatever waits when it comes by goes into one transaction.
//!
//! A caller hands over what is to be written and waits. It is answered when its entries are on disk,
//! or when it is certain that none of them is taken for written. Whether it still waits changes
//! nothing for those beside it: the task belongs to the ledger, not to any caller.

use super::{Inner, StoreError, chain};
use crate::domain::arrivals::{Arrival, Sorter, Taken};
use crate::domain::ledger::{Entry, What};
use crate::domain::repeat::Windows;
use crate::domain::state::State;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::PoisonError;
use tokio::sync::{mpsc, oneshot};

/// How many jobs may wait to be taken; further callers wait to hand theirs over.
pub(super) const WAITING: usize = 1024;

/// How many entries and arrivals go into one transaction, give or take a job's.
const AT_ONCE: usize = 4096;

/// What one caller wants written.
pub(super) struct Job {
    pub(super) at: Timestamp,
    pub(super) work: Work,
    pub(super) done: oneshot::Sender<Result<Taken, StoreError>>,
}

/// The kinds of jobs.
pub(super) enum Work {
    /// All of it or nothing.
    Append(Vec<Line>),
    /// Only what does not stand yet.
    AppendNew(Vec<Line>),
    /// Denials that are yet to be sorted.
    Arrivals(Windows, Vec<Arrival>),
}

/// An entry in the making.
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) what: What,
    pub(super) once: Option<String>,
    pub(super) body: String,
}

impl Line {
    pub(super) fn new(at: Timestamp, what: What) -> Result<Self, StoreError> {
        let body = serde_json::to_string(&what)
            .map_err(|error| StoreError::from(sqlx::Error::Encode(error.into())))?;
        Ok(Self {
            at,
            once: what.once(),
            body,
            what,
        })
    }
}

impl Work {
    fn size(&self) -> usize {
        match self {
            Self::Append(lines) | Self::AppendNew(lines) => lines.len(),
            Self::Arrivals(_, arrivals) => arrivals.len(),
        }
    }

    fn keys(&self) -> Vec<&String> {
        match self {
            Self::Append(lines) | Self::AppendNew(lines) => {
                lines.iter().filter_map(|line| line.once.as_ref()).collect()
            }
            Self::Arrivals(_, arrivals) => arrivals
                .iter()
                .filter_map(|arrival| arrival.event.as_ref())
                .collect(),
        }
    }
}

/// Takes jobs until the ledger is dropped.
pub(super) async fn run(inner: std::sync::Arc<Inner>, mut queue: mpsc::Receiver<Job>) {
    while let Some(job) = queue.recv().await {
        let mut size = job.work.size();
        let mut jobs = vec![job];
        while size < AT_ONCE
            && let Ok(job) = queue.try_recv()
        {
            size = size.saturating_add(job.work.size());
            jobs.push(job);
        }
        inner.commit(jobs).await;
    }
}

type Answers = Vec<(
    oneshot::Sender<Result<Taken, StoreError>>,
    Result<Taken, StoreError>,
)>;

impl Inner {
    async fn commit(&self, jobs: Vec<Job>) {
        let (works, waiting): (Vec<(Timestamp, Work)>, Vec<_>) = jobs
            .into_iter()
            .map(|job| ((job.at, job.work), job.done))
            .unzip();
        let outcomes = match self.write(works).await {
            Ok(outcomes) => outcomes,
            Err(error) => waiting.iter().map(|_| Err(error.clone())).collect(),
        };
        let answers: Answers = waiting.into_iter().zip(outcomes).collect();
        for (waiting, outcome) in answers {
            // Whoever has gone needs no answer; what was written stands.
            waiting.send(outcome).ok();
        }
    }

    /// Writes one transaction; what became of each work.
    async fn write(
        &self,
        works: Vec<(Timestamp, Work)>,
    ) -> Result<Vec<Result<Taken, StoreError>>, StoreError> {
        let mut end = self.end.lock().await;
        let mut transaction = loop {
            let mut transaction = self.database.begin().await?;
            if transaction.end().await? == *end {
                break transaction;
            }
            // Another process wrote, or a commit of ours was done that had seemed to fail.
            drop(transaction);
            self.walk(&mut end, |entry, what| self.fold(entry.at, what))
                .await?;
        };
        let keys = works.iter().flat_map(|(_, work)| work.keys());
        let known = transaction.known(&keys.collect::<Vec<_>>()).await?;
        let draft = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            draft(&state, works, known)?
        };
        if draft.lines.is_empty() {
            return Ok(draft.outcomes);
        }
        let entries = chain(*end, &draft.lines);
        transaction.insert(&entries, &draft.lines).await?;
        transaction.commit().await?;
        *end = entries.last().map(Entry::end).or(*end);
        {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            for line in &draft.lines {
                state.apply(line.at, &line.what);
            }
        }
        self.announce(*end);
        Ok(draft.outcomes)
    }
}

/// What a transaction will hold.
struct Draft {
    lines: Vec<Line>,
    outcomes: Vec<Result<Taken, StoreError>>,
}

/// Sorts out what is to be written, each work beside those before it.
fn draft(
    state: &State,
    works: Vec<(Timestamp, Work)>,
    mut known: HashSet<String>,
) -> Result<Draft, StoreError> {
    let mut lines = Vec::new();
    let mut outcomes = Vec::with_capacity(works.len());
    let mut sorter: Option<Sorter<'_>> = None;
    let mut latest = Timestamp::MIN;
    for (at, work) in works {
        let mut taken = Taken::default();
        match work {
            Work::Append(wanted) => {
                if !all_new(&wanted, &known) {
                    outcomes.push(Err(StoreError::Already));
                    continue;
                }
                known.extend(wanted.iter().filter_map(|line| line.once.clone()));
                taken.new = wanted.len();
                lines.extend(wanted);
            }
            Work::AppendNew(mut wanted) => {
                wanted.retain(|line| line.once.clone().is_none_or(|once| known.insert(once)));
                taken.new = wanted.len();
                lines.extend(wanted);
            }
            Work::Arrivals(windows, arrivals) => {
                latest = latest.max(at);
                let sorter = sorter.get_or_insert_with(|| Sorter::new(state, windows));
                for arrival in arrivals {
                    let event = arrival.event.as_ref();
                    let stands = event.is_some_and(|event| known.contains(event));
                    if let Some(denied) = sorter.sort(at, arrival, stands, &mut taken) {
                        lines.push(Line::new(at, What::Denied(denied))?);
                    }
                }
            }
        }
        outcomes.push(Ok(taken));
    }
    for what in sorter.map(Sorter::finish).unwrap_or_default() {
        lines.push(Line::new(latest, what)?);
    }
    Ok(Draft { lines, outcomes })
}

/// Whether nothing of it stands already, nor twice in itself.
fn all_new(lines: &[Line], known: &HashSet<String>) -> bool {
    let mut own = HashSet::new();
    let mut keys = lines.iter().filter_map(|line| line.once.as_ref());
    keys.all(|key| !known.contains(key) && own.insert(key))
}
