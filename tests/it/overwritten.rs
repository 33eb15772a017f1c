//! Others write while a write of ours is on its way: what can be known of it is reported, and put back
//! only where a read of ours has seen it.

use crate::others::{self, SOMEBODY, THEIR_WRITE, during_our_call, edit, taking};
use crate::world::{OURS, REGISTRY, World};
use doorward_core::firewall::Overwritten;
use doorward_core::ledger::event::LedgerEvent;
use doorward_sim::{Call, DefaultAction, Fault, Moment, Outcome, Registry, Writes};
use serde_json::json;
use std::time::Duration;

const THEIRS: &str = "8.8.8.8";

/// What was reported.
pub(crate) async fn reports(world: &World) -> Vec<Overwritten> {
    let of = |what| match what {
        LedgerEvent::PossiblyOverwritten(overwritten) => Some(overwritten),
        _ => None,
    };
    world.ledger().await.into_iter().filter_map(of).collect()
}

/// Something of others falls between our GET and our PATCH.
async fn inside_our_gap(world: &World, change: impl FnOnce(&mut Registry)) {
    during_our_call(world, (Call::PatchRegistry, Moment::Before), |world| {
        edit(world, change);
    })
    .await;
}

/// Event Grid tells of a change now, under this correlation id, and doorward takes its turns until reads
/// have agreed on what shows of it.
pub(crate) async fn tell(world: &World, id: &str, correlation: &str) {
    others::tell(world, id, correlation).await;
    world.settle().await;
    world.pass(Duration::from_secs(61)).await;
}

#[tokio::test]
async fn an_entry_that_az_adds_inside_our_gap_is_lost_and_reported_with_what_is_known() {
    let world = World::new().await;
    edit(&world, |registry| registry.allow("40.74.28.0/23"));
    world.settle().await;
    // A change has a time of its own.
    world.jump(Duration::from_secs(1));
    inside_our_gap(&world, |registry| registry.allow(THEIRS)).await;
    assert_eq!(world.entries(), ["40.74.28.0/23", OURS]);
    // The list itself shows nothing.
    assert!(reports(&world).await.is_empty() && world.messages().is_empty());
    let now = world.clock.now();
    others::tell(&world, "1", THEIR_WRITE).await;
    tell(&world, "1", THEIR_WRITE).await;
    let reports = reports(&world).await;
    let [report] = &reports[..] else {
        panic!("{reports:?}")
    };
    assert_eq!(report.by.as_deref(), Some(SOMEBODY));
    assert_eq!(report.at, Some(now));
    assert_eq!(report.before, ["40.74.28.0/23"]);
    assert_eq!(report.after, ["40.74.28.0/23", OURS]);
    assert!(report.dropped.is_empty() && !report.restoring);
    assert_eq!(world.messages(), ["possibly_overwritten"]);
    assert!(world.last_message("text").contains(SOMEBODY));
}

#[tokio::test]
async fn a_default_action_that_is_flipped_inside_our_gap_is_reported_as_well() {
    let world = World::new().await;
    world.settle().await;
    inside_our_gap(&world, |registry| {
        registry.network_rules.default_action = DefaultAction::Allow;
    })
    .await;
    let registry = world.azure.registry(REGISTRY).unwrap();
    assert_eq!(registry.network_rules.default_action, DefaultAction::Deny);
    tell(&world, "1", THEIR_WRITE).await;
    assert_eq!(world.messages(), ["possibly_overwritten"]);
    let text = world.last_message("text");
    assert!(
        text.contains("default action of `Allow` may be `Deny` again"),
        "{text}"
    );
}

#[tokio::test]
async fn a_default_action_that_is_flipped_before_the_last_read_stops_the_write() {
    let world = World::new().await;
    world.settle().await;
    during_our_call(&world, (Call::GetRegistry, Moment::After), |world| {
        edit(world, |registry| {
            registry.network_rules.default_action = DefaultAction::Allow;
        });
    })
    .await;
    assert!(world.azure.requests_of(Call::PatchRegistry).is_empty());
    assert_eq!(world.messages(), ["default_allow"]);
}

fn flip(world: &World, default_action: DefaultAction) {
    edit(world, |registry| {
        registry.network_rules.default_action = default_action;
    });
}

/// A grant has come to its end, and somebody sets `Allow` at this moment of a call of ours.
async fn removing_while_allow_is_set(call: Call, moment: Moment) -> World {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.pass(Duration::from_secs(599)).await;
    let hold = world.azure.hold(call, moment);
    world.jump(Duration::from_secs(1));
    let ((), ()) = tokio::join!(
        async {
            hold.reached().await;
            flip(&world, DefaultAction::Allow);
            hold.release();
        },
        world.settle()
    );
    world
}

#[tokio::test]
async fn a_removal_with_allow_set_inside_our_gap_opens_nothing_and_is_reported() {
    let world = removing_while_allow_is_set(Call::PatchRegistry, Moment::Before).await;
    let registry = world.azure.registry(REGISTRY).unwrap();
    assert_eq!(registry.network_rules.default_action, DefaultAction::Deny);
    assert!(world.entries().is_empty());
    tell(&world, "1", THEIR_WRITE).await;
    assert_eq!(world.messages(), ["possibly_overwritten"]);
    let text = world.last_message("text");
    assert!(
        text.contains("default action of `Allow` may be `Deny` again"),
        "{text}"
    );
}

#[tokio::test]
async fn a_removal_with_allow_set_before_the_last_read_waits_for_deny_and_says_so() {
    let world = removing_while_allow_is_set(Call::GetRegistry, Moment::After).await;
    // The ledger says so at once, and once.
    let waits = async || {
        let all = world.ledger().await.into_iter();
        let waits = all.filter_map(|what| match what {
            LedgerEvent::EndWaits { code, .. } => Some(code),
            _ => None,
        });
        waits.collect::<Vec<_>>()
    };
    assert_eq!(waits().await, ["default_allow"]);
    world.pass(Duration::from_secs(50)).await;
    assert_eq!(waits().await, ["default_allow"]);
    assert_eq!(world.entries(), [OURS]);
    assert_eq!(world.azure.requests_of(Call::PatchRegistry).len(), 1);
    flip(&world, DefaultAction::Deny);
    world.pass(Duration::from_secs(31)).await;
    assert!(world.entries().is_empty());
    let kinds = world.kinds().await;
    let at = |kind: &str| kinds.iter().position(|it| *it == kind);
    assert!(
        at("end_waits").is_some() && at("end_waits") < at("ended"),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn a_change_before_or_after_the_gap_and_one_of_our_own_are_not_reported() {
    let world = World::new().await;
    world.settle().await;
    tell(&world, "1", THEIR_WRITE).await;
    world.jump(Duration::from_secs(3));
    world.denied(OURS).await;
    world.settle().await;
    let write = world.first_write().await.to_string();
    tell(&world, "2", &write).await;
    world.jump(Duration::from_secs(3));
    tell(&world, "3", THEIR_WRITE).await;
    assert!(reports(&world).await.is_empty());
}

#[tokio::test]
async fn several_changes_in_one_gap_are_one_report() {
    let world = World::new().await;
    world.settle().await;
    inside_our_gap(&world, |registry| registry.allow(THEIRS)).await;
    for id in ["1", "2"] {
        others::tell(&world, id, THEIR_WRITE).await;
    }
    tell(&world, "3", THEIR_WRITE).await;
    let reports = reports(&world).await;
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].also.len(), 2);
    assert_eq!(world.messages(), ["possibly_overwritten"]);
    assert!(world.last_message("text").contains("and 2 more times"));
}

#[tokio::test]
async fn a_change_inside_our_gap_that_stands_after_it_is_not_reported() {
    let world = World::new().await;
    world.settle().await;
    // Azure has done our write, and its reply is on the way.
    during_our_call(&world, (Call::PatchRegistry, Moment::After), |world| {
        edit(world, |registry| registry.allow(THEIRS));
    })
    .await;
    tell(&world, "1", THEIR_WRITE).await;
    assert_eq!(world.entries(), [OURS, THEIRS]);
    assert!(reports(&world).await.is_empty());
}

#[tokio::test]
async fn changes_after_a_write_that_was_lost_are_not_reported_where_they_stand() {
    let nothing = Fault::Status {
        status: 500,
        retry_after: None,
    };
    for fault in [Fault::LostBefore, nothing] {
        let world = World::new().await;
        world.settle().await;
        world
            .azure
            .knobs(|knobs| knobs.next(Call::PatchRegistry, fault));
        world.denied(OURS).await;
        world.settle().await;
        for number in 1..9 {
            edit(&world, |registry| {
                registry.allow(&format!("8.8.8.{number}"));
            });
            others::tell(&world, &number.to_string(), THEIR_WRITE).await;
            world.settle().await;
            world.pass(Duration::from_secs(7 * number)).await;
        }
        let stand: Vec<String> = (1..9).map(|number| format!("8.8.8.{number}")).collect();
        assert!(stand.iter().all(|entry| world.entries().contains(entry)));
        assert!(reports(&world).await.is_empty());
    }
}

#[tokio::test]
async fn az_that_writes_back_what_it_read_before_us_takes_our_entry_away() {
    let world = World::new().await;
    world.settle().await;
    let old = world.azure.registry(REGISTRY).unwrap();
    world.denied(OURS).await;
    world.settle().await;
    edit(&world, |registry| {
        registry.network_rules = old.network_rules;
        registry.allow(THEIRS);
    });
    world.pass(Duration::from_mins(6)).await;
    assert_eq!(world.entries(), [THEIRS]);
    let mut told = world.messages();
    told.sort();
    assert_eq!(told, ["foreign_new", "ours_missing"]);
}

#[tokio::test]
async fn an_entry_that_goes_between_our_two_reads_stops_the_write_until_reads_agree() {
    let world = World::new().await;
    edit(&world, |registry| registry.allow(THEIRS));
    world.settle().await;
    during_our_call(&world, (Call::GetRegistry, Moment::After), |world| {
        // The next read alone is stale: it shows the list before that entry came.
        world.azure.model(|model| model.read_stale(REGISTRY, 1));
    })
    .await;
    assert!(world.azure.requests_of(Call::PatchRegistry).is_empty());
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(world.entries(), [THEIRS, OURS]);
}

/// A write of ours takes half a minute and its reply is lost; meanwhile others change the list.
async fn a_late_write(restore_foreign: bool) -> World {
    let world = World::with(|setup| {
        setup.config["registries"][0]["restore_foreign"] = json!(restore_foreign);
    })
    .await;
    world.settle().await;
    world.azure.knobs(|knobs| {
        knobs.writes = taking(30, 2, Outcome::Succeeded);
        knobs.next(Call::PatchRegistry, Fault::LostAfter);
    });
    world.denied(OURS).await;
    world.settle().await;
    world.azure.knobs(|knobs| knobs.writes = Writes::Immediate);
    edit(&world, |registry| registry.allow(THEIRS));
    world.pass(Duration::from_secs(10)).await;
    world
}

#[tokio::test]
async fn what_a_read_has_shown_and_our_late_write_dropped_is_put_back() {
    let world = a_late_write(true).await;
    assert_eq!(world.entries(), [THEIRS]);
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.entries(), [OURS, THEIRS]);
    let reports = reports(&world).await;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].dropped, [THEIRS]);
    assert!(reports[0].restoring && reports[0].by.is_none());
    assert_eq!(world.messages(), ["possibly_overwritten"]);
    // It is theirs: the end of our grant leaves it alone.
    world.pass(Duration::from_mins(11)).await;
    assert_eq!(world.entries(), [THEIRS]);
}

#[tokio::test]
async fn unless_configuration_says_so_it_is_only_reported() {
    let world = a_late_write(false).await;
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.entries(), [OURS]);
    let reports = reports(&world).await;
    assert_eq!(reports[0].dropped, [THEIRS]);
    assert!(!reports[0].restoring);
    assert!(world.last_message("text").contains("by hand"));
}

#[tokio::test]
async fn what_a_read_showed_others_removing_is_not_put_back() {
    let world = a_late_write(true).await;
    edit(&world, |registry| registry.disallow(THEIRS));
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.entries(), [OURS]);
    assert!(reports(&world).await.is_empty());
}

#[tokio::test]
async fn what_the_read_after_a_failed_operation_shows_to_be_dropped_is_reported() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    // Azure says that it could not take it away, and has done it all the same.
    world
        .azure
        .knobs(|knobs| knobs.writes = taking(1, 2, Outcome::FailedButApplied));
    let hold = world.azure.hold(Call::PatchRegistry, Moment::Before);
    world.jump(Duration::from_mins(10));
    let meanwhile = async {
        hold.reached().await;
        edit(&world, |registry| registry.allow(THEIRS));
        hold.release();
    };
    tokio::join!(meanwhile, world.settle());
    // The first read after it is stale, and shows theirs beside ours.
    world.jump(Duration::from_secs(5));
    world.azure.model(|model| model.read_stale(REGISTRY, 1));
    world.settle().await;
    assert!(world.entries().is_empty());
    let reports = reports(&world).await;
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].dropped, [THEIRS]);
    assert_eq!(world.messages(), ["possibly_overwritten"]);
}
