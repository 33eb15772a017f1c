//! Starting the simulated Azure, and the handle that tests and the demo hold it by.

use super::holds::Holds;
use super::knobs::Knobs;
use super::model::{App, Model};
use super::recorded::Recorded;
use super::tls::certificates;
use super::wire::{Listener, lock};
use super::{TENANT, serve};
use crate::identity::tokens::Issuer;
use anyhow::Context as _;
use clock::Clock;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How to start it.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Its time, which it may share with what it serves.
    pub clock: Clock,
    /// Where to write the authority's certificate, as `ca.pem`; nowhere if none.
    pub ca_dir: Option<PathBuf>,
    /// The plain port; 0 for any that is free.
    pub http_port: u16,
    /// Resource Manager's port for HTTPS; 0 for any that is free.
    pub https_port: u16,
    /// The authority's port; 0 for any that is free.
    pub authority_port: u16,
    /// A bearer token that Resource Manager takes beside those of its own authority.
    pub static_token: String,
    /// What `IDENTITY_HEADER` has to be.
    pub identity_header: String,
}

impl SimOptions {
    /// Free ports, and no file written.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            ca_dir: None,
            http_port: 0,
            https_port: 0,
            authority_port: 0,
            static_token: "simulated-static-token".to_owned(),
            identity_header: "simulated-identity-header".to_owned(),
        }
    }
}

/// The bases of its listeners, each with a slash at its end.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    pub(super) plain: String,
    pub(super) tls: String,
    pub(super) authority: String,
}

/// What all requests share. Whoever locks several things locks the model first.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) model: Mutex<Model>,
    pub(super) knobs: Mutex<Knobs>,
    pub(super) holds: Holds,
    pub(super) recorded: Mutex<Vec<Recorded>>,
    pub(super) issuer: Issuer,
    pub(super) origins: Origins,
    pub(super) static_token: String,
    pub(super) identity_header: String,
    pub(super) tasks: TaskTracker,
    pub(super) ending: CancellationToken,
}

impl Shared {
    /// The model, brought up to the present.
    pub(super) fn settled(&self) -> MutexGuard<'_, Model> {
        let mut model = lock(&self.model);
        model.settle(self.clock.now());
        model
    }

    pub(super) fn issuer_name(&self) -> String {
        format!("{}{TENANT}/v2.0", self.origins.authority)
    }

    /// Writes a request down and says where.
    pub(super) fn record(&self, request: Recorded) -> usize {
        let mut recorded = lock(&self.recorded);
        recorded.push(request);
        recorded.len().saturating_sub(1)
    }

    pub(super) fn recorded_status(&self, index: usize, status: u16) {
        if let Some(request) = lock(&self.recorded).get_mut(index) {
            request.status = Some(status);
        }
    }
}

/// A simulated Azure that is running. It ends when this is dropped.
pub struct Sim {
    pub(super) shared: Arc<Shared>,
    pub(super) ca_pem: String,
    pub(super) ca_file: Option<PathBuf>,
}

impl Sim {
    /// Starts it, with one registered app and nothing else in it.
    pub async fn start(options: SimOptions) -> anyhow::Result<Self> {
        let certificates = certificates().context("the certificate could not be made")?;
        let ca_file = match &options.ca_dir {
            None => None,
            Some(dir) => Some(write_ca(dir, &certificates.ca_pem).await?),
        };
        let listeners = [
            bind(options.http_port).await?,
            bind(options.https_port).await?,
            bind(options.authority_port).await?,
        ];
        let [plain, resource_manager, of_authority] = listeners.each_ref().map(|(_, port)| *port);
        let mut model = Model::default();
        model.add_app(App::default());
        let shared = Arc::new(Shared {
            issuer: Issuer::new(options.clock.clone())?,
            clock: options.clock,
            model: Mutex::new(model),
            knobs: Mutex::default(),
            holds: Holds::default(),
            recorded: Mutex::default(),
            origins: Origins {
                plain: format!("http://127.0.0.1:{plain}/"),
                tls: format!("https://localhost:{resource_manager}/"),
                authority: format!("https://localhost:{of_authority}/"),
            },
            static_token: options.static_token,
            identity_header: options.identity_header,
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
        });
        let doors = [
            Listener::Plain,
            Listener::ResourceManager,
            Listener::Authority,
        ];
        for (door, (listener, _)) in doors.into_iter().zip(listeners) {
            let tls = (door != Listener::Plain)
                .then(|| TlsAcceptor::from(Arc::clone(&certificates.server)));
            let accepting = serve::accept(Arc::clone(&shared), door, listener, tls);
            shared.tasks.spawn(accepting);
        }
        Ok(Self {
            shared,
            ca_pem: certificates.ca_pem,
            ca_file,
        })
    }

    /// Ends it and waits until nothing of it runs any more.
    pub async fn shutdown(self) {
        self.shared.ending.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.ending.cancel();
    }
}

async fn bind(port: u16) -> anyhow::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| {
            format!("port {port} of 127.0.0.1 cannot be listened on: choose another, or 0")
        })?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

async fn write_ca(dir: &Path, pem: &str) -> anyhow::Result<PathBuf> {
    let file = dir.join("ca.pem");
    let written = async {
        tokio::fs::create_dir_all(dir).await?;
        tokio::fs::write(&file, pem).await
    };
    written
        .await
        .with_context(|| format!("`{}` cannot be written", file.display()))?;
    Ok(file)
}
