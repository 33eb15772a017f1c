//! `doorward export`: a registry's permanent entries as Terraform or Bicep take them; what is doorward's stands
//! beside as comments.

use super::{ConfigFile, Failure};
use crate::azure::{Arm, Call};
use crate::config::{Config, Registry};
use crate::store::Ledger;
use anyhow::{Context, anyhow};
use clap::ValueEnum;
use clock::Clock;
use doorward_core::firewall::{Live, Rule};
use doorward_core::messages::wording;
use doorward_core::net::network;
use doorward_core::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::io::Write;

/// What `doorward export` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads the registry from Azure and the ledger of the configuration; a doorward that runs need not be stopped."
)]
pub(crate) struct Export {
    #[command(flatten)]
    file: ConfigFile,
    /// Only this registry: its resource id or its name. Without it: all that are enrolled
    #[arg(long)]
    registry: Option<String>,
    /// What it is written for
    #[arg(long, value_enum)]
    format: Format,
    /// The Bicep file that the parameters are for
    #[arg(long, value_name = "FILE", default_value = "main.bicep")]
    using: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Terraform: a map of lists of CIDR blocks, by registry
    Tfvars,
    /// Bicep: an object of lists, by registry
    Bicepparam,
}

/// A registry's entries.
struct Exported {
    name: String,
    permanent: Vec<String>,
    /// doorward's own, and when each ends, where a grant says so.
    temporary: Vec<(String, Option<Timestamp>)>,
}

impl Export {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = crate::config::load(&self.file.config).map_err(Failure::wrong_input)?;
        let registries = self.registries(&config)?;
        let clock = Clock::system();
        let arm = Arm::new(&config.azure, clock.clone()).map_err(Failure::wrong_input)?;
        let url = config.state.url().map_err(Failure::wrong_input)?;
        let unreadable = || {
            format!(
                "the ledger `{url}` cannot be read, so nobody can tell which entries are doorward's"
            )
        };
        let ledger = Ledger::open_read_only(&url.expose()).await;
        let ledger = ledger.with_context(unreadable)?;
        ledger.fold().await.with_context(unreadable)?;
        let mut exported = Vec::new();
        for registry in registries {
            exported.push(read(&arm, &ledger, &registry.id, clock.now()).await?);
        }
        let text = match self.format {
            Format::Tfvars => tfvars(&exported),
            Format::Bicepparam => bicepparam(&exported, &self.using),
        };
        let written = std::io::stdout().write_all(text.as_bytes());
        written.map_err(|error| anyhow::Error::new(error).into())
    }

    fn registries<'a>(&self, config: &'a Config) -> Result<Vec<&'a Registry>, Failure> {
        let Some(wanted) = &self.registry else {
            return Ok(config.registries.iter().collect());
        };
        let fits = |registry: &&Registry| {
            registry.id.key() == wanted.to_ascii_lowercase()
                || registry.id.name().eq_ignore_ascii_case(wanted)
        };
        let found: Vec<&Registry> = config.registries.iter().filter(fits).collect();
        if found.is_empty() {
            let what = format!("`{wanted}` is not an enrolled registry");
            return Err(Failure::wrong_input(anyhow!(what)));
        }
        Ok(found)
    }
}

async fn read(
    arm: &Arm,
    ledger: &Ledger,
    id: &ResourceId,
    now: Timestamp,
) -> Result<Exported, anyhow::Error> {
    let registry = arm
        .registry(id, arm.read_api_version(), &Call::random())
        .await?;
    let live = Live::read(&registry)?;
    let ours: BTreeMap<Ipv4Net, Option<Timestamp>> = ledger.read(|state| {
        let known = state.registries.get(id);
        let claims = known.map(|known| known.claimed.all(now));
        let claims = claims.into_iter().flatten();
        let end = |entry: Ipv4Net| {
            let grants = state.grants.values();
            let of_it = grants
                .filter(|it| it.grant.registry == *id && entry.contains(&it.grant.address.get()));
            of_it.map(|it| it.grant.until).max()
        };
        claims.map(|(entry, _)| (entry, end(entry))).collect()
    });
    let owned = |rule: &&Rule| rule.network.is_some_and(|entry| ours.contains_key(&entry));
    let (temporary, permanent): (Vec<&Rule>, Vec<&Rule>) = live.rules.iter().partition(owned);
    let temporary = temporary.into_iter().filter_map(|rule| {
        let entry = rule.network?;
        Some((network::text(entry), ours.get(&entry).copied().flatten()))
    });
    Ok(Exported {
        name: id.name().to_owned(),
        permanent: permanent.into_iter().map(block).collect(),
        temporary: temporary.collect(),
    })
}

/// An entry as a CIDR block, which is what azurerm takes; one that is none, as it is.
fn block(rule: &Rule) -> String {
    rule.network
        .map_or_else(|| rule.text.clone(), |entry| entry.to_string())
}

/// A text between quotation marks of either kind. Entries are what Azure shows: they are made safe all the same.
fn literal(text: &str, mark: char) -> String {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || ".:/-_".contains(*letter);
    let text: String = text.chars().filter(plain).collect();
    format!("{mark}{text}{mark}")
}

fn comments(registry: &Exported, sign: &str) -> String {
    let line = |(entry, until): &(String, Option<Timestamp>)| {
        let until = until.map_or_else(
            || "no active grant; doorward removes it".to_owned(),
            |until| format!("until {}", wording::time(until)),
        );
        format!("  {sign} {entry}: temporary, managed by doorward, {until}\n")
    };
    registry.temporary.iter().map(line).collect()
}

fn tfvars(all: &[Exported]) -> String {
    let mut text =
        "# Permanent IP rules by registry, written by `doorward export`.\nacr_ip_rules = {\n"
            .to_owned();
    for registry in all {
        text += &comments(registry, "#");
        let entries = registry.permanent.iter();
        let entries: Vec<String> = entries.map(|entry| literal(entry, '"')).collect();
        let entries = entries.iter().map(|entry| format!("    {entry},\n"));
        let entries: String = entries.collect();
        text += &[
            "  ",
            &literal(&registry.name, '"'),
            " = [\n",
            &entries,
            "  ]\n",
        ]
        .concat();
    }
    text + "}\n"
}

fn bicepparam(all: &[Exported], using: &str) -> String {
    let mut text = format!(
        "// Permanent IP rules by registry, written by `doorward export`.\nusing {}\n\nparam acrIpRules = {{\n",
        literal(using, '\'')
    );
    for registry in all {
        text += &comments(registry, "//");
        let entries = registry.permanent.iter();
        let entries: Vec<String> = entries.map(|entry| literal(entry, '\'')).collect();
        let entries = entries.iter().map(|entry| format!("    {entry}\n"));
        let entries: String = entries.collect();
        text += &[
            "  ",
            &literal(&registry.name, '\''),
            ": [\n",
            &entries,
            "  ]\n",
        ]
        .concat();
    }
    text + "}\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_entries_are_comments_and_texts_cannot_break_out() {
        let all = [Exported {
            name: "contosoprod".to_owned(),
            permanent: vec!["20.1.2.3/32".to_owned(), "x\"]\n}${evil}".to_owned()],
            temporary: vec![("20.61.10.4".to_owned(), None)],
        }];
        let text = tfvars(&all);
        assert!(
            text.contains(
                "\n  \"contosoprod\" = [\n    \"20.1.2.3/32\",\n    \"xevil\",\n  ]\n}\n"
            ),
            "{text}"
        );
        assert!(text.contains("  # 20.61.10.4: temporary"), "{text}");
        let text = bicepparam(&all, "../main.bicep");
        assert!(
            text.contains("using '../main.bicep'\n\nparam acrIpRules = {\n  // 20.61.10.4"),
            "{text}"
        );
        assert!(
            text.ends_with("  'contosoprod': [\n    '20.1.2.3/32'\n    'xevil'\n  ]\n}\n"),
            "{text}"
        );
    }
}
