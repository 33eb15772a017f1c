//! Listeners: accepting connections, TLS, and reading requests whole.

use super::pipeline::{self, Lost};
use super::start::Shared;
use super::wire::{Incoming, Listener, pairs};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The largest request that is read.
const LARGEST: usize = 16 * 1024 * 1024;

/// Accepts connections until the simulated Azure ends.
pub(super) async fn accept(
    shared: Arc<Shared>,
    door: Listener,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) {
    loop {
        let accepted = tokio::select! {
            () = shared.ending.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely: let somebody close one.
            tokio::task::yield_now().await;
            continue;
        };
        let task = connection(Arc::clone(&shared), door, (stream, peer), tls.clone());
        let ending = shared.ending.clone();
        shared.tasks.spawn(async move {
            tokio::select! {
                () = ending.cancelled() => {}
                () = task => {}
            }
        });
    }
}

async fn connection(
    shared: Arc<Shared>,
    door: Listener,
    (stream, peer): (TcpStream, SocketAddr),
    tls: Option<TlsAcceptor>,
) {
    // Small replies should not wait for more; a socket that cannot do this still works.
    stream.set_nodelay(true).ok();
    match tls {
        None => requests(shared, door, peer.ip(), stream).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                requests(shared, door, peer.ip(), stream).await;
            }
        }
    }
}

async fn requests<S>(shared: Arc<Shared>, door: Listener, peer: IpAddr, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
        let shared = Arc::clone(&shared);
        async move { one(shared, door, peer, request.map(Body::new)).await }
    });
    let served = Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // A lost reply and a caller that went away both end here; neither is our fault.
    if let Err(error) = served {
        tracing::trace!(%error, "a connection to the simulated Azure ended early");
    }
}

/// Answers one request in a task of its own, so that it outlives a caller who goes away.
async fn one(
    shared: Arc<Shared>,
    door: Listener,
    peer: IpAddr,
    request: Request,
) -> Result<Response, Lost> {
    let request = read(door, peer, request).await.ok_or(Lost)?;
    let tasks = shared.tasks.clone();
    let answer = tasks.spawn(async move {
        let ending = shared.ending.clone();
        tokio::select! {
            () = ending.cancelled() => Err(Lost),
            answer = pipeline::answer(&shared, request) => answer,
        }
    });
    answer.await.unwrap_or(Err(Lost))
}

async fn read(door: Listener, peer: IpAddr, request: Request) -> Option<Incoming> {
    let (head, body) = request.into_parts();
    let named = head
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or(head.uri.authority().map(axum::http::uri::Authority::as_str))
        .unwrap_or("localhost")
        .to_ascii_lowercase();
    let scheme = if door == Listener::Plain {
        "http"
    } else {
        "https"
    };
    let origin = format!("{scheme}://{named}");
    let host = match named.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host.to_owned(),
        _ => named,
    };
    Some(Incoming {
        door,
        method: head.method,
        path: head.uri.path().to_owned(),
        query: pairs(head.uri.query().unwrap_or_default()),
        headers: head.headers,
        body: to_bytes(body, LARGEST).await.ok()?,
        host,
        origin,
        peer,
    })
}
