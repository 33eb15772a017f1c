//! Several people have to approve.

use super::{asked, code, person, pressed, reply, request, say, seen, signed_in, world};
use crate::world::{STRANGER, World};
use axum::http::Method;
use doorward::flow::respond::{self, Taken, prospect};
use doorward_core::approvals::Who;
use doorward_core::ledger::request::Answer;
use serde_json::json;
use std::time::Duration;

async fn two_of_platform() -> World {
    world(json!({ "strength": "sign_in", "count": 2, "by": "platform" })).await
}

#[tokio::test]
async fn two_people_open_and_the_page_says_who_has_said_what() {
    let world = two_of_platform().await;
    asked(&world).await;
    let first = say(&world, Answer::Allow, signed_in("ana")).await.unwrap();
    assert_eq!(
        first,
        Taken::OneOf {
            given: 1,
            needed: 2
        }
    );
    world.settle().await;
    assert!(world.entries().is_empty());
    let page = world
        .follow(Method::GET, &world.last_message("link"), "")
        .await;
    for shown in [
        "It takes 2 people",
        "Approved by <code>ana (as shown)</code>",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    let second = say(&world, Answer::Allow, signed_in("bo")).await.unwrap();
    assert_eq!(second, Taken::Final);
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    let page = world
        .follow(Method::GET, &world.last_message("link"), "")
        .await;
    for shown in [
        "bo (as shown)",
        "Before that, approved by <code>ana (as shown)</code>",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
}

#[tokio::test]
async fn one_no_ends_it() {
    let world = two_of_platform().await;
    asked(&world).await;
    say(&world, Answer::Allow, signed_in("ana")).await.unwrap();
    let no = say(&world, Answer::Deny, signed_in("bo")).await.unwrap();
    assert_eq!(no, Taken::Final);
    let late = say(&world, Answer::Allow, signed_in("ana")).await;
    assert_eq!(code(&late), "answered");
    world.settle().await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn same_person_counts_once_by_whichever_account() {
    let world = world(json!({ "strength": "chat", "count": 2 })).await;
    asked(&world).await;
    say(&world, Answer::Allow, pressed("U1")).await.unwrap();
    for who in [pressed("U1"), signed_in("ana")] {
        let again = say(&world, Answer::Allow, who).await;
        assert_eq!(code(&again), "approved_already");
    }
    assert_eq!(request(&world).voices.len(), 1);
    say(&world, Answer::Allow, signed_in("bo")).await.unwrap();
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
}

#[tokio::test]
async fn same_person_in_two_replicas_at_once_counts_once() {
    let world = two_of_platform().await;
    let id = asked(&world).await;
    let yes = reply(&world, Answer::Allow, signed_in("ana"));
    let (one, other) = tokio::join!(
        respond::answer(&world.app, id, &yes),
        respond::answer(&world.app, id, &yes)
    );
    let mut codes = [code(&one), code(&other)];
    codes.sort_unstable();
    assert_eq!(codes, ["approved_already", "taken"]);
    assert!(request(&world).answer.is_none());
}

#[tokio::test]
async fn last_two_people_at_once_make_one_grant() {
    let world = two_of_platform().await;
    let id = asked(&world).await;
    say(&world, Answer::Allow, signed_in("ana")).await.unwrap();
    let yes = reply(&world, Answer::Allow, signed_in("bo"));
    let no = reply(&world, Answer::Deny, signed_in("bo"));
    let (one, other) = tokio::join!(
        respond::answer(&world.app, id, &yes),
        respond::answer(&world.app, id, &no)
    );
    let mut codes = [code(&one), code(&other)];
    codes.sort_unstable();
    assert_eq!(codes, ["answered", "taken"]);
    let kinds = world.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| **kind == "answered").count(), 1);
}

#[tokio::test]
async fn shortest_time_of_several_counts() {
    let world = two_of_platform().await;
    let id = asked(&world).await;
    for (who, minutes) in [("ana", 20), ("bo", 40)] {
        let yes = respond::Reply {
            lasts: Some(Duration::from_mins(minutes)),
            ..reply(&world, Answer::Allow, signed_in(who))
        };
        respond::answer(&world.app, id, &yes).await.unwrap();
    }
    world.settle().await;
    world.pass(Duration::from_mins(20)).await;
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn yes_lapses_once_what_it_was_given_to_changes_and_can_be_given_again() {
    let world = two_of_platform().await;
    asked(&world).await;
    say(&world, Answer::Allow, signed_in("ana")).await.unwrap();
    let before = seen(&world);
    super::bound::other_policy(&world).await;
    assert!(!before.is_same(&seen(&world)));
    let now = prospect::of(&world.app, &request(&world));
    assert_eq!((now.voices.len(), now.lapsed.len()), (0, 1));
    let bo = say(&world, Answer::Allow, signed_in("bo")).await.unwrap();
    assert_eq!(
        bo,
        Taken::OneOf {
            given: 1,
            needed: 2
        }
    );
    let page = world
        .follow(Method::GET, &world.last_message("link"), "")
        .await;
    assert!(page.text.contains("counts no more"), "{}", page.text);
    let again = say(&world, Answer::Allow, signed_in("ana")).await.unwrap();
    assert_eq!(again, Taken::Final);
}

#[tokio::test]
async fn who_asked_does_not_approve_and_may_say_no() {
    let world = world(json!("chat")).await;
    let asked_for = |who: &Who| {
        let mut asked = request(&world);
        asked.request.asker = Some(doorward_core::approvals::Asker::Ci("Ana-GH".to_owned()));
        prospect::of(&world.app, &asked).refuses(&world.app, &asked.request, who)
    };
    asked(&world).await;
    for (who, expected) in [
        (signed_in("ana"), Some("own_request")),
        (pressed("U1"), Some("own_request")),
        (signed_in("bo"), None),
        (
            Who::SignedIn(person("https://other.idp", "ana")),
            Some("not_an_approver"),
        ),
    ] {
        let refused = asked_for(&who).map(|refusal| refusal.code());
        assert_eq!(refused, expected, "{who:?}");
    }
}

#[tokio::test]
async fn approvals_are_the_same_after_a_restart() {
    let mut world = two_of_platform().await;
    asked(&world).await;
    say(&world, Answer::Allow, signed_in("ana")).await.unwrap();
    world.restart().await;
    world.settle().await;
    assert_eq!(request(&world).voices.len(), 1);
    let again = say(&world, Answer::Allow, signed_in("ana")).await;
    assert_eq!(code(&again), "approved_already");
    let second = say(&world, Answer::Allow, signed_in("bo")).await.unwrap();
    assert_eq!(second, Taken::Final);
}
