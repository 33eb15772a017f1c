//! Tests of `http`.

use super::*;
use axum::Router;
use axum::routing::get;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn serve(router: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, router).await });
    format!("http://{address}/").parse().unwrap()
}

fn request(url: &Url, path: &str) -> Request {
    Request::new(Method::GET, url.join(path).unwrap())
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let moved = get(|| async { axum::response::Redirect::temporary("/end") });
    let url = serve(Router::new().route("/start", moved)).await;
    let reply = Http::new(None)
        .unwrap()
        .send(request(&url, "start"))
        .await
        .unwrap();
    assert_eq!(reply.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let long = get(|| async { vec![b'a'; MAX_ANSWER + 1] });
    let just = get(|| async { vec![b'a'; MAX_ANSWER] });
    let url = serve(Router::new().route("/long", long).route("/just", just)).await;
    let http = Http::new(None).unwrap();
    assert_eq!(
        http.send(request(&url, "long")).await.unwrap_err(),
        SendError::TooLong
    );
    let reply = http.send(request(&url, "just")).await.unwrap();
    assert_eq!(reply.body.len(), MAX_ANSWER);
}

#[tokio::test]
async fn nobody_listening_means_not_sent_and_the_url_stays_out_of_the_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let error = Http::new(None)
        .unwrap()
        .send(request(&url, "?sig=secret"))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// A server that takes the request and hangs up, counting how often it is asked.
#[tokio::test]
async fn a_lost_reply_is_not_asked_for_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/?sig=secret", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio_util::task::TaskTracker::new().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            stream.read_u8().await.ok();
            stream.shutdown().await.ok();
        }
    });
    let http = Http::new(None).unwrap();
    for method in [Method::PATCH, Method::GET] {
        let error = http
            .send(Request::new(method, url.clone()))
            .await
            .unwrap_err();
        assert!(matches!(error, SendError::Lost(_)), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_ca_file_without_certificates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let error = |path: &Path| Http::new(Some(path)).unwrap_err().to_string();
    assert!(error(&path).contains("ca.pem"), "{}", error(&path));
    std::fs::write(&path, "hello").unwrap();
    assert!(error(&path).contains("no certificate"), "{}", error(&path));
}
