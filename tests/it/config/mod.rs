//! What configurations are read, and what a broken one is told.
#![expect(clippy::too_many_lines, reason = "most of them are what is said")]

mod channels;
mod feeds;
mod mistakes;
mod secrets;
mod sign_in;
mod sources;

use doorward::azure::Settings;
use doorward::config::{Auth, Config, Mode, Options, SecretRef, State, load, parse};
use doorward_core::approvals::Approvals;
use std::path::Path;
use std::time::Duration;

const REGISTRY: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/contosoprod";

/// The least that is a configuration, and `more` after it.
fn least(more: &str) -> String {
    format!(
        "links: {{ key: {{ env: DOORWARD_LINK_KEY }} }}
registries:
  - id: {REGISTRY}
sources:
  - name: alerts
    auth: {{ kind: shared_key, keys: [{{ env: DOORWARD_ALERTS_KEY }}] }}
{more}"
    )
}

fn read(text: &str) -> Config {
    parse("doorward.yaml", text, Path::new("/etc/doorward")).unwrap()
}

fn broken(text: &str) -> String {
    let read = parse("doorward.yaml", text, Path::new("/etc/doorward"));
    read.unwrap_err().to_string()
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = read(&least(""));
    assert_eq!(config.listen.unwrap().to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.to_string(), "127.0.0.1:8081");
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert_eq!(
        config.state.url().unwrap().to_string(),
        "sqlite:///var/lib/doorward/doorward.db"
    );
    assert_eq!(config.policies, Path::new("/etc/doorward/policies"));
    assert_eq!(
        (config.mode, config.max_ttl),
        (Mode::Enforce, Duration::from_hours(24))
    );
    assert_eq!(config.links.valid_for, Duration::from_hours(24));
    assert_eq!(config.azure, Settings::default());
    let registry = &config.registries[0];
    assert_eq!((registry.max_entries, registry.grants_per_hour), (200, 60));
    assert_eq!(registry.approvals, Approvals::none());
    let source = &config.sources[0];
    assert!(!source.trust_status_403);
    assert_eq!(source.max_body_bytes, 4 * 1024 * 1024);
    assert_eq!(source.options, Options::default());
    assert_eq!(source.options.allowed_origins, ["eventgrid.azure.net"]);
    assert_eq!(config.warnings.0.len(), 1);
    assert!(config.warnings.to_string().contains("trust_status_403"));
}

#[test]
fn everything_can_be_said() {
    let config = read(&format!(
        "
listen: 0.0.0.0:9000
admin: '[::1]:9001'
public_url: https://doorward.contoso.com/
state: sqlite://ledger.db
policies: rules/
mode: observe
trusted_proxies: [10.0.0.0/8]
max_ttl: 7d
links: {{ key: {{ file: link.key }}, valid_for: 30m }}
azure:
  cloud: public
  resource_manager: https://management.azure.com/
  authority: https://login.microsoftonline.com/
  scope: https://management.azure.com/.default
  api_version: \"2025-11-01\"
  read_api_version: 2026-03-01-preview
  ca_file: extra-ca.pem
  credential: {{ kind: client_secret, tenant_id: t, client_id: c, secret: {{ file: secret }} }}
registries:
  - id: {REGISTRY}
    hosts: [CR.contoso.com]
    max_entries: 100
    approvals: link
    grants_per_hour: 5
sources:
  - name: alerts
    auth: {{ kind: shared_key, keys: [{{ env: NEW }}, {{ env: OLD }}], query: true }}
    registries: [contosoprod.azurecr.io, cr.contoso.com, contosoprod-a1b2.azurecr.io, contosoprod.westeurope.data.azurecr.io]
    registry: cr.contoso.com
    trust_status_403: true
    rate_per_second: 5
    max_body_bytes: 65536
    dimensions: {{ address: [Client, Peer], resource: [Id] }}
    event_grid: {{ subscription: Denials }}
    cloud_events: {{ allowed_origins: [events.contoso.com], allowed_rate: 600 }}
channels:
  - {{ name: ops, kind: webhook, url: {{ env: OPS_URL }} }}
"
    ));
    assert_eq!(config.public_url, "https://doorward.contoso.com");
    assert_eq!(
        config.state,
        State::Sqlite("/etc/doorward/ledger.db".into())
    );
    assert_eq!(config.policies, Path::new("/etc/doorward/rules/"));
    assert_eq!(config.mode, Mode::Observe);
    assert_eq!(
        config.links.key.from,
        SecretRef::File("/etc/doorward/link.key".into())
    );
    assert_eq!(
        config.azure.ca_file.as_deref(),
        Some(Path::new("/etc/doorward/extra-ca.pem"))
    );
    assert_eq!(config.registries[0].hosts, ["cr.contoso.com"]);
    let Auth::SharedKey { keys, query } = &config.sources[0].auth else {
        panic!("{:?}", config.sources[0].auth)
    };
    assert_eq!((keys.len(), *query), (2, true));
    assert_eq!(config.sources[0].registries.len(), 4);
}

#[test]
fn the_sample_is_read() {
    let config = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("doorward.sample.yaml")).unwrap();
    assert_eq!(config.warnings.to_string(), "");
}

#[test]
fn a_file_that_is_not_there_says_what_to_do() {
    let error = load(Path::new("no/such/doorward.yaml")).unwrap_err();
    insta::assert_snapshot!(error, @r"
    error: this cannot be read: No such file or directory (os error 2)
     --> no/such/doorward.yaml
      = help: name it with `--config`; the README has a sample
    ");
}

#[test]
fn a_policy_must_name_what_is_configured() {
    let config = read(&least(
        "channels: [{ name: ops, kind: webhook, url: { env: OPS } }]",
    ));
    let policy = "version: 1\nrules:\n  - { name: a, when: { source: alert }, then: ask, channel: opps }\n  - { name: b, when: { source: alerts }, then: ask, channel: ops }\n";
    let policy = doorward_core::policy::parse(&[("p.yaml".into(), policy.into())]).unwrap();
    insta::assert_snapshot!(config.check(&policy), @r"
    error: rule `a` names the channel `opps`, and there is none
     --> p.yaml:3:13
      = help: did you mean `ops`?

    warning: rule `a` names the source `alert`, and there is none
     --> p.yaml:3:13
      = help: did you mean `alerts`?
    ");
}

#[test]
fn a_candidate_stands_in_a_folder_of_its_own() {
    let config = read(&least("policies: { dir: rules, shadow: candidate }\n"));
    assert_eq!(config.policies, Path::new("/etc/doorward/rules"));
    assert_eq!(
        config.shadow.as_deref(),
        Some(Path::new("/etc/doorward/candidate"))
    );
    assert_eq!(read(&least("policies: rules\n")).shadow, None);
    let same = broken(&least("policies: { shadow: policies/, foldr: x }\n"));
    for told in [
        "this is the folder of the policy in force",
        "there is no field `foldr`",
    ] {
        assert!(same.contains(told), "{same}");
    }
}
