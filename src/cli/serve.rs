//! `doorward serve`: the service.

use super::log::{self, LogFormat};
use super::{ConfigFile, Failure};
use crate::server::{self, Server};
use clock::Clock;
use tokio::signal::unix::{SignalKind, signal};

/// What `doorward serve` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    file: ConfigFile,
}

impl Serve {
    pub(super) async fn run(self, format: LogFormat) -> Result<(), Failure> {
        let config = crate::config::load(&self.file.config).map_err(Failure::wrong_input)?;
        log::start(format);
        // Before anybody can know that the service is up: unheard, this signal would end it.
        let mut hangup = signal(SignalKind::hangup()).map_err(anyhow::Error::new)?;
        let starting = Server::bind(config, Clock::system()).await;
        let starting = starting.map_err(failure)?;
        let stop = server::asked_to_stop();
        tokio::pin!(stop);
        let server = tokio::select! {
            server = starting.ready() => server.map_err(failure)?,
            stopped = &mut stop => {
                tracing::info!("stopping: the ledger was not opened");
                return stopped.map_err(|error| anyhow::Error::new(error).into());
            }
        };
        let admin = server.admin;
        if let Some(listen) = server.listen {
            tracing::info!("listening on http://{listen}, operator page on http://{admin}/");
        } else {
            tracing::info!(
                "no listener for senders (`listen: none`), operator page on http://{admin}/"
            );
        }
        if let Some(metrics) = server.metrics {
            tracing::info!("metrics on http://{metrics}/metrics");
        }
        let failed = loop {
            tokio::select! {
                stopped = &mut stop => {
                    stopped.map_err(anyhow::Error::new)?;
                    break None;
                }
                name = server.failed() => break Some(name),
                // Beside the others: what takes long here must not keep a stop waiting.
                () = async {
                    hangup.recv().await;
                    server.reload().await;
                } => {}
            }
        };
        tracing::info!("stopping: no new deliveries; what is under way is finished");
        server.stop().await;
        match failed {
            None => Ok(()),
            Some(name) => Err(Failure::from(anyhow::anyhow!(
                "`{name}` does not run any more, so doorward has stopped: start it again"
            ))),
        }
    }
}

fn failure(error: server::StartError) -> Failure {
    match error {
        server::StartError::Settings(error) => Failure::wrong_input(error),
        server::StartError::Other(error) => Failure::from(error),
    }
}
