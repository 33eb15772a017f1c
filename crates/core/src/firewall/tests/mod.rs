//! What a plan may and may not do.

mod gaps;
mod laws;

use super::raw_json::RawJson;
use super::*;
use crate::ledger::grant::{Ending, Grant, Stage};
use crate::ledger::id::{DenialId, GrantId};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use uuid::Uuid;

const REGISTRY: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contosoprod";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(20, 1, 2, last)
}

fn one(last: u8) -> Ipv4Net {
    address(last).into()
}

fn grant(number: u128, last: u8, until: i64) -> Grant {
    Grant {
        id: GrantId(Uuid::from_u128(number)),
        registry: REGISTRY.parse().unwrap(),
        address: address(last).try_into().unwrap(),
        until: at(until),
        denial: DenialId(Uuid::nil()),
        request: None,
        rule: None,
        channel: None,
        renew: None,
        evictable: false,
        widen: None,
    }
}

fn registry(entries: &[&str]) -> Value {
    let rules: Vec<Value> = entries
        .iter()
        .map(|value| json!({ "action": "Allow", "value": value }))
        .collect();
    json!({
        "sku": { "name": "Premium" },
        "properties": {
            "loginServer": "ContosoProd.azurecr.io",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "networkRuleSet": { "defaultAction": "Deny", "ipRules": rules },
        },
    })
}

fn read(registry: &Value) -> Result<Live, Malformed> {
    Live::read(&RawJson::from(registry))
}

/// What a write says.
fn said(patch: &Patch, live: &Live) -> Value {
    patch.body(live).to_string().parse().unwrap()
}

fn live(entries: &[&str]) -> Live {
    read(&registry(entries)).unwrap()
}

fn wanted<'a>(grants: &'a [(Grant, Stage)], claimed: &[u8]) -> Wanted<'a> {
    Wanted {
        grants: grants
            .iter()
            .map(|(grant, stage)| (grant, *stage))
            .collect(),
        claimed: claimed.iter().map(|last| (one(*last), false)).collect(),
        limit: 200,
        reserve: 0,
        may_add: true,
        paused: false,
        restore: BTreeSet::new(),
        restore_entries: Vec::new(),
    }
}

fn patch(add: &[u8], remove: &[u8]) -> Patch {
    Patch {
        add: add.iter().map(|last| one(*last)).collect(),
        remove: remove.iter().map(|last| one(*last)).collect(),
        restore_entries: Vec::new(),
    }
}

#[test]
fn a_grant_gets_an_entry_beside_those_that_stand() {
    let live = live(&["40.0.0.0/24"]);
    let grants = [(grant(1, 3, 100), Stage::Intended)];
    let plan = plan(&live, &wanted(&grants, &[]), at(0));
    assert_eq!(
        (plan.steps.len(), &plan.patch),
        (0, &Some(patch(&[3], &[])))
    );
    assert_eq!(
        said(&plan.patch.unwrap(), &live),
        json!({ "properties": { "networkRuleSet": { "defaultAction": "Deny", "ipRules": [
            { "action": "Allow", "value": "40.0.0.0/24" },
            { "action": "Allow", "value": "20.1.2.3" },
        ] } } })
    );
}

#[test]
fn what_is_not_known_is_carried_along_as_it_was() {
    let mut registry = registry(&["20.1.2.3"]);
    *registry
        .pointer_mut("/properties/networkRuleSet/ipRules/0")
        .unwrap() = json!({ "action": "Allow", "value": "everything", "future": { "a": [1] } });
    registry["properties"]["networkRuleSet"]["futureField"] = json!(7);
    let live = read(&registry).unwrap();
    let grants = [(grant(1, 3, 100), Stage::Intended)];
    let patch = plan(&live, &wanted(&grants, &[]), at(0)).patch.unwrap();
    let body = said(&patch, &live);
    let set = &body["properties"]["networkRuleSet"];
    assert_eq!(set["futureField"], json!(7));
    assert_eq!(
        set["ipRules"][0],
        json!({ "action": "Allow", "value": "everything", "future": { "a": [1] } })
    );
}

#[test]
fn an_entry_that_stood_before_is_never_ours() {
    for entry in ["20.1.2.3", "20.1.2.3/32", "20.1.2.0/24"] {
        let live = live(&[entry]);
        let intended = [(grant(1, 3, 100), Stage::Intended)];
        let before = plan(&live, &wanted(&intended, &[]), at(0));
        assert_eq!(
            before.steps,
            [Step::CoveredByExisting(intended[0].0.id, entry.to_owned())]
        );
        assert_eq!(before.patch, None);
        let satisfied = [(grant(1, 3, 100), Stage::CoveredByExisting)];
        let after = plan(&live, &wanted(&satisfied, &[]), at(200));
        assert_eq!(
            (after.steps, after.patch),
            (
                vec![Step::Ended(intended[0].0.id, Ending::LeftToOthers)],
                None
            )
        );
    }
}

#[test]
fn our_entry_goes_at_its_end_in_whatever_form_it_stands() {
    let grants = [(grant(1, 3, 100), Stage::Open)];
    for entry in ["20.1.2.3", "20.1.2.3/32"] {
        let live = live(&["40.0.0.0/24", entry]);
        let plan = plan(&live, &wanted(&grants, &[3]), at(100));
        assert_eq!(plan.patch, Some(patch(&[], &[3])));
        let rules =
            said(&plan.patch.unwrap(), &live)["properties"]["networkRuleSet"]["ipRules"].clone();
        assert_eq!(
            rules,
            json!([{ "action": "Allow", "value": "40.0.0.0/24" }])
        );
    }
}

#[test]
fn an_entry_that_another_grant_needs_stays() {
    let grants = [
        (grant(1, 3, 100), Stage::Open),
        (grant(2, 3, 500), Stage::Intended),
    ];
    let plan = plan(&live(&["20.1.2.3"]), &wanted(&grants, &[3]), at(100));
    assert_eq!(plan.patch, None);
    assert_eq!(
        plan.steps,
        [
            Step::Ended(grants[0].0.id, Ending::CarriedOn),
            Step::Opened(grants[1].0.id, one(3))
        ]
    );
}

#[test]
fn an_entry_that_others_took_away_is_not_written_again() {
    let grants = [(grant(1, 3, 100), Stage::Open)];
    let early = plan(&live(&[]), &wanted(&grants, &[3]), at(50));
    assert_eq!((early.steps.len(), early.patch), (0, None));
    let late = plan(&live(&[]), &wanted(&grants, &[3]), at(100));
    assert_eq!(
        late.steps,
        [Step::Ended(grants[0].0.id, Ending::RemovedByOthers)]
    );
}

#[test]
fn a_grant_is_not_over_while_a_write_of_it_may_land() {
    let grants = [(grant(1, 3, 100), Stage::Intended)];
    let mut wanted = wanted(&grants, &[]);
    wanted.claimed = BTreeMap::from([(one(3), true)]);
    assert_eq!(plan(&live(&[]), &wanted, at(200)), Plan::default());
    assert_eq!(
        plan(&live(&["20.1.2.3"]), &wanted, at(200)).patch,
        Some(patch(&[], &[3]))
    );
}

/// One thing changed in an ordinary registry.
fn with(change: impl FnOnce(&mut Value)) -> Live {
    let mut registry = registry(&["20.1.2.9"]);
    change(&mut registry);
    read(&registry).unwrap()
}

#[test]
fn nothing_is_opened_where_it_cannot_help() {
    let cases = [
        (
            with(|r| r["properties"]["publicNetworkAccess"] = json!("Disabled")),
            "public_access_disabled",
        ),
        (
            with(|r| r["sku"]["name"] = json!("Standard")),
            "not_premium",
        ),
        (
            with(|r| r["properties"]["networkRuleSet"]["defaultAction"] = json!("Allow")),
            "default_allow",
        ),
    ];
    let grants = [(grant(1, 3, 100), Stage::Intended)];
    for (live, code) in cases {
        let plan = plan(&live, &wanted(&grants, &[]), at(0));
        assert_eq!(plan.patch, None, "{code}");
        assert!(
            matches!(&plan.steps[..], [Step::NotOpened(_, obstacle)] if obstacle.code() == code),
            "{code}"
        );
    }
}

#[test]
fn virtual_network_rules_are_carried_along_where_azure_keeps_them() {
    let rules = json!([{ "action": "Allow", "virtualNetworkSubnetResourceId": "/Subnets/Build" }]);
    let live = with(|r| r["properties"]["networkRuleSet"]["virtualNetworkRules"] = rules.clone());
    assert_eq!(live.subnets, ["/subnets/build".to_owned()].into());
    let grants = [
        (grant(1, 3, 100), Stage::Intended),
        (grant(2, 9, 10), Stage::Open),
    ];
    let wanted = wanted(&grants, &[9]);
    let carried = plan(&live, &wanted, at(50)).patch.unwrap();
    assert_eq!(carried, patch(&[3], &[9]));
    let set = said(&carried, &live)["properties"]["networkRuleSet"].clone();
    assert_eq!(set["virtualNetworkRules"], rules);
    let mut loses = live;
    loses.loses_subnets = true;
    let refused = plan(&loses, &wanted, at(50));
    let obstacle = Obstacle::VirtualNetworkRules { count: 1 };
    assert_eq!(
        (refused.patch, refused.stuck),
        (None, Some(obstacle.clone()))
    );
    assert_eq!(refused.steps, [Step::NotOpened(grants[0].0.id, obstacle)]);
    // Where there are none any more, there is nothing to lose.
    loses.subnets.clear();
    assert!(plan(&loses, &wanted, at(50)).patch.is_some());
}

#[test]
fn removal_waits_where_a_write_would_change_more_than_our_entry() {
    let grants = [(grant(1, 9, 100), Stage::Open)];
    let open = with(|r| r["properties"]["networkRuleSet"]["defaultAction"] = json!("Allow"));
    let stuck = plan(&open, &wanted(&grants, &[9]), at(100));
    assert_eq!(
        (stuck.patch, stuck.stuck),
        (None, Some(Obstacle::DefaultAllow))
    );
    // Public access that is switched off is no reason to leave an entry behind.
    let disabled = with(|r| r["properties"]["publicNetworkAccess"] = json!("Disabled"));
    assert_eq!(
        plan(&disabled, &wanted(&grants, &[9]), at(100)).patch,
        Some(patch(&[], &[9]))
    );
}

#[test]
fn a_full_list_refuses_the_last() {
    let grants = [
        (grant(1, 3, 100), Stage::Intended),
        (grant(2, 4, 100), Stage::Intended),
    ];
    let mut wanted = wanted(&grants, &[]);
    wanted.limit = 2;
    let plan = plan(&live(&["40.0.0.0/24"]), &wanted, at(0));
    assert_eq!(plan.patch, Some(patch(&[3], &[])));
    assert_eq!(
        plan.steps,
        [Step::NotOpened(
            grants[1].0.id,
            Obstacle::Full {
                needed: 3,
                others: 1,
                ours: 0,
                reserve: 0,
                limit: 2
            }
        )]
    );
}

#[test]
fn a_reply_that_is_no_registry_is_no_ground_to_write_on() {
    assert_eq!(read(&json!({})), Err(Malformed("sku.name")));
    let mut odd = registry(&[]);
    odd["properties"]["networkRuleSet"]["ipRules"] = json!([{ "action": "Allow" }]);
    assert_eq!(
        read(&odd),
        Err(Malformed("properties.networkRuleSet.ipRules[].value"))
    );
}

#[test]
fn grants_in_one_range_open_with_it_and_end_without_the_others() {
    let mut grants = [
        (grant(1, 2, 100), Stage::Intended),
        (grant(2, 3, 200), Stage::Intended),
    ];
    let mut wanted_now = wanted(&grants, &[]);
    wanted_now.limit = 1;
    let merged = plan(&live(&[]), &wanted_now, at(0)).patch.unwrap();
    let range: Ipv4Net = "20.1.2.2/31".parse().unwrap();
    assert_eq!((&merged.add, merged.remove.len()), (&[range].into(), 0));
    let there = live(&["20.1.2.2/31"]);
    wanted_now.claimed = BTreeMap::from([(range, false)]);
    assert_eq!(
        plan(&there, &wanted_now, at(1)).steps,
        [
            Step::Opened(grants[0].0.id, range),
            Step::Opened(grants[1].0.id, range)
        ]
    );
    for (_, stage) in &mut grants {
        *stage = Stage::Open;
    }
    let mut wanted_then = wanted(&grants, &[]);
    wanted_then.claimed = BTreeMap::from([(range, false)]);
    let split = plan(&there, &wanted_then, at(100)).patch.unwrap();
    assert_eq!((split.add, split.remove), ([one(3)].into(), [range].into()));
}

#[test]
fn a_range_that_another_grant_keeps_open_ends_nothing_else() {
    let widen = Some("20.1.2.0/29".parse().unwrap());
    let mut grants = [
        (grant(1, 1, 100), Stage::Open),
        (grant(2, 2, 200), Stage::Open),
        (grant(3, 7, 200), Stage::Open),
    ];
    for (grant, _) in &mut grants {
        grant.widen = widen;
    }
    let mut wanted = wanted(&grants, &[]);
    wanted.limit = 1;
    wanted.claimed = BTreeMap::from([("20.1.2.0/29".parse().unwrap(), false)]);
    // The second and the third can only share what admits the first too.
    let plan = plan(&live(&["20.1.2.0/29"]), &wanted, at(100));
    assert_eq!(plan.patch, None);
    assert_eq!(plan.steps, [Step::Ended(grants[0].0.id, Ending::CarriedOn)]);
}

#[test]
fn what_a_lost_write_left_behind_is_taken_away() {
    let plan = plan(&live(&["20.1.2.3", "20.1.2.4"]), &wanted(&[], &[3]), at(0));
    assert_eq!(plan.patch, Some(patch(&[], &[3])));
}

#[test]
fn a_reserve_is_never_more_than_there_are_places() {
    let grants: Vec<(Grant, Stage)> = [1, 3, 5, 7]
        .map(|last| (grant(last.into(), last, 100), Stage::Intended))
        .to_vec();
    let mut wanted = wanted(&grants, &[]);
    (wanted.limit, wanted.reserve) = (5, 10);
    let plan = plan(&live(&[]), &wanted, at(0));
    assert_eq!(plan.patch, None);
    let Some(Step::NotOpened(_, full)) = plan.steps.first() else {
        panic!("one of them finds no place");
    };
    assert!(full.to_string().contains("5 of 5 places"), "{full}");
}
