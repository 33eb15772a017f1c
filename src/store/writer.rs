//! The one task that writes: whatever waits when it comes by goes into one transaction.
//!
//! A caller hands over what is to be written and waits. It is answered when its entries are on disk,
//! or when it is certain that none of them is taken for written. Whether it still waits changes
//! nothing for those beside it: the task belongs to the ledger, not to any caller.

use super::database::Append;
use super::fold::chain;
use super::{Folded, Inner, StoreError};
use doorward_core::intake::arrivals::{Arrival, IntakeDeduplicator, IntakeResult};
use doorward_core::intake::dedup::DedupPolicy;
use doorward_core::ledger::event::{Entry, Hash, LedgerEvent, Write};
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

/// How many jobs may wait to be taken; further callers wait to hand theirs over.
pub(super) const WAITING: usize = 1024;

/// How many entries and arrivals go into one transaction, give or take a job's.
const AT_ONCE: usize = 4096;

/// How often it is looked whether the ledger can be written.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What one caller wants written.
pub(super) struct Job {
    pub(super) at: Timestamp,
    pub(super) work: Work,
    pub(super) done: oneshot::Sender<Result<Written, StoreError>>,
}

/// What became of a job.
#[derive(Default)]
pub(super) struct Written {
    /// What was new, and what was not.
    pub(super) taken: IntakeResult,
    /// Of decisions, which groups were new.
    pub(super) groups: Vec<bool>,
}

/// The kinds of jobs.
pub(super) enum Work {
    /// All of it or nothing.
    Append(Vec<Line>),
    /// The same, if nothing that orders rest on was written after the entry of this number.
    AppendAsOf(i64, Vec<Line>),
    /// Only what does not stand yet.
    AppendNew(Vec<Line>),
    /// Groups, each all or nothing, if nothing decisive was written after the entry of this number.
    Decide(i64, Vec<Vec<Line>>),
    /// Denials that are yet to be sorted.
    Arrivals(DedupPolicy, Vec<Arrival>),
    /// The same, all or nothing with the advance of the feed that they come from.
    Feed(DedupPolicy, Vec<Arrival>, Box<Line>),
}

/// An entry in the making.
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) what: LedgerEvent,
    pub(super) once: Option<String>,
    pub(super) body: String,
}

impl Line {
    pub(super) fn new(at: Timestamp, what: LedgerEvent) -> Result<Self, StoreError> {
        let body = serde_json::to_string(&what)
            .map_err(|error| StoreError::from(sqlx::Error::Encode(error.into())))?;
        Ok(Self {
            at,
            once: what.idempotency_key(),
            body,
            what,
        })
    }
}

impl Work {
    fn size(&self) -> usize {
        match self {
            Self::Append(lines) | Self::AppendAsOf(_, lines) | Self::AppendNew(lines) => {
                lines.len()
            }
            Self::Decide(_, groups) => groups.iter().map(Vec::len).sum(),
            Self::Arrivals(_, arrivals) => arrivals.len(),
            Self::Feed(_, arrivals, _) => arrivals.len().saturating_add(1),
        }
    }

    fn keys(&self) -> Vec<&String> {
        match self {
            Self::Append(lines) | Self::AppendAsOf(_, lines) | Self::AppendNew(lines) => {
                lines.iter().filter_map(|line| line.once.as_ref()).collect()
            }
            Self::Decide(_, groups) => groups
                .iter()
                .flatten()
                .filter_map(|line| line.once.as_ref())
                .collect(),
            Self::Arrivals(_, arrivals) => arrivals
                .iter()
                .filter_map(|arrival| arrival.event.as_ref())
                .collect(),
            Self::Feed(_, arrivals, advance) => arrivals
                .iter()
                .filter_map(|arrival| arrival.event.as_ref())
                .chain(&advance.once)
                .collect(),
        }
    }
}

/// Takes jobs until the ledger is dropped, and looks now and then whether they can be done.
pub(super) async fn run(inner: Arc<Inner>, mut queue: mpsc::Receiver<Job>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let job = tokio::select! {
            job = queue.recv() => job,
            _ = looks.tick() => {
                inner.look().await;
                continue;
            }
        };
        let Some(job) = job else { return };
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
    oneshot::Sender<Result<Written, StoreError>>,
    Result<Written, StoreError>,
)>;

impl Inner {
    async fn commit(&self, jobs: Vec<Job>) {
        let (works, waiting): (Vec<(Timestamp, Work)>, Vec<_>) = jobs
            .into_iter()
            .map(|job| ((job.at, job.work), job.done))
            .unzip();
        let written = self.patiently(self.write(works, &waiting)).await;
        self.health.wrote(written.as_ref().err());
        let outcomes = match written {
            Ok(outcomes) => outcomes,
            Err(error) => waiting.iter().map(|_| Err(error.clone())).collect(),
        };
        let answers: Answers = waiting.into_iter().zip(outcomes).collect();
        for (waiting, outcome) in answers {
            // Whoever has gone needs no answer; what was written stands.
            waiting.send(outcome).ok();
        }
    }

    /// Looks after the disk, and if the last write failed whether one would succeed now: else nothing
    /// might be written any more because nobody believes that it can be.
    async fn look(&self) {
        self.health.space(self.database.low_on_space());
        if let Err(error) = self.database.in_place() {
            self.health.wrote(Some(&error));
        } else if self.health.is_failing() {
            let tried = self.patiently(self.try_write()).await;
            self.health.wrote(tried.err().as_ref());
        }
    }

    /// Waits as long as the database may take. Whether it was done after all is seen when the next one
    /// looks where the chain ends.
    async fn patiently<T>(
        &self,
        asked: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.database.patience() {
            None => asked.await,
            Some(patience) => tokio::time::timeout(patience, asked)
                .await
                .unwrap_or(Err(StoreError::Timeout)),
        }
    }

    /// Writes something that does not count.
    async fn try_write(&self) -> Result<(), StoreError> {
        // There may be room for a page, and none for an entry.
        if self.database.is_full() {
            return Err(StoreError::Full);
        }
        let mut end = self.end.lock().await;
        let mut append = self.begin(&mut end).await?;
        append.touch().await?;
        append.commit().await
    }

    /// Begins an append at the chain's end, once all that stands is folded.
    async fn begin(&self, end: &mut Option<(i64, Hash)>) -> Result<Append<'_>, StoreError> {
        loop {
            let mut append = self.database.begin().await?;
            if append.end().await? == *end {
                return Ok(append);
            }
            // Another process wrote, or a commit of ours was done that had seemed to fail.
            append.cancel().await;
            let before = *end;
            self.fold_new(end).await?;
            if *end == before {
                // Nothing follows, and yet it ends otherwise: it is another one.
                return Err(StoreError::Replaced);
            }
        }
    }

    /// Writes one transaction; what became of each work.
    async fn write(
        &self,
        mut works: Vec<(Timestamp, Work)>,
        waiting: &[oneshot::Sender<Result<Written, StoreError>>],
    ) -> Result<Vec<Result<Written, StoreError>>, StoreError> {
        let mut end = self.end.lock().await;
        let mut transaction = self.begin(&mut end).await?;
        drop_abandoned(&mut works, waiting);
        let keys = works.iter().flat_map(|(_, work)| work.keys());
        let known = transaction.known(&keys.collect::<Vec<_>>()).await?;
        let draft = self.folded(|folded| draft(folded, works, known))?;
        if draft.lines.is_empty() {
            transaction.cancel().await;
            return Ok(draft.outcomes);
        }
        let entries = chain(*end, &draft.lines);
        transaction.insert(&entries, &draft.lines).await?;
        transaction.commit().await?;
        *end = entries.last().map(Entry::end).or(*end);
        {
            let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
            for (entry, line) in entries.iter().zip(&draft.lines) {
                if let Some(observer) = self.observer.get() {
                    observer(&folded.state, line.at, &line.what);
                }
                folded.apply(entry.seq, line.at, &line.what);
            }
        }
        let moved = draft.lines.iter().any(|line| !line.what.is_arrival());
        self.announce(*end, moved);
        Ok(draft.outcomes)
    }
}

/// Leaves out arrivals for which nobody waits any more: their sender was told to come again while the database did
/// not answer, and must not find that it was heard all the same.
fn drop_abandoned(
    works: &mut [(Timestamp, Work)],
    waiting: &[oneshot::Sender<Result<Written, StoreError>>],
) {
    for ((_, work), waiting) in works.iter_mut().zip(waiting) {
        if let Work::Arrivals(_, arrivals) = work
            && waiting.is_closed()
        {
            arrivals.clear();
        }
    }
}

/// What a transaction will hold.
struct Draft {
    lines: Vec<Line>,
    outcomes: Vec<Result<Written, StoreError>>,
}

/// Sorts out what is to be written, each work beside those before it.
fn draft(
    folded: &Folded,
    works: Vec<(Timestamp, Work)>,
    mut known: HashSet<String>,
) -> Result<Draft, StoreError> {
    let mut lines: Vec<Line> = Vec::new();
    let mut outcomes = Vec::with_capacity(works.len());
    let mut sorter: Option<IntakeDeduplicator<'_>> = None;
    let mut latest = Timestamp::MIN;
    for (at, work) in works {
        let mut written = Written::default();
        let taken = &mut written.taken;
        match work {
            Work::AppendAsOf(as_of, _) if is_overtaken(folded, &lines, as_of) => {
                outcomes.push(Err(StoreError::Conflict));
                continue;
            }
            Work::Append(wanted) | Work::AppendAsOf(_, wanted) => {
                if let Err(error) = fit(folded, &lines, &wanted, &mut known) {
                    outcomes.push(Err(error));
                    continue;
                }
                taken.new = wanted.len();
                lines.extend(wanted);
            }
            Work::AppendNew(mut wanted) => {
                wanted.retain(|line| line.once.clone().is_none_or(|once| known.insert(once)));
                taken.new = wanted.len();
                lines.extend(wanted);
            }
            Work::Decide(as_of, groups) => {
                if folded.invalidates_decisions > as_of
                    || lines.iter().any(|line| line.what.is_decisive())
                {
                    outcomes.push(Err(StoreError::Conflict));
                    continue;
                }
                written.groups = decided(folded, &mut lines, groups, &mut known);
            }
            Work::Arrivals(windows, arrivals) => {
                latest = latest.max(at);
                let sorter = sorter.get_or_insert_with(|| sorter_of(folded, windows));
                lines.extend(sorted(sorter, &known, (at, arrivals), taken)?);
            }
            Work::Feed(windows, arrivals, advance) => {
                let one = std::slice::from_ref(&*advance);
                if let Err(error) = fit(folded, &lines, one, &mut known) {
                    outcomes.push(Err(error));
                    continue;
                }
                latest = latest.max(at);
                let sorter = sorter.get_or_insert_with(|| sorter_of(folded, windows));
                lines.extend(sorted(sorter, &known, (at, arrivals), taken)?);
                lines.push(*advance);
            }
        }
        outcomes.push(Ok(written));
    }
    for what in sorter.map(IntakeDeduplicator::finish).unwrap_or_default() {
        lines.push(Line::new(latest, what)?);
    }
    Ok(Draft { lines, outcomes })
}

/// What sorts arrivals by the state as it is.
fn sorter_of(folded: &Folded, windows: DedupPolicy) -> IntakeDeduplicator<'_> {
    IntakeDeduplicator::new(&folded.state, windows)
}

/// The entries for those denials that are to be written down.
fn sorted(
    sorter: &mut IntakeDeduplicator<'_>,
    known: &HashSet<String>,
    (at, arrivals): (Timestamp, Vec<Arrival>),
    taken: &mut IntakeResult,
) -> Result<Vec<Line>, StoreError> {
    let mut lines = Vec::new();
    for arrival in arrivals {
        let event = arrival.event.as_ref();
        let stands = event.is_some_and(|event| known.contains(event));
        if let Some(denied) = sorter.sort(at, arrival, stands, taken) {
            lines.push(Line::new(at, LedgerEvent::Denied(denied))?);
        }
    }
    Ok(lines)
}

/// Takes the groups that fit into `lines`; which of them these are.
fn decided(
    folded: &Folded,
    lines: &mut Vec<Line>,
    groups: Vec<Vec<Line>>,
    known: &mut HashSet<String>,
) -> Vec<bool> {
    let mut fitting = Vec::new();
    for group in groups {
        let new = fit(folded, lines, &group, known).is_ok();
        fitting.push(new);
        lines.extend(group.into_iter().filter(|_| new));
    }
    fitting
}

/// Whether something that an order rests on was written after the entry `as_of`.
fn is_overtaken(folded: &Folded, lines: &[Line], as_of: i64) -> bool {
    let moves = |line: &Line| line.what.is_decisive() || line.what.is_write();
    folded.invalidates_decisions.max(folded.written) > as_of || lines.iter().any(moves)
}

/// Whether `wanted` fits to what stands and to the `lines` before it; then what may happen once is
/// `known` from now on.
fn fit(
    folded: &Folded,
    lines: &[Line],
    wanted: &[Line],
    known: &mut HashSet<String>,
) -> Result<(), StoreError> {
    let mut own = HashSet::new();
    let mut keys = wanted.iter().filter_map(|line| line.once.as_ref());
    if !keys.all(|key| !known.contains(key) && own.insert(key)) {
        return Err(StoreError::Duplicate);
    }
    // One write of a registry hangs at a time, whoever begins it.
    let hangs = |write: &Write| {
        let begun = |line: &Line| matches!(&line.what, LedgerEvent::WriteIntended(other) if other.registry == write.registry);
        folded.state.is_unsettled(&write.registry) || lines.iter().any(begun)
    };
    if wanted
        .iter()
        .any(|line| matches!(&line.what, LedgerEvent::WriteIntended(write) if hangs(write)))
    {
        return Err(StoreError::Conflict);
    }
    known.extend(wanted.iter().filter_map(|line| line.once.clone()));
    Ok(())
}
