//! The accept loop: bounded in connections, in time, and at shutdown.
//!
//! axum's own `serve` has no time limit for headers, so a peer that sends half a header stays for
//! ever, and a shutdown waits for it.

use super::Limits;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// The most headers a request may have.
const MOST_HEADERS: usize = 64;

/// The most bytes of a request's head.
const LARGEST_HEAD: u16 = 32 * 1024;

/// The most requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 64;

/// How often an HTTP/2 peer is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// How long to wait when the system hands out no connection, as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves `router` on `listener` until `shutdown`, then lets the requests under way finish within
/// a bounded time. The peer's address is in each request's extensions as [`ConnectInfo`].
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    serve_within(listener, router, shutdown, Limits::default()).await;
}

/// The same with other limits.
pub async fn serve_within(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    limits: Limits,
) {
    let seats = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    // Dropped at the end of this function, and whatever is still connected with it.
    let mut connections = JoinSet::new();
    let server = Server {
        builder: builder(limits),
        router,
        limits,
    };
    while let Some((seat, stream, peer)) = next(&listener, &seats, &shutdown).await {
        while connections.try_join_next().is_some() {}
        let connection = server.clone().connection(stream, peer, graceful.watcher());
        connections.spawn(async move {
            connection.await;
            drop(seat);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections were still busy at the end of the time for shutdown");
    }
}

/// The next connection and the seat it takes; none once `shutdown` is told.
async fn next(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let accept = async {
        let seat = Arc::clone(seats).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((seat, stream, peer)),
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            }
            // Never elapses early; and a shutdown ends the whole of this anyway.
            tokio::time::timeout(ACCEPT_PAUSE, std::future::pending::<()>())
                .await
                .ok();
        }
    };
    shutdown.run_until_cancelled(accept).await.flatten()
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD.into());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(LARGEST_HEAD.into())
        .max_concurrent_streams(MOST_STREAMS)
        .keep_alive_interval(PING_EVERY);
    builder
}

#[derive(Clone)]
struct Server {
    builder: Builder<TokioExecutor>,
    router: Router,
    limits: Limits,
}

impl Server {
    /// Serves one connection to its end.
    async fn connection(self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let heard = CancellationToken::new();
        let hear = heard.clone();
        let router = self.router;
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            hear.cancel();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request)
        });
        // hyper's own limit starts once it knows the HTTP version. A peer that says nothing at all,
        // or opens HTTP/2 and asks for nothing, would stay.
        let silent = async {
            let first = tokio::time::timeout(self.limits.headers, heard.cancelled()).await;
            if first.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        let connection = self
            .builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        tokio::select! {
            // An error is the peer's: cut off, out of time, or not speaking HTTP.
            ended = watcher.watch(connection) => if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection ended early");
            },
            () = silent => tracing::debug!(%peer, "a connection asked for nothing in time"),
        }
    }
}
