//! What rules that make no sense are told.
#![expect(clippy::too_many_lines, reason = "most of them are what is said")]

use super::*;

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
