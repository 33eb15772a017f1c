//! What keeps a feed from telling of denials: each has a state of its own, with its fix.

use super::{MINUTE, SECOND, part, queries, run_once, with_feed, world};
use crate::world::{STRANGER, World};
use axum::body::Body;
use axum::http::Request;
use doorward_sim::{Call, Fault, Knobs, LogAccess, Logs};
use serde_json::{Value, json};
use std::time::Duration;

async fn degraded(world: &World) -> Value {
    let request = Request::get("/readyz").body(Body::empty()).unwrap();
    let reply = world.send(request).await;
    let told: Value = serde_json::from_str(&reply.text).unwrap();
    told["degraded"].clone()
}

const LOGIN: &str = "ContainerRegistryLoginEvents";

type Turns = fn(&mut Knobs);

/// What is done to the log, the state that it leads to, and what its text names.
const FAILURES: [(Turns, &str, &str); 13] = [
    (
        |knobs| knobs.logs.access = LogAccess::NoDiagnosticSetting,
        "no_diagnostic_setting",
        "diagnosticSettings@",
    ),
    (
        |knobs| knobs.logs.access = LogAccess::WorkspaceRefuses,
        "workspace_refuses",
        "`registry-logs` does not show",
    ),
    (
        |knobs| knobs.logs.denied_tables = [LOGIN.to_owned()].into(),
        "tables_denied",
        "microsoft.insights/logs/ContainerRegistryLoginEvents/read",
    ),
    (
        |knobs| knobs.logs.access = LogAccess::Empty,
        "empty_workspace",
        "diagnostic setting",
    ),
    (
        |knobs| knobs.logs.tells_permissions = false,
        "access_unproven",
        "may be denials",
    ),
    (
        |knobs| knobs.logs.access = LogAccess::UnknownTables,
        "access_unproven",
        "microsoft.insights/logs/",
    ),
    (
        |knobs| knobs.logs.access = LogAccess::Forbidden,
        "forbidden",
        "microsoft.insights/logs/",
    ),
    (|knobs| knobs.logs.partial = true, "incomplete", "in part"),
    (
        |knobs| {
            knobs.always(
                Call::LogQuery,
                Fault::Status {
                    status: 404,
                    retry_after: None,
                },
            );
        },
        "not_found",
        "`id`",
    ),
    (
        |knobs| {
            knobs.always(
                Call::LogQuery,
                Fault::Status {
                    status: 401,
                    retry_after: None,
                },
            );
        },
        "auth_failed",
        "azure.credential",
    ),
    (
        |knobs| {
            knobs.always(
                Call::LogQuery,
                Fault::Status {
                    status: 503,
                    retry_after: None,
                },
            );
        },
        "unreachable",
        "cannot be reached",
    ),
    (
        |knobs| knobs.always(Call::LogQuery, Fault::LostBefore),
        "unreachable",
        "in time",
    ),
    (
        |knobs| knobs.always(Call::LogQuery, Fault::Garbled),
        "bad_answer",
        "log says more",
    ),
];

#[tokio::test]
async fn every_failure_has_its_state_and_its_fix() {
    for (break_it, state, fix) in FAILURES {
        let world = world().await;
        world.azure.knobs(break_it);
        run_once(&world.app).await;
        let told = part(&world.app);
        assert_eq!(told.state, state, "{told:?}");
        assert!(
            told.failing && told.text.contains(fix),
            "{state}: {}",
            told.text
        );
        assert_eq!(told.last_success, None, "{state}");
        let degraded = degraded(&world).await;
        assert_eq!(degraded[0]["code"], "feed_failing", "{state}: {degraded}");
        assert_eq!(degraded[0]["subject"], "registry-log/contosoprod");
        let metric = format!(
            "doorward_feed_failing{{source=\"registry-log\",partition=\"contosoprod\",reason=\"{state}\"}} 1"
        );
        assert!(world.app.metrics.render().contains(&metric), "{metric}");

        world.azure.knobs(|knobs| {
            knobs.no_faults();
            knobs.logs = Logs::default();
        });
        world.jump(5 * MINUTE);
        run_once(&world.app).await;
        let told = part(&world.app);
        assert_eq!(
            (told.state.as_str(), told.lag_seconds),
            ("reading", Some(0)),
            "{state}"
        );
        assert!(
            !world.app.metrics.render().contains("feed_failing{"),
            "{state}"
        );
    }
}

#[tokio::test]
async fn rows_that_can_be_read_count_while_others_are_denied() {
    let world = world().await;
    world.azure.knobs(|knobs| {
        let repository = "ContainerRegistryRepositoryEvents".to_owned();
        knobs.logs.denied_tables = [repository].into();
    });
    super::log(&world, STRANGER, 403);
    run_once(&world.app).await;
    assert_eq!(part(&world.app).state, "tables_denied");
    assert_eq!(super::denied(&world).await, [STRANGER]);
}

#[tokio::test]
async fn nothing_is_lost_over_an_answer_in_part() {
    let world = world().await;
    world.azure.knobs(|knobs| knobs.logs.partial = true);
    super::log(&world, STRANGER, 403);
    run_once(&world.app).await;
    let cursor = part(&world.app).cursor;
    world.azure.knobs(|knobs| knobs.logs.partial = false);
    world.jump(5 * MINUTE);
    run_once(&world.app).await;
    assert_eq!(super::denied(&world).await, [STRANGER]);
    assert!(cursor.is_some(), "{cursor:?}");
    assert_eq!(part(&world.app).state, "reading");
}

#[tokio::test]
async fn patience_that_azure_asks_for_is_given() {
    let world = world().await;
    let retry_after = Duration::from_mins(3);
    world
        .azure
        .knobs(|knobs| knobs.next(Call::LogQuery, Fault::Throttled { retry_after }));
    run_once(&world.app).await;
    assert_eq!(part(&world.app).state, "throttled");
    let asked = queries(&world);
    world.jump(2 * MINUTE);
    run_once(&world.app).await;
    assert_eq!(queries(&world), asked);
    world.jump(MINUTE + SECOND);
    run_once(&world.app).await;
    assert_eq!(
        (queries(&world), part(&world.app).state.as_str()),
        (asked + 1, "reading")
    );
}

#[tokio::test]
async fn failures_back_off_to_five_minutes() {
    let world = world().await;
    world
        .azure
        .knobs(|knobs| knobs.logs.access = LogAccess::NoDiagnosticSetting);
    for _ in 0..60 {
        run_once(&world.app).await;
        world.jump(MINUTE);
    }
    let asked = queries(&world);
    assert!((10..=15).contains(&asked), "{asked} in an hour");
}

#[tokio::test]
async fn log_that_falls_silent_is_told() {
    let world = World::with(|setup| {
        with_feed(setup);
        setup.config["sources"][2]["expect_every"] = json!("1h");
    })
    .await;
    // A success that nobody waits for is news of the log all the same.
    super::log(&world, STRANGER, 200);
    run_once(&world.app).await;
    assert_eq!(part(&world.app).state, "reading");
    world.jump(50 * MINUTE);
    run_once(&world.app).await;
    assert_eq!(part(&world.app).state, "reading");
    world.jump(11 * MINUTE);
    run_once(&world.app).await;
    let told = part(&world.app);
    assert_eq!(told.state, "silent");
    assert!(told.text.contains("`expect_every`, 1h"), "{}", told.text);
    super::log(&world, STRANGER, 200);
    world.jump(5 * MINUTE);
    run_once(&world.app).await;
    assert_eq!(part(&world.app).state, "reading");
}
