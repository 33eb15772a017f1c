//! Reads large bodies beside the threads that serve requests, few at once.
//!
//! A body of some megabytes, unpacked and searched, takes a thread for a good part of a second if
//! its sender means it to. On a thread that serves requests it would keep all others waiting.

use super::HttpError;
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;

/// The largest body that is read where it arrives: at worst a millisecond or two.
const INLINE: usize = 16 << 10;

/// As many as there are processors. Further bodies wait for their turn, in order.
static READERS: LazyLock<Readers> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism();
    Readers::new(processors.map_or(2, usize::from))
});

/// Does `work` on a body that may come to `size` bytes.
pub(super) async fn read<T: Send + 'static>(
    size: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HttpError> {
    READERS.read(size, work).await
}

struct Readers {
    seats: Arc<Semaphore>,
}

impl Readers {
    fn new(seats: usize) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(seats)),
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        size: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HttpError> {
        if size <= INLINE {
            return Ok(work());
        }
        let seat = Arc::clone(&self.seats).acquire_owned().await;
        let seat = seat.map_err(|_| HttpError::Internal)?;
        // The seat is given back when the work is done, even if nobody waits for it any more.
        let seated = move || {
            let done = work();
            drop(seat);
            done
        };
        let done = tokio::task::spawn_blocking(seated).await;
        done.map_err(|error| {
            tracing::error!(%error, "a body was not read to its end");
            HttpError::Internal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::pin::pin;
    use std::sync::mpsc;

    /// A body that takes as long to read as the test says.
    fn long() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
        let (finish, finished) = mpsc::channel();
        (finish, move || finished.recv().unwrap())
    }

    #[tokio::test]
    async fn a_large_body_keeps_nobody_waiting() {
        let readers = Readers::new(1);
        let (finish, work) = long();
        let mut large = pin!(readers.read(4 << 20, work));
        assert!(poll!(&mut large).is_pending());
        assert_eq!(readers.read(INLINE, || "small").await.unwrap(), "small");
        finish.send(()).unwrap();
        large.await.unwrap();
    }

    #[tokio::test]
    async fn no_more_are_read_at_once_than_there_are_seats() {
        let readers = Readers::new(2);
        let (finish_one, one) = long();
        let (finish_other, other) = long();
        let mut first = pin!(readers.read(4 << 20, one));
        let mut second = pin!(readers.read(4 << 20, other));
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        let mut third = pin!(readers.read(4 << 20, || "third"));
        assert!(poll!(&mut third).is_pending());
        assert_eq!(readers.seats.available_permits(), 0);
        finish_one.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(third.await.unwrap(), "third");
        finish_other.send(()).unwrap();
        second.await.unwrap();
    }

    #[tokio::test]
    async fn work_that_breaks_gives_its_seat_back() {
        let readers = Readers::new(1);
        let broken = readers.read(4 << 20, || panic!("broken")).await;
        assert!(matches!(broken, Err(HttpError::Internal)));
        assert_eq!(readers.read(4 << 20, || 1).await.unwrap(), 1);
    }
}
