//! What a plan may and may not do.

use super::*;
use crate::domain::grant::{Ending, Grant, Stage};
use crate::domain::id::{DenialId, GrantId};
use ipnet::Ipv4Net;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
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

fn live(entries: &[&str]) -> Live {
    Live::read(&registry(entries)).unwrap()
}

fn wanted<'a>(grants: &'a [(Grant, Stage)], claimed: &[u8]) -> Wanted<'a> {
    Wanted {
        grants: grants
            .iter()
            .map(|(grant, stage)| (grant, *stage))
            .collect(),
        claimed: claimed.iter().map(|last| (one(*last), false)).collect(),
        limit: 200,
        may_add: true,
        paused: false,
    }
}

fn patch(add: &[u8], remove: &[u8]) -> Patch {
    Patch {
        add: add.iter().map(|last| one(*last)).collect(),
        remove: remove.iter().map(|last| one(*last)).collect(),
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
        plan.patch.unwrap().body(&live),
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
    let live = Live::read(&registry).unwrap();
    let grants = [(grant(1, 3, 100), Stage::Intended)];
    let body = plan(&live, &wanted(&grants, &[]), at(0))
        .patch
        .unwrap()
        .body(&live);
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
            [Step::Satisfied(intended[0].0.id, entry.to_owned())]
        );
        assert_eq!(before.patch, None);
        let satisfied = [(grant(1, 3, 100), Stage::Satisfied)];
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
            plan.patch.unwrap().body(&live)["properties"]["networkRuleSet"]["ipRules"].clone();
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
            Step::Opened(grants[1].0.id)
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
    Live::read(&registry).unwrap()
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
        (
            with(|r| {
                r["properties"]["networkRuleSet"]["virtualNetworkRules"] = json!([{ "id": "x" }]);
            }),
            "virtual_network_rules",
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
                limit: 2
            }
        )]
    );
}

#[test]
fn a_reply_that_is_no_registry_is_no_ground_to_write_on() {
    assert_eq!(Live::read(&json!({})), Err(Malformed("sku.name")));
    let mut odd = registry(&[]);
    odd["properties"]["networkRuleSet"]["ipRules"] = json!([{ "action": "Allow" }]);
    assert_eq!(
        Live::read(&odd),
        Err(Malformed("properties.networkRuleSet.ipRules[].value"))
    );
}

prop_compose! {
    fn any_grant()(number: u128, last in 0..20_u8, until in 0..200_i64, stage in 0..3_usize) -> (Grant, Stage) {
        (grant(number, last, until), [Stage::Intended, Stage::Open, Stage::Satisfied][stage])
    }
}

prop_compose! {
    fn any_entries()(entries in prop::collection::vec((0..20_u8, 20..=32_u8, any::<bool>()), 0..12)) -> Vec<String> {
        entries.into_iter().map(|(last, length, bare)| match (length, bare) {
            (32, true) => address(last).to_string(),
            _ => Ipv4Net::new(address(last), length).unwrap().trunc().to_string(),
        }).collect()
    }
}

proptest! {
    #[test]
    fn a_plan_touches_nothing_that_is_not_claimed(
        entries in any_entries(),
        grants in prop::collection::vec(any_grant(), 0..8),
        claimed in prop::collection::vec((0..20_u8, any::<bool>()), 0..8),
        limit in 0..20_u32,
        now in 0..200_i64,
    ) {
        let texts: Vec<&str> = entries.iter().map(String::as_str).collect();
        let live = live(&texts);
        let wanted = Wanted {
            grants: grants.iter().map(|(grant, stage)| (grant, *stage)).collect(),
            claimed: claimed.iter().map(|(last, uncertain)| (one(*last), *uncertain)).collect(),
            limit,
            may_add: true,
            paused: false,
        };
        let plan = plan(&live, &wanted, at(now));
        let patch = plan.patch.unwrap_or_default();
        // Only claimed entries go, and only when no grant in force needs them.
        for gone in &patch.remove {
            prop_assert!(wanted.claimed.contains_key(gone));
            prop_assert!(!grants.iter().any(|(grant, _)| grant.address.network() == *gone && grant.until > at(now)));
        }
        // Only addresses of grants in force come, each alone, and the limit holds.
        for new in &patch.add {
            prop_assert!(grants.iter().any(|(grant, _)| grant.address.network() == *new && grant.until > at(now)));
            prop_assert!(live.covering(new.addr()).is_none());
        }
        prop_assert!(patch.add.is_empty() || live.rules.len() - patch.remove.len() + patch.add.len() <= limit as usize);
        // Every other entry stands in the body as it was read, in its order.
        let body = patch.body(&live);
        let after = body["properties"]["networkRuleSet"]["ipRules"].as_array().unwrap().clone();
        let foreign: Vec<Value> = live.rules.iter()
            .filter(|rule| !patch.remove.iter().any(|network| rule.is_exactly(*network)))
            .map(|rule| rule.raw.clone()).collect();
        prop_assert_eq!(&after[..foreign.len()], &foreign[..]);
        prop_assert_eq!(after.len(), foreign.len() + patch.add.len());
    }
}

#[test]
fn what_a_lost_write_left_behind_is_taken_away() {
    let plan = plan(&live(&["20.1.2.3", "20.1.2.4"]), &wanted(&[], &[3]), at(0));
    assert_eq!(plan.patch, Some(patch(&[], &[3])));
}
