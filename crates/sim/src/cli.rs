//! `doorward simulate`: the simulated Azure on its own, for trying doorward out by hand.

use super::knobs::{Outcome, VirtualNetworkRules, Writes};
use super::model::Registry;
use super::start::{Sim, SimOptions};
use super::{CLIENT_ID, CLIENT_SECRET, TENANT};
use anyhow::Context as _;
use clock::Clock;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Some of Azure's service tags, each with a few of its prefixes.
const SERVICE_TAGS: [(&str, &[&str]); 4] = [
    (
        "AzureDevOps",
        &["20.37.158.0/23", "20.37.194.0/24", "52.150.138.0/24"],
    ),
    (
        "AzureContainerRegistry",
        &["13.69.64.88/29", "20.61.97.128/25"],
    ),
    ("AzureContainerRegistry.WestEurope", &["13.69.64.88/29"]),
    ("AzureCloud.westeurope", &["13.69.0.0/17", "20.61.96.0/19"]),
];

/// Run a simulated Azure on loopback: Resource Manager, tokens and registries' data planes.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulateOptions {
    /// Port for plain HTTP: Resource Manager with the static token, managed identity, data plane
    #[arg(long, default_value_t = 8180, value_name = "PORT")]
    http_port: u16,
    /// Port of Resource Manager over HTTPS
    #[arg(long, default_value_t = 8181, value_name = "PORT")]
    https_port: u16,
    /// Port of the authority (token endpoint and key set) over HTTPS
    #[arg(long, default_value_t = 8182, value_name = "PORT")]
    authority_port: u16,
    /// Where to write the authority certificate ca.pem
    #[arg(long, default_value = "simulated-azure", value_name = "DIR")]
    ca_dir: PathBuf,
    /// A registry at "selected networks"; may be repeated
    #[arg(long = "registry", default_value = "contosoprod", value_name = "NAME")]
    registries: Vec<String>,
    /// An entry that stands in every registry's firewall from the start; may be repeated
    #[arg(long = "entry", value_name = "ADDRESS|CIDR")]
    entries: Vec<String>,
    /// An IP address of the NAT gateway `build-egress`; may be repeated
    #[arg(
        long = "nat-address",
        default_value = "20.50.1.1",
        value_name = "ADDRESS"
    )]
    nat_addresses: Vec<String>,
    /// A bearer token that Resource Manager takes beside those of its own authority
    #[arg(long, default_value = "simulated-static-token", value_name = "TOKEN")]
    static_token: String,
    /// Seconds until the data plane follows a change, opening and closing alike
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    propagation: u64,
    /// Seconds until a workspace shows a row of the registry's log; Azure takes minutes
    #[arg(long, default_value_t = 240, value_name = "SECONDS")]
    ingestion: u64,
    /// Answer writes with 201 and an operation that takes this long; without it with 200
    #[arg(long, value_name = "SECONDS")]
    operations_take: Option<u64>,
    /// Writes whose api-version does not know virtual network rules take them away
    #[arg(long)]
    wipe_virtual_network_rules: bool,
}

/// Runs it until Ctrl-C, after printing where everything is.
pub async fn simulate(options: SimulateOptions, clock: Clock) -> anyhow::Result<()> {
    let azure = Sim::start(SimOptions {
        ca_dir: Some(options.ca_dir.clone()),
        http_port: options.http_port,
        https_port: options.https_port,
        authority_port: options.authority_port,
        static_token: options.static_token.clone(),
        ..SimOptions::new(clock)
    })
    .await?;
    let guide = furnish(&azure, &options);
    std::io::stdout()
        .write_all(guide.as_bytes())
        .context("the guide could not be printed")?;
    tokio::signal::ctrl_c()
        .await
        .context("Ctrl-C cannot be waited for")?;
    azure.shutdown().await;
    Ok(())
}

/// Puts in what the options ask for, and says what there is.
fn furnish(azure: &Sim, options: &SimulateOptions) -> String {
    let mut ids = Vec::new();
    for name in &options.registries {
        let mut registry = Registry::new(name);
        registry.anonymous_pull = true;
        for entry in &options.entries {
            registry.allow(entry);
        }
        ids.push(format!("  - id: {}", registry.id()));
        azure.add_registry(registry);
    }
    let addresses: Vec<&str> = options.nat_addresses.iter().map(String::as_str).collect();
    let gateway = azure.model(|model| {
        for (name, prefixes) in SERVICE_TAGS {
            model.add_service_tag(name, prefixes);
        }
        model.add_nat_gateway("build-egress", &addresses, &[])
    });
    azure.knobs(|knobs| {
        knobs.propagates_in(Duration::from_secs(options.propagation));
        knobs.logs.ingestion = Duration::from_secs(options.ingestion);
        if let Some(seconds) = options.operations_take {
            knobs.writes = Writes::Asynchronous {
                takes: Duration::from_secs(seconds),
                retry_after: Duration::from_secs(1),
                outcome: Outcome::Succeeded,
            };
        }
        if options.wipe_virtual_network_rules {
            knobs.virtual_network_rules = VirtualNetworkRules::Wiped;
        }
    });
    let name = options.registries.first().map_or("", String::as_str);
    guide(azure, name, &ids.join("\n"), &gateway)
}

/// Where everything is: `registries` are lines of YAML, `name` is the registry of the example.
fn guide(azure: &Sim, name: &str, registries: &str, gateway: &str) -> String {
    let ca = azure.ca_file().map(|file| file.display().to_string());
    let host = format!("{}.azurecr.io", name.to_ascii_lowercase());
    format!(
        "\
The simulated Azure is running; Ctrl-C ends it. For doorward.yaml:

azure:
  resource_manager: {tls}
  authority: {authority}
  ca_file: {ca}
  # or, over plain HTTP with the static token {token}:
  # resource_manager: {plain}
registries:
{registries}

Tenant {TENANT}, client {CLIENT_ID}, secret {CLIENT_SECRET}
IDENTITY_ENDPOINT={identity} IDENTITY_HEADER={header}
NAT gateway {gateway}

A caller who is refused:
  curl -H 'Host: {host}' -H 'x-caller-address: 20.1.2.3' {plain}v2/
",
        tls = azure.resource_manager_tls(),
        authority = azure.authority(),
        ca = ca.unwrap_or_default(),
        token = azure.static_token(),
        plain = azure.resource_manager(),
        identity = azure.identity_endpoint(),
        header = azure.identity_header(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: SimulateOptions,
    }

    #[tokio::test]
    async fn the_options_furnish_it_and_the_guide_says_where_everything_is() {
        let line = "simulate --registry Contosodev --entry 20.9.9.9/32 --operations-take 7 --wipe-virtual-network-rules";
        let options = Line::parse_from(line.split(' ')).options;
        let azure = Sim::start(SimOptions::new(Clock::system())).await.unwrap();
        let guide = furnish(&azure, &options);
        assert_eq!(azure.entries("contosodev"), ["20.9.9.9"]);
        let tags = azure.model(|model| model.service_tags(0, 100).0.len());
        assert_eq!(tags, SERVICE_TAGS.len());
        let knobs = azure.knobs(|knobs| knobs.clone());
        assert!(matches!(knobs.writes, Writes::Asynchronous { takes, .. } if takes.as_secs() == 7));
        assert_eq!(knobs.virtual_network_rules, VirtualNetworkRules::Wiped);
        let id = azure.registry("contosodev").unwrap().id();
        for part in [
            azure.resource_manager(),
            azure.authority(),
            &id,
            "Host: contosodev.azurecr.io",
        ] {
            assert!(guide.contains(part), "{part}: {guide}");
        }
    }
}
