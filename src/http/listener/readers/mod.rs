//! Reads large bodies beside the threads that serve requests, few at once, and in fair shares.
//!
//! A body of some megabytes, unpacked and searched, takes a thread for a good part of a second if
//! its sender means it to. On a thread that serves requests it would keep all others waiting. Bodies
//! that wait are queued by their source, and the sources take turns: whatever one of them sends, the
//! next body of another waits for one reader at most.

use crate::http::HttpError;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The largest body that is read where it arrives: at worst a millisecond or two.
const INLINE: usize = 16 << 10;

/// As many as there are processors. Further bodies wait for their turn.
static READERS: LazyLock<Readers> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism();
    Readers::new(processors.map_or(2, usize::from))
});

/// Does `work` on a body of `source` that may come to `size` bytes. The work is told when nobody
/// waits for it any more.
pub(in crate::http) async fn read<T: Send + 'static>(
    source: &str,
    size: usize,
    work: impl FnOnce(&Abandoned) -> T + Send + 'static,
) -> Result<T, HttpError> {
    READERS.read(source, size, work).await
}

/// Whether nobody waits for a piece of work any more: its sender has gone, or its time is over.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    /// Whether that is so by now.
    pub(in crate::http) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Set once it is so, for work that asks by itself.
    pub(in crate::http) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// Abandons its work when it is dropped.
struct Waiter(Abandoned);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct Readers(Arc<Mutex<Queue>>);

/// The seats that are free, and who waits for one.
struct Queue {
    free: usize,
    /// By source, in the order of their turns. None is empty.
    sources: VecDeque<(String, VecDeque<oneshot::Sender<Permit>>)>,
}

/// A reader's seat. When it is dropped, the next in turn has it.
struct Permit(Readers);

impl Readers {
    fn new(seats: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            free: seats,
            sources: VecDeque::new(),
        })))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat, when it is this source's turn.
    async fn seat(&self, source: &str) -> Result<Permit, HttpError> {
        let turn = {
            let mut queue = self.queue();
            if queue.free > 0 {
                queue.free = queue.free.saturating_sub(1);
                return Ok(Permit(self.clone()));
            }
            queue.wait(source)
        };
        turn.await.map_err(|_| HttpError::Internal)
    }

    async fn read<T: Send + 'static>(
        &self,
        source: &str,
        size: usize,
        work: impl FnOnce(&Abandoned) -> T + Send + 'static,
    ) -> Result<T, HttpError> {
        let abandoned = Abandoned::default();
        let _waiter = Waiter(abandoned.clone());
        if size <= INLINE {
            return Ok(work(&abandoned));
        }
        let seat = self.seat(source).await?;
        // The seat is given back when the work is done, even if nobody waits for it any more.
        let seated = move || {
            let done = (!abandoned.is_so()).then(|| work(&abandoned));
            drop(seat);
            done
        };
        let done = tokio::task::spawn_blocking(seated).await;
        let done = done.map_err(|error| {
            tracing::error!(%error, "a body was not read to its end");
            HttpError::Internal
        })?;
        done.ok_or(HttpError::Internal)
    }
}

impl Queue {
    /// Takes a place behind the others of `source`.
    fn wait(&mut self, source: &str) -> oneshot::Receiver<Permit> {
        let (give, turn) = oneshot::channel();
        let known = self.sources.iter_mut().find(|(name, _)| name == source);
        if let Some((_, waiting)) = known {
            // Those who have gone are not kept until their turn.
            waiting.retain(|waits| !waits.is_closed());
            waiting.push_back(give);
        } else {
            let waiting = VecDeque::from([give]);
            self.sources.push_back((source.to_owned(), waiting));
        }
        turn
    }

    /// Who is next: the first of the source whose turn it is, which then goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        loop {
            let (source, mut waiting) = self.sources.pop_front()?;
            waiting.retain(|waits| !waits.is_closed());
            let next = waiting.pop_front();
            if !waiting.is_empty() {
                self.sources.push_back((source, waiting));
            }
            if next.is_some() {
                return next;
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let readers = &self.0;
        let mut queue = readers.queue();
        let Some(next) = queue.next() else {
            queue.free = queue.free.saturating_add(1);
            return;
        };
        drop(queue);
        // Whoever has gone in this moment drops the seat, and the next has it.
        drop(next.send(Self(readers.clone())));
    }
}

#[cfg(test)]
mod tests;
