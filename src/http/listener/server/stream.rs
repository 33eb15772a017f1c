//! A connection's bytes: what comes in is held to the letter, what goes out must be taken in time.

use super::strict::{Framing, REFUSED};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A stream whose peer must read what it is told.
#[derive(Debug)]
pub(super) struct Stream<S> {
    inner: S,
    framing: Framing,
    /// What is left to be shown in place of what the peer says.
    refusal: Option<&'static [u8]>,
    within: Duration,
    /// Runs while something is not taken.
    limit: Option<Pin<Box<Sleep>>>,
}

impl<S> Stream<S> {
    /// What is written must be taken `within` that time.
    pub(super) fn new(inner: S, within: Duration) -> Self {
        Self {
            inner,
            framing: Framing::default(),
            refusal: None,
            within,
            limit: None,
        }
    }

    /// What became of an attempt to write `all` bytes. The time runs until all of them are taken, so
    /// that a peer who takes a few now and then gains none.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        all: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(taken)) if taken >= all => self.limit = None,
            Poll::Ready(_) => {}
            Poll::Pending => {
                let within = self.within;
                let end = || Box::pin(sleep_until(Instant::now() + within));
                let limit = self.limit.get_or_insert_with(end);
                if limit.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.refusal.is_none() {
            let before = buffer.filled().len();
            let read = Pin::new(&mut this.inner).poll_read(context, buffer);
            let new = buffer.filled().get(before..).unwrap_or_default();
            let Some(good) = this.framing.follow(new) else {
                return read;
            };
            buffer.set_filled(before.saturating_add(good));
            this.refusal = Some(REFUSED);
        }
        // Nothing that the peer says from here on is read.
        let rest = this.refusal.unwrap_or_default();
        let (now, later) = rest.split_at(rest.len().min(buffer.remaining()));
        if now.is_empty() {
            return Poll::Pending;
        }
        buffer.put_slice(now);
        this.refusal = Some(later);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.written(written, bytes.len(), context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let all = parts.iter().map(|part| part.len()).sum();
        let written = Pin::new(&mut this.inner).poll_write_vectored(context, parts);
        this.written(written, all, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::future::pending;
    use std::pin::pin;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_given_up() {
        let (ours, _theirs) = duplex(16);
        let mut stream = Stream::new(ours, SHORT);
        let error = stream.write_all(&[b'a'; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_that_reads_a_little_now_and_then_is_given_up_too() {
        let (ours, mut theirs) = duplex(16);
        let mut stream = Stream::new(ours, SHORT);
        let trickle = async {
            loop {
                timeout(SHORT / 5, pending::<()>()).await.unwrap_err();
                theirs.read_exact(&mut [0; 1]).await.unwrap();
            }
        };
        let whole = [b'a'; 1000];
        let ended = tokio::select! {
            ended = stream.write_all(&whole) => ended,
            () = trickle => unreachable!(),
        };
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_time_runs_only_while_something_is_not_taken() {
        let (ours, mut theirs) = duplex(16);
        let mut stream = Stream::new(ours, Duration::from_mins(1));
        {
            let mut write = pin!(stream.write_all(&[b'a'; 32]));
            assert!(poll!(&mut write).is_pending());
            theirs.read_exact(&mut [0; 16]).await.unwrap();
            write.await.unwrap();
        }
        assert!(stream.limit.is_none());
    }
}
