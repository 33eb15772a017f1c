//! What is told of gaps, given events and reads.

use super::super::Seen;
use super::super::gaps::{Gaps, Look};
use super::super::overwritten::{Other, Overwritten};
use crate::ledger::event::Write;
use crate::ledger::id::WriteId;
use crate::net::network;
use crate::net::resource_id::ResourceId;
use jiff::Timestamp;
use uuid::Uuid;

const OURS: &str = "20.1.2.3";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn texts(entries: &[&str]) -> Vec<String> {
    entries.iter().map(ToString::to_string).collect()
}

fn seen(entries: &[&str]) -> Seen {
    Seen {
        entries: texts(entries),
        default_deny: true,
        public_access: true,
        sku: "Premium".to_owned(),
        provisioning_state: "Succeeded".to_owned(),
        tags: None,
    }
}

fn registry() -> ResourceId {
    let id = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/\
              Microsoft.ContainerRegistry/registries/contosoprod";
    id.parse().unwrap()
}

fn write(id: u128, before: &[&str]) -> Write {
    Write {
        id: WriteId(Uuid::from_u128(id)),
        registry: registry(),
        add: vec![network::parse(OURS).unwrap()],
        remove: Vec::new(),
        before: texts(before),
        subnets: Vec::new(),
        restore_entries: Vec::new(),
        generation: None,
    }
}

fn record_external_change(gaps: &mut Gaps, event: &str, second: i64) {
    let (event, at, by) = (event.to_owned(), at(second), None);
    gaps.record_external_change(at, Other { event, at, by });
}

/// Reads at these two times show these.
fn read(
    gaps: &mut Gaps,
    (from, to): (i64, i64),
    (before, after): (&[&str], &[&str]),
    hanging: Option<&Write>,
) {
    gaps.record_read(&Look {
        before: &seen(before),
        after: &seen(after),
        from: Some(at(from)),
        to: at(to),
        modified: (None, None),
        claimed: &[network::parse(OURS).unwrap()].into(),
        hanging,
    });
}

fn mark_reported(gaps: &Gaps) -> Vec<Overwritten> {
    gaps.overwritten(&registry(), Timestamp::MAX)
}

fn given_up(gaps: &mut Gaps, write: &Write, second: i64) {
    gaps.lost(write, at(second));
}

#[test]
fn a_change_in_a_gap_is_told_unless_it_alone_shows() {
    let write = write(1, &[]);
    for (after, events, lost) in [
        (&[OURS][..], 1, 1),
        (&[OURS, "8.8.8.8"], 1, 0),
        // One of two stands; which is not known.
        (&[OURS, "8.8.8.8"], 2, 2),
    ] {
        let mut gaps = Gaps::default();
        read(&mut gaps, (99, 102), (&[], after), Some(&write));
        gaps.applied(&write, (at(100), at(102)), &texts(after), None);
        for event in 0..events {
            record_external_change(&mut gaps, &event.to_string(), 101);
        }
        let told = mark_reported(&gaps);
        let changes = told.iter().map(|it| 1 + it.also.len()).sum::<usize>();
        assert_eq!(changes, lost, "{told:?}");
        assert!(told.len() <= 1, "{told:?}");
        for overwritten in told {
            gaps.mark_reported(&overwritten);
        }
        assert!(mark_reported(&gaps).is_empty());
    }
}

#[test]
fn a_change_that_a_read_dates_after_what_shows_our_write_is_not_laid_to_its_gap() {
    for dated in [true, false] {
        let (write, mut gaps) = (write(1, &[]), Gaps::default());
        let look = |gaps: &mut Gaps, before: &[&str], to, modified: (i64, i64)| {
            gaps.record_read(&Look {
                before: &seen(before),
                after: &seen(&[OURS, "8.8.8.8"]),
                from: Some(at(to - 10)),
                to: at(to),
                modified: (Some(at(modified.0)), Some(at(modified.1))),
                claimed: &[network::parse(OURS).unwrap()].into(),
                hanging: Some(&write),
            });
        };
        gaps.begun(at(100), write.id, Some(at(90)));
        record_external_change(&mut gaps, "an entry", 110);
        look(&mut gaps, &[], 110, (90, 110));
        let after = texts(&[OURS, "8.8.8.8"]);
        gaps.applied(&write, (at(100), at(110)), &after, Some(at(110)));
        // One that changes nothing.
        record_external_change(&mut gaps, "idle", 111);
        if dated {
            look(&mut gaps, &[OURS, "8.8.8.8"], 140, (110, 111));
        }
        assert_eq!(mark_reported(&gaps).len(), usize::from(!dated));
    }
}

#[test]
fn changes_after_a_write_that_was_given_up_are_told_only_where_others_may_hide_it() {
    let mut gaps = Gaps::default();
    given_up(&mut gaps, &write(1, &[]), 100);
    record_external_change(&mut gaps, "1", 140);
    read(&mut gaps, (138, 142), (&[], &["8.8.8.8"]), None);
    record_external_change(&mut gaps, "2", 150);
    record_external_change(&mut gaps, "3", 151);
    read(
        &mut gaps,
        (142, 152),
        (&["8.8.8.8"], &["8.8.8.8", "9.9.9.9", "7.7.7.7"]),
        None,
    );
    // Nothing came of it, and of ours nothing either.
    record_external_change(&mut gaps, "4", 300);
    assert!(mark_reported(&gaps).is_empty());
    record_external_change(&mut gaps, "5", 301);
    let told = mark_reported(&gaps);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].event.as_deref(), Some("4"));
}

#[test]
fn a_write_that_lands_after_it_was_given_up_is_named_with_what_it_undid() {
    let mut gaps = Gaps::default();
    given_up(&mut gaps, &write(1, &["40.0.0.0/8"]), 100);
    record_external_change(&mut gaps, "1", 140);
    read(&mut gaps, (138, 142), (&["40.0.0.0/8"], &["8.8.8.8"]), None);
    assert!(mark_reported(&gaps).is_empty());
    read(
        &mut gaps,
        (180, 200),
        (&["8.8.8.8"], &["40.0.0.0/8", OURS]),
        None,
    );
    let told = mark_reported(&gaps);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].write, WriteId(Uuid::from_u128(1)));
    assert_eq!(told[0].dropped, ["8.8.8.8"]);
    assert_eq!(told[0].undone, ["removal of 40.0.0.0/8"]);
}

#[test]
fn a_loss_is_told_of_the_write_that_did_not_know_the_entry() {
    let mut gaps = Gaps::default();
    let (first, second) = (write(1, &[]), write(2, &["8.8.8.8"]));
    given_up(&mut gaps, &first, 100);
    gaps.begun(at(139), second.id, None);
    gaps.based_on(second.id, texts(&["8.8.8.8"]), None);
    read(
        &mut gaps,
        (140, 142),
        (&["8.8.8.8"], &[OURS]),
        Some(&second),
    );
    let told = mark_reported(&gaps);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].write, &*told[0].dropped),
        (first.id, &texts(&["8.8.8.8"])[..])
    );
}

#[test]
fn what_others_put_back_is_not_laid_to_a_write_that_was_given_up() {
    let mut gaps = Gaps::default();
    let write = write(1, &[]);
    given_up(&mut gaps, &write, 100);
    // A second attempt was made, and somebody added an entry and took it off again.
    read(&mut gaps, (140, 142), (&[OURS], &[OURS, "8.8.8.8"]), None);
    read(&mut gaps, (160, 180), (&[OURS, "8.8.8.8"], &[OURS]), None);
    assert_eq!(mark_reported(&gaps).len(), 1);
    record_external_change(&mut gaps, "1", 170);
    assert!(mark_reported(&gaps).is_empty());
}

#[test]
fn what_a_list_of_others_takes_back_may_have_gone_by_a_write_that_it_hides() {
    for (list, lost) in [
        // Whoever takes it off alone would have left what the write brought.
        (&["40.0.0.0/8"][..], 0),
        (&["40.0.0.0/8", "9.9.9.9"], 1),
    ] {
        let mut gaps = Gaps::default();
        let write = write(1, &["40.0.0.0/8"]);
        record_external_change(&mut gaps, "1", 110);
        let theirs = ["40.0.0.0/8", "8.8.8.8"];
        let before = &["40.0.0.0/8"][..];
        read(&mut gaps, (108, 112), (before, &theirs), Some(&write));
        record_external_change(&mut gaps, "2", 120);
        read(&mut gaps, (112, 122), (&theirs, list), Some(&write));
        given_up(&mut gaps, &write, 100);
        let told = mark_reported(&gaps);
        assert_eq!(told.len(), lost, "{told:?}");
    }
}

/// A read that was asked for at the second time; the registry had been changed last at these.
fn read_as_changed(
    gaps: &mut Gaps,
    (second, was, is): (i64, i64, i64),
    (before, after): (&[&str], &[&str]),
) {
    gaps.record_read(&Look {
        before: &seen(before),
        after: &seen(after),
        from: Some(at(second - 20)),
        to: at(second),
        modified: (Some(at(was)), Some(at(is))),
        claimed: &[network::parse(OURS).unwrap()].into(),
        hanging: None,
    });
}

#[test]
fn what_others_wrote_after_a_write_that_was_seen_late_is_not_lost() {
    for (event, lost) in [(90, 0), (105, 1), (112, 0)] {
        let mut gaps = Gaps::default();
        let write = write(1, &[]);
        gaps.begun(at(100), write.id, Some(at(90)));
        gaps.applied(&write, (at(100), at(140)), &texts(&[OURS]), Some(at(109)));
        record_external_change(&mut gaps, "1", event);
        assert_eq!(mark_reported(&gaps).len(), lost, "{event}");
    }
}

#[test]
fn a_write_that_was_given_up_and_has_landed_undoes_nothing_that_came_later() {
    let mut gaps = Gaps::default();
    let write = write(1, &["40.0.0.0/8"]);
    gaps.begun(at(100), write.id, Some(at(90)));
    given_up(&mut gaps, &write, 100);
    let landed = ["40.0.0.0/8", OURS];
    read_as_changed(&mut gaps, (150, 90, 120), (&["40.0.0.0/8"], &landed));
    record_external_change(&mut gaps, "1", 130);
    assert!(mark_reported(&gaps).is_empty());
    record_external_change(&mut gaps, "2", 110);
    assert_eq!(mark_reported(&gaps).len(), 1);
}

#[test]
fn what_may_be_in_the_gap_of_a_write_that_hangs_waits_for_what_becomes_of_it() {
    let mut gaps = Gaps::default();
    given_up(&mut gaps, &write(1, &[]), 100);
    let second = write(2, &[]);
    gaps.begun(at(140), second.id, Some(at(90)));
    record_external_change(&mut gaps, "1", 141);
    record_external_change(&mut gaps, "2", 142);
    assert!(mark_reported(&gaps).is_empty());
    gaps.applied(&second, (at(140), at(150)), &texts(&[OURS]), Some(at(145)));
    let told = mark_reported(&gaps);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].write, second.id);
}

#[test]
fn a_removal_that_others_may_have_done_may_land_yet() {
    let mut gaps = Gaps::default();
    let removal = Write {
        add: Vec::new(),
        remove: vec![network::parse(OURS).unwrap()],
        ..write(1, &["8.8.8.8", OURS])
    };
    gaps.begun(at(100), removal.id, Some(at(90)));
    // Others have put their own list in place.
    gaps.applied(
        &removal,
        (at(100), at(120)),
        &texts(&["9.9.9.9"]),
        Some(at(110)),
    );
    record_external_change(&mut gaps, "1", 110);
    assert!(mark_reported(&gaps).is_empty());
    read_as_changed(&mut gaps, (150, 110, 130), (&["9.9.9.9"], &["8.8.8.8"]));
    let told = mark_reported(&gaps);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].dropped, ["9.9.9.9"]);
    assert_eq!(told[0].undone, ["removal of 8.8.8.8"]);
}
