//! What sets that make no sense are told.
#![expect(clippy::too_many_lines, reason = "most of them are what is said")]

use super::*;

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
      = help: write `nat_gateway`, `public_ip`, `public_ip_prefix`, `subnet`, `agent_pool`, `devops_pool`, `azure_firewall`, `aks_egress`, `app_service_egress`, `container_app_egress`, `cidrs`, `cidrs_file`, `service_tag`, `country`, `asn`, `github_meta`, `http` or `any_of`

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
       = help: the fields here are `cidrs`, `cidrs_file`, `service_tag`, `country`, `asn`, `github_meta`, `http`, `nat_gateway`, `public_ip`, `public_ip_prefix`, `subnet`, `agent_pool`, `devops_pool`, `azure_firewall`, `aks_egress`, `app_service_egress`, `container_app_egress`, `any_of`, `except`, `refresh`, `max_refresh_change` and `max_size`

    error: there is no set `20.1.2.0/24`
      --> policy.yaml:15:35
       |
    15 |   - { name: raw, when: { address: 20.1.2.0/24 }, then: ask }
       |                                   ^^^^^^^^^^^
       = field: rules[0].when.address
       = help: write `{ cidrs: [20.1.2.0/24] }`
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
