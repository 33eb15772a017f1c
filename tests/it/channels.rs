//! Channels that hang, refuse or ask for patience: what they cost the others, and when they are tried
//! again.

use crate::process::{Installation, until};
use crate::world::{REGISTRY, STRANGER, Setup, World, furnished, message};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, extract::State, routing::post};
use clock::Clock;
use doorward::flow::notify::{self, Lane};
use doorward::flow::view::readiness;
use doorward_core::ledger::alert::Alert;
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::ledger::id::AlertId;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

/// What a channel does with a message, by its code and text.
type Answers = fn(&Value) -> Option<Response>;

/// A channel that answers as it is told, or not at all.
pub(crate) struct Peer {
    url: TempDir,
    got: Arc<Mutex<Vec<String>>>,
}

/// The part of a channel's address that is its key.
const SECRET: &str = "hunter2hunter2";

impl Peer {
    pub(crate) async fn that(answers: Answers) -> Self {
        let got: Arc<Mutex<Vec<String>>> = Arc::default();
        let take = async move |State(got): State<Arc<Mutex<Vec<String>>>>,
                               Json(it): Json<Value>| {
            got.lock()
                .unwrap()
                .push(it["text"].as_str().unwrap().to_owned());
            match answers(&it) {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = tempfile::tempdir().unwrap();
        let address = format!(
            "http://{}/services/{SECRET}",
            listener.local_addr().unwrap()
        );
        std::fs::write(url.path().join("url"), address).unwrap();
        let router = Router::new().route("/services/{secret}", post(take));
        let router = router.with_state(Arc::clone(&got));
        tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, router).await });
        Self { url, got }
    }

    /// The channel of this name that leads here.
    pub(crate) fn channel(&self, name: &str) -> Value {
        let file = self.url.path().join("url");
        json!({ "name": name, "kind": "webhook", "url": { "file": file } })
    }

    pub(crate) fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

pub(crate) fn hangs(_: &Value) -> Option<Response> {
    None
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one answer of several; another is none"
)]
pub(crate) fn takes(_: &Value) -> Option<Response> {
    Some(StatusCode::OK.into_response())
}

fn only(channel: Value) -> impl FnOnce(&mut Setup) {
    move |setup| setup.config["channels"] = json!([channel])
}

/// A message for `channel`.
fn alert(number: u128, code: &str, text: &str, channel: &str) -> LedgerEvent {
    LedgerEvent::Alerted(Alert {
        id: AlertId(Uuid::from_u128(number)),
        code: code.to_owned(),
        text: text.to_owned(),
        channels: vec![channel.to_owned()],
        registry: None,
        address: None,
        denial: None,
        grant: None,
        grants: Vec::new(),
        request: None,
        details: None,
        resends: None,
    })
}

async fn tell(world: &World, what: Vec<LedgerEvent>) {
    let now = world.clock.now();
    world.app.ledger.append(now, what).await.unwrap();
}

#[tokio::test]
async fn a_channel_that_hangs_delays_no_other() {
    let hung = Peer::that(hangs).await;
    let channel = hung.channel("a-hung-one");
    let world = World::with(|setup| {
        let channels = setup.config["channels"].as_array_mut().unwrap();
        channels.insert(0, channel);
    })
    .await;
    world.denied(STRANGER).await;
    let loops = crate::loops::Running::of(&world);
    until("the other channel's message", async || {
        world.messages() == ["ask"]
    })
    .await;
    until("the hung one was tried", async || !hung.got().is_empty()).await;
    // What it hangs over is dropped when the program is to end.
    loops.stop().await;
}

#[tokio::test]
async fn an_overdue_alarm_does_not_queue_behind_other_messages() {
    let peer = Peer::that(|it| (it["code"] == "overdue").then(|| StatusCode::OK.into_response()));
    let peer = peer.await;
    let world = World::with(only(peer.channel("chat"))).await;
    let told = (0..50).map(|number| alert(number, "alert", "an unknown source", "chat"));
    tell(&world, told.collect()).await;
    tell(&world, vec![alert(99, "overdue", "still open", "chat")]).await;
    let [urgent, ordinary] = Lane::of("chat");
    tokio::select! {
        ended = notify::lane_turn(&world.app, &ordinary) => panic!("it does not hang: {ended:?}"),
        ended = notify::lane_turn(&world.app, &urgent) => { ended.unwrap(); }
    }
    assert!(peer.got().contains(&"still open".to_owned()));
}

#[tokio::test]
async fn a_message_that_is_never_taken_holds_up_no_other() {
    let peer = Peer::that(|it| {
        let bad = it["text"] == "poison";
        let answer = if bad {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        Some(answer.into_response())
    })
    .await;
    let world = World::with(only(peer.channel("chat"))).await;
    tell(&world, vec![alert(1, "alert", "poison", "chat")]).await;
    let others = (2..5).map(|number| alert(number, "alert", &format!("{number}"), "chat"));
    tell(&world, others.collect()).await;
    world.settle().await;
    world.pass(3 * SECOND).await;
    assert_eq!(peer.got()[..4], ["poison", "2", "3", "4"]);
    assert_eq!(world.app.ledger.read(|state| state.outbox.len()), 1);
}

#[tokio::test]
async fn a_channel_that_asks_for_patience_is_left_alone_for_that_long() {
    let peer = Peer::that(|_| {
        let wait = [("retry-after", "90")];
        Some((StatusCode::TOO_MANY_REQUESTS, wait).into_response())
    })
    .await;
    let world = World::with(only(peer.channel("chat"))).await;
    let both = ["alert", "overdue"];
    let both = both.map(|code| alert(code.len() as u128, code, code, "chat"));
    tell(&world, both.to_vec()).await;
    world.settle().await;
    assert_eq!(peer.got(), ["overdue"]);
    world.pass(89 * SECOND).await;
    assert_eq!(peer.got(), ["overdue"]);
    world.pass(2 * SECOND).await;
    assert_eq!(peer.got().len(), 2);
}

#[tokio::test]
async fn a_channel_that_fails_is_tried_less_and_less_and_readiness_names_it() {
    let peer = Peer::that(|_| Some(StatusCode::BAD_GATEWAY.into_response())).await;
    let world = World::with(only(peer.channel("chat"))).await;
    let many = (0..20).map(|number| alert(number, "alert", "an unknown source", "chat"));
    tell(&world, many.collect()).await;
    world.settle().await;
    world.pass(60 * SECOND).await;
    // After 0, 2, 6, 14 and 30 seconds, whatever waits.
    assert_eq!(peer.got().len(), 5);
    let degraded = json!(readiness::degraded(&world.app));
    assert_eq!(degraded[0]["code"], "channel_failing");
    assert_eq!(degraded[0]["subject"], "chat");
    assert!(degraded[0]["detail"].as_str().unwrap().contains("502"));
}

#[tokio::test]
async fn what_a_failing_channel_never_took_is_given_up_after_a_day() {
    let peer = Peer::that(|_| Some(StatusCode::BAD_GATEWAY.into_response())).await;
    let world = World::with(only(peer.channel("chat"))).await;
    let many = (0..20).map(|number| alert(number, "alert", "an unknown source", "chat"));
    tell(&world, many.collect()).await;
    world.settle().await;
    world.pass(10 * SECOND).await;
    world.jump(Duration::from_hours(24));
    world.settle().await;
    assert!(world.app.ledger.read(|state| state.outbox.is_empty()));
    let kinds = world.kinds().await;
    let undelivered = kinds.iter().filter(|kind| **kind == "undelivered");
    assert_eq!(undelivered.count(), 20);
}

#[tokio::test]
async fn a_message_that_was_taken_is_not_sent_again_while_the_ledger_cannot_be_written() {
    let peer = Peer::that(takes).await;
    let world = World::with(only(peer.channel("chat"))).await;
    tell(&world, vec![alert(1, "alert", "once", "chat")]).await;
    let [_, ordinary] = Lane::of("chat");
    world
        .tamper("alter table ledger rename to elsewhere")
        .await
        .unwrap();
    for _ in 0..3 {
        notify::lane_turn(&world.app, &ordinary).await.unwrap_err();
    }
    world
        .tamper("alter table elsewhere rename to ledger")
        .await
        .unwrap();
    notify::lane_turn(&world.app, &ordinary).await.unwrap();
    assert_eq!(peer.got(), ["once"]);
    assert!(world.app.ledger.read(|state| state.outbox.is_empty()));
}

#[tokio::test]
async fn a_channel_that_hangs_does_not_keep_a_process_from_its_end() {
    let hung = Peer::that(hangs).await;
    let azure = furnished(&Clock::system()).await;
    let installation = Installation::with(&azure, "10m", |config| {
        config["channels"] = json!([hung.channel("hung")]);
        config["shutdown_timeout"] = json!("2s");
    });
    let process = installation.serve().await;
    process.deliver(message(STRANGER)).await;
    until("the channel is tried", async || !hung.got().is_empty()).await;
    let asked = std::time::Instant::now();
    assert!(process.terminate().await.success());
    assert!(asked.elapsed() < 4 * SECOND, "{:?}", asked.elapsed());
    assert!(hung.got()[0].contains(REGISTRY));
}

#[tokio::test]
async fn a_refusals_reason_is_logged_cut_and_without_secrets() {
    let peer = Peer::that(|_| {
        let said = format!(
            "invalid_blocks at /services/{SECRET}\n {}",
            "more ".repeat(400)
        );
        Some((StatusCode::BAD_REQUEST, said).into_response())
    })
    .await;
    let world = World::with(only(peer.channel("chat"))).await;
    let lines = crate::log::Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    tell(&world, vec![alert(1, "alert", "an unknown source", "chat")]).await;
    world.settle().await;
    let said = lines.all();
    assert!(
        said.contains("a channel refused a message: invalid_blocks"),
        "{said}"
    );
    assert!(!said.contains(SECRET), "{said}");
    assert!((50..100).contains(&said.matches("more ").count()), "{said}");
}
