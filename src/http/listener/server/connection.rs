//! One connection, from its first byte to its end.

use super::Front;
use super::seats::{Due, Permit};
use super::stream::Stream;
use crate::http::HttpError;
use crate::http::caller::Caller;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::Version;
use axum::http::header::HOST;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// A connection that has a seat.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) seat: Arc<Permit>,
    pub(super) front: Front,
}

/// In the extensions of a request: what is cancelled when the program stops. An answer that goes on and on ends
/// then.
#[derive(Clone)]
pub(in crate::http) struct Stopping(pub(in crate::http) CancellationToken);

/// Why a connection is ended from this side.
enum Over {
    /// Its seat is another's.
    Taken,
    /// Its time has come.
    Due(Due),
    /// The program stops.
    Shutdown,
}

impl Connection {
    /// Serves it to its end.
    pub(super) async fn served(
        self,
        stream: TcpStream,
        builder: Builder<TokioExecutor>,
        shutdown: CancellationToken,
    ) {
        let limits = self.front.limits;
        let io = TokioIo::new(Stream::new(stream, limits.write));
        let service = hyper::service::service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(Stopping(shutdown.clone()));
            self.answer(request)
        });
        let mut connection = pin!(builder.serve_connection(io, service));
        let over = tokio::select! {
            ended = connection.as_mut() => return self.ended(ended.err()),
            over = self.over(&shutdown) => over,
        };
        match over {
            Over::Taken => return self.front.count("connection_taken", self.peer),
            Over::Due(Due::Timeout) => return self.front.count("no_request", self.peer),
            Over::Due(_) | Over::Shutdown => connection.as_mut().graceful_shutdown(),
        }
        // The requests under way are answered, and what was answered is taken.
        let rest = limits.answer.saturating_add(limits.write);
        tokio::select! {
            ended = timeout(rest, connection) => self.ended(ended.unwrap_or(Ok(())).err()),
            () = self.seat.taken() => {}
        }
    }

    /// Completes when the connection is to be ended.
    async fn over(&self, shutdown: &CancellationToken) -> Over {
        let due = async {
            loop {
                match self.seat.due(Instant::now()) {
                    // Never elapses early.
                    Due::At(next) => drop(timeout_at(next, pending::<()>()).await),
                    due => return due,
                }
            }
        };
        tokio::select! {
            () = self.seat.taken() => Over::Taken,
            () = shutdown.cancelled() => Over::Shutdown,
            due = due => Over::Due(due),
        }
    }

    /// Answers a request.
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let turn = self.seat.turn(Instant::now());
        // Whoever waits for its turn holds no seat by that.
        let caller = turn.is_none().then(|| Caller::on(&self.seat));
        let mut request = request.map(Body::new);
        let is_bad = !names_one_host(&request);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if is_bad {
            self.front.count("bad_host", self.peer);
        }
        let (mut router, seat) = (self.front.router.clone(), Arc::clone(&self.seat));
        async move {
            // Whoever asks for much at once has no more of a turn than others.
            match turn {
                Some(turn) => drop(timeout_at(turn, pending::<()>()).await),
                None => tokio::task::yield_now().await,
            }
            let caller = caller.unwrap_or_else(|| Caller::on(&seat));
            request.extensions_mut().insert(caller.clone());
            if is_bad {
                return Ok(HttpError::BadHost.into_response());
            }
            router.call(request).await
        }
    }

    /// An error is the peer's: cut off, out of time, or not speaking HTTP.
    fn ended(&self, error: Option<Box<dyn Error + Send + Sync>>) {
        let Some(error) = error else {
            return;
        };
        tracing::debug!(peer = %self.peer, %error, "a connection ended early");
        let hyper = error.downcast_ref::<hyper::Error>();
        if hyper.is_some_and(hyper::Error::is_parse) {
            self.front.count("malformed_http", self.peer);
        } else if hyper.is_some_and(hyper::Error::is_timeout) {
            self.front.count("slow_headers", self.peer);
        }
    }
}

/// Whether a request names at most one host. Whether one of HTTP/1 names any is seen in its bytes; one
/// of HTTP/2 names it in its URI.
fn names_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let authority = request.uri().authority();
    let agree = match (request.version(), host, authority) {
        (Version::HTTP_2, Some(host), Some(authority)) => host
            .as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes()),
        _ => true,
    };
    agree && more.is_none()
}
