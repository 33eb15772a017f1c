//! The sender: as little as can be said of HTTP/1.1, so that it costs next to nothing itself.

use crate::KEY;
use anyhow::{Context, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

/// Whole requests, as they are written to a connection.
pub(crate) fn requests(to: SocketAddr, path: &str, bodies: &[String]) -> Arc<Vec<Vec<u8>>> {
    let request = |body: &String| {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\nx-doorward-key: {KEY}\r\ncontent-length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body.as_bytes()].concat()
    };
    Arc::new(bodies.iter().map(request).collect())
}

/// When to stop.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// At a time.
    Time(Instant),
    /// When each request was sent once.
    Once,
}

/// Sends requests over so many connections, each the next one in turn; how many were answered, all with a
/// status below `refused`.
pub(crate) async fn send(
    to: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    connections: usize,
    (until, refused): (Until, u16),
) -> anyhow::Result<usize> {
    let next = Arc::new(AtomicUsize::new(0));
    let tracker = TaskTracker::new();
    let senders: Vec<_> = (0..connections)
        .map(|_| {
            let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
            tracker.spawn(async move {
                let mut connection = TcpStream::connect(to).await?;
                connection.set_nodelay(true)?;
                let (mut sent, mut buffer) = (0_usize, vec![0; 64 << 10]);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let over = match until {
                        Until::Time(end) => Instant::now() >= end,
                        Until::Once => number >= requests.len(),
                    };
                    if over {
                        return anyhow::Ok(sent);
                    }
                    let request = requests
                        .get(number % requests.len())
                        .context("no request")?;
                    connection.write_all(request).await?;
                    let status = answer(&mut connection, &mut buffer).await?;
                    ensure!(status < refused, "answered with {status}");
                    sent += 1;
                }
            })
        })
        .collect();
    let mut sent = 0;
    for sender in senders {
        sent += sender.await??;
    }
    Ok(sent)
}

/// Reads one answer; its status.
async fn answer(connection: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<u16> {
    let mut filled = 0;
    loop {
        let room = buffer.get_mut(filled..).context("no room")?;
        let read = connection.read(room).await?;
        ensure!(read > 0, "the connection was closed within an answer");
        filled += read;
        let said = std::str::from_utf8(buffer.get(..filled).context("no answer")?)?;
        let Some((head, body)) = said.split_once("\r\n\r\n") else {
            continue;
        };
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>())
        });
        let length = length.transpose()?.unwrap_or_default();
        if body.len() >= length {
            return Ok(status.context("no status")?.parse()?);
        }
    }
}
