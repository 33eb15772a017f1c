//! CI jobs: their claims open for their own address, and for no other.

use super::{PROXY, RUNNER, from, world};
use crate::world::OURS;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::{Action, NoteCode};
use serde_json::json;

#[tokio::test]
async fn a_jobs_claims_open_for_its_own_address() {
    let world = world().await;
    let token = world.job_token(&json!({}));
    let reply = world.report(from(RUNNER, &token), RUNNER).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    world.settle().await;
    assert_eq!(world.entries(), [RUNNER]);
    let ledger = world.ledger().await;
    let LedgerEvent::Denied(denied) = &ledger[0] else {
        panic!("{ledger:?}")
    };
    let proof = denied.proof.as_ref().unwrap();
    assert_eq!(proof.claim("ref"), Some("refs/heads/main"));
    assert_eq!(
        (proof.claim("user_email"), proof.claim("exp")),
        (None, None)
    );
    assert_eq!(proof.peer, Some(RUNNER.parse().unwrap()));
    assert!(
        !serde_json::to_string(&ledger)
            .unwrap()
            .contains(token.split('.').nth(2).unwrap())
    );
}

#[tokio::test]
async fn for_any_other_address_a_job_can_only_ask() {
    let world = world().await;
    let token = world.job_token(&json!({}));
    for address in ["20.99.1.3", OURS] {
        world.report(from(RUNNER, &token), address).await;
        world.settle().await;
        let verdict = world.verdict().await;
        assert_eq!(verdict.action, Action::Ask, "{address}");
        assert_eq!(verdict.notes[0].code, NoteCode::NotOwnAddress);
    }
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn an_invented_forwarded_for_changes_nothing() {
    let victim = "20.99.1.3";
    for (peer, forwarded, opens) in [
        // Nobody trusts the runner as a proxy.
        (RUNNER, victim.to_owned(), false),
        // The proxy appended what it saw; the left end is the job's invention.
        (PROXY, format!("{victim}, {RUNNER}"), false),
        (PROXY, String::new(), false),
        (PROXY, format!("{RUNNER}, {victim}:4711, 10.0.0.8"), true),
    ] {
        let world = world().await;
        let token = world.job_token(&json!({}));
        let request = from(peer, &token).header("x-forwarded-for", &forwarded);
        assert_eq!(world.report(request, victim).await.status, 202);
        world.settle().await;
        assert_eq!(world.entries() == [victim], opens, "{peer} {forwarded}");
    }
}

#[tokio::test]
async fn a_job_of_another_repository_or_for_another_audience_is_not_heard() {
    let world = world().await;
    for changes in [
        json!({ "repository": "fabrikam/api" }),
        json!({ "repository": null }),
        json!({ "aud": "https://other.example" }),
        json!({ "iss": "https://token.actions.githubusercontent.com" }),
    ] {
        let token = world.job_token(&changes);
        let reply = world.report(from(RUNNER, &token), RUNNER).await;
        assert_eq!(reply.status, 401, "{changes}");
    }
    let branch = world.job_token(&json!({ "ref": "refs/pull/1/merge" }));
    assert_eq!(
        world.report(from(RUNNER, &branch), RUNNER).await.status,
        202
    );
    world.settle().await;
    assert_eq!(
        world.verdict().await.rule,
        None,
        "heard, and allowed nothing"
    );
    assert!(world.entries().is_empty());
}
