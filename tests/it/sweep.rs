//! `doorward sweep`: what a doorward that is gone left behind is taken away by its ownership tags alone.

use crate::ownership_tags::tags_saying;
use crate::process::{Installation, until};
use crate::program::{doorward, err, out};
use crate::world::{OURS, REGISTRY, STRANGER, furnished, message};
use clock::Clock;
use doorward_sim::{Call, DefaultAction, Fault, Moment, Sim, Tags};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::process::Output;

/// An installation whose doorward has never run, and an Azure where somebody else's entry stands.
async fn installed() -> (Sim, Installation) {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::with(&azure, "10m", |config| {
        config["registries"][0]["ownership_tags"] = json!("tags");
    });
    azure.edit(REGISTRY, "portal", |registry| {
        registry.allow(STRANGER);
        registry.tags.insert("cost-center".into(), "42".into());
    });
    (azure, installed)
}

fn sweep(installed: &Installation, more: &[&str]) -> Output {
    let file = installed.folder.path().join("doorward.yaml");
    let mut arguments = vec!["sweep", "--config", file.to_str().unwrap()];
    arguments.extend(more);
    doorward(&arguments)
}

/// So many minutes ago.
fn ago(minutes: i64) -> Timestamp {
    Clock::system().now() - SignedDuration::from_mins(minutes)
}

fn tags(azure: &Sim) -> Vec<String> {
    let mut names = Vec::new();
    azure.edit(REGISTRY, "reader", |registry| {
        names = registry.tags.keys().cloned().collect();
    });
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_doorward_left_is_known_and_stands_until_its_end() {
    let (azure, installed) = installed().await;
    let process = installed.serve().await;
    process.deliver(message(OURS)).await;
    until("it is open", async || azure.entries(REGISTRY).len() == 2).await;
    process.kill().await;
    for more in [&["--dry-run"][..], &[]] {
        let more = [&["--registry", REGISTRY], more].concat();
        let swept = sweep(&installed, &more);
        let told = out(&swept);
        assert!(swept.status.success(), "{}", err(&swept));
        assert!(told.contains(&format!("left {OURS} (ends ")), "{told}");
        assert!(told.contains("0 ended, 1 not yet, 1 others"), "{told}");
    }
    assert_eq!(azure.entries(REGISTRY), [STRANGER, OURS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_goes_and_nothing_else() {
    let (azure, installed) = installed().await;
    azure.edit(REGISTRY, "doorward", |registry| {
        registry.allow(OURS);
        registry.allow("20.61.10.16/30");
        let ends = [("20.61.10.4/32", ago(5)), ("20.61.10.16/30", ago(-5))];
        registry.tags.extend(tags_saying(&ends));
    });
    let dry = out(&sweep(&installed, &["--registry", REGISTRY, "--dry-run"]));
    assert!(dry.contains(&format!("would take away {OURS}")), "{dry}");
    assert_eq!(azure.entries(REGISTRY).len(), 3);
    let done = sweep(&installed, &["--registry", REGISTRY]);
    let told = out(&done);
    assert!(
        told.contains(&format!("took away {OURS}")),
        "{}",
        err(&done)
    );
    assert_eq!(azure.entries(REGISTRY), [STRANGER, "20.61.10.16/30"]);
    assert_eq!(tags(&azure), ["cost-center", "doorward-tags-0"]);
    let again = out(&sweep(&installed, &["--registry", REGISTRY]));
    assert!(again.contains("0 ended, 1 not yet"), "{again}");
    let patches = azure.requests_of(Call::PatchRegistry);
    assert_eq!(patches.len(), 1);
    // Azure's activity log tells of it under an id that whoever ran it knows too.
    let id = &patches[0].headers["x-ms-correlation-request-id"];
    assert!(told.contains(id), "{id}: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_written_or_is_not_ours_is_told() {
    let (azure, installed) = installed().await;
    azure.edit(REGISTRY, "somebody", |registry| {
        registry.tags.insert("doorward-tags-7".into(), "AQ".into());
        let old = [("51.140.7.9/32", ago(7 * 24 * 60 + 5))];
        registry.tags.extend(tags_saying(&old));
    });
    let old = out(&sweep(&installed, &["--registry", REGISTRY]));
    assert!(old.contains("more than a week ago"), "{old}");
    assert!(old.contains("ignored the tag doorward-tags-7"), "{old}");
    azure.edit(REGISTRY, "admin", |registry| {
        registry
            .tags
            .extend(tags_saying(&[("51.140.7.9/32", ago(5))]));
        registry.network_rules.default_action = DefaultAction::Allow;
    });
    let stuck = sweep(&installed, &["--registry", REGISTRY]);
    assert_eq!(stuck.status.code(), Some(1));
    assert!(
        err(&stuck).contains("the default action is `Allow`"),
        "{}",
        err(&stuck)
    );
    assert_eq!(azure.entries(REGISTRY), [STRANGER]);
    assert!(azure.requests_of(Call::PatchRegistry).is_empty());
    let elsewhere = sweep(&installed, &["--registry", "elsewhere"]);
    assert_eq!(elsewhere.status.code(), Some(2));
    assert!(
        err(&elsewhere).contains("resource id"),
        "{}",
        err(&elsewhere)
    );
}

/// Somebody adds our address for good, and the next sweep by the clock comes.
fn added_for_good_and_swept_again(azure: &Sim, installed: &Installation) -> String {
    azure.edit(REGISTRY, "portal", |registry| registry.allow(OURS));
    let swept = sweep(installed, &["--registry", REGISTRY]);
    assert!(swept.status.success(), "{}", err(&swept));
    out(&swept)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_took_away_before_is_forgotten_and_stays_theirs_when_it_comes_back() {
    let (azure, installed) = installed().await;
    azure.edit(REGISTRY, "doorward", |registry| {
        registry.allow("20.61.10.16/30");
        let ends = [("20.61.10.4/32", ago(5)), ("20.61.10.16/30", ago(-60))];
        registry.tags.extend(tags_saying(&ends));
    });
    let dry = out(&sweep(&installed, &["--registry", REGISTRY, "--dry-run"]));
    assert!(dry.contains(&format!("would forget {OURS}")), "{dry}");
    assert!(azure.requests_of(Call::PatchRegistry).is_empty());
    let told = out(&sweep(&installed, &["--registry", REGISTRY]));
    assert!(told.contains(&format!("forgot {OURS}")), "{told}");
    let patches = azure.requests_of(Call::PatchRegistry);
    let body = patches[0].body.as_ref().unwrap().as_object().unwrap();
    assert_eq!(body.keys().collect::<Vec<_>>(), ["tags"]);
    let told = added_for_good_and_swept_again(&azure, &installed);
    assert!(told.contains("0 ended, 1 not yet, 2 others"), "{told}");
    assert!(azure.entries(REGISTRY).contains(&OURS.to_owned()));
    assert_eq!(azure.requests_of(Call::PatchRegistry).len(), 1);
    assert_eq!(tags(&azure), ["cost-center", "doorward-tags-0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_tags_are_merged_no_crumb_outlives_its_entry() {
    for stands in [true, false] {
        let (azure, installed) = installed().await;
        azure.knobs(|knobs| knobs.tags = Tags::Merged);
        azure.edit(REGISTRY, "doorward", |registry| {
            if stands {
                registry.allow(OURS);
            }
            let ends = [("20.61.10.4/32", ago(5))];
            registry.tags.extend(tags_saying(&ends));
        });
        let swept = sweep(&installed, &["--registry", REGISTRY]);
        assert!(swept.status.success(), "{}", err(&swept));
        assert_eq!(azure.entries(REGISTRY), [STRANGER]);
        // The tag stays, with nothing in it.
        assert_eq!(tags(&azure), ["cost-center", "doorward-tags-0"]);
        assert_eq!(azure.requests_of(Call::PatchRegistry).len(), 2);
        let told = added_for_good_and_swept_again(&azure, &installed);
        assert!(told.contains("0 ended, 0 not yet, 2 others"), "{told}");
        assert_eq!(azure.entries(REGISTRY), [STRANGER, OURS]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_does_not_go_is_told_with_the_id_of_the_write() {
    let (azure, installed) = installed().await;
    azure.knobs(|knobs| knobs.tags = Tags::Merged);
    azure.edit(REGISTRY, "doorward", |registry| {
        registry.allow(OURS);
        let ends = [("20.61.10.4/32", ago(5))];
        registry.tags.extend(tags_saying(&ends));
    });
    // The second write, which would blank the tag, is refused.
    let hold = azure.hold(Call::PatchRegistry, Moment::After);
    let sweeping = async {
        tokio::task::spawn_blocking({
            let file = installed.folder.path().join("doorward.yaml");
            move || {
                let file = file.to_str().unwrap();
                doorward(&["sweep", "--config", file, "--registry", REGISTRY])
            }
        })
        .await
        .unwrap()
    };
    let refusing = async {
        hold.reached().await;
        let refused = Fault::Status {
            status: 403,
            retry_after: None,
        };
        azure.knobs(|knobs| knobs.always(Call::PatchRegistry, refused));
        hold.release();
    };
    let (swept, ()) = tokio::join!(sweeping, refusing);
    assert_eq!(swept.status.code(), Some(1));
    assert_eq!(azure.entries(REGISTRY), [STRANGER]);
    let patches = azure.requests_of(Call::PatchRegistry);
    assert_eq!(patches.len(), 2);
    let id = &patches[0].headers["x-ms-correlation-request-id"];
    let told = err(&swept);
    assert!(told.contains("the tags still name it"), "{told}");
    assert!(told.contains(&format!("(correlation id {id})")), "{told}");
}
