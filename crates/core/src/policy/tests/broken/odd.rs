//! What is read, and odd.

use super::*;

fn warned(text: &str) -> String {
    policy(text).warnings.to_string()
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

    warning: rule `shared` opens for 36h, and `max_ttl` is 24h where the configuration does not say more: it is cut to that
     --> policy.yaml:5:13
      |
    5 |   - { name: shared, when: { source: ci }, then: allow, for: 1d12h, accept_shared: the tests need it }
      |             ^^^^^^
      = help: write less, or raise `max_ttl` in the configuration

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
