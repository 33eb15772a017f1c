//! What configurations are read, and what a broken one is told.
#![expect(clippy::too_many_lines, reason = "most of them are what is said")]

use doorward::azure::Settings;
use doorward::config::{Auth, Config, Mode, Options, SecretRef, State, load, parse};
use doorward::domain::verdict::Approvals;
use std::fs;
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

#[test]
fn a_source_s_options_are_read_and_checked() {
    let wrong = broken(&least(
        "    dimensions: { address: [], nobody: [x] }\n    event_grid: {}\n    cloud_events: { allowed_rate: 0 }\n",
    ));
    for told in [
        "this list is empty",
        "nobody",
        "subscription",
        "allowed_rate",
    ] {
        assert!(wrong.contains(told), "{told}: {wrong}");
    }
}

fn broken(text: &str) -> String {
    let read = parse("doorward.yaml", text, Path::new("/etc/doorward"));
    read.unwrap_err().to_string()
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = read(&least(""));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
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
    assert_eq!(registry.approvals, Approvals::None);
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
fn everything_that_is_wrong_is_reported_at_once() {
    insta::assert_snapshot!(broken(&format!("
listn: 127.0.0.1:8080
admin: localhost
public_url: https://doorward.contoso.com?x=1
state: mysql://db/doorward
mode: enforced
trusted_proxies: [0.0.0.0/0, 10.0.0.1/8, nginx]
max_ttl: 30d
links: {{ valid_for: 24 hours }}
registries:
  - id: contosoprod
  - id: {REGISTRY}
    hosts: [https://cr.contoso.com/, cr.contoso.com, cr.contoso.com]
    max_entries: 0
    approvals: links
  - id: {REGISTRY}
sources:
  - name: alerts
    auth: {{ kind: shared_key, keys: [], query: yes }}
    registries: [contosoprd.azurecr.io]
    registry: contosoprod
  - name: alerts
    auth: {{ kind: none }}
  - name: a b
    auth: {{ kind: shared_key, keys: [{{ env: A, file: b }}] }}
    trust_status_403: maybe
  - {{}}
channels:
  - {{ name: ops, kind: slack, url: https://hooks.example.com/T0/B0/hunter2 }}
")), @r"
    error: there is no field `listn`
     --> doorward.yaml:2:1
      |
    2 | listn: **************
      | ^^^^^
      = field: listn
      = help: did you mean `listen`?

    error: `localhost` is not an address with a port
     --> doorward.yaml:3:8
      |
    3 | admin: localhost
      |        ^^^^^^^^^
      = field: admin
      = help: write an address and a port, such as `127.0.0.1:8081` or `0.0.0.0:8081`

    error: this is not an http or https URL without query, fragment or password
     --> doorward.yaml:4:13
      |
    4 | public_url: https://doorward.contoso.com?x=1
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = field: public_url
      = help: write it as `https://doorward.contoso.com`

    error: `state` reads `sqlite:///absolute/path.db`, `sqlite://relative/path.db`, or names where a URL `postgres://user:password@host/database` stands: `{ env: DATABASE_URL }`
     --> doorward.yaml:5:8
      |
    5 | state: mysql://db/doorward
      |        ^^^^^^^^^^^^^^^^^^^
      = field: state

    error: `enforced` is not known here
     --> doorward.yaml:6:7
      |
    6 | mode: enforced
      |       ^^^^^^^^
      = field: mode
      = help: did you mean `enforce`?

    error: this believes everybody who calls himself a proxy
     --> doorward.yaml:7:19
      |
    7 | trusted_proxies: [0.0.0.0/0, 10.0.0.1/8, nginx]
      |                   ^^^^^^^^^
      = field: trusted_proxies[0]
      = help: name the proxies in front of `listen`

    error: `10.0.0.1/8` has bits set beyond its prefix length: write `10.0.0.0/8` for the network, or the address alone
     --> doorward.yaml:7:30
      |
    7 | trusted_proxies: [0.0.0.0/0, 10.0.0.1/8, nginx]
      |                              ^^^^^^^^^^
      = field: trusted_proxies[1]

    error: `nginx` is neither an address nor a CIDR such as 20.1.2.0/24
     --> doorward.yaml:7:42
      |
    7 | trusted_proxies: [0.0.0.0/0, 10.0.0.1/8, nginx]
      |                                          ^^^^^
      = field: trusted_proxies[2]

    error: 30d is too long for a temporary opening
     --> doorward.yaml:8:10
      |
    8 | max_ttl: 30d
      |          ^^^
      = field: max_ttl
      = help: write at most 7d; what stands longer belongs in whatever manages the registry

    error: the field `key` is missing
     --> doorward.yaml:9:8
      |
    9 | links: { valid_for: 24 hours }
      |        ^
      = field: links.key
      = help: links are signed: add `links: { key: { env: DOORWARD_LINK_KEY } }`, and set the variable to `openssl rand -base64 32`

    error: `24 hours` is not a duration
     --> doorward.yaml:9:21
      |
    9 | links: { valid_for: 24 hours }
      |                     ^^^^^^^^
      = field: links.valid_for
      = help: write whole numbers with d, h, m or s, as in `90s`, `30m`, `1h30m` or `24h`

    error: `contosoprod` is not the id of an Azure resource: it does not start with `/`; an id reads `/subscriptions/<id>/resourceGroups/<group>/providers/<provider>/<type>/<name>`, copy it from the resource's properties page or `az resource show --query id`
      --> doorward.yaml:11:9
       |
    11 |   - id: contosoprod
       |         ^^^^^^^^^^^
       = field: registries[0].id

    error: `https://cr.contoso.com/` is not a host name
      --> doorward.yaml:13:13
       |
    13 |     hosts: [https://cr.contoso.com/, cr.contoso.com, cr.contoso.com]
       |             ^^^^^^^^^^^^^^^^^^^^^^^
       = field: registries[1].hosts[0]
       = help: write the host alone, such as `contosoprod.azurecr.io` or `cr.contoso.com`

    error: this is there a second time
      --> doorward.yaml:13:54
       |
    13 |     hosts: [https://cr.contoso.com/, cr.contoso.com, cr.contoso.com]
       |                                                      ^^^^^^^^^^^^^^
       = field: registries[1].hosts[2]
       = help: keep one of the two

    error: `0` is not a number that fits here
      --> doorward.yaml:14:18
       |
    14 |     max_entries: 0
       |                  ^
       = field: registries[1].max_entries
       = help: write a whole number from 1 to 1000

    error: `links` is not known here
      --> doorward.yaml:15:16
       |
    15 |     approvals: links
       |                ^^^^^
       = field: registries[1].approvals
       = help: did you mean `link`?

    error: this list is empty
      --> doorward.yaml:19:37
       |
    19 |     auth: { kind: shared_key, keys: [], query: yes }
       |                                     ^
       = field: sources[0].auth.keys
       = help: name where the key is: `keys: [{ env: NAME }]`

    error: `yes` is neither `true` nor `false`
      --> doorward.yaml:19:48
       |
    19 |     auth: { kind: shared_key, keys: [], query: yes }
       |                                                ^^^
       = field: sources[0].auth.query
       = help: write `true` or `false`

    error: `contosoprd.azurecr.io` leads to no enrolled registry
      --> doorward.yaml:20:18
       |
    20 |     registries: [contosoprd.azurecr.io]
       |                  ^^^^^^^^^^^^^^^^^^^^^
       = field: sources[0].registries[0]
       = help: did you mean `contosoprod.azurecr.io`?

    error: `contosoprod` is not a host name
      --> doorward.yaml:21:15
       |
    21 |     registry: contosoprod
       |               ^^^^^^^^^^^
       = field: sources[0].registry
       = help: write the host alone, such as `contosoprod.azurecr.io` or `cr.contoso.com`

    error: a service hears nobody who proves nothing
      --> doorward.yaml:23:19
       |
    23 |     auth: { kind: none }
       |                   ^^^^
       = field: sources[1].auth.kind
       = help: write `kind: shared_key`; only `doorward demo` hears unproven senders

    error: `a b` is no name
      --> doorward.yaml:24:11
       |
    24 |   - name: a b
       |           ^^^
       = field: sources[2].name
       = help: use at most 64 letters, digits, `-` and `_`

    error: a secret is in a variable or in a file, not in both
      --> doorward.yaml:25:38
       |
    25 |     auth: { kind: shared_key, keys: [{ ***: *, ****: * }] }
       |                                      ^
       = field: sources[2].auth.keys[0]
       = help: write `{ env: NAME }` or `{ file: PATH }`

    error: `maybe` is neither `true` nor `false`
      --> doorward.yaml:26:23
       |
    26 |     trust_status_403: maybe
       |                       ^^^^^
       = field: sources[2].trust_status_403
       = help: write `true` or `false`

    error: the field `name` is missing
      --> doorward.yaml:27:5
       |
    27 |   - {}
       |     ^
       = field: sources[3].name
       = help: it stands in the path: /events/{name}

    error: the field `auth` is missing
      --> doorward.yaml:27:5
       |
    27 |   - {}
       |     ^
       = field: sources[3].auth
       = help: say how the sender proves itself: `auth: { kind: shared_key, keys: [{ env: NAME }] }`

    error: `slack` is not known here
      --> doorward.yaml:29:24
       |
    29 |   - { name: ops, kind: slack, url: *************************************** }
       |                        ^^^^^
       = field: channels[0].kind
       = help: write `webhook`

    error: a secret is named here, never written
      --> doorward.yaml:29:36
       |
    29 |   - { name: ops, kind: slack, url: *************************************** }
       |                                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       = field: channels[0].url
       = help: write `{ env: NAME }` or `{ file: PATH }`
    ");
}

#[test]
fn mistakes_in_the_azure_section_are_shown_where_they_stand() {
    insta::assert_snapshot!(broken(&least("azure: { clod: public }")), @r"
    error: there is no field `clod`
     --> doorward.yaml:7:10
      |
    7 | azure: { clod: ****** }
      |          ^^^^
      = field: azure.clod
      = help: did you mean `cloud`?
    ");
    insta::assert_snapshot!(broken(&least("azure:\n  cloud: pubic")), @r"
    error: this is not known here
     --> doorward.yaml:8:10
      |
    8 |   cloud: pubic
      |          ^^^^^
      = field: azure.cloud
      = help: did you mean `public`?
    ");
    insta::assert_snapshot!(broken(&least("azure:\n  credential: { kind: client_secret, tenant_id: t, client_id: c, secret: hunter2 }")), @r"
    error: this is not known here
     --> doorward.yaml:8:74
      |
    8 |   credential: { kind: client_secret, tenant_id: t, client_id: c, secret: ******* }
      |                                                                          ^^^^^^^
      = field: azure.credential.secret
      = help: write `env` or `file`
    ");
    insta::assert_snapshot!(broken(&least("azure:\n  credential: { kind: static_token }")), @r"
    error: `kind: static_token` needs `env` or `file`: add it
     --> doorward.yaml:8:15
      |
    8 |   credential: { kind: static_token }
      |               ^
      = field: azure.credential
    ");
    insta::assert_snapshot!(broken(&least("azure:\n  credential: { kind: static_token, token: hunter2 }")), @r"
    error: there is no field `token`
     --> doorward.yaml:8:37
      |
    8 |   credential: { kind: static_token, token: ******* }
      |                                     ^^^^^
      = field: azure.credential.token
      = help: write `kind`, `client_id`, `tenant_id`, `token_file`, `secret`, `env` or `file`
    ");
    insta::assert_snapshot!(broken(&least("azure:\n  resource_manager: http://management.azure.com/")), @r"
    error: plain http would send the token readable over the network: use https (`ca_file` names an authority of your own)
     --> doorward.yaml:8:21
      |
    8 |   resource_manager: http://management.azure.com/
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = field: azure.resource_manager
    ");
    insta::assert_snapshot!(broken(&least("azure:\n  resource_manager: https://me:hunter2@management.azure.com/")), @r"
    error: an URL with a user name or password is not accepted: remove it, and name the credential under `azure.credential`
     --> doorward.yaml:8:21
      |
    8 |   resource_manager: ****************************************
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = field: azure.resource_manager
    ");
    insta::assert_snapshot!(broken(&least("azure: [1]")), @r"
    error: a mapping with fields is expected here, and this is a list
     --> doorward.yaml:7:8
      |
    7 | azure: [*]
      |        ^
      = field: azure
    ");
}

#[test]
fn a_secret_in_the_wrong_place_is_never_shown() {
    for text in [
        least("channels: [{ name: ops, kind: webhook, url: hunter2 }]"),
        least("channels: [{ name: ops, kind: webhook, url: { env: 'hunter2!' } }]"),
        least("channels: [{ name: ops, kind: webhook, url: { value: hunter2 }, colour: red }]"),
        least("channels: [{ name: ops, kind: webhook, uri: hunter2 }]"),
        least("password: hunter2"),
        least("password: [{ a: hunter2 }]"),
        least("public_url: https://me:hunter2@doorward.contoso.com"),
        least("state: postgres://me:hunter2@db/doorward"),
        least("azure: { credential: { kind: client_secret, secret: hunter2 } }"),
        least("azure: { credential: { kind: client_secret, secret: [hunter2] } }"),
        least("azure: { credential: { kind: static_token, token: hunter2 } }"),
        least("azure: { credential: hunter2 }"),
        least("azure: { secret: hunter2 }"),
        "links: { key: hunter2 }".to_owned(),
        "links: { key: { env: \"hunter2 }\n".to_owned(),
        "links:\n  key:\n    - hunter2\n    x: 1\n".to_owned(),
        "links: { key: [hunter2, { env: x }] }".to_owned(),
        "sources:\n  - auth:\n      kind: shared_key\n      keys:\n        - hunter2\n        - - hunter2".to_owned(),
        "hunter2".to_owned(),
        "k: hunter2 'x\n  y".to_owned(),
        "links: { key: { hunter2 } }".to_owned(),
        "links: hunter2".to_owned(),
        "listen: [hunter2]".to_owned(),
        "sources: hunter2".to_owned(),
        "k: hunter2\nk: hunter2\n".to_owned(),
        "- hunter2".to_owned(),
    ] {
        let said = broken(&text);
        assert!(!said.contains("hunter2"), "{text}\n{said}");
    }
}

#[test]
fn what_is_odd_is_warned_of() {
    let config = read(&least(
        "    trust_status_403: false\npublic_url: http://doorward.contoso.com\n",
    ));
    insta::assert_snapshot!(config.warnings, @r"
    warning: approval links would go over the network in clear text
     --> doorward.yaml:8:13
      |
    8 | public_url: http://doorward.contoso.com
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = field: public_url
      = help: put TLS in front of `listen`, and write `https://`
    ");
}

#[test]
fn an_admin_listener_that_others_reach_has_a_token() {
    let exposed = "    trust_status_403: false\nadmin: 0.0.0.0:8081\n";
    insta::assert_snapshot!(broken(&least(exposed)), @r"
    error: this is not on loopback, and whoever reaches it could give orders
     --> doorward.yaml:8:8
      |
    8 | admin: 0.0.0.0:8081
      |        ^^^^^^^^^^^^
      = field: admin
      = help: keep it on loopback, or set `admin_token: { env: NAME }` or `{ file: PATH }`
    ");
    let guarded = format!("{exposed}admin_token: {{ env: DOORWARD_ADMIN_TOKEN }}\n");
    assert!(read(&least(&guarded)).admin_token.is_some());
}

#[test]
fn whoever_leaves_out_whether_a_bare_403_counts_is_told_what_that_means() {
    let warnings = |more: &str| read(&least(more)).warnings.to_string();
    let told = warnings("");
    for text in [
        "sources[0].name",
        "not that it was the firewall",
        "open nothing",
        "write `trust_status_403: true`",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    assert_eq!(warnings("    trust_status_403: true\n"), "");
    assert_eq!(warnings("    trust_status_403: false\n"), "");
    // A job sends what a client printed, never a resource log.
    let job = "  - name: jobs
    auth: { kind: ci_token, provider: github, audience: a, claims: { repository: contoso/api } }
    registries: [contosoprod.azurecr.io]
";
    assert_eq!(read(&least(job)).warnings.0.len(), 1);
}

#[test]
fn broken_yaml_shows_where_and_no_values() {
    insta::assert_snapshot!(broken("listen: [127.0.0.1:8080\nadmin: x\n"), @r"
    error: this is not valid YAML: illegal placement of ':' indicator
     --> doorward.yaml:2:6
      |
    2 | admin: *
      |      ^
    ");
    insta::assert_snapshot!(broken(""), @r"
    error: the field `links` is missing
     --> doorward.yaml:1:1
      = field: links
      = help: links are signed: add `links: { key: { env: DOORWARD_LINK_KEY } }`, and set the variable to `openssl rand -base64 32`

    error: the field `registries` is missing
     --> doorward.yaml:1:1
      = field: registries
      = help: enrol the registries that may be opened, each by its `id`

    error: the field `sources` is missing
     --> doorward.yaml:1:1
      = field: sources
      = help: name who may report denials; without a source doorward hears nobody
    ");
}

#[test]
fn secrets_are_read_and_missing_ones_named_with_their_fields() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("link.key"), "0123456789\n").unwrap();
    fs::write(folder.path().join("ops"), "https://hooks.example.com/x").unwrap();
    fs::write(folder.path().join("empty"), "\n").unwrap();
    let text = least("channels: [{ name: ops, kind: webhook, url: { file: ops } }]")
        .replace("env: DOORWARD_LINK_KEY", "file: link.key")
        .replace("[{ env: DOORWARD_ALERTS_KEY }]", "[{ file: link.key }]");
    let config = parse("doorward.yaml", &text, folder.path()).unwrap();
    let secrets = config.read_secrets().unwrap();
    assert_eq!(secrets.source_keys["alerts"].len(), 1);
    assert!(secrets.channel_urls.contains_key("ops"));
    assert!(!format!("{secrets:?}").contains("0123456789"));

    let text = text.replace(
        "[{ file: link.key }]",
        "[{ file: empty }, { env: DOORWARD_NOT_THERE }]",
    );
    let config = parse("doorward.yaml", &text, folder.path()).unwrap();
    let error = config.read_secrets().unwrap_err().to_string();
    let error = error.replace(folder.path().to_str().unwrap(), "");
    insta::assert_snapshot!(error, @r"
    error: the secret file `/empty` cannot be used: it is empty
     --> doorward.yaml:6:38
      = field: sources[0].auth.keys[0]

    error: the environment variable `DOORWARD_NOT_THERE` is not set or empty: set it to the secret
     --> doorward.yaml:6:55
      = field: sources[0].auth.keys[1]
    ");
}

#[test]
fn a_policy_must_name_what_is_configured() {
    let config = read(&least(
        "channels: [{ name: ops, kind: webhook, url: { env: OPS } }]",
    ));
    let policy = "version: 1\nrules:\n  - { name: a, when: { source: alert }, then: ask, channel: opps }\n  - { name: b, when: { source: alerts }, then: ask, channel: ops }\n";
    let policy = doorward::domain::policy::parse(&[("p.yaml".into(), policy.into())]).unwrap();
    insta::assert_snapshot!(config.check(&policy), @r"
    error: rule `a` names the channel `opps`, and there is none
     --> p.yaml:3:13
      = help: did you mean `ops`?

    warning: rule `a` names the source `alert`, and there is none
     --> p.yaml:3:13
      = help: did you mean `alerts`?
    ");
}

/// A configuration with one source, `auth` and all.
fn with_source(source: &str) -> String {
    format!(
        "
links: {{ key: {{ env: K }} }}
registries: [{{ id: {REGISTRY} }}]
sources:
  - {source}
"
    )
}

const TENANT: &str = "22222222-0000-4000-8000-00000000000A";

#[test]
fn the_ways_to_prove_a_sender() {
    let auth = |source: &str| read(&with_source(source)).sources[0].auth.clone();
    let entra = auth(&format!(
        "{{ name: grid, auth: {{ kind: entra_token, tenant_id: {TENANT}, audience: [{TENANT}, api://doorward], app_id: event_grid, role: Sender }} }}"
    ));
    let Auth::EntraToken {
        tenant_id,
        audiences,
        app_id,
        role,
    } = entra
    else {
        panic!("{entra:?}")
    };
    assert_eq!(tenant_id, TENANT.to_lowercase());
    assert_eq!(
        audiences,
        [TENANT, &format!("api://{TENANT}"), "api://doorward"]
    );
    assert_eq!(
        app_id.as_deref(),
        Some("4962773b-9cdb-44cf-a8bf-237846a00ab7")
    );
    assert_eq!(role.as_deref(), Some("Sender"));
    let job = auth(
        "{ name: jobs, registries: [contosoprod.azurecr.io], auth: { kind: ci_token, provider: gitlab, audience: us, claims: { project_path: contoso/api, ref: [main, 'v*'] } } }",
    );
    let Auth::CiToken {
        issuer,
        audiences,
        claims,
    } = job
    else {
        panic!("{job:?}")
    };
    assert_eq!(
        (issuer.as_str(), audiences),
        ("https://gitlab.com", vec!["us".to_owned()])
    );
    assert!(claims[1].holds("v1") && !claims[1].holds("topic"));
    let signature =
        auth("{ name: s, auth: { kind: signature, keys: [{ env: NEW }, { env: OLD }] } }");
    assert!(matches!(signature, Auth::Signature { keys } if keys.len() == 2));
    let any = format!(
        "{{ name: g, auth: {{ kind: entra_token, tenant_id: {TENANT}, audience: {TENANT}, app_id: any }} }}"
    );
    let warnings = read(&with_source(&any)).warnings.to_string();
    assert!(
        warnings.contains("everybody in the tenant") && warnings.contains("`role`"),
        "{warnings}"
    );
}

#[test]
fn a_way_that_would_prove_nothing_is_refused() {
    let job = |rest: &str| {
        format!(
            "{{ name: j, registries: [contosoprod.azurecr.io], auth: {{ kind: ci_token, audience: us, {rest} }} }}"
        )
    };
    let entra = |rest: &str| {
        format!("{{ name: g, auth: {{ kind: entra_token, tenant_id: {TENANT}, {rest} }} }}")
    };
    for (source, what) in [
        (
            "{ name: j, auth: { kind: ci_token, provider: github, audience: us, claims: { repository: contoso/api } } }".to_owned(),
            "names the registries that they may speak of",
        ),
        (job("provider: github"), "the field `claims` is missing"),
        (job("provider: jenkins, claims: { sub: a }"), "`jenkins` is not known here"),
        (job("provider: github, claims: { ref: main }"), "do not say whose jobs are heard"),
        (job("provider: github, claims: { repository: '*/api' }"), "do not say whose jobs are heard"),
        (job("provider: github, claims: { repositry: contoso/api }"), "did you mean `repository`?"),
        (job("provider: github, claims: { repository: 'a[b]' }"), "has no meaning in a pattern"),
        (job("provider: azure_devops, claims: { sub: a }"), "the field `issuer` is missing"),
        (job("provider: github, issuer: 'http://issuer.example', claims: { sub: a }"), "no https URL of an issuer"),
        (entra("audience: us, app_id: event_grid"), "no audience of an application"),
        (entra(&format!("audience: {TENANT}, app_id: grid")), "this is not a GUID"),
        (entra(&format!("audience: {TENANT}")), "the field `app_id` is missing"),
        (entra("app_id: any"), "the field `audience` is missing"),
        ("{ name: g, auth: { kind: entra_token, tenant_id: contoso, audience: a, app_id: any } }".to_owned(), "this is not a GUID"),
        ("{ name: s, auth: { kind: signature } }".to_owned(), "the field `keys` is missing"),
        ("{ name: s, auth: { kind: signature, keys: [whsec_hunter2] } }".to_owned(), "a secret is named here, never written"),
    ] {
        let problems = broken(&with_source(&source));
        assert!(problems.contains(what), "{source}: {problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
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
