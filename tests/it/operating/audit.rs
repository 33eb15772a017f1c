//! `doorward audit`: what an auditor is told of a month.

use crate::program::{doorward, err, out};
use crate::world::{OURS, STRANGER, World};
use serde_json::{Value, json};
use std::process::Output;
use std::time::Duration;

fn audit(world: &World, more: &[&str]) -> Output {
    let file = world.folder.path().join("doorward.yaml");
    let line = ["audit", "--config", file.to_str().unwrap()];
    doorward(&[&line[..], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_says_who_was_let_in_by_whom_why_and_for_how_long() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    world.denied("51.140.9.3").await;
    world.denied(STRANGER).await;
    world.settle().await;
    let reason = json!({ "by": "ada <b>|x", "because": "left the company" });
    let ids = world.grants().await;
    let mut order = reason.clone();
    order["grants"] = json!(ids);
    world.pass(Duration::from_mins(2)).await;
    assert_eq!(
        world.order("/api/v1/grants/revoke", order).await.status,
        200
    );
    assert_eq!(world.order("/api/v1/pause", reason).await.status, 200);
    world.pass(Duration::from_secs(10)).await;
    assert!(world.entries().is_empty());

    let told = audit(&world, &["--month", "2026-11", "-o", "json"]);
    assert!(told.status.success(), "{}", err(&told));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let grants = told["grants"].as_array().unwrap();
    assert_eq!(grants.len(), 1, "{told}");
    let grant = &grants[0];
    assert_eq!(grant["id"], ids[0].as_str());
    assert_eq!(grant["address"], OURS);
    assert_eq!(grant["decided_by"], "policy");
    assert_eq!(grant["state"], "ended");
    assert!(!grant["why"].as_str().unwrap().is_empty());
    let open = grant["seconds_open"].as_u64().unwrap();
    assert!((118..135).contains(&open), "{grant}");
    // From the order until a read showed the entry gone.
    let late = grant["seconds_past_end"].as_u64().unwrap();
    assert!(late <= 10, "{grant}");
    assert_eq!(told["seconds_past_end"], late);
    assert!(
        grant["orders"][0]
            .as_str()
            .unwrap()
            .contains("left the company")
    );
    assert_eq!(told["orders"].as_array().unwrap().len(), 1, "{told}");
    let refusals = told["refusals"].as_object().unwrap();
    assert!(
        refusals.keys().any(|cause| cause.starts_with("forbid: ")),
        "{told}"
    );

    let head = told["head"]["hash"].as_str().unwrap();
    let file = world.folder.path().join("doorward.yaml");
    let verified = doorward(&["ledger", "verify", "--config", file.to_str().unwrap()]);
    assert!(out(&verified).contains(head), "{}", out(&verified));

    forms_hold_the_hash_and_escape(&world, head);
}

fn forms_hold_the_hash_and_escape(world: &World, head: &str) {
    let markdown = out(&audit(world, &["--month", "2026-11"]));
    assert!(
        markdown.contains(head) && markdown.contains(OURS),
        "{markdown}"
    );
    assert!(
        !markdown.contains("<b>") && !markdown.contains(" ada <"),
        "{markdown}"
    );
    let html = out(&audit(world, &["--month", "2026-11", "-o", "html"]));
    assert!(html.contains(head) && !html.contains("<b>"), "{html}");
    let csv = out(&audit(world, &["--month", "2026-11", "-o", "csv"]));
    assert_eq!(csv.lines().count(), 2, "{csv}");
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_of_another_month_is_empty_and_of_a_changed_ledger_is_refused() {
    let world = World::new().await;
    world.denied(OURS).await;
    world.settle().await;
    let before = audit(&world, &["--month", "2026-10", "-o", "json"]);
    let before: Value = serde_json::from_slice(&before.stdout).unwrap();
    assert_eq!(before["grants"], json!([]));
    assert_eq!(before["last"], Value::Null);
    assert!(before["head"]["seq"].as_i64().unwrap() > 0);
    for wrong in [["--month", "2026-13"], ["--month", "2999-01"]] {
        assert_eq!(audit(&world, &wrong).status.code(), Some(2), "{wrong:?}");
    }
}
