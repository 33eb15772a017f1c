//! TLS in front of a broker that has none of its own.

use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A listener with a certificate for `localhost`, whose authority is in a file.
pub(crate) struct TlsFront {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    folder: TempDir,
}

impl TlsFront {
    pub(crate) async fn bind() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            folder,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Passes on to `broker` what comes in; where its authority's file is stays with the caller.
    pub(crate) fn before(self, broker: String) -> TempDir {
        let (listener, acceptor) = (self.listener, self.acceptor);
        tokio_util::task::TaskTracker::new().spawn(async move {
            let tasks = tokio_util::task::TaskTracker::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, broker) = (acceptor.clone(), broker.clone());
                tasks.spawn(async move {
                    let mut outside = acceptor.accept(stream).await.ok()?;
                    let mut inside = TcpStream::connect(broker).await.ok()?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside)
                        .await
                        .ok()
                });
            }
        });
        self.folder
    }
}
