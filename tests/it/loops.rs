//! The loops as `serve` runs them, on a clock that is set: what wakes them, and how they end.

use crate::process::until;
use crate::world::{OURS, REGISTRY, World};
use axum::body::Body;
use axum::http::Request;
use doorward::flow;
use doorward::flow::orders::{self, By};
use doorward::flow::supervise::{self, Supervisor, WokenBy};
use doorward_sim::{Call, Moment};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SECOND: Duration = Duration::from_secs(1);

/// How long a loop may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The loops of a world.
pub(crate) struct Running {
    pub(crate) keeper: Supervisor,
    stop: CancellationToken,
}

impl Running {
    /// Starts all loops.
    pub(crate) fn of(world: &World) -> Self {
        let running = Self::none(world);
        flow::run(&world.app, &running.keeper);
        running
    }

    /// Starts nothing yet.
    fn none(world: &World) -> Self {
        let stop = CancellationToken::new();
        let grace = Duration::from_millis(100);
        let keeper = Supervisor::new(Arc::clone(&world.app), stop.clone(), grace);
        Self { keeper, stop }
    }

    /// Tells them to stop, and waits until they have.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.keeper.tasks().close();
        let ended = tokio::time::timeout(PATIENCE, self.keeper.tasks().wait()).await;
        ended.unwrap();
    }
}

/// Waits for the list to be `entries`, while time goes on.
async fn until_open(world: &World, entries: &[&str]) {
    until("the list", async || {
        let there = world.entries() == entries;
        if !there {
            world.jump(SECOND);
        }
        there
    })
    .await;
}

#[tokio::test]
async fn a_registrys_loop_opens_when_a_denial_comes_and_closes_when_time_comes() {
    let world = World::new().await;
    let loops = Running::of(&world);
    world.denied(OURS).await;
    until_open(&world, &[OURS]).await;
    world.jump(600 * SECOND);
    until_open(&world, &[]).await;
    until("the end", async || world.kinds().await.contains(&"ended")).await;
    loops.stop().await;
}

#[tokio::test]
async fn a_registrys_loop_heeds_a_pause_and_goes_on_after_it() {
    let world = World::new().await;
    let loops = Running::of(&world);
    let id = world.app.registries.keys().next().cloned();
    let by = By::new("ada", None).unwrap();
    orders::pause(&world.app, id.clone(), None, &by)
        .await
        .unwrap();
    world.denied(OURS).await;
    until("the alert", async || world.messages() == ["paused"]).await;
    assert!(world.entries().is_empty());
    orders::resume(&world.app, id, &by).await.unwrap();
    world.denied(OURS).await;
    until_open(&world, &[OURS]).await;
    loops.stop().await;
}

#[tokio::test]
async fn a_registrys_loop_that_is_stopped_in_the_middle_of_a_write_is_followed_by_one_that_settles_it()
 {
    for moment in [Moment::Before, Moment::After] {
        let mut world = World::new().await;
        let loops = Running::of(&world);
        let hold = world.azure.hold(Call::PatchRegistry, moment);
        world.denied(OURS).await;
        tokio::time::timeout(PATIENCE, hold.reached())
            .await
            .unwrap();
        loops.stop().await;
        hold.release();
        assert!(world.kinds().await.contains(&"write_intended"));
        world.restart().await;
        let loops = Running::of(&world);
        until("it is open", async || {
            world.jump(SECOND);
            world.kinds().await.contains(&"opened")
        })
        .await;
        assert_eq!(world.entries(), [OURS]);
        loops.stop().await;
    }
}

#[tokio::test]
async fn a_loop_that_panics_is_started_again_and_after_five_times_the_process_is_to_end() {
    let world = World::new().await;
    let loops = Running::none(&world);
    let turns = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&turns);
    loops.keeper.keep("broken", WokenBy::Appends, move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        panic!("a turn of a story");
    });
    let failed = async {
        loop {
            tokio::select! {
                biased;
                name = loops.keeper.failed() => return name,
                () = tokio::task::yield_now() => world.jump(SECOND),
            }
        }
    };
    let failed = tokio::time::timeout(PATIENCE, failed).await.unwrap();
    assert_eq!(failed, "broken");
    assert_eq!(turns.load(Ordering::Relaxed), 6);
    let metrics = world.app.metrics.render();
    assert!(
        metrics.contains("doorward_loop_restarts_total{loop=\"broken\"} 5"),
        "{metrics}"
    );
    loops.stop().await;
}

#[tokio::test]
async fn a_loop_that_panics_once_goes_on_and_the_others_never_stop() {
    let world = World::new().await;
    let loops = Running::of(&world);
    let turns = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&turns);
    loops.keeper.keep("stumbles", WokenBy::Appends, move |_| {
        let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
        assert!(!first, "the first turn of a story");
        Box::pin(async { Ok(None) })
    });
    world.denied(OURS).await;
    until_open(&world, &[OURS]).await;
    until("another turn", async || {
        world.jump(SECOND);
        turns.load(Ordering::Relaxed) > 1
    })
    .await;
    loops.stop().await;
}

#[tokio::test]
async fn a_loop_sleeps_through_arrivals_unless_they_wake_it() {
    let world = World::new().await;
    let loops = Running::none(&world);
    let kinds = [
        ("appends", WokenBy::Appends),
        ("more", WokenBy::MoreThanArrivals),
        ("time", WokenBy::Time),
    ];
    let turns = kinds.map(|_| Arc::new(AtomicU32::new(0)));
    for ((name, woken_by), turns) in kinds.into_iter().zip(&turns) {
        let turns = Arc::clone(turns);
        loops.keeper.keep(name, woken_by, move |_| {
            turns.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(None) })
        });
    }
    let taken = |expected: [u32; 3]| {
        let turns = &turns;
        until("the turns", async move || {
            [0, 1, 2].map(|at: usize| turns[at].load(Ordering::SeqCst)) == expected
        })
    };
    taken([1, 1, 1]).await;
    // A denial wakes the first only; what follows from it the second too.
    world.denied(OURS).await;
    taken([2, 1, 1]).await;
    let pause = By::new("someone", None).unwrap();
    orders::pause(&world.app, None, None, &pause).await.unwrap();
    taken([3, 2, 1]).await;
    world.jump(61 * SECOND);
    taken([4, 3, 2]).await;
    loops.stop().await;
}

#[tokio::test]
async fn a_task_that_ends_before_it_is_told_to_ends_the_process() {
    let world = World::new().await;
    let loops = Running::none(&world);
    loops.keeper.watch("listener", async {});
    let failed = tokio::time::timeout(PATIENCE, loops.keeper.failed()).await;
    assert_eq!(failed.unwrap(), "listener");
    loops.stop().await;
}

#[tokio::test]
async fn a_loop_that_hangs_is_told_by_health_and_can_be_stopped() {
    let world = World::new().await;
    let loops = Running::none(&world);
    loops.keeper.keep("hung", WokenBy::Appends, |_| {
        Box::pin(std::future::pending())
    });
    loops
        .keeper
        .keep("idle", WokenBy::Appends, |_| Box::pin(async { Ok(None) }));
    let asked = async || {
        let request = Request::get("/healthz").body(Body::empty()).unwrap();
        let reply = world.send(request).await;
        (reply.status, reply.text)
    };
    until("a first turn", async || {
        world.app.metrics.render().contains("loop=\"idle\"")
    })
    .await;
    assert_eq!(asked().await, (200, "ok\n".to_owned()));
    world.jump(601 * SECOND);
    until("the idle one's next turn", async || {
        let now = world.clock.now().as_second();
        let ran = format!("{{loop=\"idle\"}} {now}");
        world.app.metrics.render().contains(&ran)
    })
    .await;
    assert_eq!(asked().await, (503, "stuck: hung\n".to_owned()));
    assert_eq!(supervise::stuck(&world.app), ["hung"]);
    loops.stop().await;
}

#[tokio::test]
async fn loops_that_wait_for_azure_end_when_they_are_told_to() {
    let world = World::new().await;
    let hold = world.azure.hold(Call::GetRegistry, Moment::Before);
    let loops = Running::of(&world);
    tokio::time::timeout(PATIENCE, hold.reached())
        .await
        .unwrap();
    let asked = std::time::Instant::now();
    loops.stop().await;
    assert!(asked.elapsed() < 5 * SECOND);
    assert!(world.azure.entries(REGISTRY).is_empty());
}
