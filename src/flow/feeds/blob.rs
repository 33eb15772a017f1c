//! `kind: blob`: diagnostic logs that Azure archives in a storage account, an append blob an hour.

use super::Polled;
use super::commit::{Fetched, Next};
use super::progress::Part;
use super::storage::{Read, came, read_to_end};
use crate::azure::{Container, StorageError};
use crate::config::{BlobFeed, Feed};
use crate::flow::app::{App, Source};
use crate::store::StoreError;
use clock::Clock;
use doorward_core::intake::feed::blobs::{self, CHUNK, Lines, Listed, Progress};
use doorward_core::intake::feed::{FeedFailure, FeedRecord, FeedStatus, ServiceFailure, Store};
use jiff::{SignedDuration, Timestamp};

/// How many pieces are read in one turn, so that a stop need not wait for a long archive.
const PIECES: usize = 32;

/// How often it is written down how far was read, though there is no news: so much is read again after a
/// restart.
const WRITTEN_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Reads what was appended since.
pub(super) async fn poll(
    app: &App,
    (source, feed): (&Source, &Feed),
    kind: &BlobFeed,
    part: &Part,
) -> Result<Polled, StoreError> {
    let read = Read {
        account: &kind.account,
        store: Store::Container,
        name: &part.name,
    };
    let container = match app.arm.container(&kind.account, &part.name) {
        Ok(container) => container,
        Err(error) => return Ok(read.refused(app, source, &error)),
    };
    let (mut all, whole) = match container.list(kind.prefix.as_deref()).await {
        Ok(listed) => listed,
        Err(error) => return Ok(read.refused(app, source, &error)),
    };
    all.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
    let mut reader = Reader {
        app,
        source,
        part,
        container: &container,
        latency: None,
    };
    let more = match reader.read_all(&all).await? {
        Ok(more) => more,
        Err(error) => return Ok(read.refused(app, source, &error)),
    };
    let status = match () {
        () if more => FeedStatus::CatchingUp,
        () if !whole => FeedStatus::Failing(FeedFailure::Service(ServiceFailure::TooMany)),
        () => read_to_end(app, feed, part),
    };
    Ok(Polled {
        latency: reader.latency,
        ..Polled::of(status)
    })
}

struct Reader<'a> {
    app: &'a App,
    source: &'a Source,
    part: &'a Part,
    container: &'a Container,
    latency: Option<SignedDuration>,
}

/// Where a container was read to.
struct Position {
    number: u64,
    progress: Progress,
    /// When that was last written down.
    written: Timestamp,
}

impl Reader<'_> {
    /// Reads what is new in the blobs; whether more is left.
    async fn read_all(
        &mut self,
        listed: &[Listed],
    ) -> Result<Result<bool, StorageError>, StoreError> {
        // The account's times are compared with this machine's.
        let now = Clock::system().now();
        let mut position = self.position(now).await?;
        let mut pieces = 0;
        for blob in listed {
            while let Some(from) = position.progress.due(blob) {
                if pieces >= PIECES {
                    return Ok(Ok(true));
                }
                pieces += 1;
                let to = blob.size.min(from.saturating_add(CHUNK));
                let piece = match self.container.read(&blob.name, from..to).await {
                    Ok(piece) => piece,
                    // It was deleted since it was listed.
                    Err(StorageError::Missing) if pieces > 1 => break,
                    Err(error) => return Ok(Err(error)),
                };
                let is_full = to.saturating_sub(from) >= CHUNK;
                let endless = is_full && memchr::memchr(b'\n', &piece).is_none();
                let finished = to == blob.size && blobs::is_finished(blob, now);
                let lines = blobs::lines(&piece, endless || finished);
                if lines.read == 0 {
                    // Half a line, whose rest is yet to be appended.
                    break;
                }
                let next = from.saturating_add(u64::try_from(lines.read).unwrap_or_default());
                position.progress.read_to(blob, next);
                position.progress.tidy(listed, now);
                let records = records(blob, from, &lines);
                self.commit(&records, &mut position).await?;
                self.latency = Some(now.duration_since(blob.modified).max(SignedDuration::ZERO));
            }
        }
        Ok(Ok(false))
    }

    /// Where reading goes on. Of a container that was never read before, with what was written to it since a
    /// denial can open anything; that is written down, so that a restart does not pass over what comes now.
    async fn position(&self, now: Timestamp) -> Result<Position, StoreError> {
        let (app, part) = (self.app, self.part);
        let known = app
            .ledger
            .read(|state| state.feeds.of(&part.source, &part.key).cloned());
        let number = known.as_ref().map_or(0, |known| known.number);
        let remembered = app.feeds(|feeds| feeds.part(part).blobs.clone());
        if let (Some(known), Some((as_of, progress))) = (&known, remembered)
            && as_of == number
        {
            let written = known.at;
            return Ok(Position {
                number,
                progress,
                written,
            });
        }
        let at = app.clock.now();
        if let Some((written, progress)) =
            known.and_then(|known| Some((known.at, Progress::parse(&known.cursor)?)))
        {
            return Ok(Position {
                number,
                progress,
                written,
            });
        }
        let floor = now.checked_sub(app.windows.max_age).unwrap_or(now);
        let mut position = Position {
            number,
            progress: Progress::since(floor),
            written: Timestamp::MIN,
        };
        self.commit(&[], &mut position).await?;
        position.written = at;
        Ok(position)
    }

    /// Takes in records, and where reading goes on; that is written down at least every hour.
    async fn commit(
        &self,
        records: &[FeedRecord],
        position: &mut Position,
    ) -> Result<(), StoreError> {
        let (app, source, part) = (self.app, self.source, self.part);
        let now = app.clock.now();
        if !records.is_empty() {
            came(app, part);
        }
        let number = position.number.saturating_add(1);
        let next = Next {
            number,
            cursor: position.progress.to_string(),
            is_due: position.written < now.checked_sub(WRITTEN_EVERY).unwrap_or(now),
        };
        let fetched = Fetched::new(app, source, records, 0);
        if fetched.commit(app, source, part, next).await? {
            position.number = number;
            position.written = now;
        }
        let known = (position.number, position.progress.clone());
        app.feeds(|feeds| feeds.part(part).blobs = Some(known));
        Ok(())
    }
}

fn records(blob: &Listed, from: u64, lines: &Lines<'_>) -> Vec<FeedRecord> {
    let at = |at: usize| from.saturating_add(u64::try_from(at).unwrap_or_default());
    let lines = lines.lines.iter();
    lines
        .map(|(begins, line)| FeedRecord {
            event: format!("{}@{}", blob.name, at(*begins)),
            body: line.to_vec(),
        })
        .collect()
}
