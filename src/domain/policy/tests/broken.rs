//! What a broken policy is told.
#![expect(clippy::too_many_lines, reason = "most of them are what is said")]

use super::*;

fn broken(text: &str) -> String {
    match read(text) {
        Ok(policy) => panic!("this was accepted: {policy:?}"),
        Err(problems) => problems.to_string(),
    }
}

fn warned(text: &str) -> String {
    policy(text).warnings.to_string()
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    insta::assert_snapshot!(broken("
version: 2
sets:
  office: { cidrs: [20.60.0.1/24] }
rules:
  - nmae: blocked
    when: { adress: office }
    then: frobid
  - name: build
    when: { address: ofice, registry: [] }
    then: ask
    for: 4 hours
default: allow
"), @r"
    error: this version of the language is not known
     --> policy.yaml:2:10
      |
    2 | version: 2
      |          ^
      = field: version
      = help: write `version: 1`

    error: `20.60.0.1/24` has bits set beyond its prefix length: write `20.60.0.0/24` for the network, or the address alone
     --> policy.yaml:4:21
      |
    4 |   office: { cidrs: [20.60.0.1/24] }
      |                     ^^^^^^^^^^^^
      = field: sets.office.cidrs[0]

    error: the field `name` is missing
     --> policy.yaml:6:5
      |
    6 |   - nmae: blocked
      |     ^
      = field: rules[0].name
      = help: every rule has a name, by which a verdict calls it

    error: there is no field `nmae`
     --> policy.yaml:6:5
      |
    6 |   - nmae: blocked
      |     ^^^^
      = field: rules[0].nmae
      = help: did you mean `name`?

    error: there is no field `adress`
     --> policy.yaml:7:13
      |
    7 |     when: { adress: office }
      |             ^^^^^^
      = field: rules[0].when.adress
      = help: did you mean `address`?

    error: `frobid` is not known here
     --> policy.yaml:8:11
      |
    8 |     then: frobid
      |           ^^^^^^
      = field: rules[0].then
      = help: did you mean `forbid`?

    error: there is no set `ofice`
      --> policy.yaml:10:22
       |
    10 |     when: { address: ofice, registry: [] }
       |                      ^^^^^
       = field: rules[1].when.address
       = help: did you mean `office`?

    error: this list is empty
      --> policy.yaml:10:39
       |
    10 |     when: { address: ofice, registry: [] }
       |                                       ^
       = field: rules[1].when.registry
       = help: write at least one value, or leave the field out

    error: `4 hours` is not a duration
      --> policy.yaml:12:10
       |
    12 |     for: 4 hours
       |          ^^^^^^^
       = field: rules[1].for
       = help: write whole numbers with d, h, m or s, as in `90s`, `30m`, `1h30m` or `24h`

    error: the default cannot allow: that would open for everybody
      --> policy.yaml:13:10
       |
    13 | default: allow
       |          ^^^^^
       = field: default
       = help: write `default: ask`, and a rule with evidence for what may open
    ");
}

#[test]
fn allow_needs_evidence() {
    insta::assert_snapshot!(broken("
version: 1
sets:
  tag: { service_tag: AzureCloud.westeurope, file: tags.json }
  both: { any_of: [{ cidrs: 20.0.0.0/24 }, tag] }
rules:
  - { name: by name, when: { repository: 'prod/**' }, then: allow }
  - { name: by nothing, then: allow }
  - { name: shared, when: { address: both }, then: allow }
  - { name: everybody, when: { address: { cidrs: [0.0.0.0/1, 128.0.0.0/1] } }, then: allow }
  - { name: no reason, when: { address: tag }, then: allow, accept_shared: '' }
  - { name: fine, when: { address: tag }, then: allow, accept_shared: agents of a test registry }
"), @r#"
    error: rule `by name` allows on what the caller says of himself: that is no evidence
     --> policy.yaml:7:28
      |
    7 |   - { name: by name, when: { repository: 'prod/**' }, then: allow }
      |                            ^
      = field: rules[0].when
      = help: use a set of your own addresses (`cidrs`, `nat_gateway`, `public_ip` ..), `then: ask`, or say why this is good enough: `accept_shared: ".."`

    error: rule `by nothing` allows on what the caller says of himself: that is no evidence
     --> policy.yaml:8:5
      |
    8 |   - { name: by nothing, then: allow }
      |     ^
      = field: rules[1]
      = help: use a set of your own addresses (`cidrs`, `nat_gateway`, `public_ip` ..), `then: ask`, or say why this is good enough: `accept_shared: ".."`

    error: rule `shared` allows addresses of `both`, which many tenants share
     --> policy.yaml:9:38
      |
    9 |   - { name: shared, when: { address: both }, then: allow }
      |                                      ^^^^
      = field: rules[2].when.address
      = help: use a set of your own addresses (`cidrs`, `nat_gateway`, `public_ip` ..), `then: ask`, or say why this is good enough: `accept_shared: ".."`

    error: rule `everybody` allows 0.0.0.0 to 255.255.255.255, more than a /8: nobody owns that
      --> policy.yaml:10:41
       |
    10 |   - { name: everybody, when: { address: { cidrs: [0.0.0.0/1, 128.0.0.0/1] } }, then: allow }
       |                                         ^
       = field: rules[3].when.address
       = help: use a set of your own addresses (`cidrs`, `nat_gateway`, `public_ip` ..), `then: ask`, or say why this is good enough: `accept_shared: ".."`

    error: rule `no reason` allows addresses of `tag`, which many tenants share
      --> policy.yaml:11:41
       |
    11 |   - { name: no reason, when: { address: tag }, then: allow, accept_shared: '' }
       |                                         ^^^
       = field: rules[4].when.address
       = help: use a set of your own addresses (`cidrs`, `nat_gateway`, `public_ip` ..), `then: ask`, or say why this is good enough: `accept_shared: ".."`

    error: this is empty
      --> policy.yaml:11:76
       |
    11 |   - { name: no reason, when: { address: tag }, then: allow, accept_shared: '' }
       |                                                                            ^^
       = field: rules[4].accept_shared
       = help: write a value, or leave the field out
    "#);
}

#[test]
fn what_was_seen_before_is_remembered_for_so_long() {
    insta::assert_snapshot!(broken("
version: 1
rules:
  - { name: long, when: { seen: 91d }, then: ask }
  - { name: who, when: { seen: [7d, { within: 1d, by: persn }, { by: policy }] }, then: ask }
  - { name: no evidence, when: { seen: 7d }, then: allow }
"), @r#"
    error: doorward remembers grants for 90d, not for longer
     --> policy.yaml:4:33
      |
    4 |   - { name: long, when: { seen: 91d }, then: ask }
      |                                 ^^^
      = field: rules[0].when.seen
      = help: write `90d` or less

    error: `persn` is not known here
     --> policy.yaml:5:55
      |
    5 |   - { name: who, when: { seen: [7d, { within: 1d, by: persn }, { by: policy }] }, then: ask }
      |                                                       ^^^^^
      = field: rules[1].when.seen[1].by
      = help: did you mean `person`?

    error: the field `within` is missing
     --> policy.yaml:5:64
      |
    5 |   - { name: who, when: { seen: [7d, { within: 1d, by: persn }, { by: policy }] }, then: ask }
      |                                                                ^
      = field: rules[1].when.seen[2].within
      = help: say how long ago at most, as in `within: 7d`

    error: rule `no evidence` allows on what the caller says of himself: that is no evidence
     --> policy.yaml:6:32
      |
    6 |   - { name: no evidence, when: { seen: 7d }, then: allow }
      |                                ^
      = field: rules[2].when
      = help: use a set of your own addresses (`cidrs`, `nat_gateway`, `public_ip` ..), `then: ask`, or say why this is good enough: `accept_shared: ".."`
    "#);
}

#[test]
fn grants_are_widened_within_what_is_ones_own() {
    insta::assert_snapshot!(broken("
version: 1
sets: { tag: { service_tag: AzureCloud, file: tags.json } }
rules:
  - { name: nothing, then: ask, widen: true, renew: 30m, evictable: true }
  - { name: shared, when: { address: tag }, then: ask, widen: true }
  - { name: not, when: { address: tag }, then: ask, widen: false }
  - { name: told, then: alert, renew: 30m, widen: yes }
"), @r"
    error: rule `nothing` names no set of your own, so there is nothing to widen within
     --> policy.yaml:5:40
      |
    5 |   - { name: nothing, then: ask, widen: true, renew: 30m, evictable: true }
      |                                        ^^^^
      = field: rules[0].widen
      = help: name one under `address` (`cidrs`, `public_ip_prefix`, `nat_gateway` ..), or take `widen` out

    error: rule `shared` names no set of your own, so there is nothing to widen within
     --> policy.yaml:6:63
      |
    6 |   - { name: shared, when: { address: tag }, then: ask, widen: true }
      |                                                               ^^^^
      = field: rules[1].widen
      = help: name one under `address` (`cidrs`, `public_ip_prefix`, `nat_gateway` ..), or take `widen` out

    error: `alert` opens nothing, so `renew` has nothing to act on
     --> policy.yaml:8:39
      |
    8 |   - { name: told, then: alert, renew: 30m, widen: yes }
      |                                       ^^^
      = field: rules[3].renew
      = help: take `renew` out

    error: `alert` opens nothing, so `widen` has nothing to act on
     --> policy.yaml:8:51
      |
    8 |   - { name: told, then: alert, renew: 30m, widen: yes }
      |                                                   ^^^
      = field: rules[3].widen
      = help: take `widen` out

    error: `yes` is neither `true` nor `false`
     --> policy.yaml:8:51
      |
    8 |   - { name: told, then: alert, renew: 30m, widen: yes }
      |                                                   ^^^
      = field: rules[3].widen
      = help: write `true` or `false`
    ");
}

#[test]
fn sets_that_make_no_sense() {
    insta::assert_snapshot!(broken("
version: 1
sets:
  a: { any_of: [b] }
  b: { any_of: [c, { cidrs: 20.0.0.0/24 }], except: a }
  c: { cidrs: [20.0.0.0/24], public_ip: x }
  d: {}
  e: { nat_gateway: /subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/p }
  f: { cidrs_file: ../secrets.txt }
  g: { service_tag: AzureCloud, source: arm }
  h i: { cidrs: 20.0.0.0/24 }
  j: { cidrs: [] }
  k: { colour: blue }
rules:
  - { name: raw, when: { address: 20.1.2.0/24 }, then: ask }
"), @r"
    error: the set `a` contains itself: a -> b -> a
     --> policy.yaml:5:53
      |
    5 |   b: { any_of: [c, { cidrs: 20.0.0.0/24 }], except: a }
      |                                                     ^
      = field: sets.b.except
      = help: take one of them out

    error: a set is of one kind, and this one is of `public_ip` and `cidrs`
     --> policy.yaml:6:6
      |
    6 |   c: { cidrs: [20.0.0.0/24], public_ip: x }
      |      ^
      = field: sets.c
      = help: join several sets with `any_of: [.., ..]`

    error: this does not say what the set is made of
     --> policy.yaml:7:6
      |
    7 |   d: {}
      |      ^
      = field: sets.d
      = help: write `nat_gateway`, `public_ip`, `public_ip_prefix`, `subnet`, `agent_pool`, `azure_firewall`, `aks_egress`, `app_service_egress`, `container_app_egress`, `cidrs`, `cidrs_file`, `service_tag`, `country`, `asn`, `github_meta`, `http` or `any_of`

    error: `/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/p` names a `Microsoft.Network/publicIPAddresses`, but a `Microsoft.Network/natGateways` is needed here: copy the id of that one
     --> policy.yaml:8:21
      |
    8 |   e: { nat_gateway: /subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/p }
      |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = field: sets.e.nat_gateway

    error: `../secrets.txt` lies outside the policy folder
     --> policy.yaml:9:20
      |
    9 |   f: { cidrs_file: ../secrets.txt }
      |                    ^^^^^^^^^^^^^^
      = field: sets.f.cidrs_file
      = help: name it relative to the policy folder, and keep it in there

    error: the field `subscription` is missing
      --> policy.yaml:10:6
       |
    10 |   g: { service_tag: AzureCloud, source: arm }
       |      ^
       = field: sets.g.subscription
       = help: name a subscription that doorward may read, as in `subscription: 00000000-0000-0000-0000-000000000000`

    error: the field `location` is missing
      --> policy.yaml:10:6
       |
    10 |   g: { service_tag: AzureCloud, source: arm }
       |      ^
       = field: sets.g.location
       = help: name any region; it says which version of the list is told, as in `location: westeurope`

    error: `h i` is no name for a set
      --> policy.yaml:11:3
       |
    11 |   h i: { cidrs: 20.0.0.0/24 }
       |   ^^^
       = field: sets.h i
       = help: use letters, digits, `-`, `_` and `.`

    error: this list is empty
      --> policy.yaml:12:15
       |
    12 |   j: { cidrs: [] }
       |               ^
       = field: sets.j.cidrs
       = help: write at least one CIDR

    error: there is no field `colour`
      --> policy.yaml:13:8
       |
    13 |   k: { colour: blue }
       |        ^^^^^^
       = field: sets.k.colour
       = help: the fields here are `cidrs`, `cidrs_file`, `service_tag`, `country`, `asn`, `github_meta`, `http`, `nat_gateway`, `public_ip`, `public_ip_prefix`, `subnet`, `agent_pool`, `azure_firewall`, `aks_egress`, `app_service_egress`, `container_app_egress`, `any_of`, `except`, `refresh`, `max_change` and `max_size`

    error: there is no set `20.1.2.0/24`
      --> policy.yaml:15:35
       |
    15 |   - { name: raw, when: { address: 20.1.2.0/24 }, then: ask }
       |                                   ^^^^^^^^^^^
       = field: rules[0].when.address
       = help: write `{ cidrs: [20.1.2.0/24] }`
    ");
}

#[test]
fn rules_that_make_no_sense() {
    insta::assert_snapshot!(broken("
version: 1
rules:
  - { name: alert, then: alert, for: 4h, approvals: link, accept_shared: why not }
  - { name: alert, then: ask, mode: observed }
  - { name: globs, when: { repository: 'prod/{a,b}', registry: '***', kind: denyed }, then: ask }
  - { name: forgotten, when: { registry: }, then: ask }
  - name: late
    when: { hours: [{ days: [mon-fry], from: 7:00, to: '19:00' }, { from: '07:00', to: '07:00', zone: UTC }] }
    then: ask
  - just a text
"), @r#"
    error: `alert` opens nothing, so there is nothing to last
     --> policy.yaml:4:38
      |
    4 |   - { name: alert, then: alert, for: 4h, approvals: link, accept_shared: why not }
      |                                      ^^
      = field: rules[0].for
      = help: take `for` out

    error: `alert` asks nobody, so there is nothing to approve
     --> policy.yaml:4:53
      |
    4 |   - { name: alert, then: alert, for: 4h, approvals: link, accept_shared: why not }
      |                                                     ^^^^
      = field: rules[0].approvals
      = help: take `approvals` out, or write `then: ask`

    error: `alert` needs no evidence
     --> policy.yaml:4:74
      |
    4 |   - { name: alert, then: alert, for: 4h, approvals: link, accept_shared: why not }
      |                                                                          ^^^^^^^
      = field: rules[0].accept_shared
      = help: take `accept_shared` out

    error: there is another rule `alert` (policy.yaml:4)
     --> policy.yaml:5:13
      |
    5 |   - { name: alert, then: ask, mode: observed }
      |             ^^^^^
      = field: rules[1].name
      = help: give one of the two another name: verdicts call rules by theirs

    error: `observed` is not known here
     --> policy.yaml:5:37
      |
    5 |   - { name: alert, then: ask, mode: observed }
      |                                     ^^^^^^^^
      = field: rules[1].mode
      = help: did you mean `observe`?

    error: `{` has no meaning in a pattern here
     --> policy.yaml:6:40
      |
    6 |   - { name: globs, when: { repository: 'prod/{a,b}', registry: '***', kind: denyed }, then: ask }
      |                                        ^^^^^^^^^^^^
      = field: rules[2].when.repository
      = help: a pattern knows `*`, `**` and `?`; a list means any of

    error: `***` is neither `*` nor `**`
     --> policy.yaml:6:64
      |
    6 |   - { name: globs, when: { repository: 'prod/{a,b}', registry: '***', kind: denyed }, then: ask }
      |                                                                ^^^^^
      = field: rules[2].when.registry
      = help: a pattern knows `*`, `**` and `?`; a list means any of

    error: `denyed` is not known here
     --> policy.yaml:6:77
      |
    6 |   - { name: globs, when: { repository: 'prod/{a,b}', registry: '***', kind: denyed }, then: ask }
      |                                                                             ^^^^^^
      = field: rules[2].when.kind
      = help: did you mean `denied`?

    error: a single value is expected here, and this is nothing
     --> policy.yaml:7:40
      |
    7 |   - { name: forgotten, when: { registry: }, then: ask }
      |                                        ^
      = field: rules[3].when.registry
      = help: write a value, or leave the field out

    error: the field `zone` is missing
     --> policy.yaml:9:21
      |
    9 |     when: { hours: [{ days: [mon-fry], from: 7:00, to: '19:00' }, { from: '07:00', to: '07:00', zone: UTC }] }
      |                     ^
      = field: rules[4].when.hours[0].zone
      = help: write whose clock is meant, as in `zone: Europe/Zurich` or `zone: UTC`

    error: `mon-fry` is not a day: write mon, tue, wed, thu, fri, sat or sun, or a stretch such as mon-fri
     --> policy.yaml:9:30
      |
    9 |     when: { hours: [{ days: [mon-fry], from: 7:00, to: '19:00' }, { from: '07:00', to: '07:00', zone: UTC }] }
      |                              ^^^^^^^
      = field: rules[4].when.hours[0].days[0]

    error: `7:00` is not a time of the day: write hours and minutes in quotes, as in "07:00"
     --> policy.yaml:9:46
      |
    9 |     when: { hours: [{ days: [mon-fry], from: 7:00, to: '19:00' }, { from: '07:00', to: '07:00', zone: UTC }] }
      |                                              ^^^^
      = field: rules[4].when.hours[0].from

    error: `from` and `to` are the same time: leave both out for the whole day
     --> policy.yaml:9:67
      |
    9 |     when: { hours: [{ days: [mon-fry], from: 7:00, to: '19:00' }, { from: '07:00', to: '07:00', zone: UTC }] }
      |                                                                   ^
      = field: rules[4].when.hours[1]

    error: a mapping with fields is expected here, and this is a single value
      --> policy.yaml:11:5
       |
    11 |   - just a text
       |     ^^^^^^^^^^^
       = field: rules[5]
    "#);
}

#[test]
fn what_is_odd_is_warned_of() {
    insta::assert_snapshot!(warned("
version: 1
sets: { spare: { cidrs: 20.0.0.0/24 } }
rules:
  - { name: shared, when: { source: ci }, then: allow, for: 1d12h, accept_shared: the tests need it }
  - { name: all, then: ask }
  - { name: blocked, when: { address: { cidrs: 20.0.0.0/24 } }, then: forbid }
  - { name: lost, when: { source: ci }, then: alert }
"), @r"
    warning: nothing uses the set `spare`
     --> policy.yaml:3:9
      |
    3 | sets: { spare: { cidrs: 20.0.0.0/24 } }
      |         ^^^^^
      = field: sets.spare
      = help: use it in a rule, or take it out

    warning: rule `shared` opens for 36h on an address that others share
     --> policy.yaml:5:13
      |
    5 |   - { name: shared, when: { source: ci }, then: allow, for: 1d12h, accept_shared: the tests need it }
      |             ^^^^^^
      = help: 4h is plenty for most jobs

    warning: nothing reaches rule `lost`: `shared` (policy.yaml:5) matches wherever it does
     --> policy.yaml:8:13
      |
    8 |   - { name: lost, when: { source: ci }, then: alert }
      |             ^^^^
      = help: narrow `shared`, or move this rule before it
    ");
}

#[test]
fn what_nothing_reaches_is_warned_of() {
    insta::assert_snapshot!(warned("
version: 1
sets:
  office: { cidrs: [20.60.0.0/24] }
  floor: { cidrs: [20.60.0.64/26] }
rules:
  - { name: office, when: { address: office, registry: '*' }, then: ask, evictable: true, for: 5m }
  - { name: floor, when: { address: floor, registry: contoso.azurecr.io, repository: 'prod/**' }, then: allow }
  - { name: other floor, when: { address: floor }, then: allow }
  - { name: barred, when: { address: floor }, then: forbid }
  - { name: barred again, when: { address: { cidrs: 20.60.0.70 }, source: ci }, then: forbid }
  - { name: day, when: { hours: { days: mon-fri, zone: UTC }, claims: { repository: [a/b, a/c] } }, then: ask }
  - { name: job, when: { hours: { days: mon-fri, zone: UTC }, claims: { repository: a/b, ref: x } }, then: ask }
  - { name: seen, when: { seen: 7d }, then: ask }
  - { name: seen lately, when: { seen: { within: 1d, by: person }, kind: denied }, then: alert }
"), @r"
    warning: rule `office` makes grants of 5m evictable, which end soon anyway
     --> policy.yaml:7:13
      |
    7 |   - { name: office, when: { address: office, registry: '*' }, then: ask, evictable: true, for: 5m }
      |             ^^^^^^
      = help: what is evictable goes soonest end first; leave it to grants that last

    warning: nothing reaches rule `floor`: `office` (policy.yaml:7) matches wherever it does
     --> policy.yaml:8:13
      |
    8 |   - { name: floor, when: { address: floor, registry: contoso.azurecr.io, repository: 'prod/**' }, then: allow }
      |             ^^^^^
      = help: narrow `office`, or move this rule before it

    warning: nothing reaches rule `other floor`: `barred` (policy.yaml:10) matches wherever it does
     --> policy.yaml:9:13
      |
    9 |   - { name: other floor, when: { address: floor }, then: allow }
      |             ^^^^^^^^^^^
      = help: forbid wins wherever it stands: narrow `barred`, or take this rule out

    warning: nothing reaches rule `barred again`: `barred` (policy.yaml:10) matches wherever it does
      --> policy.yaml:11:13
       |
    11 |   - { name: barred again, when: { address: { cidrs: 20.60.0.70 }, source: ci }, then: forbid }
       |             ^^^^^^^^^^^^
       = help: forbid wins wherever it stands: narrow `barred`, or take this rule out

    warning: nothing reaches rule `job`: `day` (policy.yaml:12) matches wherever it does
      --> policy.yaml:13:13
       |
    13 |   - { name: job, when: { hours: { days: mon-fri, zone: UTC }, claims: { repository: a/b, ref: x } }, then: ask }
       |             ^^^
       = help: narrow `day`, or move this rule before it

    warning: nothing reaches rule `seen lately`: `seen` (policy.yaml:14) matches wherever it does
      --> policy.yaml:15:13
       |
    15 |   - { name: seen lately, when: { seen: { within: 1d, by: person }, kind: denied }, then: alert }
       |             ^^^^^^^^^^^
       = help: narrow `seen`, or move this rule before it
    ");
}

#[test]
fn names_are_unique_over_all_files() {
    let files = [
        "version: 1\nsets: { a: { cidrs: 20.0.0.1 } }\nrules: [{ name: r, then: ask }]\ndefault: ask",
        "version: 1\nsets: { a: { cidrs: 20.0.0.2 } }\nrules: [{ name: r, then: ask }]\ndefault: ask",
    ];
    let files = [("a.yaml", files[0]), ("b.yaml", files[1])]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
    insta::assert_snapshot!(parse(&files).unwrap_err(), @r"
    error: there is another set `a` (a.yaml:2)
     --> b.yaml:2:9
      |
    2 | sets: { a: { cidrs: 20.0.0.2 } }
      |         ^
      = field: sets.a
      = help: give one of the two another name

    error: there is another rule `r` (a.yaml:3)
     --> b.yaml:3:17
      |
    3 | rules: [{ name: r, then: ask }]
      |                 ^
      = field: rules[0].name
      = help: give one of the two another name: verdicts call rules by theirs

    error: another file of this policy has a `default` already
     --> b.yaml:4:10
      |
    4 | default: ask
      |          ^^^
      = field: default
      = help: keep one of the two
    ");
}

/// A policy of sets in sets: each of `count` names the next one `times` times.
fn nested(count: usize, times: usize) -> String {
    let set = |n: usize| {
        let next = vec![format!("s{}", n.saturating_add(1)); times];
        format!("  s{n}: {{ any_of: [{}] }}", next.join(", "))
    };
    let sets: Vec<String> = (0..count).map(set).collect();
    format!(
        "version: 1\nsets:\n{}\n  s{count}: {{ cidrs: 20.0.0.1 }}\nrules: [{{ name: r, when: {{ address: s0 }}, then: ask }}]\n",
        sets.join("\n")
    )
}

#[test]
fn sets_in_sets_are_bounded() {
    assert!(read(&nested(8, 1)).is_ok());
    assert!(broken(&nested(40, 1)).contains("too deep"));
    assert!(broken(&nested(12, 9)).contains("too deep"));
}

#[test]
fn a_policy_without_files_asks() {
    let policy = parse(&[]).unwrap();
    assert_eq!(policy.default, crate::domain::verdict::Action::Ask);
}
