//! What a broken or odd configuration is told.
#![expect(clippy::too_many_lines, reason = "most of them are what is said")]

use super::{REGISTRY, broken, least, read};

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
  - {{ name: ops, kind: chats, url: https://hooks.example.com/T0/B0/hunter2 }}
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
    4 | public_url: ********************************
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
       = help: say how the sender proves itself: `auth: { kind: shared_key, keys: [{ env: NAME }] }`; or let doorward fetch: `feed: { kind: azure_logs }`

    error: `chats` is not known here
      --> doorward.yaml:29:24
       |
    29 |   - { name: ops, kind: chats, url: *************************************** }
       |                        ^^^^^
       = field: channels[0].kind
       = help: write `webhook`, `slack`, `teams`, `pagerduty`, `email` or `log`

    error: a secret is named here, never written
      --> doorward.yaml:29:36
       |
    29 |   - { name: ops, kind: chats, url: *************************************** }
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
