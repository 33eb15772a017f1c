//! Peers that keep the listener waiting, over real connections.

use crate::parts::{KEY, Parts, post};
use axum::body::Body;
use doorward::http::{Front, Known, Limits, serve};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const SHORT: Limits = Limits {
    headers: Duration::from_millis(100),
    body: Duration::from_millis(100),
    answer: Duration::from_secs(10),
    drain: Duration::from_millis(100),
    ..Limits::DEFAULT
};

/// Longer than anything here should take.
const LONG: Duration = Duration::from_secs(20);

struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinSet<()>,
    _parts: Parts,
}

async fn listening(limits: Limits) -> Listening {
    let parts = Parts::within(limits).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let mut server = JoinSet::new();
    let until = stop.clone();
    let front = Front::from(parts.public())
        .within(limits)
        .of(&Known::from(&parts.world.app));
    server.spawn(serve(listener, front, until));
    Listening {
        address,
        stop,
        server,
        _parts: parts,
    }
}

impl Listening {
    /// Connects, says `words`, and hears all that is said until the connection ends.
    async fn says(&self, words: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let read = timeout(LONG, stream.read_to_end(&mut heard)).await;
        assert!(read.is_ok(), "the connection ends by itself");
        String::from_utf8_lossy(&heard).into_owned()
    }
}

#[tokio::test]
async fn peers_that_never_finish_their_headers_are_cut_off() {
    let listening = listening(SHORT).await;
    for words in [
        "",
        "POST /ev",
        "POST /events/alerts HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
        "PRI * HTT",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let heard = listening.says(words).await;
        assert!(!heard.contains("200 OK"), "{words}: {heard}");
    }
    let heard = listening
        .says("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await;
    assert!(heard.starts_with("HTTP/1.1 200 OK"), "{heard}");
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let parts = Parts::within(SHORT).await;
    let request = post("/events/alerts").header("x-doorward-key", KEY);
    let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let reply = parts.call(request.body(Body::from_stream(never)).unwrap());
    let reply = timeout(LONG, reply).await.unwrap();
    assert_eq!(reply.status, 408);
}

#[tokio::test]
async fn bytes_that_a_proxy_may_read_otherwise_are_a_bad_request() {
    let listening = listening(Limits {
        headers: Duration::from_secs(2),
        body: LONG,
        ..SHORT
    })
    .await;
    let key = format!("host: a\r\nx-doorward-key: {KEY}\r\n");
    let chunked =
        format!("POST /events/alerts HTTP/1.1\r\n{key}transfer-encoding: chunked\r\n\r\n");
    for words in [
        "GET /healthz HTTP/1.1\nhost: a\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: a\n\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\n\r\n".to_owned(),
        format!(
            "POST /events/alerts HTTP/1.1\r\n{key}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST /events/alerts HTTP/1.1\r\n{key}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
        ),
        format!("{chunked}5 \r\nhello\r\n0\r\n\r\n"),
        format!("{chunked}5\nhello\r\n0\r\n\r\n"),
        format!("{chunked}5\r\nhello\r\n0\r\nx: y\n\r\n\r\n"),
    ] {
        let heard = listening.says(&words).await;
        assert!(heard.starts_with("HTTP/1.1 400"), "{words:?}: {heard}");
        assert_eq!(heard.matches("HTTP/1.1").count(), 1, "{words:?}: {heard}");
    }
    let good = format!(
        "{chunked}5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    );
    let heard = listening.says(&good).await;
    assert!(
        heard.starts_with("HTTP/1.1 202") && heard.contains("HTTP/1.1 200"),
        "{heard}"
    );
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let patient = Limits {
        headers: LONG * 10,
        ..SHORT
    };
    let mut listening = listening(patient).await;
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    stream
        .write_all(b"POST /events/alerts HTTP/1.1\r\nhost")
        .await
        .unwrap();
    listening.stop.cancel();
    timeout(LONG, listening.server.join_next())
        .await
        .expect("it stops");
}

#[tokio::test]
async fn whoever_is_refused_may_finish_sending_and_ask_again_on_the_same_connection() {
    let listening = listening(Limits::default()).await;
    let mut stream = TcpStream::connect(listening.address).await.unwrap();
    let words = "POST /events/alerts HTTP/1.1\r\nhost: doorward\r\ncontent-length: 5\r\n\r\n";
    let mut heard = String::new();
    for answers in 1..=3 {
        stream.write_all(words.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(b"hello").await.unwrap();
        while heard.matches("HTTP/1.1 401").count() < answers || !heard.ends_with("\"}") {
            let mut part = [0; 4096];
            let read = timeout(LONG, stream.read(&mut part))
                .await
                .unwrap()
                .unwrap();
            assert!(read > 0, "the connection ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&part[..read]));
        }
    }
}

#[tokio::test]
async fn whoever_is_refused_and_goes_on_is_told_that_the_connection_ends() {
    let listening = listening(Limits::default()).await;
    let words = "POST /events/alerts HTTP/1.1\r\nhost: doorward\r\ncontent-length: 5\r\n\r\nhell";
    let heard = listening.says(words).await;
    assert!(heard.starts_with("HTTP/1.1 401"), "{heard}");
    assert!(heard.contains("connection: close"), "{heard}");
}
