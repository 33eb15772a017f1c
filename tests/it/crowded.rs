//! Many connections that cost their makers nothing: whoever has something to deliver is heard all the
//! same.

use crate::hostile::{KINDS, connect, hostile, idles};
use crate::parts::{KEY, Parts};
use crate::process::{Installation, until};
use crate::world::{KEY as SENDER, furnished};
use clock::Clock;
use doorward::http::{Front, Known, Limits, serve};
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything here should take.
const LONG: Duration = Duration::from_secs(30);

/// How long a good delivery may take here, whatever others do. What is asked for is one second;
/// `cargo run --release --example flood` measures that from outside. A program that is not optimised,
/// beside its attackers and other tests on the same processors, has longer.
const SOON: Duration = Duration::from_secs(5);

/// A delivery of a sender with its key, on a connection of its own; the status and how long it took.
async fn deliver(to: SocketAddr, source: &str, key: &str, number: usize) -> (String, Duration) {
    let started = Instant::now();
    let text = format!(
        "denied: client with IP '20.1.2.{number}' is not allowed access. Refer https://aka.ms/acr/firewall"
    );
    let request = format!(
        "POST /events/{source} HTTP/1.1\r\nhost: a\r\nx-doorward-key: {key}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    let heard = async {
        let mut stream = connect(1, to).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&heard).into_owned())
    };
    let heard = timeout(LONG, heard)
        .await
        .unwrap_or_else(|late| Ok(late.to_string()));
    let heard = heard.unwrap_or_else(|error| error.to_string());
    (heard, started.elapsed())
}

/// Five deliveries, all of them taken: the first while nothing is known of their sender. How long most
/// of them took at most, as a machine that is busy otherwise may hold up one.
async fn deliver_some(to: SocketAddr, (source, key): (&str, &str)) -> Duration {
    let mut times = Vec::new();
    for number in 1..=5 {
        let (heard, took) = deliver(to, source, key, number).await;
        assert!(heard.starts_with("HTTP/1.1 202"), "{number}: {heard}");
        times.push(took);
    }
    times.sort_unstable();
    times[2]
}

struct Listening {
    address: SocketAddr,
    server: JoinSet<()>,
    stop: CancellationToken,
    parts: Parts,
}

async fn listening(limits: Limits) -> Listening {
    let parts = Parts::within(limits).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (mut server, stop) = (JoinSet::new(), CancellationToken::new());
    let front = Front::from(parts.public())
        .within(limits)
        .of(&Known::from(&parts.world.app));
    server.spawn(serve(listener, front, stop.clone()));
    Listening {
        address,
        server,
        stop,
        parts,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_delivery_is_heard_at_once_whatever_others_do_with_their_connections() {
    let limits = Limits {
        connections: 256,
        per_address: 64,
        ..Limits::DEFAULT
    };
    for kind in KINDS {
        for addresses in [1, 40] {
            let listening = listening(limits).await;
            let peers = hostile(&[kind], 150, addresses, listening.address);
            let took = deliver_some(listening.address, ("alerts", KEY)).await;
            assert!(took < SOON, "{kind:?} from {addresses}: {took:?}");
            drop(peers);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_has_the_seat_of_whoever_has_been_idle_for_longest() {
    let limits = Limits {
        connections: 16,
        per_address: 2,
        ..Limits::DEFAULT
    };
    let listening = listening(limits).await;
    let mut first = connect(1, listening.address).await.unwrap();
    let second = connect(1, listening.address).await.unwrap();
    let third = connect(1, listening.address).await.unwrap();
    let ended = timeout(LONG, first.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)));
    for mut stays in [second, third] {
        stays
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut heard = String::new();
        stays.read_to_string(&mut heard).await.unwrap();
        assert!(heard.starts_with("HTTP/1.1 200"), "{heard}");
    }
    let counted = listening.parts.world.app.metrics.render();
    let line = "doorward_refusals_total{reason=\"connection_taken\"} 1";
    assert!(counted.contains(line), "{counted}");
}

/// The frame that says so.
const GOAWAY: u8 = 7;

#[tokio::test]
async fn an_http_2_connection_without_requests_is_ended_with_a_goaway() {
    let listening = listening(Limits {
        idle: Duration::from_millis(300),
        ..Limits::DEFAULT
    })
    .await;
    let stream = connect(1, listening.address).await.unwrap();
    let kinds = timeout(LONG, idles(stream)).await.expect("it is ended");
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
}

#[tokio::test]
async fn a_connection_does_not_outlast_its_age_however_much_it_asks() {
    let listening = listening(Limits {
        age: Duration::from_millis(300),
        ..Limits::DEFAULT
    })
    .await;
    let mut stream = connect(1, listening.address).await.unwrap();
    let asks = async {
        let mut heard = [0; 4096];
        loop {
            let asked = stream
                .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
                .await;
            if asked.is_err() || !matches!(stream.read(&mut heard).await, Ok(1..)) {
                return;
            }
        }
    };
    timeout(LONG, asks).await.expect("it is ended");
    let stream = connect(1, listening.address).await.unwrap();
    let kinds = timeout(LONG, idles(stream)).await.expect("it is ended");
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
}

#[tokio::test]
async fn a_peer_that_never_reads_is_ended() {
    let listening = listening(Limits {
        write: Duration::from_millis(300),
        ..Limits::DEFAULT
    })
    .await;
    // A sender is proven, so that its requests are answered as quickly as they come.
    let mut stream = connect(1, listening.address).await.unwrap();
    let proven = format!(
        "POST /events/alerts HTTP/1.1\r\nhost: a\r\nx-doorward-key: {KEY}\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(proven.as_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 12]).await.unwrap();
    let asks = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n".repeat(500);
    let never_reads = async { while stream.write_all(asks.as_bytes()).await.is_ok() {} };
    timeout(LONG, never_reads).await.expect("it is ended");
    let mut listening = listening;
    listening.stop.cancel();
    timeout(LONG, listening.server.join_next()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_hundred_hostile_sockets_of_a_real_program_delay_nobody() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "10m", |config| config["mode"] = json!("observe"));
    let process = installed.serve().await;
    let address: SocketAddr = process.url().trim_start_matches("http://").parse().unwrap();
    for addresses in [1, 40] {
        let peers = hostile(&KINDS, 600, addresses, address);
        let everybody = async || {
            let metrics = reqwest::Client::builder().no_proxy().build().unwrap();
            let metrics = metrics.get(format!("{}/metrics", process.admin())).send();
            let metrics = metrics.await.unwrap().text().await.unwrap();
            metrics.contains("reason=\"connection_taken\"")
        };
        until("there are more than there are seats", everybody).await;
        let took = deliver_some(address, ("clusters", SENDER)).await;
        assert!(took < SOON, "from {addresses}: {took:?}");
        drop(peers);
    }
    // And the log does not grow with them.
    let log = process.log();
    assert!(log.len() < 200_000, "{} bytes of log", log.len());
    process.kill().await;
}
