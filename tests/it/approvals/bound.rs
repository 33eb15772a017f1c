//! An answer is bound to what was shown: what has changed is shown, and nothing is done.

use super::{asked, code, reply, request, seen, world};
use crate::world::{REGISTRY, STRANGER, World, with_shown};
use axum::http::Method;
use doorward::flow;
use doorward::flow::respond;
use doorward_core::approvals::{Part, Who};
use doorward_core::ledger::request::Answer;
use serde_json::json;
use std::fs;
use std::time::Duration;

/// The policy becomes another that asks the same.
pub(super) async fn other_policy(world: &World) {
    flow::policy::run_once(&world.app).await;
    let file = world.folder.path().join("policies/policy.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n# Another.\n")).unwrap();
    flow::policy::run_once(&world.app).await;
}

/// Somebody else changes the registry, and it is read again.
async fn changed(world: &World, change: impl FnOnce(&mut doorward_sim::Registry)) {
    world.azure.edit(REGISTRY, "admin", change);
    world.jump(Duration::from_mins(2));
    flow::decide::forecast::refresh(&world.app, request(world).request.id).await;
}

async fn page(world: &World) -> (String, String) {
    let link = world.last_message("link");
    let page = world.follow(Method::GET, &link, "").await;
    assert_eq!(page.status, 200);
    (link, page.text)
}

#[tokio::test]
async fn page_that_is_stale_shows_what_changed_and_does_nothing() {
    type Change = for<'a> fn(&'a World) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;
    let changes: [(Change, &str); 3] = [
        (|world| Box::pin(other_policy(world)), "the policy"),
        (
            |world| {
                Box::pin(changed(world, |registry| {
                    registry.public_network_access = false;
                }))
            },
            "the registry",
        ),
        (
            |world| {
                Box::pin(changed(world, |registry| {
                    *registry = registry.clone().with_entry("51.140.7.0/24");
                }))
            },
            "the change to the firewall",
        ),
    ];
    for (change, part) in changes {
        let world = world(json!("link")).await;
        asked(&world).await;
        let (link, before) = page(&world).await;
        change(&world).await;
        let kinds = world.kinds().await;
        let stale = with_shown("answer=allow", &before);
        let told = world.follow(Method::POST, &link, &stale).await;
        assert_eq!(told.status, 409, "{part}");
        assert!(told.text.contains("something has changed"), "{}", told.text);
        assert!(told.text.contains(part), "{part}: {}", told.text);
        assert!(request(&world).answer.is_none(), "{part}");
        let answered = |kinds: &[&str]| kinds.contains(&"answered") || kinds.contains(&"granted");
        assert!(!answered(&world.kinds().await), "{kinds:?}");
        // What is shown now can be answered.
        let now = with_shown("answer=deny", &told.text);
        let taken = world.follow(Method::POST, &link, &now).await;
        assert_eq!(taken.status, 200, "{part}: {}", taken.text);
    }
}

#[tokio::test]
async fn each_part_of_what_changed_is_named() {
    let world = world(json!("link")).await;
    asked(&world).await;
    let before = seen(&world);
    other_policy(&world).await;
    assert_eq!(before.differs_in(&seen(&world)), [Part::Policy]);
    let before = seen(&world);
    changed(&world, |registry| registry.public_network_access = false).await;
    assert_eq!(
        before.differs_in(&seen(&world)),
        [Part::Registry, Part::Plan]
    );
}

#[tokio::test]
async fn change_that_does_not_bear_on_the_request_does_not_stop_an_answer() {
    let world = world(json!("link")).await;
    asked(&world).await;
    let (link, before) = page(&world).await;
    changed(&world, |registry| {
        *registry = registry.clone().with_entry("52.1.1.1");
    })
    .await;
    let form = with_shown("answer=allow", &before);
    let taken = world.follow(Method::POST, &link, &form).await;
    assert_eq!(taken.status, 200, "{}", taken.text);
}

#[tokio::test]
async fn stale_no_is_shown_the_change_too() {
    let world = world(json!("link")).await;
    let id = asked(&world).await;
    let no = reply(&world, Answer::Deny, Who::Link);
    other_policy(&world).await;
    let told = respond::answer(&world.app, id, &no).await;
    assert_eq!(code(&told), "changed");
}

#[tokio::test]
async fn double_click_and_back_button_are_told_the_truth() {
    let world = world(json!("link")).await;
    asked(&world).await;
    let (link, before) = page(&world).await;
    let yes = with_shown("answer=allow&reason=mine", &before);
    let (one, other) = tokio::join!(
        world.follow(Method::POST, &link, &yes),
        world.follow(Method::POST, &link, &yes)
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    // Back, to the page as it was before, and the other button.
    let back = with_shown("answer=deny", &before);
    let told = world.follow(Method::POST, &link, &back).await;
    assert_eq!(told.status, 409);
    for truth in ["answered already", "Approved by link at", "mine"] {
        assert!(told.text.contains(truth), "{truth}: {}", told.text);
    }
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn of_two_people_at_once_the_first_counts_and_the_other_is_told_by_whom() {
    let world = world(json!("chat")).await;
    let id = asked(&world).await;
    let yes = reply(&world, Answer::Allow, super::signed_in("ana"));
    let no = reply(&world, Answer::Deny, super::signed_in("bo"));
    let (one, other) = tokio::join!(
        respond::answer(&world.app, id, &yes),
        respond::answer(&world.app, id, &no)
    );
    let mut codes = [code(&one), code(&other)];
    codes.sort_unstable();
    assert_eq!(codes, ["answered", "taken"]);
    let (_, shown) = page(&world).await;
    let by = if one.is_ok() {
        "ana (as shown)"
    } else {
        "bo (as shown)"
    };
    assert!(shown.contains(by), "{shown}");
}
