//! The operator page's guard against DNS rebinding: a page of another site whose name was made to
//! lead to this listener still names that other site in `Host`.

use crate::http::HttpError;
use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};

/// Answers only what names `address`, or a loopback host with its port.
pub(in crate::http) async fn only(address: SocketAddr, request: Request, next: Next) -> Response {
    let good = is_named(&request, address);
    if good {
        next.run(request).await
    } else {
        HttpError::ForeignHost.into_response()
    }
}

/// Whether every host that `request` names is `address`. HTTP/2 names it in the URI.
fn is_named(request: &Request, address: SocketAddr) -> bool {
    let mut hosts: Vec<Option<Authority>> = vec![];
    for host in request.headers().get_all(HOST) {
        hosts.push(Authority::try_from(host.as_bytes()).ok());
    }
    hosts.extend(request.uri().authority().cloned().map(Some));
    let good = |host: &Option<Authority>| host.as_ref().is_some_and(|host| names(host, address));
    !hosts.is_empty() && hosts.iter().all(good)
}

/// Whether `host` names a listener at `address`. A listener on every address is named by any of
/// them, but by no name: a literal address cannot have been rebound.
fn names(host: &Authority, address: SocketAddr) -> bool {
    if host.port_u16().unwrap_or(80) != address.port() || host.as_str().contains('@') {
        return false;
    }
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    match name.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip == address.ip() || address.ip().is_unspecified(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str, address: &str) -> bool {
        names(&host.parse().unwrap(), address.parse().unwrap())
    }

    #[test]
    fn loopback_and_the_own_address_are_named() {
        for host in [
            "127.0.0.1:8081",
            "localhost:8081",
            "LOCALHOST:8081",
            "[::1]:8081",
        ] {
            assert!(named(host, "127.0.0.1:8081"), "{host}");
            assert!(named(host, "10.0.0.4:8081"), "{host}");
        }
        assert!(named("10.0.0.4:8081", "10.0.0.4:8081"));
        assert!(named("10.0.0.4:8081", "0.0.0.0:8081"));
        assert!(named("localhost", "127.0.0.1:80"));
    }

    #[test]
    fn nothing_else_is() {
        for host in [
            "evil.example:8081",
            "localhost.evil.example:8081",
            "127.0.0.1.evil.example:8081",
            "10.0.0.4:8081",
            "127.0.0.1:8080",
            "127.0.0.1",
            "127.0.0.1@evil.example:8081",
            "evil.example@127.0.0.1:8081",
        ] {
            assert!(!named(host, "127.0.0.1:8081"), "{host}");
        }
        assert!(!named("evil.example:8081", "0.0.0.0:8081"));
    }
}
