//! A denial arrives, the registry opens for a while, and closes again.

use crate::others::{during_our_call, taking};
use crate::world::{OURS, PREFIX, REGISTRY, STRANGER, World, message, row};
use doorward_core::ledger::event::{LedgerEvent, WriteOutcome};
use doorward_core::ledger::grant::Ending;
use doorward_core::policy::verdict::Action;
use doorward_sim::{Call, DefaultAction, Fault, Moment, Outcome};
use serde_json::json;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const SECOND: Duration = Duration::from_secs(1);

async fn verdicts(world: &World) -> Vec<Action> {
    let of = |what| match what {
        LedgerEvent::Decided { verdict, .. } => Some(verdict.action),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn our_own_address_is_admitted_for_ten_minutes() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    world.pass(9 * MINUTE + Duration::from_secs(59)).await;
    assert_eq!(world.entries(), [OURS]);
    world.pass(Duration::from_secs(1)).await;
    assert!(world.entries().is_empty());
    assert_eq!(
        world.kinds().await,
        [
            "denied",
            "decided",
            "granted",
            "registry_seen",
            "write_intended",
            "write_settled",
            "opened",
            "write_intended",
            "write_settled",
            "grant_outcome",
            "ended"
        ]
    );
    // Before all that, both sets were found to hold something.
    assert_eq!(world.app.ledger.verify().await.unwrap().unwrap().0, 2 + 11);
}

#[tokio::test]
async fn intent_stands_in_the_ledger_before_azure_is_asked() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.azure.edit(REGISTRY, "nobody", |_| {});
    let hold = world.azure.hold(Call::PatchRegistry, Moment::Before);
    world.denied(&PREFIX.replace("/30", "")).await;
    let (kinds, ()) = tokio::join!(
        async {
            hold.reached().await;
            let kinds = world.kinds().await;
            hold.release();
            kinds
        },
        world.settle()
    );
    // What a read shows anew stands among them.
    let kinds: Vec<_> = kinds
        .into_iter()
        .filter(|kind| *kind != "registry_seen")
        .collect();
    assert!(
        kinds.ends_with(&["denied", "decided", "granted", "write_intended"]),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn a_write_names_the_rules_and_nothing_else_and_says_deny() {
    let world = World::new().await;
    world.azure.edit(REGISTRY, "terraform", |registry| {
        registry.allow("40.74.28.0/23");
    });
    world.denied(OURS).await;
    world.settle().await;
    let patches = world.azure.requests_of(Call::PatchRegistry);
    let bodies: Vec<_> = patches
        .iter()
        .map(|patch| patch.body.clone().unwrap())
        .collect();
    assert_eq!(
        bodies,
        [
            json!({ "properties": { "networkRuleSet": { "defaultAction": "Deny", "ipRules": [
            { "action": "Allow", "value": "40.74.28.0/23" },
            { "action": "Allow", "value": OURS },
        ] } } })
        ]
    );
}

#[tokio::test]
async fn a_trusted_source_needs_no_message_but_a_live_registry_that_refuses() {
    let world = World::new().await;
    world.deliver("logs", &row(OURS, world.clock.now())).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn a_status_403_row_of_any_other_source_is_an_alert() {
    let world = World::new().await;
    world
        .deliver("clusters", &row(OURS, world.clock.now()))
        .await;
    world.settle().await;
    assert!(world.entries().is_empty());
    assert_eq!(world.messages(), ["suspected"]);
}

#[tokio::test]
async fn a_status_403_row_of_an_address_that_is_admitted_says_that_a_role_is_missing() {
    let world = World::new().await;
    // Somebody adds it after doorward has looked.
    world.settle().await;
    world.azure.edit(REGISTRY, "portal", |registry| {
        registry.allow("20.61.10.0/24");
    });
    world.deliver("logs", &row(OURS, world.clock.now())).await;
    world.settle().await;
    assert_eq!(world.messages(), ["already_covered"]);
    assert!(
        world.last_message("text").contains("missing role"),
        "{}",
        world.last_message("text")
    );
    world.pass(11 * MINUTE).await;
    assert_eq!(world.entries(), ["20.61.10.0/24"]);
    assert_eq!(world.endings().await, [Ending::LeftToOthers]);
}

#[tokio::test]
async fn a_forbidden_address_opens_nothing_and_asks_nobody() {
    let world = World::new().await;
    world.denied("51.140.9.1").await;
    world.settle().await;
    assert_eq!(verdicts(&world).await, [Action::Forbid]);
    assert!(world.entries().is_empty() && world.messages().is_empty());
}

#[tokio::test]
async fn an_address_that_may_not_be_opened_is_an_alert_that_says_why() {
    let world = World::new().await;
    for (address, why) in [
        ("10.0.0.5", "private use"),
        ("168.63.129.16", "Azure's virtual"),
        ("2603:1030::7", "IPv6"),
    ] {
        world.denied(address).await;
        world.settle().await;
        assert!(
            world.last_message("text").contains(why),
            "{}",
            world.last_message("text")
        );
    }
    assert_eq!(
        world.messages(),
        ["special_address", "special_address", "ipv6_caller"]
    );
    assert!(world.azure.requests_of(Call::PatchRegistry).is_empty());
}

#[tokio::test]
async fn the_same_denial_again_makes_no_new_decision_while_its_grant_stands() {
    let world = World::new().await;
    for _ in 0..3 {
        world.denied(OURS).await;
        world.settle().await;
    }
    assert_eq!(verdicts(&world).await, [Action::Allow]);
    world.pass(11 * MINUTE).await;
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(verdicts(&world).await, [Action::Allow, Action::Allow]);
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn an_old_denial_opens_nothing() {
    let world = World::new().await;
    let then = world.clock.now();
    world.jump(31 * MINUTE);
    world.deliver("logs", &row(OURS, then)).await;
    world.settle().await;
    assert_eq!(world.messages(), ["too_old"]);
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn a_registry_that_is_not_enrolled_is_never_guessed() {
    let world = World::new().await;
    world
        .deliver("clusters", &message(OURS).replace(REGISTRY, "fabrikam"))
        .await;
    world.settle().await;
    assert_eq!(world.messages(), ["no_registry"]);
    assert!(world.last_message("text").contains("fabrikam.azurecr.io"));
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn the_hourly_budget_outlives_a_restart() {
    let mut world =
        World::with(|setup| setup.config["registries"][0]["grants_per_hour"] = json!(1)).await;
    world.denied(OURS).await;
    world.settle().await;
    world.restart().await;
    world.denied("20.61.10.16").await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(world.messages(), ["budget_spent"]);
}

#[tokio::test]
async fn observing_writes_nothing_and_says_what_would_have_been() {
    let world = World::with(|setup| setup.config["mode"] = json!("observe")).await;
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.azure.requests_of(Call::PatchRegistry).is_empty());
    assert!(world.kinds().await.contains(&"not_opened"));
}

#[tokio::test]
async fn a_slow_operation_is_followed_to_its_end() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.writes = taking(20, 5, Outcome::Succeeded));
    world.denied(OURS).await;
    world.pass(22 * SECOND).await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(world.kinds().await.last(), Some(&"opened"));
}

#[tokio::test]
async fn a_lost_reply_is_unknown_until_a_read_knows_and_nothing_is_sent_twice() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.next(Call::PatchRegistry, Fault::LostAfter));
    world.denied(OURS).await;
    world.settle().await;
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 1);
    assert_eq!(world.kinds().await.last(), Some(&"opened"));
}

#[tokio::test]
async fn throttling_is_waited_out_and_the_next_attempt_begins_at_a_read() {
    let world = World::new().await;
    world.azure.knobs(|knobs| {
        knobs.next(
            Call::PatchRegistry,
            Fault::Throttled {
                retry_after: Duration::from_secs(7),
            },
        );
    });
    world.denied(OURS).await;
    world.settle().await;
    assert!(world.entries().is_empty());
    world.pass(Duration::from_secs(8)).await;
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(world.after_the_first_patch(), Call::GetRegistry);
}

#[tokio::test]
async fn what_azure_refuses_is_told_with_its_reason() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.writes = taking(3, 5, Outcome::Failed));
    world.denied(OURS).await;
    world.pass(MINUTE).await;
    assert_eq!(world.messages(), ["azure_refused"]);
    assert!(world.last_message("text").contains("RegistryUpdateFailed"));
    assert!(world.entries().is_empty());
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 5);
}

#[tokio::test]
async fn what_azure_fails_at_once_is_tried_again() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.writes = taking(3, 5, Outcome::Failed));
    world.denied(OURS).await;
    world.settle().await;
    world
        .azure
        .knobs(|knobs| knobs.writes = taking(3, 5, Outcome::Succeeded));
    world.pass(15 * SECOND).await;
    assert_eq!(world.entries(), [OURS]);
    assert!(world.messages().is_empty());
}

#[tokio::test]
async fn what_azure_calls_failed_and_did_all_the_same_is_ours_and_ends() {
    let world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.writes = taking(3, 5, Outcome::FailedButApplied));
    world.denied(OURS).await;
    world.pass(7 * SECOND).await;
    assert_eq!(world.entries(), [OURS]);
    assert!(world.messages().is_empty());
    world.pass(11 * MINUTE).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn an_end_that_falls_into_an_outage_is_kept_at_once_after_it() {
    let mut world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.jump(60 * MINUTE);
    world.restart().await;
    world.settle().await;
    assert!(world.entries().is_empty());
    assert_eq!(world.endings().await, [Ending::Expired]);
}

#[tokio::test]
async fn an_entry_that_cannot_be_removed_is_an_alarm_that_repeats_until_it_is_gone() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.azure.edit(REGISTRY, "admin", |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    world.pass(17 * MINUTE).await;
    assert_eq!(
        world.messages(),
        ["default_action_changed", "overdue", "overdue"]
    );
    assert!(
        world
            .last_message("text")
            .contains("default action is `Allow`")
    );
    world.azure.edit(REGISTRY, "admin", |registry| {
        registry.network_rules.default_action = DefaultAction::Deny;
    });
    world.pass(MINUTE).await;
    assert!(world.entries().is_empty());
    assert_eq!(world.endings().await, [Ending::Expired]);
}

#[tokio::test]
async fn an_entry_that_others_removed_is_not_fought_over() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world
        .azure
        .edit(REGISTRY, "az", |registry| registry.disallow(OURS));
    world.pass(11 * MINUTE).await;
    assert_eq!(world.endings().await, [Ending::RemovedByOthers]);
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 1);
}

#[tokio::test]
async fn a_change_by_others_right_before_our_write_is_kept() {
    let world = World::new().await;
    world.settle().await;
    // The first read is answered, and its answer is on the way; the read right before the PATCH is not
    // made yet.
    during_our_call(&world, (Call::GetRegistry, Moment::After), |world| {
        world
            .azure
            .edit(REGISTRY, "az", |registry| registry.allow("8.8.8.8"));
    })
    .await;
    assert_eq!(world.entries(), ["8.8.8.8", OURS]);
}

#[tokio::test]
async fn what_a_write_did_is_known_again_after_a_crash() {
    let mut world = World::new().await;
    world
        .azure
        .knobs(|knobs| knobs.next(Call::PatchRegistry, Fault::LostAfter));
    world.denied(OURS).await;
    world.settle().await;
    // The program dies here: the intent stands, the outcome does not.
    let settled = |what: &LedgerEvent| {
        matches!(
            what,
            LedgerEvent::WriteSettled {
                outcome: WriteOutcome::Applied { .. },
                ..
            }
        )
    };
    assert!(!world.ledger().await.iter().any(settled));
    world.restart().await;
    world.settle().await;
    assert!(world.ledger().await.iter().any(settled));
    world.pass(10 * MINUTE).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn a_unknown_source_is_a_question_to_a_person() {
    let world = World::new().await;
    world.denied(STRANGER).await;
    world.settle().await;
    assert_eq!(verdicts(&world).await, [Action::Ask]);
    assert_eq!(world.messages(), ["ask"]);
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn an_entry_of_others_that_goes_away_does_not_leave_the_caller_outside() {
    let world = World::new().await;
    world
        .azure
        .edit(REGISTRY, "portal", |registry| registry.allow(OURS));
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.messages(), ["already_covered"]);
    world
        .azure
        .edit(REGISTRY, "portal", |registry| registry.disallow(OURS));
    world.pass(5 * MINUTE).await;
    world.jump(10 * MINUTE);
    world.denied(OURS).await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn entries_that_cannot_be_removed_are_one_alarm_of_their_registry_and_not_one_each() {
    let world = World::new().await;
    let addresses = [OURS, "20.61.10.16", "20.61.10.17"];
    for address in addresses {
        world.denied(address).await;
    }
    world.settle().await;
    world.azure.edit(REGISTRY, "admin", |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    world.pass(12 * MINUTE).await;
    assert_eq!(world.messages(), ["default_action_changed", "overdue"]);
    let text = world.last_message("text");
    assert!(text.contains("3 entries on `contosoprod`"), "{text}");
    for address in addresses {
        assert!(text.contains(address), "{text}");
    }
    world.pass(60 * MINUTE).await;
    let told = world.messages().len() - 1;
    assert!((4..=8).contains(&told), "{told}");
}
