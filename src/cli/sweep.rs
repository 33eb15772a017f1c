//! `doorward sweep`: takes away what ownership tags say has ended, without a ledger or a server.

use super::{ConfigFile, Failure};
use crate::azure::Arm;
use crate::config::{Config, Registry};
use crate::flow::registry::sweep::{Sweep as Sweeping, Swept};
use anyhow::anyhow;
use clock::Clock;
use doorward_core::firewall::ownership_tags::OwnershipTagKey;
use doorward_core::messages::wording;
use doorward_core::net::network;
use ipnet::Ipv4Net;
use std::io::Write;

/// What `doorward sweep` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 when nothing is left that has ended (with --dry-run: always, once it was read), 1 when something is or may be left, 2 when the configuration cannot be used."
)]
pub(crate) struct Sweep {
    #[command(flatten)]
    file: ConfigFile,
    /// The registry: its resource id or its name, as enrolled in the configuration
    #[arg(long)]
    registry: String,
    /// Say what would be taken away, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Sweep {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = crate::config::load(&self.file.config).map_err(Failure::wrong_input)?;
        let registry = self.registry(&config)?;
        // Nothing else that the configuration names is read: a runbook needs this secret only.
        let secret = config.ownership_tag_key();
        let key = secret
            .from
            .read()
            .map_err(|error| Failure::wrong_input(secret.refused(error.to_string())))?;
        let key = OwnershipTagKey::new(&key)
            .map_err(|error| Failure::wrong_input(secret.refused(error.to_string())))?;
        let clock = Clock::system();
        let arm = Arm::new(&config.azure, clock.clone()).map_err(Failure::wrong_input)?;
        let sweep = Sweeping {
            arm: &arm,
            clock: &clock,
            key: &key,
            registry: &registry.id,
            dry_run: self.dry_run,
        };
        let swept = sweep.run().await.map_err(anyhow::Error::new)?;
        let told = summary(&swept, registry.id.name(), self.dry_run);
        let written = std::io::stdout().write_all(told.as_bytes());
        written.map_err(|error| anyhow::Error::new(error).into())
    }

    fn registry<'a>(&self, config: &'a Config) -> Result<&'a Registry, Failure> {
        let fits = |registry: &&Registry| {
            registry.id.key() == self.registry.to_ascii_lowercase()
                || registry.id.name().eq_ignore_ascii_case(&self.registry)
        };
        let mut found = config.registries.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(registry), None) => Ok(registry),
            _ => Err(Failure::wrong_input(anyhow!(
                "`{}` is not, or not alone, among `registries` of {}: name it by its resource id",
                self.registry,
                self.file.config.display()
            ))),
        }
    }
}

fn summary(swept: &Swept, registry: &str, dry_run: bool) -> String {
    let text = |network: &Ipv4Net| network::text(*network);
    let done = if dry_run {
        "would take away"
    } else {
        "took away"
    };
    let mut lines = Vec::new();
    for (network, end) in &swept.ended {
        let end = wording::time(*end);
        lines.push(format!("{done} {} (ended {end})", text(network)));
    }
    let forgot = if dry_run { "would forget" } else { "forgot" };
    for (network, end) in &swept.gone {
        let end = wording::time(*end);
        lines.push(format!(
            "{forgot} {} (end {end}): it does not stand, and only a tag still named it",
            text(network)
        ));
    }
    for (network, end) in &swept.standing {
        let end = wording::time(*end);
        lines.push(format!("left {} (ends {end})", text(network)));
    }
    for network in &swept.too_old {
        let network = text(network);
        lines.push(format!(
            "left {network}: its ownership tag ended more than a week ago and is not believed; look who needs it"
        ));
    }
    for name in &swept.unverified {
        lines.push(format!(
            "ignored the tag {}: it does not verify",
            wording::quoted(name)
        ));
    }
    lines.push(format!(
        "{registry}: {} ended, {} not yet, {} others untouched (correlation id {})",
        swept.ended.len(),
        swept.standing.len(),
        swept.others,
        swept.correlation_id
    ));
    lines.join("\n") + "\n"
}
