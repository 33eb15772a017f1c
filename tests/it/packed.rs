//! Compressed deliveries: read within the bound of plain ones.

use crate::parts::{KEY, MOST, Parts, post};
use crate::world::{OURS, Reply, message};
use axum::body::Body;
use flate2::{Compression, write::GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Write;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    compress_to_vec(text, CompressionLevel::Fastest)
}

async fn deliver(parts: &Parts, coding: &str, body: Vec<u8>) -> Reply {
    let request = post("/events/alerts")
        .header("x-doorward-key", KEY)
        .header("content-type", "text/plain")
        .header("content-encoding", coding);
    parts.call(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn compressed_deliveries_are_read() {
    let parts = Parts::new().await;
    let said = message(OURS);
    for (coding, body) in [
        ("gzip", gzip(said.as_bytes())),
        ("GZIP", gzip(said.as_bytes())),
        ("zstd", zstd(said.as_bytes())),
        ("identity", said.clone().into_bytes()),
    ] {
        let reply = deliver(&parts, coding, body).await;
        assert_eq!(reply.status, 202, "{coding}: {}", reply.text);
        assert_eq!(reply.json()["denials"], 1, "{coding}");
    }
}

#[tokio::test]
async fn what_unpacks_to_more_than_a_source_may_send_is_too_large() {
    let parts = Parts::new().await;
    let million = vec![b' '; 1 << 20];
    for (coding, body) in [("gzip", gzip(&million)), ("zstd", zstd(&million))] {
        assert!(body.len() < MOST, "{coding}: {}", body.len());
        let reply = deliver(&parts, coding, body).await;
        assert_eq!(reply.status, 413, "{coding}: {}", reply.text);
        assert!(reply.text.contains("4096 bytes"), "{}", reply.text);
    }
}

#[tokio::test]
async fn what_does_not_unpack_is_told_of() {
    let parts = Parts::new().await;
    for coding in ["gzip", "zstd"] {
        let reply = deliver(&parts, coding, b"plain".to_vec()).await;
        assert_eq!(reply.status, 400);
        assert!(reply.text.contains(coding), "{}", reply.text);
    }
    for coding in ["br", "deflate", "gzip, gzip"] {
        let reply = deliver(&parts, coding, b"plain".to_vec()).await;
        assert_eq!(reply.status, 415, "{coding}");
        assert!(reply.text.contains("uncompressed"), "{}", reply.text);
        assert_eq!(reply.header("accept-encoding"), "gzip, zstd, identity");
    }
}
