//! How old a denial is, by what its record says, in whatever form it comes; and bodies beyond a bound.

use crate::world::{OURS, World, message};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// The same denial in forms that have their time each in its own way.
fn told_at(at: Timestamp) -> Vec<String> {
    let said = message(OURS);
    let nanoseconds = at.as_nanosecond().to_string();
    let forms = [
        json!({ "kind": "Event", "type": "Warning", "message": said, "lastTimestamp": at.to_string() }),
        json!({ "date": at.as_second(), "log": said }),
        json!({ "streams": [{ "stream": {}, "values": [[nanoseconds, said]] }] }),
        json!({ "version": "4", "alerts": [{ "status": "firing", "startsAt": at.to_string(), "annotations": { "d": said } }] }),
    ];
    let mut forms: Vec<String> = forms.iter().map(Value::to_string).collect();
    forms.push(format!("{at} {said}"));
    forms
}

#[tokio::test]
async fn an_old_denial_opens_nothing_whatever_its_form() {
    for number in 0..5 {
        let world = World::new().await;
        let then = world.clock.now();
        world.jump(31 * MINUTE);
        let body = told_at(then).swap_remove(number);
        world.deliver("clusters", &body).await;
        world.settle().await;
        assert_eq!(world.messages(), ["too_old"], "{body}");
        assert!(world.entries().is_empty());
        // The same one told by something new is another matter.
        world
            .deliver("clusters", &told_at(world.clock.now()).swap_remove(number))
            .await;
        world.settle().await;
        assert_eq!(world.entries(), [OURS], "{body}");
    }
}

#[tokio::test]
async fn a_rule_that_requires_an_age_opens_nothing_for_a_denial_without_one() {
    let world = World::with(|setup| {
        let plain = "then: allow, for: 10m,";
        assert!(setup.policy.contains(plain));
        setup.policy = setup
            .policy
            .replace(plain, "then: allow, for: 10m, require_age: true,");
    })
    .await;
    let ahead = world.clock.now() + 60 * MINUTE;
    for body in [message(OURS), told_at(ahead).swap_remove(0)] {
        world.deliver("clusters", &body).await;
        world.settle().await;
        assert!(world.entries().is_empty(), "{body}");
    }
    assert_eq!(world.messages(), ["age_unknown"]);
    let now = world.clock.now();
    world
        .deliver("clusters", &told_at(now).swap_remove(0))
        .await;
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn a_record_of_too_many_names_is_refused_with_its_own_words() {
    let world = World::new().await;
    let names: Map<String, Value> = (0..80_000)
        .map(|number| (format!("n{number}"), json!(1)))
        .collect();
    let record = json!({ "category": "ContainerRegistryLoginEvents", "resultDescription": "403", "callerIpAddress": OURS, "properties": names });
    let reply = world
        .deliver("logs", &json!({ "records": [record] }).to_string())
        .await;
    assert_eq!(reply.status, 422);
    assert!(
        reply.text.contains("more than 10,000 names"),
        "{}",
        reply.text
    );
    assert!(
        world
            .app
            .metrics
            .render()
            .contains("doorward_bodies_over_budget_total{source=\"logs\"} 1")
    );
}
