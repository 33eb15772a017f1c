//! The accept loop: bounded in connections, in time, and at shutdown.
//!
//! axum's own `serve` has no time limit for headers, so a peer that sends half a header stays for
//! ever, and a shutdown waits for it.

mod connection;
mod limits;
mod seats;
mod stream;
mod strict;

pub(in crate::http) use connection::Stopping;
pub use limits::Limits;
pub(in crate::http) use seats::Permit;

use crate::flow::app::App;
use axum::Router;
use connection::Connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use ipnet::IpNet;
use seats::{Seats, Wait};
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// The most headers a request may have.
const MOST_HEADERS: usize = 64;

/// The most bytes of a request's head.
const LARGEST_HEAD: u16 = 32 * 1024;

/// The most requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 64;

/// How often an HTTP/2 peer is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// How many connections are accepted before those who are connected have their turn.
const AT_ONCE: usize = 16;

/// How long a newcomer waits for a seat.
const SEATED_WITHIN: Duration = Duration::from_secs(1);

/// How often it looks whether one is idle by now.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long to wait when the system hands out no connection, as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a listener serves, and to whom.
#[derive(Clone)]
pub struct Front {
    router: Router,
    limits: Limits,
    known: Known,
}

/// What a listener knows of the program it serves: whose word about addresses is taken, and, once there
/// is one, where refusals are counted. Clones know the same.
#[derive(Clone, Default)]
pub struct Known {
    trusted_proxies: Vec<IpNet>,
    app: Arc<OnceLock<Arc<App>>>,
}

impl Known {
    /// These proxies are trusted, and nothing more is known yet.
    pub fn trusting(proxies: &[IpNet]) -> Self {
        Self {
            trusted_proxies: proxies.to_vec(),
            ..Self::default()
        }
    }

    /// From now on refusals are counted there.
    pub fn is(&self, app: &Arc<App>) {
        // Nobody says so twice.
        self.app.set(Arc::clone(app)).ok();
    }
}

impl From<&Arc<App>> for Known {
    fn from(app: &Arc<App>) -> Self {
        let known = Self::trusting(&app.trusted_proxies);
        known.is(app);
        known
    }
}

impl From<Router> for Front {
    fn from(router: Router) -> Self {
        Self {
            router,
            limits: Limits::default(),
            known: Known::default(),
        }
    }
}

impl Front {
    /// The same with other limits.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same for the program of which this is known.
    #[must_use]
    pub fn of(self, known: &Known) -> Self {
        let known = known.clone();
        Self { known, ..self }
    }

    /// Counts something that was not let in, and why.
    fn count(&self, reason: &'static str, peer: SocketAddr) {
        if let Some(app) = self.known.app.get() {
            app.metrics.refused(reason);
            app.memory.refusals.count(reason, Some(peer.ip()));
        }
    }
}

/// Serves on `listener` until `shutdown`, then lets the requests under way finish within a bounded
/// time. The peer's address is in each request's extensions as
/// [`ConnectInfo`](axum::extract::ConnectInfo).
pub async fn serve(listener: TcpListener, front: impl Into<Front>, shutdown: CancellationToken) {
    let front: Front = front.into();
    let seats = Seats::new(front.limits, front.known.trusted_proxies.clone());
    let builder = builder(front.limits);
    // Dropped at the end of this function, and whatever is still connected with it.
    let mut connections = JoinSet::new();
    let lobby = Arc::new(Semaphore::new(front.limits.connections.div_ceil(2)));
    let mut accepted: usize = 0;
    while let Some((waits, stream, peer)) = next(&listener, (&seats, &lobby), &shutdown).await {
        while connections.try_join_next().is_some() {}
        let (front, seats) = (front.clone(), Arc::clone(&seats));
        let (builder, shutdown) = (builder.clone(), shutdown.clone());
        connections.spawn(async move {
            let Some(seat) = seated(&seats, peer.ip()).await else {
                return front.count("connection_limit", peer);
            };
            drop(waits);
            let seat = Arc::new(seat);
            let connection = Connection { peer, seat, front };
            connection.served(stream, builder, shutdown).await;
        });
        accepted = accepted.wrapping_add(1);
        if accepted.is_multiple_of(AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(front.limits.drain, all).await.is_err() {
        tracing::warn!("connections were still busy at the end of the time for shutdown");
    }
}

/// A seat for a connection from `peer`, when it is its turn; none if that takes too long.
async fn seated(seats: &Arc<Seats>, peer: IpAddr) -> Option<Permit> {
    let patience = Instant::now().checked_add(SEATED_WITHIN)?;
    let mut has_waited = false;
    loop {
        let now = Instant::now();
        let turn = match seats.seat(peer, has_waited, now) {
            Ok(seat) => return Some(seat),
            Err(Wait::Turn(turn)) => turn,
            Err(Wait::Busy) => now.checked_add(LOOK_EVERY)?,
        };
        if turn > patience {
            return None;
        }
        has_waited = true;
        // Never elapses early.
        timeout_at(turn, pending::<()>()).await.ok();
    }
}

/// The next connection, and its place among those who wait for a seat; none once `shutdown` is told.
async fn next(
    listener: &TcpListener,
    (seats, lobby): (&Arc<Seats>, &Arc<Semaphore>),
    shutdown: &CancellationToken,
) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let accept = async {
        let waits = Arc::clone(lobby).acquire_owned().await.ok()?;
        let mut has_told = false;
        loop {
            let error = match listener.accept().await {
                Ok((stream, peer)) => return Some((waits, stream, peer)),
                Err(error) => error,
            };
            // Ended by its peer while it waited: the next is not touched by it.
            if error.kind() == io::ErrorKind::ConnectionAborted {
                continue;
            }
            if !std::mem::replace(&mut has_told, true) {
                tracing::warn!(%error, "connections cannot be accepted: idle ones are ended");
            }
            seats.free_one(Instant::now());
            // Never elapses early; and a shutdown ends the whole of this anyway.
            tokio::time::timeout(ACCEPT_PAUSE, pending::<()>())
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
